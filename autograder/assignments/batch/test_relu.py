"""Hidden tests of relu."""

from autograder.jail import Student
from autograder.judge import beside, compare, unchanged, weight

from . import flows
from .cases import MATRICES, matrix, rectified


@weight(3)
def test_cuts_at_zero(student: Student) -> None:
    """relu lets positive entries pass and makes the others 0."""
    answers = [student.run(flows.relu, **matrix(spec)) for spec in MATRICES]
    for spec, answer in zip(MATRICES, answers, strict=True):
        compare(answer, rectified(matrix(spec)))


@weight(1)
@beside(test_cuts_at_zero)
def test_leaves_its_input_alone(student: Student) -> None:
    """relu reads its input and leaves it as it was."""
    x = matrix(MATRICES[0])
    unchanged(student.run(flows.relu, **x), {"given x": x["x"]})
