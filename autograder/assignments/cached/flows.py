"""How the hidden tests drive a notebook: each flow calls the student's classes and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
Globals that a class has no business with hold nan while it runs, unless they are functions or classes.
"""

import torch

STRANGERS = (
    *("x", "y", "X", "W", "b", "W1", "b1", "W2", "b2", "inp", "out", "pred", "gt", "d", "i", "o", "h", "a", "upstream"),
    *("t1", "t2", "loss", "losses", "layer", "layers", "mse", "relu", "lin", "lin1", "rel1", "lin2", "rel2", "model"),
    *("before", "watched", "first", "second", "column", "x_train", "y_train", "x_valid", "y_valid"),
)


def closeness(nb, left, right):
    """Call test on each pair of rows, and count its AssertionErrors."""
    _poison(nb)
    return {"AssertionErrors": torch.stack([_raised(nb.test, a, b) for a, b in zip(left, right, strict=True)])}


def closeness_within(nb, left, right, eps):
    """Call test on each pair of rows with an eps, by position and by name, and count its AssertionErrors."""
    _poison(nb)
    rows = list(zip(left, right, eps.tolist(), strict=True))
    return {
        "AssertionErrors, eps by position": torch.stack([_raised(nb.test, a, b, e) for a, b, e in rows]),
        "AssertionErrors, eps by name": torch.stack([_raised(nb.test, a, b, eps=e) for a, b, e in rows]),
    }


def closeness_of_matrices(nb, left, right, eps):
    """Call test on each pair of matrices, and count its AssertionErrors."""
    return {"AssertionErrors, matrices": _each_raised(nb, left, right, eps)}


def closeness_of_numbers(nb, left, right, eps):
    """Call test on each pair of numbers, tensors without axes, and count its AssertionErrors."""
    return {"AssertionErrors, tensors without axes": _each_raised(nb, left, right, eps)}


def _each_raised(nb, left, right, eps):
    """Call test on each pair; how many AssertionErrors came of each."""
    _poison(nb)
    pairs = zip(left, right, eps.tolist(), strict=True)
    return torch.stack([_raised(nb.test, a, b, e) for a, b, e in pairs])


def grad(nb, t):
    """Call grad, and look at what it returns."""
    _poison(nb)
    got = nb.grad(t)
    return {
        "answer": got.detach() if torch.is_tensor(got) else got,
        "requires_grad of it": _number(getattr(got, "requires_grad", False)),
        "being the tensor that was given": _number(got is t),
    }


def grad_in_double(nb, t):
    """Call grad on the same numbers in double precision, and look at what it returns."""
    return grad(nb, t.double())


def get(nb, a, b, c):
    """Cache three values, and get two of them in another order, then one alone, then one of the two once more."""
    layer = _plain_layer(nb)()
    layer.cache(a=a, b=b, c=c)
    two, one, again = layer.get("c", "a"), layer.get("b"), layer.get("c")
    values = {"get('c','a')[0]": _at(two, 0), "get('c','a')[1]": _at(two, 1), "get('b')[0]": _at(one, 0)}
    return {**values, "get('c')[0]": _at(again, 0), **_counted({"get('c','a')": two, "get('b')": one})}


def get_one_twice(nb, a, b):
    """Cache two values, and get one of them twice in one call, before and after the other."""
    layer = _plain_layer(nb)()
    layer.cache(a=a, b=b)
    three = layer.get("b", "a", "b")
    values = {f"get('b','a','b')[{place}]": _at(three, place) for place in range(3)}
    return {**values, **_counted({"get('b','a','b')": three})}


def get_missing(nb, a, b):
    """Get names that were never cached, among others and alone; a method has one of them."""
    layer = _plain_layer(nb)()
    none = layer.get("a")
    layer.cache(a=a)
    layer.cache(b=b)
    some, method = layer.get("nowhere", "a", "nothing", "b"), layer.get("forward")
    found = [_at(none, 0), _at(some, 0), _at(some, 2)]
    return {
        "get('nowhere','a','nothing','b')[1]": _at(some, 1),
        "get('nowhere','a','nothing','b')[3]": _at(some, 3),
        "number of None": _number(sum(value is None for value in found)),
        "number of False": _number(sum(value is False for value in found)),
        "number of 0": _number(sum(type(value) in {int, float} and value == 0 for value in found)),
        "None for a method's name": _number(_at(method, 0) is None),
        **_counted({"get('a')": none, "get('nowhere','a','nothing','b')": some, "get('forward')": method}),
    }


