"""A submission as nbgrader keeps it after grading: locked cells restored, verdicts as outputs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from autograder.course import Assignment
from autograder.judge import Grading
from autograder.notebook import Cell, Notebook
from autograder.record import Record
from autograder.result import Question, Result
from autograder.run.markdown import harmless

_UNQUOTED = ":/?#@!$&()*+,;=%"
"""What markdown leaves in an address as it is."""

_PICTURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}
"""Kinds of pictures that are kept, and how each begins: they are shown, and nothing in them runs."""

LONGEST_NAME = 200
"""Characters of an attached picture's name: Jupyter gives them forty."""

ADDED = "# This cell was missing from the submission; it was put back to show the score.\n"

UNREAD = "# This submission was not graded. What stood in the way, and what was handed in:"
"""Stands above what was asked, where nothing that was handed in could be read."""

HANDED_IN = "Handed in:"
"""Stands above the names of the files."""


@dataclass(frozen=True)
class MasterCell:
    """A released cell as the gradebook keeps it, hidden tests included."""

    name: str
    kind: str
    source: str
    locked: bool
    checksum: str


class Page(Record):
    """What is written for one student: their record, their autograded notebook, and which cells they left alone.

    It is the answer of whoever graded a submission, and is checked wherever it is read.
    """

    result: Result
    content: str
    untouched: frozenset[str]
    person: bool = False
    """Whether a person is asked to look at every question, whatever its points."""


def page(
    grading: Grading, assignment: Assignment, master: Mapping[str, MasterCell], handed_in: Sequence[str] = ()
) -> Page:
    """Put together what is written for a student.

    A submission that could not be read has a notebook of what was asked and of what was `handed_in`, a line each, and
    every question of it needs a person.
    """
    found = grading.notebook or Notebook({"cells": []})
    content = autograded(found, assignment, master, grading, handed_in)
    untouched = frozenset(name for name, cell in master.items() if unanswered(found, cell))
    text = json.dumps(content, ensure_ascii=False, sort_keys=True) + "\n"
    return Page(result=grading.result, content=text.encode("utf-8", "replace").decode(), untouched=untouched)


def noted(made: Page, notes: Sequence[str]) -> Page:
    """Add what there is to say about the folder that a submission lies in, and ask a person to look."""
    if not notes:
        return made
    result = made.result.model_copy(update={"flags": (*made.result.flags, *notes)})
    return made.model_copy(update={"result": result, "person": True})


def unanswered(found: Notebook, master: MasterCell) -> bool:
    """Whether a cell was handed in just as it was released."""
    cell = found.cell_of(master.name)
    return cell is not None and cell.kind == master.kind and cell.source == master.source


def autograded(
    found: Notebook,
    assignment: Assignment,
    master: Mapping[str, MasterCell],
    grading: Grading,
    handed_in: Sequence[str] = (),
) -> dict[str, Any]:
    """A submission as nbgrader keeps it: locked cells restored, missing grade cells put back, verdicts as outputs.

    It is made anew, of the texts and pictures that were handed in: whatever else stands in a student's file, nbgrader
    and what makes pages of it never see; of the student's own text words, links and pictures remain.
    """
    asked = assignment.source
    marks = {name: marked(asked.marked[name], released) for name, released in master.items()}
    own = {name: _pictures(asked.content["cells"][cell.index]) for name, cell in asked.marked.items()}
    cells: list[dict[str, Any]] = []
    if grading.notebook is None:
        said = (grading.result.message, *(("", HANDED_IN, *handed_in) if handed_in else ()))
        told = {"output_type": "stream", "name": "stdout", "text": "\n".join(said) + "\n"}
        cells.append({"cell_type": "code", "metadata": {}, "source": UNREAD, "outputs": [told]})
    for given, cell in zip(found.content["cells"], found.cells, strict=True):
        kind = cell.kind if cell.kind in {"code", "markdown"} else "raw"
        raw: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": cell.source}
        raw["attachments"] = _pictures(given)
        if cell.grade_id in master and found.marked[cell.grade_id] is cell:
            raw = _restored(raw, master[cell.grade_id], marks[cell.grade_id])
        if raw["cell_type"] == "code":
            raw["outputs"] = grading.outputs.get(cell.index, []) or _drawn(given)
        elif raw["metadata"].get("nbgrader", {}).get("locked"):
            raw["attachments"] = own[cell.grade_id]
        else:
            raw["source"] = harmless(cell.source, raw["attachments"])
        cells.append(raw)
    for name, missing in master.items():
        if name not in found.marked and marks[name].get("grade"):
            prefix = ADDED if missing.kind == "code" else ""
            raw = {"cell_type": missing.kind, "metadata": {}, "outputs": [], "attachments": own[name]}
            cells.append(_restored(raw, missing, marks[name]) | {"source": prefix + missing.source})
    verdicts = {question.id: question for question in grading.result.questions}
    for number, raw in enumerate(cells):
        name = raw["metadata"].get("nbgrader", {}).get("grade_id")
        raw["id"] = f"cell-{number}"
        raw.pop("attachments" if raw["cell_type"] == "code" else "outputs", None)
        if raw["cell_type"] == "code":
            raw["execution_count"] = None
            if name in verdicts:
                raw["outputs"], raw["execution_count"] = _outputs(verdicts[name]), 1
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": described(asked), "cells": cells}


