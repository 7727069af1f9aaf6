"""Many submissions: graded one after another, written through one gradebook, taken up again where a run stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from autograder import __version__, notebook
from autograder.course import Course
from autograder.errors import CannotGrade, UsageError
from autograder.grade import Grader
from autograder.gradebook import Book
from autograder.notebook import Notebook, UnreadableNotebook
from autograder.result import Record, Result


class Stored(Record):
    """A result on disk, with what it was made from: if that is still the same, it need not be made again."""

    submission_sha256: str
    kit: str
    result: Result


@dataclass(frozen=True)
class Graded:
    """One submission of a run."""

    student: str
    result: Result
    again: bool
    """Whether it was graded in this run; False if nothing had changed since the last."""


def grade(course: Course, name: str, student: str | None = None, force: bool = False) -> Iterator[Graded]:
    """Grade `submitted/*/<name>/` into the gradebook, and yield each as it is done.

    A submission that is unchanged since it was graded is not graded again, unless `force` is set.
    """
    assignment = course.assignment(name)
    submissions = course.submissions(name, student)
    grader = Grader(assignment, course.seed(name))
    with Book(course, assignment) as book:
        for who, path in submissions.items():
            made_from = _sha256(path)
            kept = stored(course, name, who)
            if not force and kept and _still_holds(kept, made_from, course.seed_digest(name)) and book.has(who):
                yield Graded(who, kept.result, again=False)
                continue
            result, found = _graded(grader, path, who, course.root)
            book.write(who, result, found, path.parent)
            _store(course, name, who, Stored(submission_sha256=made_from, kit=__version__, result=result))
            yield Graded(who, result, again=True)


def stored(course: Course, name: str, student: str) -> Stored | None:
    """The last result of a student, if there is one that can be read."""
    try:
        return Stored.model_validate_json(_record(course, name, student).read_bytes())
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


def _graded(grader: Grader, path: Path, who: str, root: Path) -> tuple[Result, Notebook | None]:
    try:
        found = notebook.read(path)
    except (UnreadableNotebook, UsageError) as error:
        return grader.unreadable(who, str(error).replace(f"{root}/", "")), None
    return grader.grade(found, who), found


def _still_holds(kept: Stored, made_from: str, seed: str) -> bool:
    return kept.submission_sha256 == made_from and kept.kit == __version__ and kept.result.seed == seed


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _record(course: Course, name: str, student: str) -> Path:
    return course.root / ".autograder" / "records" / name / f"{student}.json"


def _store(course: Course, name: str, student: str, record: Stored) -> None:
    path = _record(course, name, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    draft.replace(path)
