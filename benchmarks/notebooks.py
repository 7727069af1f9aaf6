"""Every notebook of a folder on every assignment: what it scores for what it defines.

`python benchmarks/notebooks.py FOLDER` prints a table: points of the questions whose functions or classes a notebook
has, what each question lost, and which of several definitions was graded. A notebook that defines nothing of an
assignment has no line there. Nothing is written to any gradebook; student code runs in the jail.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from autograder.course import find
from autograder.judge import Grader, draws, held
from autograder.result import Result


def line(result: Result) -> str:
    """A notebook's points for the questions that it answers."""
    answered = [q for q in result.questions if q.status not in {"no_answer", "manual"}]
    points, most = sum(q.points or 0 for q in answered), sum(q.max_points for q in answered)
    lost = [f"{q.id} {q.points:g} of {q.max_points:g}" for q in answered if (q.points or 0) < q.max_points]
    told = [q.definition for q in answered if q.definition]
    names = ", ".join(q.id for q in answered) or "nothing"
    parts = [f"{points:g} of {most:g} for {names}", *lost, *told]
    return "; ".join(parts)


def main() -> None:
    """Grade them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the notebooks are")
    papers = sorted(parser.parse_args().folder.glob("*.ipynb"))
    if not papers:
        sys.exit("There is no notebook in this folder.")
    course = find(Path(__file__).parents[1])
    with held(course.settings) as opener:
        for paper in papers:
            print(paper.name)
            for name in course.assignments:
                grader = Grader(course.assignment(name), draws.seed(course, name), opener, course.settings)
                result = grader.grade_file(paper).result
                if result.status != "not_this_assignment":
                    print(f"  {name:9} {line(result)}")


if __name__ == "__main__":
    main()
