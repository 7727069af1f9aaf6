"""A course's secret: made once, read as it is, and refused with a sentence where it is none."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from autograder.course.course import Course
from autograder.course.secret import LONGEST_SECRET, SHORTEST_SECRET
from autograder.errors import CannotGrade
from tests.conftest import autograder, command, copied, copied_course

Spoil = Callable[[Path], object]

NO_SECRETS: dict[str, tuple[Spoil, str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "a blank line": (lambda path: path.write_bytes(b"\n"), "is empty"),
    "spaces": (lambda path: path.write_bytes(b" \t\r\n  \n" * 9), "is empty"),
    "short": (lambda path: path.write_bytes(b"hush"), "is too short: it has 4 of at least 16 characters"),
    "one short": (
        lambda path: path.write_bytes(b"x" * (SHORTEST_SECRET - 1) + b"\n"),
        "is too short: it has 15 of at least 16",
    ),
    "short between spaces": (
        lambda path: path.write_bytes(b" " * 40 + b"x" + b"\n" * 40),
        "is too short: it has 1 of at least",
    ),
    "broken off": (lambda path: path.write_bytes(b"3f62a9"), "is too short: it has 6 of at least"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not plain text"),
    "zeros": (lambda path: path.write_bytes(bytes(64)), "is not plain text"),
    "broken off, then zeros": (lambda path: path.write_bytes(b"3f62a9" * 4 + bytes(40)), "is not plain text"),
    "a terminal's colours": (lambda path: path.write_bytes(b"\x1b[31m" + b"x" * 64), "is not plain text"),
    "another alphabet": (lambda path: path.write_text("тайна" * 9, "utf-8"), "is not plain text"),
    "another encoding": (lambda path: path.write_text("x" * 64, "utf-16"), "is not plain text"),
    "a mark before it": (lambda path: path.write_text("x" * 64, "utf-8-sig"), "is not plain text"),
    "large": (lambda path: path.write_bytes(b"x" * (LONGEST_SECRET + 1)), "has more than 4096 bytes"),
    "endless": (lambda path: (path.touch(), os.truncate(path, 1 << 40)), "has more than 4096 bytes"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "is a link that leads nowhere"),
}
"""What stands in the secret's place, and what is said of it."""

NO_FILES: dict[str, tuple[Spoil, str]] = {
    "a folder": (Path.mkdir, "can't be read: Is a directory"),
    "a pipe": (os.mkfifo, "can't be read: it is not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "can't be read: it is not a regular file"),
    "a link to a folder": (lambda path: path.symlink_to("."), "can't be read: Is a directory"),
    "a folder that is a file": (lambda path: (path.parent.rmdir(), path.parent.touch()), "can't be read: Not a dir"),
}
"""What stands there and is no file of ours: it is not for us to have it deleted."""


def without_secret(folder: Path) -> tuple[Course, Path]:
    """A course with one submission, and the place of the secret that it doesn't have."""
    course = copied_course(folder)
    (folder / "submitted/ada/mlp").mkdir(parents=True)
    (folder / "submitted/ada/mlp/mlp.ipynb").write_text("{}", encoding="ascii")
    path = course.root / ".autograder/secret"
    path.unlink()
    return course, path


def found(folder: Path) -> tuple[object, ...]:
    """What stands in a folder, and when that changed; looking at it is no change."""
    about = folder.lstat()
    return about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns, sorted(folder.glob("*"))


@pytest.mark.parametrize("kind", [*NO_SECRETS, *NO_FILES])
def test_what_is_no_secret_is_refused(tmp_path: Path, kind: str) -> None:
    """By `check`, `grade` and `vet`, with exit code 1, what is wrong and what to do; it is left as it is."""
    course, path = without_secret(tmp_path)
    spoil, said = (NO_SECRETS | NO_FILES)[kind]
    spoil(path)
    before = found(path.parent)
    with pytest.raises(CannotGrade) as refused:
        course.seed("mlp")

    assert f"The course's secret {path} {said}" in str(refused.value)
    if kind in NO_SECRETS:
        assert "delete it: the next command makes a new one" in str(refused.value)
        assert "every submission is graded again, and a score can change" in str(refused.value)
    else:
        assert "delete" not in str(refused.value)
        assert "set c.BackpropKit.secret_file to another place" in str(refused.value)
    submitted = course.root / "submitted/ada/mlp/mlp.ipynb"
    for words in (["check", submitted, "-a", "mlp"], ["grade", "mlp"], ["grade", "mlp", "--workers", "2"], ["vet"]):
        done = command(*words, "--course", course.root)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"autograder: {refused.value}" in done.stderr
        assert "Traceback" not in done.stderr
    assert found(path.parent) == before


@pytest.mark.slow
def test_a_secret_that_changed_is_told_before_anything_is_graded_anew(released_course: Course, tmp_path: Path) -> None:
    """Once, with how many it concerns, how to see what would change, and where the old one belongs."""
    course = copied(released_course, tmp_path / "course")
    folder = course.root / "submitted/ada/mlp"
    folder.mkdir(parents=True)
    (folder / "mlp.ipynb").write_text("{}", encoding="ascii")

    def run(*more: str) -> str:
        done = autograder("grade", "mlp", "--course", course.root, *more)
        assert done.returncode == 1, "what can't be read is told by the exit code"
        return done.stderr

    assert "secret" not in run()
    (course.root / ".autograder/secret").write_text("another secret of ours", encoding="ascii")
    again = run()
    assert "The course's secret has changed since 1 of these submissions were graded." in again
    assert "--preview shows who would change" in again


@pytest.mark.parametrize("kind", NO_SECRETS)
def test_a_refused_secret_can_be_deleted(tmp_path: Path, kind: str) -> None:
    """What the sentence promises holds: without the file, the next command makes a good one."""
    course, path = without_secret(tmp_path)
    NO_SECRETS[kind][0](path)
    path.unlink()
    seed = course.seed("mlp")

    assert len(seed.removesuffix("|mlp")) == 64
    assert seed == f"{path.read_text('ascii').strip()}|mlp" == course.seed("mlp")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        (b"5ec7e7" * 8, "5ec7e7" * 8),
        (b"5ec7e7" * 8 + b"\n", "5ec7e7" * 8),
        (b" 5ec7e7" * 8 + b"\r\n\n", ("5ec7e7 " * 8).strip()),
        (b"x" * SHORTEST_SECRET, "x" * SHORTEST_SECRET),
        (b"A sentence, of our own: {~}\n", "A sentence, of our own: {~}"),
        (b"one line\r\nand\ranother\n", "one line\nand\nanother"),
        (b"x" * LONGEST_SECRET, "x" * LONGEST_SECRET),
    ],
)
def test_a_secret_is_taken_as_it_is(tmp_path: Path, written: bytes, secret: str) -> None:
    """The kit's own and an instructor's, without the space around it: a course keeps its hidden inputs."""
    course, path = without_secret(tmp_path)
    path.write_bytes(written)

    assert course.seed("mlp") == f"{secret}|mlp"
    assert path.read_bytes() == written


