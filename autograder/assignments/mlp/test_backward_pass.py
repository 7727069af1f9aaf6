"""Hidden tests of backward_pass."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, Tensors, beside, compare, draw, unchanged, weight

from . import flows
from .cases import DISTINCT, HELD, SLIM, SQUARE, WEIGHTS, empty, gradients, trace


def _given(spec: Spec) -> Tensors:
    net = draw(spec)
    return Tensors({**net.pick(*WEIGHTS, "t"), **trace(net)})


def _passed_backward(student: Student, spec: Spec, held: Tensors, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.backward_pass, **_given(spec), **held, calls=torch.tensor(calls))


@weight(2)
def test_output_layer(student: Student) -> None:
    """The gradients of w2 and b2 match autograd's."""
    answers = {spec: _passed_backward(student, spec, empty(draw(spec))) for spec in (DISTINCT, SLIM)}
    for spec, answer in answers.items():
        compare(answer, gradients(draw(spec)).pick("dl_dw2", "dl_db2"))


@weight(3)
def test_hidden_layer(student: Student) -> None:
    """The gradients of w1 and b1 match autograd's."""
    answers = {spec: _passed_backward(student, spec, empty(draw(spec))) for spec in (DISTINCT, SLIM)}
    for spec, answer in answers.items():
        compare(answer, gradients(draw(spec)).pick("dl_dw1", "dl_db1"))


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """All four gradients are also right when every layer has the same width."""
    net = draw(SQUARE)
    compare(_passed_backward(student, SQUARE, empty(net)), gradients(net))


@weight(1)
def test_adds_to_what_is_there(student: Student) -> None:
    """backward_pass adds to what the accumulators hold: two calls add two gradients."""
    net, held = draw(DISTINCT), draw(HELD[DISTINCT])
    compare(_passed_backward(student, DISTINCT, held, calls=2), held + 2 * gradients(net))


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """backward_pass changes the four accumulators and nothing else that it is given."""
    answer = _passed_backward(student, DISTINCT, empty(draw(DISTINCT)))
    unchanged(answer, {f"given {name}": tensor for name, tensor in _given(DISTINCT).items()})
