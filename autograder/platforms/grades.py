"""What goes out: everybody's points in an assignment, from the one total; and what became of each in an LMS's table."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from autograder.course import Course
from autograder.errors import CannotGrade
from autograder.platforms.roster import Person, Roster
from autograder.platforms.table import made, tame
from autograder.report import called
from autograder.result import Result, number
from autograder.run import Book, Known, Stored, moments, people, records, withdrawn
from autograder.total import Marks, Total, total

FEW = 20
"""Students who are named in a sentence; of more, their number is told."""


@dataclass(frozen=True)
class Grade:
    """One student's points in an assignment; nothing of somebody who waits, or hasn't handed in, counts as zero."""

    assignment: str
    known: Known
    total: Total | None
    """None if nothing has been graded."""
    questions: Mapping[str, float | None]
    """Points of each question, in the lesson's order; None where a person is asked."""
    handed_in: datetime | None = None
    extra: float = 0.0
    """Extra credit, which is in the points."""
    withdrawn: bool = False
    """Whether they were graded, and their folder has been taken away since."""
    damaged: bool = False
    """Whether the record of what was graded can't be read."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """The questions that wait for a person."""
        return tuple(name for name, points in self.questions.items() if points is None)

    @property
    def status(self) -> str:
        """What became of it, in a word or two."""
        if self.total is None:
            return "not graded"
        if self.total.status != "graded":
            return self.total.status.replace("_", " ")
        return "waiting" if self.waiting else "graded"

    @property
    def points(self) -> float | None:
        """The total; None as long as anything of it waits for a person."""
        return self.total.score if self.total is not None and self.status == "graded" else None

    def words(self) -> list[str]:
        """The total, and what is to be said of each question, a line each: what the student reads in an LMS."""
        if self.total is None or self.points is None:
            return []
        lines = [f"{number(self.points)} of {number(self.total.max_score)} points"]
        if self.total.penalty:
            lines.append(f"{number(self.total.penalty)} points less, for being late")
        for question in self.total.questions:
            told = [f"{question.id}: {number(question.points or 0)} of {number(question.max_points)}"]
            told += [text for card in question.diagnoses for text in (card.says, card.hint)]
            told += [text for text in (question.message, question.comment) if text]
            lines.append(" ".join(told))
        return lines


def grades(course: Course, name: str) -> list[Grade]:
    """Everybody whom the gradebook, the records or the folders know, sorted by id.

    Raises:
        CannotGrade: if the gradebook doesn't know the assignment, or nothing of it has been graded.
    """
    with Book(course, course.assignment(name)) as book:
        marks = book.marks()
    kept: dict[str, Stored] = {}
    with contextlib.suppress(CannotGrade):  # there are none: kernels have graded, or nobody has
        kept = {one.result.submission: one for one in records(course, name)}
    results = {who: one.result for who, one in kept.items()}
    if not results and not marks:
        raise CannotGrade(f"No submission of {name} has been graded yet. Grade it first: autograder grade {name}")
    known = {one.student: one for one in people(course)}
    at = moments(course, name)
    gone = withdrawn(course, name, {*marks, *results})
    made = (
        _grade(name, known.get(who, Known(who)), marks.get(who), results.get(who), at.get(who))
        for who in sorted({*known, *marks, *results})
    )
    damaged = {who for who, one in kept.items() if one.damaged}
    return [replace(one, withdrawn=one.known.student in gone, damaged=one.known.student in damaged) for one in made]


def _grade(name: str, known: Known, marks: Marks | None, result: Result | None, at: datetime | None) -> Grade:
    if marks is None and result is None:
        return Grade(name, known, None, {}, at)
    none = Result(assignment=name, submission=known.student, score=0, max_score=0, status="graded", jail="none")
    made = total(result or none, marks)
    if made.questions or marks is None:
        questions = {question.id: question.points for question in made.questions}
    else:
        questions = {id_: mark.points for id_, mark in marks.questions.items()}
    extra = sum(mark.extra for mark in marks.questions.values()) if marks else 0.0
    return Grade(name, known, made, questions, at, extra)


def as_csv(grades: Sequence[Grade]) -> Written:
    """A table of all: a row a student, a column a question; what is not graded is empty."""
    questions = [*dict.fromkeys(question for grade in grades for question in grade.questions)]
    headings = [
        "assignment", "student_id", "last_name", "first_name", "email", "handed_in", "status", "score", "max_score",
        "late_penalty", "extra_credit", "so_far", "waiting", *questions,
    ]  # fmt: skip
    rows = []
    for grade in grades:
        known, found = grade.known, grade.total
        rows.append(
            [
                *map(tame, (grade.assignment, known.student, known.last, known.first, known.email)),
                f"{grade.handed_in:%Y-%m-%d %H:%M:%S} UTC" if grade.handed_in else "",
                f"{grade.status}, no longer handed in" if grade.withdrawn else grade.status,
                _exact(grade.points),
                _exact(found.max_score if found else None),
                _exact(found.penalty if found else None),
                _exact(grade.extra if found else None),
                _exact(found.score if found and any(v is not None for v in grade.questions.values()) else None),
                tame(" ".join(grade.waiting)),
                *(_exact(grade.questions.get(question)) for question in questions),
            ]
        )
    noted = Noted()
    noted.waiting(grades)
    return Written(made([*map(tame, headings)], rows).text(), noted.sentences())


@dataclass(frozen=True)
class Written:
    """A table to be written, and what there is to say of it, a sentence each."""

    text: str
    notes: list[str]


@dataclass
class Noted:
    """What there is to say of a table that is filled in: who waits, whom an LMS doesn't know, what was left."""

    _told: list[str] = field(default_factory=list)
    _left: dict[str, list[str]] = field(default_factory=dict)

    def waiting(self, grades: Iterable[Grade]) -> None:
        """Note whose total is left empty because a person is asked, and whose folder is no longer there."""
        grades = [*grades]
        waiting = [f"{called(one.known.student)} ({_why(one)})" for one in grades if one.total and one.points is None]
        missing = [called(one.known.student) for one in grades if one.total is None]
        self._tell(waiting, "waiting for a person, so the total is empty")
        for name in dict.fromkeys(one.assignment for one in grades if one.damaged):
            damaged = [called(one.known.student) for one in grades if one.damaged and one.assignment == name]
            self._tell(damaged, f"with a record that can't be read, made anew by `autograder grade {name}`")
        gone = [called(one.known.student) for one in grades if one.withdrawn]
        self._tell(gone, "no longer handed in, with the points that the gradebook still has")
        self._tell(missing, "without anything graded, so the total is empty")

    def maximum(self, theirs: str, grades: Sequence[Grade], lms: str) -> None:
        """Note where the LMS has another maximum."""
        most = max((one.total.max_score for one in grades if one.total), default=0.0)
        try:
            same = abs(float(theirs.strip().replace(",", ".")) - most) < 0.005
        except ValueError:
            same = not theirs.strip()
        if not same:
            self._told.append(
                f"{lms} has {theirs.strip()} points for this assignment, and the course has {number(most)}. Points "
                f"were filled in as they are; set {lms}'s to {number(most)}."
            )

    def paired(
        self, grades: Sequence[Grade], rows: Sequence[tuple[Person, list[str]]], lms: str
    ) -> Iterator[tuple[Grade, list[str]]]:
        """Each student with their row; who has none is noted, and so is who waits."""
        self.waiting(grades)
        row_of = {id(person): row for person, row in rows}
        for grade, person, why in paired(grades, [person for person, _ in rows], lms):
            if person is not None:
                yield grade, row_of[id(person)]
            elif grade.total is not None:
                self.left(grade, why)

    def left(self, grade: Grade, why: str) -> None:
        """Note that a student's row was left as it was."""
        self._left.setdefault(why, []).append(called(grade.known.student))

    def sentences(self) -> list[str]:
        """All that was noted."""
        for why, who in self._left.items():
            self._tell(who, why)
        self._left.clear()
        return self._told

    def _tell(self, who: Sequence[str], what: str) -> None:
        if who:
            more = f" and {len(who) - FEW} more" if len(who) > FEW else ""
            self._told.append(f"{len(who)} {what}: {', '.join(who[:FEW])}{more}.")


