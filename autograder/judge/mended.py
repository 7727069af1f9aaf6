"""What of a notebook something stood in for, told from its text alone: nothing that runs in a jail has a say in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from autograder.jail import STANDS_IN_FOR
from autograder.notebook import Notebook, Statement, Unreadable, taking_apart

_GPU = re.compile(r"(torch\.)?(cuda|mps|xpu|hpu|npu)(:\d+|\.\w+)?")
_GUARDS = {"is_available", "device_count"}
_COMPILERS = {"compile", "script", "trace"}
_DEBUGGERS = {"breakpoint", "set_trace", "ipdb", "pudb", "embed"}
_WORKERS = {"multiprocessing", "ProcessPoolExecutor", "ThreadPoolExecutor", "ThreadPool", "num_workers"}
_BARS = STANDS_IN_FOR - _DEBUGGERS

_SAID = {
    "bars": "draws progress bars; silent ones that only count were used instead",
    "compilers": "has torch compile functions; they were run uncompiled, with the same values",
    "gpu": "names a GPU, and there is none here; the CPU was used instead",
    "debuggers": "stops for a debugger; that was skipped",
    "workers": "hands work to other processes or threads; it was done in this one",
    "waits": "waits (sleep); the wait was skipped while answers were graded",
}
_NEAR = re.compile(
    r"cuda|mps|xpu|hpu|npu|compile|jit|breakpoint|set_trace|pdb|embed|multiprocessing|PoolExecutor|ThreadPool|"
    rf"num_workers|sleep|{'|'.join(map(re.escape, sorted(_BARS)))}"
)
"""What a text has in it, if it has anything of the above."""


def stood_in(statements: Iterable[Statement], found: Notebook) -> Iterator[str]:
    """Say what stood in for something in these statements, once for each kind, with the first that has it."""
    told: set[str] = set()
    for statement in statements:
        if statement.writes:
            continue
        for kind in _kinds(statement.source):
            if kind not in told:
                told.add(kind)
                lines = enumerate(statement.source.split("\n"), statement.line)
                at = next((number for number, line in lines if _NEAR.search(line)), statement.line)
                yield f"{found.quoted(statement.cell, at)} {_SAID[kind]}."
    for path in sorted(found.files):
        yield f"{path} was read from the folder that was handed in, beside the notebook."


def _kinds(source: str) -> Iterator[str]:
    if not _NEAR.search(source):
        return
    try:
        with taking_apart():
            parts = list(ast.walk(ast.parse(source)))
    except Unreadable:
        return
    words = set(_words(parts))
    if any(map(_GPU.fullmatch, words)) and words.isdisjoint(_GUARDS):
        yield "gpu"
    for kind, known in (("bars", _BARS), ("debuggers", _DEBUGGERS)):
        if not words.isdisjoint(known):
            yield kind
    if "torch" in words and words & {"compile", "jit"} and words & _COMPILERS:
        yield "compilers"
    if words & _WORKERS and not _no_workers(parts):
        yield "workers"
    if any(isinstance(part, ast.Call) and _called(part) == "sleep" for part in parts):
        yield "waits"


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _no_workers(parts: Collection[ast.AST]) -> bool:
    """Whether a loader is told to have no workers, as it has none by itself."""
    asked = [part.value for part in parts if isinstance(part, ast.keyword) and part.arg == "num_workers"]
    return bool(asked) and all(isinstance(value, ast.Constant) and value.value == 0 for value in asked)


def _words(parts: Iterable[ast.AST]) -> Iterator[str]:
    """The names, and the short texts, of a statement; a module's name with and without the one it lies in."""
    for part in parts:
        match part:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.keyword(arg=str(word)):
                yield word
            case ast.Constant(value=str(text)) if len(text) < 40:
                yield text
            case ast.ImportFrom(module=str(module), names=names):
                yield from (module, *module.split("."), *(name.name for name in names))
            case ast.Import(names=names):
                for name in names:
                    yield from (name.name, *name.name.split("."))
