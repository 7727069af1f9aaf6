"""Hidden tests of TrainableModel."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, counted, unchanged, weight

from . import flows
from .cases import (
    LEARNING_RATE,
    LONE_NET,
    NET,
    SQUARE_NET,
    WEIGHTS,
    after_a_step,
    gradients,
    loss,
    network,
)


def _answered(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.trainable_model, **network(spec), lr=torch.tensor(LEARNING_RATE, dtype=torch.float64))


def _found(answer: dict[str, Value]) -> dict[str, Value]:
    for name in WEIGHTS:
        counted(answer, f"has {name}", 1.0, f"parameters() gives no tensor of the shape of {name}")
    return answer


@weight(3)
def test_loss(student: Student) -> None:
    """The loss is computed from the tensors that parameters() gives, for a batch and for a single sample."""
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(_found(answer), loss(network(spec)), batch=len(network(spec)["inp"]))


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """The loss is also right when there are as many samples as inputs and hidden units."""
    compare(_found(_answered(student, SQUARE_NET)), loss(network(SQUARE_NET)))


@weight(1)
@beside(test_loss)
def test_parameters(student: Student) -> None:
    """parameters() gives four tensors and no more."""
    counted(_answered(student, NET), "how many", 4.0, "parameters() doesn't give exactly four tensors")


@weight(2)
def test_gradients(student: Student) -> None:
    """After loss.backward() all four of them have the right gradients."""
    net = network(NET)
    wanted = {f"{name}.grad": gradients(net)[name] for name in WEIGHTS}
    compare(_found(_answered(student, NET)), wanted, batch=len(net["inp"]))


@weight(2)
@beside(test_loss)
def test_step(student: Student) -> None:
    """A step against the gradients of parameters() brings the loss to where it should be."""
    compare(_answered(student, NET), after_a_step(network(NET)))


@weight(1)
@beside(test_loss)
def test_leaves_the_batch_alone(student: Student) -> None:
    """x and targ keep their values."""
    unchanged(_answered(student, NET), {f"given {name}": network(NET)[name] for name in ("inp", "targ")})
