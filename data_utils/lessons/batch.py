"""`batch`: all samples at once, a row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from data_utils import pictures
from data_utils.checks import NotYet, agree, agree_g, agreed, clock, nudge, nudge_each
from data_utils.examples import small_batch, small_network
from data_utils.lesson import Lesson
from data_utils.measures import ROWS, Cost, Forms
from data_utils.mistakes.batch import MISTAKES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Batch(Lesson):
    """All samples at once."""

    BUILDS_ON = {
        "lin": (),
        "relu": (),
        "model": (
            "lin",
            "relu",
        ),
        "mse": (),
        "lin_grad": ("lin",),
        "forward_and_backward": (
            "lin",
            "relu",
            "model",
            "mse",
            "lin_grad",
        ),
        "saved gradients": ("forward_and_backward",),
        "autograd": (
            "mse",
            "forward_and_backward",
        ),
    }
    SECTIONS = {
        "lin": "2. lin, a layer for all samples at once",
        "relu": "3. relu, half of it is zero",
        "model": "4. model, one number for each digit",
        "mse": "7. mse, the loss",
        "lin_grad": "9. lin_grad",
        "forward_and_backward": "11. forward_and_backward",
        "saved gradients": "12. Autograd as the judge",
        "autograd": "12. Autograd as the judge",
    }
    WRITTEN = ("13. Why a sum, in writing",)

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.costs: dict[str, Cost] = {}
        self.yours_takes: list[float] = []
        self.both: dict[str, Any] = {}

    @contextmanager
    def using(self, *weights: Tensor) -> Iterator[None]:
        """For a while, let w1, b1, w2, b2 of the notebook be these."""
        names = ("w1", "b1", "w2", "b2")
        before = [getattr(self.yours, name) for name in names]
        self.names.update(zip(names, weights))
        try:
            yield
        finally:
            self.names.update(zip(names, before))

    def nudged(self, inp: Tensor, targ: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
        """The gradients in w1, b1, w2, b2 and inp, measured by nudging all that goes into your mse of model."""

        def cost(*values: Tensor) -> Any:
            *weights, inp = values
            with self.using(*weights):
                return self.yours.mse(self.yours.model(inp), targ.double())

        return nudge_each(cost, *weights, inp)

    def picture_the_data(self) -> Figure:
        """Twenty rows of x_train, each folded back into an image, and their targets."""
        return pictures.digits(self.yours.x_train[:20], labels=self.yours.y_train[:20].long())

    def check_lin(self) -> None:
        """A batch of four and a batch of one agree. The grader tries other sizes."""
        small_x, (small_w, small_b, *_) = small_batch()[0], small_network()
        agree(
            "for four samples it",
            self.call("lin", small_x, small_w, small_b),
            [[5.5, 1.5, 1], [-4.5, -4.5, -1], [-2.5, 0.5, 7], [2.5, -1.5, -2]],
            MISTAKES["lin"],
        )
        agree("for one sample it", self.call("lin", small_x[:1], small_w, small_b), [[5.5, 1.5, 1]], MISTAKES["lin"])

    def picture_lin(self) -> Figure:
        """Sample 1 is a row on the left and a row on the right: rows never mix."""
        x, (w, b, *_) = small_batch()[0], small_network()
        return pictures.heat_maps(
            {"x": x, "w": w, "b": b, "lin(x, w, b)": self.yours.lin(x, w, b)}, {"x": [1], "lin(x, w, b)": [1]}
        )

    def check_relu(self) -> None:
        """Shape and 6 values agree. The grader tries other inputs."""
        x = torch.tensor([[-2, -0.5, 0], [0.5, 1, 3]])
        agree("at -2, -0.5, 0, 0.5, 1, 3 it", self.call("relu", x), [[0, 0, 0], [0.5, 1, 3]], MISTAKES["relu"])

    def picture_relu(self) -> Figure:
        """t = lin(x_valid, w1, b1). Each bar spans 5. Half of the values were below 0 and are now at 0; the rest
        stayed.
        """
        before = self.yours.lin(self.yours.x_valid, self.yours.w1, self.yours.b1)
        after = self.call("relu", before)
        edges = torch.linspace(-25, 25, 11)
        share: Callable[[Tensor], Tensor] = lambda t: torch.histc(t, bins=10, min=-25, max=25) / t.numel()
        both = {"t": share(before), "relu(t)": share(after)}
        return pictures.bars(both, labels=[f"{e:.0f}.." for e in edges[:-1]], ylabel="share of the numbers")

    def check_model(self) -> None:
        """Four samples and 1,000 digits become one number each. The grader tries other networks."""
        with self.using(*small_network()):
            agree(
                "for four samples it",
                self.call("model", small_batch()[0]),
                [[2], [-1], [1.5], [1.5]],
                MISTAKES["model"],
            )
        res = self.call("model", self.yours.x_valid)
        agree("the number of outputs for x_valid", torch.tensor(res.numel()), 1000)

    def picture_model(self) -> Figure:
        """What a network with random weights outputs for 200 digits. It is far off: look at the scale on the left."""
        named = {
            "200 digits": (self.yours.y_valid[:200], self.yours.model(self.yours.x_valid[:200])),
            "what would be right": (range(10), range(10)),
        }
        return pictures.lines(named, dots=["200 digits"], xlabel="the digit", ylabel="the network's output")

    def picture_the_accident(self) -> Figure:
        """A column minus a row gives all pairs. The four differences we want are on the diagonal."""
        res, targ = torch.tensor([[1.5], [-2], [0.5], [3]]), torch.tensor([1.0, -2, 1, 4])
        tables = {"res": res, "targ": targ, "res - targ": res - targ, "res[:, 0] - targ": res[:, 0] - targ}
        return pictures.heat_maps(tables)

    def check_mse(self) -> None:
        """0, 0.75 and 4, all three correct. The grader tries other batches."""
        same = torch.tensor([1.0, 2, 3])
        agree("for 1, 2, 3 against 1, 2, 3 it", self.call("mse", same[:, None], same), 0, MISTAKES["mse, none wrong"])
        output, targ = torch.tensor([[2.0], [-1], [1.5]]), torch.tensor([1.0, 0, 2])
        agree("for 2, -1, 1.5 against 1, 0, 2 it", self.call("mse", output, targ), 0.75, MISTAKES["mse"], batch=3)
        agree("for a batch of one, 5 against 3, it", self.call("mse", torch.tensor([[5.0]]), torch.tensor([3.0])), 4)

    def picture_mse(self) -> Figure:
        """200 digits. With the accident, even perfect outputs cost 15: each is compared with all targets."""
        targ, noise = self.yours.y_valid[:200], torch.linspace(-1, 1, 200)
        size = torch.linspace(0, 4, 21)
        outputs = [(targ + s * noise)[:, None] for s in size]
        yours = torch.stack([torch.as_tensor(self.yours.mse(output, targ)) for output in outputs])
        against_all: Callable[[Tensor], Tensor] = lambda output: torch.stack(
            [torch.as_tensor(self.yours.mse(output, targ.roll(k))) for k in range(200)]
        )
        accident = torch.stack([against_all(output).mean() for output in outputs])
        both = {"your mse": (size, yours), "with the accident": (size, accident)}
        return pictures.lines(both, xlabel="how far the outputs are from their targets", ylabel="loss")

    def picture_the_slopes(self) -> Figure:
        """Sympy's formula, and the slope measured by nudging: the dots lie on the lines."""
        import sympy

        at = torch.linspace(-2, 2, 17)
        named: dict[str, Any] = {}
        for formula in (self.yours.x**2, 3 * self.yours.x**2 + 9):
            f, df = (
                sympy.lambdify(self.yours.x, formula),
                sympy.lambdify(self.yours.x, sympy.diff(formula, self.yours.x)),
            )
            named[f"{sympy.diff(formula, self.yours.x)}, from sympy"] = (at, df(at))
            named[f"{formula}, nudged"] = (at, nudge(partial(self._summed, f), at))
        return pictures.lines(named, dots=[name for name in named if "nudged" in name], xlabel="x", ylabel="slope")

    def check_lin_grad(self) -> None:
        """On a random layer all three also agree with slopes measured on your own lin. The grader tries other
        layers.
        """
        for reached, w_g, b_g in (([1], [3, 4], 1), ([1, 3], [10, 12], 2)):
            inp, out, w, b = small_layer()
            out.g = torch.zeros(4, 3)
            out.g[reached, 2] = 1
            for _ in range(2):  # a second call assigns once more
                self.call("lin_grad", inp, out, w, b)
            agree_g("w", w, torch.stack([torch.zeros(2), torch.zeros(2), torch.tensor(w_g)], 1), MISTAKES["w"], batch=4)
            agree_g("b", b, [0, 0, b_g], MISTAKES["b"], batch=4)
            agree_g("inp", inp, [[-1, 0] if n in reached else [0, 0] for n in range(4)], MISTAKES["inp"], batch=4)
            felt_by = " and ".join(map(str, reached))
            agreed(f"if the loss depends on output 2 of sample {felt_by} alone: w.g, b.g and inp.g agree")
        torch.manual_seed(5)
        inp, w, b, g = (torch.randn(size) for size in ((5, 4), (4, 3), (3,), (5, 3)))
        out = self.yours.lin(inp, w, b)
        out.g = g
        self.call("lin_grad", inp, out, w, b)
        slopes = nudge_each(lambda *values: (self.yours.lin(*values) * g.double()).sum(), inp, w, b)
        for name, tensor, slope in zip(("inp", "w", "b"), (inp, w, b), slopes):
            agree_g(name, tensor, slope, batch=5)

    def picture_lin_grad(self) -> Figure:
        """Samples 1 and 3 each give w an outer product; w.g is their sum, and that is what a matrix product does."""
        inp, out, w, b = small_layer()
        out.g = torch.zeros(4, 3)
        out.g[[1, 3], 2] = 1
        self.yours.lin_grad(inp, out, w, b)
        alone = {f"sample {n} alone": torch.outer(inp[n], out.g[n]) for n in (1, 3)}
        tables = {"inp": inp, "out.g": out.g, "your w.g": w.g, "your b.g": b.g, **alone, "your inp.g": inp.g}
        return pictures.heat_maps(tables, {"inp": [1, 3], "out.g": [1, 3], "your inp.g": [1, 3]})

    def check_forward_and_backward(self) -> None:
        """Five gradients agree, after two calls too. The grader tries other networks."""
        batch, weights = small_batch(), small_network()
        before = [w.clone() for w in weights]
        with self.using(*weights):
            self.call("forward_and_backward", *batch)
            if any(self.names[name] is not w for name, w in zip(("w1", "b1", "w2", "b2"), weights)):
                raise NotYet("rebinds the name of a parameter to another tensor: only set gradients here.")
        wanted = self.nudged(*batch, before)
        for name, i in (("w2", 2), ("b2", 3), ("w1", 0), ("b1", 1), ("inp", 4)):
            tensor = [*weights, batch[0]][i]
            if i < 4 and not torch.equal(tensor, before[i]):
                raise NotYet(f"changes {name}: only set gradients here, don't take a step.")
            agree_g(name, tensor, wanted[i], MISTAKES.get(name), batch=4)
            agreed(f"{name}.g agrees with slopes measured on your own network")
        once = weights[0].g.clone()
        with self.using(*weights):
            self.call("forward_and_backward", *batch)
        agree("w1.g after a second call", weights[0].g, once)

    def picture_the_gates(self) -> Figure:
        """For sample 1, relu gave 0 in all three units in the forward pass, so none of its error gets back through
        them.
        """
        (inp, targ), weights = small_batch(), small_network()
        with self.using(*weights):
            self.yours.forward_and_backward(inp, targ)
        l1 = self.yours.lin(inp, *weights[:2])
        return pictures.heat_maps(
            {"l1": l1, "l2": self.yours.relu(l1), "your inp.g": inp.g, "your w1.g": weights[0].g},
            {"l1": [1], "l2": [1], "your inp.g": [1]},
            digits=2,
        )

    def picture_the_fan(self) -> Figure:
        """One bias in the forward pass: the same three numbers in every row. And in the backward pass?"""
        torch.manual_seed(13)
        b, g = torch.tensor([0.5, -1, 2]), torch.randint(-3, 4, (4, 3)).float()
        return pictures.heat_maps({"b": b, "b in Y, row by row": b.expand(4, 3), "out.g": g})

    @staticmethod
    def _summed(f: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
        return f(v).sum()

    def time(self, forms: Forms) -> None:
        """Print what the gradient of w takes in each form of x @ w, and keep it for the two pictures."""
        torch.manual_seed(10)
        self.costs = {name: Cost(form, self.yours.x_train[:256], torch.randn(784, 50)) for name, form in forms.items()}
        for name, cost in self.costs.items():
            print(
                f"{name:13} {cost.milliseconds[-1]:7.2f} ms   largest table {cost.largest / 1e6:6.2f} MB   "
                f"largest difference from the last {cost.apart(list(self.costs.values())[-1]):.0e}"
            )
        with self.checking("your lin_grad, timed"):
            layers = [self._layer_of(rows) for rows in ROWS]
            self.call("lin_grad", *layers[0])
            self.yours_takes = [clock(partial(self.yours.lin_grad, *layer)) for layer in layers]
            print(f"{'your lin_grad':13} {self.yours_takes[-1]:7.2f} ms   for three gradients")

    def picture_the_times(self) -> Figure:
        """The same w.g at very different costs, whatever the batch size. Which of them is yours closest to?"""
        taken = {name: (ROWS, cost.milliseconds) for name, cost in self.costs.items()}
        if self.yours_takes:
            taken["your lin_grad, all three"] = (ROWS, self.yours_takes)
        return pictures.lines(taken, xlabel="rows in the batch", ylabel="milliseconds", log=True)

    def picture_the_memory(self) -> Figure:
        """The table of all products is 50 times as large as the input. The other two need nothing larger."""
        sizes = torch.tensor([4.0 * 256 * 784, *(cost.largest for cost in self.costs.values())]) / 1e6
        return pictures.bars(sizes, labels=["the input", *self.costs], title="largest table, megabytes, 256 rows")

    def _layer_of(self, rows: int) -> list[Any]:
        """Digits, what a layer makes of them, its w and b, and a gradient that reaches the output."""
        out: Any = torch.randn(rows, 50)
        out.g = torch.randn(rows, 50)
        return [self.yours.x_train[:rows].clone(), out, torch.randn(784, 50), torch.zeros(50)]

    def compare(self, yours: Sequence[Tensor], autograd: Sequence[Tensor]) -> None:
        """Go on if your five gradients are those that autograd left on its clones.

        Raises:
            NotYet: saying which is not.
        """
        self.both = dict(zip(("w1", "w2", "b1", "b2", "inp"), zip(yours, (clone.grad for clone in autograd))))
        for name, (ours, found) in self.both.items():
            assert found is not None
            if ours.shape != found.shape:
                raise NotYet(f"your {name}.g has shape {tuple(ours.shape)}, autograd's has {tuple(found.shape)}.")
            off = float((ours - found).abs().max() / found.abs().max())
            if off > 1e-3:
                raise NotYet(f"your {name}.g differs from autograd's, by {off:.0e} of its largest entry.")
            agreed(f"{name}.g {tuple(ours.shape)} agrees, largest difference {off:.0e} of the largest entry")

    def picture_the_judge(self) -> Figure:
        """Your gradients against autograd's, one dot per entry. The library does what you did, and no more."""
        if not self.both:
            raise NotYet("needs both sets of gradients, which are not there yet.")
        return pictures.scatter_check(self.both, against="autograd's gradient")


def small_layer() -> list[Any]:
    """Four samples of 2 inputs, what a layer with 3 outputs makes of them, and its w and b."""
    inp, out = [[1.0, 2], [3, 4], [5, 6], [7, 8]], [[6.0, 1, -1], [12, 3, -3], [18, 5, -5], [24, 7, -7]]
    return [torch.tensor(v) for v in (inp, out, [[1.0, 0, -1], [2, 1, 0]], [1.0, -1, 0])]
