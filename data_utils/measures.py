"""What is measured rather than known: slopes, times, and the size of tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Forms = Mapping[str, Callable[[Tensor, Tensor], Tensor]]
"""Ways to write the product x @ w, by name."""

ROWS = (16, 64, 256)
"""Sizes of a batch at which they are timed."""


def nudge(f: Callable[[Tensor], Any], at: Tensor, h: float = 1e-5) -> Tensor:
    """(f(at + h) - f(at - h)) / 2h for every entry of `at`: the slope of the number f(at), measured, in float64."""
    at = at.detach().double()
    slopes = torch.zeros_like(at)
    for i in range(at.numel()):
        step = torch.zeros_like(at)
        step.view(-1)[i] = h
        slopes.view(-1)[i] = (float(f(at + step)) - float(f(at - step))) / (2 * h)
    return slopes


def nudge_each(f: Callable[..., Any], *values: Tensor) -> list[Tensor]:
    """The slopes of the number f(*values) in each of its arguments, as `nudge` measures them."""
    at = [value.detach().double() for value in values]

    def moved(i: int, one: Tensor) -> Any:
        return f(*at[:i], one, *at[i + 1 :])

    return [nudge(partial(moved, i), value) for i, value in enumerate(at)]


def clock(f: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds that a call of `f` takes, the best of several."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - begun)
    return 1000 * best


class Cost:
    """What the gradient of w costs, if x @ w is written in some form: autograd goes back through just that form.

    Shapes:
        x   (N, n_in)
        w   (n_in, n_out)
    """

    def __init__(self, form: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor) -> None:
        x = x.clone()  # a view would count with all that it is a view of

        def back(rows: int) -> Callable[[], Tensor]:
            watched = w.clone().requires_grad_()
            out = form(x[:rows], watched)
            ones = torch.ones_like(out)
            return lambda: torch.autograd.grad(out, watched, ones, retain_graph=True)[0]

        self.milliseconds = [clock(back(rows)) for rows in ROWS]
        whole = back(len(x))
        with Largest() as seen:
            self.found = whole()
        self.largest = seen.bytes

    def apart(self, other: Cost) -> float:
        """The largest difference between what two forms find."""
        return float((self.found - other.found).abs().max())


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The size of the largest table that torch makes while this watches, in bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what is asked, and look at the size of what comes out."""
        made = func(*args, **(kwargs or {}))
        if torch.is_tensor(made):
            self.bytes = max(self.bytes, made.untyped_storage().nbytes())
        return made
