"""Grading a notebook: right answers in any form lose nothing, wrong ones lose points and are named."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.assignments.mlp import flows
from autograder.course.assignment import Assignment
from autograder.course.course import Course, find
from autograder.course.settings import BackpropKit
from autograder.errors import CannotGrade
from autograder.jail.session import Session
from autograder.jail.student import LocalStudent, Student
from autograder.judge import attempt
from autograder.judge.bank import Misconception, Variant, bank
from autograder.judge.check import Check
from autograder.judge.grader import Grader
from autograder.judge.inputs import seeded
from autograder.judge.reference import edited, mistaken, reference, replaced
from autograder.judge.trial import judge, judge_all
from autograder.notebook.notebook import Notebook
from autograder.result import Question, Result
from tests.conftest import REPO, answering, notebook_of, released

Grade = Callable[[Mapping[str, Any]], Result]

ASSIGNMENTS = find(REPO).assignments

VARIANTS = [pytest.param(name, card, id=f"{name}-{card.id}") for name in ASSIGNMENTS for card in bank(name).variant]

MISTAKES = [
    pytest.param(name, card, id=f"{name}-{card.id}") for name in ASSIGNMENTS for card in bank(name).misconception
]


@functools.cache
def assignment_of(course: Course, name: str) -> Assignment:
    """An assignment, read once: what is known of its reference is kept with it."""
    return course.assignment(name)


def points(result: Result) -> dict[str, float | None]:
    """Points by question, the written one left out."""
    return {question.id: question.points for question in result.questions if question.id != "derivation"}


def test_the_reference_scores_full(graded: Grade, right: dict[str, str]) -> None:
    """The reference's functions, in a notebook without the course's cells, get every point."""
    result = graded(answering(right))

    assert result.status == "graded"
    assert result.score == result.max_score == 12.0
    assert result.flags == ()


def test_the_released_notebook_scores_nothing(graded: Grade) -> None:
    """What students get earns nothing, and is told as not written, question by question."""
    result = graded(released("mlp"))

    assert result.score == 0
    assert {question.status for question in result.questions} == {"no_answer"}


@pytest.mark.parametrize(("name", "variant"), VARIANTS[::12])
def test_a_right_variant_keeps_full_marks(name: str, course: Course, variant: Variant) -> None:
    """Another correct form of a function loses nothing, there and in what calls it; `vet` tries them all."""
    assignment = assignment_of(course, name)
    student = replaced(assignment, variant.function, variant.source)
    with seeded(course.seed(name)):
        verdicts = judge_all(assignment, student)

    lost = {v.id: [t.message for t in v.tests if not t.passed] for v in verdicts if v.points != v.max_points}
    assert not lost


@pytest.mark.parametrize(("name", "card"), MISTAKES[::12])
def test_a_known_mistake_loses_points_and_is_named(name: str, course: Course, card: Misconception) -> None:
    """A card's edit of the reference costs points, and is named as itself or its equal; `vet` tries them all."""
    assignment = assignment_of(course, name)
    question = next(question for question in assignment.questions if card.function in question.names)
    same = {other.id: other.equals or other.id for other in bank(name).misconception}
    with seeded(course.seed(name)):
        verdict = judge(assignment, question, mistaken(assignment, card.function, card.changes))

    assert verdict.points is not None
    assert verdict.points < verdict.max_points
    assert [same[diagnosis.id] for diagnosis in verdict.diagnoses] == [same[card.id]]


def test_a_mistake_in_a_helper_is_traced_to_the_helper(course: Course, mlp: Assignment) -> None:
    """A wrong dsigma spoils backward_pass too, and is named there as what it is."""
    card = next(card for card in bank("mlp").misconception if card.id == "dsigma-of-the-activation")
    with seeded(course.seed("mlp")):
        student = mistaken(mlp, card.function, card.changes)
        verdicts = {v.id: v for v in judge_all(mlp, student, BackpropKit(follow_through=False))}

    assert [diagnosis.id for diagnosis in verdicts["backward_pass"].diagnoses] == [card.id]


@pytest.mark.slow
def test_an_unknown_mistake_is_not_given_a_name(graded: Grade, right: dict[str, str]) -> None:
    """A wrong answer that no card knows is described, not guessed at."""
    result = graded(answering(right, dloss="def dloss(v, t):\n    return 1.234 * (v - t)"))
    question = result.question("dloss")

    assert question.points == 0
    assert question.diagnoses == ()
    assert "not the right values" in question.tests[0].message


