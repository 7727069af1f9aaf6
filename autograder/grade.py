"""One notebook, judged: each question's claims are tried on it, and a record is made."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from autograder import by_hand, notebook, retrial
from autograder import check as hidden
from autograder.compare import Mismatch, explain
from autograder.course import Assignment, BackpropKit, Question
from autograder.diagnose import Recorder, diagnose
from autograder.inputs import current_seed, digest, seeded
from autograder.jail.session import Step
from autograder.notebook import Notebook, Statement, UnreadableNotebook
from autograder.reference import reference, solutions_of
from autograder.result import Question as Verdict
from autograder.result import QuestionStatus, Result
from autograder.result import Test as Claimed
from autograder.student import Opener, Output, Reader, Student, StudentError, StudentStopped, trusting
from autograder.submission import Submission

log = logging.getLogger(__name__)

_OTHERWISE = "This fails once right functions stand in the place of wrong ones."


@dataclass(frozen=True)
class Grading:
    """What grading a notebook gave: the record, and what the notebook's own cells printed and drew."""

    result: Result
    notebook: Notebook | None = None
    """None if the file could not be read."""
    outputs: Mapping[int, list[Output]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grader:
    """Grades notebooks of one assignment, one after another, with the same hidden inputs."""

    assignment: Assignment
    seed: str
    opener: Opener = trusting
    """Makes a student for each notebook."""
    settings: BackpropKit = field(default_factory=BackpropKit)
    """The course's: whether everything is run, follow-through credit, and what by hand means."""

    def grade_file(self, path: Path, submission: str | None = None) -> Grading:
        """Grade a notebook file; a file that can't be read gives a record too.

        Raises:
            UsageError: if there is no such file.
        """
        name = submission or str(path)
        try:
            return self.grade(notebook.read(path), name)
        except UnreadableNotebook as error:
            return self.unreadable(name, str(error))

    def grade(self, found: Notebook, name: str) -> Grading:
        """Grade a notebook."""
        started = time.perf_counter()
        submission = Submission(found, self.assignment, self.opener, self.settings.run_all)
        if not submission.belongs():
            wanted = ", ".join(self.assignment.names)
            return self._unjudged(
                "not_this_assignment",
                name,
                f"This notebook defines none of {wanted}, and has fewer than half of the cells that "
                f"{self.assignment.name} asks for. If it answers another assignment, hand it in there.",
                found,
            )
        self.opener.learn(hidden.flows_text(self.assignment.name))
        try:
            submission.read()
            outputs, flags = submission.outputs(), submission.flags()  # what is told later may tell hidden inputs
            with seeded(self.seed):
                verdicts = tuple(self._verdicts(submission))
        finally:
            submission.close()
        result = Result(
            assignment=self.assignment.name,
            submission=name,
            score=round(sum(verdict.points or 0.0 for verdict in verdicts), 6),
            max_score=self.assignment.max_score,
            status="grader_error" if any(v.status == "grader_error" for v in verdicts) else "graded",
            jail=self.opener.level,
            seed=digest(self.seed),
            seconds=round(time.perf_counter() - started, 4),
            flags=(*flags, *(flag for verdict in verdicts for flag in verdict.flags)),
            questions=verdicts,
        )
        return Grading(result, found, outputs)

    def unreadable(self, name: str, message: str) -> Grading:
        """The record of a submission that can't be read."""
        return self._unjudged("unreadable", name, message)

    def failed(self, name: str, message: str) -> Grading:
        """The record of a submission that the kit itself failed on."""
        return self._unjudged("grader_error", name, message)

    def _verdicts(self, submission: Submission) -> Iterator[Verdict]:
        before: list[Verdict] = []
        for question in self.assignment.questions:
            if question.manual:
                yield Verdict(id=question.id, status="manual", points=None, max_points=question.max_points)
                continue
            trial = Trial(self.assignment, question, before, submission.notebook, submission.sources(question))
            verdict = trial.judge(submission.student(question), self.settings)
            if verdict.status == "no_answer" and submission.complete(question):
                trial = replace(trial, sources=submission.sources(question))
                verdict = trial.judge(submission.student(question), self.settings)
            before.append(verdict)
            yield verdict.model_copy(update={"definition": submission.chosen(question)})

    def _unjudged(self, status: str, name: str, message: str, found: Notebook | None = None) -> Grading:
        record = {
            "assignment": self.assignment.name,
            "submission": name,
            "score": 0.0,
            "max_score": self.assignment.max_score,
            "status": status,
            "message": message,
            "jail": self.opener.level,
            "seed": digest(self.seed),
        }
        return Grading(Result.model_validate(record), found)


def judge(
    assignment: Assignment,
    question: Question,
    student: Student,
    found: Notebook | None = None,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
    name_mistakes: bool = True,
) -> Verdict:
    """Try every claim of a question on a student, and say which known mistake was made.

    A point comes only from a claim that passed. A claim that fails in the kit itself makes the whole question
    a `grader_error`: no points, and a person is asked. Code that has to be ended, ends its question.

    Shapes:
        elsewhere  function -> the mistake that its own question was found to have, "" for none
    """
    claims = hidden.checks(assignment.name, question.id)
    if unsound := _unsound(assignment, question, current_seed()):
        return _fault(question, unsound)
    recorder = Recorder(student)
    tests: list[Claimed] = []
    unwritten, near = 0, list[str]()
    stopped: StudentStopped | None = None
    for claim in claims:
        recorder.check = claim.id
        passed, message = False, ""
        try:
            if stopped is None:
                claim.claim(recorder)
                passed = True
            else:
                message = "It was not tried any more."
        except Mismatch as mismatch:
            near += [claim.id] if mismatch.near else []
            message = _sentence(f"{question.id}: {mismatch}")
        except StudentStopped as ended:
            message, stopped = explain(ended.fault), ended
        except StudentError as error:
            message = _explained(error, recorder, found, assignment.names)
            unwritten += _unwritten(error, question, found)
        except Exception:
            log.exception("%s, %s: the check itself failed", question.id, claim.id)
            return _fault(question, claim.id)
        tests.append(Claimed(id=claim.id, says=claim.says, passed=passed, weight=claim.weight, message=message))
    share = sum(test.weight for test in tests if test.passed) / sum(test.weight for test in tests)
    status: QuestionStatus = "graded"
    if stopped is not None:
        status = stopped.status
    elif unwritten and not any(test.passed for test in tests):
        status = "no_answer"
    diagnoses = (
        diagnose(assignment, question.names, claims, recorder.answers, elsewhere)
        if name_mistakes and status == "graded" and share < 1
        else []
    )
    return Verdict(
        id=question.id,
        status=status,
        points=round(question.max_points * share, 4),
        max_points=question.max_points,
        message=_said(status, question, found),
        flags=(f"{question.id}: an answer is wrong by so little that a person should look ({near[0]}).",)
        if near
        else (),
        tests=tuple(tests),
        diagnoses=tuple(diagnoses),
    )


@dataclass(frozen=True)
class Helped:
    """The statements that follow-through puts in place of others; none where it doesn't help."""

    given: Sequence[Step] = ()
    without: Collection[Step] = ()


@dataclass(frozen=True)
class Trial:
    """One question of one notebook: judged, and judged again where another function's mistake or autograd is in it."""

    assignment: Assignment
    question: Question
    before: Sequence[Verdict]
    """The verdicts on the questions before this one."""
    notebook: Notebook | None = None
    sources: Sequence[str] | None = None
    """The statements that the answer depends on; None if they can't be known."""

    def judge(self, student: Reader, settings: BackpropKit) -> Verdict:
        """Judge the question as the course's settings ask."""
        verdict, helped = self._judged(student, self._mistakes), Helped()
        if settings.follow_through:
            verdict, helped = self._followed(verdict, student)
        return verdict if settings.by_hand == "ignore" else self._by_hand(verdict, student, helped, settings.by_hand)

    @property
    def _mistakes(self) -> dict[str, str]:
        """Which mistake each function before was found to have, "" for none."""
        return {
            name: verdict.diagnoses[0].id if verdict.diagnoses else ""
            for verdict in self.before
            for name in self._names(verdict)
        }

    def _names(self, verdict: Verdict) -> tuple[str, ...]:
        return next(question.names for question in self.assignment.questions if question.id == verdict.id)

    def _judged(self, student: Student, elsewhere: Mapping[str, str]) -> Verdict:
        return judge(self.assignment, self.question, student, self.notebook, elsewhere)

    def _followed(self, verdict: Verdict, student: Reader) -> tuple[Verdict, Helped]:
        """Judge again with right functions in place of those that have cost points before: one mistake costs once.

        Returns the better verdict, and the help that it was reached with.
        """
        if verdict.status not in {"graded", "timeout", "killed"} or verdict.points == verdict.max_points:
            return verdict, Helped()
        lost = [v for v in self.before if v.points is not None and v.points < v.max_points]
        wrong = [name for v in lost for name in self._names(v) if self._uses(name)]
        given = retrial.helpers(self.assignment, wrong)
        if not given:
            return verdict, Helped()
        written = (statement for name in wrong if self.notebook for statement in self.notebook.definitions(name))
        own = frozenset(statement.step for statement in written)
        with student.given(given, without=own) as other:
            again = self._judged(other, self._mistakes | dict.fromkeys(wrong, ""))
        gained = (again.points or 0.0) - (verdict.points or 0.0)
        if gained < 0 or not (gained or again.diagnoses):
            return verdict, Helped()
        # Beside the reference's source nothing may be said that the code could choose: not a line, a size, nor a sign.
        said = {test.id: test.message or _OTHERWISE for test in verdict.tests}
        tests = tuple(t if t.passed else t.model_copy(update={"message": said[t.id]}) for t in again.tests)
        # without a gain it only names the question's own mistake
        return again.model_copy(update={"follow_through": gained > 0, "tests": tests}), Helped(given, own)

    def _uses(self, name: str) -> bool:
        """Whether what drives the answer has a name in it, or both the answer and the reference's rest on it.

        A right loss is of no use to a right dloss: whoever takes the slope of it would be given the answer.
        """
        if name in hidden.driven(self.assignment.name, self.question.id):
            return True
        rests = {s.defines for own in self.question.names for s in solutions_of(self.assignment, own)}
        if name not in rests:
            return False
        if self.notebook is None or self.sources is None:
            return True
        return any(re.search(rf"\b{name}\b", text) for text in self.sources)

    def _by_hand(self, verdict: Verdict, student: Reader, helped: Helped, policy: str) -> Verdict:
        """Say where a derivative was not written by hand; under the policy `require` it costs the points, too."""
        if not verdict.points or not _is_by_hand(self.assignment, self.question, current_seed()):
            return verdict
        names = " and ".join(self.question.names)
        if self.sources is not None and (why := by_hand.unreadable(self.sources, self.assignment.names)):
            leans, kept = f"{names} can't be read, and is asked for by hand: {why}", 0.0
        elif self.sources is not None and by_hand.differences(self.sources, self.assignment.names):
            leans, kept = f"{names} takes differences of function values where a derivative is asked for", 0.0
        elif self.sources is not None and by_hand.reaches_inside(self.sources):
            leans, kept = f"{names} reaches into torch's inner parts, and is asked for by hand", 0.0
        elif policy == "require" or self.sources is None or by_hand.may_lean(self.sources):
            first = [*retrial.AUTOGRAD_OFF, *helped.given]
            with student.given(first, retrial.AUTOGRAD_ON, helped.without) as other:
                again = judge(self.assignment, self.question, other, self.notebook, name_mistakes=False)
            if again.points is not None and again.points >= verdict.points:
                return verdict
            leans = f"{names} leans on torch's autograd, and is asked for by hand"
            kept = verdict.points if again.points is None else again.points  # None: the kit's own fault
        else:
            return verdict
        told = f"{leans}. A person should look at it."
        points = kept if policy == "require" else verdict.points
        return verdict.model_copy(update={"flags": (*verdict.flags, told), "points": points})


def judge_all(assignment: Assignment, student: Reader, settings: BackpropKit | None = None) -> list[Verdict]:
    """Judge one student on every question that is not graded by a person."""
    verdicts: list[Verdict] = []
    for question in assignment.questions:
        if not question.manual:
            trial = Trial(assignment, question, tuple(verdicts), sources=())
            verdicts.append(trial.judge(student, settings or BackpropKit()))
    return verdicts


@functools.lru_cache(maxsize=1024)
def _is_by_hand(assignment: Assignment, question: Question, _seed: str) -> bool:
    """Whether the reference of a question does without autograd: then everybody can."""
    solution = reference(assignment)
    with solution.given(retrial.AUTOGRAD_OFF, retrial.AUTOGRAD_ON) as other:
        return judge(assignment, question, other, name_mistakes=False).points == question.max_points


@functools.lru_cache(maxsize=1024)
def _unsound(assignment: Assignment, question: Question, _seed: str) -> str:
    """Name a claim that the reference doesn't pass: oracle and reference disagree, so nobody may be judged by it."""
    solution = reference(assignment)
    for claim in hidden.checks(assignment.name, question.id):
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
        message=f"The grader could not judge this question ({claim}). A person will look at it; nothing is lost.",
    )


