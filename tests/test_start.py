"""A released notebook starts anywhere: with data_utils beside it, from its address, or with one calm sentence."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.authoring import parcel, release, start
from autograder.authoring.demo import filled
from autograder.course import CONFIG, Course, find
from autograder.errors import UsageError
from autograder.judge import Grader, source_of
from autograder.notebook import Notebook
from tests.conftest import REPO, copied_course, released
from tests.test_release import errors, run_all, students_machine

__all__ = ["students_machine"]

ASSIGNMENTS = find(REPO).assignments

SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell, told = InteractiveShell.instance(), []
sys.path.insert(0, "")
for cell in json.load(sys.stdin):
    with capture_output() as seen:
        done = shell.run_cell(cell)
    told.append([seen.stdout, seen.stderr, done.success])
print(json.dumps(told))
"""
"""IPython without a kernel: what each cell printed, and whether it went through."""


@contextmanager
def serving(content: bytes) -> Iterator[str]:
    """A server on this machine that gives these bytes for any address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/data_utils.zip"
        server.shutdown()


def made(folder: Path, name: str, *settings: str) -> dict[str, Any]:
    """The release of a lesson in a course with some settings."""
    course = with_settings(copied_course(folder), *settings)
    content: dict[str, Any] = json.loads(release.made(course, name)[f"{name}.ipynb"])
    return content


def with_settings(course: Course, *settings: str) -> Course:
    """The course with more of the kit's settings."""
    with (course.root / CONFIG).open("a") as config:
        config.writelines(f"\nc.BackpropKit.{setting}\n" for setting in settings)
    return Course(course.root)


def codes(content: dict[str, Any]) -> list[str]:
    """The cells of code of a notebook."""
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def ran(cells: list[str], folder: Path, python: Path) -> list[tuple[str, str, bool]]:
    """Run some cells in a folder: what each printed, also on stderr, and whether it went through."""
    folder.mkdir(exist_ok=True)
    environment = {"HOME": str(folder), "NO_PROXY": "*", "IPYTHONDIR": str(folder / ".ipython")}
    done = subprocess.run(
        [python, "-c", SHELL], input=json.dumps(cells), capture_output=True, text=True, cwd=folder, env=environment,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(out, err, through) for out, err, through in json.loads(done.stdout.splitlines()[-1])]


def small(**files: str) -> bytes:
    """A data_utils that imports in no time, zipped."""
    modules = dict.fromkeys(("checks", "diagrams", "pictures"), "") | files
    return parcel.zipped({f"data_utils/{name}.py": text.encode() for name, text in modules.items()})


def fetching(packed: bytes, address: str) -> list[str]:
    """The first cell of `mlp` where data_utils is this, at this address; then one that any lesson has below it."""
    text = (start.HANDOUT / "fetched.txt").read_text("utf-8")
    parts = {"modules": "data_utils.checks", "address": address, "size": len(packed), "sha256": digest(packed)}
    for part, value in parts.items():
        text = text.replace(f"${part}", str(value))
    return [text, "print(data_utils.checks.__file__, 2 * 3)"]


def digest(content: bytes) -> str:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


# ------------------------------------------------------------------------------------------------ alone, in a folder


