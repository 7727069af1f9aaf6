"""nbgrader's gradebook and `autograded/` folder: the one place that writes them.

The rows are those that `nbgrader autograde` would write: automatic scores, comments on unanswered cells and late
penalties are set; manual scores, manual comments and extra credit are never touched.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import bindparam, insert, select, update

from autograder import private
from autograder.course import CONFIG, Assignment, Course
from autograder.errors import CannotGrade
from autograder.report import called
from autograder.run.autograded import MasterCell, Page
from autograder.run.database import looked_up, number_in, opened, patiently, text_in
from autograder.run.timestamp import timestamp
from autograder.total import Mark, Marks

UNANSWERED = "No response."
"""nbgrader's own comment on a cell that was handed in as it was released."""

_BY_TABLE = {"synchronize_session": False}

T = TypeVar("T")


class Book:
    """An open gradebook, at one assignment."""

    def __init__(self, course: Course, assignment: Assignment) -> None:
        from nbgrader import api

        self.course, self.assignment, self._api = course, assignment, api
        self._open = contextlib.ExitStack()
        self._book = self._open.enter_context(opened(course))
        self._db = self._book.db
        try:
            self._patiently(self._look)
        except BaseException:
            self._open.__exit__(*sys.exc_info())
            raise

    def _look(self) -> None:
        """Read what an assignment asks, as it was released."""
        name = self.assignment.name
        try:
            self._notebook = self._book.find_notebook(name, name)
        except self._api.MissingEntry:
            raise CannotGrade(
                f"The gradebook doesn't know the assignment {name}. Release it first: autograder release {name}"
            ) from None
        self.master = {
            cell.name: MasterCell(cell.name, cell.cell_type, cell.source, bool(cell.locked), cell.checksum)
            for cell in self._notebook.source_cells
        }
        tasks = self._notebook.task_cells
        self._graded = {cell.id: cell.name for cell in (*self._notebook.grade_cells, *tasks)}
        again = f"Release it again: autograder release {name}"
        self._most = {
            cell.name: number_in(cell.max_score, f"the points that {cell.name} has in {name}", again) or 0.0
            for cell in (*self._notebook.grade_cells, *tasks)
        }
        self._answered = {cell.id: cell.name for cell in (*self._notebook.solution_cells, *tasks)}

    def agrees(self) -> None:
        """See that the assignment gives the points that it was released with: a total has one maximum.

        Raises:
            CannotGrade: if it doesn't, with the command that mends it.
        """
        asked = {question.id: question.max_points for question in self.assignment.questions}
        differ = [name for name in {**asked, **self._most} if asked.get(name) != self._most.get(name)]
        if differ:
            name = self.assignment.name
            was, now = (", ".join(_points(of, each) for each in differ) for of in (self._most, asked))
            raise CannotGrade(
                f"{name} was released with {was}; its source has {now}. Release it again, then grade: "
                f"autograder release {name}. A person's marks stay."
            )

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *stopped_by: Any) -> None:
        self._open.__exit__(*stopped_by)

    def write(self, pages: Mapping[str, tuple[Page, Path]]) -> None:
        """Write some students' autograded notebooks, then their rows, all in one transaction.

        Shapes:
            pages  student -> what is written, and the notebook that was submitted

        Raises:
            CannotGrade: if another program keeps the gradebook locked; none of these pages' rows is in it then.
        """
        for student, (made, _) in pages.items():
            private.write(self._autograded(student) / f"{self.assignment.name}.ipynb", made.content)
        self.save(pages)

    def save(self, pages: Mapping[str, tuple[Page, Path]]) -> None:
        """Write some students' rows, all in one transaction, once no other program keeps the gradebook locked."""
        stamps = self._stamps({student: path for student, (_, path) in pages.items()})

        def change() -> None:
            self._rows({student: made for student, (made, _) in pages.items()})
            self._dates(stamps)

        if pages:
            self._committed(change)

    def date(self, notebooks: Mapping[str, Path]) -> None:
        """Set when students handed in, and what being late costs them: it hangs on more than their notebooks.

        Their scores stay as they are. Students without a submission in the gradebook are passed over.

        Shapes:
            notebooks  student -> the notebook that was submitted
        """
        if notebooks:
            stamps = self._stamps(notebooks)
            self._committed(lambda: self._dates(stamps))

    def rehearsed(self, pages: Mapping[str, Page], notebooks: Mapping[str, Path]) -> dict[str, Marks]:
        """What the gradebook would hold if these were written, lateness worked out anew; it stays as it is.

        Shapes:
            pages      student -> what would be written
            notebooks  student -> the notebook that was submitted
        """
        stamps = {who: timestamp(self.course.root, path).at for who, path in notebooks.items()}

        def tried() -> dict[str, Marks]:
            try:
                self._rows(pages)
                self._dates(stamps)
                return self._marks(None)
            finally:
                self._db.rollback()

        return self._patiently(tried)

    def mark(self, student: str, question: str, points: float, comment: str = "") -> None:
        """Give a question a person's points, as formgrader does."""
        name = self.assignment.name

        def change() -> None:
            grade = self._book.find_grade(question, name, name, student)
            grade.manual_score, grade.needs_manual_grade = points, False
            if comment:
                self._book.find_comment(question, name, name, student).manual_comment = comment

        self._committed(change)

    def marks(self, student: str | None = None) -> dict[str, Marks]:
        """What the gradebook holds of those who have handed in, in the order of the lesson's questions."""
        return self._patiently(lambda: self._marks(student))

    def _marks(self, student: str | None) -> dict[str, Marks]:
        submission, notebook = self._api.SubmittedAssignment.__table__, self._api.SubmittedNotebook.__table__
        grade, comment = self._api.Grade.__table__, self._api.Comment.__table__
        self._db.expire_all()
        query = (
            select(notebook.c.id, submission.c.student_id, notebook.c.late_submission_penalty)
            .join(submission, notebook.c.assignment_id == submission.c.id)
            .where(notebook.c.notebook_id == self._notebook.id)
        )
        if student is not None:
            query = query.where(submission.c.student_id == student)
        books = self._db.execute(query).all()
        mine = [book.id for book in books] if student is not None else None
        rows: dict[str, dict[str, Any]] = {}
        given = select(grade).where(grade.c.cell_id.in_(list(self._graded)))
        for row in self._db.execute(given if mine is None else given.where(grade.c.notebook_id.in_(mine))):
            rows.setdefault(row.notebook_id, {})[self._graded[row.cell_id]] = row
        said: dict[str, dict[str, list[str]]] = {}
        told = select(comment).where(comment.c.cell_id.in_(list(self._answered)), comment.c.manual_comment.is_not(None))
        for row in self._db.execute(told if mine is None else told.where(comment.c.notebook_id.in_(mine))):
            about = self._about.get(self._answered[row.cell_id], "")
            said.setdefault(row.notebook_id, {}).setdefault(about, []).append(row.manual_comment)
        order = dict.fromkeys((*self._about.values(), *self._most))
        return {
            student: Marks(
                questions={
                    name: self._mark(student, name, rows[book][name], said.get(book, {}).get(name, []))
                    for name in order
                    if name in rows.get(book, {})
                },
                penalty=self._late(student, penalty),
            )
            for book, student, penalty in books
        }

    def _mark(self, student: str, name: str, row: Any, comments: list[Any]) -> Mark:
        """What a row says, seen to be what nbgrader writes there: other programs can write it, too."""
        here, who = self.assignment.name, called(student)
        of = f"{who} for {name} in {here}"
        again = f"Grade it again: autograder grade {here} --force --student {shlex.quote(who)}"
        person = "Give it again in formgrader, or set that field to NULL in the gradebook's own database."
        texts = (text_in(comment, f"a person's comment to {of}", person).strip() for comment in comments)
        return Mark(
            max_points=self._most[name],
            automatic=number_in(row.auto_score, f"the automatic score (auto_score) of {of}", again),
            manual=number_in(row.manual_score, f"a person's score (manual_score) of {of}", person),
            extra=number_in(row.extra_credit, f"the extra credit (extra_credit) of {of}", person) or 0.0,
            comment="\n".join(filter(None, texts)),
            asks=bool(row.needs_manual_grade),
        )

    def _late(self, student: str, penalty: Any) -> float:
        here, who = self.assignment.name, called(student)
        what = f"what being late costs (late_submission_penalty) {who} in {here}"
        return number_in(penalty, what, f"Grade again, which works it out: autograder grade {here}") or 0.0

    @cached_property
    def _about(self) -> dict[str, str]:
        """Cell that can be commented on -> the question whose answer stands in it: the next that is graded."""
        found: dict[str, str] = {}
        waiting: list[str] = []
        for cell in self.assignment.source.cells:
            if cell.nbgrader.get("solution") or cell.nbgrader.get("task"):
                waiting.append(cell.grade_id)
            if cell.grade_id in self._most:
                found |= dict.fromkeys([*waiting, cell.grade_id], cell.grade_id)
                waiting = []
        return found

    def _stamps(self, notebooks: Mapping[str, Path]) -> dict[str, datetime | None]:
        """When students handed in; `autograded/` keeps it, too, where nbgrader looks for it."""
        found = {who: timestamp(self.course.root, path) for who, path in notebooks.items()}
        for who, stamp in found.items():
            copy = self._autograded(who) / "timestamp.txt"
            if stamp.at and copy.parent.is_dir() and _text(copy).strip() != stamp.text:
                private.write(copy, stamp.text)
        return {who: stamp.at for who, stamp in found.items()}

    def _autograded(self, student: str) -> Path:
        return self.course.root.joinpath("autograded", student, self.assignment.name)

    def _committed(self, change: Callable[[], None]) -> None:
        """Make a change whole; what is not sure to have been written is written again, which changes nothing."""

        def whole() -> None:
            change()
            self._db.commit()

        self._patiently(whole)

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, self._db)

    def known(self, students: Sequence[str]) -> set[str]:
        """Those of some students of whom the gradebook holds a submission."""
        return self._patiently(lambda: set(self._submissions(students)))

    def students(self) -> list[str]:
        """Everybody of whom the gradebook holds a submission."""
        table = self._api.SubmittedAssignment.__table__
        query = select(table.c.student_id).where(table.c.assignment_id == self._notebook.assignment_id)
        return self._patiently(lambda: [*self._db.execute(query).scalars()])

    def _rows(self, pages: Mapping[str, Page]) -> None:
        """Write rows by the table, not by the object: a class is a few statements, not thousands."""
        known = self._submissions(list(pages))
        self._add({student: made for student, made in pages.items() if student not in known})
        known = self._submissions(list(pages))
        notebook = self._api.SubmittedNotebook.__table__
        grade, comment = self._api.Grade.__table__, self._api.Comment.__table__
        query = select(notebook.c.assignment_id, notebook.c.id).where(
            notebook.c.notebook_id == self._notebook.id, notebook.c.assignment_id.in_(list(known.values()))
        )
        notebooks = dict(self._db.execute(query).tuples().all())
        graded, said = dict[str, list[Any]](), dict[str, list[Any]]()
        for table, cells, rows in ((grade, self._graded, graded), (comment, self._answered, said)):
            mine = table.c.cell_id.in_(list(cells)), table.c.notebook_id.in_(list(notebooks.values()))  # as indexed
            for row in self._db.execute(select(table).where(*mine)):
                rows.setdefault(row.notebook_id, []).append(row)
        scores, comments = [], []
        for student, made in pages.items():
            of = notebooks[known[student]]
            for row in graded.get(of, ()):
                score, person = self._scored(row.cell_id, row.manual_score, made)
                if (row.auto_score, row.needs_manual_grade) != (score, person):
                    scores.append({"row": row.id, "score": score, "person": person})
            for row in said.get(of, ()):
                text = self._said(row.cell_id, made)
                if row.auto_comment != text:
                    comments.append({"row": row.id, "text": text})
        changes = (
            (grade, {"auto_score": "score", "needs_manual_grade": "person"}, scores),
            (comment, {"auto_comment": "text"}, comments),
        )
        for table, columns, changed in changes:
            if changed:
                values: dict[Any, Any] = {column: bindparam(name) for column, name in columns.items()}
                change = update(table).where(table.c.id == bindparam("row")).values(values)
                self._db.execute(change, changed, execution_options=_BY_TABLE)

    def _dates(self, stamps: Mapping[str, datetime | None]) -> None:
        """Set when some students handed in, and all of their penalties; only what differs is written."""
        submission, notebook = self._api.SubmittedAssignment.__table__, self._api.SubmittedNotebook.__table__
        due = self._notebook.assignment.duedate
        query = (
            select(
                submission.c.student_id, submission.c.id.label("submission"), submission.c.timestamp,
                submission.c.extension, notebook.c.id.label("notebook"), notebook.c.late_submission_penalty,
            )
            .join(notebook, notebook.c.assignment_id == submission.c.id)
            .where(notebook.c.notebook_id == self._notebook.id, submission.c.student_id.in_(list(stamps)))
        )  # fmt: skip
        self._db.expire_all()
        for row in self._db.execute(query).all():
            at = stamps[row.student_id] or row.timestamp
            if at != row.timestamp:
                self._db.execute(update(submission).where(submission.c.id == row.submission).values(timestamp=at))
            late = lateness(at, due, row.extension)
            penalty = self._penalty(row.student_id, row.notebook, late) if late > 0 else None
            if penalty != row.late_submission_penalty:
                changed = update(notebook).where(notebook.c.id == row.notebook)
                self._db.execute(changed.values(late_submission_penalty=penalty))

    def _scored(self, cell: str, manual: float | None, made: Page) -> tuple[float | None, bool]:
        """An automatic score, and whether a person is asked: what was not written has 0, as nbgrader has it."""
        name = self._graded[cell]
        verdict = next((question for question in made.result.questions if question.id == name), None)
        score = verdict.points if verdict else None
        if verdict is not None and verdict.status == "manual" and not verdict.message and name in made.untouched:
            score = 0.0
        return score, score is None or made.person or manual is not None

    def _said(self, cell: str, made: Page) -> str | None:
        """nbgrader's own comment on a cell, if there is one."""
        return UNANSWERED if self._answered[cell] in made.untouched else None

    def _submissions(self, students: Sequence[str]) -> dict[str, str]:
        """Ids of the submissions of some students, by student."""
        table = self._api.SubmittedAssignment.__table__
        mine = table.c.assignment_id == self._notebook.assignment_id
        query = select(table.c.student_id, table.c.id).where(mine, table.c.student_id.in_(students))
        return dict(self._db.execute(query).tuples().all())

    def _add(self, pages: Mapping[str, Page]) -> None:
        """Make the rows of students who have none yet, as nbgrader's add_submission does, with what was found."""
        if not pages:
            return
        api, new = self._api, self._api.new_uuid
        people = api.Student.__table__
        here = set(self._db.execute(select(people.c.id).where(people.c.id.in_(list(pages)))).scalars())
        submissions = {student: new() for student in pages}
        masters = [
            (
                master.id,
                [cell.id for cell in (*master.grade_cells, *master.task_cells)],
                [cell.id for cell in (*master.solution_cells, *master.task_cells)],
            )
            for master in self._notebook.assignment.notebooks
        ]
        notebooks = [(new(), who, *master) for who in submissions for master in masters]

        def grade(cell: str, made: Page) -> dict[str, Any]:
            score, person = self._scored(cell, None, made) if cell in self._graded else (None, False)
            return {"cell_id": cell, "auto_score": score, "needs_manual_grade": person}

        def comment(cell: str, made: Page) -> dict[str, Any]:
            return {"cell_id": cell, "auto_comment": self._said(cell, made) if cell in self._answered else None}

        tables: list[tuple[Any, list[dict[str, Any]]]] = [
            (api.Student, [{"id": student} for student in pages if student not in here]),
            (
                api.SubmittedAssignment,
                [
                    {"id": submission, "assignment_id": self._notebook.assignment_id, "student_id": student}
                    for student, submission in submissions.items()
                ],
            ),
            (
                api.SubmittedNotebook,
                [
                    {"id": own, "assignment_id": submissions[who], "notebook_id": master}
                    for own, who, master, _, _ in notebooks
                ],
            ),
            (
                api.Grade,
                [
                    {"notebook_id": own, **grade(cell, pages[who])}
                    for own, who, _, graded, _ in notebooks
                    for cell in graded
                ],
            ),
            (
                api.Comment,
                [
                    {"notebook_id": own, **comment(cell, pages[who])}
                    for own, who, _, _, answered in notebooks
                    for cell in answered
                ],
            ),
        ]
        for table, rows in tables:
            if rows:
                self._db.execute(insert(table.__table__), rows)

    def _penalty(self, student: str, notebook: str, late: float) -> float | None:
        """The penalty that the course's plug-in asks for, within 0 and the score."""
        from nbgrader.preprocessors import AssignLatePenalties

        score = self._db.get(self._api.SubmittedNotebook, notebook).score
        try:
            rule = AssignLatePenalties(config=self.course.config)
            rule.init_plugin()
            penalty: float | None = rule.plugin_inst.late_submission_penalty(student, score, late)
        except Exception as error:  # it is the course's own
            raise CannotGrade(
                f"The course's rule for late submissions can't be used, and {student} handed in late: "
                f"{type(error).__name__}: {error}. Look at c.AssignLatePenalties.plugin_class in {CONFIG}."
            ) from None
        return None if penalty is None else min(max(penalty, 0), score)


def lateness(at: datetime | None, due: datetime | None, extension: timedelta | None) -> float:
    """Seconds from the end of a student's time to when they handed in; negative before, 0 where one isn't known."""
    return (at - due - (extension or timedelta())).total_seconds() if at and due else 0.0


def due(course: Course, name: str) -> datetime | None:
    """When the last student's time for an assignment is over, in UTC: nbgrader's due date, and the longest extension.

    None if nbgrader knows of no such date.
    """
    from nbgrader.api import MissingEntry

    def look(book: Any) -> datetime | None:
        try:
            assignment = book.find_assignment(name)
        except MissingEntry:
            return None
        last: datetime | None = assignment.duedate
        extensions = (one.extension or timedelta() for one in assignment.submissions)
        return None if last is None else last + max(extensions, default=timedelta())

    return looked_up(course, look)


def _points(given: Mapping[str, float], name: str) -> str:
    return f"{given[name]:g} for {name}" if name in given else f"no {name}"


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
