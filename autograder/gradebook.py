"""nbgrader's gradebook and `autograded/` folder: the one place that writes them.

The rows are those that `nbgrader autograde` would write: automatic scores, comments on unanswered cells and late
penalties are set; manual scores, manual comments and extra credit are never touched.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from autograder.course import Assignment, Course
from autograder.errors import CannotGrade
from autograder.grade import Grading
from autograder.notebook import Notebook
from autograder.release import tools_on_path
from autograder.result import Question, Result

UNANSWERED = "No response."
"""nbgrader's own comment on a cell that was handed in as it was released."""

LOCKED_S = 60.0
"""Seconds that another program may keep the gradebook locked before the run gives up."""

ADDED = "# This cell was missing from the submission; it was put back to show the score.\n"


@dataclass(frozen=True)
class MasterCell:
    """A released cell as the gradebook keeps it, hidden tests included."""

    name: str
    kind: str
    source: str
    locked: bool
    checksum: str


@dataclass(frozen=True)
class Page:
    """What is written for one student: their record, their autograded notebook, and which cells they left alone."""

    result: Result
    content: str | None
    untouched: frozenset[str]


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

    def write(self, pages: Mapping[str, tuple[Page, Path]]) -> None:
        """Write some students' autograded notebooks, then their rows, all in one transaction.

        Shapes:
            pages  student -> what is written, and the folder that was submitted

        Raises:
            CannotGrade: if another program keeps the gradebook locked; none of these pages' rows is in it then.
        """
        for student, (made, submitted) in pages.items():
            folder = self.course.root / "autograded" / student / self.assignment.name
            if made.content is not None:
                _write(folder / f"{self.assignment.name}.ipynb", made.content)
            timestamp = submitted / "timestamp.txt"
            if timestamp.is_file():
                _write(folder / "timestamp.txt", timestamp.read_text(encoding="utf-8", errors="replace"))
        self.save(pages)

    def save(self, pages: Mapping[str, tuple[Page, Path]]) -> None:
        """Write some students' rows, all in one transaction, once no other program keeps the gradebook locked."""
        deadline = time.monotonic() + LOCKED_S
        while True:
            try:
                for student, (made, submitted) in pages.items():
                    self._rows(student, made, submitted)
                self._db.commit()
            except OperationalError as error:
                self._db.rollback()
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise CannotGrade(
                        f"The gradebook can't be written: {error.orig}. If another program has it open, close that; "
                        "then grade again. What was written before stands, and nothing else was lost."
                    ) from None
            else:
                return

    def has(self, student: str) -> bool:
        """Whether the gradebook holds a submission of this student."""
        return self._submission(student) is not None

    def _rows(self, student: str, made: Page, submitted: Path) -> None:
        submission = self._submission(student) or self._new(student)
        if stamp := self._folder.get_existing_timestamp(str(submitted)):
            submission.timestamp = stamp
        notebook = next(part for part in submission.notebooks if part.notebook_id == self._notebook.id)
        verdicts = {question.id: question for question in made.result.questions}
        for grade in notebook.grades:
            verdict = verdicts.get(grade.name)
            unwritten = verdict is not None and verdict.status == "manual" and grade.name in made.untouched
            grade.auto_score = 0.0 if unwritten else verdict.points if verdict else None  # 0 as nbgrader has it
            grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        for comment in notebook.comments:
            comment.auto_comment = UNANSWERED if comment.name in made.untouched else None
        self._db.flush()
        self._penalty(student, submission, notebook)

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


def page(grading: Grading, assignment: Assignment, master: Mapping[str, MasterCell]) -> Page:
    """Put together what is written for a student.

    A submission that could not be read has no notebook, and every question of it needs a person.
    """
    found = grading.notebook
    if found is None:
        return Page(grading.result, None, frozenset())
    content = autograded(found, assignment, master, grading)
    untouched = frozenset(name for name, cell in master.items() if unanswered(found, cell))
    return Page(grading.result, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n", untouched)


def unanswered(found: Notebook, master: MasterCell) -> bool:
    """Whether a cell was handed in just as it was released."""
    cell = found.cell_of(master.name)
    return cell is not None and cell.kind == master.kind and cell.source == master.source


def autograded(
    found: Notebook, assignment: Assignment, master: Mapping[str, MasterCell], grading: Grading
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
            raw["outputs"], raw["execution_count"] = _printed(grading.printed.get(cell.index)), None
        cells.append(raw)
    for name, missing in master.items():
        if name not in last and marks[name].get("grade"):
            prefix = ADDED if missing.kind == "code" else ""
            raw = {"cell_type": missing.kind, "id": f"added-{name}"[:64], "metadata": {}}
            cells.append(_restored(raw, missing, marks[name]) | {"source": prefix + missing.source})
    verdicts = {question.id: question for question in grading.result.questions}
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
    text = {"output_type": "stream", "name": "stdout", "text": verdict.in_words() + "\n"}
    value = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    return [text, {**value, "data": {"text/plain": repr(verdict.points)}}]


def _printed(text: str | None) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, read-only as nbgrader leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", errors="replace")
    draft.chmod(0o444)
    draft.replace(path)
