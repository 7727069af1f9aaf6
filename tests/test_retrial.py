"""Judged again: one mistake costs once, and a derivative that nobody wrote is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch

from autograder.course import Assignment, BackpropKit, Course
from autograder.demo import filled
from autograder.diagnose import bank
from autograder.grade import Grader
from autograder.jail.host import Jail
from autograder.jail.session import Session, Step
from autograder.notebook import Notebook
from autograder.reference import edited, source_of
from autograder.release import fresh
from autograder.result import Result
from autograder.retrial import AUTOGRAD_OFF, AUTOGRAD_ON, differences
from autograder.student import Jailer, LocalStudent, Opener, trusting
from tests.conftest import notebook_of

Grade = Callable[..., Result]


@pytest.fixture(scope="module")
def jailer() -> Iterator[Opener]:
    """A jail."""
    with Jail() as jail:
        yield Jailer(jail)


@pytest.fixture(params=["jailed", "trusted"])
def grade(request: pytest.FixtureRequest, course: Course, mlp: Assignment, right: Mapping[str, str]) -> Grade:
    """Grade the right answers with some of them replaced, in both ways to hold a student."""
    opener = request.getfixturevalue("jailer") if request.param == "jailed" else trusting
    return grading(course, mlp, right, opener)


@pytest.fixture
def jailed(course: Course, mlp: Assignment, right: Mapping[str, str], jailer: Opener) -> Grade:
    """Grade the right answers with some of them replaced, in the jail."""
    return grading(course, mlp, right, jailer)


def grading(course: Course, mlp: Assignment, right: Mapping[str, str], opener: Opener) -> Grade:
    """What grades the right answers with some of them replaced."""

    def graded(settings: BackpropKit | None = None, **replaced: str) -> Result:
        answers = {**right, **replaced}
        grader = Grader(mlp, course.seed("mlp"), opener, settings or BackpropKit())
        return grader.grade(Notebook(notebook_of("import torch", *answers.values())), "made up").result

    return graded


def points(result: Result) -> dict[str, float | None]:
    """What each question lost."""
    lost = {q.id: q.max_points - q.points for q in result.questions if q.points is not None}
    return {name: amount for name, amount in lost.items() if amount}


WRONG_SIGMA = "def sigma(x):\n    return 1 / (1 + torch.exp(-x))"
FORGOT_BIAS = ("w1.mv(x) + b1", "w1.mv(x)")


def test_one_mistake_costs_once(grade: Grade) -> None:
    """Where sigma is wrong, forward_pass is judged with a right one, and says so."""
    result = grade(sigma=WRONG_SIGMA)

    assert points(result) == {"sigma": 1}
    assert result.question("forward_pass").follow_through
    assert not result.question("sigma").follow_through


def test_it_can_be_turned_off(grade: Grade) -> None:
    """Without follow-through credit the mistake costs again."""
    result = grade(BackpropKit(follow_through=False), sigma=WRONG_SIGMA)

    assert points(result).keys() > {"sigma", "forward_pass"}
    assert not any(question.follow_through for question in result.questions)


def test_an_unwritten_helper_costs_once(grade: Grade) -> None:
    """A helper that never comes back, or isn't there, costs its own points alone."""
    unwritten = "def sigma(x):\n    raise NotImplementedError"

    assert points(grade(sigma=unwritten)) == {"sigma": 1}
    assert points(grade(sigma="pass")) == {"sigma": 1}


def test_a_mistake_of_its_own_is_still_lost_and_named(grade: Grade, mlp: Assignment) -> None:
    """With a right helper in place, what is left is the composite's own mistake."""
    card = next(card for card in bank("mlp").misconception if card.function == "forward_pass")
    result = grade(sigma=WRONG_SIGMA, forward_pass=edited(mlp, "forward_pass", card.changes))

    alone = grade(forward_pass=edited(mlp, "forward_pass", card.changes)).question("forward_pass")
    found = result.question("forward_pass")
    assert found.points == alone.points
    assert found.diagnoses == alone.diagnoses != ()


@pytest.mark.parametrize("question", ["sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass"])
def test_nothing_is_to_be_had_from_the_helpers_globals(jailed: Grade, right: Mapping[str, str], question: str) -> None:
    """A function that looks for its answer in what the helpers bring with them finds none."""
    thief = (
        f"def {question}(*given):\n"
        "    import gc\n"
        "    for thing in list(globals().values()) + gc.get_objects():\n"
        f"        found = getattr(thing, '__globals__', {{}}).get('{question}')\n"
        f"        if callable(found) and found is not {question}:\n"
        "            return found(*given)\n"
    )
    others = {name: f"def {name}(*given):\n    return None" for name in right if name != question}

    assert not jailed(BackpropKit(by_hand="ignore"), **{**others, question: thief}).question(question).points


