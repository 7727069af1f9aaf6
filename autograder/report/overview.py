"""The page of a class, for its instructor: who needs me, what to teach again, what is unfair, who is missing, and how.

It may carry the one script that sorts and filters its table; without it, everything is there all the same.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from autograder.report import plots
from autograder.report.about import About
from autograder.report.claim import hardness
from autograder.report.need import Need, needs
from autograder.report.page import SIGNS, render
from autograder.report.tally import ClassTally, causes, tally
from autograder.report.words import count, kind, listed, page_name, percent, span
from autograder.result import Question, Result, number, points
from autograder.total import Total

BESIDE = 24
"""Answers to one question that stand side by side, at the most."""


def class_page(results: Sequence[Result], assignment_title: str, about: About | None = None) -> str:
    """Make the page of a class; it links to the students' pages in `students/`.

    Who no longer hands in is named, and counted nowhere.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    told = about or About()
    there = [result for result in results if result.submission not in told.withdrawn]
    found = tally([_without_code(result) if result.seen else result for result in there])
    drawn = ((plots.scores(found), "Scores"), (plots.questions(found), "Questions"))
    used = {kind(question) for result in found.results for question in result.questions}
    needed = needs(found)
    late = [result for result in found.results if isinstance(result, Total) and result.penalty]
    cost = {result.submission: f", cost {points(result.penalty)}" for result in late}
    return render(
        "class.html.jinja",
        title=assignment_title,
        found=found,
        about=told,
        links={result.submission: f"students/{page_name(result.submission)}" for result in results},
        lead=_lead(found),
        summary=_summary(found),
        needs=needed,
        needs_of=_needs_of(needed, told),
        mistakes=sorted(found.mistakes, key=lambda mistake: -len(mistake.students)),
        mistakes_picture=plots.mistakes(found),
        pictures=[(picture, heading) for picture, heading in drawn if picture],
        hardness=hardness(found),
        mended=causes(("", told, result.submission) for result in found.results for told in result.mended),
        BESIDE=BESIDE,
        lateness={student: f"by {span(seconds)}{cost.get(student, '')}" for student, seconds in told.late.items()},
        choices=[(need.name, need.short) for need in needed] + ([("late", "late")] if told.late else []),
        SHORT={need.name: need.short for need in needed} | {"late": "late"},
        signs=[name for name in SIGNS if name in used],
        provenance=_provenance(found, told),
    )


def _without_code(result: Result) -> Result:
    """A record that quotes nothing: others read this page, and what was seen is not to be learnt from it."""

    def said(text: str) -> str:
        return re.sub(r"`.*`", "\N{HORIZONTAL ELLIPSIS}", text, flags=re.DOTALL)

    def plain(question: Question) -> Question:
        tests = tuple(test.model_copy(update={"message": said(test.message)}) for test in question.tests)
        shown = {"message": said(question.message), "tests": tests, "code": None}
        return question.model_copy(update=shown)

    own = {"message": said(result.message), "flags": tuple(map(said, result.flags))}
    return result.model_copy(update={**own, "questions": tuple(map(plain, result.questions))})


def _lead(found: ClassTally) -> str:
    if not found.scores:
        return f"{count(len(found.results), 'submission')}, and none could be graded in full."
    middle, mean = statistics.median_high(found.scores), statistics.fmean(found.scores)
    of = points(found.max_score)
    if len(found.scores) == 1:
        return f"One submission has been graded: {number(mean)} of {of}."
    return f"The mean is {number(mean)} of {of}; half of the class has {number(middle)} or more."


def _summary(found: ClassTally) -> list[str]:
    graded, waiting = len(found.graded), len(found.waiting)
    first = f"{count(graded, 'submission')} graded" + (f", {waiting} waiting for a person." if waiting else ".")
    if found.scores and found.max_score > 0:
        best = sum(score >= found.max_score - 1e-9 for score in found.scores)
        first += f" {count(best, 'student') if best else 'Nobody'} {'has' if best < 2 else 'have'} all the points."
        low, high = min(found.scores), max(found.scores)
        if low < high:
            first += f" The scores run from {number(low)} to {number(high)}."
    sentences = [first]
    shares = [(q.mean_share, q.id) for q in found.questions if q.mean_share is not None and not q.unread]
    if len(shares) > 1 and min(shares)[0] < max(shares)[0]:
        hardest, easiest = min(shares), max(shares)
        sentences.append(
            f"The hardest question was {hardest[1]}, with {percent(hardest[0])} of its points on average, "
            f"and the easiest {easiest[1]}, with {percent(easiest[0])}."
        )
    return sentences + ([found.unread] if found.unread else [])


def _needs_of(needed: Sequence[Need], about: About) -> dict[str, list[str]]:
    """Student -> names of the needs that the table can be filtered by."""
    found: dict[str, list[str]] = {}
    for name, students in [*((need.name, need.students) for need in needed), ("late", tuple(about.late))]:
        for student in students:
            found.setdefault(student, []).append(name)
    return found


def _provenance(found: ClassTally, about: About) -> list[tuple[str, str]]:
    """How the class was graded: what, and what is to be said of it."""
    told = {
        "full": "Student code ran fully isolated.",
        "portable": "Student code ran in portable isolation, which has fewer layers.",
        "none": "Student code ran without isolation: these scores are for a class that you trust.",
    }
    jails = {result.jail for result in found.results if result.submission not in about.damaged}
    rows = [("jail", " ".join(told[level] for level in told if level in jails))]
    if about.graded:
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in about.graded)
        rows.append(("when", f"{first} UTC" if first == last else f"From {first} to {last}, UTC"))
    rows.append(("version", listed(about.versions) and f"backprop-kit {listed(about.versions)}"))
    rows.append(("weights", listed(f"{question.id} {number(question.max_points)}" for question in found.questions)))
    rows.append(("settings", ", ".join(f"{name} {value}" for name, value in about.settings.items())))
    places = sorted({(r.source, r.hidden_tests) for r in found.results if r.source})
    rows.append(("lesson", "; ".join(f"{source}, judged with {tests}" for source, tests in places)))
    if seeds := sorted({result.seed for result in found.results if result.seed}):
        rows.append(("hidden inputs", f"{listed(seeds)}. Equal digests mean equal inputs."))
    return [(name, says) for name, says in rows if says]
