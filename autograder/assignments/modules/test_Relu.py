"""Hidden tests of Relu."""

import torch

from autograder.jail import Student
from autograder.judge import beside, compare, counted, unchanged, weight

from . import flows
from .cases import (
    LONE_MATRIX,
    MATRIX,
    TWO_CALLS,
    away_from_zero,
    rectified,
    relu_gradient,
    with_zeros,
)


@weight(2)
def test_cuts_at_zero(student: Student) -> None:
    """Calling a Relu lets positive entries pass and makes the others 0."""
    inputs = [away_from_zero(spec)["x"] for spec in (LONE_MATRIX, MATRIX)]
    answers = [student.run(flows.relu, x=x) for x in inputs]
    for x, answer in zip(reversed(inputs), reversed(answers), strict=True):
        compare(answer, rectified(x))


@weight(3)
def test_gradient(student: Student) -> None:
    """x.g matches autograd's: out.g where the input was positive, 0 elsewhere."""
    inputs = [away_from_zero(spec) for spec in (LONE_MATRIX, MATRIX)]
    answers = [student.run(flows.relu_back, **given, calls=torch.tensor(1)) for given in inputs]
    for given, answer in zip(reversed(inputs), reversed(answers), strict=True):
        compare(answer, {"x.g": relu_gradient(given["x"], given["out_g"])}, batch=len(given["x"]))


@weight(1)
@beside(test_gradient)
def test_gradient_at_zero(student: Student) -> None:
    """x.g also holds numbers where the input is exactly 0, whichever slope is taken there."""
    given = with_zeros(MATRIX)
    answer = student.run(flows.relu_back, **given, calls=torch.tensor(1))
    compare(answer, {"x.g": relu_gradient(given["x"], given["out_g"])})


@weight(1)
def test_two_relus(student: Student) -> None:
    """Two Relus each remember their own call."""
    two = away_from_zero(TWO_CALLS)
    wanted = {f"{name}.g": relu_gradient(two[name], two[f"{name}_out_g"]) for name in "pq"}
    compare(student.run(flows.two_relus, **two), wanted)


@weight(1)
@beside(test_gradient)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same gradient: it doesn't double it."""
    given = away_from_zero(MATRIX)
    answer = student.run(flows.relu_back, **given, calls=torch.tensor(2))
    compare(answer, {"x.g": relu_gradient(given["x"], given["out_g"])})


@weight(1)
@beside(test_cuts_at_zero, test_gradient)
def test_leaves_its_input_alone(student: Student) -> None:
    """Relu leaves its input as it was; after backward, out.g too."""
    given = away_from_zero(MATRIX)
    forward, back = student.run(flows.relu, x=given["x"]), student.run(flows.relu_back, **given, calls=torch.tensor(1))
    unchanged(forward, {"given x": given["x"]})
    unchanged(back, {"given x": given["x"], "given out.g": given["out_g"]})


@weight(1)
@beside(test_cuts_at_zero, test_gradient)
def test_builds_on_module(student: Student) -> None:
    """Relu is built on Module."""
    answer = student.run(flows.relu, x=away_from_zero(MATRIX)["x"])
    counted(answer, "number of Modules that it builds on", 1.0, "Relu is not built on Module")
