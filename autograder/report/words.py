"""How numbers, statuses and other people's text are put on a page or a terminal.

Nothing here knows of HTML or of colours.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from autograder.result import Question, Result, number, points
from autograder.total import MarkedQuestion
from autograder.visible import one_line

KINDS = {
    "full": "full marks",
    "part": "some of the points",
    "nothing": "no points yet",
    "no_answer": "no answer",
    "ungraded": "waiting for a person",
    "manual": "to be marked by a person",
}
"""What can become of a question, best first, and how it is called."""

_STATUS = {
    "no_answer": "not answered yet",
    "timeout": "took too long",
    "killed": "stopped early",
    "manual": "to be marked by a person",
    "grader_error": "waiting for a person",
}
_HEADLINES = {
    "unreadable": "This file could not be read",
    "not_this_assignment": "This is a different notebook",
    "grader_error": "A person will look at this",
}
_PLAIN = re.compile(r"[a-z0-9_-](?:[a-z0-9._-]{0,58}[a-z0-9_-])?")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")  # names that Windows keeps for itself


def called(student: str) -> str:
    """Write a student's id on one line, short enough to read."""
    name = one_line(student)
    return f"{name[:59]}\N{HORIZONTAL ELLIPSIS}" if len(name) > 60 else name or "(no name)"


def percent(share: float) -> str:
    """Write a share in per cent; only nothing is 0 % and only all of it is 100 %."""
    whole = round(100 * share)
    if 0 < share < 1:
        whole = min(max(whole, 1), 99)
    return f"{whole} %"


def count(howmany: int, noun: str, plural: str = "") -> str:
    """Write a number of things with their noun."""
    return f"{howmany} {noun if howmany == 1 else plural or noun + 's'}"


def listed(names: Iterable[str]) -> str:
    """Join names as in a sentence."""
    *rest, last = [*names] or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def span(seconds: float) -> str:
    """Write how long something took in its two largest units, from minutes up."""
    minutes = max(round(seconds / 60), 1)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [count(number, noun) for number, noun in ((days, "day"), (hours, "hour"), (rest, "minute")) if number]
    return " ".join(parts[:2])


def waits(question: Question) -> bool:
    """Whether a question of code waits for a person; one that is always marked by hand has nothing to say."""
    return question.points is None and (question.status != "manual" or bool(question.message))


def kind(question: Question) -> str:
    """Say which of `KINDS` a question belongs to."""
    if waits(question):
        return "ungraded"
    if question.status in {"no_answer", "manual"}:
        return question.status
    points = question.points or 0.0
    if points >= question.max_points - 1e-9:
        return "full"
    return "part" if points > 0 else "nothing"


def standing(question: Question) -> str:
    """Say in a few calm words how a question stands."""
    if waits(question):
        return KINDS["ungraded"]
    if isinstance(question, MarkedQuestion) and question.by_person:
        return "marked by a person"
    if question.status != "graded":
        return _STATUS[question.status]
    return {"full": "right", "part": "partly right", "nothing": "not right yet"}[kind(question)]


def headline(result: Result) -> str:
    """Say in one short line what came of a submission."""
    if result.status == "graded":
        return f"{number(result.score)} of {points(result.max_score)}"
    return _HEADLINES[result.status]


def remark(result: Result) -> str:
    """Pick the one sentence that says most about a submission: why it has no score, or its first mistake."""
    if result.message:
        return one_line(result.message)
    waiting = [q for q in result.questions if waits(q)]
    diagnosed = [q for q in result.questions if q.diagnoses]
    others = [q for q in result.questions if kind(q) not in {"full", "manual"}]
    for question in waiting + diagnosed + sorted(others, key=lambda q: not q.tests):  # code before written answers
        if question.diagnoses:
            text = question.diagnoses[0].says
        elif isinstance(question, MarkedQuestion) and question.by_person:
            text = question.comment or standing(question)
        else:
            failed = [test.message or f"fails: {test.says}" for test in question.tests if not test.passed]
            text = question.message or next(iter(failed), standing(question))
        text = one_line(text)
        return text if question.id in text else f"{one_line(question.id)}: {text}"
    return ""


def page_name(student: str) -> str:
    """Name a student's page: a file name that is safe everywhere, and differs where the ids differ.

    Plain ids stay as they are. Any other is cleaned, and a digest of the id follows, after a sign that no plain id has.
    """
    if _PLAIN.fullmatch(student) and not _DEVICES.fullmatch(student):
        return f"{student}.html"
    letters = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    cleaned = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:40].strip("-") or "student"
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{cleaned}_~{digest}.html" if _DEVICES.fullmatch(cleaned) else f"{cleaned}~{digest}.html"
