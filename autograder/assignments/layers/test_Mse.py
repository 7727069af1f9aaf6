"""Hidden tests of Mse."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Spec, a_tensor, beside, compare, draw, same_values, unchanged, weight

from . import flows
from .cases import EVEN_PAIR, LONE_PAIR, OTHER_PAIR, PAIR, error, error_gradient, shifted


def _answered(student: Student, spec: Spec, calls: int = 1) -> dict[str, Value]:
    return student.run(flows.mse, **draw(spec), calls=torch.tensor(calls))


@weight(2)
def test_is_the_mean_squared_difference(student: Student) -> None:
    """Calling an Mse gives the mean over the samples of the squared differences, one number in a tensor."""
    answers = {spec: student.run(flows.mse_forward, **draw(spec)) for spec in (PAIR, OTHER_PAIR)}
    for spec, answer in answers.items():
        compare(answer, error(draw(spec)), batch=len(draw(spec)["targ"]))
        a_tensor(answer)


@weight(3)
def test_gradient_of_the_input(student: Student) -> None:
    """backward sets inp.g to what autograd finds for that mean."""
    answers = {spec: _answered(student, spec) for spec in (PAIR, OTHER_PAIR)}
    for spec, answer in answers.items():
        compare(answer, error_gradient(draw(spec)).pick("inp.g"), batch=len(draw(spec)["targ"]))


@weight(1)
@beside(test_gradient_of_the_input)
def test_gradient_is_a_column(student: Student) -> None:
    """inp.g is a column, as inp is, so that the two can be subtracted."""
    answer, wanted = _answered(student, PAIR), error_gradient(draw(PAIR))
    compare(answer, wanted.pick("inp.g"), exact=True)
    compare(answer, wanted.pick("inp after a step against inp.g"))


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient_of_the_input)
def test_batch_of_one(student: Student) -> None:
    """The value and the gradient are also right for a batch of a single sample."""
    pair = draw(LONE_PAIR)
    compare(_answered(student, LONE_PAIR), {**error(pair), **error_gradient(pair).pick("inp.g")})


@weight(1)
def test_two_have_two_memories(student: Student) -> None:
    """Two Mses each go back to their own input, and one that is called again goes back to its latest."""
    pair = draw(PAIR)
    for other in (draw(EVEN_PAIR), draw(OTHER_PAIR)):
        answer = student.run(flows.two_mses, **pair, other=other["output"], other_targ=other["targ"])
        named = {"first Mse": pair, "second Mse": other, "second Mse's next batch": shifted(pair)}
        compare(answer, {f"inp.g of the {name}": error_gradient(given)["inp.g"] for name, given in named.items()})


@weight(1)
@beside(test_gradient_of_the_input)
def test_assigns(student: Student) -> None:
    """backward assigns inp.g and adds nothing to an earlier gradient, even when it runs again."""
    once, twice = _answered(student, PAIR), _answered(student, PAIR, calls=2)
    wanted = error_gradient(draw(PAIR)).pick("inp.g")
    compare(twice, {name: wanted[name] for name in wanted if same_values(once.get(name), wanted[name])})


@weight(1)
@beside(test_is_the_mean_squared_difference, test_gradient_of_the_input)
def test_leaves_its_inputs_alone(student: Student) -> None:
    """An Mse reads inp and targ and leaves them as they were."""
    pair = draw(PAIR)
    unchanged(_answered(student, PAIR), {"given inp": pair["output"], "given targ": pair["targ"]})
