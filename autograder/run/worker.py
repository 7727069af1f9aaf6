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

from autograder.budget import Budget, Spent
from autograder.course import Course
from autograder.errors import KitError, UsageError
from autograder.jail import control
from autograder.judge import Grader, Grading
from autograder.run.autograded import MasterCell, Page, page
from autograder.run.custody import held
from autograder.run.folder import barred

log = logging.getLogger(__name__)

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
        self._root = job.course.root
        self._assignment = job.course.assignment(job.name)
        self._stack = ExitStack()
        opener = self._stack.enter_context(held(job.course.settings, job.trust))
        self._grader = Grader(self._assignment, job.seed, opener, job.course.settings)

    def work(self, who: str, path: Path, master: Mapping[str, MasterCell]) -> Page:
        """Grade one submission; whatever goes wrong with it, the next one is graded."""
        try:
            return self._page(self._graded(who, path), master)
        except KitError:  # there is no jail any more
            raise
        except Exception:
            log.exception("%r could not be graded", who)
            message = "The grader failed on this submission. A person will look at it; nothing is lost."
            return page(self._grader.failed(who, message), self._assignment, master)

    def _page(self, grading: Grading, master: Mapping[str, MasterCell]) -> Page:
        """What is written for a student: without their notebook, if that takes too long to be put together."""
        try:
            with Budget(PAGE_S).striking():
                return page(grading, self._assignment, master)
        except Spent:
            log.warning("%r: the notebook took too long to be written", grading.result.submission)
            return page(replace(grading, notebook=None), self._assignment, master)

    def _graded(self, who: str, path: Path) -> Grading:
        if told := barred(self._root, path):
            return self._grader.unreadable(who, told)
        try:
            grading = self._grader.grade_file(path, who)
        except UsageError as error:
            grading = self._grader.unreadable(who, str(error))
        message = grading.result.message.replace(f"{self._root}/", "")
        if message != grading.result.message:
            grading = replace(grading, result=grading.result.model_copy(update={"message": message}))
        return grading

    def close(self) -> None:
        """End the jail."""
        self._stack.close()


_PR_SET_PDEATHSIG = 1

_worker: Worker | None = None


def enter(job: Job, cores: SimpleQueue[int]) -> None:
    """Make a process of a pool a worker, on a core of its own where there is one for each."""
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
