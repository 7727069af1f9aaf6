"""A student's written text on pages that others open: nothing in it runs, leads astray or tells who has read it."""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nbconvert.filters import markdown2html
from playwright.sync_api import Browser, Page

from autograder.course.course import Course
from autograder.run.markdown import CUT, LARGEST_TEXT, harmless, is_harmless
from tests.conftest import autograder, copied, notebook_of, shell

ELSEWHERE = "https://elsewhere.example/seen.png"

ALERT = "javascript:alert(1)"

NASTY = {
    "a link": f"[click]({ALERT})",
    "a link with a title": f"[click]({ALERT} 'title')",
    "a link in angles": f"[click](<{ALERT}>)",
    "a link after blanks": f"[click](  \n {ALERT})",
    "capitals": "[click](JaVaScRiPt:alert(1))",
    "letters as numbers": "[click](&#106;avascript&#58;alert(1))",
    "letters as hexadecimal numbers": "[click](&#x6A;avascript&colon;alert(1))",
    "a tab in the scheme": "[click](java&Tab;script:alert(1))",
    "an escaped colon": "[click](javascript\\:alert(1))",
    "a control code before the scheme": "[click](\x01javascript:alert(1))",
    "another script": "[click](vbscript:alert(1))",
    "a page as data": "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "a drawing as data": "[click](data:image/svg+xml,%3Csvg onload=alert(1)%3E)",
    "a file": "[click](file:///etc/passwd)",
    "a relative address": "[click](../../../grade?points=14)",
    "no scheme": "[click](//elsewhere.example/x)",
    "a link that stands elsewhere": f"[click][a]\n\n[a]: {ALERT}",
    "a link that stands elsewhere, on the next line": f"[click][b]\n\n[b]:\n  {ALERT}",
    "a link that stands elsewhere, in angles": f"[click][c]\n\n[c]: <{ALERT}>",
    "a short link": f"[click]\n\n[click]: {ALERT}",
    "a link of its own": f"<{ALERT}>",
    "a link within a picture": f"[![x]({ELSEWHERE})]({ALERT})",
    "a link in a table": f"| a |\n|---|\n| [click]({ALERT}) |",
    "a link in a heading": f"## [click]({ALERT})",
    "a link in a list": f"1. a\n   - [click]({ALERT})",
    "a link in a quotation": f"> [click]({ALERT})",
    "an anchor": f'<a href="{ALERT}">click</a>',
    "a script": "<script>alert(1)</script>",
    "a frame": f'<iframe src="{ALERT}"></iframe>',
    "a form": f'<form action="{ALERT}"><button>click</button></form>',
    "a picture that fails": "<img src=x onerror=alert(1)>",
    "a drawing": "<svg onload=alert(1)>",
    "a tag of two lines": "<img\nsrc=x\nonerror=alert(1)>",
    "a style": f"<style>@import '{ELSEWHERE}';</style>",
    "where addresses begin": '<base href="https://elsewhere.example/">',
    "another page after a while": f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}">',
    "a picture from elsewhere": f"![x]({ELSEWHERE})",
    "a picture from elsewhere, with a title": f'![x]({ELSEWHERE} "\' onerror=alert(1)")',
    "a picture from elsewhere, in angles": f"![x](<{ELSEWHERE}>)",
    "a picture that stands elsewhere": f"![x][p]\n\n[p]: {ELSEWHERE}",
    "a picture of nearly that name": f"![q]\n\n[q]: {ELSEWHERE}",
    "a picture whose words hold quotes": '![" onerror="alert(1)](attachment:dot.png)',
    "a picture that isn't attached": "![x](attachment:lost.png)",
    "a picture that isn't attached, in letters as numbers": "![x](&#97;ttachment:lost.png)",
    "a diagram": f'```mermaid\ngraph LR\nA-->B\nclick A "{ALERT}"\n```',
    "a diagram, another fence": "~~~~ mermaid\ngraph LR\nA[<img src=x onerror=alert(1)>]\n~~~~",
    "a diagram after a blank of another kind": f"```\u00a0mermaid\ngraph LR\nA[<img src=x onerror={ALERT}>]\n```",
    "a tag whose name is a command": "<\\style onmouseover=alert(1) onclick=alert(1)>click",
    "attributes in a formula": f'$\\mmlToken{{mi}}[href="{ALERT}"]{{click}}$',
    "a box in a formula": f"$\\bbox[background:url({ELSEWHERE})]{{x}}$",
    "a link in a formula": f"$\\href{{{ALERT}}}{{click}}$",
    "a link in a formula that stands alone": f"$$\\href{{{ALERT}}}{{click}}$$",
    "a link in a formula, twice escaped": f"$\\\\href{{{ALERT}}}{{click}}$",
    "a link in a formula, in letters as numbers": f"&#36;&#92;href{{{ALERT}}}{{click}}&#36;",
    "a style in a formula": "$\\style{position:fixed;top:0;left:0}{x}$",
    "a block of formulas": f"\\begin{{align}}\\href{{{ALERT}}}{{click}}\\end{{align}}",
    "text that closes": "</div></body></html><script>alert(1)</script>",
    "code that closes": "```\n</pre><script>alert(1)</script>\n```",
    "a language that closes": '```"><script>alert(1)</script>\nx\n```',
}
"""What stands in a markdown cell, by what is nasty about it."""

