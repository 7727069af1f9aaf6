"""How the hidden tests drive a notebook: each flow makes objects of its classes and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
A gradient is put on the very tensor that a layer returned, as the layer behind it would do.
Globals that a class has no business with hold nan while it runs, unless they are functions or classes.
"""

import torch

STRANGERS = (
    "x", "w", "b", "xb", "inp", "out", "output", "targ", "target", "diff", "l1", "l2", "res", "preds", "t", "g",
    "w1", "b1", "w2", "b2", "x_train", "y_train", "x_valid", "y_valid", "x_check", "y_check",
)  # fmt: skip


def relu_forward(nb, inp):
    """Call a Relu."""
    _poison(nb)
    return {"answer": nb.Relu()(inp)}


def relu(nb, inp, out_g, calls):
    """One Relu, called once; backward as often as `calls` says, after a gradient of long ago if that is not once."""
    _poison(nb)
    layer = nb.Relu()
    given = {"given inp": inp, "given out.g": out_g}
    answer = _reached(layer(inp), out_g)
    _back(layer, calls, inp)
    return {"answer": answer, "out.g": _gradient(answer), "inp.g": _gradient(inp), **given}


def two_relus(nb, inp, out_g, other, other_g):
    """Two Relus: both are called before either goes back."""
    _poison(nb)
    first, second = nb.Relu(), nb.Relu()
    _reached(first(inp), out_g)
    _reached(second(other), other_g)
    first.backward()
    second.backward()
    return {"inp.g of the first Relu": _gradient(inp), "inp.g of the second Relu": _gradient(other)}


def relu_again(nb, inp, out_g, other, other_g):
    """One Relu on two batches, forward and back each time; both have a gradient of long ago."""
    _poison(nb)
    _long_ago(inp, other)
    layer = nb.Relu()
    for x, g in ((inp, out_g), (other, other_g)):
        answer = _reached(layer(x), g)
        layer.backward()
    return {"answer": answer, "inp.g of the first batch": _gradient(inp), "inp.g of the second batch": _gradient(other)}


def lin_forward(nb, inp, w, b):
    """Call a Lin."""
    _poison(nb)
    answer = nb.Lin(w, b)(inp)
    axes = torch.tensor(float(answer.dim())) if torch.is_tensor(answer) else None
    return {"answer": answer, "number of axes": axes}


def lin(nb, inp, w, b, out_g, calls):
    """One Lin, as relu does it."""
    _poison(nb)
    layer = nb.Lin(w, b)
    given = {"given inp": inp, "given w": w, "given b": b, "given out.g": out_g}
    answer = _reached(layer(inp), out_g)
    _back(layer, calls, inp, w, b)
    return {"answer": answer, "inp.g": _gradient(inp), "w.g": _gradient(w), "b.g": _gradient(b), **given}


def two_lins(nb, inp, w1, b1, w2, b2, out_g):
    """Two Lin layers in a row: the gradient that the second leaves on its input is what reaches the first."""
    _poison(nb)
    first, second = nb.Lin(w1, b1), nb.Lin(w2, b2)
    _reached(second(first(inp)), out_g)
    second.backward()
    first.backward()
    return {f"{name}.g": _gradient(t) for name, t in dict(inp=inp, w1=w1, b1=b1, w2=w2, b2=b2).items()}


def lin_again(nb, inp, w, b, out_g, rows):
    """One Lin on some rows of a batch, then, after its parameters were moved as by a step, on two whole ones.

    All have gradients of long ago.
    """
    _poison(nb)
    _long_ago(inp, w, b)
    layer = nb.Lin(w, b)
    some = slice(int(rows))
    for place, (x, g) in enumerate(((inp[some] + 1, out_g[some]), (inp - 1, out_g), (inp, out_g))):
        answer = _reached(layer(x), g)
        layer.backward()
        if place == 0:
            w *= 2
            b -= 1
    return {"answer": answer, "inp.g": _gradient(inp), "w.g": _gradient(w), "b.g": _gradient(b)}


def mse_forward(nb, output, targ):
    """Call an Mse."""
    _poison(nb)
    return {"answer": nb.Mse()(output, targ)}


def mse(nb, output, targ, calls):
    """One Mse, called once; nothing reaches its result: the way back begins here."""
    _poison(nb)
    layer = nb.Mse()
    given, before = {"given inp": output, "given targ": targ}, output.clone()
    answer = layer(output, targ)
    _back(layer, calls, output)
    return {"answer": answer, **_stepped(output, before), **given}


def two_mses(nb, output, targ, other, other_targ):
    """Two Mses, both called before either goes back; then the second on the first one's batch."""
    _poison(nb)
    first, second = nb.Mse(), nb.Mse()
    again, again_targ = output + 1, targ - 1
    first(output, targ)
    second(other, other_targ)
    first.backward()
    second.backward()
    found = {"inp.g of the first Mse": _gradient(output), "inp.g of the second Mse": _gradient(other)}
    _long_ago(again)
    second(again, again_targ)
    second.backward()
    return {**found, "inp.g of the second Mse's next batch": _gradient(again)}


