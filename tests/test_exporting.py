"""platforms.exporting, canvas, moodle and table: points go out as the gradebook has them, and come back the same."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from nbgrader.apps.exportapp import ExportApp

from autograder.course.course import Course
from autograder.platforms import table
from autograder.platforms.grades import grades
from autograder.result import Diagnosis, Question, Result
from autograder.run import Book, Page, hand, remember
from autograder.run.database import opened
from tests.conftest import command, copied

NASTY = {
    "comma": ("Lovelace, Countess", "Ada"),
    "quote": ('O"Neil', 'The "Rose"'),
    "newline": ("Two\nLines", "Ann"),
    "accent": ("M\u00fcller-\u0141ukasz", "J\u00f6rg"),
    "equals": ("=HYPERLINK(1)", "=2+3"),
    "plus": ("+1", "-2"),
    "at": ("@SUM(1)", "'=already"),
    "apostrophe": ("'tis", "''=x"),
}
"""Student -> last name and first name: each is graded, with all points."""

ODD = "=cmd|' /C calc'!A0"
"""An id that somebody has given a student."""


@pytest.fixture(scope="module")
def course(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A class in every state: right, late, marked by hand, with extra credit, waiting, unreadable, not handed in."""
    made = copied(released_course, tmp_path_factory.mktemp("exporting") / "course")
    assignment = made.assignment("mlp")
    everybody = [*NASTY, ODD, "late", "bonus", "waits", "unread", "zero"]
    with opened(made) as book:
        for student in (*everybody, "absent"):
            last, first = NASTY.get(student, (student.title(), "Test"))
            book.add_student(student, last_name=last, first_name=first, email=f"{student[:12]}@uni.example".strip("="))
    kept = {}
    for student in everybody:
        path = made.root / "submitted" / student / "mlp" / "mlp.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        share = 0.0 if student == "zero" else 1.0
        questions = tuple(
            Question(id=one.id, status="manual", points=None, max_points=one.max_points)
            if one.manual
            else Question(
                id=one.id,
                status="graded",
                points=share * one.max_points,
                max_points=one.max_points,
                diagnoses=() if share else (Diagnosis(id="d", says="It is <half> of it.", hint="What is twice?"),),
            )
            for one in assignment.questions
        )
        read = student != "unread"
        result = Result(
            assignment="mlp",
            submission=student,
            score=sum(one.points or 0 for one in questions) if read else 0,
            max_score=12,
            status="graded" if read else "unreadable",
            message="" if read else "It could not be read.",
            jail="full",
            questions=questions if read else (),
        )
        kept[student] = (Page(result=result, content="{}", untouched=frozenset()), path)
        remember(made, "mlp", hand(made, "mlp", student, path), result)
    with Book(made, assignment) as book:
        book.save(kept)
        for student in everybody:
            if student not in {"waits", "unread"}:
                book.mark(student, "derivation", 0.0 if student == "zero" else 1.5, "Why <here>?")
    with opened(made) as book:
        book.find_grade("sigma", "mlp", "mlp", "bonus").extra_credit = 2.25
        book.find_submission_notebook("mlp", "mlp", "late").late_submission_penalty = 3.0
        book.db.commit()
    return made


def expected(course: Course) -> dict[str, float | None]:
    """Student -> the total, by nbgrader's own gradebook; None for who waits, or has handed in nothing."""
    found: dict[str, float | None] = {}
    with opened(course) as book:
        for student in book.students:
            submissions = [one for one in student.submissions if one.assignment.name == "mlp"]
            waits = not submissions or submissions[0].needs_manual_grade
            score = submissions[0].score - submissions[0].late_submission_penalty if submissions else 0
            found[student.id] = None if waits else max(score, 0)
    return found


def exported(course: Course, *options: str | Path) -> tuple[list[list[str]], str]:
    """The rows that the command prints, and what it says beside them."""
    done = command("export", "mlp", *options, "--course", course.root)
    assert done.returncode == 0, done.stderr
    return [*csv.reader(io.StringIO(done.stdout, newline=""))], done.stderr


