"""Pictures of how things hang together: a network, steps in a row, listings side by side, who calls whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .drawing import BLUE, FAINT, INK, VERMILION, PictureError, blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

MOST_BOXES = 8
MOST_LISTINGS, MOST_LINES, MOST_CHARACTERS = 3, 30, 60
MOST_LANES, MOST_CALLS = 4, 12

LETTER, LINE = 0.082, 0.2
"""Inches that a character of 9 points is wide, room included, and a line high."""


def network(sizes: tuple[int, int, int] = (784, 50, 10), backward: bool = False) -> Figure:
    """Draw the two-layer network with the shape of every value; backward, the same wires reversed with blanks.

    Shapes:
        sizes   inputs, hidden units, outputs

    Returns:
        The figure: x -> s1 -> x1 -> s2 -> x2 -> loss, or the gradients from right to left, each factor a "?".

    Raises:
        PictureError: if the sizes are not three whole numbers above 0.
    """
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise PictureError(f"network draws three sizes (inputs, hidden, outputs), but was given {sizes}.")
    n_in, hidden, n_out = sizes
    values = (("x", n_in), ("s1", hidden), ("x1", hidden), ("s2", n_out), ("x2", n_out), ("loss", 0))
    parameters = {1: (hidden, n_in), 3: (n_out, hidden)}
    colour, prefix = (VERMILION, "dl_d") if backward else (BLUE, "")
    fig = blank_figure(10, 2.3)
    axes = fig.add_subplot(xlim=(-0.5, 10.7), ylim=(-1.65, 0.45))
    axes.axis("off")
    boxes = []
    for i, (name, size) in enumerate(values):
        ends = backward and name in ("x", "loss")
        text = name if ends else prefix + name
        boxes.append(
            _box(axes, 2 * i, 0, f"{text}\n{f'({size},)' if size else 'one number'}", FAINT if ends else colour)
        )
    for i, step in enumerate(("", "sigma", "", "sigma", "loss")):
        if not backward:
            _arrow(axes, boxes[i], boxes[i + 1], colour, step)
        elif i > 0:  # nobody asks for the gradient of the input
            _arrow(axes, boxes[i + 1], boxes[i], colour, "?")
    for i, (rows, columns) in parameters.items():
        layer = i // 2 + 1
        text = f"{prefix}w{layer} ({rows}, {columns})\n{prefix}b{layer} ({rows},)"
        box = _box(axes, 2 * i - 1, -1.25, text, colour, dashed=True)
        _arrow(axes, *((boxes[i], box) if backward else (box, boxes[i])), colour, "?" if backward else "")
    return fig


def chain(boxes: Sequence[str], forward: Sequence[str], backward: Sequence[str] = ()) -> Figure:
    """Draw steps in a row, with what goes from each to the next, and below it what comes back.

    Shapes:
        boxes      n texts, two to eight
        forward    n - 1 texts, above the arrows to the right
        backward   n - 1 texts, below the arrows to the left; none draws no way back

    Returns:
        The figure; texts may have several lines.

    Raises:
        PictureError: if there are too few or too many boxes, or the arrows don't fit between them.
    """
    gaps = len(boxes) - 1
    if not 1 <= gaps < MOST_BOXES or len(forward) != gaps or len(backward) not in (0, gaps):
        raise PictureError(
            f"chain draws 2 to {MOST_BOXES} boxes with an arrow between each two, "
            f"but was given {len(boxes)} boxes, {len(forward)} arrows forward and {len(backward)} back."
        )
    letter, line = 0.07, 0.17  # inches
    wide = [letter * _longest(text) + 0.3 for text in boxes]
    said = [*zip(forward, backward or [""] * gaps, strict=True)]
    free = [letter * max(_longest(to), _longest(back)) + 0.35 for to, back in said]
    middles = [sum(wide[:i]) + sum(free[:i]) + wide[i] / 2 for i in range(len(boxes))]
    lift = 0.11 if backward else 0.0
    half = max(0.5, line * _lines(boxes) / 2 + 0.2)
    above = max(half, line * _lines(forward) + lift + 0.15)
    below = max(half, line * _lines(backward) + lift + 0.15) if backward else half
    across, high = sum(wide) + sum(free) + 0.1, above + below
    fig = blank_figure(across, high)
    fig.set_layout_engine("none")
    axes = fig.add_axes((0, 0, 1, 1), xlim=(-0.05, across - 0.05), ylim=(-below, above))
    axes.axis("off")
    drawn = [_box(axes, x, 0, text, INK) for x, text in zip(middles, boxes, strict=True)]
    for i, (to, back) in enumerate(said):
        middle = middles[i] + (wide[i] + free[i]) / 2
        _level_arrow(axes, drawn[i], drawn[i + 1], lift, BLUE)
        axes.text(middle, lift + 0.07, to, ha="center", va="bottom", fontsize=9, color=INK)
        if backward:
            _level_arrow(axes, drawn[i + 1], drawn[i], -lift, VERMILION)
            axes.text(middle, -lift - 0.07, back, ha="center", va="top", fontsize=9, color=INK)
    return fig


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
    """Draw who calls whom, from top to bottom: one lane per party, one arrow per call, dashed if something comes back.

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


def _longest(text: str) -> int:
    return max(map(len, text.split("\n")))


def _lines(texts: Sequence[str]) -> int:
    return max(text.count("\n") + 1 for text in texts)


def _level_arrow(axes: Axes, start: Text, end: Text, y: float, colour: str) -> None:
    """Draw an arrow from box to box at height y."""
    ends = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 3, "shrinkB": 3}
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8}
    axes.annotate("", (end.get_position()[0], y), (start.get_position()[0], y), arrowprops={**style, **ends})


def _box(axes: Axes, x: float, y: float, text: str, colour: str, dashed: bool = False) -> Text:
    frame = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": colour, "linewidth": 1.6}
    style = {**frame, "linestyle": "--" if dashed else "-"}
    return axes.text(x, y, text, ha="center", va="center", fontsize=9.5, color=INK, bbox=style)


def _arrow(axes: Axes, start: Text, end: Text, colour: str, label: str) -> None:
    """Draw an arrow from box to box, with a word at its middle."""
    (x0, y0), (x1, y1) = start.get_position(), end.get_position()
    ends = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 2, "shrinkB": 2}
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8}
    axes.annotate("", (x1, y1), (x0, y0), arrowprops={**style, **ends})
    axes.text(
        (x0 + x1) / 2 - (0.25 if y0 != y1 else 0), (y0 + y1) / 2 + 0.1, label, ha="center", fontsize=10, color=INK
    )
