"""One locked process, as the trusted side sees it: asked, timed, and ended when it doesn't answer as it should.

Nothing that comes from it is believed before :mod:`autograder.jail.codec` has checked it,
and nothing that it says of itself decides anything here.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from autograder.budget import UNLIMITED, Budget, in_words
from autograder.errors import KitError
from autograder.jail import codec
from autograder.jail.session import CellFault, Raised, Step
from autograder.jail.wire import Bytes, Channel, Frame, Kind, Value, WireError, room

READY_S = 30.0
"""Seconds that the student's side of the kit has for what takes it milliseconds."""

ENDS_S = 2.0
"""Seconds that a process has to end which listens no more: milliseconds, but a busy machine takes its time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much of anything one fork may take."""

    call_s: float = 10.0
    """Seconds that one call of a flow may take."""
    cell_s: float = 60.0
    """Seconds that one statement of a cell may take."""
    cpu_s: int = 900
    """Seconds of processor time that a fork may use in all."""
    memory_mib: int = 1024
    """Memory beyond what the loaded libraries take."""
    file_mib: int = 64
    """All files that it writes, together."""
    frame_mib: int = 64
    """One question, or all pictures of a notebook; an answer has its own bound, see `autograder.jail.wire.room`."""
    output_bytes: int = 256 * 1024
    """Printed text that is kept."""


class JailUnavailable(KitError):  # noqa: N818 - it reads as the sentence it is
    """A machine can't hold untrusted code as it must be held."""


class TimedOut(Exception):  # noqa: N818 - it is told as one
    """A statement or a call took longer than it may; its fork was ended."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {in_words(seconds)}")
        self.seconds = seconds


class Killed(Exception):  # noqa: N818 - it is told as one
    """The process ended before it answered."""

    def __init__(self, code: int | None) -> None:
        super().__init__(_cause(code))
        self.code = code
        """Its exit code; a signal that ended it, as a negative number; None if it isn't known."""


class Keeper(Protocol):
    """What a process needs of the jail that it is in."""

    limits: Limits
    inmates: set[Inmate]

    def became(self, name: int) -> int | None:
        """Say how a process ended: its exit code, or a signal as a negative number."""
        ...


class Inmate:
    """One locked fork of the zygote: a notebook that lives, as :class:`~autograder.jail.session.Session` does."""

    def __init__(self, keeper: Keeper, name: int, watched: int, wire: socket.socket) -> None:
        self._keeper = keeper
        self._name = name
        self._watched = watched
        self._wire = wire
        self._channel = Channel(wire.fileno(), keeper.limits.frame_mib << 20)
        self._number = 0
        self._alive = True
        self._called = False
        keeper.inmates.add(self)
        self.budget: Budget = UNLIMITED
        """What is left for all that is asked of it."""
        self.printed: dict[int, str] = {}
        """What each cell has printed, by its index: nothing after the first call is kept."""

    def execute(self, step: Step) -> list[CellFault]:
        """Run one statement.

        Raises:
            TimedOut: if it takes longer than a statement may.
            Killed: if it ends the process.
            WireError: if something else than an answer comes.
        """
        asked = codec.execute(step)
        body = self._ask(Kind.EXECUTE, asked, self._keeper.limits.cell_s, codec.TOLD, Kind.DONE).body
        faults, printed = self._read(codec.read_done, body)
        if any(fault.cell != step.cell for fault in faults):
            raise self._broken("a fault of another cell came")
        room = self._keeper.limits.output_bytes - sum(map(len, self.printed.values()))
        if printed and room > 0 and not self._called:
            self.printed[step.cell] = self.printed.get(step.cell, "") + printed[:room]
        return faults

    def call(self, flows: str, name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, Value]:
        """Call the flow `name`, defined in the source text `flows`; from now on nothing printed is kept.

        Raises:
            Raised: if the student's code raises. Its text is the student's, and may hold the hidden inputs.
            TimedOut: if it takes longer than a call may.
            Killed: if it ends the process.
            WireError: if something else than an answer comes.
        """
        self._called = True
        asked, most = codec.call(flows, name, tensors), room(tensors.values()) + codec.BESIDE
        frame = self._ask(Kind.CALL, asked, self._keeper.limits.call_s, most, Kind.ANSWER, Kind.RAISED)
        if frame.kind is Kind.RAISED:
            raise Raised(self._read(codec.read_raised, frame.body))
        return self._read(codec.read_answer, frame.body)

    def pictures(self) -> list[tuple[int, torch.Tensor]]:
        """Draw the figures of all cells, each with the index of its cell; none are left after the first call.

        Shapes:
            result  (height, width, 4) each, uint8: red, green, blue, opacity
        """
        if self._called:
            return []
        most = self._keeper.limits.frame_mib << 20
        frame = self._ask(Kind.PICTURES, [], self._keeper.limits.cell_s, most, Kind.PICTURES, Kind.RAISED)
        return [] if frame.kind is Kind.RAISED else self._read(codec.read_pictures, frame.body)

    def kill(self) -> None:
        """End the process, and all that it has started; it may have ended before."""
        if not self._alive:
            return
        self._alive = False
        self._keeper.inmates.discard(self)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._watched, signal.SIGKILL)
        os.close(self._watched)
        self._wire.close()

    def __enter__(self) -> Inmate:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def await_ready(self) -> None:
        """Wait until it is locked."""
        frame = self._ask(None, [], READY_S, codec.NOTE, Kind.READY, Kind.RAISED)
        if frame.kind is Kind.RAISED:
            fault = self._read(codec.read_raised, frame.body)
            self.kill()
            raise JailUnavailable(f"A process could not be locked: {fault.type_name}: {fault.message}")

    def _ask(self, kind: Kind | None, body: list[Bytes], seconds: float, most: int, *expected: Kind) -> Frame:
        if not self._alive:
            raise Killed(None)
        seconds = min(seconds, self.budget.left())
        deadline = time.monotonic() + seconds
        try:
            if kind is not None:
                self._channel.expect_silence()
                self._number += 1
                self._channel.send(kind, self._number, body, deadline)
            frame = self._channel.receive(deadline, most)
        except TimeoutError:
            self.kill()
            raise TimedOut(seconds) from None
        except EOFError:
            raise self._ended() from None
        except WireError as error:
            raise self._broken(str(error)) from None
        if frame.number != self._number or frame.kind not in expected:
            raise self._broken("an answer to another question came")
        return frame

    def _read(self, read: Callable[[memoryview], T], body: memoryview) -> T:
        try:
            return read(body)
        except WireError as error:
            raise self._broken(str(error)) from None

    def _broken(self, message: str) -> WireError:
        self.kill()
        return WireError(message)

    def _ended(self) -> Killed:
        """Find out how the process ended that doesn't listen any more; one that merely pretends to is ended."""
        watch = select.poll()
        watch.register(self._watched, select.POLLIN)
        by_itself = bool(watch.poll(1000 * min(ENDS_S, self.budget.left())))
        self.kill()
        code = self._keeper.became(self._name)
        return Killed(code if by_itself else None)


def _cause(code: int | None) -> str:
    if code is None:
        return "the process stopped answering"
    if code >= 0:
        return f"the process left with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process was ended by signal {-code}"
