"""Modules that exist as text alone: what `%%writefile` wrote, and what was handed in beside a notebook.

No folder of the course is seen in a jail; whoever imports such a module finds its text here.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import linecache
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


class Texts(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules by the names of their files: `net.py`, `tools/net.py`, `tools/__init__.py`."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        """Path, as it was written, -> text."""
        self.own_folder = False
        """Whether the working folder is the notebook's own: then texts are files there, too."""

    def write(self, path: str, text: str, append: bool = False) -> None:
        """Keep a text; a module that was imported from an older one is forgotten."""
        path = path.strip().strip("'\"").removeprefix("./")
        self.files[path] = self.files.get(path, "") + text if append else text
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if getattr(sys.modules.get(name), "__loader__", None) is self:
            del sys.modules[name]
        if self.own_folder and "/" not in path:
            with contextlib.suppress(OSError):  # a jail without namespaces has none
                Path(path).write_text(self.files[path], encoding="utf-8")

    def take(self, line: str, text: str) -> None:
        """Do what `%%writefile [-a] PATH` does."""
        words = line.split()
        self.write(words[-1], text, append=bool({"-a", "--append"} & {*words[:-1]}))

    def run(self, line: str, names: dict[str, Any]) -> None:
        """Do what `%run [-i] PATH` does: run a text among the notebook's own names.

        Raises:
            FileNotFoundError: if there is no such text.
        """
        path = next(
            (word for word in line.split() if word.removeprefix("./").removesuffix(".py") and word[0] != "-"), ""
        )
        path = path.strip("'\"").removeprefix("./")
        path = path if path.endswith(".py") else f"{path}.py"
        if path not in self.files:
            raise FileNotFoundError(2, "No such file", path)
        name = path.removesuffix(".py").replace("/", ".")
        exec(self.get_code(name), names)  # noqa: S102 - the student's own text

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Find a module, or a folder of modules."""
        path = fullname.replace(".", "/")
        if f"{path}.py" in self.files:
            return importlib.machinery.ModuleSpec(fullname, self, origin=f"{path}.py")
        if any(each.startswith(f"{path}/") for each in self.files):
            return importlib.machinery.ModuleSpec(fullname, self, origin=f"{path}/__init__.py", is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Let Python make the module."""
        return None

    def get_source(self, fullname: str) -> str:
        """Give a module's text."""
        path = fullname.replace(".", "/")
        return self.files.get(f"{path}.py", self.files.get(f"{path}/__init__.py", ""))

    def get_code(self, fullname: str) -> CodeType:
        """Compile a module's text, so that its lines can be looked up."""
        text, name = self.get_source(fullname), f"<{fullname}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        return compile(text, name, "exec", dont_inherit=True)
