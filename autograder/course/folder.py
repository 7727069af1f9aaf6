"""The folder that a student has handed in: the one file in it that can be meant, and what lies there.

Archives and other systems leave things of their own behind; these are never meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

DEEPEST, MOST = 3, 1000
"""Levels of folders, and entries in all, that are looked at."""

NAMED = 10
"""Files that are named."""

CHECKPOINTS = ".ipynb_checkpoints"

_LEFT_BEHIND = frozenset({"__MACOSX", "__pycache__", "data_utils", "node_modules"})
_COPY_OF = re.compile(r"\.ipynb(?!\.(?:html?|pdf|zip|gz|7z|tgz)$)[^/]{0,12}$", re.IGNORECASE)


def meant(folder: Path, assignment: str) -> Path:
    """The file that is meant in a folder: the notebook with the assignment's name, or the only one that can be.

    A notebook comes first, then one with another ending, then a script, then what Jupyter has kept of one. Where
    nothing can be meant, or several can, it is the path of the notebook that should be there.
    """
    expected = folder / f"{assignment}.ipynb"
    if os.path.lexists(expected):
        return expected
    ranks: dict[int, list[Path]] = {}
    for path in _files(folder):
        if (rank := _rank(path)) is not None:
            ranks.setdefault(rank, []).append(path)
    for _, found in sorted(ranks.items()):
        named = [path for path in found if same_name(_stem(path), assignment)]
        return _only(named) or (None if named else _only(found)) or expected
    return expected


def others(path: Path) -> list[Path]:
    """The other notebooks that lie beside one."""
    beside = sorted(other for other in path.parent.glob("*.ipynb") if other != path and not _is_left_behind(other.name))
    return [other for other in beside if other.is_file() and not other.is_symlink()][:NAMED]


def lying(folder: Path, then: str = "grade again") -> str:
    """Say what lies in a folder in which no file can be meant, and what to do `then`."""
    found = [str(path.relative_to(folder)) for path in _files(folder)]
    if not found:
        return f"There is no notebook: the folder is empty. Put the notebook there, and {then}."
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (
        f"It isn't clear which notebook is meant. The folder has {', '.join(found[:NAMED])}{more}. "
        f"Give the right one the assignment's name, and {then}."
    )


def same_name(name: str, other: str) -> bool:
    """Whether two names differ in nothing but case, blanks and the strokes between words."""
    return re.sub(r"[\s_-]+", "", name).casefold() == re.sub(r"[\s_-]+", "", other).casefold()


def _only(found: list[Path]) -> Path | None:
    """The only one that lies highest."""
    depth = min((len(path.parts) for path in found), default=0)
    highest = [path for path in found if len(path.parts) == depth]
    return highest[0] if len(highest) == 1 else None


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder and those below it, without what programs leave behind."""
    seen = 0
    for place, folders, names in os.walk(folder):
        below = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if below < DEEPEST and not _is_left_behind(name))
        for name in sorted(names):
            seen += 1
            if seen > MOST:
                return
            if not _is_left_behind(name) and name != "timestamp.txt":
                yield Path(place) / name


def _is_left_behind(name: str) -> bool:
    return name in _LEFT_BEHIND or (name.startswith(".") and name != CHECKPOINTS)


def _rank(path: Path) -> int | None:
    """How likely a file is meant, by its name; None for what can't be read."""
    if CHECKPOINTS in path.parts:
        return 3 if path.suffix.lower() == ".ipynb" else None
    if path.suffix.lower() == ".ipynb":
        return 0
    if _COPY_OF.search(path.name):
        return 1
    return 2 if path.suffix.lower() == ".py" and not path.name.startswith("__") else None


def _stem(path: Path) -> str:
    name = _COPY_OF.sub("", path.name) if _COPY_OF.search(path.name) else path.stem
    return name.removesuffix("-checkpoint")
