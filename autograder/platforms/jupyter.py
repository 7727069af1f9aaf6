"""Inside a Jupyter kernel: the last line of a grade cell gives the question's points.

This is how stock `nbgrader autograde` grades without a jail: hidden tests and student code share the kernel.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from dataclasses import replace
from typing import Any

from autograder.budget import Budget, Spent
from autograder.course import Assignment, Course, Question, find
from autograder.errors import CannotJudge
from autograder.jail import LocalStudent, Session, Step
from autograder.judge import Trial, draws, judge, seeded
from autograder.notebook import Unreadable, taking_apart
from autograder.result import Question as Verdict


def points(assignment: str, question: str, names: dict[str, Any]) -> float:
    """Judge a question in this kernel, say on stdout what was found, and give its points.

    Shapes:
        names  the kernel's globals

    Raises:
        CannotJudge: if the question can't be judged; the gradebook then asks for a manual grade.
    """
    course = _course()
    found = _assignment(course, assignment)
    asked = next(q for q in found.questions if q.id == question)
    budget = Budget(course.settings.submission_s)
    try:
        with budget.striking():
            verdict = _judged(course, found, asked, names, budget)
    except Spent as spent:
        raise CannotJudge(f"{question}: {spent}") from None
    if verdict.points is None:
        raise CannotJudge(f"{question}: {verdict.message}")
    print(verdict.in_words())
    return verdict.points


def _judged(course: Course, found: Assignment, asked: Question, names: dict[str, Any], budget: Budget) -> Verdict:
    student = LocalStudent(Session(names), budget=budget)
    sources = _sources(asked, names)
    steps = None if sources is None else [Step(-1, 1, source) for source in sources]  # of which cell, no kernel knows
    trial = Trial(found, asked, (), sources=steps)
    with seeded(draws.seed(course, found.name)):
        verdict = trial.judge(student, course.settings)
        if verdict.points is not None and verdict.points < verdict.max_points:
            before = found.questions[: found.questions.index(asked)]
            known = tuple(judge(found, earlier, student) for earlier in before if not earlier.manual)
            verdict = replace(trial, before=known).judge(student, course.settings)
    return verdict


def _sources(question: Question, names: dict[str, Any]) -> list[str] | None:
    """The text of a question's own functions and of what they use, as the kernel remembers it.

    What comes from torch stands for itself, as its import. None if a part is not remembered, or only half.
    """
    found: dict[str, str] = {}
    waiting = list(question.names)
    try:
        with taking_apart():
            while waiting:
                name = waiting.pop()
                found[name] = text = _text(name, names[name])
                read = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
                waiting += [other for other in read & names.keys() if other not in found and _has_text(names[other])]
    except Unreadable:
        return None
    return list(found.values())


def _has_text(thing: Any) -> bool:
    return callable(thing) or inspect.ismodule(thing)


def _text(name: str, thing: Any) -> str:
    if hasattr(thing, "__wrapped__"):  # it has the text of something else
        raise TypeError(f"{name} is wrapped")
    module = getattr(thing, "__module__", None) or ""
    if inspect.ismodule(thing):
        return f"import {thing.__name__} as {name}"
    if module.partition(".")[0] == "torch" and isinstance(getattr(thing, "__name__", None), str):
        return f"from {module} import {thing.__name__} as {name}"
    if inspect.isbuiltin(thing):  # torch.tanh and its kind
        return ""
    return textwrap.dedent(inspect.getsource(thing))


@functools.cache
def _course() -> Course:
    return find()


@functools.cache
def _assignment(course: Course, name: str) -> Assignment:
    return course.assignment(name)
