"""What a zygote needs to read: the interpreter, its libraries, and nothing of the course."""

from __future__ import annotations

import functools
import importlib.util
import os
import site
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("torch", "numpy", "IPython", "matplotlib", "safetensors")
"""Packages that the zygote loads; what is installed beside them can be imported in the jail too."""

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


@dataclass(frozen=True)
class Libraries:
    """Where the interpreter and its libraries are."""

    readable: tuple[str, ...]
    """Files and folders that must be readable."""
    hidden: tuple[str, ...]
    """Folders that must not be: the kit's own, and what an editable installation puts beside torch."""
    path: tuple[str, ...]
    """`sys.path` of the zygote."""
    data: str | None
    """The folder that holds `data_utils`."""


@functools.cache
def find() -> Libraries:
    """Find what the running interpreter consists of; nothing is imported for that."""
    kit = Path(__file__).resolve().parents[1]
    origins = [origin for package in NEEDED if (origin := _origin(package))]
    sites = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    installed = list(dict.fromkeys([*(str(each.parents[1]) for each in origins), *filter(os.path.isdir, sites)]))
    linked = [str(each.resolve().parents[1]) for each in origins]  # some clusters make up their folders of links
    standard = list(filter(os.path.exists, _standard()))
    prefixes = sorted({sys.base_prefix, sys.base_exec_prefix, sys.prefix})
    folders = [f"{prefix}/{lib}" for prefix in prefixes for lib in ("lib", "lib64")]
    data = _origin("data_utils")
    readable = [*folders, *installed, *linked, *standard, *_SYSTEM, *([str(data.parent)] if data else [])]
    hidden = {kit, *(copy for folder in {*readable} for copy in _copies(Path(folder), kit.name))}
    return Libraries(
        readable=tuple(sorted({each for each in readable if Path(each).exists()})),
        hidden=tuple(sorted({os.path.realpath(each) for each in hidden})),
        path=(*standard, *installed),
        data=str(data.parents[1]) if data else None,
    )


def _origin(package: str) -> Path | None:
    """Find the file that a package is imported from."""
    found = importlib.util.find_spec(package)
    return Path(found.origin) if found and found.origin else None


def _copies(folder: Path, kit: str) -> list[Path]:
    """List what is installed of the kit in a folder of packages, or in one that holds such folders."""
    return [*folder.glob(kit), *folder.glob(f"python*/*-packages/{kit}")]


def _standard() -> list[str]:
    """`sys.path` of an interpreter without packages."""
    library = sysconfig.get_path("stdlib")
    compiled = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    return [*dict.fromkeys([library, compiled, f"{library}/lib-dynload"])]
