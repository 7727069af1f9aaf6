"""Hidden inputs of `modules`, and their right answers in float64, by autograd.

The base class is tried with little layers that stand in the flows. Their mathematics is repeated here as a plain
function of one or three tensors, in which no argument may stand for another.
All sizes differ (a forgotten transpose stops the code), one case is square (it gives a silent wrong number), one is a
batch of a single sample, and one layer has a single output. No pre-activation is so near 0 that float32 or a centred
difference could find it on the other side: the slope of relu at exactly 0 is nobody's mistake. Where a 0 is among them,
no gradient arrives: it is 0 by any slope, and only what is no slope is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

WEIGHTS = ("w1", "b1", "w2", "b2")

CLEAR = 0.005
"""The least distance of a pre-activation from 0."""

STALE = 7.0
"""What a `.g` holds that a flow calls an old gradient, which has to go."""

ONE = Spec("one-4-3", x=Normal((4, 3)), out_g=Normal((4, 3)))
"""An argument of a layer, and the gradient that reaches its output."""

MATRIX, LONE_MATRIX = (
    Spec("matrix-12-7", x=Normal((12, 7), 4.5), out_g=Normal((12, 7), 4.5)),
    Spec("matrix-1-9", x=Normal((1, 9), 2.0), out_g=Normal((1, 9), 4.5)),
)
"""Pre-activations of a batch, some very large, and of a single sample; the gradients that reach the result."""

NEAR = torch.tensor([0.02, -0.02, 0.06, -0.06])
"""What stands first among them: a corner a little off 0 is seen."""

THREE = Spec(
    "three-5-2", a=Normal((5, 2), 1.0, 1.0), b=Normal((5, 2), 1.0, -1.0), c=Normal((5, 2)), out_g=Normal((5, 2))
)
"""Three arguments of a layer, and the gradient that reaches its output."""

TWO_CALLS = Spec("two-calls", p=Normal((6, 5)), q=Normal((6, 5)), p_out_g=Normal((6, 5)), q_out_g=Normal((6, 5)))
"""Inputs of two calls, and the gradients that reach the two outputs: of one shape, so that nothing but values tells."""


def _layer(label: str, rows: int, n_in: int, n_out: int) -> Spec:
    return Spec(
        f"layer-{label}",
        inp=Normal((rows, n_in)),
        w=Normal((n_in, n_out)),
        b=Normal((n_out,), 1.0, 1.0),
        out_g=Normal((rows, n_out)),
    )


LAYER, SQUARE_LAYER, LONE_LAYER = _layer("6-4-3", 6, 4, 3), _layer("4-4-4", 4, 4, 4), _layer("1-5-3", 1, 5, 3)
OTHER_LAYER = _layer("other-6-4-3", 6, 4, 3)
"""A linear layer: its input, its parameters, and the gradient that reaches its output."""

NARROW_LAYER = _layer("5-3-1", 5, 3, 1)
"""A layer of one output, as the last one of the network is."""

PAIR, LONG_PAIR = (
    Spec("pair-6", inp=Normal((6, 1), 2.0), targ=Normal((6,), 2.0, 1.0)),
    Spec("pair-11", inp=Normal((11, 1)), targ=Normal((11,), 1.0, 2.0)),
)
"""Outputs and targets of two batches."""

LONE_PAIR = Spec("pair-1", inp=Normal((1, 1), 0.3, 2.0), targ=Normal((1,), 0.3, -1.0))

TWO_PAIRS = Spec(
    "two-pairs", p=Normal((5, 1), 2.0), p_targ=Normal((5,), 2.0), q=Normal((5, 1), 2.0), q_targ=Normal((5,), 2.0)
)
"""Two batches of one length, so that nothing but values tells whose is remembered."""


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


NET, SQUARE_NET, LONE_NET, OTHER_NET, EVEN_NET = (
    _net("6-7-5", 6, 7, 5),
    _net("4-4-4", 4, 4, 4),
    _net("1-4-9", 1, 4, 9),
    _net("3-7-5", 3, 7, 5),
    _net("even-6-7-5", 6, 7, 5),
)


@once
def away_from_zero(spec: Spec) -> Tensors:
    """What a spec draws, with every entry moved out of the neighbourhood of 0.

    Some of x are put just outside of it, and what comes back through these is not small.
    """
    drawn = {name: torch.where(t.abs() < CLEAR, CLEAR, t) for name, t in draw(spec).items()}
    if "x" in drawn:
        drawn["x"][0, : len(NEAR)] = NEAR
        drawn["out_g"][0, : len(NEAR)] += 2 * drawn["out_g"][0, : len(NEAR)].sign()
    return Tensors(drawn)


@once
def with_zeros(spec: Spec) -> Tensors:
    """The same with some of x at exactly 0, where nothing comes back: whatever the slope is there, x.g is 0."""
    moved = away_from_zero(spec)
    x, out_g = moved["x"].clone(), moved["out_g"].clone()
    x[-1, ::2] = out_g[-1, ::2] = 0
    return Tensors(moved, x=x, out_g=out_g)


@once
def network(spec: Spec) -> Tensors:
    """Inputs, targets and the four parameters.

    b1 is moved until no pre-activation is near 0, and b2 until half of a batch's outputs are negative: where none is,
    a relu that doesn't belong at the end can't be seen.
    """
    drawn = draw(spec)
    values = {name: drawn[name].double() for name in ("inp", *WEIGHTS)}
    while float(_linear(values["inp"], values["w1"], values["b1"]).abs().min()) < CLEAR:
        values["b1"] = values["b1"] + 2 * CLEAR
    outputs = _predicted(**values).flatten().sort().values
    if len(outputs) > 1:
        half = len(outputs) // 2
        values["b2"] = values["b2"] - outputs[half - 1 : half + 1].mean()
    return Tensors(drawn, b1=values["b1"].float(), b2=values["b2"].float())


@once
def cubed(given: Tensors) -> Tensors:
    """The layer of one argument, forward."""
    return Tensors({"layer(x)": given["x"].double() ** 3})


@once
def blended(given: Tensors) -> Tensors:
    """The layer of three arguments, forward."""
    return Tensors({"layer(a,b,c)": _blend(**given.pick("a", "b", "c").map(Tensor.double))})


@once
def cube_gradient(x: Tensor, out_g: Tensor) -> Tensor:
    """The gradient of the layer of one argument."""
    at = {"x": x, "out_g": out_g}
    return oracle.gradients(lambda x, out_g: (x**3 * out_g).sum(), at, ("x",))["x"]


@once
def blend_gradients(given: Tensors) -> Tensors:
    """The gradients of the layer of three arguments."""
    names = ("a", "b", "c")
    found = oracle.gradients(lambda a, b, c, out_g: (_blend(a, b, c) * out_g).sum(), given, names)
    return Tensors({f"{name}.g": found[name] for name in names})


@once
def rectified(x: Tensor) -> Tensors:
    """max(x, 0), entry by entry."""
    return Tensors(answer=x.double().relu())


@once
def relu_gradient(x: Tensor, out_g: Tensor) -> Tensor:
    """The gradient with respect to the input of relu."""
    return oracle.gradients(lambda x, out_g: (x.relu() * out_g).sum(), {"x": x, "out_g": out_g}, ("x",))["x"]


@once
def linear(given: Tensors) -> Tensors:
    """x @ w + b, a row a sample."""
    return Tensors(answer=_linear(**given.pick("inp", "w", "b").map(Tensor.double)))


@once
def layer_gradients(given: Tensors) -> Tensors:
    """inp.g, w.g and b.g of a linear layer whose output has the gradient out_g."""
    found = oracle.gradients(
        lambda inp, w, b, out_g: (_linear(inp, w, b) * out_g).sum(),
        given.pick("inp", "w", "b", "out_g"),
        ("inp", "w", "b"),
    )
    return Tensors({f"{name}.g": gradient for name, gradient in found.items()})


@once
def error(pair: Tensors) -> Tensors:
    """The mean of the squared differences, sample by sample."""
    return Tensors(answer=_error(pair["inp"].double(), pair["targ"].double()))


@once
def error_gradient(inp: Tensor, targ: Tensor) -> Tensor:
    """The gradient of that mean with respect to the outputs, (N, 1)."""
    return oracle.gradients(_error, {"inp": inp, "targ": targ}, ("inp",))["inp"]


@once
def loss(net: Tensors) -> Tensors:
    """The error of the network."""
    return Tensors(answer=_loss(**net.map(Tensor.double)))


@once
def gradients(net: Tensors) -> Tensors:
    """The gradients of the error with respect to the four parameters and the input."""
    found = oracle.gradients(_loss, net, (*WEIGHTS, "inp"))
    return Tensors({f"{name}.g": gradient for name, gradient in found.items()})


def _blend(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return a * a * b - c


def _linear(inp: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(b, inp, w)


def _predicted(inp: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _linear(_linear(inp, w1, b1).relu(), w2, b2)


def _error(inp: Tensor, targ: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(inp, targ.reshape(inp.shape))


def _loss(inp: Tensor, targ: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return _error(_predicted(inp, w1, b1, w2, b2), targ)
