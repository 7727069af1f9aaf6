"""A new assignment: a small one that vets, to be rewritten piece by piece."""

from __future__ import annotations

import importlib
import keyword
import re
from pathlib import Path

from autograder.authoring import release
from autograder.course import HOME, Course
from autograder.errors import UsageError

TEMPLATE = Path(__file__).parent / "template"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def create(course: Course, name: str) -> list[Path]:
    """Make `source/<name>/`, the folder of its hidden tests, and `release/<name>/`; returns the three folders.

    Raises:
        UsageError: if the name can't be a folder's and a Python package's, or is taken.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} can't be an assignment's name. Take small letters, digits and _, a letter first: it names a "
            "folder and a Python package."
        )
    source, tests = course.root / "source" / name, HOME / name
    for folder in (source, tests):
        if folder.exists():
            raise UsageError(f"There is a folder {folder} already. Take another name, or remove it first.")
    for folder in (source, tests):
        folder.mkdir(parents=True)
    notebook = (TEMPLATE / "lesson.ipynb").read_text(encoding="utf-8")
    (source / f"{name}.ipynb").write_text(notebook.replace("NAME", name), encoding="utf-8")
    (tests / "__init__.py").write_text(f'"""Hidden tests of `{name}`."""\n', encoding="utf-8")
    for path in sorted(TEMPLATE.glob("*")):
        if path.suffix in {".py", ".toml"} and path.name != "__init__.py":
            (tests / path.name).write_bytes(path.read_bytes())
    importlib.invalidate_caches()
    return [source, tests, release.generate(course, name)]
