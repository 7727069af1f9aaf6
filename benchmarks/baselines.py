"""The class that `throughput.py` grades, as each grader wants it: notebooks, checks, and a fresh folder a run.

The notebook holds what `mlp` asks before its training loop: six questions, one cell each, copied from the source.
The class is right in many forms; some students have one known mistake.

The checks. nbgrader and Otter get what an instructor writes by hand: plain asserts that draw random inputs of the
kit's sizes and compare with autograd. They call a student's function as often as the kit's own hidden tests do, which
is counted, so that all three do equal work. The kit itself is not loaded there: that would slow the others down.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autograder.authoring import release
from autograder.authoring.demo import filled
from autograder.course import CONFIG, Assignment, Course
from autograder.jail import Flow, LocalStudent
from autograder.judge import bank, checks, draws, edited, reference, seeded, source_of

SIX = ("sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass")
NAME = "mlp"
PLAINEST = 'c = get_config()\nc.CourseDirectory.course_id = "six"\n'
"""The settings of a course of nbgrader's alone."""
Cell = dict[str, Any]


def agree(got: Any, expected: Tensor) -> bool:
    """Whether two results have the same values; axes of length 1 don't matter."""
    found = torch.as_tensor(got).detach().double().squeeze()
    wanted = expected.detach().double().squeeze()
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-3, atol=1e-5)


def check_sigma(sigma: Callable[..., Any], number: int) -> None:
    """Compare with tanh."""
    x = 1.5 * torch.randn((11, 1)[number % 2])
    assert agree(sigma(x.clone()), torch.tanh(x))


def check_dsigma(dsigma: Callable[..., Any], number: int) -> None:
    """Compare with autograd's slope of tanh."""
    x = (1.5 * torch.randn((11, 1)[number % 2])).requires_grad_()
    (expected,) = torch.autograd.grad(torch.tanh(x).sum(), x)
    assert agree(dsigma(x.detach().clone()), expected)


def check_loss(loss: Callable[..., Any], number: int) -> None:
    """Compare with the squared distance."""
    v, t = torch.randn(2, (10, 3, 1)[number % 3])
    assert agree(loss(v.clone(), t.clone()), ((v - t) ** 2).sum())


def check_dloss(dloss: Callable[..., Any], number: int) -> None:
    """Compare with autograd's gradient of the squared distance."""
    v, t = torch.randn(2, (10, 3, 1)[number % 3])
    v.requires_grad_()
    (expected,) = torch.autograd.grad(((v - t) ** 2).sum(), v)
    assert agree(dloss(v.detach().clone(), t.clone()), expected)


def draw_network(number: int) -> tuple[list[Tensor], Tensor, Tensor]:
    """Draw weights of a small network, a sample and its target; all sizes differ, or all are equal, or one output."""
    n_in, n_hidden, n_out = ((7, 5, 3), (4, 4, 4), (6, 5, 1))[number % 3]
    weights = [torch.randn(n_hidden, n_in) / n_in**0.5, torch.randn(n_hidden) / 2]
    weights += [torch.randn(n_out, n_hidden) / n_hidden**0.5, torch.randn(n_out) / 2]
    return [w.requires_grad_() for w in weights], torch.randn(n_in), torch.randn(n_out)


def pass_through(weights: list[Tensor], x: Tensor) -> list[Tensor]:
    """A true forward pass: x, s1, x1, s2, x2."""
    w1, b1, w2, b2 = weights
    s1 = w1 @ x + b1
    s2 = w2 @ torch.tanh(s1) + b2
    return [x, s1, torch.tanh(s1), s2, torch.tanh(s2)]


def check_forward_pass(forward_pass: Callable[..., Any], number: int) -> None:
    """Compare all five results with a true forward pass."""
    weights, x, _ = draw_network(number)
    got = forward_pass(*[w.detach().clone() for w in weights], x.clone())
    assert len(got) == 5
    assert all(agree(*pair) for pair in zip(got, pass_through(weights, x), strict=True))


def check_backward_pass(backward_pass: Callable[..., Any], number: int) -> None:
    """Compare what is added to the four accumulators with autograd's gradients."""
    weights, x, t = draw_network(number)
    trace = pass_through(weights, x)
    gradients = torch.autograd.grad(((trace[-1] - t) ** 2).sum(), weights)
    held = [torch.randn_like(w) for w in weights]
    added = [h.clone() for h in held]
    backward_pass(*[w.detach().clone() for w in weights], t, *[step.detach().clone() for step in trace], *added)
    assert all(agree(a, h + g) for a, h, g in zip(added, held, gradients, strict=True))


PARTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "sigma": (agree, check_sigma),
    "dsigma": (agree, check_dsigma),
    "loss": (agree, check_loss),
    "dloss": (agree, check_dloss),
    "forward_pass": (agree, draw_network, pass_through, check_forward_pass),
    "backward_pass": (agree, draw_network, pass_through, check_backward_pass),
}
"""The functions whose text makes the plain checks of a question."""

