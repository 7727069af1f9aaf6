"""Processes that a test watches: whether one has ended, and waiting for what takes its time."""

import time
from collections.abc import Callable, Iterable

import psutil


def ended(process: psutil.Process) -> bool:
    """Whether a process runs no more.

    Asked in one step: a process that is found running may be gone before the next question.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_ended(family: Iterable[psutil.Process]) -> bool:
    """Whether none of these runs any more."""
    return all(map(ended, family))


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that takes its time; an AssertionError when it doesn't come to pass."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
