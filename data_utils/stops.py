"""Where a student's code stopped: whose function, which line, and what stands there."""

from __future__ import annotations

import linecache
from collections.abc import Container
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Stop:
    """A line at which code of the notebook stopped.

    Shapes:
        name      the function or class of the lesson in which it happened
        function  the function itself, a helper or a method of it
        line      counted from 1 in its cell
        text      what stands there; empty where nobody knows
    """

    name: str
    function: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.function}, line {self.line}" + (f":  {self.text}" if self.text else "")


def stopped(trace: TracebackType | None, names: dict[str, Any], known: Container[str]) -> Stop | None:
    """The innermost line of the notebook that an exception came through, in a function of the lesson or below one.

    Shapes:
        names  the notebook's globals
        known  the functions and classes of the lesson
    """
    found: Stop | None = None
    while trace is not None:
        code = trace.tb_frame.f_code
        function = code.co_qualname.partition(".<locals>")[0]
        top = function.partition(".")[0]
        if trace.tb_frame.f_globals is names and (found or top in known):
            text = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            found = Stop(top if top in known or not found else found.name, function, trace.tb_lineno, text)
        trace = trace.tb_next
    return found