def test_a_function_that_raises_costs_its_own_points(graded: Grade, right: dict[str, str]) -> None:
    """An exception in one function costs that function and those that need it; the place is named."""
    result = graded(answering(right, loss="def loss(v, t):\n    return v.no_such_thing()"))

    assert points(result) | {"train": 0} == {
        "sigma": 1, "dsigma": 1, "loss": 0, "dloss": 1, "forward_pass": 2, "backward_pass": 4, "train": 0,
    }  # fmt: skip
    assert "in loss, at `return v.no_such_thing()`," in result.question("loss").tests[0].message


def test_cells_that_cannot_run_are_named_and_not_held_against_anyone(graded: Grade, right: dict[str, str]) -> None:
    """A mounted drive, a missing module and an endless loop cost nothing."""
    content = notebook_of(
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "import torch\nimport no_such_module as missing",
        *right.values(),
        "while True:\n    missing.train()",
    )
    result = graded(content)

    assert result.score == result.max_score
    assert result.flags == (
        "`from google.colab import drive` can't run here: there is no module google.colab",
        "`import no_such_module as missing` can't run here: there is no module no_such_module",
        "`while True:` can't run here: it needs missing, which comes from the module no_such_module",
    )


def test_a_syntax_error_is_told_with_its_line(graded: Grade, right: dict[str, str]) -> None:
    """A cell that is not Python has no answer, and the line that says so is named."""
    result = graded(answering(right, train="def train(w1, b1)\n    pass"))
    question = result.question("train")

    assert (question.status, question.points) == ("no_answer", 0)
    assert "The cell that defines train is not valid Python: line 1, `def train(w1, b1)`," in question.message
    assert result.score == 10


def test_students_who_answer_alike_are_held_once(graded: Grade, right: dict[str, str]) -> None:
    """Thousands of records fit into memory: equal questions are one object, and a record stays what it was."""
    found = [graded(answering(right)), graded(answering(right, sigma="def sigma(x):\n    return x"))]
    one, other = (Result.model_validate_json(result.model_dump_json()).shared() for result in found)

    assert [one.model_dump(), other.model_dump()] == [result.model_dump() for result in found]
    assert one.question("loss") is other.question("loss")
    assert one.question("sigma") is not other.question("sigma")


def test_a_notebook_of_something_else_is_called_so(graded: Grade) -> None:
    """A notebook without any of the functions is not zero points of this assignment."""
    result = graded(notebook_of("def lin(x, w, b):\n    return x @ w + b"))

    assert result.status == "not_this_assignment"
    assert result.questions == ()


@pytest.mark.parametrize(("lesson", "handed_in_as"), [("batch", "cached"), ("cached", "batch"), ("mlp", "modules")])
def test_a_notebook_of_another_lesson_is_called_so(course: Course, lesson: str, handed_in_as: str) -> None:
    """Lessons have some cells of the same ids: a notebook that shares a few of them is no attempt at the other one."""
    grader = Grader(course.assignment(handed_in_as), course.seed(handed_in_as))
    result = grader.grade(Notebook(released(lesson)), "made up").result

    assert result.status == "not_this_assignment"
    assert "hand it in there" in result.message


def test_a_notebook_whose_functions_were_renamed_is_an_attempt(graded: Grade) -> None:
    """With its own cells, a notebook that defines none of the functions is graded, and no answer is found."""
    content = json.loads(json.dumps(released("mlp")).replace("def ", "def my_other_"))
    result = graded(content)

    assert result.status == "graded"
    assert result.question("sigma").status == "no_answer"


def test_exit_and_prints_in_a_function_gain_nothing(graded: Grade, right: dict[str, str]) -> None:
    """Leaving the program is an error like any other, and printing is not answering."""
    result = graded(answering(right, sigma="def sigma(x):\n    print('1.0')\n    raise SystemExit(0)"))

    assert result.question("sigma").points == 0


@pytest.mark.parametrize(
    ("name", "function", "value"),
    [
        ("batch", "relu", "(x + x * x / x.abs()) / 2"),
        ("mlp", "sigma", "torch.tanh(x) * x / x"),
        ("mlp", "dsigma", "1 - (torch.tanh(x) * x / x) ** 2"),
    ],
)
def test_an_answer_without_a_value_at_zero_loses_points(course: Course, name: str, function: str, value: str) -> None:
    """The visible check shows it a 0, too: what it says and what is graded agree."""
    assignment = assignment_of(course, name)
    question = next(question for question in assignment.questions if question.id == function)
    with seeded(course.seed(name)):
        found = judge(assignment, question, replaced(assignment, function, f"def {function}(x):\n    return {value}"))

    assert found.points == 0