def canvas_table(course: Course, *, known: bool = True) -> str:
    """A gradebook as Canvas exports it: numbers and logins, quoted names, a row of maxima and one of its own."""
    rows: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "mlp (501)", "essay (502)", "Final Score"],
        ["", "", "", "", "", "Manual Posting", "", ""],
        ["    Points Possible", "", "", "", "", "14.00", "10.00", "(read only)"],
    ]
    for number, (student, name) in enumerate(names(course).items(), 100):
        quoted = f'="{name}"' if name.startswith("=") else name
        rows.append([quoted, str(number), f"S{number}", student if known else f"login{number}", "A", "", "7.5", "75.0"])
    rows.append(["Student, Test", "999", "", "teststudent", "A", "", "", ""])
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return "\ufeff" + out.getvalue()


def moodle_table(course: Course) -> str:
    """A grading worksheet as Moodle hands it out."""
    rows = [
        ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed",
         "Last modified (submission)", "Last modified (grade)", "Feedback comments"],
    ]  # fmt: skip
    for number, grade in enumerate(grades(course, "mlp"), 70):
        full = f"{grade.known.first} {grade.known.last}"
        email = grade.known.email
        rows.append([f"Participant {number}", full, email, "Submitted", "", "16.25", "Yes", "-", "-", ""])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def names(course: Course) -> dict[str, str]:
    """Student -> last name, comma, first name."""
    return {grade.known.student: f"{grade.known.last}, {grade.known.first}" for grade in grades(course, "mlp")}


def test_the_table_reads_back_as_the_gradebook(course: Course) -> None:
    """Names of every kind come back letter by letter, totals are nbgrader's own, and no field is a formula."""
    (headings, *rows), _ = exported(course, "--to", "csv")
    found = {table.wild(row[headings.index("student_id")]): dict(zip(headings, row, strict=True)) for row in rows}

    assert {who: float(row["score"]) if row["score"] else None for who, row in found.items()} == expected(course)
    for who, (last, first) in NASTY.items():
        assert (table.wild(found[who]["last_name"]), table.wild(found[who]["first_name"])) == (last, first)
    assert not [field for row in rows for field in row if field[:1] in {"=", "+", "-", "@"}]
    assert found["bonus"]["extra_credit"] == "2.25"
    assert found["bonus"]["sigma"] == "3.25"
    assert (found["late"]["late_penalty"], found["late"]["score"]) == ("3", "10.5")
    assert found["comma"]["derivation"] == "1.5"


def test_what_is_not_graded_is_empty_and_what_is_nothing_is_zero(course: Course) -> None:
    """A total is empty as long as anything of it waits; who waits is listed, and for what."""
    (headings, *rows), said = exported(course, "--to", "csv")
    found = {row[1]: dict(zip(headings, row, strict=True)) for row in rows}

    assert (found["waits"]["score"], found["waits"]["derivation"], found["waits"]["so_far"]) == ("", "", "12")
    assert (found["unread"]["score"], found["unread"]["sigma"], found["unread"]["status"]) == ("", "", "unreadable")
    assert (found["absent"]["score"], found["absent"]["status"]) == ("", "not graded")
    assert (found["zero"]["score"], found["zero"]["sigma"]) == ("0", "0")
    assert "2 waiting for a person, so the total is empty: unread (unreadable), waits (derivation)." in said
    assert "1 without anything graded, so the total is empty: absent." in said


def test_who_no_longer_hands_in_keeps_their_points_and_is_named(course: Course, tmp_path: Path) -> None:
    """The gradebook still has them: they go out, and the table and a sentence say so."""
    own = copied(course, tmp_path / "course")
    shutil.rmtree(own.root / "submitted" / "bonus")
    run = command("export", "mlp", "--to", "csv", "--course", own.root)
    rows = {row["student_id"]: row for row in csv.DictReader(io.StringIO(run.stdout))}
    before = {one.known.student: one.points for one in grades(course, "mlp")}

    assert float(rows["bonus"]["score"]) == before["bonus"]
    assert "no longer handed in" in rows["bonus"]["status"]
    assert "no longer handed in" not in rows["late"]["status"]
    assert re.search(r"no longer handed in, with the points that the gradebook still has: .*bonus\.", run.stderr)


