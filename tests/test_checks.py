"""The checks that students see: every kind of wrong gets its one sentence, and right answers get none."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import linecache
import math
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.course import find
from data_utils import checks, pictures
from data_utils.checks import ATOL, RTOL, Checks, NotYet, Unpassed, agree, agree_g, clock, differs, nudge
from data_utils.lesson import Lesson
from tests.conftest import REPO, released

X = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]])
WANT = 2 * X
MISTAKES = {"is x itself.": X, "is one number for all.": torch.tensor(5.0)}
MODULE = "class Module:\n    def __call__(self, *args):\n        return self.forward(*args)"
RIGHT = "✓ twice: right.\n"
BUILDS_ON = {"twice": (), "thrice": ("twice",), "Layer": ("twice", "thrice")}


def lesson(*cells: str) -> Checks:
    """The checks of a notebook in which these cells have run."""
    names: dict[str, Any] = {"torch": torch}
    for cell in cells:
        exec(cell, names)
    return Checks(names, BUILDS_ON)


def written(body: str, name: str = "twice") -> str:
    """A cell that defines a function of x."""
    return f"def {name}(x):\n    {body}"


def told(checking: Checks, name: str, check: Callable[[], object]) -> str:
    """What a check prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), checking.checking(name) as passes:
        check()
        passes("right.")
    return out.getvalue()


def plain(said: str) -> str:
    """A verdict on one line, without where code stopped."""
    lines = said.splitlines()
    return " ".join(" ".join(line for line in lines if not line.startswith("  In ")).split())


def of_twice(checking: Checks, name: str = "twice", batch: int = 6) -> str:
    """What the check of `twice` prints, or of something else that should double its input."""
    return told(checking, name, lambda: agree("it", checking.call(name, X.clone()), WANT, MISTAKES, batch))


def found(checking: Checks, called: Any, *inputs: torch.Tensor, **options: Any) -> str:
    """What `call` objects to."""
    with pytest.raises(NotYet) as complaint:
        checking.call(called, *inputs, **options)
    return str(complaint.value)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("2 * x", "it is None; does your function return a value?"),
        ("return (2 * x).tolist()", "it is of type list; it should be a torch tensor."),
        ("return (2 * x).numpy()", "it is of type ndarray; it should be a torch tensor."),
        ("return x.tanh", "it is of type builtin_function_or_method; it should be a torch tensor."),
        ("return 2 * x.T", "it has shape (3, 2); it should be (2, 3)."),
        ("return 2 * x.flatten()", "it has shape (6,); it should be (2, 3)."),
        ("return 2 * x.sum()", "it has shape (); it should be (2, 3)."),
        ("return 2 * x[:, None] * torch.ones(2, 1)", "it has shape (2, 2, 3); it should be (2, 3)."),
        ("return 2 * x.sqrt()", "it contains nan (not a number)."),
        ("return x", "it is x itself."),
        ("return torch.full_like(x, 5)", "it is wrong: entry (0, 1) is 5.0000, but should be -4.0000."),
        ("return 4 * x", "it is 2 times what it should be, in every entry."),
        ("return -2 * x", "it is the negative of what it should be, in every entry."),
        ("return -4 * x", "it is -2 times what it should be, in every entry."),
        ("return -x", "it is -1/2 times what it should be, in every entry."),
        ("return 12 * x", "it is N times what it should be, in every entry."),
        ("return x / 3", "it is 1/N of what it should be, in every entry."),
        ("return 2 * x.abs()", "it is wrong: entry (0, 1) is 4.0000, but should be -4.0000."),
        ("return 2 * x + (x == 3)", "it is wrong: entry (0, 2) is 7.0000, but should be 6.0000."),
        ("return x.no_such_thing()", "stops with AttributeError: 'Tensor' object has no attribute 'no_such_thing'."),
        ("raise ValueError('first line.\\nsecond')", "stops with ValueError: first line."),
        ("raise ValueError", "stops with ValueError: no message."),
        ("raise NotImplementedError('twice is yours to write')", "not written yet."),
        ("raise KeyboardInterrupt", "stopped before it finished."),
        ("return x.mul_(2)", "changes its input x. Methods that end in _ and operators like -= write in place."),
    ],
)
def test_a_wrong_answer_gets_one_sentence(body: str, sentence: str) -> None:
    """Each kind of wrong is told in its own words, and nothing after it runs; what isn't there yet is no mistake."""
    mark = "…" if sentence in {"not written yet.", "stopped before it finished."} else "✗"

    assert plain(of_twice(lesson(written(body)))) == f"{mark} twice: {sentence}"


