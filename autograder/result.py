"""The record of one graded submission: what `--json` prints, what reports and gradebooks are made from."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

JailLevel = Literal["full", "portable", "none"]
"""How a student's code is held: by all layers, by those that any machine has, or by none."""

QuestionStatus = Literal["graded", "no_answer", "timeout", "killed", "manual", "grader_error"]
SubmissionStatus = Literal["graded", "not_this_assignment", "unreadable", "grader_error"]

Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


Words = Annotated[str, AfterValidator(_printable)]
"""A sentence: it may quote a line or a file's name, but nothing that would steer a terminal or reorder a line."""


FOLLOWED = (
    "This builds on a function that is not right yet. "
    "It was judged with a right one in its place, so one mistake costs only once."
)
"""What a student reads under a question that has follow-through credit."""


class Record(BaseModel):
    """A part of a result: closed, frozen, and checked when it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Test(Record):
    """One claim about a student's answer, and whether it holds."""

    __test__ = False  # pytest collects by name

    id: str
    says: str
    passed: bool
    weight: Points = 1.0
    message: Words = ""


class Diagnosis(Record):
    """A known mistake that a student's values equal."""

    id: str
    says: str
    hint: str


class Question(Record):
    """One question's points, and the claims that they come from."""

    id: str
    status: QuestionStatus
    points: Points | None
    """None where no score can be given: a written answer, or a fault of the grader."""
    max_points: Points
    follow_through: bool = False
    message: Words = ""
    definition: Words = ""
    """Which definition was graded, where the notebook has several."""
    flags: tuple[Words, ...] = Field(default=(), exclude=True)
    """What a person should look at; gathered in the result's own flags."""
    tests: tuple[Test, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()

    def in_words(self) -> str:
        """The verdict as a few lines of text: what a notebook shows below the question."""
        points = "waits for a person" if self.points is None else f"{self.points:g} of {self.max_points:g} points"
        lines = [f"{self.id}: {points}", *filter(None, [self.message])]
        for test in self.tests:
            lines += [f"  {'passed' if test.passed else 'failed'}  {test.says}"]
            lines += [f"          {test.message}"] if test.message else []
        for diagnosis in self.diagnoses:
            lines += [diagnosis.says, diagnosis.hint]
        lines += [FOLLOWED] if self.follow_through else []
        lines += self.flags
        return "\n".join(lines)

    @model_validator(mode="after")
    def _within_bounds(self) -> Question:
        if self.points is not None and self.points > self.max_points + 1e-9:
            raise ValueError(f"{self.id}: {self.points} points of {self.max_points}")
        if (self.points is None) != (self.status in {"manual", "grader_error"}):
            raise ValueError(f"{self.id}: points {self.points} don't go with status {self.status}")
        return self


class Result(Record):
    """One submission's record: design of `autograder check --json`."""

    assignment: str
    submission: str
    score: Points
    max_score: Points
    """Points that this run could give: written answers stand beside it as `manual` questions."""
    status: SubmissionStatus
    message: Words = ""
    jail: JailLevel
    seed: str = ""
    """A digest of the hidden inputs' seed: equal digests, equal inputs."""
    seconds: float = 0.0
    flags: tuple[Words, ...] = ()
    """What a person should look at."""
    mended: tuple[Words, ...] = ()
    """What stood in the way of the answers, and was put right or stood in for before judging; costs nothing."""
    questions: tuple[Question, ...] = ()
    total: float | None = None
    """What it comes to with a person's marks and what being late costs, where a gradebook was asked."""
    max_total: float | None = None
    """Points that the assignment has, those of a person among them."""

    @model_validator(mode="after")
    def _adds_up(self) -> Result:
        given = sum(question.points or 0.0 for question in self.questions)
        if abs(given - self.score) > 1e-6 or self.score > self.max_score + 1e-9:
            raise ValueError(f"{self.submission}: {self.score} of {self.max_score}, but its questions give {given}")
        return self

    def question(self, name: str) -> Question:
        """Find a question by its id.

        Raises:
            KeyError: if there is none.
        """
        for question in self.questions:
            if question.id == name:
                return question
        raise KeyError(name)

    def shared(self) -> Result:
        """Hold questions that equal another student's only once: most of a class answers alike."""
        return self.model_copy(update={"questions": tuple(map(_one_for_all, self.questions))})


@functools.lru_cache(maxsize=4096)
def _one_for_all(question: Question) -> Question:
    """Give the one question that stands for all that equal it."""
    return question
