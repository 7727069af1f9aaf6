"""The comparison: known-wrong answers are called wrong, in the right words; right ones in any form are not."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.jail.session import Fault
from autograder.jail.wire import Foreign, Value
from autograder.judge.comparison import Mismatch, compare, unchanged
from autograder.judge.complaints import SENTENCES, repeated
from autograder.judge.sentences import AGAIN, STOPPED, explain, explain_again, in_turn, one_question, together
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
    ("got", "told"),
    [
        (None, "w.g is not set"),
        (Foreign("Canary"), "w.g is an object of another type, but one tensor is expected"),
        (Foreign("str"), "w.g is a string, but one tensor is expected"),
        (Foreign("dict"), "w.g is a dict, but one tensor is expected"),
        (Foreign("complex tensor"), "w.g is a complex tensor, but an ordinary one of real numbers is expected"),
        (Foreign("sparse tensor"), "w.g is a sparse tensor, but an ordinary one of real numbers is expected"),
        (Foreign("large tensor"), "w.g is far larger than the expected shape (2, 3)"),
        ((WANT, WANT), "w.g is a list or a tuple, but one tensor is expected"),
        (torch.full_like(WANT, float("nan")), "w.g holds nan or infinity"),
        (torch.zeros_like(WANT), "w.g is zero everywhere"),
        (2 * WANT, "w.g is twice what it should be"),
        (0.5 * WANT, "w.g is half of what it should be"),
        (-WANT, "w.g is the negative of what it should be"),
        (6 * WANT, "w.g is N times what it should be (here N is 6)"),
        (WANT / 6, "w.g is 1/N of what it should be (here N is 6)"),
        (WANT.abs(), "w.g has the right magnitude everywhere, but not the right sign"),
        (WANT + 1, "w.g has the right shape, but not the right values"),
    ],
)
def test_a_wrong_answer_is_told_by_its_pattern(got: Value, told: str) -> None:
    """Each kind of wrong answer gets its own words."""
    assert said(got, batch=6) == told


ROW, OTHER = torch.tensor([1.0, -2.0, 4.0, 0.5]), torch.tensor([3.0, 0.5, -1.0, 2.0])
CROSSED = "the expected values are on the diagonal, as happens when a row and a column are broadcast"
SHAPED = "w.g has shape {}, but {} is expected"


@pytest.mark.parametrize(
    ("got", "want", "told"),
    [
        (torch.tensor(0.0), ROW, SHAPED.format("(), a single number", "(4,)")),
        (3.25, ROW, SHAPED.format("(), a single number", "(4,)")),
        (ROW.sum(), ROW, SHAPED.format("(), a single number", "(4,)") + ": it is the sum of the expected values"),
        (ROW.mean(), ROW, SHAPED.format("(), a single number", "(4,)") + ": it is the mean of the expected values"),
        (torch.ones(4, 4), ROW, SHAPED.format("(4, 4)", "(4,)")),
        (torch.diag(ROW), ROW, ": the expected values are on the diagonal, with zeros elsewhere"),
        (ROW[:, None] - OTHER, ROW - OTHER, f": {CROSSED}"),
        (torch.ones(6, 4), ROW, SHAPED.format("(6, 4)", "(4,)")),
        (torch.stack([ROW / 2 - 1, ROW / 2 + 1]), ROW, ": the sum over its first axis would be right"),
        (ROW, ROW.sum(), "w.g holds 4 numbers, but one is expected: the sum of its entries would be right"),
        (ROW, ROW.mean(), "w.g holds 4 numbers, but one is expected: the mean of its entries would be right"),
        (ROW, torch.tensor(9.0), "w.g holds 4 numbers, but one is expected"),
        (WANT.T, WANT, SHAPED.format("(3, 2)", "(2, 3)") + ": it is transposed"),
        (WANT.reshape(3, 2), WANT, SHAPED.format("(3, 2)", "(2, 3)") + ": row by row, the values are right"),
        (torch.ones(3, 2), WANT, SHAPED.format("(3, 2)", "(2, 3)")),
    ],
)
def test_of_a_wrong_shape_only_that_is_said_which_its_values_prove(got: Value, want: torch.Tensor, told: str) -> None:
    """Summed, transposed or broadcast is said where the values are what that leaves; else the shapes alone."""
    text = said(got, want.double(), batch=6)
    assert text.endswith(told) if told.startswith(":") else text == told


def test_a_number_of_axes_is_a_matter_of_what_is_asked_for() -> None:
    """Axes of length 1 count where a shape is to be exact, and the two shapes are told."""
    flat, column = torch.ones(6), torch.ones(6, 1, dtype=torch.float64)
    compare({"pred.g": flat}, {"pred.g": column})
    with pytest.raises(Mismatch) as mismatch:
        compare({"pred.g": flat}, {"pred.g": column}, exact=True)
    assert str(mismatch.value) == "pred.g has shape (6,), but (6, 1) is expected"
    assert not mismatch.value.near


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["answer"], "the result"),
        (["answer", "w.g", "b.g"], "the result, w.g and b.g"),
        (["w.g of the first Lin", "b.g of the first Lin"], "w.g and b.g of the first Lin"),
        (["x.g of the first Relu", "x.g of the second Relu"], "x.g of the first Relu and of the second Relu"),
        (["w1 at the end", "losses", "b1 at the end"], "w1 and b1 at the end, and losses"),
        (["loss", "loss of the other MSE"], "loss, and loss of the other MSE"),
        (
            [f"out of the {place} MLP" for place in ("1st", "2nd", "3rd")],
            "out of the 1st MLP, of the 2nd MLP and of the 3rd MLP",
        ),
    ],
)
def test_names_are_told_together(names: list[str], text: str) -> None:
    """What several names have in common is said once."""
    assert together(names) == text


def test_what_is_wrong_in_one_way_is_told_at_once() -> None:
    """Answers of which the same can be said share one sentence; the others have their own."""
    want = dict.fromkeys(("w1", "b1", "w2", "x"), WANT)
    with pytest.raises(Mismatch) as mismatch:
        compare({"w1": WANT.exp(), "b1": 0 * WANT, "w2": WANT.sin(), "x": WANT}, want)

    told = "w1 and w2 have the right shape, but not the right values; b1 is zero everywhere"
    assert str(mismatch.value) == told


def test_one_number_is_told_with_the_others_beside_it() -> None:
    """Of a number its own words are said, and those of the tensors beside it where they are no better."""
    want = {"w": WANT, "b": torch.tensor(2.0), "loss": torch.tensor(3.0)}
    for got, told in (
        (
            {"w": WANT + 1, "b": 1.7, "loss": 0.0},
            "w and b have the right shape, but not the right values; loss is zero",
        ),
        ({"w": WANT, "b": 1.7, "loss": 3.0}, "b is not the right number"),
    ):
        with pytest.raises(Mismatch) as mismatch:
            compare(got, want)
        assert str(mismatch.value) == told


def test_results_in_another_order_are_named() -> None:
    """Right values in each other's places are told as that."""
    want = {"s1": WANT, "x1": WANT.tanh()}
    with pytest.raises(Mismatch, match="order: x1 is where s1 should be, s1 is where x1 should be"):
        compare({"s1": WANT.tanh(), "x1": WANT}, want)


