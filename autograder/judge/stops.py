"""An answer that stopped: what it raised and where, and whether it was written at all.

Nothing is said of it that its code could choose by a hidden input, but one line and one kind of error a question.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import replace

from autograder import budget
from autograder.course import Assignment, Question, driven
from autograder.jail import Fault, StudentError, StudentStopped
from autograder.judge.answers import Recorder
from autograder.judge.complaints import repeated
from autograder.judge.sentences import explain, explain_again, unwritten
from autograder.notebook import Definitions, Statement
from autograder.result import QuestionStatus


def is_unwritten(error: StudentError, question: Question, found: Definitions | None) -> bool:
    """Whether an error means that the question's own names aren't written, not others that they call or inherit."""
    fault = error.fault
    if fault.missing is not None:
        return fault.missing in question.names and _written(fault.missing, found) is None
    if fault.type_name != "NotImplementedError" or repeated(fault.message):  # torch says it of an operator, too
        return False
    inside = fault.frames[-1][2] if fault.frames else ""
    if found is not None:
        chosen = [found.chosen(name) for name in question.names]
        return all(s is None or s.stub for s in chosen) or any(s and inside in s.unwritten for s in chosen)
    return not inside or inside.split(".")[0] in question.names


def _written(name: str, found: Definitions | None) -> Statement | None:
    """The definition of a name, if there is one and it is no stub."""
    definition = found.chosen(name) if found is not None else None
    return definition if definition is not None and not definition.stub else None


@functools.lru_cache(maxsize=64)
def _vocabulary(assignment: Assignment, question: Question) -> frozenset[str]:
    """Names that a student knows without looking: those that are asked for, their parameters, and how they are used."""
    asked = [found for name in assignment.names if (found := assignment.definitions.chosen(name))]
    parameters = {name for found in asked for takes in found.takes.values() for name in takes.names}
    return frozenset({*assignment.names, *parameters, *driven(assignment.tests, question.id)})


def told(
    error: StudentError,
    recorder: Recorder,
    of: tuple[Assignment, Question],
    found: Definitions | None,
    *,
    again: bool,
) -> str:
    """Say what an answer raised: of the notebook's words only those that stand on the line that is told.

    Where one of the question has been told before, `again` says no more than that there is another.
    """
    fault, asked = error.fault, _vocabulary(*of)
    if found is None:
        return explain_again(fault, asked) if again else explain(fault, asked, recorder.sizes, lambda _cell, _line: "")
    definition = _written(fault.missing, found) if fault.missing in asked else None
    if definition is not None:
        why = [
            explain(each.fault, _words(each.fault, found, asked), (), found.notebook.place)
            for each in getattr(recorder.student, "faults", ())
            if (each.cell, each.line) == (definition.cell, definition.line)
        ]
        return " ".join([f"{fault.missing} is defined, but its definition could not be run.", *why[:1]])
    if again:
        return explain_again(fault, asked)
    if left := _left(fault, of[1], found):
        return left
    own, given = in_own_code(fault, found)
    words = _words(fault, found, asked) | _words(own, found, asked)
    return explain(own, words, recorder.sizes, lambda cell, line: _place(found, cell, line, given))


def in_own_code(fault: Fault, found: Definitions) -> tuple[Fault, str]:
    """A fault without the lines at its end that stand in the lesson's own functions, and which of these was called.

    Where nothing else is left, the last line stays.
    """
    frames = fault.frames
    own = len(frames)
    while own and found.given(*frames[own - 1][:2]):
        own -= 1
    if own == len(frames):
        return fault, ""
    return replace(fault, frames=frames[:own] or frames[-1:]), found.given(*frames[own][:2])


def _place(found: Definitions, cell: int, line: int, given: str) -> str:
    """Where a line stands, and in which of the lesson's own functions the code was there."""
    if given and found.given(cell, line):
        return f"in the lesson's own {given}, at {found.notebook.line(cell, line)},"
    where = found.notebook.place(cell, line)
    return f"{where} inside the lesson's own {given}," if given else where


def _words(fault: Fault, found: Definitions, asked: frozenset[str]) -> frozenset[str]:
    if not fault.frames:
        return asked
    return asked | (found.words & {*re.findall(r"\w+", found.notebook.line(*fault.frames[-1][:2]))})


def _left(fault: Fault, question: Question, found: Definitions) -> str:
    """Say that an answer ran into the line that a stub consists of; nothing if it raised anything else."""
    if fault.type_name != "NotImplementedError" or not fault.frames:
        return ""
    cell, line, inside = fault.frames[-1]
    quoted, definition = found.notebook.line(cell, line), found.chosen(inside.split(".")[0])
    if definition is None or definition.cell != cell or not quoted.startswith("`raise NotImplementedError"):
        return ""
    if inside in definition.unwritten:
        return unwritten(inside) if definition.stub or definition.defines in question.names else ""
    method = _body(definition.source.split("\n"), line - definition.line)
    if not method or inside not in {method, f"{definition.defines}.{method}"}:
        return ""  # in a branch of it; and what a frame says of itself comes from the student's process
    return f"{inside} has an answer, but the line {quoted} is still in it. Delete that line."


def _body(lines: Sequence[str], at: int) -> str:
    """The name of the function in whose body itself a line stands; nothing where it is in a branch or a loop."""
    for above in range(at - 1, -1, -1) if at < len(lines) else ():
        head = re.match(r"\s*(?:async )?def (\w+)", lines[above])
        if head or _depth(lines[above]) < _depth(lines[at]):
            return head[1] if head else ""
    return ""


def _depth(line: str) -> int:
    """How far a line is indented; an empty one as far as any."""
    return len(line) - len(line.lstrip()) if line.strip() else len(line) + 1000


def why(
    status: QuestionStatus, question: Question, found: Definitions | None, stopped: StudentStopped | None = None
) -> str:
    """Say why a question has no answer: it isn't written, is no Python, or had to be ended."""
    names = " and ".join(question.names)
    if status == "timeout":
        limit = (
            f"took longer than {budget.in_words(stopped.seconds)}" if stopped and stopped.seconds else "took too long"
        )
        return f"{names} {limit} and was stopped. Is there a loop that doesn't end?"
    if status == "killed":
        return (
            f"{names} ended the whole program instead of returning an answer, "
            "so the rest of this question was not tried."
        )
    if status != "no_answer":
        return ""
    for name in question.names if found else ():
        assert found is not None
        if fault := found.notebook.broken_definition(name):
            section, line = found.notebook.section(fault.cell), found.notebook.line(fault.cell, fault.line)
            return (
                f"The cell that defines {name}{f', {section},' if section else ''} is not valid Python: "
                f"line {fault.line}{f', {line},' if line else ''} {fault.message}. "
                "Fix that line, and the cell can be graded."
            )
    return unwritten(names)
