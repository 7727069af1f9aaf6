"""Grading again: whatever has changed, marks of a person stay, and `--preview` says beforehand what a run does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.authoring import release
from autograder.course import HOME
from autograder.course.course import CONFIG, Course
from autograder.report import changes
from autograder.run import Batch, Book, left_out, previewed, records, totals
from autograder.total import Marks, Total
from tests.conftest import answering, command, copied, released
from tests.recorded import Warm
from tests.test_database import ask_more, with_cells

pytestmark = pytest.mark.slow

CLASS = ("ada", "bela", "chen", "dora", "emil")


@pytest.fixture(scope="module")
def right_and_wrong(right: dict[str, str]) -> tuple[str, str]:
    """A notebook with every point, and one with a wrong slope; both with a derivation."""
    found = []
    for source in (right["dloss"], right["dloss"].replace("2 *", "3 *")):
        content = answering(right, dloss=source)
        written = next(cell for cell in released("mlp")["cells"] if cell["id"] == "derivation")
        content["cells"].append(written | {"source": "Because $x$."})
        found.append(json.dumps(content))
    return found[0], found[1]


@pytest.fixture(scope="module")
def warm(released_course: Course) -> Iterator[Warm]:
    """A grader for what changes nothing of the lesson."""
    engine = Warm(released_course, "mlp")
    yield engine
    engine.end()


@pytest.fixture(scope="module")
def graded(
    released_course: Course, warm: Warm, right_and_wrong: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Course:
    """A class that was graded, and marked by a person: points, extra credit, comments."""
    course = copied(released_course, tmp_path_factory.mktemp("graded") / "course")
    for number, who in enumerate(CLASS):
        hand_in(course, who, right_and_wrong[number % 2], "2026-11-01 12:00:00 UTC")
    due(course, "2026-11-02 12:00:00 UTC")
    grade(course, warm)
    with Book(course, course.assignment("mlp")) as book:
        book.mark("ada", "derivation", 1.5, "Well argued.")
        book.mark("bela", "dloss", 0.25)
        book.mark("emil", "derivation", 0.0, "Which rule?")
    with in_book(course) as found:
        found.find_grade("sigma", "mlp", "mlp", "chen").extra_credit = 0.5
        found.find_comment("dloss-code", "mlp", "mlp", "bela").manual_comment = "Nearly."
        found.db.commit()
    return course


def hand_in(course: Course, who: str, content: str, at: str = "") -> None:
    """Hand in, at a time."""
    place = course.expected("mlp", who)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, "utf-8")
    if at:
        (place.parent / "timestamp.txt").write_text(at, "utf-8")


def in_book(course: Course) -> Any:
    """Open the gradebook as nbgrader does."""
    return Gradebook(f"sqlite:///{course.root}/gradebook.db")


def due(course: Course, date: str) -> None:
    """Set when the lesson is due."""
    with in_book(course) as book:
        book.update_or_create_assignment("mlp", duedate=date)


def configured(course: Course, line: str) -> None:
    """Add a setting."""
    with (course.root / CONFIG).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def grade(course: Course, warm: Warm) -> None:
    """Grade what has changed."""
    with Batch(course, "mlp", engine=warm) as run:
        list(run)


def resubmitted(course: Course, other: tuple[str, str]) -> None:
    """Some hand in again: better, worse, nothing that can be read."""
    hand_in(course, "ada", other[1], "2026-11-01 13:00:00 UTC")
    hand_in(course, "bela", other[0], "2026-11-03 13:00:00 UTC")
    hand_in(course, "chen", other[0][:999])


def joined(course: Course, other: tuple[str, str]) -> None:
    """Somebody is new, and late."""
    hand_in(course, "zora", other[1], "2026-11-05 12:00:00 UTC")


def left(course: Course, other: tuple[str, str]) -> None:
    """Somebody is no longer there."""
    shutil.rmtree(course.root / "submitted" / "ada")


def late_by_due_date(course: Course, other: tuple[str, str]) -> None:
    """It was due before."""
    configured(course, "c.LateSubmissionPlugin.penalty_method = 'zero'")
    due(course, "2026-10-30 12:00:00 UTC")


def late_by_timestamp(course: Course, other: tuple[str, str]) -> None:
    """One was late, and another can't be read."""
    configured(course, "c.LateSubmissionPlugin.penalty_method = 'zero'")
    hand_in(course, "chen", course.expected("mlp", "chen").read_text("utf-8"), "2026-11-09 12:00:00 UTC")
    hand_in(course, "dora", course.expected("mlp", "dora").read_text("utf-8"), "yesterday")


def longer_time(course: Course, other: tuple[str, str]) -> None:
    """All were late, and one has an extension."""
    late_by_due_date(course, other)
    with in_book(course) as book:
        book.grant_extension("mlp", "bela", weeks=2)


def a_question_more(course: Course, other: tuple[str, str]) -> None:
    """A question is added, and released."""
    with_cells(course, ask_more)
    release.generate(course, "mlp")


