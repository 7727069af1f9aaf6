"""A new assignment: it vets at once, goes the whole way, and never overwrites anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

KIT = ("autograder", "data_utils", "source", "nbgrader_config.py")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the kit with a new assignment, because that is written into the kit's own folders."""
    copy = tmp_path_factory.mktemp("kit")
    for name in KIT:
        if (REPO / name).is_dir():
            shutil.copytree(REPO / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPO / name, copy)
    made = run(copy, "new", "trial")
    assert made.returncode == 0, made.stderr
    return copy


def run(kit: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the copied kit."""
    environment = {**os.environ, "PYTHONPATH": str(kit)}
    command = [sys.executable, "-m", "autograder", *arguments]
    return subprocess.run(command, cwd=kit, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_new_assignment_vets_at_once(kit: Path) -> None:
    """Reference, stub, mistakes, variants, changes by rule and release: everything holds before anything is edited."""
    vetted = run(kit, "vet", "trial")

    assert vetted.returncode == 0, vetted.stdout
    assert "7 known mistakes: 7 lose points, 7 are named" in vetted.stdout


@pytest.mark.slow
def test_a_new_assignment_goes_the_whole_way(kit: Path) -> None:
    """It is listed, released, checked and graded like any other, and no code of the kit knows its name."""
    released = kit / "release" / "trial" / "trial.ipynb"
    assert run(kit, "check", str(released), "--assignment", "trial").stdout.count("not written yet") == 2

    folder = kit / "submitted" / "ada" / "trial"
    folder.mkdir(parents=True)
    shutil.copy(kit / "source" / "trial" / "trial.ipynb", folder)
    graded = run(kit, "grade", "trial")

    assert graded.returncode == 0, graded.stderr
    assert "3/3" in graded.stdout


@pytest.mark.slow
@pytest.mark.sample(3, "name")
@pytest.mark.parametrize("name", ["trial", "mlp", "3d", "Upper", "for", "a-b", "../up", ""])
def test_a_name_that_cannot_be_used_is_refused(kit: Path, name: str) -> None:
    """A name that is taken, or can't be a folder's and a package's, is bad usage; nothing is written."""
    before = sorted(kit.glob("source/*")) + sorted(kit.glob("autograder/assignments/*"))

    refused = run(kit, "new", name)

    assert refused.returncode == 2
    assert refused.stderr.startswith("autograder: ")
    assert sorted(kit.glob("source/*")) + sorted(kit.glob("autograder/assignments/*")) == before
