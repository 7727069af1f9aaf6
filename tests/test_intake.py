"""platforms.intake, roster, collecting: what Canvas and Moodle hand out gets to its students, and nobody is guessed."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from nbgrader.apps.zipcollectapp import ZipCollectApp

from autograder.course.course import Course
from autograder.platforms import intake
from autograder.run.database import opened
from tests.conftest import copied

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,mlp (501)\n"
    "    Points Possible,,,,,14.00\n"
    '"Lovelace, Ada",1,S1,ada,A,\n'
    '"Hopper, Grace",2,S2,grace,A,\n'
    '"M\u00fcller, J\u00f6rg",3,S3,joerg,A,\n'
    '"=""=Quote, O\'Neil""",4,S4,oneil,A,\n'
    '"Student, Test",9,,test,A,\n'
)

MOODLE = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    'Participant 71,"Ada Lovelace",ada@uni.example,Submitted,,14.00,Yes,"Sunday, 1 November 2026, 9:05 PM",-,\n'
    'Participant 72,"Grace Hopper",grace@uni.example,Submitted,,14.00,Yes,"Monday, November 2, 2026, 10:00 AM",-,\n'
    'Participant 73,"J\u00f6rg M\u00fcller",joerg@uni.example,"No submission",,14.00,Yes,-,-,\n'
)

Files = Mapping[str, str | bytes]


@pytest.fixture
def course(released_course: Course, tmp_path: Path) -> Course:
    """A course whose gradebook knows nobody yet, with a place for what was downloaded."""
    made = copied(released_course, tmp_path / "course")
    archives(made).mkdir(parents=True)
    return made


def archives(course: Course) -> Path:
    """Where what was downloaded lies."""
    return course.root / "downloaded" / "mlp" / "archive"


def hand_out(course: Course, files: Files, name: str = "submissions.zip") -> Path:
    """Let an LMS hand out a zip."""
    place = archives(course) / name
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as out:
        for path, content in files.items():
            out.writestr(path, content)
    return place


def taken(course: Course, table: str = "", zone: str = "") -> tuple[dict[str, str], list[str]]:
    """What is collected, path -> content, and all that is said."""
    if table:
        (archives(course) / "table.csv").write_text(table, encoding="utf-8")
    into = course.root / "downloaded" / "mlp" / "extracted"
    everybody, told = intake.gathered(archives(course), course, course.root / "roster.csv")
    done = intake.take(archives(course), into, "mlp", everybody, zone)
    found = {str(path.relative_to(into)): path.read_text() for path in into.rglob("*") if path.is_file()}
    return found, [*told, *done.told]


def test_canvas_names_are_read_with_late_marks_scripts_and_several_files(course: Course) -> None:
    """Accents and apostrophes in names; a `-1` that Canvas put there is taken off again."""
    hand_out(
        course,
        {
            "lovelaceada_1_11_mlp-1.ipynb": "ada",
            "hoppergrace_LATE_2_21_mlp.py": "grace",
            "hoppergrace_LATE_2_22_notes_5_6_x.txt": "notes",
            "m\u00fcllerj\u00f6rg_3_31_mein heft.ipynb": "joerg",
            "quoteoneil_4_41_mlp.ipynb": "oneil",
            "quoteoneil_4_42_mlp-1.ipynb": "oneil again",
        },
    )
    found, told = taken(course, CANVAS)

    assert found == {
        "ada/mlp.ipynb": "ada",
        "grace/mlp.py": "grace",
        "grace/notes_5_6_x.txt": "notes",
        "joerg/mein heft.ipynb": "joerg",
        "oneil/mlp.ipynb": "oneil",
        "oneil/mlp-1.ipynb": "oneil again",
    }
    (late,) = told
    assert "Canvas calls grace late" in late


