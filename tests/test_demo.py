"""The demo: a class of made-up students, the same each time, and the README's transcript of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.authoring.demo import MARK, made_up
from autograder.course.course import Course
from tests.conftest import REPO, autograder, command, copied_course, released, sample

pytestmark = pytest.mark.slow(60)


@dataclass
class Shown:
    """What a demo of `mlp` and another lesson prints, which two these are, and where it made its own course."""

    lessons: list[str]
    folder: Path
    printed: str


@pytest.fixture(scope="module")
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A demo of two lessons, one of them another each day, in place of an older one: they show it as well as six."""
    course = copied_course(tmp_path_factory.mktemp("course"))
    kept = {"mlp"} | sample(f"{request.config.getoption('day')} demo", {*course.assignments} - {"mlp"}, 1)
    for name in {*course.assignments} - kept:
        shutil.rmtree(course.root / "source" / name)
    folder = tmp_path_factory.mktemp("demo") / "demo"
    folder.mkdir()
    for older in (MARK, "older.txt"):
        (folder / older).touch()
    return Shown(sorted(kept), folder, demo(Course(course.root), folder))


def demo(course: Course, folder: Path) -> str:
    """What a demo prints."""
    done = autograder("demo", "--into", folder, "--course", course.root)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def lessons(printed: str) -> list[str]:
    """The lessons that a demo shows with a class of nineteen."""
    return re.findall(r"^(\w+), handed in by 19 made-up students$", printed, re.M)


def test_the_readme_shows_what_the_demo_prints(shown: Shown) -> None:
    """The transcript in the README is one assignment's part of the demo's output, to the letter."""
    transcript = re.search(r"```text\n(.*?)```", (REPO / "README.md").read_text("utf-8"), re.S)
    lines = [line.rstrip() for line in shown.printed.replace(str(shown.folder), "demo").splitlines()]

    assert transcript is not None
    assert "\n".join(lines).count(transcript[1].rstrip("\n")) == 1


def test_the_class_report_has_its_plots_and_pages(shown: Shown) -> None:
    """A histogram, a bar for each question, and a page for each student."""
    folder = shown.folder / "report" / "mlp"
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


def test_a_demo_takes_an_older_ones_place(shown: Shown) -> None:
    """It shows all lessons of the course in their order, and nothing of an older demo is left."""
    assert lessons(shown.printed) == shown.lessons
    assert not (shown.folder / "older.txt").exists()


def test_a_folder_with_other_files_is_left_alone(course: Course, tmp_path: Path) -> None:
    """A demo replaces only what a demo made."""
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    refused = command("demo", "--into", tmp_path, "--course", course.root)

    assert refused.returncode == 2
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.everything
def test_a_demo_shows_every_lesson(tmp_path: Path) -> None:
    """All lessons of this checkout, in their order."""
    assert lessons(demo(Course(REPO), tmp_path / "demo")) == list(Course(REPO).assignments)
