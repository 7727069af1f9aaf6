"""autograder.report: what is on a page is what the results say, whatever a student put into them."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from rich.console import Console

from autograder.report import (
    Picture,
    class_page,
    class_table,
    mistakes,
    questions,
    scores,
    student_page,
    tally,
    verdict,
    write,
)
from autograder.report.words import page_name, percent
from autograder.result import Diagnosis, JailLevel, Question, QuestionStatus, Result, SubmissionStatus, Test
from autograder.visible import visible

HOSTILE = [
    "../../x",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "x" * 4000,
    "Zoë Ångström",
    "学生",
    "a b",
    "a-b",
    "A-b",
    "a/b",
    "con",
    ".hidden",
    "",
    "{{ 7 * 7 }}",
    "$\\frac$ & [bold]rich[/bold]",
    "line\nbreak\x1b[31mred\u202etxt.exe",
    "'; DROP TABLE student; --",
]

LOGISTIC = Diagnosis(
    id="sigma-is-sigmoid",
    says="Your sigma is the logistic sigmoid, which runs from 0 to 1.",
    hint="What should sigma give at 0, and what does it tend to far to the left?",
)
TWICE = Diagnosis(
    id="dsigma-of-activation",
    says="Your dsigma treats its argument as an activation, but is given the pre-activation.",
    hint="When dsigma is called with s, has sigma been applied to s yet?",
)
NO_TWO = Diagnosis(
    id="dloss-without-two",
    says="Your dloss is half of what it should be: a factor of 2 is missing.",
    hint="What comes down in front when a square is differentiated?",
)
ASSIGNED = Diagnosis(
    id="accumulators-assigned",
    says="Your backward_pass writes over what the accumulators hold.",
    hint="A batch is a loop over samples: what becomes of the gradient of the sample before?",
)
NO_SLOPE = Diagnosis(
    id="hidden-layer-without-dsigma",
    says="Your hidden layer's gradients leave out how steep sigma is there.",
    hint="Walk from the loss back to w1: which functions do you pass, and what does each contribute?",
)
CLAIMS = {
    "sigma": ("sigma is tanh, element by element.", "sigma leaves its input as it was."),
    "dsigma": ("dsigma is the derivative of sigma.", "dsigma is right far out, where the curve is flat."),
    "loss": ("loss is the sum of the squared differences.",),
    "dloss": ("dloss is the derivative of loss with respect to v.", "dloss has the shape of v."),
    "forward_pass": ("forward_pass returns x, s1, x1, s2 and x2.", "Each of the five is what the layers give."),
    "backward_pass": (
        "The gradients of w2 and b2 match autograd's.",
        "The gradients of w1 and b1 match autograd's.",
        "backward_pass adds to what the accumulators hold: two calls add two gradients.",
        "backward_pass changes the four accumulators and nothing else that it is given.",
    ),
}
POINTS = {"sigma": 1.0, "dsigma": 1.0, "loss": 1.0, "dloss": 1.0, "forward_pass": 1.5, "backward_pass": 2.5}


def question(
    name: str,
    share: float = 1.0,
    diagnosis: Diagnosis | None = None,
    *,
    status: QuestionStatus = "graded",
    message: str = "",
    follow_through: bool = False,
    definition: str = "",
    claims: Sequence[str] | None = None,
    max_points: float | None = None,
) -> Question:
    """Make a question's verdict: this share of its claims holds."""
    says = CLAIMS.get(name, ("It is right.",)) if claims is None else claims
    most = POINTS.get(name, 1.0) if max_points is None else max_points
    failed = f"{name}: the shape is right, but the values are not."
    tests = [
        Test(
            id=f"test_{place}",
            says=text,
            passed=place < share * len(says),
            message="" if place < share * len(says) else failed,
        )
        for place, text in enumerate(says)
    ]
    return Question(
        id=name,
        status=status,
        points=None if status in {"manual", "grader_error"} else most * share,
        max_points=most,
        message=message,
        follow_through=follow_through,
        definition=definition,
        tests=() if status in {"manual", "grader_error"} else tuple(tests),
        diagnoses=(diagnosis,) if diagnosis else (),
    )


