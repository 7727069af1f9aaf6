"""Where a course's nbgrader_config.py finds what nbgrader loads: see :mod:`autograder.platforms.nbgrader`."""

from autograder.platforms.nbgrader import JailedExecute, NamedStubs, SaveGrades, SaveResult, pack, save_unreadable

__all__ = ["JailedExecute", "NamedStubs", "SaveGrades", "SaveResult", "pack", "save_unreadable"]
