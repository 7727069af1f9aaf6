"""What the tests share: the course in this checkout, and scratch courses made from it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autograder.course.assignment import Assignment
from autograder.course.course import CONFIG, Course
from autograder.judge.grader import Grader
from autograder.judge.reference import source_of
from autograder.judge.result import Result
from autograder.notebook.notebook import Notebook

REPO = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--everything`, and `--day`, whose sample is taken without it."""
    parser.addoption("--everything", action="store_true", help="run the long tests, and whole ranges for samples")
    today = datetime.now(UTC).date().isoformat()
    parser.addoption("--day", default=today, help="the day whose samples are taken [today]")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which samples are taken: a test that fails names its own case, and this brings back all of them."""
    if config.getoption("everything"):
        return "everything: whole ranges in place of samples, and the long tests"
    return f"samples of {config.getoption('day')} (--day); --everything takes the whole ranges and the long tests, too"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests, and of each test that is marked `sample(n, by)` all but n values of one parameter.

    Tests of one file that are sampled by the same parameter keep the same values of it.
    """
    if config.getoption("everything"):
        return
    chosen: dict[tuple[str, str], set[str]] = {}

    def is_taken(item: pytest.Item) -> bool:
        if item.get_closest_marker("everything"):
            return False
        mark = item.get_closest_marker("sample")
        if mark is None:
            return True
        n, by = mark.args
        at = str(item.path), by
        if at not in chosen:
            values = sorted({_value(other, by) for other in items if other.path == item.path} - {""})
            numbers = random.Random(f"{config.getoption('day')} {item.path.name} {by}")
            chosen[at] = set(numbers.sample(values, min(n, len(values))))
        return _value(item, by) in chosen[at]

    taken = [is_taken(item) for item in items]
    config.hook.pytest_deselected(items=[item for item, stays in zip(items, taken, strict=True) if not stays])
    items[:] = [item for item, stays in zip(items, taken, strict=True) if stays]


def _value(item: pytest.Item, parameter: str) -> str:
    """What a test's parameter is, as a text; empty if it has none of that name."""
    call = getattr(item, "callspec", None)
    return "" if call is None else str(call.params.get(parameter, ""))


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A copy of this checkout's course, with a secret and a gradebook of its own."""
    return copied_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def mlp(course: Course) -> Assignment:
    """The assignment `mlp`."""
    return course.assignment("mlp")


@pytest.fixture
def graded(course: Course, mlp: Assignment) -> Callable[[Mapping[str, Any]], Result]:
    """Grade a notebook's content."""
    grader = Grader(mlp, course.seed("mlp"))
    return lambda content: grader.grade(Notebook(dict(content)), "made up").result


@pytest.fixture(scope="session")
def right(mlp: Assignment) -> dict[str, str]:
    """The reference's source of every graded function."""
    return {name: source_of(mlp, name) for name in mlp.names}


def copied_course(folder: Path) -> Course:
    """Copy nbgrader_config.py and source/ into an empty folder."""
    shutil.copy(REPO / CONFIG, folder)
    shutil.copytree(REPO / "source", folder / "source")
    secret = folder / ".autograder" / "secret"  # the same each time: a test that fails by chance tells nothing
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("5ec7e7" * 8, encoding="ascii")
    return Course(folder.resolve())


def notebook_of(*sources: str, **metadata: Any) -> dict[str, Any]:
    """A notebook of code cells, without any of the course's cells."""
    cells = [
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for source in sources
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


def answering(right: Mapping[str, str], **instead: str) -> dict[str, Any]:
    """A notebook with the reference's functions, some of them replaced by other text."""
    return notebook_of("import torch", *{**right, **instead}.values())


def autograder(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command, as a person would."""
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=600)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process: the same, without the seconds that its imports take."""
    from autograder import cli

    out, err, code = io.StringIO(), io.StringIO(), 0
    words = ["autograder", *map(str, arguments)]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        try:
            cli.run()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def shell(command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run another program, and show what it said if it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


@functools.cache
def released(assignment: str) -> dict[str, Any]:
    """The committed release of an assignment."""
    found: dict[str, Any] = json.loads((REPO / "release" / assignment / f"{assignment}.ipynb").read_text("utf-8"))
    return found
