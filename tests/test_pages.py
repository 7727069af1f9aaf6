"""autograder.report: the pages answer what an instructor and a student ask, in the order in which they ask it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from autograder.report import About, class_page, course_page, lesson, student_page, write, write_course
from autograder.report.claim import FEWEST, hardness
from autograder.report.journey import Lesson, returning, ways
from autograder.report.need import needs
from autograder.report.overview import BESIDE
from autograder.report.tally import tally
from autograder.report.words import span
from autograder.result import Question, Result, Sighting
from autograder.shown import Excerpt
from tests.test_report import CLAIMS, HOSTILE, LOGISTIC, NO_TWO, Page, example_class, question, result, unwritten

ABOUT = About(
    due=datetime(2026, 11, 20, 12),
    missing=("zora",),
    ungraded=("yusuf",),
    late={"ada": 90_000.0},
    graded=(datetime(2026, 11, 21, 9, 5), datetime(2026, 11, 21, 9, 45)),
    versions=("0.3.0",),
    settings={"by_hand": "flag"},
)
IMPORTS = Sighting(does="imports autograder", where='in the section "sigma"')


def named(class_: Sequence[Result]) -> dict[str, tuple[str, ...]]:
    """Who has which need."""
    return {need.name: need.students for need in needs(tally(class_))}


def test_the_class_page_answers_in_the_order_in_which_it_is_asked() -> None:
    """Who needs me, what to teach again, what is unfair, who handed in, everybody, how: each linked from the top."""
    page = class_page(example_class(), "mlp", ABOUT)
    ids = ["needs", "again", "fair", "handed", "students", "how"]
    places = [page.index(f'id="{name}"') for name in ids]
    assert places == sorted(places)
    assert Page(page).links[: len(ids)] == [f"#{name}" for name in ids]


def test_who_no_longer_hands_in_is_named_and_counted_nowhere(tmp_path: Path) -> None:
    """The class without them has the same figures; they have a name, a page, and a place in the course."""
    gone, *others = example_class()
    about = dataclasses.replace(ABOUT, withdrawn=(gone.submission,))
    page, without = class_page([gone, *others], "mlp", about), class_page(others, "mlp", ABOUT)

    handed = page[page.index('id="handed"') : page.index('id="students"')]
    assert "No longer handed in" in handed
    assert f">{gone.submission}<" in handed
    assert page[page.index('id="students"') :] == without[without.index('id="students"') :]
    assert (
        page[page.index('id="needs"') : page.index('id="handed"')]
        == (without[without.index('id="needs"') : without.index('id="handed"')])
    )
    write([gone, *others], tmp_path, about=about)
    assert {path.stem for path in (tmp_path / "students").iterdir()} == {one.submission for one in [gone, *others]}
    one = lesson("mlp", [gone, *others], about)
    assert one.says.startswith(f"{len(others)} submissions")
    assert one.says.endswith("1 not handed in, 1 no longer handed in")
    assert [way.results for way in ways([one]) if way.student == gone.submission] == [(None,)]
    assert gone.submission in class_page([gone], "mlp", about), "though nobody else is left"


def test_a_class_is_sorted_by_need() -> None:
    """Who waits is not called stuck, who is stuck not behind; a mistake that is named is no reason to be stuck."""
    found = named(example_class())
    assert [*found] == ["waiting", "stuck", "behind", "seen"]
    assert set(found["waiting"]) == {"lars", "mei", "nour"}
    assert set(found["stuck"]) == {"hugo", "jonas"}
    assert found["behind"] == ("greta",)
    assert set(found["seen"]) == {"fatima", "olga"}
    assert named([result("ada"), result("bela", question("dloss", 0, NO_TWO))]) == {}


def test_who_is_stuck_is_told_at_the_first_answer_that_is_not_right() -> None:
    """One student, one place: what comes after builds on it."""
    class_ = [result("ada", *(question(name, 0) for name in CLAIMS)), result("bela", *map(unwritten, CLAIMS))]
    (stuck,) = [need for need in needs(tally(class_)) if need.name == "stuck"]
    assert [(cause.question, cause.students) for cause in stuck.causes] == [("sigma", ("ada",))]


def test_what_was_seen_is_named_on_the_class_page_and_on_no_students() -> None:
    """In the grader's words and with its place; a student's page doesn't know of it."""
    more = IMPORTS.model_copy(update={"does": "replaces torch.allclose"})
    stopped = "Your code stopped in sigma, at `import autograder; plan()`, with ImportError."
    answers = (question("sigma", 0, message=stopped), question("loss", 0, message="At `y = 1` it stopped."))
    class_ = [result("ada", *answers[:1]).model_copy(update={"seen": (IMPORTS, more)}), result("bela", answers[1])]
    said = Page(class_page(class_, "mlp")).said
    looked = said[said.index("To look at") : said.index("What to teach again", said.index("To look at"))]
    assert 'imports autograder, replaces torch.allclose, in the section "sigma"' in looked
    assert "plan()" not in said
    assert "sigma, at \N{HORIZONTAL ELLIPSIS}, with ImportError." in said
    assert "At `y = 1` it stopped." in said, "other answers are quoted"
    page = Page(student_page(class_[0])).said
    assert "replaces" not in page
    assert "plan()" in page


