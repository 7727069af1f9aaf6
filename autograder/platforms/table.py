"""A table as CSV: read as it was written, and written as it was read; text that no spreadsheet runs as a formula."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import CannotGrade, UsageError
from autograder.notebook import contents

LARGEST = 64 * 2**20
"""Bytes of a table."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for a formula, behind apostrophes or not: in East Asia the wide signs, too."""


@dataclass
class Table:
    """Rows of text under their headings, with the way they were written."""

    headings: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    newline: str = "\r\n"
    mark: bool = field(default=False)
    """Whether it begins with a byte order mark, by which Excel knows UTF-8."""

    def column(self, *names: str) -> int | None:
        """The place of the first heading that has one of these names, whatever its case; None if there is none."""
        wanted = {_plain(name) for name in names}
        return next((place for place, heading in enumerate(self.headings) if _plain(heading) in wanted), None)

    def text(self) -> str:
        """The table as it is written to a file."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=self.newline)
        writer.writerows([self.headings, *self.rows])
        return ("\ufeff" if self.mark else "") + out.getvalue()


def read(path: Path) -> Table:
    """Read a table that another program has written: UTF-8, its fields between commas, semicolons or tabs.

    Raises:
        UsageError: if it is no such table.
    """
    try:
        data = contents(path, LARGEST)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror or error}.") from None
    except CannotGrade:
        raise UsageError(
            f"{path} has more than {LARGEST // 2**20} MB, and a class has less. Is it another file?"
        ) from None
    mark = data.startswith(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            f'{path} is not UTF-8. Download it again, and leave it as it is; Excel writes it as "CSV UTF-8".'
        ) from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    before = csv.field_size_limit(LARGEST)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise UsageError(f"{path} is not a table as CSV: {error}. Download it again.") from None
    finally:
        csv.field_size_limit(before)
    if not rows:
        raise UsageError(f"{path} is empty. Download it again.")
    headings, *rows = rows
    wide = len(headings)
    for number, row in enumerate(rows, 2):
        if len(row) > wide and any(row[wide:]):
            raise UsageError(f"{path}, row {number}, has more fields than there are headings. Download it again.")
    rows = [[*row[:wide], *[""] * (wide - len(row))] for row in rows]
    return Table(headings, rows, delimiter, "\r\n" if "\r\n" in text else "\n", mark)


def tame(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula; :func:`wild` takes it off again."""
    return f"'{text}" if _FORMULA.match(text) else text


def wild(text: str) -> str:
    """The text that :func:`tame` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def made(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of the kit's own; its text is tamed by whoever knows which fields are numbers."""
    return Table([*headings], [[*row] for row in rows])


def _plain(heading: str) -> str:
    return re.sub(r"[\s_-]+", "", heading).casefold()
