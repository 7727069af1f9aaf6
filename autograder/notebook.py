"""A notebook as the grader reads it: its cells, what each statement defines, and what a function depends on.

Nothing is run here. A notebook that is damaged is read as far as it goes, and what is wrong with it is said.
"""

from __future__ import annotations

import _symtable  # type: ignore[import-not-found]  # symtable itself looks through all functions for each name
import ast
import copy
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.errors import CannotGrade, UsageError
from autograder.jail.session import Step
from autograder.text import Unreadable, kept

LARGEST = 64 * 1024 * 1024
"""Bytes of a notebook file that are read: one with every picture of a course in it is far smaller."""

MOST_CELLS = 10_000
"""Cells that a notebook may have: the longest that anybody hands in has two thousand."""

MOST_TOKENS = 1 << 22
"""Texts, opening brackets and commas of a notebook file: beside its length, each costs up to a hundred bytes."""

LARGEST_CELL, LARGEST_CODE = 1 << 18, 1 << 20
"""Characters of code that are taken apart, in a cell and in all: more than any person writes in a lesson."""

MOST_STATEMENTS = 10_000
"""Statements of a notebook that are taken apart: an honest one has some hundreds, the longest a few thousand."""

MOST_SCOPES = 500
"""Functions, lambdas and comprehensions in one statement: each is shown every name of those around it."""

MOST_PASSES = 1 << 18
"""Characters that IPython goes through, in cells that are no plain Python: it starts anew after each magic."""

_TIMED = re.compile(r"\s*%%(time|timeit|prun|capture|memit|mprun|lprun)\b[^\n]*")
"""A first line that runs the cell as it stands, and looks on."""

_MAGIC = re.compile(r"^[ \t\f]*[%!?,;/]|=[ \t\f]*[%!]|\?[ \t\f]*$", re.MULTILINE)
_PROMPTED = re.compile(r"\A\s|^[ \t]*(?:>>>|\.\.\.|In \[)", re.MULTILINE)
_ASKS = re.compile(r"\?[ \t\f]*$", re.MULTILINE)
_ASKING = 32
"""Characters of a line that IPython passes over in the time of one, where a line asks for help."""