@pytest.mark.parametrize(
    "body",
    [
        "return 2 * x",
        "return (2 * x)[None]",
        "return (2 * x).double()",
        "return 2 * x.requires_grad_()",
        "x = x + x; return x",
    ],
)
def test_a_right_answer_gets_no_sentence(body: str) -> None:
    """Whatever its form, nothing is printed but what the check itself says at its end."""
    assert of_twice(lesson(written(body))) == RIGHT


def test_half_of_what_is_wanted_is_told() -> None:
    """A missing factor 2 is told as half, where no card of the lesson has a name for it."""
    assert differs(X, WANT) == "is half of what it should be, in every entry."


@pytest.mark.parametrize(
    ("got", "sentence"), [(320.0, "is 2 times what it should be."), (3.0, "is wrong: 3.0000, but should be 160.0000.")]
)
def test_a_single_number_has_no_entries(got: float, sentence: str) -> None:
    """Where one number is wanted, the sentence speaks of no entry; a shape is asked for in words."""
    assert differs(torch.tensor(got), 160) == sentence
    assert differs(torch.ones(2), 160) == "has shape (2,); it should be a single number, shape ()."


def test_an_entry_of_a_vector_is_named_by_one_number() -> None:
    """The entry that is furthest off is the one that is told, above or below."""
    assert differs(torch.tensor([1.0, 2.5, 7.0]), [1, 2, 3]) == "is wrong: entry 2 is 7.0000, but should be 3.0000."
    assert differs(torch.tensor([1.0, 2.5, -7.0]), [1, 2, 3]) == "is wrong: entry 2 is -7.0000, but should be 3.0000."


def test_the_number_of_samples_is_no_ratio_unless_it_is_given() -> None:
    """Without a batch, six times what it should be is not told as N times."""
    assert "N times" in str(differs(6 * WANT, WANT, batch=6))
    assert "N times" not in str(differs(6 * WANT, WANT))
    assert "1/N" not in str(differs(WANT / 6, WANT))


def test_a_named_mistake_comes_before_a_ratio() -> None:
    """What a lesson knows by name is not told as a factor, and its values may be given in another form."""
    assert differs(2 * WANT, WANT, {"is doubled.": (2 * WANT).flatten().tolist()}) == "is doubled."


@pytest.mark.parametrize("values", [5.0, [5.0] * 3, [[5.0] * 2] * 3])
def test_a_mistake_of_another_size_is_not_named(values: Any) -> None:
    """A mistake's values aren't spread over the entries: 5 everywhere is not the number 5."""
    named = differs(torch.full((2, 3), 5.0), WANT, {"is named.": values})

    assert (named == "is named.") == (values == [[5.0] * 2] * 3)


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3), (2, 1, 3)])
def test_axes_of_length_one_do_not_matter(shape: tuple[int, ...]) -> None:
    """A result with axes of length 1 added is right, and a wrong one is as wrong as without them."""
    assert differs(WANT.reshape(shape), WANT) is None
    assert differs(WANT, WANT.reshape(shape)) is None
    assert differs(2 * WANT.reshape(shape), WANT) == "is 2 times what it should be, in every entry."
    assert differs(WANT.abs().reshape(shape), WANT) == "is wrong: entry (0, 1) is 4.0000, but should be -4.0000."


@pytest.mark.parametrize(("off", "right"), [(0.5, True), (2.0, False)])
def test_the_tolerance_is_that_of_four_digits(off: float, right: bool) -> None:
    """Half the tolerance off is right, twice the tolerance is wrong, near zero and far from it."""
    for wanted in (0.0, 1.0, 1000.0):
        got = torch.tensor([wanted + off * (ATOL + RTOL * wanted), 7.0], dtype=torch.float64)

        assert (differs(got, [wanted, 7.0]) is None) == right, wanted


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=6))
def test_what_is_wanted_is_right(values: list[float]) -> None:
    """Nothing is said of the right numbers themselves, in either precision; one more than wanted is never right."""
    wanted = torch.tensor(values, dtype=torch.float64)

    assert differs(wanted, values) is None
    assert differs(wanted.float(), values) is None
    assert differs(wanted + 1.5, values) is not None


