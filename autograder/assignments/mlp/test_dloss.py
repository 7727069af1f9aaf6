"""Hidden tests of dloss."""

from autograder.jail import Student
from autograder.judge import beside, compare, draw, unchanged, weight

from . import flows
from .cases import PAIRS, pull


@weight(3)
def test_matches_autograd(student: Student) -> None:
    """dloss is the derivative of loss with respect to v."""
    pairs = [draw(spec) for spec in PAIRS]
    answers = [student.run(flows.dloss, **pair) for pair in pairs]
    for pair, answer in zip(pairs, answers, strict=True):
        compare(answer, pull(pair))


@beside(test_matches_autograd)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """dloss reads its inputs and leaves them as they were."""
    pair = draw(PAIRS[0])
    unchanged(student.run(flows.dloss, **pair), pair)
