"""How a verdict reads: a mark at the start of its line, words that are never cut, links to sections."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

YES, NO, WAITS = "✓", "✗", "…"
"""It is right; it is not; it isn't there yet. Each is text, so that it survives where colours don't."""

WIDTH = 88
"""Columns of an output that fit beside a notebook's prompt."""

VALIDATED = 80
"""Columns that nbgrader shows of a line when it validates, its own margin taken off."""


def verdict(mark: str, name: str, sentence: str) -> str:
    """`mark name: sentence`; it is wrapped where it is shown, to the width that there is."""
    return f"{mark} {name}: {sentence}"


def wrapped(text: str, width: int = WIDTH) -> str:
    """Break the lines of a text at words; what follows a break is set in below its mark."""
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip())) + "  " * (line.lstrip()[:1] in {YES, NO, WAITS}),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def number(heading: str) -> str:
    """The number of a section: 4 of `4. dsigma, its slope`."""
    return heading.partition(".")[0]


def anchor(heading: str) -> str:
    """Where a link to a heading leads, as Jupyter names it."""
    return "#" + heading.replace(" ", "-")
