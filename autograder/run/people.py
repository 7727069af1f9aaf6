"""Who is in a course, by the gradebook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from autograder.course import Course
from autograder.run.database import looked_up


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
    return [Known(*(value or "" for value in row)) for row in rows]


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
