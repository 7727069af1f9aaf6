"""The course's settings: nbgrader's own and the kit's, in one place.

nbgrader reads this file; the kit's commands find the course by it.
"""

c = get_config()  # noqa: F821 - traitlets defines it for this file

c.CourseDirectory.course_id = "backprop"
c.IncludeHeaderFooter.header = ""

# A cleared solution raises NotImplementedError with the name of its task.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "autograder.plugins.NamedStubs",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GenerateAssignment.post_convert_hook = "autograder.plugins.pack"

# Submissions are graded in the kit's jail, and saved by its own saver; no kernel is started.
c.Autograde.pre_convert_hook = "autograder.plugins.save_unreadable"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "autograder.plugins.JailedExecute",
    "autograder.plugins.SaveResult",
]
