"""Where released notebooks find what their last lines call: see :mod:`autograder.platforms.kernel`."""

from autograder.platforms.kernel import points

__all__ = ["points"]