def test_a_claim_is_told_with_its_pass_rate_and_what_fails_unexplained_with_its_students() -> None:
    """Of those who were tried; a mistake that is known explains what it fails."""
    class_ = [
        result("ada"),
        result("bela", question("dloss", 0.5)),
        result("chen", question("dloss", 0.5, NO_TWO)),
        result("dario", unwritten("dloss")),
    ]
    (dloss,) = [hard for hard in hardness(tally(class_)) if hard.question.id == "dloss"]
    assert dloss.answered == 3
    assert [(claim.passed, claim.tried) for claim in dloss.claims] == [(1, 3), (3, 3)]
    assert [cause.students for cause in dloss.unexplained] == [("bela",)]
    assert hardness(tally(class_))[0] == dloss, "the hardest comes first"


def test_answers_that_nobody_can_name_stand_side_by_side() -> None:
    """Equal ones once, but for comments and empty lines, with whose they are; as many as anybody reads, and escaped."""

    def wrong(student: str, *lines: str, named: bool = False) -> Result:
        answer = question("dloss", 0.5, NO_TWO if named else None)
        return result(student, answer.model_copy(update={"code": Excerpt(lines=lines)}))

    same = ("def dloss(v, t):", "    return (v < t) * 7")
    class_ = [wrong("ada", *same), wrong("bela", same[0], "    # <b>why</b>", "", same[1]), wrong("chen", "dloss = 3")]
    (dloss,) = [hard for hard in hardness(tally([*class_, wrong("dario", "x", named=True)])) if hard.answers]
    assert [answer.students for answer in dloss.answers] == [("ada", "bela"), ("chen",)]
    said = Page(class_page([*class_, *(wrong(f"s{n}", f"dloss = {n}") for n in range(BESIDE))], "mlp")).said
    assert "(v < t) * 7" in said
    assert "And 1 rarer answer, on the pages of those who gave it." in said


def test_a_students_way_through_the_course_stands_on_their_page(tmp_path: Path) -> None:
    """What came of each assignment, and the mistake that was made again; and when this one was handed in."""
    (mlp, *_) = lessons()
    about = dataclasses.replace(ABOUT, handed={"bela": datetime(2026, 11, 21)}, late={"bela": 43200.0})
    write(mlp.found.results, tmp_path, about=about, lessons=lessons())
    said = " ".join(Page((tmp_path / "students" / "bela.html").read_text("utf-8")).said.split())
    assert "Your way through the course mlp:" in said
    assert f"Made more than once, in mlp, batch and layers: {NO_TWO.says}" in said
    assert "handed in on 2026-11-21, 00:00; it was due on 2026-11-20, 12:00 (UTC). That is 12 hours late." in said


