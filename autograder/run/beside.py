"""A student's folder, looked at from outside: what is in it that nobody opens, and what a person should know of it.

A notebook is handed in as a plain file. What lies beside it is the student's own: nothing of the kit needs it, and
nothing is opened here. nbgrader would copy it, links and pipes followed, into what the instructor reads.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from autograder.course import Course
from autograder.visible import one_line

LARGEST_BESIDE = 64 * 1024 * 1024
"""Bytes of a file beside a notebook, holes counted: the largest of MNIST's own files has 45 MB."""

LARGEST_TOGETHER = 128 * 1024 * 1024
"""Bytes of all that lies beside a notebook."""

MOST_BESIDE = 1_000
"""Files and folders beside a notebook, at all depths."""

DEEPEST_BESIDE = 10
"""Folders within folders beside a notebook."""

MOST_NAMED = 20
"""Files of a submission that are listed where it could not be read."""

MOST_NOTES = 5
"""Files that are named; how many more there are is counted."""

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def barred(root: Path, path: Path) -> str:
    """Say why a submitted notebook isn't opened: it, or a folder that it lies in, is a link, or it is no file.

    Shapes:
        root  the course's folder
        path  submitted/<student>/<assignment>/<notebook>
    """
    if told := elsewhere(root, path):
        return told
    kind = _kind(path)
    if kind not in {"", "a file"}:
        return f"{named(root, path)} is {kind}; what belongs there is a notebook file, so it was not opened."
    return ""


def handed_in(root: Path, path: Path) -> Path:
    """The folder that a notebook was handed in with: the one that holds its time stamp."""
    return Course(root).handed_in(path)


def elsewhere(root: Path, path: Path) -> str:
    """Say why the folder that a notebook should lie in isn't looked into: it, or one that it lies in, is none."""
    place = f"{root}{os.sep}submitted"  # as a text: this is asked several times a submission
    for name in path.parts[len(root.parts) + 1 : -1]:
        place = f"{place}{os.sep}{name}"
        kind = _kind(place)
        if kind == "a link":
            return (
                f"{named(root, Path(place))} is a link; what it points to was not read. "
                "Put the folder itself in its place."
            )
        if kind not in {"", "a folder"}:
            return f"{named(root, Path(place))} is {kind}; what belongs there is a folder with a notebook."
    return ""


def notes(root: Path, path: Path) -> tuple[str, ...]:
    """Say what lies beside a notebook that is no plain file, or more than anybody wants copied: a sentence each."""
    folder, told = handed_in(root, path), list(filter(None, [barred(root, path)]))
    if elsewhere(root, path) or not folder.is_dir():
        return tuple(told)
    found = list(itertools.islice(_strange(root, folder, path), MOST_BESIDE))
    told += [f"{name} {what}" for name, what in found[:MOST_NOTES]]
    if len(found) > MOST_NOTES:
        told.append(f"{named(root, folder)} has {len(found) - MOST_NOTES} more like that; none were opened.")
    return tuple(told)


def inventory(root: Path, path: Path) -> list[str]:
    """What has been handed in, a line a file: its name, and its size or what else it is."""
    folder = handed_in(root, path)
    if elsewhere(root, path) or _kind(folder) != "a folder":
        return []
    found = list(itertools.islice(_entries(folder), MOST_NAMED + 1))
    told = [f"{named(root, place)}: {_KINDS.get(stat.S_IFMT(about.st_mode)) or _size(about)}" for place, about in found]
    return [*told[:MOST_NAMED], "and more"] if len(told) > MOST_NAMED else told


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What lies in a folder and those below it, as far as it can be looked at."""
    for place, folders, names in os.walk(folder):
        depth = place.count(os.sep) - str(folder).count(os.sep)
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = sorted(set(folders) - {*links}) if depth < DEEPEST_BESIDE else []
        for name in sorted([*names, *links]):
            with contextlib.suppress(OSError):
                path = Path(place, name)
                yield path, path.lstat()


def _size(about: os.stat_result) -> str:
    return f"{about.st_size:,} byte{'' if about.st_size == 1 else 's'}"


def _strange(root: Path, folder: Path, notebook: Path) -> Iterator[tuple[str, str]]:
    """What is strange below a folder: its name, and what it is."""
    seen = size = 0
    waiting = [(folder, 0)]
    while waiting and seen <= MOST_BESIDE:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as listed:
                entries = sorted(itertools.islice(listed, MOST_BESIDE + 1 - seen), key=lambda entry: entry.name)
                found = [(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            yield named(root, place), f"can't be opened: {error.strerror or error}."
            continue
        seen += len(found)
        for path, about in found:
            if path == notebook:
                continue
            if what := _what(path, about, depth):
                yield named(root, path), what
            elif stat.S_ISDIR(about.st_mode):
                waiting.append((path, depth + 1))
            else:
                size += about.st_size
    if seen > MOST_BESIDE:
        yield named(root, folder), f"holds more than {MOST_BESIDE:,} files; none of them were copied."
    if size > LARGEST_TOGETHER:
        told = f"holds {_megabytes(size)} of files, and at most {_megabytes(LARGEST_TOGETHER)} are copied; none were."
        yield named(root, folder), told


def _what(path: Path, about: os.stat_result, depth: int) -> str:
    """What is strange about a file or folder, so many folders deep."""
    kind = _KINDS.get(stat.S_IFMT(about.st_mode), "")
    if kind == "a folder":
        deep = depth >= DEEPEST_BESIDE
        return f"is nested more than {DEEPEST_BESIDE} folders deep; it was neither opened nor copied." if deep else ""
    if kind:
        return f"is {kind}; it was neither opened nor copied."
    if about.st_size > LARGEST_BESIDE:
        has, most = _megabytes(about.st_size), _megabytes(LARGEST_BESIDE)
        return f"has {has}, and up to {most} are copied; it was left where it is."
    return "" if os.access(path, os.R_OK) else "can't be read: its permissions don't allow it."


def _kind(path: Path | str) -> str:
    """What is at a path, links not followed; nothing if there is none, or nobody can tell."""
    try:
        return _KINDS.get(stat.S_IFMT(os.lstat(path).st_mode), "a file")
    except OSError:
        return ""


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"


def named(root: Path, path: Path) -> str:
    """A path as the course's owner knows it, on one line."""
    name = one_line(str(path.relative_to(root) if path.is_relative_to(root) else path))
    return name if len(name) <= 200 else f"{name[:100]}…{name[-99:]}"
