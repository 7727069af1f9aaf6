"""Hidden tests of grad."""

from autograder.jail import Student
from autograder.judge import compare, counted, draw, weight

from . import flows
from .cases import WATCHED

WATCHED_NOT = "The result doesn't require its gradient"


@weight(2)
def test_asks_for_the_gradient(student: Student) -> None:
    """grad returns the values it was given, in a tensor that requires a gradient."""
    given = draw(WATCHED)
    answer = student.run(flows.grad, **given)
    compare(answer, {"answer": given["t"].double()})
    counted(answer, "requires_grad of it", 1.0, WATCHED_NOT)


@weight(1)
def test_gives_back_the_tensor_itself(student: Student) -> None:
    """grad returns the very tensor that it was given, now tracked, and not a copy."""
    for flow in (flows.grad, flows.grad_in_double):
        answer = student.run(flow, **draw(WATCHED))
        counted(answer, "being the tensor that was given", 1.0, "The result is not the tensor that was given")
        counted(answer, "requires_grad of it", 1.0, WATCHED_NOT)
