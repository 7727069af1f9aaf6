"""The same submissions through stock nbgrader, Otter and `autograder grade`, in turn, on one machine, in one run.

`python benchmarks/throughput.py` prints a table; `--growth` adds runs of 100 and 1,000; `--out DIR` draws it.
`--against CHECKOUT` takes another checkout of the kit in place of nbgrader and Otter, and prints how many times as long
this one takes: the two in turn, a pair a round.

What is timed: whole processes, from outside, from start to end; CPU seconds are user and system time of a process and
all that it started; peak memory is that of all of them together, shared pages counted once (PSS), in a run apart.
"A run of N" is the whole process divided by N, so it holds the start: importing torch and nbgrader, starting a jail.
"Each further one" leaves the start out: the slope between a small run and a larger one.
Otter has no runs: `otter run` grades one notebook a process, so both are the same.

What each grader does with one and the same class stands in `baselines.py`, the floor in `costs.py`.
After every run the scores are read back: the benchmark stops if a grader doesn't give full marks to exactly those
students whose answers are right. Nothing here asserts a time.

Otter lives in an environment of its own, made on first use beside the kit's packages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from baselines import NAME, SIX, Classes, full_marks, prepare
from costs import FORKS, Cost, adopt_orphans, floor, watched

from autograder.course import find

OTTER = ("otter-grader==7.0.0", "ipykernel", "torch==2.13.0", "numpy")
"""ipykernel is not among Otter's own dependencies; torch without numpy warns at import."""

MANY = 200
"""Submissions of the kit's larger runs: so many that their slope stands out from the noise of the start."""
GROWTH = (100, 1000)


@dataclass
class Run:
    """Something to be timed: a grader, and how many submissions it gets."""

    grader: str
    submissions: int
    measure: Callable[[bool], Cost]
    """Run it; if it is told so, with an eye on its memory and not on its time."""
    guess: float
    """Seconds it may take: for the time left, until it has run once."""
    costs: list[Cost] = field(default_factory=list)
    peak: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.costs[-1].wall if self.costs else self.guess

    @property
    def cost(self) -> Cost:
        """The median over the rounds, and the peak."""
        wall, cpu = (statistics.median(getattr(cost, kind) for cost in self.costs) for kind in ("wall", "cpu"))
        return Cost(wall, cpu, self.peak)


@dataclass(frozen=True)
class Row:
    """A line of the table: seconds for one submission."""

    grader: str
    timed: str
    wall: float
    cpu: float
    peak: float
    submissions: int = 0
    """How many a whole run had; 0 if the start is left out."""


def commands(tool: str, course: Path, otter: str, workers: int, name: str = NAME) -> list[list[str]]:
    """The command lines with which a grader's users grade a folder."""
    if tool == "nbgrader":
        return [[sys.executable, "-m", "nbgrader", "autograde", name]]
    if tool == "kit":
        return [[sys.executable, "-m", "autograder", "grade", name, "--workers", str(workers), "--course", str(course)]]
    papers = sorted(course.glob(f"submitted/*/{name}/{name}.ipynb"))
    run = [otter, "-m", "otter", "run", "--no-logo", "--autograder", str(course / "autograder.zip")]
    return [[*run, "--output-dir", str(path.parents[1]), str(path)] for path in papers]


