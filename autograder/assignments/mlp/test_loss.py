"""Hidden tests of loss."""

from autograder.jail import Student
from autograder.judge import a_tensor, beside, compare, draw, unchanged, weight

from . import flows
from .cases import PAIRS, distance


@weight(3)
def test_is_the_squared_distance(student: Student) -> None:
    """loss is the sum of the squared differences, one number."""
    pairs = [draw(spec) for spec in PAIRS]
    answers = [student.run(flows.loss, **pair) for pair in pairs]
    for pair, answer in zip(pairs, answers, strict=True):
        a_tensor(answer)
        compare(answer, distance(pair))


@beside(test_is_the_squared_distance)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """loss reads its inputs and leaves them as they were."""
    pair = draw(PAIRS[0])
    unchanged(student.run(flows.loss, **pair), pair)
