"""Many submissions: read, graded by an engine, written by one hand, each at the others' pace; resumed where it stopped.

What is on its way is bounded, and what is done is let go: a class of any size takes the same memory.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from autograder import __version__, private
from autograder.course import Course
from autograder.judge import Grader, digest, draws
from autograder.result import Result
from autograder.run import beside
from autograder.run.autograded import MasterCell, Page, noted, page
from autograder.run.engine import Alone, Engine, Lost
from autograder.run.gradebook import Book
from autograder.run.handed import Handed, hand
from autograder.run.handing import withdrawn
from autograder.run.pool import Pool
from autograder.run.records import JudgedBy, Stored, judged_by, recorded, store, stored
from autograder.run.skeleton import Skeleton
from autograder.run.timestamp import timestamp
from autograder.run.worker import PAGE_S, Job
from autograder.total import Marks
from autograder.visible import visible

log = logging.getLogger(__name__)

MOST_TRIES = 3
"""Times that a submission is graded whose process ends each time."""

MOST_BYTES = 256 << 20
"""Bytes of submissions that are on their way at once: most have a few hundred thousand."""

MOST_FLAGS, LONGEST_FLAG = 1_000, 10_000
"""Flags of one submission, and characters of each: a grader gives a few dozen, of a sentence or two."""

LARGEST_RECORD = 4 << 20
"""Characters of a record: one of a grader has some ten thousand."""

TOGETHER_S, MOST_TOGETHER = 0.5, 100
"""Seconds of work, and submissions, that are written to the gradebook in one transaction."""

_LOOKED_AT = 500
"""Submissions that are looked at together: whether they have changed, and whether the gradebook has them."""

_ENDED = (
    f"The process that graded this submission ended, {MOST_TRIES} times. A person will look at it; nothing is lost."
)
_NO_RECORD = "What came back is not a record of this submission. A person will look at it; nothing is lost."

_PREVIEW = "--preview shows who would change, and writes nothing."


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
        cluster: str | None = None,
        engine: Engine | None = None,
    ) -> None:
        """Find what there is to grade.

        Args:
            course: where it was handed in.
            name: the assignment.
            student: only this one; None for all.
            force: grade what has not changed, too.
            workers: processes on this machine.
            trust: whether students are trusted where there is no jail.
            preview: write nothing.
            cluster: the address of a Dask scheduler, whose workers grade in place of this machine.
            engine: another engine than these.
        """
        self._course, self._force, self._workers, self._preview = course, force, workers, preview
        self._one = student is not None
        self._assignment = course.assignment(name)
        self._students = course.students(name, student)
        self._secret = digest(course.seed(name))
        self.misnamed = () if student else course.misnamed(name)
        """Sentences about folders that can't be graded under their names."""
        self.withdrawn: tuple[str, ...] = ()
        """Who was graded once and no longer hands in, once the run has been gone through; of a whole class alone."""
        self.rehearsed: dict[str, Marks] = {}
        """What the gradebook would hold, by student, once a preview has been gone through."""
        self._seen: dict[str, Page] = {}
        self._doubled = course.doubled(name)
        seed = draws.seed(course, name)  # what is wrong with the secret is told here, by one process
        self._job = Job(course, name, seed, trust)
        self._seed = digest(seed)
        self._asked = [(question.id, question.max_points) for question in self._assignment.questions]
        self._places = self._assignment.places
        self._rules = _rules(course, name)
        self._cluster, self._given = cluster, engine
        self._engine: Engine | None = engine

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of where it was graded, a sentence each."""
        return self._engine.told if self._engine else ()

    def warnings(self) -> list[str]:
        """What whoever starts this run should know before anything is graded anew."""
        kits: Counter[str] = Counter()
        changed = others = 0
        for last, so_many in self._last.items():
            if last is None:
                continue
            kits[last.kit] += so_many * (last.kit != __version__)
            changed += so_many * (last.kit == __version__ and last.rules != self._rules)
            others += so_many * (last.secret not in {"", self._secret})
        told = []
        if older := sum(kits.values()):
            told.append(
                f"{older} of these submissions were graded by backprop-kit {', '.join(sorted(+kits))}. "
                f"They are graded again by {__version__}. {_PREVIEW}"
            )
        if changed:
            told.append(
                f"The source of {self._job.name}, its hidden tests, its bank or a setting has changed since {changed} "
                f"of these submissions were graded. They are graded again. {_PREVIEW}"
            )
        if others:
            told.append(self._other_secret(others))
        return told

    @property
    def awaited(self) -> int:
        """How many are known to be graded anew; others turn out to be when they are looked at."""
        if self._force:
            return len(self)
        ours = JudgedBy(__version__, self._rules, self._secret)
        return sum(so_many for last, so_many in self._last.items() if last is None or last != ours)

    @cached_property
    def _last(self) -> Counter[JudgedBy | None]:
        """What the last records were made with, and how many of each; None for whoever has none."""
        return Counter(judged_by(self._course, self._job.name, who) for who in self._students)

    def _other_secret(self, others: int) -> str:
        return (
            f"The course's secret has changed since {others} of these submissions were graded. They are graded again "
            "with other hidden inputs, and a score can change where an answer is right for some inputs and wrong for "
            f"others. If you didn't intend that, stop this run and put the old secret back in "
            f"{self._course.settings.secret_file}. {_PREVIEW}"
        )

    def __len__(self) -> int:
        return len(self._students)

    def __enter__(self) -> Batch:
        """Start the engine: before anything else in this process starts a thread, because a pool is made of forks."""
        if self._given is None:
            self._engine = self._start()
        return self

    def __exit__(self, stopped_by: object, *_: object) -> None:
        if self._engine is not None:
            self._engine.close(at_once=stopped_by is not None)

    def __iter__(self) -> Iterator[Graded]:
        with Book(self._course, self._assignment) as book:
            book.agrees()
            self._swept()
            self._started.learn(book.master)
            self._skeleton = Skeleton(self._assignment, book.master)
            ready: list[_Done] = []
            since = time.monotonic()
            for done in self._done(self._looked_at(book), book.master):
                if isinstance(done, Graded):
                    yield done
                    continue
                ready.append(done)
                if time.monotonic() - since > TOGETHER_S or len(ready) >= MOST_TOGETHER:
                    yield from self._written(book, ready)
                    ready, since = [], time.monotonic()
            yield from self._written(book, ready)
            if not self._one:
                name = self._job.name
                others = {*recorded(self._course, name)}.difference(self._students)
                known = {*book.students(), *(who for who in others if judged_by(self._course, name, who))}
                self.withdrawn = withdrawn(self._course, name, known)
            if self._preview:
                self.rehearsed = book.rehearsed(self._seen, {who: self._path(who) for who in self._students})

    def _swept(self) -> None:
        """Take away what a run that was killed had begun to write."""
        if not self._preview:
            root, name = self._course.root, self._job.name
            private.sweep(root / ".autograder" / "records" / name)
            for who in self._students:
                private.sweep(root.joinpath("autograded", who, name))

    def _looked_at(self, book: Book) -> Iterator[str | Graded]:
        """Everybody, one after the other: whoever is to be graded, or what the last run found."""
        everybody = iter(self._students)
        while some := list(itertools.islice(everybody, _LOOKED_AT)):
            there = set() if self._force else book.known(some)
            still = {who: last for who in some if who in there and (last := self._unchanged(who))}
            if not self._preview:
                book.date({who: self._path(who) for who in still})
            for who in some:
                if last := still.get(who):
                    yield Graded(who, last.result, again=False, before=last.result, notes=last.notes)
                else:
                    yield who

    def _unchanged(self, who: str) -> Stored | None:
        """What the last run found, if it still holds."""
        last = stored(self._course, self._job.name, who)
        if last is None or (last.kit, last.rules, last.result.seed) != (__version__, self._rules, self._seed):
            return None
        path = self._path(who)
        made_from = hand(self._course, self._job.name, who, path).digest
        return last if (last.submission_sha256, last.notes) == (made_from, self._notes(who, path)) else None

    def _done(self, everybody: Iterator[str | Graded], master: Mapping[str, MasterCell]) -> Iterator[_Done | Graded]:
        """Have the engine grade; whoever is lost with a part of it is tried again alone, and given up in the end.

        So one that ends its process each time is found out, and costs nobody else anything.
        """
        engine, running = self._started, dict[Future[bytes], _Sent]()
        again: deque[_Sent] = deque()
        while True:
            while len(running) < engine.slots and sum(sent.size for sent in running.values()) < MOST_BYTES:
                lost = again.popleft() if again else None
                who = lost.who if lost else next(everybody, None)
                if isinstance(who, Graded):
                    yield who
                    continue
                if who is None:
                    break
                order, sent = self._order(who, lost.tries if lost else 0)
                running[engine.submit(order, alone=sent.tries > 0)] = sent
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                sent = running.pop(future)
                try:
                    yield _Done(sent, noted(self._checked(sent.who, future.result(), master), sent.notes))
                except Lost as lost_with:
                    sent = sent._replace(tries=sent.tries + (not lost_with.blameless))
                    if sent.tries < MOST_TRIES:
                        again.append(sent)
                    else:
                        yield _Done(sent, noted(self._given_up(sent.who, _ENDED, master), sent.notes))

    def _order(self, who: str, tries: int) -> tuple[bytes, _Sent]:
        """Read a submission, once: what is graded are the bytes that the record is about, whoever changes them now."""
        path = self._path(who)
        handed, notes = hand(self._course, self._job.name, who, path), self._notes(who, path)
        order = handed.packed()
        return order, _Sent(who, path, handed.digest, notes, len(order), tries)

    def _checked(self, who: str, answer: bytes, master: Mapping[str, MasterCell]) -> Page:
        """The answer, if it is one to what was asked; else what is written where there is none."""
        try:
            made = Page.model_validate_json(answer)
            fault = self._fault(who, made, master)
        except (ValueError, TypeError, AttributeError) as error:
            fault = str(error)
        if not fault:
            return made
        log.error("%r: what came back is not a record of this submission: %s", who, fault)
        return self._given_up(who, _NO_RECORD, master)

    def _fault(self, who: str, made: Page, master: Mapping[str, MasterCell]) -> str:
        """What of an answer can't be true; nothing if all of it can."""
        result, assignment = made.result, self._assignment
        given = [(question.id, question.max_points) for question in result.questions]
        of_questions = "grader_error" if any(one.status == "grader_error" for one in result.questions) else "graded"
        told = {
            "it is about another": (result.assignment, result.submission) == (assignment.name, who),
            "other things were judged": (result.seed, result.source, result.hidden_tests)
            == (self._seed, *self._places),
            "it has other points": result.max_score == assignment.max_score,
            "it has other questions": given == self._asked or (not given and result.status != "graded"),
            "its status is not that of its questions": not given or result.status == of_questions,
            "it has a person's marks": result.total is result.max_total is None,
            "it is too long": len(result.model_dump_json()) <= LARGEST_RECORD,
            "it knows other cells": made.untouched <= master.keys(),
            "it has too many flags": len(result.flags) <= MOST_FLAGS
            and all(len(flag) <= LONGEST_FLAG for flag in result.flags),
            "its notebook is none that a page may be made of": self._skeleton.holds(made.content),
        }
        return next((fault for fault, holds in told.items() if not holds), "")

    def _given_up(self, who: str, message: str, master: Mapping[str, MasterCell]) -> Page:
        grader = Grader(self._assignment, self._job.seed)
        return page(grader.failed(who, message), self._assignment, master)

    def _written(self, book: Book, ready: Sequence[_Done]) -> Iterator[Graded]:
        """Write some students' pages and rows, then their records."""
        if self._preview:
            self._seen |= {sent.who: made.model_copy(update={"content": ""}) for sent, made in ready}
        else:
            book.write({sent.who: (made, sent.path) for sent, made in ready})
        for sent, made in ready:
            last = stored(self._course, self._job.name, sent.who)
            if not self._preview:
                kept = Stored(
                    submission_sha256=sent.made_from,
                    kit=__version__,
                    rules=self._rules,
                    secret=self._secret,
                    notes=sent.notes,
                    graded=_now(),
                    result=made.result,
                )
                store(self._course, self._job.name, sent.who, kept)
            before = last.result if last else None
            yield Graded(sent.who, made.result.shared(), again=True, before=before, notes=sent.notes)

    def _path(self, who: str) -> Path:
        return self._course.submission(self._job.name, who)

    def _notes(self, who: str, path: Path) -> tuple[str, ...]:
        return _noted(self._course, path, self._doubled.get(who, ""))

    @property
    def _started(self) -> Engine:
        assert self._engine is not None
        return self._engine

    @property
    def _patience(self) -> float:
        """Seconds within which a worker must have finished a submission: its own clocks strike long before."""
        seconds: float = self._course.settings.submission_s
        return 2 * (seconds + PAGE_S)

    def _start(self) -> Engine:
        if self._cluster is not None:
            from autograder.run.cluster import Cluster

            return Cluster(self._cluster, self._job, self._patience)
        if self._workers > 1 and len(self) > 1:
            return Pool(self._job, self._workers, self._patience)
        return Alone(self._job)


