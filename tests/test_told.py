"""What a student reads of an answer: true of that answer, in words of the lesson, whole sentences.

Each case is an answer that was once told of a mistake it hadn't made, in jargon, or in no words at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pytest

from autograder.course.course import Course
from autograder.jail.student import trusting
from autograder.judge.attempt import tried
from autograder.judge.bank import bank
from autograder.judge.check import checks
from autograder.judge.comparison import Mismatch
from autograder.judge.inputs import seeded
from autograder.judge.reference import mistaken, source_of
from autograder.judge.submission import Submission
from autograder.notebook.notebook import Notebook
from autograder.result import Question
from tests.conftest import REPO, notebook_of

LESSONS = Course(REPO).assignments
STUB = 'raise NotImplementedError("{} is yours to write")'

ALONE = """class Relu:
    def __call__(self, inp):
        self.inp, self.out = inp, self.forward(inp)
        return self.out
    def backward(self):
        self.bwd(self.out, self.inp)
"""
"""The lines of a class that does for itself what Module does."""

ANSWERS = {
    # a number where a vector is asked for was "summed"; a matrix with the slopes on its diagonal was "broadcast"
    "mlp sigma return 0": (
        "x.tanh()",
        "0",
        "The result has shape (), a single number, but (11,) is",
    ),
    "mlp sigma summed": (
        "x.tanh()",
        "x.tanh().sum()",
        "is expected: it is the sum of the expected",
    ),
    "mlp dsigma diagonal": (
        "return ",
        "return torch.diag(1 - x.tanh() ** 2)\n    return ",
        "on the diagonal, with zeros",
    ),
    "mlp dloss crossed": (
        "return ",
        "return 2 * (v[:, None] - t)\n    return ",
        "as happens when a row and a column are broadc",
    ),
    # one sample has no "row for every sample"
    "mlp loss not summed": (".sum()", "", "but one is expected: the sum of its entries would be right."),
    "batch mse not averaged": (".mean()", "", "but one is expected: the mean of its entries would be right."),
    "cached MSE flat": (
        "2 * d / len(d)",
        "2 * d.flatten() / len(d)",
        "pred.g has shape (6,), but (6, 1) is expected.",
    ),
    "batch lin flat": ("x @ w + b", "(x @ w + b).squeeze()", "but (1, 3) is expected."),
    # other things than a tensor
    "mlp forward_pass dict": (
        "return x, s1",
        "return dict(x=x)\n    return x, s1",
        "The result is a dict, but x, s1 and",
    ),
    "mlp sigma complex": (
        "return ",
        "return x * 1j\n    return ",
        "The result is a complex tensor, but an ordinary one",
    ),
    "mlp sigma sparse": (
        "return ",
        "return x.to_sparse()\n    return ",
        "The result is a sparse tensor, but an ordinary",
    ),
    "layers Mse none": ("return self.out", "return None", "The result is None: perhaps a return is missing."),
    # an answer beside the stub's line; an operator that torch hasn't
    "mlp dsigma stub left": (
        "return ",
        f"{STUB.format('dsigma')}\n    return ",
        f"but the line `{STUB.format('dsigma')}`",
    ),
    "layers Relu stub left": (
        "self.inp.g = ",
        f"first = 0\n        {STUB.format('Relu')}\n        self.inp.g = ",
        f"Relu.backward has an answer, but the line `{STUB.format('Relu')}` is still in it. Delete that line.",
    ),
    "mlp sigma some only": (
        "return ",
        "if len(x) > 1:\n        raise NotImplementedError\n    return ",
        "Your code stopped in sigma, at `raise NotImplementedError`, with NotImplementedError.",
    ),
    "mlp dsigma power": (
        "return ",
        "return 1 - x ^ 2\n    return ",
        "\"bitwise_xor_cpu\" not implemented for 'Float'.",
    ),
    # Python's own words
    "mlp forward_pass nine": (
        "def forward_pass(w1, b1, w2, b2, x)",
        "def forward_pass(w1, b1, w2, b2, x, s1, x1, s2, x2)",
        "fails with TypeError: forward_pass() missing 4 required positional arguments: ….",
    ),
    "mlp loss dim": (
        ".sum()",
        ".sum(dim=1)",
        "IndexError: Dimension out of range (expected to be in range of [-1, 0], but",
    ),
    "mlp dsigma a number now": (
        "def dsigma(x):",
        "factor = 0.5\ndef dsigma(x):\n    factor(x)",
        "Your code stopped in dsigma, at `factor(x)`, with TypeError: 'float' object is not callable.",
    ),
    "layers Mse attribute": (
        "self.inp.g = ",
        "self.diff\n        self.inp.g = ",
        "at `self.diff`, with AttributeError: 'Mse' object has no attribute 'diff'.",
    ),
    "mlp sigma long line": (
        "return ",
        "return x + " + " + ".join(["0 * x.unsqueeze(0).g"] * 9) + "\n    return ",
        "0 * x.unsqueeze(0).g + 0 *…`, with AttributeError: 'Tensor' object has no attribute 'g'.",
    ),
    # words of the lesson in place of the tests' own
    "modules Relu alone": ("class Relu(Module):", ALONE, "Relu is not built on Module."),
    "cached Module repr": ("def __repr__", "def __no_repr__", "repr of a layer of the class Dense is not 'Dense'."),
    "cached grad copy": ("return ", "return t.detach()\n    return ", "The result doesn't require its gradient."),
    "cached test silent": (
        "def test(",
        "def test(*_, eps=0): pass\ndef other(",
        "test is silent about tensors that differ.",
    ),
    "mlp train told": ("after_step(k, ", "after_step(k + 1, ", "k told to after_step has the right shape, but not the"),
    "mlp sigma in place": ("x.tanh()", "x.tanh_()", "x was changed, but it should only be read."),
    "layers Mse column": ("difference[:, None]", "difference", "inp.g has shape (6,), but (6, 1) is expected"),
}
"""A lesson, a question, what is wrong; what of the reference's source gives way to what; and what is said of it."""


