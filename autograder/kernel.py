"""Inside a Jupyter kernel: the last line of a grade cell gives the question's points.

This is how stock `nbgrader autograde` grades without a jail: hidden tests and student code share the kernel.
"""

from __future__ import annotations

import functools
from typing import Any

from autograder.course import Assignment, Course, find
from autograder.errors import CannotJudge
from autograder.grade import judge
from autograder.inputs import seeded
from autograder.jail.session import Session
from autograder.student import LocalStudent


def points(assignment: str, question: str, names: dict[str, Any]) -> float:
    """Judge a question in this kernel, say on stdout what was found, and give its points.

    Shapes:
        names  the kernel's globals

    Raises:
        CannotJudge: if the question can't be judged; the gradebook then asks for a manual grade.
    """
    course = _course()
    found = _assignment(course, assignment)
    asked = next(q for q in found.questions if q.id == question)
    with seeded(course.seed(assignment)):
        verdict = judge(found, asked, LocalStudent(Session(names)))
    if verdict.points is None:
        raise CannotJudge(f"{question}: {verdict.message}")
    print(verdict.in_words())
    return verdict.points


@functools.cache
def _course() -> Course:
    return find()


@functools.cache
def _assignment(course: Course, name: str) -> Assignment:
    return course.assignment(name)
