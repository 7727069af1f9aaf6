"""The pictures of the lessons. Each function checks what it is given, draws, and returns the figure for `show`.

Colours are Okabe and Ito's, told apart by most colour-blind readers, and never carry a meaning alone:
a marker, a dash, a hatch or a word says it too. Signed values are blue below zero and orange above.
matplotlib is imported when the first picture is drawn; pyplot, with its global state, never is.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .drawing import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    STYLES,
    VERMILION,
    PictureError,
    applied,
    blank_figure,
    blue_orange,
    classes_of,
    kind,
    numbers,
    series_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_DIGITS = 400
MOST_CELLS = 16


def show(fig: Figure, sentence: str) -> None:
    """Display a figure in a notebook with `sentence` as its alternative text, and print the sentence.

    Outside a notebook only the sentence is printed. The figure is closed either way.
    """
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        picture = io.BytesIO()
        fig.savefig(picture, format="png", dpi=100, bbox_inches="tight", facecolor="white")
        bundle = {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": f"<picture: {sentence}>"}
        from IPython.display import display

        display(bundle, raw=True, metadata={"image/png": {"alt": sentence}})
    if "matplotlib.pyplot" in sys.modules:  # a figure that a student made with pyplot would be shown a second time
        sys.modules["matplotlib.pyplot"].close(fig)
    fig.clear()
    print(sentence)


def display(markdown: str, plain: str) -> None:
    """Show a formatted text in a notebook; outside one, print its plain form."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display as shown

        shown({"text/markdown": markdown, "text/plain": plain}, raw=True)
    else:
        print(plain)


