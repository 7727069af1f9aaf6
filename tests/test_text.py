"""Text that was made to be costly: reading it takes work in proportion to its length, up to bounds that are told."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from autograder.course.assignment import Assignment
from autograder.jail.student import trusting
from autograder.judge import reading, roads, shortcuts, slopes
from autograder.judge.shortcuts import may_lean, unreadable
from autograder.judge.submission import Submission
from autograder.notebook import file, modules, statement
from autograder.notebook.file import UnreadableNotebook, parse
from autograder.notebook.notebook import Notebook
from autograder.notebook.text import DEEPEST, Kept, Unreadable, nodes
from autograder.result import Result
from tests import nasty
from tests.conftest import answering, notebook_of

GRADED = ["sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass"]


class Work:
    """Counts what is done: characters that are parsed, nodes that are passed, terms that are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        self._count(monkeypatch, ast, "parse", lambda source, *_: len(source))
        self._count(monkeypatch, statement._symtable, "symtable", lambda source, *_: len(source))
        self._count(monkeypatch, ast, "iter_child_nodes", lambda _: 1)
        self._count(monkeypatch, ast, "unparse", lambda node: sum(1 for _ in ast.walk(node)))
        self._count(monkeypatch, slopes.Looks, "take", lambda _, many: many)
        self._count(monkeypatch, statement._Lines, "_between", lambda _, start, end: end - start)

    def _count(self, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, much: Callable[..., int]) -> None:
        real = getattr(where, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.done += 1 + much(*given)
            return real(*given, **named)

        monkeypatch.setattr(where, name, counted)

    def of(self, task: Callable[[], object]) -> int:
        """Count one task's work."""
        before = self.done
        task()
        return self.done - before


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What counts; nothing is known from before."""
    for kept in (statement._parsed, statement._transformed, reading.read, roads._leads, shortcuts._difference):
        monkeypatch.setattr(kept, "_longest", -1)
        monkeypatch.setattr(kept, "_found", type(kept._found)())
    return Work(monkeypatch)


def read_through(content: dict[str, Any], mlp: Assignment) -> Submission:
    """Read a notebook, and find what each question needs."""
    submission = Submission(Notebook(content), mlp, trusting)
    submission.belongs()
    submission.flags()
    for question in mlp.questions:
        if not question.manual:
            submission.chosen(question)
            submission.sources(question)
    return submission


SMALL = 4_000


@pytest.mark.sample(8, "kind")
@pytest.mark.parametrize("kind", nasty.CELLS)
def test_reading_a_cell_takes_work_in_proportion_to_its_length(kind: str, work: Work, mlp: Assignment) -> None:
    """Four times the text is at most about four times the work, and never much for one character."""
    assert mlp.names
    small, large = (
        work.of(lambda size=size: read_through(notebook_of(nasty.CELLS[kind](size)), mlp))
        for size in (SMALL, 4 * SMALL)
    )

    assert large <= 5 * small + 1000
    assert large <= 60 * 4 * SMALL


@pytest.mark.sample(8, "kind")
@pytest.mark.parametrize("kind", nasty.ANSWERS)
def test_following_names_takes_work_in_proportion_to_the_length(kind: str, work: Work) -> None:
    """However names are given to each other, a function is followed in bounded work for each of its characters."""

    def followed(size: int) -> None:
        sources = [nasty.dsigma(nasty.ANSWERS[kind](size))]
        may_lean(sources)
        unreadable(sources, GRADED)

    small, large = (work.of(lambda size=size: followed(size)) for size in (SMALL, 4 * SMALL))

    assert large <= 6 * small + 5000
    assert large <= 60 * 4 * SMALL


def test_a_thing_that_many_names_stand_for_is_looked_for_once(work: Work, mlp: Assignment) -> None:
    """Thousands of unknown names ask for `import *` together, and thousands of missing modules are kept in mind."""
    unknown = "names of nobody, and everything imported"
    found = read_through(notebook_of(nasty.CELLS[unknown](40_000)), mlp)

    assert len(found.sources(mlp.questions[0])) == 101


def test_a_module_is_looked_for_once(monkeypatch: pytest.MonkeyPatch, mlp: Assignment) -> None:
    """A statement is left at the first module that isn't there, no module is looked for twice, nor too many."""
    asked: list[str] = []
    monkeypatch.setattr(modules, "here", lambda name: asked.append(name) or not name.startswith("no_"))
    cells = ["if True: import os, no_a, no_b", "import " + ", ".join(f"no_{n}" for n in range(1000)), "import os\n" * 9]
    read_through(notebook_of(*cells), mlp)

    assert asked[:3] == ["os", "no_a", "no_0"]
    assert len(set(asked)) == modules.MOST_MODULES
    assert max(Counter(asked).values()) == 1


def test_statements_of_one_line_are_cut_out_as_they_stand() -> None:
    """Whatever stands before and after, a statement has its own text, and its own lines where it has them alone."""
    source = "é = 'ü'; f(\n  'ä'); g = 1  # end\nif a: b; c\n@d\ndef h(): pass;  # note\nx = 1 \\\n + 2"
    found = Notebook(notebook_of(source)).statements

    assert [(s.line, s.source) for s in found] == [
        (1, "é = 'ü'"),
        (1, "f(\n  'ä')"),
        (2, "g = 1"),
        (3, "if a: b; c"),
        (4, "@d\ndef h(): pass;  # note"),
        (6, "x = 1 \\\n + 2"),
    ]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_in_other_ways(end: str) -> None:
    """A cell from another system has the same statements on the same lines."""
    found = Notebook(notebook_of(end.join(["a = 1", "def f(x):", "    return x", "b = '''", "'''; c = 2"])))

    assert [(s.line, s.source) for s in found.statements] == [
        (1, "a = 1"),
        (2, "def f(x):\n    return x"),
        (4, "b = '''\n'''"),
        (5, "c = 2"),
    ]
    assert found.place(0, 3) == "in f, at `return x`,"


BOUNDS: Mapping[str, tuple[list[str], str]] = {
    "a cell": (
        ["a" * (statement.LARGEST_CELL + 1)],
        "it has more than 262,144 characters; split it into several cells",
    ),
    "code": (["'" + "a" * 200_000 + "'"] * 6, "the notebook has more than 1,048,576 characters of code; delete what"),
    "statements": (["a=1;" * 6_000] * 2, "the notebook has more than 10,000 statements; delete what no question"),
    "statements of a cell": (
        ["a=1;" * 60_000],
        "the notebook has more than 10,000 statements; delete what no question",
    ),
    "scopes": (
        ["a = [" + "lambda: 0," * 501 + "]"],
        "one statement has more than 500 functions, lambdas and comprehensions",
    ),
    "magics": (
        [nasty.CELLS["magics in a long cell"](250_000)],
        "have more than 262,144 characters; put magics and shell",
    ),
    "magics of many cells": (
        ["%a\n" * 100 + f"# {n}" for n in range(60)],
        "put magics and shell lines into short cells",
    ),
    "help": ([nasty.CELLS["help for a long name"](20_000)], "put magics and shell lines into short cells of their own"),
    "depth": (["a = " + "-" * 50_000 + "1"], "it is nested too deeply; write it in several steps"),
    "surrogates": (["a = '\udc80'"], "is not valid Python ('utf-8' codec can't encode"),
    "null characters": (["a\0b"], "is not valid Python (source code string cannot contain null"),
    "names": (["import " + "a" * 10_000], "can't run here: there is no module " + "a" * 100 + "..."),
}
"""Cells that are too much, and what is told of the last of them."""


@pytest.mark.parametrize("kind", BOUNDS)
def test_what_is_beyond_a_bound_is_told_with_its_bound(
    kind: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """The cell is left out and named with what to do; the answers above it keep their points."""
    cells, told = BOUNDS[kind]
    content = answering(right)
    content["cells"] += notebook_of(*cells)["cells"]
    result = graded(content)

    assert (result.status, result.score) == ("graded", 12)
    assert any(told in flag for flag in result.flags), result.flags
    assert max(map(len, result.flags)) < 400


def test_an_answer_beyond_a_bound_is_told_to_its_author(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Where the cell of an answer can't be read, the question says so and names the bound."""
    result = graded(answering(right, sigma=right["sigma"] + "\n" + "a=1;" * 20_000))

    assert (result.question("sigma").status, result.question("sigma").points) == ("manual", None)
    assert result.question("sigma").message == (
        "sigma is in a cell that can't be read: the notebook has more than 10,000 statements; "
        "delete what no question needs. A person will look at it; nothing is lost."
    )
    assert result.question("loss").points == 1


@pytest.mark.sample(8, "kind")
@pytest.mark.parametrize("kind", nasty.CELLS)
def test_beside_nasty_cells_an_answer_is_judged(
    kind: str, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """Whatever stands above right answers, they have their points."""
    content = answering(right)
    content["cells"][:0] = notebook_of(nasty.CELLS[kind](30_000))["cells"]
    result = graded(content)

    assert (result.status, result.score) == ("graded", 12)


@pytest.mark.sample(8, "kind")
@pytest.mark.parametrize("kind", nasty.ANSWERS)
def test_what_cannot_be_read_is_a_question_for_a_person(kind: str) -> None:
    """The longest texts are answered: as they are, or by a sentence why they can't be."""
    longest = [nasty.dsigma(nasty.ANSWERS[kind](size)) for size in (30_000, 200_000)]

    for source in longest:
        if why := unreadable([source], GRADED):
            assert may_lean([source]) or len(source) < reading.LARGEST
            assert why.split(";")[0] in {
                "it is nested too deeply",
                "its names are given to each other too often to be followed",
                "the statements behind it have more than 32,768 characters",
            }
    assert unreadable(longest[1:], GRADED)


@pytest.mark.parametrize("digits", [5_000, 20_000])
def test_a_long_number_costs_nothing_but_its_question(
    digits: int, right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """A number that Python writes in no decimal digits is read like any other: here, beside a complex step."""
    lines = f"    y = (0x{'f' * digits}).imag, 1j\n"
    result = graded(answering(right, dsigma=nasty.dsigma(lines)))

    assert (result.status, result.score) == ("graded", 12)
    assert [
        flag for flag in result.flags if flag.startswith("dsigma takes the imaginary part of a complex step (cell ")
    ]


def test_a_text_that_cannot_be_read_is_told_as_that(
    right: Mapping[str, str], graded: Callable[[Mapping[str, Any]], Result]
) -> None:
    """A flag claims no more than was seen: a long answer is not said to take differences."""
    result = graded(answering(right, dsigma=nasty.dsigma("    # long\n" * 4_000)))

    assert (result.status, result.score) == ("graded", 12)
    assert (
        "dsigma can't be read, and should be written by hand: "
        "the statements behind it have more than 32,768 characters. "
        "A person should look at it."
    ) in result.flags


@pytest.mark.parametrize("error", [ValueError, OverflowError, RecursionError, MemoryError, SyntaxError, KeyError])
def test_whatever_an_analysis_ends_in_costs_one_question(
    error: type[Exception],
    right: Mapping[str, str],
    graded: Callable[[Mapping[str, Any]], Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An exception in the reading of one answer is flagged there; the submission is graded."""
    real = reading._Plainly.changes

    def broken(node: ast.AST) -> bool:
        if isinstance(node, ast.Name) and node.id == "unheard_of":
            raise error("made up")
        return real(node)

    monkeypatch.setattr(reading._Plainly, "changes", broken)
    result = graded(answering(right, dsigma=nasty.dsigma(f"    unheard_of = '{error.__name__}'\n")))

    assert (result.status, result.score) == ("graded", 12)
    assert [flag for flag in result.flags if flag.startswith("dsigma can't be read")]
    assert not [flag for flag in result.flags if flag.startswith("dloss")]


@pytest.mark.parametrize("kind", nasty.FILES)
def test_nasty_files_are_read_or_refused(kind: str, mlp: Assignment) -> None:
    """A file is read, or one sentence says why it isn't."""
    data = nasty.FILES[kind](100_000)
    if kind in {"a text that stays open", "a long number", "nested lists", "empty cells"}:
        with pytest.raises(UnreadableNotebook, match=r"^hw\.ipynb .*\.$"):
            parse(data, "hw.ipynb")
    else:
        read_through(parse(data, "hw.ipynb").content, mlp)


@pytest.mark.parametrize(
    ("kind", "size", "told"),
    [
        *((kind, 20 << 20, "more than 4,194,304 values") for kind in ("flat lists", "flat objects", "empty texts")),
        ("numbers", 20 << 20, "more than 4,194,304 values"),
        ("empty cells", 50_000, "has 12,500 cells, but notebooks are read only up to 10,000"),
    ],
)
def test_a_file_of_too_many_values_is_refused_before_they_are_made(
    kind: str, size: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of small things cost a hundred times their text; they are counted first."""
    if "values" in told:
        monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was read"))
    with pytest.raises(UnreadableNotebook, match=told) as refused:
        parse(nasty.FILES[kind](size), "hw.ipynb")

    assert str(refused.value).endswith(("Clear its outputs and save it again.", "hand it in again."))


@pytest.mark.parametrize("kind", ["one long text", "commas in a text", "escaped quotes"])
def test_a_large_file_of_few_values_is_read(kind: str) -> None:
    """Pictures and printed text are long, and few: what stands in a text is not counted."""
    assert parse(nasty.FILES[kind](16 << 20), "hw.ipynb").statements


def test_values_are_counted_as_json_has_them() -> None:
    """Texts, opening brackets and commas count, wherever they stand but in a text."""
    text = r'{"a": ["b,[{", "\\", "\"", 1, 2]}'

    assert file._TOKEN.findall(text) == ["{", '"a"', "[", '"b,[{"', ",", r'"\\"', ",", r'"\""', ",", ","]


@pytest.mark.parametrize(
    "line",
    [
        "from torch import nn, _C",
        "from torch._ops import ops",
        "from torch.nn import grad; from torch import ops",
        "torch . _C",
        "torch.nn.grad.conv2d_input",
        "from torch._decomp.decompositions import tanh_backward",
    ],
)
def test_inner_parts_are_seen_wherever_they_stand_on_a_line(line: str) -> None:
    """Torch's formulas are found by name; what only looks like them isn't."""
    assert may_lean([f"def dsigma(x):\n    {line}"])
    assert not may_lean(["from torch import tanh as _tanh\nC = ops = 1\nC + ops", "class _C:\n    pass"])


def test_what_was_found_is_kept_while_there_is_room() -> None:
    """The oldest texts go first; a long one is never kept, and a failure is known the second time too."""
    asked: list[str] = []

    def find(source: str) -> int:
        asked.append(source)
        if source == "no":
            raise ValueError(source)
        return len(source)

    kept = Kept(find, 1000)
    for text in ("a", "b", "a", "no", "no", "c" * 300, "c" * 300):
        if text == "no":
            with pytest.raises(Unreadable, match="no"):
                kept(text)
        else:
            assert kept(text) == len(text)
    assert asked == ["a", "b", "no", "c" * 300, "c" * 300]

    for number in range(20):
        kept(f"d{number}")
    asked.clear()
    assert (kept("d19"), kept("b")) == (3, 1)
    assert asked == ["b"]


def test_a_tree_is_followed_to_one_depth_everywhere() -> None:
    """Where Python's own tools would end depends on who calls them; the bound doesn't."""
    flat, deep = (ast.parse("-" * levels + "1") for levels in (DEEPEST // 2 - 10, DEEPEST))

    assert nodes(flat) == list(ast.walk(flat))
    with pytest.raises(Unreadable, match="nested too deeply"):
        nodes(deep)
