"""Hidden inputs of `cached`, and their right answers in float64, by autograd.

All sizes differ (a forgotten transpose stops the code), one case is square (it gives a silent wrong number), and one
is a batch of a single sample. A bias has a row for each sample. Inputs of a relu are kept away from 0, where a
centred difference would measure neither side, or are exactly 0, where this lesson says that the slope is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

CLEAR = 0.05
"""The least distance of a relu's input from 0."""

VALUES = Spec("values", a=Normal((4,)), b=Normal((3, 2)), c=Normal((5,)))
"""Three things to be remembered."""

SCALED = Spec("scaled", inp=Normal((4, 3)), factor=Normal((1,), 0.3, 2.0), out_g=Normal((4, 3)))
"""What goes through a layer that multiplies by a number, and the gradient that reaches its output."""

WATCHED = Spec("watched", t=Normal((3, 4)))

PAIR = Spec("pair-7", pred=Normal((7,), 2.0), gt=Normal((7,), 2.0, 1.0))
COLUMN = Spec("pair-6-1", pred=Normal((6, 1), 2.0), gt=Normal((6, 1), 2.0, 1.0))
LONE_PAIR = Spec("pair-1", pred=Normal((1,), 0.3, 2.0), gt=Normal((1,), 0.3, -1.0))
STALE_PAIR = Spec("stale-7", stale=Normal((7,)))
"""Predictions and targets, and a gradient that was there before."""

MATRIX, VECTOR = (
    Spec(f"gate-{len(n)}", inp=Normal(n, std), out_g=Normal(n, 4.0)) for n, std in (((12, 7), 4.5), ((9,), 1.5))
)
NEAR = (0.02, -0.02, 0.08, -0.08)
"""Inputs of a relu that are near 0, on both sides of it."""
STALE_MATRIX = Spec("stale-12-7", stale=Normal((12, 7)))
"""What goes into a relu, and the gradient that reaches its output."""


def _layer(label: str, rows: int, n_in: int, n_out: int) -> Spec:
    return Spec(
        f"linear-{label}",
        inp=Normal((rows, n_in)),
        W=Normal((n_in, n_out)),
        b=Normal((rows, n_out), 1.0, 1.0),
        out_g=Normal((rows, n_out), 4.0),
    )


LAYER, SQUARE_LAYER = _layer("6-4-3", 6, 4, 3), _layer("4-4-4", 4, 4, 4)
NARROW_LAYER, LONE_LAYER = _layer("5-3-1", 5, 3, 1), _layer("1-5-3", 1, 5, 3)
"""One linear layer: its input, its parameters, and the gradient that reaches its output."""

TWO_LAYERS = Spec(
    "linears-6-4-3-3",
    inp=Normal((6, 4)),
    W1=Normal((4, 3)),
    b1=Normal((6, 3), 1.0, 1.0),
    W2=Normal((3, 3)),
    b2=Normal((6, 3), 1.0, 1.0),
    out_g=Normal((6, 3)),
)
"""Two layers of as many outputs: the gradient of the one fits the other, too."""


def _stack(label: str, rows: int, *sizes: int) -> Spec:
    return Spec(
        f"stack-{label}",
        inp=Normal((rows, sizes[0])),
        **{f"w{i}": Normal(sizes[i - 1 : i + 1], sizes[i - 1] ** -0.5) for i in range(1, len(sizes))},
        out_g=Normal((rows, sizes[-1])),
    )


STACK, SQUARE_STACK = _stack("6-4-3-5-2", 6, 4, 3, 5, 2), _stack("4-4-4-4-4", 4, 4, 4, 4, 4)
ONE_LAYER = _stack("5-4-3", 5, 4, 3)
OTHER_BATCH = Spec("batch-3-4", other_inp=Normal((3, 4)), other_out_g=Normal((3, 4)))
LOOSE_BATCH = Spec("batch-3-7", other_inp=Normal((3, 7)), other_out_g=Normal((3, 7)))
"""A model of matrix products with tanh between them; its input, and the gradient that reaches its output."""


def _net(label: str, rows: int, n_in: int, n_hidden: int) -> Spec:
    return Spec(
        f"cached-net-{label}",
        inp=Normal((rows, n_in)),
        gt=Normal((rows, 1), 1.0, 2.0),
        W1=Normal((n_in, n_hidden), n_in**-0.5),
        hidden=Normal((rows, n_hidden)),
        W2=Normal((n_hidden, 1)),
        output=Normal((rows, 1)),
    )


NET, SQUARE_NET = _net("6-7-5", 6, 7, 5), _net("4-4-4", 4, 4, 4)


