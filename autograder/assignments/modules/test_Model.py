"""Hidden tests of Model."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, same_values, unchanged, weight

from . import flows
from .cases import (
    EVEN_NET,
    LONE_NET,
    NET,
    OTHER_NET,
    SQUARE_NET,
    STALE,
    WEIGHTS,
    gradients,
    loss,
    network,
)


def _back(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.model_back, **network(spec), calls=torch.tensor(calls))


def _compared(student: Student, *names: str) -> None:
    answers = {spec: _back(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, gradients(network(spec)).pick(*names), batch=len(network(spec)["inp"]))


@weight(2)
def test_gives_the_loss(student: Student) -> None:
    """Calling a Model gives the loss of the batch, one number."""
    answers = {spec: student.run(flows.model, **network(spec)) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, loss(network(spec)), batch=len(network(spec)["inp"]))


@weight(2)
def test_output_layer(student: Student) -> None:
    """w2.g and b2.g match autograd's, for a batch and for a single sample."""
    _compared(student, "w2.g", "b2.g")


@weight(2)
def test_hidden_layer(student: Student) -> None:
    """w1.g and b1.g match autograd's: the gradient came back through all layers."""
    _compared(student, "w1.g", "b1.g")


@weight(1)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g matches autograd's, too."""
    _compared(student, "inp.g")


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """Loss and gradients are also right when there are as many samples as inputs and hidden units."""
    net = network(SQUARE_NET)
    compare(student.run(flows.model, **net), loss(net))
    compare(_back(student, SQUARE_NET), gradients(net))


@weight(1)
def test_two_models(student: Student) -> None:
    """Two Models each keep their own parameters and layers."""
    first, second = network(NET), network(EVEN_NET)
    names = dict(zip(("inp", "targ", *WEIGHTS), ("p", "p_targ", "v1", "c1", "v2", "c2"), strict=True))
    other = {names[name]: tensor for name, tensor in second.items()}
    left = {f"{name}.g of the other Model": torch.full_like(second[name], STALE).double() for name in ("inp", "w1")}
    losses = {
        f"the loss of the {which} Model": loss(net)["answer"]
        for which, net in zip(("first", "second"), (first, second), strict=True)
    }
    compare(student.run(flows.models, **first, **other), losses)
    compare(student.run(flows.two_models, **first, **other), {**gradients(first), **left})


@weight(1)
def test_last_call_counts(student: Student) -> None:
    """A Model that saw two batches gives the loss of the last one, and goes back through it."""
    net = network(NET)
    for before in (network(EVEN_NET), network(OTHER_NET)):
        answer = student.run(flows.model_twice, **net, p=before["inp"], p_targ=before["targ"])
        compare(answer, {**loss(net), **gradients(net)})


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_assigns(student: Student) -> None:
    """The same batch once more leaves the same gradients: it doesn't double them."""
    once, twice = _back(student, NET), _back(student, NET, calls=2)
    wanted = gradients(network(NET))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_leaves_parameters_and_batch_alone(student: Student) -> None:
    """Model sets gradients and takes no step: the parameters, inp and targ keep their values."""
    given = network(NET).pick("inp", "targ", *WEIGHTS)
    unchanged(_back(student, NET), {f"given {name}": tensor for name, tensor in given.items()})
