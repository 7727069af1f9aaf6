"""What stands in nbgrader_config.py: a value that a setting can't have is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.course import CONFIG, Course
from autograder.errors import UsageError
from autograder.run.database import opened


def course(folder: Path, config: str) -> Course:
    """A course that has nothing but these settings."""
    (folder / CONFIG).write_text(f"c = get_config()\n{config}\n", encoding="utf-8")
    return Course(folder)


@pytest.mark.parametrize("value", ["-1", "0", "float('nan')", "float('inf')", "1e30", "'ten'", "None"])
@pytest.mark.parametrize("name", ["call_s", "cell_s", "notebook_s", "submission_s"])
def test_a_time_that_nobody_can_be_given_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """Else a whole class would be stopped at once, or a jail that can't keep to it be called missing."""
    with pytest.raises(UsageError, match=name):
        _ = course(tmp_path, f"c.BackpropKit.{name} = {value}").settings


@pytest.mark.parametrize("value", ["-5", "0", "10**30", "1024.5"])
def test_memory_that_no_machine_can_give_is_refused(tmp_path: Path, value: str) -> None:
    """Neither less than a notebook needs, nor more than there is."""
    with pytest.raises(UsageError, match="memory_mib"):
        _ = course(tmp_path, f"c.BackpropKit.memory_mib = {value}").settings


def test_settings_in_their_bounds_are_taken(tmp_path: Path) -> None:
    """A whole number of seconds is a time, too."""
    found = course(tmp_path, "c.BackpropKit.call_s = 3\nc.BackpropKit.memory_mib = 256").settings
    assert (found.call_s, found.memory_mib) == (3.0, 256)


@pytest.mark.parametrize("config", ["import sys; sys.exit(0)", "exit()", "1 / 0", "c.BackpropKit.call_s = ("])
def test_settings_that_cannot_be_run_are_told(tmp_path: Path, config: str) -> None:
    """A file that leaves would be a command that did nothing and said that all was well."""
    with pytest.raises(UsageError, match="can't be run"):
        _ = course(tmp_path, config).settings


def test_a_setting_of_nbgraders_is_refused_by_its_name(tmp_path: Path) -> None:
    """It is no fault of the kit's."""
    with pytest.raises(UsageError, match="db_url"), opened(course(tmp_path, "c.CourseDirectory.db_url = 5")):
        pass
