"""What a source shows: how a mistake was made is said only where the student's own lines have it."""

from __future__ import annotations

import pytest

from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.jail.session import Step
from autograder.judge.bank import Misconception
from autograder.judge.evidence import Evidence
from autograder.judge.inputs import seeded
from autograder.judge.reference import replaced
from autograder.judge.trial import judge

CARD = Misconception(id="card", function="dloss", edit=("2 * (v - t)", "(v - t)"), says="It is half.", hint="hint")

IN_THE_CLASS = """
class Relu:
    kept = []
    def __call__(self, inp):
        self.kept.append(inp)
"""
BY_NAME = """
class Relu:
    inp = None
    def __call__(self, inp):
        Relu.inp = inp
"""
ON_THE_OBJECT = """
class Relu:
    inp = None
    def __call__(self, inp):
        self.inp = inp
"""
IN_A_DEFAULT = """
class Relu:
    def __init__(self, kept={}):
        self.kept = kept
"""
OUTSIDE = """
kept = {}

class Relu:
    def __call__(self, inp):
        kept["inp"] = inp
"""


def shown(assignment: Assignment, source: str, what: str, card: Misconception = CARD) -> bool:
    """Whether a source shows something."""
    return Evidence(assignment, [Step(0, 1, source)]).shows(card, what)


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        (IN_THE_CLASS, "kept in the class"),
        (BY_NAME, "kept in the class"),
        (ON_THE_OBJECT, ""),
        (IN_A_DEFAULT, "kept in a default value"),
        (OUTSIDE, "kept outside"),
    ],
)
def test_a_source_shows_where_a_memory_is(course: Course, source: str, fact: str) -> None:
    """In the class, in a default value, outside, or where it belongs: each is told from the others."""
    layers = course.assignment("layers")
    card = CARD.model_copy(update={"function": "Relu"})

    facts = ("kept in the class", "kept in a default value", "kept outside")
    assert [name for name in facts if shown(layers, source, name, card)] == [fact] * bool(fact)


@pytest.mark.parametrize(
    ("source", "is_shown"),
    [
        ("def dloss(v, t):\n    return v - t", True),
        ("def dloss(a, b):\n    'a docstring'\n    return (a - b)  # half", True),
        ("def dloss(v, t):\n    # return v - t\n    return (2 * v - 2 * t) / 2", False),
        ("def dloss(v, t:\n    return v - t", False),
        ("def dloss(v, t):\n    return v - t\n\ny = " + "1 + " * 900 + "1", False),
        ("def dloss(v, t):\n    return v - t\n" + "# a long comment\n" * 2000, False),
    ],
)
def test_the_lines_of_a_mistake_are_found_under_other_names(mlp: Assignment, source: str, is_shown: bool) -> None:
    """Parameters may be called otherwise; a comment is no line; what is too deep shows nothing."""
    assert shown(mlp, source, "") is is_shown


@pytest.mark.parametrize(
    ("source", "is_shown"),
    [
        ("def dloss(v, t):\n    '''Half.\n\n    return v - t\n    '''\n    return (2 * v - 2 * t) / 2", False),
        ("def dloss(v, t):\n    d = v - t\n    '''\n    return v - t\n    '''\n    return 2 * d / 2", False),
        ("def dloss(v, t):\n    '''\n    return v - t\n    '''", False),
        ("'''\nreturn v - t\n'''\ndef dloss(v, t):\n    return 1.0 * (v - t)", False),
        ("def dloss(v, t):\n    '''Half.\n\n    Or so.\n    '''\n    return v - t", True),
    ],
)
def test_what_a_text_says_is_no_evidence(mlp: Assignment, source: str, is_shown: bool) -> None:
    """No line of a docstring, or of any text that stands alone, counts as a line of code; the code beside it does."""
    assert shown(mlp, source, "") is is_shown
    assert shown(mlp, source, "^ *return v - t$") is is_shown


def test_an_unknown_source_shows_nothing(mlp: Assignment) -> None:
    """Where the statements aren't known, nothing is said of how."""
    assert not Evidence(mlp, None).shows(CARD, ".")


def test_equal_exceptions_alone_are_no_mistake_by_name(course: Course) -> None:
    """A sigma that fails as math.tanh does isn't told of math.tanh."""
    mlp = course.assignment("mlp")
    sigma = next(question for question in mlp.questions if question.id == "sigma")
    named, other = (
        "import math\ndef sigma(v):\n    return math.tanh(v)",
        "def sigma(v):\n    return torch.tensor([1.0, float(v)])",
    )
    with seeded(course.seed("mlp")):
        assert [d.id for d in judge(mlp, sigma, replaced(mlp, "sigma", named)).diagnoses] == ["sigma-takes-one-number"]
        assert not any("math" in d.says for d in judge(mlp, sigma, replaced(mlp, "sigma", other)).diagnoses)


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ("out, inp, targ", "targ.g = 2 * (targ - inp[:, 0]) / len(targ)"),
        ("out, targ, inp", "inp.g = 2 * (inp.flatten() - targ.flatten())[:, None] / len(targ)"),
    ],
)
def test_a_gradient_on_the_target_is_said_in_words_that_fit_every_way_there(
    course: Course, parameters: str, line: str
) -> None:
    """Values can't tell whether arguments were swapped, or which sign is right for a target: no word says so."""
    modules = course.assignment("modules")
    mse = next(question for question in modules.questions if question.id == "Mse")
    forward = "    def forward(self, inp, targ):\n        return (inp[:, 0] - targ).pow(2).mean()\n"
    source = f"class Mse(Module):\n{forward}\n    def bwd(self, {parameters}):\n        {line}"
    with seeded(course.seed("modules")):
        (card,) = judge(modules, mse, replaced(modules, "Mse", source)).diagnoses

    assert "leaves a gradient on targ" in card.says
    assert not any(word in f"{card.says} {card.hint}" for word in ("order", "sign", "swap"))


@pytest.mark.parametrize(
    ("kept", "is_shown"),
    [
        ("self.inp, self.targ = targ, inp", True),
        ("self.targ, self.inp = inp, targ", True),
        ("self.inp = targ\n        self.targ = inp", True),
        ("self.targ = inp\n        self.inp = targ", True),
        ("self.inp, self.targ = targ, targ", False),
        ("self.inp, self.targ = targ - inp[:, 0], targ", False),
    ],
)
def test_arguments_are_swapped_only_where_both_change_places(course: Course, kept: str, is_shown: bool) -> None:
    """An input that is kept as a target, or as a difference, stops at the same line; no order is wrong there."""
    layers = course.assignment("layers")
    mse = next(question for question in layers.questions if question.id == "Mse")
    back = "self.inp.g = 2 * (self.inp[:, 0] - self.targ)[:, None] / len(self.targ)"
    call = f"    def __call__(self, inp, targ):\n        {kept}\n        return (inp[:, 0] - targ).pow(2).mean()\n"
    source = f"class Mse:\n{call}\n    def backward(self):\n        {back}"
    with seeded(course.seed("layers")):
        told = [card.id for card in judge(layers, mse, replaced(layers, "Mse", source)).diagnoses]

    assert ("mse-arguments-swapped" in told) is is_shown
