"""Judged again: one mistake costs once, and a derivative that nobody wrote is seen."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from autograder.authoring.demo import filled
from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.course.settings import BackpropKit
from autograder.jail.host import Jail, Limits
from autograder.jail.inmate import Inmate, TimedOut
from autograder.jail.jailed import Jailer
from autograder.jail.session import Session, Step
from autograder.jail.student import LocalStudent, Opener, trusting
from autograder.judge import retrial
from autograder.judge.bank import bank
from autograder.judge.grader import Grader, Grading
from autograder.judge.reference import edited, solutions_of, source_of
from autograder.judge.retrial import AUTOGRAD_OFF, AUTOGRAD_ON
from autograder.judge.shortcuts import differences, may_lean
from autograder.notebook.notebook import Notebook
from autograder.notebook.statement import Statement
from autograder.platforms import jupyter as kernel
from autograder.result import Result
from tests import retrials
from tests.conftest import REPO, notebook_of, released

Grade = Callable[..., Result]

LESSONS = Course(REPO).assignments

HURRIED = 5.0
"""Seconds after which a loop without end is stopped: honest answers beside it may need some on a busy machine."""


@pytest.fixture(scope="module")
def jailer() -> Iterator[Opener]:
    """A jail."""
    with Jail(limits=Limits(call_s=60.0)) as jail:  # what torch imports at first use takes long on a busy machine
        yield Jailer(jail)


@pytest.fixture(params=[pytest.param("jailed", marks=pytest.mark.slow), "trusted"])
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
    lost = {q.id: q.max_points - q.points for q in result.questions if q.points is not None and q.tests}
    return {name: amount for name, amount in lost.items() if amount}


WRONG_SIGMA = "def sigma(x):\n    return 1 / (1 + torch.exp(-x))"
FORGOT_BIAS = ("w1.mv(x) + b1", "w1.mv(x)")


def test_one_mistake_costs_once(grade: Grade) -> None:
    """Where sigma is wrong, forward_pass is judged with a right one, and says so."""
    result = grade(sigma=WRONG_SIGMA)

    assert points(result) == {"sigma": 1}
    assert result.question("forward_pass").follow_through
    assert not result.question("sigma").follow_through


def test_a_test_stopped_too_only_where_another_one_is_told(grade: Grade, right: Mapping[str, str]) -> None:
    """The first stop was in a claim that holds beside a right function: what is told of others begins anew."""
    wrong = right["backward_pass"].replace("torch.outer(dl_ds1, x)", "2 * torch.outer(dl_ds1, x)")
    assert wrong != right["backward_pass"]
    result = grade(dsigma="def dsigma(x):\n    return x.view(77)", backward_pass=wrong).question("backward_pass")
    told = [test.message for test in result.tests if not test.passed]

    assert result.follow_through
    assert result.tests[0].passed
    assert told[0] == "Your code stopped in this test."
    assert set(told[1:]) == {"Your code stopped in this test, too."}


def test_it_can_be_turned_off(grade: Grade) -> None:
    """Without follow-through credit the mistake costs again."""
    result = grade(BackpropKit(follow_through=False), sigma=WRONG_SIGMA)

    assert points(result).keys() > {"sigma", "forward_pass"}
    assert not any(question.follow_through for question in result.questions)


def test_what_never_comes_back_is_waited_for_once(
    course: Course, mlp: Assignment, right: Mapping[str, str], jailer: Jailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What builds on it is judged beside a right one at once: nobody waits for it again."""
    ended = []
    call = Inmate.call

    def timed(*given: Any) -> Any:
        try:
            return call(*given)
        except TimedOut as waited:
            ended.append(waited.seconds)
            raise

    monkeypatch.setattr(Inmate, "call", timed)
    monkeypatch.setattr(jailer._jail, "limits", replace(jailer._jail.limits, call_s=HURRIED))
    result = grading(course, mlp, right, jailer)(sigma="def sigma(x):\n    while True: pass")

    assert ended == [HURRIED]
    assert points(result) == {"sigma": 1}
    assert result.question("sigma").status == "timeout"
    assert {q.id for q in result.questions if q.follow_through} >= {"forward_pass", "backward_pass", "train"}


