"""A course: its folder, its settings, its assignments, its secret, and where their hidden tests lie.

It runs nothing of a student's and judges nothing.
"""

from autograder.course.assignment import Assignment, Question
from autograder.course.course import CONFIG, Course, find
from autograder.course.folder import lying, others
from autograder.course.locations import HOME, driven, files, flows_text, questions_with_checks
from autograder.course.settings import BackpropKit

__all__ = [
    "CONFIG",
    "HOME",
    "Assignment",
    "BackpropKit",
    "Course",
    "Question",
    "driven",
    "files",
    "find",
    "flows_text",
    "lying",
    "others",
    "questions_with_checks",
]
