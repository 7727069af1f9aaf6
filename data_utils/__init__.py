"""The data, checks and pictures of the assignments: torch and numpy are enough, matplotlib only to draw a picture.

A released assignment carries a copy of this folder, so nothing here knows about grading.

    from data_utils import load_data, show, digits
    train_input, train_target, test_input, test_target = load_data(one_hot_labels=True, normalize=True)
    show(digits(train_input[:20]), "Twenty handwritten digits.")
"""

from .diagrams import chain, ladder, listings, network
from .download import DataError
from .drawing import PictureError
from .mnist import get_mnist, load_data
from .pictures import (
    bars,
    curves,
    digits,
    heat_maps,
    line_with_tangents,
    lines,
    pulls,
    scatter_check,
    show,
    weights,
)

__all__ = [
    "DataError",
    "PictureError",
    "bars",
    "chain",
    "curves",
    "digits",
    "get_mnist",
    "heat_maps",
    "ladder",
    "line_with_tangents",
    "lines",
    "listings",
    "load_data",
    "network",
    "pulls",
    "scatter_check",
    "show",
    "weights",
]
