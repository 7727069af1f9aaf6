"""The checks that students see: each prints one sentence, and a notebook always runs to its end.

They try public inputs, name well-known mistakes and say what is wanted; the grader's own tests are not here.
"""

from __future__ import annotations

import dis
import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, TracebackType
from typing import Any

import torch
from torch import Tensor

from .drawing import PictureError
from .pictures import show

RATIOS = {2: "2 times", 0.5: "half of", -1: "minus", -2: "minus 2 times", -0.5: "minus half of"}
"""Factors that tell what was forgotten."""

RTOL, ATOL = 1e-3, 2e-4
"""Wide enough for values that a lesson prints with four digits; the grader looks closer."""

GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME"}
"""What Python does where code uses a name of the notebook."""

Mistakes = Mapping[str, Any]
"""What a well-known mistake is, as the end of a sentence -> the values that it gives on this check's inputs."""


class NotYet(Exception):  # noqa: N818 - it is a sentence to a student, not a fault
    """The one sentence that a check prints when it can't say yes."""


class Checks:
    """The checks of one notebook.

    Shapes:
        names      the notebook's globals
        builds_on  what is checked -> the earlier checks that it builds on
    """

    def __init__(self, names: dict[str, Any], builds_on: Mapping[str, Sequence[str]]) -> None:
        self.names = names
        self.builds_on = builds_on
        self.failed: set[str] = set()
        """Those that said no when they were last run."""

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """Print one sentence about whatever goes wrong inside, and go on."""
        self.failed.discard(name)
        sentence = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except KeyboardInterrupt:
                sentence = "stopped before it was done."
            except Exception as error:
                sentence = str(error) if isinstance(error, NotYet) else self._excuse(name, error)
                below = [other for other in self.builds_on.get(name, ()) if other in self.failed]
                if below and "not written yet" not in sentence:
                    first = below[0]
                    sentence += (
                        f" (The check of {first} failed when you last ran it, and this builds on it: start there.)"
                    )
        if sentence:
            self.failed.add(name)
            print(f"{name}: {sentence}")

    def find(self, name: str) -> Any:
        """The function or class that the notebook has by this name.

        Raises:
            NotYet: if it has none.
        """
        found = self.names.get(name)
        if not callable(found):
            kind = "class" if name[:1].isupper() else "function"
            raise NotYet(f"there is no {kind} of this name; run its cell above.")
        return found

    def call(self, called: str | Callable[..., Any], *inputs: Any, writes: Sequence[Any] = (), **options: Any) -> Any:
        """What a function, class or layer gives; apart from what it is asked to write to, its inputs stay the same.

        Shapes:
            called  a name of the notebook, or the thing itself
            writes  arguments that it may change, after `inputs`

        Raises:
            NotYet: if there is none of this name, or it changes what it should only read.
        """
        function = self.find(called) if isinstance(called, str) else called
        before = [given.clone() if torch.is_tensor(given) else given for given in inputs]
        got = function(*inputs, *writes, **options)
        for number, (old, new) in enumerate(zip(before, inputs, strict=True)):
            if torch.is_tensor(old) and not torch.equal(old, new):
                raise NotYet(
                    f"changes its input {_argument(function, number)}. "
                    "Methods that end in _ and operators like -= write in place."
                )
        return got

    def draw(self, name: str, picture: Callable[[], Any], sentence: str) -> None:
        """Show a picture with a sentence, or print why there is none yet.

        The sentence says what a right answer shows. Where a check that the picture rests on failed, it says so, too.
        """
        with self.checking(f"picture of {name}"):
            fig = picture()
            rests_on = {name, *self.builds_on.get(name, ()), *self._named_in(picture)}
            if failed := [other for other in self.builds_on if other in rests_on & self.failed]:
                sentence += f" (So it should look; the check of {failed[0]} failed when you last ran it: start there.)"
            show(fig, sentence)

    def _named_in(self, function: Callable[..., Any]) -> set[str]:
        """The global names that a function uses, and those that the notebook's own functions among them use."""
        names: set[str] = set()
        codes = [getattr(function, "__code__", None)]
        while codes:
            code = codes.pop()
            if not isinstance(code, CodeType):
                continue
            new = {step.argval for step in dis.get_instructions(code) if step.opname in GLOBAL} - names
            names |= new
            codes += [*code.co_consts, *(getattr(self.names.get(name), "__code__", None) for name in new)]
        return names

    def _excuse(self, name: str, error: Exception) -> str:
        """Say in a sentence what an exception means, and in whose function or class it happened."""
        places = [place.split(".")[0] for place in _places(error.__traceback__)]
        where = next((place for place in reversed(places) if place in self.builds_on), None)
        said = (str(error).splitlines() or ["no message"])[0].removesuffix(", but expected one of:").rstrip(".")
        if isinstance(error, NotImplementedError) and "not implemented for" not in said:
            return f"waits for {where}, which is not written yet." if where not in {None, name} else "not written yet."
        if isinstance(error, PictureError):
            return f"{said}."
        culprit = "stops" if where == name else f"{where} stops" if where else "can't be tried, it ends"
        return f"{culprit} with {type(error).__name__}: {said}."


