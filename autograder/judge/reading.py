"""What the text of a statement shows of how its functions compute: its nodes, its names, and what they stand for."""

from __future__ import annotations

import ast
import contextlib
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.notebook import Unreadable, kept, nodes

LARGEST = 1 << 15
"""Characters of all statements behind one answer that are read: those of a lesson have two thousand."""

Function = ast.FunctionDef | ast.Lambda


@dataclass(frozen=True)
class Reading:
    """One statement."""

    nodes: tuple[ast.AST, ...]
    functions: tuple[Function, ...]
    names: frozenset[str]
    """That may stand for a function in it."""
    bound: frozenset[str]
    """That it gives to things of its own."""
    attributes: frozenset[str]
    aliases: Mapping[str, str]
    """Name -> what was imported under it, or given to it, with dots."""
    stars: frozenset[str]
    """Modules that everything is imported from."""
    texts: Mapping[str, str]
    """Name -> the text that it is given."""
    runs: tuple[ast.Call, ...]
    """Where it hands a text to exec or eval."""

    def line(self, node: ast.AST) -> int:
        """Where a node stands, 1 being the statement's first line."""
        return int(getattr(node, "lineno", 1))


@dataclass(frozen=True)
class Behind:
    """All statements behind one answer, each with its place: which one it is, and the line that a text was run on."""

    readings: tuple[tuple[int, int, Reading], ...]
    names: frozenset[str]
    bound: frozenset[str]
    aliases: Mapping[str, str]
    stars: frozenset[str]

    def place(self, index: int, at: int, reading: Reading, node: ast.AST) -> tuple[int, int]:
        """Which statement a node stands in, and on which of its lines."""
        return index, at or reading.line(node)

    def dotted(self, node: ast.AST) -> str:
        """What an expression names, with dots and by its full name: `np.polyfit` is numpy.polyfit; or nothing."""
        parts: list[str] = []
        while not isinstance(node, ast.Name):
            node, name = part(node)
            if not name:
                return ""
            parts.append(name)
        root = node.id
        for _ in range(4):
            known = self.aliases.get(root.partition(".")[0])
            if known is None or known == root.partition(".")[0]:
                break
            root = ".".join([known, *root.split(".")[1:]])
        return ".".join([root, *reversed(parts)])


def behind(sources: Sequence[str]) -> Behind:
    """Read the statements behind an answer.

    Raises:
        Unreadable: if they can't be read.
    """
    if sum(map(len, sources)) > LARGEST:
        raise Unreadable(f"the statements behind it have more than {LARGEST:,} characters")
    found = [(index, 0, read(source)) for index, source in enumerate(sources)]
    texts = ChainMap(*(dict(each.texts) for _, _, each in found))
    run: set[str] = set()
    for index, line, reading in found:  # grows meanwhile
        for call in reading.runs:
            python = (text(call.args[0], texts) or "").strip()
            if python and python not in run:
                run.add(python)
                if sum(map(len, run)) > LARGEST:
                    raise Unreadable(f"the texts that it runs have more than {LARGEST:,} characters")
                with contextlib.suppress(Unreadable):  # then it can't run, either
                    found.append((index, line or call.lineno, read(python)))
    readings = [reading for _, _, reading in found]
    return Behind(
        tuple(found),
        frozenset().union(*(each.names for each in readings)),
        frozenset().union(*(each.bound for each in readings)),
        ChainMap(*(dict(each.aliases) for each in readings), {"np": "numpy"}),
        frozenset().union(*(each.stars for each in readings)),
    )


@kept(1 << 17)
def read(source: str) -> Reading:
    """Read one statement.

    Raises:
        Unreadable: if it can't be taken apart.
    """
    tree = ast.parse(source)
    found = nodes(tree)
    if any(map(_Plainly.changes, found)):
        found = nodes(_Plainly().visit(tree))
    functions = tuple(node for node in found if isinstance(node, ast.FunctionDef | ast.Lambda))
    names = {function.name for function in functions if isinstance(function, ast.FunctionDef)}
    names |= {argument.arg for function in functions for argument in function.args.args}
    aliases, texts = dict[str, str](), dict[str, str]()
    stars, bound = set[str](), set[str]()
    for node in found:
        match node:
            case ast.Assign(targets=[*targets], value=ast.Lambda()):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() | ast.Name() as value):
                if chain := _chain(value):
                    aliases.setdefault(name, chain)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(constant))):
                texts[name] = constant
            case ast.Import(names=imported):
                for each in imported:
                    aliases[each.asname or each.name.partition(".")[0]] = (
                        each.name if each.asname else each.name.partition(".")[0]
                    )
            case ast.ImportFrom(names=imported, module=str(module)):
                stars |= {module for each in imported if each.name == "*"}
                aliases |= {each.asname or each.name: f"{module}.{each.name}" for each in imported}
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
    attributes = frozenset(node.attr for node in found if isinstance(node, ast.Attribute))
    shown = frozenset(names), frozenset(bound), attributes, aliases, frozenset(stars)
    runs = tuple(node for node in found if isinstance(node, ast.Call) and _runs(node))
    return Reading(tuple(found), functions, *shown, texts, runs)


