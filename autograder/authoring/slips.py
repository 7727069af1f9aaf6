"""Slips of the pen in a lesson: what is to be put right before its hidden tests can be tried at all.

They are found by reading, all at once and each with its place; nothing of the lesson's answers is run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from autograder.course import Assignment
from autograder.errors import CannotGrade
from autograder.judge import Misconception, bank, checks, edited

Slips = tuple[str, list[str], str]
"""What must hold, what stands in its way, and the file to mend."""


def slips(assignment: Assignment) -> Iterator[Slips]:
    """Read a lesson's cells, hidden tests and bank."""
    cells = {cell.index: cell.grade_id or f"number {cell.index + 1}" for cell in assignment.source.cells}
    faults = [
        f"the cell {cells[fault.cell]}, line {fault.line}: {fault.message}" for fault in assignment.source.syntax_faults
    ]
    yield "every cell of the source can be read", faults, str(assignment.path)
    asked = [question for question in assignment.questions if not question.manual]
    unread = [_refusal(checks, assignment.tests, question.id) for question in asked]
    yield "every file of tests can be imported", [*dict.fromkeys(filter(None, unread))], assignment.where()
    if not faults:
        yield "every card can be made of the source", [*_cards(assignment)], assignment.where("bank.toml")


def _cards(assignment: Assignment) -> Iterator[str]:
    """What keeps a card from being the lesson's own functions with a change."""
    if refused := _refusal(bank, assignment.tests):
        yield refused
        return
    cards = bank(assignment.tests)
    for card in cards.misconception:
        wrong = _refusal(_change, assignment, card)
        if wrong:
            yield f"{card.id}: {wrong.removeprefix(f'{assignment.name}: ')}"
    texts = [(variant.id, variant.source) for variant in cards.variant]
    texts += [(f"an impostor of {impostor.card}", impostor.source) for impostor in cards.impostor]
    for name, source in texts:
        wrong = _refusal(ast.parse, source)
        if wrong:
            yield f"{name}: {wrong}"


def _change(assignment: Assignment, card: Misconception) -> None:
    ast.parse(edited(assignment, card.function, card.changes))


def _refusal(does: Callable[..., object], *given: object) -> str:
    """Why something can't be done, in a sentence; empty if it can."""
    try:
        does(*given)
    except SyntaxError as error:
        return f"line {error.lineno} is not valid Python, {error.msg}"
    except CannotGrade as error:
        return str(error)
    return ""