def result(
    student: str,
    *answers: Question,
    status: SubmissionStatus = "graded",
    message: str = "",
    flags: tuple[str, ...] = (),
    jail: JailLevel = "full",
    seconds: float = 0.1,
) -> Result:
    """Make a record: questions that are not named are right, and the derivation is a person's to read."""
    named = {answer.id: answer for answer in answers}
    given = [named.pop(name, None) or question(name) for name in CLAIMS] + list(named.values())
    given.append(question("derivation", status="manual", max_points=2.0))
    if status in {"unreadable", "not_this_assignment"}:
        given = []
    return Result(
        assignment="mlp",
        submission=student,
        score=sum(answer.points or 0.0 for answer in given),
        max_score=sum(POINTS.values()) + sum(answer.max_points for answer in named.values()),
        status=status,
        message=message,
        jail=jail,
        seed="3f9a1c07",
        seconds=seconds,
        flags=flags,
        questions=tuple(given),
    )


def unwritten(name: str) -> Question:
    """Make the verdict on an untouched stub."""
    return question(name, 0, status="no_answer", message=f"{name} is not written yet.")


def example_class() -> list[Result]:
    """Make a class of fifteen with everything that can happen to a submission."""
    syntax = "Cell 9, which defines backward_pass, is not valid Python: line 4, '(' was never closed. Fix that line."
    fault = "The grader could not judge this question (test_shape). A person will look at it; nothing is lost."
    return [
        result("ada"),
        result("bela", question("dloss", 0.5, NO_TWO), question("backward_pass", 0.25, NO_TWO)),
        result("chen", question("sigma", 0, LOGISTIC), question("forward_pass", follow_through=True)),
        result("dario", question("backward_pass", 0.75, ASSIGNED)),
        result("emeka", question("backward_pass", 0.25, NO_SLOPE), question("dsigma", 0, TWICE)),
        result("fatima", flags=("cell 1 can't run here: there is no module google.colab",)),
        result("greta", *map(unwritten, CLAIMS)),
        result("hugo", question("backward_pass", 0, status="no_answer", message=syntax)),
        result("inga", question("backward_pass", 0, status="timeout"), question("dloss", 0.5, NO_TWO)),
        result("jonas", question("forward_pass", 0, status="killed"), unwritten("backward_pass")),
        result("kiri", question("dloss", 0.5, NO_TWO), question("dsigma", 0, TWICE)),
        result(
            "lars",
            question("loss", status="grader_error", message=fault),
            status="grader_error",
        ),
        result(
            "mei",
            status="not_this_assignment",
            message="This notebook defines none of sigma, dsigma, loss, dloss, forward_pass, backward_pass, "
            "and has fewer than half of the cells that mlp asks for. "
            "If it answers another assignment, hand it in there.",
        ),
        result("nour", status="unreadable", message="The file is cut off: it stops in the middle of a cell."),
        result(
            "olga",
            question("sigma", definition="sigma is defined 2 times; the one in cell 7 was graded"),
            question("backward_pass", 0.75, ASSIGNED),
            flags=("backward_pass leans on autograd: torch.autograd.grad is called in cell 12",),
        ),
    ]


class Page(html.parser.HTMLParser):
    """A page taken apart: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep what a reader reads."""
        if not {"style", "script"} & set(self.open):
            self.said += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Every tag of a kind."""
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [attrs["href"] for attrs in self.all("a")]


def printed(renderable: object, width: int = 100, encoding: str = "utf-8", color: bool = False) -> str:
    """Print to a file that is no terminal, or to one that is."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width, force_terminal=color, color_system="standard" if color else None).print(renderable)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode(encoding)


def pictures(results: Sequence[Result]) -> list[Picture]:
    """Draw every picture there is to draw."""
    found = tally(results)
    return [picture for picture in (scores(found), questions(found), mistakes(found)) if picture]


# ---------------------------------------------------------------------------------------------- the class


