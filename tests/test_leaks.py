"""No lesson gives its answers away: what a release shows, pasted into its stubs, earns no more than what is listed."""

from __future__ import annotations

import ast
import contextlib
import copy
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring import leaks, release
from autograder.authoring import vetting as vet
from autograder.authoring.leaks import Answers, Given
from autograder.authoring.mutants import within
from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.course.hidden_tests import hidden_tests
from autograder.errors import CannotGrade
from autograder.jail.student import LocalStudent
from autograder.judge.attempt import tried
from autograder.judge.inputs import seeded
from autograder.judge.reference import source_of
from autograder.notebook.definition import Definitions
from autograder.notebook.notebook import Notebook
from autograder.notebook.statement import steps
from data_utils import checks
from tests.conftest import REPO, copied_course, released

ASSIGNMENTS = Course(REPO).assignments

DATA_UTILS = Path(checks.__file__).parent

CELL = {"cell_type": "code", "execution_count": None, "outputs": [], "id": "planted", "metadata": {}}
PROSE = {"cell_type": "markdown", "id": "planted", "metadata": {}}

BATCH = '''
def lin_grad(inp, out, w, b):
    """Store the gradients of out = lin(inp, w, b) in inp.g, w.g and b.g."""
    inp.g = out.g @ w.T
    w.g = inp.T @ out.g
    b.g = out.g.sum(0)


def forward_and_backward(inp, targ):
    l1 = lin(inp, w1, b1)
    l2 = relu(l1)
    out = lin(l2, w2, b2)
    diff = out[:, 0] - targ
    out.g = 2 * diff[:, None] / len(inp)
    lin_grad(l2, out, w2, b2)
    l1.g = l2.g * (l1 > 0)
    lin_grad(inp, l1, w1, b1)
'''
"""The backward pass of `batch`, in the open."""


def planting(name: str, text: str, prose: bool = False) -> Notebook:
    """The release of a lesson with a cell added."""
    content = copy.deepcopy(released(name))
    content["cells"].append({**(PROSE if prose else CELL), "source": text})
    return Notebook(content)


def found(name: str, text: str, prose: bool = False) -> list[str]:
    """Whose answers a cell with this text gives away, among what a lesson may show."""
    content = released(name) | {"cells": [{**(PROSE if prose else CELL), "source": text}]}
    shown = leaks.leaks(Course(REPO), Notebook(content), leaks.given(name))
    return sorted({answer for leak in shown for answer in leak.answers})


# --------------------------------------------------------------------------------------------------- pasting it in


def allowed(statement: ast.stmt, known: Answers, seen: Collection[str], whole: bool) -> bool:
    """Whether a student can write a statement of the reference: it shows, or it is no answer."""
    text = ast.unparse(statement)
    body = f"def answer():\n    {text}" if whole and "\n" not in text else text
    return leaks.forms_of(body, known) <= set(seen)


def pasted(assignment: Assignment, seen: Collection[str]) -> dict[str, str]:
    """Every definition that is graded, with those lines of the reference alone that are seen, or are no answer."""
    known = leaks.answers(Course(REPO))
    written = {}
    for name in assignment.names:
        tree = ast.parse(source_of(assignment, name))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                whole = len(node.body) == 1
                kept = [statement for statement in node.body if allowed(statement, known, seen, whole)]
                node.body = kept or [ast.Pass()]
        written[name] = ast.unparse(tree)
    return written


def filled(shown: Notebook, written: dict[str, str]) -> Notebook:
    """A notebook whose stubs are filled in."""
    content = copy.deepcopy(shown.content)
    for cell in content["cells"]:
        source = "".join(cell["source"])
        for name, text in written.items():
            if "is yours to write" in source and re.match(rf"(def|class) {name}\b", source):
                cell["source"] = text
    return Notebook(content)


def points(assignment: Assignment, shown: Notebook, written: dict[str, str]) -> dict[str, float]:
    """What answers to some questions earn, question by question, where the reference answers all others."""
    right = {name: source_of(assignment, name) for name in assignment.names}
    earned = {}
    for question in assignment.questions:
        own = {name: written[name] for name in question.names if name in written}
        if own:
            student = LocalStudent()
            with contextlib.suppress(TimeoutError, CannotGrade), within():
                student.read(steps(Definitions(filled(shown, {**right, **own})).needed(assignment.names)))
                earned[question.id] = tried(assignment, question, student)[0].points or 0.0
    return earned


