"""Every sentence about a student's answer: how a value differs, and what their code raised.

A sentence may say shape, pattern and a ratio that is a diagnosis in itself (2, 1/2, N, 1/N, -1).
It never says a hidden value, nor a distance from one, nor any text that a student's code chose.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import torch

from autograder.jail import TOO_LARGE, Fault, Foreign, Value
from autograder.judge.tolerance import close, squeezed

AXES, LONG = 3, 99
"""The most axes, and the longest axis, of a wrong shape that is repeated: a larger one could carry a hidden value."""


_shown: ContextVar[list[tuple[int, ...]] | None] = ContextVar("shown", default=None)

ASKED = "A person will look at it; nothing is lost."
"""The end of every sentence about a question that waits for a person."""

AGAIN = "Your code stopped in this test, too."
"""What is said where a question's code has stopped before: another line or kind could tell another hidden input."""


@contextmanager
def one_question() -> Iterator[None]:
    """Say of all that is compared here at most one shape that the code may have chosen by its inputs."""
    token = _shown.set([])
    try:
        yield
    finally:
        _shown.reset(token)


def difference(got: Value, want: torch.Tensor, batch: int | None) -> str | None:
    """Say how a value differs from the right one, or None where it doesn't."""
    if isinstance(got, float):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, torch.Tensor):
        return _other(got, want)
    got, want = squeezed(got), squeezed(want)
    if got.shape != want.shape:
        return _shape(got, want, batch)
    got = got.double()
    if close(got, want):
        return None
    if not bool(got.isfinite().all()):
        return "holds nan or infinity"
    return _pattern(got, want, batch)


_TENSORS = {
    "complex tensor": "a complex tensor",
    "sparse tensor": "a sparse tensor",
    "nested tensor": "a nested tensor",
    "meta tensor": "a tensor on the device meta, which holds no numbers",
    "tensor of another dtype": "a tensor of an unusual dtype",
    "tensor of many axes": "a tensor of very many axes",
    "tensor": "an unusual kind of tensor",
}
_KINDS = {
    **_TENSORS,
    "large tensor": "a very large tensor",
    "sequence": "a long or deep sequence",
    "ndarray": "a numpy array",
    "dict": "a dict",
    "set": "a set",
    "str": "a string",
    "bytes": "bytes",
    "int": "a number too large for any tensor",
    "complex": "a complex number",
    "range": "a range",
    "generator": "a generator",
    "function": "a function",
    "method": "a function",
    "builtin_function_or_method": "a function",
    "type": "a class",
    "_TensorMeta": "a class",
}
"""What is said of each kind of thing that is no answer; any other name could be a student's message."""


def kind(got: Value) -> str:
    """What came, as a noun: `a dict`."""
    if got is None or isinstance(got, float):
        return "None" if got is None else "one number"
    if isinstance(got, tuple):
        return "a sequence"
    return _KINDS.get(got.kind, "an object of another type") if isinstance(got, Foreign) else "one tensor"


def _other(got: Value, want: torch.Tensor) -> str:
    """Say that something came that holds no numbers to compare."""
    if got is None:
        return "is missing: nothing was returned or set there"
    if got == TOO_LARGE:
        return f"is far larger than a tensor of shape {tuple(want.shape)}, which is asked for"
    if isinstance(got, Foreign) and got.kind in _TENSORS:
        return f"is {kind(got)}; an ordinary one of real numbers is asked for"
    return f"is {kind(got)} where one tensor is asked for"


def _shape(got: torch.Tensor, want: torch.Tensor, batch: int | None) -> str:
    found, asked = tuple(got.shape), tuple(want.shape)
    if len(found) > AXES or any(size > max(LONG, *want.shape, 0) for size in found):
        return f"has another shape than {asked}, which is asked for"
    text = f"has shape {found}, where {asked} is asked for"
    if known := _known_shape(found, asked, batch):
        return f"{text}: {known}"
    shown = _shown.get()
    if shown and found not in shown:
        return f"has another shape than {asked}, which is asked for"
    if shown == []:
        shown.append(found)
    return text