def test_a_class_is_counted_by_what_became_of_each_question() -> None:
    """Full, part, nothing, no answer and waiting add up to those who were asked."""
    found = {question.id: question for question in tally(example_class()).questions}
    assert found["loss"].kinds == {"full": 11, "no_answer": 1, "ungraded": 1}
    assert found["backward_pass"].kinds == {"full": 5, "part": 4, "nothing": 1, "no_answer": 3}
    assert found["loss"].mean_share == pytest.approx(11 / 12), "what waits for a person is in no mean"
    assert found["derivation"].manual
    assert found["derivation"].mean_share is None


def test_a_score_that_is_not_final_is_in_no_mean_and_no_histogram() -> None:
    """Only graded submissions make statistics; the others are named for a person."""
    found = tally(example_class())
    assert len(found.scores) == 12
    assert [result.submission for result in found.waiting] == ["lars", "mei", "nour"]
    said = Page(class_page(example_class(), "mlp")).said
    assert "12 submissions graded, 3 waiting for a person. 2 students have all the points." in said


def test_results_of_two_assignments_or_of_one_student_twice_are_refused(tmp_path: Path) -> None:
    """A report is of one assignment, and has one page for each student."""
    other = result("ada").model_copy(update={"assignment": "batch"})
    with pytest.raises(ValueError, match="about one assignment, but these results are of batch, mlp"):
        write([result("ada"), other], tmp_path)
    with pytest.raises(ValueError, match="several results of the student 'ada'"):
        write([result("ada"), result("ada")], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_question_of_no_points_breaks_nothing() -> None:
    """Nought of nought is no share, and a class that can have no points has no histogram."""
    free = [
        Result(
            assignment="mlp",
            submission="ada",
            score=0,
            max_score=0,
            status="graded",
            jail="none",
            questions=(question("warm_up", max_points=0.0),),
        )
    ]
    assert tally(free).questions[0].mean_share is None
    assert [picture.name for picture in pictures(free)] == ["questions"]
    assert "warm_up" in Page(class_page(free, "mlp")).said.replace("\n", "")
    assert "0 of 0" in Page(student_page(free[0])).said


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.001, "1 %"), (0.5, "50 %"), (0.999, "99 %"), (1, "100 %")])
def test_only_all_is_a_hundred_per_cent(share: float, text: str) -> None:
    """Rounding makes nobody perfect and nobody a failure."""
    assert percent(share) == text


# ---------------------------------------------------------------------------------------------- the pages


def test_the_class_page_names_who_made_which_mistake_with_its_hint() -> None:
    """A known mistake stands with its sentence, its hint and its students, the most frequent first."""
    said = Page(class_page(example_class(), "mlp")).said
    assert "3 students: bela, inga, kiri" in said
    for diagnosis in (LOGISTIC, TWICE, NO_TWO, ASSIGNED, NO_SLOPE):
        assert diagnosis.says in said
        assert diagnosis.hint in said
    cards = said[said.rindex("Known mistakes") :]
    places = [cards.index(diagnosis.says) for diagnosis in (NO_TWO, TWICE, ASSIGNED, LOGISTIC)]
    assert places == sorted(places)


def test_what_is_said_of_a_class_is_true_of_each_who_made_the_mistake() -> None:
    """Beside what it was seen in one notebook is no word about another."""
    beside = NO_TWO.model_copy(update={"says": f"{NO_TWO.says} This was seen with a correct loss in place of yours."})
    class_ = [result("ada", question("dloss", 0.5, beside)), result("bela", question("dloss", 0.5, NO_TWO))]
    for both in (class_, class_[::-1]):
        (made,) = tally(both).mistakes
        assert (made.diagnosis, sorted(made.students)) == (NO_TWO, ["ada", "bela"])


def test_the_class_page_says_why_something_waits_for_a_person() -> None:
    """Every submission without a final score stands there with its reason."""
    said = Page(class_page(example_class(), "mlp")).said
    waiting = said[said.index("Wait for you") : said.index("Stuck")]
    assert "defines none of sigma" in waiting
    assert "cut off" in waiting
    assert "loss The grader could not judge this question" in waiting
    assert "ada" not in waiting


