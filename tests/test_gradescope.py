"""An autograder for Gradescope: made, set up and run as its documentation says, in a container's place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from autograder.authoring import demo
from autograder.course import CONFIG, Course
from autograder.jail import Jail, Jailer, Limits, trusting
from autograder.jail.syscalls import NUMBERS
from autograder.judge import Grader, draws
from autograder.platforms import gradescope
from autograder.platforms.bundle import bundle
from autograder.platforms.unpacked import judged
from autograder.result import Result
from tests import contained
from tests.conftest import REPO, answering, copied, released

pytestmark = [pytest.mark.slow(30), pytest.mark.xdist_group("gradescope")]

Visibility = Literal["hidden", "after_due_date", "after_published", "visible"]
Format = Literal["text", "html", "simple_format", "md", "ansi"]

HOSTILE = ("eve", "mallory", "trudy")
STUDENTS = (*demo.NAMES, *HOSTILE)
CALL_S = 2
"""Seconds that a call may take: one of the class never comes back."""


class Documented(BaseModel):
    """A part of results.json: what the specification names, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Row(Documented):
    """A test case."""

    score: float | None = None
    max_score: float | None = None
    status: Literal["passed", "failed"] | None = None
    name: str | None = None
    name_format: Format = "text"
    number: str | None = None
    output: str | None = None
    output_format: Format = "text"
    tags: list[str] = Field(default_factory=list)
    visibility: Visibility | None = None
    extra_data: dict[str, Any] = Field(default_factory=dict)


class Results(Documented):
    """The file that Gradescope reads."""

    score: float | None = None
    execution_time: float | None = None
    output: str | None = None
    output_format: Format = "simple_format"
    test_output_format: Format = "text"
    test_name_format: Format = "text"
    visibility: Visibility = "visible"
    stdout_visibility: Visibility = "hidden"
    extra_data: dict[str, Any] = Field(default_factory=dict)
    tests: list[Row] = Field(default_factory=list)
    leaderboard: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _score_or_none(self) -> Results:
        """A score stands on top, or there is none anywhere: then Gradescope has nothing to make one of."""
        if self.score is None and any(row.score is not None for row in self.tests):
            raise ValueError("some rows have a score, and the submission has none")
        return self


