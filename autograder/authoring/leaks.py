"""What a lesson gives away: lines of an answer in the cells, hints and helpers that students see.

A line is an answer if a solution of some lesson of the course has it, and it is more than one operation: with one, only
a function is named, and what goes in is the answer. A whole function is one with a single operation, too.
Lines are compared by what they compute, see :mod:`autograder.authoring.lines`. Nothing is run.
"""

from __future__ import annotations

import ast
import functools
import html
import io
import re
import textwrap
import tokenize
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from autograder.authoring.lines import Line, blocks, formulas, is_answer, lines_of, statements, wrapped, written_out
from autograder.course import DATA_UTILS, Course, HiddenTests, tests_of
from autograder.errors import CannotGrade
from autograder.notebook import Cell, Notebook


class Given(BaseModel):
    """A line that a lesson shows although it is an answer, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: str
    """As Python writes it; what its variables are called doesn't matter."""
    why: str


class _Givens(BaseModel):
    """An assignment's `given.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    given: tuple[Given, ...] = ()


Answers = Mapping[Line, tuple[str, ...]]
"""The lines of a course's solutions, and whose they are: `lesson.function`."""


@dataclass(frozen=True)
class Leak:
    """A line of an answer that students see."""

    where: str
    line: Line
    answers: tuple[str, ...]
    """Whose answer it is: `lesson.function`."""

    def __str__(self) -> str:
        return f"{self.where}: `{self.line.text}` is an answer of {', '.join(self.answers)}"


def leaks(course: Course, released: Notebook, listed: Sequence[Given] = ()) -> list[Leak]:
    """List the answers of any lesson that a released notebook or data_utils shows and nobody listed, once a place."""
    known = answers(course)
    allowed = {answer.form for answer in known if any(answer.form in forms_of(one.line, known) for one in listed)}
    found: dict[tuple[str, str], Leak] = {}
    for where, line, of in given_away(released, known):
        owners = [owner for answer in of if answer.form not in allowed for owner in known[answer]]
        if owners:
            found.setdefault((where, line.text), Leak(where, line, tuple(dict.fromkeys(owners))))
    return list(found.values())


def idle(course: Course, released: Notebook, listed: Sequence[Given]) -> list[Given]:
    """List the given lines that are no answer, or that nobody sees."""
    known = answers(course)
    seen = {answer.form for _, _, of in given_away(released, known) for answer in of}
    return [one for one in listed if not forms_of(one.line, known) & seen]


def given_away(released: Notebook, known: Answers) -> Iterator[tuple[str, Line, list[Line]]]:
    """Every line that students see and that is an answer: where, the line, and which answers."""
    same: dict[str, list[Line]] = {}
    for where, line in shown(released):
        if line.form not in same:
            same[line.form] = [answer for answer in known if is_answer(answer, line)]
        if same[line.form]:
            yield where, line, same[line.form]


def forms_of(text: str, known: Answers) -> set[str]:
    """The forms of all answers that are in a text."""
    found = [line for tree in _parsed(text) for line in lines_of(tree, deep=True)]
    return {answer.form for answer in known for line in found if is_answer(answer, line)}


@functools.lru_cache(maxsize=16)
def shown(released: Notebook) -> tuple[tuple[str, Line], ...]:
    """Every line that students see, and where: in the cells of a released notebook, or in data_utils."""
    return (*_lines_in(_pieces(released)), *_shown_by_helpers())


def given(lesson: HiddenTests | str) -> tuple[Given, ...]:
    """Read what the `given.toml` beside an assignment's hidden tests lists; nothing if there is none.

    Raises:
        CannotGrade: if it can't be read, or a line in it is no Python that computes something.
    """
    path = tests_of(lesson).folder / "given.toml"
    if not path.is_file():
        return ()
    try:
        found = _Givens.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).given
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise CannotGrade(f"{path} can't be read: {str(error).splitlines()[0]}.") from None
    for one in found:
        if not any(True for tree in _parsed(one.line) for _ in lines_of(tree, deep=True)):
            raise CannotGrade(f"{path}: `{one.line}` is no line of Python that computes something.")
    return found


