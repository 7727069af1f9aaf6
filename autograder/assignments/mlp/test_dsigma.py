"""Hidden tests of dsigma."""

from autograder.jail import Student
from autograder.judge import beside, compare, unchanged, weight

from . import flows
from .cases import VECTORS, slope, vector


@weight(3)
def test_matches_autograd(student: Student) -> None:
    """dsigma is the slope of tanh at the pre-activation that it is given."""
    answers = [student.run(flows.dsigma, **vector(spec)) for spec in VECTORS]
    for spec, answer in zip(VECTORS, answers, strict=True):
        compare(answer, slope(vector(spec)))


@beside(test_matches_autograd)
def test_leaves_its_input_alone(student: Student) -> None:
    """dsigma reads its input and leaves it as it was."""
    x = vector(VECTORS[0])
    unchanged(student.run(flows.dsigma, **x), x)
