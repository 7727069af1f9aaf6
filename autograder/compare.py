"""Close or not, and in words how it differs: every sentence about a student's answer is written here.

A sentence may say shape, pattern and a ratio that is a diagnosis in itself (2, 1/2, N, 1/N, -1).
It never says a hidden value, nor a distance from one, nor any text that a student's code chose.
"""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from autograder.jail.session import Fault
from autograder.jail.wire import Foreign, Value

RTOL = 1e-4
"""Allowed difference relative to the entry itself."""

ATOL = 2e-5
"""Allowed difference relative to the largest entry of the tensor.

Both come from the spread of right answers in float32: over all right variants of all banks and three seeds, the
furthest is at 0.11 of what is allowed, half of them at 0.004. `autograder vet` measures it anew, and wants 0.5 at most.
The nearest known mistake is at 54 times of what is allowed, in the answers that it changes.
"""


AXES, LONG = 3, 99
"""The most axes, and the longest axis, of a wrong shape that is repeated: a larger one could carry a hidden value."""


EDGE = 10
"""An answer that would be right with tolerances this many times as wide is wrong, and a person is asked to look."""


class Mismatch(AssertionError):  # noqa: N818 - it is a finding, not a fault
    """An answer that is not the right one; its text is a sentence for the student."""

    share = math.inf
    """How far its furthest value is from the right one, the tolerance being 1; infinite where it differs otherwise."""

    @property
    def near(self) -> bool:
        """Whether it is so near the right one that rounding might have done it."""
        return 0 < self.share <= EDGE


_measured: ContextVar[list[float] | None] = ContextVar("measured", default=None)


@contextmanager
def measured() -> Iterator[list[float]]:
    """Collect how far each compared answer of the right shape is from the right one, the tolerance being 1."""
    found: list[float] = []
    token = _measured.set(found)
    try:
        yield found
    finally:
        _measured.reset(token)


def compare(got: Mapping[str, Value], want: Mapping[str, torch.Tensor], batch: int | None = None) -> None:
    """Check `got[name]` against `want[name]` for each name; axes of length 1 don't matter.

    Shapes:
        want[name]  float64, finite
        batch       number of samples N, where a factor N or 1/N would be a known mistake

    Raises:
        Mismatch: saying for each wrong name what can be said without giving the answer.
    """
    __tracebackhide__ = True
    shares = {name: _share(got.get(name), want[name]) for name in want}
    if (found := _measured.get()) is not None:
        found += [share for share in shares.values() if share is not None]
    open_to_doubt = [name for name, share in shares.items() if share is None or not share < 1]
    wrong = {name: text for name in open_to_doubt if (text := _difference(got.get(name), want[name], batch))}
    if not wrong:
        return
    alike: dict[str, list[str]] = {}
    for name, text in wrong.items():
        alike.setdefault(text, []).append("it" if name == "answer" else name)
    told = "; ".join(f"{'each of ' * (len(names) > 1)}{_listed(names)} {text}" for text, names in alike.items())
    mismatch = Mismatch(_swapped(got, want, wrong) or told)
    mismatch.share = max(math.inf if (share := shares[name]) is None else share for name in wrong)
    raise mismatch


def unchanged(after: Mapping[str, Value], before: Mapping[str, torch.Tensor]) -> None:
    """Check that the tensors a function was given still hold what they held.

    Raises:
        Mismatch: naming those that were changed.
    """
    __tracebackhide__ = True
    changed = [
        name
        for name, given in before.items()
        if not (isinstance(now := after.get(name), torch.Tensor) and _same(now, given))
    ]
    if changed:
        raise Mismatch(f"{_listed(changed)} changed while your function ran; it should only read what it is given")


def close(got: torch.Tensor, want: torch.Tensor) -> bool:
    """|got - want| < RTOL |want| + ATOL max|want|, entry by entry, for equal shapes and finite numbers."""
    if got.shape != want.shape or got.is_complex():
        return False
    got, want = got.double(), want.double()
    return bool((got - want).abs().lt(_bound(want)).all())


def _bound(want: torch.Tensor) -> torch.Tensor:
    size = want.abs()
    scale = float(size.max()) if size.numel() else 0.0
    return RTOL * size + (ATOL * scale if scale else 1e-6)


