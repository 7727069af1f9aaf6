"""Folders packed so that equal folders give equal bytes: data_utils in one file, and releases for an LMS."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from autograder.course import DATA_UTILS

DATA = "data_utils"


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a package, sorted, by their places in it, without what Python and editors leave there."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {place: path for place, path in found.items() if not any(map(_left_behind, place.parts))}
    return {place.as_posix(): path for place, path in kept.items()}


def data_utils() -> bytes:
    """data_utils in one file, for notebooks that fetch it.

    Nothing in it is compressed: other versions of zlib would give other bytes, and its digest stands in notebooks.
    """
    files = {f"{DATA}/{place}": path.read_bytes() for place, path in files_of(DATA_UTILS).items()}
    return zipped(files, zipfile.ZIP_STORED)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip some files, with fixed dates and in the order given; a script can be started."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as bundle:
        for place, content in files.items():
            entry = zipfile.ZipInfo(place)
            entry.compress_type, entry.create_system = method, 3
            entry.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            bundle.writestr(entry, content)
    return made.getvalue()


def _left_behind(part: str) -> bool:
    return part == "__pycache__" or part.startswith(".")
