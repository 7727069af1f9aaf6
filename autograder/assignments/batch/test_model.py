"""Hidden tests of model."""

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, unchanged, weight

from . import flows
from .cases import LONE_NET, NET, SQUARE_NET, WEIGHTS, network, predicted


def _answered(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.model, **network(spec).pick("inp", *WEIGHTS))


@weight(3)
def test_predicts_one_number_a_sample(student: Student) -> None:
    """model is lin, relu, lin with the notebook's w1, b1, w2 and b2."""
    answers = {spec: _answered(student, spec) for spec in (LONE_NET, NET)}
    for spec, answer in reversed(answers.items()):
        compare(answer, predicted(network(spec)))


@weight(1)
def test_layers_of_equal_width(student: Student) -> None:
    """model is also right when there are as many samples as inputs and hidden units."""
    compare(_answered(student, SQUARE_NET), predicted(network(SQUARE_NET)))


@weight(1)
@beside(test_predicts_one_number_a_sample)
def test_leaves_parameters_and_input_alone(student: Student) -> None:
    """model reads the parameters and xb and leaves them as they were."""
    given = network(NET).pick("inp", *WEIGHTS)
    unchanged(_answered(student, NET), {f"given {name}": tensor for name, tensor in given.items()})
