"""A course: the folder that holds nbgrader_config.py, its assignments and what was handed in."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from autograder.course import kit
from autograder.course.assignment import Assignment
from autograder.course.folder import meant, same_name
from autograder.course.hidden_tests import hidden_tests
from autograder.course.secret import make_secret, read_secret
from autograder.course.settings import BackpropKit
from autograder.errors import CannotGrade, UsageError, nearest
from autograder.importing import kit_stays
from autograder.visible import shortened, spelled, steering

CONFIG = "nbgrader_config.py"
"""The file that makes a folder a course."""

NAMED = 20
"""Students who are named to whoever asks for one who is not there."""

SHOWN, FEW = 60, 8
"""Characters that are shown of a name that can't be used, and how many of those in it that can't are named."""

LONGEST_NAME = 250
"""Bytes of a student's name, which is its folder's: `.json` is put after it, and a file's name ends at 255."""


class Course:
    """A course folder: the one that holds nbgrader_config.py."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"Course({self.root})"

    @cached_property
    def config(self) -> Config:
        """What nbgrader_config.py says.

        Raises:
            UsageError: if the file is missing or can't be run.
        """
        try:
            return PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        except ConfigFileNotFound:
            raise UsageError(f"There is no {CONFIG} in {self.root}. Name the course's folder with --course.") from None
        except (Exception, SystemExit) as error:
            raise UsageError(f"{self.root / CONFIG} can't be run: {type(error).__name__}: {error}.") from None
        finally:
            kit_stays()

    @cached_property
    def settings(self) -> BackpropKit:
        """The kit's own settings.

        Raises:
            UsageError: if one has a value that it can't have.
        """
        try:
            return BackpropKit(config=self.config)
        except TraitError as error:
            raise self.refused(error) from None

    def refused(self, error: TraitError) -> UsageError:
        """Say that a setting has a value that it can't have, be it the kit's or nbgrader's."""
        return UsageError(f"A setting in {self.root / CONFIG} can't be used: {str(error).removesuffix('.')}.")

    @property
    def assignments(self) -> tuple[str, ...]:
        """Names of the assignments that have a source notebook in the course, sorted."""
        return tuple(sorted(path.parent.name for path in self.root.glob("source/*/*.ipynb") if _is_master(path)))

    def assignment(self, name: str) -> Assignment:
        """Find an assignment by its name: its source and its hidden tests, each in the course or else in the kit.

        Raises:
            UsageError: if neither has one of that name.
        """
        if name not in self.assignments and name not in kit.lessons():
            folder = self.root / "source" / name
            if name.isidentifier() and folder.is_dir():
                there = " and ".join(sorted(path.name for path in folder.glob("*.ipynb"))) or "no notebook"
                raise UsageError(
                    f"{folder} has {there}; a lesson's notebook is named like its folder. Put it there as "
                    f"{name}.ipynb, and its hidden tests in {self.root / self.settings.hidden_tests / name}."
                )
            known = ", ".join(self.assignments) or "none yet"
            raise UsageError(
                f"There is no assignment {name} in {self.root / 'source'}. Known assignments: {known}. "
                f"Those of the kit: {', '.join(kit.lessons())}." + nearest(name, {*self.assignments, *kit.lessons()})
            )
        source = self.root / "source" if name in self.assignments else kit.SOURCES
        own = self.root / self.settings.hidden_tests / name
        tests = own if own.is_dir() or name not in kit.lessons() else kit.HOME / name
        return Assignment(name, source / name / f"{name}.ipynb", hidden_tests(tests), self.root)

    def submissions(self, assignment: str, student: str | None = None) -> dict[str, Path]:
        """Find the submitted notebooks: student id to path, sorted by student.

        Raises:
            UsageError: if nobody, or not this student, has handed anything in.
        """
        return {name: self.submission(assignment, name) for name in self.students(assignment, student)}

    def submission(self, assignment: str, student: str) -> Path:
        """The notebook that a student has handed in.

        A file of another name, or in a folder of another, stands in for `<assignment>/<assignment>.ipynb` where it is
        the only one that can be meant; where none can, the path is that of the notebook that should be there.
        """
        folder = self.root / "submitted" / student
        return meant(_own_folder(folder, assignment) or folder / assignment, assignment)

    def students(self, assignment: str, student: str | None = None) -> list[str]:
        """Who has handed in, sorted; or one of them alone.

        Raises:
            UsageError: if nobody, or not this student, has handed anything in.
        """
        folder = self.root / "submitted"
        found = self.folders(assignment)
        if student is not None:
            if student not in found:
                there = f" There {'is' if len(found) == 1 else 'are'} {', '.join(found[:NAMED])}" if found else ""
                there += f" and {len(found) - NAMED} more." if len(found) > NAMED else "." if found else ""
                told = (there or " Check the student's id.") + nearest(student, found)
                raise UsageError(f"There is no folder {folder / student / assignment}.{told}")
            found = [student]
        named = [name for name in found if not self._barred(name, assignment)]
        if found and not named:
            raise CannotGrade(" ".join(self._barred(name, assignment) for name in found))
        if not found:
            raise UsageError(
                f"No submissions in {folder}/*/{assignment}. Put each student's notebook "
                f"at {folder.name}/<student>/{assignment}/{assignment}.ipynb."
            )
        return named

    def misnamed(self, assignment: str) -> tuple[str, ...]:
        """Say which students' folders can't be graded, for their name or because they are closed: a sentence each."""
        return tuple(filter(None, (self._barred(name, assignment) for name in self.folders(assignment))))

    def doubled(self, assignment: str) -> dict[str, str]:
        """Students whose names look the same, and differ in how their letters are spelled: student to a sentence."""
        names = self.folders(assignment)
        spelled = {unicodedata.normalize("NFC", name) for name in names if not name.isascii()}
        alike: dict[str, list[str]] = {}
        for name in names:
            if (normal := unicodedata.normalize("NFC", name)) in spelled:
                alike.setdefault(normal, []).append(name)
        return {name: _doubled(names) for names in alike.values() if len(names) > 1 for name in names}

    def expected(self, assignment: str, student: str) -> Path:
        """Where a student's notebook should lie."""
        return self.root.joinpath("submitted", student, assignment, f"{assignment}.ipynb")

    def handed_in(self, path: Path) -> Path:
        """The folder that a submitted file was handed in with: the one that holds its time stamp."""
        student, *parts = path.parts[len(self.root.parts) + 1 :]
        return self.root.joinpath("submitted", student, *parts[: min(1, len(parts) - 1)])

    def folders(self, assignment: str) -> list[str]:
        """Those in whose folder something stands where an assignment belongs, or who can tell, sorted.

        Not each of them can be graded: see :meth:`misnamed`.
        """
        folder = self.root / "submitted"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in folder.iterdir() if _own_folder(path, assignment))
        return []

    def _barred(self, student: str, assignment: str) -> str:
        """Say why nothing in a student's folder can be graded; nothing if it can."""
        return _misnamed(student) or _closed(self.root / "submitted" / student, assignment)

    def seed(self, assignment: str) -> str:
        """The first seed of an assignment's hidden inputs: made from the course's secret, which is made on first use.

        Which of its draws is used says :mod:`autograder.judge.draws`.

        Raises:
            CannotGrade: if the secret can't be read or made, or is none: see :data:`SHORTEST_SECRET`.
        """
        path = self.root / self.settings.secret_file
        try:
            secret = read_secret(path)
        except FileNotFoundError:
            make_secret(path)
            secret = read_secret(path)
        return f"{secret}|{assignment}"


