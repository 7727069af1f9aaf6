"""An autograder for one assignment that runs elsewhere: one zip, with all that grading a submission needs.

What every platform needs is put together here: the kit, a course with this assignment alone, its secret, and a lock
file for pip. A platform's own files lie in `bundles/<platform>/`; the module of its name tells it what was judged.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from autograder import __version__, private
from autograder.authoring.parcel import files_of, zipped
from autograder.course import CONFIG, DATA_UTILS, HOME, SOURCES, Assignment, Course
from autograder.errors import CannotGrade, UsageError, nearest
from autograder.platforms.lock import pinned
from autograder.platforms.unpacked import OWN_MIB
from autograder.result import points

_TEMPLATES = Path(__file__).parent / "bundles"

_SHOWN = {
    "after_due_date": "after the due date, or the late due date where there is one",
    "after_published": "when you publish the grades",
    "visible": "at once",
    "hidden": "never",
}


def platforms() -> tuple[str, ...]:
    """The platforms that a bundle can be made for."""
    return tuple(sorted(folder.name for folder in _TEMPLATES.iterdir() if folder.is_dir()))


def bundle(course: Course, name: str, platform: str, index: str = "") -> Path:
    """Make the autograder of an assignment for a platform; its owner alone can read it, for the secret is in it.

    `index` is the address of a further index that pip asks for packages.

    Raises:
        UsageError: if there is no such platform or assignment, or the index is no address.
        CannotGrade: if it has no question that code judges, or the bundle can't be written.
    """
    if platform not in platforms():
        raise UsageError(
            f"There is no bundle for {platform}. There is one for {', '.join(platforms())}."
            + nearest(platform, platforms())
        )
    if index and not re.fullmatch(r"https?://\S+", index):
        raise UsageError(f"{index!r} is no address of an index. It begins with https://, and has no blanks.")
    asked = course.assignment(name)
    if not asked.max_score:
        raise CannotGrade(f"{name} has no question that code judges, so there is nothing that {platform} could run.")
    path = course.root / "bundles" / f"{name}-{platform}.zip"
    try:
        private.write(path, zipped(dict(_contents(course, asked, platform, index))))
    except OSError as error:
        raise CannotGrade(f"{path} can't be written: {error.strerror or error}.") from None
    return path


def _contents(course: Course, asked: Assignment, platform: str, index: str) -> Iterator[tuple[str, bytes]]:
    """The files of a bundle, by their places in it."""
    told = _told(course, asked)
    for place, path in files_of(_TEMPLATES / platform).items():
        text = path.read_text(encoding="utf-8")
        for word, meaning in told.items():
            text = text.replace(word, meaning)
        yield place, text.encode()
    lines = [*([f"--extra-index-url {index}"] if index else []), *pinned()]
    yield "requirements.txt", ("\n".join(lines) + "\n").encode()
    yield f"course/{CONFIG}", _settings(course).encode()
    yield "course/secret", f"{course.seed(asked.name).removesuffix(f'|{asked.name}')}\n".encode()
    for draw in (course.root / ".autograder" / "draws").glob(f"{asked.name}.json"):
        yield f"course/.autograder/draws/{draw.name}", draw.read_bytes()  # so that it needn't be chosen again
    yield from _folder(f"course/source/{asked.name}", asked.path.parent)
    if not asked.tests.of_the_kit:
        yield from _folder(f"course/hidden_tests/{asked.name}", asked.tests.folder)
    lessons = {*asked.tests.borrowed, *([asked.name] if asked.tests.of_the_kit else [])}
    for place, content in _folder("kit/autograder", HOME.parent):
        room, *parts = place.split("/")[2:]
        if room != SOURCES.name and not (room == HOME.name and len(parts) > 1 and parts[0] not in lessons):
            yield place, content
    for lesson in sorted(lessons):
        yield from _folder(f"kit/autograder/source/{lesson}", SOURCES / lesson)
    yield from _folder("kit/data_utils", DATA_UTILS)


def _folder(place: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((f"{place}/{name}", path.read_bytes()) for name, path in files_of(folder).items())


def _settings(course: Course) -> str:
    """What the course's settings say of grading, and nothing else: an address of its database is nobody's business."""
    own = course.settings
    kept = {**own.judging, "bundle_visibility": own.bundle_visibility, "secret_file": "secret"}
    lines = [f"c.BackpropKit.{name} = {value!r}" for name, value in kept.items()]
    begin = '"""The course\'s settings for grading, as they were when this bundle was made."""'
    return "\n".join([begin, "", "c = get_config()", *lines, ""])


def _told(course: Course, asked: Assignment) -> Mapping[str, str]:
    """What stands in a platform's files for these words."""
    written = [f"{question.id} ({points(question.max_points)})" for question in asked.questions if question.manual]
    by_hand = f"read by a person, and not in it: {', '.join(written)}" if written else "nothing is left to a person"
    seconds = course.settings.submission_s + 60
    return {
        "ASSIGNMENT": asked.name,
        "BY_HAND": by_hand,
        "LARGE": f"{-(-(course.settings.memory_mib + OWN_MIB) // 256) / 4:g}",
        "MEMORY": str(course.settings.memory_mib),
        "MINUTES": str(-(-int(seconds) // 60)),
        "POINTS": f"{asked.max_score:g}",
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "SMALL": str(min(768 - OWN_MIB, course.settings.memory_mib)),
        "SHOWN": _SHOWN[course.settings.bundle_visibility],
        "VERSION": __version__,
    }
