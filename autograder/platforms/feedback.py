"""nbgrader's feedback through the kit's own page: a student's work, and each verdict where its question stands.

`nbgrader generate_feedback` finds the notebooks and their marks; the score is the one of every other page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

from markupsafe import Markup
from nbconvert.exporters.exporter import Exporter
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder import course
from autograder.report import Handed, feedback_page, formula
from autograder.result import Result
from autograder.run import Book, kept
from autograder.total import Total, total

_PICTURES = ("image/png", "image/jpeg", "image/gif")


class Feedback(Exporter):  # type: ignore[misc]  # nbconvert has no types
    """Make a page of an autograded notebook: no code of a grade cell, no script, and nothing from a network."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Convert a notebook that nbgrader has put the marks into."""
        nb, resources = super().from_notebook_node(nb, resources, **options)
        about = resources["nbgrader"]
        found = _total(Path(self.parent.coursedir.root), about["assignment"], about["student"])
        return feedback_page(found, list(cells(nb, found)), style()), resources


def _total(root: Path, name: str, student: str) -> Total:
    """A student's total; of one that kernels have graded there is no record, and the gradebook alone tells."""
    here = course.find(root)
    with Book(here, here.assignment(name)) as book:
        marks = book.marks(student).get(student)
    last = kept(here, name, student)
    none = Result(assignment=name, submission=student, score=0, max_score=0, status="graded", jail="none")
    return total(last.result if last else none, marks)


def cells(nb: NotebookNode, found: Total) -> Iterator[Handed]:
    """Take a notebook apart: what was handed in, and where each question is judged."""
    questions = {question.id: question for question in found.questions}
    for cell in nb.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") and not questions:
            continue  # nothing was read: cells that were put back say nothing of it
        question = questions.get(about.get("grade_id")) if about.get("grade") or about.get("task") else None
        if cell.cell_type == "markdown":
            kind = "answer" if about.get("solution") else "text"
            yield Handed(kind, _text(cell.source, cell.get("attachments", {})), question=question)
        elif cell.cell_type == "code":
            hidden = bool(about.get("grade")) and not about.get("solution")
            outputs = [] if hidden and question else [*_outputs(cell.outputs)]
            yield Handed("code", "" if hidden else _code(cell.source), outputs, question)
        else:
            yield Handed("text", Markup("<pre>{}</pre>").format(cell.source), question=question)


class _Text(IPythonRenderer):  # type: ignore[misc]  # nbconvert has no types
    """A cell's text, its formulas as MathML."""

    def inline_math(self, body: str) -> str:
        """Render what stands between dollar signs."""
        return formula(body)

    def block_math(self, body: str) -> str:
        """Render what stands between pairs of them."""
        return formula(body, block=True)

    def block_html(self, html: str) -> str:
        """Pass on the lesson's own markup; formulas between its tags are rendered, too."""
        parts = re.split(r"(<[^<>]*>)", super().block_html(html))
        parts[::2] = (re.sub(r"\$([^$\n]+)\$", lambda found: formula(unescape(found[1])), text) for text in parts[::2])
        return "".join(parts)

    def latex_environment(self, name: str, body: str) -> str:
        """Render an environment that stands by itself."""
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)


def _text(source: str, attachments: Mapping[str, Any]) -> str:
    renderer = _Text(escape=False, attachments=attachments, exclude_anchor_links=True)
    made: str = MarkdownWithMath(renderer=renderer).render(source)
    return made


def _code(source: str) -> str:
    made: str = highlight(source, PythonLexer(), HtmlFormatter(cssclass="code"))
    return made


def style() -> str:
    """The colours of code, in the light and in the dark; what it stands on is the page's own."""
    light, dark = (HtmlFormatter(style=name, cssclass="code").get_token_style_defs() for name in ("vs", "github-dark"))
    light = [rule.replace("#2B91AF", "#1F6B85") for rule in light]  # too faint on the page's tint
    return "\n".join([*light, "@media screen and (prefers-color-scheme: dark) {", *dark, "}"])


def _outputs(outputs: list[NotebookNode]) -> Iterator[str]:
    """What a cell has printed and drawn."""
    for output in outputs:
        data = output.get("data", {})
        picture = next((kind for kind in _PICTURES if kind in data), None)
        if picture:
            told = Markup('<img alt="What this cell drew" src="data:{};base64,{}">')
            yield told.format(picture, "".join(data[picture].split()))
        elif output.output_type == "error":
            yield f"<pre>{ansi2html(chr(10).join(output.traceback) or output.evalue)}</pre>"
        elif text := output.get("text") or data.get("text/plain"):
            yield f"<pre>{ansi2html(text)}</pre>"
