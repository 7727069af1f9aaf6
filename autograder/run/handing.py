"""Who has handed in an assignment, who no longer has, and when; and how it was graded: what stands beside results."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from autograder.course import Course
from autograder.errors import KitError
from autograder.report import About, called
from autograder.run.database import looked_up
from autograder.run.gradebook import lateness
from autograder.run.records import Stored

NAMED = 20
"""Students who are named in a sentence; of more, their number is told."""


def about(course: Course, name: str, kept: Sequence[Stored]) -> About:
    """What the gradebook, the folders and the records say of an assignment."""
    from nbgrader import api

    student, submission = api.Student.__table__, api.SubmittedAssignment.__table__

    def look(book: Any) -> tuple[set[str], Sequence[Any], datetime | None] | None:
        people = set(book.db.execute(select(student.c.id)).scalars())
        try:
            assignment = book.find_assignment(name)
        except api.MissingEntry:
            return None
        columns = submission.c.student_id, submission.c.timestamp, submission.c.extension
        rows = book.db.execute(select(*columns).where(submission.c.assignment_id == assignment.id)).all()
        return people, rows, assignment.duedate

    found = looked_up(course, look)
    if found is None:
        return About()
    people, rows, due = found
    in_book = {row.student_id for row in rows}
    there = _there(course, name)
    gone = withdrawn(course, name, in_book | {one.result.submission for one in kept})
    kept = [one for one in kept if one.result.submission not in gone]
    late = {who: over for who, at, extension in rows if who not in gone and (over := lateness(at, due, extension)) > 0}
    handed = {who: at for who, at, _ in rows if at}
    graded = {one.result.submission for one in kept}
    moments = [one.graded for one in kept if one.graded]
    return About(
        due=due,
        missing=tuple(sorted(people - in_book - graded - there - {*gone})),
        ungraded=tuple(sorted(there - graded)),
        withdrawn=gone,
        damaged=tuple(sorted(one.result.submission for one in kept if one.damaged)),
        late=dict(sorted(late.items(), key=lambda one: -one[1])),
        handed=handed,
        graded=(min(moments), max(moments)) if moments else None,
        versions=tuple(sorted({one.kit for one in kept if one.kit})),
        settings=course.settings.judging,
    )


def withdrawn(course: Course, name: str, known: Collection[str]) -> tuple[str, ...]:
    """Those of some students who were graded whose folders are no longer there, sorted.

    Nobody is, where all are gone: then `submitted/` has been put away, and not a student.
    """
    there = course.folders(name)
    return tuple(sorted({*known}.difference(there))) if there else ()


def left_out(gone: Sequence[str], name: str) -> str:
    """Say who is no longer handed in; an empty text where nobody is."""
    if not gone:
        return ""
    named = ", ".join(map(called, gone[:NAMED])) + (f" and {len(gone) - NAMED} more" if len(gone) > NAMED else "")
    return (
        f"{len(gone)} no longer handed in, and counted nowhere here: {named}. What was graded stays in the gradebook; "
        f"it counts again once the folder submitted/<student>/{name} is back."
    )


def unread(kept: Sequence[Stored], name: str) -> str:
    """Say whose records can't be read, and what to do; an empty text where all can."""
    who = [one.result.submission for one in kept if one.damaged]
    if not who:
        return ""
    named = ", ".join(map(called, who[:NAMED])) + (f" and {len(who) - NAMED} more" if len(who) > NAMED else "")
    return f"{len(who)} with a record that can't be read: {named}. Grade them again: autograder grade {name}"


def _there(course: Course, name: str) -> set[str]:
    with contextlib.suppress(KitError):  # nobody has handed anything in
        return {*course.students(name)}
    return set()
