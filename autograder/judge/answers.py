"""What a student answered, flow by flow, and whether two students answered alike."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from autograder.course import Assignment
from autograder.errors import CannotGrade
from autograder.jail import Flow, Student, StudentError, Value
from autograder.judge.bank import Misconception
from autograder.judge.check import Check
from autograder.judge.comparison import Mismatch
from autograder.judge.inputs import current_seed
from autograder.judge.reference import mistaken, reference
from autograder.judge.tolerance import same_values, squeezed

Numbers = np.ndarray[Any, np.dtype[np.float64]]


Outcome = Mapping[str, Value] | tuple[Literal["raised"], str, str]

Answers = dict[str, list[Outcome]]
"""What a student answered: check id -> one outcome for each run of a flow."""


Place = tuple[str, int, str]
"""One value among some answers: its check, which run of a flow, its name."""

LARGE = 1e100
"""Infinity, as pairs of mistakes are compared."""

Asked = tuple[str, tuple[tuple[str, float | int], ...]]
"""A flow, and what makes its inputs the same."""


@dataclass
class Recorder:
    """A student whose answers are kept, check by check; the same question is asked only once."""

    student: Student
    answers: Answers = field(default_factory=dict)
    check: str = ""
    sizes: set[int] = field(default_factory=set)
    _keeps: bool = True
    _asked: dict[Asked, tuple[tuple[torch.Tensor, ...], dict[str, Value] | StudentError]] = field(default_factory=dict)

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Run a flow, and keep what came of it."""
        asked = (flow.__name__, tuple((name, _same(tensor)) for name, tensor in tensors.items()))
        if asked not in self._asked:
            self.sizes |= {size for tensor in tensors.values() for size in tensor.shape}
            answer: dict[str, Value] | StudentError
            try:
                answer = self.student.run(flow, **tensors)
            except StudentError as error:
                answer = error
            self._asked[asked] = (tuple(tensors.values()), answer)  # while they are held, their ids stay theirs
        answer = self._asked[asked][1]
        kept = self.answers.setdefault(self.check, []) if self._keeps else []
        if isinstance(answer, StudentError):
            kept.append(("raised", answer.fault.type_name, _gist(answer.fault.message)))
            raise answer
        kept.append(answer)
        return dict(answer)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep nothing in the block: what another claim asks first would shift the runs of this one."""
        kept, self._keeps = self._keeps, False
        try:
            yield
        finally:
            self._keeps = kept


def _gist(message: str) -> str:
    """What two forms of one mistake have in common in an exception's text: its sizes, or its words if it has none."""
    first = message.partition("\n")[0]
    return " ".join(sorted(re.findall(r"[0-9]+", re.sub(r"\b\dD\b|\d-D|dimension \d", "", first)))) or first


def _same(tensor: torch.Tensor) -> float | int:
    """What makes two inputs the same: being one tensor, or, for a number, its value."""
    return id(tensor) if tensor.dim() else float(tensor)


def outline(answered: Answers) -> tuple[Any, ...]:
    """Everything about some answers but their numbers: kinds and shapes."""
    told: list[Any] = []
    for check, outcomes in answered.items():
        for outcome in outcomes:
            if isinstance(outcome, Mapping):
                told += [(check, name, _outline(value)) for name, value in outcome.items()]
            else:
                told.append((check, outcome[:2]))
    return tuple(told)


def _outline(value: Value) -> Any:
    if isinstance(value, torch.Tensor):
        return tuple(squeezed(value).shape)
    if isinstance(value, tuple):
        return "several", *map(_outline, value)
    return () if isinstance(value, float) else value


def numbers(answered: Answers) -> Numbers:
    """The numbers of some answers in one row, of equal length where their outlines are equal."""
    named = (outcome for outcomes in answered.values() for outcome in outcomes if isinstance(outcome, Mapping))
    found = [row for outcome in named for value in outcome.values() for row in _numbers(value)]
    row = torch.cat(found).nan_to_num(0.0) if found else torch.zeros(0, dtype=torch.float64)
    return row.clamp(-LARGE, LARGE).numpy()


def _numbers(value: Value) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor | float):
        yield torch.as_tensor(value).double().flatten()
    elif isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)


def size(answered: Answers) -> int:
    """How many numbers some answers hold; nothing is computed with them."""
    named = (outcome for outcomes in answered.values() for outcome in outcomes if isinstance(outcome, Mapping))
    return sum(_size(value) for outcome in named for value in outcome.values())


def _size(value: Value) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel()
    return sum(map(_size, value)) if isinstance(value, tuple) else 1


def reference_answers(assignment: Assignment, checks: tuple[Check, ...]) -> Answers:
    """What the reference answers, kept for each seed."""
    return _reference_answers(assignment, checks, current_seed())


def mistaken_answers(assignment: Assignment, card: Misconception, checks: tuple[Check, ...]) -> Answers:
    """What the reference with this mistake answers, kept for each seed."""
    return _mistaken(assignment, card, checks, current_seed()).upto(len(checks))


def begins_alike(
    found: Answers, assignment: Assignment, card: Misconception, checks: tuple[Check, ...], many: int
) -> bool:
    """Whether some answers are those of a known mistake in so many checks: it is worked out no further for that."""
    known = _mistaken(assignment, card, checks, current_seed()).upto(many)
    return same_answers(within(found, checks[:many]), within(known, checks[:many]))