@pytest.mark.parametrize(
    ("got", "told"),
    [
        (Foreign("dict"), "a dict"),
        (WANT, "one tensor"),
        (1.0, "one number"),
        (None, "None"),
        ((WANT,), "a list or a tuple"),
    ],
)
def test_one_thing_in_place_of_several_is_named(got: Value, told: str) -> None:
    """A dict where a tuple is unpacked is told as a dict: nothing in it is called missing."""
    with pytest.raises(Mismatch, match=f"The result is {told}, but s1 and x1 are expected"):
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
    with pytest.raises(Mismatch, match=r"^x was changed, but it should only be read$"):
        unchanged({"given x": WANT + 1e-7, "t": WANT}, {"given x": WANT, "t": WANT})
    with pytest.raises(Mismatch, match=r"^x and t were changed, but they should only be read$"):
        unchanged({"given x": WANT + 1e-7, "t": None}, {"given x": WANT, "t": WANT})


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


@pytest.mark.parametrize(
    "text",
    [
        "mat1 and mat2 shapes cannot be multiplied (5x7 and 5x3)",
        "name 'x0' is not defined",
        "cannot access local variable 'x0' where it is not associated with a value",
        "'Tensor' object has no attribute 'g'",
        "'Relu' object has no attribute 'g'",
        "module 'torch' has no attribute 'x0'",
        "'float' object is not callable",
        "unsupported operand type(s) for @: 'Tensor' and 'NoneType'",
        "unsupported operand type(s) for ** or pow(): 'list' and 'int'",
        "not enough values to unpack (expected 5, got 4)",
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
        "index 3 is out of bounds for dimension 0 with size 3",
        "too many indices for tensor of dimension 1",
        "tanh(): argument 'x0' (position 1) must be Tensor, not float",
        "sigma() takes 1 positional argument but 2 were given",
        "Relu.__init__() missing 1 required positional argument: 'g'",
        "Boolean value of Tensor with more than one value is ambiguous",
        "\"bitwise_xor_cpu\" not implemented for 'Float'",
        "addmv input tensors must have the same dtype, but got Long, Float, and Long",
        "maximum recursion depth exceeded",
    ],
)
def test_what_python_says_is_said_again(text: str) -> None:
    """Python's and torch's own words, with names of the notebook, types, counts and sizes that the inputs have."""
    fault = Fault("TypeError", text, ((0, 1, "sigma"),))
    told = explain(fault, words={"x0", "g", "sigma", "tanh", "Relu"}, sizes={3, 5, 7})
    assert told == f"Your code stopped with TypeError: {text}."


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("MissingNameError", "sigma", missing="sigma"), "There is no sigma in the notebook."),
        (Fault("KeyError", "'g'", ((0, 1, "f"),)), "Your code stopped with KeyError: 'g'."),
        (Fault("KeyError", "'secret'", ((0, 1, "f"),)), "Your code stopped with KeyError."),
        (
            Fault("TypeError", "sigma() missing 4 required positional arguments: 'w1', 'b1', 'w2', and 'b2'"),
            "Using your code as the question asks fails with TypeError: "
            "sigma() missing 4 required positional arguments: ….",
        ),
        (
            Fault("TypeError", "sum() received an invalid combination of arguments - got (Tensor, str), but\n * (..."),
            "Using your code as the question asks fails with TypeError: "
            "sum() received an invalid combination of arguments.",
        ),
        (
            Fault("SystemExit", "0", ((0, 1, "f"),)),
            "Your code stopped, because it exits the program there without an",
        ),
    ],
)
def test_an_exception_is_explained(fault: Fault, told: str) -> None:
    """A sentence ends where a sentence ends, whatever is left out of it."""
    text = explain(fault, {"x0", "g", "sigma", "sum"}, {3, 5, 7}, lambda _cell, _line: "")
    assert text.startswith(told)
    assert re.search(r"[\w)'…]\.$", text)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("ValueError", "tensor([0.1234, 5.678])"),
        Fault("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (1234x1234 and 5x1234)"),
        Fault("RuntimeError", "shape '[1234, -1234]' is invalid for input of size 1234"),
        Fault("IndexError", "index 1234 is out of bounds for dimension 0 with size 1234"),
        Fault("NameError", "name 'hidden_1234' is not defined"),
        Fault("Leak1234", "1234"),
        Fault("TypeError", "f_1234() takes 1 positional argument but 2 were given"),
        Fault("TypeError", "f() takes 1234 positional arguments but 1234 were given"),
        Fault("TypeError", "unsupported operand type(s) for 123: 'x1234' and 'y1234'"),
        Fault("TypeError", "a() received an invalid combination of arguments - got (x1234)"),
        Fault("AttributeError", "'Leak1234' object has no attribute 'a'"),
        Fault("RuntimeError", "expected m1 and m2 to have the same dtype, but got: 1234 != x1234"),
        Fault("RuntimeError", "name 'a' is not defined\n1234"),
        Fault("KeyError", "1234"),
        Fault("MissingNameError", "x 1234", missing="x 1234"),
    ],
)
def test_text_that_the_student_chose_is_not_passed_on(fault: Fault) -> None:
    """An exception's text could carry hidden inputs, so none of it is repeated that isn't known without it."""
    assert "123" not in explain(fault, words={"a", "x0"}, sizes={3, 5, 7})


