"""Hidden tests of forward_and_backward."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, counted, same_values, unchanged, weight

from . import flows
from .cases import LONE_NET, NET, SQUARE_NET, WEIGHTS, gradients, network, with_zeros


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.forward_and_backward, **network(spec), calls=torch.tensor(calls))


def _compared(student: Student, *names: str) -> None:
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        counted(answer, "parameters replaced", 0.0, "It puts other tensors in the place of w1, b1, w2 and b2")
        compare(answer, gradients(network(spec)).pick(*names), batch=len(network(spec)["inp"]))


@weight(2)
def test_output_layer(student: Student) -> None:
    """w2.g and b2.g match autograd's, for a batch and for a single sample."""
    _compared(student, "w2.g", "b2.g")


@weight(2)
def test_hidden_layer(student: Student) -> None:
    """w1.g and b1.g match autograd's: what relu blocked in the forward pass, it blocks in the backward pass."""
    _compared(student, "w1.g", "b1.g")


@weight(1)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g matches autograd's, too."""
    _compared(student, "inp.g")


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """All five gradients are also right when there are as many samples as inputs and hidden units."""
    net = network(SQUARE_NET)
    compare(_answered(student, SQUARE_NET), gradients(net))


@weight(1)
@beside(test_hidden_layer)
def test_gradients_at_zero(student: Student) -> None:
    """All five gradients also hold numbers where relu was given exactly 0, whichever slope is taken there."""
    net = with_zeros(NET)
    compare(student.run(flows.forward_and_backward, **net, calls=torch.tensor(1)), gradients(net))


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_assigns(student: Student) -> None:
    """A second call on the same batch leaves the same gradients: it doesn't double them."""
    once, twice = _answered(student, NET), _answered(student, NET, calls=2)
    wanted = gradients(network(NET))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_leaves_parameters_and_batch_alone(student: Student) -> None:
    """forward_and_backward sets gradients and takes no step: the parameters, inp and targ keep their values."""
    given = network(NET).pick("inp", "targ", *WEIGHTS)
    unchanged(_answered(student, NET), {f"given {name}": tensor for name, tensor in given.items()})
