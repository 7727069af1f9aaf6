"""A new course in a folder of its own: its settings, its commands in order, and lessons that it takes from the kit."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from autograder.authoring.placing import placing
from autograder.course import CONFIG, HOME, SOURCES, BackpropKit, Course, lessons
from autograder.errors import UsageError
from autograder.visible import spelled, steering

TEMPLATE = Path(__file__).parent / "course"


def found(folder: Path, chosen: Sequence[str] = ()) -> Course:
    """Make a course: settings, README, `.gitignore`, and the sources of some of the kit's lessons; overwrites nothing.

    Raises:
        UsageError: if a lesson isn't the kit's, or something of a course lies in the folder already.
        CannotGrade: if the folder can't be written.
    """
    known = lessons()
    if unknown := [name for name in chosen if name not in known]:
        raise UsageError(f"The kit has no lesson {unknown[0]}. Its lessons: {', '.join(known)}.")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder for the course.")
    sources = [Path("source", name) for name in dict.fromkeys(chosen)]
    parts = [*sources, Path("README.md"), Path(".gitignore"), Path(CONFIG)]  # the settings last: they make it a course
    if there := [str(part) for part in parts if (folder / part).exists() or (folder / part).is_symlink()]:
        more = f" To take a lesson into it: autograder copy {chosen[0]}" if chosen else ""
        raise UsageError(
            f"{folder} is a course already, and nothing is overwritten.{more}"
            if CONFIG in there
            else f"{folder} has {' and '.join(there)} already, and nothing is overwritten. Name an empty folder."
        )
    name = folder.resolve().name
    if steering(name):
        raise UsageError(
            f"{spelled(name)} can't be a course's name: it holds what is no plain text. Name another folder."
        )
    with placing(folder, parts) as draft:
        for source in sources:
            shutil.copytree(SOURCES / source.name, draft / source, ignore=_LEFT_BEHIND)
        (draft / "README.md").write_text(_readme(name, chosen), encoding="utf-8")
        shutil.copyfile(TEMPLATE / "gitignore.txt", draft / ".gitignore")
        (draft / CONFIG).write_text(settings(name), encoding="utf-8")
    return Course(folder.resolve())


def copy(course: Course, name: str) -> list[Path]:
    """Take what a course doesn't have yet of one of the kit's lessons, source and hidden tests; returns what was made.

    Raises:
        UsageError: if it isn't the kit's, or the course has both.
        CannotGrade: if the course's folder can't be written.
    """
    if name not in lessons():
        raise UsageError(f"The kit has no lesson {name}. Its lessons: {', '.join(lessons())}.")
    tests = Path(course.settings.hidden_tests, name)
    both = {Path("source", name): SOURCES / name, tests: HOME / name}
    missing = {part: origin for part, origin in both.items() if not (course.root / part).exists()}
    if not missing:
        raise UsageError(f"This course has its own {' and '.join(map(str, both))} already. Nothing was copied.")
    with placing(course.root, list(missing)) as draft:
        for part, origin in missing.items():
            shutil.copytree(origin, draft / part, ignore=_LEFT_BEHIND)
    return [course.root / part for part in missing]


def settings(course_id: str) -> str:
    """What stands in a new course's nbgrader_config.py: each of the kit's settings with what it does."""
    lines = [
        f"# {' '.join(str(trait.help).split())}\n# c.BackpropKit.{name} = {trait.default_value!r}"
        for name, trait in BackpropKit.class_own_traits(config=True).items()
    ]
    text = (TEMPLATE / f"{CONFIG}.txt").read_text(encoding="utf-8")
    return text.replace('"COURSE"', repr(course_id).replace("'", '"')).replace("SETTINGS", "\n\n".join(lines))


def _readme(name: str, chosen: Sequence[str]) -> str:
    listed = ", ".join(f"`{lesson}`" for lesson in chosen)
    told = (
        f"Its lessons so far, from the kit, in `source/`: {listed}. As long as you don't change their questions, the "
        "kit's own hidden tests judge them."
        if chosen
        else "It began without a lesson."
    )
    text = (TEMPLATE / "README.md.txt").read_text(encoding="utf-8")
    kits = ", ".join(f"`{lesson}`" for lesson in lessons())
    return text.replace("COURSE", name).replace("LESSONS", told).replace("KIT", kits)


_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "__init__.py", ".*")