_TOKEN = re.compile(r'[\[{,]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)

_LONG_CELL = f"it has more than {LARGEST_CELL:,} characters; write it as several cells, or load long data from a file"
_LONG_CODE = f"the notebook has more than {LARGEST_CODE:,} characters of code; take out what no question needs"
_MANY_STATEMENTS = f"the notebook has more than {MOST_STATEMENTS:,} statements; take out what no question needs"
_MANY_SCOPES = (
    f"one statement has more than {MOST_SCOPES} functions, lambdas and comprehensions in it; write it as several"
)
_MANY_MAGICS = (
    f"the cells that are no plain Python, times their magics and shell lines, have more than {MOST_PASSES:,} "
    "characters; put magics and shell lines into short cells of their own"
)


class UnreadableNotebook(CannotGrade):
    """A file that is no notebook, or is too damaged to find its cells."""


@dataclass(frozen=True)
class Statement:
    """One top-level statement: where it stands, what it binds and what it reads."""

    position: int
    """Index among all statements of the notebook."""
    cell: int
    line: int
    source: str
    binds: frozenset[str]
    """Names it gives a value to."""
    reads: frozenset[str]
    """Global names it uses, inside the functions it defines too."""
    touches: frozenset[str]
    """Names whose things it changes without binding them: `net.scale = 2`, `layers.append(...)`."""
    defines: str | None
    """The function or class that it defines, by `def`, `class`, or a name given to a function."""
    stub: bool
    """Whether that function does nothing but raise NotImplementedError."""
    loops: bool
    """Whether it is a loop: skipped where the names it binds are bound elsewhere too."""
    imports: bool
    modules: tuple[str, ...]
    """The modules that it imports by their full names."""
    kind: str
    """What it defines if it defines something: a function or a class."""
    bases: tuple[str, ...]
    """The classes that a class stands on, as they are written."""
    words: frozenset[str]
    """Identifiers that occur in it."""

    @property
    def step(self) -> Step:
        """The statement as a session runs it."""
        return Step(self.cell, self.line, self.source)


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


@dataclass(frozen=True)
class SyntaxFault:
    """A cell that can't be taken apart: it is no Python, or more than is read."""

    cell: int
    line: int
    """Which line says so; 0 if it is Python, but more than is read."""
    message: str
    """What Python says, or the bound and what to do."""

    @property
    def reason(self) -> str:
        """Why it can't run, as the end of a sentence."""
        return f"line {self.line} is not valid Python ({self.message})" if self.line else self.message


class Notebook:
    """A notebook's cells and statements."""

    def __init__(self, content: dict[str, Any], path: str = "") -> None:
        self.content = content
        self.path = path
        self.cells = tuple(_cells(content))
        self.syntax_faults: list[SyntaxFault] = []
        self.statements: tuple[Statement, ...] = tuple(self._statements())

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

    def definitions(self, name: str) -> list[Statement]:
        """List the statements that define a function or class by this name, stubs left out where there are others.

        A name that is never given a function by `def`, `class`, `lambda` or as an alias may still get one by a call.
        """
        found = self._defining.get(name) or [s for s in self._binding.get(name, []) if not s.imports]
        return [s for s in found if not s.stub] or found

    def definition(self, name: str, before_cell: int | None = None, like: Notebook | None = None) -> Statement | None:
        """Choose the definition that counts: the last one above `before_cell`.

        Where nothing says above which cell, it is the last of those that are built as `like` builds that name: a
        notebook may write one class in several styles, each for another lesson.
        """
        found = self.definitions(name)
        above = [s for s in found if before_cell is not None and s.cell <= before_cell]
        if above:
            return above[-1]
        if like is not None and len(found) > 1 and (model := like.definition(name)):
            nearest = max(_resemblance(s, model) for s in found)
            found = [s for s in found if _resemblance(s, model) == nearest]
        return found[-1] if found else None

    def stand_in(self, name: str, like: Notebook) -> str | None:
        """Find what was written in place of a name that is nowhere defined: the same but for case and underscores."""
        model = like.definition(name)
        if name in self._defining or self.broken_definition(name) or model is None:
            return None
        near = [
            other
            for other, found in self._defining.items()
            if _plain(other) == _plain(name) and not found[-1].stub and found[-1].kind == model.kind
        ]
        if len(near) != 1 or any(near[0] in s.reads for s in self._binding.get(name, [])):
            return None
        return near[0]

    def renamed(self, names: Mapping[str, str]) -> Notebook:
        """Copy this notebook, with statements added that give functions the names they were asked for."""
        added: list[Statement] = []
        for name, stand_in in names.items():
            written = self._defining[stand_in][-1]
            (alias,) = _taken_apart(f"{name} = {stand_in}")
            place = len(self.statements) + len(added)
            added.append(replace(alias, defines=name, position=place, cell=written.cell, line=written.line))
        notebook = copy.copy(self)
        notebook.statements += tuple(added)
        for found in ("words", "_defining", "_binding", "_touching"):
            notebook.__dict__.pop(found, None)
        return notebook

    def needed(
        self, names: Iterable[str], before_cell: int | None = None, like: Notebook | None = None
    ) -> list[Statement]:
        """List the statements that these names depend on, followed through the source, in order.

        Loops and whatever else the names don't depend on is left out: a training loop costs nothing.
        `like` tells which of several definitions is meant, as in :meth:`definition`.
        """
        graded = set(names)
        waiting, seen = list(graded), set(graded)
        chosen: dict[int, Statement] = {}
        while waiting:
            name = waiting.pop()
            found = self._behind(name, name in graded, before_cell, like)
            if not found and "*" not in seen:  # it may come from any `from module import *`
                seen.add("*")
                found = self._binding.get("*", [])
            for statement in found:
                if statement.position in chosen:
                    continue
                chosen[statement.position] = statement
                for read in itertools.chain(statement.reads, statement.touches):
                    if read not in seen:
                        seen.add(read)
                        waiting.append(read)
        return [chosen[position] for position in sorted(chosen)]

    def place(self, cell: int, line: int) -> str:
        """Say where a line stands, and what it says, for a message to the notebook's author."""
        try:
            text = _plain_lines(self.cells[cell].source).split("\n")[line - 1].strip()[:100]
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

    def _behind(self, name: str, graded: bool, before_cell: int | None, like: Notebook | None) -> list[Statement]:
        """The statements that give a name its value, and those that change it afterwards."""
        if graded or name in self._defining:
            definition = self.definition(name, before_cell, like)
            bound = [definition] if definition else []
        else:  # a variable may build on what it was before, but not by way of a loop if it can be had without
            bound = self._binding.get(name, [])
            bound = [s for s in bound if before_cell is None or s.cell <= before_cell] or bound
            bound = [s for s in bound if not s.loops] or bound
        if not bound:
            return []
        touched = [s for s in self._touching.get(name, []) if not s.loops and s.position > bound[0].position]
        return bound + [s for s in touched if before_cell is None or s.cell <= before_cell]

    @cached_property
    def _defining(self) -> dict[str, list[Statement]]:
        """Function or class -> the statements that define it: looked up, because a notebook may have thousands."""
        return _index((s, [s.defines] if s.defines else []) for s in self.statements)

    @cached_property
    def _binding(self) -> dict[str, list[Statement]]:
        """Name -> the statements that give it a value."""
        return _index((s, s.binds) for s in self.statements)

    @cached_property
    def _touching(self) -> dict[str, list[Statement]]:
        """Name -> the statements that change its thing without binding it."""
        return _index((s, s.touches) for s in self.statements)

    def _statements(self) -> Iterator[Statement]:
        room, position = _Room(), 0
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


class _Room:
    """How much may still be taken apart of a notebook's code."""

    def __init__(self) -> None:
        self._characters, self._passes, self._statements = LARGEST_CODE, MOST_PASSES, MOST_STATEMENTS

    def read(self, source: str) -> tuple[Statement, ...]:
        """Take a cell apart.

        Raises:
            Unreadable: if it is no Python, or there is no room for it.
        """
        if len(source) > LARGEST_CELL:
            raise Unreadable(_LONG_CELL)
        self._characters -= len(source)
        if self._characters < 0:
            raise Unreadable(_LONG_CODE)
        python = _plain_python(source)
        found = _parsed(python)
        if found is None:
            self._passes -= _passes(python)
            if self._passes < 0:
                raise Unreadable(_MANY_MAGICS)
            found = _transformed(python)
        if len(found) > self._statements:
            raise Unreadable(_MANY_STATEMENTS)
        self._statements -= len(found)
        return found


def read(path: Path) -> Notebook:
    """Read a notebook file, whatever its encoding and notebook format version.

    Raises:
        UsageError: if there is no such file.
        UnreadableNotebook: if it can't be read as a notebook; the sentence says why and what to do.
    """
    readable(path)
    try:
        data = contents(path, LARGEST)
    except OSError as error:
        raise UnreadableNotebook(f"{path} can't be read: {error.strerror or error}.") from None
    return parse(data, str(path))


def contents(path: Path, most: int) -> bytes:
    """Read a file of at most `most` bytes that somebody handed in: a plain file, never a pipe or a device.

    Raises:
        UnreadableNotebook: if it is larger.
        OSError: if it can't be read, or is no plain file.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no plain file")
        data = file.read(most + 1)
    if len(data) > most:
        raise UnreadableNotebook(
            f"{path} has {status.st_size // 2**20} MiB, and notebooks are read up to {most // 2**20} MiB. "
            "Clear its outputs and save it again."
        )
    return data


def readable(path: Path) -> None:
    """Check that there is a file to read.

    Raises:
        UsageError: if there is none, or it is a folder.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Name a notebook file, one that ends in .ipynb.")
    if not path.exists():
        raise UsageError(f"There is no file {path}. Check the path, or list the folder it should be in.")


def parse(data: bytes, path: str = "") -> Notebook:
    """Read a notebook from its bytes.

    Raises:
        UnreadableNotebook: as :func:`read`.
    """
    if not data.strip():
        raise UnreadableNotebook(f"{path} is empty. Save the notebook again and hand in the new file.")
    try:
        text = _decoded(data)
        if _tokens_exceed(text, MOST_TOKENS):
            raise UnreadableNotebook(
                f"{path} has more than {MOST_TOKENS:,} values, and notebooks are read up to that many. "
                "Clear its outputs and save it again."
            )
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableNotebook(
            f"{path} is not a notebook: its text breaks off or is not JSON{place}. "
            "Open it in Jupyter, save it, and hand in the saved file."
        ) from None
    if not isinstance(content, dict) or not ("cells" in content or "worksheets" in content):
        raise UnreadableNotebook(f"{path} is JSON, but not a notebook: it has no cells. Hand in the .ipynb file.")
    if "cells" not in content:
        content = _upgraded(content, path)
    if isinstance(content["cells"], list) and len(content["cells"]) > MOST_CELLS:
        raise UnreadableNotebook(
            f"{path} has {len(content['cells']):,} cells, and notebooks are read up to {MOST_CELLS:,}. "
            "Take out the cells that no question needs, and hand it in again."
        )
    try:
        return Notebook(content, path)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError, MemoryError) as error:
        raise UnreadableNotebook(
            f"{path} is a damaged notebook ({type(error).__name__}). Open it in Jupyter, save it, and hand that in."
        ) from None


