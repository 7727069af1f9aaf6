"""How far vetting is: what it is at, and the time left, from what each kind of trial costs beside the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

Tell = Callable[[str, float, float], None]
"""Told what vetting is at, the share that is done, and the seconds left."""

COSTS = {"idle answers": 0.7, "known mistakes": 0.08, "right variants": 0.04, "small changes": 0.01}
"""Seconds that one trial of each kind takes on a laptop: what counts is how they compare."""

_Thing = TypeVar("_Thing")


class Progress:
    """The trials of one vetting, from now on.

    Shapes:
        planned  kind of trial, as :data:`COSTS` has it -> how many there will be
    """

    def __init__(self, planned: Mapping[str, int], tell: Tell) -> None:
        self._all = sum(COSTS[kind] * number for kind, number in planned.items())
        self._done, self._tell, self._begun = 0.0, tell, time.monotonic()

    def through(self, kind: str, things: Iterable[_Thing]) -> Iterator[_Thing]:
        """Go through things that are tried, and tell before each of them."""
        for thing in things:
            share = self._done / (self._all or 1.0)
            pace = (time.monotonic() - self._begun) / self._done if self._done else 1.0
            self._tell(kind, share, pace * (self._all - self._done))
            yield thing
            self._done = min(self._done + COSTS[kind], self._all)


def untold(_what: str, _share: float, _seconds: float) -> None:
    """Tell nobody."""


UNTOLD = Progress({}, untold)
"""For trials that nobody waits for."""
