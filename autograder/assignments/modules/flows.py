"""How the hidden tests drive a notebook: each flow uses the student's classes and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
The little layers here stand on the student's Module and on nothing else of the notebook.
Before a second backward pass, and where the layer is of the flows' own, every `.g` holds an old gradient: what still
holds it afterwards was not set. Globals of the names that a layer gives to its own things hold nan meanwhile, unless
they can be called.
"""

import torch

ERRORS = (ValueError, AttributeError, TypeError, RuntimeError)
"""What a layer's own methods may raise."""

STRANGERS = (
    *("x", "w", "b", "xb", "inp", "out", "output", "targ", "target", "diff", "l1", "l2", "res", "preds", "t"),
    *("args", "loss", "g", "w1", "b1", "w2", "b2", "x_train", "x_valid", "y_train", "y_valid"),
)


def called(nb, x, a, b, c):
    """What layers of one and of three arguments give."""
    return {"layer(x)": _cube(nb)()(x), "layer(a,b,c)": _blend(nb)()(a, b, c)}


def one_argument(nb, x, out_g):
    """Forward and back through a layer of one argument."""
    layer = _cube(nb)()
    returned = layer(x)
    _stale(x)
    returned.g = out_g
    layer.backward()
    return {"x.g": _gradient(x), "given x": x, "given out.g": out_g}


def three_arguments(nb, a, b, c, out_g):
    """Forward and back through a layer of three arguments."""
    layer = _blend(nb)()
    returned = layer(a, b, c)
    _stale(a, b, c)
    returned.g = out_g
    layer.backward()
    return {"a.g": _gradient(a), "b.g": _gradient(b), "c.g": _gradient(c)}


def kept(nb, a, b, c, out_g):
    """What a layer holds in args and out after a call, and whether these are the caller's own tensors."""
    layer = _blend(nb)()
    returned = layer(a, b, c)
    _stale(returned)
    a.g = out_g
    args, out = getattr(layer, "args", None), getattr(layer, "out", None)
    if torch.is_tensor(out):
        _leave(out, out_g)
    held = list(args) if isinstance(args, (tuple, list)) else []
    found = {f"args[{place}]": thing for place, thing in enumerate(held[:3])}
    own = {"gradient of args[0]": _gradient(found.get("args[0]")), "gradient of out": _gradient(returned)}
    return {**found, **own, "length of args": torch.tensor(float(len(held))), "out": out}


def two_layers(nb, p, q, p_out_g, q_out_g):
    """Two layers of one class: both are called before either goes back."""
    layer = _cube(nb)
    first, second = layer(), layer()
    _called(first, p, p_out_g)
    _called(second, q, q_out_g)
    first.backward()
    second.backward()
    return {"p.g": _gradient(p), "q.g": _gradient(q)}


def one_layer_twice(nb, p, q, p_out_g, q_out_g):
    """One layer, called twice before it goes back."""
    layer = _cube(nb)()
    _called(layer, p, p_out_g)
    _called(layer, q, q_out_g)
    _stale(p, q)
    layer.backward()
    return {"p.g": _lying(p), "q.g": _gradient(q)}


def counted(nb, a, b, c, out_g):
    """How often forward and bwd run in one call and two ways back, and how many things they are given."""
    runs, things, handed = {"forward": 0, "bwd": 0}, {"forward": 0, "bwd": 0}, []

    def forward(self, *given):
        runs["forward"], things["forward"] = runs["forward"] + 1, len(given)
        return a + b + c

    def bwd(self, *given):
        runs["bwd"], things["bwd"] = runs["bwd"] + 1, len(given)
        handed.append(given)

    layer = _layer(nb, forward=forward, bwd=bwd)()
    returned = layer(a, b, c)
    called = dict(runs)
    returned.g = out_g
    layer.backward()
    once = dict(runs)
    layer.backward()
    altogether = dict(runs)
    layer(a, b, c)
    first, second = (*handed, (), ())[:2]
    found = {
        "number of runs of forward in a call": called["forward"],
        "number of runs of bwd in a call": called["bwd"],
        "number of runs of bwd in a backward": once["bwd"],
        "number of runs of bwd in two": altogether["bwd"],
        "number of runs of forward altogether": altogether["forward"],
        "number of runs of forward in two calls": runs["forward"],
        "number of things that forward is given": things["forward"],
        "number of things that bwd is given": things["bwd"],
        "number of them that are others the second time": sum(map(_other, first, second)),
    }
    return {**{name: torch.tensor(float(count)) for name, count in found.items()}, "out.g": _gradient(returned)}


def own_constructor(nb, x, out_g):
    """A layer with a constructor of its own, which doesn't call Module's."""

    def constructor(self, power):
        self.power = power

    def forward(self, x):
        return x**self.power

    def bwd(self, out, x):
        x.g = self.power * x ** (self.power - 1) * out.g

    layer = _layer(nb, __init__=constructor, forward=forward, bwd=bwd)(3)
    returned = _called(layer, x, out_g)
    layer.backward()
    return {"layer(x)": returned, "x.g": _gradient(x)}


