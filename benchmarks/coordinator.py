"""The coordinator alone: submissions a second that it reads, sends, checks and writes, and the memory that it takes.

`python benchmarks/coordinator.py` grades a class of 1,000 by recorded answers, into SQLite and into PostgreSQL where
there is one; `--students N` takes another number, `--memory` compares the peak of 1,000 with that of N. Each run is a
process of its own, and its start is left out. `--profile` prints where the time goes. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.authoring import release
from autograder.authoring.demo import made_up
from autograder.course import CONFIG, Course
from autograder.run import Batch

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.conftest import copied_course, released
from tests.postgres import postgres
from tests.recorded import Recorded, recorded

NAME = "mlp"
MEMORY = 1_000
"""Submissions of the smaller class, where memory is compared."""


def handed_in(folder: Path, students: int, url: str = "") -> tuple[Course, list[bytes]]:
    """Make a course with a class of made-up students over and over; give it, and what each kind hands in."""
    course = copied_course(folder)
    if url:
        with (folder / CONFIG).open("a", encoding="utf-8") as config:
            config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
        course = Course(course.root)
    release.generate(course, NAME)
    kinds = [student.notebook for student in made_up(course.assignment(NAME), released(NAME))]
    papers = [(kind if isinstance(kind, str) else json.dumps(kind)).encode() for kind in kinds]
    for number, paper in enumerate(papers):
        (folder / f"paper-{number:02}").write_bytes(paper)
    for number in range(students):
        path = course.expected(NAME, f"student-{number:06}")
        path.parent.mkdir(parents=True)
        os.link(folder / f"paper-{number % len(papers):02}", path)
    return course, papers


def kept(folder: Path, course: Course, papers: list[bytes]) -> None:
    """Keep what grading each kind gives."""
    answers = recorded(course, NAME, papers)
    (folder / "answers.json").write_text(json.dumps([answers[paper] for paper in papers]), "utf-8")


def run(folder: Path, profile: bool) -> None:
    """Grade the class, in this process; print seconds, submissions and the peak in MiB as JSON."""
    papers = [path.read_bytes() for path in sorted(folder.glob("paper-*"))]
    answers = dict(zip(papers, json.loads((folder / "answers.json").read_text("utf-8")), strict=True))
    seen = cProfile.Profile()
    with Batch(Course(folder), NAME, engine=Recorded(answers)) as batch:
        going = iter(batch)
        next(going)  # by now nbgrader is imported and the gradebook open, and some are written
        with seen if profile else contextlib.nullcontext():
            started, busy = time.perf_counter(), time.process_time()
            many = sum(1 for _ in going)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    if profile:
        pstats.Stats(seen, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "submissions": many, "mib": peak}))


def measured(students: int, url: str, profile: bool) -> dict[str, float]:
    """Make a class and grade it in a process of its own."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "course"
        folder.mkdir()
        kept(folder, *handed_in(folder, students, url))
        command = [sys.executable, __file__, "--run", str(folder), *(["--profile"] if profile else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def main() -> None:
    """Measure, and print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--memory", action="store_true", help="compare the peak with that of a class of 1,000")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        run(asked.run, asked.profile)
        return
    with postgres() as server:
        for book, url in (("SQLite", ""), ("PostgreSQL", server.url("gradebook"))):
            for many in (MEMORY, asked.students) if asked.memory else (asked.students,):
                found = measured(many, url, asked.profile)
                rate, busy = (found["submissions"] / found[kind] for kind in ("seconds", "cpu"))
                print(
                    f"{book:<12}{many:>8,} submissions  {rate:>6.0f} a second  {busy:>6.0f} a second of its processor  "
                    f"{found['mib']:>6.0f} MiB at most"
                )
            if asked.memory:
                return  # memory doesn't hang on the gradebook


if __name__ == "__main__":
    main()
