"""What an LMS hands out: a zip, or the folder that a browser made of one, read without trust in what it says of itself.

Whatever is refused is told in a sentence, and the rest is read. Nothing is written here.
"""

from __future__ import annotations

import itertools
import lzma
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from autograder.visible import one_line, visible

LARGEST = 64 * 2**20
"""Bytes of a file, unpacked; the largest of MNIST's own has 45 MB."""

TOGETHER = 8 * 2**30
"""Bytes of all files of an archive, unpacked."""

MOST = 100_000
"""Entries of an archive."""

RATIO = 250
"""How many times larger a file of more than a megabyte may be than what it is packed in; text and pictures reach 20."""

DEEPEST, LONGEST = 12, 250
"""Folders within folders, and bytes of one name."""

PACKED = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".tbz", ".xz", ".txz", ".7z", ".rar", ".zst", ".lz", ".lzma", ".cab")
"""Endings of archives: none is opened within another."""

_LEFT_BEHIND = re.compile(r"(?:^|/)(?:__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)(?:/|$)")
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_UTF8, _ENCRYPTED = 0x800, 0x41
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError, OverflowError,
)  # fmt: skip
"""What a damaged zip makes Python's own reader raise."""


class Refused(Exception):  # noqa: N818 - it reads as the sentence it is
    """Something is not read; its text says why, as the end of a sentence."""


@dataclass(frozen=True)
class Member:
    """A file of an archive, under a name that leads nowhere else."""

    name: str
    size: int
    content: Callable[[], bytes] = field(repr=False, compare=False)
    """Reads it; raises :class:`Refused` where it is not what the archive says."""


class Archive:
    """An open archive: the files that can be read, and a sentence for each that can't."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refused: list[str] = []
        self.members: list[Member] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._list()
        except Refused as why:
            self.members = []
            self.refused.append(f"{_shown(self.path.name)} {why}")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def refuse(self, member: Member, why: object) -> None:
        """Note that a file wasn't taken, and why."""
        place = "" if member.name == self.path.name else f"{_shown(self.path.name)}: "
        self.refused.append(f"{place}{_shown(member.name)} {why}")

    def _list(self) -> None:
        found = [*self._entries()]
        if not found:
            raise Refused("is empty.")
        alike = Counter(_same(entry.name) for entry in found)
        for entry in found:
            why = entry.why or unfit(entry.name)
            if not why and alike[_same(entry.name)] > 1:
                why = "is there more than once, under one name but for case or accents; none of them was taken."
            if not why and entry.name.lower().endswith(PACKED):
                why = "is an archive within an archive; it was not opened. Ask for the notebook itself."
            member = Member(entry.name, entry.size, entry.content)
            if _LEFT_BEHIND.search(entry.name):
                continue
            if why:
                self.refuse(member, why)
            elif not entry.name.endswith("/"):
                self.members.append(member)
        if sum(member.size for member in self.members) > TOGETHER:
            raise Refused(f"would unpack to more than {TOGETHER / 2**30:.0f} GB; it was not opened.")

    def _entries(self) -> Iterator[_Entry]:
        suffix = self.path.suffix.lower()
        if self.path.is_symlink():
            raise Refused("is a link; what it points to was not read. Put the file itself in its place.")
        if self.path.is_dir():
            yield from _folder(self.path)
        elif not self.path.is_file():
            raise Refused("is no file; it was not opened.")
        elif suffix == ".zip":
            yield from self._zip()
        elif suffix in PACKED:
            raise Refused("is an archive of another kind; only .zip is opened. Unpack it, and zip it again.")
        else:
            yield _Entry(self.path.name, self.path.stat().st_size, _reading(self.path))

    def _zip(self) -> Iterator[_Entry]:
        try:
            file = self._open.enter_context(self.path.open("rb"))
            start = file.read(64)
            if not start:
                raise Refused("is an empty file. Download it again.")
            if start.lstrip()[:1] == b"<":
                raise Refused("is a web page and no zip archive. Log in to your LMS, and download it again.")
            if _counted(self.path) > MOST:
                raise Refused(f"has more than {MOST:,} entries; it was not opened.")
            archive = self._open.enter_context(zipfile.ZipFile(file))
            infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        except UnicodeDecodeError:
            raise Refused("has a name that is not UTF-8, though it says so; it was not opened.") from None
        except _BROKEN as error:
            told = "" if "not a zip" in str(error) else f" ({one_line(str(error))[:80]})"
            raise Refused(f"is no zip archive, or is cut off or damaged{told}. Download it again.") from None
        if any(a.header_offset + a.compress_size > b.header_offset for a, b in itertools.pairwise(infos)):
            raise Refused("has parts that lie upon each other, as no archive of an LMS has; it was not opened.")
        for info in infos:
            yield _Entry(_name(info), info.file_size, _unpacking(archive, info), _strange(info))


