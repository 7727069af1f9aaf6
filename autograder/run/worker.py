"""One grader with its jail: a submission in, a page out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch

from autograder.budget import Budget, Spent, reading
from autograder.course import Course
from autograder.errors import KitError
from autograder.judge import Grader, Grading, held
from autograder.result import Result
from autograder.run.autograded import MasterCell, Page, page
from autograder.run.handed import Handed

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
        self._assignment = job.course.assignment(job.name)
        self._seconds = job.course.settings.submission_s
        self._stack = ExitStack()
        opener = self._stack.enter_context(held(job.course.settings, job.trust))
        self._grader = Grader(self._assignment, job.seed, opener, job.course.settings)

    def work(self, handed: Handed, master: Mapping[str, MasterCell]) -> Page:
        """Grade one submission; whatever goes wrong with it, the next one is graded."""
        try:
            return self._page(self._graded(handed), master, handed)
        except KitError:  # there is no jail any more
            raise
        except Exception:
            log.exception("%r could not be graded", handed.student)
            message = "The grader failed on this submission. A person will look at it; nothing is lost."
            return page(self._grader.failed(handed.student, message), self._assignment, master, handed.shown())

    def _page(self, grading: Grading, master: Mapping[str, MasterCell], handed: Handed) -> Page:
        """What is written for a student: without their notebook, if that takes too much to be put together."""
        shown = handed.shown() if grading.notebook is None else []
        try:
            with Budget(PAGE_S).striking(), reading():
                return page(grading, self._assignment, master, shown)
        except Spent:
            log.warning("%r: putting the notebook together took too much time or memory", grading.result.submission)
            return page(replace(grading, notebook=None), self._assignment, master, handed.shown())

    def _graded(self, handed: Handed) -> Grading:
        who = handed.student
        if handed.barred:
            return self._grader.unreadable(who, handed.barred)
        budget = Budget(self._seconds)
        grading = self._grader.grade_read(lambda: (handed.read(), {}), who, handed.path, budget)
        if handed.others and any(question.status == "no_answer" for question in grading.result.questions):
            grading = self._grader.grade_read(lambda: (handed.read(), handed.read_others()), who, handed.path, budget)
        if not handed.instead:
            return grading
        told = {"mended": (handed.instead, *grading.result.mended)}
        return replace(grading, result=Result.model_validate(grading.result.model_dump() | told))

    def close(self) -> None:
        """End the jail."""
        self._stack.close()
