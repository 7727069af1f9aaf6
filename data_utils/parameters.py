"""The tensors that a network learns, as autograd sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .checks import Mistakes, NotYet, agree


def long_axes(shape: Sequence[int]) -> list[int]:
    """A shape without its axes of length 1."""
    return [n for n in shape if n != 1]


def fits(what: str, tensor: Any, shape: tuple[int, ...]) -> Tensor:
    """Go on if a tensor is there, has this shape, and keeps its own gradient.

    Raises:
        NotYet: saying what is wrong.
    """
    if not torch.is_tensor(tensor):
        raise NotYet(f"there is no tensor {what}.")
    if long_axes(tensor.shape) != long_axes(shape):
        turned = ": transposed" if tensor.dim() == 2 and tensor.T.shape == shape else ""
        raise NotYet(f"{what} has shape {tuple(tensor.shape)}, but it should be {shape}{turned}.")
    if not tensor.requires_grad:
        raise NotYet(f"{what} isn't tracked by autograd, so it would never get a gradient.")
    if not tensor.is_leaf:
        raise NotYet(
            f"{what} was computed from a tracked tensor, and the gradient would end up there. "
            "Compute first, and set requires_grad last."
        )
    return tensor


def pair(what: str, layer: Any, shape: tuple[int, ...]) -> list[Tensor]:
    """The plain tensors w and b of a layer with these sizes.

    Raises:
        NotYet: saying what is wrong.
    """
    return [fits(f"{what}.{name}", getattr(layer, name, None), shape[i:]) for i, name in enumerate("wb")]


def fresh(w: Tensor, b: Tensor, other_w: Tensor) -> None:
    """Go on if a new layer starts as it should: standard normal weights of its own, a bias of 0.

    Raises:
        NotYet: saying what is wrong.
    """
    if not w.any() or (w == w[0, 0]).all():
        raise NotYet(
            "w of a new layer is the same number everywhere: all units would learn the same thing. Draw it at random."
        )
    if abs(w.std() - 1) > 0.2 or abs(w.mean()) > 0.2:
        raise NotYet(
            f"w of a new layer has mean {w.mean():.2f} and standard deviation {w.std():.2f}; they should be 0 and 1."
        )
    if b.any():
        raise NotYet("b of a new layer should start at 0.")
    if torch.equal(w, other_w):
        raise NotYet("two new layers have the same weights. Is a seed set inside, or do they share one tensor?")


def put(tensors: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Write values into tensors, behind autograd's back.

    Raises:
        NotYet: saying what is wrong.
    """
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=False):
            if long_axes(tensor.shape) != long_axes(value.shape):
                raise NotYet(f"a parameter has shape {tuple(tensor.shape)}, but it should be {tuple(value.shape)}.")
            tensor.copy_(value.reshape(tensor.shape))


def went_back(out: Any, g: Tensor | None = None) -> None:
    """Call backward, if autograd has seen what led to out.

    Raises:
        NotYet: saying what is wrong.
    """
    if not out.requires_grad:
        raise NotYet("gives a result that autograd knows nothing about: does it leave torch, or is it detached?")
    out.backward(g)


def agree_grad(name: str, tensor: Tensor, wanted: Any, mistakes: Mistakes | None = None, batch: int = 0) -> None:
    """Go on if the gradient that backward left on a tensor is what is wanted.

    Raises:
        NotYet: saying what is wrong.
    """
    if tensor.grad is None:
        raise NotYet(f"{name}.grad is None after backward: no gradient reached it.")
    agree(f"{name}.grad", tensor.grad, wanted, mistakes, batch)


def ordered(model: Any) -> list[Tensor]:
    """w1, b1, w2, b2 among the parameters of a network, told by their shapes.

    Raises:
        NotYet: saying what is wrong.
    """
    found = list(model.parameters())
    flat = [p for p in found if p.dim() == 1 and len(p) > 1] + [p for p in found if p.dim() == 1 and len(p) == 1]
    deep = [p for p in found if p.dim() == 2 and p.shape[1] > 1] + [
        p for p in found if p.dim() == 2 and p.shape[1] == 1
    ]
    if len(found) != 4 or len(flat) != 2 or len(deep) != 2:
        raise NotYet(f"the network has {len(found)} parameters; it should have two matrices and two biases.")
    return [deep[0], flat[0], deep[1], flat[1]]


class Slope(nn.Module):
    """The smallest thing that can be trained: one number a, and the loss (a x - y)^2, averaged; or a x + b."""

    def __init__(self, bias: bool = False) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1, bias=bias)
        put(self.parameters(), [torch.zeros(1, 1), torch.zeros(1)])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean of the squared differences."""
        return functional.mse_loss(self.line(x)[:, 0], y)


def forgetful(model: nn.Module) -> nn.Module:
    """Let every gradient arrive with all earlier ones added, whatever is emptied in between."""
    watched: Any
    for watched in model.parameters():
        total = torch.zeros_like(watched)
        watched.register_hook(lambda gradient, total=total: total.add_(gradient).clone())
    return model
