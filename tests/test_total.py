"""autograder.total: one number for a submission, by nbgrader's own rule, on every page and in every table."""

from __future__ import annotations

import pytest

from autograder.report import changes, class_page, class_table, student_page, tally, verdict
from autograder.result import Question
from autograder.total import Mark, Marks, Total, total
from tests.test_report import CLAIMS, POINTS, Page, printed, question, result

WRITTEN = {"derivation": Mark(max_points=2.0, asks=True)}


def marks(penalty: float = 0.0, **instead: Mark) -> Marks:
    """A gradebook's row: every function right, and the derivation unread, but for those that are named."""
    right = {name: Mark(max_points=POINTS[name], automatic=POINTS[name]) for name in CLAIMS}
    return Marks(questions={**right, **WRITTEN, **instead}, penalty=penalty)


def read(points: float, comment: str = "", extra: float = 0.0, *, asks: bool = False) -> Mark:
    """The mark of a derivation that somebody has read."""
    return Mark(max_points=2.0, manual=points, comment=comment, extra=extra, asks=asks)


@pytest.mark.parametrize(
    ("book", "score"),
    [
        (marks(), 8.0),
        (marks(derivation=read(1.5)), 9.5),
        (marks(derivation=read(0.0)), 8.0),
        (marks(derivation=read(2.0, extra=0.5)), 10.5),
        (marks(penalty=3.0, derivation=read(1.5)), 6.5),
        (marks(sigma=Mark(max_points=1.0, automatic=1.0, manual=0.25)), 7.25),
        (marks(sigma=Mark(max_points=1.0, automatic=0.5, extra=0.25)), 7.75),
        (marks(sigma=Mark(max_points=1.0, extra=1.0)), 7.0),
    ],
)
def test_a_score_is_the_gradebooks_by_nbgraders_rule(book: Marks, score: float) -> None:
    """A person's points come before the grader's, extra credit is added, a penalty taken off; the maximum is whole."""
    found = total(result("ada"), book)

    assert (found.score, found.max_score) == (score, 10.0)


def shown_everywhere(found: Total) -> list[str]:
    """The texts of all pages and tables that show one student."""
    return [
        Page(student_page(found)).said,
        Page(class_page([found], "mlp")).said,
        printed(class_table([found]), 120),
        printed(verdict(found), 120),
    ]


def test_every_page_and_table_shows_the_same_number() -> None:
    """The student's page, the class's, the class's table and a verdict take it from one place."""
    found = total(result("ada"), marks(penalty=1.25, derivation=read(1.5, "Why the transpose?")))

    for shown in shown_everywhere(found):
        assert "8.25" in shown
        assert "10" in shown
    page = Page(student_page(found)).said
    assert "Why the transpose?" in page
    assert "Handing in late cost 1.25 points." in page
    assert "1.5 of 2" in page
    assert "not in this number" not in page


def test_what_nobody_has_read_is_said_and_what_nobody_wrote_has_nothing() -> None:
    """An unread answer has no points yet; an empty one has none, and nothing is promised."""
    unread = Page(student_page(total(result("ada"), marks()))).said
    assert "To be marked by a person, and not in this number yet: derivation (2 points)." in unread

    for record in (result("ada"), empty("ada")):
        found = total(record, marks(derivation=Mark(max_points=2.0, automatic=0.0)))
        assert found.question("derivation").status == "no_answer"
        page = Page(student_page(found)).said
        assert "0 of 2" in page
        assert "not answered" in page
        assert "A person" not in page
        assert "derivation: not answered" in " ".join(printed(class_table([found]), 120).split())


def empty(student: str) -> Total:
    """A record whose derivation was left empty."""
    found = result(student)
    none = Question(id="derivation", status="no_answer", points=0.0, max_points=2.0)
    return found.model_copy(update={"questions": (*found.questions[:-1], none)})  # type: ignore[return-value]


def test_a_submission_that_a_person_has_judged_waits_no_longer() -> None:
    """A fault of the grader, or a file that nobody could read: it counts once every question has a person's points."""
    fault = question("loss", status="grader_error", message="The grader could not judge this question.")
    record = result("lars", fault, status="grader_error")
    waiting = total(record, marks(loss=Mark(max_points=1.0, asks=True)))
    judged = total(record, marks(loss=Mark(max_points=1.0, manual=0.5)))

    assert (waiting.status, judged.status, judged.score) == ("grader_error", "graded", 7.5)
    assert "could not judge" in Page(class_page([waiting], "mlp")).said
    assert "could not judge" not in Page(class_page([judged], "mlp")).said

    broken = result("nour", status="unreadable", message="The file is cut off.")
    nothing = Marks(questions={name: Mark(max_points=p, asks=True) for name, p in POINTS.items()} | WRITTEN)
    marked = {name: Mark(max_points=most, manual=most) for name, most in POINTS.items()}
    partly = nothing.model_copy(update={"questions": {**nothing.questions, "loss": marked["loss"]}})
    wholly = Marks(questions={**marked, "derivation": read(1.0)})
    assert [total(broken, book).status for book in (nothing, partly, wholly)] == ["unreadable", "unreadable", "graded"]
    assert total(broken, wholly).score == 9.0
    assert "9 of 10 points" in Page(student_page(total(broken, wholly))).said
    assert tally([total(broken, nothing), total(record, marks())]).max_score == 10.0


def test_a_mark_on_what_was_graded_again_is_shown_to_whoever_gave_it() -> None:
    """The mark counts, and the class page asks for another look."""
    found = total(result("ada"), marks(derivation=read(1.5, asks=True)))

    assert found.score == 9.5
    assert "Check whether the mark still stands" in Page(class_page([found], "mlp")).said
    assert "still stands" not in Page(student_page(found)).said


def test_a_preview_changes_what_the_gradebook_would_change() -> None:
    """What a person has marked stays whatever the grader finds now; the rest is told with the totals."""
    before, after = result("ada"), result("ada", question("sigma", 0), question("loss", 0))
    book = marks(sigma=Mark(max_points=1.0, automatic=1.0, manual=0.75), derivation=read(2.0))
    given = {"sigma": book.questions["sigma"].model_copy(update={"automatic": 0.0})}
    lost = Mark(max_points=POINTS["loss"], automatic=0.0)
    late = Marks(questions={**book.questions, **given, "loss": lost}, penalty=0.5)
    shown = printed(changes([(total(before, book), total(after, late))]), 160)

    assert "loss: 1 point, now 0 points" in shown
    assert "sigma" not in shown
    assert "9.75 points" in shown
    assert "8.25 points" in shown
    assert "-1.5" in shown
    assert "being late costs 0.5 points, until now 0 points" in shown


def test_a_comment_is_text() -> None:
    """What a person wrote is shown as it is, and does nothing."""
    found = total(result("ada"), marks(derivation=read(1.0, "<img src=x onerror=alert(1)>\n\x1b[31mred")))

    page = Page(student_page(found))
    assert "<img src=x onerror=alert(1)>" in page.said
    assert "\x1b" not in page.said
    assert not page.all("img")
