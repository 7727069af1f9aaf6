"""MNIST as tensors: 5,000 real images embedded beside this file, or all 70,000 downloaded with `full=True`.

The embedded file is five blocks of 1,000 images with 100 of each digit in every block, so that all splits
served here are balanced. Where it comes from stands in PROVENANCE.md.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .download import Bytes, DataError, read_standard_file

EMBEDDED = Path(__file__).with_name("mnist.npz")
BLOCK = 1_000


def load_data(
    one_hot_labels: bool = False,
    normalize: bool = False,
    flatten: bool = True,
    full: bool = False,
    cache: str | Path | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Load MNIST as `train_input, train_target, test_input, test_target`.

    Shapes:
        train_input    (1000, 784)   float32 pixels 0 to 255; (1000, 1, 28, 28) with flatten=False
        train_target   (1000,)       int64 digits; (1000, 10) float32 with one_hot_labels=True
        test_input     (1000, 784)   as train_input
        test_target    (1000,)       as train_target
        With full=True there are 60000 training and 10000 test samples.

    Returns:
        The four tensors. With normalize=True both inputs have the training inputs' mean subtracted and are
        divided by their standard deviation (two numbers for the whole set). A one-hot row is 1 at the digit
        and 0 elsewhere. With full=True the files are downloaded once and kept in the folder `cache`.

    Raises:
        DataError: if the data can't be had exactly as published.
    """
    if full:
        (train_x, train_y), (test_x, test_y) = _standard("train", cache), _standard("t10k", cache)
    else:
        x, y = read_embedded()
        train_x, train_y, test_x, test_y = x[:BLOCK], y[:BLOCK], x[BLOCK : 2 * BLOCK], y[BLOCK : 2 * BLOCK]
    train_input, test_input = _pixels(train_x, flatten), _pixels(test_x, flatten)
    if normalize:
        mean, std = train_input.mean(), train_input.std()
        train_input.sub_(mean).div_(std)
        test_input.sub_(mean).div_(std)
    train_target, test_target = _digits(train_y), _digits(test_y)
    if one_hot_labels:
        train_target, test_target = _one_hot(train_target), _one_hot(test_target)
    rest = "the full set" if full else "the embedded ones; full=True downloads the rest"
    print(f"MNIST: {len(train_input):,} images to train on, {len(test_input):,} to test on ({rest}).")
    return train_input, train_target, test_input, test_target


def get_mnist(full: bool = False, cache: str | Path | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Load MNIST as `x_train, y_train, x_valid, y_valid`, and print their shapes.

    Shapes:
        x_train   (4000, 784)   float32 pixels 0 to 1
        y_train   (4000,)       int64 digits
        x_valid   (1000, 784)   as x_train
        y_valid   (1000,)       as y_train
        With full=True there are 50000 training and 10000 validation samples: the standard training set, cut in two.

    Returns:
        The four tensors. With full=True the files are downloaded once and kept in the folder `cache`.

    Raises:
        DataError: if the data can't be had exactly as published.
    """
    x, y = _standard("train", cache) if full else read_embedded()
    cut = 50_000 if full else 4 * BLOCK
    pixels, labels = _pixels(x, flatten=True).div_(255), _digits(y)
    x_train, y_train, x_valid, y_valid = pixels[:cut], labels[:cut], pixels[cut:], labels[cut:]
    print(f"train: x.shape={tuple(x_train.shape)}, y.shape={tuple(y_train.shape)}")
    print(f"valid: x.shape={tuple(x_valid.shape)}, y.shape={tuple(y_valid.shape)}")
    return x_train, y_train, x_valid, y_valid


def read_embedded(path: Path = EMBEDDED) -> tuple[Bytes, Bytes]:
    """Read the 5,000 embedded images and their labels.

    Shapes:
        images   (5000, 28, 28)   uint8
        labels   (5000,)          uint8 digits 0 to 9

    Returns:
        Images and labels, in five balanced blocks of 1,000.

    Raises:
        DataError: if the file is missing, damaged or something else. Pickled objects are refused, never loaded.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        found = f"images {images.dtype} {images.shape}, labels {labels.dtype} {labels.shape}"
        sound = images.dtype == labels.dtype == np.uint8 and images.shape == (5000, 28, 28) and labels.shape == (5000,)
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        sound, found = False, f"reading it fails with {type(error).__name__}: {error}"
    if not sound:
        raise DataError(
            "The embedded data must be 5,000 images of 28 by 28 uint8 pixels and 5,000 uint8 labels",
            found,
            str(path),
            "Copy the assignment's data_utils folder again.",
        )
    return images, labels


def _standard(part: str, cache: str | Path | None) -> tuple[Bytes, Bytes]:
    """Read the standard "train" or "t10k" images and labels."""
    return (
        read_standard_file(f"{part}-images-idx3-ubyte.gz", cache),
        read_standard_file(f"{part}-labels-idx1-ubyte.gz", cache),
    )


def _pixels(images: Bytes, flatten: bool) -> Tensor:
    pixels = torch.from_numpy(images.astype(np.float32))
    return pixels.view(len(images), -1) if flatten else pixels.unsqueeze(1)


def _digits(labels: Bytes) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64))


def _one_hot(labels: Tensor) -> Tensor:
    return torch.eye(10)[labels]
