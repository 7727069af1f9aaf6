"""The page of a student, and how every page is made: one HTML file, complete in itself, without a network.

A page has no script, or the one inline whose digest stands in its own policy.
Everything that comes from a result is escaped by the templates' own rule. Nothing is read but the results.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder.report import difference
from autograder.report.about import About
from autograder.report.words import (
    KINDS,
    called,
    count,
    headline,
    kind,
    listed,
    percent,
    remark,
    span,
    standing,
    waits,
)
from autograder.result import FOLLOWED, Diagnosis, Question, Result, number, points
from autograder.total import MarkedQuestion, Total
from autograder.visible import one_line, visible

SIGNS = {"no_answer": "\N{EN DASH}", "manual": "✎", "ungraded": "?"}
"""What stands in the table where there are no points."""
STOPPED = {
    "timeout": "It didn't finish in time. The usual cause is a loop that never ends.",
    "killed": "It was stopped before it finished. The usual causes are using too much memory and calling exit.",
}

FEW = 8
"""Students who are named at once; of more, the rest is folded."""

AGAIN = {
    "unreadable": "If you can still hand in: open it in Jupyter, save it, and hand in that file.",
    "not_this_assignment": "If you can still hand in, check whether this is the file you meant.",
}
"""What a student can do whose file could not be graded."""


@dataclass(frozen=True)
class First:
    """What a student can do first: the first answer, in the lesson's order, that can still be mended."""

    place: int
    """Of the question, from 1 on."""
    question: Question
    says: str
    hint: str
    """A question that leads on; empty where no mistake is known."""
    then: tuple[tuple[int, Question], ...]
    """Those that come after, with their places."""


def first(result: Result) -> First | None:
    """Find what to do first; None where nothing is left to do."""
    places = list(enumerate(result.questions, 1))
    open_ = [(place, question) for place, question in places if _can_be_mended(question)]
    if not open_:
        return None
    place, question = open_[0]
    told = next((told for told in question.told if told.outcome == "fails"), None)
    failed = told and (told.message or f"This is not true yet: {told.claims[0][1]}")
    says = question.message or STOPPED.get(question.status, "") or failed or "Nothing is written here yet."
    hint = ""
    if question.diagnoses:
        says, hint = question.diagnoses[0].says, question.diagnoses[0].hint
    says = says.removeprefix(f"{question.id} ")  # its name stands before it
    return First(place, question, says, hint, tuple(open_[1:]))


def _lost(question: Question) -> str:
    """What can still be won by mending a question."""
    return points(question.max_points - (question.points or 0.0))


def _can_be_mended(question: Question) -> bool:
    by_person = isinstance(question, MarkedQuestion) and question.by_person
    return kind(question) in {"part", "nothing", "no_answer"} and not by_person


def _is_plain(question: Question) -> bool:
    """Whether there is nothing to say of a question but that it is right."""
    mark = _marked(question)
    said = question.message or question.definition or question.diagnoses or question.follow_through
    return kind(question) == "full" and not said and not (mark and (mark.by_person or mark.comment or mark.extra))


def student_page(
    result: Result,
    assignment_title: str = "",
    about: About | None = None,
    way: Sequence[tuple[str, str]] = (),
    again: Sequence[tuple[Diagnosis, str]] = (),
) -> str:
    """Make the page of a student, for that student alone; it links to no other page.

    Shapes:
        way    the assignments of the course so far, and what came of each
        again  mistakes that the student made in several of them, and in which
    """
    return render(
        "student.html.jinja",
        title=assignment_title or result.assignment,
        result=result,
        summary=[*_student_summary(result), *_handed(result.submission, about or About())],
        first=first(result),
        way=way,
        again=again,
    )


def _handed(student: str, about: About) -> list[str]:
    """Say when what was graded had been handed in, and whether that was in time."""
    at, over = about.handed.get(student), about.late.get(student)
    if at is None:
        return []
    due = f"; it was due on {about.due:%Y-%m-%d, %H:%M}" if about.due else ""
    late = f" That is {span(over)} late." if over else ""
    return [f"Graded is what was handed in on {at:%Y-%m-%d, %H:%M}{due} (UTC).{late}"]


@dataclass(frozen=True)
class Handed:
    """A cell of what was handed in, as it stands on a page of feedback."""

    kind: str
    """`text`, `code` or `answer`."""
    html: str = ""
    """What it shows, made safe: the page takes it as it is."""
    outputs: Sequence[str] = ()
    question: Question | None = None
    """The question that is judged below it."""


def feedback_page(result: Result, cells: Sequence[Handed], code_style: str, assignment_title: str = "") -> str:
    """Make the page of a student with all that they handed in, and each verdict where its question stands."""
    return render(
        "feedback.html.jinja",
        title=assignment_title or result.assignment,
        result=result,
        summary=_student_summary(result),
        first=first(result),
        way=(),
        again=(),
        cells=cells,
        places={question.id: place for place, question in enumerate(result.questions, 1)},
        code_style=code_style,
    )


def _student_summary(result: Result) -> list[str]:
    sentences = [AGAIN[result.status]] if result.status in AGAIN else []
    if result.status == "grader_error":
        sentences.append(f"So far there are {number(result.score)} of {points(result.max_score)}, and nothing is lost.")
    tests = [test for question in result.questions for test in question.tests]
    if result.status == "graded" and tests and all(test.passed for test in tests):
        sentences.append("Every claim passes.")
    if waiting := [question.id for question in result.questions if waits(question)]:
        sentences.append(f"This is not final yet: a person will look at {listed(waiting)}.")
    if manual := [question for question in result.questions if kind(question) == "manual"]:
        named = listed(f"{question.id} ({points(question.max_points)})" for question in manual)
        sentences.append(f"To be marked by a person, and not in this number yet: {named}.")
    if isinstance(result, Total) and result.penalty:
        sentences.append(f"Handing in late cost {points(result.penalty)}.")
    return sentences


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = (Path(__file__).parent / "table.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        SCRIPT=Markup(script),  # noqa: S704 - it is our own
        SCRIPT_DIGEST=digest,
        KINDS=KINDS,
        SIGNS=SIGNS,
        STOPPED=STOPPED,
        FEW=FEW,
        FOLLOWED=FOLLOWED,
        breakable=_breakable,
        by_id=_by_id,
        called=called,
        count=count,
        headline=headline,
        lost=_lost,
        matters=difference.matters,
        OFF=difference.OFF,
        part=difference.part,
        signed=difference.signed,
        told=difference.told,
        is_plain=_is_plain,
        kind=kind,
        number=number,
        percent=percent,
        points=points,
        remark=remark,
        share=_share,
        standing=standing,
        marked=_marked,
    )
    environment.filters["signed"] = difference.signed
    return environment


def render(template: str, **values: Any) -> str:
    """Fill a template in."""
    return _templates().get_template(template).render(values)


def _shown(value: Any) -> Any:
    """Make every text visible before it is escaped; markup is our own."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _marked(question: Question) -> MarkedQuestion | None:
    """A question's marks, where it has some."""
    return question if isinstance(question, MarkedQuestion) else None


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores."""
    return Markup("_<wbr>").join(escape(part) for part in one_line(name).split("_"))


def _share(question: Question) -> Markup:
    """How much of a bar is filled, as an attribute."""
    if question.points is None or not question.max_points:
        return Markup("")
    return Markup(' style="--share: {}%"').format(round(100 * question.points / question.max_points))


def _by_id(result: Result) -> dict[str, Question | None]:
    return {question.id: question for question in result.questions}
