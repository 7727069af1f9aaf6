"""The comparison: known-wrong answers are called wrong, in the right words; right ones in any form are not."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.jail.session import Fault
from autograder.jail.wire import Foreign, Value
from autograder.judge.comparison import Mismatch, compare, unchanged
from autograder.judge.sentences import AGAIN, explain, explain_again, one_question
from autograder.judge.tolerance import ATOL, RTOL, close, same_values

WANT = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]], dtype=torch.float64)


def said(got: Value, want: torch.Tensor = WANT, batch: int | None = None) -> str:
    """What is said of one answer."""
    with pytest.raises(Mismatch) as mismatch:
        compare({"w.g": got}, {"w.g": want}, batch)
    return str(mismatch.value)


@pytest.mark.parametrize("factor", [1 + 2 * (RTOL + ATOL), 1 - 3 * (RTOL + ATOL), 1.01])
def test_a_value_just_outside_the_tolerance_is_wrong(factor: float) -> None:
    """An error of twice the tolerance in one entry is caught."""
    wrong = WANT.clone()
    wrong[1, 1] *= factor

    assert not close(wrong, WANT)
    assert said(wrong)


def test_float32_rounding_is_right() -> None:
    """The right answer in float32 passes."""
    compare({"w.g": WANT.float() * (1 + 1e-6)}, {"w.g": WANT})


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3), (2, 1, 3)])
def test_axes_of_length_one_do_not_matter(shape: tuple[int, ...]) -> None:
    """A result with axes of length 1 added is right."""
    compare({"w.g": WANT.reshape(shape)}, {"w.g": WANT})


def test_a_number_is_a_tensor_without_axes() -> None:
    """A Python number is right where one number is asked for."""
    compare({"loss": 160.0}, {"loss": torch.tensor(160.0)})


@pytest.mark.parametrize(
    ("got", "pattern"),
    [
        (None, "nothing was returned"),
        (Foreign("Canary"), "an object of another type"),
        (Foreign("str"), "is a string where one tensor"),
        (Foreign("dict"), "is a dict where one tensor"),
        (Foreign("complex tensor"), "complex tensor; an ordinary one"),
        (Foreign("sparse tensor"), "sparse tensor; an ordinary one"),
        (Foreign("large tensor"), "far larger than a tensor of shape (2, 3)"),
        ((WANT, WANT), "a sequence"),
        (WANT.T, "transposed"),
        (WANT.sum(), "summed to one number"),
        (torch.full_like(WANT, float("nan")), "nan or infinity"),
        (torch.zeros_like(WANT), "zero everywhere"),
        (2 * WANT, "twice what it should be"),
        (0.5 * WANT, "half of what it should be"),
        (-WANT, "minus what it should be"),
        (WANT.abs(), "not the right sign"),
        (WANT + 1, "not the right values"),
    ],
)
def test_a_wrong_answer_is_told_by_its_pattern(got: Value, pattern: str) -> None:
    """Each kind of wrong answer gets its own words."""
    assert pattern in said(got)


@pytest.mark.parametrize(("factor", "pattern"), [(6.0, "N times"), (1 / 6, "1/N of")])
def test_the_number_of_samples_is_a_named_ratio(factor: float, pattern: str) -> None:
    """A missing or doubled mean is told as N or 1/N."""
    assert pattern in said(factor * WANT, batch=6)


def test_a_row_for_every_sample_is_named() -> None:
    """A bias gradient that was not summed over the batch is told as that."""
    assert "one row for every sample" in said(torch.ones(6, 3), torch.ones(3, dtype=torch.float64), batch=6)


def test_a_broadcast_accident_is_named() -> None:
    """An (n, n) result for (n,) is told as a row against a column."""
    assert "broadcast" in said(torch.ones(4, 4), torch.ones(4, dtype=torch.float64))


def test_what_is_wrong_in_one_way_is_told_at_once() -> None:
    """Answers of which the same can be said share one sentence; the others have their own."""
    want = dict.fromkeys(("w1", "b1", "w2", "x"), WANT)
    with pytest.raises(Mismatch) as mismatch:
        compare({"w1": WANT.exp(), "b1": 0 * WANT, "w2": WANT.sin(), "x": WANT}, want)

    told = "each of w1 and w2 has the right shape, but not the right values; b1 is zero everywhere"
    assert str(mismatch.value) == told


def test_results_in_another_order_are_named() -> None:
    """Right values in each other's places are told as that."""
    want = {"s1": WANT, "x1": WANT.tanh()}
    with pytest.raises(Mismatch, match="another order: s1 holds x1, x1 holds s1"):
        compare({"s1": WANT.tanh(), "x1": WANT}, want)


