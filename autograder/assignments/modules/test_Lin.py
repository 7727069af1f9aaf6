"""Hidden tests of Lin."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, Tensors, beside, compare, counted, draw, same_values, unchanged, weight

from . import flows
from .cases import (
    LAYER,
    LONE_LAYER,
    NARROW_LAYER,
    OTHER_LAYER,
    SQUARE_LAYER,
    layer_gradients,
    linear,
)


def _called(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.lin, **draw(spec).pick("inp", "w", "b"))


def _back(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.lin_back, **draw(spec), calls=torch.tensor(calls))


def _compared(student: Student, name: str) -> None:
    answers = {spec: _back(student, spec) for spec in (LONE_LAYER, NARROW_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, layer_gradients(draw(spec)).pick(name), batch=len(draw(spec)["inp"]))


@weight(2)
def test_is_x_times_w_plus_b(student: Student) -> None:
    """Calling a Lin gives a row for each sample: its product with w, plus b."""
    answers = {spec: _called(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, linear(draw(spec)))


@weight(1)
@beside(test_is_x_times_w_plus_b)
def test_gives_a_matrix(student: Student) -> None:
    """A Lin also gives a matrix for a single sample, and for a single output."""
    for spec in (LONE_LAYER, NARROW_LAYER):
        answer = student.run(flows.lin, **draw(spec).pick("inp", "w", "b"))
        compare(answer, linear(draw(spec)), exact=True)


@weight(2)
def test_gradient_of_the_weights(student: Student) -> None:
    """w.g matches autograd's, for a batch, a single sample and a single output."""
    _compared(student, "w.g")


@weight(2)
def test_gradient_of_the_bias(student: Student) -> None:
    """b.g matches autograd's, a number for each output."""
    _compared(student, "b.g")


@weight(2)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g matches autograd's, a row for each sample."""
    _compared(student, "inp.g")


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """Output and gradients are also right when there are as many samples as inputs and outputs."""
    square = draw(SQUARE_LAYER)
    compare(_called(student, SQUARE_LAYER), linear(square))
    compare(_back(student, SQUARE_LAYER), layer_gradients(square))


@weight(1)
def test_two_lins(student: Student) -> None:
    """Two Lin layers each keep their own parameters and their own call."""
    first, second = draw(LAYER), draw(OTHER_LAYER)
    other = {f"other_{name}": tensor for name, tensor in second.items()}
    theirs = {
        f"{name} of the other Lin": gradient for name, gradient in layer_gradients(second).pick("w.g", "b.g").items()
    }
    compare(student.run(flows.two_lins, **first, **other), {**layer_gradients(first), **theirs})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same gradients: it doesn't double them."""
    once, twice = _back(student, LAYER), _back(student, LAYER, calls=2)
    wanted = layer_gradients(draw(LAYER))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """Lin sets three gradients; inp, w, b and out.g keep their values."""
    layer: Tensors = draw(LAYER)
    given = {f"given {name.replace('_', '.')}": tensor for name, tensor in layer.items()}
    unchanged(_back(student, LAYER), given)


@weight(1)
@beside(test_is_x_times_w_plus_b, test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_builds_on_module(student: Student) -> None:
    """Lin is built on Module."""
    counted(_called(student, LAYER), "number of Modules that it builds on", 1.0, "Lin is not built on Module")
