"""A page that a worker has put together: what could run on it, or speak for the lesson, is written for nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course.course import Course
from autograder.run.autograded import Page
from autograder.run.batch import LARGEST_RECORD, LONGEST_FLAG, MOST_FLAGS, Batch, Graded
from autograder.run.gradebook import Book
from autograder.run.markdown import LARGEST_TEXT
from autograder.run.skeleton import Skeleton
from tests.conftest import copied, notebook_of, released
from tests.recorded import Recorded, recorded
from tests.test_markdown import DOT, KEPT, NASTY, output, text

pytestmark = pytest.mark.slow

SCRIPT = "<script>alert(2)</script>"


def _filled(more: list[dict[str, Any]]) -> dict[str, Any]:
    """The released notebook with a few cells more, the last of them with a picture that it has drawn."""
    nb = released("mlp")
    drawn = notebook_of("print('a plot')", "show()")["cells"]
    drawn[1]["outputs"] = [output({"image/png": DOT, "text/html": SCRIPT})]
    written = next(cell for cell in nb["cells"] if _is_written(cell))
    written["source"] = f"My derivation. {SCRIPT}"
    return nb | {"cells": [*nb["cells"], *more, *drawn]}


def _is_written(cell: dict[str, Any]) -> bool:
    marks = cell["metadata"].get("nbgrader", {})
    return cell["cell_type"] == "markdown" and not marks.get("locked") and bool(marks.get("grade"))


PAPERS: dict[str, Callable[[], dict[str, Any]]] = {
    "nasty text and a picture": lambda: _filled([text(each) for each in (*NASTY.values(), *KEPT)]),
    "long text": lambda: _filled([text("<a&#1;" * LARGEST_TEXT), text("&amp;lt; &amp; &lt;")]),
    "halves of characters": lambda: _filled([text("<\ud800script>"), text("```\ud800mermaid\n```")]),
    "none of the lesson's cells": lambda: notebook_of("def sigma(x):\n    print(x)\n    return x.tanh()\nsigma(1)"),
    "no notebook": lambda: {},
}
"""What students hand in, by what is in it."""


@pytest.fixture(scope="module")
def skeleton(released_course: Course) -> Skeleton:
    """What the coordinator knows of the lesson."""
    with Book(released_course, released_course.assignment("mlp")) as book:
        return Skeleton(released_course.assignment("mlp"), book.master)


@pytest.fixture(scope="module")
def answers(released_course: Course) -> dict[bytes, str]:
    """What a worker that can be believed answers, by what was handed in."""
    return recorded(released_course, "mlp", [json.dumps(paper()).encode() for paper in PAPERS.values()])


@pytest.fixture(scope="module")
def honest(answers: dict[bytes, str]) -> str:
    """The first of these pages."""
    return Page.model_validate_json(next(iter(answers.values()))).content


def test_whatever_was_handed_in_an_honest_page_may_stand(answers: dict[bytes, str], skeleton: Skeleton) -> None:
    """No student loses their page to nasty text, to long text, or to a notebook that can't be read."""
    held = [skeleton.holds(Page.model_validate_json(answer).content) for answer in answers.values()]

    assert dict(zip(PAPERS, held, strict=True)) == dict.fromkeys(PAPERS, True)


def added(kind: str, source: str = "", **more: Any) -> Callable[[Any], None]:
    """A lie: one cell more."""
    cell = {"cell_type": kind, "metadata": {}, "source": source, **more}
    return lambda nb: nb["cells"].append(cell | {"id": f"cell-{len(nb['cells'])}"})


def shown(**output: Any) -> Callable[[Any], None]:
    """A lie: one cell more, and what it has drawn."""
    return added("code", outputs=[{"output_type": "display_data", "metadata": {}, **output}], execution_count=None)


def locked(**change: Any) -> Callable[[Any], None]:
    """A lie: the lesson's own words, changed."""
    return lambda nb: next(c for c in nb["cells"] if c["metadata"]["nbgrader"]["locked"]).update(change)


def written(nb: Any) -> None:
    """A lie: a tag in a written answer."""
    next(cell for cell in nb["cells"] if _is_written(cell))["source"] = SCRIPT


def renamed(nb: Any) -> None:
    """A lie: a name that pages repeat."""
    nb["cells"][0]["metadata"]["nbgrader"]["grade_id"] = SCRIPT