def definitions(shown: Notebook) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Every function, method and class outside the stubs of a release, lambdas too, and in data_utils."""
    texts = [cell.source for cell in shown.cells if cell.kind == "code" and "is yours to write" not in cell.source]
    for text in [*texts, *(path.read_text(encoding="utf-8") for path in sorted(DATA_UTILS.glob("*.py")))]:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node
            elif isinstance(node, ast.Lambda):
                function = ast.parse("def answer(): pass").body[0]
                assert isinstance(function, ast.FunctionDef)
                function.args, function.body = node.args, [ast.Return(node.body)]
                yield function


def takes(function: ast.FunctionDef) -> int:
    """How many arguments a function has."""
    return len([*function.args.posonlyargs, *function.args.args])


def renamed(stub: str, shown: Notebook) -> Iterator[str]:
    """A stub with every shown definition in its place that takes as many arguments, or one of its methods so."""
    wanted = ast.parse(stub).body[0]
    for other in definitions(shown):
        if isinstance(wanted, ast.FunctionDef):
            if isinstance(other, ast.FunctionDef) and takes(other) == takes(wanted):
                yield ast.unparse(ast.fix_missing_locations(_called(other, wanted.name)))
            continue
        assert isinstance(wanted, ast.ClassDef)
        if isinstance(other, ast.ClassDef):
            yield ast.unparse(_called(other, wanted.name))
            continue
        for place, method in enumerate(wanted.body):
            same = isinstance(method, ast.FunctionDef) and takes(other) == takes(method)
            if (
                same
                and isinstance(method, ast.FunctionDef)
                and other.args.args[:1]
                and other.args.args[0].arg == "self"
            ):
                changed = copy.deepcopy(wanted)
                changed.body[place] = _called(other, method.name)
                yield ast.unparse(ast.fix_missing_locations(changed))


def _called(node: Any, name: str) -> Any:
    other = copy.deepcopy(node)
    other.name, other.decorator_list = name, []
    return other


def listed_forms(listed: tuple[Given, ...]) -> frozenset[str]:
    """The forms of given lines."""
    known = leaks.answers(Course(REPO))
    return frozenset().union(*(leaks.forms_of(one.line, known) for one in listed))


def explained(assignment: Assignment, shown: Notebook, listed: tuple[Given, ...]) -> dict[str, float]:
    """What a release's stubs earn with the given lines, and with lines that are no answer."""
    return points(assignment, shown, pasted(assignment, listed_forms(listed)))


def earned(assignment: Assignment, shown: Notebook, listed: tuple[Given, ...]) -> dict[str, float]:
    """What a release's stubs earn at best, with all that it shows."""
    seen = {one.form for _, _, of in leaks.given_away(shown, leaks.answers(Course(REPO))) for one in of}
    best = points(assignment, shown, pasted(assignment, seen))
    for name, stub in pasted(assignment, listed_forms(listed)).items():
        for text in renamed(stub, shown):
            for question, got in points(assignment, shown, {name: text}).items():
                best[question] = max(best[question], got)
    return best


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_what_a_release_shows_earns_no_more_than_what_is_listed(name: str) -> None:
    """Every shown line where it belongs, and every shown definition under every name that is asked for."""
    assignment, shown, listed = Course(REPO).assignment(name), Notebook(released(name)), leaks.given(name)
    with seeded(f"the same each time|{name}"):
        most = explained(assignment, shown, listed)
        assert earned(assignment, shown, listed) == most
    assert sum(most.values()) < assignment.max_score / 2


