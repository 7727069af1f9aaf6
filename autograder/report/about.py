"""What is to be said of a class beside its results: who handed in and when, and how it was graded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class About:
    """Gathered by whoever reads gradebooks and records; a page knows it from here alone. Times are in UTC."""

    due: datetime | None = None
    """When it was to be handed in."""
    missing: tuple[str, ...] = ()
    """Whom the gradebook knows, and who has not handed in."""
    ungraded: tuple[str, ...] = ()
    """Who has handed in, and has not been graded yet."""
    withdrawn: tuple[str, ...] = ()
    """Who was graded, and whose folder has been taken away since: in no figure of the class."""
    damaged: tuple[str, ...] = ()
    """Whose record can't be read: they are there, without a score."""
    late: Mapping[str, float] = field(default_factory=dict)
    """Student -> seconds after the student's own time was over."""
    handed: Mapping[str, datetime] = field(default_factory=dict)
    """Student -> when what was graded had been handed in."""
    graded: tuple[datetime, datetime] | None = None
    """When the first and the last of the results were made."""
    versions: tuple[str, ...] = ()
    """Of the kit, that they were made by."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Those that a score can hang on, by name."""
