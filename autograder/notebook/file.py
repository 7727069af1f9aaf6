"""A notebook file, whatever its encoding and format: read under limits, and what is wrong with it is said."""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from autograder.errors import CannotGrade, UsageError
from autograder.notebook import modules
from autograder.notebook.notebook import Notebook
from autograder.notebook.statement import plain_lines

LARGEST = 64 * 1024 * 1024
"""Bytes of a notebook file that are read: one with every picture of a course in it is far smaller."""

MOST_CELLS = 10_000
"""Cells that a notebook may have: the longest that anybody hands in has two thousand."""

MOST_TOKENS = 1 << 22
"""Texts, opening brackets and commas of a notebook file: beside its length, each costs up to a hundred bytes."""

_TOKEN = re.compile(r'[\[{,]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


_MARK = re.compile(r"^#[ \t]*(?:%%(?:[^\n\[]*(\[(?:markdown|md|raw)\]))?[^\n]*|In\s?\[[ \d]*\]:?[ \t]*)$", re.MULTILINE)
"""What begins a cell in a script."""


class UnreadableNotebook(CannotGrade):
    """A file that is no notebook, or is too damaged to find its cells."""


def read(path: Path) -> Notebook:
    """Read a notebook file, whatever its encoding and notebook format version.

    Raises:
        UsageError: if there is no such file.
        UnreadableNotebook: if it can't be read as a notebook; the sentence says why and what to do.
    """
    readable(path)
    try:
        data = contents(path, LARGEST)
    except OSError as error:
        raise UnreadableNotebook(f"{path} can't be read: {error.strerror or error}.") from None
    return within(modules.Folder(path.parent), data, str(path))


def within(folder: modules.Folder, data: bytes, path: str) -> Notebook:
    """Read a notebook from its bytes, with what it imports of the folder that it lies in.

    Raises:
        UnreadableNotebook: as :func:`read`.
    """
    found = parse(data, path)
    wanted = {module for statement in found.statements for module in statement.needs}
    texts = modules.beside(folder, wanted)
    return found.beside(texts) if texts else found


def contents(path: Path, most: int) -> bytes:
    """Read a file of at most `most` bytes that somebody handed in: a plain file, never a pipe or a device.

    Raises:
        UnreadableNotebook: if it is larger.
        OSError: if it can't be read, or is no plain file.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        data = file.read(most + 1)
    if len(data) > most:
        raise UnreadableNotebook(
            f"{path} has {status.st_size // 2**20} MiB, but notebooks are read only up to {most // 2**20} MiB. "
            "Clear its outputs and save it again."
        )
    return data


def readable(path: Path) -> None:
    """Check that there is a file to read.

    Raises:
        UsageError: if there is none, or it is a folder.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Name a notebook file, one that ends in .ipynb.")
    if not path.exists():
        raise UsageError(f"There is no file {path}. Check the path, or list the folder it should be in.")


def parse(data: bytes, path: str = "") -> Notebook:
    """Read a notebook from its bytes; where its name is that of a script, from the cells of one.

    Raises:
        UnreadableNotebook: as :func:`read`.
    """
    if not data.strip():
        raise UnreadableNotebook(f"{path} is empty. Save the notebook again and hand in the new file.")
    if path.lower().endswith(".py"):
        return Notebook(_script(plain_lines(_decoded(data))), path)
    try:
        text = _decoded(data)
        if _tokens_exceed(text, MOST_TOKENS):
            raise UnreadableNotebook(
                f"{path} has more than {MOST_TOKENS:,} values, and larger notebooks are not read. "
                "Clear its outputs and save it again."
            )
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if what := _something_else(data):
            raise UnreadableNotebook(
                f"{path} is not a notebook: it is {what}. Hand in the .ipynb file itself."
            ) from None
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableNotebook(
            f"{path} is not a notebook: its text is cut off or is not JSON{place}. "
            "Open it in Jupyter, save it, and hand in the saved file."
        ) from None
    if not isinstance(content, dict) or not ("cells" in content or "worksheets" in content):
        raise UnreadableNotebook(f"{path} is JSON, but not a notebook: it has no cells. Hand in the .ipynb file.")
    if "cells" not in content:
        content = _upgraded(content, path)
    if isinstance(content["cells"], list) and len(content["cells"]) > MOST_CELLS:
        raise UnreadableNotebook(
            f"{path} has {len(content['cells']):,} cells, but notebooks are read only up to {MOST_CELLS:,}. "
            "Delete the cells that no question needs, and hand it in again."
        )
    try:
        return Notebook(content, path)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError, MemoryError) as error:
        raise UnreadableNotebook(
            f"{path} is a damaged notebook ({type(error).__name__}). Open it in Jupyter, save it, and hand that in."
        ) from None


def _something_else(data: bytes) -> str:
    """What a file is that is no JSON, if that can be told."""
    start = data[:1000].lstrip().lower()
    if start.startswith(b"pk\x03\x04"):
        return "a zip archive"
    if start.startswith((b"<!doctype", b"<html")):
        return "a web page, as Jupyter exports one"
    if start.startswith((b"#!/usr/bin", b"# in[", b"import ", b"# %%")):
        return "a Python script"
    marks = next((number for number, line in enumerate(data.split(b"\n"), 1) if line.startswith(b"<<<<<<< ")), 0)
    return f"an unresolved git merge (its conflict markers begin in line {marks})" if marks else ""


def _tokens_exceed(text: str, most: int) -> bool:
    """Whether JSON has more texts, opening brackets and commas than that, those inside of texts not counted."""
    if len(text) <= most:
        return False
    return next(itertools.islice(_TOKEN.finditer(text), most, None), None) is not None


def _decoded(data: bytes) -> str:
    """Decode by the byte order mark if there is one, as UTF-8 if it is that, else as Latin-1, which always works."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _script(text: str) -> dict[str, Any]:
    """The cells of a script: those that its marks tell apart, the whole of it where it has none."""
    cells: list[dict[str, Any]] = []
    start = 0
    kind = "code"
    marks = [*itertools.islice(_MARK.finditer(text), MOST_CELLS)]
    for mark in [*marks, None]:
        source = text[start : mark.start() if mark else len(text)].strip("\n")
        if source.strip():
            if kind == "markdown":
                source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
            code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
            cells.append({"cell_type": kind, "metadata": {}, "source": source, **code})
        if mark:
            start, kind = mark.end(), "markdown" if mark[1] else "code"
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


def _upgraded(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Bring a notebook of format 3 or older, whose cells stand in worksheets, to format 4: its texts count."""
    try:
        cells = [_from_worksheet(cell) for sheet in content["worksheets"] for cell in sheet["cells"]]
        return {"nbformat": 4, "nbformat_minor": 5, "metadata": content.get("metadata", {}), "cells": cells}
    except (TypeError, KeyError, AttributeError):
        raise UnreadableNotebook(
            f"{path} is in an old notebook format and can't be converted. Open it in Jupyter and save it."
        ) from None


def _from_worksheet(cell: dict[str, Any]) -> dict[str, Any]:
    kind = cell.get("cell_type")
    source = cell.get("input" if kind == "code" else "source", "")
    if kind == "heading":
        level = cell.get("level")
        text = source if isinstance(source, str) else "".join(source)
        source = f"{'#' * (level if isinstance(level, int) and 0 < level < 7 else 1)} {text}"
    kept = "code" if kind == "code" else "markdown" if kind in {"markdown", "heading"} else "raw"
    return {"cell_type": kept, "metadata": cell.get("metadata", {}), "source": source}
