"""How the hidden tests drive a notebook: each flow calls the student's functions and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
Globals that the answers have no business with hold nan while they run, unless they are functions.
Modules are made in the dtype of the inputs, and the numbers they drew are overwritten in place.
"""

import contextlib

import torch

STRANGERS = ("x", "w", "b", "xb", "inp", "out", "output", "targ", "loss", "w1", "b1", "w2", "b2", "l1", "l2", "lr", "p")
WEIGHTS = ("w1", "b1", "w2", "b2")

with contextlib.suppress(Exception):  # where autograd is off, or torch was tampered with
    # What torch loads behind these at first use takes it a second: here it is loaded once, and not by each notebook.
    _first = torch.nn.Parameter(torch.zeros(1))
    _first.clone().backward(torch.ones(1))
    torch.optim.SGD([_first], lr=1.0)


def autograd_gradients(nb, inp, targ, w1, b1, w2, b2, calls):
    """Call autograd_gradients as often as `calls` says; tell its answer, and what it left on its arguments.

    Other numbers of the same shapes come first: what was found for these is no answer.
    """
    _poison(nb)
    given = {"inp": inp, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
    nb.autograd_gradients(*[tensor + 1 for tensor in (inp, targ, w1, b1, w2, b2)])
    for _ in range(int(calls)):
        answer = nb.autograd_gradients(inp, targ, w1, b1, w2, b2)
    five = list(answer) if isinstance(answer, (tuple, list)) else None
    return {
        **({"answer": answer} if five is None else dict(zip(given, five, strict=False))),
        "how many": float(1 if five is None else len(five)),
        **{f"given {name}": tensor for name, tensor in given.items()},
        "given targ": targ,
        "watched afterwards": float(sum(tensor.requires_grad for tensor in (*given.values(), targ))),
        "gradients left behind": float(sum(tensor.grad is not None for tensor in (*given.values(), targ))),
    }


def linear(nb, inp, w, b, out_g):
    """Put w and b into a Linear; its output for inp, and what autograd leaves when the output's gradient is out_g."""
    _poison(nb)
    layer = _made(nb.Linear, inp, *w.shape)
    if not _put(layer, w, b):
        return {name: part for name, part in _parts(layer).items() if hasattr(layer, name)}
    return {**_through(layer, inp, out_g), **_parts(layer)}


def linear_start(nb, n_in, n_out):
    """Make two Linear layers of one size: rounded facts about the numbers that they start with."""
    _poison(nb)
    sizes = (int(n_in), int(n_out))
    layers = [nb.Linear(*sizes) for _ in range(2)]
    return _start([_parts(layer) for layer in layers])


def trainable_linear(nb, inp, w, b, out_g):
    """Put w and b into the parameters of a TrainableLinear; its output, and the gradients on its parameters."""
    _poison(nb)
    layer = _made(nb.TrainableLinear, inp, *w.shape)
    found, told = _fill(layer, {"w": w, "b": b})
    if None in found.values():
        return told
    column = {"b is a column": float(found["b"].dim() > 1 and len(found["b"]) > 1)}
    return {**told, **column, **_through(layer, inp, out_g), **_gradients(found)}


def trainable_linear_start(nb, n_in, n_out):
    """Make two TrainableLinear layers of one size: rounded facts about the numbers that they start with."""
    _poison(nb)
    sizes = (int(n_in), int(n_out))
    layers = [nb.TrainableLinear(*sizes) for _ in range(2)]
    return _start([_by_shape(layer, {"w": sizes, "b": sizes[1:]}) for layer in layers])


def model(nb, inp, targ, w1, b1, w2, b2):
    """Put parameters into the layers of a Model; its loss, and the gradients that backward leaves on them."""
    _poison(nb)
    net = _made(nb.Model, inp, *w1.shape, w2.shape[1])
    layers = [layer for layer in getattr(net, "layers", ()) if hasattr(layer, "w")]
    fits = [_put(layer, w, b) for layer, w, b in zip(layers, (w1, w2), (b1, b2), strict=False)]
    parts = [(number, _parts(layer)) for number, layer in enumerate(layers[:2], start=1)]
    found = {f"{name}{number}": tensor for number, both in parts for name, tensor in both.items()}
    if fits != [True, True]:
        return {"fits": 0.0, **found}
    loss = net(inp, targ)
    _back(loss)
    kept = {
        f"given {name}": _like(found.get(name), value) for name, value in zip(WEIGHTS, (w1, b1, w2, b2), strict=True)
    }
    return {"fits": 1.0, "answer": loss, **_gradients(found), **kept, "given inp": inp, "given targ": targ}


def trainable_model(nb, inp, targ, w1, b1, w2, b2, lr):
    """Put parameters into parameters() of a TrainableModel; its loss, gradients, and the loss after a step on them."""
    _poison(nb)
    net = _made(nb.TrainableModel, inp, *w1.shape, w2.shape[1])
    found, told = _fill(net, dict(zip(WEIGHTS, (w1, b1, w2, b2), strict=True)))
    if None in found.values():
        return told
    loss = net(inp, targ)
    _back(loss)
    told |= {"answer": loss, **_gradients(found)}
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter.sub_(float(lr) * parameter.grad)
    return {**told, "loss after a step": net(inp, targ), "given inp": inp, "given targ": targ}


def fit(nb, x1, y1, x2, y2, x3, y3, x4, y4, w1, b1, w2, b2, lr, batches):
    """Train a small net of the grader's own with fit on the first `batches` batches; its losses, and where it ends."""
    _poison(nb)
    net = _made(_Net, x1, *w1.shape)
    net.load_state_dict({"first.weight": w1.T, "first.bias": b1, "second.weight": w2.T, "second.bias": b2})
    dealt = [(x1, y1), (x2, y2), (x3, y3), (x4, y4)][: int(batches)]
    losses = nb.fit(net, list(dealt), float(lr))
    ends = (net.first.weight.T, net.first.bias, net.second.weight.T, net.second.bias)
    given = {f"given {name}": tensor for name, tensor in (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2))}
    return {**_row(losses), **{f"{name} at the end": end for name, end in zip(WEIGHTS, ends, strict=True)}, **given}


