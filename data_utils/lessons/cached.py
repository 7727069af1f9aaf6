"""`cached`: layers that remember in a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from data_utils import pictures
from data_utils.checks import NotYet, agree, agree_g, agreed, nudge, nudge_each
from data_utils.examples import layer_of_rows, network_in_integers, weighed
from data_utils.judges import back, by_torch, judged, remembers
from data_utils.lesson import Lesson
from data_utils.mistakes.cached import MISTAKES
from data_utils.spies import Shuffle

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Cached(Lesson):
    """Layers with a cache."""

    BUILDS_ON = {
        "test": (),
        "grad": (),
        "Module": (),
        "MSE": ("Module",),
        "ReLU": ("Module",),
        "Linear": ("Module",),
        "by hand": (
            "Module",
            "MSE",
            "ReLU",
            "Linear",
        ),
        "the gradients": (
            "by hand",
            "test",
            "grad",
        ),
        "MLP": ("Module",),
        "MLP of your layers": (
            "Module",
            "MSE",
            "ReLU",
            "Linear",
            "MLP",
        ),
        "biases": (
            "MSE",
            "ReLU",
            "Linear",
            "MLP",
        ),
    }
    SECTIONS = {
        "test": "1. test and grad, two small helpers",
        "grad": "1. test and grad, two small helpers",
        "Module": "2. Module, a layer with a memory",
        "MSE": "3. MSE, where the gradient begins",
        "ReLU": "4. ReLU, and what happens at 0",
        "Linear": "5. Linear, with a bias for each sample",
        "by hand": "6. By hand, in whole numbers",
        "the gradients": "7. Who gets a gradient?",
        "MLP": "8. MLP, a model is a layer",
        "MLP of your layers": "8. MLP, a model is a layer",
        "biases": "9. Two kinds of bias, in writing",
    }
    WRITTEN = ("9. Two kinds of bias, in writing",)

    def small_network(self) -> tuple[Any, Any, list[Any]]:
        """Three samples of 4 inputs, their targets, and the W1, b1, W2, b2 of a network for them."""
        return network_in_integers()

    def raises(self, *args: Any, **options: Any) -> bool:
        """Whether your test says with an AssertionError that two tensors differ."""
        try:
            self.call("test", *args, **options)
        except AssertionError:
            return True
        return False

    def compare(self, x: Tensor, y: Tensor, **parameters: Any) -> None:
        """Go on if your `test` says that your gradients are those that autograd leaves on clones your `grad` watches.

        Raises:
            NotYet: saying which is not.
        """
        watched = [self.find("grad")(w.detach().clone()) for w in parameters.values()]
        loss: Any = by_torch(x, y, *watched)
        loss.backward()
        for (name, ours), theirs in zip(parameters.items(), watched):
            try:
                self.find("test")(ours.g, theirs.grad)
            except AssertionError:
                raise NotYet(f"your test says that {name}.g differs from autograd's {name}.grad.") from None
            agreed(f"{name}.g {tuple(ours.g.shape)} matches autograd's, and your test is silent")

    def _relu(self, x: Tensor) -> Any:
        return self.yours.ReLU()(x)

    def _slope(self, x: Any) -> Any:
        layer = self.yours.ReLU()
        layer(x).g = torch.ones_like(x)
        layer.backward()
        return x.g

    def check_test(self) -> None:
        """Right about all seven pairs. The grader tries others."""
        t1 = torch.tensor([1.0, 2, 3])
        cases: tuple[tuple[str, list[float], dict[str, float], bool], ...] = (
            ("for two equal tensors", [0, 0, 0], {}, False),
            ("when the last entry of t2 is larger", [0, 0, 0.25], {}, True),
            ("when the last entry of t2 is smaller", [0, 0, -0.25], {}, True),
            ("when the differences add up to 0", [0.25, 0, -0.25], {}, True),
            ("when all entries differ by 0.25 and eps is 0.4", [0.25, -0.25, 0.25], {"eps": 0.4}, False),
            ("when one entry differs by 0.75 and eps is 0.5", [0, 0.75, 0], {"eps": 0.5}, True),
        )
        for what, change, options, wanted in cases:
            if self.raises(t1, t1 + torch.tensor(change), **options) != wanted:
                raise NotYet(f"{'is silent' if wanted else 'raises an AssertionError'} {what}.")
        if self.raises(torch.zeros(3), torch.tensor([0, 1e-6, 0])) is False:
            raise NotYet("is silent when an entry is 0.000001 instead of 0; the default eps is 1e-8.")

    def picture_the_tolerance(self) -> Figure:
        """One product, in float32 and in float64. Both are right; whether your test calls them equal depends on eps."""
        torch.manual_seed(1)
        x, w = torch.randn(16, 784), torch.randn(784)
        one, other = (x @ w).double(), x.double() @ w.double()
        entries, marks = torch.arange(16), {}
        for eps in (1e-8, 1e-2):
            verdict = "raises" if self.raises(one, other, eps=eps) else "silent"
            marks[f"eps={eps:g}: {verdict}"] = (torch.arange(26), torch.full((26,), eps))  # room for the legend
        differences = (one - other).abs().clamp(min=1e-9)
        fig = pictures.lines(
            {"how far apart": (entries, differences), **marks},
            dots=["how far apart"],
            xlabel="entry of the product",
            ylabel="difference",
            log=True,
        )
        fig.axes[0].set_xticks(range(0, 16, 5))
        return fig

    def check_grad(self) -> None:
        """Autograd tracks t itself. It left [2, 4, 6] on it, the slopes of the sum of squares."""
        t = torch.tensor([1.0, 2, 3])
        got = self.call("grad", t)
        agree("what it returns", got, [1, 2, 3])
        if not got.requires_grad:
            raise NotYet("the tensor it returns doesn't have requires_grad set.")
        if got is not t:
            raise NotYet("it returns a different tensor; the gradient would never show up on t.")
        squares: Any = (got * got).sum()
        squares.backward()
        agree("what autograd left on it", t.grad, [2, 4, 6])

    def check_Module(self) -> None:
        """Two layers remember, each separately. The grader tries other layers."""

        class Echo(self.find("Module")):  # type: ignore[misc]
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return args, kwargs

        one, two, three = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])
        layer, other = Echo(), Echo()
        layer.cache(a=one, b=two)
        remembers(layer.get("b", "a"), [two, one], 'when asked for "b" and "a"')
        remembers(layer.get("a"), [one], 'when asked for "a" alone')
        remembers(layer.get("a", "z"), [one, None], 'when asked for "a" and "z", which was never cached')
        layer.cache(b=three)
        remembers(layer.get("a", "b"), [one, three], "after b was cached again, and a wasn't")
        other.cache(a=two)
        remembers(layer.get("a"), [one], "after another layer cached something under this name")
        if repr(layer) != "Echo":
            raise NotYet(f"repr of a layer of the class Echo is {layer!r}; it should be Echo.")
        if layer(1, b=2) != ((1,), {"b": 2}):
            raise NotYet("calling a layer doesn't pass all of its arguments to forward.")
        try:
            layer.backward()
        except NotImplementedError:
            pass
        else:
            raise NotYet("a layer without a backward of its own doesn't raise an error.")

    def picture_the_memory(self) -> Figure:
        """What get finds in a layer that doubles: it remembers the last call, and no other."""

        class Double(self.yours.Module):  # type: ignore[misc, name-defined]
            def forward(self, inp: Tensor) -> Tensor:
                self.cache(inp=inp, out=2 * inp)
                return 2 * inp

        layer, tables = Double(), dict[str, Any]()
        for number, inp in (("1st", [[1.0, -2], [3, 1]]), ("2nd", [[0.0, 4], [-1, 5]])):
            layer(torch.tensor(inp))
            tables |= dict(zip((f"inp, after {number} call", f"out, after {number} call"), layer.get("inp", "out")))
        return pictures.heat_maps(tables)

    def check_MSE(self) -> None:
        """A row of three and a column of five agree, the column also with slopes measured on your own loss."""
        pred: Any = torch.tensor([1.5, 0.3, 2.0])
        gt = torch.tensor([1.0, 1, 3])
        loss, slopes = judged(functional.mse_loss, pred, gt)
        layer = self.find("MSE")()
        agree("the loss", self.call(layer, pred, gt), loss, MISTAKES["loss"])
        back(layer, pred=pred, gt=gt)
        agree_g("pred", pred, slopes[0], MISTAKES["pred"], batch=3)
        shown = [round(float(g), 4) for g in pred.g]
        agreed(f"loss {loss:.4f}, pred.g {shown}: the same as F.mse_loss and autograd give")
        layer.backward()
        agree("pred.g after a second backward", pred.g, slopes[0])
        column: Any = torch.tensor([[2.0], [-1], [0.5], [4], [1]])
        gt = torch.ones(5, 1)
        self.call(layer, column, gt)
        self.find("MSE")()(pred, pred + 1)  # another loss in between has a memory of its own
        back(layer, pred=column, gt=gt)
        measured = nudge(lambda moved: self.find("MSE")()(moved, gt.double()), column)
        agree_g("for a column of five, pred", column, measured, batch=5)

    def picture_the_residuals(self) -> Figure:
        """The gradient is the residual, scaled: the same sign, and 2/3 of its size. N is all you divide by."""
        pred: Any = torch.tensor([1.5, 0.3, 2.0])
        gt, layer = torch.tensor([1.0, 1, 3]), self.yours.MSE()
        layer(pred, gt)
        layer.backward()
        return pictures.bars({"pred - gt": pred - gt, "your pred.g": pred.g}, labels=[f"sample {n}" for n in range(3)])

    def check_ReLU(self) -> None:
        """Four values, the slope at 0 and two layers at once agree. The grader tries other inputs."""
        layer, upstream = self.find("ReLU")(), torch.tensor([5.0, 3, 7, -2])
        inp: Any = torch.tensor([-1.5, 0, 2, 0.5])
        wanted, slopes = judged(functional.relu, inp, upstream=upstream)
        out = self.call(layer, inp)
        agree("for -1.5, 0, 2, 0.5 the output", out, wanted, MISTAKES["relu"])
        out.g = upstream
        for again in ("", " after a second backward"):
            back(layer, inp=inp, **{"out.g": upstream})
            if again:
                agree("inp.g" + again, inp.g, slopes[0])
            agree_g("inp", inp, slopes[0], MISTAKES["inp of relu"])
        agreed(f"out.g {upstream.tolist()} came back as {inp.g.tolist()}, the same as F.relu and autograd give")
        p, q = torch.tensor([[1.0, -1]]), torch.tensor([[-2.0], [3]])
        first, second = self.yours.ReLU(), self.yours.ReLU()
        first(p).g, second(q).g = torch.ones(1, 2), torch.ones(2, 1)
        first.backward()
        second.backward()
        agree_g("with two layers at once, the first inp", p, [[1, 0]])
        agree_g("with two layers at once, the second inp", q, [[0], [1]])

    def picture_the_kink(self) -> Figure:
        """Measured from both sides at once, the slope at 0 is 1/2. Your ReLU should give this lesson's choice, 0."""
        return pictures.line_with_tangents(
            self._relu, self._slope, at=(-0.6, 0, 0.6), span=(-1, 1), name="ReLU", argument="inp"
        )

    def check_Linear(self) -> None:
        """In two layers in a row all five gradients agree with measured slopes. The grader tries other layers."""
        inp, W, b, upstream = layer_of_rows()
        wanted, slopes = judged(lambda inp, W, b: weighed(inp, W) + b, inp, W, b, upstream=upstream)
        layer = self.find("Linear")(W, b)
        before = W.clone(), b.clone()
        out = self.call(layer, inp)
        if not torch.equal(before[0], W) or not torch.equal(before[1], b):
            raise NotYet("forward changes W or b. Methods that end in _ and operators like += write in place.")
        agree("the output", out, wanted, MISTAKES["out of linear"])
        out.g = upstream
        for again in ("", " after a second backward"):
            back(layer, inp=inp, W=W, b=b, **{"out.g": upstream})
            for name, tensor, slope_wanted in (("b", b, slopes[2]), ("W", W, slopes[1]), ("inp", inp, slopes[0])):
                if name == "b" and torch.is_tensor(getattr(b, "g", None)) and b.g.shape != b.shape:
                    raise NotYet(
                        f"b.g has shape {tuple(b.g.shape)}, and b has {tuple(b.shape)}. "
                        "How many samples share a row of b here?"
                    )
                if again:
                    agree(f"{name}.g{again}", tensor.g, slope_wanted)
                known = MISTAKES["inp of linear" if name == "inp" else name]
                agree_g(name, tensor, slope_wanted, known, batch=2)
        agreed("output, b.g, W.g and inp.g agree with torch's, after a second backward too")
        torch.manual_seed(5)
        x, W1, b1, W2, b2, upstream = (torch.randn(n) for n in ((5, 4), (4, 3), (5, 3), (3, 2), (5, 2), (5, 2)))
        first, second = self.yours.Linear(W1, b1), self.yours.Linear(W2, b2)
        second(first(x)).g = upstream
        second.backward()
        first.backward()
        felt: Callable[..., Any] = lambda *v: (
            self.yours.Linear(*v[3:])(self.yours.Linear(*v[1:3])(v[0])) * upstream.double()
        ).sum()
        tensors = {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2}
        for (name, tensor), measured in zip(tensors.items(), nudge_each(felt, *tensors.values())):
            agree_g(name, tensor, measured, batch=5)

    def picture_two_conventions(self) -> Figure:
        """Here each sample has its own row of b, and its own row of b.g. A bias that all samples share gets the sum of
        the rows.
        """
        inp, W, b, upstream = layer_of_rows()
        layer = self.yours.Linear(W, b)
        layer(inp).g = upstream
        layer.backward()
        return pictures.heat_maps(
            {"b": b, "out.g": upstream, "your b.g": b.g, "a shared bias: the sum": upstream.sum(0)}
        )

    def picture_the_tables(self) -> Figure:
        """The whole forward pass. Errors 0, 3 and -3: squares 0, 9 and 9, and their mean is 6."""
        X, y, (W1, b1, W2, b2) = network_in_integers()
        lin1, rel1, lin2, rel2 = (
            self.yours.Linear(W1, b1),
            self.yours.ReLU(),
            self.yours.Linear(W2, b2),
            self.yours.ReLU(),
        )
        h = lin1(X)
        a = rel1(h)
        o = lin2(a)
        return pictures.heat_maps(
            {"X": X, "after lin1": h, "after rel1": a, "W2": W2, "after lin2": o, "after rel2": rel2(o), "y": y},
            columns=7,
        )

    def picture_who_gets_a_gradient(self) -> Figure:
        """Only sample 1 gives a gradient. Sample 0 is right, and sample 2, as wrong as sample 1, is at exactly 0
        before its ReLU.
        """
        X, y, (W1, b1, W2, b2) = network_in_integers()
        lin1, rel1, lin2, rel2, mse = (
            self.yours.Linear(W1, b1),
            self.yours.ReLU(),
            self.yours.Linear(W2, b2),
            self.yours.ReLU(),
            self.yours.MSE(),
        )
        pred = rel2(lin2(rel1(lin1(X))))
        mse(pred, y)
        for layer in (mse, rel2, lin2, rel1, lin1):
            layer.backward()
        tensors = {"pred": pred, "b2": b2, "W2": W2, "b1": b1, "W1": W1}
        return pictures.heat_maps(
            {f"{name}.g": tensor.g + 0 for name, tensor in tensors.items()},  # + 0 makes 0 of -0
            {"pred.g": [1], "b2.g": [1], "b1.g": [1]},
            columns=5,
        )

    def check_MLP(self) -> None:
        """Forward through A, B, C and back through C, B, A, twice. The grader tries other layers, and yours."""
        torch.manual_seed(8)
        asked, orders = list[str](), {"A": [1, 2, 3, 0], "B": [1, 0, 2, 3], "C": [0, 2, 1, 3]}
        x, upstream = torch.randn(6, 4), torch.randn(6, 4)
        wanted, slopes = judged(lambda x: x[:, orders["A"]][:, orders["B"]][:, orders["C"]], x, upstream=upstream)
        model = self.find("MLP")([Shuffle(name, order, asked) for name, order in orders.items()])
        for again in ("", "in a second round, "):
            asked.clear()
            out = self.call(model, x)
            agree(f"{again}the output of three layers", out, wanted)
            out.g = upstream
            back(model, x=x)
            if asked != ["C", "B", "A"]:
                order = ", ".join(asked) or "(none)"
                raise NotYet(f"{again}the backward methods of the layers A, B, C were called in the order {order}.")
            agree_g(again + "inp", x, slopes[0])

    def check_MLP_of_your_layers(self) -> None:
        """Loss 6, and the four gradients of section 7, with one model inside another."""
        X, y, parameters = network_in_integers()
        W1, b1, W2, b2 = parameters
        model = self.find("MLP")(
            [
                self.yours.MLP([self.yours.Linear(W1, b1), self.yours.ReLU()]),
                self.yours.Linear(W2, b2),
                self.yours.ReLU(),
            ]
        )
        mse = self.find("MSE")()
        agree("the loss of section 6, with one model inside another,", mse(model(X), y), 6)
        mse.backward()
        model.backward()
        for name, tensor, right in zip(
            ("W1", "b1", "W2", "b2"), parameters, judged(lambda *w: by_torch(X, y, *w), *parameters)[1]
        ):
            agree_g(name, tensor, right, batch=3)

    def picture_a_model_of_models(self) -> Figure:
        """Three linear layers in two models, and these in a third, against torch: only the brackets have changed."""
        torch.manual_seed(18)
        sizes = ((8, 6), (6, 5), (8, 5), (5, 4), (8, 4), (4, 1), (8, 1))
        x, W1, b1, W2, b2, W3, b3 = (torch.randn(size) for size in sizes)
        b3 = b3 + 1
        y, mse = torch.randn(8, 1), self.yours.MSE()
        inner = self.yours.MLP([self.yours.Linear(W1, b1), self.yours.ReLU(), self.yours.Linear(W2, b2)])
        outer = self.yours.MLP([inner, self.yours.ReLU(), self.yours.MLP([self.yours.Linear(W3, b3)])])
        mse(outer(x), y)
        mse.backward()
        outer.backward()
        deep: Callable[..., Any] = lambda W1, b1, W2, b2, W3, b3: functional.mse_loss(
            weighed(functional.relu(weighed(functional.relu(weighed(x, W1) + b1), W2) + b2), W3) + b3, y
        )
        named: dict[str, Any] = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}
        return pictures.scatter_check(
            {n: (t.g, g) for (n, t), g in zip(named.items(), judged(deep, *named.values())[1])},
            against="torch's gradient",
        )

    def picture_the_biases(self) -> Figure:
        """The biases alone reach a loss of almost 0, with weights that never changed. What have they learned
        about digits?
        """
        steps = torch.arange(15)
        return pictures.lines(
            {
                "only b2 learns": (steps, self.yours.learn({"b2": 16})[0]),
                "only W1 and W2 learn": (steps, self.yours.learn({"W1": 0.01, "W2": 0.01})[0]),
            },
            xlabel="step",
            ylabel="loss on 64 digits",
            log=True,
        )
