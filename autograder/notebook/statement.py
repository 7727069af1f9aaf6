"""A statement of a cell: where it stands, what it binds and what it reads. Nothing is run here.

What is damaged is read as far as it goes; what is more than any person writes is passed over, and that is said.
"""

from __future__ import annotations

import _symtable  # type: ignore[import-not-found]  # symtable itself looks through all functions for each name
import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograder.jail import Step
from autograder.notebook.alias import Alias, alias, makes, target
from autograder.notebook.change import patched, touched
from autograder.notebook.text import Unreadable, kept, taking_apart

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

_LONG_CELL = f"it has more than {LARGEST_CELL:,} characters; split it into several cells, or load long data from a file"
_LONG_CODE = f"the notebook has more than {LARGEST_CODE:,} characters of code; delete what no question needs"
_MANY_STATEMENTS = f"the notebook has more than {MOST_STATEMENTS:,} statements; delete what no question needs"
_MANY_SCOPES = (
    f"one statement has more than {MOST_SCOPES} functions, lambdas and comprehensions in it; split it into several"
)
_MANY_MAGICS = (
    f"the cells that are not plain Python, times their magics and shell lines, have more than {MOST_PASSES:,} "
    "characters; put magics and shell lines into short cells of their own"
)


@dataclass(frozen=True)
class Takes:
    """How many arguments can be given by their places, and what the parameters are called."""

    fewest: int
    most: float
    names: tuple[str, ...] = ()

    def can_be_called(self, arguments: int) -> bool:
        """Whether so many arguments will do."""
        return self.fewest <= arguments <= self.most


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
    patches: frozenset[tuple[str, str]]
    """Attributes that it gives to things of global names, in its functions too: `torch.Tensor.g = f`, (torch, g)."""
    defines: str | None
    """The function or class that it defines, by `def`, `class`, or a name given to a function."""
    alias: Alias | None
    """The name that it gives to what may be a function of another name."""
    makes: bool
    """Whether it defines something whose calls give what can be called."""
    stub: bool
    """Whether that function does nothing but raise NotImplementedError."""
    unwritten: frozenset[str]
    """Functions and methods (`Class.method`) in it that do nothing else, too."""
    loops: bool
    """Whether it is a loop: skipped where the names it binds are bound elsewhere too."""
    imports: bool
    modules: tuple[str, ...]
    """The modules that it imports by their full names."""
    needs: tuple[str, ...]
    """The modules that are imported anywhere in it, inside functions too."""
    writes: str
    """The text that it writes into a file, as `%%writefile` does."""
    kind: str
    """What it defines if it defines something: a function or a class."""
    bases: tuple[str, ...]
    """The classes that a class stands on, as they are written."""
    words: frozenset[str]
    """Identifiers that occur in it."""
    early: frozenset[str]
    """Global names that it uses while it runs itself, not only when what it defines is called."""
    takes: Mapping[str, Takes] = field(hash=False)
    """What can be given to the function that it defines, by an empty name; to a class's methods, by theirs."""
    brings: bool
    """Whether it may bind names that its text doesn't show: by `exec`, by `globals()`, inside a function."""

    @property
    def step(self) -> Step:
        """The statement as a session runs it."""
        return Step(self.cell, self.line, self.source)


@dataclass(frozen=True)
class SyntaxFault:
    """A cell that can't be taken apart: it is no Python, or more than is read."""

    cell: int
    line: int
    """Which line says so; 0 if it is Python, but more than is read."""
    message: str
    """What Python says, or the bound and what to do."""
    python: str = ""
    """The oldest Python that may parse it, where this one doesn't; nothing where none does."""


class Room:
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
        python = _plain_python(source.removeprefix("\ufeff"))
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


def steps(statements: Sequence[Statement]) -> list[Step]:
    """The statements as a session runs them."""
    return [statement.step for statement in statements]


def _plain_python(source: str) -> str:
    """A cell without the first line that only looks on, its lines ended as Python ends them."""
    source = plain_lines(source)
    if timed := _TIMED.match(source):
        source = "\n" * timed[0].count("\n") + source[timed.end() :]
    return source


def plain_lines(source: str) -> str:
    """A text with its lines ended as Python ends them."""
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

    return taken_apart(str(TransformerManager().transform_cell(source)))


def taken_apart(python: str) -> tuple[Statement, ...]:
    """The statements of a text that is plain Python."""
    return _of_tree(ast.parse(python), python)


def _of_tree(tree: ast.Module, python: str) -> tuple[Statement, ...]:
    if len(tree.body) > MOST_STATEMENTS:
        raise Unreadable(_MANY_STATEMENTS)
    lines = _Lines(python)
    return tuple(_statement(each, lines) for node in tree.body for each in _alone(node))


