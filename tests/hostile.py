"""Hostile cells and relays, read from `hostile.txt` and `relays.txt`.

A cell tries something that must not work, and sets `won` if it did. A relay takes two: what one process keeps, another
must not see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def _parts(name: str) -> tuple[str, dict[str, str]]:
    """Read a file's parts: the one that comes before each other, and those by their names."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    found = dict(re.findall(r"^# %% (.+)\n((?:(?!# %%).*\n?)*)", text, re.MULTILINE))
    return found.pop("prelude"), found


_PRELUDE, CELLS = _parts("hostile.txt")
"""Each attack by its name."""

_BEFORE_RELAYS, _RELAYS = _parts("relays.txt")
RELAYS = {name: _BEFORE_RELAYS + source for name, source in _RELAYS.items()}
"""Each way from one process to another by its name: it defines `keep`, and `seen`, which gives a number."""


def prelude(facts: Mapping[str, object]) -> str:
    """Give the cell that comes before an attack.

    It names what the attack is told of the host: SECRET and FOLDER, a file and a folder of the host's; REPO, the kit;
    HOST, the host's process; PORT, where a server listens on this machine.
    """
    return _PRELUDE + "".join(f"{name} = {fact!r}\n" for name, fact in facts.items())
