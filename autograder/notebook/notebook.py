"""A notebook as the grader reads it: its cells, and the statements in them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from autograder.notebook.newer import needs
from autograder.notebook.statement import Room, Statement, SyntaxFault, bound_by, plain_lines, writing
from autograder.notebook.text import Unreadable
from autograder.visible import shortened

QUOTED = 100
"""Characters of a line, or of a heading, that are repeated where it is named."""

SKIPPED = "skip-execution"
"""The tag of a cell that isn't run."""

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]++([^\n]*+)", re.MULTILINE)
_DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_BOUND = re.compile(r"^(\w+(?:[ \t]*,[ \t]*\w+)*+)[ \t]*(?::[^=\n]*+)?=(?!=)", re.MULTILINE)
_MARKUP = str.maketrans("", "", "`*$\\")


@dataclass(frozen=True)
class Cell:
    """One cell: its kind, its text, and nbgrader's metadata where there is some."""

    index: int
    kind: str
    source: str
    nbgrader: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    id: str = ""
    """Jupyter's own id."""
    damaged: bool = False
    """Whether it is no cell, or has no text: it is passed over."""

    @property
    def grade_id(self) -> str:
        """Its nbgrader id, or an empty text."""
        return str(self.nbgrader.get("grade_id", ""))

    @property
    def skipped(self) -> bool:
        """Whether its author has marked it not to be run."""
        return SKIPPED in self.tags


