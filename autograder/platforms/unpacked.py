"""A bundle where a platform has unpacked it: one submission in, one record out.

It imports no nbgrader and no authoring: a student waits for what is imported here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from autograder.budget import Budget
from autograder.course import Course, lying, meant, others
from autograder.errors import CannotGrade
from autograder.jail import Opener
from autograder.judge import Grader, Grading, draws
from autograder.result import Result
from autograder.visible import one_line

AGAIN = "submit again"
"""What somebody is to do whose files can't be judged."""


@dataclass(frozen=True)
class Judged:
    """One submission's record, and which of its files that is of."""

    result: Result
    read: str
    """A sentence that its student may read at any time: it says nothing of an answer."""


def name_of(course: Course) -> str:
    """The one assignment of a bundle's course.

    Raises:
        CannotGrade: if the bundle has lost its parts.
    """
    if len(course.assignments) != 1:
        raise CannotGrade(
            f"{course.root} has {len(course.assignments)} assignments, and a bundle has one. Make it anew."
        )
    return course.assignments[0]


def judged(course: Course, folder: Path, opener: Opener) -> Judged:
    """Judge what was handed in.

    Shapes:
        folder  what the platform has put there: a notebook or a script, whatever its name, and what lies beside it

    Raises:
        CannotGrade: if the bundle itself is at fault.
    """
    name = name_of(course)
    asked, path = course.assignment(name), meant(folder, name)
    grading = _graded(Grader(asked, draws.seed(course, name), opener, course.settings), folder, path)
    message = grading.result.message.replace(f"{folder}/", "")
    if grading.notebook is None:
        return Judged(grading.result.model_copy(update={"message": message}), message)
    who, expected = grading.result.submission, f"{name}.ipynb"
    read = f"{who} was read." if who == expected else f"There is no {expected}; {who} was read instead."
    return Judged(grading.result.model_copy(update={"message": message}), read)


def _graded(grader: Grader, folder: Path, path: Path) -> Grading:
    who = one_line(str(path.relative_to(folder)))
    if not os.path.lexists(path):
        return grader.unreadable(who, lying(folder, AGAIN))
    if path.is_symlink() or not path.is_file():
        return grader.unreadable(who, f"{who} is no plain file, so it was not opened. Put the notebook itself there.")
    budget = Budget(grader.settings.submission_s)
    grading = grader.grade_file(path, who, budget=budget)
    if any(question.status == "no_answer" for question in grading.result.questions) and (near := others(path)):
        grading = grader.grade_file(path, who, near, budget)
    return grading
