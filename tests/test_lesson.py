"""What is right in its student's Jupyter is right here; what is in the way of that asks a person: no silent zero."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from autograder.course.course import Course, find
from autograder.judge.grader import Grader
from autograder.judge.reference import source_of
from autograder.notebook.newer import _needs as needs
from autograder.notebook.notebook import Notebook
from autograder.notebook.text import Unreadable
from autograder.report import class_page, student_page
from autograder.result import Question, Result
from autograder.run.batch import Batch
from tests.conftest import REPO, answering, copied, notebook_of, released

Content = dict[str, Any]
Edit = Callable[[Content], None]

LAYERS = find(REPO).assignment("layers")

ANSWERS = {name: source_of(LAYERS, name) for name in LAYERS.names}
"""Right answers to `layers`."""

GIVEN = "\n".join(s.source for s in LAYERS.definitions.needed(LAYERS.names) if s.defines not in LAYERS.names)
"""What they rest on."""


@pytest.fixture(scope="module")
def grader(course: Course) -> Callable[[str], Grader]:
    """The graders of the lessons, each made once."""
    made: dict[str, Grader] = {}

    def of(name: str) -> Grader:
        if name not in made:
            made[name] = Grader(course.assignment(name), course.seed(name))
        return made[name]

    return of


@pytest.fixture
def layers(grader: Callable[[str], Grader]) -> Callable[..., Result]:
    """Grade the right answers to `layers`, some of them replaced, and more cells below."""

    def graded(*below: str, **instead: str) -> Result:
        content = notebook_of(GIVEN, *{**ANSWERS, **instead}.values(), *below)
        return grader("layers").grade(Notebook(content), "made up").result

    return graded


@pytest.fixture
def filled(right: Mapping[str, str]) -> Content:
    """The release of `mlp` with all its answers: 12 of 12."""
    content = copy.deepcopy(released("mlp"))
    for name, source in right.items():
        cell(content, f"{name}-code")["source"] = source
    return content


def cell(content: Content, mark: str) -> dict[str, Any]:
    """The cell with an nbgrader id."""
    found: dict[str, Any] = next(
        c for c in content["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == mark
    )
    return found


WRITTEN = {"derivation", "once"}
"""Questions of `mlp` and `layers` that a person reads: nobody here has written them."""


def lost(result: Result) -> dict[str, tuple[str, float | None]]:
    """Status and points of the questions that have not all theirs, the written one left out."""
    return {q.id: (q.status, q.points) for q in result.questions if q.points != q.max_points and q.id not in WRITTEN}


def waits(question: Question) -> bool:
    """Whether a person is asked about a question, and no points are taken."""
    return (question.status, question.points) == ("manual", None) and bool(question.message)


# ---- the lesson's own cells ----


def _edited(mark: str, source: str) -> Edit:
    return lambda content: cell(content, mark).update(source=source)


def _turned(mark: str, kind: str = "markdown") -> Edit:
    def turn(content: Content) -> None:
        found = cell(content, mark)
        found["cell_type"] = kind
        for key in ("outputs", "execution_count"):
            found.pop(key, None)

    return turn


def _fenced(mark: str, kind: str) -> Edit:
    def fence(content: Content) -> None:
        found = cell(content, mark)
        source = "".join(found["source"])
        found.update(
            cell_type=kind, source=f"```\n{source}\n```" if kind == "code" else f"Mine:\n\n```python\n{source}\n```\n"
        )

    return fence


def _deleted(mark: str) -> Edit:
    return lambda content: content["cells"].remove(cell(content, mark))


def _split(mark: str, at: int) -> Edit:
    """Split a cell at a line, as Jupyter does: the new cell has no id of nbgrader's."""

    def split(content: Content) -> None:
        found = cell(content, mark)
        lines = "".join(found["source"]).split("\n")
        found["source"] = "\n".join(lines[:at])
        rest = notebook_of("\n".join(lines[at:]))["cells"][0] | {"id": f"{mark}-rest"}
        content["cells"].insert(content["cells"].index(found) + 1, rest)

    return split


