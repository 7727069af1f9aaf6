"""Formulas as MathML: a browser shows them without a script and without a network.

They are other people's text: of what the converter makes, only elements and attributes of formulas are kept.
"""

from __future__ import annotations

import html
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

LONGEST = 4_000
"""Characters of a formula that is converted; a longer one is shown as it was typed."""

_ELEMENTS = frozenset(
    ("math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
     "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd",
     "mtext", "mtr", "munder", "munderover", "none")
)  # fmt: skip
_ATTRIBUTES = frozenset(
    ("accent", "columnalign", "columnlines", "columnspacing", "display", "displaystyle", "fence", "form", "height",
     "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowlines",
     "rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric", "width")
)  # fmt: skip


def formula(tex: str, *, block: bool = False) -> Markup:
    """A formula in TeX as MathML; one that can't be converted stands there as it was typed."""
    typed = Markup("<code>{}</code>").format(tex)
    if len(tex) > LONGEST:
        return typed
    from latex2mathml.converter import convert_to_element

    try:
        made = _kept(convert_to_element(tex, display="block" if block else "inline"))
        if block:
            made.set("tabindex", "0")  # a long one is scrolled, by whoever has no mouse, too
        return Markup(ElementTree.tostring(made, encoding="unicode"))  # noqa: S704 - what it holds is escaped
    except Exception:  # a student's TeX may stop the converter in any way
        return typed


def _kept(made: Element) -> Element:
    """What a formula consists of; its texts come with entities for their signs."""
    name = made.tag if made.tag in _ELEMENTS else "mrow"
    kept = Element(name, {key: html.unescape(value) for key, value in made.attrib.items() if key in _ATTRIBUTES})
    kept.text = html.unescape(made.text or "")
    kept.extend(_kept(child) for child in made)
    return kept
