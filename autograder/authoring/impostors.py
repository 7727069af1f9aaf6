"""Answers with the values of a known mistake for another reason: what a card says of them has to be true, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from autograder.course import Assignment, Question
from autograder.errors import CannotGrade
from autograder.jail import LocalStudent
from autograder.judge import (
    Misconception,
    answers,
    bank,
    checks,
    judge,
    mistaken,
    mistaken_answers,
    reference_answers,
    replaced,
    same_answers,
    tells,
)

Needs = Literal["values", "values and source", "error and source"]
"""What a card is given by: answers alone; answers, and the source for what it says of how; exceptions and the source.
"""


def needs(assignment: Assignment, question: Question, card: Misconception) -> Needs:
    """Class a card by what has to be known before all that it says is true."""
    claims = checks(assignment.tests, question.id)
    if not tells(mistaken_answers(assignment, card, claims), reference_answers(assignment, claims)):
        return "error and source"
    return "values and source" if _speaks_of_how(card) else "values"


def untrue(assignment: Assignment, questions: list[Question]) -> Iterator[str]:
    """Say which impostors are told how somebody else's mistake was made, and which are none."""
    cards = {card.id: card for card in bank(assignment.tests).misconception}
    for number, impostor in enumerate(bank(assignment.tests).impostor, 1):
        card = cards.get(impostor.card)
        if card is None:
            yield f"impostor {number} is of {impostor.card}, which is no card"
            continue
        question = next(question for question in questions if card.function in question.names)
        try:
            student = replaced(assignment, card.function, impostor.source)
        except (CannotGrade, SyntaxError) as error:
            yield f"impostor {number}, of {card.id}, can't be read: {error}"
            continue
        claims = checks(assignment.tests, question.id)
        if not same_answers(answers(student, claims), mistaken_answers(assignment, card, claims)):
            yield f"impostor {number}, of {card.id}, has other answers than it"
        elif told := _told(assignment, question, card, student):
            yield f"impostor {number} is told of {card.id}: {told}"


def alone(assignment: Assignment) -> list[str]:
    """Cards that speak of how, and have no impostor."""
    against = {impostor.card for impostor in bank(assignment.tests).impostor}
    cards = bank(assignment.tests).misconception
    return [card.id for card in cards if _speaks_of_how(card) and card.id not in against]


def _speaks_of_how(card: Misconception) -> bool:
    """Whether a card says, or is given for, more than the answers prove; what any source shows is no more."""
    return bool(card.how) or card.shows not in (None, ".")


def _told(assignment: Assignment, question: Question, card: Misconception, student: LocalStudent) -> str:
    """What an impostor is told that is true of the card alone."""
    for diagnosis in judge(assignment, question, student).diagnoses:
        if diagnosis.id != card.id:
            continue
        if card.shows is None and needs(assignment, question, card) == "error and source":
            return diagnosis.says
        if card.shows not in (None, "."):
            return diagnosis.says
        own = judge(assignment, question, mistaken(assignment, card.function, card.changes)).diagnoses
        if card.how and any(diagnosis.says == other.says for other in own):
            return diagnosis.says
    return ""
