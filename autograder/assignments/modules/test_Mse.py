"""Hidden tests of Mse."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, a_tensor, beside, compare, counted, draw, unchanged, weight

from . import flows
from .cases import LONE_PAIR, LONG_PAIR, PAIR, TWO_PAIRS, error, error_gradient


def _back(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.mse_back, **draw(spec), calls=torch.tensor(calls))


def _slope(spec: Spec) -> torch.Tensor:
    pair = draw(spec)
    found: torch.Tensor = error_gradient(pair["inp"], pair["targ"])
    return found


@weight(2)
def test_is_the_mean_squared_difference(student: Student) -> None:
    """Calling an Mse gives the mean over the samples of the squared differences, one number in a tensor."""
    answers = {spec: student.run(flows.mse, **draw(spec)) for spec in (PAIR, LONG_PAIR)}
    for spec, answer in answers.items():
        compare(answer, error(draw(spec)), batch=len(draw(spec)["targ"]))
        a_tensor(answer)


@weight(3)
def test_gradient(student: Student) -> None:
    """inp.g matches autograd's."""
    answers = {spec: _back(student, spec) for spec in (PAIR, LONG_PAIR)}
    for spec, answer in answers.items():
        compare(answer, {"inp.g": _slope(spec)}, batch=len(draw(spec)["targ"]))


@weight(1)
@beside(test_gradient)
def test_gradient_is_a_column(student: Student) -> None:
    """inp.g has the shape of inp, (N, 1)."""
    compare(_back(student, PAIR), {"inp.g": _slope(PAIR)}, exact=True)


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient)
def test_batch_of_one(student: Student) -> None:
    """Loss and gradient are also right for a batch of a single sample."""
    compare(student.run(flows.mse, **draw(LONE_PAIR)), error(draw(LONE_PAIR)))
    compare(_back(student, LONE_PAIR), {"inp.g": _slope(LONE_PAIR)})


@weight(1)
def test_two_mses(student: Student) -> None:
    """Two Mses each remember their own call."""
    two = draw(TWO_PAIRS)
    wanted = {f"{name}.g": error_gradient(two[name], two[f"{name}_targ"]) for name in "pq"}
    compare(student.run(flows.two_mses, **two), wanted)


@weight(1)
@beside(test_gradient)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same gradient: it doesn't double it."""
    compare(_back(student, PAIR, calls=2), {"inp.g": _slope(PAIR)})


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """Mse leaves inp and targ as they were, forward and back."""
    pair = draw(PAIR)
    given = {f"given {name}": tensor for name, tensor in pair.items()}
    unchanged(student.run(flows.mse, **pair), given)
    unchanged(_back(student, PAIR), given)


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient)
def test_builds_on_module(student: Student) -> None:
    """Mse is built on Module."""
    answer = student.run(flows.mse, **draw(PAIR))
    counted(answer, "number of Modules that it builds on", 1.0, "Mse is not built on Module")