def _null_cell(content: Content) -> None:
    content["cells"].insert(1, None)


def _null_source(content: Content) -> None:
    cell(content, "knob-text")["source"] = None


def _list_of_metadata(content: Content) -> None:
    cell(content, "loss-code")["metadata"] = ["a"]


REPAIRS: Mapping[str, tuple[Edit, str]] = {
    "imports edited": (_edited("imports", "from data_utils import load_data"), '"imports"'),
    "imports deleted": (_deleted("imports"), '"imports" is missing'),
    "imports turned to text": (_turned("imports"), '"imports" is no longer a code cell'),
    "imports broken": (_edited("imports", "import torch as"), '"imports"'),
    "an answer turned to text": (_turned("dsigma-code"), '"dsigma-code" is no longer a code cell'),
    "an answer turned raw": (_turned("dsigma-code", "raw"), '"dsigma-code" is no longer a code cell'),
    "an answer fenced in a text": (_fenced("dsigma-code", "markdown"), '"dsigma-code" is no longer a code cell'),
    "an answer fenced": (_fenced("dsigma-code", "code"), "dsigma is between Markdown code fences"),
    "an answer split": (_split("backward_pass-code", 3), "backward_pass is split over 2 cells"),
    "an answer split below its first line": (_split("loss-code", 1), "loss is split over 2 cells"),
    "a null cell": (_null_cell, "A cell is damaged"),
    "a null source": (_null_source, "A cell is damaged"),
}
"""What may become of a notebook with all the answers, and what is said of it."""


@pytest.mark.parametrize("kind", REPAIRS)
def test_what_stood_in_the_way_is_put_right_and_told_once(
    kind: str, filled: Content, grader: Callable[[str], Grader]
) -> None:
    """Right answers keep their points, one sentence says what was mended, and the file stays as it was."""
    edit, told = REPAIRS[kind]
    edit(filled)
    before = json.dumps(filled)
    result = grader("mlp").grade(Notebook(filled), "made up").result

    assert lost(result) == {}
    assert [told in sentence for sentence in result.mended] == [True], result.mended
    assert json.dumps(filled) == before
    assert "/" not in result.mended[0]
    assert student_page(result).count("Put right before grading") == 1


def test_an_untouched_lesson_needs_no_repair(filled: Content, grader: Callable[[str], Grader]) -> None:
    """Nothing is said where nothing was in the way: pictures edited or deleted, and metadata that are a list."""
    for edit in (_list_of_metadata, _edited("knob-picture", "1 +"), _deleted("sigma-check"), _deleted("setup")):
        edit(filled)
    result = grader("mlp").grade(Notebook(filled), "made up").result

    assert lost(result) == {}
    assert result.mended == ()


