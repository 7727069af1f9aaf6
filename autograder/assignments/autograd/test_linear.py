"""Hidden tests of Linear."""

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
    return student.run(flows.linear, **draw(spec))


def _fitted(answer: dict[str, Value], spec: Spec) -> dict[str, Value]:
    compare(answer, draw(spec).pick("w", "b"))
    return answer


@weight(3)
def test_output(student: Student) -> None:
    """A Linear with w (n_in, n_out) and b (n_out,) gives inp times w plus b, for a batch and for a single sample."""
    answers = {spec: _answered(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(_fitted(answer, spec), layer_output(draw(spec)))


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """Linear is also right when there are as many samples as inputs and outputs."""
    given, answer = draw(SQUARE_LAYER), _fitted(_answered(student, SQUARE_LAYER), SQUARE_LAYER)
    compare(answer, {**layer_output(given), **layer_gradients(given)})


@weight(3)
def test_gradients_stand_on_w_and_b(student: Student) -> None:
    """After a backward call w and b have the right gradients, and so does the input."""
    given = draw(LAYER)
    compare(_fitted(_answered(student, LAYER), LAYER), layer_gradients(given), batch=len(given["inp"]))


@weight(1)
@beside(test_output)
def test_gives_a_matrix(student: Student) -> None:
    """The output is also a matrix for a single sample, and for a single output."""
    for spec in (LONE_LAYER, NARROW_LAYER):
        compare(_fitted(_answered(student, spec), spec), layer_output(draw(spec)).pick("answer"), exact=True)


@weight(1)
@beside(test_output)
def test_leaves_its_input_alone(student: Student) -> None:
    """The input keeps its values."""
    unchanged(_answered(student, LAYER), {"given inp": draw(LAYER)["inp"]})


@weight(2)
@beside(test_output)
def test_start(student: Student) -> None:
    """A new layer has standard normal weights, different from the next layer's, and a bias of 0."""
    sizes = dict(zip(("n_in", "n_out"), map(torch.tensor, START_SIZES), strict=True))
    answer = student.run(flows.linear_start, **sizes)
    for name, (wanted, sentence) in START.items():
        counted(answer, name, wanted, sentence)
