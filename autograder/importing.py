"""Where modules are looked for: never in a course's folder, whatever Python was started with.

`python -m` and nbgrader put the folder that they are started in before all others; a `torch.py` that lies there, or a
folder `autograder`, is nobody's torch and nobody's kit.
"""

from __future__ import annotations

import sys
from pathlib import Path

_KIT = Path(__file__).resolve().parents[1]


def none_from(folder: Path) -> None:
    """Take a folder off the places where modules are looked for, unless this kit itself lies in it."""
    folder = folder.resolve()
    if folder != _KIT:
        sys.path[:] = [place for place in sys.path if Path(place).resolve() != folder]


def kit_stays() -> None:
    """Put the kit's own folder among the places again, after all others, if a course's settings took it away."""
    if str(_KIT) not in sys.path:
        sys.path.append(str(_KIT))
