"""Where a course's nbgrader_config.py finds what nbgrader loads: see :mod:`autograder.platforms`."""

from autograder.platforms.feedback import Feedback
from autograder.platforms.nbgrader import (
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