def test_a_page_says_where_grading_was_not_isolated() -> None:
    """Scores of a run without a jail are for a class that is trusted, and the page says so."""
    assert "without isolation" in class_page([result("ada", jail="none")], "mlp")
    assert "without isolation" not in class_page([result("ada", jail="full")], "mlp")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("graded", "partly right"),
        ("no_answer", "not answered yet"),
        ("timeout", "a loop that never ends"),
        ("killed", "It was stopped before it finished"),
        ("manual", "A person will mark this answer"),
        ("grader_error", "nothing is lost"),
    ],
)
def test_every_status_of_a_question_is_told_in_words(status: QuestionStatus, words: str) -> None:
    """A student reads what became of a question, not the name of a status."""
    share = 0.5 if status == "graded" else 0.0
    given = result(
        "ada",
        question("dloss", share, status=status),
        status="grader_error" if status == "grader_error" else "graded",
    )
    page = student_page(given)
    assert words in Page(page).said
    assert "_error" not in Page(page).said
    assert words.split(maxsplit=1)[0] in class_page([given], "mlp") or status != "graded"
    assert "dloss" in printed(verdict(given))


@pytest.mark.parametrize("status", ["unreadable", "not_this_assignment"])
def test_a_file_that_could_not_be_graded_is_told_kindly_and_shown_no_score(status: SubmissionStatus) -> None:
    """There is a reason and a next step, and no nought that nobody gave."""
    given = result("ada", status=status, message="The file is cut off.")
    said = Page(student_page(given)).said
    assert "The file is cut off." in said
    assert "If you can still hand in" in said
    assert "0 of" not in said
    assert "0/8" not in printed(class_table([given]))
    assert "none could be graded" in Page(class_page([given], "mlp")).said


def test_a_student_reads_claims_mistakes_and_remarks_and_nothing_of_others() -> None:
    """A student's page has everything of that student's result, and no one else's name."""
    class_ = example_class()
    said = Page(student_page(class_[4], "Backprop")).said
    assert "emeka" in said
    assert NO_SLOPE.says in said
    assert TWICE.hint in said
    assert "The gradients of w1 and b1 match autograd's." in said
    for other in class_:
        if other.submission != "emeka":
            assert other.submission not in said
    assert "cell 12" in Page(student_page(class_[-1])).said
    assert "sigma is defined 2 times" in Page(student_page(class_[-1])).said
    assert "one mistake costs points only once" in Page(student_page(class_[2])).said


def test_an_empty_class_gives_a_clear_page(tmp_path: Path) -> None:
    """Without submissions there are no pictures and no numbers, but a sentence."""
    page = Page(class_page([], "mlp"))
    assert "No submissions yet." in page.said
    assert not page.all("svg")
    assert not page.all("table")
    assert write([], tmp_path).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "No submissions yet." in printed(class_table([]))


@pytest.mark.parametrize(
    "made",  # in the test: all processes collect, and one draws
    [lambda: class_page(example_class(), "mlp"), lambda: student_page(example_class()[4])],
    ids=["class", "student"],
)
def test_a_page_stands_alone(made: Callable[[], str]) -> None:
    """No network, and no script but the one that the page's own policy names: nothing is fetched, or could be."""
    page = made()
    found = Page(page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    policy = next(attrs["content"] for attrs in found.all("meta") if "default-src" in attrs.get("content", ""))
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'" for digest in digests]
    assert len(found.all("script")) == len(scripts) <= 1
    assert {tag for tag, _ in found.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "base"})
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    assert [attrs for attrs in found.all("meta") if "default-src 'none'" in attrs.get("content", "")]
    addresses = [v for _, attrs in found.tags for k, v in attrs.items() if k in {"href", "src", "xlink:href"}]
    assert all(address.startswith(("#", "students/")) for address in addresses)


# ---------------------------------------------------------------------------------------------- files and links


