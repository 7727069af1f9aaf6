"""What frames say: questions of the grader and answers of a student's process, to bytes and back.

Tensors travel in the layout of safetensors, the rest as JSON; nothing is ever unpickled.
Every ``read_`` function checks kinds, types, shapes, sizes and lengths before it hands anything on,
and raises :class:`~autograder.jail.wire.WireError` and nothing else.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import torch

from autograder.jail.session import FRAMES, PRINTED, CellFault, Fault, Step
from autograder.jail.wire import AXES, DEEPEST, DTYPES, THINGS, WIDEST, Bytes, Foreign, Value, WireError

ASKED, TOLD, NOTE = 4 << 20, 1 << 20, 64 << 10
"""The most bytes of JSON: in a question of the grader's; about a statement, and what it printed; in any other answer.

A character takes up to 12; the kit's own lessons are answered in 400 bytes.
"""

TENSORS = 256
"""The most tensors in one frame; the kit's own lessons are answered in 30."""

PICTURES = 16
"""The most pictures in one frame."""

PIXELS = 1200
"""The most pixels that a picture is wide or high."""

_DESCRIBED = 256
"""Bytes of JSON that describe one tensor, at the most."""

BESIDE = NOTE + TENSORS * _DESCRIBED + 16
"""The most bytes of an answer that are no tensor's."""

_ALIGNED = 8
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<Q")

P = ParamSpec("P")
T = TypeVar("T")


