"""platforms.archive: what is hostile or odd in an archive gets its sentence, and the rest is read."""

from __future__ import annotations

import io
import os
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from autograder.platforms import archive
from autograder.platforms.archive import Archive, Refused

GOOD = "ada_1_11_mlp.ipynb"
Spoil = Callable[[zipfile.ZipFile], None]


def zipped(place: Path, spoil: Spoil | None = None) -> Path:
    """A zip with one good file, and whatever else somebody puts into it."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as out:
        if spoil:
            spoil(out)
        out.writestr(GOOD, "{}")
    return place


def named(name: str, content: str = "x") -> Spoil:
    """An entry of a name."""

    def spoil(out: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("x")
        info.filename = name
        out.writestr(info, content)

    return spoil


def kind(mode: int) -> Spoil:
    """An entry that says it is something else than a file."""

    def spoil(out: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("strange")
        info.create_system, info.external_attr = 3, (mode | 0o777) << 16
        out.writestr(info, "/etc/passwd")

    return spoil


def twice(first: str, second: str) -> Spoil:
    """Two entries that are one name, or nearly."""

    def spoil(out: zipfile.ZipFile) -> None:
        with pytest.warns(UserWarning, match="Duplicate name") if first == second else nullcontext():
            for name in (first, second):
                out.writestr(name, name)

    return spoil


def bomb(out: zipfile.ZipFile) -> None:
    """Two megabytes of nothing."""
    out.writestr("zeros", b"\0" * 2**21)


def large(out: zipfile.ZipFile) -> None:
    """A file that is larger than one may be."""
    info = zipfile.ZipInfo("large")
    out.writestr(info, b"x")
    info.file_size = 2**31


def method(out: zipfile.ZipFile) -> None:
    """An entry that only another kind of program unpacks."""
    info = zipfile.ZipInfo("odd")
    info.compress_type = zipfile.ZIP_LZMA
    out.writestr(info, "x" * 100)


def encrypted(out: zipfile.ZipFile) -> None:
    """An entry with a password."""
    info = zipfile.ZipInfo("locked")
    out.writestr(info, "x")
    info.flag_bits |= 1


MEMBERS: dict[str, tuple[Spoil, str]] = {
    "a path that leads out": (named("../../out.ipynb"), "leads out"),
    "a path that leads out from within": (named("a/../../out"), "leads out"),
    "an absolute path": (named("/etc/cron.d/x"), "absolute path"),
    "a drive": (named("C:/Windows/x"), "absolute path"),
    "a backslash": (named("..\\..\\out"), "backslash"),
    "an empty part": (named("a//b"), "empty part"),
    "a folder that is itself": (named("./b"), "empty part"),
    "a link": (kind(stat.S_IFLNK), "is a link"),
    "a pipe": (kind(stat.S_IFIFO), "is no file"),
    "a device": (kind(stat.S_IFBLK), "is no file"),
    "a control character": (named("a\x1b[2Jb"), "control characters"),
    "a line feed": (named("a\nb"), "control characters"),
    "a zero byte": (named("a.ipynb\0.exe"), "control characters"),
    "a character that turns text round": (named("a\u202eynpi.b"), "control characters"),
    "a line separator": (named("a\u2028b"), "control characters"),
    "a device of Windows": (named("aux.ipynb"), "Windows keeps"),
    "a trailing dot": (named("mlp.ipynb."), "ends in a blank or a dot"),
    "a long name": (named("n" * 251), "more than 250 bytes"),
    "many folders": (named("/".join("d" * 20)), "folders deep"),
    "a file of two gigabytes": (large, "2,048 MB"),
    "a bomb": (bomb, "250 times its size"),
    "an archive within": (named("ada_1_12_all.zip"), "archive within an archive"),
    "an archive within, of another kind": (named("ada_1_12_all.TAR.GZ"), "archive within an archive"),
    "a password": (encrypted, "encrypted"),
    "another method": (method, "method that no LMS uses"),
    "a name twice": (twice("b.ipynb", "b.ipynb"), "more than once"),
    "a name twice, but for case": (twice("b.ipynb", "B.ipynb"), "more than once"),
    "a name twice, but for its accents": (
        twice("zo\u00eb.py", unicodedata.normalize("NFD", "zo\u00eb.py")),
        "more than once",
    ),
}
"""What stands in an archive that is otherwise good, and what is said of it."""


@pytest.mark.parametrize("what", MEMBERS)
def test_a_hostile_entry_is_refused_and_the_rest_is_read(tmp_path: Path, what: str) -> None:
    """One sentence, on one line, names the archive and the entry; what stands beside it is there."""
    spoil, told = MEMBERS[what]
    with Archive(zipped(tmp_path / "submissions.zip", spoil)) as opened:
        assert [(one.name, one.content()) for one in opened.members] == [(GOOD, b"{}")]
        assert opened.refused
        for sentence in opened.refused:
            assert sentence.startswith("submissions.zip: "), sentence
            assert told in sentence
            assert sentence.isprintable()
            assert sentence.endswith(".")


def cut(data: bytes) -> bytes:
    """Half of it."""
    return data[: len(data) // 2]


def many(data: bytes) -> bytes:
    """As many entries as nobody hands in, in a directory of their own."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", *[0] * 18)[:46]
    return data + entry * (archive.MOST + 1)


