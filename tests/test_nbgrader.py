"""Stock nbgrader, in kernels and in the jail, and `autograder grade` on the same course: the same rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from autograder.authoring.demo import made_up
from autograder.course.course import CONFIG, Course
from autograder.jail.student import Student
from autograder.judge import attempt
from autograder.judge import check as hidden
from autograder.platforms import nbgrader
from autograder.run import Job, batch
from tests.conftest import copied, notebook_of, released, shell

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
def handed_in(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A released course with six submissions of `mlp`."""
    course = copied(released_course, tmp_path_factory.mktemp("handed-in") / "course")
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


KERNELS = """
c.Autograde.pre_convert_hook = None
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.Execute",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.plugins.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Execute.timeout = 300
"""
"""nbgrader's own pipeline, for a course that trusts its students."""


def grade(course: Course, **options: Any) -> list[batch.Graded]:
    """Grade `mlp`, sorted by student."""
    with batch.Batch(course, "mlp", **options) as run:
        return sorted(run, key=lambda graded: graded.student)


def autograde(course: Course) -> subprocess.CompletedProcess[str]:
    """Run stock `nbgrader autograde mlp` in a course."""
    command = [Path(sys.executable).parent / "nbgrader", "autograde", "mlp"]
    return subprocess.run(command, capture_output=True, text=True, cwd=course.root, check=False, timeout=1200)


@pytest.mark.slow(60)
def test_kernels_the_jail_and_the_kit_write_the_same_rows(
    handed_in: Course, tmp_path: Path, some: Callable[[Collection[str], int], set[str]]
) -> None:
    """`nbgrader autograde`, in kernels and in the jail, and `autograder grade` agree on an honest class."""
    kernels, jail, kit = (copied(handed_in, tmp_path / name) for name in ("kernels", "jail", "kit"))
    config = kernels.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + KERNELS, "utf-8")
    students = {path.name for path in (kernels.root / "submitted").iterdir()}
    in_kernels = some(students, 2)  # each takes a kernel half a minute
    for student in students - in_kernels:
        shutil.rmtree(kernels.root / "submitted" / student)
    for stock in (kernels, jail):
        done = autograde(stock)
        assert done.returncode == 0, done.stderr[-3000:]
    results = [graded.result for graded in grade(kit, workers=2)]

    assert len(results) == len(STORIES)
    assert {result.status for result in results} == {"graded"}
    assert {result.jail for result in results} <= {"full", "portable"}
    assert rows(kernels) == {key: row for key, row in rows(kit).items() if key[0] in in_kernels}
    assert rows(kit) == rows(jail)
    assert len({result.score for result in results}) > 3, "a class of equals would prove nothing"


BROKEN = {
    "empty": None,
    "broken": "{",
    "blank": "",
    "number": "3",
    "stranger": json.dumps(notebook_of("x = 1")),
    "latin": json.dumps(notebook_of("# ä\nimport torch\ndef sigma(x):\n    return x.tanh()"), ensure_ascii=False),
    "loop": json.dumps(notebook_of("import torch\ndef sigma(x):\n    while True:\n        pass")),
    "exit": json.dumps(notebook_of("import os\ndef sigma(x):\n    os._exit(0)\ndef dsigma(x):\n    return 0 * x")),
}
"""What is in a submission of each kind: None for a folder without a notebook."""


def test_every_kind_of_submission_gets_the_same_rows_both_ways(handed_in: Course, tmp_path: Path) -> None:
    """Broken files, strangers, doubled and stripped cells, endless loops: one batch, two ways, the same gradebook."""
    course = copied(handed_in, tmp_path / "all")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + "\nc.BackpropKit.call_s = 4\n", "utf-8")
    for student in made_up(course.assignment("mlp"), released("mlp")):
        if not (course.root / "submitted" / student.name).exists():
            text = student.notebook if isinstance(student.notebook, str) else json.dumps(student.notebook)
            hand_in(course, student.name, text)
    full = json.loads((course.root / "submitted" / "blaise" / "mlp" / "mlp.ipynb").read_text("utf-8"))
    doubled = full | {"cells": [cell for cell in full["cells"] for _ in range(2)]}
    old = json.loads(json.dumps(full).replace('"schema_version": 3', '"schema_version": 1'))
    deleted = full | {"cells": [cell for cell in full["cells"] if cell["id"] != "sigma"]}
    text, null, lost = (json.loads(json.dumps(full)) for _ in range(3))
    marked(text, "sigma-code")["cell_type"] = "markdown"
    marked(lost, "imports")["source"] = "lost = 1"
    null["cells"][0:0] = [None, {"cell_type": "markdown", "metadata": ["a"], "source": "a"}]
    odd = {"doubled": doubled, "old": old, "deleted": deleted, "text": text, "null": null, "lost": lost}
    for name, content in odd.items():
        hand_in(course, name, json.dumps(content))
    for name, text in BROKEN.items():
        hand_in(course, name, text, encoding="latin-1" if name == "latin" else "utf-8")
    hand_in(course, "renamed", json.dumps(full), name="My homework (1).ipynb")
    hand_in(course, "capitals", json.dumps(full))
    (course.root / "submitted" / "capitals" / "mlp").rename(course.root / "submitted" / "capitals" / "MLP")
    stock, kit = copied(course, tmp_path / "stock"), copied(course, tmp_path / "kit")
    autograde(stock)
    results = {graded.student: graded.result for graded in grade(kit, workers=2)}
    again = {graded.student: graded.result for graded in grade(kit, workers=1, force=True)}

    assert rows(stock) == rows(kit)
    assert {who: result.model_dump(exclude={"seconds"}) for who, result in results.items()} == {
        who: result.model_dump(exclude={"seconds"}) for who, result in again.items()
    }, "grading twice, with another number of workers, gives the same records"
    for name in (*odd, "renamed", "capitals"):
        assert results[name].score == 12, name
    assert results["latin"].score == 1
    assert results["loop"].question("sigma").status == "timeout"
    assert results["exit"].question("sigma").status == "killed"
    assert {results[name].status for name in ("empty", "broken", "blank", "number")} == {"unreadable"}
    assert results["stranger"].status == "not_this_assignment"


