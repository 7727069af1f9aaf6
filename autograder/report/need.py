"""Who needs the teacher, most urgent first: for each need, whom it is about, equal sentences once."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autograder.report.tally import Cause, ClassTally, causes
from autograder.report.words import headline, kind, standing, waits
from autograder.result import Question, Result, number
from autograder.total import MarkedQuestion, Total

AGAIN_MARKED = "A person marked this, and then it was graded again. Check whether the mark still stands."
"""What an instructor reads of a mark that counts, on an answer that may have changed."""

_NO_WAY_ON = {
    "timeout": "had not finished when its time was up.",
    "killed": "was stopped before it had finished.",
    "graded": "has no points, and matches no known mistake.",
}
"""What is said of an answer whose student reads of no known mistake, by the question's status."""


@dataclass(frozen=True)
class Need:
    """One kind of need, and all who have it."""

    name: str
    """`waiting`, `stuck`, `behind` or `seen`."""
    heading: str
    short: str
    """What is said of so many students: they are, they have, they wait."""
    says: str
    causes: tuple[Cause, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    """Student -> what stands behind the name."""

    @property
    def students(self) -> tuple[str, ...]:
        """All who have it, once each."""
        return tuple(dict.fromkeys(student for cause in self.causes for student in cause.students))


def needs(found: ClassTally) -> tuple[Need, ...]:
    """Sort a class by need: who waits for a person, is stuck, is far behind, or did what a person should look at.

    Nobody is called stuck or behind who waits, or behind who is stuck. A need that nobody has is left out.
    """
    waiting = Need(
        "waiting",
        "Wait for you",
        "waiting for you",
        "The grader could not judge these, or a mark may be out of date. Nobody has lost points because of it.",
        _waiting(found),
    )
    left = [result for result in found.graded if result.submission not in waiting.students]
    stuck = Need(
        "stuck",
        "Stuck",
        "stuck",
        "Their first wrong answer has no points and matches no known mistake, so their page can't say what went wrong.",
        causes(found for result in left for found in _stuck(result)),
    )
    behind = _behind(found, [result for result in left if result.submission not in stuck.students])
    noticed = Need(
        "seen",
        "To look at",
        "to look at",
        "What was seen while grading, apart from the points. You can judge what it was for; the grader doesn't.",
        causes(("", says, result.submission) for result in found.results for says in _seen(result))
        + causes(("", flag, result.submission) for result in found.results for flag in result.flags),
    )
    return tuple(need for need in (waiting, stuck, behind, noticed) if need.causes)


def _seen(result: Result) -> list[str]:
    """What was seen in each section, in one line."""
    found: dict[str, list[str]] = {}
    for sighting in result.seen:
        found.setdefault(sighting.where, []).append(sighting.does)
    return [f"{', '.join(does)}{f', {where}' if where else ''}" for where, does in found.items()]


def _stuck(result: Result) -> list[tuple[str, str, str]]:
    """Where a student's way stops: the first answer that is not right, if nothing more is known of it."""
    for question in result.questions:
        if kind(question) == "manual" or (kind(question) == "full" and not _by_person(question)):
            continue
        if _by_person(question) or question.diagnoses or question.points or not question.tests:
            return []
        if question.status == "no_answer":
            says = "" if not question.message or "not written yet" in question.message else question.message
        else:
            says = _NO_WAY_ON.get(question.status, "")
        return [(question.id, says, result.submission)] if says else []
    return []


def _by_person(question: Question) -> bool:
    return isinstance(question, MarkedQuestion) and question.by_person


def _behind(found: ClassTally, left: Sequence[Result]) -> Need:
    """Who has less than half of what half of the class has, those with least first."""
    middle = statistics.median_high(found.scores) if found.scores else 0.0
    few = sorted((result for result in left if result.score < middle / 2), key=lambda result: result.score)
    empty = [result.submission for result in few if all(kind(q) in {"no_answer", "manual"} for q in result.questions)]
    some = [result.submission for result in few if result.submission not in empty]
    told = (
        ("Nothing is written yet.", empty),
        (f"Less than half of {number(middle)}, the median of the class.", some),
    )
    return Need(
        "behind",
        "Far behind",
        "far behind",
        "They have answered little, or each answer has a mistake that their own page names.",
        tuple(Cause("", says, tuple(students)) for says, students in told if students),
        {result.submission: number(result.score) for result in few if result.submission in some},
    )


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
