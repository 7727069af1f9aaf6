"""nbgrader's gradebook and `autograded/` folder: the one place that writes them.

The rows are those that `nbgrader autograde` would write: automatic scores, comments on unanswered cells and late
penalties are set; manual scores, manual comments and extra credit are never touched.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import Assignment, Course
from autograder.errors import CannotGrade
from autograder.kernel import words
from autograder.notebook import Notebook
from autograder.release import tools_on_path
from autograder.result import Question, Result

UNANSWERED = "No response."
"""nbgrader's own comment on a cell that was handed in as it was released."""

ADDED = "# This cell was missing from the submission; it was put back to show the score.\n"


@dataclass(frozen=True)
class MasterCell:
    """A released cell as the gradebook keeps it, hidden tests included."""

    name: str
    kind: str
    source: str
    locked: bool
    checksum: str


class Book:
    """An open gradebook, at one assignment."""

    def __init__(self, course: Course, assignment: Assignment) -> None:
        from nbgrader import api
        from nbgrader.coursedir import CourseDirectory

        config = course.config
        config.CourseDirectory.root = str(course.root)
        self._folder = CourseDirectory(config=config)
        self.course, self.assignment, self._api = course, assignment, api
        with tools_on_path():
            self._book = api.Gradebook(self._folder.db_url, self._folder.course_id)
        self._db = self._book.db
        try:
            self._notebook = self._book.find_notebook(assignment.name, assignment.name)
        except api.MissingEntry:
            self.close()
            raise CannotGrade(
                f"The gradebook doesn't know the assignment {assignment.name}. "
                f"Release it first: autograder release {assignment.name}"
            ) from None
        self.master = {
            cell.name: MasterCell(cell.name, cell.cell_type, cell.source, bool(cell.locked), cell.checksum)
            for cell in self._notebook.source_cells
        }

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the database back."""
        self._book.close()

    def write(self, student: str, result: Result, found: Notebook | None, submitted: Path) -> None:
        """Write one student's autograded notebook, then their rows; all rows of a student appear at once.

        A submission that could not be read or judged keeps no automatic score: every question needs a person.
        """
        folder = self.course.root / "autograded" / student / self.assignment.name
        if found is not None:
            _write(
                folder / f"{self.assignment.name}.ipynb", _json(autograded(found, self.assignment, self.master, result))
            )
        timestamp = submitted / "timestamp.txt"
        if timestamp.is_file():
            _write(folder / "timestamp.txt", timestamp.read_text(encoding="utf-8", errors="replace"))
        self._rows(student, result, found, submitted)

    def has(self, student: str) -> bool:
        """Whether the gradebook holds a submission of this student."""
        return self._submission(student) is not None

    def _rows(self, student: str, result: Result, found: Notebook | None, submitted: Path) -> None:
        submission = self._submission(student) or self._new(student)
        if stamp := self._folder.get_existing_timestamp(str(submitted)):
            submission.timestamp = stamp
        notebook = next(part for part in submission.notebooks if part.notebook_id == self._notebook.id)
        verdicts = {question.id: question for question in result.questions}
        for grade in notebook.grades:
            verdict = verdicts.get(grade.name)
            grade.auto_score = self._score(verdict, found) if verdict else None
            grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        for comment in notebook.comments:
            untouched = found is not None and unanswered(found, self.master[comment.name])
            comment.auto_comment = UNANSWERED if untouched else None
        self._db.flush()
        self._penalty(student, submission, notebook)
        self._db.commit()

    def _score(self, verdict: Question, found: Notebook | None) -> float | None:
        """A question's automatic score; a written answer has none, but one left as released has 0, as in nbgrader."""
        if verdict.status == "manual" and found is not None and unanswered(found, self.master[verdict.id]):
            return 0.0
        return verdict.points

    def _submission(self, student: str) -> Any:
        rows = self._db.query(self._api.SubmittedAssignment)
        return rows.filter_by(assignment_id=self._notebook.assignment_id, student_id=student).one_or_none()

    def _new(self, student: str) -> Any:
        """Make a student's rows, as nbgrader's add_submission does, but without its warnings and commits."""
        if self._db.get(self._api.Student, student) is None:
            self._db.add(self._api.Student(id=student))
        submission = self._api.SubmittedAssignment(assignment_id=self._notebook.assignment_id, student_id=student)
        self._db.add(submission)
        self._db.flush()
        for master in submission.assignment.notebooks:
            notebook = self._api.SubmittedNotebook(notebook_id=master.id, assignment_id=submission.id)
            self._db.add(notebook)
            self._db.flush()
            graded = [*master.grade_cells, *master.task_cells]
            answered = [*master.solution_cells, *master.task_cells]
            self._db.add_all(self._api.Grade(cell_id=cell.id, notebook_id=notebook.id) for cell in graded)
            self._db.add_all(self._api.Comment(cell_id=cell.id, notebook_id=notebook.id) for cell in answered)
        self._db.flush()
        return submission

    def _penalty(self, student: str, submission: Any, notebook: Any) -> None:
        """Set the late penalty that the course's plug-in asks for, within 0 and the score."""
        from nbgrader.preprocessors import AssignLatePenalties

        notebook.late_submission_penalty = None
        if not submission.timestamp or submission.total_seconds_late <= 0:
            return
        rule = AssignLatePenalties(config=self.course.config)
        rule.init_plugin()
        self._db.refresh(notebook)
        penalty = rule.plugin_inst.late_submission_penalty(student, notebook.score, submission.total_seconds_late)
        if penalty is not None:
            notebook.late_submission_penalty = min(max(penalty, 0), notebook.score)


