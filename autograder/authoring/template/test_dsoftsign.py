"""Hidden tests of dsoftsign."""

from autograder.jail import Student
from autograder.judge import beside, compare, draw, unchanged, weight

from . import flows
from .cases import VECTORS, slopes


@weight(3)
def test_matches_autograd(student: Student) -> None:
    """The slope matches autograd's, for numbers of both signs."""
    for spec in VECTORS:
        compare(student.run(flows.dsoftsign, **draw(spec)), slopes(draw(spec)))


@beside(test_matches_autograd)
def test_leaves_its_input_alone(student: Student) -> None:
    """The input is unchanged afterwards."""
    given = draw(VECTORS[0])
    unchanged(student.run(flows.dsoftsign, **given), {"given x": given["x"]})
