"""A lesson of the kit: its checks and pictures are methods, and what each of them says is its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch

from .checks import Checks


class Lesson(Checks):
    """The checks and pictures of one lesson.

    `check_<name>` returns if all is well, and its docstring says what agreed; `picture_<name>` returns a figure, and
    its docstring is the caption. A blank in a name is written as `_`.
    """

    BUILDS_ON: ClassVar[Mapping[str, Sequence[str]]] = {}
    SECTIONS: ClassVar[Mapping[str, str]] = {}
    WRITTEN: ClassVar[Sequence[str]] = ()

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names, self.BUILDS_ON, self.SECTIONS, self.WRITTEN)
        torch.set_num_threads(1)  # the tensors of a lesson are small: one thread is as fast as many, and steadier

    def check(self, name: str) -> None:
        """Check one thing, and print the verdict."""
        with self.checking(name) as passes:
            check = self._method("check", name)
            check()
            found = _said(check)
            passes(found[:1].lower() + found[1:])

    def picture(self, name: str) -> None:
        """Draw one picture, or say why there is none yet."""
        picture = self._method("picture", name)
        self.draw(name, picture, _said(picture))

    def verdict(self, name: str) -> str:
        """What the last check said of `name` if it did not pass; one that was never run is run now."""
        if name not in self.passed and name not in self.failed:
            self.check(name)
        return super().verdict(name)

    def _method(self, kind: str, name: str) -> Callable[[], Any]:
        method: Callable[[], Any] = getattr(self, f"{kind}_{name.replace(' ', '_')}")
        return method


def _said(method: Callable[[], Any]) -> str:
    return " ".join((inspect.getdoc(method) or "").split())
