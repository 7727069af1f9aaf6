"""The modules that a notebook imports: installed here, stood in for, handed in beside it, or nowhere.

Files beside a notebook are read under limits, and only those that it imports; nothing is imported here.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from autograder.jail import STANDS_IN_FOR
from autograder.notebook.statement import imported_by

LARGEST_FILE = 1 << 18
"""Bytes of a Python file beside a notebook that are read: as many as of a cell."""

MOST_MODULES = 200
"""Modules of one notebook that are looked for; it is no machine's fault that there are no more."""

MOST_NAMES = 1 << 14
"""Names in a folder that are looked at."""

MOST_FILES = 32
"""Python files beside a notebook that are read."""

MOST_CARRIED, LARGEST_CARRIED, MOST_FOLDERS = 1_000, 32 << 20, 200
"""Python files, their characters and their folders that travel with a notebook: which of them it imports is told later,
by whoever parses it."""

_PLAIN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW


def here(module: str) -> bool:
    """Whether a module is installed where a notebook is graded, or something stands in for it."""
    return module.partition(".")[0] in STANDS_IN_FOR or module in STANDS_IN_FOR or _installed(module)


@functools.lru_cache(maxsize=1024)
def _installed(module: str) -> bool:
    """Whether a module can be found, without importing anything."""
    root, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    if not rest or spec.submodule_search_locations is None:
        return True
    places = [Path(place) / rest[0] for place in spec.submodule_search_locations]
    try:
        return spec.origin is not None or any(p.is_dir() or p.with_suffix(".py").exists() for p in places)
    except OSError:  # a name that is too long to be a file's
        return False


class Folder:
    """The folder that a notebook was handed in with."""

    def __init__(self, path: Path, most: int = MOST_FILES) -> None:
        self.path = path
        self._left = most

    def texts(self, module: str) -> dict[str, str]:
        """The texts of a module, and of the folders that it lies in, by their paths; nothing where there is none.

        In Jupyter a file beside the notebook comes before what is installed. A folder doesn't here: the lesson's
        own data lies there.
        """
        root, *rest = module.split(".")
        if (text := self._read(f"{root}.py")) is not None:
            return {f"{root}.py": text}
        if here(root):
            return {}
        inits = ["/".join([root, *rest[:depth], "__init__.py"]) for depth in range(len(rest) + 1)]
        wanted = [*inits, *(["/".join([root, *rest]) + ".py"] if rest else [])]
        return {path: text for path in wanted if (text := self._read(path)) is not None}

    def carried(self) -> dict[str, str]:
        """All Python texts in this folder and those below it, as far as there are not too many, by their paths.

        Folders of what is installed here are left out: nothing would be imported from them.
        """
        found: dict[str, str] = {}
        folders, size = [""], 0
        for folder in folders:
            for name in sorted(self._names if not folder else _entries(self.path / folder)):
                path = f"{folder}/{name}" if folder else name
                if name.endswith(".py"):
                    text = self._read(path)
                    size += len(text or "")
                    if size > LARGEST_CARRIED:
                        return found
                    found |= {path: text} if text is not None else {}
                elif name.isidentifier() and len(folders) < MOST_FOLDERS and (folder or not here(name)):
                    folders.append(path)
        return found

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return _entries(self.path)

    def _read(self, path: str) -> str | None:
        """A plain file's text, no link on the way to it; None if it is anything else, or too large."""
        *folders, name = path.split("/")
        if self._left <= 0 or (folders or [name])[0] not in self._names:
            return None
        try:
            at = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for folder in folders:
                    inner = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=at)
                    os.close(at)
                    at = inner
                descriptor = os.open(name, _PLAIN, dir_fd=at)
            finally:
                os.close(at)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None
                data = file.read(LARGEST_FILE + 1)
        except (OSError, ValueError):
            return None
        if len(data) > LARGEST_FILE:
            return None
        self._left -= 1
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("latin-1")


class Carried(Folder):
    """A folder whose texts have travelled: it is read by the same rules, and no file is opened."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(Path())
        self._texts = texts

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(path.partition("/")[0] for path in self._texts)

    def _read(self, path: str) -> str | None:
        if self._left <= 0 or path not in self._texts:
            return None
        self._left -= 1
        return self._texts[path]


def _entries(folder: Path) -> frozenset[str]:
    """The names in a folder, as far as there are not too many; none if it is no folder, or a link to one."""
    try:
        if folder.is_symlink():
            return frozenset()
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False))
    except OSError:
        return frozenset()


def beside(folder: Folder, wanted: Iterable[str]) -> dict[str, str]:
    """The texts of the modules `wanted` that lie in a notebook's folder, and of those that they import in turn."""
    found = dict[str, str]()
    waiting, seen = list(wanted), set[str]()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            new = {name: text for name, text in folder.texts(module).items() if name not in found}
            found |= new
            waiting += (imported for text in new.values() for imported in imported_by(text))
    return found
