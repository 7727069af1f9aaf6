"""Plain pytest runs the hidden tests against the reference, or against `--submission NOTEBOOK`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import course, notebook
from autograder.jail import Student, trusting
from autograder.judge import Submission, draws, reference, seeded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--submission NOTEBOOK`."""
    parser.addoption("--submission", type=Path, help="run the hidden tests on this notebook, unjailed")


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Iterator[Student]:
    """The notebook under test, with hidden inputs drawn from the course's secret."""
    name = request.path.parent.name
    question = request.path.stem.removeprefix("test_")
    here = course.find(Path(str(request.config.rootpath)))
    with seeded(draws.seed(here, name)):
        yield _student(here.root, name, question, request.config.getoption("--submission"))


@functools.cache
def _student(root: Path, name: str, question: str, submission: Path | None) -> Student:
    assignment = course.find(root).assignment(name)
    if submission is None:
        return reference(assignment)
    asked = next(q for q in assignment.questions if q.id == question)
    return Submission(notebook.read(submission), assignment, trusting).student(asked)