def test_infinity_is_wrong_where_a_number_is_wanted() -> None:
    """An overflow is not taken for the right answer, and is told with its entry."""
    assert differs(torch.tensor([1.0, math.inf]), [1, 2]) == "is wrong: entry 1 is inf, but should be 2.0000."


# --------------------------------------------------------------------------------------------- gradients


class TestGradients:
    """The gradient that is kept on a tensor."""

    @staticmethod
    def said(tensor: torch.Tensor, got: Any, wanted: Any, batch: int = 0) -> str:
        """What is said of one gradient; nothing if it is right."""
        tensor = tensor.clone()
        if got is not ...:
            tensor.g = got  # type: ignore[attr-defined]
        try:
            agree_g("w", tensor, wanted, {"is one.": torch.ones_like(tensor)}, batch)
        except NotYet as complaint:
            return str(complaint)
        return ""

    def test_a_right_gradient_goes_on(self) -> None:
        """Nothing is said of it, whatever its axes of length 1."""
        assert self.said(X, WANT, WANT) == ""
        assert self.said(torch.ones(3), torch.ones(1, 3), [1, 1, 1], batch=4) == ""
        assert self.said(torch.ones(3), torch.ones(1, 3), [1, 1, 1], batch=1) == "", "a batch of one"
        assert self.said(torch.eye(2), torch.eye(2), torch.eye(2)) == "", "as many rows as columns"
        assert self.said(torch.ones(3, 1), torch.ones(1, 3), torch.ones(3, 1)) != "", "a transposed column"

    @pytest.mark.parametrize("got", [..., None])
    def test_a_missing_one_is_told(self, got: Any) -> None:
        """Neither set, nor set to None."""
        assert self.said(X, got, WANT) == "w.g is missing: nothing was stored on this tensor."

    def test_a_transposed_one_is_told(self) -> None:
        """The shape is that of the transpose, even if the values are right."""
        assert self.said(X, WANT.T, WANT) == "w.g has shape (3, 2), and w has (2, 3): transposed."

    def test_a_row_a_sample_is_told(self) -> None:
        """A bias whose gradient was not summed over the batch; with no batch it is a wrong shape as any other."""
        rows = torch.ones(4, 3)

        assert self.said(torch.ones(3), rows, [4, 4, 4], batch=4) == (
            "w.g has shape (4, 3), one row per sample. How many samples share one bias?"
        )
        assert self.said(torch.ones(3), rows, [4, 4, 4]) == "w.g has shape (4, 3); it should be (3,)."
        assert self.said(torch.ones(3), rows[:3], [4, 4, 4], batch=4) == "w.g has shape (3, 3); it should be (3,)."

    @pytest.mark.parametrize(
        ("got", "sentence"),
        [
            (3.0, "w.g is of type float; it should be a torch tensor."),
            (4 * WANT, "w.g is N times what it should be, in every entry."),
            (torch.ones(2, 3), "w.g is one."),
            (WANT + 1, "w.g is wrong: entry (0, 0) is 3.0000, but should be 2.0000."),
        ],
    )
    def test_a_wrong_one_is_told_as_any_value(self, got: Any, sentence: str) -> None:
        """Its mistakes and ratios have their names."""
        assert self.said(X, got, WANT, batch=4) == sentence


# ------------------------------------------------------------------------------------------------ where

NOT_WRITTEN = 'raise NotImplementedError("yours to write")'
LAYER = "class Layer:\n    def __call__(self, x):\n        {}\n    def backward(self):\n        return 1 / 0"


def test_a_function_that_waits_for_another_says_for_which() -> None:
    """A stub that was called by the function under test is named; its own stub is not."""
    both = lesson(written(NOT_WRITTEN), written("return twice(x)", "thrice"))

    assert of_twice(both, "thrice") == "… thrice: needs twice, which is not written yet.\n"
    assert of_twice(both, "twice") == "… twice: not written yet.\n"


