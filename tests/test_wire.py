"""The wire between grader and jail: what crosses, what doesn't, and that nonsense is always told as nonsense."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.jail import codec
from autograder.jail.session import CellFault, Fault, Step
from autograder.jail.student import as_output
from autograder.jail.wire import AXES, WIDEST, Channel, Foreign, Kind, Value, WireError, plain, plain_answer

LIMIT = 8 << 20


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel, socket.socket]]:
    """Two channels that talk to each other, and the second one's bare socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield Channel(ours.fileno(), LIMIT), Channel(theirs.fileno(), LIMIT), theirs


def soon(seconds: float = 10.0) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def crossed(values: dict[str, Value]) -> dict[str, Value]:
    """Values after they have been written and read."""
    return codec.read_answer(joined(codec.answer(values)))


def joined(pieces: list[codec.Bytes]) -> memoryview:
    """A frame's body in one piece."""
    return memoryview(bytearray(b"".join(pieces)))


def same(left: Value, right: Value) -> bool:
    """Whether two values are equal, NaN to NaN, types and shapes included."""
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and torch.equal(left.nan_to_num(7), right.nan_to_num(7))
        )
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and left == right


tensors = st.builds(
    lambda shape, dtype: (torch.arange(math.prod(shape)).reshape(shape) % 3).to(dtype),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(list(codec.DTYPES.values())),
)
leaves = st.one_of(
    tensors,
    st.floats(),
    st.none(),
    st.builds(Foreign, st.text(st.characters(codec="ascii", categories=["L"]), max_size=80)),
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=8)


@settings(max_examples=150)
@given(
    st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=9), values, max_size=5)
)
def test_values_cross_unchanged(given_values: dict[str, Value]) -> None:
    """Tensors of every kind, NaN and infinity, None, tuples and foreign things come out as they went in."""
    reduced = {name: plain_depth(value) for name, value in given_values.items()}
    back = crossed(reduced)
    assert back.keys() == reduced.keys()
    assert all(same(back[name], reduced[name]) for name in reduced)


def plain_depth(value: Value) -> Value:
    """A value as the student's side reduces it: no deeper than may cross."""
    return plain(value) if not isinstance(value, Foreign) else value


def test_tensors_travel_in_the_layout_of_safetensors() -> None:
    """What is written is a safetensors file that its own library reads."""
    sent = {"a": torch.randn(2, 3), "b": torch.tensor([True, False]), "c": torch.arange(5), "d": torch.zeros(0, 3)}
    body = joined(codec.call("flows", "name", sent))
    (note,) = struct.unpack("<I", body[:4])
    read = safetensors.torch.load(bytes(body[4 + note :]))
    assert all(torch.equal(read[str(index)], tensor) for index, tensor in enumerate(sent.values()))


def test_requests_cross() -> None:
    """Statements and calls come out as they went in, and tensors need no contiguous memory to be sent."""
    step = Step(3, 2, "x = 'ä\N{SNOWMAN}'\n")
    assert codec.read_execute(joined(codec.execute(step))) == step
    given_tensors = {"w": torch.arange(6.0).reshape(2, 3).T, "x": torch.tensor(1.0, requires_grad=True)}
    flows, name, read = codec.read_call(joined(codec.call("def f(nb): ...", "f", given_tensors)))
    assert (flows, name) == ("def f(nb): ...", "f")
    assert all(torch.equal(read[key], given_tensors[key]) for key in given_tensors)
    assert not any(tensor.requires_grad for tensor in read.values())


def test_faults_cross_as_bounded_plain_text() -> None:
    """An exception's text is cut; what was printed can neither move a terminal's cursor nor break an encoding."""
    fault = Fault("Error" * 50, "a\x1b[2Jb\ud800\u202ec" + "z" * 5000, ((1, 2, "f" * 500),), "name")
    (told,), printed = codec.read_done(joined(codec.done([CellFault(4, 5, fault)], "\x07hi\r\n" + "p" * 10**6)))
    assert told.cell == 4
    assert len(told.fault.type_name) == 80
    assert len(told.fault.message) == 500
    assert told.fault.frames == ((1, 2, "f" * 80),)
    assert len(printed) == 64 * 1024
    assert as_output(printed[:7] + "\ud800")["text"] == "\ufffdhi\npp\ufffd"
    assert codec.read_raised(joined(codec.raised(Fault("E", "m")))) == Fault("E", "m")
    longest = codec.done([CellFault(4, 5, Fault("\0" * 80, "\0" * 500))], "\N{GRINNING FACE}" * 64 * 1024)
    assert len(joined(longest)) < codec.TOLD
    with pytest.raises(WireError):
        codec.read_done(joined(codec.done([CellFault(4, 5, fault)] * 2, "")))


