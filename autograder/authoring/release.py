"""What students get: made from a source notebook by nbgrader's own converter, with data_utils beside it."""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
from pathlib import Path

from traitlets import TraitError

from autograder.course import CONFIG, DATA_UTILS, Course
from autograder.errors import CannotGrade
from autograder.run import create, tools_on_path

HANDOUT = """\
# {name}

Open `{name}.ipynb` in Jupyter and work from top to bottom.
It needs `torch`, `numpy` and `matplotlib`; the folder `data_utils` beside it brings data, checks and pictures.

Each question has a cell to fill in: replace its `raise NotImplementedError(...)`.
The cell below it checks your answer and says what it finds.
Hand in the notebook itself.
"""


def generate(course: Course, name: str) -> Path:
    """Make `release/<name>/`, and enter its cells into the gradebook, as `nbgrader generate_assignment` does.

    Raises:
        CannotGrade: if nbgrader refuses the source notebook; the sentence is nbgrader's reason.
    """
    course.assignment(name)
    create(course)
    _convert(course, name, save=True)
    folder = course.root / "release" / name
    (folder / "README.md").write_text(HANDOUT.format(name=name), encoding="utf-8")
    return folder


def fresh(course: Course, name: str) -> bytes:
    """The released notebook's bytes, made from the source without touching the course."""
    return tried(course, name, course.assignment(name).path)


def tried(course: Course, name: str, source: Path) -> bytes:
    """The bytes that a source notebook would be released as by a course's settings.

    Raises:
        CannotGrade: if nbgrader refuses it; the sentence is nbgrader's reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Course(Path(scratch).resolve())
        shutil.copy(course.root / CONFIG, scratch)
        (copy.root / "source" / name).mkdir(parents=True)
        shutil.copy(source, copy.root / "source" / name)
        _convert(copy, name, save=False)
        return (copy.root / "release" / name / f"{name}.ipynb").read_bytes()


def pack(folder: Path) -> None:
    """Copy data_utils into a released folder, without what Python and editors leave in it."""
    target = folder / "data_utils"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(DATA_UTILS, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


def archive(folder: Path) -> Path:
    """Zip a released folder for an LMS, with fixed dates, so that equal folders give equal bytes."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(Path(folder.name) / path.relative_to(folder)))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, path.read_bytes())
    return target


def _convert(course: Course, name: str, save: bool) -> None:
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    config = course.config
    config.GenerateAssignment.no_database = not save
    config.GenerateAssignment.force = True
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.source_directory = str(course.assignment(name).path.parents[1])  # the course's, or the kit's
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    if not save:
        converter.preprocessors = [step for step in converter.preprocessors if "SaveCells" not in str(step)]
    heard = _Heard()
    converter.log.addHandler(heard)
    converter.log.propagate = False
    try:
        with tools_on_path():
            converter.start()
    except (NbGraderException, SystemExit, ImportError, TraitError) as error:
        reason = heard.first or str(error)
        raise CannotGrade(f"nbgrader can't release {name}: {reason}") from None
    finally:
        converter.log.removeHandler(heard)
        converter.log.propagate = True


class _Heard(logging.Handler):
    """Keeps the first error that nbgrader logged: its exceptions say less."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.first = self.first or record.getMessage().strip().split("\n")[-1]
