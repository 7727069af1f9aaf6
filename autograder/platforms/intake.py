"""Submissions out of what an LMS hands out: whose each file is, which one counts, and a folder a student.

Nothing is guessed. Whoever can't be told is named with what was sent, and the rest is collected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder import private
from autograder.course import Course
from autograder.errors import UsageError
from autograder.platforms import canvas, moodle, roster, table
from autograder.platforms.archive import Archive, Member, Refused, unfit
from autograder.platforms.roster import Roster, Sender
from autograder.report import listed
from autograder.run import people
from autograder.visible import one_line

PER_STUDENT, BYTES = 1_000, 128 * 2**20
"""Files, and bytes, that one student may hand in; a notebook comes first."""

TIMESTAMP = "timestamp.txt"
"""Where nbgrader reads when something was handed in: a student may not write it."""

_TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class _Sent:
    """A file, where it lies, and who sent it."""

    archive: Archive
    member: Member
    sender: Sender


@dataclass
class Intake:
    """What came of a folder of archives."""

    students: dict[str, int] = field(default_factory=dict)
    """Student -> how many of their files were taken."""
    told: list[str] = field(default_factory=list)
    """What was refused or left, and who could not be told, a sentence each."""
    late: list[str] = field(default_factory=list)
    """Students whom the LMS calls late without saying when."""


def gathered(folder: Path, course: Course, rostered: Path | None = None) -> tuple[Roster, list[str]]:
    """Everybody: those in the gradebook, in the roster, and in the tables that lie in a folder of archives.

    Returns the people, and a sentence for each table that can't be read.
    """
    tables, told = [], []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES) if folder.is_dir() else []
    for path in [*([rostered] if rostered is not None and os.path.lexists(rostered) else []), *found]:
        try:
            read = table.read(path)
        except UsageError as error:
            told.append(str(error))
            continue
        of = canvas if canvas.exported(read) else moodle if moodle.exported(read) else None
        rows = of.people(read) if of else roster.plain(read)
        if not rows:
            told.append(f"{one_line(path.name)} names nobody: it has no column student_id, email or username.")
        tables.append(rows)
    everybody = Roster(people(course), tables)
    return everybody, [*told, *everybody.notes]


def take(folder: Path, into: Path, name: str, everybody: Roster, zone: str = "") -> Intake:
    """Put what an LMS handed out into a folder a student: `into/<student>/<file>`, with `timestamp.txt` where known.

    Shapes:
        folder  holds zips, files and folders as they were downloaded
    """
    done = Intake()
    with ExitStack() as stack:
        found = _found(stack, folder, everybody, done)
        archives = dict.fromkeys(sent.archive for parts in found.values() for part in parts for sent in part)
        for student, parts in sorted(found.items()):
            chosen = _chosen(student, parts, done)
            _write(into, student, chosen, name, done)
            if student in done.students:
                _date(into, everybody, student, chosen, zone, done)
        for archive in archives:
            done.told += archive.refused
    if done.late:
        done.told.append(
            f"Canvas calls {listed(dict.fromkeys(done.late))} late, and doesn't say by how much. Their {TIMESTAMP} is "
            "yours to write, like 2026-11-01 12:00:00 UTC."
        )
    return done


def uploads(folder: Path, everybody: Roster) -> dict[str, list[Sender]]:
    """What lies in a folder of archives: student -> how each of their files was named."""
    if not folder.is_dir():
        return {}
    with ExitStack() as stack:
        found = _found(stack, folder, everybody, Intake())
        return {student: [sent.sender for part in parts for sent in part] for student, parts in found.items()}


def _found(stack: ExitStack, folder: Path, everybody: Roster, done: Intake) -> dict[str, list[list[_Sent]]]:
    """Student -> what each sender that is meant has sent in each archive; whoever isn't told is noted."""
    found: dict[str, dict[tuple[Path, str, str], list[_Sent]]] = {}
    nobody: dict[tuple[Path, str], list[Sequence[Sender]]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _TABLES or path.name.startswith("."):
            continue
        archive = stack.enter_context(Archive(path))
        for member in archive.members:
            ways = moodle.senders(member.name) or canvas.senders(member.name)
            if not ways:
                typed = moodle.typed(member.name) or canvas.typed(member.name)
                archive.refuse(
                    member,
                    f"is text that {typed} typed into {typed.lms}; it was not taken."
                    if typed
                    else "has no name that Canvas or Moodle give a submission; it was not taken.",
                )
            elif (meant := everybody.meant(ways)) is None:
                nobody.setdefault((path, str(ways[0])), []).append(ways)
            else:
                person, way = meant
                part = found.setdefault(person.student, {}).setdefault((path, way.lms, way.number), [])
                part.append(_Sent(archive, member, way))
        done.told += archive.refused
        archive.refused.clear()
    for (path, who), each in nobody.items():
        files = listed(dict.fromkeys(one_line(ways[0].file) for ways in each))
        why = everybody.why([way for ways in each for way in ways])
        done.told.append(f"{one_line(path.name)}: {who} was not collected: {why}. Sent: {files}.")
    return {student: [*parts.values()] for student, parts in found.items()}


def _chosen(student: str, parts: Sequence[list[_Sent]], done: Intake) -> list[_Sent]:
    """What counts of all that a student has sent: everything of one archive, the later upload of two."""
    found = [*parts]
    who = {(sent[0].sender.lms, sent[0].sender.number) for sent in found}
    places = listed(dict.fromkeys(one_line(sent[0].archive.path.name) for sent in found))
    if len(who) > 1:
        names = listed(str(sent[0].sender) for sent in found)
        done.told.append(f"{one_line(student)} was not collected: {names} would all be the same student.")
        return []
    if len(found) > 1:
        contents = [_contents(sent) for sent in found]
        uploads = [{one.sender.upload for one in sent} for sent in found]
        last = max(range(len(found)), key=lambda place: (max(uploads[place]), -place))
        others = [each for place, each in enumerate(uploads) if place != last]
        if all(each == contents[0] for each in contents):
            last = 0
        elif all(max(each) < min(uploads[last]) for each in others):
            later = one_line(found[last][0].archive.path.name)
            done.told.append(
                f"{one_line(student)} handed in again: what {later} has is the later upload, and was taken."
            )
        else:
            done.told.append(
                f"{one_line(student)} was not collected: {places} differ, and don't say which is the later one. "
                "Leave the one that counts."
            )
            return []
        found = [found[last]]
    return found[0]


def _contents(sent: Iterable[_Sent]) -> dict[str, bytes | str]:
    """The files of a submission, by their names; one that can't be read equals no other."""
    found: dict[str, bytes | str] = {}
    for one in sent:
        try:
            found[one.sender.file] = one.member.content()
        except Refused:
            found[one.sender.file] = f"{one.archive.path} {one.member.name}"
    return found


def _write(into: Path, student: str, sent: Sequence[_Sent], name: str, done: Intake) -> None:
    """Write a student's files, notebooks first, as far as one student may take room."""
    own = into / student
    size = 0
    for number, (file, one) in enumerate(_named(sent, name)):
        if number >= PER_STUDENT or size + one.member.size > BYTES:
            one.archive.refuse(
                one.member, f"is more than the {BYTES // 2**20} MB or {PER_STUDENT:,} files of a student."
            )
            continue
        try:
            data = one.member.content()
            private.make((own / file).parent)
            with os.fdopen(os.open(own / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(data)
        except Refused as why:
            one.archive.refuse(one.member, why)
        except OSError as error:
            one.archive.refuse(one.member, f"can't be written: {error.strerror or error}.")
        else:
            size += len(data)
            done.students[student] = done.students.get(student, 0) + 1
            if one.sender.late:
                done.late.append(one_line(student))


def _named(sent: Sequence[_Sent], name: str) -> Iterator[tuple[str, _Sent]]:
    """The files under the names that they get: of two of one name the later upload, and Canvas's `-1` taken off."""
    found: dict[str, list[_Sent]] = {}
    for one in sorted(sent, key=lambda one: -one.sender.upload):
        if why := unfit(one.sender.file):
            one.archive.refuse(one.member, why)
        elif one.sender.file.casefold() == TIMESTAMP:
            one.archive.refuse(one.member, "would say itself when it was handed in; it was not taken.")
        else:
            found.setdefault(one.sender.file, []).append(one)
    for file, [last, *others] in [*found.items()]:
        doubled = bool(others) and others[0].sender.upload == last.sender.upload
        for one in [last, *others] if doubled else others:
            why = (
                "is there more than once; none of them was taken."
                if doubled
                else "was uploaded again later; that one counts."
            )
            one.archive.refuse(one.member, why)
        if doubled:
            del found[file]
    notebooks = [file for file in found if file.lower().endswith(".ipynb")]
    again = re.fullmatch(rf"{re.escape(name)}-\d+\.ipynb", notebooks[0]) if len(notebooks) == 1 else None
    for file in sorted(found, key=lambda file: (not file.lower().endswith(".ipynb"), file)):
        yield f"{name}.ipynb" if again and file == notebooks[0] else file, found[file][0]


def _date(into: Path, everybody: Roster, student: str, sent: Sequence[_Sent], zone: str, done: Intake) -> None:
    """Write when a student handed in, where Moodle's worksheet says so and the course says in which zone."""
    said = next((person.handed_in for person in everybody.people if person.student == student), "")
    if sent[0].sender.lms != moodle.LMS or not said:
        return
    if not zone:
        told = (
            "The worksheet says when each was handed in, in the time zone of your account in Moodle. Say which one "
            f'that is by c.Extractor.time_zone = "Europe/Berlin", and collect again: no {TIMESTAMP} was written.'
        )
        if told not in done.told:
            done.told.append(told)
    elif at := moodle.handed_in(said, ZoneInfo(zone)):
        private.write(into / student / TIMESTAMP, f"{at:%Y-%m-%d %H:%M:%S} UTC\n")
    else:
        done.told.append(
            f"{one_line(student)}: {one_line(said)[:60]}, in the worksheet, is no time in English; no {TIMESTAMP} was "
            "written."
        )
