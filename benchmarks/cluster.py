"""A class on a Dask cluster of two workers, as processes on this machine, beside the same class on two local workers.

`python benchmarks/cluster.py` grades 1,000 submissions of all kinds both ways, in turn, compares all that was written,
byte for byte, and prints seconds of the whole commands and their ratio; it fails where anything differs. The cluster's
workers are warm: they have graded a submission of the same assignment before. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coordinator import NAME, handed_in

from autograder.course import Course

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.loopback import loopback
from tests.test_cluster import written


def seconds(course: Course, *options: str) -> float:
    """How long grading takes, the whole command."""
    command = [sys.executable, "-m", "autograder", "grade", NAME, "--course", str(course.root), *options]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode not in {0, 1}:
        sys.exit(done.stderr)
    return time.perf_counter() - started


def main() -> None:
    """Grade both ways, compare, and print a line for each round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "here").mkdir()
        (folder / "cluster").mkdir()
        here, _ = handed_in(folder / "here", asked.students)
        shutil.copytree(here.root, folder / "there")
        there = Course(folder / "there")
        with loopback(folder / "cluster") as cluster:
            seconds(there, "--cluster", cluster.address, "--student", "student-000000")
            for number in range(asked.rounds):
                local = seconds(here, "--workers", "2", "--force")
                far = seconds(there, "--cluster", cluster.address, "--force")
                if written(here) != written(there):
                    sys.exit("What was written differs.")
                told = (
                    f"round {number + 1}: two local workers {local:.1f} s, cluster {far:.1f} s: {far / local:.2f} times"
                )
                print(f"{told}; the same, byte for byte", flush=True)


if __name__ == "__main__":
    main()
