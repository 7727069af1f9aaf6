"""What can stop a command, each with one sentence that says what to do next.

KitError                 the command can't go on
├── UsageError           it was asked for something that isn't there (exit code 2)
└── CannotGrade          a submission, or the kit itself, fails a check (exit code 1)
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


class KitError(Exception):
    """A command can't go on; its text is one or two sentences for a person."""

    exit_code = 1


class UsageError(KitError):
    """The command was asked for something that isn't there."""

    exit_code = 2


class CannotGrade(KitError):  # noqa: N818 - it reads as the sentence it is
    """A submission could not be graded, or a check of the kit failed."""


class CannotJudge(Exception):  # noqa: N818 - its name is what nbgrader shows in the cell
    """In a kernel: a question could not be judged, and waits for a person."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Ask for the name that was probably meant, as a sentence that goes on from another; empty where none is near."""
    found = difflib.get_close_matches(word, [*known], n=1)
    return f" Did you mean {found[0]}?" if found else ""


def refused(error: OSError) -> CannotGrade | None:
    """Say what the machine has against a file, and what to do; None if that may be a fault of the kit."""
    ways = {
        (errno.ENOSPC, errno.EDQUOT): "Make room on that disk",
        (errno.EACCES, errno.EPERM, errno.EROFS): "Let yourself read and write there",
        (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP): "Move away what stands in its place",
        (errno.ENAMETOOLONG,): "Take a shorter name",
        (errno.EMFILE, errno.ENFILE): "Let this process open more files (ulimit -n)",
        (errno.EIO, errno.ESTALE): "See that its disk is well and connected",
    }
    way = next((way for numbers, way in ways.items() if error.errno in numbers), None)
    if way is None:
        return None
    place = error.filename2 or error.filename
    if place and error.errno == errno.ENOTDIR:
        place = next((each for each in Path(place).parents if each.exists() and not each.is_dir()), place)
    where = f"{place} can't be read or written" if place else "Something can't be read or written"
    return CannotGrade(f"{where}: {error.strerror}. {way}, then run the command again: what was done so far is kept.")
