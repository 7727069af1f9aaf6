"""Who has handed in an assignment, and when; and how it was graded: what a page says beside the results."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from autograder.course import Course
from autograder.errors import KitError
from autograder.report import About
from autograder.run.database import looked_up
from autograder.run.gradebook import lateness
from autograder.run.records import Stored


def about(course: Course, name: str, kept: Sequence[Stored]) -> About:
    """What the gradebook, the folders and the records say of an assignment."""
    from nbgrader import api

    student, submission = api.Student.__table__, api.SubmittedAssignment.__table__

    def look(book: Any) -> tuple[set[str], Sequence[Any], datetime | None] | None:
        everybody = set(book.db.execute(select(student.c.id)).scalars())
        try:
            assignment = book.find_assignment(name)
        except api.MissingEntry:
            return None
        columns = submission.c.student_id, submission.c.timestamp, submission.c.extension
        rows = book.db.execute(select(*columns).where(submission.c.assignment_id == assignment.id)).all()
        return everybody, rows, assignment.duedate

    found = looked_up(course, look)
    if found is None:
        return About()
    everybody, rows, due = found
    late = {who: over for who, at, extension in rows if (over := lateness(at, due, extension)) > 0}
    handed = {who: at for who, at, _ in rows if at}
    graded = {one.result.submission for one in kept}
    there: set[str] = set()
    with contextlib.suppress(KitError):  # nobody has handed anything in
        there = {*course.students(name)}
    moments = [one.graded for one in kept if one.graded]
    return About(
        due=due,
        missing=tuple(sorted(everybody - {row.student_id for row in rows} - graded - there)),
        ungraded=tuple(sorted(there - graded)),
        late=dict(sorted(late.items(), key=lambda one: -one[1])),
        handed=handed,
        graded=(min(moments), max(moments)) if moments else None,
        versions=tuple(sorted({one.kit for one in kept if one.kit})),
        settings=course.settings.judging,
    )
