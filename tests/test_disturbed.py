"""A run that isn't alone: others grade, rewrite what it reads, set the clock, or let it write only here and there."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from autograder.authoring import release
from autograder.course.course import Course
from autograder.run import Batch, Graded, about, batch
from autograder.run.records import records
from tests.conftest import REPO, answering, command, copied, released
from tests.recorded import Warm
from tests.test_interrupted import kept, scores

pytestmark = pytest.mark.slow

CLASS = ("ada", "bela", "chen", "dora", "emil", "fay")


def hand_in(course: Course, name: str, contents: Mapping[str, str]) -> Course:
    """Let students hand in, each a text."""
    for who, content in contents.items():
        course.expected(name, who).parent.mkdir(parents=True, exist_ok=True)
        course.expected(name, who).write_text(content, "utf-8")
    return course


@pytest.fixture(scope="module")
def versions(right: dict[str, str]) -> tuple[str, str]:
    """Two notebooks of one length: one with every point, one whose last function is wrong."""
    full, less = (json.dumps(answering(right, dloss=right["dloss"] + more)) for more in ("\n\n", ""))
    less = json.dumps(answering(right, dloss=right["dloss"].replace("2 *", "3 *")))
    width = max(len(full), len(less))
    return full.ljust(width), less.ljust(width)


def digest(text: str) -> str:
    """What a record calls a notebook that has nothing beside it."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def rewriting(paths: list[Path], versions: tuple[str, str]) -> Iterator[None]:
    """Rewrite some files all the time, where they are: whoever reads meanwhile may find half of each version."""
    done = threading.Event()

    def write() -> None:
        for path, text in itertools.cycle(itertools.product(paths, versions)):
            if done.is_set():
                return
            with path.open("r+", encoding="utf-8") as file:
                for start in range(0, len(text), 1 + len(text) // 7):
                    file.write(text[start : start + 1 + len(text) // 7])
                    file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


@pytest.fixture(scope="module")
def warm(released_course: Course) -> Iterator[Warm]:
    """A grader for all the runs below that needn't be processes of their own."""
    engine = Warm(released_course, "mlp")
    yield engine
    engine.end()


def grade(course: Course, warm: Warm, before: Callable[[str], None] = lambda student: None) -> list[Graded]:
    """Grade all; `before` is told who has been read."""
    warm.before = before
    with Batch(course, "mlp", engine=warm) as run:
        return [*run]


def test_a_submission_that_changes_while_it_is_read_has_no_score_of_another(
    released_course: Course, warm: Warm, versions: tuple[str, str], tmp_path: Path
) -> None:
    """A score stands under the digest of the bytes that it was given for; the next run grades what is there then."""
    course = hand_in(copied(released_course, tmp_path / "course"), "mlp", dict.fromkeys(CLASS, versions[0]))
    scores = {digest(text): score for text, score in zip(versions, (12.0, 11.0), strict=True)}
    with rewriting([course.expected("mlp", who) for who in CLASS], versions):
        grade(course, warm)
        grade(course, warm)
    meanwhile = records(course, "mlp")
    grade(course, warm)

    assert len(meanwhile) == len(CLASS)
    for one in meanwhile:  # half of one version and half of the other is a third, or no notebook
        wanted = scores.get(one.submission_sha256)
        assert wanted in {None, one.result.score}, one.result.submission
    for one in records(course, "mlp"):
        now = digest(course.expected("mlp", one.result.submission).read_text("utf-8"))
        assert (one.submission_sha256, one.result.score) == (now, scores[now])


def test_what_is_graded_is_what_the_record_is_about(
    released_course: Course, warm: Warm, versions: tuple[str, str], tmp_path: Path
) -> None:
    """Replaced at the very moment when it has been read: the record is of what was read, and the next run sees it."""
    course = hand_in(copied(released_course, tmp_path / "course"), "mlp", dict.fromkeys(CLASS, versions[0]))

    def found(before: Callable[[str], None] = lambda student: None) -> set[tuple[str, float, bool]]:
        graded = {one.student: one for one in grade(course, warm, before)}
        kept = {one.result.submission: one.submission_sha256 for one in records(course, "mlp")}
        return {(kept[who], one.result.score, one.again) for who, one in graded.items()}

    assert found(lambda who: hand_in(course, "mlp", {who: versions[1]})) == {(digest(versions[0]), 12.0, True)}
    assert found() == {(digest(versions[1]), 11.0, True)}
    assert found() == {(digest(versions[1]), 11.0, False)}


def test_whatever_can_change_a_verdict_is_a_part_of_what_was_handed_in(
    released_course: Course, warm: Warm, versions: tuple[str, str], tmp_path: Path
) -> None:
    """A module that the notebook may import, another notebook that is looked into: a new one is a new submission."""
    course = hand_in(copied(released_course, tmp_path / "course"), "mlp", {"ada": versions[0]})
    own = course.expected("mlp", "ada")

    def again() -> bool:
        return [one.again for one in grade(course, warm)] == [True]

    assert again()
    for beside in ("helper.py", "package/__init__.py", "deep/er/module.py", "another.ipynb", "mlp - Copy.ipynb"):
        place = own.parent / beside
        place.parent.mkdir(parents=True, exist_ok=True)
        for text in ("", "x = 1"):
            place.write_text(text, "utf-8")
            assert again(), beside
            assert not again(), beside
    (own.parent / "slides.pdf").write_bytes(b"%PDF")
    assert not again(), "nothing of it is judged"
    own.unlink()
    assert again(), "another is meant, or none"
    assert not again()


def start(course: Course, name: str) -> subprocess.Popen[str]:
    """Start a run of its own."""
    command = [sys.executable, "-m", "autograder", "grade", name, "--course", str(course.root), "--workers", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.sample(1, "names")
@pytest.mark.parametrize("names", [("mlp", "mlp"), ("mlp", "batch")], ids=["one assignment", "two assignments"])
def test_two_runs_at_once_leave_what_one_after_the_other_does(
    released_course: Course, versions: tuple[str, str], tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Both finish; the gradebook, the records and the notebooks are those of a run that was alone."""
    course = copied(released_course, tmp_path / "course")
    if "batch" in names:
        release.generate(course, "batch")
        hand_in(course, "batch", dict.fromkeys(CLASS, json.dumps(released("batch"))))
    hand_in(course, "mlp", {who: versions[number % 2] for number, who in enumerate(CLASS)})
    course.seed("mlp")
    alone = copied(course, tmp_path / "alone")
    runs = [start(course, name) for name in names]
    said = [run.communicate(timeout=300) for run in runs]
    for name in dict.fromkeys(names):
        assert command("grade", name, "--course", alone.root, "--workers", "1").returncode == 0

    assert [run.returncode for run in runs] == [0, 0], said
    for name in dict.fromkeys(names):
        assert kept(course, name) == kept(alone, name)
    assert [path.name for path in course.root.rglob(".*.draft")] == []


PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Before a command: it is held by permissions, as an ordinary user's is."""

SHUT = {
    "the gradebook": ("gradebook.db", 0o400, "Make it and its folder writable for you"),
    "the gradebook, unreadable": ("gradebook.db", 0o000, "a file that you may read and write"),
    "what is autograded": ("autograded", 0o500, "Let yourself read and write there"),
    "one student's autograded notebook": ("autograded/bela/mlp", 0o500, "Let yourself read and write there"),
    "the records": (".autograder/records/mlp", 0o500, "Let yourself read and write there"),
    "the records, unreadable": (".autograder/records/mlp", 0o000, "Let yourself read and write there"),
    "what was handed in": ("submitted", 0o000, "Let yourself read and write there"),
    "a student's folder": ("submitted/bela", 0o000, "submitted/bela was not graded"),
    "a student's folder for the lesson": ("submitted/bela/mlp", 0o000, "submitted/bela/mlp"),
    "a student's notebook": ("submitted/bela/mlp/mlp.ipynb", 0o000, "submitted/bela/mlp/mlp.ipynb"),
}


@pytest.mark.sample(2, "what")
@pytest.mark.parametrize("what", SHUT)
def test_what_may_not_be_read_or_written_is_named_and_nothing_is_lost(
    released_course: Course, warm: Warm, versions: tuple[str, str], tmp_path: Path, what: str
) -> None:
    """One sentence with the way on, nothing half done, nobody's zero; once it is open again all is as it would be."""
    course = copied(released_course, tmp_path / "course")
    for place in (".autograder/records/mlp", "autograded/bela/mlp"):
        (course.root / place).mkdir(parents=True)
    hand_in(course, "mlp", {"ada": versions[0], "bela": versions[1]})
    alone = copied(course, tmp_path / "alone")
    grade(alone, warm)
    place, mode, way = SHUT[what]
    before = (course.root / place).stat().st_mode
    (course.root / place).chmod(mode)
    run = subprocess.run(
        [*PLAIN, sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    (course.root / place).chmod(before)

    assert run.returncode == 1
    said = " ".join((run.stdout + run.stderr).split())
    assert way in said
    assert "fault of the kit" not in said
    assert 0 not in scores(course).values()
    grade(course, warm)
    levels = [re.sub(r'"jail": "[a-z]+"', "", repr(kept(each))) for each in (course, alone)]  # an ordinary user's own
    assert levels[0] == levels[1]


def test_a_clock_that_jumps_changes_no_score_and_has_nothing_graded_again(
    released_course: Course, warm: Warm, versions: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year on, then two back, at every look, in a run and between two: only the times that are written down jump."""
    course = hand_in(copied(released_course, tmp_path / "course"), "mlp", dict(zip(CLASS, versions * 3, strict=True)))
    alone = copied(course, tmp_path / "alone")
    grade(alone, warm)
    years = itertools.cycle((1, -2, 30, -20))
    clock, now = time.time, batch._now

    monkeypatch.setattr(time, "time", lambda: clock() + next(years) * 3e7)
    monkeypatch.setattr(batch, "_now", lambda: now() + timedelta(days=365 * next(years)))
    assert {one.again for one in grade(course, warm)} == {True}
    assert {one.again for one in grade(course, warm)} == {False}
    first, last = about(course, "mlp", records(course, "mlp")).graded or (datetime.max, datetime.min)

    assert kept(course) == kept(alone)
    assert first < last


def test_nothing_that_waits_or_resumes_looks_at_the_clock_on_the_wall() -> None:
    """It is asked for the times that people read, and nowhere else: what is measured is measured by a steady one."""
    asked = set()
    for path in (*(REPO / "autograder").rglob("*.py"), *(REPO / "data_utils").rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text("utf-8"))):
            wall = isinstance(found, ast.Attribute) and found.attr in {"now", "utcnow", "today", "time_ns"}
            if wall or (isinstance(found, ast.Attribute) and ast.unparse(found) == "time.time"):
                asked.add(path.relative_to(REPO).as_posix())

    graded, early, stale = "autograder/run/batch.py", "autograder/authoring/solved.py", "data_utils/download.py"
    assert asked == {graded, early, stale}
