"""A bundle where a platform has unpacked it: one submission in, one record out.

It imports no nbgrader and no authoring: a student waits for what is imported here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
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

OWN_MIB = 420
"""Memory that the grader and an idle jail take together; 370 were measured."""

LEAST_MIB = 128
"""Memory that a notebook is given at the least; in a container that hasn't that much, the kernel ends it."""

_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Judged:
    """One submission's record, and which of its files that is of."""

    result: Result
    read: str
    """A sentence that its student may read at any time: it says nothing of an answer."""


def opened(folder: Path) -> Course:
    """The course of a bundle; a notebook is given no more memory than its container has to give."""
    course = Course(folder.resolve())
    if limit := min(_limits(), default=0):
        course.settings.memory_mib = min(course.settings.memory_mib, max((limit >> 20) - OWN_MIB, LEAST_MIB))
    return course


def _limits() -> Iterator[int]:
    """Bytes of memory that this process and the others of its container may take, as either kind of groups tells it."""
    groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines()]
    for _, controllers, own in groups:
        if controllers not in {"", "memory"}:
            continue
        file = f"{controllers}/.{{}}/memory.limit_in_bytes" if controllers else ".{}/memory.max"
        for place in (own, ""):  # a container may see its own group as the root of all
            with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
                yield int((_GROUPS / file.format(place)).read_text("ascii"))


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
