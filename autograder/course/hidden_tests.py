"""A folder of hidden tests, as it was found: its files, its flows, and which questions it has tests for.

Nothing of it is imported here, and nothing of it travels to a student but the text of the flows.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course.kit import HOME

_BORROWED = re.compile(rb"\bautograder\.assignments\.(\w+)")


@dataclass(frozen=True)
class HiddenTests:
    """A folder of hidden tests; what is kept of one goes by this, so that nothing outlives a change of its files."""

    folder: Path
    digest: str
    """A digest of all its files, and of those of the kit's lessons whose modules they import."""

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def of_the_kit(self) -> bool:
        """Whether these are among the kit's own."""
        return self.folder.parent == HOME

    @property
    def questions(self) -> tuple[str, ...]:
        """The questions that have a file of hidden tests, sorted."""
        return tuple(sorted(path.stem.removeprefix("test_") for path in self.folder.glob("test_*.py")))

    def files(self) -> dict[str, bytes]:
        """Its files, by their paths in it."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in _files(self.folder)}

    @property
    def borrowed(self) -> tuple[str, ...]:
        """The kit's own lessons whose modules these import, and those that those import, sorted."""
        found: set[str] = set()
        waiting = [self.folder]
        while waiting:
            named = {name.decode() for name in _borrowed(waiting.pop())} - found
            found |= named
            waiting += [HOME / name for name in named]
        return tuple(sorted(found - ({self.folder.name} if self.of_the_kit else set())))

    @property
    def flows(self) -> str:
        """The text of the flows; empty if there are none yet."""
        return _text(self.folder / "flows.py")


def hidden_tests(folder: Path) -> HiddenTests:
    """Find what lies in a folder of hidden tests now."""
    if folder.parent.resolve() == HOME.resolve():
        folder = HOME / folder.name
    found = hashlib.sha256()
    for path in _files(folder):
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    for name in sorted(_borrowed(folder) - ({folder.name.encode()} if folder.parent == HOME else set())):
        found.update(hidden_tests(HOME / name.decode()).digest.encode())
    return HiddenTests(folder, found.hexdigest())


@functools.cache
def tests_of(lesson: HiddenTests | str) -> HiddenTests:
    """Hidden tests as they are, or those of the kit's own lesson of that name."""
    return hidden_tests(HOME / lesson) if isinstance(lesson, str) else lesson


@functools.cache
def driven(tests: HiddenTests, question: str) -> frozenset[str]:
    """The words of the flows that a question's checks use: what of a notebook they may call."""
    flows = {node.name: node for node in ast.parse(tests.flows).body if isinstance(node, ast.FunctionDef)}
    waiting = _words(ast.parse(_text(tests.folder / f"test_{question}.py"))) & flows.keys()
    found: set[str] = set()
    while waiting:
        words = _words(flows.pop(waiting.pop()))
        found |= words
        waiting = (waiting | words) & flows.keys()
    return frozenset(found)


def _files(folder: Path) -> Iterator[Path]:
    """All files of a folder that somebody wrote, sorted."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def _borrowed(folder: Path) -> set[bytes]:
    """Name the kit's own lessons that the modules in a folder name."""
    return {name for path in _files(folder) if path.suffix == ".py" for name in _BORROWED.findall(path.read_bytes())}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _words(tree: ast.AST) -> set[str]:
    """Attributes, names and texts that occur in a tree."""
    return {
        word
        for node in ast.walk(tree)
        for word in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "value", None))
        if isinstance(word, str)
    }
