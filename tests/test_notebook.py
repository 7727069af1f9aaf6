"""Reading notebooks: whatever is in the file, and only the statements that a function depends on."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import nbformat
import pytest

from autograder.errors import UsageError
from autograder.notebook.definition import Definitions
from autograder.notebook.file import UnreadableNotebook, parse, read
from autograder.notebook.notebook import Notebook
from tests.conftest import notebook_of


def sources(found: Notebook, *names: str, before: int | None = None) -> list[str]:
    """The statements that some names depend on."""
    return [statement.source for statement in Definitions(found).needed(names, before)]


def test_only_what_a_function_depends_on_is_run() -> None:
    """Helpers and imports are followed through the source; loops, downloads and plots are left out."""
    found = Notebook(
        notebook_of(
            "import torch, os\nimport matplotlib.pyplot as plt",
            "HALF = 0.5\ndef helper(x):\n    return x * HALF",
            "def sigma(x):\n    return torch.tanh(helper(x))",
            "while True:\n    pass",
            "data = download()\nplt.plot(sigma(data))",
        )
    )

    assert sources(found, "sigma") == [
        "import torch",
        "HALF = 0.5",
        "def helper(x):\n    return x * HALF",
        "def sigma(x):\n    return torch.tanh(helper(x))",
    ]


def test_a_local_name_is_not_a_dependency() -> None:
    """An argument called like a slow global doesn't bring the global in."""
    found = Notebook(notebook_of("w1 = train_for_an_hour()", "def forward(w1, x):\n    return w1 @ x"))

    assert sources(found, "forward") == ["def forward(w1, x):\n    return w1 @ x"]


def test_what_changes_a_needed_thing_is_needed() -> None:
    """Setting an attribute, an entry, or calling a method of a needed thing belongs to it."""
    found = Notebook(
        notebook_of("scale = {}", "scale['a'] = 2", "scale.update(b=3)", "def f(x):\n    return x * scale['a']")
    )

    assert len(sources(found, "f")) == 4


def test_the_last_definition_counts() -> None:
    """A function defined twice is graded as it stands at the end."""
    found = Notebook(notebook_of("def f(x):\n    return 1", "def f(x):\n    return 2"))

    assert sources(found, "f") == ["def f(x):\n    return 2"]
    assert len(Definitions(found).of("f")) == 2


def test_the_definition_above_the_grade_cell_counts() -> None:
    """What a later cell does to a name doesn't spoil an earlier question."""
    found = Notebook(notebook_of("def f(x):\n    return 1", "# grade cell", "def f(x):\n    return 2"))

    assert sources(found, "f", before=1) == ["def f(x):\n    return 1"]


def test_an_untouched_stub_does_not_hide_an_answer() -> None:
    """An answer in a cell of its own counts, though the stub below it was left."""
    stub = 'def f(x):\n    """Doc."""\n    raise NotImplementedError("f is yours to write")'
    found = Notebook(notebook_of("def f(x):\n    return 1", stub))

    assert sources(found, "f") == ["def f(x):\n    return 1"]


def test_a_global_of_the_same_name_does_not_hide_a_function() -> None:
    """`loss = loss(v, t)` further down doesn't make the function disappear."""
    found = Notebook(notebook_of("def loss(v, t):\n    return 1", "loss = loss(2, 3)"))

    assert sources(found, "loss") == ["def loss(v, t):\n    return 1"]


MINE = "def mine(x):\n    return torch.tanh(x)"
MAKER = "def maker(c):\n    def own(x):\n        return torch.tanh(c * x)\n    return own"
OBJECT = "class Tanh:\n    def __call__(self, x):\n        return torch.tanh(x)"


@pytest.mark.parametrize(
    "first", ["def sigma(x):\n    return x", "def sigma(x):\n    raise NotImplementedError('sigma')"]
)
@pytest.mark.parametrize(
    ("beside", "answer"),
    [
        (MINE, "sigma = mine"),
        (MINE, "sigma: object = mine"),
        (MINE, "sigma = mine if True else mine"),
        (MINE, 'globals()["sigma"] = mine'),
        (MINE, "sigma = torch.no_grad()(mine)"),
        ("from functools import partial", "sigma = partial(torch.mul, torch.ones(()))"),
        ("from torch import tanh", "sigma = tanh"),
        (MAKER, "sigma = maker(1.0)"),
        (OBJECT, "sigma = Tanh()"),
        ("", "sigma = torch.nn.Tanh()"),
        ("", "sigma = lambda x: x.tanh()"),
    ],
)
def test_a_name_that_is_given_another_function_below_is_that_function(first: str, beside: str, answer: str) -> None:
    """Whoever keeps the name may still write the function under another, above or below a first try."""
    found = Notebook(notebook_of("import torch", "\n".join([first, beside, answer])))

    assert sources(found, "sigma")[-1] == answer
    assert first not in sources(found, "sigma")