class Slippery(torch.Tensor):
    """A tensor that answers every question about itself with a lie."""

    def detach(self) -> object:  # type: ignore[override]
        """Lie."""
        return "a tensor, honestly"


class Broken(torch.Tensor):
    """A tensor that can do nothing."""

    @classmethod
    def __torch_dispatch__(cls, *_: object) -> object:
        """Refuse any operation."""
        raise RuntimeError


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_cannot_be_compared_is_named_and_left_out() -> None:
    """A tensor of another kind, a long list, or a type of the student's own: nothing is converted, and nothing lost."""
    x = torch.ones(2)
    kinds = {
        "complex tensor": x.to(torch.complex64),
        "sparse tensor": torch.sparse_coo_tensor([[1 << 39]], [1.0], (1 << 40,), check_invariants=True),
        "nested tensor": torch.nested.nested_tensor([x, x]),
        "meta tensor": x.to("meta"),
        "tensor of another dtype": x.to(torch.float8_e4m3fn),
        "tensor of many axes": torch.zeros([1] * (AXES + 1)),
        "tensor": torch.zeros(2).as_subclass(Broken),
        "sequence": [0.5] * (WIDEST + 1),
        "ndarray": np.array([object()]),
        "dict": OrderedDict(a=x),
        "int": 10**400,
        "large tensor": x.expand(1 << 40, 2),
    }
    back = crossed(plain_answer({**kinds, "own": torch.zeros(3).as_subclass(Slippery), "fine": 1, "numpy": np.eye(2)}))

    assert {name: back[name] for name in kinds} == {name: Foreign(name) for name in kinds}
    assert type(back["own"]) is torch.Tensor
    assert back["fine"] == 1.0
    assert torch.equal(back["numpy"], torch.eye(2, dtype=torch.float64))  # type: ignore[arg-type]


def test_what_is_too_large_takes_no_place_from_the_rest() -> None:
    """In whatever order they come, the smallest tensors cross, so that a right one is judged beside a large one."""
    sizes = {"huge": 1 << 20, "right": 6, "large": 900, "both": 100}
    kept = crossed(plain_answer({name: torch.zeros(size, dtype=torch.uint8) for name, size in sizes.items()}, 500))

    assert {name for name, value in kept.items() if value == Foreign("large tensor")} == {"huge", "large"}
    assert all(len(kept[name]) == sizes[name] for name in ("right", "both"))  # type: ignore[arg-type]


def test_an_answer_of_very_many_things_is_named_and_left_out() -> None:
    """Lists in lists, and names without end: what is left of them is written in few bytes, and still read."""
    wide: list[Any] = [[[0.5] * WIDEST] * WIDEST] * WIDEST
    back = crossed(plain_answer({"wide": wide, "deep": [[[[0.5]]]], "right": 1.0}))
    assert back == {"wide": (Foreign("sequence"),) * WIDEST, "deep": (((Foreign("sequence"),),),), "right": 1.0}
    back = crossed(plain_answer({str(number): [0.5] * WIDEST for number in range(9)} | {"right": 1.0}))
    assert back == {str(number): Foreign("sequence") for number in range(9)} | {"right": 1.0}

    names = {"\N{SNOWMAN}" * 80 + str(number): type("\N{SNOWMAN}" * 80, (), {})() for number in range(10**4)}
    pieces = codec.answer(plain_answer(names | {"list": [names.popitem()[1]] * WIDEST}))
    assert len(joined(pieces)) <= codec.BESIDE
    assert len(codec.read_answer(joined(pieces))) <= WIDEST


def test_a_boolean_tensor_holds_nothing_but_true_and_false() -> None:
    """A forged byte that is neither 0 nor 1 is read as true."""
    body = joined(codec.answer({"b": torch.tensor([True, False])}))
    body[-2:] = b"\x07\x00"
    read = codec.read_answer(body)["b"]
    assert isinstance(read, torch.Tensor)
    assert torch.equal(read.view(torch.uint8), torch.tensor([1, 0], dtype=torch.uint8))


def forged(note: object, header: object = None, data: bytes = b"") -> memoryview:
    """A frame's body made of anything."""
    text = json.dumps(note).encode()
    body = struct.pack("<I", len(text)) + text
    if header is not None:
        described = json.dumps(header).encode()
        body += struct.pack("<Q", len(described)) + described + data
    return memoryview(bytearray(body))


