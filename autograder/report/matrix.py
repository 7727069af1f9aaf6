"""The kill matrix as a picture: which hidden test catches which known mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAUGHT = "#0072B2"
LARGEST = 30.0
"""Inches of a picture's longer side."""


def kill_matrix(title: str, tests: Sequence[str], caught: Mapping[str, Sequence[str]]) -> Figure:
    """A row a hidden test, a column a known mistake, a square where the one catches the other.

    Shapes:
        tests   `question.test`, in the order of the lesson
        caught  mistake -> the tests that it fails, in the order of the bank
    """
    from matplotlib.figure import Figure

    mistakes = list(caught)
    width = min(LARGEST, 4.5 + 0.11 * len(mistakes))
    figure = Figure(figsize=(width, 2.2 + 0.2 * len(tests)), layout="constrained")
    axes = figure.add_subplot()
    places = {test: row for row, test in enumerate(tests)}
    side = max(72 * (width - 4.5) / max(len(mistakes), 1) * 0.8, 2)
    for column, name in enumerate(mistakes):
        rows = [places[test] for test in caught[name] if test in places]
        axes.scatter([column] * len(rows), rows, marker="s", s=side**2, c=CAUGHT, linewidths=0)
    groups = [test.split(".")[0] for test in tests]
    for row in range(1, len(tests)):
        if groups[row] != groups[row - 1]:
            axes.axhline(row - 0.5, color="#888888", linewidth=0.6)
    axes.set_yticks(range(len(tests)), [test.replace(".test_", ": ").replace("_", " ") for test in tests], fontsize=7)
    axes.set_xlim(-0.5, len(mistakes) - 0.5)
    axes.set_ylim(len(tests) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(mistakes)} known mistakes, in the order of the bank")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def write_matrix(title: str, tests: Sequence[str], caught: Mapping[str, Sequence[str]], path: Path) -> Path:
    """Write the picture, as PNG or SVG by the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kill_matrix(title, tests, caught).savefig(path, dpi=130)
    return path
