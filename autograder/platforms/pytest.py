"""Plain pytest on hidden tests: a course's and the kit's, against the reference or `--submission NOTEBOOK`, unjailed.

They are imported as the grader imports them; nothing else of a course is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from autograder import notebook
from autograder.course import CONFIG, HOME, Course, find, hidden_tests, near
from autograder.errors import KitError
from autograder.jail import Student, trusting
from autograder.judge import Submission, draws, module, reference, seeded

HANDED_IN = ("submitted", "autograded", "feedback", "release")
"""Folders of a course in which nobody looks for tests: what lies there was written by students, or for them."""


class HiddenTestsRun:
    """A run of pytest that was started in a course, or told of one.

    Shapes:
        here  the folder that pytest was started in
    """

    def __init__(self, here: Path) -> None:
        self._here = here

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Add `--submission NOTEBOOK`."""
        parser.addoption("--submission", type=Path, help="run the hidden tests on this notebook, without a jail")

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Pass over what students have handed in: pytest would import it."""
        return True if collection_path.name in HANDED_IN and (collection_path.parent / CONFIG).is_file() else None

    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Take a folder of hidden tests for a folder: as a package, pytest would import it by another name."""
        found: pytest.Collector | None = pytest.Dir.from_parent(parent, path=path) if self._hidden(path) else None
        return found

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """Import a file of hidden tests as the grader does."""
        found: pytest.Module | None = (
            _Module.from_parent(parent, path=module_path) if self._hidden(module_path.parent) else None
        )
        return found

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Iterator[Student]:
        """The notebook under test, with hidden inputs drawn from the course's secret."""
        folder, question = request.path.parent, request.path.stem.removeprefix("test_")
        try:
            here = self._course(folder)
            student = _student(here.root, folder.name, question, request.config.getoption("--submission"))
            seed = draws.seed(here, folder.name)
        except KitError as error:
            pytest.fail(str(error), pytrace=False)
        with seeded(seed):
            yield student

    def _hidden(self, folder: Path) -> bool:
        """Whether a folder holds the hidden tests of an assignment."""
        if folder.parent == HOME:
            return True
        root = _course_above(folder)
        return root is not None and folder.parent == root / _course(root).settings.hidden_tests

    def _course(self, folder: Path) -> Course:
        """The course that a folder of hidden tests lies in; for the kit's own that lie in none, the one around here."""
        return _course(_course_above(folder) or find(self._here).root)


class _Module(pytest.Module):
    """A file of hidden tests."""

    def _getobj(self) -> ModuleType:
        try:
            return module(hidden_tests(self.path.parent), self.path.stem)
        except KitError as error:
            raise self.CollectError(str(error)) from None


_course_above = functools.cache(near)


@functools.cache
def _course(root: Path) -> Course:
    return Course(root)


@functools.cache
def _student(root: Path, name: str, question: str, submission: Path | None) -> Student:
    assignment = _course(root).assignment(name)
    if submission is None:
        return reference(assignment)
    asked = next(q for q in assignment.questions if q.id == question)
    return Submission(notebook.read(submission), assignment, trusting).student(asked)
