"""autograder.judge.example and .excerpt: what is shown of a wrong answer, and that it tells nothing that is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from pydantic import ValidationError

from autograder.course.assignment import Assignment
from autograder.jail.host import Jail, Limits
from autograder.jail.jailed import Jailer
from autograder.jail.student import Opener, Student, trusting
from autograder.judge import example
from autograder.judge.check import Check
from autograder.judge.grader import Grader
from autograder.judge.inputs import Normal, Spec, draw
from autograder.judge.modules import module
from autograder.notebook.notebook import Notebook
from autograder.report.difference import matters, part, told
from autograder.result import Question, Result
from autograder.shown import COLUMNS, ROWS, Example, Excerpt
from tests.conftest import answering

Grade = Callable[..., Result]

SECRETS = ("one secret", "another secret")

WITHOUT_TWO = "def dloss(v, t):\n    return v - t"

REMEMBERS = """
def dsigma(x):
    kept = torch.__dict__.setdefault("kept_of_mine", [])
    kept.append(x.clone())
    return kept[0][:1].expand(len(x)) if len(x) > 1 else 3 * x
"""
"""Answers with the first input that it was ever given: beside a hidden one, that would be shown."""


@pytest.fixture(scope="module")
def jailer() -> Iterator[Opener]:
    """A jail."""
    with Jail(limits=Limits(call_s=60.0)) as jail:
        yield Jailer(jail)


@pytest.fixture(params=[pytest.param("jailed", marks=pytest.mark.slow), "trusted"])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Both ways to hold a student."""
    found: Opener = request.getfixturevalue("jailer") if request.param == "jailed" else trusting
    return found


@pytest.fixture
def grade(mlp: Assignment, right: dict[str, str]) -> Grade:
    """Grade the right answers with some of them replaced."""

    def graded(opener: Opener = trusting, secret: str = SECRETS[0], **instead: str) -> Result:
        return Grader(mlp, secret, opener).grade(Notebook(answering(right, **instead)), "made up").result

    return graded


def test_a_wrong_value_is_shown_the_same_for_every_secret(grade: Grade, opener: Opener) -> None:
    """Yours and right, on inputs that hang on no secret, byte for byte."""
    found = [grade(opener, secret, dloss=WITHOUT_TWO).question("dloss").example for secret in SECRETS]
    assert found[0] is not None
    assert found[0] == found[1]
    yours, right = (torch.tensor([[float(n) for n in row] for row in t]) for t in (found[0].yours, found[0].right))
    assert torch.allclose(2 * yours, right, rtol=2e-3)
    assert {given.name for given in found[0].given} == {"v", "t"}


def test_what_is_right_shows_nothing(grade: Grade) -> None:
    """The fields are absent from its record."""
    record = grade(dloss=WITHOUT_TWO).model_dump(mode="json")
    assert {q["id"] for q in record["questions"] if "example" in q or "code" in q} == {"dloss"}


@pytest.mark.slow
def test_code_that_remembers_what_it_was_given_shows_no_hidden_input(grade: Grade, jailer: Opener) -> None:
    """A public example is asked for in a fork that has seen none: its values hang on no secret."""
    found = [grade(jailer, secret, dsigma=REMEMBERS).question("dsigma").example for secret in SECRETS]
    assert found[0] is not None
    assert found[0] == found[1]


@pytest.mark.parametrize("drawn", [True, False])
def test_a_claim_whose_inputs_are_no_draw_is_never_shown(mlp: Assignment, drawn: bool) -> None:
    """They are the hidden ones whatever the seed."""
    flows, spec = module(mlp.tests, "flows"), Spec("of its own", x=Normal((3,)))

    def claim(student: Student) -> None:
        student.run(flows.sigma, **(draw(spec) if drawn else {"x": torch.ones(3)}))

    assert example._is_public(mlp, Check("own", "It is own", 1.0, claim), "a secret") == drawn


@pytest.mark.parametrize(
    ("name", "source", "why", "lines"),
    [
        ("dloss", WITHOUT_TWO, "mistake", [2]),
        ("dloss", "def dloss(v, t):\n    d = v - t\n    return d * 7.5", "given", [3]),
        ("dloss", "def dloss(v, t):\n    d = v - t\n    return d @ d @ d", "stopped", [3]),
        ("loss", "def loss(out, want):\n    return (out - want).pow(2).mean()", "mistake", [2]),
        ("loss", "loss = lambda v, t: v.sum() * 3", "", []),
    ],
)
def test_the_line_that_matters_is_marked(grade: Grade, name: str, source: str, why: str, lines: list[int]) -> None:
    """Where the code stopped, where a known mistake stands, or where the wrong value is made."""
    found = grade(**{name: source}).question(name).code
    assert found is not None
    assert found.lines == tuple(source.split("\n"))
    assert (found.why, list(found.marked)) == (why, lines)
    assert bool(matters(found)) == bool(lines)


