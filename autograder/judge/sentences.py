"""Every sentence about a student's answer: how a value differs, and what their code raised.

A sentence may say shape, pattern and a ratio that is a diagnosis in itself (2, 1/2, N, 1/N, -1).
It never says a hidden value, nor a distance from one, nor any text that a student's code chose; and of how a value came
about it says what the value itself proves.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import torch

from autograder.jail import TOO_LARGE, Fault, Foreign, Value
from autograder.judge.complaints import repeated
from autograder.judge.tolerance import close, squeezed

PROVABLE = 4096
"""The most numbers of a wrong shape that are looked at: two vectors of the lessons broadcast have fewer."""

AXES, LONG = 3, 99
"""The most axes, and the longest axis, of a wrong shape that is repeated: a larger one could carry a hidden value."""


_shown: ContextVar[list[tuple[int, ...]] | None] = ContextVar("shown", default=None)

ASKED = "A person will look at it; nothing is lost."
"""The end of every sentence about a question that waits for a person."""

AGAIN, STOPPED = "Your code stopped in this test, too.", "Your code stopped in this test."
"""What is said where a question's code has stopped before: another line or kind could tell another hidden input.

The other one is for where nothing above says that it did.
"""


@contextmanager
def one_question() -> Iterator[None]:
    """Say of all that is compared here at most one shape that the code may have chosen by its inputs."""
    token = _shown.set([])
    try:
        yield
    finally:
        _shown.reset(token)


def told(found: Mapping[str, str]) -> str:
    """Say how each of some values differs, of which the same can be said together.

    Shapes:
        found  name -> what :func:`difference` or :func:`absent` says of it
    """
    alike: dict[str, list[str]] = {}
    for name, text in found.items():
        wider = _WIDER.get(text, text)
        alike.setdefault(wider if wider in found.values() else text, []).append(name)
    said = [f"{together(names)} {text.format_map(_forms(len(names)))}" for text, names in alike.items()]
    return capital("; ".join(said))


def _forms(howmany: int) -> Mapping[str, str]:
    """The words of a sentence that depend on how many it is about."""
    several = {"is": "are", "has": "have", "holds": "hold", "was": "were", "it": "they"}
    return several if howmany > 1 else dict(zip(several, several, strict=True))


def together(names: Sequence[str]) -> str:
    """Names in a row; what comes after several of them is said once: `w.g and b.g of the first Lin and of the second`.

    A name is a word of the lesson's code, and a phrase may come after it; `answer` is what a function returned.
    """
    heads: dict[str, list[str]] = {}
    for name in names:
        head, _, phrase = ("the result", "", "") if name == "answer" else name.partition(" ")
        heads.setdefault(phrase, []).append(head)
    phrases: dict[tuple[str, bool], list[str]] = {}
    for phrase, several in heads.items():
        phrases.setdefault((listed(several), bool(phrase)), []).append(phrase)
    return ", and ".join(f"{text} {listed(of)}".rstrip() for (text, _), of in phrases.items())


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def capital(text: str) -> str:
    """A sentence's first letter large, unless it begins with a word of the lesson's code."""
    return text[:1].upper() + text[1:] if text.partition(" ")[0] in {"the", "in", "of"} else text


def absent(name: str, given: bool) -> str:
    """Say that nothing stands where a value is asked for.

    Shapes:
        given  whether None stands there
    """
    if name == "answer":
        return "{is} None: perhaps a return is missing"
    if "." in name:
        return "{is} not set"
    return "{is} None, but a value is expected" if given else "{is} missing"


def difference(got: Value, want: torch.Tensor, batch: int | None) -> str | None:
    """Say how a value differs from the right one, or None where it doesn't; for :func:`told` to put together."""
    if isinstance(got, float):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, torch.Tensor):
        return _other(got, want)
    whole, wanted = got, want
    got, want = squeezed(got), squeezed(want)
    if got.shape != want.shape:
        # of the axes of length 1 none is told but those that are asked for: their number could carry something
        found = whole.shape if whole.dim() == wanted.dim() else got.shape
        return _shape(got, want, batch, tuple(found), tuple(wanted.shape), as_is=found == whole.shape)
    got, want = got.double(), want.double()
    if close(got, want):
        return None
    if not bool(got.isfinite().all()):
        return "{holds} nan or infinity"
    text = _pattern(got, want, batch)
    return text if whole.shape == wanted.shape else _SHAPED.get(text, text)


