"""Canvas: the names in a zip of submissions, the gradebook's export, filled in, and pages named to go back.

The formats are those of Canvas's own source, which is public: see docs/lms.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from autograder.errors import UsageError, nearest
from autograder.platforms.grades import Grade, Noted, Written
from autograder.platforms.roster import Person, Sender, letters, person
from autograder.platforms.table import Table
from autograder.result import number

LMS = "Canvas"

_SENT = re.compile(r"(?=_(LATE_)?(\d+)_(\d+)_(.+))", re.DOTALL)
"""What follows a sender's name: lateness, the sender's number, the upload's, and the file's own name."""

_ANONYMOUS = re.compile(r"(LATE_)?anon_([A-Za-z0-9]+)_(\d+)_(.+)", re.DOTALL)
_TYPED = re.compile(r"(.+?)_(LATE_)?(\d+)_(text|link)\.html")
_COLUMN = re.compile(r"(?P<title>.*\S)\s\((?P<id>\d+)\)", re.DOTALL)
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)
"""How Canvas writes a name that begins with an equals sign."""

_INFO = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")


def senders(path: str) -> list[Sender]:
    """Every way to read who sent a file; a name that was made up to look like another person's has more than one."""
    name = path.rpartition("/")[2]
    if found := _ANONYMOUS.fullmatch(name):
        return [Sender(LMS, "", f"anon_{found[2]}", found[4], bool(found[1]), int(found[3]))]
    ways = []
    for found in _SENT.finditer(name):
        if who := name[: found.start()]:
            ways.append(Sender(LMS, who, found[2], found[4], bool(found[1]), int(found[3])))
    return [way for way in ways if way.late or not way.name.endswith("_LATE")]


def typed(path: str) -> Sender | None:
    """Who typed text, or named a page, in place of a file."""
    found = _TYPED.fullmatch(path.rpartition("/")[2])
    return Sender(LMS, found[1], found[3], found[4], bool(found[2])) if found else None


def exported(table: Table) -> bool:
    """Whether a table is Canvas's gradebook."""
    return table.column("ID") is not None and table.column("Section") is not None and bool(_name_columns(table))


def people(table: Table) -> list[Person]:
    """The people of Canvas's gradebook; nbgrader knows them by their login."""
    return [found for row in table.rows if (found := _person(table, row))]


def filled(table: Table, grades: Sequence[Grade], name: str, column: str = "") -> Written:
    """Put totals into the column of an assignment; every other field stays as it was.

    Raises:
        UsageError: if it isn't Canvas's gradebook, or no column, or more than one, is the assignment's.
    """
    if not exported(table):
        raise UsageError(
            "That is not the file that Canvas's gradebook exports. There: Export > Export Entire Gradebook."
        )
    place = _column(table, name, column)
    noted = Noted()
    most = next((row[place] for row in table.rows if "Points Possible" in row[0]), "")
    if "read only" in most:
        raise UsageError(f"Canvas calculates the column {table.headings[place]} itself; it can't be filled in.")
    noted.maximum(most, grades, LMS)
    rows = [(found, row) for row in table.rows if (found := _person(table, row))]
    for grade, row in noted.paired(grades, rows, LMS):
        held = row[place].strip()
        if held.upper() in {"EX", "N/A"}:
            noted.left(grade, "excused in Canvas" if held.upper() == "EX" else "not given this assignment in Canvas")
        elif grade.points is not None:
            row[place] = number(grade.points)
    return Written(table.text(), noted.sentences())


def returned(uploads: Iterable[Sender], name: str) -> str:
    """The name under which Canvas takes a page back: that of the newest file that was handed in; empty without one."""
    mine = [sent for sent in uploads if sent.upload]
    if not mine:
        return ""
    sent = max(mine, key=lambda one: one.upload)
    late = "LATE_" if sent.late else ""
    return f"{sent.name}_{late}{sent.number}_{sent.upload}_{name}.html"


def _name_columns(table: Table) -> list[int]:
    both = [table.column("LastName"), table.column("FirstName")]
    found = both if None not in both else [table.column("Student")]
    return [place for place in found if place is not None]


def _person(table: Table, row: Sequence[str]) -> Person | None:
    """Who a row is about; None for those of Canvas's own: points, hidden columns, the test student."""
    name = ", ".join(_unquoted(row[place]) for place in _name_columns(table))
    own = {heading: row[place].strip() for heading in _INFO if (place := table.column(heading)) is not None}
    if "Points Possible" in name or not any(own.values()):
        return None
    student = own.get("SIS Login ID") or own.get("SIS User ID") or own["ID"]
    ids = [value for heading, value in own.items() if heading != "ID"]
    return person(student, ids, [name], {LMS: own["ID"]})


def _unquoted(name: str) -> str:
    found = _QUOTED.fullmatch(name)
    return found[1] if found else name


def _assignments(table: Table) -> Iterator[tuple[int, str]]:
    """Columns of assignments, with their titles: Canvas writes its own number behind each."""
    for place, heading in enumerate(table.headings):
        if found := _COLUMN.fullmatch(heading):
            yield place, found["title"]


def _column(table: Table, name: str, column: str) -> int:
    wanted = column or name
    found = [place for place, title in _assignments(table) if wanted in {title, table.headings[place]}]
    if not found and not column:
        found = [place for place, title in _assignments(table) if letters(title) == letters(name)]
    if len(found) == 1:
        return found[0]
    there = [table.headings[place] for place, _ in _assignments(table)]
    listed = "; ".join(there) or "none"
    hint = 'Name the right one with --column "TITLE (NUMBER)".' if there else "Make the assignment in Canvas first."
    told = f"{len(found)} columns are called {wanted}" if found else f"No column is called {wanted}"
    raise UsageError(f"{told}, and none is made up. Columns of assignments: {listed}. {hint}{nearest(wanted, there)}")
