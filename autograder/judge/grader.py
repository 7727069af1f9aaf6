"""One notebook, judged: each question's claims are tried on it, and a record is made."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder import notebook
from autograder.course import Assignment, BackpropKit, flows_text
from autograder.jail import Opener, Output, trusting
from autograder.judge.inputs import digest, seeded
from autograder.judge.submission import Submission
from autograder.judge.trial import Trial
from autograder.notebook import Notebook, UnreadableNotebook
from autograder.result import Question as Verdict
from autograder.result import Result

log = logging.getLogger(__name__)


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
        self.opener.learn(flows_text(self.assignment.name))
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
            mended=submission.mended(),
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