OTTER_TEST = """\
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = 1

{checks}

@test_case(points=1, hidden=True)
def test_{name}(env):
    for number in range({calls}):
        torch.manual_seed(number)
        check_{name}(env[{name!r}], number)
"""

CELL_TEST = """\
### BEGIN HIDDEN TESTS
{checks}

for number in range({calls}):
    torch.manual_seed(number)
    check_{name}({name}, number)
### END HIDDEN TESTS
"""


@dataclass(frozen=True)
class Classes:
    """A scratch folder with the same students handed in to three graders."""

    root: Path
    calls: Mapping[str, int]
    """How often the hidden tests of a question call the student's function."""
    right: tuple[bool, ...]
    """Of ten students in turn, who has no mistake."""
    name: str = NAME
    """The assignment."""
    names: tuple[str, ...] = SIX
    """The functions and classes that it asks for."""
    questions: tuple[str, ...] = SIX
    """Its questions that are judged by hidden tests."""

    def course(self, tool: str, submissions: int) -> Path:
        """Make a fresh folder of `kit`, `nbgrader` or `otter`, with this many submissions and no grades."""
        fresh = self.root / "run"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(self.root / tool, fresh)
        for number in range(submissions):
            notebook = fresh / "submitted" / f"student-{number:04}" / self.name / f"{self.name}.ipynb"
            notebook.parent.mkdir(parents=True)
            shutil.copy(self.root / f"{tool}-class" / f"{number % len(self.right)}.ipynb", notebook)
        return fresh

    def expected(self, submissions: int) -> list[bool]:
        """Who of so many students should have full marks."""
        return [self.right[number % len(self.right)] for number in range(submissions)]


