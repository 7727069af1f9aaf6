"""Hidden tests of forward_pass."""

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, draw, unchanged, weight

from . import flows
from .cases import DISTINCT, SLIM, SQUARE, WEIGHTS, trace


def _passed_forward(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.forward_pass, **draw(spec).pick(*WEIGHTS, "x"))


@weight(3)
def test_hidden_layer(student: Student) -> None:
    """forward_pass returns x, then s1 and x1 of the hidden layer."""
    compare(_passed_forward(student, DISTINCT), trace(draw(DISTINCT)).pick("x", "s1", "x1"))


@weight(3)
def test_output_layer(student: Student) -> None:
    """forward_pass returns s2 and x2 of the output layer, in fourth and fifth place."""
    answers = {spec: _passed_forward(student, spec) for spec in (DISTINCT, SLIM)}
    for spec, answer in answers.items():
        compare(answer, trace(draw(spec)).pick("s2", "x2"))


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """All five results are also right when every layer has the same width."""
    compare(_passed_forward(student, SQUARE), trace(draw(SQUARE)))


@weight(1)
def test_returns_five_things_in_order(student: Student) -> None:
    """forward_pass returns x, s1, x1, s2, x2, in this order."""
    compare(_passed_forward(student, DISTINCT), trace(draw(DISTINCT)))


@beside(test_hidden_layer, test_output_layer)
def test_leaves_weights_and_input_alone(student: Student) -> None:
    """forward_pass reads the weights and x and leaves them as they were."""
    given = draw(DISTINCT).pick(*WEIGHTS, "x")
    unchanged(_passed_forward(student, DISTINCT), {f"given {name}": tensor for name, tensor in given.items()})
