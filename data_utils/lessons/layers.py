"""`layers`: each step an object that remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import torch
from torch import Tensor

from data_utils import diagrams, pictures
from data_utils.checks import NotYet, agree, agree_g, agreed, nudge, nudge_each
from data_utils.examples import digits_network, small_batch, small_network
from data_utils.lesson import Lesson
from data_utils.mistakes.layers import MISTAKES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Layers(Lesson):
    """Layers as objects."""

    BUILDS_ON = {
        "Relu": (),
        "Lin": (),
        "Mse": (),
        "Model": (
            "Lin",
            "Relu",
            "Mse",
        ),
        "against batch": ("Model",),
        "two Relus": ("Relu",),
        "one Relu": ("Relu",),
    }
    SECTIONS = {
        "Relu": "2. Relu, a layer with a memory",
        "Lin": "3. Lin, a layer with parameters",
        "Mse": "4. Mse, where the backward pass begins",
        "Model": "5. Model, a list and its reverse",
        "against batch": "6. Against batch",
        "two Relus": "7. Two Relus",
        "one Relu": "8. One Relu used twice, in writing",
    }
    WRITTEN = ("8. One Relu used twice, in writing",)

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.both: dict[str, tuple[Tensor, Tensor]] = {}
        self.once: list[Any] = []

    def nudged(self, inp: Tensor, targ: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
        """The gradients in w1, b1, w2, b2 and x, measured by nudging all that goes into your Model."""

        def cost(*values: Tensor) -> Any:
            *weights, inp = values
            return self.yours.Model(*weights)(inp, targ.double())

        return nudge_each(cost, *weights, inp)

    def watched(self, run: Callable[[], object]) -> list[tuple[str, str, Any]]:
        """What is called while run() runs, in order: the layer's class, forward or back, and what it was given."""
        seen: list[tuple[str, str, Any]] = []

        def watch(cls: type, method: str) -> Any:
            original = getattr(cls, method)

            def watching(self: Any, *inputs: Any) -> Any:
                seen.append((cls.__name__, method, inputs[0] if inputs else None))
                return original(self, *inputs)

            return patch.object(cls, method, watching)

        with ExitStack() as stack:
            for name in ("Lin", "Relu", "Mse"):
                for method in ("__call__", "backward"):
                    stack.enter_context(watch(self.find(name), method))
            run()
        return seen

    def _loss(self, targ: Tensor, output: Tensor) -> Any:
        return self.call("Mse")(output, targ.double())

    def picture_the_call(self) -> Figure:
        """An object followed by round brackets: Python finds the method, and passes the object itself first."""
        return diagrams.chain(
            ['hi("mm")', 'Greeter\n.__call__(hi, "mm")', 'hi.last\nis now "mm"', '"hi mm"'],
            ["look in\nthe class", "runs with\nself = hi", "returns"],
        )

    def check_Relu(self) -> None:
        """What a call returns agrees, and inp.g agrees with slopes measured on your own Relu. The grader tries other
        inputs.
        """
        inp, g = small_gate()
        before, layer = inp.clone(), self.call("Relu")
        out = self.call(layer, inp)
        agree("what a call returns", out, [[0, 0.5, 3], [1, 0, 0]], MISTAKES["Relu"])
        out.g = g.clone()
        for when in ("", "after a second backward "):
            layer.backward()
            agree_g(f"{when}inp", inp, [[0, -2, 0.5], [3, 0, 0]], MISTAKES["Relu back"])
            same_as([before, g], inp=inp, out_g=out.g)
        agree_g("inp", inp, nudge(lambda v: (self.call("Relu")(v) * g.double()).sum(), inp))
        in_company(self.yours.Relu, inp, g=g)

    def picture_Relu(self) -> Figure:
        """Left to right: forward, then back. Where the input was negative, no gradient gets through in the
        backward pass.
        """
        inp, g = small_gate()
        layer = self.yours.Relu()
        out = layer(inp)
        out.g = g
        layer.backward()
        return pictures.heat_maps({"inp": inp, "out": out, "out.g": g, "your inp.g": g_of(inp=inp) + 0.0})  # no -0.0

    def check_Lin(self) -> None:
        """On a random layer all three also agree with slopes measured on your own Lin. The grader tries other
        layers.
        """
        inp, w, b, g = small_layer()
        before, layer = [t.clone() for t in (inp, w, b, g)], self.call("Lin", w, b)
        out = self.call(layer, inp)
        agree("what a call returns", out, [[6, 1, -1], [12, 3, -3], [18, 5, -5], [24, 7, -7]], MISTAKES["Lin"])
        out.g = g
        for when in ("", "after a second backward "):
            layer.backward()
            same_as(before, inp=inp, w=w, b=b, out_g=out.g)
            agree_g(f"{when}w", w, [[0, 0, 10], [0, 0, 12]], MISTAKES["w"], batch=4)
            agree_g(f"{when}b", b, [0, 0, 2], MISTAKES["b"], batch=4)
            agree_g(f"{when}inp", inp, [[0, 0], [-1, 0], [0, 0], [-1, 0]], MISTAKES["inp"], batch=4)
        agreed("four samples, the loss depends on output 2 of samples 1 and 3 alone: w.g, b.g and inp.g agree")
        torch.manual_seed(5)
        inp, w, b, g = (torch.randn(size) for size in ((5, 4), (4, 3), (3,), (5, 3)))
        layer = self.call("Lin", w, b)
        self.call(layer, inp).g = g
        layer.backward()
        slopes = nudge_each(lambda inp, w, b: (self.yours.Lin(w, b)(inp) * g.double()).sum(), inp, w, b)
        for name, tensor, slope in zip(("inp", "w", "b"), (inp, w, b), slopes):
            agree_g(name, tensor, slope, batch=5)
        in_company(lambda: self.yours.Lin(w, b), inp, g=g)

    def picture_Lin(self) -> Figure:
        """Above, what the layer remembers; below, a gradient of the same shape for each. Only samples 1 and 3
        affect the loss.
        """
        inp, w, b, g = small_layer()
        layer = self.yours.Lin(w, b)
        out = layer(inp)
        out.g = g
        layer.backward()
        inp_g, w_g, b_g = g_of(inp=inp, w=w, b=b)
        tables = {
            "inp": inp,
            "w": w,
            "b": b,
            "out": out,
            "your inp.g": inp_g,
            "your w.g": w_g,
            "your b.g": b_g,
            "out.g": g,
        }
        return pictures.heat_maps(tables, {"inp": [1, 3], "out": [1, 3], "out.g": [1, 3], "your inp.g": [1, 3]})

    def check_Mse(self) -> None:
        """On both, inp.g also agrees with slopes measured on your own loss. The grader tries other batches."""
        for output, targets, loss, slopes in (
            ([[2.0], [-1], [1.5]], [1.0, 0, 2], 0.75, [[2 / 3], [-2 / 3], [-1 / 3]]),
            ([[5.0]], [3.0], 4, [[4]]),
        ):
            inp: Any = torch.tensor(output)
            targ = torch.tensor(targets)
            n, before, layer = len(targ), [inp.clone(), targ.clone()], self.call("Mse")
            named = MISTAKES if n == 3 else {}
            agree(
                f"for {n} sample{'s' * (n > 1)} the loss", self.call(layer, inp, targ), loss, named.get("Mse"), batch=n
            )
            for when in ("", "after a second backward "):
                layer.backward()
                same_as(before, inp=inp, targ=targ)
                agree_g(f"{when}inp", inp, slopes, named.get("Mse back"), batch=n)
            if inp.g.shape != inp.shape:
                raise NotYet(
                    f"inp.g has shape {tuple(inp.g.shape)}, and inp has {tuple(inp.shape)}: it should be a column."
                )
            agreed(f"{n} sample{'s' * (n > 1)}: the loss and inp.g agree")
            agree_g("inp", inp, nudge(partial(self._loss, targ), inp), batch=n)
            in_company(self.yours.Mse, inp, targ)

    def picture_Mse(self) -> Figure:
        """Every gradient is 2/N times its difference. With three times as many samples, each counts a third
        as much.
        """
        output, targ = torch.tensor([2.0, -1, 1.5, 0.5, 3, -2]), torch.tensor([1.0, 0, 2, 0.5, 1, 1])
        named: dict[str, Tensor] = {"inp - targ": output - targ}
        for times in (1, 3):
            inp, layer = output.repeat(times)[:, None], self.yours.Mse()
            layer(inp, targ.repeat(times))
            layer.backward()
            named[f"your inp.g, N = {6 * times}"] = g_of(inp=inp).reshape(-1)[:6]
        return pictures.bars(named, title="sample by sample")

    def check_Model(self) -> None:
        """The loss and five gradients agree, on another batch too. The grader tries other networks."""
        (x, targ), weights = small_batch(), small_network()
        before = [t.clone() for t in (*weights, x, targ)]
        model = self.call("Model", *weights)
        agree("for four samples the loss", self.call(model, x, targ), 1.125, MISTAKES["Model"], batch=4)
        model.backward()
        same_as(before, **dict(zip(("w1", "b1", "w2", "b2", "x", "targ"), (*weights, x, targ))))
        wanted = self.nudged(x, targ, before[:4])
        for name, i in (("w2", 2), ("b2", 3), ("w1", 0), ("b1", 1), ("x", 4)):
            agree_g(name, [*weights, x][i], wanted[i], MISTAKES.get(name), batch=4)
            agreed(f"{name}.g agrees with slopes measured on your own Model")
        model.backward()
        agree_g("after a second backward w1", weights[0], wanted[0])
        self.call(model, x[:2].clone(), targ[:2])
        model.backward()
        agree_g("after a next batch w1", weights[0], self.nudged(x[:2], targ[:2], before[:4])[0])

    def picture_Model(self) -> Figure:
        """What your Model called, in order. Every value that went to the right has a gradient of its shape coming
        back.
        """
        (x, targ), weights = small_batch(), small_network()
        model = self.yours.Model(*weights)
        seen = self.watched(lambda: (model(x, targ), model.backward()))
        forward = [(name, tensor) for name, method, tensor in seen if method == "__call__"]
        back = [name for name, method, _ in seen if method == "backward"]
        if not forward or back != [name for name, _ in forward][::-1]:
            raise NotYet(
                "can only draw a Model that calls Lin, Relu, Lin, Mse and then their backward methods in reverse."
            )
        values = [f"{tuple(tensor.shape)}" for _, tensor in forward]
        slopes = [f".g {tuple(g_of(x=tensor).shape)}" for _, tensor in forward]
        numbered = [f"{name}\nforward {i + 1}, back {2 * len(back) - i}" for i, (name, _) in enumerate(forward)]
        return diagrams.chain(["x", *numbered], values, slopes)

    def picture_two_Relus(self) -> Figure:
        """One class, two objects: backward uses each object's own mask, whichever was called last."""
        (p, q), first, second = p_and_q(), self.yours.Relu(), self.yours.Relu()
        first(p).g, second(q).g = torch.full_like(p, 2), torch.full_like(q, 3)
        first.backward()
        second.backward()
        p_g, q_g = g_of(p=p, q=q)
        return pictures.heat_maps({"p": p, "your p.g": p_g, "q": q, "your q.g": q_g})

    def check_against_batch(self) -> None:
        """All five gradients match those that `batch` ended with, on a thousand digits."""
        self.both = {}
        x, targ, weights, saved = digits_network()
        model = self.call("Model", *weights)
        self.call(model, x, targ)
        model.backward()
        for (name, wanted), tensor in zip(saved.items(), (*weights, x)):
            found = getattr(tensor, "g", None)
            if not torch.is_tensor(found):
                raise NotYet(f"{name}.g is missing: nothing was stored there.")
            if found.squeeze().shape != wanted.squeeze().shape:
                raise NotYet(f"{name}.g has shape {tuple(found.shape)}, and {name} has {tuple(tensor.shape)}.")
            self.both[name] = found.detach().clone().reshape(wanted.shape), wanted
        pairs = self.both.items()
        off = {name: float((ours - wanted).abs().max() / wanted.abs().max()) for name, (ours, wanted) in pairs}
        differ = [f"{name}.g" for name, far in off.items() if not far < 1e-3]
        for name, far in off.items():
            if f"{name}.g" not in differ:
                agreed(f"{name}.g {tuple(saved[name].shape)} agrees, largest difference {far:.0e} of the largest entry")
        if differ:
            raise NotYet(f"different from what was saved: {', '.join(differ)}.")

    def picture_old_and_new(self) -> Figure:
        """Your Model's gradients against the saved ones, one dot per entry. The code has changed; the numbers
        haven't.
        """
        if len(self.both) < 5:
            raise NotYet("needs five gradients of your Model.")
        return pictures.scatter_check(self.both, against="saved gradient")

    def check_two_Relus(self) -> None:
        """Each used its own mask. What each of them holds is printed above."""
        (p, q), first, second = p_and_q(), self.call("Relu"), self.call("Relu")
        p_out, q_out = self.call(first, p), self.call(second, q)
        p_out.g, q_out.g = torch.full_like(p, 2), torch.full_like(q, 3)
        first.backward()
        second.backward()
        agree_g("p", p, [[2, 0, 2], [0, 2, 0]])
        agree_g("q", q, [[0, 3], [3, 0], [0, 3]])
        for name, layer in {"first": first, "second": second}.items():
            print(f"{name:6} holds", {kept: tuple(t.shape) for kept, t in vars(layer).items() if torch.is_tensor(t)})

    def check_one_Relu(self) -> None:
        """Its backward ran twice, and what is on q and on p is printed above."""
        self.once = []
        (p, q), r = p_and_q(), self.call("Relu")
        p_out, q_out = self.call(r, p), self.call(r, q)
        p_out.g, q_out.g = torch.full_like(p, 2), torch.full_like(q, 3)
        for _ in range(2):
            r.backward()
            self.once.append(g_of(q=q).clone())
        print("q.g after both calls of backward:", q.g.tolist())
        print("p.g:", p.g.tolist() if hasattr(p, "g") else "there is none")

    def picture_one_Relu(self) -> Figure:
        """p, q, and what each of the two backward calls wrote. There is no table for p.g: it was never set."""
        if len(self.once) < 2:
            raise NotYet("needs the cell above, which needs a correct Relu.")
        first, second = self.once
        p, q = p_and_q()
        return pictures.heat_maps({"p": p, "q": q, "q.g after backward": first, "q.g after another": second})