def _alone(node: ast.stmt) -> Iterator[ast.stmt]:
    """A statement; one that imports several modules, as one for each: what isn't installed costs nothing else."""
    if not isinstance(node, ast.Import) or len(node.names) == 1:
        yield node
        return
    for name in node.names:
        yield ast.copy_location(ast.Import([name]), node)


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
    if isinstance(node, ast.Import) and text.count(","):
        text = ast.unparse(node)
    parts = list(ast.walk(node))
    if sum(isinstance(part, _SCOPES) for part in parts) > MOST_SCOPES:
        raise Unreadable(_MANY_SCOPES)
    words = frozenset(_words(parts))
    binds, reads = _names(text)
    if "*" in words:
        binds |= {"*"}
    binds |= {named[0]} if (named := target(node)) else set()
    needs = [module for part in parts for module in _modules(part)]
    path, written = _written(node)
    reads |= {file_of(module) for module in [*needs, *imported_by(written)]}
    binds |= {file_of(path.removesuffix(".py").replace("/", "."))} if path else set()
    if run := _run(node):
        binds |= {"*"}
        reads |= {file_of(run)}
    bases = [lines.cut(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
    return Statement(
        position=0,
        cell=0,
        line=line,
        source=text,
        binds=binds,
        reads=reads,
        touches=frozenset(touched(node)) - binds,
        patches=frozenset(patched(parts)),
        defines=_defines(node),
        alias=alias(node),
        makes=makes(node),
        stub=isinstance(node, ast.FunctionDef | ast.ClassDef) and _is_stub(node),
        unwritten=frozenset(_unwritten(node)),
        loops=isinstance(node, ast.For | ast.While | ast.AsyncFor),
        imports=isinstance(node, ast.Import | ast.ImportFrom),
        modules=tuple(_modules(node)),
        needs=tuple(dict.fromkeys(needs)),
        writes=written,
        kind="class" if isinstance(node, ast.ClassDef) else "function",
        bases=tuple(base for base in bases if base != "object"),
        words=words,
        early=reads.intersection(_early(node)),
        takes=_takes(node),
        brings=not reads.isdisjoint(_BRINGING) or any(isinstance(part, ast.Global) for part in parts),
    )


_BRINGING = frozenset({"exec", "eval", "globals", "locals", "vars", "setattr", "get_ipython", "__builtins__"})
"""What can bind names that a text doesn't show; magics and shell lines are calls of get_ipython()."""

_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _early(node: ast.stmt) -> Iterator[str]:
    """Names outside of the bodies of functions: in decorators, default values, bases and plain statements."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, _LATER):
            waiting += [*getattr(part, "decorator_list", []), part.args]
        else:
            waiting += ast.iter_child_nodes(part)


def _takes(node: ast.stmt) -> Mapping[str, Takes]:
    if isinstance(node, ast.FunctionDef):
        return {"": _arguments(node.args)}
    if (named := target(node)) and isinstance(named[1], ast.Lambda):
        return {"": _arguments(named[1].args)}
    if isinstance(node, ast.ClassDef):
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        return {method.name: _arguments(method.args, own=1) for method in methods if method.name in CALLED}
    return {}


CALLED = ("__init__", "__call__", "forward")
"""The methods through which a class and its things are called."""


def _arguments(given: ast.arguments, own: int = 0) -> Takes:
    """What is left of a function's parameters without the first `own`."""
    places = [*given.posonlyargs, *given.args]
    needed = len(places) - len(given.defaults) + sum(default is None for default in given.kw_defaults)
    most = float("inf") if given.vararg else max(len(places) - own, 0)
    return Takes(max(needed - own, 0), most, tuple(each.arg for each in places[own:]))


_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a statement binds at the top level, and global names that it reads at any depth."""
    try:
        table = _symtable.symtable(text, "<cell>", "exec")
    except (SyntaxError, RecursionError, ValueError):  # such as `nonlocal` outside a function: it can't run either
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


def file_of(module: str) -> str:
    """The name that stands for a module's text among those that statements bind and read: none of Python's own."""
    return f"{module.partition('.')[0]}.py"


def defined(text: str) -> list[str]:
    """The functions and classes that a file's text defines; none if it is no Python."""
    try:
        with taking_apart():
            return [name for node in ast.parse(text).body if (name := _defines(node))]
    except Unreadable:
        return []


def bound_by(text: str) -> frozenset[str]:
    """The names that a file's text gives a value to; none if it is no Python, or more than is read of a statement."""
    try:
        with taking_apart():
            parts = [[*ast.walk(node)] for node in ast.parse(text).body]
            if any(sum(isinstance(part, _SCOPES) for part in own) > MOST_SCOPES for own in parts):
                return frozenset()
            return _names(text)[0]
    except Unreadable:
        return frozenset()


def writing(path: str, text: str) -> Statement:
    """A statement that writes a text into a file, as `%%writefile` does."""
    (statement,) = taken_apart(f"get_ipython().run_cell_magic('writefile', {path!r}, {text!r})")
    return statement


def _written(node: ast.stmt) -> tuple[str, str]:
    """The path and the text that a statement writes, where it is `%%writefile`."""
    match node:
        case ast.Expr(
            ast.Call(
                ast.Attribute(attr="run_cell_magic"),
                [ast.Constant("writefile" | "file"), ast.Constant(str(line)), ast.Constant(str(text))],
            )
        ) if line.endswith(".py"):
            return line.split()[-1].removeprefix("./"), text
    return "", ""


def _run(node: ast.stmt) -> str:
    """The module whose text a statement runs, where it is `%run`."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(attr="run_line_magic"), [ast.Constant("run"), ast.Constant(str(line))])):
            found = [word.removeprefix("./").removesuffix(".py") for word in line.split() if word[0] != "-"]
            return found[0].replace("/", ".") if found else ""
    return ""


def imported_by(text: str) -> list[str]:
    """The modules that a file's text imports, from its own folder too; none if it is no Python."""
    try:
        with taking_apart():
            return [module for part in ast.walk(ast.parse(text)) for module in _modules(part)] if text else []
    except Unreadable:
        return []


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _words(parts: Iterable[ast.AST]) -> Iterator[str]:
    for part in parts:
        for name in ("id", "attr", "name", "arg"):
            word = getattr(part, name, None)
            if isinstance(word, str):
                yield word


def _defines(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    named = target(node)
    return named[0] if named and isinstance(named[1], ast.Lambda | ast.Attribute) else None


def _unwritten(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and _is_stub(node):
        yield node.name
    if isinstance(node, ast.ClassDef):
        yield from (
            f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef) and _is_stub(part)
        )


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
