"""What frames say: questions of the grader and answers of a student's process, to bytes and back.

Tensors travel in the layout of safetensors, the rest as JSON; nothing is ever unpickled.
Every ``read_`` function checks kinds, types, shapes, sizes and lengths before it hands anything on,
and raises :class:`~autograder.jail.wire.WireError` and nothing else.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import torch

from autograder.jail.session import FRAMES, PRINTED, CellFault, Fault, Step
from autograder.jail.wire import DEEPEST, WIDEST, Bytes, Foreign, Value, WireError

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

NOTE = 4 << 20
"""The most bytes of JSON in one frame."""

TENSORS = 1024
"""The most tensors in one frame."""

PICTURES = 16
"""The most pictures in one frame."""

PIXELS = 1200
"""The most pixels that a picture is wide or high."""

_ALIGNED = 8
_DIMENSIONS = 8
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<Q")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

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
    (cell, line, source), _ = _unpack(body)
    return Step(_count(cell), _count(line), _string(source))


def call(flows: str, name: str, tensors: Mapping[str, torch.Tensor]) -> list[Bytes]:
    """Ask to call the flow `name` of the source text `flows` on `tensors`."""
    return _pack([flows, name, list(tensors)], list(tensors.values()))


@_checked
def read_call(body: memoryview) -> tuple[str, str, dict[str, torch.Tensor]]:
    """Read what :func:`call` wrote."""
    (flows, name, names), tensors = _unpack(body)
    return _string(flows), _string(name), dict(zip(map(_string, names), tensors, strict=True))


# --- answers ----------------------------------------------------------------------------------------------------------


def done(faults: Sequence[CellFault], printed: str) -> list[Bytes]:
    """Say that a statement has run, what it raised, and what it printed."""
    return _pack([[[each.cell, each.line, _fault(each.fault)] for each in faults], printed], [])


@_checked
def read_done(body: memoryview) -> tuple[list[CellFault], str]:
    """Read what :func:`done` wrote."""
    (faults, printed), _ = _unpack(body)
    told = [CellFault(_count(cell), _count(line), _read_fault(fault)) for cell, line, fault in faults[:WIDEST]]
    return told, _text(printed, PRINTED)


def answer(values: Mapping[str, Value], limit: int) -> list[Bytes]:
    """Give what a flow returned; a value that doesn't fit into a frame of `limit` bytes is named and left out."""
    tensors: list[torch.Tensor] = []
    note: dict[str, Any] = {}
    room, words = limit - NOTE, NOTE // 2
    for name, value in list(values.items())[:WIDEST]:
        held = len(tensors)
        node, taken = _node(value, tensors, room)
        length = len(json.dumps(node))
        if length > words:
            del tensors[held:]
            node, taken, length = ["x", f"{type(value).__name__} with too many entries"], 0, 0
        note[name] = node
        room -= taken
        words -= length
    return _pack(note, tensors)


@_checked
def read_answer(body: memoryview) -> dict[str, Value]:
    """Read what :func:`answer` wrote."""
    note, tensors = _unpack(body)
    if type(note) is not dict or len(note) > WIDEST:
        raise WireError("an answer names too many values")
    return {_text(name, 80): _read_node(node, tensors, 0) for name, node in note.items()}


def raised(fault: Fault) -> list[Bytes]:
    """Say that a student's code raised."""
    return _pack(_fault(fault), [])


@_checked
def read_raised(body: memoryview) -> Fault:
    """Read what :func:`raised` wrote."""
    note, _ = _unpack(body)
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
    cells, tensors = _unpack(body)
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


def _node(value: Value, tensors: list[torch.Tensor], room: int) -> tuple[Any, int]:  # noqa: PLR0911 - a kind a line
    """Describe a value in JSON, add its tensors to `tensors`, and say how many bytes of `room` they take."""
    if type(value) is torch.Tensor:
        if value.dtype not in _NAMES or value.ndim > _DIMENSIONS:
            return ["x", f"Tensor of {value.dtype} with {value.ndim} dimensions"], 0
        if value.nbytes > room or len(tensors) >= TENSORS:
            return ["x", f"Tensor of {value.nbytes} bytes"], 0
        tensors.append(value)
        return ["t", len(tensors) - 1], value.nbytes
    if isinstance(value, tuple):
        nodes, taken = [], 0
        for item in value:
            node, more = _node(item, tensors, room - taken)
            nodes.append(node)
            taken += more
        return ["s", nodes], taken
    if value is None:
        return ["0"], 0
    if type(value) is float:
        return ["n", value], 0
    return ["x", getattr(value, "type_name", type(value).__name__)], 0


def _read_node(node: Any, tensors: Sequence[torch.Tensor], depth: int) -> Value:
    kind, *rest = node
    if kind == "0":
        return None
    (content,) = rest
    if kind == "t":
        return tensors[_count(content)]
    if kind == "n" and type(content) is float:
        return content
    if kind == "x":
        return Foreign(_text(content, 80))
    if kind == "s" and type(content) is list and len(content) <= WIDEST and depth < DEEPEST:
        return tuple(_read_node(item, tensors, depth + 1) for item in content)
    raise WireError("a value is of no known kind")


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
    """Take a student's text: of limited length, without what moves a terminal's cursor or can't be written."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _string(thing)[:limit].replace("\r", "\n"))


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


def _unpack(body: memoryview) -> tuple[Any, list[torch.Tensor]]:
    (length,) = _LENGTH.unpack(body[: _LENGTH.size])
    at = _LENGTH.size + length
    if length > NOTE or at > body.nbytes:
        raise WireError("a frame's note is too long")
    note = json.loads(bytes(body[_LENGTH.size : at]))
    return note, _read_tensors(body[at:]) if at < body.nbytes else []


def _read_tensors(body: memoryview) -> list[torch.Tensor]:
    """Read tensors in the layout of safetensors; they lie in the frame's own memory, which nobody else has."""
    (length,) = _HEADER.unpack(body[: _HEADER.size])
    if length > TENSORS * 256:
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
    if len(shape) > _DIMENSIONS or math.prod(shape) * dtype.itemsize != end - start:
        raise WireError("a tensor's data don't fill its shape")
    if start == end:
        return torch.empty(shape, dtype=dtype)
    if dtype is torch.bool:  # a byte other than 0 and 1 would be neither true nor false
        return torch.frombuffer(data[start:end], dtype=torch.uint8).ne(0).reshape(shape)
    flat = torch.frombuffer(data[start:end], dtype=dtype)
    return (flat if flat.data_ptr() % dtype.itemsize == 0 else _moved(data[start:end], dtype)).reshape(shape)


def _moved(data: memoryview, dtype: torch.dtype) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype)
