"""nbgrader's gradebook as a database: opened, and what is said where it can't be read or written."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import DateTime, Interval, String, inspect, select, text, type_coerce
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from traitlets import TraitError

from autograder import private
from autograder.course import Course
from autograder.errors import CannotGrade, UsageError
from autograder.visible import one_line, shortened

T = TypeVar("T")

LOCKED_S = 60.0
"""Seconds that another program may keep the gradebook locked, or its server be away, before a command gives up."""

AGAIN_S = 0.2
"""Seconds until it is tried again."""

MOST_POINTS = 1_000_000
"""More than any question has: a number beyond it was put there by no command."""

_SHOWN = 40
"""Characters of a field that are shown where it can't be used."""

MOST_COLLISIONS = 5
"""Times that another run may add what this one is about to add."""

PASSING = frozenset({"08", "40", "53", "55", "57"})
"""Kinds of faults, as SQL numbers them, that pass: the connection, a deadlock, no room, a lock, a server that stops."""

_DAMAGED = ("not a database", "malformed", "encrypted")
_LOCKED = ("locked", "deadlock detected", "could not obtain lock")
_FULL = ("disk is full", "disk full", "No space left", "disk I/O error")
_ABSENT = re.compile(r'(database|role) ".*" does not exist')
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
    try:
        folder = CourseDirectory(config=config)
        url = make_url(folder.db_url)
    except TraitError as error:
        raise course.refused(error) from None
    except ArgumentError as error:
        raise _unnamed(error) from None
    except ValueError:  # its text would repeat what stands there, which may be a password
        raise _unnamed("the port in it is no number") from None
    if url.get_backend_name() == "sqlite":  # it waits where no signal is heard: so it waits for a moment, many times
        url = url.update_query_dict({"timeout": "1"})

    def connected() -> Any:
        return Gradebook(url.render_as_string(hide_password=False), folder.course_id)

    book = None
    try:
        with tools_on_path(), private.making(course.root):
            book = connected() if _server(url) else patiently(connected)
        _many_at_once(book)
        patiently(lambda: _sound(book), book.db)
        yield book
    except (ImportError, ArgumentError) as error:
        if book is not None:
            raise
        raise _unnamed(error) from None
    except SQLAlchemyError as error:
        raise unusable(error, url) from None
    finally:
        if book is not None:
            book.close()


def patiently(act: Callable[[], T], session: Any = None) -> T:
    """Do something with a database, from the start while others are at it or its server is away.

    Raises:
        SQLAlchemyError: if that lasts longer than :data:`LOCKED_S`, or is of another kind.
    """
    deadline = time.monotonic() + LOCKED_S
    for attempt in itertools.count():
        try:
            return act()
        except DBAPIError as error:
            if session is not None:
                with contextlib.suppress(DBAPIError):  # the connection is gone
                    session.rollback()
            if not _passes(error, attempt) or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)
    raise AssertionError


def _passes(error: DBAPIError, attempt: int) -> bool:
    """Whether a fault can pass by itself: the gradebook is locked, its server is away, or another was quicker."""
    if isinstance(error, IntegrityError):  # who hands in for two assignments at once is added once
        return attempt < MOST_COLLISIONS
    if type(error.orig).__module__ == "sqlite3":
        return "locked" in str(error)
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return error.connection_invalidated or (state[:2] in PASSING if state else isinstance(error, OperationalError))


def _many_at_once(book: Any) -> None:
    """Have psycopg2 send many rows at once: by itself it waits for the server after each."""
    if book.engine.dialect.driver == "psycopg2":
        from sqlalchemy.dialects.postgresql.psycopg2 import EXECUTEMANY_VALUES_PLUS_BATCH

        book.engine.dialect.executemany_mode = EXECUTEMANY_VALUES_PLUS_BATCH


def looked_up(course: Course, look: Callable[[Any], T]) -> T:
    """Look something up in the gradebook, again while another program keeps it locked.

    Raises:
        CannotGrade: as :func:`opened`.
    """
    with opened(course) as book:
        return patiently(lambda: look(book), book.db)