@pytest.mark.parametrize("size", [FEWEST - 1, FEWEST])
def test_discrimination_is_told_where_it_is_no_chance(size: int) -> None:
    """From thirty students up, and what it means in words."""
    class_ = [
        result(f"s{n:02}", *(question(name, float(n % 3 > 0)) for name in ("sigma", "dsigma"))) for n in range(size)
    ]
    found = {hard.question.id: hard for hard in hardness(tally(class_))}
    assert (found["sigma"].discrimination is not None) == (size >= FEWEST)
    assert found["loss"].discrimination is None, "all have it: it sets nobody apart"
    assert (f"Discrimination {1:.2f}: students who do well" in Page(class_page(class_, "mlp")).said) == (size >= FEWEST)


def test_the_class_page_says_who_is_missing_and_late_and_how_it_was_graded() -> None:
    """With date, version, settings and weights; without them it says nothing that it doesn't know."""
    said = " ".join(Page(class_page(example_class(), "mlp", ABOUT)).said.split())
    assert "Not handed in zora Not graded yet yusuf Late ada (by 1 day 1 hour)" in said
    for part in ("From 2026-11-21 09:05 to 2026-11-21 09:45", "backprop-kit 0.3.0", "by_hand flag", "loss 1, dloss 1"):
        assert part in said
    assert "The gradebook has no due date" in Page(class_page(example_class(), "mlp")).said


@pytest.mark.parametrize(
    ("seconds", "told"), [(5, "1 minute"), (3600, "1 hour"), (90_060, "1 day 1 hour"), (172_800, "2 days")]
)
def test_a_span_is_told_in_its_largest_units(seconds: float, told: str) -> None:
    """Nobody needs to know the seconds."""
    assert span(seconds) == told


def test_the_table_sorts_filters_and_finds(browser: Browser, tmp_path: Path) -> None:
    """By a click on a column, by a name without its accents, and by need; its head stays, and nothing is cut off."""
    class_ = [*example_class(), result("Zoë", question("loss", 0))]
    index = write(class_, tmp_path, about=ABOUT)
    page = browser.new_page(viewport={"width": 1280, "height": 500})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(index.as_uri())
    rows = page.locator("#students ~ .scroll tbody tr")
    first = rows.first.locator("th")

    page.get_by_label("Find a student").fill("zoe")
    assert rows.filter(visible=True).all_inner_texts()[0].startswith("Zoë")
    assert page.locator("output").inner_text() == "1 of 16 shown"
    page.get_by_label("Find a student").fill("")
    page.get_by_label("Show").select_option("late")
    assert rows.filter(visible=True).count() == 1
    page.get_by_label("Show").select_option("")
    page.get_by_role("button", name="loss", exact=False).first.click()
    page.get_by_role("button", name="score").click()
    assert first.inner_text() == "greta"
    page.get_by_role("button", name="score").click()
    assert first.inner_text() in {"ada", "fatima"}
    page.locator(".scroll").evaluate("area => area.scrollTop = 300")
    head = page.locator(".scroll thead th").first.bounding_box()
    area = page.locator(".scroll").bounding_box()
    assert head
    assert area
    assert abs(head["y"] - area["y"]) < 2
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 500})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert errors == []
    page.close()


# ---------------------------------------------------------------------------------------------- a student's page


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (
            (question("loss", 0), question("sigma", 0, LOGISTIC)),
            f"sigma {LOGISTIC.says} (1 point to win) {LOGISTIC.hint} After that: l",
        ),
        ((unwritten("loss"),), "loss is not written yet."),
        ((question("loss", 0, status="timeout"),), "loss It didn't finish in time."),
        ((question("loss", 0),), "loss loss: the shape is right, but the values are not."),
        ((question("essay", 0, status="no_answer", claims=()),), "essay Nothing is written here yet."),
    ],
)
def test_a_students_page_begins_with_what_to_do_first(answers: tuple[Question, ...], says: str) -> None:
    """The first answer in the lesson's order that can be mended: what is known of it, and what leads on."""
    said = " ".join(Page(student_page(result("ada", *answers))).said.split())
    assert said.partition("What to do first ")[2].startswith(says)