def forgotten(nb, x, out_g):
    """Layers that lack forward, or bwd, or in which they stop: is there an error?"""

    def double(self, x):
        return 2 * x

    def quiet(self, out, x):
        x.g = 2 * out.g

    def stopping(error):
        def stops(self, *given):
            raise error

        return stops

    def unwritten(self, *given):
        raise NotImplementedError

    return {
        "number of errors where a layer has no forward": _errors(_layer(nb, bwd=quiet), x, out_g),
        "number of errors where a layer has no bwd": _errors(_layer(nb, forward=double), x, out_g),
        "number of errors where forward stops": _every(
            _errors(_layer(nb, forward=stopping(error), bwd=quiet), x) for error in ERRORS
        ),
        "number of errors where bwd stops": _every(
            _errors(_layer(nb, forward=double, bwd=stopping(error)), x, out_g) for error in ERRORS
        ),
        "number of errors where bwd is not written": _errors(_layer(nb, forward=double, bwd=unwritten), x, out_g),
    }


def relu(nb, x):
    """Call a Relu, and keep its input."""
    _poison(nb)
    layer = nb.Relu()
    return {"answer": layer(x), "given x": x, **_family(nb, layer)}


def relu_back(nb, x, out_g, calls):
    """Forward through a Relu, then back as often as `calls` says."""
    _poison(nb)
    layer = nb.Relu()
    out = _called(layer, x, out_g)
    _back(layer, calls, x)
    return {"x.g": _gradient(x), "given x": x, "given out.g": _gradient(out)}


def two_relus(nb, p, q, p_out_g, q_out_g):
    """Two Relus: both are called before either goes back."""
    _poison(nb)
    first, second = nb.Relu(), nb.Relu()
    _called(first, p, p_out_g)
    _called(second, q, q_out_g)
    first.backward()
    second.backward()
    return {"p.g": _gradient(p), "q.g": _gradient(q)}


def lin(nb, inp, w, b):
    """Call a Lin, and keep its arguments."""
    _poison(nb)
    layer = nb.Lin(w, b)
    answer = layer(inp)
    axes = torch.tensor(float(answer.dim())) if torch.is_tensor(answer) else None
    given = {"given inp": inp, "given w": w, "given b": b}
    return {"answer": answer, "number of axes": axes, **given, **_family(nb, layer)}


def lin_back(nb, inp, w, b, out_g, calls):
    """Forward through a Lin, then back as often as `calls` says."""
    _poison(nb)
    layer = nb.Lin(w, b)
    out = _called(layer, inp, out_g)
    _back(layer, calls, inp, w, b)
    given = {"given inp": inp, "given w": w, "given b": b, "given out.g": _gradient(out)}
    return {"inp.g": _gradient(inp), "w.g": _gradient(w), "b.g": _gradient(b), **given}


def two_lins(nb, inp, w, b, out_g, other_inp, other_w, other_b, other_out_g):
    """Two Lin layers: both are made and called before either goes back."""
    _poison(nb)
    first, second = nb.Lin(w, b), nb.Lin(other_w, other_b)
    _called(first, inp, out_g)
    _called(second, other_inp, other_out_g)
    first.backward()
    second.backward()
    mine = {"inp.g": _gradient(inp), "w.g": _gradient(w), "b.g": _gradient(b)}
    return {**mine, "w.g of the other Lin": _gradient(other_w), "b.g of the other Lin": _gradient(other_b)}


def mse(nb, inp, targ):
    """Call a Mse, and keep its arguments."""
    _poison(nb)
    layer = nb.Mse()
    return {"answer": layer(inp, targ), "given inp": inp, "given targ": targ, **_family(nb, layer)}


def mse_back(nb, inp, targ, calls):
    """Forward through a Mse, then back as often as `calls` says; a column repeats, and a row of it wouldn't."""
    _poison(nb)
    layer = nb.Mse()
    loss = layer(inp, targ)
    _back(layer, calls, inp, targ)
    got = _gradient(inp)
    repeated = got + torch.zeros(1, len(inp), dtype=inp.dtype) if torch.is_tensor(got) else got
    left = {"targ.g": _gradient(targ), "out.g": _gradient(loss)}
    return {"inp.g": got, "inp.g beside itself": repeated, **left, "given inp": inp, "given targ": targ}


def two_mses(nb, p, p_targ, q, q_targ):
    """Two Mses: both are called before either goes back."""
    _poison(nb)
    first, second = nb.Mse(), nb.Mse()
    for layer, inp, targ in ((first, p, p_targ), (second, q, q_targ)):
        loss = layer(inp, targ)
        if torch.is_tensor(loss):
            loss.g = torch.ones_like(loss)  # type: ignore[attr-defined]  # nobody has to use it
    first.backward()
    second.backward()
    return {"p.g": _gradient(p), "q.g": _gradient(q)}


def model(nb, inp, targ, w1, b1, w2, b2):
    """The loss of a Model."""
    _poison(nb)
    tensors = dict(inp=inp, targ=targ, w1=w1, b1=b1, w2=w2, b2=b2)
    return {"answer": nb.Model(w1, b1, w2, b2)(inp, targ), **_given(tensors)}


