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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import torch

from autograder import __version__
from autograder.course import Course
from autograder.judge import Grader, digest, draws
from autograder.notebook import LARGEST, Folder, UnreadableNotebook, contents
from autograder.result import Result
from autograder.run import beside
from autograder.run.autograded import MasterCell, Page, noted, page
from autograder.run.gradebook import Book
from autograder.run.records import Stored, store, stored
from autograder.run.timestamp import timestamp
from autograder.run.worker import PAGE_S, Job, Worker, enter, work
from autograder.total import Marks
from autograder.visible import visible

log = logging.getLogger(__name__)

WAITING = 4
"""Submissions a worker that are on their way at once: enough to keep it busy, few enough to keep memory flat."""

_PREVIEW = "--preview shows who would change, and writes nothing."

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
    notes: tuple[str, ...] = ()
    """What a person should know of the folder that was handed in; the record's flags hold it, too."""


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
        self._secret = digest(course.seed(name))
        self.misnamed = () if student else course.misnamed(name)
        """Sentences about folders that can't be graded under their names."""
        self.rehearsed: dict[str, Marks] = {}
        """What the gradebook would hold, by student, once a preview has been gone through."""
        self._notes = notes(course, name, self._submissions)
        seed = draws.seed(course, name)  # what is wrong with the secret is told here, by one process
        self._job = Job(course, name, seed, trust)
        self._rules = _rules(course, name)
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        self._alone: Worker | None = None

    def warnings(self) -> list[str]:
        """What whoever starts this run should know before anything is graded anew."""
        told = []
        if older := [last.kit for last in self._last.values() if last.kit != __version__]:
            told.append(
                f"{len(older)} of these submissions were graded by backprop-kit {', '.join(sorted(set(older)))}. "
                f"They are graded again by {__version__}. {_PREVIEW}"
            )
        if changed := sum(last.kit == __version__ and last.rules != self._rules for last in self._last.values()):
            told.append(
                f"The source of {self._job.name}, its hidden tests, its bank or a setting has changed since {changed} "
                f"of these submissions were graded. They are graded again. {_PREVIEW}"
            )
        if others := sum(1 for last in self._last.values() if last.secret not in {"", self._secret}):
            told.append(self._other_secret(others))
        return told

    def _other_secret(self, others: int) -> str:
        return (
            f"The course's secret has changed since {others} of these submissions were graded. They are graded again "
            "with other hidden inputs, and a score can change where an answer is right for some inputs and wrong for "
            f"others. If you didn't intend that, stop this run and put the old secret back in "
            f"{self._course.settings.secret_file}. {_PREVIEW}"
        )

    @cached_property
    def _last(self) -> dict[str, Stored]:
        """What the last run found, by student: read once, before anything is written."""
        found = ((who, stored(self._course, self._job.name, who)) for who in self._submissions)
        return {who: kept for who, kept in found if kept is not None}

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

    def __exit__(self, stopped_by: object, *_: object) -> None:
        if self._pool is not None:
            if stopped_by is not None:  # what the workers are at is graded in the next run: nobody waits for it
                _kill_workers()
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._stack.close()

    def __iter__(self) -> Iterator[Graded]:
        name = self._job.name
        with Book(self._course, self._course.assignment(name)) as book:
            book.agrees()
            todo: dict[str, str] = {}
            unchanged: dict[str, Result] = {}
            for who, path in self._submissions.items():
                made_from = _sha256(self._course.root, path)
                kept = self._last.get(who)
                if not self._force and kept and self._still_holds(kept, made_from, who) and book.has(who):
                    unchanged[who] = kept.result
                else:
                    todo[who] = made_from
            if not self._preview:
                book.date({who: self._submissions[who] for who in unchanged})
            for who, result in unchanged.items():
                yield Graded(who, result, again=False, before=result, notes=self._notes[who])
            seen: dict[str, Page] = {}
            for pages in _gathered(self._pages(list(todo), book.master)):
                if self._preview:
                    seen |= {who: replace(made, content="") for who, made in pages.items()}
                else:
                    book.write({who: (made, self._submissions[who]) for who, made in pages.items()})
                for who, made in pages.items():
                    last = self._last.get(who)
                    if not self._preview:
                        kept = Stored(
                            submission_sha256=todo[who],
                            kit=__version__,
                            rules=self._rules,
                            secret=self._secret,
                            notes=self._notes[who],
                            graded=_now(),
                            result=made.result,
                        )
                        store(self._course, name, who, kept)
                    before = last.result if last else None
                    yield Graded(who, made.result.shared(), again=True, before=before, notes=self._notes[who])
            if self._preview:
                self.rehearsed = book.rehearsed(seen, self._submissions)

    def _pages(self, students: list[str], master: Mapping[str, MasterCell]) -> Iterator[tuple[str, Page]]:
        for who, made in self._made(students, master):
            yield who, noted(made, self._notes[who])

    def _made(self, students: list[str], master: Mapping[str, MasterCell]) -> Iterator[tuple[str, Page]]:
        if self._alone is not None:
            for who in students:
                yield who, self._alone.work(who, self._submissions[who], master)
            return
        yield from self._pooled(deque(students), master)

    def _pooled(self, waiting: deque[str], master: Mapping[str, MasterCell]) -> Iterator[tuple[str, Page]]:
        """Grade in the pool; whoever was on the way when a process of it ended is tried again alone.

        So one that ends its process is found out, and costs nobody else anything.
        """
        suspects: deque[str] = deque()
        running: dict[Future[Page], str] = {}
        alone = ""
        while waiting or suspects or running:
            if suspects and not running:
                alone = suspects.popleft()
                self._submit(alone, master, running)
            while waiting and not suspects and not alone and len(running) < WAITING * self._workers:
                self._submit(waiting.popleft(), master, running)
            done, _ = wait(running, self._patience, return_when=FIRST_COMPLETED)
            if not done:
                _kill_workers()
            for future in done:
                who = running.pop(future)
                try:
                    yield who, future.result()
                except BrokenProcessPool:
                    if who == alone:
                        yield who, self._given_up(who, master)
                    else:
                        suspects.append(who)
                alone = ""

    def _submit(self, who: str, master: Mapping[str, MasterCell], running: dict[Future[Page], str]) -> None:
        try:
            assert self._pool is not None
            future = self._pool.submit(work, who, self._submissions[who], master)
        except BrokenProcessPool:
            self._pool = self._start()
            future = self._pool.submit(work, who, self._submissions[who], master)
        running[future] = who

    @property
    def _patience(self) -> float:
        """Seconds within which some worker must have finished a submission: their own clocks strike long before."""
        seconds: float = self._course.settings.submission_s
        return 2 * (seconds + PAGE_S)

    def _given_up(self, who: str, master: Mapping[str, MasterCell]) -> Page:
        message = "The process that graded this submission ended, twice. A person will look at it; nothing is lost."
        assignment = self._course.assignment(self._job.name)
        grader = Grader(assignment, self._job.seed)
        return page(grader.failed(who, message), assignment, master)

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

    def _still_holds(self, kept: Stored, made_from: str, who: str) -> bool:
        now = (made_from, __version__, self._rules, digest(self._job.seed), self._notes[who])
        return (kept.submission_sha256, kept.kit, kept.rules, kept.result.seed, kept.notes) == now