def _tokens_exceed(text: str, most: int) -> bool:
    """Whether JSON has more texts, opening brackets and commas than that, those inside of texts not counted."""
    if len(text) <= most or sum(map(text.count, '",[{')) <= most:  # pictures are few texts
        return False
    return next(itertools.islice(_TOKEN.finditer(text), most, None), None) is not None


def steps(statements: Sequence[Statement]) -> list[Step]:
    """The statements as a session runs them."""
    return [statement.step for statement in statements]


def _decoded(data: bytes) -> str:
    """Decode by the byte order mark if there is one, as UTF-8 if it is that, else as Latin-1, which always works."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _upgraded(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Bring a notebook of format 3 or older, whose cells stand in worksheets, to format 4."""
    import nbformat

    try:
        return dict(nbformat.convert(nbformat.from_dict(content), 4))
    except Exception:
        raise UnreadableNotebook(
            f"{path} is in an old notebook format and can't be converted. Open it in Jupyter and save it."
        ) from None


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


def _plain_python(source: str) -> str:
    """A cell without the first line that only looks on, its lines ended as Python ends them."""
    source = _plain_lines(source)
    if timed := _TIMED.match(source):
        source = "\n" * timed[0].count("\n") + source[timed.end() :]
    return source


def _plain_lines(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source


def _passes(source: str) -> int:
    """Characters that IPython goes through until no magic is left; where a line asks for help, it looks further.

    None where it has nothing to change.
    """
    lines = source.splitlines()
    text = "\n".join(lines)
    magics = len(_MAGIC.findall(text))
    if not (magics or _PROMPTED.search(text)):
        return 0
    asked = max(map(len, lines)) if _ASKS.search(text) else 0
    return (1 + magics) * len(source) * (1 + asked // _ASKING)


@kept(1 << 18)
def _parsed(source: str) -> tuple[Statement, ...] | None:
    """The statements of a cell's text, most cells of a class's notebooks being the same; None if it is IPython's.

    Raises:
        Unreadable: if it can't be taken apart.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        if _passes(source):
            return None
        raise
    return _of_tree(tree, source)


@kept(1 << 16)
def _transformed(source: str) -> tuple[Statement, ...]:
    """The statements of a cell that IPython makes Python of: magics and shell lines are calls of get_ipython().

    Raises:
        Unreadable: if it can't be taken apart, or is no Python even then.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    return _taken_apart(str(TransformerManager().transform_cell(source)))


def _taken_apart(python: str) -> tuple[Statement, ...]:
    return _of_tree(ast.parse(python), python)


def _of_tree(tree: ast.Module, python: str) -> tuple[Statement, ...]:
    if len(tree.body) > MOST_STATEMENTS:
        raise Unreadable(_MANY_STATEMENTS)
    lines = _Lines(python)
    return tuple(_statement(node, lines) for node in tree.body)


class _Lines:
    """A text that pieces are cut out of by the places that syntax trees name: line, and bytes in that line."""

    _REST = re.compile(rb"[ \t\f]*(?:;[ \t\f]*)?(?:#[^\n]*)?(?:\n|\Z)")

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        self._starts = [0, *(end.end() for end in re.finditer(b"\n", self._bytes)), len(self._bytes) + 1]

    def cut(self, node: ast.stmt | ast.expr) -> str:
        """The text of a node alone."""
        return self._between(self._starts[node.lineno - 1] + node.col_offset, self._end(node))

    def statement(self, node: ast.stmt) -> tuple[str, int]:
        """A statement's own lines, with its decorators and comments, and which is the first; less if it shares one."""
        marks = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(mark.lineno for mark in marks)])
        if (node.col_offset and not marks) or not self._REST.match(self._bytes, self._end(node)):
            return self.cut(node), first
        return self._between(self._starts[first - 1], self._starts[node.end_lineno or node.lineno] - 1), first

    def _end(self, node: ast.stmt | ast.expr) -> int:
        return self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def _between(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode()


def _statement(node: ast.stmt, lines: _Lines) -> Statement:
    text, line = lines.statement(node)
    parts = list(ast.walk(node))
    if sum(isinstance(part, _SCOPES) for part in parts) > MOST_SCOPES:
        raise Unreadable(_MANY_SCOPES)
    words = frozenset(_words(parts))
    binds, reads = _names(text)
    if "*" in words:
        binds |= {"*"}
    bases = [lines.cut(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
    return Statement(
        position=0,
        cell=0,
        line=line,
        source=text,
        binds=binds,
        reads=reads,
        touches=frozenset(_touched(node)) - binds,
        defines=_defines(node),
        stub=isinstance(node, ast.FunctionDef | ast.ClassDef) and _is_stub(node),
        loops=isinstance(node, ast.For | ast.While | ast.AsyncFor),
        imports=isinstance(node, ast.Import | ast.ImportFrom),
        modules=tuple(_modules(node)),
        kind="class" if isinstance(node, ast.ClassDef) else "function",
        bases=tuple(base for base in bases if base != "object"),
        words=words,
    )


_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a statement binds at the top level, and global names that it reads at any depth."""
    try:
        table = _symtable.symtable(text, "<cell>", "exec")
    except (SyntaxError, RecursionError):  # such as `nonlocal` outside a function: it can't run either
        return frozenset(), frozenset()
    local, used = _symtable.DEF_LOCAL, _symtable.USE
    binds = {name for name, flags in table.symbols.items() if flags & (local | _symtable.DEF_IMPORT)}
    reads = {name for name, flags in table.symbols.items() if flags & used}
    used_as = {_symtable.GLOBAL_IMPLICIT: used, _symtable.GLOBAL_EXPLICIT: used | local}
    scopes = list(table.children)
    while scopes:
        scope = scopes.pop()
        scopes.extend(scope.children)
        for name, flags in scope.symbols.items():
            kind = flags >> _symtable.SCOPE_OFF & _symtable.SCOPE_MASK
            if flags & used_as.get(kind, 0):
                reads.add(name)
    return frozenset(binds), frozenset(reads)


def _modules(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _index(named: Iterable[tuple[Statement, Iterable[str]]]) -> dict[str, list[Statement]]:
    """Statements by name, each list in the order of the notebook."""
    found: dict[str, list[Statement]] = {}
    for statement, names in named:
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


def _words(parts: Iterable[ast.AST]) -> Iterator[str]:
    for part in parts:
        for name in ("id", "attr", "name", "arg"):
            word = getattr(part, name, None)
            if isinstance(word, str):
                yield word


def _touched(node: ast.stmt) -> Iterator[str]:
    """Names whose attributes or entries a statement sets, or whose methods it calls for their effect."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    for target in targets:
        root = target
        while isinstance(root, ast.Attribute | ast.Subscript | ast.Starred):
            root = root.value
        if isinstance(root, ast.Name) and root is not target:
            yield root.id


def _defines(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        callable_value = isinstance(node.value, ast.Lambda | ast.Attribute)
        return node.targets[0].id if callable_value else None
    return None


def _resemblance(statement: Statement, model: Statement) -> int:
    """How near a definition's form is to the model's: its bases count, `torch.nn.Module` and `nn.Module` being near."""
    if statement.kind != model.kind:
        return 0
    if statement.bases == model.bases:
        return 3
    return 1 + (bool(statement.bases) and _dotted(statement.bases) == _dotted(model.bases))


def _dotted(bases: tuple[str, ...]) -> list[tuple[bool, str]]:
    return [("." in base, base.rsplit(".", 1)[-1]) for base in bases]


def _plain(name: str) -> str:
    return name.strip("_").lower()


def _is_stub(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function's body does nothing but raise NotImplementedError; a class's methods, but for __init__."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if isinstance(node, ast.ClassDef):
        methods = [part for part in body if isinstance(part, ast.FunctionDef)]
        open_ones = [method.name for method in methods if _is_stub(method)]
        return bool(open_ones) and {method.name for method in methods} - {*open_ones} <= {"__init__"}
    if len(body) != 1 or not isinstance(body[0], ast.Raise) or body[0].exc is None:
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