def _checked(read: Callable[P, T]) -> Callable[P, T]:
    """Let a function that takes a frame apart raise WireError only."""

    def reading(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return read(*arguments, **named)
        except WireError:
            raise
        except Exception as error:
            raise WireError(f"a frame can't be read: {type(error).__name__}") from error

    reading.__doc__ = read.__doc__
    reading.__name__ = read.__name__
    return reading


# --- questions --------------------------------------------------------------------------------------------------------


def execute(step: Step) -> list[Bytes]:
    """Ask to run a statement."""
    return _pack([step.cell, step.line, step.source], [])


@_checked
def read_execute(body: memoryview) -> Step:
    """Read what :func:`execute` wrote."""
    (cell, line, source), _ = _unpack(body, ASKED)
    return Step(_count(cell), _count(line), _string(source))


def call(flows: str, name: str, tensors: Mapping[str, torch.Tensor]) -> list[Bytes]:
    """Ask to call the flow `name` of the source text `flows` on `tensors`."""
    return _pack([flows, name, list(tensors)], list(tensors.values()))


@_checked
def read_call(body: memoryview) -> tuple[str, str, dict[str, torch.Tensor]]:
    """Read what :func:`call` wrote."""
    (flows, name, names), tensors = _unpack(body, ASKED)
    return _string(flows), _string(name), dict(zip(map(_string, names), tensors, strict=True))


# --- answers ----------------------------------------------------------------------------------------------------------


def done(faults: Sequence[CellFault], printed: str) -> list[Bytes]:
    """Say that a statement has run, what it raised, and what it printed."""
    return _pack([[[each.cell, each.line, _fault(each.fault)] for each in faults], printed], [])


@_checked
def read_done(body: memoryview) -> tuple[list[CellFault], str]:
    """Read what :func:`done` wrote: a statement has one fault at the most."""
    (faults, printed), _ = _unpack(body, TOLD)
    if type(faults) is not list or len(faults) > 1:
        raise WireError("a statement has too many faults")
    told = [CellFault(_count(cell), _count(line), _read_fault(fault)) for cell, line, fault in faults]
    return told, _text(printed, PRINTED)


def answer(values: Mapping[str, Value]) -> list[Bytes]:
    """Give what a flow returned, reduced by :func:`~autograder.jail.wire.plain_answer`."""
    tensors: list[torch.Tensor] = []
    note = {name: _node(value, tensors) for name, value in values.items()}
    pieces = _pack(note, tensors)
    if len(pieces[1]) > NOTE:  # the names of types and results may be a student's, and long
        return _pack({"answer": ["x", "dict"]}, [])
    return pieces


@_checked
def read_answer(body: memoryview) -> dict[str, Value]:
    """Read what :func:`answer` wrote: each tensor is one value, in the order in which they came."""
    note, tensors = _unpack(body, NOTE)
    if type(note) is not dict or len(note) > WIDEST:
        raise WireError("an answer names too many values")
    nodes = _Nodes(tensors)
    values = {_text(name, 80): nodes.read(node) for name, node in note.items()}
    nodes.expect_none_left()
    return values


def raised(fault: Fault) -> list[Bytes]:
    """Say that a student's code raised."""
    return _pack(_fault(fault), [])


@_checked
def read_raised(body: memoryview) -> Fault:
    """Read what :func:`raised` wrote."""
    note, _ = _unpack(body, NOTE)
    return _read_fault(note)


def pictures(drawn: Sequence[tuple[int, torch.Tensor]]) -> list[Bytes]:
    """Give pictures as pixels, each with the index of its cell.

    Shapes:
        drawn  (height, width, 4) each, uint8: red, green, blue, opacity
    """
    kept = drawn[:PICTURES]
    return _pack([cell for cell, _ in kept], [pixels for _, pixels in kept])


@_checked
def read_pictures(body: memoryview) -> list[tuple[int, torch.Tensor]]:
    """Read what :func:`pictures` wrote."""
    cells, tensors = _unpack(body, NOTE)
    if len(tensors) > PICTURES:
        raise WireError("too many pictures")
    for pixels in tensors:
        if (
            pixels.dtype != torch.uint8
            or pixels.ndim != 3
            or pixels.shape[2] != 4
            or not 0 < max(pixels.shape) <= PIXELS
        ):
            raise WireError("a picture is no picture")
        if pixels.numel() == 0:
            raise WireError("a picture is empty")
    return list(zip(map(_count, cells), tensors, strict=True))


# --- values and faults ------------------------------------------------------------------------------------------------


def _node(value: Value, tensors: list[torch.Tensor]) -> list[Any]:
    """Describe a value in JSON, and add its tensors to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return ["t"]
    if isinstance(value, tuple):
        return ["s", [_node(item, tensors) for item in value]]
    if isinstance(value, Foreign):
        return ["x", value.kind]
    return ["0"] if value is None else ["n", value]


class _Nodes:
    """Reads what :func:`_node` wrote: so many things, and each tensor once, whatever a note says."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = list(reversed(tensors))
        self._left = THINGS

    def read(self, node: Any, depth: int = 0) -> Value:
        """Read one value."""
        self._left -= 1
        if self._left < 0:
            raise WireError("an answer has too many things in it")
        kind, *rest = node
        if kind == "t" and not rest:
            return self._tensors.pop()
        if kind == "0" and not rest:
            return None
        (content,) = rest
        if kind == "n" and type(content) is float:
            return content
        if kind == "x":
            return Foreign(_text(content, 80))
        if kind == "s" and type(content) is list and len(content) <= WIDEST and depth < DEEPEST:
            return tuple([self.read(item, depth + 1) for item in content])
        raise WireError("a value is of no known kind")

    def expect_none_left(self) -> None:
        """Make sure that every tensor was some value.

        Raises:
            WireError: if one was not.
        """
        if self._tensors:
            raise WireError("a tensor came that is no value")


def _fault(fault: Fault) -> list[Any]:
    return [fault.type_name, fault.message, fault.frames[-FRAMES:], fault.missing]


def _read_fault(note: Any) -> Fault:
    type_name, message, frames, missing = note
    if type(frames) is not list or len(frames) > FRAMES:
        raise WireError("a fault has too many frames")
    places = tuple((_count(cell), _count(line), _text(function, 80)) for cell, line, function in frames)
    return Fault(_text(type_name, 80), _text(message, 500), places, None if missing is None else _text(missing, 500))


def _string(thing: Any) -> str:
    if type(thing) is not str:
        raise WireError("text is missing where text belongs")
    return thing


def _text(thing: Any, limit: int) -> str:
    """Take a student's text, of limited length; whoever shows it makes it visible."""
    return _string(thing)[:limit]


def _count(thing: Any) -> int:
    if type(thing) is not int or not 0 <= thing < 1 << 31:
        raise WireError("a count is out of bounds")
    return thing


# --- bytes ------------------------------------------------------------------------------------------------------------


def _pack(note: Any, tensors: Sequence[torch.Tensor]) -> list[Bytes]:
    """Lay out a frame's body: JSON, then safetensors, whose data stay where they are until they are sent."""
    text = json.dumps(note).encode("ascii")
    pieces: list[Bytes] = [_LENGTH.pack(len(text)), text]
    if not tensors:
        return pieces
    header: dict[str, Any] = {}
    data: list[Bytes] = []
    end = 0
    for index, tensor in sorted(enumerate(tensors), key=lambda each: -each[1].itemsize):  # so that each lies aligned
        flat = tensor.detach().contiguous().reshape(-1)
        start, end = end, end + flat.nbytes
        header[str(index)] = {"dtype": _NAMES[flat.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        data.append(flat.view(torch.uint8).numpy().data)
    described = json.dumps(header).encode("ascii")
    described += b" " * (-(sum(map(len, pieces)) + _HEADER.size + len(described)) % _ALIGNED)
    return [*pieces, _HEADER.pack(len(described)), described, *data]


def _unpack(body: memoryview, most: int) -> tuple[Any, list[torch.Tensor]]:
    (length,) = _LENGTH.unpack(body[: _LENGTH.size])
    at = _LENGTH.size + length
    if length > most or at > body.nbytes:
        raise WireError("a frame's note is too long")
    note = json.loads(bytes(body[_LENGTH.size : at]))
    return note, _read_tensors(body[at:]) if at < body.nbytes else []


def _read_tensors(body: memoryview) -> list[torch.Tensor]:
    """Read tensors in the layout of safetensors; they lie in the frame's own memory, which nobody else has."""
    (length,) = _HEADER.unpack(body[: _HEADER.size])
    if length > TENSORS * _DESCRIBED:
        raise WireError("a frame has too many tensors")
    header = json.loads(bytes(body[_HEADER.size : _HEADER.size + length]))
    data = body[_HEADER.size + length :]
    if type(header) is not dict or len(header) > TENSORS:
        raise WireError("a frame has too many tensors")
    end = 0
    for told in sorted(header.values(), key=lambda told: [_count(at) for at in told["data_offsets"]]):
        start, after = told["data_offsets"]
        if start != end:
            raise WireError("tensors overlap, or leave a gap")
        end = after
    if end != data.nbytes:
        raise WireError("tensors don't fill their frame")
    return [_tensor(header[str(index)], data) for index in range(len(header))]


def _tensor(told: Mapping[str, Any], data: memoryview) -> torch.Tensor:
    dtype, shape, (start, end) = DTYPES[told["dtype"]], [_count(size) for size in told["shape"]], told["data_offsets"]
    if len(shape) > AXES or math.prod(shape) * dtype.itemsize != end - start:
        raise WireError("a tensor's data don't fill its shape")
    if start == end:
        return torch.empty(shape, dtype=dtype)
    if dtype is torch.bool:  # a byte other than 0 and 1 would be neither true nor false
        return torch.frombuffer(data[start:end], dtype=torch.uint8).ne(0).reshape(shape)
    flat = torch.frombuffer(data[start:end], dtype=dtype)
    return (flat if flat.data_ptr() % dtype.itemsize == 0 else _moved(data[start:end], dtype)).reshape(shape)


def _moved(data: memoryview, dtype: torch.dtype) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype)