def same_as(before: Sequence[Tensor], **tensors: Tensor) -> None:
    """Go on if each of these tensors still holds what it held.

    Raises:
        NotYet: naming the one that doesn't.
    """
    for (name, tensor), old in zip(tensors.items(), before):
        if not torch.equal(tensor, old):
            raise NotYet(f"changes {name.replace('_g', '.g')}: the backward pass should only set gradients.")


def g_of(**tensors: Any) -> Any:
    """The gradients on these tensors, for a picture.

    Raises:
        NotYet: if one of them has none.
    """
    for name, tensor in tensors.items():
        if not torch.is_tensor(getattr(tensor, "g", None)):
            raise NotYet(f"needs {name}.g, which isn't set.")
    gradients = [tensor.g for tensor in tensors.values()]
    return gradients if len(gradients) > 1 else gradients[0]


def in_company(make: Callable[[], Any], inp: Tensor, *rest: Tensor, g: Tensor | None = None) -> None:
    """Go on if a layer finds its way back when another has been called meanwhile, and after a call of its own.

    Raises:
        NotYet: saying which of the two goes wrong.
    """

    def reached(layer: Any, x: Any) -> Any:
        out = layer(x, *rest)
        if g is not None:
            out.g = g
        return layer

    alone: Any
    first: Any
    later: Any
    alone, first, other, later = (t.clone() for t in (inp, inp, -inp, inp))
    reached(make(), alone).backward()
    one, two = reached(make(), first), reached(make(), other)
    one.backward()
    if not torch.is_tensor(getattr(first, "g", None)) or not torch.allclose(first.g, alone.g):
        raise NotYet("forgets its input when another object of the class is called. Where is the input stored?")
    reached(two, later).backward()
    if not torch.is_tensor(getattr(later, "g", None)) or not torch.allclose(later.g, alone.g):
        raise NotYet("uses an earlier call in backward; it should use the latest one.")


def p_and_q() -> tuple[Any, Any]:
    """Two inputs of different shapes."""
    return torch.tensor([[1.0, -2, 3], [-1, 4, -5]]), torch.tensor([[-1.0, 2], [3, -4], [-5, 6]])


def small_gate() -> tuple[Any, Any]:
    """What goes into a Relu, and a gradient that reaches what comes out."""
    return torch.tensor([[-2, 0.5, 3], [1, -1, -0.5]]), torch.tensor([[1, -2, 0.5], [3, -1, 2]])


def small_layer() -> list[Any]:
    """Four samples of 2 inputs, w and b of a layer with 3 outputs, and a gradient that reaches two of them."""
    inp, out_g = [[1.0, 2], [3, 4], [5, 6], [7, 8]], [[0.0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]]
    return [torch.tensor(v) for v in (inp, [[1.0, 0, -1], [2, 1, 0]], [1.0, -1, 0], out_g)]
