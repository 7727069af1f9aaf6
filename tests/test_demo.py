"""The demo: a class of made-up students, the same each time, and the README's transcript of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from autograder.course.course import Course
from autograder.lesson.demo import made_up
from tests.conftest import REPO, autograder, copied_course, released

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo prints, and where it made its course."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    done = autograder("demo", "--into", folder, "--course", REPO)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done.stdout, folder


def test_the_readme_shows_what_the_demo_prints(shown: tuple[str, Path]) -> None:
    """The transcript in the README is one assignment's part of the demo's output, to the letter."""
    printed, folder = shown
    transcript = re.search(r"```text\n(.*?)```", (REPO / "README.md").read_text("utf-8"), re.S)
    lines = [line.rstrip() for line in printed.replace(str(folder), "demo").splitlines()]

    assert transcript is not None
    assert "\n".join(lines).count(transcript[1].rstrip("\n")) == 1
    assert [line for line in lines if line.endswith("made-up students")] == [
        f"{name}, handed in by 19 made-up students" for name in Course(REPO).assignments
    ]


def test_the_class_report_has_its_plots_and_pages(shown: tuple[str, Path]) -> None:
    """A histogram, a bar for each question, and a page for each student."""
    folder = shown[1] / "report" / "mlp"
    page = (folder / "index.html").read_text("utf-8")

    assert page.count("<svg") >= 3
    assert len(list((folder / "students").glob("*.html"))) == 19


def test_a_class_is_right_wrong_unfinished_and_broken(course: Course) -> None:
    """At least twelve students, of every kind, and the same ones each time."""
    assignment = course.assignment("mlp")
    first, again = (made_up(assignment, released("mlp")) for _ in range(2))
    stories = " ".join(student.story for student in first)

    assert first == again
    assert len(first) >= 12
    for word in ("right", "mistake", "half way", "syntax error", "released", "another service", "breaks off"):
        assert word in stories


def test_a_demo_replaces_only_what_a_demo_made(tmp_path: Path) -> None:
    """A second demo takes the first one's place; a folder with other files is left alone."""
    (tmp_path / "course").mkdir()
    course = copied_course(tmp_path / "course")
    for name in set(course.assignments) - {"mlp"}:  # one lesson shows it as well as six
        shutil.rmtree(course.root / "source" / name)
    first, again = (autograder("demo", "--into", tmp_path / "demo", "--course", course.root) for _ in range(2))
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    refused = autograder("demo", "--into", tmp_path, "--course", course.root)

    assert first.returncode == again.returncode == 0
    assert first.stdout == again.stdout
    assert refused.returncode == 2
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"
