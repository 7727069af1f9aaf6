"""Broken submissions get the points of what is still there, and nobody else loses anything by them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from autograder.authoring.demo import filled
from autograder.course.course import Course
from tests.broken import BROKEN
from tests.conftest import command, copied, released

pytestmark = pytest.mark.slow(20)


def test_what_is_still_there_keeps_its_points(
    released_course: Course,
    tmp_path: Path,
    right: dict[str, str],
    some: Callable[[Collection[str], int], set[str]],
) -> None:
    """Each question whose answer is there has full marks, others have none; what can't be read has no score."""
    course = copied(released_course, tmp_path / "course")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + "\nc.BackpropKit.call_s = 4\n", "utf-8")
    whole = filled(released("mlp"), right)
    students = {re.sub(r"\W+", "-", name): BROKEN[name] for name in some(BROKEN, 10)}
    for student, broken in students.items():
        folder = course.root / "submitted" / student / "mlp"
        folder.mkdir(parents=True)
        broken.put(folder, copy.deepcopy(whole))
    honest = course.root / "submitted" / "honest" / "mlp"
    honest.mkdir(parents=True)
    (honest / "mlp.ipynb").write_text(json.dumps(whole), "utf-8")

    done = command("grade", "mlp", "--json", "--course", course.root)
    results = {result["submission"]: result for result in json.loads(done.stdout)}
    for student, broken in {**students, "honest": None}.items():
        lost, closed = (broken.lost, broken.unread or broken.refused) if broken else ((), False)
        graded = [one for one in results[student]["questions"] if one["id"] != "derivation"]
        points = {one["id"]: one["points"] for one in graded}
        assert results[student]["status"] == ("unreadable" if closed else "graded"), student
        assert points == {one["id"]: 0 if one["id"] in lost else one["max_points"] for one in graded}, student
