"""A submission as nbgrader keeps it after grading: locked cells restored, verdicts as outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograder.course import Assignment
from autograder.judge import Grading
from autograder.notebook import Notebook
from autograder.result import Question, Result

_TAG = re.compile(r"<(?=[A-Za-z/!?])")

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


def page(grading: Grading, assignment: Assignment, master: Mapping[str, MasterCell]) -> Page:
    """Put together what is written for a student.

    A submission that could not be read has no notebook, and every question of it needs a person.
    """
    found = grading.notebook
    if found is None:
        return Page(grading.result, None, frozenset())
    content = autograded(found, assignment, master, grading)
    untouched = frozenset(name for name, cell in master.items() if unanswered(found, cell))
    return Page(grading.result, json.dumps(content, ensure_ascii=False, sort_keys=True) + "\n", untouched)


def unanswered(found: Notebook, master: MasterCell) -> bool:
    """Whether a cell was handed in just as it was released."""
    cell = found.cell_of(master.name)
    return cell is not None and cell.kind == master.kind and cell.source == master.source


def autograded(
    found: Notebook, assignment: Assignment, master: Mapping[str, MasterCell], grading: Grading
) -> dict[str, Any]:
    """A submission as nbgrader keeps it: locked cells restored, missing grade cells put back, verdicts as outputs.

    Tags in the student's own text get a blank, so that they are text on the pages that nbgrader makes of it.
    """
    marks = {name: cell.nbgrader for name, cell in assignment.source.marked.items()}
    cells = []
    for given, cell in zip(found.content["cells"], found.cells, strict=True):
        metadata = {name: mark for name, mark in (given.get("metadata") or {}).items() if name != "nbgrader"}
        raw = {**given, "cell_type": cell.kind, "metadata": metadata}
        if cell.grade_id in master and found.marked[cell.grade_id] is cell:
            raw = _restored(raw, master[cell.grade_id], marks[cell.grade_id])
        if raw["cell_type"] == "code":
            raw["outputs"], raw["execution_count"] = grading.outputs.get(cell.index, []), None
        elif not raw["metadata"].get("nbgrader", {}).get("locked"):
            raw["source"] = _TAG.sub("< ", cell.source)
        cells.append(raw)
    for name, missing in master.items():
        if name not in found.marked and marks[name].get("grade"):
            prefix = ADDED if missing.kind == "code" else ""
            raw = {"cell_type": missing.kind, "id": f"added-{name}"[:64], "metadata": {}}
            cells.append(_restored(raw, missing, marks[name]) | {"source": prefix + missing.source})
    verdicts = {question.id: question for question in grading.result.questions}
    for raw in cells:
        name = raw["metadata"].get("nbgrader", {}).get("grade_id")
        if raw["cell_type"] == "code" and name in verdicts:
            raw["outputs"], raw["execution_count"] = _outputs(verdicts[name]), 1
    return {**found.content, "cells": cells}


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
