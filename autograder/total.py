"""The total of a submission: what the grader found, with what the gradebook holds; every page takes it from here.

nbgrader's own rule, so that there is one number: a person's score stands in place of the grader's, extra credit is
added, and what being late costs is taken off in the end.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from autograder.record import Record, Words
from autograder.result import Question, Result


class Mark(Record):
    """What the gradebook holds of one question."""

    max_points: float
    automatic: float | None = None
    """What the grader gave; None where a person is asked."""
    manual: float | None = None
    """What a person gave."""
    extra: float = 0.0
    comment: Words = ""
    asks: bool = False
    """Whether a person is asked to look, whatever the points."""

    @property
    def points(self) -> float | None:
        """The points that count; None where nobody has given any."""
        given = self.automatic if self.manual is None else self.manual
        return None if given is None else given + self.extra


class Marks(Record):
    """What the gradebook holds of one submission: its questions, in the lesson's order, and what being late costs."""

    questions: Mapping[str, Mark]
    penalty: float = 0.0


class MarkedQuestion(Question):
    """A question with the points that count, whoever gave them."""

    points: float | None
    by_person: bool = False
    """Whether a person gave the points."""
    again: bool = False
    """Whether it was graded anew after a person had marked it: the mark counts, and wants another look."""
    extra: float = 0.0
    """Extra credit, which is in the points."""
    comment: Words = ""

    @model_validator(mode="after")
    def _within_bounds(self) -> MarkedQuestion:
        """Points with extra credit may be more than the question has: nothing is cut off that nbgrader counts."""
        return self


class Total(Result):
    """A record with everybody's marks in it: its score and its maximum are those of nbgrader."""

    score: float
    max_score: float
    """Points that the assignment has: those that a person gives are among them."""
    questions: tuple[MarkedQuestion, ...] = ()
    penalty: float = Field(default=0.0, ge=0)
    """What being late has cost; it is taken off in the score."""

    @model_validator(mode="after")
    def _adds_up(self) -> Total:
        """A total is worked out below, from what it holds."""
        return self


def total(result: Result, marks: Marks | None = None) -> Total:
    """Put together what the grader found and what the gradebook holds; without marks, the record's own points count.

    A submission that could not be judged counts as graded as soon as a person has given every question its points.
    """
    own = {question.id: question for question in result.questions}
    kept = dict(marks.questions) if marks else {}
    for name, question in own.items():
        kept.setdefault(name, Mark(max_points=question.max_points, automatic=question.points))
    questions = tuple(_question(name, own.get(name), mark) for name, mark in kept.items())
    missing = [question for question in questions if question.points is None]
    penalty = marks.penalty if marks else 0.0
    score = sum(question.points or 0.0 for question in questions)
    told: dict[str, object] = {"score": round(max(score - penalty, 0.0), 6), "penalty": penalty}
    told["max_score"] = sum(mark.max_points for mark in kept.values()) or result.max_score
    # without a record, points that an earlier one gave stand in the gradebook still: only a person's settle it
    settled = all(map(_written, missing)) if own else all(question.by_person for question in questions)
    if not own and not any(question.by_person for question in questions):
        questions = ()  # nothing was read, and nobody has looked yet
    elif result.status != "graded" and settled:
        told |= {"status": "graded", "message": ""}
    return Total.model_validate({**dict(result), **told, "questions": questions})


def _question(name: str, found: Question | None, mark: Mark) -> MarkedQuestion:
    """A question with its mark; what was said of why nobody could be given points goes once somebody has."""
    known = dict(found) if found else {"id": name, "status": "manual", "points": None}
    given = {
        "max_points": mark.max_points,
        "points": mark.points,
        "by_person": mark.manual is not None,
        "again": mark.manual is not None and mark.asks,
        "extra": mark.extra,
        "comment": mark.comment,
    }
    if mark.points is None:
        given["status"] = "grader_error" if found and found.status == "grader_error" else "manual"
    elif mark.manual is not None:
        given |= {"status": "graded", "message": "", "follow_through": False}
    elif found is None or found.points is None:
        given |= {"status": "graded" if mark.automatic else "no_answer", "message": ""}
    return MarkedQuestion.model_validate(known | given)


def _written(question: Question) -> bool:
    """Whether a question waits only because a person always reads it."""
    return question.status == "manual" and not question.message