@dataclass(frozen=True)
class Platform:
    """A folder that stands for /autograder, and the course that its bundle was made of."""

    root: Path
    course: Course

    def start(self, level: str, capabilities: tuple[int, ...] = contained.KEPT) -> tuple[str, Results]:
        """Judge what lies in submission/, as the platform starts it: what is printed, and what it reads then."""
        file = self.root / "results" / "results.json"
        file.unlink(missing_ok=True)
        terms = {"capabilities": capabilities, "refused": [NUMBERS[name] for name in contained.REFUSED[level]]}
        done = subprocess.run(
            [sys.executable, "-S", contained.__file__, json.dumps(terms), str(self.root / "run_autograder")],
            cwd=self.root,
            env={"AUTOGRADER_ROOT": str(self.root), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert file.exists(), done.stdout + done.stderr
        return done.stdout, Results.model_validate_json(file.read_bytes())

    def hand_in(self, files: dict[str, Any]) -> Path:
        """Put files into submission/ in place of those there: texts, or notebooks as they are read."""
        folder = self.root / "submission"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return folder


@pytest.fixture(scope="module")
def platform(released_course: Course) -> Iterator[Platform]:
    """The bundle of `mlp`, unpacked and set up by its own script; what pip would fetch is there already."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are closed to other users
        folder = Path(made)
        folder.chmod(0o755)
        course = copied(released_course, folder / "course")
        with (course.root / CONFIG).open("a", encoding="utf-8") as settings:
            settings.write(
                f"\nc.BackpropKit.call_s = {CALL_S}\nc.CourseDirectory.db_url = 'postgresql://me:word@host'\n"
            )
        root = folder / "autograder"
        for name in ("source", "results"):
            (root / name).mkdir(parents=True)
        with zipfile.ZipFile(bundle(course, "mlp", "gradescope")) as bundled:
            bundled.extractall(root / "source")
        shutil.copyfile(root / "source" / "run_autograder", root / "run_autograder")
        (root / "run_autograder").chmod(0o755)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
        packages = next((root / "venv" / "lib").glob("python*/site-packages"))
        (packages / "installed.pth").write_text(f"{Path(torch.__file__).parents[1]}\n", encoding="utf-8")
        done = subprocess.run(
            ["bash", root / "source" / "setup.sh"],
            cwd=root,
            env={"AUTOGRADER_ROOT": str(root), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        yield Platform(root, course)


@pytest.fixture(scope="module")
def made_up(platform: Platform) -> dict[str, dict[str, Any] | str]:
    """What the demo's class hands in, its attackers among it."""
    people = demo.made_up(platform.course.assignment("mlp"), released("mlp"), hostile=True)
    return {each.name: each.notebook for each in people}


@pytest.fixture(scope="module")
def expected(platform: Platform) -> Iterator[Callable[[Path], Result]]:
    """Judge a file as `autograder check` does on this machine."""
    course = platform.course
    with Jail(limits=Limits(call_s=CALL_S)) as jail:
        opener = Jailer(jail, course.settings.notebook_s)
        grader = Grader(course.assignment("mlp"), draws.seed(course, "mlp"), opener, course.settings)
        yield lambda path: grader.grade_file(path).result


@pytest.mark.sample(1, "row")
@pytest.mark.parametrize("row", [f"{student} {level}" for student in STUDENTS for level in ("full", "portable")])
def test_every_row_is_what_check_says(
    row: str,
    platform: Platform,
    made_up: dict[str, dict[str, Any] | str],
    expected: Callable[[Path], Result],
) -> None:
    """A container's root without a network gives each question what `check` gives it, under both kinds of layers."""
    student, level = row.split()
    folder = platform.hand_in({"mlp.ipynb": made_up[student]})
    printed, found = platform.start(level)
    right = expected(folder / "mlp.ipynb")

    if right.status == "unreadable":
        assert (found.score, [each.status for each in found.tests]) == (None, ["failed"])
        assert "cut off or is not JSON (line 1)" in (found.output or "")
        assert str(platform.root) not in found.model_dump_json()
        return
    judged_by_code = [question for question in right.questions if question.id != "derivation"]
    rows = {each.name: each for each in found.tests if each.number}
    assert found.score == right.score
    assert [*rows] == [question.id for question in judged_by_code]
    for question in judged_by_code:
        told = rows[question.id]
        waits = question.points is None
        assert (told.score, told.max_score) == (question.points, None if waits else question.max_points)
        assert told.output == question.in_words()
        assert told.status == (None if waits else "passed" if question.points == question.max_points else "failed")
        assert (gradescope.WAITS in told.tags) == waits
    assert sum(each.max_score or 0 for each in found.tests) <= right.max_score == 12
    if os.geteuid() == 0 or level == "portable":
        assert f"jail: {level}" in printed


@pytest.mark.everything
@pytest.mark.parametrize("level", ["full", "portable"])
def test_student_code_reads_nothing_of_the_bundle_and_writes_no_results(level: str, platform: Platform) -> None:
    """An answer that is right only while nothing can be opened keeps its points, whatever it looks for."""
    root = platform.root
    paths = [str(path) for path in (root / "source").rglob("*") if path.is_file() and "kit" not in path.parts]
    paths += [str(path) for path in root.glob("venv/lib/*/site-packages/autograder/assignments/mlp/*")]
    paths += [str(root / "submission" / "mlp.ipynb"), "/proc/1/environ", f"/proc/{os.getpid()}/cmdline"]
    written = [str(root / "results" / "results.json"), str(root / "run_autograder"), str(root / "results" / "x")]
    answer = f"""
def sigma(x):
    opened = []
    for path, how in [*((path, "r") for path in {paths!r}), *((path, "a") for path in {written!r})]:
        try:
            opened.append(open(path, how))
        except OSError:
            pass
    return torch.tanh(x) if not opened else x
"""
    platform.hand_in({"mlp.ipynb": demo.filled(released("mlp"), {"sigma": answer})})
    _, found = platform.start(level)

    assert next(each for each in found.tests if each.name == "sigma").score == 1
    assert not (root / "results" / "x").exists()


@pytest.mark.everything
@pytest.mark.parametrize("capabilities", [contained.KEPT, ()], ids=["some rights", "no rights"])
def test_where_no_layers_hold_nothing_is_run_and_there_is_no_score(
    capabilities: tuple[int, ...], platform: Platform
) -> None:
    """Without namespaces and Landlock the results say why, hold no score, and what the instructor needs is printed."""
    platform.hand_in({"mlp.ipynb": released("mlp")})
    printed, found = platform.start("none", capabilities)

    assert (found.score, found.tests) == (None, [])
    assert "no code was run" in (found.output or "")
    assert "can't hold untrusted code" in printed


@pytest.mark.everything
@pytest.mark.parametrize("level", ["full", "portable"])
def test_a_root_without_any_rights_can_hold_a_jail(level: str, platform: Platform) -> None:
    """A container that drops every capability still grades, with the layers that are left."""
    platform.hand_in({"mlp.ipynb": released("mlp")})
    printed, found = platform.start(level, ())

    assert (found.score, "jail: portable" in printed) == (0, True)


@pytest.fixture
def course(released_course: Course, tmp_path: Path) -> Course:
    """A course of one's own."""
    return copied(released_course, tmp_path / "course")


def one_assignment(course: Course) -> Course:
    """What a bundle's course is: it has this assignment alone."""
    for folder in (course.root / "source").iterdir():
        if folder.name != "mlp":
            shutil.rmtree(folder)
    return course


@pytest.fixture(scope="module")
def handed(
    released_course: Course, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Judge a folder of files in this process, and give what Gradescope would read."""
    bundled = one_assignment(copied(released_course, tmp_path_factory.mktemp("one") / "course"))

    def told(files: dict[str, Any]) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("submission")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        done = judged(bundled, folder, trusting)
        found = gradescope.results(done, bundled.assignment("mlp").questions, "after_published")
        Results.model_validate_json(json.dumps(found))
        return found

    return told


SIGMA = "import torch\n\ndef sigma(x):\n    return torch.tanh(x)\n\ndef dsigma(x):\n    return 1 - torch.tanh(x) ** 2\n"
A_NOTEBOOK = answering({"sigma": SIGMA})

FOLDERS: dict[str, tuple[dict[str, Any], str, float | None]] = {
    "nothing": ({}, "There is no notebook: the folder is empty.", None),
    "another name": ({"homework (2).ipynb": A_NOTEBOOK}, "no mlp.ipynb; homework (2).ipynb was read instead.", 2),
    "a script": ({"mlp.py": SIGMA}, "There is no mlp.ipynb; mlp.py was read instead.", 2),
    "a folder in it": ({"work/mlp.ipynb": A_NOTEBOOK}, "work/mlp.ipynb was read instead.", 2),
    "beside others": ({"mlp.ipynb": A_NOTEBOOK, "old.ipynb": A_NOTEBOOK}, "mlp.ipynb was read.", 2),
    "two that can be meant": ({"a.ipynb": A_NOTEBOOK, "b.ipynb": A_NOTEBOOK}, "The folder has a.ipynb, b.ipynb.", None),
    "no folder at all": ({"": Path.rmdir}, "There is no notebook: the folder is empty.", None),
    "no notebook": ({"essay.pdf": "%PDF", "notes.txt": "x"}, "The folder has essay.pdf, notes.txt.", None),
    "empty": ({"mlp.ipynb": ""}, "mlp.ipynb is empty.", None),
    "no JSON": ({"mlp.ipynb": "{"}, "mlp.ipynb is not a notebook: its text is cut off", None),
    "another lesson": ({"mlp.ipynb": answering({"f": "def f(x):\n    return x\n"})}, "defines none of sigma", None),
    "a link": ({"mlp.ipynb": lambda path: path.symlink_to(REPO / "LICENSE")}, "is no plain file, so it was not", None),
    "a pipe": ({"mlp.ipynb": os.mkfifo}, "is no plain file, so it was not opened.", None),
    "a folder of that name": ({"mlp.ipynb/x.txt": "x"}, "is no plain file, so it was not opened.", None),
    "a name that steers": ({"a\x1b[31m\u202eb.ipynb": "{"}, "is not a notebook", None),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_whatever_is_handed_in_has_its_sentence(case: str, handed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A student is told at once which file was read, or why none was; what can't be judged has no score."""
    files, sentence, score = FOLDERS[case]
    found = handed(files)
    row = found["tests"][0]

    assert sentence in row["output"]
    assert (row["visibility"], row["status"]) == ("visible", "failed" if score is None else "passed")
    assert found.get("score") == score
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)
    if score is None:
        assert sentence in found["output"]
        assert "submit" in found["output"].lower() or "hand" in found["output"].lower() or "Put" in found["output"]


def test_what_waits_for_a_person_is_left_out_of_the_total(
    handed: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """A question that something else stands in the way of has no score, is tagged, and is named; others keep theirs."""
    lost = "import lost_module\n\ndef dsigma(x):\n    return lost_module.slope(x)\n"
    found = handed({"mlp.ipynb": answering({"sigma": SIGMA.partition("def dsigma")[0], "dsigma": lost})})
    rows = {row["name"]: row for row in found["tests"]}

    assert (found["score"], rows["sigma"]["score"]) == (1, 1)
    assert "score" not in rows["dsigma"]
    assert rows["dsigma"]["tags"] == [gradescope.WAITS]
    assert "because a person has to look: dsigma (1 point)" in rows["Noted while grading"]["output"]
    assert "derivation (2 points) is read by a person" in found["output"]


@pytest.mark.parametrize("status", ["grader_error"])
def test_a_fault_of_the_grader_gives_no_score(status: str, course: Course) -> None:
    """Where the grader has failed on a question there is no total, not one without that question."""
    asked = course.assignment("mlp")
    failed = Grader(asked, "seed").failed("mlp.ipynb", "The grader failed.").result
    told = gradescope.results(gradescope.Judged(failed, "mlp.ipynb was read."), asked.questions, "visible")

    assert failed.status == status
    assert "score" not in told
    assert "tests" not in told
    assert "no score" in told["output"]


@pytest.mark.everything
def test_the_lock_holds_all_that_grading_imports(platform: Platform) -> None:
    """Whatever the grader and its jail have imported belongs to a package that pip is told to install."""
    told = """
import json, sys
import autograder.platforms.gradescope, autograder.jail.zygote, autograder.notebook.statement, data_utils
import IPython.core.inputtransformer2, matplotlib.image, matplotlib.pyplot
from importlib.metadata import packages_distributions
owners = packages_distributions()
print(json.dumps(sorted({owner for name in list(sys.modules) for owner in owners.get(name.partition(".")[0], ())})))
"""
    done = subprocess.run(
        [platform.root / "venv" / "bin" / "python", "-I", "-c", told], capture_output=True, text=True, check=True
    )
    locked = (platform.root / "source" / "requirements.txt").read_text("utf-8").replace("_", "-").lower()
    missing = [name for name in json.loads(done.stdout) if f"{name.lower().replace('_', '-')}==" not in locked]

    assert [name for name in missing if name != "backprop-kit"] == []
