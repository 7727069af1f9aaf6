"""Files about students: their owner alone reads them, and each is written whole or not at all.

A folder that is there keeps its permissions. Where instructors share one, by nbgrader's `groupshared`, what is made in
it is theirs together.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

_SHARED = stat.S_ISGID | stat.S_IWGRP
"""How nbgrader marks a folder that a group of instructors shares."""

_umask = threading.RLock()
"""A process has one umask: a thread that found another's would leave it behind."""


def write(path: Path, text: str | bytes) -> None:
    """Write a file, text as UTF-8: whoever reads meanwhile finds the old one or the new one.

    Raises:
        OSError: if it can't be written; what was there stands.
    """
    make(path.parent)
    draft = path.with_name(f".{os.getpid()}.draft")
    try:
        mode = 0o660 if _shared(path.parent) else 0o600
        with os.fdopen(_fresh(draft, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        draft.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk names no file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _fresh(draft: Path, mode: int) -> int:
    """Open a draft that nobody else has open: one of that name was left by a process that was killed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(draft, flags, mode)
    except FileExistsError:
        draft.unlink(missing_ok=True)  # another run may have swept it by now
        return os.open(draft, flags, mode)


def sweep(folder: Path) -> None:
    """Take away drafts of processes that were killed while they wrote here."""
    with contextlib.suppress(OSError):
        for draft in folder.glob(".*.draft"):
            number = draft.name.split(".")[1]
            if number.isdigit() and not _lives(int(number)):
                draft.unlink(missing_ok=True)


def _lives(number: int) -> bool:
    if os.name != "posix":  # elsewhere the same call ends it
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def make(folder: Path) -> None:
    """Make a folder, and those above it that are missing."""
    if folder.is_dir():
        return
    make(folder.parent)
    with contextlib.suppress(FileExistsError):  # another process was quicker
        folder.mkdir(mode=0o700)
        if _shared(folder.parent):
            folder.chmod(0o2770)


@contextlib.contextmanager
def making(folder: Path) -> Iterator[None]:
    """Let what other code makes in a folder be as private as what is made here; one thread after the other."""
    with _umask:
        before = os.umask(0o007 if _shared(folder) else 0o077)
        try:
            yield
        finally:
            os.umask(before)


def _shared(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return folder.stat().st_mode & _SHARED == _SHARED
    return False
