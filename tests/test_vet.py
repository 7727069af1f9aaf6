"""The gate itself is tested: whatever makes a course's tests worthless is found, and told with what mends it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.image import imread

from autograder.authoring import mutants as mutate
from autograder.authoring import vetting as vet
from autograder.authoring.vetting import Finding
from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.judge import attempt, diagnosis
from autograder.judge import check as hidden
from autograder.judge.bank import Bank, Harmless, Misconception, Variant
from autograder.judge.check import Check
from autograder.judge.inputs import seeded
from autograder.judge.reference import source_of
from tests.conftest import REPO, copied_course

pytestmark = pytest.mark.slow


def quick(course: Course) -> vet.Report:
    """Vet `mlp` without its release and without changes by rule."""
    return vet.vet(course, "mlp", with_release=False, with_mutants=False)


def failed(report: vet.Report) -> list[str]:
    """What doesn't hold."""
    return [finding.what for finding in report.findings if not finding.holds]


def with_bank(monkeypatch: pytest.MonkeyPatch, *cards: Misconception, variants: tuple[Variant, ...] = ()) -> None:
    """Let an assignment have this bank."""
    found = Bank(misconception=cards, variant=variants)
    monkeypatch.setattr(vet, "bank", lambda _: found)
    monkeypatch.setattr(diagnosis, "bank", lambda _: found)


SEED = "the same each time|mlp"

CARD = Misconception(id="card", function="dloss", edit=("2 * (v - t)", "(v - t)"), says="says", hint="hint")


@pytest.mark.slow(30)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", Course(REPO).assignments)
def test_the_course_vets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every assignment of this checkout passes its own gate, and one mistake costs points where it was made alone."""
    monkeypatch.setattr(Course, "seed", lambda _, assignment: f"the same each time|{assignment}")
    report = vet.vet(Course(REPO), name)

    assert [(finding.what, finding.detail) for finding in report.findings if not finding.holds] == []
    assert len(report.kills) >= 20
    assert [kill.mistake for kill in report.kills if kill.lost_elsewhere] == []
    assert report.record()["holds"] is True


def test_a_test_that_catches_nothing_is_found(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one known mistake only, the tests of the other questions catch nothing."""
    with_bank(monkeypatch, CARD)

    assert failed(quick(course)) == ["every hidden test catches a mistake"]


