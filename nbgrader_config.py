"""The course's settings: nbgrader's own and the kit's, in one place.

nbgrader reads this file; the kit's commands find the course by it.
"""

c = get_config()  # noqa: F821 - traitlets defines it for this file

c.CourseDirectory.course_id = "backprop"
c.IncludeHeaderFooter.header = ""
c.BackpropKit.hidden_tests = "autograder/assignments"

# Names that students gave to their files are logged without the control characters that could steer a terminal.
c.NbGrader.logging_config = {
    "filters": {"visible": {"()": "autograder.visible.VisibleLog"}},
    "handlers": {"console": {"filters": ["visible"]}},
}

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

# Feedback is a page of the kit's own, with the same numbers and words as its reports: no hidden tests, no network.
c.GenerateFeedback.exporter_class = "autograder.plugins.Feedback"

# Submissions are graded in the kit's jail, an isolated process, and saved by its own saver; no kernel is started.
# nbgrader never opens them, and anything beside a notebook that isn't a plain file is neither followed nor copied.
c.Autograde.exporter_class = "autograder.plugins.JailedExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "autograder.plugins.JailedExecute",
    "autograder.plugins.SaveResult",
]

# `nbgrader zip_collect` takes what Canvas and Moodle hand out: see docs/lms.md. Nothing in an archive is trusted.
c.ZipCollectApp.extractor_plugin = "autograder.plugins.Extractor"
c.ZipCollectApp.collector_plugin = "autograder.plugins.Collector"
