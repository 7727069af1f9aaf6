"""Moodle: the names in a zip of submissions, its grading worksheet, filled in, and pages named to go back.

The formats are those of Moodle's own source, which is public: see docs/lms.md.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from autograder.errors import UsageError
from autograder.platforms.grades import Grade, Noted, Written
from autograder.platforms.roster import Person, Sender, person
from autograder.platforms.table import Table
from autograder.result import number

LMS = "Moodle"

_SENT = re.compile(r"(?P<name>.*?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)
"""A folder for each student; or, as it was before Moodle 3.1 and can be set, the beginning of each file's name."""

_UNNAMED = {"participant"}
_WHEN = (
    "%A, %d %B %Y, %I:%M %p", "%A, %B %d, %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %I:%M %p",
    "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S",
)  # fmt: skip
"""How Moodle writes a point in time in English, in one country or another."""

_GRADE, _COMMENTS = ("Grade",), ("Feedback comments",)
_MOST, _CHANGEABLE, _HANDED_IN = ("Maximum grade",), ("Grade can be changed",), ("Last modified (submission)",)


def senders(path: str) -> list[Sender]:
    """Who sent a file: the first part of its path that says so is Moodle's, what follows is the sender's own."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        if found := _SENT.fullmatch(part):
            if found["kind"] != "file":
                return []
            file = "/".join(filter(None, [found["file"] or "", *parts[place + 1 :]]))
            name = "" if found["name"].casefold() in _UNNAMED else found["name"]
            return [Sender(LMS, name, found["number"], file)] if file else []
    return []


def typed(path: str) -> Sender | None:
    """Who typed text in place of handing in a file."""
    for part in path.split("/"):
        found = _SENT.fullmatch(part)
        if found and found["kind"] == "onlinetext":
            return Sender(LMS, found["name"], found["number"], "text")
    return None


def exported(table: Table) -> bool:
    """Whether a table is the grading worksheet of an assignment."""
    return table.column("Identifier") is not None and table.column("Full name", "Email address") is not None


def people(table: Table) -> list[Person]:
    """The people of a grading worksheet; nbgrader knows them by their username, number or address, as there is one."""
    return [found for row in table.rows if (found := _person(table, row))]


def handed_in(text: str, zone: ZoneInfo) -> datetime | None:
    """When something was handed in, in UTC and without a zone; None where Moodle's words are not English."""
    for form in _WHEN:
        with suppress(ValueError):
            return datetime.strptime(text.strip(), form).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return None


def filled(table: Table, grades: Sequence[Grade], name: str, column: str = "") -> Written:
    """Put totals and what is to be said of them into a grading worksheet; every other field stays as it was.

    Raises:
        UsageError: if it is no grading worksheet in English.
    """
    place, comments = table.column(column or _GRADE[0]), table.column(*_COMMENTS)
    if not exported(table) or place is None:
        raise UsageError(
            "That is not the grading worksheet of an assignment, in English. In Moodle, set your language to English, "
            "and the assignment's feedback types to have the offline grading worksheet; then, under its submissions: "
            "Download grading worksheet."
        )
    most, changeable = table.column(*_MOST), table.column(*_CHANGEABLE)
    noted = Noted()
    rows = [(found, row) for row in table.rows if (found := _person(table, row))]
    if most is not None and table.rows:
        noted.maximum(table.rows[0][most], grades, LMS)
    for grade, row in noted.paired(grades, rows, LMS):
        if grade.points is None:
            continue
        if changeable is not None and row[changeable].strip().casefold() == "no":
            noted.left(grade, "locked in Moodle")
            continue
        if most is not None and grade.points > (_number(row[most]) or float("inf")):
            noted.left(grade, f"above Moodle's maximum of {row[most].strip()}, which Moodle would pass over")
            continue
        row[place] = number(grade.points)
        if comments is not None:
            mine = f"<p>{html.escape(name)}: "
            if row[comments].strip() and not row[comments].strip().startswith(mine):
                noted.left(grade, "commented on in Moodle: the grade was filled in, and your comment was kept")
            else:
                row[comments] = mine + "<br>".join(html.escape(line) for line in grade.words()) + "</p>"
    return Written(table.text(), noted.sentences())


def returned(person: Person, name: str) -> str:
    """The name under which Moodle takes a page back: it knows whose it is by the number in it."""
    shown = re.sub(r"[_/\\:*?\"<>|&'`\s]+", " ", person.shown).strip() or "Participant"
    return f"{shown}_{person.number(LMS)}_assignsubmission_file_{name}.html"


def _person(table: Table, row: Sequence[str]) -> Person | None:
    def field(*names: str) -> str:
        place = table.column(*names)
        return "" if place is None else row[place].strip()

    found = re.search(r"(\d+)\s*$", field("Identifier"))
    ids = [field("Username"), field("ID number"), field("Email address")]
    if not found or not any([*ids, field("Full name")]):
        return None
    student = next(filter(None, ids), f"participant-{found[1]}")
    when = field(*_HANDED_IN)
    return person(student, ids, [field("Full name")], {LMS: found[1]}, "" if when == "-" else when)


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
