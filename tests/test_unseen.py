"""Answers of people who had seen neither bank nor tests: right ones lose nothing, wrong ones lose points.

`unseen/<lesson>.txt` holds them, each under what its author says of it, who tried it against a solution of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.course.course import Course, find
from autograder.jail.student import Opener
from autograder.judge import draws
from autograder.judge.custody import held
from autograder.judge.grader import Grader
from autograder.judge.reference import source_of
from autograder.notebook.notebook import Notebook
from autograder.result import Result
from tests.conftest import REPO, notebook_of

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Answer:
    """One function or class of a lesson, as somebody wrote it."""

    lesson: str
    is_right: bool
    name: str
    says: str
    """What its author says that it does."""
    source: str

    def __str__(self) -> str:
        return f"{self.lesson} {self.name}: {self.says}"[:90]


def read(path: Path) -> Iterator[Answer]:
    """Take the answers of a lesson's file apart."""
    shape = re.compile(r"^# %% (right|wrong) (\w+): (.+)\n((?:(?!# %%).*\n?)*)", re.MULTILINE)
    for verdict, name, says, source in shape.findall(path.read_text("utf-8")):
        yield Answer(path.stem, verdict == "right", name, says, source)


ANSWERS = [answer for path in sorted(Path(__file__).with_name("unseen").glob("*.txt")) for answer in read(path)]


@dataclass(frozen=True)
class Said:
    """What an answer was told, and what a second reader found who saw the two alone."""

    answer: Answer
    first: str
    """The sentence that stands first."""
    verdict: str
    """`true`, `weak` if it is true and helps little, `untrue`, `none` if nothing is said."""
    others: int
    """How many sentences there are beside it."""
    untrue: int
    """How many of them aren't true."""


def _said(lesson: str) -> Iterator[Said]:
    """The second readers' verdicts: a line an answer, in the order of the wrong answers of its lesson."""
    wrong = [answer for answer in ANSWERS if answer.lesson == lesson and not answer.is_right]
    lines = Path(__file__).with_name("unseen").joinpath(f"{lesson}.tsv").read_text("utf-8").splitlines()
    for answer, line in zip(wrong, lines, strict=True):
        verdict, others, untrue, first = line.split("\t")
        yield Said(answer, first, verdict, int(others), int(untrue))


SAID = [said for lesson in dict.fromkeys(answer.lesson for answer in ANSWERS) for said in _said(lesson)]

KEPT = {
    # An axis of length 1 doesn't matter in a result.
    "mlp loss: the value is right, but it has the shape (1,), because the summed axis is kept",
    "mlp sigma: the result is a column of shape (n, 1), and the shape of x is (n,)",
    "mlp forward_pass: everything is a column of shape (n, 1), because x was made one",
    "batch model: the values are right, but the column is dropped, so the shape is (N,)",
    "batch mse: the mean runs along axis 0 of a column, so the shape is (1,)",
    "batch lin_grad: b.g keeps the summed axis, so its shape is (1, n_out)",
    "batch lin_grad: all axes of length 1 are squeezed away, so shapes are wrong for one sample, one input",
    "layers Lin: b.g keeps the summed axis and has the shape (1, n_out)",
    "cached MSE: the squares of a column are averaged along axis 0 only, so that the loss has shape (1,) there",
}
"""What begins so is wrong by its author's reading, and right by the lesson's."""


@pytest.fixture(scope="module")
def jailer(course: Course) -> Iterator[Opener]:
    """One jail for all."""
    with held(course.settings) as opener:
        yield opener


@pytest.fixture(scope="module")
def graders(course: Course, jailer: Opener) -> dict[str, Grader]:
    """A grader for each lesson."""
    return {
        name: Grader(course.assignment(name), draws.seed(course, name), jailer, course.settings)
        for name in find(REPO).assignments
    }


def graded(grader: Grader, answer: Answer) -> Result:
    """Grade a notebook that is right in everything else."""
    assignment = grader.assignment
    cells = assignment.source.cells
    given = [
        statement.source
        for statement in assignment.source.statements
        if (statement.imports or statement.defines) and cells[statement.cell].nbgrader.get("locked")
        if not cells[statement.cell].nbgrader.get("grade") and "data_utils" not in statement.source
    ]
    sources = [answer.source if name == answer.name else source_of(assignment, name) for name in assignment.names]
    return grader.grade(Notebook(notebook_of("\n".join(dict.fromkeys(given)), *sources)), "unseen").result


@pytest.mark.sample(8, "answer")
@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer.is_right], ids=str)
def test_a_right_answer_loses_nothing(graders: dict[str, Grader], answer: Answer) -> None:
    """Every point is given, and nothing is flagged."""
    result = graded(graders[answer.lesson], answer)

    assert {q.id: q.tests for q in result.questions if q.points != q.max_points and q.tests} == {}
    assert (result.score, result.flags) == (result.max_score, ())


@pytest.mark.sample(16, "answer")
@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if not answer.is_right], ids=str)
def test_a_wrong_answer_loses_points(graders: dict[str, Grader], answer: Answer) -> None:
    """It loses points for good, without a person, and no other answer is asked about."""
    result = graded(graders[answer.lesson], answer)
    told = f"{answer.lesson} {answer.name}: {answer.says}"

    assert result.status == "graded"
    assert (result.score == result.max_score) == told.startswith(tuple(KEPT))
    assert [q.id for q in result.questions if q.points is None and q.tests] == []


def _first(result: Result) -> str:
    """The sentence that a student reads first."""
    for question in result.questions:
        failed = [test.message for test in question.tests if not test.passed and test.message]
        if question.points != question.max_points and (question.tests or question.message):
            said = [question.message, *(card.says for card in question.diagnoses), *failed]
            if found := next(filter(None, said), ""):
                return found
    return ""


@pytest.fixture(scope="module")
def readers(course: Course, jailer: Opener) -> dict[str, Grader]:
    """Graders with the inputs that the readers' sentences came of: what is said can hang on them."""
    return {
        name: Grader(course.assignment(name), f"unseen|{name}", jailer, course.settings)
        for name in find(REPO).assignments
    }


def test_what_is_said_is_true() -> None:
    """No first sentence is untrue, and of the others at most one in a hundred, as second readers found."""
    assert [f"{said.answer}: {said.first}" for said in SAID if said.verdict not in {"true", "weak", "none"}] == []
    assert sum(said.verdict != "none" for said in SAID) >= 300
    assert sum(said.untrue for said in SAID) <= sum(said.others for said in SAID) / 100


@pytest.mark.sample(6, "said")
@pytest.mark.parametrize("said", SAID, ids=lambda said: str(said.answer))
def test_the_first_sentence_is_the_one_that_was_read(readers: dict[str, Grader], said: Said) -> None:
    """A sentence that changes has to be read again: its verdict stands beside it."""
    assert _first(graded(readers[said.answer.lesson], said.answer)) == said.first
