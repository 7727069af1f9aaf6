"""What pip installs where a bundle is unpacked: the packages that grading needs, as they are where it was made."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

NEEDED = (
    "ipython",
    "jinja2",
    "matplotlib",
    "numpy",
    "pydantic",
    "rich",
    "safetensors",
    "sqlalchemy",
    "torch",
    "traitlets",
)
"""What judging one notebook imports; nbgrader, Jupyter and pytest are not among it."""


def pinned(names: Iterable[str] = NEEDED) -> list[str]:
    """Pin packages and all that they need, as `name==version`, sorted.

    A package that isn't installed here belongs to another system; there pip finds one that fits.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in names]
    while waiting:
        name, extra = key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[canonicalize_name(name)] = Version(package.version).public  # torch's own name for a build isn't pip's
        for needed in map(Requirement, package.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, each) for each in ("", *needed.extras)]
    return [f"{name}=={version}" for name, version in sorted(found.items())]
