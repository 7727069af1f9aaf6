"""Hidden inputs of `mlp`, and their right answers in float64, by autograd.

All sizes differ (a forgotten transpose stops the code), one case is square (it gives a silent wrong number),
and one has a single output. Pre-activations are near 1: at the 1e-6 of the practical's own initial weights,
tanh is the identity and a forgotten slope can't be seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from autograder.judge import Normal, Spec, Tensors, draw, once, oracle

WEIGHTS = ("w1", "b1", "w2", "b2")

VECTORS = (Spec("vector-11", x=Normal((11,), 1.5)), Spec("vector-1", x=Normal((1,), 0.3, 1.0)))
"""Pre-activations for one layer: of many neurons, and of one."""

PAIRS = (
    Spec("pair-10", v=Normal((10,), 3.0), t=Normal((10,))),
    Spec("pair-3", v=Normal((3,), 1.0, 5.0), t=Normal((3,))),
    Spec("pair-1", v=Normal((1,), 0.3, 1.0), t=Normal((1,), 0.3, -1.0)),
)
"""Outputs and targets of three lengths; some gradients are larger than 5: whoever cuts them off is seen."""


def _net(label: str, n_in: int, n_hidden: int, n_out: int) -> Spec:
    return Spec(
        f"net-{label}",
        w1=Normal((n_hidden, n_in), n_in**-0.5),
        b1=Normal((n_hidden,), 0.5),
        w2=Normal((n_out, n_hidden), n_hidden**-0.5),
        b2=Normal((n_out,), 0.5),
        x=Normal((n_in,)),
        t=Normal((n_out,), 4.0, 4.0),
    )


DISTINCT, SQUARE, SLIM = _net("7-5-3", 7, 5, 3), _net("4-4-4", 4, 4, 4), _net("6-5-1", 6, 5, 1)

HELD = {
    spec: Spec(f"held-{spec.label}", **{f"dl_d{name}": Normal(spec.parts[name].shape, 2.0, 1.0) for name in WEIGHTS})
    for spec in (DISTINCT, SQUARE)
}
"""What the accumulators hold before the call."""

CLASS = Spec(
    "class",
    w1=Normal((5, 7), 7**-0.5),
    b1=Normal((5,), 0.5),
    w2=Normal((3, 5), 5**-0.5),
    b2=Normal((3,), 0.5),
    inputs=Normal((15, 7)),
)
"""Fifteen samples and a network to train on them: an odd number, or as many might be right as wrong."""

ETA = 0.05


@once
def vector(spec: Spec) -> Tensors:
    """Pre-activations; among several, one is exactly 0, where a quotient by x has no value and tanh has one."""
    x = draw(spec)["x"].clone()
    if len(x) > 1:
        x[len(x) // 2] = 0
    return Tensors(x=x)


@once
def tanh(x: Tensors) -> Tensors:
    """The right activation: tanh of x."""
    return Tensors(answer=x["x"].double().tanh())


@once
def slope(x: Tensors) -> Tensors:
    """d tanh(x) / dx, entry by entry."""
    return Tensors(answer=oracle.gradients(lambda x: x.tanh().sum(), x, ["x"])["x"])


def _squared_distance(v: Tensor, t: Tensor) -> Tensor:
    return ((v - t) ** 2).sum()


@once
def distance(pair: Tensors) -> Tensors:
    """|| v - t ||^2."""
    return Tensors(answer=_squared_distance(pair["v"].double(), pair["t"].double()))


@once
def pull(pair: Tensors) -> Tensors:
    """d || v - t ||^2 / dv."""
    return Tensors(answer=oracle.gradients(_squared_distance, pair, ["v"])["v"])


def _forward(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, x: Tensor) -> dict[str, Tensor]:
    s1 = torch.mv(w1, x) + b1
    s2 = torch.mv(w2, s1.tanh()) + b2
    return {"x": x, "s1": s1, "x1": s1.tanh(), "s2": s2, "x2": s2.tanh()}


def _error(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, x: Tensor, t: Tensor) -> Tensor:
    return _squared_distance(_forward(w1, b1, w2, b2, x)["x2"], t)


@once
def trace(net: Tensors) -> Tensors:
    """x, s1, x1, s2, x2 of a true forward pass: what backward_pass is given."""
    values = {name: net[name].double() for name in (*WEIGHTS, "x")}
    return Tensors(_forward(**values))


@once
def gradients(net: Tensors) -> Tensors:
    """dl_dw1, dl_db1, dl_dw2, dl_db2 of one sample."""
    found = oracle.gradients(_error, net, WEIGHTS)
    return Tensors({f"dl_d{name}": found[name] for name in WEIGHTS})


@once
def empty(net: Tensors) -> Tensors:
    """Accumulators that hold zeros."""
    return Tensors({f"dl_d{name}": torch.zeros_like(net[name]) for name in WEIGHTS})


@once
def targets(group: Tensors) -> Tensors:
    """One-hot targets, scaled by 0.9, the classes in turn."""
    return Tensors(targets=0.9 * torch.eye(3)[torch.arange(len(group["inputs"])) % 3])


@once
def met_targets(group: Tensors) -> Tensors:
    """Targets a little beside the network's own outputs: not one sample is wrong, and the loss is below 0.1."""
    outputs = _outputs(**group.map(Tensor.double))
    return Tensors(targets=(outputs + 0.07 * torch.eye(3)[outputs.argmax(1)]).float())


@once
def trained(group: Tensors, steps: int, aims: Tensors | None = None) -> Tensors:
    """The weights after full-batch steps of ETA, and what was measured before each of them."""
    weights = Tensors({name: group[name].double() for name in WEIGHTS})
    aims = aims or targets(group)
    rest = {"inputs": group["inputs"].double(), "targets": aims["targets"].double()}
    losses, errors = [], []
    for _ in range(steps):
        outputs = _outputs(**weights, inputs=rest["inputs"])
        losses.append(_total(**weights, **rest))
        errors.append((outputs.argmax(1) != rest["targets"].argmax(1)).sum())
        weights = weights + -ETA * oracle.gradients(_total, {**weights, **rest}, WEIGHTS)
    told: Mapping[str, Tensor] = {
        "k told to after_step": torch.arange(steps),
        "loss told to after_step": torch.stack(losses),
        "errors told to after_step": torch.stack(errors).double(),
        **{f"{name} told to after_step": weights[name] for name in WEIGHTS},
    }
    return Tensors(dict(weights), **told)


def _outputs(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, inputs: Tensor) -> Tensor:
    return ((inputs @ w1.T + b1).tanh() @ w2.T + b2).tanh()


def _total(w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    return _squared_distance(_outputs(w1, b1, w2, b2, inputs), targets)
