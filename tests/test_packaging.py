"""The project's own files agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from autograder import __version__
from autograder.course.course import Course
from autograder.judge.bank import bank
from tests.conftest import REPO

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
WANTED = [
    Requirement(text)
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in texts
]

CONDA_NAMES = {"torch": "pytorch", "psycopg2-binary": "psycopg2"}
"""Packages that conda knows by another name."""


def lines(name: str) -> list[str]:
    """The lines of a file that say something."""
    return [line for line in (REPO / name).read_text("utf-8").splitlines() if line.strip() and line[0] != "#"]


def test_the_conda_environment_is_the_same_set() -> None:
    """environment.yml names each package of pyproject.toml with the same range, and no other."""
    listed = {tuple(line.strip(" -").split()) for line in lines("environment.yml") if line.startswith("  - ")}
    wanted = {(CONDA_NAMES.get(r.name, r.name), str(r.specifier)) for r in WANTED}
    ranges = {(name, ",".join(sorted(str(rest[0]).split(",")))) for name, *rest in listed if rest}

    assert ranges - {("python", ">=3.11")} == {(name, ",".join(sorted(r.split(",")))) for name, r in wanted}
    assert ("python", PROJECT["requires-python"]) in listed


def test_the_lock_holds_one_exact_version_of_everything_wanted() -> None:
    """requirements.txt pins each package, within its range."""
    pinned = dict(line.split("==") for line in lines("requirements.txt"))
    names = {name.lower().replace("_", "-"): version for name, version in pinned.items()}

    assert pinned["torch"] == "2.13.0"
    for requirement in WANTED:
        assert requirement.specifier.contains(names[requirement.name.lower()]), requirement.name


def test_the_version_is_the_same_everywhere() -> None:
    """pyproject.toml, the package and the changelog's first entry agree."""
    assert PROJECT["version"] == __version__
    assert re.search(r"^## (\S+)", (REPO / "CHANGELOG.md").read_text("utf-8"), re.M)[1] == __version__  # type: ignore[index]


def tracked() -> list[Path]:
    """The files that git keeps, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True, cwd=REPO,
    )  # fmt: skip
    return [REPO / name for name in listed.stdout.splitlines() if (REPO / name).is_file()]


def test_every_folder_of_code_says_what_it_is() -> None:
    """Each module begins with a docstring."""
    silent = [
        path for path in tracked()
        if path.suffix == ".py" and not path.read_text("utf-8").lstrip().startswith(('"""', "#!"))
    ]  # fmt: skip

    assert silent == []


def test_nothing_names_a_machine() -> None:
    """No tracked text holds a home folder's path."""
    home = re.compile(r"/(home|Users|root)/(?!student)\w")  # the jail's own home is no machine's
    found = [
        path.name
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".txt", ".yml", ".ipynb", ".jinja"}
        and path.name != Path(__file__).name
        and home.search(path.read_text("utf-8"))
    ]

    assert found == []


def test_the_readme_counts_what_the_banks_hold() -> None:
    """Each assignment stands in the README with its known mistakes and right variants, and their sums are told."""
    readme, changelog = ((REPO / name).read_text("utf-8") for name in ("README.md", "CHANGELOG.md"))
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    found = {name: (len(bank(name).misconception), len(bank(name).variant)) for name in Course(REPO).assignments}
    mistakes, variants = (sum(numbers) for numbers in zip(*found.values(), strict=True))

    assert {name: (int(first), int(second)) for name, first, second in rows} == found
    assert f"those of {mistakes:,} known mistakes" in readme
    assert f"{mistakes:,} known mistakes and {variants} right variants" in changelog
