"""Hidden tests of Module."""

import torch

from autograder.jail import Student
from autograder.judge import beside, compare, draw, weight

from . import flows
from .cases import SCALED, VALUES


def _count(number: float) -> torch.Tensor:
    return torch.tensor(number).double()


def _letters(text: str) -> torch.Tensor:
    return torch.tensor([*map(ord, text), *[0] * (8 - len(text))]).double()


@weight(3)
def test_gets_what_was_cached(student: Student) -> None:
    """get gives a list of the cached values in the order asked, of one value for one name."""
    given = draw(VALUES)
    wanted = {"first of two": given["c"], "second of two": given["a"], "of one": given["b"], "asked again": given["c"]}
    lengths = {"length of list 0": _count(2), "length of list 1": _count(1)}
    compare(student.run(flows.get, **given), {**wanted, **lengths})


@weight(1)
def test_gives_none_for_what_is_missing(student: Student) -> None:
    """get gives None in the place of every name that was never cached."""
    given = draw(VALUES).pick("a", "b")
    wanted = {"second of four": given["a"], "fourth of four": given["b"], "number of None": _count(3)}
    lengths = {"length of list 0": _count(1), "length of list 1": _count(4)}
    compare(student.run(flows.get_missing, **given), {**wanted, **lengths})


@weight(2)
def test_caches_again(student: Student) -> None:
    """A name that is cached again has the new value, and the other names keep theirs."""
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
    wanted = {f"letters of {name}": _letters(name) for name in ("Dense", "Soft")}
    compare(student.run(flows.names), wanted)


@weight(1)
@beside(test_gets_what_was_cached)
def test_has_no_backward_of_its_own(student: Student) -> None:
    """A layer without a backward of its own raises NotImplementedError when it is asked to go back."""
    compare(student.run(flows.no_backward), {"NotImplementedErrors": _count(1)})