KEPT = {
    "[a page](https://pytorch.org/docs/)": '<a href="https://pytorch.org/docs/">',
    "[a letter](mailto:ada@example.org)": '<a href="mailto:ada@example.org">',
    "[elsewhere][r]\n\n[r]: https://example.org/r": '<a href="https://example.org/r">',
    "![dot](attachment:dot.png)": 'src="data:image/png;base64,',
    "as in `f(x)`, $a_i < b$, **bold**": "<strong>bold</strong>",
}
"""What an honest text has -> what is to be seen of it on the page."""

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def text(source: str) -> dict[str, Any]:
    """A markdown cell that has a picture attached."""
    attached = {"dot.png": {"image/png": DOT}}
    return {"cell_type": "markdown", "metadata": {}, "source": source, "attachments": attached}


def output(data: dict[str, str]) -> dict[str, Any]:
    """What a cell has drawn."""
    return {"output_type": "display_data", "metadata": {}, "data": data}


@pytest.fixture(scope="module")
def feedback(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of feedback of somebody who tried everything."""
    course = copied(released_course, tmp_path_factory.mktemp("markdown") / "course")
    folder = course.root / "submitted/mallory/mlp"
    folder.mkdir(parents=True)
    drawn = notebook_of("draw('a picture of my own')")["cells"]
    drawn[0]["outputs"] = [output({"image/png": DOT}), output({"image/png": ALERT}), output({"image/svg+xml": ALERT})]
    cells = notebook_of("def sigma(x):\n    return x.tanh()")["cells"] + drawn
    cells += [text(each) for each in (*NASTY.values(), *KEPT)]
    (folder / "mlp.ipynb").write_text(json.dumps(notebook_of() | {"cells": cells}), encoding="utf-8")
    autograder("grade", "mlp", "--course", course.root)
    shell([Path(sys.executable).parent / "nbgrader", "generate_feedback", "mlp"], cwd=course.root)
    return course.root / "feedback/mallory/mlp/mlp.html"


@pytest.fixture
def opened(browser: Browser, feedback: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page in a browser that reaches nothing, and what it asked for."""
    asked: list[str] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (asked.append(f"dialog:{dialog.message}"), dialog.dismiss()))
    page.goto(feedback.as_uri(), wait_until="domcontentloaded")
    yield page, asked
    context.close()


@pytest.mark.slow
def test_nothing_runs_and_nothing_from_elsewhere_is_loaded(opened: tuple[Page, list[str]], feedback: Path) -> None:
    """Whatever can be clicked is clicked: no dialog opens, and nothing is asked for."""
    page, asked = opened
    loaded = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "file:"))}
    page.context.set_offline(False)
    page.context.route("http*://**", lambda route: route.fulfill(status=204))  # whatever is followed, the page stays
    for link in page.locator("a, button, [onclick]").all():
        if link.is_visible():
            link.dispatch_event("click")
            if page.url != feedback.as_uri():
                page.goto(feedback.as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(300)

    assert loaded == set()
    assert [url for url in asked if url.startswith("dialog:")] == []
    assert page.locator("img[src*=elsewhere], iframe, form, svg, base, meta[http-equiv=refresh]").count() == 0
    assert page.evaluate("[...document.images].map(image => image.src.slice(0, 10))").count("data:image") >= 1


@pytest.mark.slow
def test_links_lead_to_the_web_or_to_the_page_itself(opened: tuple[Page, list[str]]) -> None:
    """No link has another scheme than http, https and mailto; what an honest text has is there."""
    page, _ = opened
    schemes = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))")
    html = page.content()

    assert {urlsplit(link).scheme for link in schemes if not link.startswith("#")} <= {"http", "https", "mailto"}
    assert [seen for seen in KEPT.values() if seen not in html] == []
    assert "<mi>a</mi><mi>i</mi>" in html, "formulas are shown without a network"
    assert page.locator(".output img").count() == 1, "what a cell of the student's own drew is a picture, or nothing"
    assert page.evaluate("document.querySelector('.output img').naturalWidth") == 1