def marked(content: dict[str, Any], mark: str) -> dict[str, Any]:
    """The cell with an nbgrader id."""
    found: dict[str, Any] = next(
        c for c in content["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == mark
    )
    return found


def hand_in(course: Course, student: str, text: str | None, encoding: str = "utf-8", name: str = "mlp.ipynb") -> None:
    """Put a submission where nbgrader expects it."""
    folder = course.root / "submitted" / student / "mlp"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / name).write_text(text, encoding=encoding)


def test_feedback_is_made_from_what_the_kit_graded(handed_in: Course, tmp_path: Path) -> None:
    """`nbgrader generate_feedback` shows the scores and words that the kit wrote, and no hidden test."""
    course = copied(handed_in, tmp_path / "course")
    grade(course, student="frank")
    shell([Path(sys.executable).parent / "nbgrader", "generate_feedback", "mlp"], cwd=course.root)
    page = (course.root / "feedback" / "frank" / "mlp" / "mlp.html").read_text(encoding="utf-8")

    assert "<b>0</b> of 1" in page
    assert "dsigma is the slope of tanh" in page
    assert "<math" in page
    for inside in ("def test_", "HIDDEN TESTS", "autograder.kernel", "Out[", "<script", "http:", "https:"):
        assert inside not in page, inside


def test_what_a_person_graded_is_kept(handed_in: Course, tmp_path: Path) -> None:
    """Manual scores, extra credit and comments survive grading again; the row asks for another look."""
    course = copied(handed_in, tmp_path / "course")
    grade(course)
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        row = book.find_grade("dsigma", "mlp", "mlp", "frank")
        row.manual_score, row.extra_credit, row.needs_manual_grade = 0.75, 0.25, False
        book.find_comment("dsigma-code", "mlp", "mlp", "frank").manual_comment = "Nearly."
        book.db.commit()
    grade(course, force=True)
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        row = book.find_grade("dsigma", "mlp", "mlp", "frank")
        comment = book.find_comment("dsigma-code", "mlp", "mlp", "frank")

        assert (row.manual_score, row.extra_credit, row.needs_manual_grade) == (0.75, 0.25, True)
        assert comment.comment == "Nearly."


def test_a_late_submission_is_penalised_as_the_courses_plugin_says(handed_in: Course, tmp_path: Path) -> None:
    """nbgrader's late-penalty plug-in decides; `zero` takes all points of a late notebook."""
    course = copied(handed_in, tmp_path / "course")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + '\nc.LateSubmissionPlugin.penalty_method = "zero"\n', "utf-8")
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        book.update_or_create_assignment("mlp", duedate="2026-10-01 12:00:00 UTC")
    grade(course, student="blaise")
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        notebook = book.find_submission_notebook("mlp", "mlp", "blaise")

        assert notebook.late_submission_penalty == notebook.score == 12


