"""Hidden tests of mse."""

from autograder.jail import Student
from autograder.judge import a_tensor, beside, compare, draw, unchanged, weight

from . import flows
from .cases import LONE_PAIR, PAIRS, error


@weight(3)
def test_is_the_mean_squared_difference(student: Student) -> None:
    """mse is the mean over the samples of the squared differences, one number."""
    pairs = [draw(spec) for spec in PAIRS]
    answers = [student.run(flows.mse, **pair) for pair in pairs]
    for pair, answer in zip(pairs, answers, strict=True):
        a_tensor(answer)
        compare(answer, error(pair), batch=len(pair["targ"]))


@weight(1)
@beside(test_is_the_mean_squared_difference)
def test_batch_of_one(student: Student) -> None:
    """mse is also right for a batch of a single sample."""
    compare(student.run(flows.mse, **draw(LONE_PAIR)), error(draw(LONE_PAIR)))


@weight(1)
@beside(test_is_the_mean_squared_difference)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """mse reads its inputs and leaves them as they were."""
    pair = draw(PAIRS[0])
    unchanged(student.run(flows.mse, **pair), {f"given {name}": tensor for name, tensor in pair.items()})
