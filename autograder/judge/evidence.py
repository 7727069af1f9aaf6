"""What a student's own source shows: equal values prove what was computed, and only the source shows how.

A card may say more than its values prove, that something is kept on the class, or returned where it should be set. It
says so where the student's source has it: a fact that is found in the source's tree, a pattern of its lines as Python
writes them, or, where the bank gives neither, the very lines that the mistake consists of.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from autograder.course import Assignment
from autograder.jail import Step
from autograder.judge.bank import Misconception
from autograder.judge.reference import edited, prose, source_of

LONGEST = 20_000
"""Characters of source that are looked through; a longer answer shows nothing."""

NUMBERS, LEAST, MOST = 6, 1e-6, 1e6
"""How many numbers of a source are tried in the place of a mistake's own, and between which sizes."""

Scope = ast.FunctionDef | ast.AsyncFunctionDef


class Evidence:
    """The statements that an answer depends on, as Python writes them; none where they aren't known."""

    def __init__(self, assignment: Assignment, sources: Sequence[Step] | None) -> None:
        self.assignment = assignment
        self.sources = tuple(step.source for step in sources or ())

    def shows(self, card: Misconception, what: str) -> bool:
        """Whether the source has a fact, a pattern, or, for an empty text, the lines that the mistake consists of."""
        own = self._own(card.function)
        if own is None:
            return False
        if fact := FACTS.get(what):
            return fact(own.tree)
        if what:
            return re.search(what, own.text, re.MULTILINE) is not None
        return _has_lines(own.text, *lines(self.assignment, card))

    def numbers(self, card: Misconception) -> list[str]:
        """The first few numbers that the source holds, without their signs, but for the one that the card has."""
        own = self._own(card.function)
        constants = (node.value for node in ast.walk(own.tree) if isinstance(node, ast.Constant)) if own else ()
        numbers = (value for value in constants if isinstance(value, int | float))
        found = dict.fromkeys(repr(value) for value in numbers if LEAST <= value <= MOST and value is not True)
        return [number for number in found if number != card.number][:NUMBERS]

    def _own(self, function: str) -> Source | None:
        """The statements but those of other answers; None where there are none that can be looked through."""
        others = frozenset(self.assignment.names) - {function}
        return _taken_apart(self.sources, others, source_of(self.assignment, function))


@dataclass(frozen=True)
class Source:
    """Statements as a tree and as Python writes them, with parameters called as the lesson calls them."""

    tree: ast.Module
    text: str


@functools.lru_cache(maxsize=256)
def _taken_apart(sources: tuple[str, ...], others: frozenset[str], model: str) -> Source | None:
    if sum(map(len, sources)) > LONGEST:
        return None
    asked = dict(scopes(ast.parse(model)))
    try:
        found = [node for source in sources for node in ast.parse(source).body]
        tree = ast.Module([node for node in found if getattr(node, "name", None) not in others], [])
        for name, scope in scopes(tree):
            if name in asked:
                rename(scope, asked[name])
        return Source(tree, _text(tree)) if tree.body else None
    except (SyntaxError, ValueError, RecursionError):  # a sum of hundreds of terms is too deep to be written again
        return None


def scopes(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Scope]]:
    """Functions and methods, by their full names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Scope | ast.ClassDef):
            name = f"{inside}{node.name}"
            if isinstance(node, Scope):
                yield name, node
            yield from scopes(node, f"{name}.")


def rename(scope: Scope, model: Scope) -> None:
    """Call the parameters of a function as the lesson does, where it uses none of these names: an order stays one."""
    names = {
        own.arg: asked.arg for own, asked in zip(scope.args.args, model.args.args, strict=False) if own.arg != asked.arg
    }
    used = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name)} | {a.arg for a in scope.args.args}
    if not used.isdisjoint(names.values()):
        return
    for node in ast.walk(scope):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)


def _text(tree: ast.Module) -> str:
    """The lines of a tree, which loses its docstrings and other prose: what they and comments say is no evidence."""
    for block, text in prose(tree):
        block.remove(text)
    return "\n".join(line for line in ast.unparse(tree).split("\n") if line.strip())


def _has_lines(text: str, added: Counter[str], gone: Counter[str]) -> bool:
    if not added and not gone:
        return False  # lines in another order: each of them stands in any answer
    own = Counter(line.strip() for line in text.split("\n"))
    return added <= own and not any(own[line] for line in gone if line not in added)


@functools.lru_cache(maxsize=4096)
def lines(assignment: Assignment, card: Misconception) -> tuple[Counter[str], Counter[str]]:
    """The lines that a mistake brings into the reference, and those that it takes out for good."""
    right, wrong = (
        Counter(line.strip() for line in _text(ast.parse(source)).split("\n"))
        for source in (source_of(assignment, card.function), edited(assignment, card.function, card.changes))
    )
    return wrong - right, Counter({line: count for line, count in (right - wrong).items() if line not in wrong})


def _kept_in_the_class(tree: ast.Module) -> bool:
    """Whether a class, and not each object, holds something that calls change: by its name, its type or one list."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            holder = ast.unparse(node.value)
            if re.fullmatch(r"cls|type\(\w+\)|\w+\.__class__", holder) or holder.split(".")[0] in classes:
                return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr" and node.args:
            holder = ast.unparse(node.args[0])
            if re.fullmatch(r"cls|type\(\w+\)|\w+\.__class__", holder) or holder in classes:
                return True
    own = (line for node in classes.values() for line in node.body if isinstance(line, ast.Assign | ast.AnnAssign))
    return any(line.value is not None and _is_made(line.value) for line in own)


def _is_made(value: ast.expr) -> bool:
    """Whether an expression makes an object that can be changed, when its line is run."""
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.Call | ast.ListComp | ast.DictComp)


def _kept_in_a_default(tree: ast.Module) -> bool:
    """Whether a parameter's default value is made once and can be changed: a list, a dict, an object."""
    scopes = (node for node in ast.walk(tree) if isinstance(node, Scope | ast.Lambda))
    defaults = (value for scope in scopes for value in (*scope.args.defaults, *scope.args.kw_defaults))
    return any(value is not None and _is_made(value) for value in defaults)


def _kept_outside(tree: ast.Module) -> bool:
    """Whether a function uses a variable outside of it that is no function and no class."""
    bound = {
        name.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    for _, scope in scopes(tree):
        inside = list(ast.walk(scope))
        if any(isinstance(node, ast.Global) for node in inside):
            return True
        local = {a.arg for a in scope.args.args} | {
            node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for node in inside:
            if isinstance(node, ast.Name) and node.id in bound - local and not hasattr(builtins, node.id):
                return True
    return False


FACTS: dict[str, Callable[[ast.Module], bool]] = {
    "kept in the class": _kept_in_the_class,
    "kept in a default value": _kept_in_a_default,
    "kept outside": _kept_outside,
}
"""What a bank can ask of a source by name, where no line alone shows it."""
