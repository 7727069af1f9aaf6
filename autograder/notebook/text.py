"""Text that somebody else wrote: the one way to say that it can't be taken apart, and what was found in it before.

Whatever takes a text apart does so inside :func:`taking_apart` and knows a single failure, :class:`Unreadable`, which
costs what rests on that text and nothing else.
"""

from __future__ import annotations

import ast
import functools
import gc
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from autograder.errors import CannotGrade

DEEPEST = 200
"""Levels of a syntax tree that are followed: Python's own tools end at different depths in different places."""

TOO_DEEP = "it is nested too deeply; write it in several steps"

Found = TypeVar("Found")


class Unreadable(CannotGrade):
    """A text that can't be taken apart; its sentence says why, and what to do where its author can do something."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.line = line
        """The line that is no Python; 0 if it is, but more than is read."""


@contextmanager
def taking_apart() -> Iterator[None]:
    """Call whatever the analysis of a text ends in by one name, and print none of Python's warnings about it.

    Meanwhile no circles are collected: a syntax tree has none, and the collector would go through it again and again.

    Raises:
        Unreadable: for any exception; a text can be made for any of them.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Unreadable:
        raise
    except (RuntimeError, MemoryError):  # RecursionError among them; the parser's own is a MemoryError
        raise Unreadable(TOO_DEEP) from None
    except SyntaxError as error:
        raise Unreadable(str(error.msg)[:200], error.lineno or 1) from None
    except Exception as error:  # ValueError for a null character or a long number, UnicodeEncodeError for a surrogate
        raise Unreadable(str(error)[:200] or type(error).__name__, 1) from None
    finally:
        if collecting:
            gc.enable()


def nodes(tree: ast.AST) -> list[ast.AST]:
    """List a tree's nodes in the order of :func:`ast.walk`, down to :data:`DEEPEST`.

    Raises:
        Unreadable: if it goes deeper.
    """
    found: list[ast.AST] = []
    level = [tree]
    for _ in range(DEEPEST):
        if not level:
            return found
        found += level
        level = [below for node in level for below in ast.iter_child_nodes(node)]
    raise Unreadable(TOO_DEEP)


class Kept(Generic[Found]):
    """What was found in texts, kept while their characters fit: a class hands in the same cells again and again.

    A text that takes up a quarter of the room is not kept: nobody's text crowds out everybody else's.
    """

    def __init__(self, find: Callable[..., Found], characters: int) -> None:
        functools.update_wrapper(self, find)
        self._find, self._room = find, characters
        self._longest = characters // 4
        self._found: OrderedDict[tuple[object, ...], Found | Unreadable] = OrderedDict()

    def __call__(self, source: str, *rest: object) -> Found:
        """What is found in a text; `rest` is whatever else it depends on.

        Raises:
            Unreadable: as it was before.
        """
        asked = source, *rest
        if asked in self._found:
            self._found.move_to_end(asked)
            found = self._found[asked]
        else:
            found = self._outcome(source, rest)
            if len(source) <= self._longest:
                self._keep(asked, found)
        if isinstance(found, Unreadable):
            raise Unreadable(found.why, found.line)
        return found

    def _outcome(self, source: str, rest: tuple[object, ...]) -> Found | Unreadable:
        try:
            with taking_apart():
                return self._find(source, *rest)
        except Unreadable as error:
            return Unreadable(error.why, error.line)

    def _keep(self, asked: tuple[object, ...], found: Found | Unreadable) -> None:
        self._found[asked] = found
        self._room -= _size(asked)
        while self._room < 0:
            oldest, _ = self._found.popitem(last=False)
            self._room += _size(oldest)


def _size(asked: tuple[object, ...]) -> int:
    return len(str(asked[0])) + 64  # an empty text takes room, too


def kept(characters: int) -> Callable[[Callable[..., Found]], Kept[Found]]:
    """Keep what a function finds in texts of so many characters in all."""
    return lambda find: Kept(find, characters)