def described(source: Notebook) -> dict[str, Any]:
    """What a source notebook says of itself that is kept: the kernel and the language."""
    about = source.content.get("metadata") or {}
    return {name: about[name] for name in ("kernelspec", "language_info") if name in about}


def marked(cell: Cell, released: MasterCell) -> dict[str, Any]:
    """What nbgrader knows a cell of a source notebook by, once it is released."""
    return {**cell.nbgrader, "checksum": released.checksum}


def _pictures(cell: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The pictures attached to a cell, by the names that a text may have for them."""
    attached = cell.get("attachments")
    found: dict[str, dict[str, str]] = {}
    for name, kinds in attached.items() if isinstance(attached, dict) else ():
        if len(name) > LONGEST_NAME:
            continue
        kept = {kind: kinds[kind] for kind in _PICTURES.keys() & kinds.keys()} if isinstance(kinds, dict) else {}
        if kept and all(isinstance(data, str) for data in kept.values()):
            found |= {name: kept, quote(name, safe=_UNQUOTED, errors="replace"): kept}
    return found


def _drawn(given: Any) -> list[dict[str, Any]]:
    """The pictures that a cell was handed in with: nobody here runs a cell that no question depends on."""
    outputs = given.get("outputs") if isinstance(given, dict) else None
    found = []
    for output in outputs if isinstance(outputs, list) else ():
        kinds = output.get("data") if isinstance(output, dict) else None
        if not isinstance(kinds, dict):
            continue
        for kind, start in _PICTURES.items():
            data = kinds.get(kind)
            text = "".join(map(str, data)) if isinstance(data, list) else str(data or "")
            if _base64(text).startswith(start):
                found.append({"output_type": "display_data", "metadata": {}, "data": {kind: text}})
                break
    return found


def _base64(text: str) -> bytes:
    """What stands there in base64, or nothing."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return b""


def _restored(raw: dict[str, Any], master: MasterCell, marks: Mapping[str, Any]) -> dict[str, Any]:
    raw = {**raw, "metadata": {**raw["metadata"], "nbgrader": marks}}
    if master.locked or raw["cell_type"] != master.kind:
        raw["cell_type"] = master.kind
    if master.locked:
        raw["source"] = master.source
    return raw


def _outputs(verdict: Question) -> list[dict[str, Any]]:
    """A verdict as a cell's outputs: its words, and its points as the value that nbgrader reads."""
    if verdict.points is None:
        told = verdict.in_words().split("\n")  # the only words of an error that nbgrader's pages show
        return [{"output_type": "error", "ename": "CannotJudge", "evalue": verdict.message, "traceback": told}]
    text = {"output_type": "stream", "name": "stdout", "text": verdict.in_words() + "\n"}
    value = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    return [text, {**value, "data": {"text/plain": repr(verdict.points)}}]
