"""`student.run(flow, **tensors) -> values`: the one way from a hidden test to a student's code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from autograder.jail.session import CellFault, Fault, Raised, Session, Step
from autograder.jail.wire import Value

Flow = Callable[..., dict[str, Any]]
"""A short public function `flow(nb, **tensors) -> dict` that drives a notebook and hands back raw results."""


class StudentError(Exception):
    """The student's code ended in an exception; `fault` says which and where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.type_name}: {fault.message}")
        self.fault = fault


class Student(Protocol):
    """A notebook that answers flows, wherever it runs."""

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Call `flow` on the notebook and clones of `tensors`; the notebook's globals are put back afterwards.

        Raises:
            StudentError: if the student's code raises.
        """
        ...


class LocalStudent:
    """A notebook in this process: for code that is trusted, and for kernels that hold it already."""

    def __init__(self, session: Session | None = None, dtype: torch.dtype = torch.float32) -> None:
        self.session = session or Session()
        self.dtype = dtype
        self.faults: list[CellFault] = []

    def read(self, steps: Sequence[Step]) -> None:
        """Run the notebook's statements; those that fail are kept in `faults`."""
        self.faults.extend(self.session.execute(steps))

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Call `flow` on the notebook and clones of `tensors`."""
        given = {name: _cast(tensor, self.dtype) for name, tensor in tensors.items()}
        try:
            return self.session.call(flows_source(flow), flow.__name__, given)
        except Raised as raised:
            raise StudentError(raised.fault) from None


def flows_source(flow: Flow) -> str:
    """Read the source text of the module that a flow stands in: this is what travels to a jail."""
    return _text(inspect.getsourcefile(flow) or "")


@functools.cache
def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.detach().to(dtype).clone() if tensor.is_floating_point() else tensor.detach().clone()