@dataclass(frozen=True)
class _Entry:
    """Something that stands in an archive, before anything is known of it."""

    name: str
    size: int
    content: Callable[[], bytes]
    why: str = ""


def unfit(name: str) -> str:
    """Say why a path can't be that of a file in a folder of a student's own; empty if it can."""
    parts = name.removesuffix("/").split("/")
    wrong = {
        "has control characters in its name": name != visible(name) or _steers(name),
        "has a backslash in its name, which is a path on Windows": "\\" in name,
        "names a place on your machine, by an absolute path": name.startswith("/") or _DRIVE.match(name),
        "leads out of its folder": ".." in parts,
        "has an empty part in its path": "" in parts or "." in parts,
        f"lies more than {DEEPEST} folders deep": len(parts) > DEEPEST,
        f"has a name of more than {LONGEST} bytes": any(len(os.fsencode(part)) > LONGEST for part in parts),
        "has a name that Windows keeps for a device": any(map(_DEVICE.fullmatch, parts)),
        "has a name that ends in a blank or a dot": any(part != part.rstrip(" .") for part in parts),
    }
    return next((f"{why}; it was not taken." for why, holds in wrong.items() if holds), "")


def _steers(name: str) -> bool:
    return any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in name)


def _shown(name: str) -> str:
    name = one_line(name)
    return name if len(name) <= 160 else f"{name[:80]}\N{HORIZONTAL ELLIPSIS}{name[-79:]}"


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _name(info: zipfile.ZipInfo) -> str:
    """A name as it stands in the archive: UTF-8 where it is, whether or not the archive says so, as Canvas doesn't."""
    name = info.orig_filename  # what follows a zero byte, too
    if not info.flag_bits & _UTF8:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def _strange(info: zipfile.ZipInfo) -> str:
    """Say why an entry isn't opened, by what the archive says of it; empty if it is."""
    kind, size = stat.S_IFMT(info.external_attr >> 16), info.file_size
    wrong = {
        "is a link; what it points to was not read.": kind == stat.S_IFLNK,
        "is no file; it was not opened.": kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK},
        "is encrypted; it was not opened.": info.flag_bits & _ENCRYPTED,
        f"is packed by a method that no LMS uses ({info.compress_type}); it was not opened.": (
            info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        ),
        _too_large(size): size > LARGEST,
        f"would unpack to more than {RATIO} times its size; it was not opened.": (
            size > 2**20 and size > RATIO * max(info.compress_size, 1)
        ),
    }
    return next((why for why, holds in wrong.items() if holds), "")


def _too_large(size: int) -> str:
    return f"has {size / 2**20:,.0f} MB, and up to {LARGEST / 2**20:.0f} are taken; it was not opened."


def _unpacking(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes]:
    def content() -> bytes:
        try:
            with archive.open(info) as file:
                return file.read(info.file_size + 1)
        except _BROKEN as error:
            raise Refused(f"is damaged ({one_line(str(error))[:80]}); it was not taken. Download it again.") from None

    return content


def _reading(path: Path) -> Callable[[], bytes]:
    def content() -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(LARGEST + 1)
        except OSError as error:
            raise Refused(f"can't be read: {error.strerror or error}.") from None

    return content


def _folder(top: Path) -> Iterator[_Entry]:
    """What lies in a folder that somebody else has unpacked; links are not followed."""
    seen = 0
    for place, folders, names in os.walk(top):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = sorted(set(folders) - {*links})
        for name in sorted([*names, *links]):
            seen += 1
            if seen > MOST:
                raise Refused(f"has more than {MOST:,} files; none was read.")
            path = Path(place) / name
            about = path.lstat()
            wrong = {
                "is a link; what it points to was not read.": stat.S_ISLNK(about.st_mode),
                "is no file; it was not opened.": not stat.S_ISREG(about.st_mode),
                _too_large(about.st_size): about.st_size > LARGEST,
            }
            why = next((why for why, holds in wrong.items() if holds), "")
            yield _Entry(path.relative_to(top).as_posix(), 0 if why else about.st_size, _reading(path), why)


def _counted(path: Path) -> int:
    """How many entries a zip has at the most, before all of them are read into memory: what each begins with."""
    mark, seen, rest = b"PK\x01\x02", 0, b""
    with path.open("rb") as file:
        while block := file.read(2**20):
            block = rest + block
            seen += block.count(mark)
            rest = block[-len(mark) + 1 :]
    return seen
