"""`mlp`: a network by hand, one sample at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from data_utils import diagrams, pictures
from data_utils.checks import NotYet, agree, agreed, aside, nudge, nudge_each
from data_utils.lesson import Lesson
from data_utils.mistakes.mlp import MISTAKES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Mlp(Lesson):
    """A network by hand."""

    BUILDS_ON = {
        "sigma": (),
        "dsigma": ("sigma",),
        "loss": (),
        "dloss": ("loss",),
        "forward_pass": ("sigma",),
        "backward_pass": ("loss", "forward_pass", "dsigma", "dloss"),
        "two calls": ("backward_pass",),
        "train": ("loss", "forward_pass", "backward_pass"),
    }
    SECTIONS = {
        "sigma": "3. sigma, the activation of every neuron",
        "dsigma": "4. dsigma, its slope",
        "loss": "5. loss, one number for how wrong",
        "dloss": "6. dloss, which way is better",
        "forward_pass": "7. forward_pass",
        "backward_pass": "9. backward_pass",
        "two calls": "10. It adds",
        "train": "11. train",
    }
    WRITTEN = ("8. The derivation, in writing",)

    def nudged(self, weights: list[Tensor], x: Tensor, t: Tensor) -> list[Tensor]:
        """The four gradients of your loss of your forward_pass, measured by nudging every weight and bias."""
        x, t = x.double(), t.double()
        return nudge_each(lambda *w: self.yours.loss(self.yours.forward_pass(*w, x)[-1], t), *weights)

    def picture_one_knob(self) -> Figure:
        """The dashed line is all that a nudge tells you: near the knob it matches the curve, further away it
        doesn't.
        """
        w = torch.linspace(-2.8, 2.8, 200)
        near = self.yours.knob + torch.linspace(-0.6, 0.6, 5)
        there = self.yours.machine(self.yours.knob) + self.yours.slope * (near - self.yours.knob)
        both = {"loss": (w, self.yours.machine(w)), "slope where you are": (near, there)}
        return pictures.lines(both, xlabel="knob w", ylabel="loss")

    def picture_the_data(self) -> Figure:
        """Twenty of the training images. To the network each is 784 numbers, and each has a one-hot target."""
        return pictures.digits(self.yours.train_input[:20], labels=self.yours.train_target[:20])

    def check_sigma(self) -> None:
        """Shape and 5 values agree. The grader tries other inputs."""
        s = torch.tensor([-2.0, -1, 0, 1, 2])
        agree(
            "at s = -2, -1, 0, 1, 2 it", self.call("sigma", s), [-0.9640, -0.7616, 0, 0.7616, 0.9640], MISTAKES["sigma"]
        )
        if self.call("sigma", torch.tensor([-100.0, 100])).isnan().any():
            aside("At s = 100 yours is nan, because exp(100) overflows. Not graded, but can you avoid that?")

    def picture_sigma(self) -> Figure:
        """Near 0 tanh is almost the line s; far out it is flat, at -1 and 1."""
        s = torch.linspace(-4, 4, 65)
        both = {"your sigma": (s, self.yours.sigma(s)), "s itself": (s[24:41], s[24:41])}
        return pictures.lines(both, xlabel="s", ylabel="sigma(s)")

    def check_dsigma(self) -> None:
        """Shape and 5 slopes agree with those measured on your own sigma. The grader tries other inputs."""
        agree("dsigma(1)", self.call("dsigma", torch.ones(1)), [0.4200], MISTAKES["dsigma"])
        s = torch.tensor([-2.0, -1, 0, 1, 2])
        agree("at s = -2, -1, 0, 1, 2 it", self.call("dsigma", s), nudge(lambda s: self.call("sigma", s).sum(), s))

    def picture_dsigma(self) -> Figure:
        """A correct tangent touches the curve and never crosses it. The slope is 0.07 at 2: a saturated neuron
        lets almost no gradient through.
        """
        return pictures.line_with_tangents(self.yours.sigma, self.yours.dsigma)

    def check_loss(self) -> None:
        """160 and 26, both as they should be. The grader tries other inputs."""
        sixes, twos = torch.full((10,), 6.0), torch.full((10,), 2.0)
        agree("for ten sixes against ten twos it", self.call("loss", sixes, twos), 160, MISTAKES["loss"])
        v, t = torch.tensor([1.0, -2, 3]), torch.tensor([0.0, 1, -1])
        agree("for (1, -2, 3) against (0, 1, -1) it", self.call("loss", v, t), 26)

    def picture_loss(self) -> Figure:
        """One output, target 2: a parabola. Twice as far off costs four times as much."""
        v = torch.linspace(-2, 6, 33)
        losses = torch.stack([self.yours.loss(i.view(1), torch.tensor([2.0])) for i in v])
        return pictures.lines({"your loss, t = 2": (v, losses)}, xlabel="one output v", ylabel="loss")

    def check_dloss(self) -> None:
        """Ten times 8, and 3 slopes agree with those measured on your own loss. The grader tries other inputs."""
        sixes, twos = torch.full((10,), 6.0), torch.full((10,), 2.0)
        agree("for ten sixes against ten twos it", self.call("dloss", sixes, twos), [8.0] * 10, MISTAKES["dloss"])
        v, t = torch.tensor([1.0, -2, 3]), torch.tensor([0.0, 1, -1])
        slopes = nudge(lambda v: self.call("loss", v, t.double()), v)
        agree("compared with slopes measured on your own loss it", self.call("dloss", v, t), slopes)

    def picture_dloss(self) -> Figure:
        """Each output is pulled toward its target, down the loss. Twice as far away, it is pulled twice as hard."""
        v = torch.tensor([-0.8, 0.1, -0.3, 0.2, 0.6, 0.3, -0.1, -0.5, 0.4, 0])
        t = torch.tensor([0, 0, 0, 0, 0, 0.9, 0, 0, 0, 0])
        return pictures.pulls(v, t, self.yours.dloss(v, t))

    def check_forward_pass(self) -> None:
        """Five values, in the right order, agree on a 4-3-2 network. The grader tries other networks."""
        got = self.call("forward_pass", *small_network()[:5])
        if not isinstance(got, (tuple, list)) or len(got) != 5:
            raise NotYet("should return a tuple of five: x, s1, x1, s2, x2.")
        wanted = {
            "x": [1, 0.5, -1, 2],
            "s1": [1.5, 0.5, -2.75],
            "x1": [0.9051, 0.4621, -0.9919],
            "s2": [-0.0529, 1.4066],
            "x2": [-0.0528, 0.8868],
        }
        for name, value in zip(wanted, got):
            agree(f"{name}, the first of the five that is wrong,", value, wanted[name], MISTAKES.get(name))

    def picture_the_network(self) -> Figure:
        """What forward_pass does, with the shape on every wire. Keep all of it: the backward pass needs it."""
        return diagrams.network((784, 50, 10))

    def picture_the_chain_rule(self) -> Figure:
        """The same wires, reversed. Every question mark is one factor of the chain rule."""
        return diagrams.network((784, 50, 10), backward=True)

    def check_backward_pass(self) -> None:
        """Four gradients agree on a 4-3-2 network. The grader tries other networks."""
        *weights, x, t = small_network()
        got, wanted = [torch.zeros_like(w) for w in weights], self.nudged(weights, x, t)
        self.call("backward_pass", *weights, t, *self.yours.forward_pass(*weights, x), writes=got)
        if not any(g.any() for g in got):
            raise NotYet("all four accumulators are unchanged: assigning to a name doesn't write into the old tensor.")
        for name, i in (("dl_db2", 3), ("dl_dw2", 2), ("dl_db1", 1), ("dl_dw1", 0)):
            mistakes = {"is still zero: nothing was added to it.": 0 * wanted[i], **MISTAKES.get(name, {})}
            agree(f"{name}, the first gradient of the backward pass that isn't right,", got[i], wanted[i], mistakes)
            agreed(f"{name} agrees with slopes measured on your own network")

    def picture_backward_pass(self) -> Figure:
        """58 weights and biases of a 7-5-3 network, one dot each. Correct ones lie on the diagonal."""
        torch.manual_seed(9)
        weights = [torch.randn(size).double() / 2 for size in ((5, 7), (5,), (3, 5), (3,))]
        x, t = torch.randn(7).double(), torch.rand(3).double()
        yours = [torch.zeros_like(w) for w in weights]
        self.yours.backward_pass(*weights, t, *self.yours.forward_pass(*weights, x), *yours)
        pairs = zip(yours, self.nudged(weights, x, t))
        return pictures.scatter_check(dict(zip(("w1", "b1", "w2", "b2"), pairs)))

    def check_two_calls(self) -> None:
        """They added two gradients to what was there."""
        *weights, x, t = small_network()
        got, once = [torch.full_like(w, 3.0) for w in weights], self.nudged(weights, x, t)
        for _ in range(2):
            self.call("backward_pass", *weights, t, *self.yours.forward_pass(*weights, x), writes=got)
        for name, total, g in zip(("dl_dw1", "dl_db1", "dl_dw2", "dl_db2"), got, once):
            agree(
                f"{name}, which held 3 at first,",
                total,
                3 + g + g,
                {
                    "is a single gradient: the old value is lost.": g,
                    "is still 3: nothing was added.": 0 * g + 3,
                },
            )

    def picture_three_calls(self) -> Figure:
        """Three samples, each alone, then all three into one accumulator: the last bar is the sum of the others."""
        *weights, inputs, targets = three_samples()
        single, total = list[Tensor](), [torch.zeros_like(w) for w in weights]
        for x, t in zip(inputs, targets):
            alone = [torch.zeros_like(w) for w in weights]
            for accumulators in (alone, total):
                self.yours.backward_pass(*weights, t, *self.yours.forward_pass(*weights, x), *accumulators)
            single.append(alone[3][1])
        names = ["sample 1", "sample 2", "sample 3", "all three"]
        return pictures.bars(torch.stack([*single, total[3][1]]), labels=names, title="dl_db2[1]")

    def check_train(self) -> None:
        """Loss and errors agree in each of 4 steps on three samples. The grader tries other networks."""
        told: list[tuple[Any, ...]] = []
        end = self.call("train", *three_samples(), 4, 0.1, after_step=lambda *seven: told.append(seven))
        if not isinstance(end, (tuple, list)) or len(end) != 4:
            raise NotYet("should return a tuple of four: w1, b1, w2, b2.")
        if [len(seven) for seven in told] != [7] * 4 or [seven[0] for seven in told] != [0, 1, 2, 3]:
            raise NotYet(
                "in 4 steps after_step should be called 4 times, with 7 values, the first being k = 0, 1, 2, 3."
            )
        losses, errors = ([float(seven[i]) for seven in told] for i in (1, 2))
        agree(
            "the loss of the 4 steps", torch.tensor(losses), [3.2819, 0.6863, 0.5186, 0.3470], MISTAKES["training loss"]
        )
        agree(
            "the number of errors in each of 4 steps", torch.tensor(errors), [1, 0, 0, 0], MISTAKES["training errors"]
        )
        for name, returned, last in zip(("w1", "b1", "w2", "b2"), end, told[-1][3:]):
            agree(f"the last {name} that after_step was given", last, returned)
        self.call("train", *three_samples(), 1, 0.1)

    def log(self, steps: int) -> Log:
        """What is handed to `train` as its `after_step`."""
        return Log(self, steps)

    def picture_the_training(self) -> Figure:
        """A plateau, then a cliff, then slow progress on the hard digits."""
        self.yours.log.trained()
        return pictures.curves(self.yours.log.history)

    def picture_the_plateau(self) -> Figure:
        """From 810 to 729: the dots, one trained number, lie on the curve of your whole network."""
        self.yours.log.trained()
        cost: Callable[[Tensor], Any] = lambda b: self.yours.loss(
            self.yours.sigma(b) * torch.ones(10), self.yours.train_target[0]
        )
        b, predicted = torch.zeros(1), list[float]()
        for _ in range(16):
            predicted.append(1000 * float(cost(b)))
            b = b.double() - 0.1 * nudge(cost, b) / 10
        measured = self.yours.log.history["loss"][:16]
        both = {"your network": (range(len(measured)), measured), "one number": (range(16), predicted)}
        return pictures.lines(both, dots=["one number"], xlabel="steps taken", ylabel="loss")

    def picture_the_cliff(self) -> Figure:
        """Both grow by a constant factor per step, unnoticed, until they matter. Where their curves bend, the loss
        falls.
        """
        self.yours.log.trained()
        steps, (w1, _, w2, _) = range(1, len(self.yours.log.sizes) + 1), zip(*self.yours.log.sizes)
        both = {"length of w1": (steps, w1), "length of w2": (steps, w2)}
        return pictures.lines(both, xlabel="steps taken", log=True)

    def picture_the_first_layer(self) -> Figure:
        """The rows of your w1: strokes where digits differ, and flat corners where no digit ever has ink."""
        return pictures.weights(self.yours.log.trained()[0])

    def picture_the_mistakes(self) -> Figure:
        """The first ten unseen digits that your network gets wrong. Which of them would you have got right?"""
        wrong = self.yours.log.mistakes()[:10]
        guesses = self.yours.log.guesses()
        return pictures.digits(
            self.yours.test_input[wrong], labels=self.yours.test_target[wrong], guesses=guesses[wrong]
        )


class Log:
    """An after_step that remembers what it is told, tests the network every 10 steps and prints a line every 20."""

    def __init__(self, lesson: Mlp, steps: int) -> None:
        self.yours, self.steps, self.begun = lesson.yours, steps, time.monotonic()
        self.weights: list[Tensor] | None = None
        self.sizes: list[list[float]] = []
        self.history: dict[str, list[Any]] = {"loss": [], "train_error": [], "test_error": []}

    def __call__(self, k: int, loss: float, errors: int, *weights: Tensor) -> None:
        """Remember a step, by position: which step, the loss and the errors before it, the weights after it."""
        self.weights = [w.clone() for w in weights]
        self.sizes.append([float(w.norm()) for w in weights])
        self.history["loss"].append(float(loss))
        self.history["train_error"].append(100 * float(errors) / len(self.yours.train_input))
        if k % 10 == 9 or k == 0:
            self.history["test_error"].append((k + 1, 100 * len(self.mistakes()) / len(self.yours.test_input)))
        if k % 20 == 19 or k == 0:
            loss, train, (_, test) = (self.history[name][-1] for name in self.history)
            left = (time.monotonic() - self.begun) / (k + 1) * (self.steps - k - 1)
            line = (
                f"step {k + 1:4} of {self.steps}   loss {loss:6.1f}   wrong: train {train:4.1f} %, test {test:4.1f} %"
            )
            print(line + (f"   {left:3.0f} s left" if k else ""), flush=True)

    def guesses(self) -> Tensor:
        """What the network says to each of the digits that it has never seen."""
        return torch.stack([self.yours.forward_pass(*self.trained(), x)[-1].argmax() for x in self.yours.test_input])

    def mistakes(self) -> Tensor:
        """Which of them it gets wrong."""
        wrong: Tensor = (self.guesses() != self.yours.test_target.argmax(1)).nonzero().flatten()
        return wrong

    def trained(self) -> list[Tensor]:
        """The weights that it has by now.

        Raises:
            NotYet: if no step was taken.
        """
        if self.weights is None:
            raise NotYet("needs a network that has been trained (section 11).")
        return self.weights


def small_network() -> list[Tensor]:
    """Weights of a network with 4 inputs, 3 hidden units and 2 outputs, a sample x and its target t."""
    layer1 = [[0.5, -1, 0, 0.5], [1, 0, -0.5, 0], [0, 0.5, 1, -1]], [0.5, -1, 0]
    layer2 = [[1, -1, 0.5], [0.5, 1, -1]], [0, -0.5]
    return [torch.tensor(v) for v in (*layer1, *layer2, [1, 0.5, -1, 2], [0.9, 0])]


def three_samples() -> list[Tensor]:
    """Weights of a network with 2 inputs, 3 hidden units and 2 outputs, three samples and their targets."""
    layer1 = [[0.5, -0.5], [1, 0.5], [-0.5, 1]], [0, 0.1, -0.1]
    layer2 = [[0.5, 0.5, -1], [1, -0.5, 0.5]], [0.1, 0]
    return [torch.tensor(v) for v in (*layer1, *layer2, [[1.0, 0], [0, 1], [1, 1]], [[0.9, 0], [0, 0.9], [0, 0.9]])]