def prepare(course: Course, root: Path, mistaken: int, otter: str = "") -> Classes:
    """Write the class for all three graders; `mistaken` of ten students have one known mistake.

    `otter` is the Python that has Otter; without one, the class is written for the kit alone.
    """
    assignment = course.assignment(NAME)
    students = [answers(assignment, SIX, SIX, number, number >= 10 - mistaken) for number in range(10)]

    def hand_in(tool: str) -> None:
        released = json.loads((root / tool / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
        for number, student in enumerate(students):
            write(root / f"{tool}-class" / f"{number}.ipynb", filled(released, student))

    kit = kit_course(course, root / "kit")
    hand_in("kit")
    calls = count_calls(assignment)
    classes = Classes(root, calls, tuple(number < 10 - mistaken for number in range(10)))
    if not otter:
        return classes

    stock_course(course, root / "nbgrader")
    hand_in("nbgrader")

    for name in SIX:
        path = root / "otter" / "tests" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(OTTER_TEST.format(checks=plain(name), calls=calls[name], name=name), encoding="utf-8")
    command = [otter, "-m", "otter", "generate", "--tests-dir", "tests", "--output-path", "autograder.zip"]
    subprocess.run(command, cwd=root / "otter", check=True, capture_output=True)
    for number, student in enumerate(students):
        write(root / "otter-class" / f"{number}.ipynb", for_otter(filled(kit, student)))
    return classes


def lesson(course: Course, root: Path, name: str, mistaken: int) -> Classes:
    """Write a class for a lesson of the course as it stands: for the kit, and for nbgrader with the kit's cells."""
    assignment = course.assignment(name)
    kit = root / "kit"
    shutil.copytree(assignment.path.parent, kit / "source" / name)
    (kit / CONFIG).write_text((course.root / CONFIG).read_text(encoding="utf-8"), encoding="utf-8")
    release.generate(Course(kit), name)
    draws.seed(Course(kit), name)
    released = json.loads((kit / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    for number in range(10):
        names = assignment.names
        varied = names[number % len(names)]  # one alone: not every form of a layer suits every form of a model
        student = answers(assignment, names, (varied,), number, number >= 10 - mistaken)
        write(root / "kit-class" / f"{number}.ipynb", filled(released, student))
    for kind in ("", "-class"):
        shutil.copytree(root / f"kit{kind}", root / f"nbgrader{kind}")
    (root / "nbgrader" / CONFIG).write_text(PLAINEST, encoding="utf-8")
    questions = tuple(question.id for question in assignment.questions if not question.manual)
    right = tuple(number < 10 - mistaken for number in range(10))
    return Classes(root, {}, right, name, assignment.names, questions)


def kit_course(course: Course, root: Path, settings: str = "") -> dict[str, Any]:
    """Write the six questions as a course of the kit's, with settings of its own, and release them.

    Returns the source notebook.
    """
    assignment = course.assignment(NAME)
    source = six(assignment)
    write(root / "source" / NAME / f"{NAME}.ipynb", source)
    left_out = [f"test_{question}.py" for question in {*assignment.tests.questions} - {*SIX}]
    tests = root / assignment.tests.folder.relative_to(course.root)  # where the settings say that they lie
    shutil.copytree(assignment.tests.folder, tests, ignore=shutil.ignore_patterns(*left_out, "__pycache__"))
    (root / CONFIG).write_text((course.root / CONFIG).read_text(encoding="utf-8") + settings, encoding="utf-8")
    release.generate(Course(root), NAME)
    draws.seed(Course(root), NAME)  # a release is vetted, and that chooses the hidden inputs
    return source


def stock_course(course: Course, root: Path, settings: str = "") -> None:
    """Write the six questions as a course of nbgrader's alone, with plain hidden tests, and release them."""
    assignment = course.assignment(NAME)
    source, calls = six(assignment), count_calls(assignment)
    for cell in source["cells"]:
        if (name := cell["metadata"]["nbgrader"]["grade_id"]) in SIX:
            cell["source"] = CELL_TEST.format(checks=plain(name), calls=calls[name], name=name)
    write(root / "source" / NAME / f"{NAME}.ipynb", source)
    (root / CONFIG).write_text(f"{PLAINEST}{settings}", encoding="utf-8")
    with release.tools_on_path():
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", NAME]
        subprocess.run(command, cwd=root, check=True, capture_output=True)


def plain(name: str) -> str:
    """The text of a question's plain checks."""
    imports = "import torch\nfrom collections.abc import Callable\nfrom typing import Any\nfrom torch import Tensor\n\n"
    return imports + "\n\n".join(inspect.getsource(part) for part in PARTS[name])


def six(assignment: Assignment) -> dict[str, Any]:
    """The source notebook, cut down to `import torch`, six solution cells and six grade cells."""
    content: dict[str, Any] = json.loads(assignment.path.read_text(encoding="utf-8"))
    wanted = {"imports", *SIX, *(f"{name}-code" for name in SIX)}
    cells: list[Cell] = [c for c in content["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") in wanted]
    cells[0]["source"] = "import torch\n\ntorch.set_num_threads(1)"
    return {**content, "cells": cells}


def for_otter(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same notebook as Otter's users hand it in: its first cell, and a check cell where nbgrader has a grade."""
    cells: list[Cell] = [{**content["cells"][1], "source": f'import otter\n\ngrader = otter.Notebook("{NAME}.ipynb")'}]
    for cell in content["cells"]:
        mark = cell["metadata"]["nbgrader"]
        cells.append({**cell, "source": f'grader.check("{mark["grade_id"]}")'} if mark["grade"] else cell)
    bare = [{**cell, "id": f"cell-{place}", "metadata": {}} for place, cell in enumerate(cells)]
    return {**content, "cells": bare}


def answers(
    assignment: Assignment, names: Sequence[str], varied: Sequence[str], number: int, mistaken: bool
) -> dict[str, str]:
    """A student's definitions: `varied` ones in a form that the bank calls right, or one with a mistake of the bank."""
    cards = bank(assignment.name)
    found = {}
    for name in names:
        others = [form.source for form in cards.variant if form.function == name and name in varied]
        forms = [source_of(assignment, name), *others]
        found[name] = forms[number % len(forms)]
    if mistaken:
        name = names[-1 - 2 * number % len(names)]
        card = next(card for card in cards.misconception if card.function == name)
        found[name] = edited(assignment, name, card.changes)
    return found


def count_calls(assignment: Assignment) -> dict[str, int]:
    """How often the kit's hidden tests of each question call the student's function."""
    calls = dict.fromkeys(SIX, 0)
    solution = reference(assignment)

    class Counting(LocalStudent):
        """Answers as the reference does, and counts."""

        def run(self, flow: Flow, **tensors: Tensor) -> dict[str, Any]:
            """Count a call, twice where the flow repeats it."""
            calls[flow.__name__] += int(tensors.get("calls", 1))
            return solution.run(flow, **tensors)

    with seeded("count"):
        for name in SIX:
            for check in checks(assignment.name, name):
                check.claim(Counting())
    return calls


def full_marks(course: Path) -> list[bool]:
    """Who has full marks in a folder after a run, sorted by student."""
    if (course / "gradebook.db").exists():
        return in_gradebook(course / "gradebook.db")
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(course.glob("submitted/*/results.json"))]
    return [all(t.get("score") == t.get("max_score") for t in report["tests"]) for report in reports]


def in_gradebook(gradebook: Path) -> list[bool]:
    """Who has full marks in a gradebook, sorted by student."""
    with sqlite3.connect(gradebook) as book:
        rows = book.execute(
            "SELECT student_id, SUM(g.auto_score) FROM submitted_assignment a"
            " JOIN submitted_notebook n ON n.assignment_id = a.id JOIN grade g ON g.notebook_id = n.id"
            " GROUP BY student_id ORDER BY student_id"
        ).fetchall()
    most = max(score for _, score in rows)
    return [score == most for _, score in rows]


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
