"""The source notebook's own solutions, as a student that always answers, and with mistakes put into it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from autograder.course import Assignment
from autograder.errors import CannotGrade
from autograder.jail import LocalStudent
from autograder.notebook import Statement, steps

Edit = tuple[str, str]
"""A text that occurs once in a function's reference source, and what to put in its place."""


def reference(assignment: Assignment, dtype: torch.dtype = torch.float32) -> LocalStudent:
    """Read the solutions of an assignment's source notebook into a student of their own."""
    return _student(_solutions(assignment), dtype)


def mistaken(assignment: Assignment, function: str, edits: Sequence[Edit]) -> LocalStudent:
    """Read the solutions with one function's source edited.

    Raises:
        CannotGrade: if an edit's text doesn't occur exactly once in the function.
    """
    source = edited(assignment, function, edits)
    return replaced(assignment, function, source)


def replaced(assignment: Assignment, function: str, source: str) -> LocalStudent:
    """Read the solutions with one function's definition replaced by another text, and what that imports."""
    words = set(re.findall(r"\w+", source))
    imports = {s.position: s for s in assignment.source.statements if s.imports and not words.isdisjoint(s.binds)}
    statements = imports | {
        s.position: dataclasses.replace(s, source=source) if s.defines == function else s
        for s in _solutions(assignment)
    }
    return _student([statements[position] for position in sorted(statements)], torch.float32)


def edited(assignment: Assignment, function: str, edits: Sequence[Edit]) -> str:
    """A function's reference source after the edits.

    Raises:
        CannotGrade: if an edit's text doesn't occur exactly once in the function.
    """
    source = source_of(assignment, function)
    for old, new in edits:
        if source.count(old) != 1:
            raise CannotGrade(f"{assignment.name}: `{old}` occurs {source.count(old)} times in {function}, not once.")
        source = source.replace(old, new)
    return source


def source_of(assignment: Assignment, function: str) -> str:
    """The reference source of a function or class, without the docstrings: an edit is of code, not of prose.

    Raises:
        CannotGrade: if the source notebook doesn't define it.
    """
    definition = assignment.definitions.chosen(function)
    if definition is None:
        raise CannotGrade(f"{assignment.name}: the source notebook doesn't define {function}.")
    return _without_docstrings(definition.source)


def solutions_of(assignment: Assignment, name: str) -> list[Statement]:
    """The statements of the source notebook that one name depends on, its own included, without docstrings."""
    found = assignment.definitions.needed([name])
    return [dataclasses.replace(s, source=_without_docstrings(s.source)) if s.defines else s for s in found]


def prose(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], ast.stmt]]:
    """Statements that are a text and nothing else, docstrings among them, each with the block that it stands in."""
    for node in ast.walk(tree):
        for _, block in ast.iter_fields(node):
            for statement in list(block) if isinstance(block, list) else ():
                value = statement.value if isinstance(statement, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield block, statement


@functools.cache
def _without_docstrings(source: str) -> str:
    lines = source.split("\n")
    for block, text in prose(ast.parse(source)):
        if len(block) > 1:
            lines[text.lineno - 1 : text.end_lineno] = [""] * ((text.end_lineno or 0) - text.lineno + 1)
    return "\n".join(line for line in lines if line.strip())


@functools.cache
def _solutions(assignment: Assignment) -> tuple[Statement, ...]:
    return tuple(assignment.definitions.needed(assignment.names))


def _student(statements: Sequence[Statement], dtype: torch.dtype) -> LocalStudent:
    student = LocalStudent(dtype=dtype)
    with _seeding_the_processor_alone():
        student.read(steps(statements))
    if student.faults:
        fault = student.faults[0]
        stopped = f"{fault.fault.type_name}: {fault.fault.message}".removesuffix(".")
        raise CannotGrade(f"The solutions can't run: cell {fault.cell + 1} stops with {stopped}.")
    return student


@contextmanager
def _seeding_the_processor_alone() -> Iterator[None]:
    """Let `torch.manual_seed` pass over other devices.

    For each of them torch keeps where it was called from, in case the device comes into use; a bank is a thousand
    readings, and that took as long as all else in them.
    """
    devices = [device for name in ("cuda", "mtia", "xpu") if (device := getattr(torch, name, None)) is not None]
    kept = [device.manual_seed_all for device in devices]
    for device in devices:
        device.manual_seed_all = lambda _: None
    try:
        yield
    finally:
        for device, seeding in zip(devices, kept, strict=True):
            device.manual_seed_all = seeding
