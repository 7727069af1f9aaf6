"""Pictures of code: listings side by side, and who calls whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .drawing import BLUE, FAINT, INK, VERMILION, PictureError, blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LISTINGS, MOST_LINES, MOST_CHARACTERS = 3, 30, 60
MOST_LANES, MOST_CALLS = 4, 12

LETTER, LINE = 0.082, 0.2
"""Inches that a character of 9 points is wide, room included, and a line high."""


def listings(columns: Mapping[str, str], marked: Mapping[str, Sequence[int]] | None = None) -> Figure:
    """Draw pieces of code side by side, chosen lines of them shaded and with a bar at their left.

    Shapes:
        columns[name]  up to 30 lines of up to 60 characters; at most 3 pieces
        marked[name]   line numbers of that piece, from 0

    Returns:
        The figure.

    Raises:
        PictureError: if there are no pieces or more than three, or one is too large to read.
    """
    if not isinstance(columns, Mapping) or not 1 <= len(columns) <= MOST_LISTINGS:
        raise PictureError(f'listings draws a dict of one to {MOST_LISTINGS} pieces of code, such as {{"Relu": text}}.')
    pieces = {name: text.strip("\n").split("\n") for name, text in columns.items()}
    for name, lines in pieces.items():
        if len(lines) > MOST_LINES or max(map(len, lines)) > MOST_CHARACTERS:
            raise PictureError(
                f"listings draws up to {MOST_LINES} lines of up to {MOST_CHARACTERS} characters, but {name} has "
                f"{len(lines)} lines, the longest of {max(map(len, lines))}."
            )
    widths = [max(len(line) for line in [name, *lines]) * LETTER + 0.35 for name, lines in pieces.items()]
    rows = max(len(lines) for lines in pieces.values()) + 2
    fig = blank_figure(sum(widths), rows * LINE)
    fig.set_layout_engine("none")
    axes = fig.add_axes((0, 0, 1, 1), xlim=(0, sum(widths)), ylim=(rows * LINE, 0))
    axes.axis("off")
    left = 0.15
    for (name, lines), width in zip(pieces.items(), widths, strict=True):
        axes.text(left, 0.7 * LINE, name, fontsize=10, weight="bold", color=INK, va="center")
        for number, line in enumerate(lines):
            height = (number + 2) * LINE
            if number in (marked or {}).get(name, ()):
                _shade(axes, left - 0.06, height - LINE / 2, width - 0.2)
            axes.text(left, height, line, fontsize=9, family="monospace", color=INK, va="center")
        left += width
    return fig


def ladder(lanes: Sequence[str], calls: Sequence[tuple[int, int, str]]) -> Figure:
    """Draw who calls whom, from top to bottom: a lane a party, an arrow a call; dashed where something comes back.

    Shapes:
        calls  (from, to, what is said) for each arrow; lanes are counted from 0, and a way to the left is a way back

    Returns:
        The figure.

    Raises:
        PictureError: if there are fewer than two lanes or more than four, no arrows or more than twelve, or one leads
            to a lane that isn't there.
    """
    if not 2 <= len(lanes) <= MOST_LANES or not 1 <= len(calls) <= MOST_CALLS:
        raise PictureError(
            f"ladder draws 2 to {MOST_LANES} lanes and 1 to {MOST_CALLS} calls, not {len(lanes)} and {len(calls)}."
        )
    for start, end, said in calls:
        if start == end or not {start, end} <= set(range(len(lanes))):
            raise PictureError(
                f"the call {said!r} leads from lane {start} to lane {end}; lanes are 0 to {len(lanes) - 1}."
            )
    longest = max(12, *(len(said) for *_, said in calls))
    apart, step = longest * LETTER + 0.5, 0.42
    fig = blank_figure(apart * (len(lanes) - 1) + 1.8, step * (len(calls) + 1.6))
    fig.set_layout_engine("none")
    axes = fig.add_axes((0, 0, 1, 1), xlim=(-0.9, apart * (len(lanes) - 1) + 0.9), ylim=(len(calls) + 0.7, -0.9))
    axes.axis("off")
    frame = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": FAINT, "linewidth": 1.6}
    for lane, name in enumerate(lanes):
        axes.plot([lane * apart] * 2, [-0.3, len(calls) + 0.4], color=FAINT, linewidth=1.2, zorder=0)
        axes.text(lane * apart, -0.4, name, ha="center", va="center", fontsize=10, color=INK, bbox=frame)
    for row, (start, end, said) in enumerate(calls):
        back = end < start
        style = {"arrowstyle": "-|>", "color": VERMILION if back else BLUE, "linestyle": "--" if back else "-"}
        ends = {"linewidth": 1.8, "shrinkA": 1, "shrinkB": 1}
        height = row + 0.6
        axes.annotate("", (end * apart, height), (start * apart, height), arrowprops={**style, **ends})
        middle = (start + end) / 2 * apart
        axes.text(middle, height - 0.12, said, ha="center", va="bottom", fontsize=9, family="monospace", color=INK)
    return fig


def _shade(axes: Axes, left: float, top: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, top), width, LINE, facecolor="#E6EEF4", edgecolor="none", zorder=0))
    axes.add_patch(Rectangle((left, top), 0.03, LINE, facecolor=BLUE, edgecolor="none", zorder=1))
