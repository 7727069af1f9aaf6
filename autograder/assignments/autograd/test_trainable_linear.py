"""Hidden tests of TrainableLinear."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, counted, draw, unchanged, weight

from . import flows
from .cases import (
    LAYER,
    LONE_LAYER,
    NARROW_LAYER,
    SQUARE_LAYER,
    START,
    START_SIZES,
    layer_gradients,
    layer_output,
)


def _answered(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.trainable_linear, **draw(spec))


def _found(answer: dict[str, Value]) -> dict[str, Value]:
    counted(answer, "has w", 1.0, "parameters() gives no tensor of shape (n_in, n_out)")
    counted(answer, "has b", 1.0, "parameters() gives no tensor of shape (n_out,)")
    return answer


@weight(3)
def test_output(student: Student) -> None:
    """The output is computed from the tensors that parameters() gives, one of shape (n_in, n_out) and one (n_out,)."""
    answers = {spec: _answered(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(_found(answer), layer_output(draw(spec)).pick("answer"))


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """TrainableLinear is also right when there are as many samples as inputs and outputs."""
    answer = _answered(student, SQUARE_LAYER)
    compare(_found(answer), layer_output(draw(SQUARE_LAYER)).pick("answer"))


@weight(2)
def test_gradients(student: Student) -> None:
    """After a backward call both parameters have the right gradients, and so does the input."""
    given = draw(LAYER)
    compare(_found(_answered(student, LAYER)), layer_gradients(given), batch=len(given["inp"]))


@weight(1)
@beside(test_output)
def test_parameters(student: Student) -> None:
    """parameters() gives two tensors and no more, the bias not as a column."""
    answer = _answered(student, LAYER)
    counted(answer, "how many", 2.0, "parameters() doesn't give exactly two tensors")
    counted(answer, "b is a column", 0.0, "parameters() gives a bias of shape (n_out, 1), but (n_out,) is expected")


@weight(1)
@beside(test_output)
def test_gives_a_matrix(student: Student) -> None:
    """The output is also a matrix for a single sample, and for a single output."""
    for spec in (LONE_LAYER, NARROW_LAYER):
        compare(_found(_answered(student, spec)), layer_output(draw(spec)).pick("answer"), exact=True)


@weight(1)
@beside(test_output)
def test_leaves_its_input_alone(student: Student) -> None:
    """The input keeps its values."""
    unchanged(_answered(student, LAYER), {"given inp": draw(LAYER)["inp"]})


@weight(1)
@beside(test_output)
def test_start(student: Student) -> None:
    """A new layer has standard normal weights, different from the next layer's, and a bias of 0."""
    sizes = dict(zip(("n_in", "n_out"), map(torch.tensor, START_SIZES), strict=True))
    answer = student.run(flows.trainable_linear_start, **sizes)
    for name, (wanted, sentence) in START.items():
        counted(answer, name, wanted, sentence)