def test_every_sentence_is_found_again() -> None:
    """Each gap has a name, no sentence hides another, and each is said again as it stands."""
    filled = {
        "name": "a",
        "names": "'a'",
        "module": "torch",
        "call": "a",
        "kind": "list",
        "dtype": "Float",
        "sign": "+",
    }
    filled |= {
        "sequence": "list",
        "part": "self",
        "letter": "i",
        "axis": "1",
        "count": "2",
        "size": "7",
        "sizes": "7, 7",
    }
    filled |= {"shape": "7,7"}
    for sentence in SENTENCES.strip().split("\n"):
        text = re.sub(r"<(\w+)>", lambda gap: filled[gap[1]], sentence).removesuffix("...")
        assert repeated(text, {"a"}, {7}) == text.rstrip(" .")


@given(st.data())
def test_no_sentence_says_more_than_its_gaps(data: st.DataObject) -> None:
    """Whatever fills the gaps of a sentence, only known names, kinds, small counts and the inputs' sizes come out."""
    sentence = data.draw(st.sampled_from(SENTENCES.strip().split("\n")))
    filled = re.sub(
        r"<\w+>", lambda _: data.draw(st.sampled_from(["31", "secret", "7", "'secret'", "31, 31"])), sentence
    )
    told = repeated(filled.removesuffix("..."), {"a"}, {7})
    assert "secret" not in told
    assert "31" not in told or re.search(r"takes|argument|unpack|position", told)


