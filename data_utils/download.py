"""The four standard MNIST files: fetched once, checked against pinned digests, kept in a cache folder.

A file gets its final name only when every byte of it has been received and checked,
and its digest is taken again from the very bytes that are then read.
So whatever breaks (the line, the disk, the process), the next run starts from a clean state.
Nothing here knows what the images mean, and nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

MIRROR_VARIABLE = "DATA_UTILS_MIRROR"
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
TIMEOUT_S = 30.0
CHUNK = 1 << 16
STALE_PART_S = 24 * 3600.0


class Pinned(NamedTuple):
    """What one of the standard files must be: size in bytes, SHA-256, and the shape of the array inside."""

    size: int
    sha256: str
    shape: tuple[int, ...]


# Tests replace the entries of this table; nothing else should.
FILES: dict[str, Pinned] = {
    "train-images-idx3-ubyte.gz": Pinned(
        9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", (60_000, 28, 28)
    ),
    "train-labels-idx1-ubyte.gz": Pinned(
        28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", (60_000,)
    ),
    "t10k-images-idx3-ubyte.gz": Pinned(
        1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", (10_000, 28, 28)
    ),
    "t10k-labels-idx1-ubyte.gz": Pinned(
        4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", (10_000,)
    ),
}


class DataError(RuntimeError):
    """The data can't be had as it must be; says the rule, the evidence, the place and what to do next."""

    def __init__(self, rule: str, evidence: str, place: str, next_step: str) -> None:
        super().__init__(rule, evidence, place, next_step)
        self.rule, self.evidence, self.place, self.next_step = rule, evidence, place, next_step

    def __str__(self) -> str:
        return f"{self.rule}: {self.evidence} ({self.place}). {self.next_step}"


class _MirrorError(Exception):
    """One mirror could not deliver; another may."""


