"""What nbgrader loads from the kit: stubs that name their task, the jail in place of a kernel, the kit's own saver."""

from __future__ import annotations

import atexit
import fnmatch
import functools
import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor, SaveAutoGrades

from autograder import course
from autograder.authoring import release, start
from autograder.errors import KitError
from autograder.judge import draws
from autograder.run import Book, Handed, Job, Page, Worker, barred, hand, noted, notes, remember
from autograder.visible import VisibleLog

_VISIBLE = VisibleLog()
"""One for all: a logger takes the same filter once, and formgrader's server lives long."""

_DEFINED = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


class NamedStubs(ClearSolutions):  # type: ignore[misc]  # nbgrader has no types
    """Clear solutions; where code was, NotImplementedError says which task is open. The lesson starts anywhere."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the first cells in front, and clear the solutions."""
        try:
            start.begin(nb, course.find(Path()), resources["nbgrader"]["assignment"])
        except KitError as error:
            self.log.error("%s", error)  # noqa: TRY400 - a sentence for a person, and no traceback
            raise NbGraderException(str(error)) from None
        cleared: tuple[NotebookNode, dict[str, Any]] = super().preprocess(nb, resources)
        return cleared

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Replace the solution of one cell, named after what it defines."""
        defined = _DEFINED.search(cell.source)
        task = defined[1] if defined else cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-code")
        self.code_stub = {"python": f'raise NotImplementedError("{task} is yours to write")'}
        cleared: tuple[NotebookNode, dict[str, Any]] = super().preprocess_cell(cell, resources, cell_index)
        return cleared


class JailedExporter(NotebookExporter):  # type: ignore[misc]  # nbconvert has no types
    """Stand between nbgrader and what was handed in: it is left with plain folders, and opens no notebook of them.

    nbgrader makes its exporter when it has listed what was handed in, and before it touches any of it. What it would
    stumble over, or follow, or copy without a bound, is taken off its list here, graded, and written.
    """

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config=config, **options)
        if isinstance(self.parent, Autograde):
            self.log.addFilter(_VISIBLE)
            try:
                self._take_over(self.parent)
            except KitError as error:
                self.log.error("%s", error)  # noqa: TRY400 - a sentence for a person, and no traceback
                raise NbGraderException(str(error)) from None

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Convert a notebook; one that no preprocessor would see is not opened, and an empty one stands for it."""
        converted: tuple[str, dict[str, Any]]
        if self._preprocessors:
            converted = super().from_filename(filename, resources, **options)
        else:
            converted = self.from_notebook_node(nbformat.v4.new_notebook(), resources, **options)
        return converted

    def _take_over(self, converter: Autograde) -> None:
        """Grade what nbgrader can't, and leave the rest on its list."""
        folders, name = converter.coursedir, converter.coursedir.assignment_id
        here = course.find(Path(folders.root))
        submissions = here.submissions(name)
        told = notes(here, name, submissions)
        plain, strange = {}, {}
        for who, path in submissions.items():
            listed = folders.format_path(folders.submitted_directory, who, name)
            if listed in converter.assignments and not told[who] and _as_nbgrader_wants(here, who, path, name):
                plain[listed] = converter.assignments[listed]
            elif _asked_for(who, folders):
                strange[who] = path
        converter.assignments = plain
        for sentence in here.misnamed(name):
            self.log.error("%s", sentence)
        with Book(here, here.assignment(name)) as book:
            book.date({who: path for who, path in submissions.items() if who not in strange})
            for number, (who, path) in enumerate(strange.items(), 1):
                self.log.info("Grading %s (%d of %d that nbgrader can't take in)", who, number, len(strange))
                handed, found = _graded(here, name, who, path, book.master)
                made = noted(found, told[who])
                book.write({who: (made, path)})
                remember(here, name, handed, made.result)
                for sentence in filter(None, dict.fromkeys((made.result.message, *told[who]))):
                    self.log.warning("%s: %s", who, sentence)