def test_a_question_shows_one_shape_of_the_codes_own_choosing() -> None:
    """Of a second shape no size is told, for the code may have chosen it by a hidden input; patterns are shown."""
    want = {"answer": torch.ones(3, dtype=torch.float64)}

    def said(*shape: int) -> str:
        with pytest.raises(Mismatch) as told:
            compare({"answer": torch.ones(shape)}, want)
        return str(told.value)

    with one_question():
        found = [said(77), said(85), said(77), said(3, 3)]
        with pytest.raises(Mismatch, match=r"the wrong shape; \(3,\) is expected: the mean over its first axis"):
            compare({"answer": torch.ones(41, 3)}, want)
    assert found[0] == found[2] == "The result has shape (77,), but (3,) is expected"
    assert found[1] == "The result has the wrong shape; (3,) is expected"
    assert found[3] == "The result has shape (3, 3), but (3,) is expected: the mean over its first axis would be right"
    assert said(85) == "The result has shape (85,), but (3,) is expected", "another question shows one of its own"


def test_a_question_shows_one_line_of_the_codes_own_choosing() -> None:
    """What stops a later claim is told without its line, its kind and its text; what no input decides is said."""
    fault = Fault("ValueError", "x", ((2, 5, "sigma"),))

    assert explain(fault, (), (), lambda cell, line: f"in cell {cell}, line {line}") == (
        "Your code stopped in cell 2, line 5, with ValueError."
    )
    assert explain_again(fault) == AGAIN
    assert list(in_turn(["", "x is zero.", AGAIN, AGAIN])) == ["", "x is zero.", STOPPED, AGAIN]
    for first in (explain(fault), explain(fault, (), (), lambda _cell, _line: "in sigma"), f"y. {explain(fault)}"):
        assert list(in_turn([first, AGAIN])) == [first, AGAIN]
    outside = explain(Fault("TypeError", ""), (), (), lambda _cell, _line: "")
    assert list(in_turn([outside, AGAIN])) == [outside, AGAIN]
    assert explain_again(Fault("TimedOut", "")) == explain(Fault("TimedOut", ""))


def test_no_more_is_said_of_a_shape_than_was_compared() -> None:
    """Shapes are compared without axes of length 1: one that has others is neither called right nor told."""

    def said(value: torch.Tensor, want: torch.Tensor) -> str:
        with pytest.raises(Mismatch) as caught:
            compare({"w": value}, {"w": want})
        return str(caught.value)

    wanted = torch.arange(1.0, 4.0).double()
    assert said(wanted.flip(0), wanted) == "w has the right shape, but not the right values"
    assert said(wanted.flip(0)[:, None], wanted) == "w has other values than expected"
    assert said(torch.tensor([7.0]), torch.tensor(1.0)) == "w is not the expected number"
    assert said(torch.tensor(7.0), wanted) == "w has shape (), a single number, but (3,) is expected"
    assert said(torch.tensor([[7.0]]), wanted) == "w holds a single number, but (3,) is expected"
    assert said(torch.ones(1, 4, 1) * 7, wanted) == "w has shape (4,) without axes of length 1, but (3,) is expected"