def test_every_link_of_the_class_page_leads_to_that_students_page(tmp_path: Path) -> None:
    """Links resolve to files inside the folder, for plain ids and for hostile ones."""
    ids = ["ada", *HOSTILE]
    index = write([result(name) for name in ids], tmp_path)
    page = Page(index.read_text(encoding="utf-8"))
    links = {link for link in page.links if not link.startswith("#")}
    assert {link[1:] for link in set(page.links) - links} <= {attrs.get("id") for _, attrs in page.tags}
    assert len(links) == len(ids)
    for link in links:
        place = (index.parent / unquote(link)).resolve()
        assert place.parent == (tmp_path / "students").resolve()
        assert place.is_file()
    assert len(list((tmp_path / "students").iterdir())) == len(ids), "and nothing else was written"
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "students"}


def test_links_within_a_students_page_lead_to_its_questions() -> None:
    """The strip at the top leads to each question below."""
    page = Page(student_page(example_class()[1]))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= set(ids)


def test_ids_on_a_page_are_unique() -> None:
    """Pictures that share a page share no id."""
    ids = [attrs["id"] for _, attrs in Page(class_page(example_class(), "mlp")).tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_a_plain_id_names_its_page() -> None:
    """Who looks for a student's page finds it."""
    assert page_name("ada") == "ada.html"
    assert page_name("ada.l-2_b") == "ada.l-2_b.html"


@pytest.mark.parametrize("student", HOSTILE)
def test_a_file_name_is_safe_everywhere(student: str) -> None:
    """Only letters, digits and signs that no file system minds; short; no device; no hidden file."""
    name = page_name(student)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._~-]{0,90}\.html", name)
    assert name.split(".")[0] not in {"con", "nul", "aux"}


def test_ids_that_clash_after_cleaning_keep_pages_of_their_own() -> None:
    """Names differ where ids differ, on file systems without upper case too."""
    ids = [*HOSTILE, "A", "a", "a~b", "a_b", page_name("A").removesuffix(".html"), "CON", "zoë ångström"]
    names = [page_name(student).casefold() for student in ids]
    assert len(set(names)) == len(ids)


def test_a_report_replaces_pages_in_one_step_and_leaves_no_draft(tmp_path: Path) -> None:
    """A second report over the first leaves whole pages alone, even where one was a link to elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not a page", encoding="utf-8")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").symlink_to(elsewhere)
    write([result("ada")], tmp_path / "report")
    index = write([result("ada"), result("bela")], tmp_path / "report", "Backprop")
    assert not index.is_symlink()
    assert elsewhere.read_text(encoding="utf-8") == "not a page"
    assert "Backprop" in index.read_text(encoding="utf-8")
    assert sorted(path.name for path in index.parent.rglob("*.html")) == ["ada.html", "bela.html", "index.html"]
    assert not list(index.parent.rglob(".*"))


# ---------------------------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_text_holds_stays_text(text: str) -> None:
    """Every text of a result, and the title, is shown and never obeyed: the page has the tags it has without it."""
    plain = _with_texts("plain")
    hostile = _with_texts(text)
    for draw in (
        lambda given, title: class_page([given], title),
        lambda given, title: student_page(given, title or "mlp"),
    ):
        tags = [tag for tag, _ in Page(draw(plain, "plain")).tags if tag not in {"wbr", "p"}]
        found = Page(draw(hostile, text))
        assert len(text) == 0 or [tag for tag, _ in found.tags if tag not in {"wbr", "p"}] == tags
        assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
        assert "\x1b" not in found.said
        assert "\u202e" not in found.said
        assert text.startswith(("x", "line")) or " ".join(text.split()) in " ".join(found.said.split())


def _with_texts(text: str) -> Result:
    """Make a result that says this text wherever it can say something."""
    diagnosis = Diagnosis(id=text, says=text, hint=text)
    answer = Question(
        id=text,
        status="graded",
        points=0.0,
        max_points=1.0,
        message=text,
        definition=text,
        tests=(Test(id=text, says=text, passed=False, message=text),),
        diagnoses=(diagnosis,),
    )
    return Result(
        assignment=text,
        submission=text,
        score=0.0,
        max_score=1.0,
        status="graded",
        message=text,
        jail="full",
        seed=text,
        flags=(text,),
        questions=(answer,),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_a_picture_of_any_text_is_drawn_and_well_formed(text: str) -> None:
    """Formulas, tags and letters that no font has are text in a picture too."""
    for picture in pictures([_with_texts(text)]):
        tags = ElementTree.fromstring(picture.svg).iter()  # noqa: S314 - we drew it
        assert {"script", "a", "image"}.isdisjoint(tag.tag.split("}")[-1] for tag in tags)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_shows_any_text_and_obeys_none(text: str) -> None:
    """Neither rich's markup nor escape sequences come through."""
    for renderable in (class_table([_with_texts(text)]), verdict(_with_texts(text))):
        shown = printed(renderable)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[bold]" in shown or "[bold]" not in text