def cache_again(nb, a, b, c):
    """Cache one of two names once more; a capital letter is another name."""
    layer = _plain_layer(nb)()
    layer.cache(W=a, w=b)
    layer.cache(w=c)
    got = layer.get("W", "w")
    return {"get('W','w')[0]": _at(got, 0), "get('W','w')[1]": _at(got, 1), **_counted({"get('W','w')": got})}


def cache_in_two(nb, a, b, c):
    """Cache values under one name in three layers, two of them of one class."""
    kind = _plain_layer(nb)
    first, second, third = kind(), kind(), _plain_layer(nb)()
    first.cache(a=a)
    second.cache(a=b)
    third.cache(a=c)
    found = {"first": first.get("a"), "second": second.get("a"), "third": third.get("a")}
    lists = _counted({f"get('a') of the {name} layer": values for name, values in found.items()})
    return {**{f"get('a')[0] of the {name} layer": _at(values, 0) for name, values in found.items()}, **lists}


def cache_keeps_the_tensor(nb, inp, factor, out_g):
    """Go forward and back through a layer built on Module, whose backward sets a gradient on what it gets."""
    layer = _scale_layer(nb)()
    out = layer(inp, factor=factor)
    out.g = out_g
    layer.backward()
    return {"out": out, "inp.g": _gradient(inp), "given inp": inp}


def call(nb, inp, factor):
    """Call a layer built on Module, with one argument by name."""
    return {"out": _scale_layer(nb)()(inp, factor=factor)}


def no_backward(nb):
    """Go back through a layer that has no backward of its own, and count its NotImplementedErrors."""
    lazy = type("Lazy", (nb.Module,), {"forward": _identity})()
    try:
        lazy.backward()
    except NotImplementedError:
        return {"NotImplementedErrors": _number(1)}
    return {"NotImplementedErrors": _number(0)}


def names(nb):
    """The texts that stand for layers of two classes, letter by letter."""
    dense = type("Dense", (nb.Module,), {"forward": _identity})
    soft = type("Soft", (dense,), {})
    return {"letters of Dense": _letters(_shown(dense())), "letters of Soft": _letters(_shown(soft()))}


def mse_forward(nb, pred, gt):
    """Go forward through an MSE."""
    _poison(nb)
    return {"loss": nb.MSE()(pred, gt)}


def mse(nb, pred, gt):
    """Go forward and back through an MSE."""
    _poison(nb)
    layer = nb.MSE()
    loss = layer(pred, gt)
    layer.backward()
    axes = {"axes of pred.g": _axes(_gradient(pred))}
    return {"loss": loss, "pred.g": _gradient(pred), **axes, "given pred": pred, "given gt": gt}


def mse_once_more(nb, pred, gt, stale):
    """Go forward once and back twice, with another gradient on pred at first."""
    _poison(nb)
    pred.g = stale
    layer = nb.MSE()
    loss = layer(pred, gt)
    layer.backward()
    layer.backward()
    return {"loss": loss, "pred.g": _gradient(pred)}


def two_mses(nb, pred, gt, other_pred, other_gt):
    """Go forward through two MSEs, then back."""
    _poison(nb)
    first, second = nb.MSE(), nb.MSE()
    losses = first(pred, gt), second(other_pred, other_gt)
    first.backward()
    second.backward()
    return {
        "loss": losses[0],
        "pred.g": _gradient(pred),
        "loss of the other MSE": losses[1],
        "pred.g of the other MSE": _gradient(other_pred),
    }


def mse_anew(nb, pred, gt, other_pred, other_gt):
    """Call one MSE on one pair, and go forward and back on another."""
    _poison(nb)
    layer = nb.MSE()
    layer(other_pred, other_gt)
    layer.backward()
    loss = layer(pred, gt)
    layer.backward()
    return {"loss": loss, "pred.g": _gradient(pred)}


def relu_forward(nb, inp):
    """Go forward through a ReLU."""
    _poison(nb)
    return {"out": nb.ReLU()(inp)}


def relu(nb, inp, out_g):
    """Go forward and back through a ReLU."""
    _poison(nb)
    layer = nb.ReLU()
    out = layer(inp)
    out.g = out_g
    layer.backward()
    return {"out": out, "inp.g": _gradient(inp), "given inp": inp, "given out.g": out_g}


def relu_once_more(nb, inp, out_g, stale):
    """Go forward once and back twice, with another gradient on inp at first."""
    _poison(nb)
    inp.g = stale
    layer = nb.ReLU()
    layer(inp).g = out_g
    layer.backward()
    layer.backward()
    return {"inp.g": _gradient(inp)}


