"""Hidden tests of MLP."""

from autograder.jail import Student
from autograder.judge import Tensors, beside, compare, draw, unchanged, weight

from . import flows
from .cases import (
    LOOSE_BATCH,
    NET,
    ONE_LAYER,
    OTHER_BATCH,
    SQUARE_NET,
    SQUARE_STACK,
    STACK,
    bent,
    gradients,
    network,
    stacked,
)

GRADIENTS = ("inp.g", "w1.g", "w2.g", "w3.g")


@weight(2)
def test_goes_forward_in_order(student: Student) -> None:
    """MLP returns the output of the last layer, where each layer is given the output of the one before."""
    inputs = {spec: draw(spec).pick("inp", "w1", "w2", "w3") for spec in (SQUARE_STACK, STACK)}
    answers = {spec: student.run(flows.mlp_forward, **given) for spec, given in inputs.items()}
    for spec, answer in reversed(answers.items()):
        compare(answer, stacked(draw(spec)).pick("out"))


@weight(3)
def test_goes_back_in_reverse(student: Student) -> None:
    """Every layer goes back after the one that follows it: all gradients match autograd's, the input's included."""
    answers = {spec: student.run(flows.mlp, **draw(spec)) for spec in (SQUARE_STACK, STACK)}
    one = student.run(flows.mlp_of_one, **draw(ONE_LAYER))
    for spec, answer in reversed(answers.items()):
        compare(answer, stacked(draw(spec)).pick(*GRADIENTS))
    compare(one, stacked(draw(ONE_LAYER)).pick("inp.g", "w1.g"))


@weight(1)
@beside(test_goes_back_in_reverse)
def test_goes_again(student: Student) -> None:
    """The same MLP goes forward and back once more, with other inputs."""
    given = draw(SQUARE_STACK)
    compare(student.run(flows.mlp_twice, **given, **draw(OTHER_BATCH)), stacked(given))


@weight(2)
def test_is_a_layer_of_another(student: Student) -> None:
    """An MLP whose layers are MLPs gives the same output and the same gradients."""
    given = draw(STACK)
    compare(student.run(flows.mlp_inside, **given), stacked(given))


@weight(1)
@beside(test_goes_back_in_reverse)
def test_two_models_at_once(student: Student) -> None:
    """Two MLPs go forward, then back: each has its own layers."""
    given, other = draw(STACK), draw(LOOSE_BATCH)
    compare(student.run(flows.two_mlps, **given, **other), Tensors({**stacked(given), **bent(LOOSE_BATCH)}))


@weight(1)
def test_holds_your_own_layers(student: Student) -> None:
    """With your own Linear, ReLU and MSE, and a ReLU at the end, the loss and all five gradients match autograd's."""
    nets = [network(spec) for spec in (SQUARE_NET, NET)]
    answers = [student.run(flows.network, **net) for net in nets]
    for net, answer in reversed(list(zip(nets, answers, strict=True))):
        compare(answer, gradients(net), batch=len(net["inp"]))


@weight(1)
@beside(test_goes_forward_in_order, test_goes_back_in_reverse)
def test_leaves_its_input_alone(student: Student) -> None:
    """MLP hands its input on and leaves it as it was."""
    given = draw(STACK)
    unchanged(student.run(flows.mlp, **given), {"given inp": given["inp"]})
