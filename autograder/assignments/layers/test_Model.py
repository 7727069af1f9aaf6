"""Hidden tests of Model. It is built of the notebook's own layers, so a mistake in one of them is felt here, too."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, Tensors, beside, compare, same_values, unchanged, weight

from . import flows
from .cases import LONE_NET, NET, OTHER_NET, SQUARE_NET, WEIGHTS, gradients, loss, network


def _given(spec: Spec) -> Tensors:
    net = network(spec)
    return Tensors(x=net["inp"], **net.pick("targ", *WEIGHTS))


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.model, **_given(spec), calls=torch.tensor(calls))


def _compared(student: Student, *names: str) -> None:
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, gradients(network(spec)).pick(*names), batch=len(network(spec)["inp"]))


@weight(2)
def test_gives_the_loss(student: Student) -> None:
    """Calling a Model gives the mean squared error of Lin, Relu, Lin on the batch, one number."""
    answers = {spec: student.run(flows.model_forward, **_given(spec)) for spec in (SQUARE_NET, LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, loss(network(spec)), batch=len(network(spec)["inp"]))


@weight(2)
def test_output_layer(student: Student) -> None:
    """backward sets w2.g and b2.g as autograd does, for a batch and for a single sample."""
    _compared(student, "w2.g", "b2.g")


@weight(2)
def test_hidden_layer(student: Student) -> None:
    """backward sets w1.g and b1.g as autograd does: it goes through the Relu, and on to the first layer."""
    _compared(student, "w1.g", "b1.g")


@weight(1)
def test_gradient_of_the_input(student: Student) -> None:
    """backward sets x.g as autograd does, on the batch that was given."""
    _compared(student, "x.g")


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """Loss and gradients are also right when there are as many samples as inputs and hidden units."""
    net = network(SQUARE_NET)
    compare(_answered(student, SQUARE_NET), {**loss(net), **gradients(net)})


@weight(1)
def test_two_have_two_memories(student: Student) -> None:
    """Two Models each have their own parameters and their own memory, even after both have been called."""
    ours, theirs = _given(NET), _given(OTHER_NET)
    both = {**ours, **{f"{name}_": tensor for name, tensor in theirs.items()}}
    losses = student.run(flows.models_forward, **both)
    answer = student.run(flows.two_models, **both)
    nets = {"the first Model": network(NET), "the second Model": network(OTHER_NET)}
    compare(losses, {f"the loss of {whose}": loss(net)["answer"] for whose, net in nets.items()})
    compare(answer, {f"{name} of {whose}": g for whose, net in nets.items() for name, g in gradients(net).items()})


@weight(1)
def test_next_batch(student: Student) -> None:
    """On its next batch a Model gives that batch's loss, and its gradients alone."""
    net = network(NET)
    for rows in (len(net["inp"]), 2):
        answer = student.run(flows.model_again, **_given(NET), rows=torch.tensor(rows))
        compare(answer, {**loss(net), **gradients(net)})


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_assigns(student: Student) -> None:
    """backward assigns its five gradients and adds nothing to earlier ones, even when it runs again."""
    once, twice = _answered(student, NET), _answered(student, NET, calls=2)
    wanted = gradients(network(NET))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_output_layer, test_hidden_layer)
def test_leaves_parameters_and_batch_alone(student: Student) -> None:
    """A Model sets gradients and takes no step: the parameters, x and targ keep their values."""
    unchanged(_answered(student, NET), {f"given {name}": tensor for name, tensor in _given(NET).items()})
