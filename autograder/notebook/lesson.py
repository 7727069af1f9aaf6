"""A lesson's own cells, and a notebook read with them: what was lost, changed or turned over is put right.

What was handed in stays as it is. A repair says in one sentence what stood in the way; it counts only where an answer
rests on it.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from autograder.notebook.notebook import Cell, Notebook
from autograder.notebook.statement import LARGEST_CELL, Room, Statement, plain_lines
from autograder.notebook.text import Unreadable, kept, taking_apart

PARTS = 4
"""Cells in a row that are tried as one, at most."""

MOST_REPAIRS = 40
"""Things that are put right in one notebook: who has mangled more of it is asked."""

_OPENS = re.compile(r"[ \t]*+(?:```|~~~)[^`~]*+")
_CLOSES = re.compile(r"[ \t]*+(?:```|~~~)[ \t]*+")
_INDENTED = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*+[ \t]+[^\s#]")
_OWN = frozenset(vars(builtins))


@dataclass(frozen=True)
class Repair:
    """What was put right in a notebook, and the cell that it is about."""

    cell: int
    what: str
    """What stood in the way: a sentence without its place and its end."""
    how: str
    """What was done, as the end of a sentence."""
    always: bool = False
    """Whether it is told although no answer rests on it."""


TO_BE_WRITTEN = "YOUR ANSWER HERE"
"""What nbgrader puts in the place of a written answer."""

_SOLUTION = re.compile(r"^[^\n]*### BEGIN SOLUTION.*?### END SOLUTION[^\n]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Repaired:
    """A notebook as it is read, and what was put right for that."""

    notebook: Notebook
    repairs: tuple[Repair, ...] = ()

    def read(self, cell: int, text: str, what: str, how: str) -> Repaired:
        """Read another text in place of a cell's own."""
        made = self.notebook.reading({**self.notebook.code, cell: text})
        return Repaired(made, (*self.repairs, Repair(cell, what, how)))

    def insert(self, place: int, text: str, metadata: dict[str, Any], what: str, how: str) -> Repaired:
        """Read a cell of code before the one that stands at a place."""
        old = self.notebook
        cell: dict[str, Any] = {
            "cell_type": "code",
            "metadata": metadata,
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        cells = [*old.content["cells"]]
        if any("id" in raw for raw in cells):
            cell["id"] = _new_id(metadata, {raw.get("id") for raw in cells})
        cells.insert(place, cell)
        code = {index + (index >= place): text for index, text in old.code.items()}
        moved = (replace(repair, cell=repair.cell + (repair.cell >= place)) for repair in self.repairs)
        made = old.reading({**code, place: text}, {**old.content, "cells": cells})
        return Repaired(made, (*moved, Repair(place, what, how)))

    def told(self, needed: Iterable[int]) -> list[str]:
        """Say what was put right in the cells that are needed, each thing once."""
        cells = set(needed)
        found = [repair for repair in self.repairs if repair.always or repair.cell in cells]
        return list(dict.fromkeys(self._sentence(repair) for repair in found))

    def _sentence(self, repair: Repair) -> str:
        section = self.notebook.section(repair.cell)
        return f"{repair.what}{f' ({section})' if section else ''}; {repair.how}."


class Lesson:
    """A lesson's cells by what they are for, as its source has them, and the names that it asks for."""

    def __init__(self, source: Notebook, names: Iterable[str]) -> None:
        self._source = source
        self.names = frozenset(names)
        code = [cell for cell in source.marked.values() if cell.kind == "code"]
        self._locked = {
            cell.grade_id: cell
            for cell in code
            if cell.nbgrader.get("locked") and not cell.nbgrader.get("grade") and not cell.nbgrader.get("solution")
        }
        self._answers = {cell.grade_id: cell for cell in code if cell.nbgrader.get("solution")}
        self._prose = {plain_lines(cell.source).strip() for cell in source.cells if cell.kind != "code"}
        defined = "|".join(sorted(self.names)) or "(?!)"
        self._code = re.compile(
            rf"^[ \t]*+(?:(?:def|class) ++(?:{defined})\b|(?:{defined}) *=|import |from )", re.MULTILINE
        )

    def repaired(self, found: Notebook) -> Repaired:
        """Read a notebook as its author's Jupyter had it, as far as that can be told."""
        made = Repaired(found, tuple(_passed_over(found)))
        for step in (self._put_back, self._turned_back, _unfenced, self._joined, self._read_text, self._given_back):
            made = step(made)
        return made

    def unwritten(self, found: Notebook, question: str) -> bool:
        """Whether the cell of a written answer is there, and holds no line but those that it was given out with."""
        asked, cell = self._source.cell_of(question), found.cell_of(question)
        if asked is None or cell is None:
            return False
        given = _lines(_SOLUTION.sub("", asked.source)) if _SOLUTION.search(asked.source) else set()
        return _lines(cell.source) <= given | {TO_BE_WRITTEN}

    def goes_on(self, found: Notebook, cell: int) -> bool:
        """Whether the cell of code below one begins indented, as the rest of a function would."""
        below = next((text for index, text in sorted(found.code.items()) if index > cell and text.strip()), "")
        return bool(_INDENTED.match(below))

    @cached_property
    def homes(self) -> Mapping[str, str]:
        """Name that is asked for -> the id of the cell that it is to be written in."""
        ids = {cell.index: mark for mark, cell in self._answers.items()}
        return {s.defines: ids[s.cell] for s in self._source.statements if s.defines in self.names and s.cell in ids}

    @cached_property
    def _statements(self) -> Mapping[str, list[Statement]]:
        """The statements of each locked cell."""
        found: dict[str, list[Statement]] = {mark: [] for mark in self._locked}
        ids = {cell.index: mark for mark, cell in self._locked.items()}
        for statement in self._source.statements:
            if statement.cell in ids:
                found[ids[statement.cell]].append(statement)
        return found

    def _put_back(self, made: Repaired) -> Repaired:
        """Locked cells come from the lesson, as nbgrader has it; what was added to one stays."""
        here = known(made.notebook)
        for mark, own in self._locked.items():
            cell = here.get(mark)
            if cell is None or cell.damaged:
                continue
            if cell.kind == "code" and (cell.source == own.source or _same(cell.source, own.source)):
                continue
            statements = self._statements[mark]
            written = _statements_of(cell.source) if cell.kind == "code" else []
            sources = {statement.source for statement in statements}
            if sources <= {statement.source for statement in written}:
                continue
            bound = frozenset().union(*(statement.binds for statement in statements))
            added = [s.source for s in written if s.source not in sources and bound.isdisjoint(s.binds)]
            changed = "is no longer a code cell" if cell.kind != "code" else "has been changed"
            text = "\n".join([plain_lines(own.source), *added])
            made = made.read(cell.index, text, f"{_called(mark)} {changed}", "the lesson's own version was read")
        return made

    def _turned_back(self, made: Repaired) -> Repaired:
        """A cell for an answer is code, whatever it was turned into."""
        here = known(made.notebook)
        for mark in self._answers:
            cell = here.get(mark)
            if cell is not None and cell.kind != "code" and not cell.damaged and cell.source.strip():
                text = _code_in(cell.source) or cell.source
                made = made.read(cell.index, text, f"{_called(mark)} is no longer a code cell", "it was read as code")
        return made

    def _joined(self, made: Repaired) -> Repaired:
        """Cells in a row are one where they are Python only together."""
        found = made.notebook
        broken = {fault.cell for fault in found.syntax_faults if fault.line}
        if not broken and not any(map(_INDENTED.match, found.code.values())):
            return made
        unknown = found.unbound
        for row in _rows(found, self._locked.keys()):
            place = 0
            while place < len(row):
                parts = _parts(row[place : place + PARTS], found.code, broken, unknown)
                if len(parts) > 1 and len(made.repairs) < MOST_REPAIRS:
                    text = "\n".join(found.code[cell] for cell in parts)
                    names = listed([s.defines for s in _statements_of(text) if s.defines]) or "A statement"
                    others = {**found.code, **dict.fromkeys(parts[1:], "")}
                    made = Repaired(found.reading(others), made.repairs)
                    told = f"{names} is split over {len(parts)} cells that are valid Python only together"
                    made = made.read(parts[0], text, told, "they were read as one")
                    found = made.notebook
                place += len(parts)
        return made

    def _read_text(self, made: Repaired) -> Repaired:
        """Code in a text cell is read where it defines what is asked for and stands nowhere else, or imports."""
        for cell in made.notebook.cells:
            if cell.kind == "code" or cell.index in made.notebook.code or not self._code.search(cell.source):
                continue
            if plain_lines(cell.source).strip() in self._prose:
                continue
            text = _code_in(cell.source)
            statements = _statements_of(text)
            defined = {name for s in statements if not s.stub for name in s.binds & self.names}
            if len(made.repairs) >= MOST_REPAIRS:
                break
            if defined and defined.isdisjoint(made.notebook.written):
                names = listed(sorted(defined))
                made = made.read(cell.index, text, f"{names} is in a text cell", "it was read as code")
            elif statements and all(s.imports for s in statements) and _bound(statements) & made.notebook.unbound:
                names = listed(sorted(_bound(statements)))
                made = made.read(cell.index, text, f"{names} is imported in a text cell", "it was read as code")
        return made

    def _given_back(self, made: Repaired) -> Repaired:
        """Locked cells that are gone come back where they are needed; a foreign notebook gets the imports alone."""
        here = known(made.notebook)
        gone = [mark for mark in self._locked if mark not in here]
        if not gone:
            return made
        needs = made.notebook.unbound
        if here.keys().isdisjoint(self._locked.keys() | self._answers.keys()):
            given = [s for mark in gone for s in self._statements[mark] if s.imports and s.binds & needs]
            if not given:
                return made
            names = listed(sorted(_bound(given) & needs))
            text = "\n".join(statement.source for statement in given)
            return made.insert(0, text, {}, f"Nothing imports {names}", "it was imported as in the lesson")
        for mark in reversed(gone):
            own = self._statements[mark]
            if needs.isdisjoint(_bound(own)):
                continue
            needs |= {name for statement in own for name in statement.reads}
            order = self._locked[mark].index
            earlier = (
                cell.index for other, cell in here.items() if (its := self._source.cell_of(other)) and its.index < order
            )
            metadata = {"nbgrader": dict(self._locked[mark].nbgrader)}
            text = plain_lines(self._locked[mark].source)
            made = made.insert(
                max(earlier, default=-1) + 1,
                text,
                metadata,
                f"{_called(mark)} is missing",
                "the lesson's own version was read",
            )
            here = known(made.notebook)
        return made


def known(found: Notebook) -> Mapping[str, Cell]:
    """The cells of a notebook by nbgrader's id; where a notebook has none of those, by Jupyter's."""
    return found.marked or {cell.id: cell for cell in found.cells if cell.id}


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _bound(statements: Iterable[Statement]) -> set[str]:
    return set().union(*(statement.binds for statement in statements))


def _called(mark: str) -> str:
    return f'The lesson\'s cell "{mark}"'


def _same(text: str, other: str) -> bool:
    """Whether two texts differ by nothing but blanks at the ends of lines."""
    return [line.rstrip() for line in text.splitlines()] == [line.rstrip() for line in other.splitlines()]


def _passed_over(found: Notebook) -> Iterator[Repair]:
    for cell in found.cells:
        if cell.damaged:
            yield Repair(cell.index, "A cell is damaged and can't be read", "it was skipped", always=True)


def _unfenced(made: Repaired) -> Repaired:
    """A fence around the code of a cell is no part of it."""
    for fault in made.notebook.syntax_faults:
        source = made.notebook.code[fault.cell]
        if len(made.repairs) < MOST_REPAIRS and _fenced(source) and (text := _code_in(source)):
            names = listed([s.defines for s in _statements_of(text) if s.defines]) or "The code of a cell"
            made = made.read(fault.cell, text, f"{names} is between Markdown code fences", "it was read without them")
    return made


def _code_in(source: str) -> str:
    """The Python in a text: the whole of it, or what is fenced; nothing where it holds none."""
    for text in (source, "\n".join(_fenced(source))):
        if _statements_of(text):
            return text
    return ""


def _fenced(source: str) -> list[str]:
    """The texts between fences."""
    found: list[str] = []
    inside: list[str] | None = None
    for line in source.split("\n"):
        if inside is None:
            inside = [] if _OPENS.fullmatch(line) else None
        elif _CLOSES.fullmatch(line):
            found.append("\n".join([*inside, ""]))
            inside = None
        else:
            inside.append(line)
    return found


def _statements_of(text: str) -> list[Statement]:
    try:
        return list(Room().read(text))
    except Unreadable:
        return []


def _rows(found: Notebook, locked: Iterable[str]) -> Iterator[list[int]]:
    """Cells of code that follow each other, without those of the lesson's own and without empty ones."""
    row: list[int] = []
    barred = set(locked)
    for cell in found.cells:
        if cell.index not in found.code or cell.grade_id in barred or cell.nbgrader.get("grade"):
            yield row
            row = []
        elif found.code[cell.index].strip():
            row.append(cell.index)
    yield row


def _parts(row: list[int], code: Mapping[int, str], broken: set[int], unknown: frozenset[str]) -> list[int]:
    """The first cells of a row that are Python only together; the first one where it stands alone."""
    found = parts = row[:1]
    joined, is_open = code[row[0]], row[0] in broken
    for cell in row[1:]:
        if not (is_open or cell in broken or _is_rest(code[cell], joined, unknown)):
            break
        parts, joined, was_open = [*parts, cell], f"{joined}\n{code[cell]}", is_open
        is_open = len(joined) > LARGEST_CELL or not _runs(joined)
        if not is_open:
            found = parts
        elif not was_open and not _INDENTED.match(code[cell]):
            break
    return found


def _is_rest(text: str, above: str, unknown: frozenset[str]) -> bool:
    """Whether a cell begins indented, and can't run without it: for its grammar, or for names of the function above."""
    if not _INDENTED.match(text):
        return False
    used = {name for statement in _statements_of(text) for name in statement.early & unknown}
    return not _runs(text) or any(used & statement.words for statement in _statements_of(above)[-1:])


@kept(1 << 16)
def _runs(text: str) -> bool:
    """Whether Python compiles a cell: `return` outside of a function is taken apart, and doesn't run."""
    try:
        for statement in Room().read(text):
            with taking_apart():
                compile(statement.source, "<cell>", "exec", dont_inherit=True)
    except Unreadable:
        return False
    return True


def _new_id(metadata: Mapping[str, Any], taken: set[Any]) -> str:
    mark = str(metadata.get("nbgrader", {}).get("grade_id", "imports"))[:50]
    return next(name for name in (mark, *(f"{mark}-{n}" for n in range(len(taken) + 1))) if name not in taken)


def _lines(text: str) -> set[str]:
    """The lines of a text that say something."""
    return {line.strip() for line in plain_lines(text).split("\n")} - {""}
