"""A course over all of its assignments: each student's way through them, and the mistakes that come back."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.report.about import About
from autograder.report.page import render
from autograder.report.tally import Cause, ClassTally, tally
from autograder.report.words import count, headline, listed, page_name, percent
from autograder.result import Diagnosis, Result

FELL = 0.5
"""A share that is less than this part of a student's own mean before is a fall."""

SHORT = {"gone": "nothing handed in recently", "fell": "dropped sharply", "again": "made a mistake again"}
"""What the table can be filtered by, and how it is called."""


@dataclass(frozen=True)
class Lesson:
    """An assignment of the course, with all of its results."""

    name: str
    found: ClassTally
    about: About

    @property
    def order(self) -> tuple[bool, str, str]:
        """What lessons are sorted by: the dates on which they were due, then their names."""
        return self.about.due is None, str(self.about.due), self.name

    @property
    def says(self) -> str:
        """How the class did on it, in a sentence."""
        scores = self.found.scores
        told = [count(len(self.found.results), "submission")]
        if scores and self.found.max_score > 0:
            told.append(f"the mean is {percent(statistics.fmean(scores) / self.found.max_score)} of its points")
        if self.found.waiting:
            told.append(f"{len(self.found.waiting)} waiting for you")
        if self.about.missing:
            told.append(f"{len(self.about.missing)} not handed in")
        if self.about.withdrawn:
            told.append(f"{len(self.about.withdrawn)} no longer handed in")
        return ", ".join(told)


@dataclass(frozen=True)
class Way:
    """One student's way through the lessons."""

    student: str
    results: tuple[Result | None, ...]
    """In the lessons' order; None where nothing was handed in."""

    @property
    def shares(self) -> tuple[float | None, ...]:
        """The share of the points in each lesson; None where there is none, or none yet."""
        return tuple(
            result.score / result.max_score if result and result.status == "graded" and result.max_score else None
            for result in self.results
        )

    @property
    def mean(self) -> float | None:
        """Their mean, of what was handed in and graded."""
        known = [share for share in self.shares if share is not None]
        return statistics.fmean(known) if known else None

    @property
    def fell(self) -> bool:
        """Whether the last lesson that was graded went far worse than those before."""
        known = [share for share in self.shares if share is not None]
        return len(known) > 1 and known[-1] < FELL * statistics.fmean(known[:-1])


@dataclass(frozen=True)
class Returning:
    """A known mistake that several lessons have seen."""

    diagnosis: Diagnosis
    """In the words of the last of them."""
    lessons: tuple[tuple[str, int], ...]
    """Where, and how many made it."""
    again: tuple[str, ...]
    """Who made it in more than one of them."""


def lesson(name: str, results: Sequence[Result], about: About | None = None) -> Lesson:
    """Put together what is known of an assignment; who no longer hands it in is in none of its figures.

    Raises:
        ValueError: if the results are of several assignments, or two of them of one student.
    """
    told = about or About()
    return Lesson(name, tally([result for result in results if result.submission not in told.withdrawn]), told)


def ways(lessons: Sequence[Lesson]) -> tuple[Way, ...]:
    """Everybody's way, sorted by student: those too whom gradebooks know, and who have never handed in."""
    held = [{result.submission: result for result in one.found.results} for one in lessons]
    names = {name for results in held for name in results}
    names |= {name for one in lessons for name in (*one.about.missing, *one.about.withdrawn)}
    ordered = sorted(names, key=lambda name: (name.casefold(), name))
    return tuple(Way(name, tuple(results.get(name) for results in held)) for name in ordered)


def returning(lessons: Sequence[Lesson]) -> tuple[Returning, ...]:
    """Mistakes that were made in more than one lesson: those first that most students have made again."""
    cards: dict[str, Diagnosis] = {}
    made: dict[str, dict[str, set[str]]] = {}
    for one in lessons:
        for mistake in one.found.mistakes:
            cards[mistake.diagnosis.id] = mistake.diagnosis
            made.setdefault(mistake.diagnosis.id, {}).setdefault(one.name, set()).update(mistake.students)
    found = []
    for card, where in made.items():
        if len(where) > 1:
            times = [student for students in where.values() for student in students]
            again = tuple(sorted({student for student in times if times.count(student) > 1}))
            found.append(Returning(cards[card], tuple((name, len(who)) for name, who in where.items()), again))
    return tuple(sorted(found, key=lambda one: (-len(one.again), -sum(number for _, number in one.lessons))))


def own_ways(lessons: Sequence[Lesson]) -> dict[str, tuple[list[tuple[str, str]], list[tuple[Diagnosis, str]]]]:
    """For each student: what came of each lesson, and the mistakes that they made in several, with where."""
    made: dict[str, dict[str, list[str]]] = {}
    for one in lessons:
        for mistake in one.found.mistakes:
            for student in mistake.students:
                where = made.setdefault(student, {}).setdefault(mistake.diagnosis.id, [])
                where += [] if one.name in where else [one.name]
    back = returning(lessons)
    return {
        way.student: (
            [
                (one.name, headline(result) if result else _nothing(one, way.student))
                for one, result in zip(lessons, way.results, strict=True)
            ],
            [
                (each.diagnosis, listed(where))
                for each in back
                if len(where := made.get(way.student, {}).get(each.diagnosis.id, [])) > 1
            ],
        )
        for way in ways(lessons)
    }


def _nothing(lesson: Lesson, student: str) -> str:
    return "no longer handed in" if student in lesson.about.withdrawn else "nothing was handed in"


def course_page(title: str, lessons: Sequence[Lesson]) -> str:
    """Make the page of a course, for its instructor; it links to the lessons' pages, in folders of their names."""
    everybody, back = ways(lessons), returning(lessons)
    gone, fell = _gone(everybody, lessons), tuple(way.student for way in everybody if way.fell)
    groups = {"gone": [name for cause in gone for name in cause.students], "fell": fell}
    groups["again"] = list(dict.fromkeys(name for one in back for name in one.again))
    needs_of: dict[str, list[str]] = {}
    for name, students in groups.items():
        for student in students:
            needs_of.setdefault(student, []).append(name)
    return render(
        "course.html.jinja",
        title=title,
        lessons=lessons,
        ways=everybody,
        returning=back,
        gone=gone,
        fell=fell,
        links={way.student: _last_page(way, lessons) for way in everybody if any(way.results)},
        needs_of=needs_of,
        choices=[(name, SHORT[name]) for name, students in groups.items() if students],
        SHORT=SHORT,
        page_name=page_name,
    )


def _gone(everybody: Sequence[Way], lessons: Sequence[Lesson]) -> tuple[Cause, ...]:
    """Who has handed in nothing of the latest lessons, those first who are away for longest."""
    away: dict[int, list[str]] = {}
    for way in everybody:
        last = max((place for place, result in enumerate(way.results, 1) if result), default=0)
        if last < len(lessons):
            away.setdefault(last, []).append(way.student)
    return tuple(
        Cause("", f"Not handed in: {listed(one.name for one in lessons[last:])}.", tuple(students))
        for last, students in sorted(away.items())
    )


def _last_page(way: Way, lessons: Sequence[Lesson]) -> str:
    """The page of the last lesson that a student handed in."""
    last = max(place for place, result in enumerate(way.results) if result)
    return f"{lessons[last].name}/students/{page_name(way.student)}"
