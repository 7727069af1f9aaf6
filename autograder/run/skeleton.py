"""What may stand in an autograded notebook that somebody else has put together: what `autograded` makes, nothing else.

Programs make pages of it for students and for whoever marks, and pass on some parts as they stand: a worker is believed
no more than a student. Most cells are the lesson's own, which is told by comparing; the rest alone is gone through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from autograder.course import Assignment
from autograder.run.autograded import ADDED, MasterCell, described, marked
from autograder.run.markdown import is_harmless

_PARTS = {"cell_type", "id", "metadata", "source", "attachments", "outputs", "execution_count"}

_Picture = Literal["image/png", "image/jpeg", "image/gif"]


class _Part(BaseModel, extra="forbid"):
    """A part of a notebook, in which nothing else stands."""


class _Notebook(_Part):
    nbformat: Literal[4]
    nbformat_minor: Literal[5]
    metadata: dict[str, Any]
    cells: list[dict[str, Any]]


class _Nothing(_Part):
    """What `autograded` leaves empty: a picture's width would be passed on as it stands."""


class _Output(_Part):
    output_type: Literal["stream", "display_data", "execute_result", "error"]
    metadata: _Nothing | None = None
    execution_count: int | None = None
    name: Literal["stdout"] | None = None
    text: str = ""
    data: dict[_Picture | Literal["text/plain"], str] = {}
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = []


class _Drawn(_Part):
    """What a cell shows beside its text."""

    outputs: list[_Output]
    attachments: dict[str, dict[_Picture, str]]


class Skeleton:
    """The parts of an assignment's autograded notebooks that nobody chooses but the lesson."""

    def __init__(self, assignment: Assignment, master: Mapping[str, MasterCell]) -> None:
        """Take what is known of each released cell."""
        source = assignment.source
        self._described = described(source)
        self._known = {name: ({"nbgrader": marked(source.marked[name], cell)}, cell) for name, cell in master.items()}

    def holds(self, content: str) -> bool:
        """Whether a text is a notebook with the lesson's own marks and locked cells, and pages of it are harmless."""
        try:
            made = _Notebook.model_validate_json(content)
            return made.metadata == self._described and all(map(self._may_stand, range(len(made.cells)), made.cells))
        except ValidationError:
            return False

    def _may_stand(self, number: int, cell: Mapping[str, Any]) -> bool:
        kind, source, metadata = cell.get("cell_type"), cell.get("source"), cell.get("metadata")
        outputs, pictures = cell.get("outputs", []), cell.get("attachments", {})
        if not (cell.keys() <= _PARTS and cell.get("id") == f"cell-{number}" and isinstance(source, str)):
            return False
        if kind not in ("code", "markdown", "raw") or cell.get("execution_count") not in (None, 1):
            return False
        if outputs or pictures:
            _Drawn.model_validate({"outputs": outputs, "attachments": pictures})
        if metadata != {}:
            marks, released = self._known.get(_named(metadata), (None, None))
            if released is None or metadata != marks:
                return False
            if kind == released.kind and source == released.source:
                return True
            if released.locked and source != ADDED + released.source:
                return False
        return kind == "code" or is_harmless(source, pictures)


def _named(metadata: Any) -> str:
    """The name that nbgrader knows a cell by; none where there is no such thing."""
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else ""
