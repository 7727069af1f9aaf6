"""Which known mistake is it: a student's values are compared with those of every mistake in the bank."""

from __future__ import annotations

import functools
import itertools
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from autograder.check import HOME, Check
from autograder.compare import Mismatch, same_values
from autograder.course import Assignment
from autograder.errors import CannotGrade
from autograder.inputs import current_seed
from autograder.jail.session import Step
from autograder.jail.wire import Value
from autograder.reference import edited, mistaken, reference
from autograder.result import Diagnosis
from autograder.student import Flow, Student, StudentError

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Misconception(BaseModel):
    """A card of the bank: a known mistake as an edit of the reference's own source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    function: str
    edit: tuple[str, str] | None = None
    edits: tuple[tuple[str, str], ...] = ()
    says: str
    hint: str
    equals: str | None = None
    """Another card whose values are the same: either name is right."""

    @model_validator(mode="after")
    def _one_edit(self) -> Misconception:
        if (self.edit is None) == (not self.edits):
            raise ValueError("give either edit = [old, new] or edits = [[old, new], ...]")
        return self

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """The edits, however many."""
        return (self.edit,) if self.edit else self.edits


class Variant(BaseModel):
    """A right answer in another form, which has to keep full marks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    function: str
    source: str


class Harmless(BaseModel):
    """A small change of the reference that changes nothing that anybody could see: no test has to catch it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: str
    before: str
    """A line of the reference, as Python writes it."""
    after: str = ""
    """The same line with the change; empty if it was dropped."""
    pattern: str = ""
    """Or a regular expression for all lines that mean the same."""
    why: str

    def covers(self, function: str, before: str, after: str) -> bool:
        """Whether a change is this one."""
        same = re.fullmatch(self.pattern, after) is not None if self.pattern else after == self.after
        return (function, before) == (self.function, self.before) and same


class Bank(BaseModel):
    """An assignment's known mistakes and right variants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    misconception: tuple[Misconception, ...] = ()
    variant: tuple[Variant, ...] = ()
    harmless: tuple[Harmless, ...] = ()


Outcome = Mapping[str, Value] | tuple[Literal["raised"], str, str]

Answers = dict[str, list[Outcome]]
"""What a student answered: check id -> one outcome for each run of a flow."""


LARGE = 1e100
"""Infinity, as pairs of mistakes are compared."""

TRIED = 100
"""Pairs of mistakes that are tried in full, where a single check can't tell them apart."""

Asked = tuple[str, tuple[tuple[str, float | int], ...]]
"""A flow, and what makes its inputs the same."""


@dataclass
class Recorder:
    """A student whose answers are kept, check by check; the same question is asked only once."""

    student: Student
    answers: Answers = field(default_factory=dict)
    check: str = ""
    sizes: set[int] = field(default_factory=set)
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
        kept = self.answers.setdefault(self.check, [])
        if isinstance(answer, StudentError):
            kept.append(("raised", answer.fault.type_name, _gist(answer.fault.message)))
            raise answer
        kept.append(answer)
        return dict(answer)


def _gist(message: str) -> str:
    """What two forms of one mistake have in common in an exception's text: its sizes, or its words if it has none."""
    first = message.partition("\n")[0]
    return " ".join(sorted(re.findall(r"[0-9]+", re.sub(r"\b\dD\b|\d-D|dimension \d", "", first)))) or first


def _same(tensor: torch.Tensor) -> float | int:
    """What makes two inputs the same: being one tensor, or, for a number, its value."""
    return id(tensor) if tensor.dim() else float(tensor)


@functools.cache
def bank(assignment: str) -> Bank:
    """Load an assignment's bank; an assignment without one has an empty bank.

    Raises:
        CannotGrade: if the file is not valid; the sentence names every field that is wrong.
    """
    path = HOME / assignment / "bank.toml"
    if not path.is_file():
        return Bank()
    try:
        return Bank.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise CannotGrade(f"{path} is not a valid bank: {error}") from None


def diagnose(
    assignment: Assignment,
    names: tuple[str, ...],
    checks: tuple[Check, ...],
    found: Answers,
    elsewhere: Mapping[str, str],
) -> list[Diagnosis]:
    """Name the known mistake whose answers equal the student's in every run, and differ from the right ones.

    A mistake that was found in a function on its own question is tried first: one mistake is named once.
    Then those of the graded function itself; then those of functions that have no question of their own before.

    Shapes:
        elsewhere  function -> card that its own question was diagnosed with, "" for none
    """
    right = reference_answers(assignment, checks)
    if same_answers(found, right):
        return []
    cards = [card for card in bank(assignment.name).misconception if card.function in assignment.names]
    traced = [card for card in cards if elsewhere.get(card.function) == card.id]
    own = [card for card in cards if card.function in names]
    unjudged = [card for card in cards if card.function not in names and card.function not in elsewhere]
    for card in traced + own + unjudged:
        if alike(found, mistaken_answers(assignment, card, checks), right):
            return [_named(card)]
    return [_named(card) for card in _two(assignment, names, checks, found, right)]


def _named(card: Misconception) -> Diagnosis:
    return Diagnosis(id=card.id, says=card.says, hint=card.hint)


