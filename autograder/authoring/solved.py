"""The solved lesson, for after the deadline: a lesson with its answers, without hidden tests and marking schemes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from autograder.authoring import release, start
from autograder.course import Course
from autograder.errors import CannotGrade
from autograder.run import due

HANDOUT = """\
# {name}, solved

Each answer is one of many correct ones. Open `{name}.ipynb` in Jupyter and run it from top to bottom; it needs
`torch`, `numpy` and `matplotlib`, and the folder `data_utils` beside it.
"""

_MARKING = re.compile(r"^[ \t]*(?:#+ *|\*\*)Marking scheme\b.*", re.MULTILINE | re.DOTALL)
"""A written answer's scheme, to the end of the answer."""


def early(course: Course, names: Iterable[str]) -> str:
    """Say for which lessons students still have time, as nbgrader's gradebook has it; nothing if for none."""
    now = datetime.now(UTC).replace(tzinfo=None)
    waits = {name: at for name in names if (at := due(course, name)) and at > now}
    if not waits:
        return ""
    listed = ", ".join(f"{name} until {at:%Y-%m-%d %H:%M} UTC" for name, at in waits.items())
    return f"Students still have time, extensions included: {listed}. Whoever gets the solved lesson has the answers."


def generate(course: Course, name: str) -> Path:
    """Make `solutions/<name>/`: the solved notebook, and what it needs.

    Raises:
        CannotGrade: if a region of the source notebook has no end.
    """
    content = nbformat.read(course.assignment(name).path, as_version=4)
    folder = course.root / "solutions" / name
    shutil.rmtree(folder, ignore_errors=True)
    release.pack(folder)
    (folder / "README.md").write_text(HANDOUT.format(name=name), encoding="utf-8")
    nbformat.write(_solved(content, course, name), folder / f"{name}.ipynb")
    return folder


def _solved(content: Any, course: Course, name: str) -> Any:
    """A source notebook's content without what is the grader's and the marker's; no cell is nbgrader's any more."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearOutput, ClearSolutions

    config = course.config
    marks = ClearSolutions(config=config)
    steps = [
        ClearHiddenTests(config=config, enforce_metadata=False),
        ClearMarkScheme(config=config, enforce_metadata=False),
        ClearOutput(config=config),
    ]
    content.cells = [cell for cell in content.cells if not _is_for_grading(cell)]
    try:
        for step in steps:
            content, _ = step.preprocess(content, {})
    except RuntimeError as error:
        raise CannotGrade(f"{course.assignment(name).path} can't be solved: {error}.") from None
    for cell in content.cells:
        lines = [
            line
            for line in cell.source.split("\n")
            if marks.begin_solution_delimeter not in line and marks.end_solution_delimeter not in line
        ]
        cell.source = _without_scheme("\n".join(lines), cell.metadata.pop("nbgrader", {}))
    start.find_data_utils(content, course)
    return content


def _without_scheme(source: str, nbgrader: dict[str, Any]) -> str:
    """A written answer without the scheme that it is marked by."""
    return _MARKING.sub("", source).rstrip() if nbgrader.get("grade") and nbgrader.get("solution") else source


def _is_for_grading(cell: Any) -> bool:
    """Whether a cell is there to be graded, and holds nothing of the student's."""
    nbgrader = cell.metadata.get("nbgrader", {})
    return bool(nbgrader.get("grade")) and not nbgrader.get("solution")
