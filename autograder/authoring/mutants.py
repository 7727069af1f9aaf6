"""Mistakes that nobody wrote down: small changes of the reference, made by rule, for the hidden tests to catch."""

from __future__ import annotations

import ast
import copy
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LONGEST_S = 10.0
"""Seconds after which a changed function is ended: it is caught, since it never answers."""


@dataclass(frozen=True)
class Mutant:
    """A definition with one small change."""

    function: str
    before: str
    """The line as it was, as Python writes it."""
    after: str
    """The line as it is now; empty if it was dropped."""
    source: str

    def __str__(self) -> str:
        return (
            f"{self.function}: `{self.before}` as `{self.after}`"
            if self.after
            else f"{self.function}: `{self.before}` dropped"
        )


def mutants(function: str, source: str) -> list[Mutant]:
    """Every change of one operator, constant, index, name, call or statement of a definition, each only once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node, tree):
            changed = copy.deepcopy(tree)
            target = next(other for place, other in enumerate(ast.walk(changed)) if place == number)
            change(target)
            try:
                text = ast.unparse(ast.fix_missing_locations(changed))
                compile(text, "<mutant>", "exec")
            except (SyntaxError, ValueError):
                continue
            if text != original and text not in found:
                found[text] = Mutant(function, *_differing(original, text), text)
    return list(found.values())


@contextmanager
def within(seconds: float = LONGEST_S) -> Iterator[None]:
    """End what runs inside after some seconds by :class:`TimeoutError`, where the platform and the thread allow it.

    Raises:
        TimeoutError: if it takes longer.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_: Any) -> None:
        raise TimeoutError(f"it took more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


Change = Callable[[Any], None]

_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


def _changes(node: ast.AST, tree: ast.Module) -> Iterator[Change]:
    """Changes that can be made at one node."""
    if isinstance(node, ast.Name):
        yield from (_set(id=name) for name in _other_names(tree, node))
    else:
        yield from _RULES.get(type(node), lambda _: ())(node)


def _operation(node: ast.BinOp) -> Iterator[Change]:
    yield from (_set(op=operator()) for operator in _OPERATORS.get(type(node.op), ()))
    yield lambda at: _become(at, at.left)
    yield lambda at: _become(at, at.right)
    if not isinstance(node.op, ast.Add | ast.Mult):  # those commute, for tensors too
        yield lambda at: at.__dict__.update(left=at.right, right=at.left)


def _assignment(node: ast.AugAssign) -> Iterator[Change]:
    yield from (_set(op=operator()) for operator in _OPERATORS.get(type(node.op), ()))
    yield lambda at: _become(at, ast.Assign([at.target], at.value))


def _sign(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.USub):
        yield lambda at: _become(at, at.operand)


def _comparison(node: ast.Compare) -> Iterator[Change]:
    yield from (_set(ops=[comparison()]) for comparison in _COMPARISONS.get(type(node.ops[0]), ()))


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    others: list[object] = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int | float):
        others = [value + 1, value - 1, -value, 0 * value, value / 2]
    yield from (_set(value=other) for other in others if other != value)


def _attribute(node: ast.Attribute) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load) and node.attr in {"T", "mT"}:
        yield lambda at: _become(at, at.value)


def _block(node: ast.FunctionDef | ast.For | ast.If | ast.With) -> Iterator[Change]:
    for place, statement in enumerate(node.body):
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield _drop(place)


def _returned(node: ast.Return) -> Iterator[Change]:
    if isinstance(node.value, ast.Tuple):
        yield from (_exchange(place) for place in range(len(node.value.elts) - 1))


def _call(node: ast.Call) -> Iterator[Change]:
    """The receiver alone, the argument alone, the first two arguments exchanged, an argument left out."""
    method = node.func if isinstance(node.func, ast.Attribute) else None
    if method and not (isinstance(method.value, ast.Name) and method.value.id in _MODULES):
        yield lambda at: _become(at, at.func.value)
    if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
        yield lambda at: _become(at, at.args[0])
    if len(node.args) > 1:
        yield lambda at: at.args.__setitem__(slice(0, 2), at.args[1::-1])
    if node.args and method:
        yield lambda at: at.args.pop()
    for pair in _METHODS:
        if method and method.attr in pair:
            yield _renamed(pair[1 - pair.index(method.attr)])


_MODULES = {"torch", "F", "nn", "math"}
_METHODS = (("sum", "mean"), ("unsqueeze", "squeeze"), ("clamp_min", "clamp_max"), ("max", "min"), ("argmax", "argmin"))


def _other_names(tree: ast.Module, node: ast.Name) -> list[str]:
    """Other arguments and variables of the definition, in place of one of them."""
    names: dict[str, None] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.arg):
            names[part.arg] = None
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names[part.id] = None
    if not isinstance(node.ctx, ast.Load) or node.id not in names or node.id == "self":
        return []
    return [name for name in names if name not in {node.id, "self"}]


def _set(**values: Any) -> Change:
    return lambda at: at.__dict__.update(values)


def _renamed(name: str) -> Change:
    return lambda at: at.func.__dict__.update(attr=name)


def _become(at: ast.AST, other: ast.AST) -> None:
    """Put another node in the place of one that others hold."""
    at.__class__ = other.__class__
    at.__dict__.clear()
    at.__dict__.update(other.__dict__)


def _drop(place: int) -> Change:
    return lambda at: at.body.__setitem__(place, ast.Pass())


def _exchange(place: int) -> Change:
    return lambda at: at.value.elts.__setitem__(slice(place, place + 2), at.value.elts[place : place + 2][::-1])


def _differing(before: str, after: str) -> tuple[str, str]:
    """The first line that differs, before and after; nothing after it where a statement was dropped."""
    for old, new in zip(before.split("\n"), after.split("\n"), strict=False):
        if old != new:
            return old.strip(), "" if new.strip() == "pass" else new.strip()
    return before.strip(), ""


_RULES: dict[type[ast.AST], Callable[[Any], Iterable[Change]]] = {
    ast.BinOp: _operation,
    ast.AugAssign: _assignment,
    ast.UnaryOp: _sign,
    ast.Compare: _comparison,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.FunctionDef: _block,
    ast.For: _block,
    ast.If: _block,
    ast.With: _block,
    ast.Return: _returned,
}
