"""What has vetted is tried again only where its verdict may have changed; and vetting says how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import autograder
from autograder.authoring import parcel, progress, vetted
from autograder.authoring import vetting as vet
from autograder.authoring.vetting import Finding
from autograder.course import CONFIG, Course
from autograder.judge import draws
from tests.conftest import copied_course


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course of its own, in which nobody chooses a draw."""
    monkeypatch.setattr(draws, "seed", lambda course, name: course.seed(name))
    return copied_course(tmp_path)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose hidden tests were tried: each time they are, one more name."""
    names: list[str] = []
    monkeypatch.setattr(vet, "_tests", lambda report, *_: names.append(report.assignment))
    monkeypatch.setattr(vet, "_release", lambda *_: [])
    return names


def released(course: Course, again: bool = False) -> bool:
    """Vet `mlp` of a course as it is now, as `autograder release` does; `autograder vet` does it again."""
    return vet.vet(Course(course.root), "mlp", with_release=False, again=again).holds


def test_what_held_is_not_tried_again_for_a_release(own: Course, tried: list[str]) -> None:
    """Once is enough for just this; `vet` itself tries all of it each time, and another lesson is another matter."""
    assert released(own)
    assert released(own)
    assert tried == ["mlp"]

    assert released(own, again=True)
    assert tried == ["mlp", "mlp"]
    assert vetted.holds(own, "mlp")
    assert not vetted.holds(own, "batch")


def edited(path: Path) -> None:
    """Add a blank line to a file."""
    path.write_bytes(path.read_bytes() + b"\n")


HIDDEN = sys.modules["autograder.course.hidden_tests"]  # its name in the package is a function

CHANGES: dict[str, Callable[[Course, pytest.MonkeyPatch], object]] = {
    "its source": lambda own, _: edited(own.root / "source" / "mlp" / "mlp.ipynb"),
    "its hidden tests": lambda own, patch: patch.setattr(HIDDEN, "_files", lambda _: []),
    "data_utils": lambda own, patch: patch.setattr(parcel, "files_of", lambda _: {"a": own.root / CONFIG}),
    "the kit's code": lambda own, patch: patch.setattr(vetted, "_kit", list),
    "the kit's version": lambda own, patch: patch.setattr(autograder, "__version__", "0"),
    "torch": lambda own, patch: patch.setattr(vetted.torch, "__version__", "0"),
    "a setting that judges": lambda own, _: set_to(own, "follow_through = False"),
    "the secret": lambda own, _: (own.root / ".autograder" / "secret").write_text("another secret, long enough"),
}


def set_to(course: Course, setting: str) -> None:
    """Add a line to a course's settings."""
    with (course.root / CONFIG).open("a") as config:
        config.write(f"\nc.BackpropKit.{setting}\n")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_tried(change: str, own: Course, tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a verdict on the tests hangs on, they are tried anew when it changes."""
    released(own)
    CHANGES[change](own, monkeypatch)
    released(own)

    assert tried == ["mlp", "mlp"]


def test_a_change_that_judges_nothing_is_not_waited_for(own: Course, tried: list[str]) -> None:
    """Neither a setting that no score hangs on, nor a new file in the course, is a reason to try the tests again."""
    released(own)
    set_to(own, "trust_students = True")
    (own.root / "notes.txt").write_text("for next year")
    released(own)

    assert tried == ["mlp"]


def test_what_fails_is_not_remembered(own: Course, tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson that no longer vets is tried at each release, even if it held before; a damaged note counts as none."""
    released(own)
    monkeypatch.setattr(vet, "_tests", lambda report, *_: report.findings.append(Finding("it tests", False)))
    assert not released(own, again=True)
    assert not released(own)

    released_before = own.root / ".autograder" / "vetted" / "mlp.json"
    assert not released_before.exists()
    released_before.write_text("no JSON")
    assert not vetted.holds(own, "mlp")


def test_what_is_remembered_gives_the_secret_away_to_nobody(own: Course, tried: list[str]) -> None:
    """The note is a digest, and its owner's alone."""
    released(own)
    note = own.root / ".autograder" / "vetted" / "mlp.json"

    assert own.seed("mlp").partition("|")[0] not in note.read_text()
    assert note.stat().st_mode & 0o077 == 0


def test_vetting_tells_what_it_is_at_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time left follows from what was done so far: a machine half as fast is told twice the time."""
    clock = [0.0]
    told: list[tuple[str, float, float]] = []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    costs = progress.COSTS
    going = progress.Progress({"idle answers": 2, "known mistakes": 10}, lambda *all_: told.append(all_))
    for kind, number in (("idle answers", 2), ("known mistakes", 10)):
        for _ in going.through(kind, range(number)):
            clock[0] += 2 * costs[kind]
    whole = 2 * costs["idle answers"] + 10 * costs["known mistakes"]

    assert [what for what, _, _ in told] == ["idle answers"] * 2 + ["known mistakes"] * 10
    assert told[0][1:] == (0, pytest.approx(whole))
    assert [seconds for _, _, seconds in told[1:]] == pytest.approx(
        [2 * whole * (1 - share) for _, share, _ in told[1:]]
    )
    assert [share for _, share, _ in told] == sorted(share for _, share, _ in told)
