"""Where a course's nbgrader_config.py finds what nbgrader loads: see :mod:`autograder.platforms`."""

from pathlib import Path

from autograder.importing import none_from

none_from(Path.cwd())  # nbgrader looks there first

from autograder.platforms.feedback import Feedback  # noqa: E402 - and what it imports
from autograder.platforms.nbgrader import (  # noqa: E402
    JailedExecute,
    JailedExporter,
    NamedStubs,
    SaveGrades,
    SaveResult,
    pack,
    save_unreadable,
)

__all__ = [
    "Feedback",
    "JailedExecute",
    "JailedExporter",
    "NamedStubs",
    "SaveGrades",
    "SaveResult",
    "pack",
    "save_unreadable",
]
