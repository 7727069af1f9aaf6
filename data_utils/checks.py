"""The checks that students see: each prints a verdict, and a notebook always runs to its end.

They try public inputs, name well-known mistakes and say what it should be; the grader's own tests are not here.
A verdict begins with ✓, with ✗, or with … for what isn't there yet.
"""

from __future__ import annotations

import dis
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

import torch
from torch import Tensor

from .drawing import PictureError
from .measures import clock, nudge, nudge_each
from .pictures import display, show
from .stops import stopped
from .verdicts import NO, VALIDATED, WAITS, YES, anchor, listed, number, verdict, wrapped

__all__ = [
    "ATOL",
    "RTOL",
    "Answers",
    "Checks",
    "Mistakes",
    "NotYet",
    "Unpassed",
    "agree",
    "agree_g",
    "agreed",
    "aside",
    "clock",
    "differs",
    "nudge",
    "nudge_each",
]

RATIOS = {2: "2 times", 0.5: "half of", -1: "the negative of", -2: "-2 times", -0.5: "-1/2 times"}
"""Factors that tell what was forgotten."""

RTOL, ATOL = 1e-3, 2e-4
"""Wide enough for values that a lesson prints with four digits; the grader looks closer."""

GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME"}
"""What Python does where code uses a name of the notebook."""

VALIDATING = "NBGRADER_VALIDATING"
"""What nbgrader sets in the kernel in which it validates."""

FEW = 10
"""Steps of a long training while nbgrader validates."""

Mistakes = Mapping[str, Any]
"""What a well-known mistake is, as the end of a sentence -> the values that it gives on this check's inputs."""


class NotYet(Exception):  # noqa: N818 - it is a sentence to a student, not a fault
    """The one sentence that a check prints when it can't say yes."""


class Unpassed(Exception):  # noqa: N818 - likewise
    """What *Validate* shows for a question whose check has not passed."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook the sentence alone, without the lines of code that led to it."""
        return str(self).splitlines()


