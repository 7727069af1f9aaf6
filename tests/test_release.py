"""What students get: made by nbgrader from the source alone, the same bytes each time; it runs on their machines."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.nbgraderformat import MetadataValidator

from autograder.authoring import release
from autograder.course.course import Course, find
from tests.conftest import REPO, copied_course, released

ASSIGNMENTS = find(REPO).assignments

STUDENTS_PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel")


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_committed_release_is_what_the_source_makes(name: str) -> None:
    """Generating again gives the same bytes."""
    folder = REPO / "release" / name
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    assert release.made(find(REPO), name) == kept


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_source_notebook_is_clean(name: str) -> None:
    """No outputs, unique cell ids, valid metadata for nbformat and nbgrader."""
    found = nbformat.read(REPO / "source" / name / f"{name}.ipynb", as_version=4)
    nbformat.validate(found)
    MetadataValidator().validate_nb(found)
    ids = [cell["id"] for cell in found.cells]

    assert len(ids) == len(set(ids))
    assert not [cell["id"] for cell in found.cells if cell.get("outputs") or cell.get("execution_count")]


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_stub_names_its_task(name: str) -> None:
    """Each function to write raises NotImplementedError with its name; no solution and no hidden test is left."""
    text = json.dumps(released(name))
    assignment = find(REPO).assignment(name)
    for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "autograder"):
        assert word not in text
    for function in assignment.names:
        stub = next(
            "".join(cell["source"])
            for cell in released(name)["cells"]
            if re.search(rf"^(def|class) {function}\b", "".join(cell["source"]), re.MULTILINE)
            and cell["metadata"]["nbgrader"]["solution"]
        )
        assert f'raise NotImplementedError("{function} is yours to write")' in stub


def test_packing_leaves_no_traces_of_this_machine(tmp_path: Path) -> None:
    """data_utils travels whole, without caches and hidden files."""
    release.pack(tmp_path)
    packed = {str(path.relative_to(tmp_path / "data_utils")) for path in (tmp_path / "data_utils").rglob("*")}

    assert {"__init__.py", "checks.py", "mnist.npz", "pictures.py"} <= packed
    assert not [path for path in packed if "__pycache__" in path or path.startswith(".")]


def test_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    """Two zips of equal folders have equal bytes."""
    (tmp_path / "mlp").mkdir()
    (tmp_path / "mlp" / "a.txt").write_text("a", encoding="utf-8")
    first = release.archive(tmp_path / "mlp").read_bytes()
    (tmp_path / "mlp" / "a.txt").write_text("a", encoding="utf-8")

    assert release.archive(tmp_path / "mlp").read_bytes() == first


@pytest.fixture(scope="module")
def students_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the students' packages, what those need, and nothing else."""
    home = tmp_path_factory.mktemp("student")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    site = next(home.glob("lib/python*/site-packages"))
    for distribution in sorted(needed_by(*STUDENTS_PACKAGES)):
        for file in importlib.metadata.files(distribution) or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__"} and not (site / top).exists():
                (site / top).symlink_to(
                    Path(str(file.locate())).parents[len(file.parts) - 2] if len(file.parts) > 1 else file.locate()
                )
    return home / "bin" / "python"


def needed_by(*names: str) -> set[str]:
    """Names of some installed distributions and all that they require here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for text in requires:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def run_all(content: dict[str, Any], python: Path | str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a notebook top to bottom in a kernel of some Python, errors allowed."""
    kernel = folder / ".jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / ".jupyter"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    node = nbformat.reads(json.dumps(content), as_version=4)
    NotebookClient(node, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
    return node


def errors(node: Any) -> list[tuple[str, str]]:
    """(cell id, exception) of every cell that failed."""
    return [
        (cell["id"], output["ename"])
        for cell in node.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def stderr(node: Any) -> list[str]:
    """Everything that was written to stderr."""
    return [o["text"] for cell in node.cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]


@pytest.mark.slow(20)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_release_runs_on_a_students_machine(
    name: str, tmp_path: Path, students_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With torch, numpy, matplotlib and Jupyter alone, Run All reaches the end; stubs say that they are not written."""
    release.pack(tmp_path)
    blind = subprocess.run([students_machine, "-c", "import nbgrader"], capture_output=True, check=False)
    node = run_all(released(name), students_machine, tmp_path, monkeypatch)
    printed = "".join(o.get("text", "") for cell in node.cells for o in cell.get("outputs", []))

    assert blind.returncode != 0, "this machine has more than a student's"
    assert {error for _, error in errors(node)} <= {"NotImplementedError"}
    for function in find(REPO).assignment(name).names:
        assert re.search(rf"^… {function}: (not written yet|waits for \w+, which is not written yet)", printed, re.M)


@pytest.mark.slow(20)
@pytest.mark.sample(2, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_source_runs_and_scores_full(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Executed top to bottom, every grade cell gives its full points, and nothing is on stderr."""
    course: Course = copied_course(tmp_path)
    folder = course.root / "source" / name
    content = json.loads((folder / f"{name}.ipynb").read_text(encoding="utf-8"))
    shutil.copytree(REPO / "data_utils", folder / "data_utils")
    node = run_all(content, sys.executable, folder, monkeypatch)
    given = {
        cell["metadata"]["nbgrader"]["grade_id"]: float(output["data"]["text/plain"])
        for cell in node.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "execute_result" and cell["metadata"].get("nbgrader", {}).get("grade")
    }

    assert errors(node) == []
    assert stderr(node) == []
    assert given == {q.id: q.max_points for q in course.assignment(name).questions if not q.manual}