def test_what_a_student_added_to_a_locked_cell_stays(filled: Content, grader: Callable[[str], Grader]) -> None:
    """The lesson's lines come back, and the student's own import beside them is kept."""
    cell(filled, "imports")["source"] = "from data_utils import load_data\nimport math\ntorch = None"
    cell(filled, "loss-code")["source"] = "def loss(v, t):\n    return (v - t).pow(2).sum() * math.cos(0)"
    result = grader("mlp").grade(Notebook(filled), "made up").result

    assert lost(result) == {}
    assert len(result.mended) == 1


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_without_ids_code_in_a_text_cell_is_read(
    kind: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Text that is Python and defines what is asked for, or imports what is used, is read; prose isn't."""
    content = answering(right)
    for place in (0, 2):
        content["cells"][place] = {"cell_type": kind, "metadata": {}, "source": content["cells"][place]["source"]}
    content["cells"].append({"cell_type": kind, "metadata": {}, "source": "def sigma(x):\n    return 0 * x"})
    content["cells"].append({"cell_type": kind, "metadata": {}, "source": "loss = what it costs"})
    result = graded(content)

    assert lost(result) == {}
    assert result.mended == (
        "torch is imported in a text cell; it was read as code.",
        "dsigma is in a text cell; it was read as code.",
    )


def test_a_foreign_notebook_without_imports_gets_the_lessons(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Names that nothing defines and the lesson imports are given."""
    result = graded(notebook_of(*right.values()))

    assert lost(result) == {}
    assert result.mended == ("Nothing imports torch; it was imported as in the lesson.",)


def test_cells_that_stand_alone_are_not_joined(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """IPython runs an indented cell: it doesn't become part of the function above it."""
    content = answering(right, sigma=right["sigma"] + "\n    ")
    content["cells"].insert(2, notebook_of("    HALF = 0.5")["cells"][0])
    content["cells"].insert(4, notebook_of("print 'a'")["cells"][0])
    content["cells"][3]["source"] = "def dsigma(x):\n    return 2 * HALF * (1 - sigma(x) ** 2)"
    result = graded(content)

    assert lost(result) == {}
    assert result.mended == ()


# ---- which definition ----

OTHER_MODEL = """class Model:
    def __init__(self):
        self.layers = []
    def __call__(self, x, targ):
        return x"""
MODULE_MODEL = """class Model(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
    def forward(self, x):
        return x"""


@pytest.mark.parametrize("other", [OTHER_MODEL, MODULE_MODEL, "class Model:\n    pass", "def Model(x):\n    return x"])
def test_the_definition_that_can_be_called_as_asked_counts(other: str, layers: Callable[..., Result]) -> None:
    """A later class of the same name that takes something else is for something else."""
    result = layers(other)

    assert lost(result) == {}
    assert "Model is defined 2 times; the first one was graded" in result.question("Model").definition


def test_a_helper_redefined_below_is_another_one(layers: Callable[..., Result]) -> None:
    """A definition rests on the last helper above it; on the last of all where none is above."""
    helper = ANSWERS["Lin"].replace("Lin", "Dense")
    model = ANSWERS["Model"].replace("Lin", "Dense")
    later = "class Dense(torch.nn.Module):\n    def __init__(self, n_in, n_out):\n        super().__init__()"

    assert lost(layers(later, Mse=f"{ANSWERS['Mse']}\n{helper}", Model=model)) == {}
    assert lost(layers(later.replace("Dense", "Other"), helper, Model=model)) == {}


def test_what_a_definition_reads_before_it_is_bound_anew_is_kept(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """`first = sigma` and then another `sigma` that calls `first`: both are there, as in the student's notebook."""
    again = f"{right['sigma']}\nfirst = sigma\ndef sigma(x):\n    return first(x)"
    below = "class Twice:\n    pass\nclass Twice(Twice):\n    scale = 1"

    assert lost(graded(answering(right, sigma=again))) == {}
    assert lost(graded(answering(right, sigma=f"{below}\ndef sigma(x):\n    return Twice.scale * x.tanh()"))) == {}


@pytest.mark.parametrize(
    "below", ["sum = 0", "sum = 0\nfor i in range(3):\n    sum = sum + i", "def sum(a, b):\n    return a"]
)
def test_what_stands_below_cannot_replace_what_is_pythons_own(
    below: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """`sum = 0` in the last cell is no part of the answers above it."""
    loss = "def loss(v, t):\n    return sum((a - b) ** 2 for a, b in zip(v, t))"
    content = answering(right, loss=loss)
    content["cells"] += notebook_of(below)["cells"]

    assert lost(graded(content)) == {}


def test_what_replaces_pythons_own_above_is_named(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Above the answer it is the student's own doing, and the line that did it is told."""
    loss = "sum = 0\ndef loss(v, t):\n    return sum((a - b) ** 2 for a, b in zip(v, t))"
    result = graded(answering(right, loss=loss))

    assert result.question("loss").points == 0
    assert "`sum = 0`" in result.question("loss").message


@pytest.mark.parametrize(
    "given",
    [
        "exec('def sigma(x):\\n    return x.tanh()')",
        "globals()['sigma'] = lambda x: x.tanh()",
        "def make():\n    global sigma\n    def sigma(x):\n        return x.tanh()\nmake()",
        "for name in ['sigma']:\n    globals()[name] = torch.tanh",
        "%matplotlib inline\ncode = 'sigma = torch.tanh'\nexec(code)",
    ],
)
def test_a_name_that_no_text_shows_serves_all_questions(
    given: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Where `exec` or `globals()` brings a function, every question that uses it sees the whole notebook."""
    assert lost(graded(answering(right, sigma=given))) == {}


def test_a_stand_in_that_is_written_twice_is_chosen_as_any_other(grader: Callable[[str], Grader]) -> None:
    """`MSE` for `Mse` in two styles: the lesson's own style counts."""
    mse = ANSWERS["Mse"].replace("Mse", "MSE")
    later = "class MSE(torch.nn.Module):\n    def forward(self, inp, targ):\n        return (inp - targ).pow(2).mean()"
    model = ANSWERS["Model"].replace("Mse", "MSE")
    content = notebook_of(GIVEN, ANSWERS["Relu"], ANSWERS["Lin"], mse, model, later)
    result = grader("layers").grade(Notebook(content), "made up").result

    assert lost(result) == {}
    assert "there is no Mse; MSE was graded instead" in result.question("Mse").definition


def test_of_several_that_fit_the_last_counts_and_a_better_one_is_flagged(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """A right answer above a wrong one is no silent zero; a wrong one above a right one is nobody's matter."""
    wrong = "def loss(v, t):\n    return (v - t).sum()"
    worse, better = (
        graded(answering(right, loss=f"{a}\n{b}")) for a, b in ((right["loss"], wrong), (wrong, right["loss"]))
    )

    assert worse.question("loss").points == 0
    assert [flag for flag in worse.flags if "a definition of loss other than" in flag]
    assert lost(better) == {}
    assert better.flags == ()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (notebook_of("let loss = mse(preds, yTrain)\nfunc f(_ x: TF) -> TF { return x }"), "not_this_assignment"),
        (notebook_of("import os", "data_train = load()\nprint 'done'"), "not_this_assignment"),
        (notebook_of("loss = model.fit(x, y)\nprint 'done'"), "not_this_assignment"),
        (notebook_of("loss = model.fit(x, y)", "sigma = x.std()"), "not_this_assignment"),
        (notebook_of("def sigma(x) = x", kernelspec={"language": "scala", "name": "scala"}), "not_this_assignment"),
        (notebook_of("def sigma(x):\n    return x"), "graded"),
    ],
)  # fmt: skip
def test_a_notebook_of_something_else_is_known_by_what_it_defines(
    content: Mapping[str, Any], status: str, graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """A word in another word, a variable, a line of another language: none of them is an attempt."""
    assert graded(content).status == status


@pytest.mark.parametrize("answer", ["def loss(p, y):\n    return p - y", "def train(data):\n    pass"])
def test_one_name_that_any_notebook_may_have_asks_a_person(
    answer: str, graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Neither zero points of this lesson nor another assignment: somebody has to say."""
    result = graded(notebook_of("import torch", answer))

    assert result.status == "graded"
    assert all(waits(question) for question in result.questions if question.id != "derivation")


# ---- no silent zero ----


@pytest.mark.parametrize(
    "instead", [{"Lin": "Linear"}, {"Relu": "RectifiedUnit", "Lin": "Lin2"}, {"Mse": "MeanSquares"}]
)
def test_a_near_name_is_asked_about(instead: Mapping[str, str], layers: Callable[..., Result]) -> None:
    """Where the asked name is missing and a near one is there, a person is asked by both names."""
    answers = dict(ANSWERS)
    for name, other in instead.items():
        answers = {key: source.replace(name, other) for key, source in answers.items()}
    result = layers(**answers)
    asked = {name: result.question(name) for name in instead if name not in {"Relu", "Mse"}}

    assert result.question("Model").points == 3
    assert all(waits(question) and instead[name] in question.message for name, question in asked.items())


@pytest.mark.slow
def test_a_variable_by_nearly_its_name_is_asked_about(grader: Callable[[str], Grader], course: Course) -> None:
    """`W1` for the lesson's global `w1`: the answer isn't judged by a variable that it doesn't read."""
    batch = course.assignment("batch")
    right = {name: source_of(batch, name) for name in batch.names}
    words = {"w1": "W1", "b1": "B1", "w2": "W2", "b2": "B2"}
    for name, other in words.items():
        right["forward_and_backward"] = right["forward_and_backward"].replace(name, other)
    content = notebook_of("import torch", "W1 = W2 = torch.ones(3, 3)\nB1 = B2 = torch.ones(3)", *right.values())
    question = grader("batch").grade(Notebook(content), "made up").result.question("forward_and_backward")

    assert waits(question)
    assert "uses B1, but b1 is expected" in question.message


NEWER = {
    'f"{"a"}"': "3.12",
    'print(f"{d["k"]:>{n}} {x=}")': "3.12",
    "f'{'\\n'.join(a)}'": "3.12",
    "type X = int": "3.12",
    "def f[T](x: T) -> T:\n    return x": "3.12",
    "class A[T: (int, str), *Ts]:\n    pass": "3.12",
    'x = t"{a}"': "3.14",
    "try:\n    pass\nexcept A, B:\n    pass": "3.14",
    "lazy import torch": "3.15",
    'f"{a b}"': "",
    'f"{}"': "",
    'f"{a["b"}"': "",
    "def f[T](x) return x": "",
    "print 'a'": "",
    "def f(x:\n    pass": "",
    "x = 'a": "",
}


@pytest.mark.parametrize("source", NEWER)
def test_code_for_a_newer_python_is_known_by_its_form(source: str) -> None:
    """It is named which Python may parse it, and what none parses isn't excused."""
    try:
        found = needs(source, 3, 11)
    except Unreadable:
        found = ""

    assert found == NEWER[source]


BROKEN: Mapping[str, tuple[str, str, str]] = {
    "beyond a bound": ("sigma", "# " + "a" * (1 << 18) + "\n", "it has more than 262,144 characters"),
    "for a newer Python": ("sigma", "lazy import os\n", "is written for Python 3.15 or later"),
    "a helper for a newer Python": ("loss", "lazy import os\nSCALE = 1\n", "SCALE is written for Python 3.15"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_not_read_here_asks_a_person(
    kind: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """It may be right where its author ran it: neither points nor a zero, and the cause is named."""
    name, above, told = BROKEN[kind]
    content = answering(right)
    place = 1 + list(right).index(name)
    if "SCALE" in above:
        content["cells"][place]["source"] = "def loss(v, t):\n    return SCALE * (v - t).pow(2).sum()"
        content["cells"].insert(place, notebook_of(above)["cells"][0])
    else:
        content["cells"][place]["source"] = above + right[name]
    result = graded(content)

    assert waits(result.question(name))
    assert told in result.question(name).message
    assert lost(result).keys() == {name}, "what builds on it is judged with a right one in its place"


def test_a_damaged_answer_asks_a_person(filled: Content, grader: Callable[[str], Grader]) -> None:
    """Where the cell of an answer can't be read, nobody knows what stood there."""
    cell(filled, "loss-code")["source"] = None
    result = grader("mlp").grade(Notebook(filled), "made up").result

    assert waits(result.question("loss"))
    assert lost(result).keys() == {"loss"}


FIXTURES: Mapping[str, Edit] = {
    **{kind: edit for kind, (edit, _) in REPAIRS.items()},
    "no Python": _edited("loss-code", "def loss(v, t)\n    return v"),
    "a newer Python": _edited("loss-code", "lazy import os\ndef loss(v, t):\n    return v"),
    "beyond a bound": _edited("loss-code", "def loss(v, t):\n    return v\n" + "a=1;" * 20_000),
    "the body alone": _edited("loss-code", "v = t = 0\n(v - t) ** 2"),
    "inside of another": _edited("loss-code", "def main():\n    def loss(v, t):\n        return v\nmain()"),
    "by another name": _edited("loss-code", "def my_loss(v, t):\n    return v"),
    "no answer cell": _deleted("loss-code"),
    "an unwritten answer": _edited("loss-code", "def loss(v, t):\n    raise NotImplementedError"),
    "a raise left below": _edited("loss-code", "def loss(v, t):\n    v = v - t\n    raise NotImplementedError"),
    "an own exception": _edited("loss-code", "def loss(v, t):\n    return v.nothing()"),
    "a wrong value": _edited("loss-code", "def loss(v, t):\n    return v"),
    "a comment": _edited("loss-code", "# I don't know"),
    "a number": _edited("loss-code", "loss = 3"),
    "null source": lambda content: cell(content, "loss-code").update(source=None),
    "a source with a number in it": lambda content: cell(content, "loss-code").update(source=["a", 3]),
    "skipped": lambda content: cell(content, "loss-code")["metadata"].update(tags=["skip-execution"]),
}
"""A notebook with all the answers, broken in one way."""

NOTHING_THERE = {"no answer cell", "an unwritten answer", "a comment", "no Python"}
"""Those in which no answer of the student's stands, or one that no Python parses."""


@pytest.mark.parametrize("kind", FIXTURES)
def test_no_question_loses_its_points_in_silence(kind: str, filled: Content, grader: Callable[[str], Grader]) -> None:
    """Zero is for a wrong value or an own exception, or where nothing stands; all else asks a person."""
    FIXTURES[kind](filled)
    result = grader("mlp").grade(Notebook(filled), "made up").result

    for question in result.questions:
        if question.points == 0 and question.id not in WRITTEN:
            failed = [test.message for test in question.tests if not test.passed]
            assert question.status in {"graded", "no_answer"}
            assert (question.status == "graded" and any(failed)) or kind in NOTHING_THERE, question


def test_what_was_stopped_keeps_its_points_and_is_flagged(mlp_timed_out: Result) -> None:
    """An endless loop in one claim leaves the claims that passed, and a person is asked."""
    question = mlp_timed_out.question("sigma")

    assert question.status == "timeout"
    assert question.points == pytest.approx(question.max_points / 2)
    assert [flag for flag in mlp_timed_out.flags if flag.startswith("sigma was stopped because it took too long")]


@pytest.fixture
def mlp_timed_out(course: Course, right: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Result:
    """A record of answers of which sigma passes one claim and is stopped in the next."""
    from autograder.jail.student import Student, StudentStopped
    from autograder.judge import attempt
    from autograder.judge.check import Check, checks

    def passes(student: Student) -> None:
        """Hold."""

    def stops(student: Student) -> None:
        if hasattr(student, "check"):  # the reference is tried without a recorder
            raise StudentStopped("timeout", "no answer within 1 second")

    claims = (Check("test_one", "one", 1.0, passes), Check("test_two", "two", 1.0, stops))
    monkeypatch.setattr(attempt, "checks", lambda a, q: claims if q == "sigma" else checks(a, q))
    grader = Grader(course.assignment("mlp"), "a seed of its own")
    return grader.grade(Notebook(answering(right)), "made up").result


# ---- the file that is meant ----

MEANT: Mapping[str, list[str]] = {
    "capitals": ["MLP/mlp.ipynb"],
    "a file in capitals": ["mlp/mlp.IPYNB"],
    "another ending": ["mlp/mlp.ipynb.txt"],
    "a folder inside": ["mlp/mlp/mlp.ipynb"],
    "beside what a Mac leaves": ["mlp/my work.ipynb", "mlp/._mlp.ipynb", "mlp/__MACOSX/._mlp.ipynb"],
    "only a checkpoint": ["mlp/.ipynb_checkpoints/mlp-checkpoint.ipynb"],
    "named among others, deeper": ["mlp/a/MLP.ipynb", "mlp/notes.ipynb", "mlp/more.ipynb"],
    "a script with cells": ["mlp/mlp.py", "mlp/data_utils/mnist.py"],
    "a plain script": ["mlp/answers.py"],
}
"""What was handed in; the first is meant."""

ASKED: Mapping[str, tuple[list[str], str]] = {
    "two": (["mlp/one.ipynb", "mlp/two.ipynb"], "The folder has one.ipynb, two.ipynb."),
    "a document": (["mlp/answers.docx"], "The folder has answers.docx."),
    "nothing": (["mlp/timestamp.txt"], "the folder is empty"),
}
"""What was handed in where nothing can be meant, and what is told."""


@pytest.fixture(scope="module")
def handed_in(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The records of a class whose files are called as they are, by what is odd about them."""
    course = copied(released_course, tmp_path_factory.mktemp("handed-in") / "course")
    assignment = course.assignment("mlp")
    right = [source_of(assignment, name) for name in assignment.names]
    one, untouched = json.dumps(notebook_of("import torch", *right)), json.dumps(released("mlp"))
    plain = "\n\n".join(["import torch", *right])
    cells = "\n\n".join(f"# %%\n{source}" for source in ["import torch", *right]) + "\n# %% [markdown]\n# # The end\n"
    half = json.dumps(notebook_of("import torch", *right[:4]))

    def put(student: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = course.root / "submitted" / student / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    for kind, names in MEANT.items():
        text = {"a script with cells": cells, "a plain script": plain}.get(kind, one)
        put(kind, {name: text if name == names[0] else "{}" for name in names})
    for kind, (files, _) in ASKED.items():
        put(kind, dict.fromkeys(files, one))
    put("a copy", {"mlp/mlp.ipynb": untouched, "mlp/mlp-Copy1.ipynb": one})
    put("half a copy", {"mlp/mlp.ipynb": half, "mlp/mlp-Copy1.ipynb": one})
    put("an untouched copy", {"mlp/mlp.ipynb": untouched, "mlp/mlp-Copy1.ipynb": untouched})
    with Batch(course, "mlp", trust=True) as run:
        return {graded.student: graded.result for graded in run}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MEANT)
def test_the_only_file_that_can_be_meant_is_taken_and_told(kind: str, handed_in: Mapping[str, Result]) -> None:
    """Whatever it is called, it is graded, and its record says which file that was."""
    assert handed_in[kind].status == "graded"
    assert lost(handed_in[kind]) == {}
    assert handed_in[kind].mended == (f"There is no mlp/mlp.ipynb; {MEANT[kind][0]} was read instead.",)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ASKED)
def test_where_no_file_can_be_meant_it_is_named_what_lies_there(kind: str, handed_in: Mapping[str, Result]) -> None:
    """A person is asked, and knows what about."""
    assert handed_in[kind].status == "unreadable"
    assert ASKED[kind][1] in handed_in[kind].message


@pytest.mark.slow
def test_a_copy_with_the_answers_asks_a_person(handed_in: Mapping[str, Result]) -> None:
    """What is missing in a notebook and stands in one beside it is no zero: both are named."""
    whole, half, neither = (handed_in[kind] for kind in ("a copy", "half a copy", "an untouched copy"))

    assert all(waits(question) for question in whole.questions if question.id != "derivation")
    assert "mlp.ipynb has no answer" in whole.question("loss").message
    assert "mlp-Copy1.ipynb beside it has" in whole.question("loss").message
    assert half.score == 4
    assert set(lost(half).values()) == {("manual", None)}
    assert {question.status for question in neither.questions if question.id != "derivation"} == {"no_answer"}


# ---- who is told ----


def test_equal_causes_are_told_once_with_all_whom_they_are_about(
    filled: Content, grader: Callable[[str], Grader]
) -> None:
    """A class of thousands doesn't flood a person: what waits, was noted or mended is one line, and long lists fold."""
    cell(filled, "loss-code")["source"] = "lazy import os\ndef loss(v, t):\n    return v"
    cell(filled, "imports")["source"] = "import os"
    one = grader("mlp").grade(Notebook(filled), "made up").result
    class_ = [one.model_copy(update={"submission": f"s{n}"}) for n in range(30)]
    page = class_page(class_, "mlp")

    assert page.count("loss (in the section") == 1 + 30, "once for all, and once in each student's row"
    assert page.count("has been changed") == 1
    assert "<summary>30 students</summary>" in page
    assert "30 waiting for a person" in page
    assert "This is not final yet: a person will look at loss." in student_page(one)
