"""Engines for tests: one gives back answers that were recorded before, one keeps its grader from run to run.

What is left of a run with the first is the coordinator's own work: reading, checking, writing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future

from autograder.course import Course
from autograder.judge import draws
from autograder.run import Handed, Job, Worker
from autograder.run.autograded import MasterCell
from autograder.run.gradebook import Book


class Recorded:
    """Answers from a few submissions that were graded, for all whose notebooks equal theirs."""

    slots = 8
    told: tuple[str, ...] = ()

    def __init__(self, answers: Mapping[bytes, str], before: Callable[[int], None] = lambda number: None) -> None:
        """Take answers by notebooks; `before` each it may be told how many there were."""
        self._answers, self._before, self.given = answers, before, 0

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """There is nothing to learn."""

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Give the answer at once, under the student's name."""
        handed = Handed.unpacked(order)
        self._before(self.given)
        self.given += 1
        future: Future[bytes] = Future()
        future.set_result(self._answers[handed.data].replace(_SOMEBODY, json.dumps(handed.student)).encode())
        return future

    def close(self, at_once: bool) -> None:
        """There is nothing to end."""


_SOMEBODY = '"somebody who has handed in"'


def recorded(course: Course, name: str, notebooks: Iterable[bytes]) -> dict[bytes, str]:
    """Grade some notebooks, by a grader with a jail in this process: notebook to answer."""
    found = {}
    with Book(course, course.assignment(name)) as book:
        master = book.master
    worker = Worker(Job(course, name, draws.seed(course, name), trust=True))
    try:
        for data in notebooks:
            handed = Handed(json.loads(_SOMEBODY), f"submitted/somebody/{name}/{name}.ipynb", data)
            found[data] = worker.work(handed, master).model_dump_json()
    finally:
        worker.close()
    return found


class Warm:
    """A grader with a jail that stays for all the runs of some tests, on courses that are copies of one."""

    slots = 4
    told: tuple[str, ...] = ()

    def __init__(self, course: Course, name: str) -> None:
        self._worker = Worker(Job(course, name, draws.seed(course, name), trust=True))
        self._master: Mapping[str, MasterCell] = {}
        self.before: Callable[[str], None] = lambda student: None
        """Told who is to be graded, once they have been read."""

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """Take in the released cells."""
        self._master = master

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Grade it now."""
        handed = Handed.unpacked(order)
        self.before(handed.student)
        future: Future[bytes] = Future()
        future.set_result(self._worker.work(handed, self._master).model_dump_json().encode())
        return future

    def close(self, at_once: bool) -> None:
        """Stay."""

    def end(self) -> None:
        """End the jail."""
        self._worker.close()