@pytest.mark.parametrize("known", [True, False], ids=["by login", "by name"])
def test_canvas_file_is_filled_in_and_nothing_else_of_it_changes(course: Course, tmp_path: Path, known: bool) -> None:
    """Only the assignment's column, only of who has a total; read again, the totals are those of the table."""
    file = tmp_path / "canvas.csv"
    file.write_text(canvas_table(course, known=known), encoding="utf-8", newline="")
    before = file.read_bytes()
    rows, said = exported(course, "--to", "canvas", "--into", file)
    assert file.read_bytes() == before
    old = [*csv.reader(io.StringIO(before.decode(), newline=""))]

    assert [[*row[:5], *row[6:]] for row in rows] == [[*row[:5], *row[6:]] for row in old]
    totals = {student: row[5] for student, row in zip(names(course), rows[3:], strict=False)}
    assert {who: float(text) if text else None for who, text in totals.items()} == expected(course)
    assert (rows[1][5], rows[2][5], rows[-1][5]) == ("Manual Posting", "14.00", "")
    assert "waits (derivation)" in said


def test_moodle_worksheet_is_filled_in_with_grades_and_feedback(course: Course, tmp_path: Path) -> None:
    """Feedback is HTML, its text escaped; who waits has neither, and a second time nothing changes."""
    file = tmp_path / "moodle.csv"
    file.write_text(moodle_table(course), encoding="utf-8", newline="")
    rows, said = exported(course, "--to", "moodle", "--into", file)
    found = dict(zip(names(course), rows[1:], strict=True))

    assert {who: float(row[4]) if row[4] else None for who, row in found.items()} == expected(course)
    assert found["zero"][9].startswith(
        "<p>mlp: 0 of 14 points<br>sigma: 0 of 1 It is &lt;half&gt; of it. What is twice?"
    )
    assert "Why &lt;here&gt;?" in found["comma"][9]
    assert (found["waits"][9], found["absent"][9]) == ("", "")
    assert "Moodle has 16.25 points for this assignment, and the course has 14" in said

    again = tmp_path / "again.csv"
    done = command("export", "mlp", "--to", "moodle", "--into", file, "--out", again, "--course", course.root)
    assert done.stdout.strip() == str(again)
    assert exported(course, "--to", "moodle", "--into", again)[0] == rows


def test_what_an_lms_would_pass_over_is_said(course: Course, tmp_path: Path) -> None:
    """Excused, locked, above the maximum, commented on by a person: left as it is, and listed."""
    rows = [*csv.reader(io.StringIO(canvas_table(course).lstrip("\ufeff"), newline=""))]
    by = {row[3]: row for row in rows}
    by["comma"][5], by["quote"][5] = "EX", "N/A"
    rows.remove(by["zero"])
    file = tmp_path / "canvas.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, delimiter=";").writerows(rows)
    done = command("export", "mlp", "--to", "canvas", "--into", file, "--course", course.root)
    filled = {row[3]: row for row in csv.reader(io.StringIO(done.stdout, newline=""), delimiter=";")}
    assert (filled["comma"][5], filled["quote"][5]) == ("EX", "N/A")
    assert "1 excused in Canvas: comma." in done.stderr
    assert "1 not given this assignment in Canvas: quote." in done.stderr
    assert "1 in no row of Canvas's table: zero." in done.stderr

    sheet = [*csv.reader(io.StringIO(moodle_table(course)))]
    who = dict(zip(names(course), sheet[1:], strict=True))
    who["comma"][6], who["bonus"][5], who["quote"][9] = "No", "14.00", "<p>See me.</p>"
    file = tmp_path / "moodle.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(sheet)
    filled_in, said = exported(course, "--to", "moodle", "--into", file)
    found = dict(zip(names(course), filled_in[1:], strict=True))
    assert (found["comma"][4], found["bonus"][4]) == ("", "")
    assert found["quote"][9] == "<p>See me.</p>"
    assert found["quote"][4] == "13.5"
    for told in ("locked in Moodle: comma", "above Moodle's maximum of 14.00", "commented on in Moodle"):
        assert told in said


HEADINGS = "Student,ID,SIS Login ID,Section"