LEANING = {
    "grad": "    s = x.clone().requires_grad_()\n    return torch.autograd.grad(sigma(s).sum(), s)[0]",
    "backward": "    s = x.clone().requires_grad_()\n    sigma(s).sum().backward()\n    return s.grad",
    "func": "    return torch.func.vmap(torch.func.grad(torch.tanh))(x)",
    "jacobian": "    return torch.autograd.functional.jacobian(sigma, x).diagonal()",
    "vjp": "    return torch.func.vjp(sigma, x)[1](torch.ones_like(x))[0]",
    "forward mode": "    return torch.func.jvp(sigma, (x,), (torch.ones_like(x),))[1]",
    "hidden name": "    take = getattr(getattr(torch, 'auto' + 'grad'), 'gr' + 'ad')\n"
    "    s = x.clone()\n    setattr(s, 'requires' + '_grad', True)\n    return take(sigma(s).sum(), s)[0]",
    "differences": "    h = 1e-4\n    x = x.double()\n    return ((sigma(x + h) - sigma(x - h)) / (2 * h)).float()",
    "differences, in steps": "    h = 1e-4\n    x = x.double()\n    up = sigma(x + h)\n    down = sigma(x - h)\n"
    "    return ((up - down) * (0.5 / h)).float()",
}


@pytest.mark.parametrize("form", LEANING)
def test_what_is_not_by_hand_is_flagged(grade: Grade, form: str) -> None:
    """dsigma by autograd or differences keeps its points, and a person is asked; the course may want it otherwise."""
    dsigma = f"def dsigma(x):\n{LEANING[form]}"
    flagged, strict, ignored = (
        grade(BackpropKit(by_hand=policy), dsigma=dsigma) for policy in ("flag", "require", "ignore")
    )

    assert points(flagged) == points(ignored) == {}
    assert [flag for flag in flagged.flags if flag.startswith("dsigma ")]
    assert not [flag for flag in ignored.flags if flag.startswith("dsigma ")]
    assert points(strict)["dsigma"] == 1


def test_right_forms_are_by_hand(
    course: Course, trusted_grade: Callable[[Assignment, Mapping[str, Any]], Result]
) -> None:
    """No right variant of any assignment's bank is taken for one that leans on something."""
    for name in course.assignments:
        assignment = course.assignment(name)
        for variant in bank(name).variant:
            result = trusted_grade(assignment, {variant.function: variant.source})
            assert [flag for flag in result.flags if flag.startswith(variant.function)] == [], variant.id


@pytest.fixture
def trusted_grade(course: Course) -> Callable[[Assignment, Mapping[str, Any]], Result]:
    """Grade an assignment's source notebook with some definitions replaced."""

    def graded(assignment: Assignment, replaced: Mapping[str, str]) -> Result:
        cells = [statement.source for statement in assignment.source.statements if statement.defines not in replaced]
        grader = Grader(assignment, course.seed(assignment.name))
        return grader.grade(Notebook(notebook_of(*cells, *replaced.values())), "made up").result

    return graded


def test_a_quotient_of_other_things_is_no_difference_quotient() -> None:
    """tanh by exponentials, and a loss's difference, are right forms."""
    tanh = "def sigma(x):\n    return (exp(x) - exp(-x)) / (exp(x) + exp(-x))\ndef exp(x):\n    return x.exp()"
    two = "def dloss(v, t):\n    return 2 * (v - t) / 1"

    assert not differences([tanh, two], ["sigma", "dsigma", "loss", "dloss"])
    assert differences(["def dloss(v, t):\n    return (loss(v + 1e-3, t) - loss(v, t)) / 1e-3"], ["loss", "dloss"])


def test_a_kernel_has_its_autograd_back() -> None:
    """Where student and grader share a process, everything is put back: functions, bases and names."""
    session = Session()
    student = LocalStudent(session)
    student.read([Step(0, 1, "class A: pass"), Step(0, 1, "class B(A): pass")])
    first, base = session.names["A"], session.names["B"]
    grad = torch.autograd.grad
    with student.given(AUTOGRAD_OFF, AUTOGRAD_ON):
        with pytest.raises(RuntimeError, match="autograd is off"):
            torch.autograd.grad(torch.ones(1), torch.ones(1))
        session.execute([Step(0, 1, "class C: pass"), Step(0, 1, "B.__bases__ = (C,)")])

    assert torch.autograd.grad is grad
    assert base.__bases__ == (first,)
    assert "C" not in session.names


@pytest.mark.slow
def test_what_a_helper_spoils_is_not_called_leaning(course: Course, jailer: Opener) -> None:
    """In each assignment, one known mistake in the first answer costs points there alone, and raises no flag."""
    for name in course.assignments:
        assignment = course.assignment(name)
        function = assignment.names[0]
        grader = Grader(assignment, course.seed(name), jailer)
        released = json.loads(fresh(course, name))
        sources = {other: source_of(assignment, other) for other in assignment.names}
        for card in [card for card in bank(name).misconception if card.function == function][:6]:
            answers = {**sources, function: edited(assignment, function, card.changes)}
            result = grader.grade(Notebook(filled(released, answers)), "made up").result
            question = next(q.id for q in assignment.questions if function in q.names)
            assert set(points(result)) == {question}, card.id
            assert not [flag for flag in result.flags if "leans" in flag or "differences" in flag], card.id


@pytest.mark.slow
def test_a_helper_that_is_something_else_is_left_out(course: Course, jailer: Opener) -> None:
    """Where a function stands in the place of a base class, the classes on it are judged on a right one."""
    assignment = course.assignment("modules")
    answers = {name: source_of(assignment, name) for name in assignment.names}
    answers["Module"] = "def Module(*given):\n    return None"
    released = json.loads(fresh(course, "modules"))
    grader = Grader(assignment, course.seed("modules"), jailer)

    assert set(points(grader.grade(Notebook(filled(released, answers)), "made up").result)) == {"Module"}
