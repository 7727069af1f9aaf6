"""What stands between an answer and its judgement that is no mistake in it: then a person is asked.

A question loses points without a person only for a wrong answer, or where nothing of its student's stands. Each
hindrance is one sentence with its cause; equal causes give equal sentences, so that a class's are decided together.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator

from autograder.course import Assignment, Question
from autograder.judge.sentences import ASKED
from autograder.judge.submission import Submission
from autograder.notebook import HERE, Definitions, Statement, SyntaxFault, can_be_called, known, plain

NEAR = 0.6
"""How alike two names are, of which one may be meant by the other: `Lin` and `Linear` are 0.67."""

CANDIDATES, MEANT = 200, 2
"""Definitions that are looked at, and those that are named."""

_NOTHING = frozenset({"pass", "...", "None"})


def hindrance(submission: Submission, assignment: Assignment, question: Question) -> str:
    """Say what keeps a question that has lost points from being judged; nothing where it can be judged."""
    found = submission.definitions
    missing = [name for name in question.names if not _is_written(name, found)]
    for name in (*missing, *sorted(submission.unbound(question) - {*question.names})):
        if (fault := found.notebook.broken_definition(name)) and (told := _unread(name, fault, submission)):
            return told
    for name in missing:
        for reason in (_hidden, _misnamed, _lost, _out_of_place):
            if told := reason(name, submission, assignment):
                return f"{told} {ASKED}"
    for name in question.names:
        for cause in (_cut_off, _renamed):
            if told := cause(name, submission, assignment, question):
                return f"{told} {ASKED}"
    return ""


def _is_written(name: str, found: Definitions) -> bool:
    return any(not statement.stub for statement in found.of(name))


def _unread(name: str, fault: SyntaxFault, submission: Submission) -> str:
    """Python that is not read here: for a newer one, or beyond a bound."""
    notebook = submission.notebook
    section = notebook.section(fault.cell)
    place = f"{name}{f' ({section})' if section else ''}"
    if fault.python:
        here = ".".join(map(str, HERE))
        line = notebook.line(fault.cell, fault.line)
        return f"{place} is written for Python {fault.python} or later, but this is Python {here}: {line}. {ASKED}"
    if not fault.line:
        return f"{place} is in a cell that can't be read: {fault.message}. {ASKED}"
    return ""


def _hidden(name: str, submission: Submission, _assignment: Assignment) -> str:
    """A definition where nothing else reaches it, or in a cell that isn't to be run."""
    defined = re.compile(rf"^([ \t]*)(?:async +)?(?:def|class) +{name}\b", re.MULTILINE)
    for cell in submission.notebook.cells:
        if cell.kind == "code" and cell.skipped and defined.search(cell.source):
            return f"{name} is defined in a cell that is marked to be skipped."
    for statement in submission.definitions.statements:
        if name in statement.words and name not in statement.binds and defined.search(statement.source):
            inside = f"{statement.defines}" if statement.defines else "another statement"
            return f"{name} is defined inside {inside}, where nothing else can reach it."
    return ""


def _misnamed(name: str, submission: Submission, assignment: Assignment) -> str:
    """A definition of nearly the name that is asked for, or with its parameters."""
    if submission.definitions.of(name):
        return ""
    model = assignment.definitions.chosen(name)
    meant = _meant(name, model, submission.definitions, assignment) if model else []
    if not meant:
        return ""
    return f"There is no {name} in the notebook. Is it your {' or your '.join(meant)}?"


def _meant(name: str, model: Statement, found: Definitions, assignment: Assignment) -> list[str]:
    taken = {*assignment.definitions.bound, *assignment.names, *found.stand_ins.values()}
    written = (s for s in found.notebook.statements if s.defines and not (s.stub or s.imports or s.defines in taken))
    near: dict[str, float] = {}
    for statement in itertools.islice(written, CANDIDATES):
        other = statement.defines or ""
        if statement.kind == model.kind and can_be_called(statement, model):
            alike = difflib.SequenceMatcher(None, plain(name), plain(other)[:50]).ratio()
            same = _parameters(statement) == _parameters(model)
            if alike >= NEAR or (same and len(_parameters(model)) > 1):
                near[other] = alike
    return sorted(near, key=lambda other: (-near[other], other))[:MEANT]


def _parameters(statement: Statement) -> tuple[str, ...]:
    takes = statement.takes.get("") or statement.takes.get("__init__")
    return takes.names if takes else ()


def _lost(name: str, submission: Submission, assignment: Assignment) -> str:
    """A damaged cell that may have held it."""
    damaged = [cell for cell in submission.notebook.cells if cell.damaged]
    home = known(submission.notebook).get(assignment.lesson.homes.get(name, ""))
    if damaged and (home is None or home.damaged):
        return f"A cell of this notebook is damaged, and {name} may have been in it."
    return ""


def _out_of_place(name: str, submission: Submission, assignment: Assignment) -> str:
    """Something in the cell of an answer that doesn't define it."""
    home = known(submission.notebook).get(assignment.lesson.homes.get(name, ""))
    if home is None or submission.definitions.of(name):
        return ""
    inside = [s for s in submission.notebook.statements if s.cell == home.index and not (s.stub or s.imports)]
    if any(s.source.strip() not in _NOTHING and (s.binds or s.reads) for s in inside):
        return f"The cell for {name} isn't empty, but nothing in it has that name."
    return ""


def _cut_off(name: str, submission: Submission, assignment: Assignment, question: Question) -> str:
    """A definition that seems to go on in the next cell."""
    written = submission.definitions.chosen(name, submission.grade_cells.get(question.id))
    if written is None or written.stub or not assignment.lesson.goes_on(submission.notebook, written.cell):
        return ""
    return f"{name} may continue in the cell below it, which starts indented."


def _renamed(name: str, submission: Submission, assignment: Assignment, question: Question) -> str:
    """A variable of the lesson's that an answer reads by nearly its name."""
    model = assignment.definitions.chosen(name)
    if model is None:
        return ""
    lesson, read = assignment.definitions, {n for s in submission.needed(question) for n in s.reads}
    asked = {n for n in model.reads & {*lesson.bound} if n not in read and not _is_defined(n, lesson)}
    for variable, other in _pairs(sorted(asked), sorted(read - {*lesson.bound})):
        return f"{name} uses {other}, but {variable} is expected. Are they meant to be the same?"
    return ""


def _is_defined(name: str, found: Definitions) -> bool:
    return any(s.defines or s.imports for s in found.of(name))


def _pairs(names: list[str], others: list[str]) -> Iterator[tuple[str, str]]:
    by_look = {plain(other): other for other in others}
    return ((name, by_look[plain(name)]) for name in names if plain(name) in by_look)