def axes(got: Value, want: torch.Tensor) -> str | None:
    """Say that a right value has other axes of length 1 than it should, or None where it has just those.

    For :func:`told` to put together.
    """
    found = tuple(got.shape) if isinstance(got, torch.Tensor) else ()
    if found == tuple(want.shape):
        return None
    if len(found) > AXES:
        return f"{{has}} more axes than the expected shape {tuple(want.shape)}"
    return f"{{has}} shape {found}, but {tuple(want.shape)} is expected"


ZERO, ZEROS = "{is} zero", "{is} zero everywhere"
NUMBER, VALUES = "{is} not the right number", "{has} the right shape, but not the right values"
_WIDER = {ZERO: ZEROS, NUMBER: VALUES}
"""What is said of one number, and what may be said of it where it is said of others beside it."""

_SHAPED = {VALUES: "{has} other values than expected", NUMBER: "{is} not the expected number"}
"""What is said instead where a shape has other axes of length 1 than the right one: it isn't called right."""

_TENSORS = {
    "complex tensor": "a complex tensor",
    "sparse tensor": "a sparse tensor",
    "nested tensor": "a nested tensor",
    "meta tensor": "a tensor on the device meta, which holds no numbers",
    "tensor of another dtype": "a tensor of an unusual dtype",
    "tensor of many axes": "a tensor with very many axes",
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
        return "a list or a tuple"
    return _KINDS.get(got.kind, "an object of another type") if isinstance(got, Foreign) else "one tensor"


def _other(got: Value, want: torch.Tensor) -> str:
    """Say that something came that holds no numbers to compare."""
    if got is None:
        return absent("", given=True)
    if got == TOO_LARGE:
        return f"{{is}} far larger than the expected shape {tuple(want.shape)}"
    if isinstance(got, Foreign) and got.kind in _TENSORS:
        return f"{{is}} {kind(got)}, but an ordinary one of real numbers is expected"
    return f"{{is}} {kind(got)}, but {'one tensor' if squeezed(want).dim() else 'one number'} is expected"


def _shape(
    got: torch.Tensor,
    want: torch.Tensor,
    batch: int | None,
    shown: tuple[int, ...],
    wanted: tuple[int, ...],
    *,
    as_is: bool,
) -> str:
    """Say that a shape is another, as `shown` where `wanted` is asked for; both are compared without axes of 1.

    Shapes:
        as_is  whether `shown` is the whole shape, and not the one without axes of 1
    """
    found, asked = tuple(got.shape), tuple(want.shape)
    usual = found in {(), asked[::-1], asked * 2, (batch, *asked)}
    if usual or _may_show(found, asked):
        whole = f"{{has}} shape {shown}{', a single number' if not found else ''}"
        less = f"{{has}} shape {shown} without axes of length 1" if found else "{holds} a single number"
        text = f"{whole if as_is else less}, but {wanted} is expected"
        text = text if asked else f"{{holds}} {got.numel()} numbers, but one is expected"
    else:
        text = f"{{has}} the wrong shape; {wanted} is expected" if asked else "{is} not one number"
    proven = _proven_shape(got, want)
    return f"{text}: {proven}" if proven else text


def _may_show(found: tuple[int, ...], asked: tuple[int, ...]) -> bool:
    """Whether a shape that no usual mistake leaves is told: a question shows one, and none that is large."""
    if len(found) > AXES or any(size > max(LONG, *asked, 0) for size in found):
        return False
    shown = _shown.get()
    if shown == []:
        shown.append(found)
    return not shown or found in shown


def _proven_shape(got: torch.Tensor, want: torch.Tensor) -> str:  # noqa: PLR0911 - a finding a line
    """What the values of a wrong shape prove, where they are what some mistakes leave."""
    if got.numel() > PROVABLE:
        return ""
    got, want = got.double(), want.double()
    if not bool(got.isfinite().all()):
        return ""
    if not got.dim():
        named = {"sum": want.sum(), "mean": want.mean()}
        return next(
            (f"{{it}} {{is}} the {name} of the expected values" for name, value in named.items() if close(got, value)),
            "",
        )
    if close(got.T if got.dim() == 2 else got, want):
        return "{it} {is} transposed"
    if close(got.flatten(), want.flatten()):
        return "row by row, the values are right"
    diagonal = got.diagonal() if got.shape == (*want.shape, *want.shape) and want.dim() == 1 else None
    placed = diagonal is not None and close(diagonal, want)
    if diagonal is not None and placed and torch.equal(got, torch.diag(diagonal)):
        return "the expected values are on the diagonal, with zeros elsewhere"
    for axis in range(min(got.dim(), AXES)):
        over = f"over its {('first', 'second', 'third')[axis]} axis" if got.dim() > 1 else "of its entries"
        for name, less in {"sum": got.sum(axis), "mean": got.mean(axis)}.items():
            if close(less, want):
                return f"the {name} {over} would be right"
    return "the expected values are on the diagonal, as happens when a row and a column are broadcast" if placed else ""


def _pattern(got: torch.Tensor, want: torch.Tensor, batch: int | None) -> str:
    """Say what a wrong value of the right shape looks like."""
    several = want.numel() > 1
    if not bool(got.any()):
        return ZEROS if several else ZERO
    for ratio, said in _ratios(batch).items():
        if close(got, ratio * want):
            return f"{{is}} {said} what {{it}} should be{f' (here N is {batch})' if 'N' in said else ''}"
    if want.dim() == 2 and want.shape[0] == want.shape[1] and close(got, want.T):
        return "{has} the right values, transposed"
    if close(got.abs(), want.abs()):
        return "{has} the right magnitude everywhere, but not the right sign"
    return VALUES if several else NUMBER


def _ratios(batch: int | None) -> dict[float, str]:
    named = {2.0: "twice", 0.5: "half of", -1.0: "the negative of", -2.0: "minus twice", -0.5: "minus half of"}
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
    stands = [f"{together([holds])} is where {together([name])} should be" for name, holds in places.items()]
    return f"The values are right, but in the wrong order: {', '.join(stands)}"


_STOPPED = {
    "TimedOut": "It took too long and was stopped.",
    "Killed": "It ended the whole program instead of returning an answer.",
    "WireError": "What came back was not an answer, so the program was ended.",
}


_FAILS = "Using your code as the question asks fails with"

_LEAVES = {
    "SystemExit": "it exits the program there without an answer (SystemExit)",
    "EOFError": "it waits for keyboard input, and nobody is there to type (EOFError)",
}


def explain(
    fault: Fault,
    words: Collection[str] = (),
    sizes: Collection[int] = (),
    place: Callable[[int, int], str] | None = None,
) -> str:
    """Say what a student's code raised, in words that hold nothing of a hidden input.

    Shapes:
        words  identifiers in the student's own source, and those that are graded: only these are repeated
        sizes  axes of the inputs: only these numbers are repeated
        place  (cell, line) -> where that is, in words; None of code that was run by itself, for no question
    """
    if fault.type_name in _STOPPED:
        return _STOPPED[fault.type_name]
    if fault.missing is not None:
        return (
            f"There is no {fault.missing} in the notebook."
            if fault.missing in words
            else "Your code uses a name that isn't defined."
        )
    where = place(*fault.frames[-1][:2]) if fault.frames and place else ""
    stopped = f"Your code stopped {where}".rstrip(" ,")
    if fault.type_name in _LEAVES:
        return f"{stopped}, because {_LEAVES[fault.type_name]}."
    known = getattr(builtins, fault.type_name, None)
    kind = fault.type_name if isinstance(known, type) and issubclass(known, BaseException) else "an error of its own"
    text = f"{kind}: {said}" if (said := _said(fault, words, sizes)) else kind
    if not fault.frames and place:
        return f"{_FAILS} {text}."
    return f"{stopped}{',' * bool(where)} with {text}."


def explain_again(fault: Fault, words: Collection[str] = ()) -> str:
    """Say what a student's code raised in a question that has told a line before: as :func:`explain`, but no other."""
    told_before = fault.type_name in _STOPPED or fault.missing is not None
    return explain(replace(fault, frames=()), words) if told_before else AGAIN


def in_turn(messages: Iterable[str]) -> Iterator[str]:
    """What is said of a question's claims one after the other: a test stopped, too, only where another one did."""
    before = False
    for message in messages:
        yield STOPPED if message == AGAIN and not before else message
        before |= message.startswith(("Your code stopped", _FAILS)) or " Your code stopped" in message


def unwritten(name: str) -> str:
    """Say that nothing stands yet where an answer belongs."""
    return f"{name} is not written yet."


def _said(fault: Fault, words: Collection[str], sizes: Collection[int]) -> str:
    """What Python says of it, as far as that may be repeated."""
    if fault.type_name == "KeyError":
        key = re.fullmatch(r"'(\w+)'|[0-9]", fault.message)
        return fault.message if key and (key[1] is None or key[1] in words) else ""
    return repeated(fault.message, words, sizes)
