"""The cells of an assignment in nbgrader's gradebook; some may be added after students have handed in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from autograder.course import Assignment, Course
from autograder.errors import CannotGrade
from autograder.run.database import opened


def added(course: Course, name: str) -> None:
    """Enter cells that are new in a source, which nbgrader itself refuses once there are submissions.

    Whoever has handed in gets rows for them, so that the next run grades what they have there. A missing gradebook
    is made.

    Raises:
        CannotGrade: if a cell has gone that submissions have been graded in: what was given for it would go, too.
    """
    from nbgrader import api

    assignment = course.assignment(name)
    with opened(course) as book:
        try:
            notebook = book.find_notebook(name, name)
        except api.MissingEntry:
            return
        if not notebook.submissions:
            return
        new = _cells(assignment)
        there = {kind: {cell.name for cell in getattr(notebook, f"{kind}_cells")} for kind in new}
        if gone := sorted(set().union(*there.values()) - {each for cells in new.values() for each in cells}):
            raise CannotGrade(
                f"{len(notebook.submissions)} submissions of {name} are in the gradebook, and the source no longer has "
                f"{', '.join(gone)}. Without it, what was given for it would be lost: put it back, with 0 points if it "
                "shouldn't count."
            )
        for kind, cells in new.items():
            for each, about in cells.items():
                if each not in there[kind]:
                    cell = getattr(book, f"add_{kind}_cell")(each, name, name, **about)
                    _rows(api, book.db, kind, cell, [one.id for one in notebook.submissions])
        book.db.commit()


def _cells(assignment: Assignment) -> dict[str, dict[str, dict[str, Any]]]:
    """A source's cells as nbgrader sorts them, which may be several sorts at once: sort -> name -> what it is."""
    found: dict[str, dict[str, dict[str, Any]]] = {"grade": {}, "solution": {}, "task": {}, "source": {}}
    for cell in assignment.source.cells:
        about = cell.nbgrader
        points = {"max_score": float(about.get("points") or 0.0), "cell_type": cell.kind}
        if about.get("grade"):
            found["grade"][cell.grade_id] = points
        if about.get("solution"):
            found["solution"][cell.grade_id] = {}
        if about.get("task"):
            found["task"][cell.grade_id] = points
        if any(about.get(sort) for sort in ("grade", "solution", "task", "locked")):
            found["source"][cell.grade_id] = {"cell_type": cell.kind}
    return found


def _rows(api: Any, db: Any, kind: str, cell: Any, notebooks: list[str]) -> None:
    """Give whoever has handed in the rows that nbgrader makes with a submission."""
    sorts = {"grade": [api.Grade], "solution": [api.Comment], "task": [api.Grade, api.Comment]}
    for table in (sort.__table__ for sort in sorts.get(kind, [])):
        have = set(db.execute(select(table.c.notebook_id).where(table.c.cell_id == cell.id)).scalars())
        rows = [{"cell_id": cell.id, "notebook_id": own} for own in notebooks if own not in have]
        if rows:
            db.execute(insert(table), rows)