def test_nothing_is_to_be_done_where_all_is_right_or_waits() -> None:
    """What a person reads or looks at is no work for the student."""
    fault = result("ada", question("loss", status="grader_error", message="A fault."), status="grader_error")
    for given in (result("ada"), fault):
        assert "What to do first" not in student_page(given)


def test_a_question_that_is_right_takes_one_line() -> None:
    """Its claims are folded away; where there is more to say of it, it is said."""
    found = result("ada", question("loss", 0), question("forward_pass", follow_through=True))
    page = Page(student_page(found))
    assert len(page.all("details")) == 5
    assert "one mistake costs points only once" in page.said
    assert "The gradients of w2 and b2 match autograd's." in page.said


# ---------------------------------------------------------------------------------------------- a course


def lessons() -> list[Lesson]:
    """Three assignments: ada goes through, bela makes a mistake again and falls, chen stops coming, zora never came."""
    first = [result("ada"), result("bela", question("dloss", 0.5, NO_TWO)), result("chen", question("loss", 0))]
    low = [question(name, 0) for name in CLAIMS if name != "dloss"]
    later = {
        "batch": [result("ada", question("dloss", 0.5, NO_TWO)), result("bela", question("dloss", 0.5, NO_TWO))],
        "layers": [result("ada"), result("bela", question("dloss", 0.5, NO_TWO), *low)],
    }
    named = {name: [one.model_copy(update={"assignment": name}) for one in given] for name, given in later.items()}
    return [lesson(name, given, About(missing=("zora",))) for name, given in [("mlp", first), *named.items()]]


def test_a_course_page_shows_each_students_way() -> None:
    """Who stopped coming, whose last assignment went far worse, and every score with its own page."""
    said = " ".join(Page(course_page("Backprop", lessons())).said.split())
    assert "4 students, 3 assignments." in said
    assert "zora Not handed in: mlp, batch and layers." in said
    assert "chen Not handed in: batch and layers." in said
    assert "Dropped sharply 1" in said
    assert {way.student for way in ways(lessons()) if way.fell} == {"bela"}
    links = Page(course_page("Backprop", lessons())).links
    assert {"layers/students/ada.html", "mlp/students/chen.html", "batch/index.html"} <= {*links}


def test_mistakes_that_come_back_are_told_with_who_made_them_again() -> None:
    """Counted in each assignment; who made one once is not named."""
    (found,) = returning(lessons())
    assert (found.diagnosis, found.lessons) == (NO_TWO, (("mlp", 1), ("batch", 2), ("layers", 1)))
    assert found.again == ("bela",)
    assert returning(lessons()[:1]) == ()


def test_a_course_page_is_sorted_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    """It has the same table as a class, and is no wider than a telephone."""
    page = browser.new_page(viewport={"width": 400, "height": 800})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(write_course("Backprop", lessons(), tmp_path).as_uri())
    page.get_by_role("button", name="mean").click()
    assert page.locator("tbody th").all_inner_texts() == ["bela", "chen", "ada", "zora"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert errors == []
    page.close()


def test_whatever_a_text_holds_stays_text_on_a_course_page() -> None:
    """Names and cards of students are shown and never obeyed."""
    for text in HOSTILE:
        given = result(text, question("dloss", 0, NO_TWO.model_copy(update={"says": text})))
        page = Page(course_page(text, [lesson("mlp", [given]), lesson("batch", [given])]))
        assert {tag for tag, _ in page.tags}.isdisjoint({"img", "link", "iframe"})
        assert len(page.all("script")) == 1
        assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
