"""What pytest loads where the kit is installed: in a course it runs hidden tests; elsewhere it does nothing.

`pytest` in a course's folder tries the course's hidden tests on their references, `pytest --submission NOTEBOOK` on a
notebook, in this process.
"""

from __future__ import annotations

import pytest

CONFIG = "nbgrader_config.py"
"""What makes a folder a course; nothing else of the kit is imported before there is one."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Take part where pytest is started in a course, or told of a place in one."""
    here = early_config.invocation_params.dir
    told = (here / word.partition("::")[0] for word in args if not word.startswith("-"))
    folders = {folder for place in (here, *told) for folder in (place, *place.parents)}
    if courses := [folder for folder in folders if (folder / CONFIG).is_file()]:
        from autograder.importing import none_from

        for folder in (here, *courses):
            none_from(folder)
        from autograder.platforms.pytest import HiddenTestsRun

        early_config.pluginmanager.register(HiddenTestsRun(here), "autograder: hidden tests")
