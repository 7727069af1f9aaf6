"""The solved lesson: all answers, nothing of the grader's, and by no mistake before everybody's time is over."""

from __future__ import annotations

import contextlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.authoring import solved
from autograder.course import Course, find
from autograder.errors import CannotGrade
from autograder.judge import Grader, source_of
from autograder.notebook import Notebook
from tests.conftest import REPO, command, copied, copied_course

NOW = datetime.now(UTC).replace(tzinfo=None)
DAY = timedelta(days=1)


def solution(course: Course, name: str) -> dict[str, Any]:
    """The solved notebook of a lesson."""
    content: dict[str, Any] = json.loads((solved.generate(course, name) / f"{name}.ipynb").read_text("utf-8"))
    return content


@pytest.mark.slow(3)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", find(REPO).assignments)
def test_a_solved_lesson_has_every_answer_and_nothing_of_the_graders(name: str, tmp_path: Path) -> None:
    """Code and written answers stand in it; hidden tests, marking schemes and marks of regions don't."""
    course = copied_course(tmp_path)
    assignment = course.assignment(name)
    content = solution(course, name)
    text = "\n".join("".join(cell["source"]) for cell in content["cells"])
    result = Grader(assignment, course.seed(name)).grade(Notebook(content), "solved").result
    manual = [q.id for q in assignment.questions if q.manual]
    written = {cell["id"]: "".join(cell["source"]) for cell in content["cells"] if cell["id"] in manual}

    nbformat.validate(nbformat.from_dict(content))
    assert (result.score, result.max_score) == (assignment.max_score, assignment.max_score)
    for word in ("### BEGIN", "### END", "autograder", "Marking scheme", 'yours to write")'):
        assert word not in text
    assert set(written) == set(manual)
    assert all(len(answer) > 400 for answer in written.values())
    assert not [cell["id"] for cell in content["cells"] if "nbgrader" in cell["metadata"] or cell.get("outputs")]
    assert (tmp_path / "solutions" / name / "data_utils" / "checks.py").exists()
    assert next(cell["id"] for cell in content["cells"] if cell["cell_type"] == "code") == "release-start"
    assert source_of(assignment, assignment.names[0]).strip().split("\n")[-1] in text


def test_a_region_without_an_end_is_told(tmp_path: Path) -> None:
    """A hidden test that never ends is not taken for the end of the lesson."""
    course = copied_course(tmp_path)
    path = course.root / "source" / "mlp" / "mlp.ipynb"
    content = json.loads(path.read_text("utf-8"))
    content["cells"][2]["source"] = "### BEGIN HIDDEN TESTS\nassert True"
    path.write_text(json.dumps(content))

    with pytest.raises(CannotGrade, match=r"mlp\.ipynb can't be solved: .*hidden tests"):
        solved.generate(course, "mlp")


@pytest.fixture(scope="module")
def dated(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A released course of its own, in which due dates are set."""
    return copied(released_course, tmp_path_factory.mktemp("dated") / "course")


def due(course: Course, at: datetime | None, extension: timedelta | None = None) -> None:
    """Set when `mlp` is due, and the extension that ada has."""
    with contextlib.closing(Gradebook(f"sqlite:///{course.root / 'gradebook.db'}", "backprop")) as book:
        book.update_or_create_assignment("mlp", duedate=at)
        book.update_or_create_student("ada")
        with book.db.no_autoflush:
            book.update_or_create_submission("mlp", "ada", extension=extension)


CASES = {
    "due tomorrow": (NOW + DAY, None, 2, "Students still have time, extensions included: mlp until "),
    "due yesterday, with two more days for ada": (NOW - DAY, 2 * DAY, 2, "Students still have time"),
    "due yesterday": (NOW - DAY, None, 0, ""),
    "due yesterday, with an hour more for ada": (NOW - DAY, timedelta(hours=1), 0, ""),
    "no due date": (None, None, 0, "nbgrader has no due date for mlp"),
}


@pytest.mark.slow(5)
@pytest.mark.parametrize("case", CASES)
def test_before_the_due_date_it_asks_to_be_told_twice(case: str, dated: Course) -> None:
    """Nothing is written the first time while a student has time; told twice, it is made; afterwards, once will do."""
    at, extension, code, said = CASES[case]
    due(dated, at, extension)
    folder = dated.root / "solutions"
    done = command("release", "mlp", "--solutions", "--course", dated.root)

    assert (done.returncode, folder.exists()) == (code, code == 0), done.stderr
    assert said in done.stderr
    if code:
        assert "give the option twice: autograder release --solutions --solutions" in done.stderr
        twice = command("release", "mlp", "--solutions", "--solutions", "--course", dated.root)
        assert (twice.returncode, (folder / "mlp" / "mlp.ipynb").exists()) == (0, True)
    shutil.rmtree(folder)
