"""One question, tried once: every claim is asked, and what came of it is a verdict with a known mistake's name."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from autograder.course import Assignment, Question
from autograder.jail import Step, Student, StudentError, StudentStopped
from autograder.judge import stops
from autograder.judge.answers import Answers, Recorder
from autograder.judge.check import Check, checks
from autograder.judge.comparison import Mismatch, Waits
from autograder.judge.diagnosis import diagnose
from autograder.judge.evidence import Evidence
from autograder.judge.inputs import current_seed
from autograder.judge.reference import reference
from autograder.judge.sentences import ASKED, capital, explain, in_turn, one_question
from autograder.judge.surroundings import missed
from autograder.notebook import Definitions
from autograder.result import Question as Verdict
from autograder.result import QuestionStatus
from autograder.result import Test as Claimed

log = logging.getLogger(__name__)

_TORCH_S_MEMORY = "DefaultCPUAllocator"
"""What takes memory for torch, and says so in a RuntimeError where there is none."""

NAMES = 8
"""Names of wrong values that are kept."""

_STOPPED = {
    "timeout": "was stopped because it took too long; it keeps the points of the claims that had passed",
    "killed": "ended its own program; it keeps the points of the claims that had passed",
}
_WANT = {"NameError", "ImportError", "ModuleNotFoundError", "AttributeError", "UnboundLocalError", "TypeError"}
"""How code ends that wants something of a module that isn't here; it may have put None in its place."""


@one_question()
def tried(
    assignment: Assignment,
    question: Question,
    student: Student,
    found: Definitions | None = None,
    absent: str | None = "",
) -> tuple[Verdict, Answers]:
    """Try every claim of a question on a student; no mistake has a name yet.

    A point comes only from a claim that passed. A claim that fails in the kit itself makes the whole question
    a `grader_error`: no points, and a person is asked. Code that has to be ended, ends its question.
    `absent` says what the answer rests on and this machine hasn't: where code fails for want of something, a person is
    asked then; nobody is, whatever it wants, where it is None.
    """
    claims = checks(assignment.tests, question.id)
    if unsound := _unsound(assignment, question, current_seed()):
        return _fault(question, unsound), {}
    attempt = _Attempt(assignment, question, found, Recorder(student))
    for claim in claims:
        try:
            attempt.ask(claim)
        except Exception:
            log.exception("%s, %s: the check itself failed", question.id, claim.id)
            return _fault(question, claim.id), {}
    return attempt.verdict(absent), attempt.recorder.answers


