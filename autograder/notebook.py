"""A notebook as the grader reads it: its cells, what each statement defines, and what a function depends on.

Nothing is run here. A notebook that is damaged is read as far as it goes, and what is wrong with it is said.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import stat
import symtable
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.errors import CannotGrade, UsageError
from autograder.jail.session import Step

LARGEST = 64 * 1024 * 1024
"""Bytes of a notebook file that are read: one with every picture of a course in it is far smaller."""

LARGEST_CELL, LARGEST_CODE = 1 << 18, 1 << 20
"""Characters of code that are taken apart, in a cell and in all: more than any person writes in a lesson."""

MAGICS = 40
"""Magics and shell lines that one cell may have."""

_TIMED = re.compile(r"\s*%%(time|timeit|prun|capture|memit|mprun|lprun)\b[^\n]*")
"""A first line that runs the cell as it stands, and looks on."""

_MAGIC = re.compile(r"^[ \t]*[%!?,;/]|=[ \t]*[%!]|\?[ \t]*$", re.MULTILINE)
_TOO_LONG = "it is too long to have been written by hand"
_TOO_DEEP = "it is nested too deeply, or has too many magics"


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
    """A cell that is not Python: which line says so, and what Python says."""

    cell: int
    line: int
    message: str


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
            if _plain(other) == _plain(name) and not found[-1].stub and _form(found[-1]).kind == _form(model).kind
        ]
        if len(near) != 1 or any(near[0] in s.reads for s in self._binding.get(name, [])):
            return None
        return near[0]

    def renamed(self, names: Mapping[str, str]) -> Notebook:
        """Copy this notebook, with statements added that give functions the names they were asked for."""
        added: list[Statement] = []
        for name, stand_in in names.items():
            written = self._defining[stand_in][-1]
            text = f"{name} = {stand_in}"
            alias = replace(_statement(ast.parse(text).body[0], [text]), defines=name)
            place = len(self.statements) + len(added)
            added.append(replace(alias, position=place, cell=written.cell, line=written.line))
        notebook = Notebook(self.content, self.path)
        notebook.statements += tuple(added)
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
            for statement in self._behind(name, name in graded, before_cell, like):
                if statement.position in chosen:
                    continue
                chosen[statement.position] = statement
                for read in (statement.reads | statement.touches) - seen:
                    seen.add(read)
                    waiting.append(read)
        return [chosen[position] for position in sorted(chosen)]

    def place(self, cell: int, line: int) -> str:
        """Say where a line stands, and what it says, for a message to the notebook's author."""
        try:
            text = self.cells[cell].source.split("\n")[line - 1].strip()[:100]
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
            return self._binding.get("*", [])
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
        position, room = 0, LARGEST_CODE
        for cell in self.cells:
            if cell.kind != "code" or "skip-execution" in cell.tags:
                continue
            room -= len(cell.source)
            if len(cell.source) > LARGEST_CELL or room < 0:
                self.syntax_faults.append(SyntaxFault(cell.index, 1, _TOO_LONG))
                continue
            found = _parsed(cell.source)
            if isinstance(found, SyntaxFault):
                self.syntax_faults.append(replace(found, cell=cell.index))
                continue
            for statement in found:
                yield replace(statement, position=position, cell=cell.index)
                position += 1


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
        content = json.loads(_decoded(data))
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
    try:
        return Notebook(content, path)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError, MemoryError) as error:
        raise UnreadableNotebook(
            f"{path} is a damaged notebook ({type(error).__name__}). Open it in Jupyter, save it, and hand that in."
        ) from None


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


def _python(source: str) -> str:
    """Turn a cell into Python: magics and shell lines become calls of get_ipython(), `%%time` and its kind go."""
    if timed := _TIMED.match(source):
        source = "\n" * timed[0].count("\n") + source[timed.end() :]
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        if len(_MAGIC.findall(source)) > MAGICS:  # each would be a pass over the whole cell
            raise RuntimeError("too many magics") from None
        return str(TransformerManager().transform_cell(source))
    return source


@functools.lru_cache(maxsize=1024)
def _parsed(source: str) -> tuple[Statement, ...] | SyntaxFault:
    """The statements of a cell's text; kept, because most cells of a class's notebooks are the same locked ones."""
    try:
        with warnings.catch_warnings():  # about the student's code: they would be printed here
            warnings.simplefilter("ignore")
            python = _python(source)
            lines = python.split("\n")
            return tuple(_statement(node, lines) for node in ast.parse(python).body)
    except (RuntimeError, MemoryError):  # RecursionError among them
        return SyntaxFault(0, 1, _TOO_DEEP)
    except (SyntaxError, ValueError) as error:
        return SyntaxFault(0, getattr(error, "lineno", None) or 1, str(getattr(error, "msg", error))[:200])


def _statement(node: ast.stmt, lines: Sequence[str]) -> Statement:
    text, line = _text(node, lines)
    binds, reads = _names(text)
    defines = _defines(node)
    return Statement(
        position=0,
        cell=0,
        line=line,
        source=text,
        binds=binds,
        reads=reads,
        touches=frozenset(_touched(node)) - binds,
        defines=defines,
        stub=isinstance(node, ast.FunctionDef | ast.ClassDef) and _is_stub(node),
        loops=isinstance(node, ast.For | ast.While | ast.AsyncFor),
        imports=isinstance(node, ast.Import | ast.ImportFrom),
        words=frozenset(_words(node)),
    )


def _text(node: ast.stmt, lines: Sequence[str]) -> tuple[str, int]:
    """A statement's own source and its first line, decorators included."""
    first = min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])
    block = "\n".join(lines[first - 1 : node.end_lineno])
    try:
        if len(ast.parse(block).body) == 1:
            return block, first
    except SyntaxError:
        pass
    return ast.unparse(node), first  # it shares its line with another statement


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a statement binds at the top level, and global names that it reads at any depth."""
    try:
        table = symtable.symtable(text, "<cell>", "exec")
    except (SyntaxError, RecursionError):  # such as `return` outside a function: it can't run either
        return frozenset(), frozenset()
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    if "import *" in text:
        binds.add("*")
    reads = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    scopes = list(table.get_children())
    while scopes:
        scope = scopes.pop()
        scopes.extend(scope.get_children())
        for symbol in scope.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                reads.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                reads.add(symbol.get_name())
    return frozenset(binds), frozenset(reads)


def _index(named: Iterable[tuple[Statement, Iterable[str]]]) -> dict[str, list[Statement]]:
    """Statements by name, each list in the order of the notebook."""
    found: dict[str, list[Statement]] = {}
    for statement, names in named:
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


def _words(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
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


@dataclass(frozen=True)
class _Form:
    """How a name is defined: as a function or a class, and on which bases."""

    kind: str
    bases: tuple[str, ...]


def _form(statement: Statement) -> _Form:
    return _form_of(statement.source)


@functools.lru_cache(maxsize=1024)
def _form_of(source: str) -> _Form:
    node = ast.parse(source).body[0]
    if not isinstance(node, ast.ClassDef):
        return _Form("function", ())
    bases = (ast.unparse(base) for base in node.bases)
    return _Form("class", tuple(base for base in bases if base != "object"))


def _resemblance(statement: Statement, model: Statement) -> int:
    """How near a definition's form is to the model's: its bases count, `torch.nn.Module` and `nn.Module` being near."""
    form, wanted = _form(statement), _form(model)
    if form.kind != wanted.kind:
        return 0
    if form.bases == wanted.bases:
        return 3
    return 1 + (bool(form.bases) and _dotted(form.bases) == _dotted(wanted.bases))


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
