"""Broken submissions of the tests, on stock nbgrader in kernels and on the kit, side by side.

`python benchmarks/broken.py` prints a table; `--only TEXT` takes some of them; `--write` puts all of it into
docs/broken.md.

Each is a notebook whose six answers are right, with something done to it (see `tests/broken.py`). One student hands it
in, and a second one the notebook as it was; `nbgrader autograde` grades both in a fresh course, and so does
`autograder grade`. Both have their own settings, as they come; the plain asserts of stock nbgrader stand in
`baselines.py`.

Right is the score of the answers that are still there. Where nothing can be read, no score is right.

Stock nbgrader runs a notebook with the rights of whoever starts it. Here it has limits on memory and on the size of a
file; what would fill the disk or the table of processes all the same is not run there.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from baselines import NAME, SIX, kit_course, stock_course, write

from autograder.authoring.demo import filled
from autograder.course import find
from autograder.judge import source_of
from tests.broken import BROKEN, Broken

PAGE = Path(__file__).parents[1] / "docs" / "broken.md"
BEGIN, END = "<!-- what follows was written by benchmarks/broken.py -->", "<!-- up to here -->"

LONGEST_S = 300
MEMORY, FILE = 6 << 30, 1 << 30
"""Bytes that a process of stock nbgrader may have, and that it may write into one file."""

MARK = "BROKEN_RUN"
"""A variable of the environment, by which what a run started is found after it."""

COMMANDS = {
    "nbgrader": ["nbgrader", "autograde", NAME],
    "kit": ["autograder", "grade", NAME, "--json"],
}
CALLED = {"nbgrader": "stock nbgrader", "kit": "autograder"}
NOT_RUN = "not run: it would harm the machine"


@dataclass(frozen=True)
class Outcome:
    """What a grader did with a broken submission, and with the honest one after it."""

    score: float | None
    """None if no score stands in the gradebook."""
    said: str
    honest: float | None
    seconds: float


@dataclass(frozen=True)
class Row:
    """A broken submission, and what each grader did with it: None where it was not run."""

    name: str
    right: float | None
    """The points of the answers that are still there; None if nothing can be read."""
    outcomes: Mapping[str, Outcome | None]


def graded(root: Path, tool: str, broken: Broken, right: Mapping[str, str]) -> Outcome:
    """Let a grader grade a broken submission and an honest one, in a fresh course."""
    course = root / "run"
    shutil.rmtree(course, ignore_errors=True)
    shutil.copytree(root / tool, course)
    whole = filled(json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text("utf-8")), right)
    folder = course / "submitted" / "ann" / NAME
    folder.mkdir(parents=True)
    write(course / "submitted" / "honest" / NAME / f"{NAME}.ipynb", whole)
    broken.put(folder, copy.deepcopy(whole))
    began = time.monotonic()
    out, err = ran([sys.executable, "-m", *COMMANDS[tool]], course, limited=tool == "nbgrader")
    seconds = time.monotonic() - began
    scores = in_gradebook(course / "gradebook.db")
    said = of_kit(out, err) if tool == "kit" else of_nbgrader(err, course)
    return Outcome(scores.get("ann"), said, scores.get("honest"), seconds)


def ran(command: list[str], course: Path, limited: bool) -> tuple[str, str]:
    """Run a command to its end, or for as long as it may take; end what it leaves behind; what it printed."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))

    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    out, err = course.parent / "out.txt", course.parent / "err.txt"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        run = subprocess.Popen(
            command,
            cwd=course,
            env={**os.environ, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_err,
            start_new_session=True,
            preexec_fn=limit if limited else None,  # noqa: PLW1509 - no threads here
        )
        try:
            run.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            to_err.write(f"\nStoppedError: it did not end within {LONGEST_S} seconds".encode())
        for process in [run, *marked(mark)]:
            process.send_signal(signal.SIGKILL)
        run.wait()
    return out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace")


def marked(mark: str) -> Iterator[psutil.Process]:
    """Processes of one run that are still there."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                yield process
        except psutil.Error:
            continue


def in_gradebook(gradebook: Path) -> dict[str, float | None]:
    """Each student's automatic score; None if there is none."""
    query = (
        "SELECT student_id, SUM(g.auto_score) FROM submitted_assignment a JOIN submitted_notebook n"
        " ON n.assignment_id = a.id JOIN grade g ON g.notebook_id = n.id GROUP BY student_id"
    )
    with sqlite3.connect(gradebook) as book:
        return dict(book.execute(query).fetchall())


def of_nbgrader(err: str, course: Path) -> str:
    """The last error that nbgrader logged, or the first that stands in the notebook it graded, in short."""
    logged = r"^ *((?:[\w.]+\.)?\w*(?:Error|Exception|Timeout)\w*: .*|.*(?:Timeout waiting|No notebooks).*)$"
    errors = re.findall(logged, err, re.MULTILINE) or re.findall(r"^\[AutogradeApp \| ERROR\] (.*)$", err, re.MULTILINE)
    made = course / "autograded" / "ann" / NAME / f"{NAME}.ipynb"
    if not errors and made.is_file():
        errors = [*shown(json.loads(made.read_text("utf-8")))][:1]
    if not errors:
        return ""
    last = re.sub(r"^\[.*?\] |^(\w+\.)+", "", errors[-1].replace(str(course), "..."))
    return f"`{textwrap.shorten(last.replace('`', ''), 90, placeholder=' ...')}`"


def shown(content: dict[str, Any]) -> Iterator[str]:
    """What grade cells show on stderr, and the errors that they ended in: either costs the question."""
    for graded_cell in content["cells"]:
        if graded_cell["metadata"].get("nbgrader", {}).get("grade"):
            for output in graded_cell.get("outputs", ()):
                if output["output_type"] == "error":
                    yield f"{output['ename']}: {output['evalue']}".splitlines()[0]
                elif output.get("name") == "stderr":
                    yield "on stderr: " + " ".join("".join(output["text"]).split())


def of_kit(out: str, err: str) -> str:
    """The first thing that the kit says of a submission: of all of it, of a question, or of what it passed over."""
    record = next((one for one in json.loads(out) if one["submission"] == "ann"), None) if out else None
    if record is None:
        return err.strip().splitlines()[-1] if err.strip() else ""
    questions = [question for question in record["questions"] if question["points"] != question["max_points"]]
    told = [record["message"], *(of_question(question) for question in questions), *record["flags"], *record["mended"]]
    return next(filter(None, told), "")


def of_question(question: dict[str, Any]) -> str:
    """What is said of a question that has not got all its points."""
    return question["message"] or next((test["message"] for test in question["tests"] if test["message"]), "")


def cell(outcome: Outcome | None, right: float | None, honest: float) -> str:
    """What stands in the table: whether the score is right, the score, what was said, and what the honest one lost."""
    if outcome is None:
        return f"{NOT_RUN} |"
    told = [f"{'✓' if outcome.score == right else '✗'} {'no score' if outcome.score is None else f'{outcome.score:g}'}"]
    if outcome.honest != honest:
        got = "no score" if outcome.honest is None else f"{outcome.honest:g}"
        told.append(f"**the honest notebook after it: {got}**")
    if outcome.said:
        told.append(outcome.said.replace("|", "\\|").replace("<", "&lt;").replace("\n", " "))
    return f"{'; '.join(told)} | {outcome.seconds:.0f}"


def counted(rows: list[Row], honest: float) -> str:
    """How often each grader was right, and how it was wrong."""
    lines = [
        "| grader | tried | right | no score for what could be read | too few points | too many points "
        "| the honest notebook lost points |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for tool in COMMANDS:
        found = [(row.right, row.outcomes[tool]) for row in rows]
        tried = [(right, outcome) for right, outcome in found if outcome is not None]
        both = [(right, one.score) for right, one in tried if right is not None and one.score is not None]
        figures = (
            len(tried),
            sum(right == one.score for right, one in tried),
            sum(right is not None and one.score is None for right, one in tried),
            sum(score < right for right, score in both),
            sum(score > right for right, score in both) + sum(r is None and one.score is not None for r, one in tried),
            sum(one.honest != honest for _, one in tried),
        )
        lines.append(f"| {CALLED[tool]} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def table(rows: list[Row], honest: float) -> str:
    """A line for each broken submission: what is right, and what either grader made of it, in how many seconds."""
    lines = ["| what was handed in | right | nbgrader | s | autograder | s |", "|---|--:|---|--:|---|--:|"]
    for row in rows:
        right = "no score" if row.right is None else f"{row.right:g}"
        cells = [cell(row.outcomes[tool], row.right, honest) for tool in COMMANDS]
        lines.append(f"| {row.name} | {right} | {' | '.join(cells)} |")
    return "\n".join(lines)


def machine() -> str:
    """What ran, and on what; no name of the machine."""
    return (
        f"{len(os.sched_getaffinity(0))} cores, {platform.system()} on {platform.machine()}, Python "
        f"{platform.python_version()}, torch {version('torch')}, nbgrader {version('nbgrader')}, backprop-kit "
        f"{version('backprop-kit')}."
    )


def into(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", "utf-8")


def main() -> None:
    """Run it, and print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    options.add_argument("--only", default="", metavar="TEXT", help="only those whose names contain it")
    options.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}, too")
    asked = options.parse_args()
    names = [name for name in BROKEN if asked.only in name]
    if not names:
        options.error(f"no broken submission is called so: {asked.only}")
    course = find(Path(__file__).parents[1])
    right = {name: source_of(course.assignment(NAME), name) for name in SIX}
    points = {question.id: question.max_points for question in course.assignment(NAME).questions if question.id in SIX}
    honest = sum(points.values())
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        kit_course(course, root / "kit")
        stock_course(course, root / "nbgrader")
        for number, name in enumerate(names, 1):
            print(f"{number} of {len(names)}: {name}", file=sys.stderr)
            broken = BROKEN[name]
            outcomes = {
                tool: None if broken.too_much and tool == "nbgrader" else graded(root, tool, broken, right)
                for tool in COMMANDS
            }
            score = None if broken.unread else honest - sum(points[lost] for lost in broken.lost)
            rows.append(Row(name, score, outcomes))
    text = f"{machine()}\n\n{counted(rows, honest)}\n\n{table(rows, honest)}"
    print(text)
    if asked.write:
        into(PAGE, text)


if __name__ == "__main__":
    main()
