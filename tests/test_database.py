"""The gradebook as a database: whatever is wrong with it has a sentence, and nothing else is said or lost."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from autograder.authoring import release
from autograder.course.course import CONFIG, Course
from autograder.errors import CannotGrade
from autograder.judge.grader import Grader
from autograder.run import database
from autograder.run.autograded import page
from autograder.run.gradebook import Book
from tests.conftest import REPO, command, copied, copied_course

pytestmark = pytest.mark.slow

Harm = Callable[[Path], object]


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")


def _older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE grade RENAME COLUMN extra_credit TO extra")


def _due(value: object) -> Harm:
    def harm(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE assignment SET duedate = ?", [value])

    return harm


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMED: dict[str, tuple[Harm, str]] = {
    "other text": (lambda path: path.write_bytes(b"no database at all " * 500), "Put a backup in its place"),
    "cut in half": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "Put a backup"),
    "emptied": (lambda path: path.write_bytes(b""), "autograder release mlp"),
    "deleted": (Path.unlink, "autograder release mlp"),
    "a folder": (_a_folder, "Look at c.CourseDirectory.db_url"),
    "of a newer nbgrader": (_newer, "Install the version that made it"),
    "of an older nbgrader": (_older, "nbgrader db upgrade"),
    "due at a word": (_due("soon"), "has 'soon' as the duedate of mlp in its table assignment, where a time belongs."),
    "due at a number": (_due(5), "Put one there, or NULL."),
}


@pytest.fixture
def own(released_course: Course, tmp_path: Path) -> Course:
    """A released course of one's own, in which ada has handed in."""
    course = copied(released_course, tmp_path / "course")
    folder = course.root / "submitted" / "ada" / "mlp"
    folder.mkdir(parents=True)
    (folder / "mlp.ipynb").write_bytes((REPO / "release" / "mlp" / "mlp.ipynb").read_bytes())
    return course


@pytest.mark.parametrize("how", HARMED)
def test_a_gradebook_that_cannot_be_used_is_told_with_what_mends_it(own: Course, how: str) -> None:
    """No query is shown, the kit isn't blamed, and what stands there is left as it is."""
    harm, way = HARMED[how]
    path = own.root / "gradebook.db"
    harm(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(CannotGrade) as told, Book(own, own.assignment("mlp")) as book:
        book.marks()

    assert way in str(told.value)
    assert "SQL:" not in str(told.value)
    assert "sqlalche" not in str(told.value)
    if before:
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["grade", "export", "release"])
def test_a_command_says_so_and_exits_with_1(own: Course, name: str) -> None:
    """Every command that opens a gradebook says the same of one that it can't read."""
    (own.root / "gradebook.db").write_bytes(b"no database at all " * 500)
    said = {
        "release": lambda: _told(lambda: release.generate(own, "mlp")),
        "grade": lambda: command("grade", "mlp", "--course", own.root, "--workers", "1").stderr,
        "export": lambda: command("export", "mlp", "--to", "csv", "--course", own.root).stderr,
    }[name]()

    assert "file is not a database" in said
    assert "fault of the kit" not in said


def _told(act: Callable[[], object]) -> str:
    with pytest.raises(CannotGrade) as told:
        act()
    return str(told.value)


def test_an_address_is_never_shown(own: Course) -> None:
    """It may hold a password; what the server says is shown."""
    with (own.root / CONFIG).open("a", encoding="utf-8") as config:
        config.write("\nc.CourseDirectory.db_url = 'postgresql://ada:letmein@127.0.0.1:1/none'\n")
    said = _told(lambda: Book(Course(own.root), own.assignment("mlp")))

    assert "letmein" not in said
    assert "c.CourseDirectory.db_url" in said


