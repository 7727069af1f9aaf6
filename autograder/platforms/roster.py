"""Who is in a course, by all that an LMS calls them; and who is meant by a name: one person, or it is said why not."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autograder.platforms.archive import unfit
from autograder.platforms.table import Table, wild
from autograder.run import Known
from autograder.visible import one_line

_STUDENT = ("student_id", "id", "username", "login", "login_id", "sis_login_id", "id_number", "email_address", "email")
"""Headings of a roster of the course's own under which nbgrader's id of a student may stand, the surest first."""

_FIELDS = {
    "first": ("first_name", "firstname", "given_name"),
    "last": ("last_name", "lastname", "surname", "family_name"),
    "name": ("full_name", "name", "student"),
    "email": ("email_address", "email"),
}
_NUMBERS = {"Canvas": ("canvas_id", "lms_user_id"), "Moodle": ("identifier",)}


@dataclass(frozen=True)
class Person:
    """A student, by nbgrader's id, and all that is known of the same person elsewhere."""

    student: str
    ids: frozenset[str] = frozenset()
    """What else identifies them: an address, a login, a number of the university; folded for comparing."""
    names: frozenset[str] = frozenset()
    """Their name's letters, first name first and last name first."""
    numbers: Mapping[str, str] | None = None
    """Their number in each LMS, by the LMS's name."""
    handed_in: str = ""
    """When, in the words of the LMS."""
    shown: str = ""
    """Their name, as a table has it."""

    def number(self, lms: str) -> str:
        """Their number in an LMS; empty if it isn't known."""
        return (self.numbers or {}).get(lms, "")


@dataclass(frozen=True)
class Sender:
    """Who sent a file, as far as its name in an archive tells."""

    lms: str
    name: str
    """As the LMS has put it; empty where it is kept from graders."""
    number: str
    file: str
    """The file's path in the sender's own folder."""
    late: bool = False
    upload: int = 0
    """Canvas's number of the upload: later ones are larger. 0 where there is none."""

    def __str__(self) -> str:
        return f"{one_line(self.name) or 'somebody'} ({self.lms} {self.number})"

    def agrees(self, person: Person) -> bool:
        """Whether name and number are a person's, as far as both are known; one of them has to be."""
        number, names = person.number(self.lms), person.names if letters(self.name) else frozenset()
        known = [number == self.number] if number else []
        known += [letters(self.name) in names] if names else []
        return bool(known) and all(known)

    def resembles(self, person: Person) -> bool:
        """Whether name or number are a person's."""
        return person.number(self.lms) == self.number or letters(self.name) in person.names