class Answers:
    """What a notebook has by now, as attributes: `yours.sigma`. Remembers what was asked for."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self._asked.add(name)
        if name not in self._names:
            raise NotYet(f"there is no {name}; run its cell above.")
        return self._names[name]


class Checks:
    """The checks of one notebook.

    Shapes:
        names      the notebook's globals
        builds_on  what is checked, in the order of the lesson -> the earlier checks that it builds on
        sections   what is checked -> the heading under which it stands, as a reader sees it; may be missing
        written    the headings of questions that are answered in words
    """

    def __init__(
        self,
        names: dict[str, Any],
        builds_on: Mapping[str, Sequence[str]],
        sections: Mapping[str, str] | None = None,
        written: Sequence[str] = (),
    ) -> None:
        self.names = names
        self.yours = Answers(names)
        self.builds_on = builds_on
        self.sections = sections or {}
        self.written = written
        self.failed: dict[str, str] = {}
        """What the checks said that did not pass when they were last run."""
        self.passed: set[str] = set()

    @contextmanager
    def checking(self, name: str) -> Iterator[Callable[[str], None]]:
        """Print a verdict on what goes on inside: what it says itself if it passes, or else what is wrong.

        with checking("sigma") as passes:
            agree(...)
            passes("5 values agree.")
        """
        self.failed.pop(name, None)
        self.passed.discard(name)
        complaint = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield lambda found: print(wrapped(verdict(YES, name, found)))
            except KeyboardInterrupt:
                complaint = verdict(WAITS, name, "stopped before it finished.")
            except Exception as error:
                complaint = self._complaint(name, error)
        if complaint is None:
            self.passed.add(name)
        else:
            self.failed[name] = complaint
            print(wrapped(complaint))

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
        for place, (old, new) in enumerate(zip(before, inputs, strict=True)):
            if torch.is_tensor(old) and not torch.equal(old, new):
                raise NotYet(
                    f"changes its input {_argument(function, place)}. "
                    "Methods that end in _ and operators like -= write in place."
                )
        return got

    def draw(self, name: str, picture: Callable[[], Any], sentence: str) -> None:
        """Show a picture with a sentence, or print why there is none yet.

        The sentence says what a right answer shows. Where a check that the picture rests on did not pass, the caption
        begins with what that check said.
        """
        with self.checking(f"picture of {name}"):
            self.yours._asked.clear()
            fig = picture()
            rests_on = {name, *self.yours._asked, *self._named_in(picture)}
            if wrong := [other for other in self._with_all_below(rests_on) if other in self.failed]:
                first, more = wrong[0], f" {listed(wrong[1:])} did not pass either." if wrong[1:] else ""
                said = " ".join(self.failed[first].split()).partition(": ")[2]
                sentence = (
                    f"{NO} This was drawn with your {first}, which is not right yet: {said}{more}\n"
                    f"What a correct one shows: {sentence}"
                )
            show(fig, wrapped(sentence))

    def verdict(self, name: str) -> str:
        """What the last check said of `name` if it did not pass; empty if it did."""
        if name in self.passed:
            return ""
        return self.failed.get(name) or verdict(WAITS, name, "has not been checked: run its check above.")

    def need(self, name: str) -> None:
        """Go on if another check has passed.

        Raises:
            NotYet: if it has not.
        """
        if name not in self.passed:
            raise NotYet(f"needs {name}, whose check has not passed yet.")

    def validate(self, *names: str) -> None:
        """Go on if these checks passed when they were last run.

        A grade cell calls it while nbgrader validates a notebook, and only then.

        Raises:
            Unpassed: with what the first of them says that did not pass.
        """
        for name in names:
            if said := self.verdict(name):
                raise Unpassed(wrapped(said, VALIDATED))

    def summary(self) -> None:
        """Say how many checks pass, which don't, where those stand, and what handing in means."""
        display(self._summed_up(link=True), self._summed_up(link=False))

    def steps(self, wanted: int, few: int = FEW) -> int:
        """How many steps a long training takes: few while nbgrader validates, which stops a cell after 30 seconds."""
        return min(wanted, few) if VALIDATING in os.environ else wanted

    def _summed_up(self, link: bool) -> str:
        """The summary, its names as links to their sections or not."""
        named = {name: f"[{name}]({anchor(self.sections[name])})" for name in self.sections} if link else {}
        missing = [named.get(name, name) for name in self.builds_on if name not in self.passed]
        count = len(self.builds_on)
        if missing:
            dont = "doesn't" if len(missing) == 1 else "don't"
            first = f"{NO} {count - len(missing)} of {count} checks pass: {listed(missing)} {dont} yet."
        else:
            first = f"{YES} All {count} checks pass."
        written = [
            f"[section {number(one)}]({anchor(one)})" if link else f"section {number(one)}" for one in self.written
        ]
        by_hand = f" A person will read what you wrote in {listed(written)}." if written else ""
        second = (
            "To hand in, save this notebook and hand in the file. Each question is graded on its own, on inputs that "
            f"you can't see: an answer that isn't right yet loses its own points and no others.{by_hand}"
        )
        return f"{first}\n\n{second}" if link else f"{wrapped(first)}\n{wrapped(second)}"

    def _with_all_below(self, names: Iterable[str]) -> list[str]:
        """These and what they build on, in the order of the lesson."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.builds_on.get(name, ())
        return [name for name in self.builds_on if name in found]

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

    def _complaint(self, name: str, error: Exception) -> str:
        """Say what is wrong, where code stopped, and where to start."""
        below = [other for other in self._with_all_below([name]) if other != name and other in self.failed]
        start = ""
        if below:
            one = len(below) == 1
            start = (
                f" (The check{'' if one else 's'} of {listed(below)} did not pass when you last ran "
                f"{'it' if one else 'them'}, and this builds on {'it' if one else 'them'}: start there.)"
            )
        if isinstance(error, NotYet):
            there = not str(error).startswith(("needs ", "there is no "))
            return verdict(NO if there else WAITS, name, f"{error}{start}")
        said = (str(error).splitlines() or ["no message"])[0].removesuffix(", but expected one of:").rstrip(".")
        stop = stopped(error.__traceback__, self.names, self.builds_on)
        where = stop.name if stop else None
        if isinstance(error, NotImplementedError) and "not implemented for" not in said:
            waits = where not in {None, name}
            return verdict(WAITS, name, f"needs {where}, which is not written yet." if waits else "not written yet.")
        if isinstance(error, PictureError):
            return verdict(NO, name, f"{said}.{start}")
        if stop is None:
            return verdict(NO, name, f"can't be tried: it stops with {type(error).__name__}: {said}.{start}")
        culprit = "stops" if where == name else f"{where} stops"
        start = start if where == name else " Start there."
        section = f"Section {number(self.sections[stop.name])}, " if stop.name in self.sections else "In "
        return verdict(NO, name, f"{culprit} with {type(error).__name__}: {said}.{start}") + f"\n  {section}{stop}"


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
            return f"is {words} what it should be" + (", in every entry." if wanted.dim() else ".")
    worst = int((got - wanted).abs().argmax())
    entry = f"entry {divmod(worst, wanted.shape[-1])} is " if wanted.dim() == 2 else f"entry {worst} is "
    seen = f"{got.flatten()[worst]:.4f}, but should be {wanted.flatten()[worst]:.4f}."
    return f"is wrong: {entry if wanted.dim() else ''}{seen}"


def agree(what: str, got: Any, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> None:
    """Go on if `got` is what it should be.

    Raises:
        NotYet: saying what is wrong with it.
    """
    if complaint := differs(got, wanted, mistakes, batch):
        raise NotYet(f"{what} {complaint}")


def agreed(what: str) -> None:
    """Print that a part of a check has passed."""
    print(wrapped(f"{YES} {what}"))


def aside(remark: str) -> None:
    """Print what is worth knowing and costs nothing."""
    print(wrapped(f"{WAITS} {remark}"))


def agree_g(name: str, tensor: Tensor, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> None:
    """Go on if the gradient kept on a tensor, in `.g`, is what it should be.

    Raises:
        NotYet: saying what is wrong with it.
    """
    got = getattr(tensor, "g", None)
    if got is None:
        raise NotYet(f"{name}.g is missing: nothing was stored on this tensor.")
    if torch.is_tensor(got):
        if got.dim() == 2 and got.shape != tensor.shape == got.T.shape:
            raise NotYet(f"{name}.g has shape {tuple(got.shape)}, and {name} has {tuple(tensor.shape)}: transposed.")
        if tensor.dim() == 1 and got.dim() == 2 and len(got) == batch > 1:
            raise NotYet(f"{name}.g has shape {tuple(got.shape)}, one row per sample. How many samples share one bias?")
    agree(f"{name}.g", got, wanted, mistakes, batch)


def _unlike(got: Any, wanted: Tensor) -> str | None:
    """Say why `got` can't be compared with `wanted`, number by number."""
    if got is None:
        return "is None; does your function return a value?"
    if not torch.is_tensor(got):
        return f"is of type {type(got).__name__}; it should be a torch tensor."
    if [n for n in got.shape if n != 1] != [n for n in wanted.shape if n != 1]:
        return f"has shape {tuple(got.shape)}; it should be {tuple(wanted.shape) or 'a single number, shape ()'}."
    return "contains nan (not a number)." if bool(got.isnan().any()) else None


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