def graded(
    classes: Classes,
    tool: str,
    submissions: int,
    memory: bool,
    otter: str = "",
    workers: int = 1,
    checkout: Path | None = None,
) -> Cost:
    """Time a grader on a fresh folder, and see that it gave full marks to the right students.

    `checkout` is where the kit itself is taken from.
    """
    course = classes.course(tool, submissions)
    environment = {**os.environ, "PYTHONPATH": str(checkout)} if checkout else None
    log = classes.root / "run.log"
    with log.open("w", encoding="utf-8") as out, watched(memory) as cost:
        for command in commands(tool, course, otter, workers, classes.name):
            if subprocess.run(command, cwd=course, env=environment, stdout=out, stderr=out, check=False).returncode:
                sys.exit(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8')[-2000:]}")
    if full_marks(course) != classes.expected(submissions):
        sys.exit(f"{tool} gave full marks to others than those who are right: {full_marks(course)}")
    return cost()


def take_turns(runs: list[Run], rounds: int, memory: bool = True) -> None:
    """Run all in turn, so that a slow minute of the machine hits everyone, and, if asked, once more for their memory.

    Says on stderr how long it still takes.
    """
    for turn in range(rounds + memory):
        for place, run in enumerate(runs):
            left = sum(later.seconds for later in runs[place:])
            left += (rounds - 1 + memory - turn) * sum(later.seconds for later in runs)
            which = f"round {turn + 1} of {rounds}" if turn < rounds else "a look at memory"
            told = f"{which}: {run.grader}, {_count(run.submissions, 'submission')}"
            print(f"{told}; about {left / 60:.1f} minutes left", file=sys.stderr)
            if turn < rounds:
                run.costs.append(run.measure(False))
            else:
                run.peak = run.measure(True).peak


def whole(run: Run) -> Row:
    """A run's cost, divided by its submissions."""
    cost, n = run.cost, run.submissions
    return Row(run.grader, f"a run of {n:,}", cost.wall / n, cost.cpu / n, cost.peak, n)


def further(small: Run, large: Run) -> Row:
    """What one submission more costs: the slope between two runs."""
    more = large.submissions - small.submissions
    wall, cpu = ((getattr(large.cost, kind) - getattr(small.cost, kind)) / more for kind in ("wall", "cpu"))
    timed = f"each further one, from {small.submissions:,} to {large.submissions:,}"
    return Row(large.grader, timed, wall, cpu, large.cost.peak)


def table(rows: list[Row], nbgrader: Row, start: Row, otter: Row, floors: tuple[Row, Row]) -> str:
    """Markdown. Runs of equal size are compared; all others with what nbgrader takes for each further one.

    What uses two cores is compared with the floor of two at a time.
    """
    lines = [
        "| grader | timed | s | CPU s | faster than nbgrader | faster than Otter | times the floor | peak MiB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        against = start if row.submissions == start.submissions else nbgrader
        base = floors["2 workers" in row.grader or row == floors[1]]
        ratios = [f"{ratio:#.3g}" for ratio in (against.wall / row.wall, otter.wall / row.wall, row.wall / base.wall)]
        figures = [f"{row.wall:#.3g}", f"{row.cpu:#.3g}", *(ratio.rstrip(".") for ratio in ratios)]
        lines.append(f"| {' | '.join([row.grader, row.timed, *figures, f'{row.peak / 2**20:,.0f}'])} |")
    return "\n".join(lines)


def chart(rows: list[Row], out: Path) -> None:
    """Draw seconds a submission on a logarithmic scale: throughput.svg and throughput.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 0.9 + 0.34 * len(rows)), layout="constrained")
    colours = {"nbgrader": "#8c8c8c", "otter": "#b3b3b3", "floor": "#d9c27a"}
    bars = axes.barh(
        [f"{row.grader}: {row.timed}" for row in rows],
        [row.wall for row in rows],
        color=[colours.get(row.grader.split()[0], "#2a6f97") for row in rows],
    )
    axes.bar_label(bars, [f"{row.wall:#.3g} s" for row in rows], padding=4)
    axes.set(xscale="log", xlabel="seconds a submission, wall clock, logarithmic")
    axes.margins(x=0.2)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("svg", "png"):
        figure.savefig(out / f"throughput.{kind}", dpi=150)


def otter_python() -> str:
    """The Python of Otter's own environment, which is made if it isn't there."""
    place = Path(sys.prefix) / "otter"
    python = str(place / "bin" / "python")
    if not (place / "ready").exists():
        print(f"making an environment for Otter in {place}; this happens once and takes a minute", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *OTTER], check=True)
        (place / "ready").touch()
    return python


def notes(classes: Classes, otter: str, mistaken: int) -> str:
    """What ran, and on what; no name of the machine."""
    ask = "import importlib.metadata as m; print(m.version('otter-grader'), m.version('torch'))"
    found = subprocess.run([otter, "-c", ask], check=True, capture_output=True, text=True).stdout.split()
    records = sorted((classes.root / "run" / ".autograder" / "records" / NAME).glob("*.json"))
    levels = {json.loads(path.read_text(encoding="utf-8"))["result"]["jail"] for path in records}
    called = ", ".join(f"{name} {times}" for name, times in classes.calls.items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"""
Machine: {cores} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}, torch \
{version("torch")}, nbgrader {version("nbgrader")}, Otter-Grader {found[0]} (with torch {found[1]}).

The class: {10 - mistaken} of ten students are right, in many forms; {mistaken} have one known mistake.
nbgrader and Otter: an assert cell or test file a question, random inputs against autograd, as many calls as the kit's \
tests make ({called}).
Otter runs them at its check cells too, as its users' notebooks do.
autograder: its own hidden tests of the same {len(SIX)} questions, the naming of mistakes, and the gradebook; \
jail: {", ".join(sorted(levels))}.
Floor: {FORKS} bare forks of a warm process with the same answers and the kit's tests; no jail, files or gradebook.
Rows of two workers are compared with the floor two at a time."""


def main() -> None:
    """Time everything, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--submissions", type=int, default=10, metavar="N", help="in a run [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="times that each grader has its turn [%(default)s]")
    parser.add_argument("--mistaken", type=int, default=3, help="of ten students, who have a mistake [%(default)s]")
    parser.add_argument("--growth", action="store_true", help="also 100 and 1,000 submissions")
    parser.add_argument("--otter-python", metavar="PATH", help="a Python that has Otter [its own, made on first use]")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another checkout of the kit, to be timed in turn"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to draw throughput.svg and .png")
    asked = parser.parse_args()
    if not 2 <= asked.submissions < MANY or asked.rounds < 1 or not 0 <= asked.mistaken <= 9:
        parser.error(f"at least two submissions and fewer than {MANY}, one round, one student of ten who is right")
    adopt_orphans()
    if (busy := os.getloadavg()[0]) > 1:
        print(f"this machine is busy (load {busy:.1f}): wall times will be too long, trust CPU times", file=sys.stderr)
    if asked.against:
        with tempfile.TemporaryDirectory() as scratch:
            classes = prepare(find(Path(__file__).parents[1]), Path(scratch).resolve(), asked.mistaken)
            print(against(classes, asked.against, asked.rounds))
        return
    otter = asked.otter_python or otter_python()
    with tempfile.TemporaryDirectory() as scratch:
        print("writing the class, three times", file=sys.stderr)
        classes = prepare(find(Path(__file__).parents[1]), Path(scratch).resolve(), asked.mistaken, otter)
        rows, gain = timed(classes, otter, asked.submissions, asked.rounds, asked.growth)
        print(table(rows, rows[1], rows[0], rows[2], (rows[-2], rows[-1])))
        print(f"\n{gain}")
        print(notes(classes, otter, asked.mistaken))
    if asked.out:
        chart(rows, asked.out)