def told(lesson: str, name: str, before: str, after: str) -> Question:
    """Try a question on a notebook whose other answers are right."""
    assignment = Course(REPO).assignment(lesson)
    sources = {each: source_of(assignment, each) for each in assignment.names}
    edited = before.join(sources[name].rsplit(before, 1)[:-1]) + after + sources[name].rsplit(before, 1)[-1]
    assert before in sources[name]
    cells = assignment.source.cells
    shown = [s for s in assignment.source.statements if not cells[s.cell].nbgrader.get("solution")]
    given = [s.source for s in shown if (s.imports or s.defines) and "data_utils" not in s.source]
    content = notebook_of("\n".join(dict.fromkeys(given)), *(sources | {name: edited}).values())
    submission = Submission(Notebook(content), assignment, trusting)
    question = next(each for each in assignment.questions if name in each.names)
    with seeded("told"):
        return tried(assignment, question, submission.student(question), submission.definitions)[0]


@pytest.mark.parametrize("case", ANSWERS)
def test_what_is_told_of_an_answer_is_so(case: str) -> None:
    """The first sentence of a claim that fails says what is so."""
    before, after, wanted = ANSWERS[case]
    lesson, name = case.split()[:2]
    messages = [test.message for test in told(lesson, name, before, after).tests if test.tried and not test.passed]

    assert any(wanted in message for message in messages), messages
    assert all(map(is_whole, messages)), messages


def is_whole(text: str) -> bool:
    """Whether a text is a sentence that ends where a sentence ends, in words that are not the tests' own."""
    ends = re.search(r"[\w)\"'…]\.$", text) and not re.search(r",\.|\.\.$|  | ,", text)
    return bool(ends) and not re.search(r"\b(given \w+ |number of|letters of|each of)|[{}]", text)


def test_a_definition_that_could_not_be_run_is_told_with_its_reason() -> None:
    """What stands there is not called missing, and Python's own words say why it has no value."""
    question = told("batch", "model", "def model(xb):", "model = torch.nn.Sequental(1)\ndef other(xb):")

    assert question.tests[0].message.startswith(
        "model is defined, but its definition could not be run. Your code stopped"
    )
    assert "module 'torch.nn' has no attribute 'Sequental'." in question.tests[0].message


@pytest.mark.sample(3, "lesson")
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_known_mistake_is_told_in_whole_sentences(
    lesson: str, some: Callable[[Collection[str], int], set[str]]
) -> None:
    """Whatever is compared has a name that a student knows."""
    assignment = Course(REPO).assignment(lesson)
    cards = {card.id: card for card in bank(lesson).misconception if card.function in assignment.names}
    texts = set()
    with seeded("told"):
        for card in map(cards.__getitem__, some(sorted(cards), 6)):
            student = mistaken(assignment, card.function, card.changes)
            for question in assignment.questions:
                for check in checks(lesson, question.id) if card.function in question.names else ():
                    try:
                        check.claim(student)
                    except Mismatch as mismatch:
                        texts.add(f"{mismatch}.")
                    except Exception:  # noqa: S112 - what Python says of it has tests of its own
                        continue
    assert texts
    assert [text for text in texts if not is_whole(text)] == []
