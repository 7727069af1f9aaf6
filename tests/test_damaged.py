"""Damaged records and gradebook rows: nobody vanishes because of them, and what is wrong with them has a sentence."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autograder.authoring import release
from autograder.course.course import Course
from autograder.run import Batch, Book, kept, stored
from autograder.run.database import opened
from autograder.run.records import judged_by
from tests.conftest import command, copied, released
from tests.recorded import Warm
from tests.test_report import Page

pytestmark = pytest.mark.slow

CLASS = ("ada", "bela", "chen")
AGAIN = "1 with a record that can't be read: ada. Grade them again: autograder grade mlp"


@pytest.fixture(scope="module")
def warm(released_course: Course) -> Iterator[Warm]:
    """A grader for all the runs here."""
    engine = Warm(released_course, "mlp")
    yield engine
    engine.end()


@pytest.fixture(scope="module")
def graded(released_course: Course, warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A class of three that was graded."""
    course = copied(released_course, tmp_path_factory.mktemp("damaged") / "course")
    for who in CLASS:
        place = course.expected("mlp", who)
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(released("mlp")), "utf-8")
    grade(course, warm)
    return course


@pytest.fixture
def own(graded: Course, tmp_path: Path) -> Course:
    """A class of one's own."""
    return copied(graded, tmp_path / "course")


def grade(course: Course, warm: Warm) -> list[str]:
    """Grade what has changed, and say who that was."""
    with Batch(course, "mlp", engine=warm) as run:
        assert len(run.warnings()) == 0
        return [one.student for one in run if one.again]


def record(course: Course) -> Path:
    """Where ada's record lies."""
    return course.root / ".autograder" / "records" / "mlp" / "ada.json"


def changed(course: Course, **other: object) -> str:
    """ada's record, with something else in its result."""
    found = json.loads(record(course).read_bytes())
    found["result"] |= other
    return json.dumps(found)