def first_wrong(found: Answers, right: Answers, checks: Sequence[Check]) -> int:
    """Which check is the first in which an answer is wrong; as many as there are, if none is."""
    differ = (at for at, check in enumerate(checks) if not same_answers(within(found, [check]), within(right, [check])))
    return next(differ, len(checks))


def within(answered: Answers, checks: Sequence[Check]) -> Answers:
    """What was answered in some checks."""
    return {check.id: answered[check.id] for check in checks if check.id in answered}


def distance(assignment: Assignment, card: Misconception, checks: tuple[Check, ...]) -> float:
    """How far a mistake's answers are from right, the tolerance being 1; infinite where they differ by more than value.

    0 if no check fails.
    """
    known = _mistaken(assignment, card, checks, current_seed())
    known.upto(len(checks))
    return known.furthest


@functools.lru_cache(maxsize=4096)
def _reference_answers(assignment: Assignment, checks: tuple[Check, ...], _seed: str) -> Answers:
    return answers(reference(assignment), checks)


@functools.lru_cache(maxsize=4096)
def _mistaken(assignment: Assignment, card: Misconception, checks: tuple[Check, ...], _seed: str) -> Trying:
    try:
        student = mistaken(assignment, card.function, card.changes)
    except CannotGrade as error:
        raise CannotGrade(f"{assignment.where('bank.toml')}, {card.id}: {error}") from None
    return Trying(student, checks)


def answers(student: Student, checks: tuple[Check, ...]) -> Answers:
    """Run checks for their answers alone."""
    return Trying(student, checks).upto(len(checks))


class Trying:
    """Checks that are run for their answers, one after the other, as far as these are asked for."""

    def __init__(self, student: Student, checks: Sequence[Check]) -> None:
        self.furthest = 0.0
        """How far the furthest wrong answer is from right, so far: see :func:`distance`."""
        self._recorder: Recorder | None = Recorder(student)
        self._answers = self._recorder.answers
        self._checks = checks
        self._done = 0

    def upto(self, many: int) -> Answers:
        """The answers in so many checks, and in those that were asked for before."""
        while self._recorder is not None and self._done < many:
            check = self._checks[self._done]
            self._done += 1
            self._recorder.check = check.id
            try:
                check.claim(self._recorder)
            except Mismatch as mismatch:
                self.furthest = max(self.furthest, mismatch.share)
            except StudentError:
                self.furthest = math.inf
        if self._done == len(self._checks):
            self._recorder = None  # a class's notebooks are many, and this one is done
        return self._answers


def alike(found: Answers, known: Answers, right: Answers) -> bool:
    """Whether some wrong answers are those of a known mistake: equal in every run, and not in exceptions alone."""
    return same_answers(found, known) and (tells(found, right) or _same_words(found, known))


def same_answers(left: Answers, right: Answers) -> bool:
    """Whether two students answered alike in every run of every check."""
    return left.keys() == right.keys() and all(
        len(left[check]) == len(right[check])
        and all(_same_outcome(a, b) for a, b in zip(left[check], right[check], strict=True))
        for check in left
    )


def _same_outcome(left: Outcome, right: Outcome) -> bool:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_values(left[name], right[name]) for name in left)
    return not isinstance(left, Mapping) and not isinstance(right, Mapping) and left[1] == right[1]


def tells(found: Answers, right: Answers) -> bool:
    """Whether a wrong answer is among the answers, and not only exceptions: any mistake can raise."""
    return any(
        isinstance(outcome, Mapping) and not _same_outcome(outcome, wanted)
        for check, outcomes in found.items()
        for outcome, wanted in zip(outcomes, right.get(check, ()), strict=False)
    )


def otherwise(found: Answers, right: Answers) -> Literal["", "dtype", "shape"]:
    """What right answers have that isn't asked for: another dtype of real numbers, or axes of length 1."""
    for check, outcomes in found.items():
        for outcome, wanted in zip(outcomes, right.get(check, ()), strict=False):
            if not isinstance(outcome, Mapping) or not isinstance(wanted, Mapping):
                continue
            for name, own in outcome.items():
                asked = wanted.get(name)
                if isinstance(own, torch.Tensor) and isinstance(asked, torch.Tensor):
                    if own.dtype != asked.dtype and own.is_floating_point() and asked.is_floating_point():
                        return "dtype"
                    if own.shape != asked.shape:
                        return "shape"
    return ""


def explained(found: Answers, known: Answers, right: Answers) -> frozenset[Place]:
    """The wrong values among some answers that a known mistake has, too."""
    return frozenset(
        (check, run, name)
        for check, outcomes in found.items()
        for run, (own, other, wanted) in enumerate(
            zip(outcomes, known.get(check, ()), right.get(check, ()), strict=False)
        )
        if isinstance(own, Mapping) and isinstance(other, Mapping) and isinstance(wanted, Mapping)
        for name in own.keys() & other.keys() & wanted.keys()
        if same_values(own[name], other[name]) and not same_values(own[name], wanted[name])
    )


def _same_words(left: Answers, right: Answers) -> bool:
    """Whether two students who raised in the same runs were told the same by Python."""
    return all(
        isinstance(a, Mapping) or isinstance(b, Mapping) or a[2] == b[2]
        for check in left
        for a, b in zip(left[check], right[check], strict=True)
    )
