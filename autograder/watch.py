"""Work of which somebody may want to know how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Watch(Protocol):
    """Goes through a number of things to be done, and may show how many are left."""

    def __call__(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        """Give each of them in turn; `what` they are is a word or two."""
        ...


def unwatched(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Go through them, and show nothing."""
    return items


class Pace:
    """How long something still takes, by all of it that was done so far: what is slow comes in no order.

    Some things may be done already: they cost nothing, and tell nothing of the others. How fast the work itself goes is
    counted from the first of it, because what comes before that is done once.
    """

    def __init__(self, total: int, awaited: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            total: how many things there are.
            awaited: how many of them are known to be work; others may turn out to be.
            clock: a clock that never jumps.
        """
        self._total, self._awaited, self._clock = total, awaited, clock
        self._done = self._worked = 0
        self._first = self._last = 0.0

    def done(self, worked: bool = True) -> None:
        """One more is done."""
        self._done += 1
        if worked:
            self._worked += 1
            self._last = self._clock()
            if self._worked == 1:
                self._first = self._last

    @property
    def left(self) -> float | None:
        """Seconds; None where nobody can tell yet.

        left = (awaited - worked + unforeseen share of the others) * seconds of one - what has gone by since the last
        """
        if self._done == self._total:
            return 0.0
        if self._worked < 2:
            return None
        each = (self._last - self._first) / (self._worked - 1)
        certain = max(self._awaited - self._worked, 0)
        unforeseen = max(self._worked - self._awaited, 0) / self._done
        work = certain + (self._total - self._done - certain) * unforeseen
        return max(work * each - (self._clock() - self._last), 0.0)