def test_a_function_that_is_wrapped_and_keeps_its_name_is_both_statements() -> None:
    """`sigma = wrap(sigma)` needs what `sigma` was before."""
    wrap, first = "def wrap(f):\n    return lambda x: f(x)", "def sigma(x):\n    return x"
    found = Notebook(notebook_of(wrap, first, "sigma = wrap(sigma)"))

    assert sources(found, "sigma") == [wrap, first, "sigma = wrap(sigma)"]


@pytest.mark.parametrize(
    "later",
    ["loss = 0.0", "loss = total / n", "loss = loss(a, b)", "loss = criterion(a, b)", "loss = history[-1]", "loss = a"],
)
def test_a_number_of_the_same_name_is_no_function(later: str) -> None:
    """What a training cell keeps under the name of a function isn't taken for it."""
    first = "def loss(v, t):\n    return ((v - t) ** 2).sum()"
    beside = "def criterion(v, t):\n    return v.sub(t).abs().sum()"
    found = Notebook(notebook_of(first, beside, f"a = b = 1.0\n{later}"))

    assert sources(found, "loss") == [first]


def test_methods_that_are_put_into_a_class_by_name_are_its_own() -> None:
    """`setattr` changes a class as an assignment does, in a loop too."""
    cells = ("class Relu:\n    pass", "def own(self, x):\n    return x")
    by_name, loop = "setattr(Relu, 'backward', own)", "for name in ['__call__']:\n    setattr(Relu, name, own)"

    assert sources(Notebook(notebook_of(*cells, by_name, loop)), "Relu") == [*cells, by_name, loop]


@pytest.mark.parametrize(
    "patch",
    [
        "torch.Tensor.slope = own",
        "setattr(torch.Tensor, 'slope', own)",
        "setattr(torch.Tensor, 'slo' + 'pe', own)",
        "type(torch.ones(1)).slope = own",
        "torch.ones(1).__class__.slope = own",
        "Short = torch.Tensor\nShort.slope = own",
        "def other(x):\n    torch.Tensor.slope = own\n    return x",
    ],
)
def test_what_a_librarys_thing_is_given_belongs_to_every_answer_that_uses_it(patch: str) -> None:
    """A method hung on torch's own class is read as part of the answer that calls it, and of no other."""
    own = "def own(x):\n    return x"
    found = Notebook(
        notebook_of("import torch", own, patch, "def f(x):\n    return x.slope()", "def g(x):\n    return x")
    )

    assert own in sources(found, "f")
    assert (own in sources(found, "g")) == ("+" in patch)  # an attribute whose name isn't in the text may be any


@pytest.mark.parametrize("answer", ["sigma = lambda x: x", "sigma = torch.tanh", "sigma = torch.nn.Tanh()"])
def test_a_name_may_be_given_a_function_in_other_ways(answer: str) -> None:
    """A lambda, an alias and a callable object define a function too."""
    assert sources(Notebook(notebook_of("import torch", answer)), "sigma")[-1] == answer


def test_magics_and_shell_lines_are_understood() -> None:
    """A cell with magics is Python all the same."""
    found = Notebook(notebook_of("%matplotlib inline\n!ls\ndef f(x):\n    return x"))

    assert not found.syntax_faults
    assert sources(found, "f") == ["def f(x):\n    return x"]


def test_a_syntax_error_costs_its_own_cell_and_is_placed() -> None:
    """The other cells are read; the broken one is named with its line."""
    found = Notebook(notebook_of("def f(x):\n    return x", "def g(x)\n    return x"))

    assert sources(found, "f")
    assert [(fault.cell, fault.line) for fault in found.syntax_faults] == [(1, 1)]
    assert found.broken_definition("g") == found.syntax_faults[0]


