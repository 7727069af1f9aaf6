"""What nbgrader loads from the kit: stubs that name their task, the jail in place of a kernel, the kit's own saver."""

from __future__ import annotations

import atexit
import functools
import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor, SaveAutoGrades

from autograder import course
from autograder.authoring import release
from autograder.judge import draws
from autograder.run import Book, Job, Page, Worker

_DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


class NamedStubs(ClearSolutions):  # type: ignore[misc]  # nbgrader has no types
    """Clear solutions; where code was, NotImplementedError says which task is open."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Replace the solution of one cell, named after what it defines."""
        defined = _DEFINED.search(cell.source)
        task = defined[1] if defined else cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-code")
        self.code_stub = {"python": f'raise NotImplementedError("{task} is yours to write")'}
        cleared: tuple[NotebookNode, dict[str, Any]] = super().preprocess_cell(cell, resources, cell_index)
        return cleared


class JailedExecute(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Grade a submission in the jail: its verdicts become the outputs of its grade cells. No kernel is started."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the autograded notebook in the place of the submitted one."""
        name, student = resources["nbgrader"]["assignment"], resources["nbgrader"]["student"]
        made = _page(name, student)
        resources["nbgrader"]["page"] = made
        content = nb if made.content is None else nbformat.from_dict(json.loads(made.content))
        return content, resources


class SaveResult(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Save what :class:`JailedExecute` found, by the hand that writes for `autograder grade` too."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Write one student's rows."""
        name, student = resources["nbgrader"]["assignment"], resources["nbgrader"]["student"]
        _save(name, {student: resources["nbgrader"]["page"]})
        return nb, resources


class SaveGrades(SaveAutoGrades):  # type: ignore[misc]  # nbgrader has no types
    """Save what kernels found, as nbgrader does, but leave a question that could not be judged to a person.

    For courses that trust their students and keep nbgrader's own executor: that gives 0 for any error in a grade cell,
    the grader's own included.
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


def save_unreadable(assignment: str, student: str, notebooks: list[str]) -> None:
    """Write rows for what nbgrader can't take in by itself; its `pre_convert_hook`, called in the course's folder.

    nbgrader stops at a file that it can't read, or that has another name, and leaves no trace of it in the gradebook.
    """
    submissions = course.find().submissions(assignment)
    _save_unreadable(assignment, tuple((who, _version(path)) for who, path in submissions.items()))


@functools.lru_cache(maxsize=1)
def _save_unreadable(assignment: str, versions: tuple[tuple[str, int], ...]) -> None:
    """Once for a run: nbgrader calls its hook for every student, and doesn't say for whom."""
    submissions = course.find().submissions(assignment)
    strange = [who for who, path in submissions.items() if not _nbgrader_reads(path, assignment)]
    _save(assignment, {who: _page(assignment, who) for who in strange})


def _nbgrader_reads(path: Path, assignment: str) -> bool:
    try:
        nbformat.read(path, as_version=4)
    except Exception:  # whatever it trips over, nbgrader will too
        return False
    return path.name == f"{assignment}.ipynb"


def _version(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _save(assignment: str, pages: dict[str, Page]) -> None:
    here = course.find()
    submissions = here.submissions(assignment)
    with Book(here, here.assignment(assignment)) as book:
        book.save({who: (made, submissions[who].parent) for who, made in pages.items()})


def _page(assignment: str, student: str) -> Page:
    here = course.find()
    found = here.assignment(assignment)
    path = here.submissions(assignment, student)[student]
    with Book(here, found) as book:
        master = book.master
    return _worker(assignment, str(here.root), _version(found.path)).work(student, path, master)


@functools.lru_cache(maxsize=1)
def _worker(assignment: str, root: str, source: int) -> Worker:
    """One jail for all submissions of a run; a server that lives long gets a new one when the assignment changes."""
    _open.close()
    here = course.find(Path(root))
    worker = Worker(Job(here, assignment, draws.seed(here, assignment), trust=False))
    _open.callback(worker.close)
    return worker


_open = ExitStack()
"""The worker that has not been closed yet."""
atexit.register(_open.close)