def test_an_exception_is_told_with_the_function_that_it_happened_in() -> None:
    """The innermost function that the lesson asks for is named, helpers and lambdas of its own are not."""
    helped = written("return helper(x)"), "def helper(x):\n    return [][0]"
    lambdas = written("return (lambda y: [][0])(x)"), written("return twice(x)", "thrice")

    assert of_twice(lesson(*helped)) == (
        "✗ twice: stops with IndexError: list index out of range.\n  In helper, line 2\n"
    )
    assert of_twice(lesson(*lambdas), "thrice") == (
        "✗ thrice: twice stops with IndexError: list index out of range. Start there.\n  In twice, line 2\n"
    )


def test_where_code_stopped_is_told_by_section_line_and_text() -> None:
    """As a notebook's cells have it: the section of the function, the innermost of its lines, and what stands there."""
    cell = "def helper(x):\n    return x.nothing\n\ndef twice(x):\n    return helper(x)"
    checking = lesson()
    linecache.cache["cell 7"] = (len(cell), None, cell.splitlines(keepends=True), "cell 7")
    exec(compile(cell, "cell 7", "exec"), checking.names)
    checking.sections = {"twice": "4. twice, two times"}

    assert of_twice(checking).splitlines()[-1] == "  Section 4, helper, line 2:  return x.nothing"
    assert all(len(line) <= 88 for line in of_twice(checking).splitlines())


def test_an_exception_elsewhere_is_nobodys() -> None:
    """What is no function of the lesson's is not named, and a check that broke says that it can't be tried."""
    checking = lesson(written("return 2 * x", "other"))

    assert (
        told(checking, "twice", lambda: 1 / 0)
        == "✗ twice: can't be tried: it stops with ZeroDivisionError: division by zero.\n"
    )
    assert told(checking, "twice", lambda: checking.call("other")).startswith(
        "✗ twice: can't be tried: it stops with TypeError"
    )
    checking = lesson(written(NOT_WRITTEN, "other"))
    assert told(checking, "twice", lambda: checking.call("other", X)) == "… twice: not written yet.\n"


def test_a_method_is_told_as_its_class() -> None:
    """A stub or an exception in a method names the class, wherever the method was called from."""
    checking = lesson(LAYER.format(NOT_WRITTEN), written("return Layer()(x)"))

    def backward() -> None:
        checking.call("Layer").backward()

    stops, place = "stops with ZeroDivisionError: division by zero.", "\n  In Layer.backward, line 5\n"

    assert told(checking, "twice", backward) == f"✗ twice: Layer {stops} Start there.{place}"
    assert of_twice(checking) == "… twice: needs Layer, which is not written yet.\n"
    checking.failed.clear()
    assert told(checking, "Layer", backward) == f"✗ Layer: {stops}{place}"
    assert told(checking, "Layer", lambda: checking.call("Layer")(X)) == "… Layer: not written yet.\n"


def test_what_torch_has_not_implemented_is_no_stub() -> None:
    """torch's own NotImplementedError is told as the exception that it is."""
    said = of_twice(lesson(written("raise NotImplementedError('\"tanh\" not implemented for \\'Half\\'')")))

    assert plain(said) == "✗ twice: stops with NotImplementedError: \"tanh\" not implemented for 'Half'."


# -------------------------------------------------------------------------------------------- builds on

BELOW = " (The check of twice did not pass when you last ran it, and this builds on it: start there.)"
BOTH = " (The checks of twice and thrice did not pass when you last ran them, and this builds on them: start there.)"


def test_a_check_points_to_all_that_failed_below_it() -> None:
    """In the order of the lesson, until they are right; a stub is told without them."""
    wrong = "return 4 * x"
    checking = lesson(written(wrong), written(wrong, "thrice"), LAYER.format(wrong))
    alone = "✗ thrice: it is 2 times what it should be, in every entry."

    assert plain(of_twice(checking, "thrice")) == alone, "twice was not checked yet"
    of_twice(checking, "twice")
    assert plain(of_twice(checking, "thrice")) == alone + BELOW
    assert plain(told(checking, "Layer", lambda: agree("it", None, 1))).endswith("return a value?" + BOTH)
    exec(written(NOT_WRITTEN, "thrice"), checking.names)
    assert of_twice(checking, "thrice") == "… thrice: not written yet.\n"
    exec(written("return 2 * x"), checking.names)
    exec(written(wrong, "thrice"), checking.names)
    assert of_twice(checking, "twice") == RIGHT
    assert plain(of_twice(checking, "thrice")) == alone, "twice is right by now"


