"""What the tests share: the course in this checkout, and scratch courses made from it."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from autograder.authoring import release
from autograder.course.assignment import Assignment
from autograder.course.course import CONFIG, Course
from autograder.judge import draws
from autograder.judge.grader import Grader
from autograder.judge.reference import source_of
from autograder.notebook.notebook import Notebook
from autograder.result import Result

REPO = Path(__file__).parents[1]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # by the clock, an example that waits for a busy machine is one that fails

STARTING = frozenset({"browser", "released_course"})
"""Fixtures that start other processes: a test that asks for one is slow, whether or not it says so."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--everything`, and `--day`, whose sample is taken without it."""
    parser.addoption("--everything", action="store_true", help="run the long tests, and whole ranges for samples")
    today = datetime.now(UTC).date().isoformat()
    parser.addoption("--day", default=today, help="the day whose samples are taken [today]")
    parser.addoption("--part", type=int, default=1, metavar="N", help="take samples of an N-th of their size")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which samples are taken: a test that fails names its own case, and this brings back all of them."""
    if config.getoption("everything"):
        return "everything: whole ranges in place of samples, and the long tests"
    return f"samples of {config.getoption('day')} (--day); --everything takes the whole ranges and the long tests, too"


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests and what is not of the samples; let the longest begin, each group in one process."""
    for item in items:
        if STARTING.intersection(getattr(item, "fixturenames", ())) and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.slow)
    if not config.getoption("everything"):
        everything, items[:] = items[:], taken(config, items)
        kept = set(items)
        config.hook.pytest_deselected(items=[item for item in everything if item not in kept])
    seconds: Counter[str] = Counter()
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            level = _value(item, "jail") or _value(item, "ward") or ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {level}".strip()))
        slow = item.get_closest_marker("slow")
        seconds[_group(item)] += 0 if slow is None else max([1, *slow.args])
    items.sort(key=lambda item: -seconds[_group(item)])


def taken(config: pytest.Config, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Those that `make test` runs: of a test that is marked `sample(n, by)`, n values of one parameter.

    Raises:
        pytest.UsageError: if a test has no such parameter.
    """
    ranges: defaultdict[tuple[Path, str], list[str]] = defaultdict(list)

    def of(item: pytest.Item) -> tuple[Path, str]:
        return item.path, item.name.partition("[")[0]

    for item in items:
        if mark := item.get_closest_marker("sample"):
            value = _value(item, mark.args[1])
            if value is None:
                raise pytest.UsageError(
                    f"{of(item)[1]} is sampled by {mark.args[1]}, which is no parameter of it: it would never run."
                )
            ranges[of(item)].append(value)

    kept: list[pytest.Item] = []
    chosen: dict[tuple[Path, str], set[str]] = {}
    for item in items:
        if mark := item.get_closest_marker("sample"):
            n, by = -(-mark.args[0] // config.getoption("part")), mark.args[1]
            if of(item) not in chosen:
                chosen[of(item)] = sample(f"{config.getoption('day')} {item.path.name} {by}", ranges[of(item)], n)
            if _value(item, by) not in chosen[of(item)]:
                continue
        if not item.get_closest_marker("everything"):
            kept.append(item)
    return kept


def sample(day: str, values: Collection[str], n: int) -> set[str]:
    """Some of the values, others each day; tests that are sampled from the same values have the same ones."""
    return set(random.Random(day).sample(sorted(set(values)), min(n, len(set(values)))))


@pytest.fixture
def some(request: pytest.FixtureRequest) -> Callable[[Collection[str], int], set[str]]:
    """Take n of some values, others each day; all of them if everything is to run."""
    day = f"{request.config.getoption('day')} {request.node.name}"
    whole = request.config.getoption("everything")
    return lambda values, n: set(values) if whole else sample(day, values, n)


def _value(item: pytest.Item, parameter: str) -> str | None:
    """What a test's parameter is, as a text; None if it has none of that name."""
    call = getattr(item, "callspec", None)
    return str(call.params[parameter]) if call and parameter in call.params else None


def _group(item: pytest.Item) -> str:
    """What runs in one process, one after the other: a file, or what shares one of its jails."""
    return str(next(item.iter_markers("xdist_group")).args[0])


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A copy of this checkout's course, with a secret and a gradebook of its own."""
    return copied_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def released_course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course with `mlp` released and its draw chosen: seconds, so all processes share one. Copy it to change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root = shared / "released"
    with (shared / "released.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            draft = shared / "draft"
            draft.mkdir()
            course = copied_course(draft)
            release.generate(course, "mlp")
            draws.seed(course, "mlp")
            draft.rename(root)
    return Course(root.resolve())


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


def copied(course: Course, folder: Path) -> Course:
    """A course of one's own, with all that is in another."""
    shutil.copytree(course.root, folder)
    return Course(folder.resolve())


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


def autograder(
    *arguments: str | Path, cwd: Path | None = None, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command, as a person would, with more settings in its environment."""
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    around = {**os.environ, **(settings or {})}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=600, env=around)


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser: the Chromium that is on PATH, else the one that Playwright has installed."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        yield started
        started.close()
