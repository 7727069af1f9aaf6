"""What nbgrader loads from the kit: stubs that name their task, and a saver that never guesses a score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions, SaveAutoGrades

from autograder import release


class NamedStubs(ClearSolutions):  # type: ignore[misc]  # nbgrader has no types
    """Clear solutions; where code was, NotImplementedError says which task is open."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Replace the solution of one cell, named after its grade_id."""
        task = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-code")
        self.code_stub = {"python": f'raise NotImplementedError("{task} is yours to write")'}
        cleared: tuple[NotebookNode, dict[str, Any]] = super().preprocess_cell(cell, resources, cell_index)
        return cleared


class SaveGrades(SaveAutoGrades):  # type: ignore[misc]  # nbgrader has no types
    """Save scores as nbgrader does, but leave a question that could not be judged to a person.

    nbgrader gives 0 for any error in a grade cell, the grader's own included.
    """

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._add_score(cell, resources)
        faults = [output for output in cell.get("outputs", []) if output.get("ename") == "CannotJudge"]
        if faults:
            grade = self.gradebook.find_grade(
                cell.metadata["nbgrader"]["grade_id"], self.notebook_id, self.assignment_id, self.student_id
            )
            grade.auto_score, grade.needs_manual_grade = None, True
            self.gradebook.db.commit()


def pack(assignment: str, student: str, notebooks: list[str]) -> None:
    """Put data_utils beside a released notebook; nbgrader's `post_convert_hook`, called in the course's folder."""
    release.pack(Path("release") / assignment)