@pytest.mark.parametrize("form", ["{0}/mlp.ipynb", "{0}_/mlp.ipynb", "{0}_mlp.ipynb", "all/{0}/mlp.ipynb"])
def test_moodle_names_are_read_as_folders_and_as_files(course: Course, form: str) -> None:
    """As Moodle names them by default, did before 4.1, and by choice; and with a folder around all."""
    hand_out(course, {form.format("Ada Lovelace_71_assignsubmission_file"): "ada"})
    assert taken(course, MOODLE, "Europe/Berlin") == (
        {"ada@uni.example/mlp.ipynb": "ada", "ada@uni.example/timestamp.txt": "2026-11-01 20:05:00 UTC\n"},
        [],
    )


def test_moodle_says_when_only_where_the_zone_is_known(course: Course) -> None:
    """American dates, too; without a zone, or in another language, nothing is written and a sentence says so."""
    hand_out(course, {"Grace Hopper_72_assignsubmission_file/sub/mlp.ipynb": "grace"})
    assert taken(course, MOODLE, "UTC")[0]["grace@uni.example/timestamp.txt"] == "2026-11-02 10:00:00 UTC\n"


@pytest.mark.parametrize(
    ("zone", "when", "told"),
    [("", "Monday, November 2, 2026, 10:00 AM", "c.Extractor.time_zone"), ("UTC", "Montag, 2. Nov", "in English")],
)
def test_a_time_that_is_not_known_is_not_guessed(course: Course, zone: str, when: str, told: str) -> None:
    """No timestamp, and a sentence."""
    hand_out(course, {"Grace Hopper_72_assignsubmission_file/mlp.ipynb": "grace"})
    found, said = taken(course, MOODLE.replace("Monday, November 2, 2026, 10:00 AM", when), zone)
    assert found == {"grace@uni.example/mlp.ipynb": "grace"}
    assert told in " ".join(said)


def test_who_can_not_be_told_is_listed_and_the_rest_is_collected(course: Course) -> None:
    """Nobody's, a name with another's number, a team, an anonymous one; text that was typed in."""
    hand_out(
        course,
        {
            "lovelaceada_1_11_mlp.ipynb": "ada",
            "nobody_77_78_mlp.ipynb": "?",
            "hoppergrace_1_79_mlp.ipynb": "?",
            "Team 5_5_assignsubmission_file/mlp.ipynb": "?",
            "anon_x7Bq2_90_mlp.ipynb": "?",
            "quoteoneil_4_text.html": "?",
            "mlp.ipynb": "?",
        },
    )
    found, told = taken(course, CANVAS)

    assert found == {"ada/mlp.ipynb": "ada"}
    said = " ".join(told)
    assert "nobody (Canvas 77) was not collected: nobody in the roster has that name and number" in said
    assert "hoppergrace (Canvas 1) was not collected: name and number don't belong together" in said
    assert "Team 5 (Moodle 5) was not collected" in said
    assert "somebody (Canvas anon_x7Bq2) was not collected" in said
    assert "quoteoneil_4_text.html is text that quoteoneil (Canvas 4) typed into Canvas" in said
    assert "mlp.ipynb has no name that Canvas or Moodle give a submission" in said
    assert len(told) == 6


def test_a_name_that_was_made_up_to_be_read_as_another_s_is_nobody_s(course: Course) -> None:
    """Whoever calls themselves `hoppergrace_2` would hand in for grace: both readings hold, so neither counts."""
    table = CANVAS + '"hoppergrace_2",7,S7,mallory,A,\n'
    hand_out(course, {"hoppergrace_2_7_99_mlp.ipynb": "mallory", "hoppergrace_2_21_mlp.ipynb": "grace"})
    found, told = taken(course, table)

    assert found == {"grace/mlp.ipynb": "grace"}
    assert len(told) == 1
    assert "that could be" in told[0]
    assert "grace" in told[0]
    assert "mallory" in told[0]


