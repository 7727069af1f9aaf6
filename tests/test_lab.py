"""Lessons in JupyterLab, as a student has them: half solved, with a mistake; run, read, followed, validated."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from autograder.authoring import release
from autograder.authoring.demo import filled
from autograder.course.course import find
from autograder.judge.reference import source_of
from tests.conftest import REPO, released
from tests.lab import Lab, served

ASSIGNMENTS = find(REPO).assignments
BREAKS = "def {}(*given):\n    return 1 / 0"


def half_solved(name: str) -> tuple[dict[str, Any], str, str]:
    """A lesson whose first answer is right and whose second stops; the rest are stubs. With the names of the two."""
    assignment = find(REPO).assignment(name)
    first, second = assignment.names[:2]
    answers = {first: source_of(assignment, first), second: BREAKS.format(second)}
    return filled(released(name), answers), first, second


def solved(name: str) -> dict[str, Any]:
    """A lesson with every right answer, the written ones too."""
    assignment = find(REPO).assignment(name)
    content = filled(released(name), {one: source_of(assignment, one) for one in assignment.names})
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown" and cell["metadata"]["nbgrader"]["solution"]:
            cell["source"] = "A nudge of an input moves the loss by its slope."
    return content


def texts(outputs: dict[str, list[dict[str, Any]]]) -> str:
    """What all cells printed."""
    return "".join("".join(output.get("text", "")) for cell in outputs.values() for output in cell)


@pytest.mark.slow(40)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_half_solved_lesson_says_where_to_go_on(name: str, tmp_path: Path, browser: Browser) -> None:
    """Run All raises nothing; right, wrong and missing are told apart; links lead there; Validate says the same."""
    content, first, second = half_solved(name)
    release.pack(tmp_path)
    (tmp_path / f"{name}.ipynb").write_text(json.dumps(content), encoding="utf-8")
    with served(tmp_path) as address:
        lab = Lab(browser, address, f"{name}.ipynb")
        lab.run_all()
        outputs = lab.outputs()
        printed = texts(outputs)
        lab.show("summary")
        lab.page.locator(".jp-RenderedMarkdown a", has_text=re.compile(f"^{second}$")).last.click()
        lab.page.get_by_text("return 1 / 0", exact=True).or_(lab.page.get_by_text("1 / 0")).first.wait_for()
        validated = lab.validate()
        lab.page.close()

    assert not [cell for cell, made in outputs.items() for one in made if one["output_type"] == "error"]
    assert f"✓ {first}: " in printed
    assert re.search(rf"^✗ {second}: stops with ZeroDivisionError: division by zero\.", printed, re.M)
    assert re.search(rf"^  Section \d+, {second}, line 2:  return 1 / 0$", printed, re.M)
    assert all(len(line) <= 88 for line in printed.splitlines() if line[:2] in {"✓ ", "✗ ", "… "})
    assert f"✗ {second}: stops with ZeroDivisionError" in validated
    assert f"… {find(REPO).assignment(name).names[-1]}: " in validated
    assert f"{first}: " not in validated


@pytest.mark.everything
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_nbgrader_validates_what_is_right_and_nothing_else(name: str, tmp_path: Path) -> None:
    """At stock settings a solved lesson passes; an untouched one fails in every question."""
    release.pack(tmp_path)
    said = []
    for content in (solved(name), released(name)):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(content), encoding="utf-8")
        command = [Path(sys.executable).parent / "nbgrader", "validate", f"{name}.ipynb"]
        said.append(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    questions = find(REPO).assignment(name).questions

    assert said[0] == "Success! Your notebook passes all the tests.\n"
    assert f"VALIDATION FAILED ON {len(questions)} CELL(S)!" in said[1]
