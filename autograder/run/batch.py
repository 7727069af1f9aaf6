"""Many submissions: graded by one grader and one jail a core, written by one hand, resumed where a run stopped."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from autograder import __version__
from autograder.course import Course
from autograder.judge import Grader, digest, draws
from autograder.notebook import LARGEST, UnreadableNotebook, contents
from autograder.result import Result
from autograder.run.autograded import MasterCell, Page, page
from autograder.run.gradebook import Book
from autograder.run.records import Stored, store, stored
from autograder.run.worker import Job, Worker, enter, work

log = logging.getLogger(__name__)

TRIES = 2
"""Times that a submission is tried, if the process that grades it ends."""

WAITING = 4
"""Submissions a worker that are on their way at once: enough to keep it busy, few enough to keep memory flat."""

TOGETHER_S = 0.5
"""Seconds of work that are written to the gradebook in one transaction."""


@dataclass(frozen=True)
class Graded:
    """One submission of a run."""

    student: str
    result: Result
    again: bool
    """Whether it was graded in this run; False if nothing had changed since the last."""
    before: Result | None = None
    """What the last run found, if there was one."""


class Batch:
    """A run over `submitted/*/<name>/`: iterate over it once, inside `with`, for each submission as it is written.

    A submission that is unchanged since it was graded is not graded again, unless `force` is set, or what it is judged
    by has changed.
    A `preview` writes nothing.
    """

    def __init__(
        self,
        course: Course,
        name: str,
        student: str | None = None,
        force: bool = False,
        workers: int = 1,
        trust: bool = False,
        preview: bool = False,
    ) -> None:
        self._course, self._force, self._workers, self._preview = course, force, workers, preview
        self._submissions = course.submissions(course.assignment(name).name, student)
        seed = draws.seed(course, name)  # what is wrong with the secret is told here, by one process
        self._job = Job(course, name, seed, trust)
        self._rules = _rules(course, name)
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._alone: Worker | None = None

    def __len__(self) -> int:
        return len(self._submissions)

    def __enter__(self) -> Batch:
        """Start the workers: before anything else in this process starts a thread, because they are forks of it."""
        if self._workers > 1 and len(self) > 1:
            self._pool = self._start()
        else:
            self._alone = Worker(self._job)
            self._stack.callback(self._alone.close)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._stack.close()

    def __iter__(self) -> Iterator[Graded]:
        name = self._job.name
        with Book(self._course, self._course.assignment(name)) as book:
            todo: dict[str, str] = {}
            for who, path in self._submissions.items():
                made_from = _sha256(path)
                kept = stored(self._course, name, who)
                if not self._force and kept and self._still_holds(kept, made_from) and book.has(who):
                    yield Graded(who, kept.result, again=False, before=kept.result)
                else:
                    todo[who] = made_from
            for pages in _gathered(self._pages(list(todo), book.master)):
                if not self._preview:
                    book.write({w: (made, self._course.handed_in(self._submissions[w])) for w, made in pages.items()})
                for who, made in pages.items():
                    last = stored(self._course, name, who)
                    if not self._preview:
                        kept = Stored(
                            submission_sha256=todo[who], kit=__version__, rules=self._rules, result=made.result
                        )
                        store(self._course, name, who, kept)
                    yield Graded(who, made.result.shared(), again=True, before=last.result if last else None)

    def _pages(self, students: list[str], master: Mapping[str, MasterCell]) -> Iterator[tuple[str, Page]]:
        if self._alone is not None:
            for who in students:
                yield who, self._alone.work(who, self._submissions[who], master)
            return
        tries = dict.fromkeys(students, 0)
        waiting = deque(students)
        running: dict[Future[Page], str] = {}
        while waiting or running:
            broken = False
            while waiting and len(running) < WAITING * self._workers and not broken:
                who = waiting.popleft()
                try:
                    assert self._pool is not None
                    running[self._pool.submit(work, who, self._submissions[who], master)] = who
                except BrokenProcessPool:
                    waiting.appendleft(who)
                    broken = True
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                who = running.pop(future)
                try:
                    yield who, future.result()
                except BrokenProcessPool:
                    broken = True
                    tries[who] += 1
                    if tries[who] < TRIES:
                        waiting.append(who)
                    else:
                        yield who, self._given_up(who)
            if broken and not running:
                self._pool = self._start()

    def _given_up(self, who: str) -> Page:
        message = "The process that graded this submission ended twice. A person will look at it; nothing is lost."
        assignment = self._course.assignment(self._job.name)
        grader = Grader(assignment, self._job.seed)
        return page(grader.failed(who, message), assignment, {})

    def _start(self) -> ProcessPoolExecutor:
        torch.set_num_threads(1)
        context = multiprocessing.get_context("fork")
        cores = context.SimpleQueue()
        for core in _cores(self._workers):
            cores.put(core)
        pool = ProcessPoolExecutor(self._workers, context, enter, (self._job, cores))
        for _ in range(self._workers):
            pool.submit(os.getpid)  # every worker starts now, while this process goes on with something else
        return pool

    def _still_holds(self, kept: Stored, made_from: str) -> bool:
        now = (made_from, __version__, self._rules, digest(self._job.seed))
        return (kept.submission_sha256, kept.kit, kept.rules, kept.result.seed) == now


def _cores(workers: int) -> list[int]:
    """A core for each worker, if there are as many cores as workers; else none.

    A worker and its jail take turns: on one core the next turn finds its data in the cache, and nobody wakes another
    core for it. Fewer workers than cores are left to the system, which knows what else is running; where each has its
    core, something else that runs there slows one of them down, and the others take over its submissions.
    """
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    return cores if len(cores) == workers else []


def _gathered(pages: Iterator[tuple[str, Page]]) -> Iterator[dict[str, Page]]:
    """Gather what is ready within :data:`TOGETHER_S`."""
    found: dict[str, Page] = {}
    since = time.monotonic()
    for who, made in pages:
        found[who] = made
        if time.monotonic() - since > TOGETHER_S:
            yield found
            found, since = {}, time.monotonic()
    if found:
        yield found


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(contents(path, LARGEST)).hexdigest()
    except (OSError, UnreadableNotebook):
        return "unreadable"


def _rules(course: Course, name: str) -> str:
    """A digest of what an assignment is judged by: where it changes, everything is graded again."""
    judged_by = f"{course.assignment(name).digest}{course.settings.judging!r}"
    return hashlib.sha256(judged_by.encode()).hexdigest()[:16]
