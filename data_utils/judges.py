"""What torch makes of the same tensors, and a step back that leaves them alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .checks import NotYet
from .examples import weighed


def back(layer: Any, **reads: Tensor) -> None:
    """Let a layer go back; it sets gradients, and the tensors that it reads keep their values.

    Raises:
        NotYet: if one of them doesn't.
    """
    before = {name: tensor.clone() for name, tensor in reads.items()}
    layer.backward()
    for name, tensor in reads.items():
        if not torch.equal(before[name], tensor):
            raise NotYet(f"backward changes {name}. It should only set gradients; operators like *= write in place.")


def judged(function: Callable[..., Any], *given: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, list[Any]]:
    """What torch makes of clones of these tensors: the result, and its own gradient of each."""
    watched = [tensor.detach().clone().requires_grad_() for tensor in given]
    result = function(*watched)
    result.backward(upstream)
    return result.detach(), [tensor.grad for tensor in watched]


def by_torch(x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The loss of the network, by torch's own functions."""
    return functional.mse_loss(functional.relu(weighed(functional.relu(weighed(x, w1) + b1), w2) + b2), y)


def remembers(found: Any, wanted: list[Any], when: str) -> None:
    """Go on if this is what get should give.

    Raises:
        NotYet: saying what is wrong with it.
    """
    if not isinstance(found, (list, tuple)):
        raise NotYet(f"get returns a {type(found).__name__} {when}; it should return a list, even for one name.")
    if len(found) != len(wanted):
        raise NotYet(f"get returns {len(found)} values {when}; it should return {len(wanted)}.")
    for i, (value, known) in enumerate(zip(found, wanted, strict=True)):
        if value is not known:
            copied = torch.is_tensor(value) and torch.is_tensor(known) and torch.equal(value, known)
            kind = "None" if value is None else "a copy" if copied else "wrong"
            raise NotYet(f"value {i} that get returns is {kind} {when}.")
