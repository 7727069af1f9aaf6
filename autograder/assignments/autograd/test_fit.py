"""Hidden tests of fit."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Mismatch, beside, compare, draw, unchanged, weight

from . import flows
from .cases import BATCHES, TRAINING, trained


def _answered(student: Student, batches: int) -> dict[str, Value]:
    return student.run(flows.fit, **draw(TRAINING), batches=torch.tensor(batches))


@weight(1)
def test_first_step(student: Student) -> None:
    """After one batch every parameter has moved by lr times its gradient, against it."""
    wanted = dict(trained(draw(TRAINING), 1))
    del wanted["losses"]
    compare(_answered(student, 1), wanted, batch=BATCHES[0])


@weight(3)
def test_every_batch(student: Student) -> None:
    """After four batches the parameters are where four steps lead, each with the gradient of its own batch alone."""
    wanted = dict(trained(draw(TRAINING), 4))
    del wanted["losses"]
    compare(_answered(student, 4), wanted)


@weight(2)
def test_losses(student: Student) -> None:
    """fit returns the loss of each batch, as it was before that batch's step."""
    answer = _answered(student, 4)
    if (several := answer.get("values in place of the losses")) is not None:
        two = "fit returns two values where one list of numbers is asked for"
        raise Mismatch(two if several == 2 else "Not everything in what fit returns is a number")
    compare(answer, trained(draw(TRAINING), 4).pick("losses"))


@weight(1)
@beside(test_every_batch)
def test_leaves_the_batches_alone(student: Student) -> None:
    """The batches keep their values."""
    given = draw(TRAINING).pick("x1", "y1", "x2", "y2")
    unchanged(_answered(student, 4), {f"given {name}": tensor for name, tensor in given.items()})
