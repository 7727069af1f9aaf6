"""The attacks of the tests, on stock nbgrader in kernels and on the kit: how many gain points, how many do harm.

`python benchmarks/attacks.py --this-machine-may-be-destroyed` prints a table; `--only PATTERN` takes some of them.

Each attack is handed in by one student, an honest notebook by a second, and `nbgrader autograde` grades both in a fresh
course; then `autograder grade` does. The six questions have plain asserts there (see `baselines.py`).
The attacker's functions are all wrong: any point is gained by the attack.
A run does harm if the honest student, who is graded last, has not got full marks after it.

Stock nbgrader runs a notebook with the rights of whoever starts it: attacks that would end this script, fill the
machine or remove what is installed are left out there, and stand in the table as not tried.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from baselines import NAME, SIX, kit_course, stock_course, write

from autograder.authoring.demo import filled
from autograder.course import find
from autograder.judge import source_of
from tests import attacks

LICENCE = "--this-machine-may-be-destroyed"
REFUSAL = f"""\
This runs hostile code in kernels, with all your rights: it reads and writes what you can, and tries to.
Run it on a machine that you can throw away, and say so: python benchmarks/attacks.py {LICENCE}
"""

TOO_MUCH = {
    "kill the grader", "fork bomb", "memory bomb", "memory bomb in a cell", "disk bomb", "remove the course",
    "a package that stays", "install something", "walk the disk", "helpers that outlive it", "threads without end",
    "memory that is not its own", "a billion entries from one", "strides past the end", "output flood",
    "read by way of proc", "another descriptor", "answers from a thread", "deaf and endless", "trace the grader",
}  # fmt: skip
"""Not for kernels, which hold nobody."""

LONGEST_S = 120
QUICK = "\nc.Execute.timeout = 5\nc.Execute.interrupt_on_timeout = False\n"
TIGHT = "\nc.BackpropKit.call_s = 1.0\nc.BackpropKit.cell_s = 1.0\nc.BackpropKit.run_all = True\n"


def tried(root: Path, tool: str, name: str, right: dict[str, str]) -> str:
    """Let a grader grade an attack and an honest notebook, and say in a few words what came of it."""
    course = root / "run"
    shutil.rmtree(course, ignore_errors=True)
    shutil.copytree(root / tool, course)
    released = json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    facts = {"COURSE": str(course), "REPO": str(root), "HOST": os.getpid(), "PORT": 9}
    papers = {"mallory": hostile(released, name, facts), "zoe": filled(released, right)}
    for who, paper in papers.items():
        write(course / "submitted" / who / NAME / f"{NAME}.ipynb", paper)
    arguments = {"nbgrader": ["nbgrader", "autograde", NAME], "kit": ["autograder", "grade", NAME, "--workers", "1"]}
    command = [sys.executable, "-m", *arguments[tool]]
    with subprocess.Popen(
        command, cwd=course, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as run:
        try:
            run.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
    found = scores(course / "gradebook.db")
    told = []
    if found.get("mallory", 0.0) > 0:
        told.append(f"gains {found['mallory']:g}")
    if found.get("zoe") != full(right):
        told.append("does harm")
    return ", ".join(told) or "-"


def full(right: dict[str, str]) -> float:
    """The points of an honest student: as the source notebook has them."""
    assignment = find().assignment(NAME)
    return sum(question.max_points for question in assignment.questions if question.id in right)


def hostile(released: dict[str, Any], name: str, facts: attacks.Facts) -> dict[str, Any]:
    """A released notebook with wrong answers, and the attack in a cell above them."""
    parts = attacks.definitions(facts)
    paper = filled(released, {function: parts[function] for function in SIX})
    above = [attacks.cell(attacks.wrong(facts)), attacks.cell(attacks.CELLS[name])]
    for number, cell in enumerate(above):
        cell["id"] = f"attack-{number}"
    paper["cells"][1:1] = above
    return paper


def scores(gradebook: Path) -> dict[str, float]:
    """Each student's points, as a gradebook has them; nobody's, if it can't be read any more."""
    query = (
        "SELECT student_id, SUM(COALESCE(g.manual_score, g.auto_score, 0)) FROM submitted_assignment a"
        " JOIN submitted_notebook n ON n.assignment_id = a.id JOIN grade g ON g.notebook_id = n.id GROUP BY student_id"
    )
    try:
        with sqlite3.connect(gradebook) as book:
            return dict(book.execute(query).fetchall())
    except sqlite3.Error:
        return {}


def main() -> None:
    """Run it, if it may."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    options.add_argument(LICENCE, action="store_true", dest="may", help="say that nothing here is worth keeping")
    options.add_argument("--only", default="", metavar="PATTERN", help="only attacks whose names match")
    asked = options.parse_args()
    if not asked.may:
        sys.exit(REFUSAL)
    course = find()
    right = {name: source_of(course.assignment(NAME), name) for name in SIX}
    names = [name for name in attacks.CELLS if re.search(asked.only, name)]
    counted = {tool: {"tried": 0, "gains": 0, "does harm": 0} for tool in ("nbgrader", "kit")}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        kit_course(course, root / "kit", TIGHT)
        stock_course(course, root / "nbgrader", QUICK)
        print(f"{'attack':44}{'nbgrader':24}kit")
        try:
            for name in names:
                told = {}
                for tool, count in counted.items():
                    held = tool == "kit" or name not in TOO_MUCH
                    told[tool] = tried(root, tool, name, right) if held else "not tried"
                    count["tried"] += held
                    for word in ("gains", "does harm"):
                        count[word] += word in told[tool]
                print(f"{name:44}{told['nbgrader']:24}{told['kit']}", flush=True)
        finally:  # stopped before its end, it says how far it came
            for tool, count in counted.items():
                print(f"{tool}: {count['tried']} tried, {count['gains']} gain points, {count['does harm']} do harm")


if __name__ == "__main__":
    main()
