"""A submission that misuses the process that grades it, by a hidden test of the course's own."""

from __future__ import annotations

import json
import shutil

from autograder.course import HOME
from autograder.course.course import Course
from tests.conftest import notebook_of

WAYS = {"ends it": "os._exit(1)", "makes it stand still": "os.kill(os.getpid(), signal.SIGSTOP)"}
"""The second stops even its own clock."""

_TEST = """

def test_does_what_an_answer_asks_for(student: Student) -> None:
    \"\"\"It does harm, if an answer says so.\"\"\"
    import os, signal, torch
    answer = student.run(flows.sigma, **vector(VECTORS[0]))["answer"]
    if torch.is_tensor(answer) and bool((answer == 77.0).all()):
        {way}
"""


def misused(course: Course, who: str, way: str) -> Course:
    """The course, with hidden tests of its own, one of which a student's notebook knows how to use."""
    tests = course.root / "hidden_tests/mlp"
    shutil.copytree(HOME / "mlp", tests)
    with (tests / "test_sigma.py").open("a", encoding="utf-8") as file:
        file.write(_TEST.format(way=WAYS[way]))
    with (course.root / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write('\nc.BackpropKit.hidden_tests = "hidden_tests"\n')
    notebook = notebook_of("import torch", "def sigma(s):\n    return s * 0 + 77.0", "def loss(v, t): ...")
    course.expected("mlp", who).write_text(json.dumps(notebook), "utf-8")
    return Course(course.root)
