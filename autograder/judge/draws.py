"""Which draw of its hidden inputs a course uses: the first from its secret that tells known mistakes apart.

A draw may by chance hide a difference: if the largest entry comes first, "only the first" and "only the largest" are
one answer. Then the inputs are drawn again, always in the same order, so one secret always ends at the same draw.
Nothing is judged here.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ValidationError

from autograder import __version__, private
from autograder.course import Assignment, Course, Question
from autograder.judge.answers import (
    Answers,
    Numbers,
    alike,
    distance,
    mistaken_answers,
    numbers,
    outline,
    reference_answers,
)
from autograder.judge.bank import Misconception, bank
from autograder.judge.check import checks
from autograder.judge.inputs import digest, seeded

FAR = 20
"""How far from right a known mistake has to be, the tolerance being 1: between it and rounding there is room."""

TOGETHER = 5
"""Draws after which what was hidden in every one of them is taken for what no draw can show."""

DRAWS = 40
"""Draws that are tried at the most; if all hide something, the first of those that hide least is used."""


class Kept(BaseModel):
    """What a course remembers of a choice: the draw, and what it was chosen by."""

    chosen_by: str
    draw: int


def seed(course: Course, name: str) -> str:
    """The seed that an assignment's hidden inputs are drawn from: chosen once, and remembered beside the secret.

    Raises:
        CannotGrade: if the secret can't be used.
    """
    assignment, secret = course.assignment(name), course.seed(name)
    path = course.root / ".autograder" / "draws" / f"{name}.json"
    chosen_by = digest("|".join((secret, assignment.digest, __version__, torch.__version__)))
    with contextlib.suppress(OSError, ValidationError):
        kept = Kept.model_validate_json(path.read_bytes())
        if kept.chosen_by == chosen_by:
            return numbered(secret, kept.draw)
    found = Kept(chosen_by=chosen_by, draw=chosen(assignment, secret))
    with contextlib.suppress(OSError):  # then it is chosen again next time, and comes out the same
        private.write(path, found.model_dump_json())
    return numbered(secret, found.draw)


def numbered(secret: str, draw: int) -> str:
    """The seed of one draw, the first being 1."""
    return secret if draw == 1 else f"{secret}|{draw}"


def chosen(assignment: Assignment, secret: str) -> int:
    """The first draw that hides nothing, or nothing but what every draw hides."""
    found: list[frozenset[str]] = []
    for draw in range(1, DRAWS + 1):
        found.append(hidden(assignment, numbered(secret, draw)))
        always = frozenset.intersection(*found)
        if not found[-1]:
            return draw
        if draw >= TOGETHER and always in found:
            return found.index(always) + 1
    return 1 + min(range(DRAWS), key=lambda draw: len(found[draw]))


def hidden(assignment: Assignment, seed: str) -> frozenset[str]:
    """Say what a draw can't tell, a line each: mistakes too close to a correct answer, or the same as each other."""
    with seeded(seed):
        return frozenset(line for q in assignment.questions if not q.manual for line in _hidden(assignment, q))


def _hidden(assignment: Assignment, question: Question) -> Iterator[str]:
    claims = checks(assignment.tests, question.id)
    right = reference_answers(assignment, claims)
    rows: dict[tuple[Any, ...], list[tuple[Misconception, Answers, Numbers]]] = {}
    for card in bank(assignment.tests).misconception:
        if card.function in question.names:
            if distance(assignment, card, claims) <= FAR:
                yield f"{card.function}: {card.id} is too close to a correct answer"
            found = mistaken_answers(assignment, card, claims)
            rows.setdefault(outline(found), []).append((card, found, numbers(found)))
    for row in rows.values():
        for (one, found, values), (other, known, others) in itertools.combinations(row, 2):
            if (one.equals or one.id) == (other.equals or other.id) or not _close(values, others):
                continue
            if alike(found, known, right):
                yield f"{one.function}: {one.id} and {other.id} are the same"


def _close(left: Numbers, right: Numbers) -> bool:
    """Whether two rows of numbers may be the same: what the comparison in full needn't look at is left out."""
    return bool((np.abs(left - right) <= 1e-3 * (np.abs(left) + np.abs(left).max(initial=0.0)) + 1e-6).all())