def test_a_check_that_was_stopped_has_not_passed() -> None:
    """KeyboardInterrupt doesn't end the notebook, but what builds on the check is told."""
    checking = lesson(written("raise KeyboardInterrupt"), written("return x.tolist()", "thrice"))

    assert of_twice(checking) == "… twice: stopped before it finished.\n"
    assert plain(of_twice(checking, "thrice")).endswith("it should be a torch tensor." + BELOW)


def test_leaving_the_program_is_not_held_up() -> None:
    """SystemExit is no answer of a student's that a check could explain: it passes."""
    with pytest.raises(SystemExit):
        of_twice(lesson(written("raise SystemExit")))


def test_a_check_is_no_place_for_warnings(recwarn: pytest.WarningsRecorder) -> None:
    """A student sees one sentence, not what a library has to say beside it; outside, warnings are as before."""
    checking = lesson("import warnings", written("warnings.warn('noise'); return 2 * x"))

    assert of_twice(checking) == RIGHT
    assert len(recwarn) == 0
    checking.call("twice", X)
    assert len(recwarn) == 1


# ------------------------------------------------------------------------------------------------- call


def test_call_finds_functions_and_classes() -> None:
    """By their names in the notebook, as they are when called; a thing itself can be called too."""
    checking = lesson(written("return 2 * x"), LAYER.format("return x + 1"))

    assert torch.equal(checking.call("twice", X), WANT)
    layer = checking.call("Layer")
    assert type(layer) is checking.names["Layer"]
    assert torch.equal(checking.call(layer, X), X + 1)
    exec(written("return 3 * x"), checking.names)
    assert torch.equal(checking.call("twice", X), 3 * X)


@pytest.mark.parametrize("cell", ["", "twice = Layer = None", "twice = Layer = 3.0"])
def test_a_missing_name_is_told(cell: str) -> None:
    """Not run, or written over by something that can't be called."""
    assert found(lesson(cell), "twice", X) == "there is no function of this name; run its cell above."
    assert found(lesson(cell), "Layer") == "there is no class of this name; run its cell above."


@pytest.mark.parametrize(
    ("cell", "told_as"),
    [
        ("def twice(w, x):\n    x += 1", "x"),
        ("def twice(w, x, /, *rest):\n    x += 1", "x"),
        ("def twice(*inputs):\n    inputs[1].zero_()", "number 2"),
        ("def twice(*inputs, x=1):\n    inputs[1].zero_()", "number 2"),
        ("def twice(w, *rest):\n    rest[0].zero_()", "number 2"),
        ("class Twice:\n    def __init__(self, w, x):\n        x -= 1\ntwice = Twice", "x"),
        ("class Twice:\n    def __call__(self, w, x):\n        x -= 1\ntwice = Twice()", "x"),
        ("class Twice:\n    def __call__(self, *inputs):\n        inputs[1].neg_()\ntwice = Twice()", "number 2"),
        ("class Twice:\n    def forward(self, w, x):\n        x.resize_(1)\ntwice = Twice().forward", "x"),
        (f"{MODULE}\nclass Twice(Module):\n    def forward(self, w, x):\n        x += 1\ntwice = Twice()", "x"),
        ("import operator\ntwice = operator.iadd", "a"),
    ],
)  # fmt: skip
def test_a_changed_input_is_told(cell: str, told_as: str) -> None:
    """By its name, or by its place among any number of them; in functions, classes, layers and methods."""
    assert found(lesson(cell), "twice", X.clone(), X.clone()).startswith(
        f"changes its input {told_as}. Methods that end in _"
    )


def test_a_function_of_torchs_own_can_be_called() -> None:
    """What is written in C has no argument names: the right one is right, and one that writes is told by the place."""
    assert torch.equal(lesson("twice = torch.tanh").call("twice", X), X.tanh())
    assert found(lesson("twice = torch.tanh_"), "twice", X.clone()).startswith("changes its input number 1.")


