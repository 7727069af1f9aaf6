"""Hidden tests of sigma."""

from autograder.jail import Student
from autograder.judge import beside, compare, draw, unchanged, weight

from . import flows
from .cases import VECTORS, tanh


@weight(3)
def test_is_tanh(student: Student) -> None:
    """sigma is tanh, entry by entry."""
    answers = [student.run(flows.sigma, **draw(spec)) for spec in VECTORS]
    for spec, answer in zip(VECTORS, answers, strict=True):
        compare(answer, tanh(draw(spec)))


@beside(test_is_tanh)
def test_leaves_its_input_alone(student: Student) -> None:
    """sigma reads its input and leaves it as it was."""
    x = draw(VECTORS[0])
    unchanged(student.run(flows.sigma, **x), x)