def test_two_of_one_name_are_told_by_their_numbers(course: Course) -> None:
    """With the table of the LMS each gets their own, in whatever spelling."""
    nfc, nfd = "zo\u00eb one", unicodedata.normalize("NFD", "Zo\u00eb One")
    files = {
        f"{nfc}_81_assignsubmission_file/mlp.ipynb": "first",
        f"{nfd}_82_assignsubmission_file/mlp.ipynb": "second",
    }
    hand_out(course, files)
    rows = f"81,{nfc},a@x.example\n82,{nfd},b@x.example\n"
    found, told = taken(course, f"Identifier,Full name,Email address\n{rows}")
    assert (found, told) == ({"a@x.example/mlp.ipynb": "first", "b@x.example/mlp.ipynb": "second"}, [])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,zo\u00eb,one\nb,zoe\u0308,one\n", "could be a or b"),
        ("a,zo\u00eb,one\n", "would all be the same student"),
        ("", "there is no roster"),
    ],
    ids=["two in the roster", "two in the archive", "nobody in the roster"],
)
def test_two_spellings_of_one_name_are_listed(course: Course, rows: str, told: str) -> None:
    """A name composed of letters and accents, and one with both in one: the same name to everybody who reads it."""
    hand_out(
        course,
        {
            "Zo\u00eb One_81_assignsubmission_file/mlp.ipynb": "first",
            "Zoe\u0308 One_82_assignsubmission_file/mlp.ipynb": "second",
        },
    )
    (course.root / "roster.csv").write_text(f"student_id,first_name,last_name\n{rows}", encoding="utf-8")
    found, said = taken(course)
    assert found == {}
    assert told in " ".join(said)


def test_one_spelling_is_the_other_where_one_person_can_be_meant(course: Course) -> None:
    """A Mac writes names with separate accents."""
    hand_out(
        course, {unicodedata.normalize("NFD", "J\u00f6rg M\u00fcller_73_assignsubmission_file/mlp.ipynb"): "joerg"}
    )
    found, told = taken(course, MOODLE)
    assert (found, told) == ({"joerg@uni.example/mlp.ipynb": "joerg"}, [])


def test_people_of_the_gradebook_are_known_by_name_address_and_number(course: Course) -> None:
    """A table adds to them, and makes nobody a second time."""
    with opened(course) as book:
        book.add_student("al", first_name="Ada", last_name="Lovelace", lms_user_id="1")
        book.add_student("gh", email="grace@uni.example")
        book.add_student("joerg", first_name="J\u00f6rg", last_name="M\u00fcller")
    hand_out(
        course,
        {
            "lovelaceada_1_11_mlp.ipynb": "ada",
            "Grace Hopper_72_assignsubmission_file/mlp.ipynb": "grace",
            "J\u00f6rg M\u00fcller_73_assignsubmission_file/mlp.ipynb": "joerg",
        },
    )
    found, told = taken(course, MOODLE, "UTC")
    del found["gh/timestamp.txt"]
    assert (found, told) == ({"al/mlp.ipynb": "ada", "gh/mlp.ipynb": "grace", "joerg/mlp.ipynb": "joerg"}, [])


def test_a_later_upload_counts_and_what_has_no_order_is_left(course: Course) -> None:
    """Canvas numbers uploads one after another; Moodle says nothing of the kind."""
    hand_out(course, {"lovelaceada_1_11_mlp.ipynb": "old", "hoppergrace_2_12_mlp.ipynb": "same"}, "1.zip")
    hand_out(course, {"lovelaceada_1_99_mlp.ipynb": "new", "hoppergrace_2_12_mlp.ipynb": "same"}, "2.zip")
    for name, content in (("3.zip", "x"), ("4.zip", "y")):
        hand_out(course, {"J\u00f6rg M\u00fcller_73_assignsubmission_file/mlp.ipynb": content}, name)
    (course.root / "roster.csv").write_text(f"{MOODLE.splitlines()[0]}\n{MOODLE.splitlines()[3]}", encoding="utf-8")
    found, told = taken(course, "\n".join(line for line in CANVAS.splitlines() if "S3" not in line))
    assert found == {"ada/mlp.ipynb": "new", "grace/mlp.ipynb": "same"}
    assert len(told) == 2
    assert "ada handed in again: what 2.zip has is the later upload, and was taken" in told[0]
    assert "joerg@uni.example was not collected: 3.zip and 4.zip differ" in told[1]


