"""Hidden tests of grad."""

import torch

from autograder.jail import Student
from autograder.judge import compare, draw, weight

from . import flows
from .cases import WATCHED


@weight(2)
def test_asks_for_the_gradient(student: Student) -> None:
    """grad gives back the numbers it was given, in a tensor that requires its gradient."""
    given = draw(WATCHED)
    wanted = {"answer": given["t"].double(), "requires_grad of it": torch.ones(()).double()}
    compare(student.run(flows.grad, **given), wanted)


@weight(1)
def test_gives_back_the_tensor_itself(student: Student) -> None:
    """What grad gives back is the tensor that it was given, watched, and no copy of it."""
    one = torch.ones(()).double()
    wanted = {"being the tensor that was given": one, "requires_grad of it": one}
    compare(student.run(flows.grad, **draw(WATCHED)), wanted)
