"""Where a course's nbgrader_config.py finds what nbgrader loads: see :mod:`autograder.platforms`."""

from pathlib import Path

from autograder.importing import none_from

none_from(Path.cwd())  # nbgrader looks there first

from autograder.platforms.collecting import Collector, Extractor  # noqa: E402 - and what it imports
from autograder.platforms.exporting import CanvasExport, CsvExport, MoodleExport  # noqa: E402
from autograder.platforms.feedback import Feedback  # noqa: E402
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
    "CanvasExport",
    "Collector",
    "CsvExport",
    "Extractor",
    "Feedback",
    "JailedExecute",
    "JailedExporter",
    "MoodleExport",
    "NamedStubs",
    "SaveGrades",
    "SaveResult",
    "pack",
    "save_unreadable",
]
