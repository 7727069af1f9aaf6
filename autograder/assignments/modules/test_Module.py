"""Hidden tests of Module."""

import torch

from autograder.jail import Student
from autograder.judge import Mismatch, beside, compare, counted, draw, same_values, weight

from . import flows
from .cases import (
    ONE,
    STALE,
    THREE,
    TWO_CALLS,
    blend_gradients,
    blended,
    cube_gradient,
    cubed,
)


@weight(3)
def test_returns_what_forward_gives(student: Student) -> None:
    """Calling a layer gives what its forward makes of the arguments, whether one or three."""
    one, three = draw(ONE), draw(THREE)
    wanted = {**cubed(one), **blended(three)}
    compare(student.run(flows.called, **one.pick("x"), **three.pick("a", "b", "c")), wanted)


@weight(2)
def test_hands_one_argument_to_bwd(student: Student) -> None:
    """backward calls bwd with the output and the argument: gradients are read and set on the caller's own tensors."""
    one = draw(ONE)
    compare(student.run(flows.one_argument, **one), {"x.g": cube_gradient(one["x"], one["out_g"])})


@weight(2)
def test_hands_three_arguments_to_bwd(student: Student) -> None:
    """backward calls bwd with the output and all arguments, in the order of the call."""
    three = draw(THREE)
    compare(student.run(flows.three_arguments, **three), blend_gradients(three))


@weight(1)
def test_keeps_args_and_out(student: Student) -> None:
    """After a call, args holds the very tensors that were given, and out the very one that was returned."""
    three = draw(THREE)
    wanted = {f"args[{place}]": three[name].double() for place, name in enumerate("abc")}
    answer = student.run(flows.kept, **three)
    compare(answer, {**wanted, "out": blended(three)["layer(a,b,c)"]})
    counted(answer, "length of args", 3.0, "args doesn't hold exactly the three arguments")
    for name, which in {"args[0]": "that was given", "out": "that was returned"}.items():
        if not same_values(answer.get(f"gradient of {name}"), three["out_g"]):
            raise Mismatch(f"{name} has the right values, but is not the very tensor {which}")


@weight(1)
def test_two_layers_remember_apart(student: Student) -> None:
    """Two layers that are both called before they go back each remember their own call."""
    two = draw(TWO_CALLS)
    wanted = {f"{name}.g": cube_gradient(two[name], two[f"{name}_out_g"]) for name in "pq"}
    compare(student.run(flows.two_layers, **two), wanted)


@weight(1)
def test_last_call_counts(student: Student) -> None:
    """A layer that is called twice goes back through its last call, and leaves the first one's gradient alone."""
    two = draw(TWO_CALLS)
    wanted = {"q.g": cube_gradient(two["q"], two["q_out_g"]), "p.g": torch.full_like(two["p"], STALE).double()}
    compare(student.run(flows.one_layer_twice, **two), wanted)


@weight(1)
def test_runs_forward_and_bwd_once(student: Student) -> None:
    """A call runs forward once, each backward runs bwd once, with one more argument; backward may be repeated."""
    three = draw(THREE)
    answer = student.run(flows.counted, **three)
    for name, (wanted, otherwise) in {
        "number of runs of forward in a call": (1.0, "A call doesn't run forward exactly once"),
        "number of runs of bwd in a call": (0.0, "A call runs bwd: only backward should"),
        "number of runs of bwd in a backward": (1.0, "A backward doesn't run bwd exactly once"),
        "number of runs of bwd in two": (2.0, "A second backward doesn't run bwd exactly once more"),
        "number of runs of forward altogether": (1.0, "backward runs forward again"),
        "number of runs of forward in two calls": (2.0, "A second call doesn't run forward exactly once more"),
        "number of things that forward is given": (
            3.0,
            "forward doesn't get the three arguments of the call, one by one",
        ),
        "number of things that bwd is given": (4.0, "bwd doesn't get out and the three arguments, one by one"),
        "number of them that are others the second time": (
            0.0,
            "A second backward doesn't hand bwd what the first one did",
        ),
    }.items():
        counted(answer, name, wanted, otherwise)
    compare(answer, {"out.g": three["out_g"].double()})


@weight(1)
def test_needs_no_constructor(student: Student) -> None:
    """A layer may have a constructor of its own that doesn't call Module's."""
    one = draw(ONE)
    wanted = {**cubed(one), "x.g": cube_gradient(one["x"], one["out_g"])}
    compare(student.run(flows.own_constructor, **one), wanted)


@weight(1)
@beside(test_hands_one_argument_to_bwd, test_hands_three_arguments_to_bwd)
def test_a_forgotten_method_is_an_error(student: Student) -> None:
    """Using a layer without forward or bwd raises some error, and an error of the layer's own isn't swallowed."""
    answer = student.run(flows.forgotten, **draw(ONE))
    for place, told in {
        "a layer has no forward": "where a layer has no forward",
        "a layer has no bwd": "where a layer has no bwd",
        "forward stops": "where a layer's own forward raises one",
        "bwd stops": "where a layer's own bwd raises one",
        "bwd is not written": "where a layer's own bwd raises NotImplementedError",
    }.items():
        counted(answer, f"number of errors where {place}", 1.0, f"There is no error {told}")
