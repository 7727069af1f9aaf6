"""Does a course hang on its secret? For many secrets, the draw of the hidden inputs that each lesson would use.

`python benchmarks/draws.py --secrets 200` tries each lesson with secrets that are numbered, so that a run can be
repeated; it prints how many draws were needed, what the first draw would have hidden and how often, and fails if some
secret finds no draw that shows everything.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from autograder.course import find
from autograder.judge import draws

COURSE = find(Path(__file__).parents[1])


def tried(name: str, number: int) -> tuple[int, frozenset[str], frozenset[str]]:
    """The draw that one secret leads to, what the first draw hides, and what the chosen one does."""
    torch.set_num_threads(1)
    assignment, secret = COURSE.assignment(name), f"secret {number}|{name}"
    first = draws.hidden(assignment, secret)
    chosen = draws.chosen(assignment, secret) if first else 1
    return chosen, first, draws.hidden(assignment, draws.numbered(secret, chosen)) if chosen > 1 else first


def main() -> int:
    """Print a line a lesson; 1 if some secret finds no draw that shows everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--secrets", type=int, default=200, metavar="N", help="secrets a lesson [%(default)s]")
    asked = parser.parse_args()
    names, started, left = COURSE.assignments, time.perf_counter(), 0
    needed: dict[str, Counter[int]] = {name: Counter() for name in names}
    hidden: dict[str, Counter[str]] = {name: Counter() for name in names}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        jobs = {pool.submit(tried, name, number): name for number in range(asked.secrets) for name in names}
        for done, job in enumerate(as_completed(jobs), 1):
            draw, first, rest = job.result()
            needed[jobs[job]][draw] += 1
            hidden[jobs[job]].update(first)
            left += bool(rest)
            if done % 60 == 0:
                remaining = (time.perf_counter() - started) / done * (len(jobs) - done)
                print(f"{done:,} of {len(jobs):,}; about {remaining / 60:.1f} minutes left", file=sys.stderr)
    for name in names:
        counts = ", ".join(f"{times} with draw {draw}" for draw, times in sorted(needed[name].items()))
        print(f"{name}: of {asked.secrets} secrets {counts}")
        for line, times in hidden[name].most_common():
            print(f"    hidden by {times} first draws: {line}")
    print(f"{left} without a draw that shows everything; {time.perf_counter() - started:.0f} s")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