def test_statements_on_one_line_are_told_apart() -> None:
    """`a = 1; b = 2` are two statements."""
    assert sources(Notebook(notebook_of("a = 1; b = 2")), "b") == ["b = 2"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"{}", "no cells"),
        (b"[]", "no cells"),
        (b"not json", "is cut off or is not JSON"),
        (b'{"cells": [', "is cut off"),
        (b"\x00\x01\x02\xff", "not JSON"),
        (b'{"cells": 3}', "damaged"),
        (b'{"cells": [3]}', "damaged"),
        (b'{"cells": [{"cell_type": "code", "source": 3}]}', "damaged"),
        (b"[" * 100_000, "not a notebook"),
        (b'{"worksheets": 3}', "old notebook format"),
    ],
)
def test_a_file_that_is_no_notebook_is_called_so(data: bytes, words: str) -> None:
    """Every kind of damage gets one sentence that names the file and what to do."""
    with pytest.raises(UnreadableNotebook, match=words) as refused:
        parse(data, "hw.ipynb")

    assert "hw.ipynb" in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: codecs.BOM_UTF8 + text.encode("utf-8"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("latin-1"),
    ],
    ids=["utf-8", "utf-8 with a mark", "utf-16", "latin-1"],
)
def test_any_encoding_is_read(encode: object) -> None:
    """Editors save in many encodings; the code is the same."""
    text = json.dumps(notebook_of("def größe(x):\n    return x"), ensure_ascii=False)

    assert Definitions(parse(encode(text))).of("größe")  # type: ignore[operator]


def test_an_old_notebook_format_is_read() -> None:
    """Format 3, with its worksheets, is brought to format 4."""
    old = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="def f(x):\n    return x")])]
    )

    assert Definitions(parse(nbformat.v3.writes_json(old).encode())).of("f")


def test_a_folder_and_a_missing_file_are_bad_usage(tmp_path: Path) -> None:
    """A wrong path is told as that."""
    with pytest.raises(UsageError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(UsageError, match="There is no file"):
        read(tmp_path / "nothing.ipynb")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A submission of 100 MB is refused before it is opened."""
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)

    with pytest.raises(UnreadableNotebook, match="Clear its outputs"):
        read(path)


SEVERAL = """
class Relu:
    def backward(self): return 1

class Module: pass

class Relu(Module):
    def bwd(self): return 2

class Relu(torch.nn.Module):
    def forward(self): return 3

def mse(a, b): return a
def mse(a, b, c): return b
"""


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("class Relu:\n    pass", "return 1"),
        ("class Relu(object):\n    pass", "return 1"),
        ("class Relu(Module):\n    pass", "return 2"),
        ("class Relu(nn.Module):\n    pass", "return 3"),
        ("def Relu(x):\n    return x", "return 3"),
    ],
)
def test_the_definition_in_the_lessons_own_style_is_taken(model: str, taken: str) -> None:
    """Of several definitions the one on the same base counts; where none is nearer, the last."""
    found = Definitions(
        Notebook(notebook_of(*SEVERAL.split("\n\n"))), Definitions(Notebook(notebook_of(model)))
    ).chosen("Relu")

    assert found is not None
    assert taken in found.source


def test_of_equal_styles_the_last_counts() -> None:
    """A second attempt replaces the first, whatever its arguments are called, if it can be called as the lesson's."""
    found = Notebook(notebook_of("def mse(a, b): return a", "def mse(x, y): return x", "def mse(a, b, c): return b"))
    two, three = (Notebook(notebook_of(f"def mse({asked}): return 0")) for asked in ("v, t", "v, t, n"))

    for like, taken in ((two, "return x"), (three, "return b")):
        chosen = Definitions(found, Definitions(like)).chosen("mse")
        assert chosen is not None
        assert taken in chosen.source


@pytest.mark.parametrize(
    ("written", "stand_in"),
    [
        ("def model_(x): return x", "model_"),
        ("def Model(x): return x", "Model"),
        ("def model_(x): return x\n\nmodel = Net()", "model_"),
        ("class Model: pass", None),
        ("def model(x): return x\n\ndef model_(x): return 2 * x", None),
        ("def model_(x): return x\n\ndef _model(x): return x", None),
        ("def model_(x): return x\n\nmodel = partial(model_, 1)", None),
        ("def model_(x): raise NotImplementedError", None),
        ("def my_model(x): return x", None),
    ],
)
def test_a_name_that_differs_by_a_stroke_stands_in(written: str, stand_in: str | None) -> None:
    """A function under nearly the asked name is taken where nothing else could be meant."""
    like = Definitions(Notebook(notebook_of("def model(x):\n    return x")))

    assert Definitions(Notebook(notebook_of(*written.split("\n\n"))), like).stand_in("model") == stand_in


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        ("class A:\n    def f(self):\n        raise NotImplementedError", True),
        ("class A:\n    def __init__(self):\n        pass\n    def f(self):\n        raise NotImplementedError", True),
        ("class A:\n    def f(self):\n        raise NotImplementedError\n    def g(self):\n        return 1", False),
        ("class A:\n    def __init__(self, w):\n        self.w = w", False),
    ],
)
def test_a_class_is_a_stub_while_none_of_its_methods_is_written(source: str, stub: bool) -> None:
    """A given __init__ doesn't make it an answer; a class with one written method is one."""
    (statement,) = Notebook(notebook_of(source)).statements

    assert statement.stub is stub
