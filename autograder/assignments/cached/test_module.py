"""Hidden tests of Module."""

from collections.abc import Mapping

import torch

from autograder.jail import Student, Value
from autograder.judge import Mismatch, beside, compare, counted, draw, same_values, weight

from . import flows
from .cases import SCALED, VALUES


def _letters(text: str) -> torch.Tensor:
    return torch.tensor([*map(ord, text), *[0] * (8 - len(text))]).double()


def _lists(answer: Mapping[str, Value], asked: Mapping[str, int]) -> Mapping[str, Value]:
    """An answer whose lists have a value for each name that was asked."""
    for call, count in asked.items():
        found = answer.get(f"length of {call}")
        length = float(found) if isinstance(found, torch.Tensor) and found.numel() == 1 else -1.0
        if length < 0:
            raise Mismatch(f"{call} doesn't give a list")
        if length != count:
            raise Mismatch(f"{call} gives too {'few' if length < count else 'many'} values")
    return answer


@weight(3)
def test_gets_what_was_cached(student: Student) -> None:
    """get gives a list of the cached values in the order asked for, and a list of one for one name."""
    given = draw(VALUES)
    places = {"get('c','a')[0]": "c", "get('c','a')[1]": "a", "get('b')[0]": "b", "get('c')[0]": "c"}
    answer = _lists(student.run(flows.get, **given), {"get('c','a')": 2, "get('b')": 1})
    compare(answer, {place: given[name] for place, name in places.items()})


@weight(1)
def test_gives_a_value_for_each_name(student: Student) -> None:
    """get gives a value for each name that it is asked for, also where one is asked for twice."""
    given, asked = draw(VALUES).pick("a", "b"), "get('b','a','b')"
    answer = _lists(student.run(flows.get_one_twice, **given), {asked: 3})
    compare(answer, {f"{asked}[{place}]": given[name] for place, name in enumerate(("b", "a", "b"))})


@weight(1)
def test_gives_none_for_what_is_missing(student: Student) -> None:
    """get gives None in place of every name that was never cached."""
    given = draw(VALUES).pick("a", "b")
    asked = "get('nowhere','a','nothing','b')"
    answer = _lists(student.run(flows.get_missing, **given), {"get('a')": 1, asked: 4, "get('forward')": 1})
    compare(answer, {f"{asked}[1]": given["a"], f"{asked}[3]": given["b"]})
    counted(answer, "number of None", 3.0, "Not every name that was never cached has None in its place")
    method = "get('forward') doesn't give None where nothing was cached under that name, which a method has"
    counted(answer, "None for a method's name", 1.0, method)


@weight(2)
def test_caches_again(student: Student) -> None:
    """A name that is cached again has the new value, the other names keep theirs; w and W are two different names."""
    given = draw(VALUES)
    answer = _lists(student.run(flows.cache_again, **given), {"get('W','w')": 2})
    compare(answer, {"get('W','w')[0]": given["a"], "get('W','w')[1]": given["c"]})


@weight(1)
def test_each_layer_has_its_own_memory(student: Student) -> None:
    """What one layer caches, no other layer sees."""
    given = draw(VALUES)
    layers = {"first": "a", "second": "b", "third": "c"}
    wanted = {f"get('a')[0] of the {layer} layer": given[name] for layer, name in layers.items()}
    asked = {f"get('a') of the {layer} layer": 1 for layer in layers}
    compare(_lists(student.run(flows.cache_in_two, **given), asked), wanted)


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
        if answer.get(f"letters of {name}") is None:
            raise Mismatch(f"__repr__ of a layer of the class {name} returns something that is no text")
        if not same_values(answer.get(f"letters of {name}"), _letters(name)):
            raise Mismatch(f"repr of a layer of the class {name} is not {name!r}")


@weight(1)
@beside(test_gets_what_was_cached)
def test_has_no_backward_of_its_own(student: Student) -> None:
    """A layer without a backward of its own raises NotImplementedError when it is asked to go back."""
    silent = "A layer that has no backward of its own went back, and no NotImplementedError was raised"
    counted(student.run(flows.no_backward), "NotImplementedErrors", 1.0, silent)
