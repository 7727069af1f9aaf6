"""Hidden tests of dsoftsign."""

from autograder.check import beside, weight
from autograder.compare import compare, unchanged
from autograder.inputs import draw
from autograder.student import Student

from . import flows
from .cases import VECTORS, slopes


@weight(3)
def test_matches_autograd(student: Student) -> None:
    """The slope is autograd's, for numbers of both signs."""
    for spec in VECTORS:
        compare(student.run(flows.dsoftsign, **draw(spec)), slopes(draw(spec)))


@beside(test_matches_autograd)
def test_leaves_its_input_alone(student: Student) -> None:
    """The input holds afterwards what it held before."""
    given = draw(VECTORS[0])
    unchanged(student.run(flows.dsoftsign, **given), {"given x": given["x"]})
