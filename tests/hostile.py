"""Hostile cells, read from `hostile.txt`: each tries something that must not work, and sets `won` if it did.

Relays take two: what one process keeps, another must not find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_TEXT = Path(__file__).with_suffix(".txt").read_text("utf-8")
_FOUND = dict(re.findall(r"^# %% (.+)\n((?:(?!# %%).*\n?)*)", _TEXT, re.MULTILINE))

RELAYS = {name.removeprefix("relay: "): source for name, source in _FOUND.items() if name.startswith("relay: ")}
"""Each way from one process to another by its name: it defines `keep` and `kept`."""

CELLS = {name: source for name, source in _FOUND.items() if name != "prelude" and not name.startswith("relay: ")}
"""Each attack by its name."""


def prelude(facts: Mapping[str, object]) -> str:
    """Give the cell that comes before an attack.

    It names what the attack is told of the host: SECRET and FOLDER, a file and a folder of the host's; REPO, the kit;
    HOST, the host's process; PORT, where a server listens on this machine.
    """
    return _FOUND["prelude"] + "".join(f"{name} = {fact!r}\n" for name, fact in facts.items())
