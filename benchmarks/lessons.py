"""Each of the kit's lessons: what one submission more costs, beside bare forks and beside stock nbgrader.

`python benchmarks/lessons.py` prints a table, a line a lesson. The class of each lesson is right in many forms; three
of ten students have one known mistake. All run in turn, on one machine, in one run, lesson by lesson:

- `autograder grade` with two workers, and the floor of `costs.py`, two forks at a time, on the same notebooks;
- `nbgrader autograde`, which runs those notebooks in a kernel, with the kit's own tests in their cells.

After every run the scores are read back: it stops if others than those who are right have full marks. Nothing here
asserts a time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from baselines import Classes, lesson
from costs import FORKS, adopt_orphans, floor
from throughput import Run, further, graded, take_turns

from autograder.course import find, lessons

FEW, MANY = 10, 110
STOCK = (1, 4)
"""Submissions of nbgrader's runs: each further one takes seconds."""


def line(classes: Classes, rounds: int) -> str:
    """Time one lesson, and write its line of the table."""
    kit = [Run("autograder", n, partial(graded, classes, "kit", n, workers=2), 4 + 0.05 * n) for n in (FEW, MANY)]
    stock = [Run("nbgrader", n, partial(graded, classes, "nbgrader", n), 4 + 3 * n) for n in STOCK]
    bare = Run("floor", FORKS, partial(floor, classes, 2), 6)
    take_turns([*kit, *stock, bare], rounds, memory=False)
    one, cpu, least, other = further(*kit).wall, further(*kit).cpu, bare.cost.wall / FORKS, further(*stock).wall
    figures = [f"{one:#.3g}", f"{cpu:#.3g}", f"{least:#.3g}", f"{one / least:#.3g}", f"{other:#.3g}"]
    return f"| {classes.name} | {len(classes.questions)} | {' | '.join(figures)} | {other / one:,.0f} |"


def main() -> None:
    """Time all lessons, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="only these")
    parser.add_argument("--rounds", type=int, default=1, help="times that each has its turn [%(default)s]")
    asked = parser.parse_args()
    adopt_orphans()
    print("| lesson | questions | s | CPU s | floor, s | times the floor | nbgrader, s | faster than nbgrader |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    course = find(Path(__file__).parents[1])
    for name in asked.lessons or lessons():
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{name}: writing the class", file=sys.stderr)
            print(line(lesson(course, Path(scratch).resolve(), name, mistaken=3), asked.rounds), flush=True)


if __name__ == "__main__":
    main()
