"""The modules of hidden tests: the kit's by their names; a course's by their paths, under names of their own.

A course's folder is no place where Python looks for modules: two courses may have a lesson of one name, and a
`torch.py` that lies there is imported by nobody. Within their folder, tests say `from . import flows`.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
import traceback
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from autograder.course import HiddenTests
from autograder.errors import CannotGrade
from autograder.judge.inputs import seeded


def module(tests: HiddenTests, name: str) -> ModuleType:
    """Import a module of an assignment's hidden tests, such as `test_<question>` or `flows`.

    Raises:
        CannotGrade: if a course's own can't be imported; the sentence says what stands in the way.
    """
    with seeded("a module"):  # what it draws while it is imported hangs on no secret, nor on who imports it first
        return _module(tests, name)


def _module(tests: HiddenTests, name: str) -> ModuleType:
    if tests.of_the_kit:
        return importlib.import_module(f"autograder.assignments.{tests.folder.name}.{name}")
    package = f"hidden_tests_{hashlib.sha256(f'{tests.folder}|{tests.digest}'.encode()).hexdigest()[:16]}"
    if package not in sys.modules:
        made = ModuleType(package, f"The hidden tests in {tests.folder}.")
        made.__path__ = [str(tests.folder)]
        sys.modules[package] = made
        _FOLDERS[package] = tests.folder
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:  # whatever an author's text may raise
        told = f"{tests.folder / name}.py can't be imported: {_said(error)}."
        if isinstance(error, ModuleNotFoundError) and error.name and (tests.folder / f"{error.name}.py").is_file():
            told += f" What lies beside it is imported as `from . import {error.name}`."
        raise CannotGrade(told) from error


def own_fault(error: Exception) -> CannotGrade | None:
    """Say where a course's own hidden tests stopped, if they did: the line of theirs that was reached last."""
    lines = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _FOLDERS
    ]
    return CannotGrade(f"{lines[-1]}, stopped with {_said(error)}. Fix it there.") if lines else None


def _said(error: Exception) -> str:
    """What was raised, with the modules of hidden tests by the names that their author knows."""
    return re.sub(r"\bhidden_tests_[0-9a-f]{16}\.?", "", f"{type(error).__name__}: {error}").removesuffix(".")


class _Text(SourceFileLoader):
    """Compiles a module's text each time: what is judged by is what stands there now, and no file is written."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class _Beside(MetaPathFinder):
    """Finds what lies in a folder of hidden tests, for the modules of that folder."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package not in _FOLDERS:
            return None
        file = _FOLDERS[package] / f"{name}.py"
        return spec_from_file_location(fullname, file, loader=_Text(fullname, str(file))) if file.is_file() else None


_FOLDERS: dict[str, Path] = {}
"""Which package stands for which folder."""

sys.meta_path.insert(0, _Beside())