def models(nb, inp, targ, w1, b1, w2, b2, p, p_targ, v1, c1, v2, c2):
    """The losses of two Models: both are made before either is called."""
    _poison(nb)
    first, second = nb.Model(w1, b1, w2, b2), nb.Model(v1, c1, v2, c2)
    return {"the loss of the first Model": first(inp, targ), "the loss of the second Model": second(p, p_targ)}


def model_back(nb, inp, targ, w1, b1, w2, b2, calls):
    """Forward through a Model and back, as often as `calls` says."""
    _poison(nb)
    net = nb.Model(w1, b1, w2, b2)
    tensors = dict(inp=inp, w1=w1, b1=b1, w2=w2, b2=b2)
    for _ in range(int(calls)):
        if int(calls) > 1:
            _stale(*tensors.values())
        net(inp, targ)
        net.backward()
    return {**_gradients(tensors), **_given(tensors), "given targ": targ}


def two_models(nb, inp, targ, w1, b1, w2, b2, p, p_targ, v1, c1, v2, c2):
    """Two Models: both are made and called before the first goes back."""
    _poison(nb)
    first, second = nb.Model(w1, b1, w2, b2), nb.Model(v1, c1, v2, c2)
    first(inp, targ)
    second(p, p_targ)
    tensors = dict(inp=inp, w1=w1, b1=b1, w2=w2, b2=b2)
    _stale(p, v1)
    first.backward()
    return {**_gradients(tensors), "inp.g of the other Model": _lying(p), "w1.g of the other Model": _lying(v1)}


def model_twice(nb, inp, targ, w1, b1, w2, b2, p, p_targ):
    """One Model, called on two batches before it goes back."""
    _poison(nb)
    net = nb.Model(w1, b1, w2, b2)
    net(p, p_targ)
    answer = net(inp, targ)
    tensors = dict(inp=inp, w1=w1, b1=b1, w2=w2, b2=b2)
    net.backward()
    return {"answer": answer, **_gradients(tensors)}


def _cube(nb):
    def forward(self, x):
        return x**3

    def bwd(self, out, x):
        x.g = 3 * x**2 * out.g

    return _layer(nb, forward=forward, bwd=bwd)


def _blend(nb):
    def forward(self, a, b, c):
        return a * a * b - c

    def bwd(self, out, a, b, c):
        a.g, b.g, c.g = 2 * a * b * out.g, a * a * out.g, -out.g

    return _layer(nb, forward=forward, bwd=bwd)


def _layer(nb, **methods):
    """Make a class that stands on the student's Module."""
    return type("Layer", (nb.Module,), methods)


def _called(layer, x, out_g):
    """Call a layer; then the right gradient lies on its output."""
    returned = layer(x)
    returned.g = out_g
    return returned


def _back(layer, calls, *tensors):
    """Go back as often as `calls` says; before more than once, old gradients lie on the tensors."""
    if int(calls) > 1:
        _stale(*tensors)
    for _ in range(int(calls)):
        layer.backward()


def _errors(kind, x, out_g=None):
    """Make and call a layer, and go back through it if there is a gradient: 1 if that ends in an error, 0 if not."""
    try:
        layer = kind()
        if out_g is None:
            layer(x)
        else:
            _called(layer, x, out_g)
            layer.backward()
    except Exception:
        return torch.tensor(1.0)
    return torch.tensor(0.0)


def _other(first, second):
    """Whether something else came the second time, where a tensor came the first."""
    return torch.is_tensor(first) and not (torch.is_tensor(second) and torch.equal(first, second))


def _every(counts):
    return torch.stack(list(counts)).min()


def _family(nb, layer):
    """How many of the classes that a layer is built on are the notebook's Module, and which methods it brings."""
    base = getattr(nb, "Module", None)
    kinds = type(layer).__mro__
    own = [float(any(name in vars(kind) for kind in kinds if kind is not base)) for name in ("forward", "bwd")]
    found = float(sum(kind is base for kind in kinds[1:]))
    return {"number of Modules that it builds on": torch.tensor(found), "own forward and bwd": torch.tensor(own)}


def _stale(*tensors):
    for tensor in tensors:
        tensor.g = torch.full_like(tensor, 7.0)


def _leave(tensor, gradient):
    tensor.g = gradient


def _gradient(tensor):
    """The gradient that was set on a tensor; None where there is none, or still the old one."""
    found = _lying(tensor)
    return None if torch.is_tensor(found) and torch.equal(found, torch.full_like(found, 7.0)) else found


def _lying(tensor):
    """The gradient on a tensor, be it the old one."""
    return getattr(tensor, "g", None)


def _gradients(tensors):
    return {f"{name}.g": _gradient(tensor) for name, tensor in tensors.items()}


def _given(tensors):
    return {f"given {name}": tensor for name, tensor in tensors.items()}


def _poison(nb):
    """Put nan into globals of the names that the layers give to their own things, and into the data."""
    for name in STRANGERS:
        if not callable(getattr(nb, name, None)):
            setattr(nb, name, torch.full((9, 1), float("nan")))