def one(dtype: str = "F32", shape: object = (1,), offsets: object = (0, 4)) -> dict[str, object]:
    """A header of safetensors with one tensor."""
    return {"0": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


T = {"t": ["t"]}


@pytest.mark.parametrize(
    "body",
    [
        memoryview(bytearray()),
        memoryview(bytearray(b"\xff\xff\xff\xff")),
        forged([]),
        forged(T),
        forged({"x": ["t", 0]}, one(), bytes(4)),
        forged({"x": ["t"], "y": ["t"]}, one(), bytes(4)),
        forged({"x": ["s", [["t"]] * 8]}, one(), bytes(4)),
        forged({"x": ["0"]}, one(), bytes(4)),
        forged({"x": ["0", 1]}),
        forged({str(n): ["s", [["s", [["0"]] * 64]] * 8] for n in range(4)}),
        forged({"x": ["x", "y" * codec.NOTE]}),
        forged({"x": ["n", 1]}),
        forged({"x": ["n", "1"]}),
        forged({"x": ["q", 1]}),
        forged({"x": ["s", [["s", [["s", [["s", []]]]]]]]}),
        forged({"x": ["s", [["0"]] * 65]}),
        forged({"x": ["x", 5]}),
        forged({"x": None}),
        forged({str(n): ["0"] for n in range(65)}),
        forged(T, one(dtype="C64"), bytes(8)),
        forged(T, one(shape=[-1]), bytes(4)),
        forged(T, one(shape=[1 << 62, 4]), bytes(4)),
        forged(T, one(shape=[2]), bytes(4)),
        forged(T, one(shape=[1] * 9), bytes(4)),
        forged(T, one(shape="4"), bytes(4)),
        forged(T, one(offsets=[4, 8]), bytes(8)),
        forged(T, one(offsets=[0, 1 << 40]), bytes(4)),
        forged(T, one(offsets=[-4, 0]), bytes(4)),
        forged(T, one(), bytes(5)),
        forged(T, {"7": one()["0"]}, bytes(4)),
        forged(T, {"0": one()["0"], "1": one()["0"]}, bytes(4)),
        forged(T, [], b""),
        memoryview(bytearray(struct.pack("<I", 200_002) + b"[" * 100_001 + b"]" * 100_001)),
        memoryview(bytearray(struct.pack("<I", 9_000) + b"1" * 9_000)),
    ],
)
def test_a_forged_answer_is_told_as_such(body: memoryview) -> None:
    """Whatever is off in an answer, the grader reads one kind of error."""
    with pytest.raises(WireError):
        codec.read_answer(body)


READERS = [
    codec.read_answer,
    codec.read_done,
    codec.read_raised,
    codec.read_pictures,
    codec.read_execute,
    codec.read_call,
]


@settings(max_examples=300)
@given(st.sampled_from(READERS), st.binary(max_size=200))
def test_garbage_raises_nothing_but_a_wire_error(read: object, garbage: bytes) -> None:
    """No bytes make a reader raise anything else, or hang."""
    with contextlib.suppress(WireError):
        read(memoryview(bytearray(garbage)))  # type: ignore[operator]


jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 1 << 40)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(list("tnsx0")),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["0", "1", "dtype", "shape", "data_offsets"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.sampled_from(READERS), jsons, st.none() | jsons, st.binary(max_size=64))
def test_well_formed_nonsense_raises_nothing_but_a_wire_error(
    read: object, note: object, header: object, data: bytes
) -> None:
    """Neither does JSON that parses and means nothing."""
    with contextlib.suppress(WireError):
        read(forged(note, header, data))  # type: ignore[operator]


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_answer_is_read_or_refused(data: st.DataObject) -> None:
    """Any byte of a good answer may be another: it is then another answer, or none."""
    body = joined(codec.answer({"a": torch.randn(3, 2), "b": (1.0, None), "c": torch.tensor([True])}))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        codec.read_answer(body[: data.draw(st.integers(0, len(body)))])