@contextmanager
def locked(course: Course) -> Iterator[sqlite3.Connection]:
    """A gradebook that another program keeps for itself."""
    with closing(sqlite3.connect(course.root / "gradebook.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other


@pytest.mark.parametrize("when", ["at the start", "in mid-run"])
def test_a_gradebook_that_is_locked_for_a_while_is_waited_for(own: Course, when: str) -> None:
    """Whoever has it open needs a moment; then everything is read and written as if they hadn't."""
    assignment = own.assignment("mlp")
    if when == "at the start":
        with locked(own) as other:
            threading.Timer(2.5, other.execute, ["ROLLBACK"]).start()
            with Book(own, assignment) as book:
                assert book.marks() == {}
    else:
        with Book(own, assignment) as book:
            grading = Grader(assignment, "0", settings=own.settings).failed("ada", "not tried")
            made = page(grading, assignment, book.master)
            with locked(own) as other:
                threading.Timer(2.5, other.execute, ["ROLLBACK"]).start()
                book.write({"ada": (made, own.submissions("mlp", None)["ada"])})
            assert set(book.marks()) == {"ada"}


@pytest.mark.parametrize("when", ["at the start", "in mid-run"])
def test_a_gradebook_that_stays_locked_is_told(own: Course, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute the command ends with a sentence, and the next one goes on."""
    monkeypatch.setattr(database, "LOCKED_S", 1.5)
    if when == "at the start":
        with locked(own):
            said = _told(lambda: Book(own, own.assignment("mlp")))
    else:
        with pytest.raises(CannotGrade) as told, Book(own, own.assignment("mlp")) as book, locked(own):
            book.marks()
        said = str(told.value)

    assert "has been locked by another program" in said
    assert "run the command again" in said
    with Book(own, own.assignment("mlp")) as book:
        assert book.marks() == {}


def with_cells(course: Course, change: Callable[[list[dict[str, object]]], None]) -> None:
    """Change the cells of mlp's source."""
    path = course.root / "source" / "mlp" / "mlp.ipynb"
    content = json.loads(path.read_text("utf-8"))
    change(content["cells"])
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _place(cells: list[dict[str, object]], name: str) -> int:
    return next(place for place, cell in enumerate(cells) if _about(cell).get("grade_id") == name)


def _about(cell: dict[str, object]) -> dict[str, object]:
    metadata = cell["metadata"]
    assert isinstance(metadata, dict)
    found = metadata.get("nbgrader", {})
    assert isinstance(found, dict)
    return found


def ask_more(cells: list[dict[str, object]]) -> None:
    """Ask for a second derivation, of three points."""
    place = _place(cells, "derivation")
    more = json.loads(json.dumps(cells[place]))
    more["metadata"]["nbgrader"] |= {"grade_id": "again", "points": 3}
    more["id"] = "again"
    cells.insert(place + 1, more)


def test_points_that_were_not_released_are_refused(own: Course) -> None:
    """New points in old rows would make two maxima: the sentence names both, and the command."""
    with_cells(own, lambda cells: _about(cells[_place(cells, "derivation")]).update(points=5))
    run = command("grade", "mlp", "--course", own.root, "--workers", "1")

    assert run.returncode == 1
    assert "mlp was released with 2 for derivation; its source has 5 for derivation." in run.stderr
    assert "autograder release mlp" in run.stderr


def test_a_question_may_be_added_after_students_have_handed_in(own: Course) -> None:
    """Marks that a person gave stay, whoever has handed in can be given points for it; one that went is refused."""
    assignment = own.assignment("mlp")
    with Book(own, assignment) as book:
        made = page(Grader(assignment, "0", settings=own.settings).failed("ada", "not tried"), assignment, book.master)
        book.save({"ada": (made, own.submissions("mlp", None)["ada"])})
        book.mark("ada", "derivation", 1.5, "Well argued.")
    with_cells(own, ask_more)
    release.generate(own, "mlp")
    more = Course(own.root)
    with Book(more, more.assignment("mlp")) as book:
        book.agrees()
        book.mark("ada", "again", 3.0)
        marks = book.marks()["ada"].questions

    assert (marks["derivation"].manual, marks["derivation"].comment) == (1.5, "Well argued.")
    assert (marks["again"].manual, marks["again"].max_points) == (3.0, 3.0)
    with_cells(own, lambda cells: cells.pop(_place(cells, "again")))
    before = (own.root / "release" / "mlp" / "mlp.ipynb").read_bytes()
    assert "the source no longer has again" in _told(lambda: release.generate(Course(own.root), "mlp"))
    assert (own.root / "release" / "mlp" / "mlp.ipynb").read_bytes() == before


def test_a_release_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """nbgrader takes the old one away before it begins; here it goes once the new one is whole."""
    course = copied_course(tmp_path)
    release.generate(course, "mlp")
    before = {path.name: path.stat().st_mtime_ns for path in (course.root / "release" / "mlp").iterdir()}
    with_cells(course, lambda cells: _about(cells[_place(cells, "derivation")]).update(grade_id="loss"))
    _told(lambda: release.generate(Course(course.root), "mlp"))

    assert {path.name: path.stat().st_mtime_ns for path in (course.root / "release" / "mlp").iterdir()} == before
    assert [path.name for path in course.root.iterdir() if path.name.startswith(".autograder-draft")] == []
