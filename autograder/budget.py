"""What the grader's own side may spend on one submission: seconds in all; processor time and memory on reading it."""

from __future__ import annotations

import math
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType

READING_S = 30
"""Seconds of processor time that reading a notebook may take: 2,000 cells, or 64 MiB with outputs, take about two."""

READING_MIB = 512
"""Memory that reading a notebook may take."""

_AGAIN_S = 1.0
"""Seconds until the clock strikes again: code that is graded in this process may have caught the first."""


class Spent(BaseException):
    """A submission has used up what may be spent on it; the text is a sentence.

    No Exception, so that nothing that mends other failures takes it for one of them.
    """


def in_words(seconds: float) -> str:
    """A time, as a sentence says it."""
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


class Budget:
    """The seconds that one submission may take, from now on."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._held = 0

    def left(self) -> float:
        """The seconds that are left, 0 if there are none."""
        return max(self._end - time.monotonic(), 0.0)

    def check(self) -> None:
        """Go on only if there is time left.

        Raises:
            Spent: if there is none.
        """
        if not self.left():
            raise Spent(f"Grading this submission took longer than {in_words(self._seconds)} and was stopped.")

    @contextmanager
    def striking(self) -> Iterator[None]:
        """Have :class:`Spent` raised in what runs here as soon as the time is over, as far as a signal reaches.

        Signals reach Python's own code in a process's main thread; a call into C ends first, and elsewhere only
        :meth:`check` tells the time.
        """
        if math.isinf(self._seconds) or threading.current_thread() is not threading.main_thread():
            yield
            return
        with _timer(signal.ITIMER_REAL, signal.SIGALRM, max(self.left(), 1e-6), self._strike):
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the clock not strike in what runs here: it waits no longer than :meth:`left` by itself."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def _strike(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._held:
            self.check()


UNLIMITED = Budget()
"""For code that is trusted."""


@contextmanager
def reading() -> Iterator[None]:
    """Read somebody else's text under limits of its own.

    Raises:
        Spent: if it takes more than :data:`READING_S` or :data:`READING_MIB`.
    """
    timer: AbstractContextManager[None] = nullcontext()
    if threading.current_thread() is threading.main_thread():
        timer = _timer(signal.ITIMER_PROF, signal.SIGPROF, READING_S, _too_long)
    try:
        with timer, _limited(READING_MIB << 20):
            yield
    except MemoryError:
        raise Spent(f"Reading this notebook took more than {READING_MIB} MiB of memory and was stopped.") from None


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise Spent(f"Reading this notebook took more than {READING_S} seconds of processor time and was stopped.")


@contextmanager
def _limited(size: int) -> Iterator[None]:
    """Let this process take so many bytes more than it has; where its system doesn't say how many, as many as it asks.

    What is counted is memory that can be written to (RLIMIT_DATA, since Linux 4.7): addresses cost nothing.
    """
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * resource.getpagesize() + size
    limits = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
    with _undoing(lambda: resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))):
        resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
        yield


@contextmanager
def _timer(
    clock: int, strikes: signal.Signals, seconds: float, strike: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    before = signal.signal(strikes, strike) or signal.SIG_DFL

    def stop() -> None:
        signal.setitimer(clock, 0)
        signal.signal(strikes, before)

    with _undoing(stop):
        signal.setitimer(clock, seconds, _AGAIN_S)
        yield


@contextmanager
def _undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Undo something in the end, even if a clock strikes while it is being undone."""
    try:
        try:
            yield
        finally:
            undo()
    finally:
        undo()
