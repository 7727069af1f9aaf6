"""Hidden inputs of `autograd`, and their right answers in float64, by autograd and centred differences.

All sizes differ (a forgotten transpose stops the code), one case is square (it gives a silent wrong number), and one
is a batch of a single sample. About half of the pre-activations are negative, and none is so near 0 that float32 or
a centred difference could find it on the other side: the slope of relu at exactly 0 is nobody's mistake.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

WEIGHTS = ("w1", "b1", "w2", "b2")

CLEAR = 0.005
"""The least distance of a pre-activation from 0."""

START_SIZES = (60, 40)
"""Inputs and outputs of a layer whose random start is looked at: 2400 weights, so that chance decides nothing."""

START = {
    "rows alike": (0.0, "The weights of a new layer aren't drawn one by one: their rows are alike"),
    "spread of w": (1.0, "The weights of a new layer don't have standard deviation 1"),
    "mean of w": (0.0, "The weights of a new layer don't have mean 0"),
    "beyond two": (0.05, "The weights of a new layer have mean 0 and standard deviation 1, but aren't normal"),
    "in common": (0.0, "Two new layers start with the same weights"),
    "b isn't 0": (0.0, "The bias of a new layer isn't 0"),
}
"""A rounded fact about that start -> what it should be, and what is said where it is something else."""

LEARNING_RATE = 0.05
"""Of the step that is taken on the parameters of a TrainableModel: small enough to close or open few gates."""


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


def _net(label: str, rows: int, n_in: int, n_hidden: int) -> Spec:
    return Spec(
        f"net-{label}",
        inp=Normal((rows, n_in)),
        targ=Normal((rows,), 1.0, 2.0),
        w1=Normal((n_in, n_hidden), n_in**-0.5),
        b1=Normal((n_hidden,), 0.5),
        w2=Normal((n_hidden, 1)),
        b2=Normal((1,), 0.5, 1.0),
    )


NET, SQUARE_NET, LONE_NET = _net("6-7-5", 6, 7, 5), _net("4-4-4", 4, 4, 4), _net("1-4-9", 1, 4, 9)

BATCHES = (6, 4, 1, 5)
"""Rows of the batches that a small net is trained on, one of a single sample among them."""

TRAINING = Spec(
    "training",
    **{f"x{k}": Normal((rows, 3), 1.0, 0.5) for k, rows in enumerate(BATCHES, start=1)},
    **{f"y{k}": Normal((rows,), 1.0, 1.0) for k, rows in enumerate(BATCHES, start=1)},
    w1=Normal((3, 4)),
    b1=Normal((4,)),
    w2=Normal((4, 1), 1.0, 0.5),
    b2=Normal((1,)),
    lr=Normal((), 0.05, 0.6),
)
"""A small net of the grader's own, and what it learns from."""


@once
def network(spec: Spec) -> Tensors:
    """Inputs, targets and the four parameters.

    b1 is moved until no pre-activation is near 0, also after the step that a test takes, and b2 until half of a
    batch's outputs are negative: where none is, a relu that doesn't belong at the end can't be seen.
    """
    drawn = draw(spec)
    values = {name: tensor.double() for name, tensor in drawn.items()}
    while _nearest_to_zero(values) < CLEAR:
        values["b1"] = values["b1"] + 2 * CLEAR
    return Tensors({name: tensor.float() for name, tensor in _centred(values).items()})


@once
def layer_output(given: Tensors) -> Tensors:
    """inp @ w + b, a row a sample, with the parameters that it was given."""
    values = given.map(Tensor.double)
    return Tensors(answer=_linear(values["inp"], values["w"], values["b"]), w=values["w"], b=values["b"])


@once
def layer_gradients(given: Tensors) -> Tensors:
    """The gradients of a linear layer's input and parameters where its output has the gradient out_g."""
    found = oracle.gradients(_reached, given, ("inp", "w", "b"))
    return Tensors({f"{name}.grad": gradient for name, gradient in found.items()})


@once
def loss(net: Tensors) -> Tensors:
    """The mean of the squared differences between what the network predicts and the targets."""
    return Tensors(answer=_loss(**net.map(Tensor.double)))


@once
def gradients(net: Tensors) -> Tensors:
    """The gradients of the loss with respect to the input and the four parameters."""
    return oracle.gradients(_loss, net, ("inp", *WEIGHTS))


@once
def after_a_step(net: Tensors) -> Tensors:
    """The loss on the same batch after a step against the gradients of the four parameters."""
    return Tensors({"loss after a step": _loss(**_stepped(net.map(Tensor.double)))})


@once
def trained(given: Tensors, batches: int) -> Tensors:
    """The losses of the grader's own small net before each of `batches` steps, and its parameters at the end."""
    values = given.map(Tensor.double)
    parameters, losses = dict(values.pick(*WEIGHTS)), []
    for k in range(1, batches + 1):
        batch = {"x": values[f"x{k}"], "y": values[f"y{k}"]}
        losses.append(_small_loss(**batch, **parameters))
        found = oracle.gradients(_small_loss, {**batch, **parameters}, WEIGHTS)
        parameters = {name: parameters[name] - values["lr"] * found[name] for name in WEIGHTS}
    ends = {f"{name} at the end": tensor for name, tensor in parameters.items()}
    return Tensors({"losses": torch.stack(losses), **ends})


def _linear(inp: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, inp, w)


def _predicted(inp: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _linear(_linear(inp, w1, b1).relu(), w2, b2)


def _loss(inp: Tensor, targ: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(_predicted(inp, w1, b1, w2, b2).flatten(), targ)


def _reached(inp: Tensor, w: Tensor, b: Tensor, out_g: Tensor) -> Tensor:
    """A number whose gradient with respect to the layer's output is out_g."""
    return (_linear(inp, w, b) * out_g).sum()


def _small_loss(x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    apart = _linear(_linear(x, w1, b1).tanh(), w2, b2).flatten() - y
    return (1 + apart * apart).log().mean()


def _centred(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network with b2 moved so that half of the outputs are negative."""
    outputs = _predicted(values["inp"], *(values[name] for name in WEIGHTS)).flatten().sort().values
    if len(outputs) < 2:
        return values
    half = len(outputs) // 2
    return {**values, "b2": values["b2"] - outputs[half - 1 : half + 1].mean()}


def _stepped(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = oracle.autograd(_loss, values, WEIGHTS)
    return {**values, **{name: values[name] - LEARNING_RATE * found[name] for name in WEIGHTS}}


def _nearest_to_zero(values: dict[str, Tensor]) -> float:
    """The least distance of a pre-activation from 0, before and after a step."""
    now = _centred(values)
    both = (now, _stepped(now))
    return min(float(_linear(net["inp"], net["w1"], net["b1"]).abs().min()) for net in both)
