"""Hidden tests of Lin."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, Tensors, beside, compare, draw, same_values, unchanged, weight

from . import flows
from .cases import (
    CHAIN,
    LAYER,
    LONE_LAYER,
    NARROW_LAYER,
    SQUARE_LAYER,
    chain_gradients,
    layer,
    layer_gradients,
    linear,
    moved,
)


def _given(spec: Spec) -> Tensors:
    return draw(spec).pick("inp", "w", "b", "out_g")


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.lin, **_given(spec), calls=torch.tensor(calls))


def _compared(student: Student, name: str) -> None:
    answers = {spec: _answered(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, layer_gradients(layer(spec)).pick(name), batch=len(layer(spec)["inp"]))


@weight(2)
def test_is_inp_times_w_plus_b(student: Student) -> None:
    """Calling a Lin gives a row for each sample: its product with w, plus b."""
    answers = {spec: student.run(flows.lin_forward, **draw(spec).pick("inp", "w", "b")) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, linear(draw(spec)))


@weight(1)
@beside(test_is_inp_times_w_plus_b)
def test_gives_a_matrix(student: Student) -> None:
    """A Lin also gives a matrix for a single sample, and for a single output."""
    for spec in (LONE_LAYER, NARROW_LAYER):
        answer = student.run(flows.lin_forward, **draw(spec).pick("inp", "w", "b"))
        compare(answer, linear(draw(spec)), exact=True)


@weight(3)
def test_gradient_of_the_weights(student: Student) -> None:
    """backward sets w.g as autograd does, for a batch and for a single sample."""
    _compared(student, "w.g")


@weight(2)
def test_gradient_of_the_bias(student: Student) -> None:
    """backward sets b.g as autograd does, a number for each output."""
    _compared(student, "b.g")


@weight(3)
def test_gradient_of_the_input(student: Student) -> None:
    """backward sets inp.g as autograd does, a row for each sample."""
    _compared(student, "inp.g")


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """The result and all three gradients are also right when there are as many samples as inputs and outputs."""
    square = layer(SQUARE_LAYER)
    compare(
        _answered(student, SQUARE_LAYER),
        {**linear(draw(SQUARE_LAYER)), **layer_gradients(square)},
    )


@weight(1)
def test_two_in_a_row(student: Student) -> None:
    """Two Lin layers in a row each have their own memory, and the gradient goes back from the second to the first."""
    given = draw(CHAIN)
    compare(student.run(flows.two_lins, **given), chain_gradients(given), batch=len(given["inp"]))


@weight(1)
def test_goes_back_through_the_latest_call(student: Student) -> None:
    """A Lin that is called again goes back through its latest input, with the weights as they are by then."""
    wanted = moved(layer(LAYER))
    for rows in (6, 3):
        answer = student.run(flows.lin_again, **_given(LAYER), rows=torch.tensor(rows))
        compare(answer, {**linear(wanted), **layer_gradients(wanted)})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """backward assigns its three gradients and adds nothing to earlier ones, even when it runs again."""
    once, twice = _answered(student, LAYER), _answered(student, LAYER, calls=2)
    wanted = layer_gradients(layer(LAYER))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_gradient_of_the_weights, test_gradient_of_the_bias, test_gradient_of_the_input)
def test_leaves_its_tensors_alone(student: Student) -> None:
    """A Lin sets gradients and takes no step: inp, w, b and out.g keep their values."""
    given = {name.replace("_", "."): tensor for name, tensor in _given(LAYER).items()}
    unchanged(_answered(student, LAYER), {f"given {name}": tensor for name, tensor in given.items()})
