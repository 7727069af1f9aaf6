"""Hidden tests of train."""

import torch

from autograder.jail import Student, Value
from autograder.judge import Tensors, beside, compare, counted, draw, unchanged, weight

from . import flows
from .cases import CLASS, ETA, WEIGHTS, met_targets, targets, trained


def _given(aims: Tensors | None = None) -> Tensors:
    group = draw(CLASS)
    return Tensors({**group, **(aims or targets(group))})


def _trained(student: Student, steps: int, watched: bool = True, aims: Tensors | None = None) -> dict[str, Value]:
    numbers = {"steps": torch.tensor(steps), "eta": torch.tensor(ETA), "watched": torch.tensor(int(watched))}
    return student.run(flows.train, **_given(aims), **numbers)


def _told(student: Student, steps: int) -> dict[str, Value]:
    """What after_step was told, if it was called as it should be."""
    answer = _trained(student, steps)
    counted(answer, "calls of after_step", float(steps), "after_step isn't called once for each step")
    counted(answer, "values in each call", 7.0, "after_step doesn't get seven values, one by one")
    return answer


@weight(3)
def test_one_step(student: Student) -> None:
    """One step moves every weight against the gradient summed over all samples."""
    compare(_trained(student, 1), trained(draw(CLASS), 1).pick(*WEIGHTS), batch=len(draw(CLASS)["inputs"]))


@weight(3)
def test_several_steps(student: Student) -> None:
    """Each step starts with zeroed accumulators and from the weights of the step before; all steps are taken."""
    met = met_targets(draw(CLASS))
    answers = _trained(student, 4), _trained(student, 3, aims=met)  # not one sample is wrong in the second
    compare(answers[0], trained(draw(CLASS), 4).pick(*WEIGHTS))
    compare(answers[1], trained(draw(CLASS), 3, met).pick(*WEIGHTS))


@weight(2)
def test_tells_loss_and_errors(student: Student) -> None:
    """after_step is told the step's number, and the summed loss and the errors measured before the step."""
    expected = trained(draw(CLASS), 4).pick(*(f"{name} told to after_step" for name in ("k", "loss", "errors")))
    compare(_told(student, 4), expected, batch=len(draw(CLASS)["inputs"]))


@weight(1)
def test_tells_the_new_weights(student: Student) -> None:
    """after_step is told the weights after the step."""
    compare(_told(student, 2), trained(draw(CLASS), 2).pick(*(f"{name} told to after_step" for name in WEIGHTS)))


@weight(1)
def test_needs_no_watcher(student: Student) -> None:
    """train gives the same weights without after_step."""
    compare(_trained(student, 2, watched=False), trained(draw(CLASS), 2).pick(*WEIGHTS))


@weight(1)
@beside(test_one_step, test_several_steps)
def test_leaves_what_it_is_given_alone(student: Student) -> None:
    """train returns new weights; those it was given, the inputs and the targets stay as they were."""
    given = _given()
    unchanged(_trained(student, 2), {f"given {name}": tensor for name, tensor in given.items()})
