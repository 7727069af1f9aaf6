"""When a submission was handed in: what is read as a time, and what is told in place of a guess."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from autograder.run.timestamp import LONGEST_TIMESTAMP, timestamp

TIMES = {
    "2026-11-20 10:00:00 UTC": (20, 10, 0),
    "2026-11-20 10:00:00.250000 UTC\n": (20, 10, 0),
    "2026-11-20 10:00": (20, 10, 0),
    "2026-11-20T10:00:00Z": (20, 10, 0),
    "2026-11-20 10:00:00 +0100": (20, 9, 0),
    "2026-11-20T23:30:00-05:30": (21, 5, 0),
    "2026-11-20 10:00:00 CET": (20, 9, 0),
    "2026-11-20 10:00:00 America/New_York": (20, 15, 0),
    "2026-11-20 10:00:00 EST5EDT": (20, 15, 0),
    "2026-11-20 10:00:00 Etc/GMT+3": (20, 13, 0),
}
"""A timestamp -> day, hour and minute in UTC."""


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_read_with_its_zone(text: str, tmp_path: Path) -> None:
    """What nbgrader writes, and ISO 8601, in any zone that is known."""
    found = timestamp(tmp_path, handed_in(tmp_path, lambda path: path.write_text(text, "ascii")))

    assert found.note == ""
    assert found.at is not None
    assert found.at.tzinfo is None
    assert (found.at.day, found.at.hour, found.at.minute) == TIMES[text]


UNREAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: path.write_text(" \n", "ascii"), "it is empty"),
    "words": (lambda path: path.write_text("yesterday\x1b[2J", "ascii"), 'it says "yesterday\ufffd[2J"'),
    "no such day": (lambda path: path.write_text("2026-02-30 10:00:00 UTC", "ascii"), "is not a time"),
    "beyond the calendar": (lambda path: path.write_text("0001-01-01 00:00:00 +0100", "ascii"), "is not a time"),
    "a zone of nobody": (lambda path: path.write_text("2026-11-20 10:00 MARS", "ascii"), "an unknown time zone, MARS"),
    "a folder of zones": (lambda path: path.write_text("2026-11-20 10:00 America", "ascii"), "an unknown time zone"),
    "a path as zone": (lambda path: path.write_text("2026-11-20 10:00 ../../etc", "ascii"), "is not a time"),
    "much": (lambda path: path.write_text("9" * (LONGEST_TIMESTAMP + 1), "ascii"), "more than 100 bytes"),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe"), "it is not text"),
    "a link": (lambda path: path.symlink_to("/etc/hostname"), "it is a link"),
    "a pipe": (os.mkfifo, "it is not a regular file"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "it is a link"),
    "a folder": (Path.mkdir, "can't be read"),
}
"""What stands for a timestamp -> what is told of it."""


@pytest.mark.parametrize("kind", UNREAD)
def test_what_is_no_time_is_told_and_never_on_time_in_silence(kind: str, tmp_path: Path) -> None:
    """One sentence names the file, says why it can't be read, and how to write it."""
    put, told = UNREAD[kind]
    found = timestamp(tmp_path, handed_in(tmp_path, put))

    assert found.at is None
    assert found.note.startswith("submitted/ada/mlp/timestamp.txt ")
    assert told in found.note
    assert "like 2026-11-01 12:00:00 UTC" in found.note


def test_without_a_timestamp_there_is_nothing_to_tell(tmp_path: Path) -> None:
    """Courses that collect by hand have none."""
    assert timestamp(tmp_path, handed_in(tmp_path, lambda _: None)).note == ""


def test_the_name_of_this_machines_own_zone_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange in summer writes CEST, which no list of zones has."""
    import time

    path = handed_in(tmp_path, lambda path: path.write_text("2026-07-20 10:00:00 CEST", "ascii"))
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert timestamp(tmp_path, path).at == datetime(2026, 7, 20, 8)
    finally:
        monkeypatch.undo()
        time.tzset()


def handed_in(root: Path, put: Callable[[Path], object]) -> Path:
    """The path of a notebook beside which there is something for a timestamp."""
    folder = root / "submitted/ada/mlp"
    folder.mkdir(parents=True)
    put(folder / "timestamp.txt")
    return folder / "mlp.ipynb"
