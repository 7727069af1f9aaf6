"""`student.run(flow, **tensors) -> values`: the one way from a hidden test to a student's code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from autograder.budget import UNLIMITED, Budget
from autograder.jail.machine import Machine
from autograder.jail.session import CellFault, Fault, Raised, Session, Step
from autograder.jail.wire import Value
from autograder.result import JailLevel
from autograder.visible import visible

Flow = Callable[..., dict[str, Any]]
"""A short public function `flow(nb, **tensors) -> dict` that drives a notebook and hands back raw results."""


Output = dict[str, Any]
"""What a cell printed or drew, as notebooks keep it."""


class StudentError(Exception):
    """The student's code ended in an exception; `fault` says which and where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.type_name}: {fault.message}")
        self.fault = fault


class StudentStopped(StudentError):  # noqa: N818 - it is told as one
    """The student's code was ended before it answered: it took too long, or ended its own process."""

    def __init__(self, status: Literal["timeout", "killed"], why: str, seconds: float = 0.0) -> None:
        super().__init__(Fault("TimedOut" if status == "timeout" else "Killed", why))
        self.status = status
        self.why = why
        self.seconds = seconds
        """How long it was waited for, if it took too long."""


class Student(Protocol):
    """A notebook that answers flows, wherever it runs."""

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Call `flow` on the notebook and clones of `tensors`; the notebook's globals are put back afterwards.

        Raises:
            StudentError: if the student's code raises.
        """
        ...


class Reader(Student, Protocol):
    """A student that reads a notebook in."""

    faults: list[CellFault]
    """What failed while it was read."""

    def read(self, steps: Sequence[Step]) -> None:
        """Run the notebook's statements."""
        ...

    def given(
        self, first: Sequence[Step], last: Sequence[Step] = (), without: Collection[Step] = ()
    ) -> AbstractContextManager[Student]:
        """The same notebook where the statements `first` were run as well, in place of those `without`.

        `last` undoes what outlives a notebook.
        """
        ...

    def outputs(self) -> dict[int, list[Output]]:
        """What each cell printed and drew while it was read, by its index."""
        ...

    def close(self) -> None:
        """End the notebook."""
        ...


class LocalStudent:
    """A notebook in this process: for code that is trusted, and for kernels that hold it already."""

    def __init__(
        self, session: Session | None = None, dtype: torch.dtype = torch.float32, budget: Budget = UNLIMITED
    ) -> None:
        self.session = session or Session()
        self.dtype = dtype
        self._budget = budget
        self.faults: list[CellFault] = []
        self.steps: tuple[Step, ...] = ()
        """The statements that it has read."""

    def read(self, steps: Sequence[Step]) -> None:
        """Run the notebook's statements; those that fail are kept in `faults`."""
        self.steps += tuple(steps)
        for step in steps:
            self.faults.extend(self.session.execute([step]))
            self._budget.check()  # the student's code may have caught the clock's strike

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Call `flow` on the notebook and clones of `tensors`."""
        __tracebackhide__ = True  # pytest shows the line of the test
        given = {name: cast(tensor, self.dtype) for name, tensor in tensors.items()}
        try:
            return self.session.call(flows_source(flow), flow.__name__, given)
        except Raised as raised:
            raise StudentError(raised.fault) from None
        finally:
            self._budget.check()

    @contextmanager
    def given(
        self, first: Sequence[Step], last: Sequence[Step] = (), without: Collection[Step] = ()
    ) -> Iterator[Student]:
        """Run `first` in this notebook; its names, and the bases of its classes, are put back afterwards."""
        del without  # they have run
        before = dict(self.session.names)
        bases = {kind: kind.__bases__ for kind in before.values() if isinstance(kind, type) and kind.__bases__}
        try:
            self.session.execute(first)
            yield self
        finally:
            self.session.execute(last)
            for name in set(self.session.names) - set(before):
                del self.session.names[name]
            self.session.names.update(before)
            for kind, own in bases.items():
                if kind.__bases__ != own:
                    kind.__bases__ = own

    def outputs(self) -> dict[int, list[Output]]:
        """What each cell printed while it was read, by its index."""
        return {cell: [as_output(text)] for cell, text in self.session.printed.items()}

    def close(self) -> None:
        """Nothing to end: the notebook goes with the process."""


class Opener(Protocol):
    """Makes students, one for each notebook."""

    level: JailLevel
    """How they are held."""

    def learn(self, flows: str) -> None:
        """Be told a source text of flows before the first student who is asked by them."""
        ...

    def open(self, budget: Budget = UNLIMITED) -> Reader:
        """Make a student, who answers while there is time left."""
        ...


class Trusting:
    """Makes students in this process: their code can do whatever the grader can."""

    level: JailLevel = "none"

    def learn(self, flows: str) -> None:
        """Nothing to be got ready: flows are compiled for each student."""

    def open(self, budget: Budget = UNLIMITED) -> Reader:
        """Make a student in this process."""
        return LocalStudent(Session(machine=Machine()), budget=budget)


trusting = Trusting()


def flows_source(flow: Flow) -> str:
    """Read the source text of the module that a flow stands in: this is what travels to a jail."""
    return _source(inspect.unwrap(flow).__code__.co_filename)


def as_output(text: str) -> Output:
    """What a cell printed, as notebooks keep it."""
    return {"output_type": "stream", "name": "stdout", "text": visible(text.replace("\r\n", "\n").replace("\r", "\n"))}


@functools.cache
def _source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A copy of a tensor, apart from its graph; of this dtype where it holds real numbers."""
    return tensor.detach().to(dtype).clone() if tensor.is_floating_point() else tensor.detach().clone()
