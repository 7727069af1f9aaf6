"""A student in the jail: a notebook in a locked fork, and a fresh fork where one was ended."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import torch

from autograder.budget import UNLIMITED, Budget
from autograder.jail.host import Inmate, Jail, Killed, TimedOut
from autograder.jail.session import CellFault, Fault, Raised, Step
from autograder.jail.student import (
    Flow,
    Output,
    Reader,
    Student,
    StudentError,
    StudentStopped,
    as_output,
    cast,
    flows_source,
)
from autograder.jail.wire import Value, WireError
from autograder.result import JailLevel

FAULTS = 100
"""The most statements of one notebook that are kept for what they raised: more than are told."""


class JailedStudent:
    """A notebook in a fork of its own, locked; a fresh fork goes on where one was ended."""

    def __init__(self, jail: Jail, budget_s: float = 120.0, budget: Budget = UNLIMITED) -> None:
        self.faults: list[CellFault] = []
        self._faulty: set[tuple[int, int]] = set()
        self._jail = jail
        self._budget = budget
        """What is left for all that is asked of it."""
        self._budget_s = budget_s
        """Seconds that reading the notebook may take in all, fresh forks included."""
        self._steps: list[Step] = []
        self._suspects: set[Step] = set()
        self._inmate: Inmate | None = None
        self._outputs: dict[int, list[Output]] = {}
        self._others: dict[tuple[tuple[Step, ...], frozenset[Step]], JailedStudent] = {}
        """Forks that hold the same notebook with other statements."""

    def read(self, steps: Sequence[Step]) -> None:
        """Run the notebook's statements; one that ends its fork is left out of the next."""
        self._steps = list(steps)
        with self._budget.held():
            self._read()
        self._budget.check()

    def _read(self) -> None:
        inmate = self._inside()
        for cell, text in inmate.printed.items():
            self._outputs.setdefault(cell, []).append(as_output(text))
        try:
            for cell, pixels in inmate.pictures():
                self._outputs.setdefault(cell, []).append(_picture(pixels))
        except (TimedOut, Killed, WireError):
            self._end()  # its figures are lost, and nothing else

    def run(self, flow: Flow, **tensors: torch.Tensor) -> dict[str, Value]:
        """Call `flow` on the notebook, in the jail.

        Raises:
            StudentError: if the student's code raises.
            StudentStopped: if it was ended; the next call finds a fresh fork.
        """
        given = {name: cast(tensor, torch.float32) for name, tensor in tensors.items()}
        try:
            self._budget.check()
            with self._budget.held():
                return self._called(flows_source(flow), flow.__name__, given)
        except Raised as raised:
            raise StudentError(raised.fault) from None
        except (TimedOut, Killed, WireError) as ended:
            self._end()
            self._budget.check()  # it may have been no call's time that ran out, but the submission's
            if isinstance(ended, TimedOut):
                raise StudentStopped("timeout", str(ended), ended.seconds) from None
            raise StudentStopped("killed", str(ended)) from None

    def _called(self, flows: str, name: str, given: dict[str, torch.Tensor]) -> dict[str, Value]:
        try:
            return self._inside().call(flows, name, given)
        except Killed:  # perhaps not by its own hand: a zygote or a whole machine may run out of memory
            self._end()
            return self._inside().call(flows, name, given)

    @contextmanager
    def given(
        self, first: Sequence[Step], last: Sequence[Step] = (), without: Collection[Step] = ()
    ) -> Iterator[Student]:
        """Read the notebook again in a fork of its own, with `first` before its statements and after them.

        Questions that ask for the same statements share that fork.
        """
        del last  # nothing outlives a fork
        asked = tuple(first), frozenset(without)
        if asked not in self._others:
            other = self._others[asked] = JailedStudent(self._jail, self._budget_s, self._budget)
            other.read([*first, *(step for step in self._steps if step not in without), *first])
        yield self._others[asked]

    def outputs(self) -> dict[int, list[Output]]:
        """What each cell printed and drew while it was read, by its index."""
        return self._outputs

    def close(self) -> None:
        """End the forks."""
        with self._budget.held():
            self._end()
            for other in self._others.values():
                other.close()
            self._others.clear()

    def _end(self) -> None:
        if self._inmate is not None:
            self._inmate.kill()
            self._inmate = None

    def _inside(self) -> Inmate:
        """The fork that holds the notebook: a fresh one if the last was ended."""
        if self._inmate is None:
            deadline = time.monotonic() + min(self._budget_s, self._budget.left())
            while self._inmate is None:
                self._inmate = self._entered(deadline)
        return self._inmate

    def _entered(self, deadline: float) -> Inmate | None:
        """Run all statements in a fresh fork; None if one of them ended it, which is left out from then on."""
        inmate = self._jail.fork()
        inmate.budget = self._budget
        for step in list(self._steps):
            if time.monotonic() > deadline:
                self._steps = self._steps[: self._steps.index(step)]
                self._note(CellFault(step.cell, step.line, Fault("TimedOut", "reading the notebook took too long")))
                break
            try:
                for fault in inmate.execute(step):
                    self._note(fault)
            except (TimedOut, Killed, WireError) as ended:
                inmate.kill()
                if isinstance(ended, Killed) and step not in self._suspects:
                    self._suspects.add(step)  # it may try once more: perhaps it was not by its own hand
                    return None
                self._steps.remove(step)
                self._note(CellFault(step.cell, step.line, Fault(type(ended).__name__, str(ended))))
                return None
        return inmate

    def _note(self, fault: CellFault) -> None:
        place = fault.cell, fault.line
        if place not in self._faulty and len(self.faults) < FAULTS:
            self._faulty.add(place)
            self.faults.append(fault)


class Jailer:
    """Makes students in a jail."""

    def __init__(self, jail: Jail, budget_s: float = 120.0) -> None:
        self.level: JailLevel = jail.level
        self._jail, self._budget_s = jail, budget_s

    def learn(self, flows: str) -> None:
        """Have flows compiled once, where every fork finds them."""
        self._jail.learn(flows)

    def open(self, budget: Budget = UNLIMITED) -> Reader:
        """Make a student in a fork of its own."""
        return JailedStudent(self._jail, self._budget_s, budget)


def _picture(pixels: torch.Tensor) -> Output:
    """Encode a figure's pixels anew: no image file of a student's reaches a page."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels.numpy(), format="png")
    image = base64.b64encode(file.getvalue()).decode()
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": image, "text/plain": "<a figure>"}}
