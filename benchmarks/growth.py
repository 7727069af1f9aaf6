"""How the cost of reading grows: nasty texts of size n, 2n, 4n and 8n, each kind's CPU time, and its exponent.

`python benchmarks/growth.py` reads each text as a submission is read before it is run: file, cells, statements, what
needs what, and what is looked for in an answer. The exponent is the slope of a line through the logarithms of time and
size, by least squares: 1 where twice the text takes twice the time, 2 where it takes four times. It fails if one is
above 1.2; times below a hundredth of a second are noise, and count as that.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.budget import Spent, reading
from autograder.course import Assignment, find
from autograder.jail import trusting
from autograder.judge import Submission, shortcuts
from autograder.notebook import UnreadableNotebook, parse, statement

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests import nasty  # noqa: E402 - the texts of the tests, which are no package that is installed
from tests.conftest import notebook_of  # noqa: E402

STEEPEST = 1.2
"""The exponent that a kind may have at the most: 1 and the cache misses of larger texts."""

KEPT = [thing for thing in gc.get_objects() if issubclass(type(thing), type(statement._parsed))]
"""What was found in texts, wherever it is kept: each round finds it anew."""

NOISE_S = 0.01
"""Seconds below which a time says nothing."""

CELL, FILE = 24_000, 7 << 20
"""The smallest of four sizes: eight times as much is what a cell may have, nearly, and a large notebook file."""


def read_through(content: bytes, assignment: Assignment) -> None:
    """Read a notebook file as the grader does before it runs anything of it."""
    try:
        with reading():
            submission = Submission(parse(content), assignment, trusting)
            submission.belongs()
            submission.flags()
            for question in assignment.questions:
                if not question.manual:
                    submission.chosen(question)
                    sources = [step.source for step in submission.sources(question)]
                    shortcuts.may_lean(sources)
                    shortcuts.unreadable(sources, assignment.names)
    except (UnreadableNotebook, Spent):  # told in a sentence, and a person is asked
        pass


def seconds(content: bytes, assignment: Assignment, rounds: int) -> float:
    """The least CPU time of some rounds that remember nothing of each other."""
    found = []
    for _ in range(rounds):
        for kept in KEPT:
            kept._found.clear()
        started = time.process_time()
        read_through(content, assignment)
        found.append(time.process_time() - started)
    return min(found)


def exponent(sizes: list[int], times: list[float]) -> float:
    """The slope of log(time) by log(size)."""
    slope, _ = np.polyfit(np.log(sizes), np.log(np.maximum(times, NOISE_S)), 1)
    return float(slope)


def notebooks() -> dict[str, tuple[int, Callable[[int], bytes]]]:
    """Each kind of nasty notebook: its smallest size, and what makes its bytes for a size."""

    def cell(build: nasty.Build) -> Callable[[int], bytes]:
        return lambda size: json.dumps(notebook_of(build(size))).encode()

    def answer(build: nasty.Build) -> Callable[[int], bytes]:
        return lambda size: json.dumps(notebook_of("import torch", nasty.dsigma(build(size)))).encode()

    return {
        **{f"cell: {kind}": (CELL, cell(build)) for kind, build in nasty.CELLS.items()},
        **{f"answer: {kind}": (CELL, answer(build)) for kind, build in nasty.ANSWERS.items()},
        **{f"file: {kind}": (FILE, build) for kind, build in nasty.FILES.items()},
    }


def main() -> int:
    """Print a line a kind, steepest first; 1 if one is too steep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="of which the quickest counts [%(default)s]")
    parser.add_argument("--top", type=int, default=1000, metavar="N", help="lines that are printed [all]")
    asked = parser.parse_args()
    assignment = find(ROOT).assignment("mlp")
    console = Console(stderr=True)
    rows = []
    for kind, (size, build) in track(notebooks().items(), "reading", console=console, disable=not console.is_terminal):
        sizes = [size << doubled for doubled in range(4)]
        times = [seconds(build(each), assignment, asked.rounds) for each in sizes]
        rows.append((exponent(sizes, times), times, kind))
    rows.sort(key=lambda row: (-row[0], -row[1][-1]))
    table = Table("a notebook's", "n, s", "2n, s", "4n, s", "8n, s", "exponent", box=None)
    for slope, times, kind in rows[: asked.top]:
        table.add_row(kind, *(f"{each:.3f}" for each in times), f"{slope:.2f}")
    Console(width=100).print(table)
    steep = [kind for slope, _, kind in rows if slope > STEEPEST]
    slowest = max(times[-1] for _, times, _ in rows)
    print(f"{len(rows)} kinds; {len(steep)} above {STEEPEST}; the slowest text took {slowest:.2f} s")
    return int(bool(steep))


if __name__ == "__main__":
    sys.exit(main())
