"""`autograd`: what torch does of all this by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from data_utils import diagrams, pictures
from data_utils.by_hand import BY_HAND, LOSSES, NAMES
from data_utils.checks import Mistakes, NotYet, agree, agreed, nudge
from data_utils.examples import network, small_batch, small_network
from data_utils.lesson import Lesson
from data_utils.mistakes.autograd import MISTAKES
from data_utils.parameters import Slope, agree_grad, fits, forgetful, fresh, ordered, pair, put, went_back

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Autograd(Lesson):
    """What autograd does."""

    BUILDS_ON = {
        "autograd_gradients": (),
        "Linear": (),
        "Model": ("Linear",),
        "parameters": ("Model",),
        "TrainableLinear": (),
        "TrainableModel": ("TrainableLinear",),
        "fit": (),
        "by hand and by autograd": (
            "TrainableModel",
            "fit",
        ),
        "five runs": (
            "TrainableModel",
            "fit",
        ),
        "without zero_grad": (
            "TrainableModel",
            "fit",
        ),
    }
    SECTIONS = {
        "autograd_gradients": "1. loss.backward(), five gradients for free",
        "Linear": "3. Linear, a forward pass is enough",
        "Model": "4. Model, and the accident once more",
        "parameters": "5. Where are the parameters?",
        "TrainableLinear": "6. TrainableLinear and TrainableModel",
        "TrainableModel": "6. TrainableLinear and TrainableModel",
        "fit": "7. fit, and a network that learns",
        "by hand and by autograd": "By hand, and by autograd",
        "five runs": "How good is it?",
        "without zero_grad": "8. What zero_grad is for",
    }
    WRITTEN = ("5. Where are the parameters?",)

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.both: dict[str, Any] = {}
        self.runs: list[tuple[float, float, list[float], Any]] = []
        self.emptied: dict[str, Tensor] = {}

    def start(self, seed: int) -> Any:
        """A network for the digits, with weights of a sensible size."""
        torch.manual_seed(seed)
        model = self.call("TrainableModel", 784, 50, 1)
        with torch.no_grad():
            for w in ordered(model)[::2]:
                w.div_(len(w) ** 0.5)
        return model

    def deal(self, passes: int, seed: int = 0, size: int = 50) -> list[tuple[Tensor, Tensor]]:
        """The training digits, shuffled anew for every pass, in batches."""
        x, y = self.yours.x_train, self.yours.y_train
        generator = torch.Generator().manual_seed(seed)
        shuffled = [torch.randperm(len(x), generator=generator) for _ in range(passes)]
        return [(x[rows], y[rows]) for order in shuffled for rows in torch.split(order, size)]

    def accuracy(self, model: Any, x: Tensor, y: Tensor) -> float:
        """The share of digits whose prediction, rounded, is the digit."""
        return ((predicted(model, x) - y).abs() < 0.5).float().mean().item()

    def _known(self, name: str) -> Mistakes | None:
        return MISTAKES["gradient of w1"] if name == "w1" else None

    def _moved(self, given: list[Tensor], targ: Tensor, i: int, some: Tensor, numbers: Tensor) -> Any:
        """The loss with these numbers in the place of some entries."""
        values = [tensor.double() for tensor in given]
        values[i].view(-1)[some] = numbers
        return nn.MSELoss()(network(*values).flatten(), targ.double())

    def check_autograd_gradients(self) -> None:
        """Five rows agree, after two calls too. The grader tries other networks."""
        (inp, targ), (w1, b1, w2, b2) = small_batch(), small_network()
        given = (inp, targ, w1, b1, w2, b2)
        wanted = BY_HAND.values()
        for calls in ("", "in a second call "):
            got = self.call("autograd_gradients", *given)
            if not isinstance(got, (tuple, list)) or len(got) != 5:
                raise NotYet("should return five tensors, in the order inp, w1, b1, w2, b2.")
            for name, ours, theirs in zip(NAMES, wanted, got):
                if name == "inp" and torch.is_tensor(theirs) and torch.equal(theirs, inp):
                    raise NotYet("returns inp itself; it should return inp's gradient.")
                if theirs is None:
                    raise NotYet(
                        f"the gradient of {name} is None: was {name} tracked, did the loss come from it, "
                        "and was backward called?"
                    )
                if torch.is_tensor(theirs) and theirs.shape != ours.shape:
                    shapes = f"a tensor of shape {tuple(theirs.shape)}, but it should be {tuple(ours.shape)}"
                    raise NotYet(f"where {name} should be, there is {shapes}. The order is inp, w1, b1, w2, b2.")
                agree(f"{calls}the gradient of {name}", theirs, ours, self._known(name), 4)
            for name, tensor in zip(("inp", "targ", *NAMES[1:]), given):
                if tensor.requires_grad or tensor.grad is not None:
                    raise NotYet(
                        f"leaves {name} tracked by autograd, so whatever uses it next is recorded too. Track a clone."
                    )
        for name, ours, theirs in zip(NAMES, wanted, got):
            off = float((ours - theirs).abs().max())
            agreed(f"{name} {tuple(ours.shape)} by hand and by autograd: largest difference {off:.0e}")

    def picture_both_ways(self) -> Figure:
        """A hundred digits, 161 entries of the five gradients. One backward gives all of them; nudging took
        322 forward passes.
        """
        torch.manual_seed(1)
        targ = self.yours.y_train[:100]
        given = [self.yours.x_train[:100], torch.randn(784, 50), torch.zeros(50), torch.randn(50, 1), torch.zeros(1)]
        found = self.call("autograd_gradients", given[0], targ, *given[1:])
        pairs = {}
        for i, (name, gradient) in enumerate(zip(NAMES, found)):
            some = torch.randperm(given[i].numel())[:40]
            cost = partial(self._moved, given, targ, i, some)
            pairs[name] = gradient.flatten()[some], nudge(cost, given[i].flatten()[some])
        fig = pictures.scatter_check(pairs, against="slope measured by nudging")
        fig.axes[0].set_xticks((-0.5, 0, 0.5, 1))
        return fig

    def picture_the_graph(self) -> Figure:
        """To the right, the forward pass, which leaves its notes in the boxes; to the left, the walk back, from the
        loss to w1.
        """
        steps: list[
            list[str]
        ] = []  # function and notes, in the order of the forward pass; the note of the watched tensor stays outside
        for name, line in reversed([*zip(self.yours.walked, self.yours.did)][:-1]):
            function = line.split(":")[0]
            if not steps or steps[-1][0] != function:
                steps.append([function])
            steps[-1].append(name)
        boxes = ["w1\ntracked", *("\n".join([function, *notes]) for function, *notes in steps), "loss"]
        gaps = len(boxes) - 1
        return diagrams.chain(boxes, ["makes"] * gaps, [f"step {gaps - i}" for i in range(gaps)])

    def check_Linear(self) -> None:
        """Shapes, initial values, output and three gradients agree. The grader tries other layers."""
        torch.manual_seed(3)
        one, other = (pair("layer", self.call("Linear", 30, 20), (30, 20)) for _ in range(2))
        fresh(one[0], one[1], other[0])
        layer, inp = self.call("Linear", 2, 3), small_batch()[0].requires_grad_()
        put(pair("layer", layer, (2, 3)), small_network()[:2])
        wanted = [[5.5, 1.5, 1], [-4.5, -4.5, -1], [-2.5, 0.5, 7], [2.5, -1.5, -2]]
        out = self.call(layer, inp)
        agree("for four samples it", out, wanted, MISTAKES["Linear"])
        agree("for one sample it", self.call(layer, inp[:1]), wanted[:1], MISTAKES["Linear"])
        went_back(out, torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]]))
        agree_grad("w", layer.w, [[0, 0, 7], [0, 0, -5]], batch=4)
        agree_grad("b", layer.b, [0, 0, 2], batch=4)
        agree_grad("inp", inp, [[0, 0], [-1, 0], [0, 0], [-1, 0]])

    def picture_the_layer(self) -> Figure:
        """Nobody wrote a backward, yet w.grad is there: inputs 1 and 3 added up, in the column of the output
        that affects the loss.
        """
        layer, inp = self.yours.Linear(2, 3), small_batch()[0]
        put((layer.w, layer.b), small_network()[:2])
        g = torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]])
        out = layer(inp)
        out.backward(g)
        return pictures.heat_maps(
            {
                "inp": inp,
                "w": layer.w,
                "layer(inp)": out,
                "gradient given to out": g,
                "w.grad, found by torch": layer.w.grad,
                "b.grad": layer.b.grad,
            },
            {"inp": [1, 3], "gradient given to out": [1, 3]},
            columns=3,
        )

    def check_Model(self) -> None:
        """The loss and four gradients agree. The grader tries other networks."""
        model, (inp, targ), weights = self.call("Model", 2, 3, 1), small_batch(), small_network()
        if not hasattr(model, "layers"):
            raise NotYet("has no list self.layers.")
        linear = [layer for layer in model.layers if hasattr(layer, "w")]
        if len(linear) != 2:
            raise NotYet(f"model.layers holds {len(linear)} layers with a tensor w; it should hold two of your Linear.")
        found = pair("layers[0]", linear[0], (2, 3)) + pair("layers[2]", linear[1], (3, 1))
        put(found, weights)
        loss = self.call(model, inp, targ)
        if torch.is_tensor(loss) and loss.numel() == 4:
            raise NotYet("returns four numbers, one prediction per sample; it should return the loss, one number.")
        agree("for four samples the loss", loss, 1.125, MISTAKES["Model"], batch=4)
        agree("for one sample the loss", self.call(model, inp[:1], targ[:1]), 1)
        went_back(loss)
        for name, tensor in zip(NAMES[1:], found):
            where = f"layers[{0 if name[1] == '1' else 2}].{name[0]}"
            agree_grad(where, tensor, BY_HAND[name], self._known(name), batch=4)
            agreed(f"{where}.grad agrees with the gradient by hand")

    def picture_the_accident(self) -> Figure:
        """A column minus a row is a table: each output is compared with all four targets. F.mse_loss would
        average it all.
        """
        model, (inp, targ) = self.yours.Model(2, 3, 1), small_batch()
        first, last = [layer for layer in model.layers if hasattr(layer, "w")]
        put((first.w, first.b, last.w, last.b), small_network())
        out = network(inp, first.w, first.b, last.w, last.b)
        return pictures.heat_maps(
            {"out": out, "targ": targ, "out - targ": out - targ, "out - targ[:, None]": out - targ[:, None]}, digits=1
        )

    def check_TrainableLinear(self) -> None:
        """Two parameters, and the same values as Linear. The grader tries other layers."""
        torch.manual_seed(6)
        both, inp = list[Any](), small_batch()[0].requires_grad_()
        for sizes in ((30, 20), (30, 20), (2, 3)):
            layer = self.call("TrainableLinear", *sizes)
            found = sorted(layer.parameters(), key=lambda p: p.dim(), reverse=True)
            if len(found) != 2:
                raise NotYet(f"parameters() finds {len(found)} of the tensors; it should find 2.")
            both.append([fits(name, p, sizes[i:]) for i, (name, p) in enumerate(zip("wb", found))])
        fresh(both[0][0], both[0][1], both[1][0])
        put(both[2], small_network()[:2])
        out = self.call(layer, inp)
        agree(
            "for four samples it",
            out,
            [[5.5, 1.5, 1], [-4.5, -4.5, -1], [-2.5, 0.5, 7], [2.5, -1.5, -2]],
            MISTAKES["Linear"],
        )
        went_back(out, torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]]))
        for name, tensor, wanted in zip(
            ("w", "b", "inp"), (*both[2], inp), ([[0, 0, 7], [0, 0, -5]], [0, 0, 2], [[0, 0], [-1, 0], [0, 0], [-1, 0]])
        ):
            agree_grad(name, tensor, wanted, batch=4)

    def check_TrainableModel(self) -> None:
        """Four parameters, and a step of an optimiser lowers the loss. The grader tries other networks."""
        model, (inp, targ), weights = self.call("TrainableModel", 2, 3, 1), small_batch(), small_network()
        count = len(list(model.parameters()))
        if count == 0:
            raise NotYet("parameters() finds nothing: if a layer isn't registered, its parameters can't be found.")
        if count != 4:
            raise NotYet(f"parameters() finds {count} tensors; it should find 4, two for each linear layer.")
        put(ordered(model), weights)
        loss = self.call(model, inp, targ)
        agree("for four samples the loss", loss, 1.125, MISTAKES["Model"], batch=4)
        agree("for one sample the loss", self.call(model, inp[:1], targ[:1]), 1)
        went_back(loss)
        for name, parameter in zip(NAMES[1:], ordered(model)):
            agree_grad(name, parameter, BY_HAND[name], self._known(name), batch=4)
        torch.optim.SGD(model.parameters(), lr=0.001).step()
        stepped = [w - 0.001 * BY_HAND[name] for w, name in zip(weights, NAMES[1:])]
        after = nn.MSELoss()(network(inp, *stepped).flatten(), targ)
        agree(
            "after a step of an optimiser the loss", self.call(model, inp, targ), after, {"hasn't moved.": float(loss)}
        )

    def picture_the_count(self) -> Figure:
        """Each fix alone changes nothing. A parameter is found only if every module on the path to it is registered."""
        found: dict[str, int] = {}
        names = {
            self.yours.Linear: "tensors",
            self.yours.TrainableLinear: "Parameters",
            list: "in a list",
            nn.ModuleList: "ModuleList",
        }
        for kind in (self.yours.Linear, self.yours.TrainableLinear):
            layers = [kind(784, 50), nn.ReLU(), kind(50, 1)]
            for holder in (list, nn.ModuleList):
                module: Any = nn.Module()
                module.layers = holder(layers)
                found[f"{names[kind]}\n{names[holder]}"] = len(list(module.parameters()))
        return pictures.bars(
            torch.tensor(list(found.values())), labels=list(found), title="how many parameters() finds"
        )

    def check_fit(self) -> None:
        """Losses and parameters agree, in three small runs. The grader tries another model."""
        slope, three = Slope(), [(torch.full((1, 1), 2.0), torch.full((1,), 2.0)) for _ in range(3)]
        losses = self.call("fit", slope, three, 0.05)
        if any((t != 2).any() for batch in three for t in batch):
            raise NotYet("changes its batches.")
        if losses is None or not hasattr(losses, "__len__") or len(losses) != 3:
            raise NotYet("doesn't return three losses for three batches.")
        numbers: Callable[[Any], Tensor] = lambda losses: torch.tensor([float(loss) for loss in losses])
        agree("the list of three losses", numbers(losses), [4, 1.44, 0.5184], MISTAKES["fit, losses"])
        agree("after three steps the parameter", slope.line.weight, 0.784, MISTAKES["fit, end"])
        slope, two = (
            Slope(),
            [(torch.ones(4, 1), torch.tensor([1.0, 2, 3, 4])), (torch.ones(1, 1), torch.tensor([10.0]))],
        )
        losses = self.call("fit", slope, two, 0.1)
        agree("for batches of four and of one the list of losses", numbers(losses), [7.5, 90.25])
        agree("after batches of four and of one the parameter", slope.line.weight, 2.4)
        slope = Slope(bias=True)
        self.call("fit", slope, three[:1], 0.05)
        agree("in a model with two parameters the first", slope.line.weight, 0.4)
        agree("in a model with two parameters the second", slope.line.bias, 0.2)

    def picture_the_steps(self) -> Figure:
        """Twelve steps down a parabola: as the slope shrinks, so do the steps, and lr needn't change."""
        slope, pairs = Slope(), [(torch.ones(1, 1), torch.ones(1))]
        at, heights = [0.0], list[float]()
        for _ in range(12):
            heights += [float(loss) for loss in self.yours.fit(slope, pairs, 0.1)]
            at.append(float(slope.line.weight.detach()))
        curve = torch.linspace(-0.2, 1.2, 57)
        return pictures.lines(
            {"loss": (curve, (curve - 1) ** 2), "your steps": (at[:-1], heights)},
            dots=["your steps"],
            xlabel="the parameter a",
            ylabel="loss (a - 1)^2",
        )

    def check_parameters(self) -> None:
        """Printed above: what torch finds in your Model, and what the model says about itself."""
        model = self.call("Model", 784, 50, 1)
        print("parameters():", len(list(model.parameters())))
        model(self.yours.x_train[:10], self.yours.y_train[:10]).backward()
        held = [getattr(layer, name, None) for layer in model.layers for name in "wb"]
        print("tracked tensors with a gradient:", sum(t.grad is not None for t in held if t is not None))
        print("how the model prints itself:", model)
        try:
            torch.optim.SGD(model.parameters(), lr=0.1)
        except ValueError as error:
            print("the optimiser says:", error)

    def check_by_hand_and_by_autograd(self) -> None:
        """The two runs agree; the saved losses are rounded."""
        self.both = {}
        torch.manual_seed(0)
        w1, w2 = torch.randn(784, 50).double() / 28, torch.randn(50, 1).double() / 50**0.5
        model = self.call("TrainableModel", 784, 50, 1).double()
        put(ordered(model), (w1, torch.zeros(50).double(), w2, torch.zeros(1).double()))
        batches = [(x.double(), y.double()) for x, y in self.deal(passes=1)]
        by_autograd = [float(loss) for loss in self.call("fit", model, batches, 0.02)]
        apart = max(abs(a - b) for a, b in zip(LOSSES, by_autograd))
        self.both = {"by hand": (range(80), LOSSES), "by autograd": (range(80), by_autograd)}
        print(f"80 steps: the loss goes from {LOSSES[0]:.2f} to {LOSSES[-1]:.2f}; they differ by at most {apart:.0e}")
        if apart > 1e-3:
            raise NotYet("the two curves differ: fit does something other than steps against the gradient.")

    def picture_both_runs(self) -> Figure:
        """Two lines, one on top of the other: autograd does what you did by hand, only without you."""
        if not self.both:
            raise NotYet("needs the two runs above.")
        both = {name: (list(at), up) for name, (at, up) in self.both.items()}
        return pictures.lines(both, xlabel="step", ylabel="loss of the batch")

    def check_five_runs(self) -> None:
        """On test digits all five are within the wide range of 25 % to 60 %."""
        self.runs = []
        x, y, x_test, y_test = (getattr(self.yours, name) for name in ("x_train", "y_train", "x_valid", "y_valid"))
        passes = self.steps(20, few=1)
        for seed in range(5):
            model = self.start(seed)
            losses = [float(loss) for loss in self.call("fit", model, self.deal(passes, seed), 0.02)]
            self.runs.append((self.accuracy(model, x, y), self.accuracy(model, x_test, y_test), losses, model))
            train, test, *_ = self.runs[-1]
            agreed(f"seed {seed}: {train:.1%} of the training digits are right, {test:.1%} of the test digits")
        low, high = min(run[1] for run in self.runs), max(run[1] for run in self.runs)
        if passes == 20 and (low < 0.25 or high > 0.6):
            raise NotYet(f"test accuracies from {low:.1%} to {high:.1%}; anything between 25 % and 60 % is normal.")

    def picture_the_passes(self) -> Figure:
        """Four of the five starts: their losses fall in almost the same way. Compare that with the last column
        above.
        """
        if len(self.runs) < 5:
            raise NotYet("needs the five runs above.")
        passes = [torch.tensor(losses).reshape(-1, 80).mean(1) for _, _, losses, _ in self.runs[:4]]
        named = {f"seed {seed}": (4 * torch.arange(1, len(up) + 1), up) for seed, up in enumerate(passes)}
        return pictures.lines(named, xlabel="digits seen, in thousands", ylabel="mean loss over a pass")

    def picture_the_guesses(self) -> Figure:
        """Rounded predictions of the first network for test digits. As numbers, many of the wrong ones are close."""
        if not self.runs:
            raise NotYet("needs the five runs above.")
        x, y = self.yours.x_valid[:30], self.yours.y_valid[:30]
        return pictures.digits(x, labels=y.long(), guesses=predicted(self.runs[0][3], x).round().long())

    def check_without_zero_grad(self) -> None:
        """Two runs, and the effect of clearing the gradients is printed above."""
        self.emptied = {}
        for name, change in RUNS.items():
            model = change(self.start(seed=1))
            losses = [float(loss) for loss in self.call("fit", model, self.deal(passes=2), 0.02)]
            up = self.emptied[name] = torch.tensor(losses)
            right = self.accuracy(model, self.yours.x_valid, self.yours.y_valid)
            print(
                f"gradients {name:8}: largest loss {up.max():7.2f}, mean of the last 40 batches "
                f"{up[-40:].mean():6.2f}; {right:.1%} of the test digits right"
            )

    def picture_the_forgotten_zero_grad(self) -> Figure:
        """Old gradients keep pushing long after they were right: the loss shoots up and stays above the other."""
        if len(self.emptied) < 2:
            raise NotYet("needs the two runs above.")
        named = {f"gradients {name}": (torch.arange(len(up)), up) for name, up in self.emptied.items()}
        return pictures.lines(named, xlabel="step", ylabel="loss of the batch", log=True)

    def picture_the_swing(self) -> Figure:
        """With gradients cleared, it glides to 1. With gradients added up, it arrives at full speed, overshoots,
        and oscillates forever.
        """
        paths = {}
        for name, change in RUNS.items():
            slope = change(Slope())
            at = [0.0]
            for _ in range(22):
                self.yours.fit(slope, [(torch.ones(1, 1), torch.ones(1))], 0.1)
                at.append(float(slope.line.weight.detach()))
            paths[f"gradients {name}"] = (torch.arange(23), at)
        return pictures.lines(paths, xlabel="step", ylabel="the parameter a (best is 1)")


RUNS: dict[str, Callable[[Any], Any]] = {"cleared": lambda model: model, "added up": forgetful}
"""What is done to the gradients of a network before it is trained."""


def predicted(model: Any, x: Tensor) -> Tensor:
    """What a network says of each row of x, one number."""
    w1, b1, w2, b2 = (p.detach() for p in ordered(model))
    return network(x, w1, b1, w2, b2)[:, 0]
