"""Hidden tests of softsign."""

from autograder.jail import Student
from autograder.judge import beside, compare, draw, unchanged, weight

from . import flows
from .cases import VECTORS, values


@weight(3)
def test_is_softsign(student: Student) -> None:
    """Softsign is x / (1 + |x|), entry by entry."""
    for spec in VECTORS:
        compare(student.run(flows.softsign, **draw(spec)), values(draw(spec)))


@beside(test_is_softsign)
def test_leaves_its_input_alone(student: Student) -> None:
    """The input is unchanged afterwards."""
    given = draw(VECTORS[0])
    unchanged(student.run(flows.softsign, **given), {"given x": given["x"]})