def _kill_workers() -> None:
    for process in multiprocessing.active_children():
        process.kill()


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


def notes(course: Course, name: str, submissions: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """What a person should know of each student's folder: what in it is not opened, its time, its name."""
    doubled = course.doubled(name)
    found = {}
    for who, path in submissions.items():
        told = (*beside.notes(course.root, path), timestamp(course.root, path).note, doubled.get(who, ""))
        found[who] = tuple(visible(note) for note in told if note)
    return found


def remember(course: Course, name: str, who: str, path: Path, result: Result) -> None:
    """Keep the record of a submission that another program's run has graded, as this kit's own runs keep it."""
    kept = Stored(
        submission_sha256=_sha256(course.root, path),
        kit=__version__,
        rules=_rules(course, name),
        secret=digest(course.seed(name)),
        notes=notes(course, name, {who: path})[who],
        graded=_now(),
        result=result,
    )
    store(course, name, who, kept)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _sha256(root: Path, path: Path) -> str:
    try:
        if barred := beside.barred(root, path):
            return barred
        found = hashlib.sha256(contents(path, LARGEST))
        for each in Folder(path.parent).everything().items():  # what the notebook may import is a part of it
            found.update("\0".join(each).encode(errors="replace"))
        return found.hexdigest()
    except (OSError, UnreadableNotebook):
        return "unreadable"


def _rules(course: Course, name: str) -> str:
    """A digest of what an assignment is judged by: where it changes, everything is graded again."""
    judged_by = f"{course.assignment(name).digest}{course.settings.judging!r}"
    return hashlib.sha256(judged_by.encode()).hexdigest()[:16]
