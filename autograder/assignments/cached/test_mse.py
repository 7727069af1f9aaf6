"""Hidden tests of MSE."""

from autograder.jail import Flow, Student
from autograder.judge import Tensors, beside, compare, draw, unchanged, weight

from . import flows
from .cases import COLUMN, LONE_PAIR, PAIR, STALE_PAIR, error


def _compared(student: Student, flow: Flow, name: str) -> None:
    pairs = [draw(spec) for spec in (LONE_PAIR, COLUMN, PAIR)]
    answers = [student.run(flow, **pair) for pair in pairs]
    for pair, answer in reversed(list(zip(pairs, answers, strict=True))):
        compare(answer, error(pair).pick(name), batch=len(pair["pred"]))


def _others(pair: Tensors) -> Tensors:
    return Tensors({f"other_{name}": tensor for name, tensor in pair.items()})


@weight(2)
def test_is_the_mean_squared_difference(student: Student) -> None:
    """MSE is the mean over the samples of the squared differences, one number."""
    _compared(student, flows.mse_forward, "loss")


@weight(3)
def test_gradient_of_the_predictions(student: Student) -> None:
    """pred.g matches autograd's, for a row of predictions, a column of them, and a single one."""
    _compared(student, flows.mse, "pred.g")


@weight(1)
@beside(test_gradient_of_the_predictions)
def test_gradient_has_the_shape_of_pred(student: Student) -> None:
    """pred.g is a column where pred is one."""
    pair = draw(COLUMN)
    compare(student.run(flows.mse, **pair), error(pair).pick("pred.g"), exact=True)


@weight(1)
@beside(test_gradient_of_the_predictions)
def test_two_losses_at_once(student: Student) -> None:
    """Two MSEs go forward, then back: each remembers its own predictions."""
    pair, other = draw(PAIR), draw(COLUMN)
    wanted = {**error(pair), **{f"{name} of the other MSE": tensor for name, tensor in error(other).items()}}
    compare(student.run(flows.two_mses, **pair, **_others(other)), wanted)


@weight(1)
@beside(test_gradient_of_the_predictions)
def test_speaks_of_the_last_call(student: Student) -> None:
    """An MSE that is called on other predictions goes back to those."""
    pair, other = draw(PAIR), draw(COLUMN)
    compare(student.run(flows.mse_anew, **pair, **_others(other)), error(pair), batch=len(pair["pred"]))


@weight(1)
@beside(test_gradient_of_the_predictions)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same pred.g and doesn't double it, whatever was there before."""
    pair = draw(PAIR)
    compare(student.run(flows.mse_once_more, **pair, **draw(STALE_PAIR)), error(pair).pick("pred.g"))


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient_of_the_predictions)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """MSE sets a gradient; pred and gt keep their values."""
    pair = draw(PAIR)
    unchanged(student.run(flows.mse, **pair), {f"given {name}": tensor for name, tensor in pair.items()})