def test_a_student_does_not_say_when_they_handed_in_nor_hand_in_an_archive(course: Course) -> None:
    """nbgrader would take a student's own timestamp.txt for its own."""
    hand_out(
        course,
        {
            "lovelaceada_1_11_mlp.ipynb": "ada",
            "lovelaceada_1_12_timestamp.txt": "2020-01-01 00:00:00 UTC",
            "lovelaceada_1_13_all.zip": "PK",
            "hoppergrace_2_21_..": "x",
        },
    )
    found, told = taken(course, CANVAS)
    assert found == {"ada/mlp.ipynb": "ada"}
    assert any("timestamp.txt would say itself when it was handed in" in sentence for sentence in told)
    assert any("all.zip is an archive within an archive" in sentence for sentence in told)
    assert len(told) == 3


def test_more_than_one_student_may_send_is_left_the_notebook_first(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others lose nothing by it."""
    monkeypatch.setattr(intake, "BYTES", 10)
    hand_out(
        course,
        {
            "lovelaceada_1_11_a.bin": "x" * 9,
            "lovelaceada_1_12_mlp.ipynb": "ada",
            "hoppergrace_2_13_mlp.ipynb": "grace",
        },
    )
    found, told = taken(course, CANVAS)
    assert found == {"ada/mlp.ipynb": "ada", "grace/mlp.ipynb": "grace"}
    assert len(told) == 1
    assert "a.bin is more than" in told[0]


def test_a_file_that_is_there_twice_is_not_chosen_between(course: Course) -> None:
    """Folders of two weeks in one zip; but of two uploads of a name the later one counts."""
    name = "Ada Lovelace_71_assignsubmission_file"
    hand_out(course, {f"week 1/{name}/mlp.ipynb": "old", f"week 2/{name}/mlp.ipynb": "new", f"week 1/{name}/a.py": "a"})
    hand_out(course, {"hoppergrace_2_22_mlp.ipynb": "later", "hoppergrace_2_21_mlp.ipynb": "early"}, "canvas.zip")
    (course.root / "roster.csv").write_text("student_id,first_name,last_name\nada,Ada,Lovelace\ngrace,Grace,Hopper\n")
    found, told = taken(course)
    assert found == {"ada/a.py": "a", "grace/mlp.ipynb": "later"}
    assert [sentence.rpartition("mlp.ipynb ")[2] for sentence in sorted(told)] == [
        "was uploaded again later; that one counts.",
        *["is there more than once; none of them was taken."] * 2,
    ]


def test_a_file_s_name_does_not_make_it_somebody_else_s(course: Course) -> None:
    """Moodle's own part of a name comes first, whatever the student called the file."""
    file = "Grace Hopper_72_assignsubmission_file"
    hand_out(
        course,
        {
            f"Ada Lovelace_71_assignsubmission_file_{file}_mlp.ipynb": "flat",
            f"J\u00f6rg M\u00fcller_73_assignsubmission_file/{file}/mlp.ipynb": "deep",
        },
    )
    found, _ = taken(course, MOODLE, "UTC")
    assert {path.partition("@")[0] for path in found} == {"ada", "joerg"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("a,b\n1,2\n", "names nobody"),
        ("", "is empty"),
        ('student_id\n"ada', "is not a table as CSV"),
        ("student_id\n../ada\n", "that can't be the name of a student's folder"),
        ("student_id\n*\n", "that can't be the name of a student's folder"),
        ("student_id,email\nada,x@y\ngrace,x@y\n", "x@y stands there twice"),
    ],
)
def test_a_roster_that_is_none_is_told(course: Course, table: str, told: str) -> None:
    """In a sentence each; collecting goes on with who is known."""
    (course.root / "roster.csv").write_text(table, encoding="utf-8")
    hand_out(course, {"lovelaceada_1_11_mlp.ipynb": "ada"})
    found, said = taken(course, CANVAS)
    assert found == {"ada/mlp.ipynb": "ada"}
    assert told in " ".join(said)


