"""What a batch asks of whatever grades for it: an order in, an answer out, both bytes; faults have two names.

An engine is three methods and a number. `concurrent.futures` carries what they hand over, so that anything that gives
futures, a pool of processes or a cluster, is an engine in a few lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Protocol

from autograder.run.autograded import MasterCell
from autograder.run.handed import Handed
from autograder.run.worker import Job, Worker

WAITING = 4
"""Submissions a worker that are on their way at once: enough to keep it busy, few enough to keep memory flat."""

LARGEST_ANSWER = 256 << 20
"""Bytes of an answer."""


class Lost(Exception):  # noqa: N818 - it is what becomes of a submission, and no error of anybody's
    """Whoever graded a submission ended or stood still, and there is no answer: it has to be graded again.

    A `blameless` one can't be the submission's doing.
    """

    def __init__(self, blameless: bool = False) -> None:
        super().__init__("there is no answer")
        self.blameless = blameless


class Engine(Protocol):
    """Where submissions are graded."""

    @property
    def slots(self) -> int:
        """Submissions that it takes at once: more would only wait in it."""

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of it, a sentence each."""

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """Take in the released cells, before the first submission."""

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Have a submission graded: `Handed.packed` in, a page as JSON out.

        One that was lost before is sent `alone`: then nothing else is lost with it.
        The future raises :class:`Lost`, or `CannotGrade` where nothing can be graded any more.
        """

    def close(self, at_once: bool) -> None:
        """End what it has started, without waiting for anything `at_once`."""


class Alone:
    """The engine that is this process: a submission is graded where it is asked for."""

    slots = 1
    told: tuple[str, ...] = ()

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)
        self._master: Mapping[str, MasterCell] = {}

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """Take in the released cells."""
        self._master = master

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Grade it now."""
        future: Future[bytes] = Future()
        page = self._worker.work(Handed.unpacked(order), self._master)
        future.set_result(page.model_dump_json().encode())
        return future

    def close(self, at_once: bool) -> None:
        """End the jail."""
        self._worker.close()
