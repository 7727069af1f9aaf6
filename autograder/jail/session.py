"""A student's notebook while it lives: its globals, statements run into them, flows called on them.

The same session serves the grader's own process, a Jupyter kernel and the jail.
It judges nothing: it hands back raw values, or says what was raised and where.
"""

from __future__ import annotations

import contextlib
import functools
import io
import linecache
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import torch

from autograder.jail.machine import Machine
from autograder.jail.wire import Value, plain_answer, room

PRINTED = 64 * 1024
"""Characters of a cell's printed text that are kept."""

FRAMES = 5
"""Places in the student's own code that are kept of a traceback, innermost last."""

_CELL = re.compile(r"<cell ([0-9]{1,9})>")


@dataclass(frozen=True)
class Step:
    """One top-level statement of a notebook, as Python source, and where it stands."""

    cell: int
    """Index of its cell, from 0."""
    line: int
    """Line of its first character in that cell, from 1."""
    source: str


@dataclass(frozen=True)
class Fault:
    """Something that a student's code raised: its type, its text, and the student's own lines that led there."""

    type_name: str
    message: str
    frames: tuple[tuple[int, int, str], ...] = ()
    """(cell, line, function or Class.method), innermost last."""
    missing: str | None = None
    """The name that a flow asked the notebook for and that isn't there."""


@dataclass(frozen=True)
class CellFault:
    """A statement that could not run while the notebook was being read in."""

    cell: int
    line: int
    fault: Fault


class Raised(Exception):  # noqa: N818 - it is the student's error, told as one
    """A flow ended in an exception of the student's code."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.type_name, fault.message)
        self.fault = fault


class MissingNameError(AttributeError):
    """A flow asked for a name that the notebook doesn't define."""


class Notebook:
    """The notebook as a flow sees it: its globals are attributes."""

    def __init__(self, names: dict[str, Any]) -> None:
        object.__setattr__(self, "_names", names)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError:
            raise MissingNameError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._names[name] = value

    def __delattr__(self, name: str) -> None:
        self._names.pop(name, None)


class Shell:
    """What `get_ipython()` gives to cells that run outside a kernel: quiet magics, refused shell lines."""

    def __init__(self, names: dict[str, Any], machine: Machine | None = None) -> None:
        self.user_ns = names
        self.machine = machine or Machine()

    def run_line_magic(self, name: str, line: str, *_: Any) -> None:
        """`%time statement` runs the statement, `%run` a text; others set up a screen that isn't here."""
        if name in {"time", "timeit", "prun"} and line.strip():
            exec(line, self.user_ns)  # noqa: S102 - the student's own statement
        elif name == "run":
            self.machine.texts.run(line, self.user_ns)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """`%%time` and `%%capture` run their cell; `%%bash` and others don't belong to Python and are left out."""
        if name in {"time", "timeit", "capture", "prun"}:
            exec(cell, self.user_ns)  # noqa: S102 - the student's own cell
        elif name in {"writefile", "file"}:
            self.machine.texts.take(line, cell)

    def system(self, command: str) -> None:
        """Refuse a shell line."""
        raise PermissionError("shell lines don't run while a notebook is graded")

    getoutput = system


class _Tail(io.StringIO):
    """Printed text, cut at :data:`PRINTED` characters."""

    def write(self, text: str) -> int:
        room = PRINTED - self.tell()
        if room > 0:
            super().write(text[:room])
        return len(text)


class _Nowhere(io.TextIOBase):
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