def default_cache() -> Path:
    """Name the per-user folder for downloads: `$XDG_CACHE_HOME/backprop-kit/mnist`, or the same under `~/.cache`."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "backprop-kit" / "mnist"


def mirrors() -> tuple[str, ...]:
    """List the base URLs to try, in order: the one in `$DATA_UTILS_MIRROR` alone, or else `MIRRORS`."""
    chosen = os.environ.get(MIRROR_VARIABLE, "").strip()
    return (chosen.rstrip("/") + "/",) if chosen else MIRRORS


def read_standard_file(name: str, cache: str | Path | None = None) -> Bytes:
    """Read one of the four standard files, downloading it first where the cache has no sound copy.

    Shapes:
        returns   FILES[name].shape   uint8, read-only

    Returns:
        The images or labels inside, exactly as published.

    Raises:
        DataError: if no sound copy can be had; the cache then holds no trace of the bad one.
    """
    pinned = FILES[name]
    path = (default_cache() if cache is None else Path(cache).expanduser()) / name
    packed = _cached(path, pinned)
    if packed is None:
        fetch(path, pinned)
        packed = _cached(path, pinned)
    if packed is None:
        raise DataError(
            "A downloaded file must stay as it was checked",
            f"{name} changed or vanished right after its download",
            str(path),
            "Check whether another program cleans this folder, then run the cell again.",
        )
    return parse_idx(gzip.decompress(packed), pinned.shape, str(path))


def fetch(path: Path, pinned: Pinned) -> None:
    """Download one file to `path`: to a temporary file beside it, checked, then renamed in one step.

    Several processes may do this at once: each writes a file of its own, and the last rename wins with equal bytes.

    Raises:
        DataError: if no mirror delivers the right bytes, or the disk can't hold them.
    """
    failures = []
    for base in mirrors():
        url = base + path.name
        try:
            return _fetch_from(url, path, pinned)
        except _MirrorError as failure:
            failures.append(f"{url}: {failure}")
    raise DataError(
        "The full data set comes from the network, once",
        "; ".join(failures),
        f"wanted as {path}",
        "Check the connection and run the cell again, name another mirror in the environment variable "
        f"{MIRROR_VARIABLE}, or leave out full=True: the embedded images need no download.",
    )


def parse_idx(data: bytes, shape: tuple[int, ...], place: str) -> Bytes:
    """Parse the idx format: two zero bytes, type 8 (uint8), the number of axes, big-endian sizes, then the values.

    Shapes:
        returns   shape   uint8, read-only

    Returns:
        The array in the file.

    Raises:
        DataError: if the header is not that of a uint8 array of this shape, or the length does not fit it.
    """
    header = np.array([0x0800 + len(shape), *shape], dtype=">u4").tobytes()
    if data[: len(header)] != header or len(data) != len(header) + int(np.prod(shape)):
        raise DataError(
            f"An idx file must hold a uint8 array of shape {shape}",
            f"this one starts with {data[:16].hex(' ', 4) or 'nothing'} and is {len(data):,} bytes long",
            place,
            "Delete this file and run the cell again.",
        )
    return np.frombuffer(data, dtype=np.uint8, offset=len(header)).reshape(shape)


def _cached(path: Path, pinned: Pinned) -> bytes | None:
    """Return the file's bytes if they are the pinned ones; None where there is no file or a damaged one."""
    try:
        with path.open("rb") as file:
            packed = file.read(pinned.size + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _disk_error("read", path, error) from error
    if hashlib.sha256(packed).hexdigest() == pinned.sha256:
        return packed
    print(f"The cached {path} is damaged or incomplete; it will be downloaded again.", file=sys.stderr)
    return None


def _fetch_from(url: str, path: Path, pinned: Pinned) -> None:
    """Download `url` to `path`, or leave no trace."""
    digest = hashlib.sha256()
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        descriptor, part = _new_part(path)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in _received(url, pinned.size):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != pinned.sha256:
            raise _MirrorError(f"its SHA-256 is {digest.hexdigest()}, and must be {pinned.sha256}")
        Path(part).replace(path)
    except OSError as error:
        raise _disk_error("written", path, error) from error
    finally:
        if part is not None:
            Path(part).unlink(missing_ok=True)


def _received(url: str, size: int) -> Iterator[bytes]:
    """Yield the body of `url` in chunks, exactly `size` bytes in all, with progress on stderr."""
    progress = _Progress(url.rsplit("/", 1)[-1], size)
    received = 0
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310 - a course may serve file: too; the digest decides
            while chunk := response.read(CHUNK):
                received += len(chunk)
                if received > size:
                    raise _MirrorError(f"it is longer than the {size:,} bytes it must have")
                progress.show(received)
                yield chunk
    except HTTPError as error:
        raise _MirrorError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _MirrorError(f"the connection failed after {received:,} bytes ({reason})") from error
    finally:
        progress.close()
    if received < size:
        raise _MirrorError(f"the connection was cut after {received:,} of {size:,} bytes")


def _new_part(path: Path) -> tuple[int, str]:
    """Open a temporary file of our own beside `path`."""
    return tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)


def _sweep(folder: Path) -> None:
    """Remove what processes killed in mid-download left behind; a download that is still going on is younger."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process may be done with it by now
            if time.time() - part.stat().st_mtime > STALE_PART_S:
                part.unlink()


def _disk_error(verb: str, path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path.name} must be {verb} in the cache folder",
        f"the system says: {error.strerror or error}",
        str(path.parent),
        "Make room there, or name another folder with cache=..., then run the cell again.",
    )


class _Progress:
    """One line on stderr: redrawn on a terminal, printed at every quarter elsewhere (logs, notebooks)."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.start = time.monotonic()
        self.live = sys.stderr.isatty()
        self.next = 0.0

    def show(self, received: int) -> None:
        """Show the share received so far and the time left, if the line is due."""
        share = received / self.size
        if share < min(self.next, 1.0):
            return
        self.next = share + 0.01 if self.live else (share // 0.25 + 1) * 0.25
        seconds = (time.monotonic() - self.start) * (1 - share) / share
        bar = "#" * int(20 * share)
        line = f"{self.name:26} [{bar:<20}] {share:4.0%}  {seconds:3.0f} s left"
        print("\r" + line if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line that was being redrawn."""
        if self.live and self.next:
            print(file=sys.stderr)
