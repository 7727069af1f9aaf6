"""The wheel is enough: installed where no clone is in reach, used by someone who can't write where it lies.

All commands of a course are given in one process, as the scripts do that pip would make: torch is imported once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO
from tests.test_ordinary_user import NOBODY, ordinary_python

pytestmark = [pytest.mark.slow(60), pytest.mark.xdist_group("wheel")]

DRIVER = """
import contextlib, io, json, os, sys
from autograder import cli

def run(folder, *words):
    os.chdir(folder)
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["autograder", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.run()
        except SystemExit as left:
            code = left.code or 0
    return [code, out.getvalue(), err.getvalue()]

print(json.dumps([run(*line) for line in json.loads(sys.argv[1])]))
"""

TRAP = """
import pathlib
with pathlib.Path({mark!r}).open("a") as file:
    file.write(__file__ + chr(10))
"""
"""A module that says that it was imported."""


ELSEWHERE = {
    "conftest.py": """
import pytest

def pytest_addoption(parser):
    parser.addoption("--submission")

@pytest.fixture
def student():
    return "theirs"
""",
    "test_theirs.py": """
import sys

def test_theirs(student):
    assert (student, "torch" in sys.modules) == ("theirs", False)
""",
}
"""Another project, which knows nothing of the kit."""


@dataclass(frozen=True)
class Installed:
    """A place where the wheel is installed, and a folder of its user's."""

    python: str
    home: Path
    places: str
    """Where Python looks for modules: the wheel's, and those of what it needs."""
    mark: Path
    """Traps write here that they were imported."""

    def start(self, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Start a program as the user."""
        environment = {
            "PATH": f"{self.home.parent / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": self.places,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "JUPYTER_PLATFORM_DIRS": "1",
        }
        user: dict[str, Any] = NOBODY if os.geteuid() == 0 else {}
        command = [*map(str, words)]
        return subprocess.run(command, cwd=cwd, env=environment, **user, capture_output=True, text=True, check=False)

    def autograder(self, *lines: tuple[str | Path, ...]) -> list[tuple[int, str, str]]:
        """Give commands in their folders, one after the other: what each ended with and said."""
        told = json.dumps([[str(word) for word in line] for line in lines])
        done = self.start(self.python, "-P", self.home.parent / "bin" / "driver.py", told, cwd=self.home)
        assert done.returncode == 0, done.stderr[-4000:]
        return [(code, out, err) for code, out, err in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """The wheel, built from this checkout and unpacked as pip does it, for someone who can only read it."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are closed to other users
        folder = Path(made)
        folder.chmod(0o755)
        built = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
            cwd=REPO, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        with zipfile.ZipFile(next((folder / "dist").glob("*.whl"))) as wheel:
            wheel.extractall(folder / "site")
        python, packages = ordinary_python(folder)
        scripts = {
            "alembic": "from alembic.config import main\nmain(prog='alembic')",
            "nbgrader": "from nbgrader.apps.nbgraderapp import main\nmain()",
            "pytest": "import pytest\nraise SystemExit(pytest.console_main())",
            "driver.py": DRIVER,
        }
        (folder / "bin").mkdir()
        for name, text in scripts.items():
            (folder / "bin" / name).write_text(f"#!{python}\n{text}\n", encoding="utf-8")
        for each in (*(folder / "site").rglob("*"), *(folder / "bin").iterdir()):
            each.chmod(0o755 if each.is_dir() or each.parent.name == "bin" else 0o644)
        home = folder / "home"
        home.mkdir()
        if os.geteuid() == 0:
            os.chown(home, NOBODY["user"], NOBODY["group"])
        yield Installed(python, home, f"{folder / 'site'}:{packages}", home / "imported.txt")


def trapped(installed: Installed, folder: Path, *names: str) -> None:
    """Lay modules into a folder that say so when they are imported."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRAP.format(mark=str(installed.mark)), encoding="utf-8")


def test_a_course_goes_from_its_start_to_marks(installed: Installed) -> None:
    """Everything that a course needs is in the wheel, and nothing that lies in the course is imported but its tests."""
    course = installed.home / "mine"
    made = installed.autograder(
        (installed.home, "init", "mine", "--lesson", "mlp"), (course, "new", "waves"), (course, "release", "waves"),
    )  # fmt: skip
    assert [code for code, _, _ in made] == [0, 0, 0], made
    assert "made from source/waves/waves.ipynb, judged with hidden_tests/waves" in made[2][1]
    assert (course / "source" / "mlp" / "mlp.ipynb").read_bytes() == (REPO / "source/mlp/mlp.ipynb").read_bytes()
    assert (course / "release" / "waves" / "data_utils" / "mnist.npz").read_bytes() == (
        REPO / "data_utils" / "mnist.npz"
    ).read_bytes()

    traps = ("torch.py", "sitecustomize.py", "autograder/__init__.py", "numpy.py", "data_utils.py")
    trapped(installed, course, *traps)
    handed_in = course / "submitted" / "ada" / "waves"
    trapped(installed, handed_in, "sitecustomize.py", "conftest.py", "test_softsign.py", "autograder/__init__.py")
    shutil.copy(course / "source" / "waves" / "waves.ipynb", handed_in)
    notebook = course / "source" / "waves" / "waves.ipynb"
    for path in installed.home.rglob("*"):
        if os.geteuid() == 0:
            os.chown(path, NOBODY["user"], NOBODY["group"])
    graded, checked, reported, again = installed.autograder(
        (course, "grade", "waves"),
        (course, "check", notebook, "--assignment", "waves", "--json"),
        (course, "report", "waves"),
        (course, "grade", "waves"),
    )
    tested = installed.start("pytest", "-q", "-p", "no:cacheprovider", cwd=course)
    tried = installed.start("pytest", "-q", "-p", "no:cacheprovider", "--submission", notebook, cwd=course)
    stock = installed.start("nbgrader", "autograde", "waves", "--force", cwd=course)

    assert (graded[0], reported[0]) == (0, 0)
    assert "3/4" in graded[1], graded  # a person reads the written answer
    assert "1 of 1 had not changed" in again[1]
    record = json.loads(checked[1])
    assert (record["score"], record["source"], record["hidden_tests"]) == (
        3,
        "source/waves/waves.ipynb",
        "hidden_tests/waves",
    )
    assert "4 passed" in tested.stdout, tested.stdout + tested.stderr
    assert "4 passed" in tried.stdout, tried.stdout + tried.stderr
    assert stock.returncode == 0, stock.stderr
    assert not installed.mark.exists(), installed.mark.read_text("utf-8")


def test_pytest_is_left_alone_elsewhere(installed: Installed) -> None:
    """Outside of courses the kit takes no part: another project may have an option and a fixture of the same names."""
    folder = installed.home / "elsewhere"
    folder.mkdir()
    for name, text in ELSEWHERE.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = installed.start("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_package_that_has_a_name_of_the_kits_is_told(installed: Installed) -> None:
    """`autograder doctor` names who else brings a folder `data_utils`, and says what to do."""
    other = installed.home / "other" / "their_tools-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tools\nVersion: 1.0\n", encoding="utf-8")
    (other / "top_level.txt").write_text("data_utils\n", encoding="utf-8")
    ask = "from autograder.course import rivals; print(*rivals())"
    told = installed.start(installed.python, "-P", "-c", ask, cwd=installed.home)
    beside = {"PYTHONPATH": f"{installed.places}:{other.parent}"}
    warned = subprocess.run(
        [sys.executable, "-P", "-c", ask], env={**os.environ, **beside}, capture_output=True, text=True, check=False
    )

    assert told.stdout == "\n", told.stdout + told.stderr
    assert "The package their-tools has a folder data_utils, as the kit does" in warned.stdout
