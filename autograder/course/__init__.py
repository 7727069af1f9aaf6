"""A course: its folder, its settings, its assignments, its secret, and where their hidden tests lie.

It runs nothing of a student's and judges nothing.
"""

from autograder.course.assignment import Assignment, Question
from autograder.course.course import CONFIG, Course, find, near
from autograder.course.folder import lying, meant, others
from autograder.course.hidden_tests import HiddenTests, driven, hidden_tests, tests_of
from autograder.course.kit import DATA_UTILS, HOME, SOURCES, lessons, rivals
from autograder.course.settings import BackpropKit

__all__ = [
    "CONFIG",
    "DATA_UTILS",
    "HOME",
    "SOURCES",
    "Assignment",
    "BackpropKit",
    "Course",
    "HiddenTests",
    "Question",
    "driven",
    "find",
    "hidden_tests",
    "lessons",
    "lying",
    "meant",
    "near",
    "others",
    "rivals",
    "tests_of",
]
