"""Hidden tests of lin_grad."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, same_values, unchanged, weight

from . import flows
from .cases import LAYER, LONE_LAYER, SQUARE_LAYER, layer, layer_gradients


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.lin_grad, **layer(spec), calls=torch.tensor(calls))


def _compared(student: Student, name: str) -> None:
    answers = {spec: _answered(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, layer_gradients(layer(spec)).pick(name), batch=len(layer(spec)["inp"]))


@weight(3)
def test_gradient_of_the_weights(student: Student) -> None:
    """w.g matches autograd's, for a batch and for a single sample."""
    _compared(student, "w.g")


@weight(2)
def test_gradient_of_the_bias(student: Student) -> None:
    """b.g matches autograd's, a number for each output."""
    _compared(student, "b.g")


@weight(3)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g matches autograd's, a row for each sample."""
    _compared(student, "inp.g")


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """All three gradients are also right when there are as many samples as inputs and outputs."""
    square = layer(SQUARE_LAYER)
    compare(_answered(student, SQUARE_LAYER), layer_gradients(square))


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """lin_grad assigns its three gradients and adds nothing to earlier ones, even in a second call."""
    once, twice = _answered(student, LAYER), _answered(student, LAYER, calls=2)
    wanted = layer_gradients(layer(LAYER))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """lin_grad sets three gradients; inp, out, w, b and out.g keep their values."""
    given = {name.replace("_", "."): tensor for name, tensor in layer(LAYER).items()}
    unchanged(_answered(student, LAYER), {f"given {name}": tensor for name, tensor in given.items()})
