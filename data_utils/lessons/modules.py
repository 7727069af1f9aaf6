"""`modules`: what all layers share, once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from data_utils import diagrams, pictures
from data_utils.bookkeeping import ALONE, lines_of, shaded
from data_utils.checks import NotYet, agree, agree_g, agreed, nudge, nudge_each
from data_utils.examples import digits_network, small_batch, small_network, weighed
from data_utils.lesson import Lesson
from data_utils.mistakes.modules import MISTAKES
from data_utils.spies import bases, complaint, named, put, spy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Modules(Lesson):
    """A base class for layers."""

    BUILDS_ON = {
        "Module": (),
        "Relu": ("Module",),
        "Lin": ("Module",),
        "Mse": ("Module",),
        "Model": (
            "Module",
            "Relu",
            "Lin",
            "Mse",
        ),
        "autograd": ("Model",),
        "the forgetful layer": ("Module",),
    }
    SECTIONS = {
        "Module": "3. Module",
        "Relu": "4. Relu, two lines left",
        "Lin": "5. Lin, one tensor under two names",
        "Mse": "6. Mse, two arguments and one gradient",
        "Model": "7. Model again",
        "autograd": "The code gets shorter, the numbers stay the same",
        "the forgetful layer": "8. Forgetting forward, in writing",
    }
    WRITTEN = ("8. Forgetting forward, in writing",)

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.bases: dict[str, Any] = {}

    def on_module(self, name: str) -> None:
        """Go on if a layer is built on Module.

        Raises:
            NotYet: if it isn't.
        """
        if self.find("Module") not in self.find(name).__mro__:
            raise NotYet(f"isn't a subclass of Module: what is in the brackets of class {name}(...)?")

    def _felt(self, g: Tensor, inp: Tensor, w: Tensor, b: Tensor) -> Any:
        return (self.find("Lin")(w, b)(inp) * g).sum()

    def picture_three_layers(self) -> Figure:
        """Shaded: five lines in each that take, remember and pass on. None of them depends on which layer it is in."""
        return diagrams.listings(ALONE, {name: shaded(text) for name, text in ALONE.items()})

    def picture_a_call(self) -> Figure:
        """A call goes through Module, which keeps what passes through: the arguments on their way out, the
        result on its way back.
        """
        return diagrams.ladder(
            ["you", "Module", "your layer"],
            [(0, 1, "layer(inp, targ)"), (1, 2, "forward(inp, targ)"), (2, 1, "out"), (1, 0, "out")],
        )

    def check_Module(self) -> None:
        """Everything is passed on as it should be. The grader tries layers with formulas."""
        for names in ("a", "abc"):
            layer, given = spy(self.find("Module")), {name: torch.tensor([1.0 + i, -2]) for i, name in enumerate(names)}
            said = ", ".join(given)
            out = self.call(layer, *given.values())
            if named(layer.forwards[-1], given) != said:
                raise NotYet(
                    f"layer({said}) calls forward with {named(layer.forwards[-1], given)}; it should be {said}."
                )
            if len(layer.forwards) != 1:
                raise NotYet(f"forward ran {len(layer.forwards)} times in one call; it should run once.")
            if out is not layer.made:
                raise NotYet(
                    f"layer({said}) returns {named([out], given)}; it should be the very tensor that forward returned."
                )
            held = getattr(layer, "args", ())
            what = named(held if isinstance(held, (tuple, list)) else [held], given)
            if what != said:
                raise NotYet(
                    f"after layer({said}), self.args holds {what}; it should hold {said}, the caller's own tensors."
                )
            if getattr(layer, "out", None) is not out:
                raise NotYet(f"after layer({said}), self.out doesn't hold the tensor that was returned.")
            put("layer", out, torch.tensor([1.0]))
            known, wanted = {"out": out, **given}, f"out, {said}"
            for times in (1, 2):
                layer.backward()
                if len(layer.bwds) != times:
                    ran = f"after {times} backward call{'s' * (times > 1)}, bwd has run {len(layer.bwds)} times."
                    raise NotYet(f"{ran} Is it called, with brackets, once?")
                if named(layer.bwds[-1], known) != wanted:
                    raise NotYet(f"backward calls bwd with {named(layer.bwds[-1], known)}; it should be {wanted}.")
            agree("out.g after two backward calls", layer.made.g, [1.0])
            agreed(f"layer({said}) called forward({said}), and layer.backward() called bwd({wanted})")
        self._in_company()
        self._lacking()

    def _in_company(self) -> None:
        layer, p, q = spy(self.find("Module")), torch.tensor([1.0]), torch.tensor([2.0])
        other = type(layer)()
        for one, argument in ((layer, p), (other, p), (layer, q)):
            one(argument)
        for one, name in ((other, "p"), (layer, "q")):
            one.backward()
            known = {"out": one.made, name: {"p": p, "q": q}[name]}
            if named(one.bwds[-1], known) != f"out, {name}":
                raise NotYet(
                    "after layer(p), other(p), layer(q), backward calls bwd with something from another call. "
                    "Each layer remembers its own last call."
                )

    def _lacking(self) -> None:
        for lacking in ("forward", "bwd"):
            has = {"forward": lambda self, x: 2 * x, "bwd": lambda self, out, x: None}
            try:
                kept = {name: method for name, method in has.items() if name != lacking}
                layer: Any = type("Forgetful", (self.yours.Module,), kept)()
                layer(torch.tensor([1.0]))
                layer.backward()
            except Exception:  # noqa: S112 - that there is one is what it should be
                continue
            raise NotYet(f"using a layer without {lacking} raises no error.")

    def picture_Module(self) -> Figure:
        """What a layer on your Module was actually given. Both passes go through Module, and it adds nothing of
        its own.
        """
        layer, inp, targ = spy(self.find("Module")), torch.tensor([1.0]), torch.tensor([2.0])
        known = {"inp": inp, "targ": targ}
        out = layer(inp, targ)
        layer.backward()
        known["out"] = layer.made
        return diagrams.ladder(
            ["you", "your Module", "a layer"],
            [
                (0, 1, "layer(inp, targ)"),
                (1, 2, f"forward({named(layer.forwards[0], known)})"),
                (2, 1, "out"),
                (1, 0, named([out], known)),
                (0, 1, "layer.backward()"),
                (1, 2, f"bwd({named(layer.bwds[0], known)})"),
            ],
        )

    def check_Relu(self) -> None:
        """6 values agree, and 6 gradients agree with slopes measured on your own forward. The grader tries other
        inputs.
        """
        x, g = torch.tensor([[-2, -0.5, 1], [0.5, -1, 3]]), torch.tensor([[1.0, -2, 3], [-4, 5, 6]])
        layer = self.call("Relu")
        out = self.call(layer, x)
        agree("at -2, -0.5, 1, 0.5, -1, 3 it", out, [[0, 0, 1], [0.5, 0, 3]], MISTAKES["Relu"])
        self.on_module("Relu")
        slopes = nudge(lambda v: (self.call("Relu")(v) * g).sum(), x)
        put("Relu", out, g.clone())
        for _ in range(2):  # a second call assigns once more
            layer.backward()
        agree_g("x", x, slopes, MISTAKES["x"])
        agree("out.g after backward", out.g, g)
        self.call("Relu")(-x)
        layer.backward()
        agree_g("when another Relu is called meanwhile, x", x, slopes)

    def picture_Relu(self) -> Figure:
        """What was shaded is gone from the layer: it is in Module, once, for this layer and all to come."""
        yours = "\n".join(lines_of(self.yours.Relu))
        if "NotImplementedError" in yours:
            raise NotYet("needs Relu, which is not written yet.")
        return diagrams.listings(
            {"on its own": ALONE["Relu"], "yours, on Module": yours}, {"on its own": shaded(ALONE["Relu"])}
        )

    def check_Lin(self) -> None:
        """`out` is what layer.out holds, and `inp` is layer.args[0]. The grader tries other layers."""
        torch.manual_seed(5)
        cases = {
            "four samples": small_layer(),
            "one sample": [torch.randn(size) for size in ((1, 5), (5, 3), (3,), (1, 3))],
        }
        for which, (some_inp, some_w, some_b, g) in cases.items():
            tensors = {"inp": some_inp, "w": some_w, "b": some_b}
            agree(
                f"for {which} it",
                self.call(self.call("Lin", some_w, some_b), some_inp),
                weighed(some_inp, some_w) + some_b,
                MISTAKES["Lin"],
            )
            self.on_module("Lin")
            values = {name: tensor.double() for name, tensor in tensors.items()}
            found = nudge_each(partial(self._felt, g.double()), *values.values())
            slopes = dict(zip(values, found))
            layer = self.call("Lin", some_w, some_b)
            out = layer(some_inp)
            put("Lin", out, g)
            for meanwhile in ("", "when another Lin is made and called meanwhile, "):
                if meanwhile:
                    self.call("Lin", 2 * some_w, -some_b)(3 * some_inp)
                layer.backward()
                for name in ("w", "b", "inp"):
                    if not torch.equal(tensors[name].double(), values[name]):
                        raise NotYet(f"changes {name} in the backward pass: only set gradients, don't take a step.")
                    mistakes = MISTAKES[name] if which == "four samples" else None
                    agree_g(meanwhile + name, tensors[name], slopes[name], mistakes, batch=len(some_inp))
            agreed(f"{which}: the values agree, and w.g, b.g, inp.g agree with slopes measured on your own forward")
            if out is not layer.out or some_inp is not layer.args[0]:
                raise NotYet("no longer holds the tensors of its own call in self.out and self.args.")

    def picture_Lin(self) -> Figure:
        """One gradient comes in, three go out. Sample 2 doesn't affect the loss, so its row of inp.g is 0 and it
        adds nothing to w.g.
        """
        inp, w, b, g = small_layer()
        layer = self.yours.Lin(w, b)
        layer(inp).g = g
        layer.backward()
        tables = {
            "args[0], or inp": inp,
            "self.w": w,
            "self.b": b,
            "out.g, or self.out.g": layer.out.g,
            "your inp.g": inp.g,
            "your w.g": w.g,
            "your b.g": b.g,
        }
        return pictures.heat_maps(tables, {"args[0], or inp": [2], "out.g, or self.out.g": [2], "your inp.g": [2]})

    def check_Mse(self) -> None:
        """Two losses agree, and inp.g agrees with slopes measured on your own forward. The grader tries other
        batches.
        """
        targ = small_batch()[1]
        inp: Any = torch.tensor([[2.0], [-1], [1.5], [1.5]])
        layer = self.call("Mse")
        agree("for four samples it", self.call(layer, inp, targ), 1.125, MISTAKES["Mse"])
        agree("for one sample it", self.call(self.call("Mse"), inp[:1], targ[:1]), 1.0)
        self.on_module("Mse")
        slopes = nudge(lambda v: self.call("Mse")(v, targ.double()), inp)
        layer = self.call("Mse")
        layer(inp, targ)
        for _ in range(2):  # a second call assigns once more
            layer.backward()
        agree_g("inp", inp, slopes, MISTAKES["outputs"], batch=4)
        if inp.g.shape != inp.shape:
            raise NotYet(
                f"inp.g has shape {tuple(inp.g.shape)}, and inp has {tuple(inp.shape)}: "
                "the layer before it will multiply it by a matrix."
            )
        self.call("Mse")(inp + 1, targ)
        layer.backward()
        agree_g("when another Mse is called meanwhile, inp", inp, slopes)

    def picture_Mse(self) -> Figure:
        """Two arguments went in, one gradient comes out. Sample 3 is 1.5 away, more than the others, and pulls
        hardest.
        """
        layer = self.yours.Mse()
        layer(torch.tensor([[2.0], [-1], [1.5], [1.5]]), small_batch()[1])
        layer.backward()
        inp, targ = layer.args
        tables = {"args[0], inp": inp, "args[1], targ": targ, "your inp.g": inp.g.reshape(inp.shape)}
        return pictures.heat_maps(tables, {"args[0], inp": [3], "your inp.g": [3]}, digits=2)

    def check_Model(self) -> None:
        """The loss and five gradients agree. The grader tries other networks."""
        (x, targ), weights = small_batch(), small_network()
        agree("the loss of four samples", self.call(self.call("Model", *weights), x, targ), 1.125, MISTAKES["Model"])
        values = [v.double() for v in (*weights, x)]

        def cost(*values: Tensor) -> Any:
            *weights, x = values
            return self.yours.Model(*weights)(x, targ.double())

        slopes = nudge_each(cost, *values)
        model = self.call("Model", *weights)
        for _ in range(2):  # the second time assigns once more
            model(x, targ)
            model.backward()
        for name, place in (("w2", 2), ("b2", 3), ("w1", 0), ("b1", 1), ("x", 4)):
            tensor = [*weights, x][place]
            if not torch.equal(tensor.double(), values[place]):
                raise NotYet(f"changes {name}: only set gradients here, don't take a step.")
            agree_g(name, tensor, slopes[place], MISTAKES.get(name) if name != "x" else None, batch=4)
            agreed(f"{name}.g agrees with slopes measured on your own model")
        model(x, targ)
        self.call("Model", *(2 * w for w in weights))(3 * x, targ)
        model.backward()
        agree_g("when another Model is made and called meanwhile, w1", weights[0], slopes[0])

    def picture_Model(self) -> Figure:
        """Sample 1 is wrong, but relu blocks all three of its units: its row of x.g is 0, and of all parameters
        only b2 gets a gradient from it.
        """
        (x, targ), weights = small_batch(), small_network()
        model = self.yours.Model(*weights)
        model(x, targ)
        model.backward()
        before = self.yours.Lin(*weights[:2])(x)
        error = self.yours.Lin(*weights[2:])(self.yours.Relu()(before)) - targ[:, None]
        tables = {"x": x, "before relu": before, "out - targ": error, "your x.g": x.g}
        return pictures.heat_maps(tables, {name: [1] for name in tables}, digits=2)

    def picture_the_lines(self) -> Figure:
        """Each layer is shorter: little is left but its formulas. Module cost its lines once; a tenth layer
        costs none.
        """
        classes = [self.find(name) for name in ("Relu", "Lin", "Mse")]
        yours = [lines_of(cls) for cls in classes]
        if any("NotImplementedError" in line for lines in yours for line in lines):
            raise NotYet("needs Relu, Lin and Mse, which aren't all written yet.")
        count: Callable[[list[str]], float] = lambda lines: float(sum(bool(line.strip()) for line in lines))
        alone = [count(ALONE[cls.__name__].strip().split("\n")) for cls in classes]
        both = {"on its own": torch.tensor(alone), "yours, on Module": torch.tensor([count(lines) for lines in yours])}
        fig = pictures.bars(both, labels=["Relu", "Lin", "Mse"], ylabel="lines of code")
        fig.axes[0].set_ylim(top=1.45 * max(*alone, *both["yours, on Module"].tolist()))  # room for the legend
        return fig

    def picture_the_forgetful_layer(self) -> Figure:
        """What the user runs; shaded is the line at which it stops. Is that the line with the mistake?"""
        if not self.bases:
            raise NotYet("needs Module, which is not written yet.")
        code = ["out = layer(inp)", "out.g = torch.tensor([1.0])", "layer.backward()"]
        lines = [complaint(base).split("  ")[0] for base in self.bases.values()]
        names = ["A, raises", "B, does nothing", "C, isn't there"]
        return diagrams.listings(
            {name: "\n".join(code) for name in names},
            {name: [code.index(line)] for name, line in zip(names, lines) if line in code},
        )

    def check_autograd(self) -> None:
        """All five gradients match autograd's, on a thousand digits."""
        x, targ, weights, saved = digits_network()
        model = self.call("Model", *weights)
        print(f"the loss of an untrained network: {float(model(x, targ)):.0f}")
        model.backward()
        for (name, wanted), tensor in zip(saved.items(), (*weights, x)):
            if not torch.is_tensor(getattr(tensor, "g", None)) or tensor.g.shape != tensor.shape:
                raise NotYet(f"{name}.g is missing, or doesn't have the shape of {name}.")
            off = float((tensor.g - wanted).abs().max() / wanted.abs().max())
            if not off < 1e-3:
                raise NotYet(f"{name}.g differs from autograd's, by {off:.0e} of the largest entry.")
            agreed(f"{name}.g {tuple(tensor.g.shape)} agrees, largest difference {off:.0e} of the largest entry")

    def check_the_forgetful_layer(self) -> None:
        """That is what the user of each base class sees."""
        self.bases = bases(self.find("Module"))
        for name, base in self.bases.items():
            print(f"{name:34} stops at  {complaint(base)}")


def small_layer() -> list[Any]:
    """Four samples of 2 inputs, w and b of a layer with 3 outputs, and a gradient that arrives at its output."""
    inp, w, b = [[1.0, 2], [3, 4], [5, 6], [7, 8]], [[1.0, 0, -1], [2, 1, 0]], [1.0, -1, 0]
    return [torch.tensor(v) for v in (inp, w, b, [[1.0, 0, 0], [0, -1, 2], [0, 0, 0], [0, 0, 1]])]