def differs(got: Any, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> str | None:
    """Say what is wrong with `got`, as the end of a sentence; None if nothing is. Axes of length 1 don't matter.

    Shapes:
        wanted  a tensor, or numbers in lists
        batch   number of samples N, where a factor N or 1/N would be a known mistake
    """
    wanted = torch.as_tensor(wanted, dtype=torch.float64).detach()
    if complaint := _unlike(got, wanted):
        return complaint
    got = got.detach().double().reshape(wanted.shape)
    if _same(got, wanted):
        return None
    for sentence, values in (mistakes or {}).items():
        if _same(got, values):
            return sentence
    by_batch: dict[float, str] = {batch: "N times", 1 / batch: "1/N of"} if batch else {}
    for ratio, words in {**RATIOS, **by_batch}.items():
        if _same(got, ratio * wanted):
            return f"is {words} what is wanted" + (", in every entry." if wanted.dim() else ".")
    worst = int((got - wanted).abs().argmax())
    entry = f"entry {divmod(worst, wanted.shape[-1])} is " if wanted.dim() == 2 else f"entry {worst} is "
    seen = f"{got.flatten()[worst]:.4f}, and {wanted.flatten()[worst]:.4f} is wanted."
    return f"is wrong: {entry if wanted.dim() else ''}{seen}"


def agree(what: str, got: Any, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> None:
    """Go on if `got` is what is wanted.

    Raises:
        NotYet: saying what is wrong with it.
    """
    if complaint := differs(got, wanted, mistakes, batch):
        raise NotYet(f"{what} {complaint}")


def agree_g(name: str, tensor: Tensor, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> None:
    """Go on if the gradient kept on a tensor, in `.g`, is what is wanted.

    Raises:
        NotYet: saying what is wrong with it.
    """
    got = getattr(tensor, "g", None)
    if got is None:
        raise NotYet(f"{name}.g is missing: nothing was stored on this very tensor.")
    if torch.is_tensor(got):
        if got.dim() == 2 and got.shape != tensor.shape == got.T.shape:
            raise NotYet(f"{name}.g has shape {tuple(got.shape)}, and {name} has {tuple(tensor.shape)}: transposed.")
        if tensor.dim() == 1 and got.dim() == 2 and len(got) == batch > 1:
            raise NotYet(f"{name}.g has shape {tuple(got.shape)}, a row a sample. How many samples share one bias?")
    agree(f"{name}.g", got, wanted, mistakes, batch)


def nudge(f: Callable[[Tensor], Any], at: Tensor, h: float = 1e-5) -> Tensor:
    """(f(at + h) - f(at - h)) / 2h for every entry of `at`: the slope of the number f(at), measured, in float64."""
    at = at.detach().double()
    slopes = torch.zeros_like(at)
    for i in range(at.numel()):
        step = torch.zeros_like(at)
        step.view(-1)[i] = h
        slopes.view(-1)[i] = (float(f(at + step)) - float(f(at - step))) / (2 * h)
    return slopes


def clock(f: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds that a call of `f` takes, the best of several."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - begun)
    return 1000 * best


def _unlike(got: Any, wanted: Tensor) -> str | None:
    """Say why `got` can't be compared with `wanted`, number by number."""
    if got is None:
        return "is None; is there a return line?"
    if not torch.is_tensor(got):
        return f"is of type {type(got).__name__}; a torch tensor is wanted."
    if [n for n in got.shape if n != 1] != [n for n in wanted.shape if n != 1]:
        return f"has shape {tuple(got.shape)}; {tuple(wanted.shape) or 'a single number, shape (),'} is wanted."
    return "holds nan, which is not a number." if bool(got.isnan().any()) else None


def _same(a: Tensor, b: Any) -> bool:
    b = torch.as_tensor(b, dtype=torch.float64)
    return a.numel() == b.numel() and torch.allclose(a, b.reshape(a.shape), rtol=RTOL, atol=ATOL)


def _argument(function: Callable[..., Any], number: int) -> str:
    """The name of a function's or a layer's argument; its place where it has none, as in *args and in C."""
    if not inspect.isroutine(function) and not isinstance(function, type):
        function = getattr(function, "forward", function)  # a layer's call hands *args on
    try:
        taken = list(inspect.signature(function).parameters.values())
    except ValueError:
        taken = []
    named = [one.name for one in taken if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
    return named[number] if number < len(named) else f"number {number + 1}"


def _places(trace: TracebackType | None) -> Iterator[str]:
    """Qualified names of the functions that a traceback leads through, outermost first."""
    while trace is not None:
        yield trace.tb_frame.f_code.co_qualname
        trace = trace.tb_next
