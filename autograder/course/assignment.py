"""An assignment and its questions, as the source notebook's nbgrader metadata tells them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder import notebook
from autograder.course.locations import files, questions_with_checks
from autograder.errors import CannotGrade


@dataclass(frozen=True)
class Question:
    """One graded question, as the source notebook's nbgrader metadata has it."""

    id: str
    max_points: float
    manual: bool
    """Whether a person grades it: a written answer."""
    names: tuple[str, ...]
    """The functions or classes that the student writes for it."""


class Assignment:
    """An assignment: its source notebook and its questions."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    @cached_property
    def source(self) -> notebook.Notebook:
        """The source notebook, solutions included."""
        return notebook.read(self.path)

    @cached_property
    def definitions(self) -> notebook.Definitions:
        """What the source notebook defines: the solutions, and what they rest on."""
        return notebook.Definitions(self.source)

    @cached_property
    def lesson(self) -> notebook.Lesson:
        """The source notebook's own cells: what a submission is read with."""
        return notebook.Lesson(self.source, self.names)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions in the order of the notebook; each grades what the solution cells above it define.

        Raises:
            CannotGrade: if an id occurs twice or a question has no tests.
        """
        return tuple(self._questions())

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that some question grades."""
        return tuple(name for question in self.questions for name in question.names)

    @cached_property
    def digest(self) -> str:
        """A digest of what the assignment is judged by: its source notebook, its hidden tests and its bank."""
        found = hashlib.sha256()
        for path in (self.path, *files(self.name)):
            found.update(path.name.encode() + path.read_bytes())
        return found.hexdigest()

    @property
    def max_score(self) -> float:
        """Points that the grader can give by itself."""
        return sum(question.max_points for question in self.questions if not question.manual)

    def _questions(self) -> Iterator[Question]:
        seen: set[str] = set()
        written: list[str] = []
        for cell in self.source.cells:
            if cell.nbgrader.get("solution") and not cell.nbgrader.get("grade"):
                written += [s.defines for s in self.source.statements if s.cell == cell.index and s.defines]
            if not cell.nbgrader.get("grade"):
                continue
            if cell.grade_id in seen:
                raise CannotGrade(
                    f"{self.path}: the grade_id {cell.grade_id} occurs twice. Give each question its own."
                )
            seen.add(cell.grade_id)
            manual = bool(cell.nbgrader.get("solution"))
            if not manual and cell.grade_id not in questions_with_checks(self.name):
                raise CannotGrade(
                    f"{self.path}: the question {cell.grade_id} has no hidden tests. "
                    f"Write them in autograder/assignments/{self.name}/test_{cell.grade_id}.py."
                )
            yield Question(cell.grade_id, float(cell.nbgrader["points"]), manual, () if manual else tuple(written))
            if not manual:
                written = []
