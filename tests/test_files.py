"""What lies beside a notebook, and how it is named: never followed, never copied, always told; the class goes on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from autograder.course.course import Course
from autograder.run import beside as looked_at
from tests.conftest import answering, command, copied, released, shell

pytestmark = pytest.mark.slow(30)

Put = Callable[[Path], object]

INSIDE = "5ec7e7"
"""What the scratch courses' secret begins with: it must not be in anything that is made."""


def beside(name: str) -> Callable[[Put], Put]:
    """Do something at a path in the folder that is handed in."""
    return lambda put: lambda folder: put(folder / name)


def many(folder: Path) -> None:
    """More files than anybody copies."""
    for number in range(looked_at.MOST_BESIDE + 1):
        (folder / f"{number}.txt").touch()


def deep(folder: Path) -> None:
    """More folders in folders than anybody looks into."""
    folder.joinpath(*"abcdefghijklmnop").mkdir(parents=True)


def heavy(folder: Path) -> None:
    """Three files, each of them small enough, that are too much together."""
    for name in "abc":
        (folder / name).touch()
        os.truncate(folder / name, looked_at.LARGEST_BESIDE)


def listening(path: Path) -> None:
    """A socket, under a short name first: its address has room for a hundred letters."""
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(before)


def sparse(path: Path) -> None:
    """A file that says it has 300 MB, and holds nothing."""
    path.touch()
    os.truncate(path, 300 << 20)


def links(folder: Path) -> None:
    """Links to the course's secret, to its folder, and to nothing."""
    (folder / "s.txt").symlink_to("../../../.autograder/secret")
    (folder / "a").mkdir()
    (folder / "a/b").symlink_to("../../../../.autograder/secret")
    (folder / "data").symlink_to("../../../.autograder")
    (folder / "loop").symlink_to("loop")


BESIDE: Mapping[str, tuple[Put, tuple[str, ...]]] = {
    "links": (links, ("mlp/s.txt is a link", "mlp/a/b is a link", "mlp/data is a link", "mlp/loop is a link")),
    "[1]": (beside("s.ipynb")(lambda path: path.symlink_to("../../../.autograder/secret")), ("s.ipynb is a link",)),
    "pipe": (beside("pipe")(os.mkfifo), ("mlp/pipe is a pipe",)),
    "socket": (beside("door")(listening), ("mlp/door is a socket",)),
    "sparse": (beside("data.bin")(sparse), ("data.bin has 300 MB",)),
    "many": (many, ("many/mlp holds more than 1,000 files",)),
    "deep": (deep, ("is nested more than 10 folders deep",)),
    "heavy": (heavy, ("heavy/mlp holds 192 MB of files",)),
    "time-pipe": (beside("timestamp.txt")(os.mkfifo), ("timestamp.txt can't be read",)),
    "time-zone": (
        beside("timestamp.txt")(lambda path: path.write_text("2026-11-01 12:00:00 XYZT", "utf-8")),
        ("in an unknown time zone, XYZT",),
    ),
}
"""student -> what is beside their right notebook, and what is told of it."""


def odd(nb: dict[str, Any]) -> None:
    """Whatever a file may hold and nbgrader stops at: ids, kinds, outputs, a kernel of no name, half a letter."""
    nb["cells"] += [_text("# half a letter: \ud83d"), _text("a heading") | {"cell_type": "heading", "level": 3}]
    nb["metadata"].update(kernelspec=3, language_info={"name": ["x"]})
    for number, cell in enumerate(nb["cells"]):
        cell["id"] = "a" if number % 2 else "no id! " + "x" * 99
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "?"}]


def attached(nb: dict[str, Any]) -> None:
    """Pictures that aren't there, in every spelling that markdown knows, and one that is."""
    for cell in nb["cells"]:
        if cell["cell_type"] != "code":
            cell["attachments"] = [1]
    nb["cells"] += [
        _text("![lost](attachment:lost.png)"),
        _text("![a](&#97;ttachment:b) ![c](attachment\\:d) ![e][f]\n\n[f]: attachment:g.png\n\n![h](attachment:h.png)")
        | {"attachments": {"h.png": {}}},
        _text("![two](attachment:my%20dot.png)") | {"attachments": {"my dot.png": {"image/png": DOT}}},
    ]


FILES: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "nested": lambda nb: nb["metadata"].update(deep=json.loads("[" * 600 + "]" * 600)),
    "odd": odd,
    "attached": attached,
}
"""student -> what is odd in the file of their right notebook."""

