"""The secret that hidden inputs are drawn from: made on first use, read with care, never published."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import string
import tempfile
from pathlib import Path

from autograder import notebook, private
from autograder.errors import CannotGrade

SHORTEST_SECRET = 16
"""Characters that a secret must have, in printable ASCII; space around it doesn't count. The kit's own have 64."""

LONGEST_SECRET = 4096
"""Bytes that a secret may have."""


def read_secret(path: Path) -> str:
    """Read a course's secret, as it was written: by the kit, or by whoever gives the course.

    Raises:
        FileNotFoundError: if there is none yet.
        CannotGrade: if it can't be read, or is none.
    """
    try:
        data = notebook.contents(path, LONGEST_SECRET)
    except notebook.UnreadableNotebook:
        raise _no_secret(path, f"has more than {LONGEST_SECRET} bytes") from None
    except OSError as error:
        if error.errno == errno.ENOENT and not path.is_symlink():
            raise
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            raise _no_secret(path, "is a link that leads nowhere") from None
        raise CannotGrade(
            f"The course's secret {path} can't be read: {error.strerror or error}. "
            "Make it a file that you may read, or set c.BackpropKit.secret_file to another place."
        ) from None
    text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise _no_secret(path, "is empty")
    if not set(text) <= set(string.printable):
        raise _no_secret(path, "is not plain text: it contains characters other than printable ASCII")
    if len(text) < SHORTEST_SECRET:
        raise _no_secret(path, f"is too short: it has {len(text)} of at least {SHORTEST_SECRET} characters")
    return text


def _no_secret(path: Path, why: str) -> CannotGrade:
    return CannotGrade(
        f"The course's secret {path} {why}. Put back the one that was there, or delete it: the next command makes "
        "a new one, with other hidden inputs, so that every submission is graded again, and a score can change "
        "where an answer is right for some inputs and wrong for others."
    )


def make_secret(path: Path) -> None:
    """Write a new secret, unless another process has just done so."""
    try:
        private.make(path.parent)
        _write_once(path, secrets.token_hex(32))
    except OSError as error:
        raise CannotGrade(
            f"The course's secret {path} can't be made: {error.strerror or error}. "
            "Make its folder writable, or set c.BackpropKit.secret_file to another place."
        ) from None


def _write_once(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing; if another process was quicker, its text stands."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", encoding="ascii") as draft:
        draft.write(text + "\n")
        draft.flush()
        os.fsync(draft.fileno())  # before it has its name: a machine that goes down leaves no empty secret
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
