"""A hidden test: a claim about a student's answer, and how it is judged.

A check is a plain function `test_claim(student)` in an assignment's `test_<question>.py`.
It passes by returning, fails by :class:`~autograder.judge.Mismatch` or because the student's code raises;
anything else that it raises is a fault of the test.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType

from autograder.course import HiddenTests, tests_of
from autograder.jail import Student, StudentError, StudentStopped
from autograder.judge.comparison import Mismatch, Waits
from autograder.judge.modules import module

Claim = Callable[[Student], None]


@dataclass(frozen=True)
class Check:
    """One hidden test of one question."""

    id: str
    says: str
    """The claim, a sentence that the student may read."""
    weight: float
    claim: Claim


def weight(value: float) -> Callable[[Claim], Claim]:
    """Let a claim count `value` times as much as a claim without a weight."""

    def weigh(claim: Claim) -> Claim:
        claim.weight = value  # type: ignore[attr-defined]  # a mark on the function, as pytest's are
        return claim

    return weigh


def beside(*values: Claim) -> Callable[[Claim], Claim]:
    """Let a claim that something was left alone count only beside a value that is right: idling earns nothing."""

    def guard(claim: Claim) -> Claim:
        @functools.wraps(claim)
        def guarded(student: Student) -> None:
            __tracebackhide__ = True
            if not any(_holds(value, student) for value in values):
                raise Waits("It is tried once the values are right")
            claim(student)

        return guarded

    return guard


def _holds(claim: Claim, student: Student) -> bool:
    aside: Callable[[], AbstractContextManager[None]] = getattr(student, "aside", contextlib.nullcontext)
    try:
        with aside():  # it has its own place among the answers
            claim(student)
    except StudentStopped:
        raise
    except (Mismatch, StudentError):
        return False
    return True


@functools.cache
def checks(lesson: HiddenTests | str, question: str) -> tuple[Check, ...]:
    """Load the hidden tests of a question, in the order they stand in its file; none if it has no file.

    Shapes:
        lesson  the hidden tests of the assignment, or the name of one of the kit's own
    """
    tests = tests_of(lesson)
    if question not in tests.questions:
        return ()
    claims = _claims(module(tests, f"test_{question}"))
    return tuple(Check(name, _sentence(claim), getattr(claim, "weight", 1.0), claim) for name, claim in claims)


def _claims(found: ModuleType) -> list[tuple[str, Claim]]:
    return [
        (name, claim)
        for name, claim in vars(found).items()
        if name.startswith("test_") and inspect.isfunction(claim) and claim.__module__ == found.__name__
    ]


def _sentence(claim: Claim) -> str:
    return (inspect.getdoc(claim) or claim.__name__.replace("_", " ")).split("\n")[0].rstrip(".")