def piled(_: bytes) -> bytes:
    """Two entries of the same bytes: what is packed once unpacks many times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a", "x" * 100)
        made.writestr("b", "x" * 100)
        made.infolist()[1].header_offset = 0
    return out.getvalue()


def not_utf8(_: bytes) -> bytes:
    """A name that says it is UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("\u00e9\u00e9.py", "x")
    return out.getvalue().replace("\u00e9\u00e9".encode(), b"\xff\xfe\xfd\xfc")


WHOLE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (cut, "cut off or damaged"),
    "empty": (lambda _: b"", "an empty file"),
    "nothing in it": (lambda _: b"PK\x05\x06" + bytes(18), "is empty"),
    "a page that asks to log in": (lambda _: b"<!DOCTYPE html><title>Log in", "a web page"),
    "something else": (lambda _: b"Rar!\x1a\x07\x00" + bytes(50), "no zip archive"),
    "too many entries": (many, "more than 100,000 entries"),
    "entries upon each other": (piled, "lie upon each other"),
    "a name that is not UTF-8": (not_utf8, "not UTF-8"),
}
"""What becomes of a whole archive, and what is said of it."""


@pytest.mark.parametrize("what", WHOLE)
def test_an_archive_that_can_not_be_read_is_told_in_one_sentence(tmp_path: Path, what: str) -> None:
    """Nothing of it is read."""
    spoil, told = WHOLE[what]
    place = zipped(tmp_path / "submissions.zip")
    place.write_bytes(spoil(place.read_bytes()))
    with Archive(place) as opened:
        assert opened.members == []
        (sentence,) = opened.refused
        assert told in sentence
        assert sentence.startswith("submissions.zip ")


def test_what_is_no_archive_is_told_too(tmp_path: Path) -> None:
    """A link, a pipe, an archive of another kind, an empty folder."""
    zipped(tmp_path / "real.zip")
    (tmp_path / "link.zip").symlink_to("real.zip")
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "all.tar.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "folder").mkdir()
    told = {}
    for name in ("link.zip", "pipe.zip", "all.tar.gz", "folder"):
        with Archive(tmp_path / name) as opened:
            assert opened.members == []
            (told[name],) = opened.refused
    assert "is a link" in told["link.zip"]
    assert "is no file" in told["pipe.zip"]
    assert "only .zip is opened" in told["all.tar.gz"]
    assert "is empty" in told["folder"]


def test_a_folder_that_a_browser_has_unpacked_is_read_like_its_zip(tmp_path: Path) -> None:
    """Links in it are told, not followed; what systems leave behind is passed over."""
    top = tmp_path / "submissions"
    (top / "deep").mkdir(parents=True)
    (top / "deep" / GOOD).write_text("{}")
    (top / ".DS_Store").write_text("x")
    (top / "out").symlink_to("/etc")
    (top / "passwd").symlink_to("/etc/passwd")
    with Archive(top) as opened:
        assert [(one.name, one.content()) for one in opened.members] == [(f"deep/{GOOD}", b"{}")]
        assert [sentence.rpartition(": ")[2].split()[0] for sentence in opened.refused] == ["out", "passwd"]


@pytest.mark.parametrize("spot", [b"{}", b"ada_1_11"])
def test_bytes_that_are_not_what_the_archive_says_are_refused_when_they_are_read(tmp_path: Path, spot: bytes) -> None:
    """A wrong checksum; a name that differs before the file and in the directory."""
    place = tmp_path / "submissions.zip"
    with zipfile.ZipFile(place, "w") as out:
        out.writestr(GOOD, "{}")
    place.write_bytes(place.read_bytes().replace(spot, b"!" * len(spot), 1))
    with Archive(place) as opened:
        (member,) = opened.members
        with pytest.raises(Refused, match="is damaged"):
            member.content()


def test_names_without_a_mark_are_read_as_the_utf_8_that_they_are(tmp_path: Path) -> None:
    """Canvas writes UTF-8, and doesn't say so."""
    place = tmp_path / "submissions.zip"
    with zipfile.ZipFile(place, "w") as out:
        out.writestr("m\u00fcllerj\u00f6rg_3_33_mlp.ipynb", "{}")
    data = bytearray(place.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset + 1] = 0
    place.write_bytes(bytes(data))
    with Archive(place) as opened:
        assert [one.name for one in opened.members] == ["m\u00fcllerj\u00f6rg_3_33_mlp.ipynb"]
        assert opened.members[0].content() == b"{}"
