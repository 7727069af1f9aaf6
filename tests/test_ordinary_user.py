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


LANES = (
    ("test_attacks.py", "full"),
    ("test_attacks.py", "not full"),
    ("test_jail.py test_channels.py", "full"),
    ("test_jail.py test_channels.py", "not full"),
)
"""Files, and what their tests' names hold: what is slow by itself begins at once, in a process of its own."""


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests run as an ordinary user already")
@pytest.mark.parametrize(
    ("files", "level"),
    [
        pytest.param(*lane, marks=[pytest.mark.slow(600), pytest.mark.xdist_group("ordinary user " + " ".join(lane))])
        for lane in LANES
    ],
)
def test_all_this_holds_for_an_ordinary_user_too(request: pytest.FixtureRequest, files: str, level: str) -> None:
    """The tests of some files, of the day's samples or in full as these ones."""
    day = f"{request.config.getoption('day')}, for an ordinary user"
    sampled = ["--everything"] if request.config.getoption("everything") else ["--day", day]
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
            [python, "-m", "pytest", *(f"tests/{file}" for file in files.split()), *options, *sampled],
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
            ignore=shutil.ignore_patterns("site-packages", "test"),
        )
    return str(base / "bin" / version), packages