def test_a_secret_may_be_a_link(tmp_path: Path) -> None:
    """One that is kept elsewhere, and read there."""
    course, path = without_secret(tmp_path)
    (tmp_path / "elsewhere").write_text("5ec7e7" * 8, encoding="ascii")
    path.symlink_to(tmp_path / "elsewhere")

    assert course.seed("mlp") == "5ec7e7" * 8 + "|mlp"


def test_a_draft_that_was_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """A command that was killed as it made the secret, whatever its number was, leaves the next one free to make it."""
    course, path = without_secret(tmp_path)
    path.with_name(f"secret.{os.getpid()}").write_text("5ec7", encoding="ascii")

    assert len(course.seed("mlp")) == 64 + len("|mlp")


def test_many_make_one_secret(tmp_path: Path) -> None:
    """Commands that start at the same moment in a new course agree, and leave no draft."""
    _, path = without_secret(tmp_path)
    path.parent.rmdir()
    together = Barrier(16)

    def seed(_: int) -> str:
        together.wait()
        return Course(tmp_path).seed("mlp")

    with ThreadPoolExecutor(16) as pool:
        seeds = set(pool.map(seed, range(16)))

    assert seeds == {f"{path.read_text('ascii').strip()}|mlp"}
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_secret_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a secret nor a draft; the sentence says what the machine said."""
    course, path = without_secret(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(CannotGrade, match=r"can't be made: No space left on device\. Make its folder writable"):
        course.seed("mlp")
    assert list(path.parent.iterdir()) == []


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Be a user without any rights, where we are root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        ("secret", "can't be read: Permission denied. Make it a file that you may read"),
        ("folder", "can't be read: Permission denied. Make it a file that you may read"),
        ("nothing", "can't be made: Permission denied. Make its folder writable"),
    ],
)
def test_a_secret_out_of_reach_is_told(closed: str, said: str) -> None:
    """A secret that this user may not read, or may not make, is told as that, and no other is made."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        folder.chmod(0o755)
        course, path = without_secret(folder)
        assert course.settings.secret_file, "settings are read while everything is within reach"
        if closed != "nothing":
            path.write_text("5ec7e7" * 8, encoding="ascii")
            path.chmod(0)
        path.parent.chmod(0 if closed == "folder" else 0o555)
        with somebody_else(), pytest.raises(CannotGrade) as refused:
            course.seed("mlp")
        path.parent.chmod(0o755)

        assert f"The course's secret {path} {said}" in str(refused.value)
        assert [each.name for each in path.parent.iterdir()] == ["secret"] * (closed != "nothing")
