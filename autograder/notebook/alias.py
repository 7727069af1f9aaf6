"""A name that is given a function of another name: `sigma = mine`, `sigma = partial(mine, 2)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

CALLED = "()"
"""Stands behind what is called, where a name is given what comes of a call."""

_MAKERS = frozenset(
    {
        *("partial", "attrgetter", "methodcaller", "make_dataclass", "FunctionType", "MethodType"),
        *("compile", "script", "trace", "jit", "njit", "vectorize", "frompyfunc", "vmap", "cache", "lru_cache", "grad"),
    }
)
"""What makes a function, or another one of a function, whichever module it is taken from."""

_OWN_NAMES = frozenset({"globals", "locals", "vars"})


@dataclass(frozen=True)
class Alias:
    """A name, and what it is given: other names, or what comes of calls."""

    name: str
    sources: tuple[str, ...]

    @property
    def by_call(self) -> bool:
        """Whether a call gives it."""
        return any(source.endswith(CALLED) for source in self.sources)


def alias(node: ast.stmt) -> Alias | None:
    """What an assignment gives its one name, if that may be a function of another name."""
    named = target(node)
    found = _sources(named[1]) if named else ()
    return Alias(named[0], found) if named and found else None


def target(node: ast.stmt) -> tuple[str, ast.expr] | None:
    """The one name that an assignment gives a value to, and that value."""
    match node:
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=ast.expr() as value):
            return name, value
        case ast.Assign([ast.Subscript(ast.Call(ast.Name(own), []), ast.Constant(str(name)))], value):
            return (name, value) if own in _OWN_NAMES and name.isidentifier() else None
    return None


def _sources(value: ast.expr) -> tuple[str, ...]:
    """What a value may be a function by: names, and what is called, with brackets behind it; nothing if neither."""
    match value:
        case ast.Name(name):
            return (name,)
        case ast.IfExp(body=one, orelse=other):
            found = _sources(one), _sources(other)
            return found[0] + found[1] if all(found) else ()
        case ast.Call(ast.Call(), [ast.Name(name)], []):  # a decorator with arguments of its own
            return (name,)
        case ast.Call(ast.Name("type"), arguments) if len(arguments) != 3:
            return ()
        case ast.Call(func) if dotted := ".".join(reversed([*_parts(func)])):
            return (dotted + CALLED,)
    return ()


def makes(node: ast.stmt) -> bool:
    """Whether what comes of calling it can be called: a function that returns one of its own, a class with a call."""
    if isinstance(node, ast.ClassDef):
        own = any(isinstance(part, ast.FunctionDef) and part.name == "__call__" for part in node.body)
        return own or any("Module" in [*_parts(base)] for base in node.bases)
    if not isinstance(node, ast.FunctionDef):
        return False
    parts = [*_own_parts(node)]
    inner = {part.name for part in parts if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    values = [part.value for part in parts if isinstance(part, ast.Return)]
    return any(
        isinstance(value, ast.Lambda)
        or (isinstance(value, ast.Name) and value.id in inner)
        or (isinstance(value, ast.Call) and any(known(source) for source in _sources(value)))
        for value in values
    )


def known(source: str) -> bool:
    """Whether what is called makes functions wherever it is used: `functools.partial`, `torch.compile`, `nn.Tanh`."""
    if not source.endswith(CALLED):
        return False
    *path, name = source.removesuffix(CALLED).split(".")
    return name in _MAKERS or source == f"type{CALLED}" or ("nn" in path and name[:1].isupper())


def _parts(expression: ast.expr) -> Iterator[str]:
    """The names of `a.b.c`, the last one first; none of anything else."""
    while isinstance(expression, ast.Attribute):
        yield expression.attr
        expression = expression.value
    if isinstance(expression, ast.Name):
        yield expression.id


def _own_parts(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """What stands in a function's body, without what stands in the functions and classes there."""
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        part = waiting.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(part)
