"""Answers are as large as the question: room for every known mistake, and none for what only costs the grader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.jail import codec, wire
from autograder.jail.host import Jail
from autograder.jail.jailed import FAULTS, JailedStudent, Jailer
from autograder.jail.session import Session, Step
from autograder.judge import diagnosis
from autograder.judge.answers import (
    begins_alike,
    first_wrong,
    mistaken_answers,
    numbers,
    outline,
    reference_answers,
    same_answers,
)
from autograder.judge.bank import bank
from autograder.judge.check import checks
from autograder.judge.example import TRIED
from autograder.judge.grader import Grader
from autograder.judge.inputs import seeded
from autograder.notebook.notebook import Notebook
from tests.conftest import REPO, notebook_of

pytestmark = pytest.mark.slow

MARGIN = 16
"""The most that a known mistake may take of the room that its question has: one part in so many."""


@pytest.mark.sample(2, "name")
@pytest.mark.parametrize("name", Course(REPO).assignments)
def test_every_known_mistake_has_room_to_spare(
    course: Course, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And little of that room is what any answer may have: with larger inputs, the room grows as mistakes do."""
    found: list[tuple[int, int, int]] = []
    call = Session.call

    def measured(session: Session, flows: str, flow: str, tensors: Any) -> Any:
        room = wire.room(tensors.values())
        answer = call(session, flows, flow, tensors)
        body = sum(memoryview(piece).nbytes for piece in codec.answer(answer))
        found.append((room, body, sum(size(value) for value in answer.values())))
        return answer

    monkeypatch.setattr(Session, "call", measured)
    assignment = course.assignment(name)
    with seeded(f"room for {name} {request.config.getoption('day')}"):
        for question in assignment.questions:
            claims = checks(name, question.id) if not question.manual else ()
            reference_answers(assignment, claims)
            for card in bank(name).misconception:
                if claims and card.function in question.names:
                    mistaken_answers(assignment, card, claims)

    assert found
    assert max(MARGIN * body - room for room, body, _ in found) <= 0
    assert max(MARGIN * body for _, body, _ in found) <= MARGIN * codec.NOTE
    assert max(tensors - (room - wire.LEAST) for room, _, tensors in found) <= 256


def size(value: wire.Value) -> int:
    """Bytes of all tensors in a value."""
    if isinstance(value, tuple):
        return sum(map(size, value))
    return value.nbytes if isinstance(value, torch.Tensor) else 0


class Made(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make; views take none."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation, and count."""
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and not func.is_view:
            self.bytes += made.nbytes
        return made


@contextmanager
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect how many bytes each frame has that comes from the jail."""
    found: list[int] = []
    receive = wire.Channel.receive

    def measured(channel: wire.Channel, *limits: Any) -> wire.Frame:
        frame = receive(channel, *limits)
        found.append(frame.body.nbytes)
        return frame

    with monkeypatch.context() as patch:
        patch.setattr(wire.Channel, "receive", measured)
        yield found


FILLED = f"torch.zeros({wire.LEAST} - 64, dtype=torch.uint8)"
"""A tensor that takes nearly all of the room that any answer has."""

EVERYWHERE = {
    "all the room there is": FILLED,
    "far more than there is": "torch.zeros(16 << 20, dtype=torch.uint8)",
    "as many as there may be": f"[torch.zeros({wire.LEAST // 64}, dtype=torch.uint8) for _ in range(60)]",
    "lists of lists": "[[[0.5] * 64] * 64] * 64",
    "other kinds": "torch.sparse_coo_tensor([[1 << 39]], [1.0], (1 << 40,), check_invariants=True)",
}


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    """A jail."""
    with Jail() as opened:
        yield opened


@pytest.fixture(scope="module")
def grader(mlp: Assignment, jail: Jail) -> Iterator[Grader]:
    """A grader that has judged wrong answers before: what is known of mistakes is computed once in a process.

    All but pairs of them: to know those takes seconds, and no answer here has the outline of one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "_pairs", lambda *_: {})
        grader = Grader(mlp, "public", Jailer(jail))
        grader.grade(Notebook(everywhere(mlp, "torch.ones(9, 9)")), "wrong")
        yield grader


