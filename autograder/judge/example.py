"""A wrong answer on inputs that anybody may see: the student's value, the right one, and where they differ.

The failing claim is tried once more, on what its own specs draw from a seed that stands here, in a fork that has never
been asked with a hidden input: whatever its code remembers, it has nothing hidden to tell. A claim whose inputs don't
hang on the seed would show the hidden ones, and is left out.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from autograder.course import Assignment, Question
from autograder.jail import Flow, Reader, Step, Student, StudentError, StudentStopped, Value
from autograder.judge.check import Check, checks
from autograder.judge.comparison import Mismatch
from autograder.judge.inputs import current_seed, seeded
from autograder.judge.reference import reference
from autograder.judge.tolerance import apart, squeezed
from autograder.result import Question as Verdict
from autograder.shown import COLUMNS, ROWS, Example, Given

log = logging.getLogger(__name__)

SEED = "an example that anybody may see"
"""What public examples are drawn from."""

TRIED = 2
"""Failing claims of a question that an example is looked for in."""

FEW = 24
"""Numbers that all inputs of an example have together, where they are shown, too."""

MOST = 1 << 16
"""Numbers of a value that is looked at: nothing is computed with an answer of any size."""

APART = (Step(0, 1, "# on inputs that anybody may see"),)
"""Read into a fork that is asked nothing else: no other one has this line."""


@dataclass
class Listener:
    """A student of whom it is kept what was asked and answered."""

    student: Student
    asked: list[tuple[str, Mapping[str, torch.Tensor], Mapping[str, Value]]] = field(default_factory=list)

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Run a flow, and keep what it was given and what came of it."""
        answer = self.student.run(flow, **tensors)
        self.asked.append((flow.__name__, tensors, answer))
        return answer

    def behind(self, value: Value) -> Mapping[str, torch.Tensor]:
        """What was given where this very value was answered; nothing if it was put together of several."""
        return next((given for _, given, answer in self.asked if any(value is own for own in answer.values())), {})


def example(assignment: Assignment, question: Question, verdict: Verdict, student: Reader) -> Example | None:
    """Show the first wrong value of a question that lost points; None where there is none to be shown.

    To be called where hidden inputs are drawn from the course's secret: it looks that it shows none of them.
    """
    failed = {test.id for test in verdict.tests if test.tried and not test.passed}
    secret = current_seed()
    with seeded(SEED), student.given(APART) as other:
        for claim in [claim for claim in checks(assignment.tests, question.id) if claim.id in failed][:TRIED]:
            if not _is_public(assignment, claim, secret):
                continue
            listener = Listener(other)
            try:
                claim.claim(listener)
            except Mismatch as mismatch:
                if found := _example(claim, mismatch, listener):
                    return found
            except StudentStopped:
                return None
            except StudentError:
                continue
            except Exception:
                log.exception("%s, %s: the check failed on a public example", question.id, claim.id)
    return None


@functools.lru_cache(maxsize=1024)
def _is_public(assignment: Assignment, claim: Check, secret: str) -> bool:
    """Whether a claim holds for the reference on its public inputs, and none of these is what it asks in secret."""
    asked = []
    for seed in (secret, SEED):
        listener = Listener(reference(assignment))
        try:
            with seeded(seed):
                claim.claim(listener)
        except Exception:
            log.exception("%s: the reference doesn't pass on a public example", claim.id)
            return False
        asked.append({_digest(name, tensors) for name, tensors, _ in listener.asked})
    return asked[0].isdisjoint(asked[1])


def _digest(flow: str, tensors: Mapping[str, torch.Tensor]) -> str:
    made = hashlib.sha256(flow.encode())
    for name, tensor in tensors.items():
        made.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        made.update(tensor.detach().contiguous().numpy().tobytes())
    return made.hexdigest()


def _example(claim: Check, mismatch: Mismatch, listener: Listener) -> Example | None:
    for name, (value, right) in mismatch.values.items():
        yours = torch.tensor(value, dtype=torch.float64) if isinstance(value, float) else value
        if not isinstance(yours, torch.Tensor) or yours.is_complex():
            continue
        if 0 < yours.numel() <= MOST and 0 < right.numel() <= MOST:
            return _shown(claim, name, yours.double(), right.double(), _given(listener.behind(value)))
    return None


def _shown(claim: Check, name: str, yours: torch.Tensor, right: torch.Tensor, given: tuple[Given, ...]) -> Example:
    """Put both into tables; of larger ones the part from the first difference on."""
    told = {"claim": claim.says, "name": name, "shape": right.shape, "own_shape": yours.shape, "given": given}
    if squeezed(yours).shape != squeezed(right).shape:
        tables = {"yours": _written(_flat(yours)), "right": _written(_flat(right))}
        return Example.model_validate(told | tables)
    yours = yours.reshape(right.shape)
    wrong = apart(yours, right)
    at = wrong.nonzero()[0].tolist() if wrong.any() else [0] * wrong.dim()
    within, place = tuple(at[:-2]), [0, 0, *at][-2:]
    parts = [_flat(tensor[within]) for tensor in (yours, right, wrong)]
    row, column = (first if first >= most else 0 for first, most in zip(place, (ROWS, COLUMNS), strict=True))
    yours, right, wrong = (part[row : row + ROWS, column : column + COLUMNS] for part in parts)
    other_sign = wrong.bool() & ~apart(-yours, right)
    signs = zip(wrong.tolist(), other_sign.tolist(), strict=True)
    return Example.model_validate(
        told
        | {
            "yours": _written(yours),
            "right": _written(right),
            "within": [index + 1 for index in within],
            "corner": (row + 1, column + 1),
            "differs": [
                "".join("-" if sign else "x" if off else "=" for off, sign in zip(*row, strict=True)) for row in signs
            ],
        }
    )


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in rows and columns; of one with more axes the first of its tables."""
    while tensor.dim() > 2:
        tensor = tensor[0]
    return tensor.reshape(-1, tensor.shape[-1] if tensor.dim() else 1)


def _written(table: torch.Tensor) -> list[list[str]]:
    return [[_number(value) for value in row] for row in table[:ROWS, :COLUMNS].tolist()]


def _number(value: float) -> str:
    """Four digits that count: more would hang on the machine."""
    return "0" if value == 0 else "nan" if math.isnan(value) else f"{value:.4g}"


def _given(tensors: Mapping[str, torch.Tensor]) -> tuple[Given, ...]:
    """Inputs in tables, where they are few numbers."""
    return tuple(_inputs(tensors)) if sum(tensor.numel() for tensor in tensors.values()) <= FEW else ()


def _inputs(tensors: Mapping[str, torch.Tensor]) -> Iterator[Given]:
    for name, tensor in tensors.items():
        if tensor.numel() and tensor.dim() <= 2:
            table = _flat(tensor.double())
            if len(table) <= ROWS and table.shape[1] <= COLUMNS:
                yield Given.model_validate({"name": name, "table": _written(table)})
