"""Hidden tests of lin."""

from autograder.jail import Student, Value
from autograder.judge import Spec, beside, compare, draw, unchanged, weight

from . import flows
from .cases import LAYER, LONE_LAYER, NARROW_LAYER, SQUARE_LAYER, linear


def _answered(student: Student, spec: Spec) -> dict[str, Value]:
    return student.run(flows.lin, **draw(spec).pick("inp", "w", "b"))


@weight(3)
def test_is_x_times_w_plus_b(student: Student) -> None:
    """lin gives a row for each sample: its product with w, plus b."""
    answers = {spec: _answered(student, spec) for spec in (LONE_LAYER, LAYER)}
    for spec, answer in reversed(answers.items()):
        compare(answer, linear(draw(spec)))


@weight(1)
def test_layer_of_equal_widths(student: Student) -> None:
    """lin is also right when there are as many samples as inputs and outputs."""
    compare(_answered(student, SQUARE_LAYER), linear(draw(SQUARE_LAYER)))


@weight(1)
@beside(test_is_x_times_w_plus_b)
def test_gives_a_matrix(student: Student) -> None:
    """lin also gives a matrix for a single sample, and for a single output."""
    for spec in (LONE_LAYER, NARROW_LAYER):
        compare(_answered(student, spec), linear(draw(spec)), exact=True)


@weight(1)
@beside(test_is_x_times_w_plus_b)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """lin reads x, w and b and leaves them as they were."""
    given = draw(LAYER)
    unchanged(_answered(student, LAYER), {"given x": given["inp"], "given w": given["w"], "given b": given["b"]})
