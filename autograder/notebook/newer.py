"""Code that this Python doesn't parse and a newer one may: each newer form is written in an older way, and tried.

A form is known by its look alone. What parses once it is written in the older way may be right where its author ran it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable

from autograder.notebook.text import Unreadable, kept, taking_apart

Version = tuple[int, int]

HERE: Version = sys.version_info[:2]
"""The Python that reads notebooks here."""

_DEEP = 50
"""Levels of formatted texts and brackets that are followed in each other."""

_PIECE = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?<![\w"'])(?P<prefix>[a-zA-Z]{0,2})(?P<quote>\"{3}|'{3}|"|')
      | (?P<word>\w+)""",
    re.VERBOSE,
)
_REST = {
    quote: re.compile(rf"(?:[^\\{quote[0]}{newline}]|\\.|{inner})*+{quote}", re.DOTALL)
    for quote, newline, inner in (
        ('"', "\n", "(?!)"),
        ("'", "\n", "(?!)"),
        ('"""', "", '"(?!"")'),
        ("'''", "", "'(?!'')"),
    )
}
"""What is left of a plain text after its first quote."""

_FIELD_ENDS = re.compile(r"[}:]|!(?!=)")
_SHOWN = re.compile(r"(?<![=!<>])=\s*$")
"""The sign of a field that shows its expression too."""

_BRACKETS = {"(": ")", "[": "]", "{": "}"}

_PARAMETERS = re.compile(r"\b((?:def|class)[ \t]+\w+)[ \t]*\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*+\]")
_TYPE = re.compile(
    r"^([ \t]*+)type[ \t]++(\w++)[ \t]*+(?:\[(?:[^\[\]\n]|\[[^\[\]\n]*+\])*+\])?+[ \t]*+=(?!=)", re.MULTILINE
)
_EXCEPT = re.compile(r"^([ \t]*except\*?[ \t]+)([\w.]+(?:[ \t]*,[ \t]*[\w.]+)++)[ \t]*:", re.MULTILINE)
_LAZY = re.compile(r"^([ \t]*)lazy[ \t]+(?=(?:import|from)[ \t])", re.MULTILINE)
_MAGIC = re.compile(r"^([ \t]*)[%!][^\n]*", re.MULTILINE)


class _NoPython(Exception):  # noqa: N818 - it is what was found
    """A formatted text that no Python parses."""


def needs(source: str) -> str:
    """Name the oldest Python that may parse what this one doesn't, such as `3.12`; an empty text where none does."""
    try:
        return _needs(source, *HERE)
    except Unreadable:
        return ""


@kept(1 << 16)
def _needs(source: str, *here: int) -> str:
    text = _MAGIC.sub(r"\1pass", source)
    for version, older in _FORMS.items():
        before = text
        if version > here:
            try:
                text = older(text)
            except _NoPython:
                continue
            if text != before and _parses(text):
                return ".".join(map(str, version))
    return ""


def _parses(text: str) -> bool:
    try:
        with taking_apart():
            ast.parse(text)
    except Unreadable:
        return False
    return True


def _since_12(text: str) -> str:
    """Type parameters, `type` statements, and any text inside the brackets of a formatted one."""
    return _TYPE.sub(r"\1\2 =", _PARAMETERS.sub(r"\1", _without_formatted(text, "f")))


def _since_14(text: str) -> str:
    """Template texts, and several exceptions without brackets around them."""
    return _EXCEPT.sub(r"\1(\2):", _without_formatted(text, "ft"))


def _since_15(text: str) -> str:
    """Imports that wait."""
    return _LAZY.sub(r"\1", text)


_FORMS: dict[Version, Callable[[str], str]] = {(3, 12): _since_12, (3, 14): _since_14, (3, 15): _since_15}
"""Python -> what writes its new forms in an older way."""


def _without_formatted(text: str, kinds: str) -> str:
    """Put an empty text in the place of each formatted one, and let all that they evaluate follow."""
    scan = _Formatted(text, kinds)
    left = scan.through()
    return left + "".join(f"\n({each}\n)" for each in scan.evaluated)


class _Formatted:
    """A text that is gone through once, from formatted text to formatted text."""

    def __init__(self, text: str, kinds: str) -> None:
        self._text, self._kinds = text, kinds
        self._place = 0
        self.evaluated: list[str] = []
        """The expressions in formatted texts, without those in them."""

    def through(self) -> str:
        """The whole text, with an empty text for each formatted one.

        Raises:
            _NoPython: if a text doesn't end, or a formatted one has no expression where there must be one.
        """
        parts, start = [], 0
        while piece := _PIECE.search(self._text, self._place):
            parts.append(self._text[start : piece.start()])
            parts.append(self._taken(piece, 0))
            start = self._place
        return "".join([*parts, self._text[start:]])

    def _taken(self, piece: re.Match[str], depth: int) -> str:
        """Go past a comment, a word or a text: what stands in its place."""
        self._place = piece.end()
        if piece["quote"] and set(piece["prefix"].lower()).isdisjoint(self._kinds):
            rest = _REST[piece["quote"]].match(self._text, self._place)
            if rest is None:
                raise _NoPython
            self._place = rest.end()
        elif piece["quote"]:
            self._inside(piece["quote"], piece["quote"], depth)
            return '""'
        return self._text[piece.start() : self._place]

    def _inside(self, end: str, quote: str, depth: int) -> None:
        """Go past a formatted text, or past the format of a field."""
        if depth > _DEEP:
            raise _NoPython
        text = self._text
        while not text.startswith(end, self._place):
            char = text[self._place : self._place + 1]
            if not char or (char == "\n" and len(quote) == 1):
                raise _NoPython
            doubled = end == quote and text.startswith(("{{", "}}"), self._place)
            if char == "{" and not doubled:
                self._place += 1
                self._field(quote, depth + 1)
            else:
                self._place += 2 if doubled or char == "\\" else 1
        self._place += len(end)

    def _field(self, quote: str, depth: int) -> None:
        text, parts, waits = self._text, list[str](), list[str]()
        while waits or not _FIELD_ENDS.match(text, self._place):
            char = text[self._place : self._place + 1]
            if piece := _PIECE.match(text, self._place):
                parts.append(self._taken(piece, depth))
                continue
            if not char or (char in ")]}" and (not waits or waits.pop() != char)):
                raise _NoPython
            if char in _BRACKETS:
                waits.append(_BRACKETS[char])
            parts.append(char)
            self._place += 1
        expression = _SHOWN.sub("", "".join(parts))
        if not expression.strip():
            raise _NoPython
        self.evaluated.append(expression)
        if text.startswith("!", self._place):
            self._place += 2
        if text.startswith(":", self._place):
            self._place += 1
            self._inside("}", quote, depth)
        elif text.startswith("}", self._place):
            self._place += 1
        else:
            raise _NoPython
