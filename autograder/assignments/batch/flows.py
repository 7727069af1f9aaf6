"""How the hidden tests drive a notebook: each flow calls the student's functions and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
Globals that a function has no business with hold nan while it runs, unless they are functions.
What gives a value is called once before, on other numbers of the same shapes: nothing of that may be left.
"""

import torch

STRANGERS = ("x", "w", "b", "xb", "inp", "out", "output", "targ", "target", "diff", "l1", "l2", "res", "preds", "t")


def lin(nb, inp, w, b):
    """Call lin, and keep its arguments to see whether they were changed."""
    _poison(nb)
    nb.lin(0.3 * inp + 0.7, w + 1, b - 1)
    answer = nb.lin(inp, w, b)
    axes = torch.tensor(float(answer.dim())) if torch.is_tensor(answer) else None
    return {"answer": answer, "number of axes": axes, "given x": inp, "given w": w, "given b": b}


def relu(nb, x):
    """Call relu, and keep its argument."""
    _poison(nb)
    nb.relu(0.3 * x + 0.7)
    return {"answer": nb.relu(x), "given x": x}


def model(nb, inp, w1, b1, w2, b2):
    """Call model with these parameters as the notebook's globals."""
    _poison(nb)
    nb.w1, nb.b1, nb.w2, nb.b2 = w1 - 1, b1 + 1, w2 + 1, b2 - 1
    nb.model(0.3 * inp + 0.7)
    nb.w1, nb.b1, nb.w2, nb.b2 = w1, b1, w2, b2
    return {"answer": nb.model(inp), **_kept(nb, inp)}


def mse(nb, output, targ):
    """Call mse, and keep its arguments."""
    _poison(nb)
    nb.mse(0.3 * output + 0.7, targ + 1)
    return {"answer": nb.mse(output, targ), "given output": output, "given targ": targ}


def lin_grad(nb, inp, out, w, b, out_g, calls):
    """Call lin_grad as often as `calls` says, with out_g as out.g; if not once, gradients of long ago are there."""
    _poison(nb)
    _long_ago(calls, inp, w, b)
    put_back = _keeper(inp, out, w, b)
    for _ in range(int(calls)):
        put_back()
        out.g = out_g.clone()
        nb.lin_grad(inp, out, w, b)
    given = {"given inp": inp, "given out": out, "given w": w, "given b": b, "given out.g": _gradient(out)}
    return {"inp.g": _gradient(inp), "w.g": _gradient(w), "b.g": _gradient(b), "w.grad": w.grad, **given}


def forward_and_backward(nb, inp, targ, w1, b1, w2, b2, calls):
    """Call forward_and_backward as often as `calls` says, with these parameters as the notebook's globals.

    If that is not once, gradients of long ago are there.
    """
    _poison(nb)
    _long_ago(calls, inp, w1, b1, w2, b2)
    put_back = _keeper(inp, targ, w1, b1, w2, b2)
    for _ in range(int(calls)):
        put_back()
        nb.w1, nb.b1, nb.w2, nb.b2 = w1, b1, w2, b2
        nb.forward_and_backward(inp, targ)
    tensors = dict(inp=inp, w1=w1, b1=b1, w2=w2, b2=b2)
    replaced = sum(getattr(nb, name) is not tensors[name] for name in ("w1", "b1", "w2", "b2"))
    found = {f"{name}.g": _gradient(t) for name, t in tensors.items()}
    return {**found, "parameters replaced": torch.tensor(float(replaced)), **_kept(nb, inp), "given targ": targ}


def _gradient(tensor):
    return getattr(tensor, "g", None)


def _long_ago(calls, *tensors):
    """Before more calls than one, leave a gradient of long ago on tensors: whoever assigns writes over it."""
    for tensor in tensors if int(calls) > 1 else ():
        tensor.g = torch.full_like(tensor, 7.0)


def _keeper(*tensors):
    """Make a function that gives tensors back the numbers they have now: a second call finds what the first did."""
    kept = [tensor.clone() for tensor in tensors]

    def put_back():
        for tensor, numbers in zip(tensors, kept, strict=True):
            tensor.data = numbers.clone()

    return put_back


def _kept(nb, inp):
    """The input, and the parameters that the notebook has now."""
    return {"given inp": inp, "given w1": nb.w1, "given b1": nb.b1, "given w2": nb.w2, "given b2": nb.b2}


def _poison(nb):
    """Put nan into globals of the names that the functions give to their own variables, and into the data."""
    for name in STRANGERS:
        if not callable(getattr(nb, name, None)):
            setattr(nb, name, torch.full((9, 1), float("nan")))
    for name in ("x_train", "x_valid"):
        setattr(nb, name, torch.full((9, 2), float("nan")))
    for name in ("y_train", "y_valid"):
        setattr(nb, name, torch.full((9,), float("nan")))
