"""Hidden tests of Module."""

from collections.abc import Mapping

import torch

from autograder.assignments.cached import flows
from autograder.assignments.cached.cases import SCALED, VALUES
from autograder.jail import Student, Value
from autograder.judge import Mismatch, beside, compare, draw, same_values, weight


def _count(number: float) -> torch.Tensor:
    return torch.tensor(number).double()


def _letters(text: str) -> torch.Tensor:
    return torch.tensor([*map(ord, text), *[0] * (8 - len(text))]).double()


def _lists(answer: Mapping[str, Value], **asked: int) -> Mapping[str, Value]:
    """An answer whose lists have a value for each name that was asked."""
    for names, count in asked.items():
        found = answer.get(f"how many for {names}")
        if isinstance(found, torch.Tensor) and found < 0:
            raise Mismatch("get doesn't give a list")
        if not same_values(found, _count(count)):
            raise Mismatch(
                f"for {names} name{'s' * (count > 1)} get gives {'too few' if found < count else 'too many'} values"
            )
    return answer


@weight(3)
def test_gets_what_was_cached(student: Student) -> None:
    """get gives a list of the cached values in the order asked, of one value for one name."""
    given = draw(VALUES)
    wanted = {"first of two": given["c"], "second of two": given["a"], "of one": given["b"], "asked again": given["c"]}
    compare(_lists(student.run(flows.get, **given), two=2, one=1), wanted)


@weight(1)
def test_gives_none_for_what_is_missing(student: Student) -> None:
    """get gives None in the place of every name that was never cached."""
    given = draw(VALUES).pick("a", "b")
    answer = _lists(student.run(flows.get_missing, **given), one=1, four=4)
    compare(answer, {"second of four": given["a"], "fourth of four": given["b"]})
    if not same_values(answer.get("number of None"), _count(3)):
        raise Mismatch("where a name was never cached, get gives something else than None")


@weight(2)
def test_caches_again(student: Student) -> None:
    """A name that is cached again has the new value, and the other names keep theirs; w and W are two."""
    given = draw(VALUES)
    compare(student.run(flows.cache_again, **given), {"the one left": given["a"], "the one cached again": given["c"]})


@weight(1)
def test_each_layer_has_its_own_memory(student: Student) -> None:
    """What one layer caches, no other layer sees."""
    given = draw(VALUES)
    wanted = {"first layer": given["a"], "second layer": given["b"], "third layer": given["c"]}
    compare(student.run(flows.cache_in_two, **given), wanted)


@weight(2)
def test_carries_a_layer(student: Student) -> None:
    """A layer built on Module goes forward when it is called, and back with the very tensors that it cached."""
    given = draw(SCALED)
    values = {name: tensor.double() for name, tensor in given.items()}
    wanted = {"out": values["inp"] * values["factor"], "inp.g": values["factor"] * values["out_g"]}
    called = student.run(flows.call, **given.pick("inp", "factor"))
    compare({**student.run(flows.cache_keeps_the_tensor, **given), **called}, wanted)


@weight(2)
def test_is_named_after_its_class(student: Student) -> None:
    """repr of a layer is the name of its own class."""
    answer = student.run(flows.names)
    for name in ("Dense", "Soft"):
        if not same_values(answer.get(f"letters of {name}"), _letters(name)):
            raise Mismatch(f"the repr of a layer of a class {name} isn't {name}")


@weight(1)
@beside(test_gets_what_was_cached)
def test_has_no_backward_of_its_own(student: Student) -> None:
    """A layer without a backward of its own raises NotImplementedError when it is asked to go back."""
    if not same_values(student.run(flows.no_backward).get("NotImplementedErrors"), _count(1)):
        raise Mismatch("a layer that has no backward of its own went back, and no NotImplementedError was raised")
