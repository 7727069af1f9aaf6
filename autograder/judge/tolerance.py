"""Close or not: how far an answer may be from the right one, entry by entry."""

from __future__ import annotations

import numpy as np
import torch

from autograder.jail import Value

RTOL = 1e-4
"""Allowed difference relative to the entry itself."""

ATOL = 2e-5
"""Allowed difference relative to the largest entry of the tensor.

Both come from the spread of right answers in float32: over all right variants of all banks and three seeds, the
furthest is at 0.11 of what is allowed, half of them at 0.004. `autograder vet` measures it anew, and wants 0.5 at most.
The nearest known mistake is at 54 times of what is allowed, in the answers that it changes.
"""


def close(got: torch.Tensor, want: torch.Tensor) -> bool:
    """|got - want| < RTOL |want| + ATOL max|want|, entry by entry, for equal shapes and finite numbers."""
    if got.shape != want.shape:
        return False
    got, want = got.double(), want.double()
    return bool((got - want).abs().lt(_bound(want)).all())


def _bound(want: torch.Tensor) -> torch.Tensor:
    size = want.abs()
    return RTOL * size + _least(float(size.max()) if size.numel() else 0.0)


def _least(scale: float) -> float:
    return ATOL * scale if scale else 1e-6


def apart(got: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Which entries of an answer are wrong, for equal shapes."""
    return ~((got.double() - want.double()).abs() < _bound(want.double()))


def share_of(got: Value, want: torch.Tensor) -> float | None:
    """The largest |got - want| / (RTOL |want| + ATOL max|want|): 1 is the edge; None where it can't be told."""
    if isinstance(got, float):
        got = torch.tensor(got, dtype=torch.float64)
    if not isinstance(got, torch.Tensor) or not want.numel():
        return None
    if got.shape != want.shape and squeezed(got).shape != squeezed(want).shape:
        return None
    found, wanted = (each.detach().double().flatten().numpy() for each in (got, want))  # for few numbers much faster
    if not np.isfinite(found).all():
        return None
    size = np.abs(wanted)
    return float((np.abs(found - wanted) / (RTOL * size + _least(float(size.max())))).max())


def same_values(left: Value, right: Value) -> bool:
    """Whether two answers are the same answer: equal kinds and shapes, and close where they are numbers."""
    left, right = (torch.tensor(v, dtype=torch.float64) if isinstance(v, float) else v for v in (left, right))
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        left, right = squeezed(left), squeezed(right)
        if left.shape != right.shape:
            return False
        left, right = left.double(), right.double()
        finite = left.isfinite()
        if not torch.equal(finite, right.isfinite()):
            return False
        return close(left[finite], right[finite])
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(same_values(a, b) for a, b in zip(left, right, strict=True))
    return not isinstance(left, torch.Tensor) and not isinstance(right, torch.Tensor) and left == right


def squeezed(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor without its axes of length 1."""
    return tensor.reshape([size for size in tensor.shape if size != 1])


def identical(now: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether a tensor still holds what was given, number by number."""
    if now.shape != given.shape or now.is_floating_point() != given.is_floating_point():
        return False
    return torch.equal(now.double(), given.to(now.dtype).double())
