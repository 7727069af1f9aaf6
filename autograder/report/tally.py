"""What a class did, counted: the numbers behind every table, picture and page. Draws nothing."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.report.words import count, kind, listed, waits
from autograder.result import Diagnosis, Question, Result, points
from autograder.visible import one_line


@dataclass(frozen=True)
class QuestionTally:
    """How a class did on one question."""

    id: str
    max_points: float
    kinds: dict[str, int]
    """Kind (see `words.KINDS`) -> how many."""
    mean_share: float | None
    """Mean share of its points; None where nobody could be given any."""

    @property
    def manual(self) -> bool:
        """Whether a person marks it, and has marked nobody's yet."""
        return set(self.kinds) == {"manual"}

    @property
    def unread(self) -> int:
        """How many answers a person has still to read."""
        return self.kinds.get("manual", 0)


@dataclass(frozen=True)
class MistakeTally:
    """A known mistake, and who made it in which question."""

    question: str
    diagnosis: Diagnosis
    students: tuple[str, ...]


@dataclass(frozen=True)
class ClassTally:
    """How a class did on one assignment."""

    assignment: str
    results: tuple[Result, ...]
    """Sorted by student."""
    questions: tuple[QuestionTally, ...]
    mistakes: tuple[MistakeTally, ...]
    """In the order of the questions; the most frequent first."""

    @property
    def graded(self) -> tuple[Result, ...]:
        """Results whose score is final as far as the grader goes: these alone make means and histograms."""
        return tuple(result for result in self.results if _is_final(result))

    @property
    def waiting(self) -> tuple[Result, ...]:
        """Results that could not be graded, or not in full."""
        return tuple(result for result in self.results if not _is_final(result))

    @property
    def scores(self) -> tuple[float, ...]:
        """Scores of the graded, in the order of the students."""
        return tuple(result.score for result in self.graded)

    @property
    def unread(self) -> str:
        """A sentence about the answers that a person has still to read; empty where there are none."""
        waiting = [question for question in self.questions if question.unread]
        if not waiting:
            return ""
        told = (f"{q.id} ({points(q.max_points)}, {count(q.unread, 'student')})" for q in waiting)
        return f"To be marked by a person, and not in these scores yet: {listed(map(one_line, told))}."

    @property
    def max_score(self) -> float:
        """Points that there are."""
        return max((result.max_score for result in self.results), default=0.0)


@dataclass(frozen=True)
class Cause:
    """One sentence about submissions, and all of those that it is about: what is decided of it serves them all."""

    question: str
    """The question that it is about, or an empty text."""
    says: str
    students: tuple[str, ...]


def causes(told: Iterable[tuple[str, str, str]]) -> tuple[Cause, ...]:
    """Group (question, sentence, student) by equal sentences, the most frequent first."""
    found: dict[tuple[str, str], list[str]] = {}
    for question, says, student in told:
        found.setdefault((question, says), []).append(student)
    grouped = [Cause(question, says, tuple(dict.fromkeys(who))) for (question, says), who in found.items()]
    return tuple(sorted(grouped, key=lambda cause: -len(cause.students)))


def _is_final(result: Result) -> bool:
    return result.status == "graded" and not any(map(waits, result.questions))


def tally(results: Sequence[Result]) -> ClassTally:
    """Count what a class did.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    ordered = tuple(sorted(results, key=lambda result: (result.submission.casefold(), result.submission)))
    assignments = sorted({result.assignment for result in ordered})
    if len(assignments) > 1:
        raise ValueError(f"a report is about one assignment, but these results are of {', '.join(assignments)}")
    twice = [name for name, times in Counter(result.submission for result in ordered).items() if times > 1]
    if twice:
        raise ValueError(f"there are several results of the student {twice[0]!r}")
    answers: dict[str, list[tuple[str, Question]]] = {}
    for result in ordered:
        for question in result.questions:
            answers.setdefault(question.id, []).append((result.submission, question))
    return ClassTally(
        assignment="".join(assignments),
        results=ordered,
        questions=tuple(_question(name, [question for _, question in given]) for name, given in answers.items()),
        mistakes=tuple(mistake for name, given in answers.items() for mistake in _mistakes(name, given)),
    )


def _question(name: str, answers: list[Question]) -> QuestionTally:
    kinds = Counter(kind(answer) for answer in answers)
    shares = [a.points / a.max_points for a in answers if a.points is not None and a.max_points]
    return QuestionTally(
        id=name,
        max_points=max(answer.max_points for answer in answers),
        kinds=dict(kinds),
        mean_share=statistics.fmean(shares) if shares else None,
    )


def _mistakes(question: str, answers: list[tuple[str, Question]]) -> list[MistakeTally]:
    made: dict[str, list[str]] = {}
    cards: dict[str, Diagnosis] = {}
    for student, answer in answers:
        for diagnosis in {d.id: d for d in answer.diagnoses}.values():
            said = cards.setdefault(diagnosis.id, diagnosis)
            if len(diagnosis.says) < len(said.says):  # what is said of all of them is true of each
                cards[diagnosis.id] = diagnosis
            made.setdefault(diagnosis.id, []).append(student)
    found = [MistakeTally(question, cards[card], tuple(students)) for card, students in made.items()]
    return sorted(found, key=lambda mistake: (-len(mistake.students), mistake.diagnosis.id))