class Notebook:
    """A notebook's cells and statements.

    `code` is what is read of some cells in place of their own text, by their index. `files` are those of Python that
    were handed in beside it, by their path from its folder: they are there before its first statement.
    """

    def __init__(
        self,
        content: dict[str, Any],
        path: str = "",
        code: Mapping[int, str] | None = None,
        files: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self.files = files
        self.cells = tuple(map(_cell, range(len(content["cells"])), content["cells"]))
        if self.cells and all(cell.damaged for cell in self.cells):
            raise ValueError("no cell of it can be read")
        self.content = {**content, "cells": [*map(_whole, content["cells"], self.cells)]}
        self.code = {cell.index: cell.source for cell in self.cells if cell.kind == "code" and not cell.skipped}
        """The text of each cell that is read as code, by its index."""
        self.code |= code or {}

    def reading(self, code: Mapping[int, str], content: dict[str, Any] | None = None) -> Notebook:
        """The same notebook, where other text is read of some cells; `content` where it has other cells."""
        return Notebook(content or self.content, self.path, code, self.files)

    def beside(self, files: Mapping[str, str]) -> Notebook:
        """The same notebook, with the files that lie beside it."""
        return Notebook(self.content, self.path, self.code, files)

    @property
    def texts(self) -> list[str]:
        """The texts of files that it writes, or that were handed in with it."""
        return [statement.writes for statement in self.statements if statement.writes]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The top-level statements of all cells that can be taken apart."""
        return self._read[0]

    @property
    def syntax_faults(self) -> tuple[SyntaxFault, ...]:
        """The cells that can't be taken apart."""
        return self._read[1]

    @cached_property
    def words(self) -> frozenset[str]:
        """Identifiers that occur in the notebook's code."""
        return frozenset().union(*(statement.words for statement in self.statements))

    @cached_property
    def written(self) -> frozenset[str]:
        """Names that something else than a stub gives a value."""
        return frozenset().union(*(statement.binds for statement in self.statements if not statement.stub))

    @cached_property
    def unbound(self) -> frozenset[str]:
        """Names that its code uses, that nothing in it gives a value, and that aren't Python's own."""
        bound = (statement.binds for statement in self.statements)
        reads = frozenset().union(*(statement.reads for statement in self.statements))
        return reads.difference(vars(builtins), *bound, *map(bound_by, self.texts))

    @cached_property
    def marked(self) -> dict[str, Cell]:
        """The cells that have an nbgrader id; the last one where an id was duplicated, as nbgrader has it."""
        return {cell.grade_id: cell for cell in self.cells if cell.grade_id}

    def cell_of(self, grade_id: str) -> Cell | None:
        """Find the cell with this nbgrader id."""
        return self.marked.get(grade_id)

    def place(self, cell: int, line: int) -> str:
        """Say where a line stands, and what it says, for a message to the notebook's author."""
        text = self.line(cell, line)
        inside = "" if re.match("`(?:@|(?:async )?def |class )", text) else self._function(cell, line)
        where = [*filter(None, [inside, self.section(cell)]), *([f"at {text}"] if text else [])]
        return f"{', '.join(where)}," if where else ""

    def line(self, cell: int, line: int) -> str:
        """A line of a cell, as it is quoted."""
        lines = plain_lines(self.code.get(cell, "")).split("\n")
        text = shortened(lines[line - 1].strip(), QUOTED) if 0 < line <= len(lines) else ""
        return f"`{text}`" if text else ""

    def quoted(self, cell: int, line: int) -> str:
        """A line and its section, as a sentence begins with them."""
        section = self.section(cell)
        return f"{self.line(cell, line) or 'A statement'}{f' ({section})' if section else ''}"

    def section(self, cell: int) -> str:
        """The section that a cell stands in, by its heading: `in the section "..."`, or nothing."""
        heading = self._headings[cell] if 0 <= cell < len(self._headings) else ""
        return f'in the section "{heading}"' if heading else ""

    def broken_definition(self, name: str) -> SyntaxFault | None:
        """Find the cell that would define this name if it could be taken apart."""
        return self.broken.get(name) or self._half_bound.get(name)

    @cached_property
    def broken(self) -> dict[str, SyntaxFault]:
        """Functions and classes that cells would define if they could be taken apart, each with its cell's fault."""
        return self._in_broken_cells(_DEFINED)

    @cached_property
    def _half_bound(self) -> dict[str, SyntaxFault]:
        """Names that such cells would give a value."""
        return self._in_broken_cells(_BOUND)

    def _in_broken_cells(self, shape: re.Pattern[str]) -> dict[str, SyntaxFault]:
        found: dict[str, SyntaxFault] = {}
        for fault in self.syntax_faults:
            for names in shape.findall(self.code[fault.cell]):
                for name in re.findall(r"\w+", names):
                    found.setdefault(name, fault)
        return found

    def _function(self, cell: int, line: int) -> str:
        """The function or class that a line stands in: `in sigma`, or nothing."""
        holding = self.holding(cell, line)
        return f"in {holding.defines}" if holding and holding.defines else ""

    def holding(self, cell: int, line: int) -> Statement | None:
        """The statement that a line stands in."""
        lines = ((s, s.line + s.source.count("\n")) for s in self._by_cell.get(cell, ()))
        return next((statement for statement, last in lines if statement.line <= line <= last), None)

    @cached_property
    def _by_cell(self) -> dict[int, list[Statement]]:
        found: dict[int, list[Statement]] = {}
        for statement in self.statements:
            found.setdefault(statement.cell, []).append(statement)
        return found

    @cached_property
    def _headings(self) -> list[str]:
        """The last heading at or above each cell."""
        found, heading = [], ""
        for cell in self.cells:
            if cell.kind == "markdown" and cell.index not in self.code and "#" in cell.source:
                told = [
                    " ".join(each.rstrip(" \t#").translate(_MARKUP).split()) for each in _HEADING.findall(cell.source)
                ]
                heading = shortened(next(filter(None, reversed(told)), heading), QUOTED)
            found.append(heading)
        return found

    @cached_property
    def _read(self) -> tuple[tuple[Statement, ...], tuple[SyntaxFault, ...]]:
        room, faults = Room(), list[SyntaxFault]()
        statements = [replace(writing(path, text), position=at) for at, (path, text) in enumerate(self.files.items())]
        for cell, text in sorted(self.code.items()):
            try:
                found = room.read(text)
            except Unreadable as error:
                faults.append(SyntaxFault(cell, error.line, error.why, needs(text) if error.line else ""))
                continue
            for statement in found:
                statements.append(replace(statement, position=len(statements), cell=cell))
        return tuple(statements), tuple(faults)


def _cell(index: int, raw: Any) -> Cell:
    """Read a cell as far as it goes: without metadata that are none, and without a text if that is no text."""
    if not isinstance(raw, dict):
        return Cell(index, "raw", "", damaged=True)
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    marks, tags = metadata.get("nbgrader"), metadata.get("tags")
    source = raw.get("source", "")
    lines = source if isinstance(source, list) else [source]
    whole = all(isinstance(line, str) for line in lines)
    return Cell(
        index,
        str(raw.get("cell_type", "")) if whole else "raw",
        "".join(lines) if whole else "",
        marks if isinstance(marks, dict) else {},
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        str(raw.get("id") or ""),
        damaged=not whole,
    )


def _whole(raw: Any, cell: Cell) -> dict[str, Any]:
    """A cell as a notebook's content has it, whatever was damaged."""
    if not cell.damaged and isinstance(raw.get("metadata", {}), dict):
        found: dict[str, Any] = raw
        return found
    kept = raw if isinstance(raw, dict) else {}
    metadata = kept.get("metadata")
    return {
        **kept,
        "cell_type": cell.kind,
        "metadata": metadata if isinstance(metadata, dict) else {},
        "source": cell.source,
    }
