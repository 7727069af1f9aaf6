"""What students get: made from a source notebook by nbgrader's own converter, with all that goes with it beside it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from traitlets import TraitError

from autograder.authoring import parcel, start
from autograder.authoring.placing import placing
from autograder.course import CONFIG, DATA_UTILS, Course
from autograder.errors import CannotGrade
from autograder.run import added, tools_on_path

POINTER = "Read `AGENTS.md` first: it says what an assistant may help with in this folder.\n\n@AGENTS.md\n"
"""Where an assistant that reads no `AGENTS.md` by itself is sent."""

BESIDE = "it is beside this file. Keep it beside the notebook."
FETCHED = "it is beside this file; a notebook on its own downloads it."


def generate(course: Course, name: str) -> Path:
    """Make `release/<name>/`, and enter its cells into the gradebook, as `nbgrader generate_assignment` does.

    A release that was there stays until the new one is whole.

    Raises:
        CannotGrade: if nbgrader refuses the source notebook; the sentence is nbgrader's reason. Or if questions have
            gone that students have been graded in.
        UsageError: if an address or the file of the policy can't be used.
    """
    course.assignment(name)
    start.said(course, name)
    added(course, name)
    folder = Path("release", name)
    with placing(course.root, [folder], instead=True) as draft:
        _convert(course, name, save=True, into=draft / "release")
        furnish(course, name, draft / folder)
    fetched(course)
    return course.root / folder


def made(course: Course, name: str) -> dict[str, bytes]:
    """What stands in `release/<name>/` beside data_utils, made without touching the course: place to bytes."""
    start.said(course, name)
    notebook = tried(course, name, course.assignment(name).path)
    return {f"{name}.ipynb": notebook, **{place: text.encode() for place, text in texts(course, name).items()}}


def tried(course: Course, name: str, source: Path) -> bytes:
    """The bytes that a source notebook would be released as by a course's settings.

    Raises:
        CannotGrade: if nbgrader refuses it; the sentence is nbgrader's reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Course(Path(scratch).resolve())
        shutil.copy(course.root / CONFIG, scratch)
        start.carry(course, copy)
        (copy.root / "source" / name).mkdir(parents=True)
        shutil.copy(source, copy.root / "source" / name)
        _convert(copy, name, save=False, into=copy.root / "release")
        return (copy.root / "release" / name / f"{name}.ipynb").read_bytes()


def texts(course: Course, name: str) -> dict[str, str]:
    """The texts beside a released notebook: for the student, and for an AI assistant.

    Raises:
        UsageError: if the course's own policy can't be read.
    """
    where = FETCHED if start.data_utils_url(course) else BESIDE
    readme = (start.HANDOUT / "README.md").read_text(encoding="utf-8").replace("{where}", where)
    return {"README.md": readme.replace("{name}", name), "AGENTS.md": start.policy(course), "CLAUDE.md": POINTER}


def furnish(course: Course, name: str, folder: Path) -> None:
    """Put what goes with a released notebook into its folder."""
    pack(folder)
    for place, text in texts(course, name).items():
        (folder / place).write_text(text, encoding="utf-8")


def fetched(course: Course) -> Path:
    """Write the file that belongs at the address that notebooks fetch data_utils from, if the course has set one."""
    place = course.root / "release" / f"{parcel.DATA}.zip"
    if start.data_utils_url(course):
        place.write_bytes(parcel.data_utils())
    return place


def pack(folder: Path) -> None:
    """Copy data_utils into a folder, without what Python and editors leave in it."""
    target = folder / parcel.DATA
    shutil.rmtree(target, ignore_errors=True)
    for place, path in parcel.files_of(DATA_UTILS).items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / place)


def archive(folder: Path) -> Path:
    """Zip a folder for an LMS, so that equal folders give equal bytes."""
    target = folder.with_suffix(".zip")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    target.write_bytes(
        parcel.zipped({(path.relative_to(folder.parent)).as_posix(): path.read_bytes() for path in paths})
    )
    return target


def _convert(course: Course, name: str, save: bool, into: Path) -> None:
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory

    config = course.config
    config.GenerateAssignment.no_database = not save
    config.GenerateAssignment.force = True
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.assignment_id = name
    config.CourseDirectory.release_directory = str(into)
    config.CourseDirectory.source_directory = str(course.assignment(name).path.parents[1])  # the course's, or the kit's
    config.GenerateAssignment.post_convert_hook = None  # the kit's own packs, where nbgrader's own command is run
    try:
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    except TraitError as error:
        raise course.refused(error) from None
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