def _share(got: Value, want: torch.Tensor) -> float | None:
    """The largest |got - want| / (RTOL |want| + ATOL max|want|): 1 is the edge; None where it can't be told."""
    if isinstance(got, float):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, torch.Tensor) or got.is_complex() or not want.numel():
        return None
    if _squeezed(got).shape != _squeezed(want).shape:
        return None
    got, want = got.double().flatten(), want.double().flatten()
    return float(((got - want).abs() / _bound(want)).max()) if bool(got.isfinite().all()) else None


def same_values(left: Value, right: Value) -> bool:
    """Whether two answers are the same answer: equal kinds and shapes, and close where they are numbers."""
    left, right = (torch.tensor(v, dtype=torch.float64) if isinstance(v, float) else v for v in (left, right))
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        left, right = _squeezed(left), _squeezed(right)
        if left.shape != right.shape or left.is_complex() or right.is_complex():
            return False
        left, right = left.double(), right.double()
        finite = left.isfinite()
        if not torch.equal(finite, right.isfinite()):
            return False
        return close(left[finite], right[finite])
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(same_values(a, b) for a, b in zip(left, right, strict=True))
    return not isinstance(left, torch.Tensor) and not isinstance(right, torch.Tensor) and left == right


def _difference(got: Value, want: torch.Tensor, batch: int | None) -> str | None:
    """Say how a value differs from the right one, or None where it doesn't."""
    if isinstance(got, float):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, torch.Tensor):
        return _kind(got)
    if got.is_complex():
        return "is complex; real numbers are asked for"
    got, want = _squeezed(got), _squeezed(want)
    if got.shape != want.shape:
        return _shape(got, want, batch)
    got = got.double()
    if close(got, want):
        return None
    if not bool(got.isfinite().all()):
        return "holds nan or infinity"
    return _pattern(got, want, batch)


def _kind(got: Value) -> str:
    if got is None:
        return "is missing: nothing was returned or set there"
    if isinstance(got, tuple):
        return f"is a sequence of {len(got)} things where one tensor is asked for"
    assert isinstance(got, Foreign)
    known = got.type_name if hasattr(builtins, got.type_name) or got.type_name == "function" else "other object"
    return f"is of type {known}, not a tensor"


def _shape(got: torch.Tensor, want: torch.Tensor, batch: int | None) -> str:
    found, asked = tuple(got.shape), tuple(want.shape)
    if len(found) > AXES or any(size > max(LONG, *want.shape, 0) for size in found):
        return f"has another shape than {asked}, which is asked for"
    text = f"has shape {found}, where {asked} is asked for"
    if want.dim() == 2 and found == asked[::-1]:
        return f"{text}: it is transposed"
    if want.dim() == 1 and found == (asked[0], asked[0]):
        return f"{text}: a row and a column were broadcast against each other"
    if batch and batch > 1 and found == (batch, *asked):
        return f"{text}: there is still one row for every sample"
    if not found:
        return f"{text}: everything was summed to one number"
    return text


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


def _swapped(got: Mapping[str, Value], want: Mapping[str, torch.Tensor], wrong: Collection[str]) -> str | None:
    """Say that right values stand in each other's places, where they do."""
    if len(wrong) < 2:
        return None
    places = {}
    for name in wrong:
        found = [other for other in wrong if _difference(got.get(name), want[other], None) is None]
        if not found:
            return None
        places[name] = found[0]
    told = ", ".join(f"{name} holds {holds}" for name, holds in places.items())
    return f"the values are right, but in another order: {told}"


def _squeezed(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape([size for size in tensor.shape if size != 1])


def _same(now: torch.Tensor, given: torch.Tensor) -> bool:
    if now.shape != given.shape or now.is_floating_point() != given.is_floating_point():
        return False
    return torch.equal(now.double(), given.to(now.dtype).double())


def _listed(names: list[str]) -> str:
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
        return f"It is not written yet{at}."
    known = getattr(builtins, fault.type_name, None)
    kind = fault.type_name if isinstance(known, type) and issubclass(known, BaseException) else "an error of its own"
    return f"Your code stopped{at} with {kind}{_told(fault, words, sizes)}."


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