def number_in(value: Any, what: str, way: str) -> float | None:
    """Points as a row holds them; None where it holds none.

    Args:
        value: what stands in the row.
        what: which field of whom it is.
        way: what to do if it is no number of points.

    Raises:
        CannotGrade: if it is another thing, or a number that no points can be: SQLite keeps whatever it is given.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= MOST_POINTS:
        return float(value)
    raise _unsound(value, what, f"a number of points from 0 to {MOST_POINTS:,}", way)


def text_in(value: Any, what: str, way: str) -> str:
    """Text as a row holds it; empty where it holds none.

    Raises:
        CannotGrade: if it is no text.
    """
    if value is None or isinstance(value, str):
        return value or ""
    raise _unsound(value, what, "text", way)


def _unsound(value: Any, what: str, wanted: str, way: str) -> CannotGrade:
    shown = shortened(one_line(repr(value)), _SHOWN)
    return CannotGrade(f"The gradebook has {shown} as {what}, where {wanted} belongs. {way}")


def _server(url: URL) -> bool:
    """Whether a server keeps it: one that isn't there when a command starts is told at once."""
    return url.get_backend_name() != "sqlite"


def _unnamed(error: Exception | str) -> UsageError:
    return UsageError(
        f"The gradebook that c.CourseDirectory.db_url names can't be opened: {one_line(str(error))}. For PostgreSQL, "
        "install its driver: pip install 'backprop-kit[postgres]'"
    )


def unusable(error: SQLAlchemyError, url: URL) -> CannotGrade:
    """Say what is wrong with a database, and what to do: never its address, which may hold a password."""
    where = _named(url)
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0].removesuffix(".")
    if any(word in str(error) for word in _LOCKED):
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
        mend = (
            "Let its user read and write all its tables" if _server(url) else "Make it and its folder writable for you"
        )
        told = f"can't be written ({said}). {mend}."
    elif _ABSENT.search(said):
        told = f"isn't there ({said}). Make it on its server, or mend c.CourseDirectory.db_url."
    elif "no such column" in said or "no such table" in said or "does not exist" in said:
        told = f"lacks what this version of nbgrader needs ({said}). Make a copy of it, then: nbgrader db upgrade"
    elif _server(url):
        told = (
            f"can't be reached or used: {said}. See that its server runs and lets you in, and what "
            "c.CourseDirectory.db_url names; then run the command again."
        )
    else:
        told = (
            f"can't be used: {said}. Look at c.CourseDirectory.db_url, and at what it names: a file that you may read "
            "and write, in a folder where you may write."
        )
    return CannotGrade(f"{where} {told} What was already written is kept.")


@cache
def _revisions() -> frozenset[str]:
    """The forms of a gradebook that the installed nbgrader knows."""
    import nbgrader
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic")))
    return frozenset(each.revision for each in scripts.walk_revisions())


def _sound(book: Any) -> None:
    """Refuse what would be read wrongly, or would stop a command halfway."""
    _known(book)
    _timed(book)
    book.db.rollback()


def _known(book: Any) -> None:
    """Refuse a gradebook of a newer nbgrader: what its columns mean isn't known here."""
    if not inspect(book.engine).has_table("alembic_version"):
        return  # nbgrader has made them without one, once
    found = book.db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found not in _revisions():
        from nbgrader import __version__

        raise CannotGrade(
            f"{_named(book.engine.url)} was made by another nbgrader than {__version__}, which is installed here and "
            f"doesn't know its form ({found}). Install the version that made it. Nothing was written."
        )


def _timed(book: Any) -> None:
    """Refuse a gradebook in which a time is none: SQLite keeps whatever it is given, and nbgrader stops at it."""
    from nbgrader.api import Base

    if _server(book.engine.url):
        return
    columns = (column for table in Base.metadata.sorted_tables for column in table.columns)
    for column in (column for column in columns if isinstance(column.type, DateTime | Interval)):
        whose = column.table.columns.get("student_id", column.table.columns.get("name"))
        for value, name in book.db.execute(select(type_coerce(column, String), whose)):
            if value is not None and not _is_time(value):
                who = shortened(one_line(str(name)), _SHOWN)
                what = f"the {column.name} of {who} in its table {column.table.name}"
                raise _unsound(value, what, "a time", "Put one there, or NULL. Nothing was written.")


def _is_time(value: Any) -> bool:
    """Whether SQLAlchemy can read a field of SQLite as a time."""
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


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
