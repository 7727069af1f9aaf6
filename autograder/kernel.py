"""Where released notebooks find what their last lines call: see :mod:`autograder.platforms.jupyter`."""

from autograder.platforms.jupyter import points

__all__ = ["points"]