def paired(grades: Sequence[Grade], rows: Sequence[Person], lms: str) -> list[tuple[Grade, Person | None, str]]:
    """Each student with the one row of an LMS's table that can be meant; else None, and why."""
    by_id, by_name = defaultdict[str, list[Person]](list), defaultdict[str, list[Person]](list)
    by_number = defaultdict[str, list[Person]](list)
    for row in rows:
        by_number[row.number(lms)].append(row)
        for id_ in row.ids:
            by_id[id_].append(row)
        for name in row.names:
            by_name[name].append(row)
    found: list[tuple[Grade, list[Person]]] = []
    for grade, me in zip(grades, Roster(grade.known for grade in grades).people, strict=True):
        numbers = {me.number(lms), me.student} - {""}
        known = [*(by_id.get(id_, ()) for id_ in me.ids), *(by_number.get(one, ()) for one in numbers)]
        named = [by_name.get(name, ()) for name in me.names]
        either = {id(row): row for some in known for row in some} or {id(row): row for some in named for row in some}
        found.append((grade, [*either.values()]))
    claimed = Counter(id(row) for _, mine in found for row in mine)
    told: list[tuple[Grade, Person | None, str]] = []
    for grade, mine in found:
        if len(mine) == 1 and claimed[id(mine[0])] == 1:
            told.append((grade, mine[0], ""))
        elif mine:
            told.append((grade, None, f"with more than one row in {lms}'s table, or one that is another's, too"))
        else:
            told.append((grade, None, f"in no row of {lms}'s table"))
    return told


def _why(grade: Grade) -> str:
    return ", ".join(grade.waiting) if grade.status == "waiting" else grade.status


def _exact(value: float | None) -> str:
    return "" if value is None else f"{round(value, 6):.6f}".rstrip("0").rstrip(".")
