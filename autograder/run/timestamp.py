"""When a submission was handed in, by the `timestamp.txt` beside it; what can't be told is said, never guessed."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.errors import CannotGrade
from autograder.notebook import contents
from autograder.run import beside
from autograder.visible import one_line

LONGEST_TIMESTAMP = 100
"""Bytes of a timestamp."""

_TIMESTAMP = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[ T](?P<hour>\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?"
    r"(?:(?P<offset>[+-]\d\d:?\d\d)|(?P<zone>[A-Za-z_]+\d?(?:[A-Z]+|(?:/[\w+-]+)+)?))?",
    re.ASCII,
)
"""What nbgrader writes, and ISO 8601; a zone of another form could name any file."""


@dataclass(frozen=True)
class Timestamp:
    """What a `timestamp.txt` says."""

    text: str = ""
    at: datetime | None = None
    """In UTC, without a zone, as the gradebook has it; None if there is no such file, or none that can be read."""
    note: str = ""
    """What is wrong with the file."""


def timestamp(root: Path, path: Path) -> Timestamp:
    """Read when a notebook was handed in.

    Shapes:
        root  the course's folder
        path  submitted/<student>/<assignment>/<notebook>
    """
    place = beside.handed_in(root, path) / "timestamp.txt"
    if beside.elsewhere(root, path) or not os.path.lexists(place):
        return Timestamp()
    try:
        text = _text(place)
        return Timestamp(text, _moment(text))
    except OSError as error:
        why = f"can't be read: {error.strerror or error}"
    except LookupError as error:
        why = f"is in an unknown time zone, {error.args[0]}"
    except (ValueError, OverflowError) as error:
        why = f"is not a time: {one_line(str(error))[:60]}"
    return Timestamp(
        note=f"{beside.named(root, place)} {why}. So it is not known whether this was late. "
        "Write when it was handed in, like 2026-11-01 12:00:00 UTC, then grade again."
    )


def _text(place: Path) -> str:
    if place.is_symlink():
        raise OSError("it is a link")
    try:
        return contents(place, LONGEST_TIMESTAMP).decode().strip()
    except CannotGrade:
        raise ValueError(f"it has more than {LONGEST_TIMESTAMP} bytes") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text") from None


def _moment(text: str) -> datetime:
    """A point in time, in UTC.

    Raises:
        ValueError: if it is none.
        OverflowError: if it is beyond the calendar.
        LookupError: if its zone is unknown.
    """
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        raise ValueError(f'it says "{text}"' if text else "it is empty")
    local = datetime.fromisoformat(f"{found['day']}T{found['hour']}")
    if offset := found["offset"]:
        hours, minutes = int(offset[1:3]), int(offset[-2:])
        away = timedelta(hours=hours, minutes=minutes)
        local = local.replace(tzinfo=timezone(-away if offset[0] == "-" else away))
    elif (zone := found["zone"] or "UTC").upper() in {"UTC", "GMT", "Z"}:
        local = local.replace(tzinfo=UTC)
    elif zone not in time.tzname:  # a name that this machine's own zone has is left to it
        local = local.replace(tzinfo=_zone(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # a folder of zones is no zone
        raise LookupError(name) from None