DAMAGE: dict[str, Callable[[Course], str]] = {
    "half of an object": lambda course: '{"broken":',
    "brackets": lambda course: "[[[",
    "a hundred thousand brackets": lambda course: "[" * 100_000,
    "nothing": lambda course: "",
    "no text": lambda course: "\0\x1b",
    "a status that there isn't": lambda course: changed(course, status="excellent"),
    "another assignment": lambda course: changed(course, assignment="../../etc"),
    "another student": lambda course: changed(course, submission="bela"),
    "no version": lambda course: json.dumps(json.loads(record(course).read_bytes()) | {"kit": ""}),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_whose_record_is_damaged_stays_on_the_page_and_is_graded_again(own: Course, warm: Warm, what: str) -> None:
    """All three are there; the command names who it is and what to do, and doing that brings the record back."""
    before = stored(own, "mlp", "ada")
    record(own).write_text(DAMAGE[what](own), "utf-8")
    run = command("report", "mlp", "--course", own.root)
    said = Page((own.root / "report" / "mlp" / "index.html").read_text("utf-8")).said

    assert (run.returncode, run.stderr.strip()) == (0, AGAIN)
    assert "3 students, to sort and to find" in said
    assert "graded again: autograder grade mlp" in said
    assert "without isolation" not in said, "how it was graded is said of the others"
    assert "can't be read" in (own.root / "report/mlp/students/ada.html").read_text("utf-8").replace("&#39;", "'")
    assert grade(own, warm) == ["ada"]
    after = stored(own, "mlp", "ada")
    assert before is not None
    assert after is not None
    assert after.result.questions == before.result.questions


def test_the_course_page_counts_whose_record_is_damaged(own: Course) -> None:
    """The page of the whole course has all three, too."""
    record(own).write_text("[[[", "utf-8")
    run = command("report", "--course", own.root)

    assert AGAIN in run.stderr
    assert "3 students" in Page((own.root / "report" / "index.html").read_text("utf-8")).said


def test_a_class_of_which_every_record_is_damaged_has_a_page(own: Course) -> None:
    """Nothing can be read, and yet nobody is told that nothing has been graded."""
    for who in CLASS:
        record(own).with_name(f"{who}.json").write_text("[[[", "utf-8")
    run = command("report", "mlp", "--course", own.root)

    assert run.returncode == 0
    assert "3 with a record that can't be read: ada, bela, chen." in run.stderr


def test_an_export_gives_no_total_for_a_record_that_is_damaged(own: Course) -> None:
    """The row is there, its total is empty as on the page, also after a person's mark; it is said whose and why."""
    with Book(own, own.assignment("mlp")) as book:
        book.mark("ada", "derivation", 1.5)
    record(own).write_text("[[[", "utf-8")
    run = command("export", "mlp", "--to", "csv", "--course", own.root)
    rows = {row["student_id"]: row for row in csv.DictReader(io.StringIO(run.stdout))}

    assert (rows["ada"]["status"], rows["ada"]["score"]) == ("grader error", "")
    assert rows["bela"]["status"] != "grader error"
    assert "1 with a record that can't be read, made anew by `autograder grade mlp`: ada." in run.stderr
    shown = command("report", "mlp", "--student", "ada", "--course", own.root)
    assert AGAIN in shown.stderr
    assert "autograder grade mlp" in shown.stdout


def test_who_has_no_record_has_nothing_in_its_place(own: Course) -> None:
    """A file that isn't there isn't a damaged one."""
    record(own).unlink()

    assert kept(own, "mlp", "ada") is None
    assert judged_by(own, "mlp", "ada") is None


def test_a_name_in_the_gradebook_steers_no_terminal(own: Course) -> None:
    """An export to a terminal shows whom an older run has let in; a file has the name as it is."""
    steering = "\x1b[31mred\u202e"
    with opened(own) as book:
        book.add_student(steering, first_name="\x1b[2J")
    call = [sys.executable, "-m", "autograder", "export", "mlp", "--to", "csv", "--course", str(own.root)]
    near, far = pty.openpty()
    with subprocess.Popen(call, stdout=far, stderr=subprocess.DEVNULL) as started:
        os.close(far)
        shown = _all(near)
    command("export", "mlp", "--to", "csv", "--out", own.root / "out.csv", "--course", own.root)

    assert started.returncode == 0
    assert "\ufffd[31mred\ufffd" in shown
    assert not {"\x1b", "\u202e"} & {*shown}
    assert "ada" in shown
    assert steering in (own.root / "out.csv").read_text("utf-8")


def _all(terminal: int) -> str:
    """What was written to a terminal, to its end."""
    found = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
        while part := file.read(4096):
            found += part
    return found.decode()


AUTOMATIC = "the automatic score (auto_score) of ada for sigma in mlp"
PERSON = "a person's score (manual_score) of ada for sigma in mlp"
FORCED = "autograder grade mlp --force --student ada"
RELEASE = "the points that sigma has in mlp"

ROWS = {
    "a word for a score": ("grade", "auto_score", "abc", ("'abc'", AUTOMATIC, FORCED)),
    "more than there is": ("grade", "auto_score", math.inf, ("inf", AUTOMATIC, FORCED)),
    "a negative score": ("grade", "auto_score", -2.0, ("-2.0", AUTOMATIC, FORCED)),
    "a formula for a mark": ("grade", "manual_score", "=1+1", ("'=1+1'", PERSON, "formgrader")),
    "a negative mark": ("grade", "manual_score", -1e300, ("-1e+300", PERSON, "formgrader")),
    "a large mark": ("grade", "manual_score", 1e300, ("1e+300", PERSON, "formgrader")),
    "extra credit that steers": ("grade", "extra_credit", "\x1b[2J", ("the extra credit (extra_credit) of ada",)),
    "a word for a maximum": ("grade_cells", "max_score", "x", ("'x'", RELEASE, "autograder release mlp")),
    "a negative maximum": ("grade_cells", "max_score", -5, ("-5", RELEASE, "autograder release mlp")),
    "a word for a penalty": (
        "submitted_notebook",
        "late_submission_penalty",
        "much",
        ("'much'", "what being late costs (late_submission_penalty) ada in mlp", "autograder grade mlp"),
    ),
}
"""Table, column, what stands there; what is told of it."""

OF = {
    "grade": "notebook_id IN (SELECT n.id FROM submitted_notebook n JOIN submitted_assignment a "
    "ON n.assignment_id = a.id WHERE a.student_id = 'ada') "
    "AND cell_id IN (SELECT id FROM base_cell WHERE name = 'sigma')",
    "grade_cells": "id IN (SELECT id FROM base_cell WHERE name = 'sigma')",
    "submitted_notebook": "assignment_id IN (SELECT id FROM submitted_assignment WHERE student_id = 'ada')",
    "student": "id = 'ada'",
}
"""Table -> which of its rows."""


def put(course: Course, table: str, column: str, value: object) -> None:
    """Write into the gradebook what nbgrader wouldn't."""
    with closing(sqlite3.connect(course.root / "gradebook.db")) as db, db:
        done = db.execute(f"UPDATE {table} SET {column} = ? WHERE {OF[table]}", (value,))  # noqa: S608 - our own
        assert done.rowcount == 1


@pytest.mark.parametrize("what", ROWS)
def test_a_row_that_can_not_be_used_is_named_with_what_to_do(own: Course, what: str) -> None:
    """Report and export say whose row it is, what stands there and what mends it, and give out no number of it."""
    table, column, value, told = ROWS[what]
    put(own, table, column, value)
    runs = [command(*words, "--course", own.root) for words in (["report", "mlp"], ["export", "mlp", "--to", "csv"])]

    for run in runs:
        assert (run.returncode, run.stdout) == (1, ""), run.stderr
        assert run.stderr.startswith("autograder: The gradebook has ")
        assert [part for part in told if part not in run.stderr] == []
        assert len(run.stderr.splitlines()) == 1


def test_what_is_said_of_a_row_mends_it(own: Course, warm: Warm) -> None:
    """Releasing puts a maximum right, grading a penalty, and grading by force a score."""
    put(own, "grade_cells", "max_score", "x")
    release.generate(own, "mlp")
    put(own, "submitted_notebook", "late_submission_penalty", "much")
    grade(own, warm)
    put(own, "grade", "auto_score", "abc")
    with Batch(own, "mlp", "ada", force=True, engine=warm) as run:
        assert [one.student for one in run] == ["ada"]

    assert command("report", "mlp", "--course", own.root).returncode == 0


def test_a_name_that_is_no_text_is_named(own: Course) -> None:
    """An export says whose it is, and which command of nbgrader's sets it."""
    put(own, "student", "first_name", b"Ada")
    run = command("export", "mlp", "--to", "csv", "--course", own.root)

    assert (run.returncode, run.stdout) == (1, "")
    assert "The gradebook has b'Ada' as first_name of the student ada, where text belongs." in run.stderr
    assert "nbgrader db student add ada --first-name=... --last-name=... --email=..." in run.stderr, "all: it empties"
