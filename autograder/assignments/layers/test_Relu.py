"""Hidden tests of Relu."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, Tensors, beside, compare, same_values, unchanged, weight

from . import flows
from .cases import GATE, LONE_GATE, OTHER_GATE, gate, gate_gradient, rectified, with_zeros


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.relu, **gate(spec), calls=torch.tensor(calls))


def _two() -> Tensors:
    return Tensors(gate(GATE), other=gate(OTHER_GATE)["inp"], other_g=gate(OTHER_GATE)["out_g"])


def _each(first: str, second: str) -> Tensors:
    return Tensors({first: gate_gradient(gate(GATE))["inp.g"], second: gate_gradient(gate(OTHER_GATE))["inp.g"]})


@weight(2)
def test_cuts_at_zero(student: Student) -> None:
    """Calling a Relu lets positive entries pass and makes the others 0."""
    answers = {spec: student.run(flows.relu_forward, **gate(spec).pick("inp")) for spec in (LONE_GATE, GATE)}
    for spec, answer in reversed(answers.items()):
        compare(answer, rectified(gate(spec)))


@weight(3)
def test_gradient_of_the_input(student: Student) -> None:
    """backward sets inp.g: what reached the output passes where the input was positive, and nowhere else."""
    answers = {spec: _answered(student, spec) for spec in (LONE_GATE, GATE)}
    for spec, answer in reversed(answers.items()):
        compare(answer, gate_gradient(gate(spec)), batch=len(gate(spec)["inp"]))


@weight(1)
@beside(test_gradient_of_the_input)
def test_gradient_at_zero(student: Student) -> None:
    """inp.g also holds numbers where the input is exactly 0, whichever slope is taken there."""
    given = with_zeros(GATE)
    compare(student.run(flows.relu, **given, calls=torch.tensor(1)), gate_gradient(given))


@weight(1)
def test_two_have_two_memories(student: Student) -> None:
    """Two Relus each go back through their own input, even after both have been called."""
    answer = student.run(flows.two_relus, **_two())
    compare(answer, _each("inp.g of the first Relu", "inp.g of the second Relu"))


@weight(1)
def test_goes_back_through_the_latest_call(student: Student) -> None:
    """A Relu that is called again goes back through its latest input, and leaves the earlier one's gradient alone."""
    answer = student.run(flows.relu_again, **_two())
    compare(answer, _each("inp.g of the first batch", "inp.g of the second batch"))


@weight(1)
@beside(test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """backward assigns inp.g and adds nothing to an earlier gradient, even when it runs again."""
    once, twice = _answered(student, GATE), _answered(student, GATE, calls=2)
    wanted = gate_gradient(gate(GATE))
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_cuts_at_zero, test_gradient_of_the_input)
def test_leaves_its_input_alone(student: Student) -> None:
    """A Relu reads its input and the gradient that reached its output, and leaves both as they were."""
    given = gate(GATE)
    unchanged(_answered(student, GATE), {"given inp": given["inp"], "given out.g": given["out_g"]})
