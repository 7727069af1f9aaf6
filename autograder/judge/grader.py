"""One notebook, judged: each question's claims are tried on it, and a record is made."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from autograder import notebook
from autograder.budget import Budget, Spent, reading
from autograder.course import Assignment, BackpropKit, Question
from autograder.jail import Opener, Output, trusting
from autograder.judge.attempt import tried
from autograder.judge.example import example
from autograder.judge.excerpt import excerpt
from autograder.judge.hindrance import hindrance
from autograder.judge.inputs import digest, seeded
from autograder.judge.sentences import ASKED
from autograder.judge.submission import Submission
from autograder.judge.trial import Trial
from autograder.notebook import Notebook, UnreadableNotebook
from autograder.result import Question as Verdict
from autograder.result import Result, Sighting

log = logging.getLogger(__name__)

_PERHAPS = "The notebook defines only one of this lesson's names, and other notebooks use that name, too."


@dataclass(frozen=True)
class Grading:
    """What grading a notebook gave: the record, and what the notebook's own cells printed and drew."""

    result: Result
    notebook: Notebook | None = None
    """None if the file could not be read."""
    outputs: Mapping[int, list[Output]] = field(default_factory=dict)


@dataclass
class _Judged:
    """What is known of a notebook, so far."""

    notebook: Notebook
    submission: Submission | None = None
    foreign: str = ""
    """Why it is not this assignment."""
    stopped: str = ""
    """Why judging it was stopped."""
    outputs: Mapping[int, list[Output]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    seen: tuple[Sighting, ...] = ()
    mended: tuple[str, ...] = ()
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True)
class Grader:
    """Grades notebooks of one assignment, one after another, with the same hidden inputs."""

    assignment: Assignment
    seed: str
    opener: Opener = trusting
    """Makes a student for each notebook."""
    settings: BackpropKit = field(default_factory=BackpropKit)
    """The course's: whether everything is run, follow-through credit, and what by hand means."""

    def grade_file(
        self, path: Path, submission: str | None = None, beside: Sequence[Path] = (), budget: Budget | None = None
    ) -> Grading:
        """Grade a notebook file; a file that can't be read gives a record too.

        Where it has no answer, and one of those that lie `beside` it has, a person is asked which one is meant.

        Raises:
            UsageError: if there is no such file.
        """
        return self.grade_read(
            lambda: (notebook.read(path), dict(_read(beside))), submission or str(path), path, budget
        )

    def grade_read(
        self,
        read: Callable[[], tuple[Notebook, Mapping[str, Notebook]]],
        name: str,
        path: Path | str,
        budget: Budget | None = None,
    ) -> Grading:
        """Grade what is read here, under limits: a notebook, and those beside it by their names; `path` is told."""
        budget = budget or Budget(self.settings.submission_s)
        try:
            with budget.striking(), reading():
                found, others = read()
        except UnreadableNotebook as error:
            return self.unreadable(name, str(error))
        except Spent as spent:
            return self.unreadable(name, f"{spent} {path} was not judged; a person has to look at it.")
        return self.grade(found, name, others, budget)

    def grade(
        self,
        found: Notebook,
        name: str,
        beside: Mapping[str, Notebook] = MappingProxyType({}),
        budget: Budget | None = None,
    ) -> Grading:
        """Grade a notebook; `beside` it lie others, by their names, that may hold what is missing in it.

        Where the budget is spent, what was judged stands, and the rest waits.
        """
        budget = budget or Budget(self.settings.submission_s)
        started = time.perf_counter()
        judged = _Judged(found)
        try:
            with budget.striking():
                self._judge(judged, beside, budget)
            with contextlib.suppress(Spent), budget.striking():  # what it shows costs nobody a verdict
                self._show(judged)
        except Spent as spent:
            judged.stopped = str(spent)
        finally:
            if judged.submission is not None:
                judged.submission.close()
        if judged.foreign:
            return self._unjudged("not_this_assignment", name, judged.foreign, found)
        if judged.stopped:
            self._wait(judged)
        verdicts = tuple(judged.verdicts)
        result = Result(
            assignment=self.assignment.name,
            submission=name,
            score=round(sum(verdict.points or 0.0 for verdict in verdicts), 6),
            max_score=self.assignment.max_score,
            status="grader_error" if any(v.status == "grader_error" for v in verdicts) else "graded",
            jail=self.opener.level,
            seed=digest(self.seed),
            source=self.assignment.places[0],
            hidden_tests=self.assignment.places[1],
            seconds=round(time.perf_counter() - started, 4),
            flags=(*judged.flags, *(flag for verdict in verdicts for flag in verdict.flags)),
            seen=judged.seen,
            mended=judged.mended,
            questions=verdicts,
        )
        return Grading(result, judged.notebook, judged.outputs)

    def _judge(self, judged: _Judged, beside: Mapping[str, Notebook], budget: Budget) -> None:
        """Judge a notebook question by question; `judged` holds what is done, whenever this is stopped."""
        with reading():
            submission = Submission(judged.notebook, self.assignment, self.opener, self.settings.run_all, budget)
            belongs = submission.belongs()
        judged.submission, judged.notebook = submission, submission.notebook
        judged.seen = submission.seen()
        if belongs == "no":
            wanted = ", ".join(self.assignment.names)
            judged.foreign = (
                f"This notebook defines none of {wanted}, and has fewer than half of the cells that "
                f"{self.assignment.name} asks for. If it answers another assignment, hand it in there."
            )
            return
        with budget.held():
            self.opener.learn(self.assignment.tests.flows)
        submission.read()
        judged.outputs, judged.flags = submission.outputs(), submission.flags()  # later ones may tell hidden inputs
        judged.mended = submission.mended()
        with seeded(self.seed):
            for verdict in self._verdicts(submission, beside) if belongs == "yes" else self._unsure():
                judged.verdicts.append(verdict)
        judged.mended = submission.mended()  # a name that was missing may have had the whole notebook run

    def _show(self, judged: _Judged) -> None:
        """Put beside each answer that lost points its own code, and a wrong value on a public example."""
        for at, (question, verdict) in enumerate(zip(self.assignment.questions, judged.verdicts, strict=False)):
            if judged.submission is None or verdict.points is None or verdict.points >= verdict.max_points:
                continue
            code = excerpt(self.assignment, question, verdict, judged.submission)
            judged.verdicts[at] = verdict.model_copy(update={"code": code})
            if verdict.status == "graded" and not verdict.follow_through:
                with seeded(self.seed):
                    shown = example(self.assignment, question, verdict, judged.submission.student(question))
                judged.verdicts[at] = verdict.model_copy(update={"code": code, "example": shown})

    def _wait(self, judged: _Judged) -> None:
        """Let the questions that were not judged in time wait for a person."""
        for question in self.assignment.questions[len(judged.verdicts) :]:
            told = "" if question.manual else f"{judged.stopped} This question was not judged; a person has to look."
            judged.verdicts.append(_manual(question, told))
        judged.flags = (*judged.flags, f"{judged.stopped} What was not judged by then waits for a person.")

    def unreadable(self, name: str, message: str) -> Grading:
        """The record of a submission that can't be read."""
        return self._unjudged("unreadable", name, message)

    def failed(self, name: str, message: str) -> Grading:
        """The record of a submission that the kit itself failed on."""
        return self._unjudged("grader_error", name, message)

    def _verdicts(self, submission: Submission, beside: Mapping[str, Notebook]) -> Iterator[Verdict]:
        before: list[Verdict] = []
        for question in self.assignment.questions:
            if question.manual:
                yield _unwritten(question) if submission.unwritten(question) else _manual(question)
                continue
            trial = Trial(
                self.assignment,
                question,
                before,
                submission.definitions,
                submission.sources(question),
                submission.absent(question),
            )
            verdict = trial.judge(submission.student(question), self.settings)
            if verdict.status == "no_answer" and submission.complete(question):
                trial = replace(trial, sources=submission.sources(question), absent=submission.absent(question))
                verdict = trial.judge(submission.student(question), self.settings)
            before.append(verdict)
            yield self._fair(verdict, question, submission, beside).model_copy(
                update={"definition": submission.chosen(question)}
            )

    def _unsure(self) -> Iterator[Verdict]:
        """No verdicts: a person has to say first whether the notebook is an attempt."""
        for q in self.assignment.questions:
            yield _manual(q, "" if q.manual else f"{_PERHAPS} {ASKED}")

    def _fair(
        self, verdict: Verdict, question: Question, submission: Submission, beside: Mapping[str, Notebook]
    ) -> Verdict:
        """A verdict that takes no points for what is no mistake: there a person is asked."""
        if verdict.points is None or verdict.points == verdict.max_points:
            return verdict
        if verdict.status == "no_answer":
            for name, other in beside.items():
                if any(not s.stub for asked in question.names for s in notebook.Definitions(other).of(asked)):
                    this = Path(submission.notebook.path).name
                    told = f"{this} has no answer to this question, but {name} beside it has one. Which one is meant?"
                    return _waiting(verdict, f"{told} {ASKED}")
        if reason := hindrance(submission, self.assignment, question):
            return _waiting(verdict, reason)
        if verdict.status == "graded":
            return self._compared(verdict, question, submission)
        return verdict

    def _compared(self, verdict: Verdict, question: Question, submission: Submission) -> Verdict:
        """Flag an answer that another definition of the student's own would do better than the one that counts."""
        update: dict[str, object] = {}
        for name, student in submission.others(question):
            again, _ = tried(self.assignment, question, student, submission.definitions)
            if (again.points or 0.0) > (verdict.points or 0.0):
                told = f"{question.id}: it would earn more points with a definition of {name} other than the last one."
                update["flags"] = (*verdict.flags, f"{told} A person should look at it.")
                break
        if shadows := submission.shadows(question):
            update["message"] = shadows
        return verdict.model_copy(update=update)

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
            "source": self.assignment.places[0],
            "hidden_tests": self.assignment.places[1],
        }
        return Grading(Result.model_validate(record), found)


def _manual(question: Question, message: str = "") -> Verdict:
    """A question that waits for a person."""
    return Verdict(id=question.id, status="manual", points=None, max_points=question.max_points, message=message)


def _unwritten(question: Question) -> Verdict:
    """A written answer that was not written: there is nothing that a person could read."""
    told = f"{question.id} is not written yet."
    return Verdict(id=question.id, status="no_answer", points=0.0, max_points=question.max_points, message=told)


def _read(paths: Iterable[Path]) -> Iterator[tuple[str, Notebook]]:
    for path in paths:
        with contextlib.suppress(UnreadableNotebook):
            yield path.name, notebook.read(path)


def _waiting(verdict: Verdict, message: str) -> Verdict:
    """A verdict that a person gives; what was tried stands beside it, if there was something to be tried."""
    update = {"status": "manual", "points": None, "message": message, "diagnoses": (), "follow_through": False}
    return verdict.model_copy(update=update | ({"tests": ()} if verdict.status == "no_answer" else {}))