@dataclass
class _Attempt:
    """What has come of the claims so far."""

    assignment: Assignment
    question: Question
    found: Definitions | None
    recorder: Recorder
    tests: list[Claimed] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    """Claims whose answer was wrong by very little."""
    raised: list[StudentError] = field(default_factory=list)
    wrong: dict[str, None] = field(default_factory=dict)
    """The names of wrong values, in the order in which they were found."""
    stopped: StudentStopped | None = None

    def ask(self, claim: Check) -> None:
        """Try one claim; what isn't the student's doing is raised."""
        self.recorder.check = claim.id
        passed, was_tried, message = False, self.stopped is None, ""
        try:
            if self.stopped is None:
                claim.claim(self.recorder)
                passed = True
            else:
                message = "It was not tried after that."
        except Mismatch as mismatch:
            was_tried = not isinstance(mismatch, Waits)
            self.near += [claim.id] if mismatch.near else []
            self.wrong |= dict.fromkeys(mismatch.values)
            message = _sentence(str(mismatch))
        except StudentStopped as ended:
            message, self.stopped = explain(ended.fault), ended
        except StudentError as error:
            asked = (self.assignment, self.question)
            message = stops.told(error, self.recorder, asked, self.found, again=bool(self.raised))
            self.raised.append(error)
        claimed = Claimed(id=claim.id, says=claim.says, passed=passed, weight=claim.weight, message=message)
        self.tests.append(claimed if was_tried else claimed.model_copy(update={"tried": False}))

    def verdict(self, absent: str | None) -> Verdict:
        """What follows from all claims; a person's to give where code wants what isn't here."""
        question = self.question
        if asked := self._wanting(absent):
            return Verdict(id=question.id, status="manual", points=None, max_points=question.max_points, message=asked)
        said = in_turn(test.message for test in self.tests)
        tests = tuple(
            test.model_copy(update={"message": message}) for test, message in zip(self.tests, said, strict=True)
        )
        share = sum(test.weight for test in self.tests if test.passed) / sum(test.weight for test in self.tests)
        status = self._status()
        return Verdict(
            id=question.id,
            status=status,
            points=round(question.max_points * share, 4),
            max_points=question.max_points,
            message=stops.why(status, question, self.found, self.stopped),
            flags=tuple(self._to_look_at()),
            tests=tests,
            stop=self._stop(),
            wrong=tuple(self.wrong)[:NAMES],
        )

    def _stop(self) -> tuple[int, int] | None:
        """The cell and the line of the student's own at which the code stopped first."""
        fault = self.raised[0].fault if self.raised else None
        if fault is None or not fault.frames:
            return None
        own = fault if self.found is None else stops.in_own_code(fault, self.found)[0]
        return own.frames[-1][:2]

    def _wanting(self, absent: str | None) -> str:
        """Say what the code wants and this machine hasn't, "" if nothing."""
        if absent is None:
            return ""
        faults = [error.fault for error in self.raised]
        if absent and any(fault.missing is not None or fault.type_name in _WANT for fault in faults):
            return absent
        return "" if self.found is None else missed(faults, self.question, self.found)

    def _status(self) -> QuestionStatus:
        if self.stopped is not None:
            return self.stopped.status
        unwritten = any(stops.is_unwritten(error, self.question, self.found) for error in self.raised)
        return "no_answer" if unwritten and not any(test.passed for test in self.tests) else "graded"

    def _to_look_at(self) -> Iterator[str]:
        """What a person should look at."""
        name = self.question.id
        if self.near:
            yield f"{name}: an answer is wrong by so little that a person should look ({self.near[0]})."
        if self.stopped is not None:
            yield f"{name} {_STOPPED[self.stopped.status]}. A person should look at it."
        faults = [error.fault for error in self.raised]
        if any(fault.type_name == "MemoryError" or _TORCH_S_MEMORY in fault.message for fault in faults):
            yield f"{name} needed more memory than it is given here. A person should look at it."


def named(
    assignment: Assignment,
    question: Question,
    verdict: Verdict,
    found: Answers,
    sources: Sequence[Step] | None,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """Say which known mistake was made, where a question lost points by answers.

    Shapes:
        sources    the statements that the answer depends on; None if they aren't known
        elsewhere  function -> the mistake that its own question was found to have, "" for none
    """
    if verdict.status != "graded" or all(test.passed for test in verdict.tests):
        return verdict
    claims = checks(assignment.tests, question.id)
    diagnoses = diagnose(assignment, question.names, claims, found, elsewhere, Evidence(assignment, sources))
    return verdict.model_copy(update={"diagnoses": tuple(diagnoses)})


@functools.lru_cache(maxsize=1024)
def _unsound(assignment: Assignment, question: Question, _seed: str) -> str:
    """Name a claim that the reference doesn't pass: oracle and reference disagree, so nobody may be judged by it."""
    solution = reference(assignment)
    for claim in checks(assignment.tests, question.id):
        try:
            claim.claim(solution)
        except Exception:
            log.exception("%s, %s: the reference doesn't pass", question.id, claim.id)
            return claim.id
    return ""


def _fault(question: Question, claim: str) -> Verdict:
    return Verdict(
        id=question.id,
        status="grader_error",
        points=None,
        max_points=question.max_points,
        message=f"The grader could not judge this question ({claim}). {ASKED}",
    )


def _sentence(text: str) -> str:
    text = capital(text)
    return text if text.endswith(".") else f"{text}."
