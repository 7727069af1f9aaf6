"""Text that somebody else wrote, fit to be shown: nothing in it steers a terminal or reorders a line."""

from __future__ import annotations

import logging
import traceback
import unicodedata

_REORDERING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """Replace the characters that would steer a terminal, reorder a line or break the encoding."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\ufffd" if char in _REORDERING or (unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t") else char
        for char in text
    )


def steering(text: str) -> tuple[str, ...]:
    """The characters of a name that would steer a terminal, reorder a line or end it, each once."""
    if text.isascii() and text.isprintable():
        return ()
    kinds = {"Cc", "Cs", "Zl", "Zp"}
    return tuple(dict.fromkeys(char for char in text if char in _REORDERING or unicodedata.category(char) in kinds))


def spelled(text: str) -> str:
    """Write out the characters of a name that aren't fit to be shown, as Python does: two names stay two."""
    return "".join(ascii(char)[1:-1] if steering(char) else char for char in text)


def one_line(text: str) -> str:
    """Make text visible, and put it on one line."""
    return " ".join(visible(text).split())


def shortened(text: str, most: int) -> str:
    """Text of so many characters at the most; longer text ends after a word of it, with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[:most].rpartition(" ")[0].rstrip() or text[: most - 1]
    return f"{cut}\N{HORIZONTAL ELLIPSIS}"


class VisibleLog(logging.Filter):
    """Lets every line of a log through, made visible: a student's id is part of many."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Write out what a line says, and its traceback, before anything formats them."""
        record.msg, record.args = visible(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = visible("".join(traceback.format_exception(*record.exc_info))).rstrip("\n")
        return True