REFUSED = {
    "no column of that name": (f"{HEADINGS},essay (1)\nA,1,comma,A,\n", [], "No column is called mlp"),
    "two columns of that name": (f"{HEADINGS},mlp (1),mlp (2)\nA,1,comma,A,,\n", [], "2 columns are called mlp"),
    "a column that Canvas works out": (
        f"{HEADINGS},mlp (1)\n    Points Possible,,,,(read only)\nA,1,comma,A,\n", [], "calculates the column"),
    "a column that is made up": (f"{HEADINGS},mlp (1)\nA,1,comma,A,\n", ["--column", "mpl"], "mlp (1)"),
    "another table": ("a,b\n1,2\n", [], "not the file that Canvas's gradebook exports"),
    "nothing": ("", [], "is empty"),
    "another encoding": ("Student,ID,Section,mlp (1)\nM\u00fcller,1,A,\n", [], "not UTF-8"),
    "an open quote": (f'{HEADINGS},mlp (1)\n"A,1,comma,A,\n', [], "is not a table as CSV"),
    "fields too many": (f"{HEADINGS},mlp (1)\nA,1,comma,A,2,3\n", [], "row 2, has more fields"),
}  # fmt: skip
"""What is named with --into, further options, and what is said."""


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_can_not_be_filled_in_is_refused(course: Course, tmp_path: Path, what: str) -> None:
    """In one sentence, with exit code 2; no column is ever made up."""
    text, options, told = REFUSED[what]
    file = tmp_path / "canvas.csv"
    file.write_bytes(text.encode("latin-1"))
    done = command("export", "mlp", "--to", "canvas", "--into", file, *options, "--course", course.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--to", "excel"], "There is no format excel"),
        (["--to", "canvas"], "--into FILE"),
        (["--to", "moodle", "--into", "nowhere.csv"], "There is no file nowhere.csv"),
        (["--to", "csv", "--column", "x"], "--into and --column are for Canvas and Moodle"),
        (["--to", "csv", "--feedback", "x.zip"], "--feedback is for --to canvas and --to moodle"),
    ],
)
def test_bad_usage_is_told(course: Course, options: list[str], told: str) -> None:
    """With what to do instead."""
    done = command("export", "mlp", *options, "--course", course.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("gradebook.db", "is a database, perhaps a gradebook"),
        ("submitted/comma/mlp/mlp.ipynb", "is among what the course keeps"),
        (".autograder/secret", "is among what the course keeps"),
        ("submitted", "is a folder"),
        ("", "is a folder"),
        ("to-the-gradebook.csv", "is a database, perhaps a gradebook"),
    ],
)
def test_no_table_takes_the_place_of_what_the_course_keeps(course: Course, place: str, told: str) -> None:
    """A slip in --out costs nothing, neither by a name nor through a link."""
    link = course.root / "to-the-gradebook.csv"
    link.unlink(missing_ok=True)
    link.symlink_to("gradebook.db")
    out = course.root / place if place else place
    kept = out.read_bytes() if place and out.is_file() else b""
    done = command("export", "mlp", "--to", "csv", "--out", out, "--course", course.root)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert link.is_symlink()
    assert not place or not out.is_file() or out.read_bytes() == kept


def test_a_table_goes_through_a_link_and_into_a_pipe(course: Course, tmp_path: Path) -> None:
    """Neither is replaced by a file."""
    link, pipe = tmp_path / "link.csv", tmp_path / "pipe"
    link.symlink_to("table.csv")
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)  # so that nobody waits for the other end
    for out in (link, pipe):
        done = command("export", "mlp", "--to", "csv", "--out", out, "--course", course.root)
        assert done.returncode == 0
    written = (tmp_path / "table.csv").read_bytes()
    assert os.read(held, 2 * len(written)) == written
    os.close(held)
    assert link.is_symlink()
    assert pipe.is_fifo()