@pytest.mark.parametrize("body", ["pass", "return x", "return 0 * x", "return None", "..."])
def test_idling_earns_nothing(graded: Grade, right: dict[str, str], body: str) -> None:
    """Leaving the inputs alone is no merit by itself."""
    assert graded(answering(right, sigma=f"def sigma(x):\n    {body}")).question("sigma").points == 0


def test_a_redefinition_below_a_question_does_not_spoil_it(graded: Grade, right: dict[str, str]) -> None:
    """In the course's own notebook each question is graded as it stood at its grade cell; the record says so."""
    content = released("mlp") | {"cells": list(released("mlp")["cells"])}
    filled = [
        cell
        if cell["metadata"].get("nbgrader", {}).get("grade_id") != "sigma-code"
        else cell | {"source": right["sigma"]}
        for cell in content["cells"]
    ]
    late = notebook_of("def sigma(x):\n    return x")["cells"][0]
    result = graded(content | {"cells": [*filled, late]})

    assert result.question("sigma").points == 1
    assert "sigma is defined 2 times" in result.question("sigma").definition


def test_a_function_in_the_wrong_cell_counts(graded: Grade, right: dict[str, str]) -> None:
    """An answer below its grade cell is found where the released stub was left."""
    extra = notebook_of(right["sigma"])["cells"][0]
    result = graded(released("mlp") | {"cells": [*released("mlp")["cells"], extra]})

    assert result.question("sigma").points == 1