LIES: dict[str, Callable[[Any], None]] = {
    "a script": added("markdown", SCRIPT),
    "a script in a raw cell": added("raw", SCRIPT),
    "a raw cell that is HTML": added("raw", "words", metadata={"raw_mimetype": "text/html"}),
    "a diagram": added("markdown", "```\u2003mermaid\n```"),
    "a picture that is a page": added("markdown", "![x](attachment:x)", attachments={"x": {"text/html": SCRIPT}}),
    "a page that was drawn": shown(data={"text/html": SCRIPT}),
    "a program that was drawn": shown(data={"application/javascript": "alert(2)"}),
    "a picture as wide as a script": shown(data={"image/png": DOT}, metadata={"width": f'">{SCRIPT}'}),
    "a text that is none": added("markdown", [SCRIPT]),  # type: ignore[arg-type]
    "a written answer with a script": written,
    "the lesson's words changed": locked(source="Write nothing."),
    "the lesson's words as another cell": locked(cell_type="raw"),
    "another name": renamed,
    "widgets": lambda nb: nb["metadata"].update(widgets={"application/vnd.jupyter.widget-state+json": SCRIPT}),
    "a text far too long": added("markdown", "a" * (5 * LARGEST_TEXT)),
}
"""What a worker that was taken over may put into a page, by what it is."""


@pytest.mark.parametrize("lie", LIES)
def test_a_page_that_holds_more_than_it_can_is_refused(lie: str, honest: str, skeleton: Skeleton) -> None:
    """Scripts, their disguises, and words put into the lesson's mouth."""
    nb = json.loads(honest)
    LIES[lie](nb)

    assert skeleton.holds(json.dumps(json.loads(honest)))
    assert not skeleton.holds(json.dumps(nb))


def _unsure_of_one(answer: Any) -> None:
    first = next(question for question in answer["result"]["questions"] if question["points"] is not None)
    answer["result"]["score"] -= first["points"]
    first.update(status="grader_error", points=None)


def _with_a_script(answer: Any) -> None:
    nb = json.loads(answer["content"])
    added("markdown", SCRIPT)(nb)
    answer["content"] = json.dumps(nb)


@pytest.mark.parametrize(
    "lie",
    [
        _with_a_script,
        lambda answer: answer["result"].update(flags=["Look."] * (MOST_FLAGS + 1)),
        lambda answer: answer["result"].update(flags=["a" * (LONGEST_FLAG + 1)]),
        lambda answer: answer["result"].update(seconds=float("nan")),
        lambda answer: answer["result"].update(total=float("inf"), max_total=1.0),
        lambda answer: answer["result"].update(total=99.0, max_total=1.0),
        lambda answer: answer["result"].update(seen=[{"does": "a" * (LARGEST_RECORD // 40)}] * 41),
        lambda answer: answer["result"]["questions"][0].update(message="a" * LARGEST_RECORD),
        lambda answer: answer["result"].update(status="unreadable"),
        _unsure_of_one,
    ],
)
def test_what_cannot_be_written_is_a_fault_of_the_grader(
    lie: Callable[[Any], None], released_course: Course, answers: dict[bytes, str], tmp_path: Path
) -> None:
    """A person is asked to look, no points are given, and what came back is written nowhere."""
    course = copied(released_course, tmp_path / "course")
    path = course.expected("mlp", "ada")
    path.parent.mkdir(parents=True)
    paper, honest = next(iter(answers.items()))
    path.write_bytes(paper)
    answer = json.loads(honest)
    told = [_graded(course, paper, answer).result]
    lie(answer)
    told.append(_graded(course, paper, answer).result)

    assert [result.status for result in told] == ["graded", "grader_error"]
    assert told[1].score == 0
    assert len(told[1].flags) < MOST_FLAGS
    assert SCRIPT not in (course.root / "autograded/ada/mlp/mlp.ipynb").read_text("utf-8")


def _graded(course: Course, paper: bytes, answer: Any) -> Graded:
    """Have the coordinator read an answer."""
    with Batch(course, "mlp", force=True, engine=Recorded({paper: json.dumps(answer, separators=(",", ":"))})) as run:
        (found,) = run
    return found
