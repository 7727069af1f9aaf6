"""The rooms of the kit: what each offers, who may go where, and what courses have written down stays true."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograder
from autograder.authoring.demo import filled
from autograder.authoring.release import generate
from autograder.course import Course
from autograder.judge import source_of
from autograder.run import Batch
from tests.conftest import REPO, released

PACKAGE = Path(autograder.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "assignments")

WAIT = {"autograder.authoring", "autograder.platforms"}
"""Rooms that offer modules: nbgrader alone takes two seconds to import, and only who needs a part waits for it."""


def imports(path: Path) -> Iterator[ast.ImportFrom]:
    """The `from autograder... import ...` of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder."):
            yield node


def test_there_are_about_ten_rooms_and_each_says_what_it_never_does() -> None:
    """A docstring says what a room is for, and sets a limit to it."""
    assert len(ROOMS) <= 10
    for room in ROOMS:
        text = importlib.import_module(f"autograder.{room}").__doc__ or ""
        assert re.search(r"\b(never|nothing|no)\b", text), room


def test_a_room_is_entered_by_its_door() -> None:
    """From outside, what is imported stands in the room's `__init__`; rooms that wait offer their modules."""
    past = []
    for path in sorted(PACKAGE.rglob("*.py")) + sorted((REPO / "benchmarks").glob("*.py")):
        own = path.relative_to(REPO).parts[1] if path.is_relative_to(PACKAGE) else ""
        for node in imports(path):
            room, _, inside = (node.module or "").removeprefix("autograder.").partition(".")
            if room in ROOMS and inside and room != own and f"autograder.{room}" not in WAIT:
                past.append(f"{path.relative_to(REPO)}:{node.lineno}")
    assert past == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_offers_is_there(room: str) -> None:
    """Every public name is listed, sorted, and can be had."""
    module = importlib.import_module(f"autograder.{room}")
    offered = getattr(module, "__all__", [])

    assert all(hasattr(module, name) for name in offered)
    assert list(offered) == sorted(offered, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_no_room_is_named_after_a_pattern() -> None:
    """A name says a subject: nobody finds anything in `utils`."""
    names = {name.rpartition(".")[2] for _, name, _ in pkgutil.walk_packages([str(PACKAGE)], "autograder.")}

    assert names.isdisjoint(
        {"utils", "util", "helpers", "helper", "common", "core", "manager", "base", "misc", "tools"}
    )


@pytest.mark.parametrize("name", sorted(autograder._MOVED))
def test_a_module_that_has_moved_says_where_to(name: str) -> None:
    """What a course imports by its old name is told in one sentence where it is now."""
    with pytest.raises(ModuleNotFoundError, match=rf"autograder\.{name} has moved: import .* from autograder\.\w+\."):
        importlib.import_module(f"autograder.{name}")


def test_what_is_not_there_is_not_said_to_have_moved() -> None:
    """A name that never was is missing, as anywhere."""
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'autograder\.nowhere'"):
        importlib.import_module("autograder.nowhere")


CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "backprop"
c.IncludeHeaderFooter.header = ""
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "autograder.plugins.NamedStubs",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateAssignment.post_convert_hook = "autograder.plugins.pack"
c.Autograde.pre_convert_hook = "autograder.plugins.save_unreadable"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["autograder.plugins.JailedExecute", "autograder.plugins.SaveResult"]
"""
"""What a course's settings name today."""


def test_what_courses_have_written_down_is_where_it_was() -> None:
    """The names in a course's settings, and the last line of a grade cell, lead where they led."""
    named = re.findall(r'"autograder\.(\w+)\.(\w+)"', CONFIG + (REPO / "nbgrader_config.py").read_text("utf-8"))
    for module, name in {*named, ("plugins", "SaveGrades"), ("kernel", "points")}:
        assert callable(getattr(importlib.import_module(f"autograder.{module}"), name))
    for name in Course(REPO).assignments:
        text = (REPO / "source" / name / f"{name}.ipynb").read_text("utf-8")
        assert set(re.findall(r"from autograder\.(\w+) import", text)) == {"kernel"}


@pytest.mark.slow
def test_a_course_of_today_still_grades(tmp_path: Path) -> None:
    """A course with the settings of 0.1.0, its source and a submission: released and graded, with all of its points.

    With a record of 0.1.0, what will be graded again is told before.
    """
    (tmp_path / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "mlp").symlink_to(REPO / "source" / "mlp")
    course = Course(tmp_path)
    generate(course, "mlp")
    assignment = course.assignment("mlp")
    answers = {name: source_of(assignment, name) for name in assignment.names}
    handed_in = tmp_path / "submitted" / "ada" / "mlp" / "mlp.ipynb"
    handed_in.parent.mkdir(parents=True)
    handed_in.write_text(json.dumps(filled(released("mlp"), answers)), encoding="utf-8")
    with Batch(course, "mlp") as run:
        (graded,) = run

    assert (graded.result.status, graded.result.score, graded.result.max_score) == ("graded", 12, 12)
    record = tmp_path / ".autograder" / "records" / "mlp" / "ada.json"
    kept = json.loads(record.read_text("utf-8")) | {"kit": "0.1.0"}
    later = {"secret", "notes", "graded"}, {"mended", "seen", "source", "hidden_tests"}
    kept = {key: value for key, value in kept.items() if key not in later[0]}
    kept["result"] = {key: value for key, value in kept["result"].items() if key not in later[1]}
    record.write_text(json.dumps(kept), encoding="utf-8")
    (told,) = Batch(course, "mlp").warnings()

    assert told.startswith("1 of these submissions were graded by backprop-kit 0.1.0. They are graded again by ")


def test_hidden_tests_import_public_names_alone() -> None:
    """Of the kit, hidden tests and the template take what `judge` and `jail` list, and cases of the kit's lessons."""
    offered = {name: {*importlib.import_module(name).__all__} for name in ("autograder.judge", "autograder.jail")}
    for path in (*PACKAGE.glob("assignments/*/*.py"), *PACKAGE.glob("authoring/template/*.py")):
        for node in imports(path):
            if node.module in offered:
                assert {name.name for name in node.names} <= offered[node.module], path
            else:
                assert re.fullmatch(r"autograder\.assignments\.\w+", node.module or ""), path


@pytest.mark.parametrize("module", ["cli", "report"])
def test_what_needs_no_torch_waits_for_none(module: str) -> None:
    """`autograder --help` answers before anything heavy is imported, and pages are made of records alone."""
    heavy = {"torch", "nbgrader"}
    script = f"import sys; import autograder.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPO)

    assert done.stdout.strip() == "[]"


@pytest.mark.slow(10)
def test_benchmarks_find_what_they_measure() -> None:
    """Each benchmark can be started: nothing that it names has moved away."""
    names = ", ".join(sorted(path.stem for path in (REPO / "benchmarks").glob("*.py")))
    command = [sys.executable, "-c", f"import {names}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO / "benchmarks")

    assert done.stderr == ""
