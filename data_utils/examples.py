"""Networks for checks: one whose numbers fit on paper, and one that looks at digits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .mnist import get_mnist


def small_batch() -> tuple[Any, Any]:
    """Four samples of 2 inputs, a row each, and their targets."""
    return torch.tensor([[1.0, 2], [3, -4], [-5, 1], [4, -1]]), torch.tensor([1.0, 0, 2, 3])


def small_network() -> list[Any]:
    """w1, b1, w2, b2 of a network with 2 inputs, 3 hidden units and one output."""
    w1, b1 = [[1.0, 0, -1], [2, 1, 0]], [0.5, -0.5, 2]
    return [torch.tensor(v) for v in (w1, b1, [[1.0], [-2], [0.5]], [-1.0])]


def weighed(x: Tensor, w: Tensor) -> Tensor:
    """What torch's own linear layer makes of x, without a bias; autograd finds its way back to both.

    Shapes:
        x         (N, n_in)
        w         (n_in, n_out)
        returns   (N, n_out)
    """
    layer = nn.Linear(w.shape[0], w.shape[1], bias=False)
    found: Tensor = functional_call(layer, {"weight": w.T}, (x,))
    return found


def network(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """What two layers with a relu between them make of x, by torch's own layers.

    Shapes:
        x         (N, n_in)
        returns   (N, n_out)
    """
    return weighed(nn.ReLU()(weighed(x, w1) + b1), w2) + b2


def digits_network() -> tuple[Any, Any, list[Any], dict[str, Tensor]]:
    """A thousand digits, their targets, a network of random weights, and the gradients that autograd finds in it.

    Shapes:
        x, targ   (1000, 784), (1000,)
        weights   w1 (784, 50), b1 (50,), w2 (50, 1), b2 (1,)
        saved     one gradient each for w1, b1, w2, b2 and x, in their shapes
    """
    x_train, y_train, _, _ = get_mnist()
    x, targ = x_train[:1000].clone(), y_train[:1000].float()
    torch.manual_seed(42)
    weights = [torch.randn(784, 50), torch.zeros(50), torch.randn(50, 1), torch.zeros(1)]
    w1, b1, w2, b2, watched = clones = [v.clone().requires_grad_() for v in (*weights, x)]
    nn.MSELoss()(network(watched, w1, b1, w2, b2).flatten(), targ).backward()
    names = ("w1", "b1", "w2", "b2", "x")
    return x, targ, weights, {name: one.grad for name, one in zip(names, clones, strict=True) if one.grad is not None}


def layer_of_rows() -> list[Any]:
    """Two samples of 2 inputs, W and b of a layer with 3 outputs, and the gradient that reaches these outputs."""
    inp, w, b = [[1.0, 2], [3, -4]], [[1.0, 0, -1], [2, 1, 0]], [[1.0, 2, 3], [0, 1, 2]]
    return [torch.tensor(v) for v in (inp, w, b, [[1.0, -2, 3], [2, 2, 2]])]


def network_in_integers() -> tuple[Any, Any, list[Any]]:
    """Three samples of 4 inputs and their targets, in whole numbers, and the W1, b1, W2, b2 of a network for them."""
    x = torch.tensor([[1.0, -2, 3, 1], [0, 1, 0, 1], [-1, 0, 1, 0]])
    y = torch.tensor([[1.0], [0], [3]])
    return x, y, [torch.eye(4), torch.ones(3, 4), torch.tensor([[1.0], [0], [-1], [1]]), torch.ones(3, 1)]
