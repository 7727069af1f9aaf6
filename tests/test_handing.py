"""run.about: who has handed in, who was late and how it was graded is what gradebook, folders and records say."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from autograder.report import About
from autograder.run import about
from autograder.run.database import opened
from autograder.run.records import Stored
from tests.conftest import copied_course
from tests.test_report import result


def kept(student: str, graded: datetime | None) -> Stored:
    """The record of a student."""
    return Stored(submission_sha256="", kit="0.3.0", graded=graded, result=result(student))


@pytest.mark.slow
def test_who_is_missing_late_and_not_graded_yet_is_told(tmp_path: Path) -> None:
    """An extension is the student's own time; whoever has a folder has handed in."""
    course = copied_course(tmp_path)
    assert about(course, "mlp", []) == About(), "the gradebook doesn't know the assignment yet"
    with opened(course) as book:
        book.add_assignment("mlp", duedate="2026-10-01 12:00:00 UTC")
        for student in ("ada", "bela", "chen", "zora"):
            book.add_student(student)
        for student, extension in (("ada", 0), ("bela", 0), ("chen", 24)):
            at = "2026-10-01 11:59:00 UTC" if student == "ada" else "2026-10-01 14:00:00 UTC"
            with book.db.no_autoflush:
                book.add_submission("mlp", student, timestamp=at)
            if extension:
                book.grant_extension("mlp", student, hours=extension)
    for student in ("ada", "bela", "chen", "yusuf"):
        (course.root / "submitted" / student / "mlp").mkdir(parents=True)
    early, later = datetime(2026, 10, 2, 8), datetime(2026, 10, 3, 8)
    told = about(course, "mlp", [kept("ada", later), kept("bela", early), kept("chen", None)])

    assert (told.due, told.missing, told.ungraded) == (datetime(2026, 10, 1, 12), ("zora",), ("yusuf",))
    assert told.late == {"bela": 7200.0}
    assert (told.graded, told.versions) == ((early, later), ("0.3.0",))
    assert told.settings["by_hand"] == "flag"
    assert told.withdrawn == ()

    (course.root / "submitted" / "bela" / "mlp").rmdir()
    told = about(course, "mlp", [kept("ada", later), kept("bela", early), kept("chen", None)])
    assert (told.withdrawn, told.missing, told.late) == (("bela",), ("zora",), {})
    assert told.graded == (later, later), "how the class was graded is said of the class"

    shutil.rmtree(course.root / "submitted")
    assert about(course, "mlp", [kept("ada", later)]).withdrawn == (), "submitted/ was put away, and no student"