def test_visible_keeps_what_writing_needs() -> None:
    """Joiners, accents and other scripts stay; controls and reorderings become a sign."""
    assert visible("é 学 \u200d\n\t") == "é 学 \u200d\n\t"
    assert visible("a\x00\x9b\u2066\ud800") == "a" + 4 * "\ufffd"


# ---------------------------------------------------------------------------------------------- pictures


def test_pictures_say_in_a_sentence_what_is_to_be_seen() -> None:
    """An alt sentence holds the numbers of its picture."""
    drawn = {picture.name: picture.alt for picture in pictures(example_class())}
    assert drawn["scores"].startswith("Histogram of 12 scores")
    assert "2 with all 8" in drawn["scores"]
    assert "loss: mean 92 % of 1 point; 11 full marks, 1 no answer and 1 waiting for a person." in drawn["questions"]
    assert "dloss, dloss-without-two: 3 students." in drawn["mistakes"]


def test_every_picture_on_a_page_has_its_alt_sentence() -> None:
    """Each drawing stands in an image with a label."""
    page = Page(class_page(example_class(), "mlp"))
    labels = [attrs["aria-label"] for attrs in page.all("div") if attrs.get("role") == "img"]
    assert sorted(labels) == sorted(picture.alt for picture in pictures(example_class()))
    assert len(page.all("svg")) == len(labels) == 3


def test_pictures_take_the_pages_colour_of_text() -> None:
    """Ink is the page's own, so that a picture can be read in the dark; colours are told apart by hatching too."""
    for picture in pictures(example_class()):
        assert "currentColor" in picture.svg
        assert "#000000" not in re.sub(r"<defs>.*?</defs>", "", picture.svg, flags=re.DOTALL)
    bars = pictures(example_class())[1].svg
    assert bars.count("<pattern") >= 2


def test_a_histogram_holds_every_score_and_full_marks_apart() -> None:
    """Numbers on the bars add up to the class, whatever the points are."""
    for most in (1.0, 4.5, 7.0, 8.0, 100.0, 250.0):
        class_ = [
            Result(
                assignment="mlp",
                submission=f"s{place}",
                score=most * place / 16,
                max_score=most,
                status="graded",
                jail="full",
                questions=(Question(id="q", status="graded", points=most * place / 16, max_points=most),),
            )
            for place in range(17)
        ]
        picture = scores(tally(class_))
        assert picture is not None
        assert sum(int(found) for found in re.findall(r"(\d+) with ", picture.alt)) == 17
        assert "1 with all " in picture.alt
        assert len(re.findall(r"\d with ", picture.alt)) <= 9


def test_a_class_with_many_mistakes_draws_the_most_frequent_and_counts_the_rest() -> None:
    """The picture stays small; the page's text has them all."""
    cards = [Diagnosis(id=f"mistake-{place:02}", says=f"Mistake {place}.", hint="Why?") for place in range(20)]
    class_ = [result(f"s{place:02}", question("dloss", 0, card)) for place, card in enumerate(cards)]
    class_ += [result("t", question("dloss", 0, cards[19]))]
    picture = mistakes(tally(class_))
    assert picture is not None
    assert "mistake-19: 2 students." in picture.alt
    assert "8 rarer mistakes not drawn." in picture.alt
    said = Page(class_page(class_, "mlp")).said
    assert all(card.says in said for card in cards)