def text(node: ast.AST, given: Mapping[str, str] | None = None) -> str | None:
    """A text that is put together of constants: `"gr" + "ad"`, `"".join(["gr", "ad"])`, `"darg"[::-1]`; or None."""
    found: str | None = None
    match node:
        case ast.Constant(value=str(found)):
            pass
        case ast.Name(id=name):
            found = (given or {}).get(name)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = text(left, given), text(right, given)
            found = None if one is None or other is None or len(one) > LARGEST else one + other
        case ast.JoinedStr(values=values):
            found = _joined("", values, given)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            found = text(value, given)
        case ast.Call(
            func=ast.Attribute(value=between, attr="join"), args=[ast.List(elts=parts) | ast.Tuple(elts=parts)]
        ):
            found = None if (sign := text(between, given)) is None else _joined(sign, parts, given)
        case ast.Subscript(
            value=value,
            slice=ast.Slice(lower=None, upper=None, step=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(1))),
        ):
            found = None if (forwards := text(value, given)) is None else forwards[::-1]
    return found


def _joined(sign: str, parts: Sequence[ast.AST], given: Mapping[str, str] | None) -> str | None:
    found = [text(part, given) for part in parts]
    known = [part for part in found if part is not None]
    return sign.join(known) if len(known) == len(found) and sum(map(len, known)) <= LARGEST else None


def _chain(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def part(node: ast.AST) -> tuple[ast.AST, str]:
    """What an attribute is taken of, and its name: `a.b`, `getattr(a, "b")`, `vars(a)["b"]`, `a.__dict__["b"]`."""
    match node:
        case ast.Attribute(value=value, attr=name):
            return value, name
        case ast.Call(func=ast.Name(id="getattr"), args=[value, named, *_]):
            return value, text(named) or ""
        case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[value]), slice=named):
            return value, text(named) or ""
        case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__"), slice=named):
            return value, text(named) or ""
    return node, ""


def _runs(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="exec" | "eval" | "compile"), args=[_, *_]):
            return True
    return False


class _Plainly(ast.NodeTransformer):
    """Writes `torch.sub(a, b)`, `a.sub(b)` and `a -= b` as `a - b`, and so for quotients and products."""

    signs: Mapping[str, type[ast.operator]] = {
        **dict.fromkeys(("sub", "subtract", "sub_", "subtract_"), ast.Sub),
        **dict.fromkeys(("div", "divide", "true_divide", "div_", "divide_"), ast.Div),
        **dict.fromkeys(("mul", "multiply", "mul_", "multiply_"), ast.Mult),
        **dict.fromkeys(("add", "add_"), ast.Add),
    }

    @classmethod
    def changes(cls, node: ast.AST) -> bool:
        """Whether a node is one that may be written otherwise."""
        return isinstance(node, ast.AugAssign) or (isinstance(node, ast.Attribute) and node.attr in cls.signs)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Write a call as what it computes."""
        self.generic_visit(node)
        called = node.func
        if not (isinstance(called, ast.Attribute) and called.attr in self.signs) or node.keywords:
            return node
        module = isinstance(called.value, ast.Name) and called.value.id in {"torch", "np", "numpy", "operator"}
        sides = node.args if module else [called.value, *node.args]
        if len(sides) != 2:
            return node
        return ast.copy_location(ast.BinOp(sides[0], self.signs[called.attr](), sides[1]), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Write `a -= b` as `a = a - b`."""
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            before: ast.expr = ast.Name(node.target.id, ast.Load())
        elif isinstance(node.target, ast.Subscript):
            before = ast.Subscript(node.target.value, node.target.slice, ast.Load())
        else:
            return node
        after = ast.copy_location(ast.BinOp(before, node.op, node.value), node)
        return ast.copy_location(ast.Assign([node.target], after), node)
