"""Hidden inputs of `layers`, and their right answers in float64, by autograd.

The network, its layers and its loss are those of `batch`: sizes all different, one square case, one batch of a single
sample, pre-activations on both sides of 0 and none near it. What is new are pairs: an object has a memory, and only
two objects, or two calls, can show whose it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.assignments.batch import cases as batch
from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

WEIGHTS = batch.WEIGHTS

CLEAR = 0.01
"""The least distance of what goes into a Relu from 0: its slope at exactly 0 is nobody's mistake."""


def _gate(label: str, rows: int, columns: int, std: float = 1.5) -> Spec:
    shape = (rows, columns)
    return Spec(f"gate-{label}", inp=Normal(shape, std), out_g=Normal(shape, 4.5))


GATE, OTHER_GATE, LONE_GATE = _gate("12-9", 12, 9, 4.5), _gate("other-12-9", 12, 9, 4.5), _gate("1-7", 1, 7)
"""What goes into a Relu, some of it so large that a ceiling would be hit; the gradient that reaches what comes out.

Two are of one shape, so that nothing but values tells whose memory is read.
"""

NEAR = torch.tensor([0.02, -0.02, 0.06, -0.06])
"""What stands first in each of them: gates that open or close a little off 0 are seen."""

LAYER, SQUARE_LAYER, LONE_LAYER, NARROW_LAYER = batch.LAYER, batch.SQUARE_LAYER, batch.LONE_LAYER, batch.NARROW_LAYER
"""One linear layer: its input, its parameters, and the gradient that reaches its output."""

CHAIN = Spec(
    "chain-6-5-5-5",
    inp=Normal((6, 5)),
    w1=Normal((5, 5)),
    b1=Normal((5,), 1.0, 1.0),
    w2=Normal((5, 5)),
    b2=Normal((5,), 1.0, -1.0),
    out_g=Normal((6, 5)),
)
"""Two linear layers, one behind the other, alike in all their shapes, so taking one for the other stops nothing."""

PAIR, OTHER_PAIR, LONE_PAIR = *batch.PAIRS, batch.LONE_PAIR
EVEN_PAIR = Spec("even-pair-6", output=Normal((6, 1), 2.0), targ=Normal((6,), 2.0, -1.0))
"""Outputs and targets; two of them of one length."""

NET, SQUARE_NET, LONE_NET = batch.NET, batch.SQUARE_NET, batch.LONE_NET
OTHER_NET = Spec("other-net", **batch.NET.parts)
"""The whole network: a batch, its targets and the four parameters; two of them alike in all their shapes."""

layer, linear, layer_gradients = batch.layer, batch.linear, batch.layer_gradients
error, network = batch.error, batch.network


@once
def gate(spec: Spec) -> Tensors:
    """What goes into a Relu, moved away from 0, and the gradient that reaches what comes out.

    What goes through the gates nearest to 0 is not small.
    """
    drawn = draw(spec)
    inp, out_g = drawn["inp"], drawn["out_g"].clone()
    inp = torch.where(inp.abs() < CLEAR, inp + 2 * CLEAR * (inp >= 0) - CLEAR, inp)
    inp[0, : len(NEAR)] = NEAR
    out_g[0, : len(NEAR)] += 2 * out_g[0, : len(NEAR)].sign()
    return Tensors(drawn, inp=inp, out_g=out_g)


@once
def with_zeros(spec: Spec) -> Tensors:
    """The same with some inputs at exactly 0, where nothing comes back: whatever the slope is there, inp.g is 0."""
    inp, out_g = gate(spec)["inp"].clone(), gate(spec)["out_g"].clone()
    inp[-1, ::2] = out_g[-1, ::2] = 0
    return Tensors(gate(spec), inp=inp, out_g=out_g)


@once
def rectified(given: Tensors) -> Tensors:
    """max(inp, 0), entry by entry."""
    return Tensors(answer=given["inp"].double().relu())


@once
def gate_gradient(given: Tensors) -> Tensors:
    """inp.g of a Relu whose output has the gradient out_g."""
    return _named(oracle.gradients(_through_gate, given, ("inp",)))


@once
def chain_gradients(given: Tensors) -> Tensors:
    """The gradients of two linear layers in a row, whose last output has the gradient out_g."""
    return _named(oracle.gradients(_through_chain, given, ("inp", *WEIGHTS)))


@once
def moved(given: Tensors) -> Tensors:
    """A linear layer after a step that lin_again takes in the middle: twice the weights, and biases less 1."""
    return Tensors(given, w=given["w"] * 2, b=given["b"] - 1)


@once
def shifted(pair: Tensors) -> Tensors:
    """The next batch of two_mses: outputs 1 higher, targets 1 lower."""
    return Tensors(output=pair["output"] + 1, targ=pair["targ"] - 1)


@once
def error_gradient(pair: Tensors) -> Tensors:
    """The gradient of that mean with respect to the output, and the output after a step against it."""
    found = oracle.gradients(_error, pair, ("output",))["output"]
    return Tensors({"inp.g": found, "inp after a step against inp.g": pair["output"].double() - found})


@once
def loss(net: Tensors) -> Tensors:
    """The mean squared error of the network on its batch."""
    found: Tensors = error(Tensors(output=batch.predicted(net)["answer"], targ=net["targ"]))
    return found


@once
def gradients(net: Tensors) -> Tensors:
    """The gradients of the loss with respect to the four parameters and the input, which is called x here."""
    found = batch.gradients(net)
    return Tensors({("x.g" if name == "inp.g" else name): gradient for name, gradient in found.items()})


def _named(found: Tensors) -> Tensors:
    return Tensors({f"{name}.g": gradient for name, gradient in found.items()})


def _through_gate(inp: Tensor, out_g: Tensor) -> Tensor:
    return (inp.relu() * out_g).sum()


def _through_chain(inp: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, out_g: Tensor) -> Tensor:
    return (torch.addmm(b2, torch.addmm(b1, inp, w1), w2) * out_g).sum()


def _error(output: Tensor, targ: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(output[:, 0], targ)