@once
def pairs() -> tuple[Tensors, Tensors]:
    """Rows to be told apart with the default eps, and how many AssertionErrors are right for each.

    Equal; one entry larger; one smaller; differences that add up to 0; nine times the default eps, and less than it,
    where the other has 0; all but one larger; all with the other sign; a large one a little off.
    """
    left = (draw(Spec("close", left=Normal((9, 8))))["left"] * 256).round() / 256  # so that adding 0.5 is exact
    off = torch.zeros(9, 8)
    off[1, 1], off[2, 2], off[3, 0], off[3, 6] = 0.03, -0.03, 0.5, -0.5
    left[4:6] = 0
    off[4, 3], off[5, 1] = 9e-8, 7e-9
    off[6, :], off[6, 4] = 0.5, 0
    off[7] = -2 * left[7]
    left[8] = 100 * left[8].sign() + left[8]
    off[8, 5] = 0.01
    wanted = torch.tensor([0, 1, 1, 1, 1, 0, 1, 1, 1]).double()
    return Tensors(left=left, right=left + off), Tensors(AssertionErrors=wanted)


@once
def pairs_within() -> tuple[Tensors, Tensors]:
    """Rows to be told apart with an eps of their own, and how many AssertionErrors are right for each.

    All entries off by half of eps; one by 1.5 eps; one by -1.5 eps; then the same with a larger eps, or with opposite
    signs; three entries off by half of eps; all by 1.5 eps, half of them up and half of them down; one by half of eps.
    """
    left = draw(Spec("within", left=Normal((9, 12), 0.1)))["left"]
    eps = torch.tensor([0.1, 0.1, 0.1, 0.5, 0.5, 3.0, 0.1, 0.1, 0.1])
    off = torch.zeros(9, 12)
    off[0], off[1, 4], off[2, 7] = 0.05, 0.15, -0.15
    off[3, ::2], off[3, 1::2], off[4, 11], off[5] = 0.25, -0.25, -0.75, -2.0
    off[6, 2:5], off[7, ::2], off[7, 1::2], off[8, 9] = 0.05, 0.15, -0.15, 0.05
    wanted = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 0]).double()
    names = ("AssertionErrors, eps by position", "AssertionErrors, eps by name")
    return Tensors(left=left, right=left + off, eps=eps), Tensors(dict.fromkeys(names, wanted))


@once
def pairs_of_matrices() -> tuple[Tensors, Tensors]:
    """Matrices to be told apart with an eps of their own, and how many AssertionErrors are right for each.

    Equal; all entries off by half of eps; one by 1.5 eps; the last by -1.5 eps; two in a row by as much, with opposite
    signs; two in a column; all by half of a larger eps.
    """
    left = draw(Spec("matrices", left=Normal((7, 3, 4), 0.1)))["left"]
    off = torch.zeros(7, 3, 4)
    off[1], off[2, 1, 2], off[3, 2, 3] = 0.05, 0.15, -0.15
    off[4, 1, 0], off[4, 1, 3], off[5, 0, 2], off[5, 2, 2] = 0.15, -0.15, 0.15, -0.15
    off[6] = -0.5
    eps = torch.tensor([*[0.1] * 6, 1.0])
    wanted = torch.tensor([0, 0, 1, 1, 1, 1, 0]).double()
    return Tensors(left=left, right=left + off, eps=eps), Tensors({"AssertionErrors, matrices": wanted})


@once
def pairs_of_numbers() -> tuple[Tensors, Tensors]:
    """Numbers to be told apart with an eps of their own, and how many AssertionErrors are right for each.

    Equal; off by half of eps; by 1.5 eps; by -1.5 eps; by half of a larger eps.
    """
    left = draw(Spec("numbers", left=Normal((5,), 0.1)))["left"]
    off, eps = torch.tensor([0, 0.05, 0.15, -0.15, 0.5]), torch.tensor([*[0.1] * 4, 1.0])
    wanted = torch.tensor([0, 0, 1, 1, 0]).double()
    return Tensors(left=left, right=left + off, eps=eps), Tensors({"AssertionErrors, tensors without axes": wanted})


@once
def error(pair: Tensors) -> Tensors:
    """The mean of the squared differences, and its gradient with respect to the predictions."""
    found = oracle.gradients(_error, pair, ("pred",))
    return Tensors({"loss": _error(**pair.map(Tensor.double)), "pred.g": found["pred"]})


