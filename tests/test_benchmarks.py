"""The courses that the benchmarks compare can still be made: a lesson that grows must not leave them behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from autograder.authoring.demo import filled
from autograder.course.course import Course
from tests.conftest import REPO, command

pytestmark = [pytest.mark.slow, pytest.mark.everything]


def test_an_honest_notebook_has_full_marks_in_the_course_of_the_benchmarks(
    tmp_path: Path, course: Course, right: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The six questions that stock nbgrader gets, too, are released, handed in and graded."""
    monkeypatch.syspath_prepend(str(REPO / "benchmarks"))
    import baselines

    baselines.kit_course(Course(REPO), tmp_path)
    released = json.loads((tmp_path / "release/mlp/mlp.ipynb").read_text("utf-8"))
    baselines.write(tmp_path / "submitted/honest/mlp/mlp.ipynb", filled(released, right))
    (result,) = json.loads(command("grade", "mlp", "--json", "--course", tmp_path).stdout)

    assert (result["score"], result["max_score"]) == (10, 10)
    del sys.modules["baselines"]


@pytest.mark.parametrize("name", Course(REPO).assignments)
def test_the_class_of_a_lesson_is_made_of_right_and_wrong_students(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven of ten have full marks, and three haven't: what the benchmarks expect of every grader."""
    monkeypatch.syspath_prepend(str(REPO / "benchmarks"))
    import baselines

    classes = baselines.lesson(Course(REPO), tmp_path, name, mistaken=3)
    made = classes.course("kit", 10)
    command("grade", name, "--course", made)

    assert baselines.full_marks(made) == list(classes.right)
    del sys.modules["baselines"]
