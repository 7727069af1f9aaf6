"""Hidden tests of autograd_gradients."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, counted, unchanged, weight

from . import flows
from .cases import LONE_NET, NET, SQUARE_NET, WEIGHTS, gradients, network


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.autograd_gradients, **network(spec), calls=torch.tensor(calls))


@weight(3)
def test_five_gradients(student: Student) -> None:
    """The five gradients are those of the loss, in the order inp, w1, b1, w2, b2, for a batch and a single sample."""
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, gradients(network(spec)), batch=len(network(spec)["inp"]))
        counted(answer, "how many", 5.0, "More than the five gradients are returned")


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """The gradients are also right when there are as many samples as inputs and hidden units."""
    net = network(SQUARE_NET)
    compare(_answered(student, SQUARE_NET), gradients(net))


@weight(1)
@beside(test_five_gradients)
def test_second_call(student: Student) -> None:
    """A second call on the same tensors gives the same gradients, not doubled; for other tensors it gives theirs."""
    compare(_answered(student, NET, calls=2), gradients(network(NET)))


@weight(1)
@beside(test_five_gradients)
def test_leaves_its_arguments_alone(student: Student) -> None:
    """Autograd works on clones: the caller's tensors keep their values, and aren't tracked afterwards."""
    answer = _answered(student, NET)
    given = network(NET).pick("inp", "targ", *WEIGHTS)
    unchanged(answer, {f"given {name}": tensor for name, tensor in given.items()})
    counted(answer, "watched afterwards", 0.0, "Autograd goes on watching tensors of the caller: it is to watch clones")
    counted(answer, "gradients left behind", 0.0, "A gradient was left on a tensor of the caller")