def _known_shape(found: tuple[int, ...], asked: tuple[int, ...], batch: int | None) -> str:
    """What a shape alone tells, if it is one of a few that mistakes have."""
    if len(asked) == 2 and found == asked[::-1]:
        return "it is transposed"
    if len(asked) == 1 and found == (asked[0], asked[0]):
        return "a row and a column were broadcast against each other"
    if batch and batch > 1 and found == (batch, *asked):
        return "there is still one row for every sample"
    return "" if found else "everything was summed to one number"


def _pattern(got: torch.Tensor, want: torch.Tensor, batch: int | None) -> str:
    """Say what a wrong value of the right shape looks like."""
    if not bool(got.any()):
        return "is zero everywhere"
    for ratio, said in _ratios(batch).items():
        if close(got, ratio * want):
            return f"is {said} what it should be, everywhere"
    if want.dim() == 2 and want.shape[0] == want.shape[1] and close(got, want.T):
        return "has the right values, transposed"
    if close(got.abs(), want.abs()):
        return "has the right size everywhere, but not the right sign"
    return "has the right shape, but not the right values"


def _ratios(batch: int | None) -> dict[float, str]:
    named = {2.0: "twice", 0.5: "half of", -1.0: "minus", -2.0: "minus twice", -0.5: "minus half of"}
    if batch and batch > 2:
        named |= {float(batch): "N times", 1.0 / batch: "1/N of"}
    return named


def swapped(got: Mapping[str, Value], want: Mapping[str, torch.Tensor], wrong: Collection[str]) -> str | None:
    """Say that right values stand in each other's places, where they do."""
    if len(wrong) < 2:
        return None
    places = {}
    for name in wrong:
        found = [other for other in wrong if difference(got.get(name), want[other], None) is None]
        if not found:
            return None
        places[name] = found[0]
    told = ", ".join(f"{name} holds {holds}" for name, holds in places.items())
    return f"the values are right, but in another order: {told}"


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# What torch says of shapes, and of float against double, that don't fit. Only these sentences are repeated to a
# student, and only with sizes that the inputs have: any other text of an exception could carry a hidden value.
_NUMBER, _SIZES = r"(?:0|[1-9][0-9]{0,5})", r"(?:-?N(?:, -?N){0,3})?"
_KIND = "(?:[Ff]loat|[Dd]ouble)"
_SHAPE_SENTENCES = [
    re.compile(pattern.replace("KIND", _KIND).replace("SIZES", _SIZES).replace("N", _NUMBER).replace("#", "[0-9]"))
    for pattern in (
        r"mat1 and mat2 shapes cannot be multiplied \(NxN and NxN\)",
        r"size mismatch, got input \(N\), mat \(NxN\), vec \(N\)",
        r"The size of tensor a \(N\) must match the size of tensor b \(N\) at non-singleton dimension #",
        r"output with shape \[SIZES\] doesn't match the broadcast shape \[SIZES\]",
        r"inconsistent tensor size, expected tensor \[N\] and src \[N\] to have the same number of elements, "
        r"but got N and N elements respectively",
        r"#D tensors expected, but got #D and #D tensors",
        r"(self|vector|mat1|mat2|vec|input|batch1|batch2) must be a (matrix|#D tensor|vector)",
        r"vector \+ matrix @ vector expected, got #, #, #",
        r"shape '\[SIZES\]' is invalid for input of size N",
        r"outer: Expected 1-D argument (self|vec2), but got #-D",
        r"expected m1 and m2 to have the same dtype, but got: KIND != KIND",
        r"self and mat2 must have the same dtype, but got KIND and KIND",
        r"addmv input tensors must have the same dtype, but got KIND, KIND, and KIND",
        r"dot : expected both vectors to have same dtype, but found KIND and KIND",
        r"expected scalar type KIND but found KIND",
    )
]

