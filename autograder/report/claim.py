"""Whether a question is too hard or unfair: how many pass each of its claims, and what fails that nobody can name."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.report.tally import Cause, ClassTally, QuestionTally, causes
from autograder.result import Question, Result, number, points
from autograder.shown import Excerpt

FEWEST = 30
"""Students from whom on a correlation is told: of fewer, it is chance."""

WEAK, NONE = 0.3, 0.1
"""Correlations below which a question sets the class apart weakly, or not at all."""


@dataclass(frozen=True)
class ClaimTally:
    """How a class did on one claim."""

    says: str
    worth: str
    """As `1 of 4 points`."""
    passed: int
    tried: int

    @property
    def share(self) -> float | None:
        """How many of those who were tried passed; None where nobody was."""
        return self.passed / self.tried if self.tried else None


@dataclass(frozen=True)
class Answer:
    """An answer that failed and equals no known mistake, and all who gave it."""

    code: Excerpt
    says: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class Hardness:
    """One question: its claims, its answers that failed unexplained, and whether it tells strong from weak."""

    question: QuestionTally
    answered: int
    claims: tuple[ClaimTally, ...]
    """Those that most fail first."""
    unexplained: tuple[Cause, ...]
    """What is said of answers that failed and equal no known mistake."""
    answers: tuple[Answer, ...]
    """Those answers themselves, where their code is known; equal ones once, those of most students first."""
    discrimination: float | None
    """How a student's share of it goes with the share of all the rest: from -1 to 1; None of fewer than `FEWEST`."""

    @property
    def tells(self) -> str:
        """A sentence about the discrimination; empty where there is none."""
        if self.discrimination is None:
            return ""
        said = f"Discrimination {self.discrimination:.2f}: "
        if self.discrimination < NONE:
            return f"{said}students who do well elsewhere do no better here. Check that it asks what it should."
        if self.discrimination < WEAK:
            return said + "students who do well elsewhere do a little better here."
        return said + "students who do well elsewhere do well here."


def hardness(found: ClassTally) -> tuple[Hardness, ...]:
    """Look at each question that the grader judges, the hardest first."""
    judged = [q for q in found.questions if q.mean_share is not None and not q.unread]
    made = []
    for question in judged:
        given = [(r.submission, q) for r in found.results for q in r.questions if q.id == question.id]
        tried = [answer for _, answer in given if answer.status != "no_answer" and answer.tests]
        made.append(
            Hardness(
                question,
                len([answer for _, answer in given if answer.status != "no_answer"]),
                _claims(tried),
                causes(("", _failure(answer), student) for student, answer in given if _is_unexplained(answer)),
                _answers(given),
                _discrimination(found.graded, question.id),
            )
        )
    return tuple(sorted(made, key=lambda one: one.question.mean_share or 0.0))


def _claims(answers: Sequence[Question]) -> tuple[ClaimTally, ...]:
    held: dict[tuple[str, str], list[bool]] = {}
    worth: dict[tuple[str, str], str] = {}
    for answer in answers:
        whole = sum(test.weight for test in answer.tests) or 1.0
        for test in answer.tests:
            key = test.id, test.says
            worth.setdefault(key, f"{number(answer.max_points * test.weight / whole)} of {points(answer.max_points)}")
            held.setdefault(key, []).extend([test.passed] if test.tried or test.passed else [])
    found = [ClaimTally(key[1], worth[key], sum(passed), len(passed)) for key, passed in held.items()]
    return tuple(sorted(found, key=lambda claim: 2.0 if claim.share is None else claim.share))


def _answers(given: Sequence[tuple[str, Question]]) -> tuple[Answer, ...]:
    found: dict[tuple[str, ...], list[tuple[str, Question]]] = {}
    for student, answer in given:
        if answer.code is not None and _is_unexplained(answer):
            found.setdefault(_gist(answer.code), []).append((student, answer))
    made = [
        Answer(answers[0][1].code, _failure(answers[0][1]), tuple(student for student, _ in answers))
        for answers in found.values()
        if answers[0][1].code is not None
    ]
    return tuple(sorted(made, key=lambda answer: -len(answer.students)))


def _gist(code: Excerpt) -> tuple[str, ...]:
    """What two answers have in common that differ in empty lines and in comments of their own lines alone."""
    lines = (line.rstrip() for line in code.lines)
    return tuple(line for line in lines if line and not line.lstrip().startswith("#"))


def _is_unexplained(answer: Question) -> bool:
    """Whether an answer was judged, has lost points, and equals no known mistake."""
    judged = answer.status in {"graded", "timeout", "killed"} and answer.points is not None
    failed = any(not test.passed for test in answer.tests) or answer.status in {"timeout", "killed"}
    return judged and failed and (answer.points or 0.0) < answer.max_points - 1e-9 and not answer.diagnoses


def _failure(answer: Question) -> str:
    """The first sentence that says why an answer failed."""
    if answer.message:
        return answer.message
    failed = [test for test in answer.tests if not test.passed and test.tried]
    told = next((test.message for test in failed if test.message), "")
    if told:
        return told
    return f"fails: {failed[0].says}" if failed else "It did not finish."


def _discrimination(results: Sequence[Result], name: str) -> float | None:
    here, elsewhere = [], []
    for result in results:
        marked = [q for q in result.questions if q.points is not None and q.max_points]
        rest = [q for q in marked if q.id != name]
        own = next((q for q in marked if q.id == name), None)
        if own is not None and rest:
            here.append((own.points or 0.0) / own.max_points)
            elsewhere.append(sum(q.points or 0.0 for q in rest) / sum(q.max_points for q in rest))
    if len(here) < FEWEST or len({*here}) < 2 or len({*elsewhere}) < 2:
        return None
    return statistics.correlation(here, elsewhere)