def answers(course: Course) -> Answers:
    """All answers of a course, and whose they are: `lesson.function`."""
    found: dict[str, tuple[Line, dict[str, None]]] = {}
    for name in course.assignments:
        cells = [c for c in course.assignment(name).source.cells if c.kind == "code" and c.nbgrader.get("solution")]
        short = {key: one for cell in cells if (tree := _python(cell.source)) for key, one in formulas(tree).items()}
        for owner, line in (pair for cell in cells for pair in _solved(cell)):
            for one in (line, written_out(line, short)):
                found.setdefault(one.form, (one, {}))[1][f"{name}.{owner}"] = None
    return {line: tuple(owners) for line, owners in found.values()}


# ------------------------------------------------------------------------------------- what is an answer, what is shown


def _solved(cell: Cell) -> Iterator[tuple[str, Line]]:
    """The lines of a cell's solution regions, and in which function or class each stands."""
    lines = cell.source.split("\n")
    inside, marked = set[int](), False
    for number, line in enumerate(lines, start=1):
        if "BEGIN SOLUTION" in line or "END SOLUTION" in line:
            marked = "BEGIN SOLUTION" in line
        elif marked:
            inside.add(number)
    if not any("BEGIN SOLUTION" in line for line in lines):
        inside = set(range(1, len(lines) + 1))
    for top in getattr(_python(cell.source), "body", ()):
        owner = getattr(top, "name", "") or ast.unparse(top).split(" ")[0]
        for node in ast.walk(top):
            for body in blocks(node):
                own = [s for s in body if s.lineno in inside]
                whole = isinstance(node, ast.FunctionDef) and len(own) == len(statements(body))
                found = lines_of(ast.Module([wrapped(own)] if whole else own, []), deep=False)
                yield from ((owner, line) for line in found)


def _pieces(notebook: Notebook) -> Iterator[tuple[str, ast.Module]]:
    """Whatever is Python in a notebook's cells: code, its comments and texts; blocks and spans of code in prose."""
    for cell in notebook.cells:
        where = f"cell {cell.grade_id or cell.index + 1}"
        if cell.kind == "markdown":
            yield from ((where, tree) for text in _spans(cell.source) for tree in _parsed(text))
        else:
            yield from ((where, tree) for tree in _shown(cell.source))


def _lines_in(pieces: Iterable[tuple[str, ast.Module]]) -> Iterator[tuple[str, Line]]:
    return ((where, line) for where, tree in pieces for line in lines_of(tree, deep=True))


@functools.cache
def _shown_by_helpers() -> tuple[tuple[str, Line], ...]:
    return tuple(_lines_in(_helpers()))


def _helpers() -> Iterator[tuple[str, ast.Module]]:
    """What is Python in data_utils, which travels with every release."""
    paths = sorted(DATA_UTILS.rglob("*.py"))
    return ((f"data_utils/{path.name}", tree) for path in paths for tree in _shown(path.read_text("utf-8")))


def _shown(source: str) -> Iterator[ast.Module]:
    """Code, and what of its comments and texts is code."""
    source = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))
    trees = list(_parsed(source))
    yield from trees
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _parsed(node.value)
    try:
        comments = [
            t.string.lstrip("#")
            for t in tokenize.generate_tokens(io.StringIO(source).readline)
            if t.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):
        return
    yield from (tree for text in comments for tree in _parsed(text))


_FENCED = re.compile(r"^ *(```+|~~~+)[^\n]*\n(.*?)^ *\1", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)|<(code|pre)\b[^>]*>(.*?)</\3>", re.DOTALL)


def _spans(prose: str) -> Iterator[str]:
    """The blocks and spans of code in a markdown text."""
    for block in _FENCED.finditer(prose):
        yield block[2]
    for span in _SPAN.finditer(_FENCED.sub("", prose)):
        yield span[2] or html.unescape(span[4] or "")


def _parsed(text: str) -> Iterator[ast.Module]:
    """A text as Python: all of it, or else those of its lines that are."""
    text = textwrap.dedent(text).strip()
    for part in [text] if _python(text) else text.split("\n"):
        if tree := _python(part.strip()):
            yield tree


def _python(text: str) -> ast.Module | None:
    with warnings.catch_warnings():  # prose has backslashes
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