class Roster:
    """The people of a course: those that nbgrader knows, and those of the tables that a course was given."""

    def __init__(self, known: Iterable[Known], tables: Iterable[Sequence[Person]] = ()) -> None:
        self.people = [_known(one) for one in known]
        self.notes: list[str] = []
        for table in tables:
            often = Counter(name for row in table for name in row.ids)
            for row in table:
                if twice := [name for name in row.ids if often[name] > 1]:
                    self._leave_out(row, f"{one_line(twice[0])} stands there twice")
                else:
                    self._add(row, table)

    def __bool__(self) -> bool:
        return bool(self.people)

    def find(self, senders: Sequence[Sender]) -> list[tuple[Person, Sender]]:
        """Those that may have sent a file, by each way to read its name."""
        return [(person, sender) for sender in senders for person in self.people if sender.agrees(person)]

    def meant(self, ways: Sequence[Sender]) -> tuple[Person, Sender] | None:
        """The one person who can have sent a file, and the way to read its name; None if there is none, or another.

        A name that was made up to be read as somebody else's still holds its owner's number.
        """
        found = self.find(ways)
        if len(found) != 1:
            return None
        me, way = found[0]
        rivals = [other for other in self.people if other is not me]
        taken = {other.number(way.lms) for other in rivals} - {""}
        return None if any(other.number in taken for other in ways if other is not way) else found[0]

    def why(self, senders: Sequence[Sender]) -> str:
        """Say why nobody, or more than one person, is found."""
        if not self:
            return (
                "there is no roster. Put the table that your LMS exports (Canvas's gradebook, Moodle's grading "
                "worksheet) beside the archive, or make roster.csv"
            )
        found = self.find(senders)
        if found:
            near = [
                other.student for other in self.people if any(other.number(one.lms) == one.number for one in senders)
            ]
            return f"that could be {_listed([*(person.student for person, _ in found), *near])}"
        near = [person.student for person in self.people if any(sender.resembles(person) for sender in senders)]
        if near:
            return f"name and number don't belong together: one of them is that of {_listed(near)}"
        return "nobody in the roster has that name and number"

    def _add(self, row: Person, table: Sequence[Person]) -> None:
        """Add what a table says of a person, to the one that it can only mean, or as somebody new."""
        same = [place for place, person in enumerate(self.people) if person.ids & row.ids]
        if not same and sum(bool(other.names & row.names) for other in table) == 1:
            same = [place for place, person in enumerate(self.people) if person.names & row.names]
        if len(same) > 1:
            self._leave_out(row, f"it could be {_listed(self.people[place].student for place in same)}")
        elif same:
            person = self.people[same[0]]
            mine, theirs = person.numbers or {}, row.numbers or {}
            if any(mine[lms] != theirs[lms] for lms in mine.keys() & theirs.keys()):
                self._leave_out(row, f"{one_line(person.student)} has another number elsewhere")
                return
            self.people[same[0]] = replace(
                person,
                ids=person.ids | row.ids,
                names=person.names | row.names,
                numbers={**mine, **theirs},
                handed_in=row.handed_in or person.handed_in,
            )
        elif unfit(row.student) or set(row.student) & set("/*?["):  # a pattern would be everybody's, for nbgrader
            self._leave_out(row, "that can't be the name of a student's folder")
        else:
            self.people.append(row)

    def _leave_out(self, row: Person, why: str) -> None:
        self.notes.append(f"{one_line(row.student)[:80]}, in the roster, was left out: {why}.")


def plain(table: Table) -> list[Person]:
    """The people of a roster of the course's own, as `nbgrader db student import` reads it, or of an LMS's list."""
    places = {field: table.column(*names) for field, names in _FIELDS.items()}
    numbers = {lms: table.column(*names) for lms, names in _NUMBERS.items()}
    found = []
    for row in table.rows:
        ids = [wild(row[place]).strip() for name in _STUDENT if (place := table.column(name)) is not None]
        own = {field: wild(row[place]).strip() if place is not None else "" for field, place in places.items()}
        if any(ids):
            found.append(
                person(
                    next(filter(None, ids)),
                    ids,
                    names=[own["name"], f"{own['last']}, {own['first']}"],
                    numbers={lms: row[place] for lms, place in numbers.items() if place is not None},
                )
            )
    return found


def person(
    student: str,
    ids: Iterable[str],
    names: Iterable[str],
    numbers: Mapping[str, str] | None = None,
    handed_in: str = "",
) -> Person:
    """A person, from what stands in a table; a name as `Last, First` counts in both orders.

    Shapes:
        numbers  LMS -> number
    """
    names, spelled = [*names], set()
    for name in names:
        last, _, first = name.partition(",")
        spelled |= {letters(name), letters(first + last)}
    return Person(
        student=unicodedata.normalize("NFC", student.strip()),
        ids=frozenset(folded for text in (student, *ids) if (folded := _folded(text))),
        names=frozenset(spelled - {""}),
        numbers={lms: number.strip() for lms, number in (numbers or {}).items() if number.strip()},
        handed_in=handed_in,
        shown=names[0] if names else "",
    )


@functools.lru_cache(maxsize=2**16)
def letters(name: str) -> str:
    """A name's letters and digits, whatever their case and however their accents are spelled."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LMN")


def _known(one: Known) -> Person:
    made = person(one.student, [one.email], [f"{one.last}, {one.first}"], {"Canvas": one.number})
    return replace(made, student=one.student)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().casefold())


def _listed(students: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(one_line(student) for student in students))
