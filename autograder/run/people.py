"""Who is in a course, by the gradebook."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from autograder.course import Course
from autograder.report import called
from autograder.run.database import looked_up, text_in

_FIELDS = ("id", "first_name", "last_name", "email", "lms_user_id")
"""Of a student in nbgrader's gradebook."""

_OPTIONS = ("--first-name", "--last-name", "--email", "--lms-user-id")
"""Of the command that sets them: it empties those that it isn't given."""


@dataclass(frozen=True)
class Known:
    """A student in nbgrader's gradebook; what it doesn't know is empty."""

    student: str
    first: str = ""
    last: str = ""
    email: str = ""
    number: str = ""
    """The student's number in the course's LMS."""


def people(course: Course) -> list[Known]:
    """The students that the gradebook knows, sorted by their id."""
    from nbgrader import api

    table = api.Student.__table__
    columns = table.c.id, table.c.first_name, table.c.last_name, table.c.email, table.c.lms_user_id
    rows = looked_up(course, lambda book: book.db.execute(select(*columns).order_by(table.c.id)).all())
    return [Known(*(_field(row[0], name, value) for name, value in zip(_FIELDS, row, strict=True))) for row in rows]


def _field(student: Any, name: str, value: Any) -> str:
    who = called(str(student))
    command = " ".join(["nbgrader db student add", shlex.quote(who), *(f"{option}=..." for option in _OPTIONS)])
    way = f"Put it right, and give all of them at once, for it empties the others: {command}"
    return text_in(value, f"{name} of the student {who}", way)


def moments(course: Course, name: str) -> dict[str, datetime | None]:
    """When students handed in an assignment, in UTC, as the gradebook has it; None where it doesn't know."""
    from nbgrader import api

    submission, assignment = api.SubmittedAssignment.__table__, api.Assignment.__table__
    query = (
        select(submission.c.student_id, submission.c.timestamp)
        .join(assignment, submission.c.assignment_id == assignment.c.id)
        .where(assignment.c.name == name)
    )
    return looked_up(course, lambda book: dict(book.db.execute(query).tuples().all()))
