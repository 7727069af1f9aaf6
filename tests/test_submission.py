"""One submission in the jail: what its cells print and draw, what is skipped, and what a crash costs."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from matplotlib.image import imread

from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.course.settings import BackpropKit
from autograder.jail.host import Jail, Limits
from autograder.jail.jailed import Jailer
from autograder.jail.student import Opener
from autograder.judge.custody import held
from autograder.judge.grader import Grader, Grading
from autograder.notebook.notebook import Notebook
from autograder.run.autograded import page
from tests.conftest import answering, notebook_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jailer() -> Iterator[Opener]:
    """A jail that waits for an answer as long as honest neighbours of an endless loop may need on a busy machine."""
    with Jail(limits=Limits(call_s=4.0, cell_s=8.0)) as jail:
        yield Jailer(jail, budget_s=60.0)


def grade(
    course: Course, mlp: Assignment, jailer: Opener, content: Mapping[str, Any], run_all: bool = False
) -> Grading:
    """Grade a notebook's content in the jail."""
    return Grader(mlp, course.seed("mlp"), jailer, BackpropKit(run_all=run_all)).grade(
        Notebook(dict(content)), "made up"
    )


def test_the_jail_and_this_process_find_the_same(
    course: Course, mlp: Assignment, jailer: Opener, right: dict[str, str]
) -> None:
    """Where a notebook runs makes no difference to its record."""
    content = answering(right, dloss="def dloss(v, t):\n    return v - t", loss="def loss(v, t):\n    return v @ w")
    jailed = grade(course, mlp, jailer, content).result
    local = Grader(mlp, course.seed("mlp")).grade(Notebook(content), "made up").result

    assert jailed.jail in {"full", "portable"}
    assert jailed.model_dump(exclude={"seconds", "jail"}) == local.model_dump(exclude={"seconds", "jail"})


def test_what_cells_print_and_draw_is_kept_as_text_and_pixels(
    course: Course, mlp: Assignment, jailer: Opener, right: dict[str, str]
) -> None:
    """If everything is run, text and figures of a student's cells are in the autograded notebook; HTML isn't."""
    cells = (
        answering(right)["cells"]
        + notebook_of(
            "print('hello')\n%time 1 + 1",
            "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()",
            "from IPython.display import HTML\ndisplay(HTML('<script>alert(1)</script>'))",
            "!rm -rf /",
            "input('name?')",
        )["cells"]
    )
    grading = grade(course, mlp, jailer, notebook_of() | {"cells": cells}, run_all=True)
    made = page(grading, mlp, {})
    assert made.content is not None
    shown = [cell["outputs"] for cell in json.loads(made.content)["cells"]]
    drawn = next(output for output in shown[9] if output["output_type"] == "display_data")

    assert grading.result.score == 12
    assert "hello" in shown[8][0]["text"]
    assert imread(io.BytesIO(base64.b64decode(drawn["data"]["image/png"]))).shape[2] == 4
    assert "<script>" not in json.dumps(shown)
    assert any("`!rm -rf /`" in flag for flag in grading.result.flags), "a shell line is refused, and said to be"
    assert any("`input('name?')`" in flag for flag in grading.result.flags), "nobody is there to answer input()"


def test_a_cell_marked_to_be_skipped_is_not_run_and_asks_a_person(
    course: Course, mlp: Assignment, jailer: Opener, right: dict[str, str]
) -> None:
    """`skip-execution` means what it means to Jupyter."""
    content = answering(right)
    content["cells"][1]["metadata"]["tags"] = ["skip-execution"]

    skipped = grade(course, mlp, jailer, content).result.question("sigma")

    assert (skipped.status, skipped.points) == ("manual", None)
    assert "marked to be skipped" in skipped.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("import os; os._exit(0)", "killed"),
        ("import ctypes; ctypes.string_at(0)", "killed"),
        ("[bytearray(10**9) for _ in range(99)]", "graded"),
        ("while True: pass", "timeout"),
        ("import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]\n    while True: pass", "timeout"),
    ],
    ids=["exit", "segfault", "memory", "loop", "loop that ignores signals"],
)
def test_a_crash_costs_its_own_question(
    course: Course, mlp: Assignment, jailer: Opener, right: dict[str, str], body: str, status: str
) -> None:
    """Whatever one function does to its process, the others are judged in a fresh one."""
    content = answering(right, loss=f"def loss(v, t):\n    {body}")
    result = grade(course, mlp, jailer, content).result

    assert (result.question("loss").status, result.question("loss").points) == (status, 0)
    for name in ("sigma", "dsigma", "dloss", "forward_pass", "backward_pass"):
        assert result.question(name).points == result.question(name).max_points, name


def test_a_cell_that_never_ends_costs_only_what_depends_on_it(
    course: Course, mlp: Assignment, jailer: Opener, right: dict[str, str]
) -> None:
    """A statement that is needed and hangs is left out of the next fork; the flag names its cell."""
    slow = "import time\nHALF = time.sleep(10**6)"
    content = answering(right, loss="def loss(v, t):\n    return HALF * (v - t).pow(2).sum()")
    content["cells"].insert(1, notebook_of(slow)["cells"][0])
    result = grade(course, mlp, jailer, content).result

    assert result.question("loss").points == 0
    assert result.question("backward_pass").points == 4
    assert result.flags == ("`HALF = time.sleep(10**6)` did not run: It took too long and was stopped.",)


def test_without_a_jail_nothing_is_graded_unless_students_are_trusted(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that can't hold code says so, and names the way on; trusting is a choice, and the record shows it."""
    from autograder.errors import CannotGrade
    from autograder.jail.host import JailUnavailable
    from autograder.judge import custody

    def refused(**_: object) -> Jail:
        raise JailUnavailable("This machine can't hold untrusted code.")

    monkeypatch.setattr(custody, "Jail", refused)
    with pytest.raises(CannotGrade, match="--trust-students"), held(course.settings):
        pass
    with held(course.settings, trust=True) as opener:
        assert opener.level == "none"