@pytest.mark.parametrize(
    ("got", "told"),
    [(Foreign("dict"), "a dict"), (WANT, "one tensor"), (1.0, "one number"), (None, "None"), ((WANT,), "a sequence")],
)
def test_one_thing_in_place_of_several_is_named(got: Value, told: str) -> None:
    """A dict where a tuple is unpacked is told as a dict: nothing in it is called missing."""
    with pytest.raises(Mismatch, match=f"it is .*{told} where s1 and x1 are asked for"):
        compare({"answer": got, "given x": WANT}, {"s1": WANT, "x1": WANT})


@given(st.floats(-1e6, 1e6, allow_nan=False).filter(lambda secret: abs(secret) > 10))
def test_no_message_holds_a_hidden_value(secret: float) -> None:
    """Neither the right value nor the distance to it is ever said."""
    want = torch.tensor([secret, 1.0], dtype=torch.float64)
    for got in (want + 0.5 * secret, want * 1.37, torch.zeros(2), torch.tensor([0.0, float("nan")])):
        text = said(got, want)

        assert not any(character.isdigit() for character in text), text


def test_a_changed_input_is_named() -> None:
    """An input that was written to is named."""
    with pytest.raises(Mismatch, match="x changed"):
        unchanged({"x": WANT + 1e-7, "t": WANT}, {"x": WANT, "t": WANT})


def test_same_values_tells_answers_apart_by_kind_and_value() -> None:
    """Two answers are the same only if kind, shape and values are."""
    nan = torch.tensor([1.0, float("nan")])

    assert same_values(nan, nan.clone())
    assert same_values(1.0, torch.tensor(1.0))
    assert same_values((WANT, None), (WANT.float(), None))
    assert not same_values(nan, torch.tensor([1.0, 2.0]))
    assert not same_values(WANT, None)
    assert not same_values(WANT, WANT.T)
    assert not same_values(Foreign("A"), Foreign("B"))


SHAPES = "mat1 and mat2 shapes cannot be multiplied (5x7 and 5x3)"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("RuntimeError", SHAPES), SHAPES),
        (Fault("NameError", "name 'x0' is not defined"), "name 'x0' is not defined"),
        (Fault("NotImplementedError", "secret"), "not written yet"),
        (Fault("AttributeError", "'Tensor' object has no attribute 'g'"), "a Tensor has no attribute g"),
        (Fault("MissingNameError", "sigma", missing="sigma"), "no sigma in the notebook"),
    ],
)
def test_an_exception_is_explained(fault: Fault, told: str) -> None:
    """What Python and torch say of a slip is passed on where it is safe."""
    assert told in explain(fault, words={"x0", "g", "sigma"}, sizes={3, 5, 7})


@pytest.mark.parametrize(
    "fault",
    [
        Fault("ValueError", "tensor([0.1234, 5.678])"),
        Fault("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (1234x5678 and 5x3)"),
        Fault("NameError", "name 'hidden_1234' is not defined"),
        Fault("Leak1234", "1234"),
        Fault("TypeError", "f_1234() takes 1 positional argument but 2 were given"),
        Fault("AttributeError", "'Leak1234' object has no attribute 'a'"),
        Fault("KeyError", "1234"),
        Fault("MissingNameError", "x 1234", missing="x 1234"),
    ],
)
def test_text_that_the_student_chose_is_not_passed_on(fault: Fault) -> None:
    """An exception's text could carry hidden inputs, so none of it is repeated."""
    assert "1234" not in explain(fault, words={"a", "x0"}, sizes={3, 5, 7})


def test_a_question_shows_one_shape_of_the_codes_own_choosing() -> None:
    """Of a second shape no size is told, for the code may have chosen it by a hidden input; patterns are shown."""
    want = {"answer": torch.ones(3, dtype=torch.float64)}

    def said(*shape: int) -> str:
        with pytest.raises(Mismatch) as told:
            compare({"answer": torch.ones(shape)}, want)
        return str(told.value)

    with one_question():
        found = [said(77), said(85), said(77), said(3, 3)]
    assert found[0] == found[2] == "it has shape (77,), where (3,) is asked for"
    assert found[1] == "it has another shape than (3,), which is asked for"
    assert "broadcast" in found[3]
    assert said(85) == "it has shape (85,), where (3,) is asked for", "another question shows one of its own"


def test_a_question_shows_one_line_of_the_codes_own_choosing() -> None:
    """What stops a later claim is told without its line, its kind and its text; what no input decides is said."""
    fault = Fault("ValueError", "x", ((2, 5, "sigma"),))

    assert explain(fault, (), (), lambda cell, line: f"in cell {cell}, line {line}") == (
        "Your code stopped in cell 2, line 5 with ValueError."
    )
    assert explain_again(fault) == AGAIN
    assert explain_again(Fault("NotImplementedError", "", ((2, 5, "sigma"),))) == "It is not written yet."