def _row(losses):
    """The numbers of a list in a row; of a list that holds something else, no more than how long it is."""
    if not isinstance(losses, (list, tuple)):
        return {"losses": losses}
    try:
        return {"losses": torch.tensor([float(loss) for loss in losses], dtype=torch.float64)}
    except (TypeError, ValueError, RuntimeError):
        return {"values in place of the losses": float(len(losses))}


class _Net(torch.nn.Module):
    """A net with another bend and another loss than the lesson's: fit has to train whatever has parameters()."""

    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.first, self.second = torch.nn.Linear(n_in, n_hidden), torch.nn.Linear(n_hidden, 1)

    def forward(self, x, y):
        apart = self.second(self.first(x).tanh()).flatten() - y
        return (1 + apart * apart).log().mean()


def _made(kind, like, *sizes):
    """A module in the dtype of `like`; what it draws is drawn from one seed."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(like.dtype)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(len(sizes))
            return kind(*sizes)
    finally:
        torch.set_default_dtype(before)


def _parts(layer):
    return {"w": getattr(layer, "w", None), "b": getattr(layer, "b", None)}


def _put(layer, w, b):
    """Write numbers into a layer's own w and b, and tell whether both had room; another shape stays as it is."""
    fits = []
    for tensor, value in zip(_parts(layer).values(), (w, b), strict=True):
        fits.append(torch.is_tensor(tensor) and _long(tensor) == _long(value))
        if fits[-1]:
            with torch.no_grad():
                tensor.copy_(value.reshape(tensor.shape))
    return all(fits)


def _long(tensor):
    return [size for size in tensor.shape if size != 1]


def _like(tensor, value):
    """A tensor in the shape of `value`, if only axes of length 1 differ."""
    return tensor.reshape(value.shape) if torch.is_tensor(tensor) and tensor.numel() == value.numel() else tensor


