"""What may cross between the grader and a student's code, and the frames of bytes that it crosses in.

A student's function can return anything.
:func:`plain` turns it into a *value*, the few kinds of thing that a comparison understands;
whatever else it was is kept as its type's name alone.
A :class:`Channel` carries numbered frames of limited size; what they say is the matter of :mod:`autograder.jail.codec`.
"""

from __future__ import annotations

import enum
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

DEEPEST = 3
"""Lists in lists are followed this far: no right answer nests deeper."""

WIDEST = 64
"""More entries than this in one list or dictionary are cut off: no right answer has as many."""

ORDER = 1 << 17
"""The most bytes that a host says to its zygote at once, after the first order."""

SIGINFO = 128
"""Bytes in which the kernel says how a process ended."""

ENDED = struct.Struct(f"=xxxxi{SIGINFO}s")
"""What a zygote says when a fork has ended: a zero, its name, and the kernel's words. All else that it says is JSON."""


def exit_code(siginfo: bytes) -> int:
    """Read how a process ended: its exit code, or a signal as a negative number."""
    how, status = struct.unpack_from("=8xi12xi", siginfo)
    return int(status) if how == _LEFT else -int(status)


_LEFT = 1  # CLD_EXITED: by itself


@dataclass(frozen=True)
class Foreign:
    """Something that is no tensor, number or sequence: only the name of its type is known."""

    type_name: str


Value: TypeAlias = "torch.Tensor | float | tuple[Value, ...] | Foreign | None"


def plain(thing: Any, depth: int = 0) -> Value:
    """Reduce anything to a :data:`Value`: a dense CPU tensor of its own memory, a number, None, a tuple of values.

    Whatever can't be reduced, or fails while it is reduced, becomes :class:`Foreign`.
    """
    try:
        if thing is None:
            return None
        if isinstance(thing, torch.Tensor):
            # A student's subclass may answer to these names with anything: ask the real ones.
            dense = torch.Tensor.detach(thing).as_subclass(torch.Tensor).to("cpu").to_dense()
            return dense.clone(memory_format=torch.contiguous_format)
        if isinstance(thing, bool | int | float):
            return float(thing)
        if isinstance(thing, np.ndarray | np.generic):
            return torch.as_tensor(np.array(thing))
        if isinstance(thing, list | tuple) and depth < DEEPEST:
            return tuple(plain(item, depth + 1) for item in thing[:WIDEST])
    except Exception:  # noqa: S110 - a student's object may raise anything; then it is foreign
        pass
    return Foreign(type(thing).__name__[:80])


def plain_answer(answer: Any) -> dict[str, Value]:
    """Reduce what a flow returned, a dictionary of results, to named values."""
    if not isinstance(answer, Mapping):
        return {"answer": plain(answer)}
    return {str(name)[:80]: plain(thing) for name, thing in list(answer.items())[:WIDEST]}


Bytes: TypeAlias = bytes | bytearray | memoryview


class WireError(Exception):
    """What came over the wire is not what was asked for: forged, broken, too large, or out of turn."""


class Kind(enum.IntEnum):
    """What a frame says: the first three are asked by the grader, the others are answers."""

    EXECUTE = 1
    CALL = 2
    PICTURES = 3
    READY = 4
    DONE = 5
    ANSWER = 6
    RAISED = 7


@dataclass(frozen=True)
class Frame:
    """One message: its kind, the number of the question that it asks or answers, and its content."""

    kind: Kind
    number: int
    body: memoryview


_HEADER = struct.Struct("<4sBxxxIQ")
_MAGIC = b"bpk1"
_KINDS = frozenset(int(kind) for kind in Kind)
_AT_ONCE = 512
"""Pieces that one writev may take."""


class Channel:
    """Frames over one end of a socket pair.

    With a deadline (a time of `time.monotonic`) it never waits longer, whatever the other side sends or leaves unsent.
    It only reads and writes: a locked process may do no more with a socket.
    """

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor = descriptor
        self.limit = limit
        """The most bytes that the body of a frame received here may have."""
        self._poll = select.poll()

    def send(self, kind: Kind, number: int, body: Sequence[Bytes], deadline: float | None = None) -> None:
        """Send a frame whose body is given in pieces.

        Raises:
            TimeoutError: if the other side doesn't take it in time.
            EOFError: if the other side is gone.
        """
        pieces = [memoryview(piece).cast("B") for piece in body if memoryview(piece).nbytes]
        length = sum(piece.nbytes for piece in pieces)
        pieces.insert(0, memoryview(_HEADER.pack(_MAGIC, kind, number, length)))
        while pieces:
            try:
                sent = os.writev(self.descriptor, pieces[:_AT_ONCE])
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
                continue
            except OSError as error:
                raise EOFError("the other side is gone") from error
            while pieces and sent >= pieces[0].nbytes:
                sent -= pieces.pop(0).nbytes
            if sent:
                pieces[0] = pieces[0][sent:]

    def receive(self, deadline: float | None = None) -> Frame:
        """Receive a frame.

        Raises:
            TimeoutError: if it isn't complete in time.
            EOFError: if the other side is gone.
            WireError: if it isn't a frame, or is larger than :attr:`limit`.
        """
        magic, kind, number, length = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        if magic != _MAGIC or kind not in _KINDS:
            raise WireError("something else than a frame came over the wire")
        if length > self.limit:
            raise WireError(f"a frame of {length} bytes came over the wire; at most {self.limit} are taken")
        return Frame(Kind(kind), number, memoryview(self._exactly(length, deadline)))

    def expect_silence(self) -> None:
        """Make sure that nothing has come that was not asked for.

        Raises:
            WireError: if something has.
        """
        self._poll.register(self.descriptor, select.POLLIN)
        gone = select.POLLHUP | select.POLLERR  # noticed by the next send
        if any(event & select.POLLIN and not event & gone for _, event in self._poll.poll(0)):
            raise WireError("an answer came that nobody had asked for")

    def _exactly(self, length: int, deadline: float | None) -> bytearray:
        filled = bytearray(length)
        rest = memoryview(filled)
        while rest.nbytes:
            try:
                got = os.readv(self.descriptor, [rest])
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise EOFError("the other side is gone") from error
            if got == 0:
                raise EOFError("the other side is gone")
            rest = rest[got:]
            if deadline is not None and time.monotonic() > deadline:  # it may be trickling in for ever
                raise TimeoutError
        return filled

    def _wait(self, event: int, deadline: float | None) -> None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        self._poll.register(self.descriptor, event)
        if not self._poll.poll(left if left is None else left * 1000):
            raise TimeoutError