# Likewise what Python says of a call that doesn't fit: numbers below 100, and few names, that stand in the notebook.
_LIST = r"'\w+'(?:,? (?:and )?'\w+'){0,2}"
_CALL_SENTENCE = re.compile(
    r"(?:\w+\.)?(\w+)\(\) (?:"
    r"takes (?:no arguments|(?:from N to )?N positional arguments?)(?: but N (?:was|were) given| \(N given\))"
    rf"|missing N required (?:positional|keyword-only) arguments?: {_LIST}"
    r"|got (?:an unexpected keyword argument|multiple values for argument) '\w+')".replace("N", "[0-9]{1,2}")
)


_STOPPED = {
    "TimedOut": "It took too long and was stopped.",
    "Killed": "It ended the whole program instead of giving an answer.",
    "WireError": "What came back was not an answer, so its program was ended.",
}


_LEAVES = {
    "SystemExit": "it leaves the program there and gives no answer (SystemExit)",
    "EOFError": "it waits for something to be typed in, and nobody is there (EOFError)",
}


def explain(
    fault: Fault,
    words: Collection[str] = (),
    sizes: Collection[int] = (),
    place: Callable[[int, int], str] = lambda _cell, _line: "",
) -> str:
    """Say what a student's code raised, in words that hold nothing of a hidden input.

    Shapes:
        words  identifiers in the student's own source, and those that are graded: only these are repeated
        sizes  axes of the inputs: only these numbers are repeated
        place  (cell, line) -> where that is, in words
    """
    where = place(*fault.frames[-1][:2]) if fault.frames else ""
    at = f" {where}" if where else ""
    if fault.type_name in _STOPPED:
        return _STOPPED[fault.type_name]
    if fault.missing is not None:
        return f"There is no {fault.missing} in the notebook." if fault.missing in words else "A name is missing."
    if fault.type_name == "NotImplementedError":
        return f"It is not written yet{at.rstrip(',')}."
    if fault.type_name in _LEAVES:
        return f"Your code stopped{at} because {_LEAVES[fault.type_name]}."
    known = getattr(builtins, fault.type_name, None)
    kind = fault.type_name if isinstance(known, type) and issubclass(known, BaseException) else "an error of its own"
    return f"Your code stopped{at} with {kind}{_told(fault, words, sizes)}."


def explain_again(fault: Fault, words: Collection[str] = ()) -> str:
    """Say what a student's code raised in a question that has told a line before: as :func:`explain`, but no other."""
    told = fault.type_name in {*_STOPPED, "NotImplementedError"} or fault.missing is not None
    return explain(replace(fault, frames=()), words) if told else AGAIN


def _told(fault: Fault, words: Collection[str], sizes: Collection[int]) -> str:
    """The part of an exception's text that is safe to repeat, with its punctuation, or nothing."""
    first = fault.message.split("\n")[0]
    numbers = {int(number) for number in re.findall(r"[0-9]+", re.sub(r"\b\dD\b|\d-D", "", first))}
    if any(sentence.fullmatch(first) for sentence in _SHAPE_SENTENCES) and numbers <= {0, 1, 2, 3, *sizes}:
        return f": {first}"
    if named := re.fullmatch(r"name '(\w+)' is not defined", first):
        return f": {first}" if named[1] in words else ""
    if named := re.fullmatch(r"'(\w+)' object has no attribute '(\w+)'.*", first):
        known = named[1] in {"Tensor", "NoneType", "float", "int", "tuple", "list", "function", "dict"}
        return f": a {named[1]} has no attribute {named[2]}" if known and named[2] in words else ""
    if named := _CALL_SENTENCE.fullmatch(first):
        repeated = set(re.findall(r"'(\w+)'", first)) | set(first.split("(")[0].split("."))
        return f": {first}" if repeated <= set(words) else ""
    return ""