@once
def gate(spec: Spec) -> Tensors:
    """Inputs of a relu, some of them near 0 and none nearer than a centred difference can measure."""
    drawn = draw(spec)
    inp = _clear(drawn["inp"])
    inp.view(-1)[1 :: inp.numel() // len(NEAR)][: len(NEAR)] = torch.tensor(NEAR).to(inp)
    return Tensors(drawn, inp=inp)


@once
def gate_with_zeros(spec: Spec) -> Tensors:
    """The same inputs with a 0 in every third place."""
    given = gate(spec)
    inp = given["inp"].clone()
    inp.view(-1)[::3] = 0
    return Tensors(given, inp=inp)


@once
def gated(given: Tensors) -> Tensors:
    """What a relu gives, and the gradient of its input; at exactly 0, where there is none, torch's is 0 as ours is."""
    values = given.map(Tensor.double)
    found = oracle.autograd(_gated, values, ("inp",))
    if bool(given["inp"].all()):
        oracle.agree(found, oracle.differences(_gated, values, ("inp",)), "autograd", "centred differences")
    return Tensors({"out": values["inp"].relu(), "inp.g": found["inp"]})


@once
def linear(given: Tensors) -> Tensors:
    """What a linear layer gives, and the gradients of its input, its weights and its bias."""
    values = given.map(Tensor.double)
    found = oracle.gradients(_reached, given, ("inp", "W", "b"))
    out = _linear(values["inp"], values["W"], values["b"])
    return Tensors({"out": out, **_dotted(found)})


@once
def linears(given: Tensors) -> Tensors:
    """What two linear layers in a row give, and their gradients."""
    values = given.map(Tensor.double)
    found = oracle.gradients(_reached_twice, given, ("inp", "W1", "b1", "W2", "b2"))
    hidden = _linear(values["inp"], values["W1"], values["b1"])
    return Tensors({"out": _linear(hidden, values["W2"], values["b2"]), **_dotted(found)})


@once
def stacked(given: Tensors) -> Tensors:
    """What matrix products with tanh between them give, and their gradients."""
    weights = {name: tensor for name, tensor in given.items() if name.startswith("w")}
    found = oracle.gradients(_reached_through, given, ("inp", *weights))
    return Tensors({"out": _through(**given.map(Tensor.double).pick("inp", *weights)), **_dotted(found)})


@once
def bent(spec: Spec) -> Tensors:
    """What tanh alone gives, and the gradient of its input."""
    given = draw(spec).map(Tensor.double)
    found = oracle.gradients(_bent, given, ("other_inp",))
    return Tensors({"out of the other MLP": given["other_inp"].tanh(), "inp.g of the other MLP": found["other_inp"]})


@once
def network(spec: Spec) -> Tensors:
    """A network with a relu at its end: inputs, targets and parameters.

    The biases are such that what goes into a relu is what was drawn, away from 0 and every second output positive:
    where all are negative, no gradient comes through.
    """
    drawn = draw(spec).map(Tensor.double)
    rows = len(drawn["inp"])
    hidden = _clear(drawn["hidden"])
    output = _clear(drawn["output"]).abs() * torch.tensor([1.0, -1.0]).double().repeat(rows)[:rows, None]
    b1 = hidden - drawn["inp"] @ drawn["W1"]
    b2 = output - hidden.relu() @ drawn["W2"]
    return Tensors(drawn.pick("inp", "gt", "W1", "W2"), b1=b1, b2=b2).map(Tensor.float)


@once
def gradients(net: Tensors) -> Tensors:
    """The error of the network, and its gradients with respect to the parameters and the input."""
    found = oracle.gradients(_loss, net, ("W1", "b1", "W2", "b2", "inp"))
    return Tensors({"loss": _loss(**net.map(Tensor.double)), **_dotted(found)})


def _dotted(found: Tensors) -> dict[str, Tensor]:
    return {f"{name}.g": gradient for name, gradient in found.items()}


def _clear(x: Tensor) -> Tensor:
    """Move every entry away from 0, on the side where it is."""
    return x + CLEAR * torch.where(x < 0, -1.0, 1.0)


def _error(pred: Tensor, gt: Tensor) -> Tensor:
    return functional.mse_loss(pred, gt)


def _gated(inp: Tensor, out_g: Tensor) -> Tensor:
    """A number whose gradient with respect to the output is out_g; so are those below."""
    return (inp.relu() * out_g).sum()


def _linear(inp: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    return torch.addmm(bias, inp, weights)


def _reached(inp: Tensor, W: Tensor, b: Tensor, out_g: Tensor) -> Tensor:
    return (_linear(inp, W, b) * out_g).sum()


def _reached_twice(inp: Tensor, out_g: Tensor, **layers: Tensor) -> Tensor:
    hidden = _linear(inp, layers["W1"], layers["b1"])
    return (_linear(hidden, layers["W2"], layers["b2"]) * out_g).sum()


def _through(inp: Tensor, **weights: Tensor) -> Tensor:
    out = inp
    for i in range(len(weights)):
        out = (out.tanh() if i else out) @ weights[f"w{i + 1}"]
    return out


def _reached_through(inp: Tensor, out_g: Tensor, **weights: Tensor) -> Tensor:
    return (_through(inp, **weights) * out_g).sum()


def _bent(other_inp: Tensor, other_out_g: Tensor) -> Tensor:
    return (other_inp.tanh() * other_out_g).sum()


def _loss(inp: Tensor, gt: Tensor, **layers: Tensor) -> Tensor:
    hidden = _linear(inp, layers["W1"], layers["b1"]).relu()
    return _error(_linear(hidden, layers["W2"], layers["b2"]).relu(), gt)
