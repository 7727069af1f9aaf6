"""An assignment and its questions, as the source notebook's nbgrader metadata tells them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder import notebook
from autograder.course import kit
from autograder.course.hidden_tests import HiddenTests
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

    def __init__(self, name: str, path: Path, tests: HiddenTests, root: Path) -> None:
        self.name, self.path, self.tests = name, path, tests
        self._root = root

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
            CannotGrade: if an id occurs twice, a question has no tests, or a source and tests that don't lie in one
                place, the course or the kit, have different questions.
        """
        found = tuple(self._questions())
        asked, tested = {question.id for question in found if not question.manual}, {*self.tests.questions}
        if tested and asked != tested and self._source_of_the_kit != self.tests.of_the_kit:
            raise self._differ(asked - tested, tested - asked)
        if untested := sorted(asked - tested):
            files = " and ".join(self.where(f"test_{question}.py") for question in untested)
            one = len(untested) == 1
            raise CannotGrade(
                f"{self.path}: the question{'' if one else 's'} {' and '.join(untested)} {'has' if one else 'have'} no "
                f"hidden tests. Write them in {files}."
            )
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that some question grades."""
        return tuple(name for question in self.questions for name in question.names)

    @cached_property
    def digest(self) -> str:
        """A digest of what the assignment is judged by: its source notebook, its hidden tests and its bank."""
        return hashlib.sha256(self.path.read_bytes() + self.tests.digest.encode()).hexdigest()

    @property
    def places(self) -> tuple[str, str]:
        """Where its source and its hidden tests were found: below the course's folder, or in the kit."""
        return self._place(self.path), self._place(self.tests.folder)

    def where(self, file: str = "") -> str:
        """Where its hidden tests lie, or a file beside them, for a sentence to a person who is to change it."""
        path = self.tests.folder / file
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

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
            yield Question(cell.grade_id, float(cell.nbgrader["points"]), manual, () if manual else tuple(written))
            if not manual:
                written = []

    def _place(self, path: Path) -> str:
        if path.is_relative_to(self._root):
            return str(path.relative_to(self._root))
        if path.is_relative_to(kit.SOURCES) or path.is_relative_to(kit.HOME):
            return kit.place(path)
        return str(path)  # c.BackpropKit.hidden_tests may name any folder

    @property
    def _source_of_the_kit(self) -> bool:
        return self.path.is_relative_to(kit.SOURCES)

    def _differ(self, untested: set[str], unasked: set[str]) -> CannotGrade:
        source, tests = self.places
        parts = [f"no hidden tests for {', '.join(sorted(untested))}"] if untested else []
        parts += [f"tests for {', '.join(sorted(unasked))}, which no question asks for"] if unasked else []
        files = " and ".join(f"test_{question}.py" for question in sorted(untested))
        return CannotGrade(
            f"{source} and the hidden tests don't belong together: {tests} has {' and '.join(parts)}. To have both in "
            f"your course, and change them together: autograder copy {self.name}"
            + (f"; then write {files} there." if files else "")
        )