def _by_shape(module, shapes):
    """The parameters of these shapes, by name; None where there is none.

    Axes of length 1 that come before don't matter; the bias of a lone layer may be a column, too.
    """
    own = [(tuple(p.shape), p) for p in module.parameters()]
    found = {name: next((p for size, p in own if _ends(size, tuple(shape))), None) for name, shape in shapes.items()}
    if shapes.keys() == {"w", "b"} and found["b"] is None:  # in a network it could be the last layer's weights
        found["b"] = next((p for size, p in own if size == (*shapes["b"], 1)), None)
    return found


def _ends(size, shape):
    """Whether a shape is another one, but for axes of length 1 before it."""
    before = len(size) - len(shape)
    return before >= 0 and size[before:] == shape and set(size[:before]) <= {1}


def _fill(module, values):
    """Write numbers into the parameters that have their shape; them, and what was found."""
    found = _by_shape(module, {name: value.shape for name, value in values.items()})
    with torch.no_grad():
        for name, parameter in found.items():
            if parameter is not None:
                parameter.copy_(values[name].reshape(parameter.shape))
    told = {f"has {name}": float(parameter is not None) for name, parameter in found.items()}
    counts = {"how many": float(len(list(module.parameters()))), "buffers": float(len(list(module.buffers())))}
    if None in found.values():  # a single bias and one of another wrong shape are two mistakes
        counts["numbers in all"] = float(sum(parameter.numel() for parameter in module.parameters()))
    return found, {**told, **counts}


def _through(layer, inp, out_g):
    """A layer's output, the gradient that comes out at its input, and those on w and b."""
    watched = inp.clone().requires_grad_()
    out = layer(watched)
    _back(out, out_g)
    axes = torch.tensor(float(out.dim())) if torch.is_tensor(out) else None
    parts = _gradients(_parts(layer))
    return {"answer": out, "number of axes": axes, "inp.grad": watched.grad, **parts, "given inp": watched}


def _back(out, out_g=None):
    """Call backward where autograd has something to go back to; a gradient for the output is given where it fits."""
    if torch.is_tensor(out) and out.requires_grad and out.numel() == (1 if out_g is None else out_g.numel()):
        out.backward(None if out_g is None else out_g.reshape(out.shape))


def _gradients(tensors):
    """The gradient on each tensor as it is now, where it keeps one."""
    leaves = {name: tensor for name, tensor in tensors.items() if not torch.is_tensor(tensor) or tensor.is_leaf}
    found = {name: getattr(leaves.get(name), "grad", None) for name in tensors}
    return {f"{name}.grad": grad.clone() if torch.is_tensor(grad) else grad for name, grad in found.items()}


def _start(pair):
    """Facts that don't depend on which random numbers came, as long as they are of the same kind."""
    (one, other), told = pair, {}
    if torch.is_tensor(one["w"]) and torch.is_tensor(other["w"]) and one["w"].shape == other["w"].shape:
        w = one["w"].detach().double()
        told["mean of w"] = _nearest(w.mean(), 0.25)
        told["spread of w"] = _nearest(w.std(), 0.5)
        told["beyond two"] = _nearest((w.abs() > 2).double().mean(), 0.05)
        told["all alike"] = float((w == w.flatten()[0]).all())
        told["rows alike"] = float((w == w[0]).all())
        told["one tensor for both"] = float(one["w"] is other["w"])
        told["in common"] = _nearest((w == other["w"]).double().mean(), 0.5)
    if torch.is_tensor(one["b"]):
        told["b isn't 0"] = float(one["b"].detach().any())
    return told


def _nearest(value, step):
    return round(float(value) / step) * step + 0.0


def _poison(nb):
    """Put nan into globals of the names that answers give to their own variables, and into the data."""
    for name in STRANGERS:
        if not callable(getattr(nb, name, None)):
            setattr(nb, name, torch.full((9, 1), float("nan")))
    for name in ("x_train", "x_valid"):
        setattr(nb, name, torch.full((9, 2), float("nan")))
    for name in ("y_train", "y_valid"):
        setattr(nb, name, torch.full((9,), float("nan")))