@pytest.mark.slow
def test_the_way_back_of_batch_in_the_open_earns_eight_of_eleven_points() -> None:
    """The check of the check: pasted from one cell, the gradients of Lin, Relu and Mse have their full points."""
    assignment, listed = Course(REPO).assignment("layers"), leaks.given("layers")
    with seeded("the same each time|layers"):
        most = explained(assignment, Notebook(released("layers")), listed)
        got = earned(assignment, planting("layers", BATCH), listed)

    assert got == {"Relu": 2, "Lin": 3, "Mse": 3, "Model": 0}
    assert all(most[question] < got[question] for question in ("Relu", "Lin", "Mse"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "planted", "question"),
    [
        ("mlp", "steep = lambda at: 1 - sigma(at) ** 2", "dsigma"),
        ("mlp", "class Judge:\n    def pull(v, t):\n        return torch.sub(v, t) * 2", "dloss"),
        ("autograd", "def wanted(inp, targ, *w):\n    return [torch.autograd.grad(inp.sum(), t) for t in w]", None),
    ],
)
def test_a_definition_that_answers_is_tried_under_the_name_that_is_asked_for(
    name: str, planted: str, question: str | None
) -> None:
    """By what it gives, whatever it is called and wherever it stands; one that answers nothing earns nothing."""
    assignment, listed, shown = Course(REPO).assignment(name), leaks.given(name), planting(name, planted)
    with seeded(f"the same each time|{name}"):
        most, got = explained(assignment, shown, listed), earned(assignment, shown, listed)

    assert {q for q in got if got[q] > most[q]} == ({question} if question else set())


# ------------------------------------------------------------------------------------------------- what vet refuses


@pytest.mark.parametrize(
    "line",
    [
        "inp.g = out.g @ w.T",
        "self.inp.g = self.out.g @ self.w.t()",
        "x_g = y_g.mm(v.transpose(0, 1))",
        "grads = torch.matmul(out.g, w.permute(1, 0))",
        "before.g = (layer.w @ after.g.T).T",
        "print(torch.einsum('ij,kj->ik', g, w))",
        "inp.g = F.linear(g, w)",
        "w.g, b.g = inp.T @ out.g, None",
        "w.g = (inp.unsqueeze(-1) * out.g.unsqueeze(1)).sum(0)",
        "forms = {'matmul': lambda inp, g: inp.T @ g}",
        "def back(layer):\n    return dict(w=layer.inp.T @ layer.out.g)",
        "class Times:\n    def backward(self):\n        self.w.g = self.inp.t() @ self.out.g",
        "b.g = out.g.sum(0)",
        "self.b.g = self.out.g.sum(dim=0)",
        "layer.b.grad = torch.sum(g, axis=0)",
        "l1.g = l2.g * (l1 > 0)",
        "l1.g = (0 < l1).float() * l2.g",
        "l1.g = torch.where(l1 >= 0, l2.g, torch.zeros_like(l1))",
        "diff.g = 2 * diff[:, None] / len(inp)",
        "out.g = (out - targ.unsqueeze(-1)).mul(2).div(out.shape[0])",
        "out.g = -2 / targ.numel() * (targ[:, None] - out)",
        "d = out.squeeze(-1) - targ\nout.g = d[:, None] * (2 / len(d))",
        "def up(v, t):\n    return 2.0 * (v - t)",
        "steep = 1 - sigma(s).square()",
        "dl_dw1.add_(torch.outer(dl_ds1, x))",
        "total += torch.outer(g, x)",
        "for step in reversed(steps):\n    step.backward()",
        "w.g = ((out.g @ v.T) * (l1 > 0)) @ w.T",
        "steep = 1 - torch.tanh(s) ** 2",
        "l1.g = l2.g.masked_fill(l1 <= 0, 0)",
        "steep = gate * (1 - sigma(torch.linspace(-1, 1, 5)) ** 2)",
    ],
)
def test_a_line_of_an_answer_is_found_whatever_its_variables_are_called(line: str) -> None:
    """A gradient in another lesson's words is the same gradient, and `vet` names whose answer it is."""
    assert found("mlp", line)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("# w.g = inp.T @ out.g", False),
        ("hint = 'w.g = inp.T @ out.g'", False),
        ('listing = """\n    def backward(self):\n        self.w.g = self.inp.T @ self.out.g\n"""', False),
        ("%matplotlib inline\nw.g = inp.T @ out.g", False),
        ("```python\nw.g = inp.T @ out.g\n```", True),
        ("Try `w.g = inp.T @ out.g` here.", True),
        ("Try ``inp.T @ out.g`` here.", True),
        ("<details>\n<summary>Hint 5</summary>\n\n<code>inp.T @ out.g</code>\n\n</details>", True),
        ("Through `\\s` and `w.g = inp.T @ out.g`.", True),
        ("~~~\nin words, then\nw.g = inp.T @ out.g\n~~~", True),
    ],
)
def test_a_line_of_an_answer_is_found_wherever_it_stands(text: str, prose: bool) -> None:
    """In code, in comments and texts, in blocks and spans of code in prose and in hints."""
    assert {"batch.lin_grad", "layers.Lin", "modules.Lin"} <= set(found("mlp", text, prose))


