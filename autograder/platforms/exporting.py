"""Points on their way out: `autograder export`, and the same as plug-ins of `nbgrader export`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Unicode

from autograder import private
from autograder.course import Course, find
from autograder.errors import KitError, UsageError, refused
from autograder.platforms import canvas, intake, moodle, table
from autograder.platforms.grades import Grade, Written, as_csv, grades, paired
from autograder.platforms.roster import Roster, Sender
from autograder.report import called, listed
from autograder.run import graded, people

FORMATS = ("csv", "canvas", "moodle")
"""What `--to` may name."""

_LMS: Mapping[str, ModuleType] = {"canvas": canvas, "moodle": moodle}

_WANTED = {
    "canvas": "the file that Canvas's gradebook exports (Export > Export Entire Gradebook)",
    "moodle": "the grading worksheet that Moodle hands out (under the assignment's submissions)",
}


def export(found: Sequence[Grade], to: str, into: Path | None = None, column: str = "") -> Written:
    """Make the table of a format; an LMS's is the one that it handed out, filled in.

    Raises:
        UsageError: if there is no such format, or that table is missing or isn't one.
    """
    if to not in FORMATS:
        raise UsageError(f"There is no format {to}. Name one of {', '.join(FORMATS)}.")
    if to == "csv":
        if into is not None or column:
            raise UsageError("--into and --column are for Canvas and Moodle; a table as CSV is made anew.")
        return as_csv(found)
    if into is None:
        raise UsageError(f"--to {to} fills in {_WANTED[to]}. Name it with --into FILE; it stays as it is.")
    made: Written = _LMS[to].filled(table.read(into), found, found[0].assignment, column)
    return made


_OWN = ("source", "submitted", "autograded", "downloaded", ".autograder")
"""Folders in which a course keeps what no table may replace; its hidden tests and its secret lie where it says."""

_DATABASE = b"SQLite format 3\0"
"""How each file begins that may be a gradebook."""


def write(course: Course, place: Path, text: str | bytes) -> None:
    """Write where a person has said: through a link, and into a pipe or a device without taking its place.

    Raises:
        UsageError: if that is no file's name, or something would be gone with it that can't be made again.
        OSError: if it can't be written.
    """
    if not place.name or place.is_dir():
        raise UsageError(f"{place} is a folder. Name a file.")
    if place.exists() and not place.is_file():
        with place.open("wb") as stream:
            stream.write(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        return
    real = place.resolve()
    own = (*_OWN, course.settings.hidden_tests, course.settings.secret_file)
    if any(real.is_relative_to((course.root / each).resolve()) for each in own):
        raise UsageError(f"{place} is among what the course keeps. Name a file elsewhere; nothing was written.")
    if real.is_file() and _is_database(real):
        raise UsageError(f"{place} is a database, perhaps a gradebook. Name another file; nothing was written.")
    private.write(real, text)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


def pages(course: Course, found: Sequence[Grade], to: str, into: Path | None, archive: Path) -> list[str]:
    """Zip the feedback pages of all who have their points, named as an LMS takes them back.

    Returns whose page is not in it, a sentence for each reason.

    Raises:
        UsageError: if the format isn't an LMS's, or what its names are made of is missing.
        OSError: if the zip can't be written.
    """
    if to not in _LMS or into is None:
        raise UsageError("--feedback is for --to canvas and --to moodle, with --into FILE.")
    name = found[0].assignment
    rows = _LMS[to].people(table.read(into))
    sent: dict[str, list[Sender]] = {}
    if to == "canvas":
        sent = intake.uploads(course.root / "downloaded" / name / "archive", Roster(people(course), [rows]))
    made: dict[str, bytes] = {}
    told: dict[str, list[str]] = {}
    for grade, row, _ in paired(found, rows, _LMS[to].LMS):
        who = grade.known.student
        page = course.root / "feedback" / who / name / f"{name}.html"
        if grade.points is None or row is None:
            continue
        goes = canvas.returned(sent.get(who, []), name) if to == "canvas" else moodle.returned(row, name)
        if not goes:
            told.setdefault("sent nothing that lies in downloaded/, so Canvas would not know their page", []).append(
                who
            )
        elif page.is_symlink() or not page.is_file():
            told.setdefault(f"have no page yet: nbgrader generate_feedback {name}", []).append(who)
        else:
            made[goes] = page.read_bytes()
    write(course, archive, _zipped(made))
    return [f"{len(who)} {why}: {listed(map(called, who))}." for why, who in told.items()]


def _zipped(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in sorted(files.items()):
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return held.getvalue()


class _Export(ExportPlugin):  # type: ignore[misc]  # nbgrader has no types
    """What the kit's exporters share: one assignment, one table."""

    format = ""

    def export(self, gradebook: Gradebook) -> None:
        """Write the table to where `--to` says."""
        try:
            self._export()
        except (KitError, OSError) as error:
            self.parent.fail(str((isinstance(error, OSError) and refused(error)) or error))

    def _export(self) -> None:
        course = find(Path(self.parent.coursedir.root))
        names = [str(name) for name in self.assignment] or [*graded(course)]
        if self.format != "csv" and len(names) != 1:
            raise UsageError(f"Name one assignment, by --assignment NAME: there are {listed(names)}.")
        wanted = {str(student) for student in self.student}
        everybody = [grade for name in names for grade in grades(course, name)]
        chosen = [grade for grade in everybody if not wanted or grade.known.student in wanted]
        written = export(chosen, self.format, *self._asked())
        goes = Path(self.to or f"{self.format}.csv")
        write(course, goes, written.text)
        for sentence in written.notes:
            self.log.warning("%s", sentence)
        self.log.info("Wrote %s.", goes)

    def _asked(self) -> tuple[Path | None, str]:
        """The LMS's table, and the column that was named."""
        return None, ""


class CsvExport(_Export):
    """A table of every question of everybody; `nbgrader export --exporter=autograder.plugins.CsvExport`."""

    format = "csv"


class _Filled(_Export):
    into = Unicode("", help="The table that the LMS has handed out; it stays as it is.").tag(config=True)
    column = Unicode("", help="The heading of the assignment's column, where its name doesn't tell.").tag(config=True)

    def _asked(self) -> tuple[Path | None, str]:
        return (Path(self.into) if self.into else None), self.column


class CanvasExport(_Filled):
    """Canvas's gradebook, filled in: with `--CanvasExport.into=FILE`."""

    format = "canvas"


class MoodleExport(_Filled):
    """Moodle's grading worksheet, filled in: with `--MoodleExport.into=FILE`."""

    format = "moodle"