def _asked_for(who: str, folders: Any) -> bool:
    """Whether nbgrader was asked to grade a student."""
    left_out = folders.student_id_exclude.split(",")
    return who not in left_out and (who == folders.student_id or fnmatch.fnmatchcase(who, folders.student_id))


def _as_nbgrader_wants(here: course.Course, who: str, path: Path, name: str) -> bool:
    """Whether nbgrader knows a notebook by its name, and its student by the folder's."""
    return path == here.expected(name, who) and path.is_file() and not barred(here.root, path) and who.isprintable()


class JailedExecute(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Grade a submission in the jail: its verdicts become the outputs of its grade cells. No kernel is started."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the autograded notebook in the place of the submitted one."""
        name, student = resources["nbgrader"]["assignment"], resources["nbgrader"]["student"]
        handed, made = _page(name, student)
        if made.result.message:
            self.log.warning("%s: %s", student, made.result.message)
        resources["nbgrader"]["page"] = handed, made
        return nbformat.from_dict(json.loads(made.content)), resources


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
    """Put beside a release what goes with it; nbgrader's `post_convert_hook`, called in the course's folder."""
    here = course.find(Path())
    release.furnish(here, assignment, here.root / "release" / assignment)
    release.fetched(here)


def save_unreadable(assignment: str, student: str, notebooks: list[str]) -> None:
    """Write rows for what nbgrader can't take in by itself; its `pre_convert_hook`, called in the course's folder.

    Settings of 0.1.0 name it, and have no :class:`JailedExporter`: there nbgrader stops at a file that it can't read,
    or that has another name, and leaves no trace of it in the gradebook.
    """
    submissions = course.find().submissions(assignment)
    _save_unreadable(assignment, tuple((who, _version(path)) for who, path in submissions.items()))


@functools.lru_cache(maxsize=1)
def _save_unreadable(assignment: str, versions: tuple[tuple[str, int], ...]) -> None:
    """Once for a run: nbgrader calls its hook for every student, and doesn't say for whom."""
    submissions = course.find().submissions(assignment)
    here = course.find()
    strange = [who for who, path in submissions.items() if not _nbgrader_reads(path, here.expected(assignment, who))]
    _save(assignment, {who: _page(assignment, who) for who in strange})


def _nbgrader_reads(path: Path, expected: Path) -> bool:
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:  # whatever it trips over, nbgrader will too
        return False
    return path == expected and all(isinstance(c.metadata, dict) and isinstance(c.source, str) for c in cells)


def _version(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _save(assignment: str, pages: Mapping[str, tuple[Handed, Page]]) -> None:
    here = course.find()
    with Book(here, here.assignment(assignment)) as book:
        book.save({who: (made, here.root / handed.path) for who, (handed, made) in pages.items()})
    for handed, made in pages.values():
        remember(here, assignment, handed, made.result)


def _page(assignment: str, student: str) -> tuple[Handed, Page]:
    here = course.find()
    found = here.assignment(assignment)
    path = here.submissions(assignment, student)[student]
    with Book(here, found) as book:
        master = book.master
    return _graded(here, assignment, student, path, master)


def _graded(here: course.Course, name: str, student: str, path: Path, master: Mapping[str, Any]) -> tuple[Handed, Page]:
    """What was judged, read once, and what came of it."""
    worker = _worker(name, str(here.root), here.assignment(name).digest)
    handed = hand(here, name, student, path)
    return handed, worker.work(handed, master)


@functools.lru_cache(maxsize=1)
def _worker(assignment: str, root: str, judged_by: str) -> Worker:
    """One jail for all submissions of a run; a server that lives long gets a new one when the assignment changes."""
    _open.close()
    here = course.find(Path(root))
    worker = Worker(Job(here, assignment, draws.seed(here, assignment), trust=False))
    _open.callback(worker.close)
    return worker


_open = ExitStack()
"""The worker that has not been closed yet."""
atexit.register(_open.close)
