"""The database behind nbgrader's gradebook, SQLite or a server's: opened, and asked again where a fault can pass."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError

from autograder import private
from autograder.course import Course
from autograder.errors import CannotGrade, UsageError
from autograder.visible import one_line

LOCKED_S = 60.0
"""Seconds that another program may keep the gradebook locked, or its server be away, before the run gives up."""

AGAIN_S = 0.2
"""Seconds until it is tried again."""

MOST_COLLISIONS = 5
"""Times that another run may add what this one is about to add."""

PASSING = frozenset({"08", "40", "53", "55", "57"})
"""Kinds of faults, as SQL numbers them, that pass: the connection, a deadlock, no room, a lock, a server that stops."""

Found = TypeVar("Found")


def create(course: Course) -> None:
    """Make the gradebook of a course, if there is none, so that its owner alone reads it."""
    opened(course).close()


def opened(course: Course) -> Any:
    """The gradebook as nbgrader gives it, whole."""
    from nbgrader.api import Gradebook
    from nbgrader.coursedir import CourseDirectory

    config = course.config
    config.CourseDirectory.root = str(course.root)
    folder = CourseDirectory(config=config)
    try:
        with tools_on_path(), private.making(course.root):
            book = Gradebook(folder.db_url, folder.course_id)
    except DBAPIError as error:
        why = one_line(str(error.orig))
        raise CannotGrade(
            f"The gradebook can't be opened: {why}. If c.CourseDirectory.db_url names a server, see that it runs and "
            "lets you in; then try again. Nothing was changed."
        ) from None
    except (ImportError, ArgumentError) as error:
        raise UsageError(
            f"The gradebook that c.CourseDirectory.db_url names can't be opened: {one_line(str(error))}. For "
            "PostgreSQL, install its driver: pip install 'backprop-kit[postgres]'"
        ) from None
    return _many_at_once(book)


def _passes(error: DBAPIError, attempt: int) -> bool:
    """Whether a fault can pass by itself: the gradebook is locked, its server is away, or another was quicker."""
    if isinstance(error, IntegrityError):  # who hands in for two assignments at once is added once
        return attempt < MOST_COLLISIONS
    if type(error.orig).__module__ == "sqlite3":
        return "locked" in str(error)
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return error.connection_invalidated or (state[:2] in PASSING if state else isinstance(error, OperationalError))


def _many_at_once(book: Any) -> Any:
    """Have psycopg2 send many rows at once: by itself it waits for the server after each."""
    if book.engine.dialect.driver == "psycopg2":
        from sqlalchemy.dialects.postgresql.psycopg2 import EXECUTEMANY_VALUES_PLUS_BATCH

        book.engine.dialect.executemany_mode = EXECUTEMANY_VALUES_PLUS_BATCH
    return book


def steadily(session: Any, do: Callable[[], Found]) -> Found:
    """Do something with a database; while others are at it, or its server is away, again and again.

    Raises:
        CannotGrade: if that doesn't pass.
    """
    deadline = time.monotonic() + LOCKED_S
    for attempt in itertools.count():
        try:
            return do()
        except DBAPIError as error:
            with contextlib.suppress(DBAPIError):  # the connection is gone
                session.rollback()
            if not _passes(error, attempt) or time.monotonic() > deadline:
                raise CannotGrade(
                    f"The gradebook can't be written: {one_line(str(error.orig))}. If another program has it open, "
                    "close that; if its server is down, start it; then grade again. What was already written is "
                    "kept, and nothing else was lost."
                ) from None
            time.sleep(AGAIN_S)
    raise AssertionError


@contextlib.contextmanager
def tools_on_path() -> Iterator[None]:
    """Let nbgrader find `alembic`, which it starts by name to make a new gradebook, beside this Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
