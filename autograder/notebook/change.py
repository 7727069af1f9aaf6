"""What a statement changes without binding it: `net.scale = 2`, `setattr(Relu, "forward", f)`, `torch.Tensor.g = f`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

ANY = "*"
"""Stands for an attribute whose name isn't in the text, and for a thing that no name leads to."""


def touched(node: ast.stmt) -> Iterator[str]:
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
    changed = [_root(target) for target in targets if not isinstance(target, ast.Name)]
    for part in ast.walk(node) if isinstance(node, ast.Expr | ast.For) else ():
        match part:
            case ast.Call(ast.Name("setattr" | "delattr"), [given, *_]):  # in a loop over methods, too
                changed.append(_root(given))
    yield from (root.id for root in changed if isinstance(root, ast.Name))


def patched(parts: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """The attributes that are set in a statement, each with the name at which the way to its thing begins."""
    for part in parts:
        match part:
            case ast.Attribute(value, name, ast.Store()):
                yield _owner(value), name
            case ast.Call(ast.Name("setattr") | ast.Attribute(attr="__setattr__"), [value, named, _]):
                yield _owner(value), str(named.value) if isinstance(named, ast.Constant) else ANY


def _owner(value: ast.expr) -> str:
    """The name at which the way to a thing begins; ANY for somebody's class, which may be a library's."""
    match _root(value, "__class__"):
        case ast.Name(name):
            return name
        case ast.Attribute() | ast.Call(ast.Name("type")):
            return ANY
    return ""


def _root(value: ast.expr, until: str = "") -> ast.expr:
    """Where the way to a thing begins, or the attribute of the name `until` on it."""
    while isinstance(value, ast.Attribute | ast.Subscript | ast.Starred) and getattr(value, "attr", None) != until:
        value = value.value
    return value