def test_what_fails_beside_a_right_one_too_is_tried_by_itself(
    course: Course, mlp: Assignment, right: Mapping[str, str], jailer: Jailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of its own costs its own points, and is named, though what it builds on never comes back."""
    monkeypatch.setattr(jailer._jail, "limits", replace(jailer._jail.limits, call_s=HURRIED))
    wrong = edited(mlp, "forward_pass", [("s1 = w1 @ x + b1", "s1 = w1 @ x")])
    result = grading(course, mlp, right, jailer)(sigma="def sigma(x):\n    while True: pass", forward_pass=wrong)

    assert points(result).keys() == {"sigma", "forward_pass"}
    assert [d.id for d in result.question("forward_pass").diagnoses] == ["forward-without-b1"]


def test_an_unwritten_helper_costs_once(grade: Grade) -> None:
    """A helper that never comes back, or isn't there, costs its own points alone."""
    unwritten = "def sigma(x):\n    raise NotImplementedError"

    assert points(grade(sigma=unwritten)) == {"sigma": 1}
    assert points(grade(sigma="pass")) == {"sigma": 1}


EMPTIES = """
import sys
def sigma(x):
    for name in [*sys.modules]:
        if name != "builtins":
            del sys.modules[name]
    return x.tanh()
"""


@pytest.mark.slow
def test_what_one_answer_does_to_its_process_costs_no_other_answer(jailed: Grade) -> None:
    """A right loss that fails only after sigma has run is judged by itself, and nothing is said against it."""
    result = jailed(sigma=EMPTIES)
    found = result.question("loss")

    assert points(result).keys() == {"sigma"}
    assert not found.diagnoses
    assert any("loss: It failed after other code of this notebook had run" in flag for flag in result.flags)


def test_a_mistake_of_its_own_is_still_lost_and_named(grade: Grade, mlp: Assignment) -> None:
    """With a right helper in place, what is left is the composite's own mistake; it is said beside what it was seen."""
    card = next(card for card in bank("mlp").misconception if card.function == "forward_pass")
    result = grade(sigma=WRONG_SIGMA, forward_pass=edited(mlp, "forward_pass", card.changes))

    alone = grade(forward_pass=edited(mlp, "forward_pass", card.changes)).question("forward_pass")
    found = result.question("forward_pass")
    assert found.points == alone.points
    (named,), (own,) = found.diagnoses, alone.diagnoses
    assert named.id == own.id
    assert named.says == f"{own.says} This was seen with a correct sigma in place of yours."


@pytest.mark.slow
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


@pytest.mark.sample(4, "form")
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


@pytest.mark.slow
@pytest.mark.sample(2, "lesson")
@pytest.mark.parametrize("lesson", LESSONS)
def test_right_forms_are_by_hand(
    course: Course, trusted_grade: Callable[[Assignment, Mapping[str, Any]], Result], lesson: str
) -> None:
    """No right variant of any assignment's bank is taken for one that leans on something."""
    assignment = course.assignment(lesson)
    for variant in bank(lesson).variant:
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


@pytest.mark.parametrize(
    "source",
    [
        "def dsigma(grad, func):\n    gradient = func(grad)\n    return gradient",
        "class Layer:\n    def __init__(self):\n        super().__init__()\n        self._kept = None",
        "class Layer:\n    def backward(self, gradwrtoutput):\n        return self._kept * gradwrtoutput",
        "import matplotlib.pyplot as plt",
        "from data_utils import checks",
        "def dsigma(x):\n    'The gradient, without autograd and eval.'\n    return 1 - x.tanh() ** 2",
    ],
)
def test_a_name_of_its_own_leads_nowhere(source: str) -> None:
    """What a notebook calls its own things is no way to torch's derivatives."""
    assert not may_lean([source])


@pytest.mark.parametrize(
    "source",
    [
        "from torch import *",
        "from torch import (\n    func)",
        "from torch import optim as descend",
        "import torch.func as F",
        "import code",
        "def dsigma(x, eval=eval):\n    return eval('t' + 'orch')",
        "def dsigma(x):\n    return vmap(grad(sigma))(x)",
        "def dsigma(x):\n    return t.ops.aten.tanh_backward(t.ones_like(x), sigma(x))",
        "def dsigma(x):\n    return string.Formatter().get_field('0.weight.grad', (e,), {})[0]",
        "norm = torch.nn.utils.clip_grad_norm_(e.parameters(), 9.0)",
        "from . import anything",
        "x = torch.tensor(1.0, requires_grad=True)",
        "x = torch.tensor(1.0, **{'requires_grad': True})",
        "match torch:\n    case object(func=found):\n        pass",
        "exit._ip.ex('1')",
        "weight.register_hook(kept.append)",
        "__import__('torch')",
        "def sigma(x):\n    return x" + " + 0" * 2000,
    ],
)
def test_a_way_to_autograd_is_seen(source: str) -> None:
    """What brings torch's derivatives, by whatever part of a statement, leads to the trial without them."""
    assert may_lean([source])


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
@pytest.mark.sample(2, "lesson")
@pytest.mark.parametrize("lesson", LESSONS)
def test_what_a_helper_spoils_is_not_called_leaning(course: Course, jailer: Opener, lesson: str) -> None:
    """In each assignment, one known mistake in the first answer costs points there alone, and raises no flag."""
    assignment = course.assignment(lesson)
    function = assignment.names[0]
    grader = Grader(assignment, course.seed(lesson), jailer)
    sources = {other: source_of(assignment, other) for other in assignment.names}
    for card in [card for card in bank(lesson).misconception if card.function == function][:6]:
        answers = {**sources, function: edited(assignment, function, card.changes)}
        result = grader.grade(Notebook(filled(released(lesson), answers)), "made up").result
        question = next(q.id for q in assignment.questions if function in q.names)
        assert set(points(result)) == {question}, card.id
        assert not [flag for flag in result.flags if "leans" in flag or "differences" in flag], card.id


@pytest.mark.slow
def test_a_helper_that_is_something_else_is_left_out(course: Course, jailer: Opener) -> None:
    """Where a function stands in the place of a base class, the classes on it are judged on a right one."""
    assignment = course.assignment("modules")
    answers = {name: source_of(assignment, name) for name in assignment.names}
    answers["Module"] = "def Module(*given):\n    return None"
    grader = Grader(assignment, course.seed("modules"), jailer)

    assert set(points(grader.grade(Notebook(filled(released("modules"), answers)), "made up").result)) == {"Module"}

    answers["Module"] = "def Module(*given):\n    import os\n    return os"
    result = grader.grade(Notebook(filled(released("modules"), answers)), "made up").result
    assert set(points(result)) == {"Module"}
    assert not [flag for flag in result.flags if "leans" in flag]


@pytest.mark.slow
@pytest.mark.sample(12, "way")
@pytest.mark.parametrize("way", retrials.LEANING)
def test_ways_around_the_policy_are_flagged(jailed: Grade, way: str) -> None:
    """Torch's engine and formulas, other modes and threads, differences in other words: a person is asked."""
    dsigma = f"def dsigma(x):\n{retrials.LEANING[way]}"
    flagged, strict = (jailed(BackpropKit(by_hand=policy), dsigma=dsigma) for policy in ("flag", "require"))

    assert "dsigma" not in points(flagged)
    assert [flag for flag in flagged.flags if flag.startswith("dsigma ")]
    assert points(strict)["dsigma"] == 1


def read_through(course: Course, assignment: Assignment, opener: Opener, cells: list[str]) -> Grading:
    """Grade a notebook of these cells, all of which are run."""
    settings = BackpropKit(by_hand="ignore", run_all=True)
    grader = Grader(assignment, course.seed(assignment.name), opener, settings)
    return grader.grade(Notebook(notebook_of(*cells)), "made up")


@pytest.mark.slow
@pytest.mark.sample(6, "name")
@pytest.mark.parametrize("name", retrials.THIEVES)
def test_a_thief_has_no_point(course: Course, mlp: Assignment, jailer: Opener, name: str) -> None:
    """Answers that look for themselves in what the right helpers bring, by way of whatever runs there, find nothing."""
    result = read_through(course, mlp, jailer, retrials.thief(retrials.THIEVES[name])).result

    assert result.score == 0
    assert result.status == "graded"


@pytest.mark.slow
@pytest.mark.sample(2, "name")
@pytest.mark.parametrize("name", retrials.SPIES)
@pytest.mark.parametrize("lesson", ["modules", "cached"])
def test_a_class_has_no_point_by_its_metaclass(course: Course, jailer: Opener, lesson: str, name: str) -> None:
    """Classes that see, refuse or forge their bases get no more points than classes that don't."""
    assignment = course.assignment(lesson)
    own = [name for name in assignment.names if name[0].isupper()]

    def graded(spy: str) -> float:
        base = "class {}(metaclass=Spy):\n    def __getattr__(self, name):\n        return answer(name)"
        rest = "class {}({}):\n    def __call__(self, *given):\n        return answer('forward', self, *given)"
        classes = [base.format("Module"), *(rest.format(each, "Module") for each in own if each != "Module")]
        return read_through(course, assignment, jailer, [retrials.LOOT, spy, *classes]).result.score

    assert graded(retrials.SPIES[name]) <= graded("Spy = type")


@pytest.mark.slow
@pytest.mark.sample(5, "name")
@pytest.mark.parametrize("name", retrials.LEAKS)
def test_nothing_is_told_of_a_right_helper(
    course: Course, mlp: Assignment, jailer: Opener, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the right sigma is written, record, flags and outputs are the same."""
    told = []
    for form in ("x.tanh()", "x.tanh() * 1.0", "(x + 0.0).tanh()", "x.clone().tanh() / 1.0"):

        def solutions(assignment: Assignment, name: str, form: str = form) -> list[Statement]:
            found = solutions_of(assignment, name)
            return [replace(each, source=each.source.replace("x.tanh()", form)) for each in found]

        monkeypatch.setattr(retrial, "solutions_of", solutions)
        retrial._helper.cache_clear()
        grading = read_through(course, mlp, jailer, retrials.leak(retrials.LEAKS[name], last=1))
        assert grading.result.question("forward_pass").follow_through
        told.append((grading.result.model_dump(exclude={"seconds"}), dict(grading.outputs)))
    monkeypatch.undo()
    retrial._helper.cache_clear()

    assert told[1:] == told[:-1]


@pytest.mark.slow
def test_a_slope_of_a_right_loss_is_not_given_away(jailed: Grade) -> None:
    """Who has no right loss gets no right dloss by taking the slope of one."""
    fitted = (
        "def dloss(v, t):\n    v, t, found = v.double(), t.double(), []\n    for k in range(len(v)):\n"
        "        e = torch.zeros_like(v)\n        e[k] = 0.5\n        found.append(loss(v + e, t) - loss(v - e, t))\n"
        "    return torch.stack(found).float()"
    )
    settings = BackpropKit(by_hand="ignore")

    assert "dloss" not in points(jailed(settings, dloss=fitted))
    assert points(jailed(settings, dloss=fitted, loss="def loss(v, t):\n    return (0 * v).sum()"))["dloss"] == 1


@pytest.mark.slow
def test_a_right_class_gives_nothing_to_another_question(course: Course, jailer: Opener) -> None:
    """TrainableModel, which only stands on a Model that is wrong, gets nothing from a right one."""
    assignment = course.assignment("autograd")
    wrong = [
        "class Linear(torch.nn.Module):\n    def __init__(self, *given):\n        super().__init__()",
        "class Model(torch.nn.Module):\n    def __init__(self, *given):\n        super().__init__()",
        "class TrainableLinear(Linear):\n    pass",
        "class TrainableModel(Model):\n    pass",
    ]

    assert read_through(course, assignment, jailer, ["import torch", *wrong]).result.score == 0


@pytest.mark.slow
def test_a_stand_in_earns_what_its_name_would(jailed: Grade, right: Mapping[str, str]) -> None:
    """Under a name like the asked one, or beside a second definition, the policy and the points are the same."""
    leaning = (
        "def dsigma_(x):\n    s = x.clone().requires_grad_()\n    return torch.autograd.grad(sigma(s).sum(), s)[0]"
    )
    twice = f"def dsigma(x):\n    return x\n\n{leaning.replace('dsigma_', 'dsigma')}"
    wrong = "def sigma_(x):\n    return 1 / (1 + torch.exp(-x))"

    for source in (leaning, twice):
        strict = jailed(BackpropKit(by_hand="require"), dsigma=source)
        assert points(strict)["dsigma"] == 1
        assert [flag for flag in strict.flags if flag.startswith("dsigma ")]
    assert points(jailed(sigma=wrong)) == {"sigma": 1}


@pytest.mark.slow
@pytest.mark.sample(2, "lesson")
@pytest.mark.parametrize("lesson", LESSONS)
def test_right_forms_keep_their_points_where_by_hand_is_required(course: Course, jailer: Opener, lesson: str) -> None:
    """Under `require`, every question is tried without autograd, and the reference loses nothing."""
    assignment = course.assignment(lesson)
    cells = [statement.source for statement in assignment.source.statements]
    grader = Grader(assignment, course.seed(lesson), jailer, BackpropKit(by_hand="require"))

    assert points(grader.grade(Notebook(notebook_of(*cells)), "made up").result) == {}


def test_what_is_nested_too_deeply_to_be_read_waits_for_a_person(grade: Grade) -> None:
    """A right answer of a thousand terms keeps its points and is flagged; it is no fault of the grader's."""
    result = grade(dsigma="def dsigma(x):\n    return 1 - torch.tanh(x) ** 2" + " + 0" * 900)

    assert result.status == "graded"
    assert points(result) == {}
    assert [flag for flag in result.flags if flag.startswith("dsigma ")]


TABLE = {
    "dsigma": lambda x: 1 - x.tanh() ** 2,
}


@pytest.mark.parametrize(
    "cells",
    [
        ["%%time\ndef dsigma(x):\n    s = x.clone().requires_grad_()\n"
         "    return torch.autograd.grad(sigma(s).sum(), s)[0]"],
        ["%%capture\ndef dsigma(x):\n    h = 1e-4\n    x = x.double()\n"
         "    return ((sigma(x + h) - sigma(x - h)) / (2 * h)).float()"],
        ["exec('def dsigma(x):\\n    return torch.func.vmap(torch.func.grad(torch.tanh))(x)')"],
    ],
)  # fmt: skip
def test_a_derivative_in_a_timed_cell_is_read_too(
    mlp: Assignment, course: Course, right: Mapping[str, str], jailer: Opener, cells: list[str]
) -> None:
    """A first line that times a cell, or text that is run, hides nothing."""
    others = [source for name, source in right.items() if name != "dsigma"]
    grader = Grader(mlp, course.seed("mlp"), jailer, BackpropKit(by_hand="require"))
    result = grader.grade(Notebook(notebook_of("import torch", *others, *cells)), "made up").result

    assert [flag for flag in result.flags if flag.startswith("dsigma ")]
    assert points(result)["dsigma"] == 1


def test_a_kernel_reads_what_an_answer_uses(mlp: Assignment) -> None:
    """Imports of another cell and helpers of one's own are read with the answer that calls them."""
    dsigma = next(question for question in mlp.questions if question.id == "dsigma")
    found = kernel._sources(dsigma, {"dsigma": points, "Result": torch.func.grad, "round": jacobian_of})

    assert found is not None
    assert not may_lean([inspect.getsource(points)])
    assert may_lean(found)


def jacobian_of(x: torch.Tensor) -> torch.Tensor:
    """A helper that leans on autograd."""
    found: torch.Tensor = torch.func.vmap(torch.func.grad(torch.tanh))(x)
    return found


def test_a_kernel_that_remembers_half_a_statement_judges_all_the_same(mlp: Assignment) -> None:
    """A lambda in a table has no source of its own: it is not read, and tried without autograd instead."""
    dsigma = next(question for question in mlp.questions if question.id == "dsigma")

    assert kernel._sources(dsigma, TABLE) is None
    assert kernel._sources(dsigma, {"dsigma": torch.func.vmap(points)}) is None
    assert kernel._sources(dsigma, {"dsigma": torch.tanh}) == ["from torch import tanh as dsigma"]
    assert kernel._sources(dsigma, {"dsigma": points}) == [inspect.getsource(points)]
