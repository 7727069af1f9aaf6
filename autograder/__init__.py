"""Grade backpropagation that students write by hand: hidden tests, known mistakes, and words that help."""

from __future__ import annotations

import importlib.abc
import sys

__version__ = "0.4.0"

_MOVED: dict[str, str] = {
    **dict.fromkeys(("check", "compare", "inputs", "oracle", "diagnose", "grade", "reference"), "judge"),
    **dict.fromkeys(("by_hand", "custody", "draws", "retrial", "submission"), "judge"),
    **dict.fromkeys(("batch", "gradebook"), "run"),
    **dict.fromkeys(("demo", "mutate", "new", "release", "vet"), "authoring"),
    "student": "jail",
}
"""Modules that courses may have named, and the room that each has moved to."""


class _Moved(importlib.abc.MetaPathFinder):
    """Says in a sentence where a module has gone, if nobody else finds it."""

    def find_spec(self, fullname: str, *_: object) -> None:
        package, *_dot, name = fullname.partition(".")
        if package == __name__ and name in _MOVED:
            room = f"autograder.{_MOVED[name]}"
            raise ModuleNotFoundError(f"{fullname} has moved: import what you need from {room}.", name=fullname)


sys.meta_path.append(_Moved())
