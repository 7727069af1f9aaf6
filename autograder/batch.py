"""Many submissions: graded by one grader and one jail a core, written by one hand, resumed where a run stopped."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
from pydantic import ValidationError

from autograder import __version__, draws
from autograder.course import Course
from autograder.custody import held
from autograder.errors import CannotGrade, KitError, UsageError
from autograder.grade import Grader, Grading
from autograder.gradebook import Book, MasterCell, Page, page
from autograder.inputs import digest
from autograder.jail.syscalls import control
from autograder.notebook import LARGEST, UnreadableNotebook, contents
from autograder.result import Record, Result

log = logging.getLogger(__name__)

TRIES = 2
"""Times that a submission is tried, if the process that grades it ends."""

WAITING = 4
"""Submissions a worker that are on their way at once: enough to keep it busy, few enough to keep memory flat."""

TOGETHER_S = 0.5
"""Seconds of work that are written to the gradebook in one transaction."""


class Stored(Record):
    """A result on disk, with what it was made from: if that is still the same, it need not be made again."""

    submission_sha256: str
    kit: str
    rules: str = ""
    """A digest of what it was judged by: the source notebook, its hidden tests, its bank, and the course's settings."""
    result: Result


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
                    book.write({who: (made, self._submissions[who].parent) for who, made in pages.items()})
                for who, made in pages.items():
                    last = stored(self._course, name, who)
                    if not self._preview:
                        kept = Stored(
                            submission_sha256=todo[who], kit=__version__, rules=self._rules, result=made.result
                        )
                        _store(self._course, name, who, kept)
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
                    running[self._pool.submit(_work, who, self._submissions[who], master)] = who
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
        pool = ProcessPoolExecutor(self._workers, context, _enter, (self._job, cores))
        for _ in range(self._workers):
            pool.submit(os.getpid)  # every worker starts now, while this process goes on with something else
        return pool

    def _still_holds(self, kept: Stored, made_from: str) -> bool:
        now = (made_from, __version__, self._rules, digest(self._job.seed))
        return (kept.submission_sha256, kept.kit, kept.rules, kept.result.seed) == now


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
            return page(self._graded(who, path), self._assignment, master)
        except KitError:  # there is no jail any more
            raise
        except Exception:
            log.exception("%r could not be graded", who)
            message = "The grader failed on this submission. A person will look at it; nothing is lost."
            return page(self._grader.failed(who, message), self._assignment, master)

    def _graded(self, who: str, path: Path) -> Grading:
        if not belongs(self._root, who, path):
            name = path.relative_to(self._root)
            told = f"{name} is a link that leads out of its student's folder; what it leads to was not read."
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


def _cores(workers: int) -> list[int]:
    """A core for each worker, if there are as many cores as workers; else none.

    A worker and its jail take turns: on one core the next turn finds its data in the cache, and nobody wakes another
    core for it. Fewer workers than cores are left to the system, which knows what else is running; where each has its
    core, something else that runs there slows one of them down, and the others take over its submissions.
    """
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    return cores if len(cores) == workers else []


def _enter(job: Job, cores: SimpleQueue[int]) -> None:
    if sys.platform == "linux":
        control(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a pool's process waits for ever for a parent that was killed
        with suppress(OSError):  # where that may not be chosen
            if not cores.empty():
                os.sched_setaffinity(0, {cores.get()})
    global _worker  # noqa: PLW0603 - a pool's process has one worker, and no other place to keep it
    _worker = Worker(job)


def _work(who: str, path: Path, master: Mapping[str, MasterCell]) -> Page:
    assert _worker is not None
    return _worker.work(who, path, master)


def belongs(root: Path, who: str, path: Path) -> bool:
    """Whether a file lies in its student's own folder, links followed: else a link would hand in another's work."""
    try:
        return path.resolve().is_relative_to((root / "submitted" / who).resolve())
    except (OSError, RuntimeError):  # a link to itself
        return False


def stored(course: Course, name: str, student: str) -> Stored | None:
    """The last result of a student, if there is one that can be read."""
    try:
        found = Stored.model_validate_json(_record(course, name, student).read_bytes())
        return found.model_copy(update={"result": found.result.shared()})
    except (OSError, ValidationError):
        return None


def results(course: Course, name: str, student: str | None = None) -> list[Result]:
    """The last results of an assignment, sorted by student.

    Raises:
        CannotGrade: if there are none yet.
    """
    folder = _record(course, name, "x").parent
    students = [student] if student else sorted(path.stem for path in folder.glob("*.json"))
    found = [kept.result for who in students if (kept := stored(course, name, who))]
    if not found:
        raise CannotGrade(f"Nothing of {name} has been graded yet. Grade it first: autograder grade {name}")
    return found


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
    settings = course.settings
    values = {trait: getattr(settings, trait) for trait in settings.trait_names(config=True)}
    return hashlib.sha256(f"{course.assignment(name).digest}{sorted(values.items())!r}".encode()).hexdigest()[:16]


def _record(course: Course, name: str, student: str) -> Path:
    return course.root / ".autograder" / "records" / name / f"{student}.json"


def _store(course: Course, name: str, student: str, record: Stored) -> None:
    path = _record(course, name, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    draft.replace(path)
