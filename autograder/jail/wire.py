"""What may cross between the grader and a student's code, and the frames of bytes that it crosses in.

A student's function can return anything.
:func:`plain` turns it into a *value*, the few kinds of thing that a comparison understands;
whatever else it was is kept as its type's name alone.
A :class:`Channel` carries numbered frames of limited size; what they say is the matter of :mod:`autograder.jail.codec`.
"""

from __future__ import annotations

import enum
import itertools
import os
import select
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

DEEPEST = 3
"""Lists in lists are followed this far; the answers to the kit's own lessons, known mistakes included, go to 2."""

WIDEST = 64
"""The most names in one answer, and things in one list; the kit's own have 17 names, and 5 things in a list."""

THINGS = 256
"""The most things in one answer, those in its lists and the lists themselves counted."""

AXES = 8
"""The most axes that a tensor may have."""

LEAST, MOST = 1 << 20, 16 << 20
"""Bytes: what any answer may have, and where what follows from a large question ends. See :func:`room`."""

ORDER = 1 << 17
"""The most bytes that a host says to its zygote at once, after the first order."""

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The kinds of tensor that cross, by their names in safetensors; no right answer is of another kind."""

_PLAIN = frozenset(DTYPES.values())
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
    """Something that is no tensor, number or sequence, or one that can't be compared: only its kind is known."""

    kind: str
    """The name of its type, or one of the phrases that are written in this module."""


Value: TypeAlias = "torch.Tensor | float | tuple[Value, ...] | Foreign | None"

TOO_LARGE = Foreign("large tensor")
"""Stands for a tensor that found no room."""


def room(given: Iterable[torch.Tensor]) -> int:
    """The most bytes that all tensors of one answer may have: as many as its question calls for.

    All that was given may come back, and every entry of the largest may have met every other one, in float64: no
    mistake that has a name makes more, be it (N, N) where (N,) is asked for, or a matrix of weights for each sample.
    """
    entries = [tensor.numel() for tensor in given]
    return LEAST + 8 * sum(entries) + min(8 * max(entries, default=0) ** 2, MOST)


def plain_answer(answer: Any, most: int = LEAST) -> dict[str, Value]:
    """Reduce what a flow returned, a dictionary of results, to named values whose tensors have `most` bytes together.

    Where there are more, small ones are kept: what is large and wrong takes no place from what is right.
    """
    named = answer.items() if isinstance(answer, Mapping) else [("answer", answer)]
    values = {str(name)[:80]: plain(thing) for name, thing in itertools.islice(named, WIDEST)}
    if sum(1 for value in values.values() for _ in _parts(value)) > THINGS:
        values = {name: Foreign("sequence") if isinstance(value, tuple) else value for name, value in values.items()}
    sizes = sorted(part.nbytes for value in values.values() for part in _parts(value) if isinstance(part, torch.Tensor))
    too_large = next((size for size, sum_ in zip(sizes, itertools.accumulate(sizes), strict=True) if sum_ > most), None)
    return {name: _copied(value, too_large) for name, value in values.items()}


def plain(thing: Any, depth: int = 0) -> Value:  # noqa: PLR0911 - a kind a line
    """Reduce anything to a :data:`Value`, without copying it or computing with it.

    Whatever can't be reduced, or fails while it is reduced, becomes :class:`Foreign`.
    """
    try:
        if thing is None:
            return None
        if isinstance(thing, torch.Tensor):
            return _tensor(thing)
        if isinstance(thing, bool | int | float):
            return float(thing)
        if isinstance(thing, np.ndarray | np.generic) and thing.dtype.kind in "biuf":
            backwards = min(thing.strides, default=0) < 0  # torch can't read that as it lies
            return _tensor(torch.as_tensor(np.ascontiguousarray(thing) if backwards else thing))
        if isinstance(thing, list | tuple):
            return _sequence(thing, depth)
        if isinstance(thing, dict):
            return Foreign("dict")
    except Exception:  # noqa: S110 - a student's object may raise anything; then it is foreign
        pass
    return Foreign("tensor" if isinstance(thing, torch.Tensor) else type(thing).__name__[:80])


def _sequence(thing: list[Any] | tuple[Any, ...], depth: int) -> Value:
    """The values of a list or tuple; its kind alone if it is too deep, too long, or holds too many things."""
    values: list[Value] = []
    things = 0
    if depth < DEEPEST and len(thing) <= WIDEST:
        for item in thing:
            values.append(plain(item, depth + 1))
            things += sum(1 for _ in _parts(values[-1]))
            if things > THINGS:
                break
        else:
            return tuple(values)
    return Foreign("sequence")


def _tensor(thing: torch.Tensor) -> Value:
    """A tensor apart from its graph and its class; its kind alone if it isn't dense and of real numbers."""
    found = thing
    if type(thing) is not torch.Tensor:
        with torch._C.DisableTorchFunctionSubclass():  # a student's subclass may answer to any name with anything
            found = torch.Tensor.detach(thing).as_subclass(torch.Tensor)
    odd = next((kind for kind, holds in _ODD.items() if holds(found)), None)
    return Foreign(odd) if odd else found.detach()


_ODD: dict[str, Callable[[torch.Tensor], bool]] = {
    "nested tensor": lambda tensor: tensor.is_nested,
    "sparse tensor": lambda tensor: tensor.layout is not torch.strided and "sparse" in str(tensor.layout),
    "tensor": lambda tensor: tensor.layout is not torch.strided,
    "complex tensor": torch.is_complex,
    "meta tensor": lambda tensor: tensor.is_meta,
    "tensor of another dtype": lambda tensor: tensor.dtype not in _PLAIN,
    "tensor of many axes": lambda tensor: tensor.ndim > AXES,
}
"""Tensors that are not compared, by what holds of them: the first that does names the kind."""


def _parts(value: Value) -> Iterator[Value]:
    """A value, and all values in it."""
    yield value
    for item in value if isinstance(value, tuple) else ():
        yield from _parts(item)


def _copied(value: Value, too_large: int | None) -> Value:
    """A value whose tensors have memory of their own, dense and on the CPU; those of so many bytes are left out."""
    if isinstance(value, tuple):
        return tuple(_copied(item, too_large) for item in value)
    if not isinstance(value, torch.Tensor):
        return value
    if too_large is not None and value.nbytes >= too_large:
        return TOO_LARGE
    try:
        return value.to("cpu").clone(memory_format=torch.contiguous_format)
    except Exception:  # there was no memory for it, or it only pretends to be a tensor
        return Foreign("tensor")


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

    def receive(self, deadline: float | None = None, most: int | None = None) -> Frame:
        """Receive a frame whose body has at most :attr:`limit` bytes, and no more than `most`.

        Raises:
            TimeoutError: if it isn't complete in time.
            EOFError: if the other side is gone.
            WireError: if it isn't a frame, or is larger; then no memory is taken for it.
        """
        limit = self.limit if most is None else min(most, self.limit)
        magic, kind, number, length = _HEADER.unpack(self._exactly(_HEADER.size, deadline))
        if magic != _MAGIC or kind not in _KINDS:
            raise WireError("something else than a frame came over the wire")
        if length > limit:
            raise WireError(f"a frame of {length} bytes came over the wire; at most {limit} are taken")
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