def find(folder: Path | None = None) -> Course:
    """Find the course: the folder given, or the nearest one above here that holds nbgrader_config.py.

    Raises:
        UsageError: if there is none.
    """
    if folder is not None:
        if not (folder / CONFIG).is_file():
            raise UsageError(f"{folder} is not a course: it has no {CONFIG}. Name the folder that holds it.")
        return Course(folder.resolve())
    place = near()
    if place is None:
        raise UsageError(
            f"No course here: neither {Path.cwd()} nor a folder above it holds {CONFIG}. Use --course DIR, or make a "
            "course: autograder init DIR"
        )
    return Course(place)


def near(path: Path | None = None) -> Path | None:
    """The nearest course's folder: this one, or one above; None if there is none."""
    here = (path or Path.cwd()).resolve()
    return next((place for place in (here, *here.parents) if (place / CONFIG).is_file()), None)


def _is_master(path: Path) -> bool:
    return path.stem == path.parent.name


def _misnamed(student: str) -> str:
    written = os.fsencode(student)
    shown = written.decode("utf-8", "backslashreplace")
    if shown != student:
        return f"submitted/{shown} was not graded: its name is not UTF-8. Rename the folder, then grade again."
    if odd := steering(student):
        named = ", ".join(f"U+{ord(char):04X}" for char in odd[:FEW])
        return (
            f"submitted/{shortened(spelled(student), SHOWN)} was not graded: its name holds a character that ends a "
            f"line, steers a terminal or turns text round ({named}). Rename the folder, then grade again."
        )
    if len(written) > LONGEST_NAME:
        return (
            f"submitted/{shortened(shown, SHOWN)} was not graded: its name has {len(written)} bytes, and up to "
            f"{LONGEST_NAME} can be used. Rename the folder, then grade again."
        )
    return ""


def _closed(student: Path, assignment: str) -> str:
    """Say that a student's folder can't be looked into, if it can't: to find a folder by its name needs less."""
    wanted = os.X_OK if os.path.lexists(student / assignment) else os.R_OK | os.X_OK
    if os.access(student, wanted) or student.is_symlink() or not student.is_dir():
        return ""
    return (
        f"submitted/{student.name} was not graded: its permissions don't let you look into it. "
        "Let yourself read it, then grade again."
    )


def _doubled(students: Sequence[str]) -> str:
    names = " and ".join(f"submitted/{student} (written {student!a})" for student in students)
    return (
        f"{names} look like the same name, but are two folders. Each was graded separately. "
        "If this is one student, keep the folder that counts and remove the other."
    )


def _own_folder(student: Path, assignment: str) -> Path | None:
    """A student's folder for an assignment: the only one with nearly its name, if there is none with just that."""
    own = student / assignment
    if os.path.lexists(own):
        return own
    if student.is_symlink() or not student.is_dir():
        return None
    if _closed(student, assignment):
        return own  # nobody can tell what is in it
    near = [path for path in sorted(student.iterdir()) if same_name(path.name, assignment) and path.is_dir()]
    return near[0] if len(near) == 1 else None