def test_a_fault_of_a_check_is_never_a_students_zero(
    course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that breaks gives no points and no zero: the question waiting for a person."""

    def broken(student: Student) -> None:
        student.run(flows.sigma, x=torch.ones(1))
        raise ZeroDivisionError

    monkeypatch.setattr(attempt, "checks", lambda *_: (Check("test_broken", "broken", 1.0, broken),))
    with seeded("a seed of its own"):
        verdict = judge(mlp, mlp.questions[0], reference(mlp))

    assert (verdict.status, verdict.points) == ("grader_error", None)
    assert "ZeroDivisionError" not in verdict.model_dump_json()


def test_a_check_that_the_reference_fails_judges_nobody(
    course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where oracle and reference disagree, the kit is at fault."""

    def unfair(student: Student) -> None:
        raise AssertionError

    monkeypatch.setattr(attempt, "checks", lambda *_: (Check("test_unfair", "unfair", 1.0, unfair),))
    with seeded("another seed"):
        assert judge(mlp, mlp.questions[0], reference(mlp)).status == "grader_error"


def test_grading_twice_gives_the_same_record(graded: Grade, mlp: Assignment, right: dict[str, str]) -> None:
    """Apart from the time it took, the record is the same byte for byte."""
    wrong = edited(mlp, "backward_pass", [("w2.T @ dl_ds2", "w2 @ dl_ds2")])
    first, again = (graded(answering(right, backward_pass=wrong)) for _ in range(2))

    assert first.model_dump(exclude={"seconds"}) == again.model_dump(exclude={"seconds"})


def test_a_flow_puts_the_notebooks_globals_back() -> None:
    """What a flow, or the student's code in it, does to globals doesn't outlive the call."""
    session = Session()
    session.execute(
        Notebook(notebook_of("count = 0\ndef sigma(x):\n    global count\n    count += 1\n    return x")).statements[
            0:1
        ]
    )
    student = LocalStudent(session)
    student.read(
        [
            statement.step
            for statement in Notebook(
                notebook_of("def sigma(x):\n    global count, more\n    count += 1\n    more = 3\n    return x")
            ).statements
        ]
    )
    student.run(flows.sigma, x=torch.ones(2))

    assert session.names["count"] == 0
    assert "more" not in session.names


def test_a_flow_is_given_clones() -> None:
    """The grader's own tensors can't be written to."""
    student = LocalStudent()
    student.read(
        [statement.step for statement in Notebook(notebook_of("def sigma(x):\n    return x.zero_()")).statements]
    )
    given = torch.ones(3)
    student.run(flows.sigma, x=given)

    assert torch.equal(given, torch.ones(3))


def test_a_written_answer_waits_for_a_person(graded: Grade) -> None:
    """A derivation is not scored by the machine, but where none stands: there is nothing to be read."""

    def judged(text: str | None) -> tuple[object, ...]:
        content = released("mlp")
        cells = [dict(cell) for cell in content["cells"]]
        own = next(cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == "derivation")
        own["source"] = own["source"] if text is None else text
        result = graded({**content, "cells": cells})
        found = result.question("derivation")
        assert (found.max_points, result.max_score) == (2.0, 12.0)
        return found.status, found.points

    given = "".join(next(c for c in released("mlp")["cells"] if c.get("id") == "derivation")["source"])
    for nothing in (None, "", " \n\n", given.replace("YOUR ANSWER HERE", ""), "YOUR ANSWER HERE\n"):
        assert judged(nothing) == ("no_answer", 0.0), nothing
    for something in ("x", given + "\n\n$x$", given.replace("YOUR ANSWER HERE", "![mine](attachment:mine.png)")):
        assert judged(something) == ("manual", None), something


@pytest.mark.parametrize("points_given", [float("nan"), float("inf"), -1.0, 3.0])
def test_a_score_out_of_bounds_is_never_written(points_given: float) -> None:
    """A record refuses points that aren't finite and within their bounds."""
    with pytest.raises(ValueError, match="points"):
        Question(id="q", status="graded", points=points_given, max_points=2.0)


def test_a_real_students_notebook_scores_full_on_its_six_functions(
    tmp_path: Path, course: Course, mlp: Assignment
) -> None:
    """Another author's style throughout: exp-based tanh, columns inside, results returned and accumulated."""
    content = notebook_of(
        "import torch",
        "def sigma(x):\n    return 2 / (1 + torch.exp(-2 * x)) - 1",
        "def dsigma(x):\n    return 1 - sigma(x).pow(2)",
        "def loss(v, t):\n    return (v - t).pow(2).sum().mean()",
        "def dloss(v, t):\n    return (v - t).mul(2)",
        "def forward_pass(w1, b1, w2, b2, x):\n    s1 = (w1 @ x) + b1\n    h = sigma(s1)\n"
        "    s2 = (w2 @ h) + b2\n    return x, s1, h, s2, sigma(s2)",
        "def backward_pass(w1, b1, w2, b2, t, x, s1, x1, s2, x2, dw1, db1, dw2, db2):\n"
        "    d2 = dloss(x2, t) * dsigma(s2)\n    back = w2.t().mm(d2.view(-1, 1))\n"
        "    dw2.add_(d2.view(-1, 1).mm(x1.view(1, -1)))\n    db2.add_(d2)\n"
        "    d1 = back.squeeze() * dsigma(s1)\n    dw1.add_(d1.view(-1, 1).mm(x.view(1, -1)))\n    db1.add_(d1)\n"
        "    return dw1, db1, dw2, db2",
    )
    result = Grader(mlp, course.seed("mlp")).grade(Notebook(content), "x").result

    assert points(result) == {
        "sigma": 1, "dsigma": 1, "loss": 1, "dloss": 1, "forward_pass": 2, "backward_pass": 4, "train": 0,
    }  # fmt: skip


def pairs(course: Course, name: str, step: int) -> tuple[int, list[tuple[str, str]]]:
    """Try every so many pairs of known mistakes together: how many lose points, and those that have no name."""
    tried, unnamed = 0, []
    assignment = course.assignment(name)
    for question in assignment.questions:
        cards = [card for card in bank(name).misconception if card.function in question.names]
        for one, other in itertools.islice(itertools.combinations(cards, 2), 0, None, step):
            try:
                student = mistaken(assignment, one.function, one.changes + other.changes)
            except CannotGrade:
                continue
            verdict = judge(assignment, question, student)
            if verdict.points != verdict.max_points:
                tried += 1
                unnamed += [] if verdict.diagnoses else [(one.id, other.id)]
    return tried, unnamed


@pytest.mark.slow(30)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_two_mistakes_in_one_function_are_named(course: Course, name: str) -> None:
    """Where two known mistakes can be made together, a pair or a card with the same values is named: mostly."""
    tried, unnamed = pairs(course, name, 41)

    assert tried > 20
    assert len(unnamed) <= tried / 3, unnamed


@pytest.mark.everything
def test_of_all_lessons_four_in_five_pairs_are_named(course: Course) -> None:
    """What is left without a name is the smaller part by far."""
    found = [pairs(course, name, 97) for name in ASSIGNMENTS]
    tried, unnamed = sum(tried for tried, _ in found), [pair for _, each in found for pair in each]

    assert tried > 100
    assert len(unnamed) <= tried / 5, unnamed