def unanswered(found: Notebook, master: MasterCell) -> bool:
    """Whether a cell was handed in just as it was released."""
    cell = found.cell_of(master.name)
    return cell is not None and cell.kind == master.kind and cell.source == master.source


def autograded(
    found: Notebook, assignment: Assignment, master: Mapping[str, MasterCell], result: Result
) -> dict[str, Any]:
    """A submission as nbgrader keeps it: locked cells restored, missing grade cells put back, verdicts as outputs."""
    content = copy.deepcopy(found.content)
    marks = {cell.grade_id: cell.nbgrader for cell in assignment.source.cells if cell.grade_id}
    last = {cell.grade_id: cell.index for cell in found.cells}
    cells = []
    for raw, cell in zip(content["cells"], found.cells, strict=True):
        metadata = raw.setdefault("metadata", {})
        known = cell.grade_id in master and last[cell.grade_id] == cell.index
        if not known:
            metadata.pop("nbgrader", None)
        raw = _restored(raw, master[cell.grade_id], marks[cell.grade_id]) if known else raw  # noqa: PLW2901
        if raw["cell_type"] == "code":
            raw["outputs"], raw["execution_count"] = [], None
        cells.append(raw)
    for name, missing in master.items():
        if name not in last and marks[name].get("grade"):
            prefix = ADDED if missing.kind == "code" else ""
            raw = {"cell_type": missing.kind, "id": f"added-{name}"[:64], "metadata": {}}
            cells.append(_restored(raw, missing, marks[name]) | {"source": prefix + missing.source})
    verdicts = {question.id: question for question in result.questions}
    for raw in cells:
        name = raw["metadata"].get("nbgrader", {}).get("grade_id")
        if raw["cell_type"] == "code" and name in verdicts:
            raw["outputs"], raw["execution_count"] = _outputs(verdicts[name]), 1
    return {**content, "cells": cells}


def _restored(raw: dict[str, Any], master: MasterCell, marks: Mapping[str, Any]) -> dict[str, Any]:
    raw = {**raw, "metadata": {**raw["metadata"], "nbgrader": {**marks, "checksum": master.checksum}}}
    if master.locked or raw["cell_type"] != master.kind:
        raw["cell_type"] = master.kind
    if master.locked:
        raw["source"] = master.source
    if master.kind == "code":
        raw |= {"outputs": [], "execution_count": None}
    else:
        raw.pop("outputs", None)
        raw.pop("execution_count", None)
    return raw


def _outputs(verdict: Question) -> list[dict[str, Any]]:
    """A verdict as a cell's outputs: its words, and its points as the value that nbgrader reads."""
    if verdict.points is None:
        return [{"output_type": "error", "ename": "CannotJudge", "evalue": verdict.message, "traceback": []}]
    text = {"output_type": "stream", "name": "stdout", "text": words(verdict) + "\n"}
    value = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    return [text, {**value, "data": {"text/plain": repr(verdict.points)}}]


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, read-only as nbgrader leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", errors="replace")
    draft.chmod(0o444)
    draft.replace(path)