# ---------------------------------------------------------------------------------------------- the same bytes


def test_the_same_results_give_the_same_bytes() -> None:
    """Neither their order nor the time that grading took shows on a page."""
    first = class_page(example_class(), "mlp")
    slower = [given.model_copy(update={"seconds": 9.0}) for given in reversed(example_class())]
    assert class_page(slower, "mlp") == first
    assert [student_page(given) for given in example_class()] == [student_page(given) for given in reversed(slower)]


@pytest.mark.slow
def test_another_process_with_other_settings_gives_the_same_bytes(tmp_path: Path) -> None:
    """No clock, no random id, no hash order, and no matplotlibrc of the user's."""
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.grid: True\nsvg.fonttype: path\n", encoding="utf-8")
    record = tmp_path / "ada.json"
    class_ = example_class()
    record.write_text("\n".join(given.model_dump_json() for given in class_), encoding="utf-8")
    program = (
        "import sys; from pathlib import Path\n"
        "from autograder.report import write\n"
        "from autograder.result import Result\n"
        "lines = Path('ada.json').read_text(encoding='utf-8').split('\\n')\n"
        "write([Result.model_validate_json(line) for line in lines], Path('report'), 'mlp')\n"
        "assert {'torch', 'matplotlib.pyplot'}.isdisjoint(sys.modules)\n"
    )
    root = str(Path(__file__).parents[1])
    environment = {"PYTHONPATH": root, "PYTHONHASHSEED": "7", "MPLCONFIGDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "report" / "index.html").read_text(encoding="utf-8") == class_page(class_, "mlp")


def test_drawing_leaves_the_users_matplotlib_as_it_was() -> None:
    """Settings are put back."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    pictures(example_class())
    assert dict(mpl.rcParams) == before


# ---------------------------------------------------------------------------------------------- the terminal


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_fits_and_says_everything(width: int) -> None:
    """Every student, score and question is there, in lines no longer than the terminal, without colours."""
    shown = printed(class_table(example_class()), width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert "\x1b" not in shown
    for given in example_class():
        row = next(line for line in shown.splitlines() if line.startswith(given.submission))
        assert given.status != "graded" or f"{given.score:.2f}".rstrip("0").rstrip(".") + "/8" in row
    for name in CLAIMS:
        assert name in shown or all(half in shown for half in re.findall(r"[a-z]+_?", name))
    assert "Your sigma is the logistic" in shown
    words = " ".join(shown.split())
    assert "To be marked by a person, and not in these scores yet: derivation (2 points, 13 students)." in words
    assert shown.count("hugo") == 2, "in the table, and beside the sentence"
    for line in (LOGISTIC.says, "backward_pass leans on autograd: torch.autograd.grad is called in cell 12"):
        assert words.count(line) == 1, "sentences stand there whole"
    assert words.count(NO_TWO.says) == 1, "equal ones once"
    assert {"bela, inga", "emeka, kiri"} <= {line[:11].strip() for line in shown.splitlines()}


def test_the_table_numbers_its_questions_where_names_have_no_room() -> None:
    """On a narrow terminal a legend says which number is which question."""
    assert "1 sigma · 2 dsigma" in printed(class_table(example_class()), 50).replace("\N{NO-BREAK SPACE}", " ")
    assert "1\N{NO-BREAK SPACE}sigma" not in printed(class_table(example_class()), 80)


def test_the_table_has_colours_on_a_terminal_alone() -> None:
    """Colour is extra: without it every word stays."""
    colored = printed(class_table(example_class()), color=True)
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == printed(class_table(example_class()))


def test_the_table_prints_where_only_ascii_can_be_printed() -> None:
    """An old terminal gets signs that it has."""
    shown = printed(class_table([*example_class(), result("Zoë")]), 80, encoding="ascii")
    assert "Zo?" in shown
    assert "- no answer" in shown
    assert printed(verdict(result("Zoë")), encoding="ascii").startswith("8 of 8; a person marks 2 more  Zo?")


def test_a_verdict_says_what_fails_and_what_to_think_about() -> None:
    """One submission in full: score, failed claims with their message, the mistake and its hint, the flags."""
    shown = " ".join(printed(verdict(example_class()[1]), 200).split())
    assert shown.startswith("5.62 of 8; a person marks 2 more bela")
    assert f"0.62 of 2.5 points partly right {NO_TWO.says} → {NO_TWO.hint} ✗ fails 0.62 of 2.5 points The" in shown
    assert "✓ passes 0.62 of 2.5 points The gradients of w2 and b2 match autograd's." in shown
    assert shown.count("backward_pass: the shape is right, but the values are not.") == 1
    assert "is tanh" not in printed(verdict(example_class()[6])), "an untouched stub needs no list of what fails"
    assert "So far 7 of 8 points." in printed(verdict(example_class()[11]))
    assert "leans on autograd" in printed(verdict(example_class()[-1]))
    assert "judged with a correct one in its place" in printed(verdict(example_class()[2]))
    assert "cut off" in printed(verdict(example_class()[13]))


WAITING = "It is tried once the values are right."
MIXED = Question(
    id="lin",
    status="graded",
    points=1.5,
    max_points=4.0,
    tests=(
        Test(id="a", says="lin leaves its input alone", passed=False, tried=False, weight=1, message=WAITING),
        Test(id="b", says="w.g is right", passed=True, weight=3),
        Test(id="c", says="b.g is right", passed=False, weight=2, message="b.g is not set."),
        Test(id="d", says="b.g is right for one sample", passed=False, weight=2, message="b.g is not set."),
    ),
    diagnoses=(ASSIGNED,),
)


def test_what_is_said_of_a_question_has_one_order_and_one_vocabulary_everywhere() -> None:
    """The mistake, what fails, what was not tried, what passes: each message once, each claim with what it counts."""
    given = Result(
        assignment="m", submission="ada", score=1.5, max_score=4, status="graded", jail="full", questions=(MIXED,)
    )
    order = [
        *("1.5 of 4 points", ASSIGNED.says, ASSIGNED.hint),
        *("fails", "1 of 4 points", "b.g is right", "fails", "1 of 4 points", "b.g is right for one sample"),
        *("b.g is not set.", "not tried", "0.5 of 4 points", "lin leaves its input alone", WAITING),
        *("passes", "1.5 of 4 points", "w.g is right"),
    ]
    for text in (MIXED.in_words(), printed(verdict(given), 80), Page(student_page(given)).said.partition("lin")[2]):
        shown = " ".join(text.replace("partly right", "").replace("✗", "").replace("✓", "").split())
        at = 0
        for part in order:
            at = shown.index(part, at) + len(part)
        assert shown.count("b.g is not set.") == shown.count(WAITING) == 1
        assert not re.search(r"\b(holds|failed|passed|not yet)\b", shown)


def test_a_verdict_below_a_cell_fits_into_eighty_columns() -> None:
    """A notebook shows it as it is: no line is longer, and none breaks within a word."""
    long = MIXED.model_copy(update={"message": "word " * 60, "flags": ("flag " * 40,)})
    lines = long.in_words().splitlines()
    assert max(map(len, lines)) <= 80
    assert (long.in_words().split().count("word"), long.in_words().split().count("flag")) == (60, 40)


def test_nothing_is_listed_that_goes_without_saying() -> None:
    """A stub has no list of what fails, and what has all its points has none on a terminal."""
    stub = unwritten("loss")
    assert stub.told == ()
    assert stub.in_words() == "loss: 0 of 1 point\n\nloss is not written yet."
    assert "passes" not in printed(verdict(result("ada")))
    assert "passes" in student_page(result("ada"))