@pytest.mark.parametrize(
    "line",
    [
        "x = layer(x)",
        "return_ = x",
        "self.inp = inp",
        "self.w, self.b = w, b",
        "out.g = g.clone()",
        "layer.backward()",
        "apart = (ours - theirs).abs().max()",
        "table = torch.outer(inp[1], g[1])",
        "kind = type(layer).__name__",
        "difference = out[:, 0] - targ",
        "inp.g = out.g[:, order.argsort()]",
        "inp.g = 2 * out.g",
        "loss.backward()\nfound = [t.grad for t in watched]",
        "raise NotImplementedError('sigma is yours to write')",
        "s = torch.linspace(-4, 4, 65)\nboth = {'your sigma': (s, sigma(s))}",
        "nudge(lambda v: sigma(v).sum(), s)",
        "not python at all",
    ],
)
def test_what_every_lesson_needs_is_no_answer(line: str) -> None:
    """Bookkeeping, calls, single operations and gradients that no lesson asks for may stand anywhere."""
    assert found("mlp", line) == []


def test_a_leak_does_not_vet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson that shows a gradient is refused: the finding says which cell, which line, whose, and what mends it."""
    course = copied_course(tmp_path)
    path = course.assignment("mlp").path
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"].append({**CELL, "source": "slope = 1 - sigma(torch.ones(3)) ** 2"})
    path.write_text(json.dumps(content), encoding="utf-8")
    shown = Notebook(json.loads(release.made(course, "mlp")["mlp.ipynb"]))
    leak, idle = vet._given_away(course, course.assignment("mlp"), shown)

    assert (leak.holds, idle.holds) == (False, True)
    assert f"cell {len(shown.cells)}: `slope = 1 - sigma(torch.ones(3)) ** 2` is an answer of mlp.dsigma" in leak.detail
    assert "autograder/assignments/mlp/given.toml" in leak.mend

    given = (Given(line="1 - sigma(s) ** 2", why="a test"), Given(line="inp.T @ out.g", why="nobody sees it"))
    monkeypatch.setattr(leaks, "given", lambda _: given)
    leak, idle = vet._given_away(course, course.assignment("mlp"), shown)
    assert (leak.holds, idle.holds, idle.detail) == (True, False, "`inp.T @ out.g`")


def test_helpers_that_travel_with_a_release_are_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient in data_utils is shown by every lesson."""
    tree = ast.parse("def back(out, w):\n    return out.g @ w.T")
    helpers = tuple(leaks._lines_in([("data_utils/back.py", tree)]))
    monkeypatch.setattr(leaks, "_shown_by_helpers", lambda: helpers)
    leaks.shown.cache_clear()

    assert found("mlp", "x = 1") != []
    leaks.shown.cache_clear()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[given]]\nline = 'x @ w'", "can't be read"),
        ("[[given]", "can't be read"),
        ("[[given]]\nline = 'x @'\nwhy = 'because'", "is no line of Python that computes something"),
    ],
)
def test_a_list_of_given_lines_is_checked(text: str, said: str, tmp_path: Path) -> None:
    """A line without a reason, a broken file and a line that is no Python are refused with a sentence."""
    (tmp_path / "given.toml").write_text(text, encoding="utf-8")

    with pytest.raises(CannotGrade, match=said):
        leaks.given(hidden_tests(tmp_path))
