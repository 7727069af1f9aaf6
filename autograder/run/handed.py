"""What a student has handed in, as data: read once, by whoever runs a batch, and judged anywhere."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from autograder.budget import Budget, Spent
from autograder.course import Course, lying, others
from autograder.notebook import (
    LARGEST,
    MOST_CARRIED,
    Carried,
    Folder,
    Notebook,
    UnreadableNotebook,
    contents,
    within,
)
from autograder.run.beside import barred, inventory
from autograder.visible import visible

BEGINNING = 2_000
"""Bytes that are shown of a file that could not be read."""

_LISTING_S = 30.0
"""Seconds that listing what was handed in may take."""


@dataclass(frozen=True)
class Handed:
    """A submission: the notebook's bytes, what it may import or be mistaken for, and why it isn't opened, if it isn't.

    Paths are below the course's folder, so that words about them are the same on every machine.
    """

    student: str
    path: str
    data: bytes = b""
    barred: str = ""
    """Why the notebook was not opened."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Python files in its folder, by their paths there."""
    others: Mapping[str, bytes] = field(default_factory=dict)
    """Other notebooks in its folder, by their names."""
    listing: tuple[str, ...] = ()
    """What was handed in, a line a file."""
    instead: str = ""
    """Which file was read in place of the one that should be there."""

    @property
    def digest(self) -> str:
        """The notebook's SHA-256; after a blank that of all else that can change a verdict, if there is any."""
        own = hashlib.sha256(self.data).hexdigest()
        more = [(name, text.encode(errors="replace")) for name, text in self.texts.items()]
        more += [*self.others.items()]
        if self.barred:  # then there is no notebook, and what was handed in is listed in its place
            more += [(self.barred, "\n".join(self.listing).encode(errors="replace"))]
        if self.instead:
            more += [(self.instead, b"")]
        if not more:
            return own
        beside = hashlib.sha256()
        for name, data in more:
            beside.update(f"{name!r} {len(data)} ".encode())
            beside.update(data)
        return f"{own} {beside.hexdigest()}"

    def read(self) -> Notebook:
        """Parse the notebook, with what it imports of its folder.

        Raises:
            UnreadableNotebook: if it is none.
        """
        return within(Carried(self.texts), self.data, self.path)

    def read_others(self) -> dict[str, Notebook]:
        """Parse the other notebooks, as far as they are some."""
        return dict(self._others())

    def shown(self) -> list[str]:
        """What was handed in, and how the file that should be a notebook begins, a line each."""
        told = [*self.listing]
        if told and self.data:
            began = self.data[:BEGINNING].decode("utf-8", "replace")
            told += ["", f"{visible(Path(self.path).name)} begins:", *map(visible, began.splitlines())]
        return told

    def packed(self) -> bytes:
        """As bytes, for a worker: they go from the one who runs a batch, never back."""
        return pickle.dumps(self, protocol=5)

    @staticmethod
    def unpacked(order: bytes) -> Handed:
        """From the bytes that a batch has sent."""
        found = pickle.loads(order)  # noqa: S301 - whoever runs the batch has packed it
        assert isinstance(found, Handed)
        return found

    def _others(self) -> Iterator[tuple[str, Notebook]]:
        for name, data in self.others.items():
            path = str(Path(self.path).with_name(name))
            with suppress(UnreadableNotebook):
                yield name, within(Carried(self.texts), data, path)


def hand(course: Course, name: str, who: str, path: Path) -> Handed:
    """Read what a student has handed in, under limits; nothing of it is parsed here."""
    below, data, why = str(path.relative_to(course.root)), b"", barred(course.root, path)
    if not why and not os.path.lexists(path):
        why = lying(course.handed_in(path))
    if not why:
        try:
            data = contents(path, LARGEST)
        except UnreadableNotebook as error:
            why = str(error).replace(f"{course.root}/", "")
        except OSError as error:
            why = f"{below} can't be read: {error.strerror or error}."
    expected, instead = course.expected(name, who), ""
    if path != expected and not why:
        folder = course.root / "submitted" / who
        instead = f"There is no {expected.relative_to(folder)}; {path.relative_to(folder)} was read instead."
    return Handed(
        student=who,
        path=below,
        data=data,
        barred=why,
        texts={} if why else Folder(path.parent, MOST_CARRIED).carried(),
        others={} if why else dict(_near(path)),
        listing=tuple(_listed(course.root, path)),
        instead=instead,
    )


def _near(path: Path) -> Iterator[tuple[str, bytes]]:
    """The other notebooks in a folder, together no larger than one may be."""
    left = LARGEST
    for other in others(path):
        with suppress(OSError, UnreadableNotebook):
            data = contents(other, left)
            left -= len(data)
            yield other.name, data


def _listed(root: Path, path: Path) -> list[str]:
    """The files that were handed in; none if that takes long."""
    with suppress(OSError, Spent), Budget(_LISTING_S).striking():
        return inventory(root, path)
    return []