ELSEWHERE: Mapping[str, tuple[Put, tuple[str, ...]]] = {
    "student-link": (lambda folder: _linked(folder.parent, "honest"), ("submitted/student-link is a link",)),
    "folder-link": (lambda folder: _linked(folder, "../honest/mlp"), ("submitted/folder-link/mlp is a link",)),
    "folder-lost": (lambda folder: _linked(folder, "nowhere"), ("submitted/folder-lost/mlp is a link",)),
    "folder-file": (lambda folder: _replaced(folder).write_text("", "utf-8"), ("submitted/folder-file/mlp is a file",)),
    "notebook-link": (
        lambda folder: _linked(folder / "mlp.ipynb", "../../honest/mlp/mlp.ipynb"),
        ("mlp.ipynb is a link",),
    ),
    "notebook-own": (lambda folder: _linked(folder / "mlp.ipynb", "own.ipynb"), ("mlp.ipynb is a link",)),
    "notebook-pipe": (lambda folder: os.mkfifo(_replaced(folder / "mlp.ipynb")), ("mlp.ipynb is a pipe",)),
    "notebook-folder": (lambda folder: _replaced(folder / "mlp.ipynb").mkdir(), ("mlp.ipynb is a folder",)),
    "notebook-sparse": (lambda folder: sparse(_replaced(folder / "mlp.ipynb")), ("mlp.ipynb has 300 MiB",)),
}
"""student -> what is in the place of their notebook, or of a folder above it, and what is told of it."""

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
STEERING = {
    "esc\x1b[2Jape\x9b2J\u202e": r"esc\x1b[2Jape\x9b2J\u202e was not graded: its name holds",
    "line\nbreak": r"line\nbreak was not graded: its name holds",
    "line": "",
    "tab\t": r"tab\t was not graded: its name holds",
    "\u202eada": r"(U+202E). Rename the folder",
    "par\u2029": r"par\u2029 was not graded",
}
"""Students whose names steer a terminal, end a line or turn it round, and what is told of them; one whose doesn't."""
TWINS = ("Zo\u00eb", "Zoe\u0308")
UNNAMABLE = (os.fsdecode(b"latin-\xeb"), "x" * 251, *(name for name, told in STEERING.items() if told))
HONEST = ("honest", "x" * 250, "line")


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _replaced(path: Path) -> Path:
    """A path with nothing at it, where something was."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return path


def _linked(path: Path, target: str) -> None:
    _replaced(path).symlink_to(target)


@dataclass
class Graded:
    """What a run left, and what it said."""

    course: Course
    done: subprocess.CompletedProcess[str]

    @property
    def said(self) -> str:
        """All that was printed."""
        return self.done.stdout + self.done.stderr

    def rows(self, student: str) -> list[tuple[float | None, bool]]:
        """Automatic score and need of a person for each of a student's questions in code."""
        with Gradebook(f"sqlite:///{self.course.root}/gradebook.db") as book:
            grades = book.find_submission_notebook("mlp", "mlp", student).grades
            return [(one.auto_score, one.needs_manual_grade) for one in grades if one.cell.cell_type == "code"]


@pytest.fixture(scope="module")
def nasty(released_course: Course, tmp_path_factory: pytest.TempPathFactory, right: dict[str, str]) -> Course:
    """A class that handed in a right notebook each, with something nasty to it."""
    course = copied(released_course, tmp_path_factory.mktemp("nasty") / "course")
    notebook = released("mlp") | {"cells": released("mlp")["cells"] + answering(right)["cells"]}
    for student in (*HONEST, *BESIDE, *FILES, *ELSEWHERE, *TWINS, *UNNAMABLE):
        folder = course.root / "submitted" / student / "mlp"
        folder.mkdir(parents=True)
        content = json.loads(json.dumps(notebook))
        if student in FILES:
            FILES[student](content)
        (folder / "mlp.ipynb").write_text(json.dumps(content), "ascii")
        if student in BESIDE:
            BESIDE[student][0](folder)
        elif student in ELSEWHERE:
            ELSEWHERE[student][0](folder)
    (course.root / "submitted/honest/mlp/plot.txt").write_text("a plot", "utf-8")
    return course


