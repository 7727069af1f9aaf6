"""WCAG 2.1 AA, by axe-core, in the light and in the dark: nothing of ours keeps anybody out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from playwright.sync_api import Browser

from autograder.platforms import feedback
from autograder.report import write, write_course
from autograder.report.page import feedback_page
from autograder.result import Question, Result
from autograder.shown import Example, Excerpt
from autograder.total import MarkedQuestion, total
from tests.conftest import REPO
from tests.test_pages import ABOUT, lessons
from tests.test_report import NO_TWO, example_class, question, result

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}

OF_NBCONVERT = {"color-contrast": r'<span class="\w{1,3}">|<div class="jp-(Input|Output)Prompt'}
"""What nbconvert's own template breaks in a lesson that it exports: rule -> the tags that break it."""

LESSONS = ["mlp", "batch", "layers", "modules", "cached", "autograd"]

CODE = Excerpt(
    lines=("def dloss(v, t):", "    return v - t"),
    first=3,
    marked=(4,),
    why="mistake",
    where='in the section "6. dloss"',
)
EXAMPLE = Example.model_validate(
    {
        "claim": "dloss is the derivative of loss.",
        "name": "answer",
        "shape": (2, 2),
        "own_shape": (2, 2),
        "yours": [["1", "-2"], ["0.5", "3"]],
        "right": [["1", "2"], ["1", "3"]],
        "differs": ["=-", "x="],
        "given": [{"name": "v", "table": [["1"], ["2"]]}, {"name": "t", "table": [["0", "1"], ["2", "3"]]}],
    }
)


def shown(share: float = 0.0, named: bool = True) -> Question:
    """A wrong dloss with its code and an example."""
    asked = question("dloss", share, NO_TWO if named else None)
    return asked.model_copy(update={"code": CODE, "example": EXAMPLE})


def broken(browser: Browser, page: Path, scheme: Any, width: int = 1280) -> dict[str, list[str]]:
    """The rules that a page breaks, everything on it unfolded, and where."""
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True) as context:
        opened = context.new_page()
        opened.route("http*://**", lambda route: route.abort())
        opened.goto(page.as_uri())
        opened.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        found = Axe().run(opened, options=RULES).response["violations"]
    return {one["id"]: [node["html"] for node in one["nodes"]] for one in found}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind, with everything on it."""
    root = tmp_path_factory.mktemp("pages")
    class_ = [*example_class(), result("xena", shown()), result("zoe", shown(named=False)), result("zita", shown(0.5))]
    index = write(class_, root, "mlp", about=ABOUT, lessons=lessons())
    return {
        "class": index,
        "student": root / "students" / "xena.html",
        "right": root / "students" / "ada.html",
        "course": write_course("Backprop", lessons(), root / "course"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["class", "student", "right", "course"])
def test_a_page_keeps_nobody_out(browser: Browser, pages: dict[str, Path], name: str, scheme: str) -> None:
    """Every rule of WCAG 2.1 AA that a machine can try."""
    assert broken(browser, pages[name], scheme) == {}
    assert broken(browser, pages[name], scheme, width=400) == {}


@pytest.mark.slow(5)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_in_feedback_keeps_nobody_out(browser: Browser, tmp_path: Path, name: str, scheme: str) -> None:
    """Its text, formulas and code, with a wrong answer's verdict in it."""
    lesson = nbformat.read(REPO / "release" / name / f"{name}.ipynb", 4)
    graded = [
        cell.metadata.nbgrader.grade_id for cell in lesson.cells if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    answers = [shown().model_copy(update={"id": grade_id}) for grade_id in graded]
    found = total(Result(assignment=name, submission="ada", score=0, max_score=99, status="graded", jail="full"))
    found = found.model_copy(update={"questions": tuple(map(_marked, answers))})
    page = tmp_path / "feedback.html"
    page.write_text(feedback_page(found, [*feedback.cells(lesson, found)], feedback.style()), encoding="utf-8")
    assert broken(browser, page, scheme) == {}


def _marked(answer: Question) -> MarkedQuestion:
    return MarkedQuestion.model_validate(dict(answer))


@pytest.mark.slow(5)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", LESSONS)
def test_an_exported_lesson_breaks_no_rule_but_its_templates(
    browser: Browser, tmp_path: Path, name: str, theme: str
) -> None:
    """What nbconvert's template breaks is listed by rule, with its own tags: the list doesn't grow, nor hides ours."""
    made, _ = HTMLExporter(theme=theme).from_filename(str(REPO / "release" / name / f"{name}.ipynb"))
    page = tmp_path / f"{name}.html"
    page.write_text(made, encoding="utf-8")
    for rule, tags in broken(browser, page, theme).items():
        assert rule in OF_NBCONVERT, (rule, tags)
        assert [tag for tag in tags if not re.match(OF_NBCONVERT[rule], tag)] == []
