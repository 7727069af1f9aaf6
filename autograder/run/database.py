"""nbgrader's gradebook as a database: opened, and what is said where it can't be read or written."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autograder import private
from autograder.course import Course
from autograder.errors import CannotGrade

T = TypeVar("T")

LOCKED_S = 60.0
"""Seconds that another program may keep the gradebook locked before a command gives up."""

_DAMAGED = ("not a database", "malformed", "encrypted")
_LOCKED = ("locked", "deadlock detected", "could not obtain lock")
_FULL = ("disk is full", "disk full", "No space left", "disk I/O error")
_CLOSED = ("readonly database", "read-only transaction", "permission denied")


@contextlib.contextmanager
def opened(course: Course) -> Iterator[Any]:
    """The gradebook as nbgrader gives it, whole; a missing one is made so that its owner alone reads it.

    Raises:
        CannotGrade: if it can't be opened, is no gradebook, or was made by a version of nbgrader that isn't known here;
            inside, in place of whatever SQLAlchemy raises.
    """
    from nbgrader.api import Gradebook
    from nbgrader.coursedir import CourseDirectory

    config = course.config
    config.CourseDirectory.root = str(course.root)
    folder = CourseDirectory(config=config)
    url = make_url(folder.db_url)
    if url.get_backend_name() == "sqlite":  # it waits where no signal is heard: so it waits for a moment, many times
        url = url.update_query_dict({"timeout": "1"})
    book = None
    try:
        with tools_on_path(), private.making(course.root):
            book = patiently(lambda: Gradebook(url.render_as_string(hide_password=False), folder.course_id))
        _known(book)
        yield book
    except SQLAlchemyError as error:
        raise unusable(error, url) from None
    finally:
        if book is not None:
            book.close()


def patiently(act: Callable[[], T], again: Callable[[], object] = lambda: None) -> T:
    """Do something with a database, `again` from the start while another program keeps it locked.

    Raises:
        SQLAlchemyError: if it is locked for longer than :data:`LOCKED_S`, or for any other reason.
    """
    deadline = time.monotonic() + LOCKED_S
    while True:
        try:
            return act()
        except SQLAlchemyError as error:
            again()
            if not locked(error) or time.monotonic() > deadline:
                raise


def create(course: Course) -> None:
    """Make the gradebook of a course, if there is none."""
    with opened(course):
        pass


def locked(error: SQLAlchemyError) -> bool:
    """Whether another program stands in the way, and may be gone in a moment."""
    return any(word in str(error) for word in _LOCKED)


def unusable(error: SQLAlchemyError, url: URL) -> CannotGrade:
    """Say what is wrong with a database, and what to do: never its address, which may hold a password."""
    where = _named(url)
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0].removesuffix(".")
    if locked(error):
        told = (
            f"has been locked by another program for {LOCKED_S:.0f} s. Close what has it open (formgrader, another "
            "run, a viewer of databases), then run the command again."
        )
    elif any(word in said for word in _DAMAGED):
        told = (
            f"can't be read ({said}). Put a backup in its place. Without one, move it away, release each assignment "
            "again and grade: automatic scores come back, a person's marks and comments don't."
        )
    elif any(word in said for word in _FULL):
        told = f"can't be written ({said}). Make room on its disk, then run the command again."
    elif any(word in said for word in _CLOSED):
        told = f"can't be written ({said}). Make it and its folder writable for you."
    elif "no such column" in said or "no such table" in said or "does not exist" in said:
        told = f"lacks what this version of nbgrader needs ({said}). Make a copy of it, then: nbgrader db upgrade"
    else:
        told = f"can't be used: {said}. Look at c.CourseDirectory.db_url, and at what it names."
    return CannotGrade(f"{where} {told} What was already written is kept.")


@cache
def _revisions() -> frozenset[str]:
    """The forms of a gradebook that the installed nbgrader knows."""
    import nbgrader
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic")))
    return frozenset(each.revision for each in scripts.walk_revisions())


def _known(book: Any) -> None:
    """Refuse a gradebook of a newer nbgrader: what its columns mean isn't known here."""
    if not inspect(book.engine).has_table("alembic_version"):
        return  # nbgrader has made them without one, once
    found = book.db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    book.db.rollback()
    if found not in _revisions():
        from nbgrader import __version__

        raise CannotGrade(
            f"{_named(book.engine.url)} was made by another nbgrader than {__version__}, which is installed here and "
            f"doesn't know its form ({found}). Install the version that made it. Nothing was written."
        )


def _named(url: URL) -> str:
    return f"The gradebook {url.database}" if url.get_backend_name() == "sqlite" else "The gradebook's database"


@contextlib.contextmanager
def tools_on_path() -> Iterator[None]:
    """Let nbgrader find `alembic`, which it starts by name to make a new gradebook, beside this Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