def model_forward(nb, x, targ, w1, b1, w2, b2):
    """Call a Model."""
    _poison(nb, w1=w1, b1=b1, w2=w2, b2=b2)
    return {"answer": nb.Model(w1, b1, w2, b2)(x, targ)}


def models_forward(nb, x, targ, w1, b1, w2, b2, x_, targ_, w1_, b1_, w2_, b2_):
    """Call two Models; both are made before."""
    _poison(nb, w1=w1, b1=b1, w2=w2, b2=b2)
    first, second = nb.Model(w1, b1, w2, b2), nb.Model(w1_, b1_, w2_, b2_)
    return {"the loss of the first Model": first(x, targ), "the loss of the second Model": second(x_, targ_)}


def model(nb, x, targ, w1, b1, w2, b2, calls):
    """One Model, called once; backward as often as `calls` says, after gradients of long ago if that is not once."""
    _poison(nb, w1=w1, b1=b1, w2=w2, b2=b2)
    tensors = dict(x=x, w1=w1, b1=b1, w2=w2, b2=b2)
    given = {f"given {name}": t for name, t in {**tensors, "targ": targ}.items()}
    whole = nb.Model(w1, b1, w2, b2)
    answer = whole(x, targ)
    _back(whole, calls, *tensors.values())
    return {"answer": answer, **{f"{name}.g": _gradient(t) for name, t in tensors.items()}, **given}


def two_models(nb, x, targ, w1, b1, w2, b2, x_, targ_, w1_, b1_, w2_, b2_):
    """Two Models, both called before either goes back."""
    _poison(nb, w1=w1, b1=b1, w2=w2, b2=b2)
    first, second = nb.Model(w1, b1, w2, b2), nb.Model(w1_, b1_, w2_, b2_)
    first(x, targ)
    second(x_, targ_)
    first.backward()
    second.backward()
    ours, theirs = dict(x=x, w1=w1, b1=b1, w2=w2, b2=b2), dict(x=x_, w1=w1_, b1=b1_, w2=w2_, b2=b2_)
    found = {f"{name}.g of the first Model": _gradient(t) for name, t in ours.items()}
    return {**found, **{f"{name}.g of the second Model": _gradient(t) for name, t in theirs.items()}}


def model_again(nb, x, targ, w1, b1, w2, b2, rows):
    """One Model on a batch of some of the samples, then on the whole batch; all have gradients of long ago."""
    _poison(nb, w1=w1, b1=b1, w2=w2, b2=b2)
    tensors = dict(x=x, w1=w1, b1=b1, w2=w2, b2=b2)
    _long_ago(*tensors.values())
    whole = nb.Model(w1, b1, w2, b2)
    some = slice(int(rows))
    for inputs, targets in ((x[some] + 1, targ[some]), (x, targ)):
        answer = whole(inputs, targets)
        whole.backward()
    return {"answer": answer, **{f"{name}.g": _gradient(t) for name, t in tensors.items()}}


def _reached(out, g):
    """Let a gradient reach what a layer returned."""
    if torch.is_tensor(out):
        out.g = g  # type: ignore[attr-defined]  # the lesson's own attribute
    return out


def _back(layer, calls, *tensors):
    """Go back as often as `calls` says; before more than once, gradients of long ago are on the tensors."""
    if int(calls) > 1:
        _long_ago(*tensors)
    for _ in range(int(calls)):
        layer.backward()


def _gradient(tensor):
    """The gradient that was set on a tensor; None where there is none, or still that of long ago."""
    found = getattr(tensor, "g", None)
    return None if torch.is_tensor(found) and torch.equal(found, torch.full_like(found, 7.0)) else found


def _stepped(inp, before):
    """A gradient, and its tensor after a step against it: where the two shapes differ, all pairs are made.

    The step begins at what the tensor held before anybody could change it.
    """
    g = _gradient(inp)
    return {"inp.g": g, "inp after a step against inp.g": before - g if torch.is_tensor(g) else None}


def _long_ago(*tensors):
    """Leave a gradient of long ago on tensors: whoever assigns writes over it."""
    for tensor in tensors:
        tensor.g = torch.full_like(tensor, 7.0)


def _poison(nb, **parameters):
    """Put nan into globals of the names that the classes give to their own variables, into the data and parameters."""
    for name in STRANGERS:
        if not callable(getattr(nb, name, None)):
            setattr(nb, name, torch.full((9, 1), float("nan")))
    for name, tensor in parameters.items():
        setattr(nb, name, torch.full_like(tensor, float("nan")))
