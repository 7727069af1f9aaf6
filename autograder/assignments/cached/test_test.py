"""Hidden tests of test."""

from autograder.jail import Student
from autograder.judge import compare, weight

from . import flows
from .cases import pairs, pairs_within


@weight(2)
def test_tells_tensors_apart(student: Student) -> None:
    """test is silent for equal tensors, and raises AssertionError where any entry is off, up or down."""
    given, wanted = pairs()
    compare(student.run(flows.closeness, **given), wanted)


@weight(2)
def test_eps_decides(student: Student) -> None:
    """With eps given, by position or name, test is silent where all entries are nearer, and raises where one isn't."""
    given, wanted = pairs_within()
    compare(student.run(flows.closeness_within, **given), wanted)