class Session:
    """A student's notebook while it lives."""

    def __init__(self, names: dict[str, Any] | None = None, machine: Machine | None = None) -> None:
        if names is None:
            shell = Shell(names := {"__name__": "__main__", "__builtins__": __builtins__}, machine)
            names["get_ipython"] = lambda: shell
            names["display"] = lambda *_, **__: None
        self.names: dict[str, Any] = names
        self.machine = machine
        """What stands in for the student's; None where nothing has to: a reference, a kernel of the student's own."""
        self.printed: dict[int, str] = {}
        self._flows: dict[str, dict[str, Any]] = {}

    def execute(self, steps: Sequence[Step]) -> list[CellFault]:
        """Run statements in order; one that raises is told of, and the next goes on."""
        faults: list[CellFault] = []
        with self._standing_in():
            for step in steps:
                self._execute(step, faults)
        return faults

    def _execute(self, step: Step, faults: list[CellFault]) -> None:
        text = _Tail()
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if self.machine is not None:
                    self.machine.prepare(step.source)
                    _remember(step)
                exec(_compiled(step), self.names)  # noqa: S102 - running the notebook is the point
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            faults.append(CellFault(step.cell, step.line, fault_of(error)))
        if printed := text.getvalue():
            self.printed[step.cell] = (self.printed.get(step.cell, "") + printed)[:PRINTED]

    def call(self, flows: str, name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, Value]:
        """Call the flow `name`, defined in the source text `flows`, on the notebook and `tensors`.

        The notebook's globals are put back afterwards; nothing that is printed meanwhile goes anywhere.

        Raises:
            Raised: if the student's code raises, leaves, or has no such name.
        """
        flow: Callable[..., Any] = self.learn(flows)[name]
        before, most = dict(self.names), room(tensors.values())
        try:
            with quiet(), self._standing_in(), self._asking():
                return plain_answer(flow(Notebook(self.names), **tensors), most)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Raised(fault_of(error)) from None
        finally:
            for added in set(self.names) - set(before):
                del self.names[added]
            self.names.update(before)

    def _standing_in(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.machine is None else self.machine.standing_in()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Say to what stands in that an answer is asked for."""
        if self.machine is None:
            yield
            return
        self.machine.asked = True
        try:
            yield
        finally:
            self.machine.asked = False

    def learn(self, flows: str) -> dict[str, Any]:
        """Compile a source text of flows, once."""
        if flows not in self._flows:
            scope: dict[str, Any] = {"__name__": "flows"}
            exec(_compiled_flows(flows), scope)  # noqa: S102 - the kit's own flows
            self._flows[flows] = scope
        return self._flows[flows]


def fault_of(error: BaseException) -> Fault:
    """Describe an exception by its type, its text and the student's own lines."""
    frames = tuple(
        (int(cell[1]), line or 0, code.co_qualname[:200])
        for code, line in ((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
        if (cell := _CELL.fullmatch(code.co_filename))
    )
    try:
        message = str(error)[:500]
    except Exception:
        message = ""
    missing = str(error) if isinstance(error, MissingNameError) else None
    return Fault(type(error).__name__[:80], message, frames[-FRAMES:], missing)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop everything that is printed, warned or written to descriptors 1 and 2 meanwhile."""
    saved = []
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # a process without one has nothing to silence
            saved.append((descriptor, os.dup(descriptor)))
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
    try:
        with (
            contextlib.redirect_stdout(_Nowhere()),
            contextlib.redirect_stderr(_Nowhere()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)


@functools.lru_cache(maxsize=64)
def _compiled_flows(flows: str) -> CodeType:
    return compile(flows, "<flows>", "exec")


@functools.lru_cache(maxsize=2048)
def _compiled(step: Step) -> CodeType:
    """Compile a step so that a traceback names its cell and its line there; a reference is read in again and again."""
    return compile("\n" * (step.line - 1) + step.source, f"<cell {step.cell}>", "exec")


def _remember(step: Step) -> None:
    """Let a step's lines be looked up, as those of a cell are in Jupyter: `inspect.getsource` of one's own function."""
    name = f"<cell {step.cell}>"
    lines = linecache.getlines(name)
    own = step.source.splitlines(keepends=True)
    lines += ["\n"] * (step.line - 1 + len(own) - len(lines))
    lines[step.line - 1 : step.line - 1 + len(own)] = own
    linecache.cache[name] = (1, None, lines, name)
