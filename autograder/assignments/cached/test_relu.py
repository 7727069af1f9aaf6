"""Hidden tests of ReLU."""

from autograder.jail import Student
from autograder.judge import Tensors, beside, compare, draw, unchanged, weight

from . import flows
from .cases import MATRIX, STALE_MATRIX, VECTOR, gate, gate_with_zeros, gated


def _compared(student: Student, given: list[Tensors]) -> None:
    answers = [student.run(flows.relu, **tensors) for tensors in given]
    for tensors, answer in zip(given, answers, strict=True):
        compare(answer, gated(tensors).pick("inp.g"))


@weight(2)
def test_cuts_at_zero(student: Student) -> None:
    """ReLU lets positive entries pass and makes the others 0."""
    given = [gate(MATRIX), gate_with_zeros(VECTOR)]
    answers = [student.run(flows.relu_forward, inp=tensors["inp"]) for tensors in given]
    for tensors, answer in zip(given, answers, strict=True):
        compare(answer, gated(tensors).pick("out"))


@weight(3)
def test_gradient_of_the_input(student: Student) -> None:
    """inp.g is what arrives at out.g where the input was positive, and 0 where it was negative."""
    student.run(flows.relu_once_more, **gate(MATRIX), **draw(STALE_MATRIX))  # tells adding from not finding, if it ends
    _compared(student, [gate(MATRIX), gate(VECTOR)])


@weight(2)
@beside(test_gradient_of_the_input)
def test_slope_at_zero_is_zero(student: Student) -> None:
    """Where the input is exactly 0, inp.g is 0, too: this lesson's choice, and torch's."""
    _compared(student, [gate_with_zeros(MATRIX)])


@weight(1)
@beside(test_gradient_of_the_input)
def test_two_gates_at_once(student: Student) -> None:
    """Two ReLUs go forward, then back: each remembers its own input."""
    given, other = gate(MATRIX), gate(VECTOR)
    others = Tensors({f"other_{name}": tensor for name, tensor in other.items()})
    wanted = {"inp.g": gated(given)["inp.g"], "inp.g of the other ReLU": gated(other)["inp.g"]}
    compare(student.run(flows.two_relus, **given, **others), wanted)


@weight(1)
@beside(test_gradient_of_the_input)
def test_speaks_of_the_last_call(student: Student) -> None:
    """A ReLU that is called on another input of the same shape goes back to that."""
    given = gate(MATRIX)
    compare(student.run(flows.relu_anew, **given, other_inp=-given["inp"]), gated(given).pick("inp.g"))


@weight(1)
@beside(test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """A second backward leaves the same inp.g and doesn't double it, whatever was there before."""
    given = gate(MATRIX)
    compare(student.run(flows.relu_once_more, **given, **draw(STALE_MATRIX)), gated(given).pick("inp.g"))


@weight(1)
@beside(test_cuts_at_zero, test_gradient_of_the_input)
def test_leaves_its_input_alone(student: Student) -> None:
    """ReLU sets a gradient; inp and out.g keep their values."""
    given = gate(MATRIX)
    after = student.run(flows.relu, **given)
    unchanged(after, {"given inp": given["inp"], "given out.g": given["out_g"]})
