"""What vetting has held for: a digest of all that it hangs on, so that a release needn't try it all again.

Only digests are kept, beside the course's secret. Nothing is vetted here.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path

import torch
from pydantic import BaseModel, ValidationError

import autograder
from autograder import private
from autograder.authoring import parcel
from autograder.course import DATA_UTILS, HOME, Course
from autograder.judge import digest


class _Kept(BaseModel):
    """What `.autograder/vetted/<assignment>.json` holds."""

    held_for: str


def holds(course: Course, name: str) -> bool:
    """Whether vetting an assignment has held for just what is there now."""
    with contextlib.suppress(OSError, ValidationError):
        return _Kept.model_validate_json(_place(course, name).read_bytes()).held_for == held_for(course, name)
    return False


def keep(course: Course, name: str, held: str) -> None:
    """Remember that vetting has held for what this digest stands for: see :func:`held_for`."""
    with contextlib.suppress(OSError):  # then it is vetted again next time
        private.write(_place(course, name), _Kept(held_for=held).model_dump_json())


def forget(course: Course, name: str) -> None:
    """Remember nothing of an assignment."""
    with contextlib.suppress(OSError):
        _place(course, name).unlink(missing_ok=True)


def held_for(course: Course, name: str) -> str:
    """A digest of what a verdict on an assignment's tests hangs on.

    That is its source, its hidden tests and its bank; data_utils; the kit, torch and Python; the settings that a score
    can hang on; and the secret, by a digest of its own.
    """
    found = hashlib.sha256()
    for part in (
        course.assignment(name).digest,
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in (*_kit(), *parcel.files_of(DATA_UTILS).values())),
        autograder.__version__,
        torch.__version__,
        sys.version,
        repr(course.settings.judging),
        digest(course.seed(name)),
    ):
        found.update(part.encode() + b"\0")
    return found.hexdigest()


def _kit() -> list[Path]:
    """The kit's own code: between two versions it changes, too, where somebody works on it."""
    files = parcel.files_of(Path(autograder.__file__).parent).values()
    return [path for path in files if path.suffix in {".py", ".txt"} and not path.is_relative_to(HOME)]


def _place(course: Course, name: str) -> Path:
    return course.root / ".autograder" / "vetted" / f"{name}.json"