@pytest.fixture(scope="module", params=["autograder grade", "nbgrader autograde"])
def graded(request: pytest.FixtureRequest, nasty: Course, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """The class, graded by either command."""
    root = tmp_path_factory.mktemp("graded") / "course"
    shutil.copytree(nasty.root, root, symlinks=True, ignore=lambda *_: {"submitted"})
    (root / "submitted").symlink_to(nasty.root / "submitted")  # as a whole it may lie anywhere
    if request.param == "autograder grade":
        return Graded(Course(root.resolve()), command("grade", "mlp", "--course", root))
    call = [Path(sys.executable).parent / "nbgrader", "autograde", "mlp"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=root, check=False, timeout=600)
    return Graded(Course(root.resolve()), done)


STUDENTS = (*HONEST, *BESIDE, *FILES, *ELSEWHERE, *TWINS)


def test_the_rest_of_the_class_is_graded(graded: Graded) -> None:
    """Whoever handed in a notebook has its points, whatever lies beside it and however it is named or written."""
    scores = {who: [score for score, _ in graded.rows(who)] for who in STUDENTS if who not in ELSEWHERE}

    assert {who for who, found in scores.items() if sum(filter(None, found)) != 12} == set()


def test_whoever_handed_in_what_is_not_opened_has_a_row_and_waits_for_a_person(graded: Graded) -> None:
    """Links, pipes, devices, large files and folders, unknown times: no zero, and somebody looks."""
    for who in ELSEWHERE:
        assert {score for score, _ in graded.rows(who)} == {None}, who
    for who in (*BESIDE, *ELSEWHERE, *TWINS):
        assert {person for _, person in graded.rows(who)} == {True}, who
    for who in (*HONEST, *FILES):
        assert {person for _, person in graded.rows(who)} == {False}, who


def test_each_is_named_with_what_was_found(graded: Graded) -> None:
    """The run's output says whose file it is, and that it is a link, a pipe, or has 300 MB."""
    said = " ".join(graded.said.split())

    for who, (_, told) in {**BESIDE, **ELSEWHERE}.items():
        assert [sentence for sentence in told if sentence not in said] == [], who
    for name in map(ascii, TWINS):
        assert name in said
    assert "submitted/latin-\\xeb was not graded: its name is not UTF-8" in said
    assert "its name has 251 bytes" in said
    assert [told for told in STEERING.values() if told not in said] == []


def test_whose_name_can_stop_another_program_is_graded_under_no_name(graded: Graded) -> None:
    """A newline in a name ends nbgrader's feedback for everybody after it: it comes into no folder and no row."""
    with Gradebook(f"sqlite:///{graded.course.root}/gradebook.db") as book:
        assert {student.id for student in book.students} & {*UNNAMABLE} == set()
    assert {path.name for path in (graded.course.root / "autograded").iterdir()} & {*UNNAMABLE} == set()


def test_a_device_is_called_one() -> None:
    """Nobody needs to be root to see what would be said of it."""
    assert looked_at.barred(Path("/"), Path("/dev/null")).startswith("dev/null is a device;")


def test_a_folder_that_cannot_be_named_ends_in_exit_code_1(graded: Graded) -> None:
    """`autograder grade` did what it could, and says that it was not all; nbgrader's exit code is nbgrader's."""
    assert graded.done.returncode == (1 if graded.done.args[0] == "autograder" else 0)


def test_nothing_is_followed_or_copied(graded: Graded) -> None:
    """What is made of a submission is made of plain files: no link, no pipe, no secret, nothing large."""
    made = sorted((graded.course.root / "autograded").rglob("*"))
    names = {path.name for path in made if not path.is_dir()}

    assert not any(path.is_symlink() for path in made)
    assert names <= {"mlp.ipynb", "plot.txt"}
    assert max(path.stat().st_size for path in made) < 1 << 20
    assert [path for path in made if path.is_file() and INSIDE in path.read_text("utf-8")] == []


def test_nothing_that_is_printed_steers_a_terminal(graded: Graded) -> None:
    """A student's name has its letters, and its controls written out."""
    assert not set(graded.said) & set("\x1b\x9b\u202e")


@pytest.mark.parametrize("graded", ["autograder grade"], indirect=True)
def test_what_is_kept_of_a_class_is_its_owners_alone(graded: Graded) -> None:
    """Records, draws, the gradebook, autograded notebooks and reports: nobody else on the machine reads them."""
    root = graded.course.root
    command("report", "mlp", "--course", root)
    made = [root / "gradebook.db"]
    for name in (".autograder/records", ".autograder/draws", "autograded", "report"):
        made += [root / name, *(root / name).rglob("*")]

    assert len(made) > 3 * len(STUDENTS)
    assert [path for path in made if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("graded", ["autograder grade"], indirect=True)
def test_what_was_graded_has_a_page_of_feedback(graded: Graded) -> None:
    """nbgrader's own feedback is made of odd files, of missing attachments, and of what was never read."""
    for place in (graded.course.root / "autograded").iterdir():
        if place.name not in {*FILES, "folder-link"}:
            shutil.rmtree(place)  # each page takes nbgrader a while
    shell([Path(sys.executable).parent / "nbgrader", "generate_feedback", "mlp"], cwd=graded.course.root)
    pages = {who: (graded.course.root / "feedback" / who / "mlp/mlp.html") for who in (*FILES, "folder-link")}

    assert [who for who, page in pages.items() if not page.is_file()] == []
    assert "submitted/folder-link/mlp is a link" in pages["folder-link"].read_text("utf-8")
    assert "data:image/png" in pages["attached"].read_text("utf-8")