def digits(images: Tensor, labels: Tensor | None = None, guesses: Tensor | None = None, columns: int = 10) -> Figure:
    """Draw a grid of digits, with what each is and, where given, what was guessed.

    Shapes:
        images    (N, 784), (N, 1, 28, 28) or (N, 28, 28)   any range of values
        labels    (N,)   whole numbers, or (N, 10) one-hot rows
        guesses   (N,)   as labels

    Returns:
        The figure. A wrong guess is written out ("9, not 4") and framed.

    Raises:
        PictureError: if a shape does not fit, or there are no images or more than 400.
    """
    pixels = numbers("images", images)
    if pixels.ndim < 2 or not len(pixels) or pixels[0].size != 784 or len(pixels) > MOST_DIGITS:
        raise PictureError(f"digits draws 1 to {MOST_DIGITS} images of shape (N, 784), but images is {kind(images)}.")
    pixels = pixels.reshape(-1, 28, 28)
    said = [classes_of(name, given, len(pixels)) for name, given in (("labels", labels), ("guesses", guesses))]
    columns = max(1, min(columns, len(pixels)))
    rows = -(-len(pixels) // columns)
    side = 0.75 if columns > 4 else 1.2
    title = 0.0 if labels is None and guesses is None else 0.2
    fig = blank_figure(side * columns + 0.2, (side + title) * rows + 0.2)
    for i, image in enumerate(pixels):
        axes = fig.add_subplot(rows, columns, i + 1, xticks=[], yticks=[])
        axes.imshow(image, cmap="gray_r")
        label, guess = (None if values is None else int(values[i]) for values in said)
        wrong = None not in (label, guess) and label != guess
        text = f"{guess}, not {label}" if wrong else str(guess if label is None else label)
        if label is not None or guess is not None:
            axes.set_title(text, fontsize=9, pad=3, color=VERMILION if wrong else INK)
        axes.spines[:].set(color=VERMILION if wrong else "#DDDDDD", linewidth=2 if wrong else 0.5)
    return fig


def weights(w: Tensor, rows: Sequence[int] | None = None, columns: int = 10) -> Figure:
    """Draw rows of a weight matrix as 28 by 28 images: orange pixels raise the neuron, blue ones lower it.

    Shapes:
        w   (n, 784)   one row a neuron

    Returns:
        The figure; all images share one scale, centred on 0.

    Raises:
        PictureError: if `w` is no such matrix, or a row is not in it.
    """
    matrix = numbers("w", w)
    if matrix.ndim != 2 or matrix.shape[1] != 784 or not len(matrix):
        raise PictureError(f"weights draws a matrix of shape (n, 784), one row per neuron, but w is {kind(w)}.")
    chosen = list(range(min(len(matrix), 50))) if rows is None else list(rows)
    if not chosen or not all(-len(matrix) <= row < len(matrix) for row in chosen):
        raise PictureError(f"weights draws rows 0 to {len(matrix) - 1} of w, but was asked for {chosen}.")
    top = float(np.abs(matrix[chosen]).max()) or 1.0
    columns = max(1, min(columns, len(chosen)))
    lines = -(-len(chosen) // columns)
    fig = blank_figure(0.75 * columns + 1.1, max(0.92 * lines + 0.2, 1.6))
    drawn = []
    for i, row in enumerate(chosen):
        axes = fig.add_subplot(lines, columns, i + 1, xticks=[], yticks=[])
        image = axes.imshow(matrix[row].reshape(28, 28), cmap=blue_orange(), vmin=-top, vmax=top)
        axes.set_title(str(row), fontsize=8, pad=2)
        drawn.append(axes)
    fig.colorbar(image, ax=drawn, fraction=0.03, pad=0.02).ax.tick_params(labelsize=8)
    return fig


def curves(history: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw the loss and the error curves of a training run side by side.

    Shapes:
        history["loss"]          (steps,)    the loss at every step
        history["train_error"]   (steps,)    in percent; may be missing
        history["test_error"]    (tests, 2)  pairs of step and percent, or one number per step; may be missing

    Returns:
        The figure. Every entry may be one number per step or pairs of step and number.

    Raises:
        PictureError: if there is no loss, or an entry is neither numbers nor pairs.
    """
    if not isinstance(history, Mapping) or "loss" not in history:
        raise PictureError('curves draws a dict with at least "loss", for instance {"loss": [1000.0, 964.0]}.')
    errors = [name for name in ("train_error", "test_error") if name in history]
    fig = blank_figure(9 if errors else 4.6, 3.4)
    panels = [("loss, summed over the samples", "", ["loss"])]
    if errors:
        panels.append(("wrong guesses, in percent", " %", errors))
    for i, (title, unit, names) in enumerate(panels):
        axes = fig.add_subplot(1, len(panels), i + 1, title=title, xlabel="step")
        for name, (colour, marker, dash, _) in zip(names, STYLES, strict=False):
            steps, values = series_of(name, history[name])
            label = f"{name.partition('_')[0]}, {values[-1]:.4g}{unit} at the end"
            every = max(1, len(steps) // 10)
            axes.plot(steps, values, dash, color=colour, marker=marker, markevery=every, markersize=5, label=label)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, loc="upper right")
    return fig


def line_with_tangents(
    f: Callable[[Tensor], Tensor],
    df: Callable[[Tensor], Tensor],
    at: Sequence[float] = (-2.0, -1.0, 0.0, 1.0, 2.0),
    span: tuple[float, float] = (-4.0, 4.0),
    name: str = "sigma",
    argument: str = "s",
) -> Figure:
    """Draw `f` with the tangents that `df` claims, and `df` over the slopes measured from `f` itself.

    Shapes:
        f(x)    (n,) for x (n,)   element by element, called with float64
        df(x)   (n,) for x (n,)

    Returns:
        The figure. A wrong slope cuts the curve on the left and misses the dots on the right.

    Raises:
        PictureError: if `f` or `df` gives back no tensor of its argument's shape, or a value is not finite.
    """
    low, high = span
    x, touch = torch.linspace(low, high, 201, dtype=torch.float64), torch.tensor(list(at), dtype=torch.float64)
    h = 1e-3 * (high - low)
    curve, slopes = applied(name, f, x), applied(f"d{name}", df, x)
    heights, steepness = applied(name, f, touch), applied(f"d{name}", df, touch)
    dots = torch.linspace(low, high, 17, dtype=torch.float64)
    measured = (applied(name, f, dots + h) - applied(name, f, dots - h)) / (2 * h)
    fig = blank_figure(9, 3.4)
    left, right = fig.subplots(1, 2)
    left.plot(x, curve, color=BLUE, linewidth=2, label=name)
    reach = (high - low) / 12
    for i, (x0, y0, slope) in enumerate(zip(at, heights, steepness, strict=True)):
        ends = np.array([x0 - reach, x0 + reach])
        left.plot(ends, y0 + slope * (ends - x0), "--", color=VERMILION, label=None if i else f"slope from d{name}")
        left.plot(x0, y0, "o", color=VERMILION, markersize=5)
    right.plot(x, slopes, "--", color=VERMILION, linewidth=2, label=f"d{name}")
    right.plot(dots, measured, "o", color=BLUE, markersize=5, label=f"slope measured on {name}")
    for axes in (left, right):
        axes.set_xlabel(argument)
        axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return fig


def lines(
    named: Mapping[str, tuple[Any, Any]],
    dots: Sequence[str] = (),
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
) -> Figure:
    """Draw up to four lines on one pair of axes; those named in `dots` as dots.

    Shapes:
        named[name]   two vectors of one length   where, and how high

    Returns:
        The figure; with log=True heights are on a logarithmic scale.

    Raises:
        PictureError: if there are no lines or more than four, or the two vectors of a line differ in length.
    """
    if not isinstance(named, Mapping) or not 1 <= len(named) <= len(STYLES):
        raise PictureError(f'lines draws a dict of one to {len(STYLES)} lines, for instance {{"loss": (x, y)}}.')
    fig = blank_figure(5.6, 3.4)
    axes = fig.subplots()
    for (name, (across, up)), (colour, marker, dash, _) in zip(named.items(), STYLES, strict=False):
        x, y = numbers(name, across).reshape(-1), numbers(name, up).reshape(-1)
        if x.shape != y.shape:
            raise PictureError(f"{name} has {len(y)} heights for {len(x)} places.")
        axes.plot(x, y, marker if name in dots else dash, color=colour, linewidth=2, markersize=6, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=9)
    return fig


def scatter_check(pairs: Mapping[str, tuple[Tensor, Tensor]], against: str = "numeric gradient") -> Figure:
    """Draw your gradient against a numeric one, one dot per entry: a right gradient lies on the diagonal.

    Shapes:
        pairs[name]   two tensors of one shape   yours, and the numeric one
        against       what the other one is called on its axis

    Returns:
        The figure. Each parameter is divided by its own largest numeric entry, so that all fit on one square.

    Raises:
        PictureError: if there are no pairs or more than six, or the two tensors of a pair differ in shape.
    """
    if not isinstance(pairs, Mapping) or not 1 <= len(pairs) <= 6:
        raise PictureError('scatter_check draws a dict of one to six pairs, for instance {"w1": (yours, numeric)}.')
    fig = blank_figure(4.6, 4.4)
    axes = fig.subplots()
    looks = zip((BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY), "os^DvP", pairs.items(), strict=False)
    for colour, marker, (name, (yours, numeric)) in looks:
        ours, measured = numbers(name, yours), numbers(name, numeric)
        if ours.shape != measured.shape:
            raise PictureError(f"{name}: your gradient is {kind(yours)}, but the numeric one is {kind(numeric)}.")
        scale = float(np.abs(measured).max(initial=0)) or 1.0
        thin = slice(None, None, -(-max(ours.size, 1) // 1000))
        x, y = measured.ravel()[thin] / scale, ours.ravel()[thin] / scale
        axes.plot(x, y, marker, color=colour, label=name, markersize=6, alpha=0.7, markeredgecolor="white")
    axes.axline((0, 0), slope=1, color=FAINT, linestyle="--", zorder=0)
    axes.set(xlabel=f"{against} (largest entry = 1)", ylabel="your gradient, on the same scale")
    axes.margins(0.1)
    axes.legend(frameon=False)
    return fig


def bars(
    values: Tensor | Mapping[str, Tensor], labels: Sequence[str] | None = None, title: str = "", ylabel: str = ""
) -> Figure:
    """Draw one bar per value, such as the ten outputs of a network; a dict draws groups side by side.

    Shapes:
        values   (n,)   or up to four such vectors by name

    Returns:
        The figure.

    Raises:
        PictureError: if the values are not vectors of one length, or the labels do not fit them.
    """
    named = values if isinstance(values, Mapping) else {"": values}
    vectors = {name: numbers(name or "values", given).reshape(-1) for name, given in named.items()}
    sizes = {len(vector) for vector in vectors.values()}
    if len(sizes) != 1 or sizes == {0} or len(vectors) > len(STYLES):
        came = ", ".join(f"{name} {kind(given)}".strip() for name, given in named.items()) or "nothing"
        raise PictureError(f"bars draws one to {len(STYLES)} vectors of one length, but was given {came}.")
    count = sizes.pop()
    if labels is not None and len(labels) != count:
        raise PictureError(f"bars needs one label per value, but was given {len(labels)} labels for {count} values.")
    fig = blank_figure(max(4.0, 0.62 * count), 3.0)
    axes = fig.subplots()
    width = 0.8 / len(vectors)
    for i, ((name, vector), (colour, _, _, hatch)) in enumerate(zip(vectors.items(), STYLES, strict=False)):
        places = np.arange(count) + (i - (len(vectors) - 1) / 2) * width
        axes.bar(places, vector, width, color=colour, hatch=hatch, edgecolor="white", label=name)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(range(count), [str(i) for i in range(count)] if labels is None else list(labels))
    axes.set(title=title, ylabel=ylabel)
    if len(vectors) > 1:
        axes.legend(frameon=False)
    return fig


def heat_maps(
    tables: Mapping[str, Tensor], rows: Mapping[str, Sequence[int]] | None = None, columns: int = 4, digits: int = 1
) -> Figure:
    """Draw tables of numbers side by side, the numbers written in: blue below zero, orange above.

    Shapes:
        tables[name]   (m, n) or (n,), at most 16 either way; up to 8 tables, each coloured on a scale of its own
        rows[name]     row numbers of that table to be framed
        digits         how many decimals are written, where a table holds more than whole numbers

    Returns:
        The figure; all cells have one size, so that shapes can be compared.

    Raises:
        PictureError: if there are no tables or more than eight, or one of them is no such table.
    """
    if not isinstance(tables, Mapping) or not 1 <= len(tables) <= 8:
        raise PictureError('heat_maps draws a dict of one to eight tables, for instance {"w": w}.')
    drawn = {}
    for name, given in tables.items():
        values = numbers(name, given)
        if values.ndim not in (1, 2) or not values.size or max(values.shape) > MOST_CELLS:
            raise PictureError(f"heat_maps draws tables of at most 16 by 16 numbers, but {name} is {kind(given)}.")
        drawn[name] = np.atleast_2d(values)
    across, down, gap, above = 0.5, 0.34, 0.5, 0.5  # inches: a cell, and the room around a table
    columns = max(1, min(columns, len(drawn)))
    lines = [list(drawn.items())[i : i + columns] for i in range(0, len(drawn), columns)]
    room = {name: max(values.shape[1] * across, 0.075 * len(name)) + gap for name, values in drawn.items()}
    wide = max(sum(room[name] for name, _ in line) for line in lines)
    high = sum(max(len(values) for _, values in line) * down + above for line in lines) + 0.1
    fig = blank_figure(wide, high)
    fig.set_layout_engine("none")
    top_edge = high
    for line in lines:
        left = gap / 2
        for name, values in line:
            height, width = len(values) * down, values.shape[1] * across
            corner = (left / wide, (top_edge - above - height) / high)
            axes = fig.add_axes((*corner, width / wide, height / high), xticks=[], yticks=[])
            _heat_map(axes, values, digits)
            axes.set_title(f"{name}\n{tuple(np.shape(tables[name]))}", fontsize=9, pad=3)
            for row in (rows or {}).get(name, ()):
                ends = [-0.5, values.shape[1] - 0.5, values.shape[1] - 0.5, -0.5, -0.5]
                sides = [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5]
                axes.plot(ends, sides, color=INK, linewidth=3, clip_on=False)
            left += room[name]
        top_edge -= max(len(values) for _, values in line) * down + above
    return fig


def _heat_map(axes: Axes, values: Any, digits: int) -> None:
    """Colour one table of numbers and write them in."""
    top = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap=blue_orange(), vmin=-top, vmax=top, aspect="auto")
    decimals = 0 if (values == values.round()).all() else digits
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.4 * top else INK
        axes.text(j, i, f"{value:.{decimals}f}", ha="center", va="center", fontsize=9, color=colour)


def pulls(v: Tensor, t: Tensor, gradient: Tensor) -> Figure:
    """Draw each output, its target, and an arrow against the gradient: twice as far pulls twice as hard.

    Shapes:
        v          (n,)   outputs
        t          (n,)   targets
        gradient   (n,)   dloss(v, t)

    Returns:
        The figure. Arrows are drawn a quarter as long as the gradient, so that one of 2(v - t) reaches half way.

    Raises:
        PictureError: if the three are not vectors of one length.
    """
    given = {"v": v, "t": t, "gradient": gradient}
    outputs, targets, slopes = (np.atleast_1d(numbers(name, vector).squeeze()) for name, vector in given.items())
    if outputs.ndim != 1 or not outputs.shape == targets.shape == slopes.shape:
        raise PictureError(
            f"pulls draws three vectors of one length, but v is {kind(v)}, t {kind(t)}, gradient {kind(gradient)}."
        )
    fig = blank_figure(max(4.0, 0.62 * len(outputs)), 3.2)
    axes = fig.subplots()
    places = np.arange(len(outputs))
    axes.plot(places, targets, "_", color=GREEN, markersize=22, markeredgewidth=3, label="target")
    axes.plot(places, outputs, "o", color=BLUE, markersize=8, label="output")
    ends = np.concatenate([outputs, targets, outputs - slopes / 4])
    room = 0.15 * (float(np.ptp(ends)) or 1.0)
    axes.plot([], [], color=VERMILION, marker="v", label="pull: -gradient / 4")
    for place, start, slope in zip(places, outputs, slopes, strict=True):
        if abs(slope / 4) > room / 5:  # a shorter arrow would be all head
            arrow = {"arrowstyle": "-|>", "color": VERMILION, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (place, start - slope / 4), (place, start), arrowprops=arrow)
    axes.set(xlim=(-0.6, len(outputs) - 0.4), ylim=(ends.min() - room, ends.max() + room), xlabel="output number")
    axes.set_xticks(places)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
