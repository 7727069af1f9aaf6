"""A student's written text, fit for pages that others open: words, links to the web and pictures of its own remain.

Pages are made by nbconvert, which believes markdown. What it would make of a text is settled here, before it sees it:
each mark that could become something else than words is kept only in the one form that is known to be harmless, and
gets a blank in every other, so that it is read as text.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_TAG = re.compile(r"<(?=[A-Za-z/!?])")

_PICTURE = re.compile(r"(?<!\\)!\[[^\[\]\n]*+\]\(attachment:([\w.%~-]++)\)")
"""A picture whose data is attached to the cell: the way that Jupyter writes it."""

_MARK = re.compile(r"!(?=\[)|\](?=[(:])")
"""What begins a picture, the address of a link, or of a link that stands elsewhere."""

_WEB = re.compile(r"\](?:\([ \t]*+|:[ \t]*+\n?[ \t]*+)(?:https?://|mailto:)", re.IGNORECASE)
"""An address that only leads away: its scheme is spelled out, so nothing that follows changes it."""

_DIAGRAM = re.compile(r"([`~](?<![`~]{2})[`~]{2,}+)([^\S\n]*+)mermaid")
"""A block that nbconvert hands to a program as it stands, whichever blanks of Unicode it takes off before the word."""

_COMMAND = re.compile(r"\\++(?=(?:href|url|require|style|bbox|class|cssId|mmlToken|includegraphics)(?![A-Za-z]))")
"""What gives parts of formulas links, styles or attributes, or loads more commands."""

_REFERENCE = re.compile(r"&(?=#|[A-Za-z]+;)")
"""What spells a character in a roundabout way: it is shown as it is written."""

_BLANKS = re.compile(r"[ \t]{200,}+")

LARGEST_TEXT = 20_000
"""Characters of a text that are shown: pages are made of it by programs that take the square of its length."""

_LARGEST_MADE = 4 * LARGEST_TEXT
"""Characters of what is made of the longest: `&#` becomes three times as long, and nothing more than that."""

CUT = "\n\n(The text continues in the file that was handed in.)"


def harmless(text: str, attached: Collection[str]) -> str:
    """Make words of tags, of links that lead elsewhere than to the web, and of pictures that aren't attached.

    Shapes:
        attached  names of the pictures that are attached to the text's cell
    """
    if len(text) > LARGEST_TEXT:
        text = text[:LARGEST_TEXT] + CUT
    return _words(text.encode("utf-8", "replace").decode(), attached)  # half a character becomes a sign when written


def is_harmless(text: str, attached: Collection[str]) -> bool:
    """Whether a text can be what `harmless` makes: made once more of what it was made of, it is the same."""
    return len(text) <= _LARGEST_MADE and _words(text.replace("&amp;", "&"), attached) == text


def _words(text: str, attached: Collection[str]) -> str:
    text = _COMMAND.sub("", _BLANKS.sub(" " * 200, text))  # before the others: what stood beside a backslash meets
    text = _DIAGRAM.sub(r"\1\2text", _TAG.sub("< ", _REFERENCE.sub("&amp;", text)))
    parts, end = [], 0
    for picture in _PICTURE.finditer(text):
        if picture[1] in attached:
            parts += [_loosened(text[end : picture.start()]), picture[0]]
            end = picture.end()
    return "".join([*parts, _loosened(text[end:])])


def _loosened(text: str) -> str:
    return _MARK.sub(lambda mark: mark[0] if _WEB.match(text, mark.start()) else f"{mark[0]} ", text)