def two_relus(nb, inp, out_g, other_inp, other_out_g):
    """Go forward through two ReLUs, then back."""
    _poison(nb)
    first, second = nb.ReLU(), nb.ReLU()
    first(inp).g, second(other_inp).g = out_g, other_out_g
    first.backward()
    second.backward()
    return {"inp.g": _gradient(inp), "inp.g of the other ReLU": _gradient(other_inp)}


def relu_anew(nb, inp, out_g, other_inp):
    """Call one ReLU on one input, and go forward and back on another."""
    _poison(nb)
    layer = nb.ReLU()
    layer(other_inp).g = out_g.clone()
    layer.backward()
    layer(inp).g = out_g
    layer.backward()
    return {"inp.g": _gradient(inp)}


def linear_forward(nb, inp, W, b):
    """Go forward through a Linear."""
    _poison(nb)
    return {"out": nb.Linear(W, b)(inp)}


def linear(nb, inp, W, b, out_g):
    """Go forward and back through a Linear."""
    _poison(nb)
    layer = nb.Linear(W, b)
    out = layer(inp)
    out.g = out_g
    layer.backward()
    given = {"given inp": inp, "given W": W, "given b": b, "given out.g": out_g}
    return {"out": out, "inp.g": _gradient(inp), "W.g": _gradient(W), "b.g": _gradient(b), **given}


def linear_once_more(nb, inp, W, b, out_g, stale):
    """Go forward once and back twice, with other gradients there at first."""
    _poison(nb)
    inp.g, W.g, b.g = stale * torch.ones_like(inp), stale * torch.ones_like(W), stale * torch.ones_like(b)
    layer = nb.Linear(W, b)
    layer(inp).g = out_g
    layer.backward()
    layer.backward()
    return {"inp.g": _gradient(inp), "W.g": _gradient(W), "b.g": _gradient(b)}


def two_linears(nb, inp, W1, b1, W2, b2, out_g):
    """Go forward through one Linear after another, then back."""
    _poison(nb)
    first, second = nb.Linear(W1, b1), nb.Linear(W2, b2)
    out = second(first(inp))
    out.g = out_g
    second.backward()
    first.backward()
    tensors = {"inp": inp, "W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return {"out": out, **{f"{name}.g": _gradient(tensor) for name, tensor in tensors.items()}}


def mlp_forward(nb, inp, w1, w2, w3):
    """Go forward through an MLP of layers that are not the student's."""
    _poison(nb)
    return {"out": nb.MLP([_Mix(w1), _Bend(), _Mix(w2), _Bend(), _Mix(w3)])(inp)}


def mlp(nb, inp, w1, w2, w3, out_g):
    """Go forward and back through an MLP of layers that are not the student's."""
    _poison(nb)
    model = nb.MLP([_Mix(w1), _Bend(), _Mix(w2), _Bend(), _Mix(w3)])
    out = model(inp)
    out.g = out_g
    model.backward()
    return {"out": out, **_gradients(inp, w1, w2, w3), "given inp": inp}


def mlp_of_one(nb, inp, w1, out_g):
    """Go forward and back through an MLP of a single layer."""
    _poison(nb)
    model = nb.MLP([_Mix(w1)])
    out = model(inp)
    out.g = out_g
    model.backward()
    return {"out": out, "inp.g": _gradient(inp), "w1.g": _gradient(w1)}


def mlp_twice(nb, inp, w1, w2, w3, out_g, other_inp, other_out_g):
    """Go forward and back through one MLP with one batch, then with another."""
    _poison(nb)
    model = nb.MLP([_Mix(w1), _Bend(), _Mix(w2), _Bend(), _Mix(w3)])
    model(other_inp).g = other_out_g
    model.backward()
    out = model(inp)
    out.g = out_g
    model.backward()
    return {"out": out, **_gradients(inp, w1, w2, w3)}


def mlp_inside(nb, inp, w1, w2, w3, out_g):
    """Go forward and back through an MLP that holds others."""
    _poison(nb)
    model = nb.MLP([nb.MLP([_Mix(w1), _Bend()]), _Mix(w2), nb.MLP([_Bend(), _Mix(w3)])])
    out = model(inp)
    out.g = out_g
    model.backward()
    return {"out": out, **_gradients(inp, w1, w2, w3)}


def two_mlps(nb, inp, w1, w2, w3, out_g, other_inp, other_out_g):
    """Go forward through two MLPs, then back."""
    _poison(nb)
    first, second = nb.MLP([_Mix(w1), _Bend(), _Mix(w2), _Bend(), _Mix(w3)]), nb.MLP([_Bend()])
    out, other_out = first(inp), second(other_inp)
    out.g, other_out.g = out_g, other_out_g
    first.backward()
    second.backward()
    others = {"out of the other MLP": other_out, "inp.g of the other MLP": _gradient(other_inp)}
    return {"out": out, **_gradients(inp, w1, w2, w3), **others}


def network(nb, inp, gt, W1, b1, W2, b2):
    """Go forward and back through the student's own layers, with a ReLU after the last of them."""
    _poison(nb)
    model, loss = nb.MLP([nb.Linear(W1, b1), nb.ReLU(), nb.Linear(W2, b2), nb.ReLU()]), nb.MSE()
    error = loss(model(inp), gt)
    loss.backward()
    model.backward()
    tensors = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "inp": inp}
    return {"loss": error, **{f"{name}.g": _gradient(tensor) for name, tensor in tensors.items()}}