def test_a_function_may_write_where_it_is_asked_to() -> None:
    """`writes` come after the inputs, and may change; options are handed on, and numbers are let be."""
    checking = lesson("def twice(x, n, total, *, factor=1):\n    total += factor * n * x")
    total = torch.zeros_like(X)
    checking.call("twice", X, 2, writes=[total], factor=3)

    assert torch.equal(total, 6 * X)
    assert found(lesson("def twice(x, total):\n    x += 1"), "twice", X.clone(), writes=[total])


# ------------------------------------------------------------------------------ slopes, times, pictures


@pytest.mark.parametrize(
    "f",
    [
        lambda v: (v**2).sum(),
        lambda v: v.tanh().sum(),
        lambda v: (v @ v.T).sum(),
        lambda v: v[0, 1] * v[1, 2],
        lambda v: v.exp().mean(),
    ],
)
def test_a_nudge_measures_what_autograd_finds(f: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Entry by entry, in float64, and the place is left as it was."""
    at = X.clone().requires_grad_()
    measured = nudge(f, at)
    exact = X.double().requires_grad_()
    f(exact).backward()

    assert exact.grad is not None
    assert measured.dtype == torch.float64
    assert torch.allclose(measured, exact.grad, rtol=1e-6, atol=1e-8)
    assert torch.equal(at, X)


def test_a_nudge_of_a_number_is_a_number() -> None:
    """The knob of the first lesson: no axes in, no axes out."""
    slope = nudge(lambda w: w**3, torch.tensor(2.0))

    assert slope.shape == ()
    assert slope.item() == pytest.approx(12, abs=1e-6)


def test_the_clock_tells_the_best_of_several_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many calls as asked for, of which the quickest counts."""
    now, naps = [0.0], [0.5, 0.25, 0.5]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def nap() -> None:
        now[0] += naps.pop()

    assert clock(nap, times=3) == 250
    assert naps == []


def test_a_picture_is_shown_with_its_sentence_or_says_why_not() -> None:
    """A wrong function stops its picture with one line that names it."""
    checking = lesson(written("return 2 * x"), written(NOT_WRITTEN, "thrice"))

    def of(name: str) -> Any:
        return pictures.lines({"line": (range(3), checking.names[name](torch.arange(3.0)))})

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        checking.draw("twice", lambda: of("twice"), "A line.")
        checking.draw("thrice", lambda: of("thrice"), "A line.")
        checking.draw("none", lambda: pictures.lines({}), "Nothing.")

    first, second, *rest = out.getvalue().splitlines()
    third = " ".join(" ".join(rest).split())
    assert first == "A line."
    assert second == "… picture of thrice: needs thrice, which is not written yet."
    assert third.startswith("✗ picture of none: lines draws a dict of one to ")
    assert third.endswith('{"loss": (x, y)}.')
    assert "PictureError" not in third


@pytest.mark.parametrize(
    "picture",
    [
        "lines({'line': (range(3), twice(torch.arange(3.0)))})",
        "(lambda: lines({'line': (range(3), twice(torch.arange(3.0)))}))()",
        "lines({'line': (range(3), helper(torch.arange(3.0)))})",
    ],
)
def test_the_sentence_of_a_picture_is_not_left_alone_with_a_wrong_answer(picture: str) -> None:
    """It says how it should look; where what is drawn by the function itself or by a helper is wrong, that is said."""
    said = []
    for body in ("return 2 * x", "return 3 * x"):
        checking = lesson(
            "from data_utils import lines",
            written(body),
            written("return twice(x)", "helper"),
            f"def drawn():\n    return {picture}",
            "def other():\n    return lines({'line': ([0, 1], [0, 1])}) or torch.twice",
        )
        of_twice(checking)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            checking.draw("the line", checking.names["drawn"], "It rises by 2.")
            checking.draw("another line", checking.names["other"], "One.")
        said.append(plain(out.getvalue()))

    wrong = (
        "✗ This was drawn with your twice, which is not right yet: it is wrong: entry (1, 1) is 12.0000, but should be"
    )
    assert said == ["It rises by 2. One.", f"{wrong} 8.0000. What a correct one shows: It rises by 2. One."]


# ----------------------------------------------------------------------------------- summary, validation


def summed_up(checking: Checks) -> str:
    """The summary on one line."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        checking.summary()
    return " ".join(out.getvalue().split())


def test_the_summary_counts_and_names_what_does_not_pass() -> None:
    """Also what was never checked; and it says what handing in means, and who reads what was written."""
    checking = lesson(written("return 2 * x"), written("return x", "thrice"))
    checking.written = ["8. In words"]
    of_twice(checking)
    of_twice(checking, "thrice")

    assert summed_up(checking).startswith("✗ 1 of 3 checks pass: thrice and Layer don't yet. To hand in, save this")
    assert summed_up(checking).endswith("A person will read what you wrote in section 8.")
    for name in ("thrice", "Layer"):
        told(checking, name, lambda: None)
    assert summed_up(checking).startswith("✓ All 3 checks pass. To hand in")


def test_validation_says_what_the_last_check_said() -> None:
    """Nothing of what passed; of the rest the verdict, and of what was never checked that it wasn't."""
    checking = lesson(written("return 4 * x"))
    of_twice(checking)
    with pytest.raises(Unpassed, match=r"^✗ twice: it is 2 times what it should be"):
        checking.validate("twice")
    with pytest.raises(Unpassed, match=r"^… thrice: has not been checked"):
        checking.validate("thrice")
    exec(written("return 2 * x"), checking.names)
    of_twice(checking)
    checking.validate("twice")


def test_a_long_training_is_short_while_nbgrader_validates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which stops a cell after 30 seconds; anywhere else it takes all of its steps."""
    monkeypatch.delenv("NBGRADER_VALIDATING", raising=False)
    assert lesson().steps(1000) == 1000
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    assert lesson().steps(1000) == 10
    assert lesson().steps(5) == 5


# ---------------------------------------------------------------------------------------------- lessons


def own(name: str) -> Lesson:
    """The checks of one of the kit's lessons, in an empty notebook."""
    found: Lesson = getattr(importlib.import_module(f"data_utils.lessons.{name}"), name.title())({})
    return found


@pytest.mark.parametrize("name", find(REPO).assignments)
def test_what_a_notebook_checks_and_draws_is_there(name: str) -> None:
    """Every check and picture that its cells name is a method that says something, and none stands there unused."""
    cells = json.loads((REPO / "source" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    lines = [line.strip() for cell in cells if cell["cell_type"] == "code" for line in cell["source"]]
    asked = {found for line in lines if (found := re.match(r'lesson\.(check|picture)\("(.+)"\)', line))}
    named = {f"{found[1]}_{found[2].replace(' ', '_')}" for found in asked}
    has = {method for method in dir(own(name)) if method.startswith(("check_", "picture_"))}

    assert named == has
    assert all(getattr(own(name), method).__doc__.rstrip().endswith((".", "?")) for method in has)


@pytest.mark.parametrize("name", find(REPO).assignments)
def test_a_link_leads_to_a_section(name: str) -> None:
    """The headings that a lesson's checks name are those of its notebook, in the same order."""
    cells = json.loads((REPO / "source" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    headings = [heading.replace("`", "") for heading in re.findall(r"^#{2,3} (.+)$", text, re.M)]
    places = [headings.index(heading) for heading in own(name).sections.values()]

    assert set(own(name).sections) == set(own(name).builds_on)
    assert places == sorted(places)
    assert set(own(name).written) <= set(headings)


@pytest.mark.parametrize("name", find(REPO).assignments)
def test_little_stands_between_a_stub_and_its_verdict(name: str) -> None:
    """Five lines of code or fewer, and no set-up cell is longer than ten."""
    cells = [cell for cell in released(name)["cells"] if cell["cell_type"] == "code"]
    between = None
    for cell in cells:
        lines = [line for line in "".join(cell["source"]).splitlines() if line.strip() and not line.startswith("#")]
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            between = 0
        elif between is not None:
            between += len(lines)
            if any("lesson.check(" in line for line in lines):
                assert between <= 5, cell["id"]
                between = None
        assert cell["id"] != "setup" or len(lines) <= 10


@pytest.mark.parametrize("name", find(REPO).assignments)
def test_a_lesson_has_no_checks_of_its_own(name: str) -> None:
    """Its set-up takes them from here, and defines none of these names itself."""
    cells = json.loads((REPO / "source" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    machinery = {*vars(checks), *vars(Checks)}

    assert f"lesson = {type(own(name)).__name__}(globals())" in text
    assert machinery & set(re.findall(r"^(?:def|class) (\w+)", text, re.M)) == set()
