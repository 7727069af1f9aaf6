"""What a class of any size needs, from three figures that are measured here: the start, a submission, and its writing.

`python benchmarks/scaling.py` measures them on this machine, checks the model by a run of 1,000 on two workers, and
prints the tables of docs/scaling.md. Nothing here asserts a time.

The model: seconds = start + submissions x max(submission / cores, writing). One machine reads and writes, as many cores
as there are grade, and each keeps the others waiting at most by its own pace.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from baselines import prepare
from coordinator import measured
from throughput import graded

from autograder.course import find

FEW, MANY, CHECKED = 10, 200, 1_000
DAY = 86_400
CLASSES = {"a class of 1,000": 1_000, "an online course of 100,000": 100_000, "a day's million": 1_000_000}


@dataclass(frozen=True)
class Model:
    """Seconds of a run."""

    start: float
    submission: float
    """Seconds of one core for one submission, wherever it is graded."""
    writing: float
    """Seconds in which one machine reads a submission, checks its record and writes it."""

    def seconds(self, submissions: int, cores: int) -> float:
        """start + submissions x max(submission / cores, writing)."""
        return self.start + submissions * max(self.submission / cores, self.writing)

    def most_cores(self) -> int:
        """As many cores as one machine that writes keeps busy."""
        return math.ceil(self.submission / self.writing)


def fitted(rounds: int, course: Path, writing: float) -> tuple[Model, float, float]:
    """Measure a model with one worker; give beside it what a run of CHECKED took on two, and what it says of it."""
    with tempfile.TemporaryDirectory() as scratch:
        classes = prepare(find(course), Path(scratch).resolve(), mistaken=3)

        def took(submissions: int, workers: int) -> float:
            print(f"a run of {submissions:,} with {workers} worker{'s' * (workers > 1)}", file=sys.stderr)
            return graded(classes, "kit", submissions, memory=False, workers=workers).wall

        few, many = (statistics.median(took(size, 1) for _ in range(rounds)) for size in (FEW, MANY))
        slope = (many - few) / (MANY - FEW)
        model = Model(few - FEW * slope, slope, writing)
        return model, took(CHECKED, 2), model.seconds(CHECKED, 2)


def told(seconds: float) -> str:
    """A time as people say it."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def main() -> None:
    """Measure, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of which the median counts [%(default)s]")
    asked = parser.parse_args()
    written = measured(CHECKED, "", profile=False)
    writing = written["seconds"] / written["submissions"]
    model, took, said = fitted(asked.rounds, Path(__file__).parents[1], writing)
    print(f"start {model.start:.2f} s, a submission {model.submission * 1000:.1f} ms of a core, ", end="")
    print(f"writing {model.writing * 1000:.2f} ms: {1 / model.writing:.0f} a second")
    print(f"checked: {CHECKED:,} on two workers took {took:.1f} s, the model says {said:.1f} s ({said / took:.2f})\n")
    print("| what | 2 cores | 8 cores | 32 cores | at most, by one machine that writes |")
    print("|---|--:|--:|--:|--:|")
    for name, size in CLASSES.items():
        cells = [told(model.seconds(size, cores)) for cores in (2, 8, 32)]
        print(
            f"| {name} | {' | '.join(cells)} | {told(model.start + size * model.writing)}, {model.most_cores()} cores |"
        )
    print(f"\nA day's million takes {1_000_000 * model.submission / DAY:.1f} cores all day, and ", end="")
    print(f"{1_000_000 * model.writing / DAY * 100:.0f} % of one machine that writes.")


if __name__ == "__main__":
    main()
