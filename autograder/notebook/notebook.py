"""A notebook as the grader reads it: its cells, and the statements in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from autograder.notebook.statement import Room, Statement, SyntaxFault, plain_lines, writing
from autograder.notebook.text import Unreadable


@dataclass(frozen=True)
class Cell:
    """One cell: its kind, its text, and nbgrader's metadata where there is some."""

    index: int
    kind: str
    source: str
    nbgrader: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def grade_id(self) -> str:
        """Its nbgrader id, or an empty text."""
        return str(self.nbgrader.get("grade_id", ""))


class Notebook:
    """A notebook's cells and statements."""

    def __init__(self, content: dict[str, Any], path: str = "") -> None:
        self.content = content
        self.path = path
        self.cells = tuple(_cells(content))
        self.syntax_faults: list[SyntaxFault] = []
        self.statements: tuple[Statement, ...] = tuple(self._statements())
        self.beside: frozenset[str] = frozenset()
        """Files of Python that were handed in with it, and that it imports."""

    def take(self, texts: Mapping[str, str]) -> None:
        """Take in files that were handed in with it: they are there before its first statement.

        Shapes:
            texts  path below the notebook's folder -> text
        """
        self.beside = frozenset(texts)
        files = [writing(path, text) for path, text in texts.items()]
        self.statements = tuple(replace(s, position=at) for at, s in enumerate((*files, *self.statements)))

    @property
    def texts(self) -> list[str]:
        """The texts of files that it writes, or that were handed in with it."""
        return [statement.writes for statement in self.statements if statement.writes]

    @cached_property
    def words(self) -> frozenset[str]:
        """Identifiers that occur in the notebook's code."""
        return frozenset().union(*(statement.words for statement in self.statements))

    @cached_property
    def marked(self) -> dict[str, Cell]:
        """The cells that have an nbgrader id; the last one where an id was duplicated, as nbgrader has it."""
        return {cell.grade_id: cell for cell in self.cells if cell.grade_id}

    def cell_of(self, grade_id: str) -> Cell | None:
        """Find the cell with this nbgrader id."""
        return self.marked.get(grade_id)

    def place(self, cell: int, line: int) -> str:
        """Say where a line stands, and what it says, for a message to the notebook's author."""
        try:
            text = plain_lines(self.cells[cell].source).split("\n")[line - 1].strip()[:100]
        except IndexError:
            return ""
        return f"in cell {cell + 1}, line {line}, `{text}`," if text else f"in cell {cell + 1}, line {line},"

    def broken_definition(self, name: str) -> SyntaxFault | None:
        """Find the cell that would define this name if it were Python."""
        for fault in self.syntax_faults:
            source = self.cells[fault.cell].source
            if any(f"{kind} {name}" in source for kind in ("def", "class")) or f"{name} =" in source:
                return fault
        return None

    def _statements(self) -> Iterator[Statement]:
        room, position = Room(), 0
        for cell in self.cells:
            if cell.kind != "code" or "skip-execution" in cell.tags:
                continue
            try:
                found = room.read(cell.source)
            except Unreadable as error:
                self.syntax_faults.append(SyntaxFault(cell.index, error.line, error.why))
                continue
            for statement in found:
                yield replace(statement, position=position, cell=cell.index)
                position += 1


def _cells(content: dict[str, Any]) -> Iterator[Cell]:
    for index, raw in enumerate(content["cells"]):
        source = raw.get("source", "")
        metadata = raw.get("metadata") or {}
        marks = metadata.get("nbgrader")
        tags = metadata.get("tags") or ()
        yield Cell(
            index,
            str(raw.get("cell_type", "")),
            source if isinstance(source, str) else "".join(source),
            marks if isinstance(marks, dict) else {},
            tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        )