def against(classes: Classes, other: Path, rounds: int) -> str:
    """Time another checkout and this one in turn; a line a size: now by before, pair by pair."""
    here = Path(__file__).resolve().parents[1]
    lines = [
        "| workers | submissions | before, s | now, s | now / before: median (least to most) |",
        "|--:|--:|--:|--:|--:|",
    ]
    for workers, submissions in ((1, 10), (1, MANY), (2, 10), (2, MANY)):
        pair = [
            Run(
                name,
                submissions,
                partial(graded, classes, "kit", submissions, workers=workers, checkout=checkout),
                5 + 0.03 * submissions,
            )
            for name, checkout in (("before", other.resolve()), ("now", here))
        ]
        take_turns(pair, rounds, memory=False)
        before, now = ([cost.wall for cost in run.costs] for run in pair)
        ratios = sorted(new / old for old, new in zip(before, now, strict=True))
        figures = f"{statistics.median(before):.2f} | {statistics.median(now):.2f}"
        lines.append(
            f"| {workers} | {submissions} | {figures} "
            f"| {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}) |"
        )
    return "\n".join(lines)


def timed(classes: Classes, otter: str, n: int, rounds: int, growth: bool) -> tuple[list[Row], str]:
    """Time all graders; the first rows are nbgrader's run, its further ones, and Otter, the last are the two floors.

    Also a sentence about the second core.
    """

    def kit(workers: int, submissions: int) -> Run:
        name = f"autograder, {_count(workers, 'worker')}"
        guess = 5 + 0.03 * submissions / workers
        return Run(name, submissions, partial(graded, classes, "kit", submissions, workers=workers), guess)

    stock = [Run("nbgrader", s, partial(graded, classes, "nbgrader", s), 4 + 3 * s) for s in (1, n)]
    others = Run("otter", n, partial(graded, classes, "otter", n, otter=otter), 6 * n)
    one, two = ([kit(workers, s) for s in (n, MANY)] for workers in (1, 2))
    floors = [Run("floor", FORKS, partial(floor, classes, at_once), 6) for at_once in (1, 2)]
    take_turns([*stock, others, *one, *two, *floors], rounds)
    grown = [[kit(workers, submissions) for submissions in GROWTH] for workers in (1, 2) if growth]
    take_turns([run for runs in grown for run in runs], rounds)

    rows = [whole(stock[1]), further(*stock), whole(others)]
    for runs in (one, two):
        rows += [*map(whole, runs), further(*runs)]
    for runs in grown:
        rows += [*map(whole, runs), further(*runs)]
    one, two = grown or (one, two)
    gain = one[1].cost.wall / two[1].cost.wall, further(*one).wall / further(*two).wall
    for told, run in zip(("one after another", "two at a time"), floors, strict=True):
        rows.append(Row("floor", told, run.cost.wall / FORKS, run.cost.cpu / FORKS, run.cost.peak))
    return rows, (
        f"With {one[1].submissions:,} submissions two workers are {gain[0]:.2f} times as fast as one; "
        f"without the start, {gain[1]:.2f} times."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


if __name__ == "__main__":
    main()