@pytest.mark.slow(15)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_notebook_alone_gets_what_it_needs(
    name: str, tmp_path: Path, students_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder, with a server at the address, Run All reaches the end; the next time it needs none."""
    alone = tmp_path / "alone"
    alone.mkdir()
    with serving(parcel.data_utils()) as address:
        content = made(tmp_path, name, f"data_utils_url = {address!r}")
        node = run_all(content, students_machine, alone, monkeypatch)
    printed = "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))

    assert {error for _, error in errors(node)} <= {"NotImplementedError"}
    assert "can't start" not in printed
    assert "not written yet" in printed
    again = ran(codes(content)[:2], alone, students_machine)
    assert [through for _, _, through in again] == [True, True]


@pytest.mark.slow(3)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_notebook_that_cannot_start_says_so_and_nothing_is_red(
    name: str, tmp_path: Path, students_machine: Path
) -> None:
    """Without a server, with another file at the address, without an address: one sentence, and calm below it."""
    course = tmp_path / "course"
    course.mkdir()
    with serving(b"another file") as wrong:
        nowhere = "http://127.0.0.1:9/data_utils.zip"
        for case, address in (("nothing listens", nowhere), ("another file", wrong), ("no address", "")):
            setting = [f"data_utils_url = {address!r}"] if address else []
            shutil.rmtree(course)
            course.mkdir()
            cells = codes(made(course, name, *setting))
            first, *below = ran(cells, tmp_path / case.replace(" ", "-"), students_machine)

            assert first[0].startswith("This notebook can't start here: "), case
            assert not first[1]
            assert first[0].endswith("restart the kernel and run all cells.\n")
            assert (address or "beside it the folder data_utils") in first[0]
            assert below == [("Not run: see the set-up cell above.\n", "", True)] * (len(cells) - 1)
            assert not (tmp_path / case.replace(" ", "-") / "data_utils").exists(), "nothing wrong is kept"


def test_an_older_data_utils_is_replaced(tmp_path: Path, students_machine: Path) -> None:
    """Of an earlier lesson, without what this one needs, half imported already: the notebook gets its own, and runs."""
    old = tmp_path / "data_utils"
    old.mkdir()
    (old / "__init__.py").write_text("def old(): pass")
    packed = small()
    with serving(packed) as address:
        first, below = ran(fetching(packed, address), tmp_path, students_machine)

    assert first == ("", "", True)
    assert below == (f"{old / 'checks.py'} 6\n", "", True)


def test_nothing_is_written_beyond_the_folder(tmp_path: Path, students_machine: Path) -> None:
    """Whatever paths a zip holds, even one with the right hash, what is in it stays in the notebook's folder."""
    files = {"data_utils/checks.py": b"", "../beyond.py": b"", "/beyond.py": b"", "data_utils/../../../beyond.py": b""}
    packed, folder = parcel.zipped(files), tmp_path / "here"
    with serving(packed) as address:
        ran(fetching(packed, address), folder, students_machine)

    assert (folder / "data_utils" / "checks.py").exists()
    assert [path for path in tmp_path.rglob("beyond.py") if not path.is_relative_to(folder)] == []
    assert not Path("/beyond.py").exists()


def test_a_file_that_only_begins_as_it_should_is_not_taken(tmp_path: Path, students_machine: Path) -> None:
    """One byte more than the file has is enough to see that it is another: no more is read, and nothing is kept."""
    packed = small()
    with serving(packed + b"\0" * (1 << 20)) as address:
        first, below = ran(fetching(packed, address), tmp_path, students_machine)

    assert "not the one this notebook was made with" in first[0]
    assert below == ("Not run: see the set-up cell above.\n", "", True)
    assert not (tmp_path / "data_utils").exists()


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:9/data_utils.zip"])
def test_what_cannot_start_does_not_pass_for_nbgrader(
    address: str, tmp_path: Path, students_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validated or autograded without data_utils, a notebook fails: a cell without output has full marks there."""
    with_address, _ = fetching(small(), address)
    first = with_address if address else codes(released("mlp"))[0]
    told = ran(["import os; os.environ['NBGRADER_EXECUTION'] = 'validate'", first, "1 / 0"], tmp_path, students_machine)

    assert [through for _, _, through in told] == [True, False, False]


# ------------------------------------------------------------------------------------------------------- what is seen


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_set_up_is_folded_and_names_what_the_lesson_imports(name: str) -> None:
    """JupyterLab, Colab and Kaggle hide its code; a notebook whose metadata is lost shows some ten lines of it."""
    cell = next(cell for cell in released(name)["cells"] if cell["cell_type"] == "code")
    imported = {line.split()[1] for text in codes(released(name)) for line in text.split("\n") if "from data_" in line}

    assert cell["id"] == "release-start"
    assert cell["metadata"]["jupyter"] == {"source_hidden": True}
    assert (cell["metadata"]["cellView"], cell["metadata"]["_kg_hide-input"]) == ("form", True)
    assert len(cell["source"]) <= 12
    for module in imported - {"data_utils"}:
        assert module in "".join(cell["source"])


def said(content: dict[str, Any]) -> str:
    """What a course says at the top of a lesson."""
    return "".join(next(cell for cell in content["cells"] if cell["id"] == "release-said")["source"])


URL = "data_utils_url = 'https://example.org/data_utils.zip'"


@pytest.mark.slow
def test_a_badge_opens_the_lesson_in_colab(tmp_path: Path) -> None:
    """Where the course has set an address; where notebooks alone would find nothing, that is said instead."""
    colab = "colab_url = 'https://colab.research.google.com/github/you/course/blob/main/{name}.ipynb'"
    folders = [tmp_path / "with", tmp_path / "without"]
    for folder in folders:
        folder.mkdir()
    badge = said(made(folders[0], "mlp", URL, colab)).split("\n")[0]

    assert badge.startswith("[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](")
    assert badge.endswith("(https://colab.research.google.com/github/you/course/blob/main/mlp.ipynb)")
    assert "Colab" not in said(released("mlp"))
    with pytest.raises(UsageError, match=r"nothing lies beside a notebook: set .*data_utils_url, too"):
        made(folders[1], "mlp", colab)


BAD = [
    "http://example.org/data_utils.zip",
    "http://127.0.0.1.example.org/d.zip",
    "http://localhost.example.org/d.zip",
    "ftp://example.org/d.zip",
    "file:///d.zip",
    "example.org/d.zip",
    "https://",
    'https://example.org/d.zip"; import os; "',
    "https://[::1/d.zip",
    "https://example.org/d zip",
]


@pytest.mark.parametrize("address", BAD)
def test_an_address_that_is_not_safe_is_refused(address: str, tmp_path: Path) -> None:
    """https, or http on this machine; nothing that ends a text in a cell of code."""
    course = copied_course(tmp_path)
    course.settings.data_utils_url = address

    with pytest.raises(UsageError, match=r"c\.BackpropKit\.data_utils_url is .* begins with https://"):
        start.data_utils_url(course)


@pytest.mark.parametrize(
    "address", ["https://example.org/a/d.zip?v=1", "http://localhost:8000/d.zip", "http://[::1]:80/d"]
)
def test_an_address_that_is_safe_is_taken(address: str, tmp_path: Path) -> None:
    """With a query, with a port, on this machine."""
    course = copied_course(tmp_path)
    course.settings.data_utils_url = address

    assert start.data_utils_url(course) == address


@pytest.mark.slow
def test_a_course_has_its_own_policy_for_assistants(tmp_path: Path) -> None:
    """Its text is AGENTS.md, its first paragraph stands in the notebook; a text that is not there is told."""
    course = copied_course(tmp_path)
    course.settings.assistants_file = "policy.md"
    with pytest.raises(UsageError, match=r"policy\.md can't be read: No such file"):
        release.made(course, "mlp")

    (course.root / "policy.md").write_text("# Ours\n\nAsk it anything\non Mondays.\n\nNot on Tuesdays.\n")
    course = with_settings(course, "assistants_file = 'policy.md'")
    files = release.made(course, "mlp")

    assert files["AGENTS.md"].decode() == (course.root / "policy.md").read_text()
    assert b"AGENTS.md" in files["CLAUDE.md"]
    assert "Ask it anything\non Mondays. (" in said(json.loads(files["mlp.ipynb"]))


def test_a_notebook_of_an_older_format_stays_one() -> None:
    """Where cells have no ids, what is put in has none either; without data_utils there is no set-up."""
    old = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from data_utils import checks")])
    bare = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%time 1 + 1")])
    for notebook in (old, bare):
        notebook.nbformat_minor = 4
        del notebook.cells[0]["id"]
        start.begin(notebook, find(REPO), "mlp")
        nbformat.validate(notebook)

    assert [cell.cell_type for cell in old.cells] == ["markdown", "code", "code"]
    assert [cell.cell_type for cell in bare.cells] == ["markdown", "code"]


def test_the_kits_policy_lets_explain_and_writes_no_answer() -> None:
    """Each release says so: to the assistant in AGENTS.md, where CLAUDE.md points, and to the student on one line."""
    for name in ASSIGNMENTS:
        folder = REPO / "release" / name
        agents = " ".join((folder / "AGENTS.md").read_text("utf-8").split())
        for words in ("explain", "ask questions", "point to a section", "check a shape", "It does not write answers."):
            assert words in agents
            assert words in said(released(name))
        assert "\n" not in said(released(name))
        assert "@AGENTS.md" in (folder / "CLAUDE.md").read_text("utf-8").split()


@pytest.mark.slow
def test_a_release_makes_the_file_that_its_notebooks_ask_for(tmp_path: Path) -> None:
    """release/data_utils.zip has the hash and the size that stand in the notebook, and the same bytes everywhere."""
    course = copied_course(tmp_path)
    course = with_settings(course, URL)
    release.furnish(course, "mlp", course.root / "release" / "mlp")
    packed = release.fetched(course).read_bytes()
    setup = codes(json.loads(release.made(course, "mlp")["mlp.ipynb"]))[0]
    beside = {path.name for path in (course.root / "release" / "mlp").iterdir()}

    assert f'address, size = "https://example.org/data_utils.zip", {len(packed)}\nsha256 = "{digest(packed)}"' in setup
    assert {entry.compress_type for entry in zipfile.ZipFile(io.BytesIO(packed)).infolist()} == {zipfile.ZIP_STORED}
    assert beside == {"README.md", "AGENTS.md", "CLAUDE.md", "data_utils"}


# ------------------------------------------------------------------------------- graded after it has been somewhere


def colab(content: dict[str, Any]) -> dict[str, Any]:
    """As Colab saves it: no ids of Jupyter's, its own in the metadata, and outputs."""
    cells = [
        {
            "cell_type": cell["cell_type"],
            "metadata": {"id": f"Zq{number:010}", **({"colab": {"height": 35}} if cell["cell_type"] == "code" else {})},
            "source": "".join(cell["source"]).splitlines(keepends=True),
            **(_run(number) if cell["cell_type"] == "code" else {}),
        }
        for number, cell in enumerate(content["cells"])
    ]
    metadata = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells}


def vs_code(content: dict[str, Any]) -> dict[str, Any]:
    """As VS Code saves it: new ids, metadata of its own, an environment's name for the kernel."""
    cells = [
        {
            "cell_type": cell["cell_type"],
            "id": f"{number:08x}",
            "metadata": {"vscode": {"languageId": "python"}} if cell["cell_type"] == "code" else {},
            "source": cell["source"],
            **(_run(number) if cell["cell_type"] == "code" else {}),
        }
        for number, cell in enumerate(content["cells"])
    ]
    metadata = {"kernelspec": {"display_name": ".venv", "language": "python", "name": "python3"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def kaggle(content: dict[str, Any]) -> dict[str, Any]:
    """As Kaggle saves it: ids and times of its own in the metadata, none of Jupyter's."""
    cells = [
        {
            "cell_type": cell["cell_type"],
            "metadata": {
                "_uuid": f"{number:040x}",
                "trusted": True,
                "execution": {"iopub.execute_input": "2026-01-01"},
            },
            "source": "".join(cell["source"]),
            **(_run(number) if cell["cell_type"] == "code" else {}),
        }
        for number, cell in enumerate(content["cells"])
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kaggle": {"isGpuEnabled": False}}, "cells": cells}


def _run(number: int) -> dict[str, Any]:
    """What a cell has that was run."""
    output = {"output_type": "stream", "name": "stdout", "text": ["a line\n"]}
    return {"execution_count": number, "outputs": [output]}


@pytest.mark.slow(5)
@pytest.mark.sample(1, "name")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_what_has_been_somewhere_is_graded_as_at_home(name: str, tmp_path: Path) -> None:
    """Colab, VS Code and Kaggle drop metadata, give new ids and store outputs: every point stays, nothing is mended."""
    content = made(tmp_path, name, URL)
    course = Course(tmp_path)
    assignment = course.assignment(name)
    grader = Grader(assignment, course.seed(name))
    solved = filled(content, {asked: source_of(assignment, asked) for asked in assignment.names})
    for saved in (lambda same: same, colab, vs_code, kaggle):
        result = grader.grade(Notebook(saved(solved)), "made up").result

        assert (result.status, result.score) == ("graded", result.max_score), saved
        assert not result.flags
        assert not result.mended