@pytest.mark.parametrize("source", [*KEPT, "a[0] and [1, 2]", "a plain text! [see below]", "- [ ] to do\n- [x] done"])
def test_an_honest_text_stays_as_it_is(source: str) -> None:
    """Links to the web, attached pictures, formulas, lists and code are left alone."""
    assert harmless(source, {"dot.png"}) == source


@pytest.mark.parametrize(
    "piece", ["](", "]: ", "![", "`", "~", "<a", "\\href", "![](attachment:b", "]:\n", "~~~ mermaid"]
)
def test_however_long_a_text_is_none_of_its_marks_is_left(piece: str) -> None:
    """A quarter of a million characters of one kind are words in the end, at once: their square would take hours."""
    made = harmless(piece * (250_000 // len(piece)), {"a"})

    assert not re.search(r"!\[|\]\(|\]:|<a|\\href|mermaid", made)
    assert len(made) >= 10_000


@pytest.mark.parametrize("blank", [chr(code) for code in range(sys.maxunicode) if chr(code).isspace()])
@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_no_diagram_is_left_whichever_blanks_stand_before_it(fence: str, blank: str) -> None:
    """The program that makes pages takes every blank of Unicode off before it looks for the word."""
    made = markdown2html(harmless(f"{fence} {blank}{blank}mermaid\ngraph LR\n{fence}", ()))

    assert 'class="mermaid"' not in made


def test_a_block_that_shows_a_diagram_s_text_keeps_it() -> None:
    """The word in the block itself is no name of a program."""
    assert harmless("```\nmermaid\n```", ()) == "```\nmermaid\n```"


@pytest.mark.parametrize("source", ["<\\style>@import 'a'", "<\\\\href onclick=alert(1)>", "&\\class;"])
def test_what_stands_around_a_command_s_backslash_becomes_no_tag(source: str) -> None:
    """What is taken out of a text must not let its neighbours meet as something that was looked for before."""
    made = harmless(source, ())

    assert not re.search(r"<[a-z]|&[a-z]+;(?<!&amp;)", made)


@pytest.mark.parametrize(
    "source",
    [
        f"$\\\\href{{{ALERT}}}{{x}}$",
        f"&#36;&#92;href{{{ALERT}}}{{x}}&#36;",
        "\\\\\\style{a}{b}",
        f'$\\mmlToken{{mi}}[href="{ALERT}"]{{x}}$',
        f"$\\bbox[background:url({ELSEWHERE})]{{x}}$",
    ],
)
def test_no_command_is_left_however_it_is_spelled(source: str) -> None:
    """Neither with more backslashes than one, nor in letters as numbers."""
    made = html.unescape(markdown2html(harmless(source, ())))

    assert not re.search(r"\\(href|style|mmlToken|bbox)", made)


def test_half_a_character_hides_no_tag() -> None:
    """It is written as a question mark, and that after a `<` begins something."""
    assert harmless("<\ud800x", ()) == "< ?x"


@pytest.mark.parametrize(
    "source", [*NASTY.values(), *KEPT, "&amp;lt; &amp; &lt;", "<a&#1;" * LARGEST_TEXT, "a" * 30_000]
)
def test_what_is_made_of_a_text_is_known_for_harmless(source: str) -> None:
    """Whatever the text was; and one that must become something else isn't."""
    made = harmless(source, {"dot.png"})

    assert is_harmless(made, {"dot.png"})
    assert not is_harmless(f"{source}\n<b>", {"dot.png"})


def test_a_long_text_is_cut_and_says_so() -> None:
    """Programs that make pages take the square of its length."""
    made = harmless("# a" + " " * 100_000 + "b" * 100_000, ())

    assert len(made) < LARGEST_TEXT + 100
    assert made.endswith(CUT)