class _Mix:
    """A matrix product, the first or the last of a model's layers; without a forward it has no way back."""

    out = None

    def __init__(self, w):
        self.w = w

    def forward(self, inp):
        self.inp, self.out = inp, inp @ self.w
        return self.out

    __call__ = forward

    def backward(self):
        if self.out is not None:
            g = _arrived(self.out)
            self.inp.g, self.w.g = g @ self.w.T, self.inp.T @ g


class _Bend:
    """Something that is not linear, so that the order of layers matters."""

    out = None

    def forward(self, inp):
        self.inp, self.out = inp, inp.tanh()
        return self.out

    __call__ = forward

    def backward(self):
        if self.out is not None:
            self.inp.g = _arrived(self.out) * (1 - self.out**2)


def _plain_layer(nb):
    """A class on the student's Module that has all a layer needs, and does nothing."""
    return type("Plain", (nb.Module,), {"forward": _identity, "backward": _identity})


def _scale_layer(nb):
    """A class on the student's Module that multiplies by a number."""
    return type("Scale", (nb.Module,), {"forward": _scaled, "backward": _scaled_back})


def _identity(self, inp=None):
    return inp


def _scaled(self, inp, factor):
    out = inp * factor
    self.cache(inp=inp, factor=factor, out=out)
    return out


def _scaled_back(self):
    inp, factor, out = self.get("inp", "factor", "out")
    if all(map(torch.is_tensor, (inp, factor, out))):
        inp.g = factor * _arrived(out)


def _raised(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except AssertionError:
        return _number(1)
    return _number(0)


def _number(value):
    return torch.tensor(float(value))


def _at(found, place):
    """What stands in a list, None if nothing does; what is no list stands for itself."""
    if isinstance(found, (list, tuple, dict)):
        return found[place] if not isinstance(found, dict) and place < len(found) else None
    return found if torch.is_tensor(found) and not place else None


def _counted(lists):
    """How many values each call gives, -1 for what is no list."""
    return {
        f"length of {call}": _number(len(found) if isinstance(found, (list, tuple)) else -1)
        for call, found in lists.items()
    }


def _shown(thing):
    """What a thing's __repr__ gives; repr itself raises where that is no text."""
    return getattr(type(thing), "__repr__")(thing)  # noqa: B009 - what a type has by that name is called as it is


def _letters(text):
    """The first eight letters of a text as numbers, 0 where it is shorter."""
    if not isinstance(text, str):
        return None
    codes = [ord(letter) for letter in text[:8]]
    return torch.tensor([*codes, *[0] * (8 - len(codes))]).float()


def _arrived(out):
    """The gradient on an output; 0 where nobody has set one."""
    return getattr(out, "g", torch.zeros_like(out))


def _axes(thing):
    """How many axes a tensor has."""
    return torch.tensor(float(thing.dim())) if torch.is_tensor(thing) else None


def _gradient(tensor):
    return getattr(tensor, "g", None)


def _gradients(inp, w1, w2, w3):
    return {f"{name}.g": _gradient(t) for name, t in {"inp": inp, "w1": w1, "w2": w2, "w3": w3}.items()}


def _poison(nb):
    """Put nan into globals of the names that the lesson and the classes give to their own variables."""
    for name in STRANGERS:
        if not isinstance(getattr(nb, name, None), (type, type(_poison))):
            setattr(nb, name, torch.full((9, 1), float("nan")))
