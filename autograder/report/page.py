"""Pages of a class and of a student: one HTML file each, complete in itself, without scripts and without a network.

Everything that comes from a result is escaped by the templates' own rule. Nothing is read but the results.
"""

from __future__ import annotations

import functools
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder import private
from autograder.report import plots
from autograder.report.tally import Cause, ClassTally, causes, tally
from autograder.report.words import (
    KINDS,
    called,
    count,
    headline,
    kind,
    listed,
    page_name,
    percent,
    remark,
    standing,
    waits,
)
from autograder.result import FOLLOWED, Question, Result, number, points
from autograder.total import MarkedQuestion, Total
from autograder.visible import one_line, visible
from autograder.watch import Watch, unwatched

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

AGAIN_MARKED = "A person marked this, and then it was graded again. Check whether the mark still stands."
"""What an instructor reads of a mark that counts, on an answer that may have changed."""


def class_page(results: Sequence[Result], assignment_title: str) -> str:
    """Make the page of a class, for its instructor; it links to the students' pages in `students/`.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    found = tally(results)
    drawn = ((plots.scores(found), "Scores"), (plots.questions(found), "Questions"))
    used = {kind(question) for result in found.results for question in result.questions}
    return _render(
        "class.html.jinja",
        title=assignment_title,
        found=found,
        links={result.submission: f"students/{page_name(result.submission)}" for result in found.results},
        lead=_lead(found),
        summary=_class_summary(found),
        pictures=[(picture, heading) for picture, heading in drawn if picture],
        mistakes_picture=plots.mistakes(found),
        waiting=_waiting(found),
        mistakes=[(name, list(group)) for name, group in itertools.groupby(found.mistakes, key=lambda m: m.question)],
        flagged=causes(("", flag, result.submission) for result in found.results for flag in result.flags),
        mended=causes(("", told, result.submission) for result in found.results for told in result.mended),
        signs=[name for name in SIGNS if name in used],
        provenance=_provenance(found),
    )


def student_page(result: Result, assignment_title: str = "") -> str:
    """Make the page of a student, for that student alone; it links to no other page."""
    return _render(
        "student.html.jinja",
        title=assignment_title or result.assignment,
        result=result,
        summary=_student_summary(result),
    )


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
    return _render(
        "feedback.html.jinja",
        title=assignment_title or result.assignment,
        result=result,
        summary=_student_summary(result),
        cells=cells,
        places={question.id: place for place, question in enumerate(result.questions, 1)},
        code_style=code_style,
    )


def write(results: Sequence[Result], folder: Path, assignment_title: str = "", watch: Watch = unwatched) -> Path:
    """Write `index.html` and a page for each student, and return the path of the first.

    Each file is replaced in one step, the index last: whoever reads meanwhile sees the old page or the new one.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    title = assignment_title or (results[0].assignment if results else "No assignment")
    index = class_page(results, title)
    for result in watch(results, "pages"):
        private.write(folder / "students" / page_name(result.submission), student_page(result, title))
    private.write(folder / "index.html", index)
    return folder / "index.html"


def _lead(found: ClassTally) -> str:
    if not found.scores:
        return f"{count(len(found.results), 'submission')}, and none could be graded in full."
    middle, mean = statistics.median_high(found.scores), statistics.fmean(found.scores)
    of = points(found.max_score)
    if len(found.scores) == 1:
        return f"One submission has been graded: {number(mean)} of {of}."
    return f"The mean is {number(mean)} of {of}; half of the class has {number(middle)} or more."


def _class_summary(found: ClassTally) -> list[str]:
    graded, waiting = len(found.graded), len(found.waiting)
    first = f"{count(graded, 'submission')} graded" + (f", {waiting} waiting for a person." if waiting else ".")
    if found.scores and found.max_score > 0:
        best = sum(score >= found.max_score - 1e-9 for score in found.scores)
        first += f" {count(best, 'student') if best else 'Nobody'} {'has' if best < 2 else 'have'} all the points."
        low, high = min(found.scores), max(found.scores)
        if low < high:
            first += f" The scores run from {number(low)} to {number(high)}."
    sentences = [first]
    shares = [(q.mean_share, q.id) for q in found.questions if q.mean_share is not None]
    if len(shares) > 1 and min(shares)[0] < max(shares)[0]:
        hardest, easiest = min(shares), max(shares)
        sentences.append(
            f"The hardest question was {hardest[1]}, with {percent(hardest[0])} of its points on average, "
            f"and the easiest {easiest[1]}, with {percent(easiest[0])}."
        )
    return sentences + ([found.unread] if found.unread else [])


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


def _waiting(found: ClassTally) -> tuple[Cause, ...]:
    """What waits for a person, by its cause."""
    submissions = [
        ("", result.message or headline(result), result.submission)
        for result in found.waiting
        if result.status != "graded" and (result.message or not any(map(waits, result.questions)))
    ]
    questions = [
        (question.id, question.message or standing(question), result.submission)
        for result in found.results
        for question in filter(waits, result.questions)
    ]
    questions += [
        (question.id, AGAIN_MARKED, found.submission)
        for found in found.results
        if isinstance(found, Total)
        for question in found.questions
        if question.again
    ]
    return causes(submissions) + causes(questions)


def _provenance(found: ClassTally) -> list[str]:
    told = {
        "full": "Student code ran fully isolated.",
        "portable": "Student code ran in portable isolation.",
        "none": "Student code ran without isolation: these scores are for a class that you trust.",
    }
    sentences = [told[level] for level in told if any(result.jail == level for result in found.results)]
    seeds = sorted({result.seed for result in found.results if result.seed})
    if seeds:
        sentences.append(f"Hidden inputs: {listed(seeds)}. Equal digests mean equal inputs.")
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
    environment.globals.update(
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
        kind=kind,
        number=number,
        points=points,
        remark=remark,
        share=_share,
        standing=standing,
        marked=_marked,
    )
    return environment


def _render(template: str, **values: Any) -> str:
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
