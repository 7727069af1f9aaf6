"""Pages as files: each is replaced in one step, so that whoever reads meanwhile sees the old page or the new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder import private
from autograder.report.about import About
from autograder.report.journey import Lesson, course_page, own_ways
from autograder.report.overview import class_page
from autograder.report.page import student_page
from autograder.report.words import page_name
from autograder.result import Result
from autograder.watch import Watch, unwatched


def write(
    results: Sequence[Result],
    folder: Path,
    assignment_title: str = "",
    watch: Watch = unwatched,
    about: About | None = None,
    lessons: Sequence[Lesson] = (),
) -> Path:
    """Write `index.html` and a page for each student, the index last, and return the path of the first.

    With several lessons, each student's page shows their way through them.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    title = assignment_title or (results[0].assignment if results else "No assignment")
    index = class_page(results, title, about)
    way = own_ways(lessons) if len(lessons) > 1 else {}
    for result in watch(results, "pages"):
        own = way.get(result.submission, ((), ()))
        private.write(folder / "students" / page_name(result.submission), student_page(result, title, about, *own))
    private.write(folder / "index.html", index)
    return folder / "index.html"


def write_course(title: str, lessons: Sequence[Lesson], folder: Path) -> Path:
    """Write the page of a course beside the folders of its assignments, and return its path."""
    private.write(folder / "index.html", course_page(title, lessons))
    return folder / "index.html"
