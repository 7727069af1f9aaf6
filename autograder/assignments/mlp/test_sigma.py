"""Hidden tests of sigma."""

from autograder.jail import Student
from autograder.judge import beside, compare, unchanged, weight

from . import flows
from .cases import VECTORS, tanh, vector


@weight(3)
def test_is_tanh(student: Student) -> None:
    """sigma is tanh, entry by entry."""
    answers = [student.run(flows.sigma, **vector(spec)) for spec in VECTORS]
    for spec, answer in zip(VECTORS, answers, strict=True):
        compare(answer, tanh(vector(spec)))


@beside(test_is_tanh)
def test_leaves_its_input_alone(student: Student) -> None:
    """sigma reads its input and leaves it as it was."""
    x = vector(VECTORS[0])
    unchanged(student.run(flows.sigma, **x), x)
