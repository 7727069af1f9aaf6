"""What holds for root holds for a user without any rights, too: the same tests, run by one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from tests.conftest import REPO

NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


FILES = ("test_attacks.py", "test_jail.py", "test_channels.py")

PART = "6"
"""Of the samples of these files, an n-th is taken here: all of them over the days, and in `make everything` at once."""


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests run as an ordinary user already")
@pytest.mark.slow(600)
@pytest.mark.sample(1, "level")
@pytest.mark.parametrize(
    "level",
    [pytest.param(level, marks=pytest.mark.xdist_group(f"ordinary user {level}")) for level in ("full", "not full")],
)
def test_all_this_holds_for_an_ordinary_user_too(request: pytest.FixtureRequest, level: str) -> None:
    """The tests of some files, of a part of the day's samples or in full as these ones."""
    day = f"{request.config.getoption('day')}, for an ordinary user"
    sampled = ["--everything"] if request.config.getoption("everything") else ["--day", day, "--part", PART]
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are closed to other users
        folder = Path(made)
        folder.chmod(0o755)
        python, packages = ordinary_python(folder)
        for part in ("autograder", "data_utils", "source", "release", "tests"):
            shutil.copytree(REPO / part, folder / "kit" / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "nbgrader_config.py"):
            shutil.copy(REPO / name, folder / "kit" / name)
        for each in (folder / "kit").rglob("*"):
            each.chmod(0o755 if each.is_dir() else 0o644)
        tool = folder / "bin" / "alembic"  # nbgrader starts it by name; beside this Python it may be closed to others
        tool.parent.mkdir()
        tool.write_text(f"#!{python}\nfrom alembic.config import main\nmain(prog='alembic')\n")
        tool.chmod(0o755)
        scratch = folder / "scratch"
        scratch.mkdir()
        os.chown(scratch, NOBODY["user"], NOBODY["group"])
        options = ["-q", "-x", "-p", "no:cacheprovider", "-k", level, f"--basetemp={scratch}/t"]
        done = subprocess.run(
            [python, "-m", "pytest", *(f"tests/{file}" for file in FILES), *options, *sampled],
            cwd=folder / "kit",
            env={
                "PATH": f"{tool.parent}:{os.environ['PATH']}",
                "PYTHONPATH": f"{folder}/kit:{packages}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(scratch),
                "TMPDIR": str(scratch),
            },
            **NOBODY,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\d+ passed", done.stdout)


def ordinary_python(folder: Path) -> tuple[str, str]:
    """An interpreter that an ordinary user can start, and the folder of its packages."""
    packages = str(Path(torch.__file__).parents[1])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([candidate, "-c", "import ssl, sqlite3"], **NOBODY, capture_output=True, check=True)
            return candidate, packages
    base = folder / "base"
    for part in ("bin", "lib"):
        shutil.copytree(
            Path(sys.base_prefix, part),
            base / part,
            symlinks=True,
            copy_function=_linked,
            ignore=shutil.ignore_patterns("site-packages", "test"),
        )
    return str(base / "bin" / version), packages


def _linked(source: str, target: str) -> None:
    """Give a file a second name where both lie on one disk: an interpreter has thousands."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
