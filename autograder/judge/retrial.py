"""What a question is judged with a second time: right helpers in place of wrong ones, or a torch without autograd.

What is not seen: whatever undoes in a jailed fork what its statements have done there, or ends it when it is turned
away.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from autograder.course import Assignment
from autograder.jail import Step, Student, StudentError
from autograder.judge import door
from autograder.judge.reference import solutions_of

_PUT = """
def _put_in_place(name, text, names):
    own = {"__name__": "given"}
    exec(text, own)
    wrong, right = names.get(name), own[name]
    names[name] = right
    if isinstance(wrong, type) and isinstance(right, type):
        for other in list(names.values()):
            if isinstance(other, type) and wrong in other.__bases__:
                other.__bases__ = tuple(right if base is wrong else base for base in other.__bases__)


"""

_ASK_THE_DOOR = """
def _ask_the_door(text, verb):
    import builtins, sys, types

    door = sys.modules.get("{name}")
    if door is None:
        door = sys.modules["{name}"] = types.ModuleType("{name}")
        builtins.exec(text, vars(door))
    getattr(door, verb)()


_ask_the_door({text!r}, "{verb}")
del _ask_the_door
"""


def afresh(question: str) -> Step:
    """What a question is tried after in a fork of its own: it changes nothing, and no other question asks for it."""
    return Step(0, 1, f"# {question}")


def _asking(verb: str) -> Step:
    return Step(0, 1, _ASK_THE_DOOR.format(name=door.NAME, text=inspect.getsource(door), verb=verb))


AUTOGRAD_OFF, AUTOGRAD_ON = (_asking("shut"),), (_asking("open_again"),)
"""Statements that make torch's derivatives raise RuntimeError and note who asked for them, and that give them back."""


@dataclass(frozen=True)
class Knock:
    """A call that was turned away where autograd is off: at which door, and from which line of which cell."""

    door: str
    cell: int
    """Its index; -1 if the call came from no cell."""
    line: int
    statement: tuple[int, int] | None
    """The cell and a line of the statement that was run; None if it was after the notebook was read."""

    @property
    def says(self) -> str:
        """What the code did there."""
        if self.door == "torch.Tensor.backward":
            return "calls .backward()"
        plain = not re.search(r"\._", self.door) and self.door not in {door.SAVED, door.FORMULAS}
        return f"calls {self.door}" if plain else "uses torch's own derivatives"


def knocks(student: Student) -> list[Knock]:
    """Who was turned away since this was last asked, and while the notebook was read; none if that can't be known."""
    try:
        told = student.run(door.knocks).get("knocks")
    except StudentError:
        return []
    if not isinstance(told, torch.Tensor) or told.dtype != torch.int64 or told.dim() != 2 or told.shape[1] != 6:
        return []
    return [
        Knock(door.DOORS[number], cell, line, None if later else (top, at))
        for later, number, cell, line, top, at in told[: 2 * door.MOST].tolist()
        if 0 <= number < len(door.DOORS)
    ]


def helpers(assignment: Assignment, names: Iterable[str]) -> list[Step]:
    """Statements that put the reference's functions in the place of a notebook's own.

    Each stands in a namespace that holds what its own source needs and nothing else, so that nothing leads from it to
    an answer that is still asked for. One that uses the notebook's variables can't, and is left out.
    """
    return [step for name in names if (step := _helper(assignment, name))]


@functools.lru_cache(maxsize=256)
def _helper(assignment: Assignment, name: str) -> Step | None:
    statements = solutions_of(assignment, name)
    if any(s.binds for s in statements if not (s.imports or s.defines)):
        return None
    text = "\n".join(s.source for s in statements if s.imports or s.defines)
    return Step(0, 1, f"{_PUT}_put_in_place({name!r}, {text!r}, globals())\ndel _put_in_place")
