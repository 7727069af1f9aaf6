"""A class of which a fifth attacks: everybody else is graded as alone, memory stays flat, nothing is left behind."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from statistics import median

import psutil
import pytest

from autograder.course.course import Course
from autograder.judge.bank import bank
from autograder.run.records import results
from tests import nasty
from tests.attacks import ATTACKS, hand_in, write
from tests.conftest import REPO, answering, copied, notebook_of

pytestmark = pytest.mark.slow

SUBMISSION_S = 10.0

MANY, FEW = 500, 50

LARGE = "def {name}(*given):\n    return torch.zeros(16 << 20, dtype=torch.uint8)"
SLOW = """\
def {name}(*given):
    import time
    end = time.monotonic() + 1.8
    while time.monotonic() < end:
        pass
    return given[0]"""

Put = Callable[[Path, Mapping[str, object]], object]


def attacks(right: Mapping[str, str]) -> Iterator[tuple[str, Put]]:
    """Everything that is known to be hostile or costly, kind by kind in turn, for ever."""
    kinds: list[list[tuple[str, Put]]] = [
        [(f"attack {name}", lambda folder, facts, name=name: hand_in(name, folder, facts)) for name in ATTACKS],
        [(f"cell {kind}", _written(answering(right, nasty=build(250_000)))) for kind, build in nasty.CELLS.items()],
        [
            (f"answer {kind}", _written(answering(right, dsigma=nasty.dsigma(build(30_000)))))
            for kind, build in nasty.ANSWERS.items()
        ],
        [(f"file {kind}", _written(build(24 << 20))) for kind, build in nasty.FILES.items()],
        [
            ("large answers", _written(notebook_of("import torch", *(LARGE.format(name=name) for name in right)))),
            ("slow answers", _written(notebook_of(*(SLOW.format(name=name) for name in right)))),
            ("a pipe", lambda folder, _: (folder.mkdir(parents=True), os.mkfifo(folder / "mlp.ipynb"))),
        ],
    ]
    turns = [itertools.cycle(kind) for kind in kinds]
    while True:
        yield from map(next, turns)


def _written(content: Mapping[str, object] | bytes) -> Put:
    return lambda folder, _: write(folder, content if isinstance(content, bytes) else json.dumps(content))


def hand_in_all(course: Course, many: int, right: Mapping[str, str], first: int, each: int = 5) -> dict[str, str]:
    """Let a class hand in, every fifth an attack, the others another right variant each; give the attackers' kinds."""
    variants = itertools.cycle(bank("mlp").variant)
    hostile = itertools.islice(attacks(right), first, None)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        facts = {"COURSE": str(course.root), "REPO": str(REPO), "HOST": os.getpid(), "PORT": nobody.getsockname()[1]}
        attackers = {}
        for number in range(many):
            who = f"student-{number:03}"
            folder = course.root / "submitted" / who / "mlp"
            if number % each == each - 1:
                attackers[who], put = next(hostile)
                folder.parent.mkdir(parents=True)
                put(folder, facts)
            else:
                variant = next(variants)
                write(folder, answering(right, **{variant.function: variant.source}))
    return attackers


@dataclass
class Watched:
    """A run, and the memory of its own side while it went on."""

    returncode: int
    said: str
    seconds: float
    memory: list[tuple[int, float]] = field(default_factory=list)
    """(submissions done, MiB of the run's own processes), ten times a second."""

    def mib(self, start: float, end: float) -> float:
        """The median memory between two shares of the submissions; nan if it went from one to the other unseen."""
        last = self.memory[-1][0]
        return median([mib for done, mib in self.memory if start * last <= done <= end * last] or [nan])


def watched(course: Course, temporary: Path) -> Watched:
    """Grade a class with two workers; their jails' memory is bounded by itself, and not counted."""
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    records = course.root / ".autograder/records/mlp"
    started, memory = time.monotonic(), []
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=os.environ | {"TMPDIR": str(temporary)}) as run,
    ):
        while run.poll() is None:
            done = len(list(records.glob("*.json")))
            memory.append((done, sum(map(_mib, _own(run.pid)))))
            time.sleep(0.1)
        said.seek(0)
        return Watched(run.returncode, said.read(), time.monotonic() - started, memory)


