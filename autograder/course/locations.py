"""An assignment's folder of hidden tests: its files, its flows, and which questions it has tests for.

Nothing of it is imported here, and nothing of it travels to a student but the text of the flows.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

HOME = Path(__file__).parents[1] / "assignments"
"""One folder an assignment: `test_<question>.py`, `flows.py`, `cases.py`, `bank.toml`."""


def files(assignment: str) -> list[Path]:
    """The files of an assignment's hidden tests and its bank, sorted."""
    return sorted((HOME / assignment).glob("*.*"))


@functools.cache
def flows_text(assignment: str) -> str:
    """The source of an assignment's flows."""
    return (HOME / assignment / "flows.py").read_text(encoding="utf-8")


@functools.cache
def driven(assignment: str, question: str) -> frozenset[str]:
    """The words of the flows that a question's checks use: what of a notebook they may call."""
    flows = {node.name: node for node in ast.parse(flows_text(assignment)).body if isinstance(node, ast.FunctionDef)}
    waiting = _words(ast.parse((HOME / assignment / f"test_{question}.py").read_text(encoding="utf-8"))) & flows.keys()
    found: set[str] = set()
    while waiting:
        words = _words(flows.pop(waiting.pop()))
        found |= words
        waiting = (waiting | words) & flows.keys()
    return frozenset(found)


def questions_with_checks(assignment: str) -> tuple[str, ...]:
    """Name the questions that have a file of hidden tests."""
    return tuple(sorted(path.stem.removeprefix("test_") for path in (HOME / assignment).glob("test_*.py")))


def _words(tree: ast.AST) -> set[str]:
    """Attributes, names and texts that occur in a tree."""
    return {
        word
        for node in ast.walk(tree)
        for word in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None))
        if isinstance(word, str)
    }