class _Sent(NamedTuple):
    """A submission that is on its way."""

    who: str
    path: Path
    made_from: str
    notes: tuple[str, ...]
    size: int
    tries: int


class _Done(NamedTuple):
    """A submission that is back."""

    sent: _Sent
    page: Page


def notes(course: Course, name: str, submissions: Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """What a person should know of each student's folder: what in it is not opened, its time, its name."""
    doubled = course.doubled(name)
    return {who: _noted(course, path, doubled.get(who, "")) for who, path in submissions.items()}


def _noted(course: Course, path: Path, doubled: str) -> tuple[str, ...]:
    told = (*beside.notes(course.root, path), timestamp(course.root, path).note, doubled)
    return tuple(visible(note) for note in told if note)


def remember(course: Course, name: str, handed: Handed, result: Result) -> None:
    """Keep the record of a submission that another program's run has graded, as this kit's own runs keep it."""
    who = handed.student
    kept = Stored(
        submission_sha256=handed.digest,
        kit=__version__,
        rules=_rules(course, name),
        secret=digest(course.seed(name)),
        notes=notes(course, name, {who: course.root / handed.path})[who],
        graded=_now(),
        result=result,
    )
    store(course, name, who, kept)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _rules(course: Course, name: str) -> str:
    """A digest of what an assignment is judged by: where it changes, everything is graded again."""
    judged_by = f"{course.assignment(name).digest}{course.settings.judging!r}"
    return hashlib.sha256(judged_by.encode()).hexdigest()[:16]