def _own(pid: int) -> list[psutil.Process]:
    """The process of a run, and its workers."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children()]
    except psutil.NoSuchProcess:
        return []


def _mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def left(course: Course, folder: Path) -> dict[str, object]:
    """What a run leaves behind on this machine, and must not: processes, mounts, temporary files."""
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return {
        "processes": [command for command in commands if str(course.root) in command],
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line],
        "temporary files": [path.name for path in folder.iterdir()],
    }


WHOLE = int(os.environ.get("WHOLE_CLASS", "2000"))
"""Submissions of the largest class."""

_SHOWN = re.compile(r"(\d+)/\d+ (\d+):(\d\d):(\d\d)")
_STYLE = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")


@dataclass
class Shown:
    """A run in a terminal, as it was seen from there."""

    returncode: int
    seconds: float
    left: list[tuple[float, int, float]] = field(default_factory=list)
    """(seconds since the start, submissions done, seconds left), each time that it was drawn."""
    memory: list[tuple[int, float]] = field(default_factory=list)
    """(submissions done, MiB of the run and of all below it, jails included), twice a second."""


def in_a_terminal(course: Course, temporary: Path) -> Shown:
    """Grade a class with two workers, and keep what the terminal shows."""
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    ours, theirs = os.openpty()
    started, seen = time.monotonic(), Shown(-1, 0.0)
    environment = os.environ | {"TMPDIR": str(temporary), "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as run:
        os.close(theirs)
        looked = done = 0.0
        while select.select([ours], [], [], 0.5)[0] or run.poll() is None:
            with suppress(OSError):  # the other end is gone
                text = _STYLE.sub("", os.read(ours, 1 << 16).decode(errors="replace"))
                now = time.monotonic() - started
                for number, hours, minutes, seconds in _SHOWN.findall(text):
                    done = int(number)
                    seen.left.append((now, done, 3600 * int(hours) + 60 * int(minutes) + int(seconds)))
            if run.poll() is not None:
                break
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                seen.memory.append((int(done), _together(run.pid)))
        seen.returncode = run.wait()
    seen.seconds = time.monotonic() - started
    os.close(ours)
    return seen


def _together(pid: int) -> float:
    """MiB of a process and all below it; what they share is counted once."""
    found = 0.0
    with suppress(psutil.NoSuchProcess):
        for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
            with suppress(psutil.Error):
                found += float(process.memory_full_info().pss) / 2**20
    return found


@pytest.mark.everything
def test_a_large_class_takes_the_memory_of_a_small_one_and_says_how_long_it_takes(
    released_course: Course, right: dict[str, str], tmp_path: Path
) -> None:
    """A tenth attacks: from a quarter of the class to all of it memory stays, and half way the time left is told."""
    course = copied(released_course, tmp_path / "course")
    with (course.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"\nc.BackpropKit.submission_s = {SUBMISSION_S}\nc.BackpropKit.call_s = 2.0\n")
    attackers = hand_in_all(course, WHOLE, right, first=0, each=10)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = left(course, temporary)
    run = in_a_terminal(course, temporary)
    found = {result.submission: result for result in results(course, "mlp")}
    early, late = (
        median(mib for done, mib in run.memory if start * WHOLE <= done <= end * WHOLE)
        for start, end in ((0.15, 0.35), (0.8, 1.0))
    )
    at, done, told = min(run.left, key=lambda each: abs(each[0] - run.seconds / 2))
    print(
        f"{WHOLE} submissions in {run.seconds:.0f} s; {early:.0f} MiB after a quarter, {late:.0f} at the end; "
        f"at {at:.0f} s, {done} done, {told:.0f} s were left by the terminal"
    )

    assert run.returncode in {0, 1}
    assert len(found) == WHOLE
    assert {who for who, one in found.items() if who not in attackers and one.score != 12.0} == set()
    assert left(course, temporary) == before
    assert late <= 1.15 * early
    assert told == pytest.approx(run.seconds - at, rel=1 / 3)


@pytest.mark.parametrize("many", [FEW, pytest.param(MANY, marks=pytest.mark.everything)])
def test_a_class_of_which_a_fifth_attacks_is_graded_in_one_run(
    many: int, released_course: Course, right: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each honest submission has full marks, no attack has, the run's memory stays flat, and nothing is left behind."""
    course = copied(released_course, tmp_path / "course")
    with (course.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"\nc.BackpropKit.submission_s = {SUBMISSION_S}\nc.BackpropKit.call_s = 2.0\n")
    day = sum(map(ord, str(request.config.getoption("--day"))))
    attackers = hand_in_all(course, many, right, first=day if many == FEW else 0)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = left(course, temporary)
    run = watched(course, temporary)
    found = {result.submission: result for result in results(course, "mlp")}
    untouched = {who: result for who, result in found.items() if who not in attackers}
    gained = {
        attackers[who]: result.score
        for who, result in found.items()
        if attackers.get(who, "").startswith(("attack", "large", "slow"))
    }
    print(
        f"{many} submissions in {run.seconds:.0f} s; MiB by quarters",
        [f"{run.mib(q / 4, q / 4 + 0.25):.0f}" for q in range(4)],
    )

    assert run.returncode in {0, 1}, run.said
    assert len(found) == many
    assert {who: (r.score, r.status) for who, r in untouched.items() if r.score != 12.0} == {}
    assert {kind: score for kind, score in gained.items() if score} == {}
    assert left(course, temporary) == before
    if many == MANY:
        assert run.mib(0.75, 1.0) <= 1.15 * run.mib(0.25, 0.5)
