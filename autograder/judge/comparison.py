"""Close or not, and in words how it differs: every sentence about a student's answer is written here.

A sentence may say shape, pattern and a ratio that is a diagnosis in itself (2, 1/2, N, 1/N, -1).
It never says a hidden value, nor a distance from one, nor any text that a student's code chose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from autograder.jail import Value
from autograder.judge.sentences import difference, kind, listed, swapped
from autograder.judge.tolerance import identical, share_of

EDGE = 10
"""An answer that would be right with tolerances this many times as wide is wrong, and a person is asked to look."""


class Mismatch(AssertionError):  # noqa: N818 - it is a finding, not a fault
    """An answer that is not the right one; its text is a sentence for the student."""

    share = math.inf
    """How far its furthest value is from the right one, the tolerance being 1; infinite where it differs otherwise."""

    @property
    def near(self) -> bool:
        """Whether it is so near the right one that rounding might have done it."""
        return 0 < self.share <= EDGE


_measured: ContextVar[list[float] | None] = ContextVar("measured", default=None)


@contextmanager
def measured() -> Iterator[list[float]]:
    """Collect how far each compared answer of the right shape is from the right one, the tolerance being 1."""
    found: list[float] = []
    token = _measured.set(found)
    try:
        yield found
    finally:
        _measured.reset(token)


def compare(got: Mapping[str, Value], want: Mapping[str, torch.Tensor], batch: int | None = None) -> None:
    """Check `got[name]` against `want[name]` for each name; axes of length 1 don't matter.

    Shapes:
        want[name]  float64, finite
        batch       number of samples N, where a factor N or 1/N would be a known mistake

    Raises:
        Mismatch: saying for each wrong name what can be said without giving the answer.
    """
    __tracebackhide__ = True
    shares = {name: share_of(got.get(name), want[name]) for name in want}
    if (found := _measured.get()) is not None:
        found += [share for share in shares.values() if share is not None]
    open_to_doubt = [name for name, share in shares.items() if share is None or not share < 1]
    wrong = {name: text for name in open_to_doubt if (text := difference(got.get(name), want[name], batch))}
    if not wrong:
        return
    if "answer" in got and (parts := [name for name in wrong if name not in got and name != "answer"]):
        raise Mismatch(
            f"it is {kind(got['answer'])} where {listed(parts)} {'are' if len(parts) > 1 else 'is'} asked for"
        )
    alike: dict[str, list[str]] = {}
    for name, text in wrong.items():
        alike.setdefault(text, []).append("it" if name == "answer" else name)
    told = "; ".join(f"{'each of ' * (len(names) > 1)}{listed(names)} {text}" for text, names in alike.items())
    mismatch = Mismatch(swapped(got, want, wrong) or told)
    mismatch.share = max(math.inf if (share := shares[name]) is None else share for name in wrong)
    raise mismatch


def a_tensor(got: Mapping[str, Value]) -> None:
    """Check that an answer is no plain number: a tensor that holds one is asked for.

    Raises:
        Mismatch: if it is one.
    """
    __tracebackhide__ = True
    if isinstance(got.get("answer"), float):
        raise Mismatch("The result is a plain number; a tensor that holds one number is asked for")


def unchanged(after: Mapping[str, Value], before: Mapping[str, torch.Tensor]) -> None:
    """Check that the tensors a function was given still hold what they held.

    Raises:
        Mismatch: naming those that were changed.
    """
    __tracebackhide__ = True
    changed = [
        name
        for name, given in before.items()
        if not (isinstance(now := after.get(name), torch.Tensor) and identical(now, given))
    ]
    if changed:
        raise Mismatch(f"{listed(changed)} changed while your function ran; it should only read what it is given")
