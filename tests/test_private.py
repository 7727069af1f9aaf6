"""Files about students: made for their owner alone, whole or not at all; folders that are there stay as they are."""

from __future__ import annotations

import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from autograder import private
from autograder.visible import VisibleLog, visible


def mode(path: Path) -> int:
    """A path's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """0600 in 0700, and a folder of the instructor's keeps its permissions."""
    tmp_path.chmod(0o755)
    private.write(tmp_path / "a/b/c.json", "{}")

    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c.json")] == [0o700, 0o700, 0o600]
    assert mode(tmp_path) == 0o755


def test_what_instructors_share_stays_theirs_together(tmp_path: Path) -> None:
    """In a folder that nbgrader's `groupshared` has marked, the group reads and writes, and nobody else."""
    tmp_path.chmod(0o2775)
    private.write(tmp_path / "a/b.json", "{}")
    with private.making(tmp_path):
        (tmp_path / "gradebook.db").touch()

    assert [mode(tmp_path / name) for name in ("a", "a/b.json")] == [0o2770, 0o660]
    assert mode(tmp_path / "gradebook.db") & 0o007 == 0


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stands if the new one can't be, and no draft is left."""
    path = tmp_path / "kept"
    private.write(path, "before")
    path.chmod(0o644)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            private.write(path, "after")
    assert path.read_text("utf-8") == "before"
    private.write(path, "after, with half a letter: \ud83d")
    assert path.read_text("utf-8") == "after, with half a letter: ?"
    assert mode(path) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_a_log_line_steers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Names, formats and tracebacks are written out visibly; line ends of a traceback stay."""
    log = logging.getLogger("a log of names")
    log.addFilter(VisibleLog())
    try:
        int("\x1b[2J")
    except ValueError:
        log.exception("%s is %d\u202e", "esc\x1b\x9b", 3)
    text = caplog.text

    assert "esc\ufffd\ufffd is 3\ufffd" in text
    assert "ValueError: invalid literal" in text
    assert text == visible(text)


def test_threads_that_are_at_it_together_leave_the_umask_as_it_was(tmp_path: Path) -> None:
    """The second one finds the process's own, and not the first one's."""
    first, second = threading.Event(), threading.Event()

    def one() -> None:
        with private.making(tmp_path):
            first.set()
            second.wait(0.5)  # until another is in, which must not happen

    def other() -> None:
        first.wait()
        with private.making(tmp_path):
            second.set()
            begun.wait()

    before = os.umask(0o022)
    begun = threading.Event()
    threads = [threading.Thread(target=work) for work in (one, other)]
    try:
        for thread in threads:
            thread.start()
        threads[0].join()
        begun.set()
        threads[1].join()
        left = os.umask(0o022)
    finally:
        os.umask(before)

    assert left == 0o022