def test_lateness_is_worked_out_in_each_run(handed_in: Course, tmp_path: Path) -> None:
    """A mended time, a moved due date: the penalty follows, though nobody is graded again and no mark is touched."""
    course = copied(handed_in, tmp_path / "course")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + '\nc.LateSubmissionPlugin.penalty_method = "zero"\n', "utf-8")

    def due(date: str) -> None:
        with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
            book.update_or_create_assignment("mlp", duedate=date)

    def penalty() -> tuple[float | None, bool]:
        with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
            notebook = book.find_submission_notebook("mlp", "mlp", "blaise")
            return notebook.late_submission_penalty, book.find_grade("sigma", "mlp", "mlp", "blaise").needs_manual_grade

    due("2026-10-01 12:00:00 UTC")
    assert [graded.again for graded in grade(course, student="blaise")] == [True]
    assert penalty() == (12, False)

    stamp = course.root / "submitted/blaise/mlp/timestamp.txt"
    stamp.write_text("2026-09-30 12:00:00 UTC", "utf-8")
    assert [graded.again for graded in grade(course, student="blaise")] == [False]
    assert penalty() == (None, False)
    assert (course.root / "autograded/blaise/mlp/timestamp.txt").read_text("utf-8").startswith("2026-09-30")

    due("2026-09-01 12:00:00 UTC")
    assert [graded.again for graded in grade(course, student="blaise")] == [False]
    assert penalty() == (12, False)

    stamp.write_text("2026-09-30 12:00:00 MARS", "utf-8")
    (graded,) = grade(course, student="blaise")
    assert "in an unknown time zone, MARS" in graded.result.flags[-1]
    assert penalty() == (12, True), "what was known stands, and a person is asked"


def test_a_submission_that_cannot_be_read_waits_for_a_person(handed_in: Course, tmp_path: Path) -> None:
    """A broken file, an empty folder and a stranger's notebook get no zero: every question needs a manual grade."""
    course = copied(handed_in, tmp_path / "course")
    for student in ("broken", "stranger", "empty"):
        hand_in(course, student, BROKEN[student])
    results = {graded.student: graded.result.status for graded in grade(course)}

    assert results["broken"] == results["empty"] == "unreadable"
    assert results["stranger"] == "not_this_assignment"
    for student in ("broken", "stranger", "empty"):
        graded = [row for (_, cell), row in rows(course, student).items() if cell and not cell.startswith("comment")]
        assert {(row[0], row[3]) for row in graded} == {(None, True)}


def test_a_question_that_cannot_be_judged_waits_for_a_person(
    handed_in: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that breaks leaves its question without a score, and the student's other questions with theirs."""
    course = copied(handed_in, tmp_path / "course")
    real = hidden.checks

    def broken(_: Student) -> None:
        raise ZeroDivisionError

    def checks(assignment: str, question: str) -> tuple[hidden.Check, ...]:
        found = real(assignment, question)
        return (hidden.Check("test_broken", "broken", 1.0, broken),) if question == "loss" else found

    monkeypatch.setattr(attempt, "checks", checks)
    result = grade(course, student="blaise")[0].result
    kept = rows(course, "blaise")

    assert result.status == "grader_error"
    assert kept["blaise", "loss"][0] is None
    assert kept["blaise", "loss"][3] is True
    assert kept["blaise", "sigma"][0] == 1


def test_a_changed_submission_is_graded_again_and_an_unchanged_one_is_not(handed_in: Course, tmp_path: Path) -> None:
    """A run takes up where the last one stopped."""
    course = copied(handed_in, tmp_path / "course")
    grade(course)
    path = course.root / "submitted" / "blaise" / "mlp" / "mlp.ipynb"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    (course.root / ".autograder" / "records" / "mlp" / "frank.json").write_text("{", "utf-8")

    assert [graded.student for graded in grade(course) if graded.again] == ["blaise", "frank"]


def test_what_was_judged_by_other_rules_is_graded_again(handed_in: Course, tmp_path: Path) -> None:
    """A setting that could change a score has everybody graded anew, without --force; an address doesn't."""
    course = copied(handed_in, tmp_path / "course")
    everybody = sorted(graded.student for graded in grade(course) if graded.again)
    with (course.root / CONFIG).open("a", encoding="utf-8") as settings:
        settings.write("\nc.BackpropKit.follow_through = False\n")

    assert sorted(graded.student for graded in grade(Course(course.root)) if graded.again) == everybody
    assert not [graded.student for graded in grade(Course(course.root)) if graded.again]

    with (course.root / CONFIG).open("a", encoding="utf-8") as settings:
        settings.write(
            "\nc.FormgradeApp.ip = '127.0.0.2'\nc.BackpropKit.secret_file = '.autograder/../.autograder/secret'\n"
        )
    assert not [graded.student for graded in grade(Course(course.root)) if graded.again], "an address judges nobody"


def test_a_server_that_lives_long_keeps_one_jail(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the assignment changes, the worker that graded by its old form ends."""
    ended: list[int] = []

    class Counted:
        """A worker that says when it ends."""

        def __init__(self, job: Job) -> None:
            self.number = len(ended)

        def close(self) -> None:
            """End."""
            ended.append(self.number)

    monkeypatch.setattr(nbgrader, "Worker", Counted)
    try:
        for version, expected in ((1, []), (1, []), (2, [0]), (3, [0, 1])):
            nbgrader._worker("mlp", str(course.root), version)
            assert ended == expected
    finally:
        nbgrader._worker.cache_clear()
        nbgrader._open.close()
