"""Hidden tests of Model."""

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, counted, unchanged, weight

from . import flows
from .cases import (
    LONE_NET,
    NET,
    SQUARE_NET,
    WEIGHTS,
    gradients,
    loss,
    network,
)


def _answered(student: Student, spec: Spec) -> dict[str, Value]:
    answer = student.run(flows.model, **network(spec))
    counted(answer, "fits", 1.0, "model.layers doesn't hold a Linear from n_in to nh and a Linear from nh to n_out")
    return answer


def _compared(student: Student, *names: str) -> None:
    net = network(NET)
    wanted = {f"{name}.grad": gradients(net)[name] for name in names}
    compare(_answered(student, NET), wanted, batch=len(net["inp"]))


@weight(3)
def test_loss(student: Student) -> None:
    """Calling a Model on x and targ gives the mean squared error of its predictions, one number."""
    net = network(NET)
    compare(_answered(student, NET), loss(net), batch=len(net["inp"]))


@weight(1)
def test_batch_of_one(student: Student) -> None:
    """The loss is also right for a batch of a single sample."""
    compare(_answered(student, LONE_NET), loss(network(LONE_NET)))


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """The loss is also right when there are as many samples as inputs and hidden units."""
    compare(_answered(student, SQUARE_NET), loss(network(SQUARE_NET)))


@weight(2)
def test_output_layer(student: Student) -> None:
    """After loss.backward() w and b of the second Linear have the right gradients."""
    _compared(student, "w2", "b2")


@weight(2)
def test_hidden_layer(student: Student) -> None:
    """After loss.backward() w and b of the first Linear have the right gradients."""
    _compared(student, "w1", "b1")


@weight(1)
@beside(test_loss)
def test_takes_no_step(student: Student) -> None:
    """A call reads the parameters, x and targ, and leaves them as they were."""
    given = network(NET).pick("inp", "targ", *WEIGHTS)
    unchanged(_answered(student, NET), {f"given {name}": tensor for name, tensor in given.items()})