def other_points(course: Course, other: tuple[str, str]) -> None:
    """A question gives twice as much, and is released."""

    def doubled(cells: list[Any]) -> None:
        cell = next(one for one in cells if one["metadata"].get("nbgrader", {}).get("grade_id") == "dloss")
        cell["metadata"]["nbgrader"]["points"] *= 2

    with_cells(course, doubled)
    release.generate(course, "mlp")


def another_hidden_test(course: Course, other: tuple[str, str]) -> None:
    """A claim more, which nobody meets."""
    tests = course.root / "hidden_tests/mlp"
    shutil.copytree(HOME / "mlp", tests)
    with (tests / "test_dloss.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\ndef test_is_nothing(student: Student) -> None:\n    """It is 0."""\n'
            '    compare(student.run(flows.dloss, **draw(PAIRS[0])), {"answer": 0 * draw(PAIRS[0])["v"]})\n'
        )
    configured(course, 'c.BackpropKit.hidden_tests = "hidden_tests"')


def all_of_it(course: Course, other: tuple[str, str]) -> None:
    """Several at once."""
    joined(course, other)
    left(course, other)
    longer_time(course, other)
    hand_in(course, "emil", other[1])


CHANGES: dict[str, tuple[Callable[[Course, tuple[str, str]], None], bool]] = {
    "a resubmission": (resubmitted, False),
    "a new student": (joined, False),
    "a student removed": (left, False),
    "the due date and the penalty": (late_by_due_date, False),
    "timestamps": (late_by_timestamp, False),
    "an extension": (longer_time, False),
    "several of these": (all_of_it, False),
    "a question added": (a_question_more, True),
    "points changed and released": (other_points, True),
    "a hidden test changed": (another_hidden_test, True),
}
"""What changes, and whether it changes the lesson."""


def told(pairs: Sequence[tuple[Total | None, Total]]) -> str:
    """The table of what changes, as it is shown."""
    console = Console(width=140, no_color=True)
    with console.capture() as shown:
        console.print(changes(pairs))
    return shown.get()


def by_hand(course: Course) -> dict[str, object]:
    """What people have given: points, extra credit and comments."""
    with Book(course, course.assignment("mlp")) as book:
        marks: dict[str, Marks] = book.marks()
    return {
        f"{who} {name}": (mark.manual, mark.extra, mark.comment)
        for who, own in marks.items()
        for name, mark in own.questions.items()
        if mark.manual is not None or mark.extra or mark.comment
    }


def found(course: Course) -> dict[str, Total]:
    """The totals of all that have been graded."""
    return {one.submission: one for one in totals(course, "mlp", (kept.result for kept in records(course, "mlp")))}


@pytest.mark.sample(3, "what")
@pytest.mark.parametrize("what", CHANGES)
def test_a_preview_says_what_the_run_then_does(
    graded: Course, warm: Warm, right_and_wrong: tuple[str, str], tmp_path: Path, what: str
) -> None:
    """The same students, numbers and reasons; a person's marks stay, and the preview itself changes nothing."""
    course = copied(graded, tmp_path / "course")
    change, of_the_lesson = CHANGES[what]
    change(course, right_and_wrong)
    course = Course(course.root)
    engine = Warm(course, "mlp") if of_the_lesson else warm
    given, before, book = by_hand(course), found(course), (course.root / "gradebook.db").read_bytes()
    with Batch(course, "mlp", force=True, preview=True, engine=engine) as run:
        pairs = [(one.before, one.result) for one in run]
        promised = previewed(course, "mlp", pairs, run.rehearsed)
        gone = run.withdrawn

    assert (course.root / "gradebook.db").read_bytes() == book
    assert found(course) == before
    with Batch(course, "mlp", engine=engine) as run:
        done = sorted(one.student for one in run)
    if of_the_lesson:
        engine.end()
    after = found(course)
    assert told(promised) == told([(before.get(who), after[who]) for who in done])
    assert {after.submission: after.score for _, after in promised} == {who: after[who].score for who in done}
    assert by_hand(course) == given
    assert gone == run.withdrawn == tuple(sorted(after.keys() - set(done)))


def test_the_command_names_who_no_longer_hands_in_and_counts_them_nowhere(graded: Course, tmp_path: Path) -> None:
    """grade and report say the same sentence; the row stays in the gradebook, and counts again once they are back."""
    course = copied(graded, tmp_path / "course")
    away = tmp_path / "away"
    (course.root / "submitted" / "emil").rename(away)
    runs = [command(name, "mlp", "--course", course.root) for name in ("grade", "report")]

    for run in runs:
        assert left_out(("emil",), "mlp") in run.stderr
    assert "emil" not in runs[0].stdout
    assert "4 of 4 had not changed" in runs[0].stdout
    with in_book(course) as book:
        assert book.find_submission("mlp", "emil").score > 0
    away.rename(course.root / "submitted" / "emil")
    run = command("grade", "mlp", "--course", course.root)
    assert "5 of 5 had not changed" in run.stdout
    assert "no longer" not in run.stderr
