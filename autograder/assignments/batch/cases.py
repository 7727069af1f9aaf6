"""Hidden inputs of `batch`, and their right answers in float64, by autograd.

All sizes differ (a forgotten transpose stops the code), one case is square (it gives a silent wrong number), and one
is a batch of a single sample. About half of the pre-activations are negative; some are near 0 on both sides, and none
so near that float32 or a centred difference could find it on the other: the slope of relu at exactly 0 is nobody's
mistake. Some gradients are larger than 5: whoever cuts them off is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

WEIGHTS = ("w1", "b1", "w2", "b2")

CLEAR = 0.005
"""The least distance of a pre-activation from 0."""


def _layer(label: str, rows: int, n_in: int, n_out: int) -> Spec:
    return Spec(
        f"layer-{label}",
        inp=Normal((rows, n_in)),
        w=Normal((n_in, n_out)),
        b=Normal((n_out,), 1.0, 1.0),
        out_g=Normal((rows, n_out), 4.0),
    )


LAYER, SQUARE_LAYER, LONE_LAYER = _layer("6-4-3", 6, 4, 3), _layer("4-4-4", 4, 4, 4), _layer("1-5-3", 1, 5, 3)
"""One linear layer: its input, its parameters, and the gradient that reaches its output."""

NARROW_LAYER = _layer("5-4-1", 5, 4, 1)
"""A layer with a single output, like the last one of the network."""

MATRICES = (Spec("matrix-12-7", x=Normal((12, 7), 4.5)), Spec("matrix-1-7", x=Normal((1, 7), 1.5)))
"""Pre-activations of a batch, some so large that a ceiling would be hit, and of a batch of one."""

NEAR = (0.07, 0.01, -0.01, -0.07)
"""Pre-activations so near 0 that a threshold beside it is on their other side."""

PAIRS = (
    Spec("pair-6", output=Normal((6, 1), 2.0), targ=Normal((6,), 2.0, 1.0)),
    Spec("pair-11", output=Normal((11, 1)), targ=Normal((11,), 1.0, 2.0)),
)
"""Outputs and targets of two batches."""

LONE_PAIR = Spec("pair-1", output=Normal((1, 1), 0.3, 2.0), targ=Normal((1,), 0.3, -1.0))


def _net(label: str, rows: int, n_in: int, n_hidden: int) -> Spec:
    return Spec(
        f"net-{label}",
        inp=Normal((rows, n_in)),
        targ=Normal((rows,), 12.0, 6.0),
        w1=Normal((n_in, n_hidden), n_in**-0.5),
        b1=Normal((n_hidden,), 0.5),
        w2=Normal((n_hidden, 1)),
        b2=Normal((1,), 0.5, 1.0),
    )


NET, SQUARE_NET, LONE_NET = _net("6-7-5", 6, 7, 5), _net("4-4-4", 4, 4, 4), _net("1-4-9", 1, 4, 9)


@once
def network(spec: Spec) -> Tensors:
    """Inputs, targets and the four parameters.

    b1 is moved until no pre-activation is too near 0, and one of either sign near it; and b2 until half of a batch's
    outputs are negative: where none is, a relu that doesn't belong at the end can't be seen.
    """
    drawn = draw(spec)
    values = {name: drawn[name].double() for name in ("inp", *WEIGHTS)}
    before = _linear(values["inp"], values["w1"], values["b1"])
    values["b1"][:2] += torch.tensor([0.02, -0.02]) - before[0, :2]
    away = 2 * CLEAR * torch.tensor([1.0, -1.0, *[1.0] * (len(values["b1"]) - 2)])
    while (near := _linear(values["inp"], values["w1"], values["b1"]).abs().amin(0) < CLEAR).any():
        values["b1"] = values["b1"] + away * near
    outputs = _predicted(**values).flatten().sort().values
    if len(outputs) > 1:
        half = len(outputs) // 2
        values["b2"] = values["b2"] - outputs[half - 1 : half + 1].mean()
    return Tensors(drawn, b1=values["b1"].float(), b2=values["b2"].float())


@once
def with_zeros(spec: Spec) -> Tensors:
    """The same with a hidden unit that is exactly 0 before relu and that nothing listens to.

    Whatever the slope of relu is there, its gradients are 0.
    """
    net = network(spec)
    w1, b1, w2 = (net[name].clone() for name in ("w1", "b1", "w2"))
    w1[:, 2] = b1[2] = w2[2] = 0
    return Tensors(net, w1=w1, b1=b1, w2=w2)


@once
def linear(given: Tensors) -> Tensors:
    """x @ w + b, a row a sample."""
    values = given.map(Tensor.double)
    return Tensors(answer=_linear(values["inp"], values["w"], values["b"]))


@once
def layer(spec: Spec) -> Tensors:
    """A linear layer with the output that it gives: what lin_grad is given."""
    drawn = draw(spec)
    return Tensors(drawn, out=linear(drawn)["answer"].float())


@once
def matrix(spec: Spec) -> Tensors:
    """Pre-activations, a few of them near 0 on both sides and one at it: relu of 0 is 0, whatever its slope there."""
    x = draw(spec)["x"].clone()
    x[0, : len(NEAR)] = torch.tensor(NEAR)
    x[0, len(NEAR)] = 0
    return Tensors(x=x)


@once
def rectified(x: Tensors) -> Tensors:
    """max(x, 0), entry by entry."""
    return Tensors(answer=x["x"].double().relu())


@once
def predicted(net: Tensors) -> Tensors:
    """One number a sample."""
    values = net.map(Tensor.double)
    return Tensors(answer=_predicted(values["inp"], **values.pick(*WEIGHTS)))


@once
def error(pair: Tensors) -> Tensors:
    """The mean of the squared differences, sample by sample."""
    return Tensors(answer=_error(pair["output"].double(), pair["targ"].double()))


@once
def layer_gradients(given: Tensors) -> Tensors:
    """inp.g, w.g and b.g of a linear layer whose output has the gradient out_g."""
    found = oracle.gradients(_reached, given, ("inp", "w", "b"))
    return Tensors({f"{name}.g": gradient for name, gradient in found.items()})


@once
def gradients(net: Tensors) -> Tensors:
    """The gradients of the error with respect to the four parameters and the input."""
    found = oracle.gradients(_loss, net, (*WEIGHTS, "inp"))
    return Tensors({f"{name}.g": gradient for name, gradient in found.items()})


def _linear(inp: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, inp, w)


def _predicted(inp: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _linear(_linear(inp, w1, b1).relu(), w2, b2)


def _error(output: Tensor, targ: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(output, targ.reshape(output.shape))


def _reached(inp: Tensor, w: Tensor, b: Tensor, out_g: Tensor, out: Tensor) -> Tensor:
    """A number whose gradient with respect to the layer's output is out_g; the value of that output is not used."""
    del out
    return (_linear(inp, w, b) * out_g).sum()


def _loss(inp: Tensor, targ: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _error(_predicted(inp, w1, b1, w2, b2), targ)
