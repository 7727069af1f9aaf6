"""Answers that are right by another convention than the lesson's: columns for vectors, parameters in another order.

They are wrong all the same, and keep the points that they have. But they are named, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autograder.course import Assignment, Question
from autograder.jail import Step
from autograder.notebook import Definitions
from autograder.result import Diagnosis

_CALLED = """
def _call_otherwise(names, name, own, columns):
    function = names.get(name)
    if not callable(function) or isinstance(function, type) or hasattr(function, "called_otherwise"):
        return

    def column(value):
        return value[:, None] if getattr(value, "ndim", 0) == 1 else value

    def vector(value):
        if isinstance(value, (tuple, list)):
            return type(value)(map(vector, value))
        return value[:, 0] if getattr(value, "ndim", 0) == 2 and value.shape[1] == 1 else value

    def called(*given, **named):
        given = [column(value) for value in given] if columns else list(given)
        if own:
            named.update(zip(own, given))
            given = []
        answer = function(*given, **named)
        return vector(answer) if columns else answer

    called.called_otherwise = True
    names[name] = called


_call_otherwise(globals(), {name!r}, {own!r}, {columns!r})
del _call_otherwise
"""


@dataclass(frozen=True)
class Convention:
    """Another way to call a question's functions, and what is said of those that are right by it."""

    diagnosis: Diagnosis
    steps: tuple[Step, ...]
    """Statements that put functions which are called so in place of the student's own."""


def conventions(assignment: Assignment, question: Question, found: Definitions) -> Iterator[Convention]:
    """The other conventions that a question's functions may have been written by."""
    for name in question.names:
        own, model = found.chosen(name), assignment.definitions.chosen(name)
        if own is None or model is None or own.kind == "class" or model.kind == "class":
            continue
        asked = model.takes[""].names if "" in model.takes else ()
        taken = own.takes[""].names if "" in own.takes else ()
        called = {spelt.lower(): spelt for spelt in taken}
        if called.keys() == {spelt.lower() for spelt in asked} and taken != tuple(called[a.lower()] for a in asked):
            yield Convention(
                Diagnosis(
                    id="parameters-in-another-order",
                    says=f"Your {name} is right if it is called as {name}({', '.join(taken)}): its parameters are in "
                    f"a different order from {', '.join(asked)}.",
                    hint="In which order do its callers pass the arguments?",
                ),
                (_called(name, tuple(called[a.lower()] for a in asked), columns=False),),
            )
        yield Convention(
            Diagnosis(
                id="columns-for-vectors",
                says=f"Your {name} is right for columns of shape (n, 1), but the question uses vectors of shape (n,).",
                hint="Which shapes does the docstring give?",
            ),
            (_called(name, (), columns=True),),
        )


def _called(name: str, own: tuple[str, ...], *, columns: bool) -> Step:
    text = _CALLED.replace("{name!r}", repr(name)).replace("{own!r}", repr(own)).replace("{columns!r}", repr(columns))
    return Step(0, 1, text)
