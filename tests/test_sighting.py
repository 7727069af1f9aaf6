"""autograder.judge.sighting: what a person should know of is named as it is, and ordinary code is not spoken of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from autograder.course import Course
from autograder.judge.sighting import LARGEST, MOST, sightings
from autograder.notebook import Notebook
from autograder.result import Result
from tests.conftest import REPO, answering, notebook_of, released

LESSONS = Course(REPO).assignments

SEEN = {
    "import autograder": "imports autograder",
    "from autograder.judge import compare": "imports autograder",
    "def f():\n    import autograder.judge as j": "imports autograder",
    "import importlib as il\nil.import_module('auto' + 'grader.judge')": "imports autograder",
    "__import__('nbgrader')": "imports nbgrader",
    "import sys\nsys.modules['autograder.result'].Result": "imports autograder",
    "exec('import autograder')": "imports autograder",
    "import os\ndef f():\n    os._exit(0)": "ends the process",
    "from os import _exit as leave\nleave(0)": "ends the process",
    "def f(x):\n    raise SystemExit": "ends the process",
    "exit()": "ends the process",
    "import torch\ntorch.allclose = lambda *a, **k: True": "replaces torch.allclose",
    "from torch import Tensor\nTensor.__eq__ = lambda a, b: True": "replaces torch.Tensor.__eq__",
    "import torch as t\nsetattr(t, 'equal', print)": "replaces torch.equal",
    "import torch\ntorch.__dict__['isclose'] = print": "replaces torch.isclose",
    "import torch\nvars(torch)['isclose'] = print": "replaces torch.isclose",
    "import torch.nn.functional as F\nF.relu, y = print, 1": "replaces torch.nn.functional.relu",
    "import builtins\nbuiltins.abs = print": "replaces builtins.abs",
    "from unittest.mock import patch\npatch('torch.allclose', print).start()": "replaces torch.allclose",
    "from unittest import mock\nimport torch\nmock.patch.object(torch, 'all')": "replaces torch.all",
    "import torch\ndel torch.nn.Module.__call__": "replaces torch.nn.Module.__call__",
    "import sys\nsys._getframe(1)": "looks at who calls it",
    "import inspect as i\ni.stack()": "looks at who calls it",
    "import gc\ngc.get_objects()": "looks through all objects in memory",
    "import subprocess\nsubprocess.run(['ls'])": "starts another program",
    "import ctypes\nctypes.string_at(0)": "reaches into memory",
    "import sys\nsys.settrace(print)": "follows every line that runs",
}

ORDINARY = [
    "import torch\ntorch.backends.cudnn.deterministic = True\ntorch.manual_seed(0)",
    "import numpy as np\nnp.float = float",
    "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 90",
    "class Net:\n    def __init__(self, inp):\n        self.inp, inp.g = inp, 0\n        setattr(self, 'out', inp)",
    "def exit(net):\n    return net\nexit(1)",
    "import os\nos.environ['OMP_NUM_THREADS'] = '1'\nos.path.exists('x')",
    "from torch import nn\nclass Lin(nn.Module):\n    def forward(self, x):\n        return x",
    "import sys\nsys.path.append('.')\nprint(sys.version)",
    "x = 'import autograder'  # torch.allclose = 1",
]


NAMES = ("abs", "add", "all", "any", "cat", "cos", "sin", "tan", "exp", "log", "max", "min", "mul", "sub", "sum")


def seen(*sources: str) -> list[str]:
    """What is said of some cells."""
    notebook = Notebook(notebook_of(*sources))
    return [sighting.does for sighting in sightings(notebook, notebook.statements, ())]


@pytest.mark.parametrize("source", SEEN)
def test_what_was_seen_is_named(source: str) -> None:
    """In fixed words, by the full name of the thing, however it was written."""
    assert seen(source) == [SEEN[source]]


@pytest.mark.parametrize("source", ORDINARY)
def test_ordinary_code_is_not_spoken_of(source: str) -> None:
    """Settings, attributes of one's own, and names that only look alike."""
    assert seen(source) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_is_seen_in_what_was_given_out(lesson: str) -> None:
    """A lesson as it was released, and its reference."""
    source = Course(REPO).assignment(lesson).source
    for notebook in (Notebook(released(lesson)), source):
        assert sightings(notebook, notebook.statements, source.statements) == ()


def test_what_was_seen_stands_with_its_section_once_and_without_the_code() -> None:
    """However often a section has it; a hundred of them are kept short."""
    heading = {"cell_type": "markdown", "metadata": {}, "source": "## Sigma"}
    content = notebook_of("import torch\ntorch.allclose = secret_plan", "torch.allclose = secret_plan")
    content["cells"].insert(0, heading)
    notebook = Notebook(content)
    (found,) = sightings(notebook, notebook.statements, ())
    assert (found.does, found.where) == ("replaces torch.allclose", 'in the section "Sigma"')
    names = [f"torch.{name} = print" for name in NAMES]
    names += [f"torch.Tensor.{name} = print" for name in ("abs", "add", "all", "any", "cos", "sin")]
    assert len(seen("import torch", *names, "torch.eye = print")) == MOST


def test_too_much_code_is_read_where_it_counts_and_what_cannot_be_is_said() -> None:
    """Plain lines are passed over; where even the others are too many, a person knows it."""
    plain = "y = 1 + 1\n" * (LARGEST // 9)
    assert seen(plain, "import autograder") == ["imports autograder"]
    assert seen("import os\n" * (LARGEST // 5)) == ["has more code than is read for what it does"]


def test_what_was_seen_costs_nothing_and_stands_in_the_record(
    graded: Callable[[Mapping[str, Any]], Result], right: dict[str, str]
) -> None:
    """The score is that of the answers."""
    plain, spoken = graded(answering(right)), graded(answering({"extra": "import autograder", **right}))
    assert (plain.seen, [sighting.does for sighting in spoken.seen]) == ((), ["imports autograder"])
    assert plain.score == spoken.score
