"""What all pictures share: the figure they are drawn on, their colours, and the checks of what is to be drawn.

Nothing here draws. A check either gives back plain float64 numbers or raises one sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
INK, FAINT = "#222222", "#999999"
STYLES = ((BLUE, "o", "-", ""), (VERMILION, "s", "--", "//"), (GREEN, "^", "-.", ".."), (PURPLE, "D", ":", "xx"))


class PictureError(ValueError):
    """What was given can't be drawn; the message says in one sentence what was wanted and what came."""


def blank_figure(width: float, height: float) -> Figure:
    """Make a figure (sizes in inches) that no global list knows of."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PictureError("Pictures need matplotlib: install it, then restart the notebook's kernel.") from error
    return Figure(figsize=(width, height), layout="constrained")


def blue_orange() -> Any:
    """Make the colour map of signed values: blue below zero, white at zero, orange above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_orange", ["#003C66", BLUE, "#FFFFFF", VERMILION, "#6B2F00"])


def numbers(name: str, given: Any) -> Array:
    """Turn a tensor, an array or a list into finite float64 numbers."""
    if given is None:
        raise PictureError(f"{name} must be a tensor of numbers, but is None.")
    try:
        values = given.detach().cpu().double().numpy() if isinstance(given, Tensor) else np.asarray(given, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PictureError(f"{name} must be a tensor of numbers, but is {kind(given)}.") from error
    if not np.isfinite(values).all():
        raise PictureError(
            f"{name} must contain only finite numbers, but contains {'NaN' if np.isnan(values).any() else 'infinity'}."
        )
    return values


def kind(given: Any) -> str:
    """Say in two words what something is: its shape, or else its type."""
    shape = getattr(given, "shape", None)
    return f"of type {type(given).__name__}" if shape is None else f"of shape {tuple(shape)}"


def classes_of(name: str, given: Any, count: int) -> Array | None:
    """Turn labels, or one-hot rows, into one class per sample."""
    if given is None:
        return None
    values = numbers(name, given)
    classes = values.argmax(1).astype(np.float64) if values.ndim == 2 and values.shape[1] == 10 else values
    if classes.shape != (count,):
        raise PictureError(f"{name} must have one entry for each of the {count} images, but is {kind(given)}.")
    return classes


def series_of(name: str, given: Any) -> tuple[Array, Array]:
    """Turn one number per step, or pairs of step and number, into steps and values."""
    values = numbers(name, given)
    if values.ndim == 1 and len(values):
        return np.arange(len(values), dtype=np.float64), values
    if values.ndim == 2 and len(values) and values.shape[1] == 2:
        return values[:, 0], values[:, 1]
    raise PictureError(f"{name} must be one number per step, or pairs (step, number), but has shape {values.shape}.")


def applied(name: str, function: Callable[[Tensor], Tensor], x: Tensor) -> Array:
    """Call a student's element-wise function and check what comes back."""
    result = function(x.clone())
    if not isinstance(result, Tensor) or result.shape != x.shape:
        raise PictureError(
            f"{name} must give back a tensor shaped like its argument {tuple(x.shape)}, not {kind(result)}."
        )
    return numbers(name, result)
