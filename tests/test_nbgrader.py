"""Stock nbgrader and `autograder grade` on the same course: the same scores, comments and flags."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder import batch, release
from autograder.course import Course
from autograder.demo import made_up
from tests.conftest import copied_course, notebook_of, released, shell

STORIES = (
    "right, in another form",
    "one mistake in the second function",
    "one mistake in the last function",
    "stopped half way",
    "a syntax error in the last cell",
    "handed in what was released",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A released course with six submissions of `mlp`."""
    course = copied_course(tmp_path_factory.mktemp("handed-in"))
    release.generate(course, "mlp")
    for student in made_up(course.assignment("mlp"), released("mlp")):
        if student.story in STORIES:
            folder = course.root / "submitted" / student.name / "mlp"
            folder.mkdir(parents=True)
            (folder / "mlp.ipynb").write_text(json.dumps(student.notebook), encoding="utf-8")
            (folder / "timestamp.txt").write_text("2026-11-01 12:00:00 UTC", encoding="utf-8")
    return course


def rows(course: Course, student: str | None = None) -> dict[tuple[str, str], tuple[object, ...]]:
    """(student, cell) -> the scores, comments and flags that the gradebook holds."""
    found: dict[tuple[str, str], tuple[object, ...]] = {}
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        for submission in book.assignment_submissions("mlp"):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    key = (submission.student.id, grade.name)
                    found[key] = (grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade)
                for comment in notebook.comments:
                    found[submission.student.id, f"comment on {comment.name}"] = (comment.auto_comment,)
            found[submission.student.id, ""] = (submission.score, submission.max_score, str(submission.timestamp))
    return {key: row for key, row in found.items() if student in (None, key[0])}


def test_stock_nbgrader_and_the_kit_write_the_same_rows(handed_in: Course, tmp_path: Path) -> None:
    """`nbgrader autograde mlp`, in kernels, and `autograder grade mlp` agree on every row of the class."""
    stock, kit = Course(tmp_path / "stock"), Course(tmp_path / "kit")
    for copy in (stock, kit):
        shutil.copytree(handed_in.root, copy.root)
    shell([Path(sys.executable).parent / "nbgrader", "autograde", "mlp"], cwd=stock.root)
    results = [graded.result for graded in batch.grade(kit, "mlp")]

    assert len(results) == len(STORIES)
    assert {result.status for result in results} == {"graded"}
    assert rows(kit) == rows(stock)
    assert len({result.score for result in results}) > 3, "a class of equals would prove nothing"


def test_feedback_is_made_from_what_the_kit_graded(handed_in: Course, tmp_path: Path) -> None:
    """`nbgrader generate_feedback` shows the scores and words that the kit wrote, and no hidden test."""
    course = Course(tmp_path / "course")
    shutil.copytree(handed_in.root, course.root)
    list(batch.grade(course, "mlp", student="frank"))
    shell([Path(sys.executable).parent / "nbgrader", "generate_feedback", "mlp"], cwd=course.root)
    page = (course.root / "feedback" / "frank" / "mlp" / "mlp.html").read_text(encoding="utf-8")

    assert "dsigma: 0 of 1 points" in page
    assert "dsigma is the slope of tanh" in page
    assert "def test_" not in page


def test_what_a_person_graded_is_kept(handed_in: Course, tmp_path: Path) -> None:
    """Manual scores, extra credit and comments survive grading again; the row asks for another look."""
    course = Course(tmp_path / "course")
    shutil.copytree(handed_in.root, course.root)
    list(batch.grade(course, "mlp"))
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        grade = book.find_grade("dsigma", "mlp", "mlp", "frank")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 0.75, 0.25, False
        book.find_comment("dsigma-code", "mlp", "mlp", "frank").manual_comment = "Nearly."
        book.db.commit()
    list(batch.grade(course, "mlp", force=True))
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        grade = book.find_grade("dsigma", "mlp", "mlp", "frank")
        comment = book.find_comment("dsigma-code", "mlp", "mlp", "frank")

        assert (grade.manual_score, grade.extra_credit, grade.needs_manual_grade) == (0.75, 0.25, True)
        assert comment.comment == "Nearly."


def test_a_late_submission_is_penalised_as_the_courses_plugin_says(handed_in: Course, tmp_path: Path) -> None:
    """nbgrader's late-penalty plug-in decides; `zero` takes all points of a late notebook."""
    course = Course(tmp_path / "course")
    shutil.copytree(handed_in.root, course.root)
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + '\nc.LateSubmissionPlugin.penalty_method = "zero"\n', "utf-8")
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        book.update_or_create_assignment("mlp", duedate="2026-10-01 12:00:00 UTC")
    list(batch.grade(course, "mlp", student="blaise"))
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        notebook = book.find_submission_notebook("mlp", "mlp", "blaise")

        assert notebook.late_submission_penalty == notebook.score == 12


def test_a_submission_that_cannot_be_read_waits_for_a_person(handed_in: Course, tmp_path: Path) -> None:
    """A broken file, an empty folder and a stranger's notebook get no zero: every question needs a manual grade."""
    course = Course(tmp_path / "course")
    shutil.copytree(handed_in.root, course.root)
    for student, text in {"broken": "{", "stranger": json.dumps(notebook_of("x = 1")), "empty": None}.items():
        folder = course.root / "submitted" / student / "mlp"
        folder.mkdir(parents=True)
        if text is not None:
            (folder / "mlp.ipynb").write_text(text, encoding="utf-8")
    results = {graded.student: graded.result.status for graded in batch.grade(course, "mlp")}

    assert results["broken"] == results["empty"] == "unreadable"
    assert results["stranger"] == "not_this_assignment"
    for student in ("broken", "stranger", "empty"):
        graded = [row for (_, cell), row in rows(course, student).items() if cell and not cell.startswith("comment")]
        assert {(row[0], row[3]) for row in graded} == {(None, True)}


def test_a_changed_submission_is_graded_again_and_an_unchanged_one_is_not(handed_in: Course, tmp_path: Path) -> None:
    """A run takes up where the last one stopped."""
    course = Course(tmp_path / "course")
    shutil.copytree(handed_in.root, course.root)
    list(batch.grade(course, "mlp"))
    path = course.root / "submitted" / "blaise" / "mlp" / "mlp.ipynb"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    (course.root / ".autograder" / "records" / "mlp" / "frank.json").write_text("{", "utf-8")

    assert [graded.student for graded in batch.grade(course, "mlp") if graded.again] == ["blaise", "frank"]
