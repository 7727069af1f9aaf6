"""Hidden inputs, and their right answers in float64, by autograd."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from autograder.judge import Normal, Spec, Tensors, once, oracle

VECTORS = (Spec("vector-7", x=Normal((7,), 1.5)), Spec("vector-1", x=Normal((1,), 0.5, -1.0)))
"""Numbers of both signs, and a vector with a single negative one. Each spec needs a label of its own."""


@once
def values(given: Tensors) -> Tensors:
    """x / (1 + |x|), entry by entry."""
    return Tensors(answer=functional.softsign(given["x"].double()))


@once
def slopes(given: Tensors) -> Tensors:
    """The derivative of softsign, entry by entry: autograd and centred differences have to agree on it."""
    return Tensors(answer=oracle.gradients(_summed, given, ("x",))["x"])


def _summed(x: Tensor) -> Tensor:
    """A number whose gradient is the slope of every entry."""
    return functional.softsign(x).sum()
