"""The student's own code of an answer that lost points, and which of its lines matters, as far as that is seen.

A line matters where the code stopped, where it is a line of a known mistake, or where a wrong value is made. Nothing is
marked that the messages beside it don't tell already.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from autograder.course import Assignment, Question
from autograder.judge.bank import bank
from autograder.judge.evidence import LONGEST, lines, rename, scopes
from autograder.judge.reference import source_of
from autograder.judge.submission import Submission
from autograder.notebook import Statement, Unreadable, taking_apart
from autograder.result import Question as Verdict
from autograder.shown import CHARACTERS, LINES, Excerpt

MARKED = 4
"""Lines that are marked at the most: of more, none is the one that matters."""

_IN_PLACE = re.compile(r"[a-z]\w*[a-z]_")
"""A method's name that says, with torch, that it changes what it is called on."""

ABOVE = 6
"""Lines that are shown above the marked one, where not all find room."""


def excerpt(assignment: Assignment, question: Question, verdict: Verdict, submission: Submission) -> Excerpt | None:
    """Show the code of an answer; None where nothing of it stands in a cell."""
    own = submission.answers(question)
    if verdict.status == "no_answer" or not own:
        return None
    if verdict.stop and (at := _holding(submission.needed(question), *verdict.stop)):
        return _shown(at, submission, [verdict.stop[1]], "stopped")
    for diagnosis in verdict.diagnoses:
        for card in bank(assignment.tests).misconception:
            if card.id != diagnosis.id:
                continue
            wrong = {*lines(assignment, card)[0]}
            at = submission.definitions.chosen(card.function) if card.function not in question.names else None
            for statement in [at] if at and at.cell >= 0 else own:
                if marked := [line for line, text, _ in _taken_apart(statement, assignment) if text in wrong]:
                    return _shown(statement, submission, marked, "mistake")
    for statement in own:
        made = [(line, name) for line, _, names in _taken_apart(statement, assignment) for name in names]
        told = [(line, name) for name in verdict.wrong for line in _making(name, made)]
        if told:
            names = [*dict.fromkeys(_word(name) for _, name in told)]
            return _shown(statement, submission, [line for line, _ in told], "given", names)
    return _shown(own[0], submission, [], "")


def _making(name: str, made: Sequence[tuple[int, str]]) -> list[int]:
    """The line that a value of this name gets its value in, the last if there are several; what is returned has none.

    A value is called by a word of the lesson's code, and perhaps a phrase after it.
    """
    word = "return" if name == "answer" else name.split(" ", maxsplit=1)[0]
    found = [line for line, target in made if target == word or target.endswith(f".{word}")]
    return found if word == "return" else found[-1:]


def _word(name: str) -> str:
    return name.split(" ", maxsplit=1)[0]


def _holding(statements: Sequence[Statement], cell: int, line: int) -> Statement | None:
    """The statement that a line stands in."""
    return next((s for s in statements if s.cell == cell and 0 <= line - s.line <= s.source.count("\n")), None)


def _taken_apart(statement: Statement, assignment: Assignment) -> list[tuple[int, str, list[str]]]:
    """The statements in a definition: the line of each in its cell, its first line as Python writes it, what it sets.

    Parameters are called as the lesson calls them.
    """
    if len(statement.source) > LONGEST:
        return []
    try:
        with taking_apart():
            tree = ast.parse(statement.source)
            if statement.defines in assignment.names:
                asked = dict(scopes(ast.parse(source_of(assignment, statement.defines))))
                for name, scope in scopes(tree):
                    if name in asked:
                        rename(scope, asked[name])
            inside = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
            found = [(node, ast.unparse(node).split("\n")[0]) for node in inside]
            return sorted((statement.line + node.lineno - 1, text, [*_sets(node)]) for node, text in found)
    except (Unreadable, SyntaxError, ValueError, RecursionError):
        return []


def _sets(node: ast.stmt) -> Iterator[str]:
    """What a statement gives a value to, and `return` where it ends the function with one."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "return"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        if isinstance(called, ast.Attribute) and _IN_PLACE.fullmatch(called.attr):
            targets = [called.value]
    for target in targets:
        for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            yield ast.unparse(part.value if isinstance(part, ast.Subscript) else part)


def _shown(
    statement: Statement, submission: Submission, marked: Sequence[int], why: str, names: Sequence[str] = ()
) -> Excerpt:
    """Put a statement's lines beside each other, as many as find room around the first that matters."""
    marked = sorted({*marked})
    if len(marked) > MARKED:
        marked, why, names = [], "", ()
    all_ = statement.source.split("\n")
    start = max(0, min(marked[0] - statement.line - ABOVE, len(all_) - LINES)) if marked else 0
    first, kept = statement.line + start, all_[start : start + LINES]
    inside = [line for line in marked if first <= line < first + len(kept)]
    return Excerpt.model_validate(
        {
            "lines": [line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…" for line in kept],
            "first": first,
            "marked": inside,
            "why": why if inside else "",
            "names": names if inside else (),
            "where": submission.notebook.section(statement.cell),
        }
    )
