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

# A question that could not be judged waits for a person; nbgrader's own saver would give it 0.
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.Execute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "autograder.plugins.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# `train` runs on a small set when graded; a notebook's own training loop of 200 steps may take a minute.
c.Execute.timeout = 300
