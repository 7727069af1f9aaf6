"""The totals of a class: its records, with what the gradebook holds of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autograder.course import Course
from autograder.result import Result
from autograder.run.gradebook import Book
from autograder.total import Marks, Total, total


def totals(course: Course, name: str, results: Iterable[Result]) -> list[Total]:
    """The totals of some records of an assignment.

    Raises:
        CannotGrade: if the gradebook doesn't know the assignment.
    """
    marks = _marks(course, name)
    return [total(result, marks.get(result.submission)) for result in results]


def previewed(
    course: Course, name: str, pairs: Iterable[tuple[Result | None, Result]], rehearsed: Mapping[str, Marks]
) -> list[tuple[Total | None, Total]]:
    """The totals before and after of records that are not in the gradebook yet: a person's marks are in both.

    Shapes:
        rehearsed  student -> what the gradebook would hold: see :meth:`Book.rehearsed`

    Raises:
        CannotGrade: if the gradebook doesn't know the assignment.
    """
    kept = _marks(course, name)
    return [
        (
            None if before is None else total(before, kept.get(after.submission)),
            total(after, rehearsed.get(after.submission)),
        )
        for before, after in pairs
    ]


def _marks(course: Course, name: str) -> dict[str, Marks]:
    with Book(course, course.assignment(name)) as book:
        return book.marks()
