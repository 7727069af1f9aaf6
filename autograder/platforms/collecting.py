"""nbgrader's `zip_collect` on what Canvas and Moodle hand out: the kit's plug-ins in the places of its own.

nbgrader's extractor unpacks whatever lies there, archives in archives, too. Its collector knows names by one pattern
alone, ends the run at a student who has handed in before, and takes over a timestamp that the student wrote.
"""

from __future__ import annotations

import filecmp
import os
from pathlib import Path
from zoneinfo import ZoneInfo

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin
from traitlets import Unicode

from autograder import private
from autograder.course import find
from autograder.errors import KitError, UsageError
from autograder.platforms import intake
from autograder.report import count
from autograder.visible import one_line


class Extractor(ExtractorPlugin):  # type: ignore[misc]  # nbgrader has no types
    """Unpack what an LMS has handed out into a folder a student; say what was refused, and who could not be told."""

    roster = Unicode(
        "roster.csv",
        help="A table of the course's students, in its folder: student_id, first_name, last_name, email, and canvas_id "
        "if there is one. Tables that Canvas or Moodle export count as well, where they lie beside the archives.",
    ).tag(config=True)
    time_zone = Unicode(
        "",
        help='The time zone of your account in Moodle, such as "Europe/Berlin": the grading worksheet says when each '
        "was handed in, and not in which zone.",
    ).tag(config=True)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Unpack a folder of archives."""
        try:
            self._extract(Path(archive_path), Path(extracted_path))
        except KitError as error:
            self.parent.fail(str(error))

    def _extract(self, archives: Path, into: Path) -> None:
        directory = self.parent.coursedir
        course = find(Path(directory.root))
        if self.time_zone:
            try:
                ZoneInfo(self.time_zone)
            except (LookupError, ValueError, OSError):
                raise UsageError(f"There is no time zone {self.time_zone} (c.Extractor.time_zone).") from None
        everybody, told = intake.gathered(archives, course, course.root / self.roster if self.roster else None)
        with private.making(course.root):
            done = intake.take(archives, into, directory.assignment_id, everybody, self.time_zone)
        for sentence in (*told, *done.told):
            self.log.warning("%s", sentence)
        self.log.info("Unpacked what %s sent.", count(len(done.students), "student"))


class Collector(FileNameCollectorPlugin):  # type: ignore[misc]  # nbgrader has no types
    """Collect what :class:`Extractor` has unpacked; what was handed in before is left, or replaced with a word."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        """Whose file it is, and under which name it is kept; None for one that is left."""
        extracted = Path(self.parent._format_collect_path(self.parent.extracted_directory))
        student, *parts = Path(submitted_file).relative_to(extracted).parts
        if not parts or not self._wanted(extracted / student, student):
            return None
        return {"student_id": student, "file_id": os.path.join(*parts)}  # noqa: PTH118 - nbgrader wants a text

    def _wanted(self, unpacked: Path, student: str) -> bool:
        """Whether a student's folder is to be collected; told once."""
        decided: dict[str, bool] = self.__dict__.setdefault("_decided", {})
        if student not in decided:
            decided[student] = self._decide(unpacked, student)
        return decided[student]

    def _decide(self, unpacked: Path, student: str) -> bool:
        directory = self.parent.coursedir
        there = Path(directory.format_path(directory.submitted_directory, student, directory.assignment_id))
        who = one_line(student)
        if there.is_symlink() or there.parent.is_symlink() or (there.exists() and not there.is_dir()):
            self.log.warning("%s: submitted/%s is no folder of its own; nothing was collected into it.", who, who)
            return False
        if not there.exists() or not any(there.iterdir()):
            return True
        if _equal(unpacked, there):
            self.log.info("%s was collected before, the same; it was left.", who)
            return False
        if self.parent.force:
            self.log.warning("%s has handed in before; --force replaces it by what is in the archive.", who)
            return True
        self.log.warning("%s has handed in before, something else; it was left. --force replaces it.", who)
        return False


def _equal(unpacked: Path, there: Path) -> bool:
    """Whether all that was unpacked has been collected already; what is there beside it doesn't count."""
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    pairs = [(path, there / path.relative_to(unpacked)) for path in files]
    return all(b.is_file() and not b.is_symlink() and filecmp.cmp(a, b, shallow=False) for a, b in pairs)
