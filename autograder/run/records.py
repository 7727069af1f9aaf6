"""The last result of every submission, on disk beside the course: what a run goes on from, and reports are made of."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from autograder import private
from autograder.course import Course
from autograder.errors import CannotGrade, UsageError, nearest
from autograder.record import Record
from autograder.result import Result

NAMED = 20
"""Students who are named to whoever asks for one who is not there."""


class Stored(Record):
    """A result on disk, with what it was made from: if that is still the same, it need not be made again."""

    submission_sha256: str
    kit: str
    rules: str = ""
    """A digest of what it was judged by: the source notebook, its hidden tests, its bank, and the course's settings."""
    secret: str = ""
    """A digest of the secret that its hidden inputs were drawn from; empty in records of 0.2.0 and before."""
    notes: tuple[str, ...] = ()
    """What there was to say about the folder that it was handed in with."""
    graded: datetime | None = None
    """When, in UTC; None in records of 0.2.0 and before."""
    result: Result

    @property
    def damaged(self) -> bool:
        """Whether this stands in for a record that can't be read: no version of the kit has made it."""
        return not self.kit


def stored(course: Course, name: str, student: str) -> Stored | None:
    """The last result of a student, if there is one that can be read: one about something else can't be."""
    try:
        found = Stored.model_validate_json(_record(course, name, student).read_bytes())
    except (OSError, ValidationError):
        return None
    if not found.kit or (found.result.assignment, found.result.submission) != (name, student):
        return None
    return found.model_copy(update={"result": found.result.shared()})


def kept(course: Course, name: str, student: str) -> Stored | None:
    """The last result of a student; where it can't be read, one that says so: nobody who was graded is left out."""
    if not os.path.lexists(_record(course, name, student)):
        return None
    return stored(course, name, student) or _stand_in(course, name, student)


def _stand_in(course: Course, name: str, student: str) -> Stored:
    message = (
        "The record of this submission can't be read, and nothing is lost. "
        f"Whoever runs the course can have it graded again: autograder grade {name}"
    )
    most = course.assignment(name).max_score
    result = Result(
        assignment=name,
        submission=student,
        score=0,
        max_score=most,
        status="grader_error",
        message=message,
        jail="none",
    )
    return Stored(submission_sha256="", kit="", result=result)


class JudgedBy(NamedTuple):
    """What a record was made with, beside the submission."""

    kit: str
    rules: str
    secret: str


def judged_by(course: Course, name: str, student: str) -> JudgedBy | None:
    """What the last record of a student was made with, if there is one: much less than the record."""
    try:
        found = json.loads(_record(course, name, student).read_bytes())
        made_with = JudgedBy(str(found["kit"]), str(found.get("rules", "")), str(found.get("secret", "")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return made_with if made_with.kit else None


def results(course: Course, name: str, student: str | None = None) -> list[Result]:
    """The last results of an assignment, sorted by student: see :func:`records`."""
    return [one.result for one in records(course, name, student)]


def records(course: Course, name: str, student: str | None = None) -> list[Stored]:
    """The last results of an assignment with what they were made from, sorted by student; see :func:`kept`.

    Raises:
        CannotGrade: if there are none yet.
        UsageError: if nothing of this student has been graded.
    """
    students = recorded(course, name)
    if student is not None and students:
        if student not in students:
            more = f" and {len(students) - NAMED} more" if len(students) > NAMED else ""
            there = f"Graded so far: {', '.join(students[:NAMED])}{more}."
            raise UsageError(f"Nothing by {student} has been graded in {name}. {there}{nearest(student, students)}")
        students = [student]
    found = [last for who in students if (last := kept(course, name, who))]
    if not found:
        raise CannotGrade(f"No submission of {name} has been graded yet. Grade it first: autograder grade {name}")
    return found


def recorded(course: Course, name: str) -> list[str]:
    """Those of whose submissions there is a record, sorted."""
    return sorted(path.stem for path in _record(course, name, "x").parent.glob("*.json"))


def graded(course: Course) -> tuple[str, ...]:
    """The assignments of a course of which something has been graded, sorted."""
    return tuple(name for name in course.assignments if any(_record(course, name, "x").parent.glob("*.json")))


def _record(course: Course, name: str, student: str) -> Path:
    return course.root.joinpath(".autograder", "records", name, f"{student}.json")


def store(course: Course, name: str, student: str, record: Stored) -> None:
    """Write a student's last result: as a whole, or not at all."""
    private.write(_record(course, name, student), record.model_dump_json(indent=1))
