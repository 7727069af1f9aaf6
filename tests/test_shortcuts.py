"""By hand or not: what a text shows, what a shut door notes, and the words for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import pytest

from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.course.settings import BackpropKit
from autograder.jail.host import Jail, Limits
from autograder.jail.jailed import Jailer
from autograder.judge import oracle
from autograder.judge.bank import bank
from autograder.judge.check import checks
from autograder.judge.grader import Grader
from autograder.judge.reference import source_of
from autograder.judge.shortcuts import may_lean, shortcut
from autograder.notebook.notebook import Notebook
from autograder.result import Result
from tests import shortcuts
from tests.conftest import REPO, notebook_of

BY_HAND = [lesson for lesson in Course(REPO).assignments if lesson != "autograd"]
"""The lessons that ask for derivatives by hand."""

GRADED = ("sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass")


@pytest.fixture(scope="module")
def jailed(course: Course, mlp: Assignment, right: Mapping[str, str]) -> Iterator[Callable[[str], Result]]:
    """Grade a cell in one jail, below right answers for what it doesn't define."""
    with Jail(limits=Limits(call_s=60.0)) as jail:
        grader = Grader(mlp, course.seed("mlp"), Jailer(jail))

        def graded(cell: str) -> Result:
            written = {statement.defines for statement in Notebook(notebook_of(cell)).statements}
            others = [source for name, source in right.items() if name not in written]
            return grader.grade(Notebook(notebook_of("import torch", *others, cell)), "made up").result

        yield graded


def statements(text: str) -> list[str]:
    """The statements of a text, one by one, as a question's sources are."""
    return [statement.source for statement in Notebook(notebook_of(text)).statements]


@pytest.mark.parametrize("form", shortcuts.BY_HAND)
def test_what_is_by_hand_is_not_accused(form: str) -> None:
    """Right forms of a derivative show nothing, whatever their names and differences look like."""
    assert shortcut(statements(shortcuts.BY_HAND[form]), GRADED) is None


@pytest.mark.parametrize("form", shortcuts.SEEN)
def test_what_finds_slopes_is_seen_and_told_with_its_line(form: str) -> None:
    """Differences, fits, symbols and torch's own formulas are named by what they are, and by their line."""
    text, does = shortcuts.SEEN[form]
    sources = statements(text)
    found = shortcut(sources, GRADED)

    assert found is not None
    assert found.does == does
    assert sources[found.source].split("\n")[found.line - 1].endswith("# here")


@pytest.mark.parametrize("lesson", BY_HAND)
def test_no_right_form_shows_anything(course: Course, lesson: str) -> None:
    """Neither a reference nor a right variant of the bank is read as anything but a derivative by hand."""
    assignment = course.assignment(lesson)
    reference = {name: source_of(assignment, name) for name in assignment.names}
    for variant in bank(lesson).variant:
        answers = {**reference, variant.function: variant.source}
        assert shortcut([text for each in answers.values() for text in statements(each)], assignment.names) is None


def test_a_derivative_is_asked_for_where_a_hidden_test_works_one_out(mlp: Assignment, course: Course) -> None:
    """Followed from the claim to the oracle; sigma, loss and the tests of cached are no derivatives."""

    def asks(lesson: str, question: str) -> bool:
        return any(oracle.judges(claim.claim) for claim in checks(lesson, question))

    assert [q.id for q in mlp.questions if asks("mlp", q.id)] == ["dsigma", "dloss", "backward_pass", "train"]
    assert not any(asks("cached", question) for question in ("test", "grad", "module"))
    assert all(asks("layers", question.id) for question in course.assignment("layers").questions if not question.manual)


@pytest.mark.slow
@pytest.mark.sample(4, "form")
@pytest.mark.parametrize("form", shortcuts.TURNED_AWAY)
def test_who_is_turned_away_is_told_where(jailed: Callable[[str], Result], form: str) -> None:
    """However it is spelled, a derivative of torch's fails at a shut door, and the flag says at which and where."""
    text, does = shortcuts.TURNED_AWAY[form]
    result = jailed(text)
    (flag,) = [flag for flag in result.flags if flag.startswith("dsigma ")]
    (line,) = [line.strip() for line in text.split("\n") if line.endswith("# here")]

    assert result.question("dsigma").points == 1
    assert may_lean(statements(text))
    assert re.sub(r"cell [0-9]+", "cell", flag) == (
        f"dsigma {does} (cell: `{line[:100]}`), but should be written by hand. A person should look at it."
    )


@pytest.mark.slow
@pytest.mark.sample(2, "form")
@pytest.mark.parametrize("form", [form for form in shortcuts.IN_DOUBT if form != "compiled"])
def test_who_fails_elsewhere_is_not_accused(jailed: Callable[[str], Result], form: str) -> None:
    """Threads, symbols and failures of an answer's own are no proof, whatever their text says."""
    result = jailed(shortcuts.IN_DOUBT[form])

    assert result.question("dsigma").points == 1
    assert result.flags == ()


HUNG = (
    "def slope(x):\n    return torch.autograd.functional.vjp(torch.tanh, x, torch.ones_like(x))[1]\n{way}\n\n"
    "def dsigma(x):\n    return x.slope()"
)
"""A derivative of torch's that an answer finds as a method of what it is given."""


@pytest.mark.parametrize(
    "way",
    [
        "torch.Tensor.slope = slope",
        "setattr(torch.Tensor, 'slope', slope)",
    ],
)
def test_a_machine_that_is_hung_on_torchs_own_class_is_seen(jailed: Callable[[str], Result], way: str) -> None:
    """Whoever asks a tensor for its slope answers for what was written into that tensor's class."""
    result = jailed(HUNG.format(way=way))

    assert result.question("dsigma").points == 1
    assert any(flag.startswith("dsigma calls torch.autograd.functional.vjp in slope") for flag in result.flags)


def test_what_a_function_adds_to_a_librarys_class_while_it_runs_is_named(jailed: Callable[[str], Result]) -> None:
    """The answer that uses it can't be asked alone without it, so a person is told what was added, and where to."""
    result = jailed(HUNG.format(way="def sigma(x):\n    torch.Tensor.slope = slope\n    return torch.tanh(x)"))

    assert any(seen.does == "adds to torch.Tensor" for seen in result.seen)


def test_a_model_does_not_answer_for_the_layers_it_is_handed(course: Course) -> None:
    """Tried with layers of the notebook that lean on autograd, a model by hand is not accused, and loses nothing."""
    assignment = course.assignment("cached")
    layer = source_of(assignment, "ReLU")
    head = layer[: layer.index("    def backward")]
    leaning = (
        f"{head}    def backward(self):\n        inp, out = self.get('inp', 'out')\n"
        "        x = inp.clone().requires_grad_()\n        x.clamp(min=0.0).backward(out.g)\n        inp.g = x.grad\n"
    )
    cells = [s.source for s in assignment.source.statements if s.defines != "ReLU"]
    grader = Grader(assignment, course.seed("cached"), settings=BackpropKit(by_hand="require"))
    result = grader.grade(Notebook(notebook_of(*cells, leaning)), "made up").result

    assert [flag.partition(" (")[0] for flag in result.flags] == ["ReLU calls .backward()"]
    assert [q.id for q in result.questions if q.points is not None and q.points < q.max_points] == ["relu"]


@pytest.mark.everything
def test_what_is_compiled_is_not_accused(jailed: Callable[[str], Result]) -> None:
    """What loads for seconds and runs otherwise, or not at all, where autograd is off, is no proof either."""
    test_who_fails_elsewhere_is_not_accused(jailed, "compiled")