def test_nothing_goes_out_before_anything_is_graded(released_course: Course) -> None:
    """An empty table would look like a class without points."""
    done = command("export", "mlp", "--to", "csv", "--course", released_course.root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Grade it first: autograder grade mlp" in done.stderr


def test_feedback_pages_are_named_as_each_lms_takes_them_back(course: Course, tmp_path: Path) -> None:
    """Moodle knows a page by the participant's number, Canvas by those of the student and of the upload."""
    for student in ("comma", "accent", "waits"):
        page = course.root / "feedback" / student / "mlp" / "mlp.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(student)
    sheet, book = tmp_path / "moodle.csv", tmp_path / "canvas.csv"
    sheet.write_text(moodle_table(course), encoding="utf-8", newline="")
    book.write_text(canvas_table(course), encoding="utf-8", newline="")
    downloaded = course.root / "downloaded" / "mlp" / "archive"
    downloaded.mkdir(parents=True, exist_ok=True)
    numbers = {student: number for number, student in enumerate(names(course), 100)}
    with zipfile.ZipFile(downloaded / "submissions.zip", "w") as out:
        out.writestr(f"lovelacecountessada_LATE_{numbers['comma']}_9001_mlp.ipynb", "")
    made = tmp_path / "pages.zip"

    _, said = exported(course, "--to", "moodle", "--into", sheet, "--feedback", made)
    with zipfile.ZipFile(made) as pages:
        found = {name: pages.read(name).decode() for name in pages.namelist()}
    assert sorted(found.values()) == ["accent", "comma"]
    assert all("_assignsubmission_file_mlp.html" in name for name in found)
    assert "have no page yet: nbgrader generate_feedback mlp" in said

    _, said = exported(course, "--to", "canvas", "--into", book, "--feedback", made)
    with zipfile.ZipFile(made) as pages:
        assert pages.namelist() == [f"lovelacecountessada_LATE_{numbers['comma']}_9001_mlp.html"]
    assert "Canvas would not know their page" in said


def test_nbgrader_exports_by_the_same_tables(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nbgrader export --exporter=...` writes what the command prints."""
    monkeypatch.chdir(course.root)
    book = tmp_path / "canvas.csv"
    book.write_text(canvas_table(course), encoding="utf-8", newline="")
    chosen: dict[str, list[str | Path]] = {"Csv": [], "Canvas": ["--into", book]}
    for name, options in chosen.items():
        goes = tmp_path / f"{name}.csv"
        words = [f"--{name}Export.into={file}" for file in options[1:]]
        app = ExportApp()
        app.initialize([f"--exporter=autograder.plugins.{name}Export", f"--to={goes}", "--assignment=mlp", *words])
        app.start()
        printed, _ = exported(course, "--to", name.lower(), *options)
        with goes.open(encoding="utf-8", newline="") as file:
            assert [*csv.reader(file)] == printed


@pytest.mark.parametrize(
    "text", ["=1", "'=1", "''=1", "'", "'a", "-", "\t=", "\r", "a=b", "", "+", "@x", "\uff1d1", "\n=1"]
)
def test_tamed_text_is_no_formula_and_comes_back(text: str) -> None:
    """An apostrophe goes before it, and one is taken off again: texts that had one keep theirs."""
    tamed = table.tame(text)
    assert tamed[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert table.wild(tamed) == text


def test_who_could_be_either_of_two_rows_gets_neither(course: Course, tmp_path: Path) -> None:
    """Two of one name without any number in common, and one name in two spellings: listed, and left."""
    file = tmp_path / "canvas.csv"
    rows = "".join(f"{name},{number},login{number},A,\n" for name, number in ROWS_OF_ONE_NAME)
    file.write_text(f"{HEADINGS},mlp (1)\n{rows}", encoding="utf-8")
    filled, said = exported(course, "--to", "canvas", "--into", file)
    assert [row[4] for row in filled[1:]] == ["", "", "13.5"]
    assert "with more than one row in Canvas's table, or one that is another's, too: accent." in said


ROWS_OF_ONE_NAME = [
    ('"M\u00fcller-\u0141ukasz, J\u00f6rg"', 1),
    ('"Mu\u0308ller-\u0141ukasz, Jo\u0308rg"', 2),
    ('"Lovelace, Countess, Ada"', 3),
]


def test_what_kernels_have_graded_goes_out_too(course: Course) -> None:
    """Stock nbgrader keeps no record; the gradebook tells the same."""
    before, _ = exported(course, "--to", "csv")
    record = course.root / ".autograder" / "records" / "mlp" / "bonus.json"
    kept = record.read_bytes()
    record.unlink()
    after, _ = exported(course, "--to", "csv")
    record.write_bytes(kept)
    assert after == before