def everywhere(assignment: Assignment, answer: str) -> dict[str, Any]:
    """A notebook all of whose functions answer the same."""
    return notebook_of("import torch", *(f"def {name}(*_, **__):\n    return {answer}" for name in assignment.names))


@pytest.mark.parametrize("what", EVERYWHERE)
def test_large_answers_everywhere_cost_the_grader_little(
    mlp: Assignment, grader: Grader, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every function answers with as much as it may: what crosses is bounded, and nothing is computed with it."""
    with received(monkeypatch) as frames, Made() as made:
        result = grader.grade(Notebook(everywhere(mlp, EVERYWHERE[what])), "large").result

    assert (result.score, result.status) == (0, "graded")
    assert {question.status for question in result.questions} <= {"graded", "manual"}
    assert max(frames) <= 1.25 * wire.LEAST
    assert sum(frames) <= (32 + TRIED * len(mlp.questions)) * wire.LEAST  # an example is looked for, too
    assert made.bytes <= wire.LEAST


def test_an_answer_larger_than_its_question_is_not_taken(jail: Jail) -> None:
    """What a fork sends without asking its own side of the wire is refused by its length, and the fork is ended."""
    length = wire.room([torch.ones(1)]) + codec.BESIDE + 1
    forging = f"""
import os, struct, time

def f(x):
    os.write(3, struct.pack("<4sBxxxIQ", b"bpk1", {wire.Kind.ANSWER:d}, 2, {length}))
    time.sleep(60)
"""
    with jail.fork() as inmate:
        assert inmate.execute(Step(0, 1, forging)) == []
        with pytest.raises(wire.WireError, match="at most"):
            inmate.call("def flow(nb, x): return nb.f(x)", "flow", {"x": torch.ones(1)})


def test_faults_without_end_are_kept_in_part(jail: Jail) -> None:
    """A notebook whose every statement fails is read to its end, and the first of them are told."""
    student = JailedStudent(jail)
    student.read([Step(cell, 1, "1 / 0") for cell in range(3 * FAULTS)] + [Step(3 * FAULTS, 1, "print('read')")])
    student.close()

    assert [fault.cell for fault in student.faults] == list(range(FAULTS))
    assert 3 * FAULTS in student.outputs()


def test_answers_are_laid_out_by_kind_shape_and_number() -> None:
    """Lists and numbers in them are laid out as tensors are; nothing of an answer is written as text."""

    class Loud(float):
        """A number that must not be written."""

        def __repr__(self) -> str:
            raise AssertionError

    def told(*values: wire.Value) -> dict[str, Any]:
        return {"check": [dict(zip("abc", values, strict=False)), ("raised", "TypeError", "words")]}

    tensor, shared = torch.ones(2, 1), wire.Foreign("dict")
    one, other = told(tensor, (Loud(5.0), tensor), shared), told(tensor.flatten() * 2, (6.0, tensor), shared)

    assert outline(one) == outline(other)
    assert numbers(one).tolist() == [1, 1, 5, 1, 1]
    assert numbers(other).tolist() == [2, 2, 6, 1, 1]
    assert len({outline(told(value)) for value in (None, 1.0, (), (1.0,), shared, torch.ones(3))}) == 6


def test_a_known_mistake_is_passed_over_only_where_its_answers_differ(mlp: Assignment) -> None:
    """Answers begin like a mistake's up to the first wrong one, for all whose answers are the same throughout."""
    cards = [card for card in bank("mlp").misconception if card.function == "backward_pass"]
    claims = checks("mlp", "backward_pass")
    with seeded("public"):
        known = {card.id: mistaken_answers(mlp, card, claims) for card in cards}
        same = {(a, b) for a in known for b in known if same_answers(known[a], known[b])}
        right = reference_answers(mlp, claims)
        until = {other: first_wrong(known[other], right, claims) + 1 for other in known}
        begun = {
            (one.id, other)
            for one in cards
            for other in known
            if begins_alike(known[other], mlp, one, claims, until[other])
        }

    assert same <= begun
    assert len(begun) < len(cards) ** 2 / 4