def test_frames_arrive_in_order_with_their_numbers(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """Two frames sent at once are two frames received."""
    ours, theirs, _ = ends
    theirs.send(Kind.DONE, 7, [b"ab", b"", memoryview(b"c")])
    theirs.send(Kind.ANSWER, 8, [])
    first, second = ours.receive(soon()), ours.receive(soon())
    assert (first.kind, first.number, bytes(first.body)) == (Kind.DONE, 7, b"abc")
    assert (second.kind, second.number, bytes(second.body)) == (Kind.ANSWER, 8, b"")


def test_a_large_frame_crosses_a_small_socket(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """Megabytes arrive whole, both sides waiting for each other as they must."""
    ours, theirs, _ = ends
    content = os.urandom(5 << 20)
    echo = threading.Thread(target=lambda: theirs.send(Kind.ANSWER, 1, [theirs.receive(soon()).body], soon()))
    echo.start()
    ours.send(Kind.CALL, 1, [content], soon())
    assert bytes(ours.receive(soon()).body) == content
    echo.join()


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n\r\n" + b"x" * 20,
        struct.pack("<4sBxxxIQ", b"bpk1", 99, 0, 0),
        struct.pack("<4sBxxxIQ", b"bpk1", 5, 0, LIMIT + 1),
        struct.pack("<4sBxxxIQ", b"bpk1", 5, 0, (1 << 64) - 1),
    ],
)
def test_what_is_no_frame_is_refused(ends: tuple[Channel, Channel, socket.socket], header: bytes) -> None:
    """Another protocol, an unknown kind and a length beyond the limit end the conversation before memory is taken."""
    ours, _, bare = ends
    bare.send(header)
    with pytest.raises(WireError):
        ours.receive(soon())


@settings(max_examples=100)
@given(st.binary(max_size=64))
def test_any_bytes_at_all_end_in_one_of_three_ways(garbage: bytes) -> None:
    """A frame, a wire error, or the end: nothing else comes of bytes on the wire."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(garbage or b"\0")
        theirs.close()
        with contextlib.suppress(WireError, EOFError):
            Channel(ours.fileno(), LIMIT).receive(soon())


@pytest.mark.parametrize("sent", [b"", b"bp", struct.pack("<4sBxxxIQ", b"bpk1", 5, 0, 10) + b"12345"])
def test_a_frame_that_never_ends_costs_its_deadline(ends: tuple[Channel, Channel, socket.socket], sent: bytes) -> None:
    """Nothing, half a header or half a body: the trusted side stops waiting."""
    ours, _, bare = ends
    bare.send(sent)
    with pytest.raises(TimeoutError):
        ours.receive(soon(0.05))


def test_a_frame_is_refused_for_its_length_alone(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """What is larger than its question calls for is not waited for."""
    ours, _, bare = ends
    bare.send(struct.pack("<4sBxxxIQ", b"bpk1", 5, 0, 101))
    with pytest.raises(WireError, match="at most 100 are taken"):
        ours.receive(soon(), most=100)


def test_a_frame_that_trickles_in_costs_its_deadline(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """Bytes that keep coming don't move the deadline."""
    ours, _, bare = ends
    stop = threading.Event()

    def trickle() -> None:
        bare.send(struct.pack("<4sBxxxIQ", b"bpk1", 5, 0, LIMIT))
        while not stop.wait(0.005):
            bare.send(b".")

    slow = threading.Thread(target=trickle)
    slow.start()
    with pytest.raises(TimeoutError):
        ours.receive(soon(0.2))
    stop.set()
    slow.join()


def test_a_side_that_does_not_listen_costs_the_deadline(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """Sending waits no longer than receiving."""
    ours, _, _ = ends
    with pytest.raises(TimeoutError):
        ours.send(Kind.CALL, 1, [bytes(4 << 20)], soon(0.1))


def test_a_side_that_is_gone_is_noticed(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """Both sending and receiving say so."""
    ours, _, bare = ends
    bare.close()
    with pytest.raises(EOFError):
        ours.receive(soon())
    with pytest.raises(EOFError):
        ours.send(Kind.CALL, 1, [bytes(1 << 20)], soon())


def test_silence_is_told_from_speech(ends: tuple[Channel, Channel, socket.socket]) -> None:
    """What comes unasked is seen before the next question."""
    ours, theirs, _ = ends
    ours.expect_silence()
    theirs.send(Kind.ANSWER, 1, [])
    with pytest.raises(WireError):
        ours.expect_silence()


def test_pictures_cross_as_pixels_only() -> None:
    """A picture is an array of bytes with four channels and a bounded size; anything else is refused."""
    picture = torch.randint(0, 255, (4, 5, 4), dtype=torch.uint8)
    ((cell, read),) = codec.read_pictures(joined(codec.pictures([(3, picture)])))
    assert cell == 3
    assert torch.equal(read, picture)
    for wrong in (
        torch.zeros(4, 5, 4),
        torch.zeros(2, 2, 3, dtype=torch.uint8),
        torch.zeros(1300, 1, 4, dtype=torch.uint8),
    ):
        with pytest.raises(WireError):
            codec.read_pictures(joined(codec.pictures([(0, wrong)])))
