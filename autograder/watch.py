"""Work of which somebody may want to know how long it still takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Watch(Protocol):
    """Goes through a number of things to be done, and may show how many are left."""

    def __call__(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        """Give each of them in turn; `what` they are is a word or two."""
        ...


def unwatched(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Go through them, and show nothing."""
    return items
