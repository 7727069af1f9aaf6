"""Hidden tests of autograd_gradients."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Mismatch, Spec, beside, compare, counted, unchanged, weight

from . import flows
from .cases import LONE_NET, NET, SQUARE_NET, WEIGHTS, gradients, network

FEW = {0: "No", 1: "One", 2: "Two", 3: "Three", 4: "Four", 6: "Six", 7: "Seven"}
"""Numbers of values that are told; a larger one could carry something."""


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.autograd_gradients, **network(spec), calls=torch.tensor(calls))


def _compared(answer: dict[str, Value], spec: Spec) -> None:
    """Compare five values with five gradients; where there are more or fewer, nothing else is said of wrong ones."""
    try:
        compare(answer, gradients(network(spec)), batch=len(network(spec)["inp"]))
    except Mismatch:
        _five(answer)
        raise


def _five(answer: dict[str, Value]) -> None:
    """Check that there are five values, unless it is one tensor or another thing that came."""
    count = answer.get("how many")
    if "answer" not in answer and isinstance(count, float) and count != 5:
        found = FEW.get(count, "Fewer than five" if count < 5 else "Many more than five")
        raise Mismatch(f"{found} value{'s are' if count != 1 else ' is'} returned; five gradients are asked for")


@weight(3)
def test_five_gradients(student: Student) -> None:
    """The five gradients are those of the loss, in the order inp, w1, b1, w2, b2, for a batch and a single sample."""
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        _compared(answer, spec)
        _five(answer)


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """The gradients are also right when there are as many samples as inputs and hidden units."""
    _compared(_answered(student, SQUARE_NET), SQUARE_NET)


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
