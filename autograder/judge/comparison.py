"""Close or not, shaped right or not, changed or not: what hidden tests check, and its sentence where it fails.

A check may raise :class:`Mismatch` with a sentence of its own, too, that holds nothing of an answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

import torch

from autograder.jail import Value
from autograder.judge.sentences import absent, axes, difference, kind, listed, swapped, together, told
from autograder.judge.tolerance import identical, share_of

EDGE = 10
"""An answer that would be right with tolerances this many times as wide is wrong, and a person is asked to look."""


class Mismatch(AssertionError):  # noqa: N818 - it is a finding, not a fault
    """An answer that is not the right one; its text is a sentence for the student."""

    share = math.inf
    """How far its furthest value is from the right one, the tolerance being 1; infinite where it differs otherwise."""

    values: Mapping[str, tuple[Value, torch.Tensor]] = MappingProxyType({})
    """The wrong values that were compared, by name: the student's and the right one."""

    @property
    def near(self) -> bool:
        """Whether it is so near the right one that rounding might have done it."""
        return 0 < self.share <= EDGE


class Waits(Mismatch):
    """A claim that is not looked at, because it counts only beside another that doesn't hold."""

    share = 0.0  # of itself it shows nothing wrong


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


def compare(
    got: Mapping[str, Value], want: Mapping[str, torch.Tensor], batch: int | None = None, *, exact: bool = False
) -> None:
    """Check `got[name]` against `want[name]` for each name; axes of length 1 don't matter, unless it is to be exact.

    Shapes:
        want[name]  float64, finite
        batch       number of samples N, where a factor N or 1/N would be a known mistake, and no other size is N

    Raises:
        Mismatch: saying for each wrong name what can be said without giving the answer.
    """
    __tracebackhide__ = True
    shares = {name: share_of(got.get(name), want[name]) for name in want}
    if (found := _measured.get()) is not None:
        found += [share for share in shares.values() if share is not None]
    open_to_doubt = [name for name, share in shares.items() if share is None or not share < 1]
    wrong = {name: text for name in open_to_doubt if (text := _wrong(name, got, want[name], batch))}
    if exact and not wrong:
        wrong = {name: text for name in want if (text := axes(got[name], want[name]))}
    if not wrong:
        return
    if "answer" in got and (parts := [name for name in wrong if name not in got and name != "answer"]):
        raise Mismatch(
            f"The result is {kind(got['answer'])}, but {listed(parts)} {'are' if len(parts) > 1 else 'is'} expected"
        )
    mismatch = Mismatch(swapped(got, want, wrong) or told(wrong))
    mismatch.values = {name: (got.get(name), want[name]) for name in wrong}
    mismatch.share = max(math.inf if (share := shares[name]) is None or share < 1 else share for name in wrong)
    raise mismatch


def _wrong(name: str, got: Mapping[str, Value], want: torch.Tensor, batch: int | None) -> str | None:
    value = got.get(name)
    return absent(name, name in got) if value is None else difference(value, want, batch)


def counted(got: Mapping[str, Value], name: str, wanted: float, sentence: str) -> None:
    """Check a number that isn't a matter of rounding, a count or a yes or no.

    Raises:
        Mismatch: with this sentence, which may hold nothing of the answer but that it is another number.
    """
    __tracebackhide__ = True
    value = got.get(name)
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = float(value)
    if value != wanted:
        raise Mismatch(sentence)


def a_tensor(got: Mapping[str, Value]) -> None:
    """Check that an answer is no plain number: a tensor that holds one is asked for.

    Raises:
        Mismatch: if it is one.
    """
    __tracebackhide__ = True
    if isinstance(got.get("answer"), float):
        raise Mismatch("The result is a plain number; a tensor with one number in it is expected")


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
        names = together([name.removeprefix("given ") for name in changed])
        was, they = ("were", "they") if len(changed) > 1 else ("was", "it")
        raise Mismatch(f"{names} {was} changed, but {they} should only be read")
