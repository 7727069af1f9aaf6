"""Which known mistake is it: a student's values are compared with those of every mistake in the bank."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograder.course import Assignment
from autograder.errors import CannotGrade
from autograder.jail import Step
from autograder.judge.answers import (
    Answers,
    Numbers,
    Place,
    alike,
    answers,
    begins_alike,
    explained,
    first_wrong,
    mistaken_answers,
    numbers,
    outline,
    reference_answers,
    same_answers,
    size,
    tells,
    within,
)
from autograder.judge.bank import Misconception, bank
from autograder.judge.check import Check
from autograder.judge.evidence import Evidence
from autograder.judge.inputs import current_seed
from autograder.judge.reference import edited, mistaken, reference
from autograder.result import Diagnosis

TRIED = 100
"""Pairs of mistakes that are tried in full, where a single check can't tell them apart."""


def diagnose(
    assignment: Assignment,
    names: tuple[str, ...],
    checks: tuple[Check, ...],
    found: Answers,
    elsewhere: Mapping[str, str],
    evidence: Evidence,
) -> list[Diagnosis]:
    """Name the known mistake whose answers equal the student's in every run, and differ from the right ones.

    Equal answers prove what a card `says`. How it came about is said only where the source shows it; where nothing but
    exceptions is equal, the whole card waits for that, because unlike mistakes can end in one exception.
    A mistake that was found in a function on its own question is tried first: one mistake is named once.
    Then those of the graded function itself; then those of functions that have no question of their own before; then
    those of the graded function with the numbers that the student's source holds in place of their own.

    Shapes:
        elsewhere  function -> card that its own question was diagnosed with, "" for none
    """
    right = reference_answers(assignment, checks)
    if same_answers(found, right):
        return []
    first = first_wrong(found, right, checks)
    for card, known in _known(assignment, names, checks, found, elsewhere, evidence, first + 1):
        if alike(found, known, right) and _is_shown(card, known, right, evidence):
            return [_named(card, evidence)]
    return [_named(card, evidence) for card in _two(assignment, names, checks, found, right, evidence, first)]


def _known(
    assignment: Assignment,
    names: tuple[str, ...],
    checks: tuple[Check, ...],
    found: Answers,
    elsewhere: Mapping[str, str],
    evidence: Evidence,
    until: int,
) -> Iterator[tuple[Misconception, Answers]]:
    """Known mistakes that answer as the student in the first `until` checks, in the order in which they are tried."""
    cards = [card for card in bank(assignment.tests).misconception if card.function in assignment.names]
    traced = [card for card in cards if elsewhere.get(card.function) == card.id]
    own = [card for card in cards if card.function in names]
    unjudged = [card for card in cards if card.function not in names and card.function not in elsewhere]
    for card in traced + own + unjudged:
        if begins_alike(found, assignment, card, checks, until):
            yield card, mistaken_answers(assignment, card, checks)
    for card in own:
        if card.number and outline(found) == outline(mistaken_answers(assignment, card, checks)):
            for other in map(
                card.with_number, evidence.numbers(card)
            ):  # not kept: there is no end of a class's numbers
                yield other, answers(mistaken(assignment, other.function, other.changes), checks)


def _is_shown(card: Misconception, known: Answers, right: Answers, evidence: Evidence) -> bool:
    if card.shows is not None:
        return evidence.shows(card, card.shows)
    return tells(known, right) or evidence.shows(card, "")


def _named(card: Misconception, evidence: Evidence) -> Diagnosis:
    how = next((says for shown, says in card.how if evidence.shows(card, shown)), "")
    says = f"{card.says} {how}".rstrip().replace("{number}", card.number or "")
    return Diagnosis(id=card.id, says=says, hint=card.hint)


def _two(
    assignment: Assignment,
    names: tuple[str, ...],
    checks: tuple[Check, ...],
    found: Answers,
    right: Answers,
    evidence: Evidence,
    first: int,
) -> tuple[Misconception, ...]:
    """Find two mistakes in one function that give the student's answers together.

    Each has to explain a wrong answer that the other doesn't, or stand in the source: many a single mistake that the
    bank doesn't know gives the values of two.
    """

    def explains(card: Misconception) -> frozenset[Place]:
        return explained(found, mistaken_answers(assignment, card, checks), right)

    telling = checks[first]
    own = within(found, [telling])
    if not size(own):  # nothing but exceptions
        return ()
    pairs, rows = _pairs(assignment, names, telling, current_seed()).get(outline(own), ([], np.zeros((0, 0))))
    if not rows.size:
        return ()
    values = numbers(own)
    near = np.abs(rows - values) <= 1e-3 * (np.abs(values) + np.abs(values).max(initial=0.0))
    for place in np.flatnonzero(near.all(axis=1))[:TRIED]:
        one, other = pairs[place]
        if any(card.shows is not None and not evidence.shows(card, card.shows) for card in (one, other)):
            continue
        both = mistaken(assignment, one.function, one.changes + other.changes)
        if not same_answers(found, answers(both, checks)):
            continue
        apart = explains(one) - explains(other) and explains(other) - explains(one)
        if apart or (evidence.shows(one, "") and evidence.shows(other, "")):
            return one, other
    return ()


Pairs = list[tuple[Misconception, Misconception]]


@functools.lru_cache(maxsize=256)
def _pairs(
    assignment: Assignment, names: tuple[str, ...], check: Check, _seed: str
) -> dict[tuple[Any, ...], tuple[Pairs, Numbers]]:
    """What every two mistakes of one function answer in one check, where their edits can be made together.

    By the outline of the answers: the pairs, and a row of numbers for each, so that all are compared at once.
    """
    found: dict[tuple[Any, ...], tuple[Pairs, list[Numbers]]] = {}
    solution = reference(assignment)
    for one, other in itertools.combinations(bank(assignment.tests).misconception, 2):
        if one.function != other.function or one.function not in names:
            continue
        try:
            source = edited(assignment, one.function, one.changes + other.changes)
            compile(source, "<two mistakes>", "exec")
        except (CannotGrade, SyntaxError):  # one edit takes away what the other one changes
            continue
        with solution.given([Step(0, 1, source)]) as student:  # read only once: there are thousands of pairs
            answered = answers(student, (check,))
        pairs, rows = found.setdefault(outline(answered), ([], []))
        pairs.append((one, other))
        rows.append(numbers(answered))
    return {answered: (pairs, np.stack(rows)) for answered, (pairs, rows) in found.items()}
