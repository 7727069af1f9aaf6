"""The lessons that come with the kit, in a clone of it or installed."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from autograder import __version__

_PACKAGE = Path(__file__).parents[1]

HOME = _PACKAGE / "assignments"
"""Hidden tests: one folder an assignment, with `test_<question>.py`, `flows.py`, `cases.py` and `bank.toml`."""

SOURCES = _PACKAGE / "source" if (_PACKAGE / "source").is_dir() else _PACKAGE.parent / "source"
"""Source notebooks, `<a>/<a>.ipynb`: a wheel has them inside the package, a clone beside it."""

DATA_UTILS = _PACKAGE.parent / "data_utils"
"""What travels with every release."""


def lessons() -> tuple[str, ...]:
    """Names of the kit's own lessons, sorted."""
    return tuple(sorted(path.parent.name for path in SOURCES.glob("*/*.ipynb") if path.stem == path.parent.name))


def place(path: Path) -> str:
    """Say where something of the kit's lies, in the same words on every machine."""
    return (
        f"backprop-kit {__version__}: {path.relative_to(SOURCES.parent if path.is_relative_to(SOURCES) else _PACKAGE)}"
    )


def rivals() -> list[str]:
    """Say which others have a name of the kit's, a sentence each: which of them is imported is a matter of luck."""
    told = []
    owners = packages_distributions()
    for name, own in (("autograder", _PACKAGE), ("data_utils", DATA_UTILS)):
        others = sorted({owner for owner in owners.get(name, ()) if owner != "backprop-kit"})
        spec = find_spec(name)
        at = Path(spec.origin).parent if spec and spec.origin else None
        if others:
            told.append(
                f"The package {' and '.join(others)} has a folder {name}, as the kit does: one overwrites or hides "
                "the other. Keep them apart: install the kit in an environment of its own."
            )
        elif at and at.resolve() != own.resolve():
            told.append(
                f"`import {name}` finds {at}, and not the kit's {own}. Remove that folder from the places where Python "
                "looks (PYTHONPATH), or rename it."
            )
    return told
