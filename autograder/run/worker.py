"""One grader with its jail, alone or in a process of a pool."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch

from autograder.budget import Budget, Spent, reading
from autograder.course import Course, lying, others
from autograder.errors import KitError, UsageError
from autograder.jail import control
from autograder.judge import Grader, Grading
from autograder.notebook import LARGEST, UnreadableNotebook, contents
from autograder.result import Result
from autograder.run.autograded import MasterCell, Page, page
from autograder.run.beside import barred, inventory
from autograder.run.custody import held
from autograder.visible import visible

log = logging.getLogger(__name__)

BEGINNING = 2_000
"""Bytes that are shown of a file that could not be read."""

PAGE_S = 30.0
"""Seconds that putting together what is written for a student may take, once it is judged."""


@dataclass(frozen=True)
class Job:
    """What a worker has to know."""

    course: Course
    name: str
    seed: str
    trust: bool


class Worker:
    """One grader with its jail: it keeps the hidden tests and their expected values from one submission to the next."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(1)
        self._course, self._root = job.course, job.course.root
        self._assignment = job.course.assignment(job.name)
        self._stack = ExitStack()
        opener = self._stack.enter_context(held(job.course.settings, job.trust))
        self._grader = Grader(self._assignment, job.seed, opener, job.course.settings)

    def work(self, who: str, path: Path, master: Mapping[str, MasterCell]) -> Page:
        """Grade one submission; whatever goes wrong with it, the next one is graded."""
        try:
            return self._page(self._graded(who, path), master, path)
        except KitError:  # there is no jail any more
            raise
        except Exception:
            log.exception("%r could not be graded", who)
            message = "The grader failed on this submission. A person will look at it; nothing is lost."
            return page(self._grader.failed(who, message), self._assignment, master, self._handed_in(path))

    def _page(self, grading: Grading, master: Mapping[str, MasterCell], path: Path) -> Page:
        """What is written for a student: without their notebook, if that takes too much to be put together."""
        handed_in = self._handed_in(path) if grading.notebook is None else []
        try:
            with Budget(PAGE_S).striking(), reading():
                return page(grading, self._assignment, master, handed_in)
        except Spent:
            log.warning("%r: putting the notebook together took too much time or memory", grading.result.submission)
            return page(replace(grading, notebook=None), self._assignment, master, self._handed_in(path))

    def _handed_in(self, path: Path) -> list[str]:
        """The files that were handed in, and how the one that should be a notebook begins; less if that takes long."""
        told: list[str] = []
        with suppress(OSError, UnreadableNotebook, Spent), Budget(PAGE_S).striking(), reading():
            told += inventory(self._root, path)
            if told and not barred(self._root, path):
                began = contents(path, LARGEST)[:BEGINNING].decode("utf-8", "replace")
                told += ["", f"{visible(path.name)} begins:", *map(visible, began.splitlines())] if began else []
        return told

    def _graded(self, who: str, path: Path) -> Grading:
        if why := barred(self._root, path):
            return self._grader.unreadable(who, why)
        if not os.path.lexists(path):
            return self._grader.unreadable(who, lying(self._course.handed_in(path)))
        budget = Budget(self._course.settings.submission_s)
        try:
            grading = self._grader.grade_file(path, who, budget=budget)
            if any(question.status == "no_answer" for question in grading.result.questions) and (near := others(path)):
                grading = self._grader.grade_file(path, who, near, budget)
        except UsageError as error:
            grading = self._grader.unreadable(who, str(error))
        result, told = grading.result, dict[str, object]()
        if f"{self._root}/" in result.message:
            told["message"] = result.message.replace(f"{self._root}/", "")
        if path != self._course.expected(self._assignment.name, who):
            told["mended"] = (self._another(who, path), *result.mended)
        if not told:
            return grading
        return replace(grading, result=Result.model_validate(result.model_dump() | told))

    def _another(self, who: str, path: Path) -> str:
        """Say which file was read in place of the one that should be there."""
        expected = self._course.expected(self._assignment.name, who)
        folder = self._root / "submitted" / who
        return f"There is no {expected.relative_to(folder)}; {path.relative_to(folder)} was read instead."

    def close(self) -> None:
        """End the jail."""
        self._stack.close()


_PR_SET_PDEATHSIG = 1

_worker: Worker | None = None


def enter(job: Job, cores: SimpleQueue[int]) -> None:
    """Make a process of a pool a worker, on a core of its own where there is one for each.

    A terminal tells it, too, that the run is to stop: that is for the process that started it to say.
    """
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        control(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a pool's process waits for ever for a parent that was killed
        with suppress(OSError):  # where that may not be chosen
            if not cores.empty():
                os.sched_setaffinity(0, {cores.get()})
    global _worker  # noqa: PLW0603 - a pool's process has one worker, and no other place to keep it
    _worker = Worker(job)


def work(who: str, path: Path, master: Mapping[str, MasterCell]) -> Page:
    """Grade one submission in a process of a pool."""
    assert _worker is not None
    return _worker.work(who, path, master)