def _unwritten(error: StudentError, question: Question, found: Notebook | None) -> bool:
    """Whether an error means that the question's own names aren't written, not others that they call or inherit."""
    fault = error.fault
    if fault.missing is not None:
        return fault.missing in question.names and _written(fault.missing, found) is None
    if fault.type_name != "NotImplementedError":
        return False
    if not fault.frames or fault.frames[-1][2].split(".")[0] in question.names:
        return True
    return found is not None and all(_written(name, found) is None for name in question.names)


def _written(name: str, found: Notebook | None) -> Statement | None:
    """The definition of a name, if there is one and it is no stub."""
    definition = found.definition(name) if found is not None else None
    return definition if definition is not None and not definition.stub else None


def _explained(error: StudentError, recorder: Recorder, found: Notebook | None, asked: tuple[str, ...]) -> str:
    if found is None:
        return explain(error.fault, asked, recorder.sizes)
    missing = error.fault.missing
    if missing in asked and (definition := _written(missing, found)) is not None:
        return f"{missing} is defined in cell {definition.cell + 1}, but that statement could not be run."
    return explain(error.fault, found.words.union(asked), recorder.sizes, found.place)


def _said(status: QuestionStatus, question: Question, found: Notebook | None) -> str:
    """Say why a question has no answer: it isn't written, is no Python, or had to be ended."""
    names = " and ".join(question.names)
    if status == "timeout":
        return f"{names} took too long and was stopped. Is there a loop that doesn't end?"
    if status == "killed":
        return (
            f"{names} ended the whole program instead of giving an answer, so the rest of this question was not tried."
        )
    if status != "no_answer":
        return ""
    for name in question.names if found else ():
        assert found is not None
        if fault := found.broken_definition(name):
            defines = f"Cell {fault.cell + 1}, which defines {name},"
            if not fault.line:
                return f"{defines} can't be read: {fault.message}. Then it can be graded."
            return (
                f"{defines} is not valid Python: "
                f"line {fault.line}, {fault.message}. Mend that line, and the cell can be graded."
            )
    return f"{names} is not written yet."


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