def _two(
    assignment: Assignment, names: tuple[str, ...], checks: tuple[Check, ...], found: Answers, right: Answers
) -> tuple[Misconception, ...]:
    """Find two mistakes in one function that give the student's answers together."""

    def of(check: Check, answered: Answers) -> Answers:
        return {check.id: answered[check.id]} if check.id in answered else {}

    telling = next(check for check in checks if not same_answers(of(check, found), of(check, right)))
    shape, values = laid_out(of(telling, found))
    known = _pairs(assignment, names, telling, current_seed())
    if shape not in known or not len(values):
        return ()
    pairs, rows = known[shape]
    near = np.abs(rows - values) <= 1e-3 * (np.abs(values) + np.abs(values).max(initial=0.0))
    for place in np.flatnonzero(near.all(axis=1))[:TRIED]:
        one, other = pairs[place]
        both = mistaken(assignment, one.function, one.changes + other.changes)
        if same_answers(found, answers(both, checks)):
            return one, other
    return ()


Pairs = list[tuple[Misconception, Misconception]]


@functools.lru_cache(maxsize=256)
def _pairs(
    assignment: Assignment, names: tuple[str, ...], check: Check, _seed: str
) -> dict[tuple[Any, ...], tuple[Pairs, Numbers]]:
    """What every two mistakes of one function answer in one check, where their edits can be made together.

    By the shape of the answers: the pairs, and a row of numbers for each, so that all are compared at once.
    """
    found: dict[tuple[Any, ...], tuple[Pairs, list[Numbers]]] = {}
    solution = reference(assignment)
    for one, other in itertools.combinations(bank(assignment.name).misconception, 2):
        if one.function != other.function or one.function not in names:
            continue
        try:
            source = edited(assignment, one.function, one.changes + other.changes)
            compile(source, "<two mistakes>", "exec")
        except (CannotGrade, SyntaxError):  # one edit takes away what the other one changes
            continue
        with solution.given([Step(0, 1, source)]) as student:  # read only once: there are thousands of pairs
            shape, values = laid_out(answers(student, (check,)))
        pairs, rows = found.setdefault(shape, ([], []))
        pairs.append((one, other))
        rows.append(values)
    return {shape: (pairs, np.stack(rows)) for shape, (pairs, rows) in found.items()}


def laid_out(answered: Answers) -> tuple[tuple[Any, ...], Numbers]:
    """The numbers of some answers in one row, and everything else about them."""
    shape: list[Any] = []
    values: list[torch.Tensor] = []
    for check, outcomes in answered.items():
        for outcome in outcomes:
            if not isinstance(outcome, Mapping):
                shape.append((check, outcome[:2]))
                continue
            for name, value in outcome.items():
                numbers = torch.as_tensor(value).squeeze() if isinstance(value, torch.Tensor | float) else None
                shape.append((check, name, repr(value) if numbers is None else tuple(numbers.shape)))
                if numbers is not None:
                    values.append((numbers.real if numbers.is_complex() else numbers).detach().double().flatten())
    row = torch.cat(values).nan_to_num(0.0) if values else torch.zeros(0, dtype=torch.float64)
    return tuple(shape), row.clamp(-LARGE, LARGE).numpy()


def reference_answers(assignment: Assignment, checks: tuple[Check, ...]) -> Answers:
    """What the reference answers, kept for each seed."""
    return _reference_answers(assignment, checks, current_seed())


def mistaken_answers(assignment: Assignment, card: Misconception, checks: tuple[Check, ...]) -> Answers:
    """What the reference with this mistake answers, kept for each seed."""
    return _mistaken_answers(assignment, card, checks, current_seed())[0]


def distance(assignment: Assignment, card: Misconception, checks: tuple[Check, ...]) -> float:
    """How far a mistake's answers are from right, the tolerance being 1; infinite where they differ by more than value.

    0 if no check fails.
    """
    return _mistaken_answers(assignment, card, checks, current_seed())[1]


@functools.lru_cache(maxsize=4096)
def _reference_answers(assignment: Assignment, checks: tuple[Check, ...], _seed: str) -> Answers:
    return answers(reference(assignment), checks)


@functools.lru_cache(maxsize=4096)
def _mistaken_answers(
    assignment: Assignment, card: Misconception, checks: tuple[Check, ...], _seed: str
) -> tuple[Answers, float]:
    return tried(mistaken(assignment, card.function, card.changes), checks)


def answers(student: Student, checks: tuple[Check, ...]) -> Answers:
    """Run checks for their answers alone."""
    return tried(student, checks)[0]


def tried(student: Student, checks: tuple[Check, ...]) -> tuple[Answers, float]:
    """Run checks for their answers, and for how far the furthest wrong one is from right: see :func:`distance`."""
    recorder, furthest = Recorder(student), 0.0
    for check in checks:
        recorder.check = check.id
        try:
            check.claim(recorder)
        except Mismatch as mismatch:
            furthest = max(furthest, mismatch.share)
        except StudentError:
            furthest = math.inf
    return recorder.answers, furthest


def alike(found: Answers, known: Answers, right: Answers) -> bool:
    """Whether some wrong answers are those of a known mistake: equal in every run, and not in exceptions alone."""
    return same_answers(found, known) and (_tells(found, right) or _same_words(found, known))


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


def _tells(found: Answers, right: Answers) -> bool:
    """Whether a wrong answer is among the answers, and not only exceptions: any mistake can raise."""
    return any(
        isinstance(outcome, Mapping) and not _same_outcome(outcome, wanted)
        for check, outcomes in found.items()
        for outcome, wanted in zip(outcomes, right.get(check, ()), strict=False)
    )


def _same_words(left: Answers, right: Answers) -> bool:
    """Whether two students who raised in the same runs were told the same by Python."""
    return all(
        isinstance(a, Mapping) or isinstance(b, Mapping) or a[2] == b[2]
        for check in left
        for a, b in zip(left[check], right[check], strict=True)
    )
