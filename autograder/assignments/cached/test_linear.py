"""Hidden tests of Linear."""

import torch

from autograder.jail import Student
from autograder.judge import beside, compare, draw, same_values, unchanged, weight

from . import flows
from .cases import (
    LAYER,
    LONE_LAYER,
    NARROW_LAYER,
    SQUARE_LAYER,
    TWO_LAYERS,
    linear,
    linears,
)

STALE = torch.tensor(7.0)
"""A gradient that was there before, in every entry."""


def _compared(student: Student, name: str) -> None:
    given = [draw(spec) for spec in (LONE_LAYER, NARROW_LAYER, LAYER)]
    student.run(flows.linear_once_more, **draw(LAYER), stale=STALE)  # tells adding from not finding, if it ends
    answers = [student.run(flows.linear, **tensors) for tensors in given]
    for tensors, answer in reversed(list(zip(given, answers, strict=True))):
        compare(answer, linear(tensors).pick(name), batch=len(tensors["inp"]))


@weight(2)
def test_is_inp_times_weights_plus_bias(student: Student) -> None:
    """Linear gives a row for each sample: its product with W, plus its own row of b."""
    given = [draw(spec) for spec in (LONE_LAYER, NARROW_LAYER, LAYER)]
    answers = [student.run(flows.linear_forward, **tensors.pick("inp", "W", "b")) for tensors in given]
    for tensors, answer in reversed(list(zip(given, answers, strict=True))):
        compare(answer, linear(tensors).pick("out"))


@weight(2)
def test_gradient_of_the_weights(student: Student) -> None:
    """W.g matches autograd's, for a batch, for a single output and for a single sample."""
    _compared(student, "W.g")


@weight(2)
def test_gradient_of_the_bias(student: Student) -> None:
    """b.g matches autograd's: in this lesson it has a row for each sample, as b has, and is not summed over them."""
    _compared(student, "b.g")


@weight(2)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g matches autograd's, a row for each sample."""
    _compared(student, "inp.g")


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """Output and gradients are also right when there are as many samples as inputs and outputs."""
    given = draw(SQUARE_LAYER)
    compare(student.run(flows.linear, **given), linear(given))


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_two_layers_in_a_row(student: Student) -> None:
    """Two Linears go forward, one after the other, and back: each remembers its own input."""
    given = draw(TWO_LAYERS)
    compare(student.run(flows.two_linears, **given), linears(given), batch=len(given["inp"]))


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same gradients and doesn't double them, whatever was there before."""
    given = draw(LAYER)
    once = student.run(flows.linear, **given)
    again = student.run(flows.linear_once_more, **given, stale=STALE)
    wanted = linear(given).pick("inp.g", "W.g", "b.g")
    compare(again, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """Linear sets three gradients; inp, W, b and out.g keep their values."""
    given = {name.replace("_", "."): tensor for name, tensor in draw(LAYER).items()}
    after = student.run(flows.linear, **draw(LAYER))
    unchanged(after, {f"given {name}": tensor for name, tensor in given.items()})
