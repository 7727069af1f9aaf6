"""Answers that are by hand, in forms that look otherwise, and answers that aren't, read from `shortcuts.txt`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_TEXT = Path(__file__).with_suffix(".txt").read_text("utf-8")
_FOUND = dict(re.findall(r"^# %% (.+)\n((?:(?!# %%).*\n?)*)", _TEXT, re.MULTILINE))


def _of(kind: str) -> Mapping[str, str]:
    return {name.removeprefix(f"{kind}: "): text for name, text in _FOUND.items() if name.startswith(f"{kind}: ")}


def _told(kind: str) -> Mapping[str, tuple[str, str]]:
    return {name: (text.partition("\n")[2], text.partition("\n")[0][2:]) for name, text in _of(kind).items()}


BY_HAND = _of("by hand")
"""Texts that nothing is to be seen in."""

SEEN = _told("seen")
"""Texts, and what is seen in each, on the line that says `# here`."""

TURNED_AWAY = _told("turned away")
"""Texts, and what the answer was doing when it was turned away."""

IN_DOUBT = _of("in doubt")
"""Right answers by hand that have to be asked for twice; some can't be answered where autograd is off."""
