"""Where the processor time of one submission goes: the grader's own side and the jail's, step by step.

`python benchmarks/submission.py` grades the class of `throughput.py` in this process, pinned to one core as a worker
and its jail are, and prints milliseconds of processor time, user and system: of this process, and of the jail with its
forks. Each step is done many times; what holds another one is taken off it. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from baselines import NAME, prepare

from autograder import notebook
from autograder.course import find
from autograder.jail import Jail, Jailer
from autograder.judge import Grader, Submission, draws
from autograder.run import Book, Handed, page

SETTLE_S = 0.3
"""Seconds until the last forks have ended and the system has counted what they took."""


@dataclass(frozen=True)
class Took:
    """Milliseconds of processor time of one step."""

    own: float
    jail: float

    def __sub__(self, other: Took) -> Took:
        return Took(self.own - other.own, self.jail - other.jail)


def timed(step: Callable[[], object], times: int, zygote: psutil.Process) -> Took:
    """Do a step many times, and say what one took."""

    def spent() -> tuple[float, float]:
        time.sleep(SETTLE_S)
        mine, jail = resource.getrusage(resource.RUSAGE_SELF), zygote.cpu_times()
        return mine.ru_utime + mine.ru_stime, jail.user + jail.system + jail.children_user + jail.children_system

    step()
    before = spent()
    for _ in range(times):
        step()
    own, jail = (1000 * (after - start) / times for start, after in zip(before, spent(), strict=True))
    return Took(own, jail)


def measured(root: Path, times: int) -> list[tuple[str, Took]]:
    """The steps of a right answer, those of one with a mistake beside them, and what is written."""
    classes = prepare(find(Path(__file__).parents[1]), root, mistaken=3)
    course = find(root / "kit")
    assignment, papers = course.assignment(NAME), sorted((root / "kit-class").glob("*.ipynb"))
    with Book(course, assignment) as book:
        master = book.master
    with Jail() as jail:
        jailer = Jailer(jail)
        grader = Grader(assignment, draws.seed(course, NAME), jailer, course.settings)
        for paper in papers:
            grader.grade_file(paper)  # what is known of mistakes is worked out once
        (zygote,) = psutil.Process(jail.process.pid if jail.process else 0).children()[:1]
        right = [paper for paper, whole in zip(papers, classes.right, strict=True) if whole]
        wrong = [paper for paper, whole in zip(papers, classes.right, strict=True) if not whole]

        def taken_apart() -> Submission:
            return Submission(notebook.read(right[0]), assignment, jailer)

        needed = [question for question in assignment.questions if not question.manual]
        steps = notebook.steps(taken_apart().needed(needed[-1]))

        def fork() -> None:
            with jail.fork():
                pass

        def read() -> None:
            with jail.fork() as inmate:
                for step in steps:
                    inmate.execute(step)

        def graded(some: Sequence[Path]) -> Took:
            each = [timed(lambda paper=paper: grader.grade_file(paper), times, zygote) for paper in some]
            return Took(sum(one.own for one in each) / len(each), sum(one.jail for one in each) / len(each))

        grading = grader.grade_file(right[0])
        handed = Handed("student", "submitted/student", right[0].read_bytes())
        forked, reading, apart = (timed(step, times, zygote) for step in (fork, read, taken_apart))
        whole, mistaken = graded(right[:3]), graded(wrong)
        written = timed(lambda: page(grading, assignment, master, handed.shown()).model_dump_json(), times, zygote)
    return [
        ("a fork: made, locked, ended", forked),
        ("the answers read into it", reading - forked),
        ("the notebook read and taken apart", apart),
        ("hidden tests asked and compared", whole - reading - apart),
        ("a right answer, in all", whole),
        ("beside a mistake: tried again, named, shown", mistaken - whole),
        ("the autograded notebook and the record, as sent", written),
    ]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--times", type=int, default=100, help="that each step is done [%(default)s]")
    asked = parser.parse_args()
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(Path(scratch).resolve(), asked.times)
    print("| step | grader, ms | jail, ms |\n|---|--:|--:|")
    for name, took in found:
        print(f"| {name} | {took.own:.1f} | {took.jail:.1f} |")


if __name__ == "__main__":
    main()
