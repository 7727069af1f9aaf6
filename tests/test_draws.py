"""No course hangs on its secret: hidden inputs are drawn again until they show what known mistakes do."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from autograder.assignments.mlp.cases import PAIRS
from autograder.authoring import vetting as vet
from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.judge import diagnosis, draws
from autograder.judge.bank import Bank, Misconception
from autograder.judge.inputs import draw, seeded
from tests.conftest import REPO, copied_course

pytestmark = pytest.mark.slow

SAMPLE = 5
"""Secrets that each lesson is tried with; `benchmarks/draws.py` tries two hundred."""

ALIKE = "loss: loss-largest-only and loss-first-only are the same"


def unlucky() -> str:
    """A secret whose first draw has the largest difference first, in every pair that has more than one entry."""

    def largest_first(seed: str) -> bool:
        with seeded(seed):
            return all((draw(spec)["v"] - draw(spec)["t"]).abs().argmax() == 0 for spec in PAIRS[:2])

    return next(secret for secret in (f"unlucky secret {n:03}|mlp" for n in range(1000)) if largest_first(secret))


def test_a_draw_that_hides_a_difference_is_followed_by_another(mlp: Assignment) -> None:
    """Where the largest comes first, "only the first" and "only the largest" look alike: it is drawn again."""
    secret = unlucky()
    assert ALIKE in draws.hidden(mlp, secret)

    chosen = draws.chosen(mlp, secret)

    assert chosen > 1
    assert draws.hidden(mlp, draws.numbered(secret, chosen)) == frozenset()


@pytest.mark.everything
def test_a_course_with_an_unlucky_secret_vets(tmp_path: Path) -> None:
    """Neither `vet` nor the release that waits for it is refused for what a secret happens to be."""
    course = copied_course(tmp_path)
    (tmp_path / ".autograder" / "secret").write_text(unlucky().removesuffix("|mlp"), encoding="ascii")
    report = vet.vet(course, "mlp", with_release=False, with_mutants=False)

    assert [finding for finding in report.findings if not finding.holds] == []


@pytest.mark.sample(2, "name")
@pytest.mark.parametrize("name", Course(REPO).assignments)
def test_any_secret_will_do(request: pytest.FixtureRequest, course: Course, name: str) -> None:
    """With secrets that nobody chose, every lesson finds a draw that shows all of its known mistakes."""
    numbers = random.Random(f"{request.config.getoption('day')} {name}")  # others each day
    for secret in (f"{numbers.getrandbits(64):x}|{name}" for _ in range(SAMPLE)):
        assignment = course.assignment(name)
        chosen = draws.chosen(assignment, secret)

        assert draws.hidden(assignment, draws.numbered(secret, chosen)) == frozenset(), secret


def test_a_choice_is_remembered_until_the_tests_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice takes seconds, so it is made once; a changed lesson may need another draw."""
    course = copied_course(tmp_path)
    asked = []

    def chosen(*_: object) -> int:
        asked.append(1)
        return 7

    monkeypatch.setattr(draws, "chosen", chosen)
    first = draws.seed(course, "mlp")

    assert first == draws.seed(Course(course.root), "mlp") == f"{course.seed('mlp')}|7"
    assert len(asked) == 1

    path = course.assignment("mlp").path
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    draws.seed(Course(course.root), "mlp")
    assert len(asked) == 2

    (course.root / ".autograder" / "draws" / "mlp.json").write_text("not a choice", encoding="utf-8")
    draws.seed(Course(course.root), "mlp")
    assert len(asked) == 3


def test_a_choice_that_cannot_be_kept_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the folder's place costs time, and nothing else."""
    course = copied_course(tmp_path)
    (course.root / ".autograder" / "draws").write_text("", encoding="utf-8")
    monkeypatch.setattr(draws, "chosen", lambda *_: 2)

    assert draws.seed(course, "mlp") == draws.seed(course, "mlp")


def test_mistakes_that_no_draw_tells_apart_are_left_to_vet(
    course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cards for one mistake don't keep a course from drawing; vet names them until one says that they are equal."""
    card = Misconception(id="half", function="dloss", edit=("2 * (v - t)", "(v - t)"), says="says", hint="hint")
    twin = card.model_copy(update={"id": "twin", "edit": ("2 * (v - t)", "1 * (v - t)")})

    def with_bank(*cards: Misconception) -> list[str]:
        for module in (vet, diagnosis, draws):
            monkeypatch.setattr(module, "bank", lambda _: Bank(misconception=cards))
        return [line for finding in vet._draw(mlp, "a secret") for line in (finding.detail,)]

    assert with_bank(card, twin) == ["dloss: half and twin are the same"]
    assert draws.chosen(mlp, "a secret") == 1
    assert with_bank(card, twin.model_copy(update={"equals": "half"})) == [""]


def test_a_mistake_too_near_to_right_is_found(mlp: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the tolerance may be rounding to somebody: a known mistake has to lie further off."""
    near = Misconception(
        id="near", function="dloss", edit=("2 * (v - t)", "2.0005 * (v - t)"), says="says", hint="hint"
    )
    for module in (diagnosis, draws):
        monkeypatch.setattr(module, "bank", lambda _: Bank(misconception=(near,)))

    assert draws.hidden(mlp, "a secret") == {"dloss: near is too close to a correct answer"}
