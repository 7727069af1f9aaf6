"""The record of one graded submission: what `--json` prints, what reports and gradebooks are made from."""

from __future__ import annotations

import functools
import textwrap
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from autograder.record import Record, Words
from autograder.shown import Example, Excerpt

JailLevel = Literal["full", "portable", "none"]
"""How a student's code is held: by all layers, by those that any machine has, or by none."""

QuestionStatus = Literal["graded", "no_answer", "timeout", "killed", "manual", "grader_error"]
SubmissionStatus = Literal["graded", "not_this_assignment", "unreadable", "grader_error"]

Points = Annotated[float, Field(ge=0)]

FOLLOWED = (
    "This builds on another of your functions. "
    "It was judged with a correct one in its place, so that one mistake costs points only once."
)
"""What a student reads under a question that has follow-through credit."""


Outcome = Literal["passes", "fails", "not tried"]
"""What becomes of a claim, in the words that stand everywhere."""

SIGNS: dict[Outcome, str] = {"passes": "\N{CHECK MARK}", "fails": "\N{BALLOT X}", "not tried": "\N{EN DASH}"}

ARROW = "\N{RIGHTWARDS ARROW} "
"""Stands before a question that leads on."""

WIDE = 80
"""Columns of what a notebook shows below a question."""


def number(value: float) -> str:
    """Write points with two decimals at most, and none that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def points(value: float) -> str:
    """Write points with their noun."""
    return f"{number(value)} point{'' if value == 1 else 's'}"


class Test(Record):
    """One claim about a student's answer, and whether it holds."""

    __test__ = False  # pytest collects by name

    id: str
    says: str
    passed: bool
    tried: bool = True
    """Whether it was looked at: one that counts beside a right value isn't before there is one."""
    weight: Points = 1.0
    message: Words = ""

    @property
    def outcome(self) -> Outcome:
        """What became of it, in a word."""
        return "passes" if self.passed else "fails" if self.tried else "not tried"


@dataclass(frozen=True)
class Told:
    """Claims of one question of which the same is to be said."""

    outcome: Outcome
    claims: tuple[tuple[str, str], ...]
    """What each is worth, as `1 of 4 points`, and what it says."""
    message: str


class Diagnosis(Record):
    """A known mistake that a student's values equal."""

    id: str
    says: str
    hint: str


class Sighting(Record):
    """Something that a person should know of, found in what was handed in: named, without a judgement."""

    does: Words
    """What the code does, as `imports autograder`: in the grader's words, without the code."""
    where: Words = ""
    """The section that it stands in."""


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
    stop: tuple[int, int] | None = Field(default=None, exclude=True)
    """Cell, from 0, and line of the student's own at which it first stopped."""
    wrong: tuple[Words, ...] = Field(default=(), exclude=True)
    """Names of the first values that were wrong."""
    code: Excerpt | None = Field(default=None, exclude_if=lambda code: code is None)
    """The student's own code, where it lost points."""
    example: Example | None = Field(default=None, exclude_if=lambda example: example is None)
    """A wrong value of it on inputs that anybody may see, where there is one."""

    @property
    def told(self) -> tuple[Told, ...]:
        """What is said of its claims: those that fail first, then those that were not tried, each message once.

        Nothing of a question that has no answer: that none of its claims holds goes without saying.
        """
        if self.status == "no_answer":
            return ()
        all_ = sum(test.weight for test in self.tests) or 1.0
        found: dict[tuple[Outcome, str], list[tuple[str, str]]] = {}
        for test in sorted(self.tests, key=lambda test: (test.passed, test.tried is False)):
            worth = f"{number(self.max_points * test.weight / all_)} of {points(self.max_points)}"
            found.setdefault((test.outcome, test.message), []).append((worth, test.says))
        return tuple(Told(outcome, tuple(claims), message) for (outcome, message), claims in found.items())

    def in_words(self) -> str:
        """The verdict as a few lines of text: what a notebook shows below the question.

        First the mistake, if it is known; then what fails and what passes, and what each claim is worth.
        """
        given = "waiting for a person" if self.points is None else f"{number(self.points)} of {points(self.max_points)}"
        parts = [f"{self.id}: {given}", self.message, FOLLOWED if self.follow_through else ""]
        lines = [_wrapped(part) for part in parts if part]
        lines += [f"{_wrapped(card.says)}\n{_wrapped(card.hint, ARROW)}" for card in self.diagnoses]
        wide = max((len(worth) for told in self.told for worth, _ in told.claims), default=0)
        lines += [_claims(told, wide) for told in self.told]
        lines += [_wrapped(flag) for flag in self.flags]
        return "\n\n".join(lines)

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
    seconds: Annotated[float, Field(ge=0)] = 0.0
    flags: tuple[Words, ...] = ()
    """What a person should look at."""
    seen: tuple[Sighting, ...] = ()
    """What the code does that a person should know of; it stands on no student's page."""
    source: str = ""
    """Where the assignment's source notebook was found: below the course's folder, or in the kit."""
    hidden_tests: str = ""
    """Where its hidden tests were found."""
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


def _wrapped(text: str, before: str = "") -> str:
    """Text in lines of equal width, the first of them after something."""
    indent = " " * len(before)
    return textwrap.fill(text, WIDE, initial_indent=before, subsequent_indent=indent, break_on_hyphens=False)


def _claims(told: Told, wide: int) -> str:
    """Claims of which the same is said, a line each, and that below them; what each counts takes `wide` columns."""
    sign = f"{SIGNS[told.outcome]} {told.outcome}"
    lines = [_wrapped(says, f"{sign:<11}  {worth:<{wide}}  ") for worth, says in told.claims]
    return "\n".join([*lines, *([_wrapped(told.message, " " * 13)] if told.message else [])])


@functools.lru_cache(maxsize=4096)
def _one_for_all(question: Question) -> Question:
    """Give the one question that stands for all that equal it."""
    return question
