"""Reports: pure functions of results. They read no gradebook and no notebook, and look at no clock."""

from autograder.report.about import About
from autograder.report.folder import write, write_course
from autograder.report.formula import formula
from autograder.report.journey import course_page, lesson
from autograder.report.matrix import write_matrix
from autograder.report.overview import class_page
from autograder.report.page import Handed, feedback_page, student_page
from autograder.report.plots import Picture, mistakes, questions, scores
from autograder.report.table import changes, class_table, verdict
from autograder.report.tally import ClassTally, MistakeTally, QuestionTally, tally
from autograder.report.words import called, count, listed

__all__ = [
    "About",
    "ClassTally",
    "Handed",
    "MistakeTally",
    "Picture",
    "QuestionTally",
    "called",
    "changes",
    "class_page",
    "class_table",
    "count",
    "course_page",
    "feedback_page",
    "formula",
    "lesson",
    "listed",
    "mistakes",
    "questions",
    "scores",
    "student_page",
    "tally",
    "verdict",
    "write",
    "write_course",
    "write_matrix",
]