def test_a_mistake_that_survives_is_found(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that changes nothing loses no points, and the gate says so."""
    with_bank(monkeypatch, CARD.model_copy(update={"edit": ("2 * (v - t)", "(v - t) * 2")}))

    assert "every known mistake loses points" in failed(quick(course))


def test_two_cards_that_look_alike_must_say_so(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake that is named as another is a finding, unless its card says that they are equal."""
    twin = CARD.model_copy(update={"id": "twin", "edit": ("2 * (v - t)", "1 * (v - t)")})
    with_bank(monkeypatch, CARD, twin)
    assert "every known mistake is named" in failed(quick(course))

    with_bank(monkeypatch, CARD, twin.model_copy(update={"equals": "card"}))
    assert "every known mistake is named" not in failed(quick(course))


def test_a_right_variant_that_loses_points_is_found(
    course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that punish a right answer don't vet."""
    wrong = Variant(id="variant", function="loss", source="def loss(v, t):\n    return (v - t).pow(2).mean()")
    with_bank(monkeypatch, CARD, variants=(wrong,))

    assert "every right variant keeps full marks" in failed(
        vet.vet(course, "mlp", with_release=False, with_mutants=False)
    )


def test_a_small_change_that_no_test_catches_is_found(
    course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the tests of leaving alone only, changes of the reference survive; those that a card explains are fine."""
    real: Callable[[str, str], tuple[Check, ...]] = hidden.checks
    sigma = next(question for question in mlp.questions if question.id == "sigma")
    monkeypatch.setattr(vet, "checks", lambda assignment, question: real(assignment, question)[:0])
    with_bank(monkeypatch, CARD)
    report = vet.Report("mlp")
    found = list(vet._mutants(mlp, [sigma], report))

    assert [finding.holds for finding in found] == [False, True]
    assert report.survivors
    assert report.mutants == len(report.survivors)

    harmless = tuple(Harmless(**{**vars(one), "why": "a test"}) for one in report.survivors)
    monkeypatch.setattr(vet, "bank", lambda _: Bank(harmless=harmless))
    assert all(finding.holds for finding in vet._mutants(mlp, [sigma], report))

    monkeypatch.setattr(vet, "checks", real)
    assert [finding.holds for finding in vet._mutants(mlp, [sigma], report)] == [True, False]


def test_small_changes_are_of_every_kind() -> None:
    """Operators, constants, transposes, names, calls, arguments and statements each have their turn, once."""
    source = "def f(a, b):\n    c = a.T @ b + 2\n    c -= a.sum(0)\n    return (c > b, -c)"
    made = mutate.mutants("f", source)
    texts = {mutant.source for mutant in made}

    assert len(texts) == len(made)
    for line in ("c = a @ b + 2", "c = a.T * b + 2", "c = a.T @ b - 2", "c = a.T @ b + 3", "c = a.T @ a + 2",
                 "c += a.sum(0)", "c = a.sum(0)", "c -= a.mean(0)", "c -= a.sum()", "c -= a", "return (c >= b, -c)",
                 "return (c > b, c)", "return (-c, c > b)", "c = b @ a.T + 2"):  # fmt: skip
        assert any(line in text for text in texts), line
    assert any(not mutant.after for mutant in made)


def test_the_kill_matrix_is_drawn(tmp_path: Path) -> None:
    """A row a hidden test, a column a mistake, a square where one catches the other: the picture has colour there."""
    report = vet.Report("mlp", tests=("q.test_a", "q.test_b"))
    report.kills = [vet.Kill("one", "q", ("q.test_a",), 1, 0, "one"), vet.Kill("two", "q", (), 1, 0, "")]
    caught = imread(vet.picture(report, tmp_path / "caught.png"))
    report.kills = [dataclasses.replace(report.kills[0], failed=()), report.kills[1]]
    blank = imread(vet.picture(report, tmp_path / "blank.png"))

    assert caught.shape == blank.shape
    assert (caught != blank).any()


def test_a_test_that_idling_passes_is_found(course: Course, mlp: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that holds for a function that does nothing gives points away."""
    real: Callable[[str, str], tuple[Check, ...]] = hidden.checks

    @functools.cache  # what is known of a check is kept with it
    def generous(assignment: str, question: str) -> tuple[Check, ...]:
        free = dataclasses.replace(real(assignment, question)[0], id="test_free", claim=lambda _: None)
        return (*real(assignment, question), free)

    monkeypatch.setattr(attempt, "checks", generous)
    with seeded(course.seed("mlp")):
        found = list(vet._idle(mlp, [question for question in mlp.questions if question.id == "sigma"]))

    assert not any(finding.holds for finding in found)
    assert "sigma earns" in found[0].detail


def test_a_solution_left_in_the_release_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that holds a hidden test, a solution or old text doesn't vet, and the command that mends it is told."""
    course = copied_course(tmp_path)
    found = {finding.what: finding for finding in vet._release(course, course.assignment("mlp"), SEED, True)}
    stale: Finding = found["release/ is what source/ makes"]

    assert (stale.holds, stale.mend) == (False, "autograder release mlp")
    solved = (REPO / "source" / "mlp" / "mlp.ipynb").read_bytes()
    monkeypatch.setattr(vet.release, "made", lambda *_: {"mlp.ipynb": solved})
    leaking = [finding for finding in vet._release(course, course.assignment("mlp"), SEED, False) if not finding.holds]
    assert [finding.what for finding in leaking] == [
        "the release holds no solution and no hidden test",
        "students see no line of an answer, of this lesson or another",
        "the released stub scores 0, because nothing is written yet",
    ]


def test_an_idle_body_keeps_the_signature(mlp: Assignment) -> None:
    """Idle answers are made from the reference's own definitions."""
    assert vet._idle_source(source_of(mlp, "loss"), "return {first}") == "def loss(v, t):\n    return v"