@pytest.fixture
def zip_collect(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run nbgrader's own command, in this process, with the course's settings; what it says."""

    def run(*options: str) -> str:
        monkeypatch.chdir(course.root)
        monkeypatch.setattr(sys, "path", [*sys.path])  # nbgrader puts the folder that it starts in there
        app = ZipCollectApp()
        app.initialize(["mlp", *options])
        app.start()
        return capsys.readouterr().err

    return run


def emptied(folder: Path) -> None:
    """Remove what was unpacked, as nbgrader wants it, or to be forced."""
    shutil.rmtree(folder)


def test_nbgrader_collects_and_overwrites_nothing_without_a_word(
    course: Course, zip_collect: Callable[..., str]
) -> None:
    """What is new comes, what is the same stays, what differs is left, or replaced where that is asked."""
    submitted = course.root / "submitted"
    (archives(course) / "gradebook.csv").write_text(CANVAS, encoding="utf-8")
    hand_out(course, {"lovelaceada_1_11_mlp.ipynb": "ada", "../../x.ipynb": "out", "hoppergrace_2_21_mlp.ipynb": "g"})
    assert "x.ipynb leads out of its folder" in zip_collect()
    assert (submitted / "ada" / "mlp" / "mlp.ipynb").read_text() == "ada"
    assert not (course.root.parent / "x.ipynb").exists()

    (submitted / "ada" / "mlp" / "timestamp.txt").write_text("2026-11-01 12:00:00 UTC")
    hand_out(course, {"lovelaceada_1_11_mlp.ipynb": "ada", "hoppergrace_2_29_mlp.ipynb": "new",
                      "m\u00fcllerj\u00f6rg_3_31_mlp.ipynb": "joerg"})  # fmt: skip
    emptied(course.root / "downloaded" / "mlp" / "extracted")
    assert "grace has handed in before, something else; it was left" in zip_collect()
    assert (submitted / "grace" / "mlp" / "mlp.ipynb").read_text() == "g"
    assert (submitted / "joerg" / "mlp" / "mlp.ipynb").read_text() == "joerg"

    assert "grace has handed in before; --force replaces it" in zip_collect("--force")
    assert (submitted / "grace" / "mlp" / "mlp.ipynb").read_text() == "new"
    assert (submitted / "ada" / "mlp" / "timestamp.txt").exists(), "what is the same was left alone"


def test_what_two_lms_hand_out_is_collected_as_the_same(course: Course) -> None:
    """The same class by Canvas and by Moodle: equal folders, whatever the names look like."""
    notebook = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    class_ = "student_id,first_name,last_name\nada,Ada,Lovelace\ngrace,Grace,Hopper\njoerg,J\u00f6rg,M\u00fcller\n"
    (course.root / "roster.csv").write_text(class_, encoding="utf-8")
    names = [
        ("lovelaceada", "Ada Lovelace"),
        ("hoppergrace", "Grace Hopper"),
        ("m\u00fcllerj\u00f6rg", "J\u00f6rg M\u00fcller"),
    ]
    hand_out(course, {f"{name}_{n}_{n}{n}_mlp.ipynb": notebook for n, (name, _) in enumerate(names, 1)})
    by_canvas = taken(course)
    emptied(course.root / "downloaded" / "mlp" / "extracted")
    hand_out(course, {f"{name}_{n}_assignsubmission_file/mlp.ipynb": notebook for n, (_, name) in enumerate(names, 7)})

    assert by_canvas == taken(course)
    assert set(by_canvas[0]) == {"ada/mlp.ipynb", "grace/mlp.ipynb", "joerg/mlp.ipynb"}
