"""A new assignment: a small one that vets, to be rewritten piece by piece."""

from __future__ import annotations

import importlib
import keyword
import re
from pathlib import Path

from autograder.authoring import release
from autograder.authoring.placing import Made, placing
from autograder.course import HOME, Course, lessons
from autograder.errors import UsageError

TEMPLATE = Path(__file__).parent / "template"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def create(course: Course, name: str) -> list[Path]:
    """Make `source/<name>/`, the folder of its hidden tests, and `release/<name>/`: all of them, or nothing.

    Returns the three folders. What a run that was killed has left is gone on with.

    Raises:
        UsageError: if the name can't be a folder's and a Python package's, or is taken.
        CannotGrade: if the course's folder can't be written, or nbgrader refuses the course's settings.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} can't be an assignment's name. Take small letters, digits and _, a letter first: it names a "
            "folder and a Python package."
        )
    tests, source, released = Path(course.settings.hidden_tests, name), Path("source", name), Path("release", name)
    if name in lessons() and not (course.root / source).exists():
        raise UsageError(
            f"{name} is one of the kit's lessons. Take another name, or take that lesson into this course: "
            f"autograder copy {name}"
        )
    texts = {tests: _tests(name, course.root / tests), source: _source(name)}
    there = [part for part in (tests, source, released) if (course.root / part).exists()]
    if len(there) == 3 or any(not _same(course.root / part, texts.get(part)) for part in there):
        raise UsageError(f"There is a folder {course.root / there[0]} already. Take another name, or remove it first.")
    parts = [part for part in (tests, source) if part not in there]

    def release_it(made: Made) -> None:
        made.folders((course.root / released).parent)
        made += [path for path in (course.root / released, course.root / "gradebook.db") if not path.exists()]
        release.generate(course, name)

    with placing(course.root, parts, release_it) as draft:
        for part in (tests, source):
            (draft / part).mkdir(parents=True)
            for file, text in texts[part].items():
                (draft / part / file).write_text(text, encoding="utf-8")
        release.tried(course, name, draft / source / f"{name}.ipynb")
    importlib.invalidate_caches()
    return [course.root / part for part in (source, tests, released)]


def _source(name: str) -> dict[str, str]:
    return {f"{name}.ipynb": (TEMPLATE / "lesson.ipynb").read_text(encoding="utf-8").replace("NAME", name)}


def _tests(name: str, folder: Path) -> dict[str, str]:
    """The files of a new lesson's hidden tests; those in the kit make a package of it."""
    files = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(TEMPLATE.glob("*"))
        if path.suffix in {".py", ".toml"} and path.name != "__init__.py"
    }
    kits = folder.parent.resolve() == HOME.resolve()
    return files | ({"__init__.py": f'"""Hidden tests of `{name}`."""\n'} if kits else {})


def _same(folder: Path, texts: dict[str, str] | None) -> bool:
    """Whether a folder holds just what would be written there."""
    if texts is None or not folder.is_dir():
        return False
    found = {path.name: path for path in folder.iterdir() if path.name != "__pycache__"}
    return found.keys() == texts.keys() and all(
        path.is_file() and path.read_bytes() == texts[file].encode() for file, path in found.items()
    )
