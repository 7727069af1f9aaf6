"""The doors to derivatives that a machine finds, shut: who knocks is turned away, and it is noted where from.

This text travels to where the student's code runs and stands on nothing of the kit; a note, and not the text of an
exception, is what says that an answer failed here and nowhere else.
Without autograd the engine gets nothing back of what was saved for it, whoever calls it and in whichever thread, and
forward mode has no level to enter.
"""

from __future__ import annotations

import _thread
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy
import numpy.polynomial
import torch

NAME = "_door_to_derivatives"
"""What this text is called among the modules of the process where it is shut."""

PLACES = {
    "torch.autograd": ("backward", "grad", "_engine_run_backward"),
    "torch.autograd.graph": ("_engine_run_backward",),
    "torch.autograd.functional": ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"),
    "torch.autograd.forward_ad": ("make_dual", "enter_dual_level"),
    "torch.Tensor": ("backward",),
    "torch.func": ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"),
    "torch._C": ("_enter_dual_level",),
    "torch._C._functorch": ("_grad_increment_nesting", "_jvp_increment_nesting"),
    "torch": ("gradient",),
    "torch.linalg": ("lstsq",),
    "numpy": ("gradient", "interp", "polyfit"),
    "numpy.linalg": ("lstsq",),
    "numpy.polynomial.polynomial": ("polyfit",),
    "numpy.polynomial.chebyshev": ("chebfit",),
    "numpy.polynomial.legendre": ("legfit",),
    "numpy.polynomial.hermite": ("hermfit",),
    "numpy.polynomial._polybase.ABCPolyBase": ("fit",),
}
"""Where derivatives are to be had, slopes of sampled values among them."""

SAVED, FORMULAS = "what a forward pass has saved", "torch.ops"
DOORS = (*(f"{place}.{name}" for place, names in PLACES.items() for name in names), SAVED, FORMULAS)
"""The doors, by their numbers in a note."""

MOST = 64
"""Notes that are kept."""

_CELL = re.compile(r"<cell ([0-9]{1,9})>")

_kept: dict[tuple[Any, str], Any] = {}
_early: set[tuple[int, ...]] = set()
_notes: set[tuple[int, ...]] = set()


def knocks(nb: Any) -> dict[str, torch.Tensor]:
    """Tell what was noted while the notebook was read, and since it was last asked.

    Shapes:
        result["knocks"]  (notes, 6): 0 while the notebook was read and 1 after it; a door; cell and line nearest to
                          it, -1 and 0 if there is none; cell and line of the statement that was run
    """
    del nb
    here: Any = sys.modules.get(NAME)
    if here is None:
        return {}
    told = [(0, *note) for note in sorted(here._early)] + [(1, *note) for note in sorted(here._notes)]
    here._notes.clear()
    return {"knocks": torch.tensor(told, dtype=torch.int64).reshape(-1, 6)}


def shut() -> None:
    """Shut all doors; what was noted up to now belongs to the reading of the notebook."""
    _early.update(_notes)
    _notes.clear()
    hooks = torch._C._autograd
    if not _kept:
        for path, names in PLACES.items():
            for name in names:
                _replace(_found(path), name, _refusing(f"{path}.{name}"))
        for place in (_thread, threading):
            for name in [name for name in vars(place) if re.fullmatch("_?start_(new|joinable)_thread", name)]:
                _replace(place, name, _hiding(getattr(place, name)))
        _hide()
        for name in list(vars(hooks)):
            if re.fullmatch("_(push|pop)_saved_tensors_default_hooks|_saved_tensors_hooks_(dis|en)able", name):
                _replace(hooks, name, lambda *_: None)  # so that ours stay in force
    if "autograder" not in sys.modules:
        _take_formulas()


def open_again() -> None:
    """Put everything back."""
    for (place, name), kept in _kept.items():
        setattr(place, name, kept)
    _kept.clear()
    _early.clear()
    torch._C._autograd._pop_saved_tensors_default_hooks()


def _found(path: str) -> Any:
    place: Any = torch if path.startswith("torch") else numpy
    for name in path.split(".")[1:]:
        place = getattr(place, name)
    return place


def _replace(place: Any, name: str, other: Any) -> None:
    if name in vars(place):
        _kept.setdefault((place, name), vars(place)[name])
        setattr(place, name, other)


def _refusing(door: str) -> Any:
    number = DOORS.index(door)

    def refused(*_: Any, **__: Any) -> None:
        _note(number)
        raise RuntimeError("autograd is off here")

    return staticmethod(refused) if door.endswith("ABCPolyBase.fit") else refused


def _note(number: int) -> None:
    frame, places = sys._getframe(2), [(-1, 0)]
    while frame is not None:
        if cell := _CELL.fullmatch(frame.f_code.co_filename):
            places.append((int(cell[1]), frame.f_lineno or 0))
        frame = frame.f_back  # type: ignore[assignment]  # the outermost has none
    if len(_notes) < MOST:
        _notes.add((number, *places[min(1, len(places) - 1)], *places[-1]))


def _hide() -> None:
    """Let nothing come back, in this thread, of what a forward pass saves for the engine."""
    push = _kept.get((torch._C._autograd, "_push_saved_tensors_default_hooks"))
    push = push or torch._C._autograd._push_saved_tensors_default_hooks
    push(lambda saved: saved.detach(), _refusing(SAVED))


def _hiding(start: Callable[..., Any]) -> Callable[..., Any]:
    def start_hiding(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            _hide()
            return function(*args, **kwargs)

        return start(run, *given, **named)

    return start_hiding


def _take_formulas() -> None:
    """Take the formulas of derivatives out of torch.ops and of its decompositions; a jail has no other use of them."""
    look_up = torch._ops._OpNamespace.__getattr__
    refuse = _refusing(FORMULAS)

    def looked_up(self: Any, name: str) -> Any:
        notebook = sys._getframe(1).f_code.co_filename[:1] == "<"
        return refuse() if notebook and "_backward" in name else look_up(self, name)

    if (torch._ops._OpNamespace, "__getattr__") not in _kept:
        _replace(torch._ops._OpNamespace, "__getattr__", looked_up)
    for name in [name for name in vars(torch.ops.aten) if "_backward" in name]:
        delattr(torch.ops.aten, name)
    if formulas := sys.modules.get("torch._decomp.decompositions"):
        for name in [name for name in vars(formulas) if "_backward" in name]:
            _replace(formulas, name, refuse)