@pytest.mark.parametrize("name", ["\x1b[31m", "é" * 300, "x = 1\n" * 90, "\u202e"])
def test_what_is_shown_of_code_is_bounded_and_visible(grade: Grade, name: str) -> None:
    """However long, whatever stands in it."""
    body = "\n".join(f"    {line}" if line == "x = 1" else f"    '{line}'" for line in name.split("\n"))
    found = grade(dloss=f"def dloss(v, t):\n{body}\n    return 7.5 * (v - t)").question("dloss").code
    assert found is not None
    assert len(found.lines) <= 40
    assert max(map(len, found.lines)) <= 160
    assert "\x1b" not in "".join(found.lines)
    assert "\u202e" not in "".join(found.lines)
    assert len(found.marked) == 1, "the line that matters is among those that are shown"


EXAMPLE = {
    "claim": "It is right",
    "name": "w.g",
    "shape": (2, 3),
    "own_shape": (2, 3),
    "yours": [["1", "-2", "3"], ["4", "5", "6"]],
    "right": [["1", "2", "3"], ["4", "5", "7"]],
    "differs": ["=-=", "==x"],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ["Row 1, column 2: yours has the other sign.", "Row 2, column 3: yours is 6, 7 is right."]),
        ({"differs": ["---", "---"]}, ["All 6 numbers have the other sign."]),
        ({"differs": ["===", "x-x"]}, ["3 of 6 numbers differ: those of row 2."]),
        ({"differs": ["x=x", "x=x"]}, ["4 of 6 numbers differ: those of columns 1 and 3."]),
        ({"differs": (), "own_shape": (3, 2)}, ["Yours has the shape (3, 2); (2, 3) is right."]),
    ],
)
def test_a_difference_is_told_by_row_column_and_sign(change: dict[str, object], says: list[str]) -> None:
    """For whoever sees no table, and for whoever sees one."""
    found = told(Example.model_validate(EXAMPLE | change))
    assert found[-len(says) :] == says


def test_of_a_large_value_the_part_is_shown_where_it_differs() -> None:
    """From the first difference on, with its place in the whole."""
    right = torch.arange(2000.0).reshape(2, 40, 25)
    yours = right.clone()
    yours[1, 30, 20] += 5
    check = Check("own", "It is own", 1.0, lambda student: None)
    found = example._shown(check, "w.g", yours, right, ())
    assert (len(found.right), len(found.right[0])) == (ROWS, 5)
    assert (found.within, found.corner, found.differs[0]) == ((2,), (31, 21), "x====")
    assert part(found) == "Shown: table 2, rows 31 to 38 of 40 and columns 21 to 25 of 25."
    assert len(found.right[0]) <= COLUMNS


@pytest.mark.parametrize(
    "change",
    [
        {"yours": [["1", "<b>", "3"], ["4", "5", "6"]]},
        {"yours": [["1"] * 3] * 90},
        {"differs": ["=-"]},
        {"differs": ["=-?", "==="]},
        {"right": [["1", "2", "3"], ["4"]]},
    ],
)
def test_a_damaged_example_is_no_record(change: dict[str, object]) -> None:
    """Text in place of numbers, more than is shown, what doesn't fit."""
    with pytest.raises(ValidationError):
        Example.model_validate(EXAMPLE | change)
    with pytest.raises(ValidationError):
        Excerpt(lines=("x",), marked=(2,), why="stopped")


def test_a_number_is_told_with_four_digits() -> None:
    """So that it is the same on every machine; what is none is called so."""
    numbers = (0.0, -0.0, 1 / 3, -1e-9, 1e30, float("nan"), float("-inf"))
    assert [example._number(n) for n in numbers] == ["0", "0", "0.3333", "-1e-09", "1e+30", "nan", "-inf"]


def test_a_question_with_an_example_is_read_again(grade: Grade) -> None:
    """A record on disk is the record that was made."""
    found = grade(dloss=WITHOUT_TWO).question("dloss")
    again = Question.model_validate_json(found.model_dump_json())
    assert (again.code, again.example) == (found.code, found.example)
