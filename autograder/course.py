"""A course: its folders, its settings, and its assignments as their source notebooks tell them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import string
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from traitlets import Bool, Enum, Float, Integer, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from autograder import notebook
from autograder.check import checks, files
from autograder.errors import CannotGrade, UsageError

CONFIG = "nbgrader_config.py"
"""The file that makes a folder a course."""

SHORTEST_SECRET = 16
"""Characters that a secret must have, in printable ASCII; space around it doesn't count. The kit's own have 64."""

LONGEST_SECRET = 4096
"""Bytes that a secret may have."""


class BackpropKit(Configurable):  # type: ignore[misc]  # traitlets is read without its types
    """The kit's own settings; `c.BackpropKit.<name> = ...` in nbgrader_config.py."""

    trust_students = Bool(
        False,
        help="Whether student code may run in the grader's own process on a machine that can't hold a jail.",
    ).tag(config=True)
    run_all = Bool(
        False,
        help="Whether every cell of a notebook is run, not only what its graded functions depend on.",
    ).tag(config=True)
    follow_through = Bool(
        True,
        help="Whether a question that fails is judged again with right functions in place of the wrong ones that other "
        "questions have cost points for already, so that one mistake costs once.",
    ).tag(config=True)
    by_hand = Enum(
        ("flag", "require", "ignore"),
        default_value="flag",
        help="What becomes of a derivative that leans on autograd or on finite differences where it is to be written "
        "by hand: it is flagged for a person, or it costs the points as well, or nobody looks. `require` tries every "
        "such question without autograd, whatever its source says. "
        "Slopes by interpolation and a notebook's own dual numbers are not seen.",
    ).tag(config=True)
    call_s = Float(10.0, help="Seconds that one call of a student's functions may take.").tag(config=True)
    cell_s = Float(30.0, help="Seconds that one statement of a notebook's cells may take.").tag(config=True)
    notebook_s = Float(120.0, help="Seconds that running a notebook's cells may take in all.").tag(config=True)
    memory_mib = Integer(1024, help="Memory that a notebook may take, beyond its libraries.").tag(config=True)
    secret_file = Unicode(
        ".autograder/secret",
        help="Where the secret is kept that hidden inputs are drawn from; made on first use, never to be published. "
        "A text of your own serves as well: 16 printable ASCII characters or more.",
    ).tag(config=True)


@dataclass(frozen=True)
class Question:
    """One graded question, as the source notebook's nbgrader metadata has it."""

    id: str
    max_points: float
    manual: bool
    """Whether a person grades it: a written answer."""
    names: tuple[str, ...]
    """The functions or classes that the student writes for it."""


class Assignment:
    """An assignment: its source notebook and its questions."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    @cached_property
    def source(self) -> notebook.Notebook:
        """The source notebook, solutions included."""
        return notebook.read(self.path)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions in the order of the notebook; each grades what the solution cells above it define.

        Raises:
            CannotGrade: if an id occurs twice or a question has no tests.
        """
        return tuple(self._questions())

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that some question grades."""
        return tuple(name for question in self.questions for name in question.names)

    @cached_property
    def digest(self) -> str:
        """A digest of what the assignment is judged by: its source notebook, its hidden tests and its bank."""
        found = hashlib.sha256()
        for path in (self.path, *files(self.name)):
            found.update(path.name.encode() + path.read_bytes())
        return found.hexdigest()

    @property
    def max_score(self) -> float:
        """Points that the grader can give by itself."""
        return sum(question.max_points for question in self.questions if not question.manual)

    def _questions(self) -> Iterator[Question]:
        seen: set[str] = set()
        written: list[str] = []
        for cell in self.source.cells:
            if cell.nbgrader.get("solution") and not cell.nbgrader.get("grade"):
                written += [s.defines for s in self.source.statements if s.cell == cell.index and s.defines]
            if not cell.nbgrader.get("grade"):
                continue
            if cell.grade_id in seen:
                raise CannotGrade(
                    f"{self.path}: the grade_id {cell.grade_id} occurs twice. Give each question its own."
                )
            seen.add(cell.grade_id)
            manual = bool(cell.nbgrader.get("solution"))
            if not manual and not checks(self.name, cell.grade_id):
                raise CannotGrade(
                    f"{self.path}: the question {cell.grade_id} has no hidden tests. "
                    f"Write them in autograder/assignments/{self.name}/test_{cell.grade_id}.py."
                )
            yield Question(cell.grade_id, float(cell.nbgrader["points"]), manual, () if manual else tuple(written))
            if not manual:
                written = []


class Course:
    """A course folder: the one that holds nbgrader_config.py."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"Course({self.root})"

    @cached_property
    def config(self) -> Config:
        """What nbgrader_config.py says.

        Raises:
            UsageError: if the file is missing or can't be run.
        """
        try:
            return PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        except ConfigFileNotFound:
            raise UsageError(f"There is no {CONFIG} in {self.root}. Name the course's folder with --course.") from None
        except Exception as error:
            raise UsageError(f"{self.root / CONFIG} can't be run: {type(error).__name__}: {error}.") from None

    @cached_property
    def settings(self) -> BackpropKit:
        """The kit's own settings."""
        return BackpropKit(config=self.config)

    @property
    def assignments(self) -> tuple[str, ...]:
        """Names of the assignments that have a source notebook."""
        return tuple(sorted(path.parent.name for path in self.root.glob("source/*/*.ipynb") if _is_master(path)))

    def assignment(self, name: str) -> Assignment:
        """Find an assignment by its name.

        Raises:
            UsageError: if the course has none of that name.
        """
        path = self.root / "source" / name / f"{name}.ipynb"
        if name not in self.assignments:
            known = ", ".join(self.assignments) or "none yet"
            raise UsageError(f"There is no assignment {name} in {self.root / 'source'}. Known assignments: {known}.")
        return Assignment(name, path)

    def submissions(self, assignment: str, student: str | None = None) -> dict[str, Path]:
        """Find the submitted notebooks: student id to path, sorted by student.

        A notebook of another name stands in for `<assignment>.ipynb` where it is the only one in its folder.

        Raises:
            UsageError: if nobody, or not this student, has handed anything in.
        """
        folder = self.root / "submitted"
        found = {path.parent.name: path for path in sorted(folder.glob(f"*/{assignment}")) if path.is_dir()}
        if student is not None:
            if student not in found:
                raise UsageError(f"There is no folder {folder / student / assignment}. Check the student's id.")
            found = {student: found[student]}
        if not found:
            raise UsageError(
                f"No submissions in {folder}/*/{assignment}. Put each student's notebook "
                f"at {folder.name}/<student>/{assignment}/{assignment}.ipynb."
            )
        return {name: _submitted(path, assignment) for name, path in found.items()}

    def seed(self, assignment: str) -> str:
        """The first seed of an assignment's hidden inputs: made from the course's secret, which is made on first use.

        Which of its draws is used says :mod:`autograder.draws`.

        Raises:
            CannotGrade: if the secret can't be read or made, or is none: see :data:`SHORTEST_SECRET`.
        """
        path = self.root / self.settings.secret_file
        try:
            secret = _secret(path)
        except FileNotFoundError:
            _make_secret(path)
            secret = _secret(path)
        return f"{secret}|{assignment}"


def find(folder: Path | None = None) -> Course:
    """Find the course: the folder given, or the nearest one above here that holds nbgrader_config.py.

    Raises:
        UsageError: if there is none.
    """
    if folder is not None:
        if not (folder / CONFIG).is_file():
            raise UsageError(f"{folder} is not a course: it has no {CONFIG}. Name the folder that holds it.")
        return Course(folder.resolve())
    here = Path.cwd().resolve()
    for place in (here, *here.parents):
        if (place / CONFIG).is_file():
            return Course(place)
    raise UsageError(f"No course here: neither {here} nor a folder above it holds {CONFIG}. Use --course DIR.")


def _is_master(path: Path) -> bool:
    return path.stem == path.parent.name


def _submitted(folder: Path, assignment: str) -> Path:
    expected = folder / f"{assignment}.ipynb"
    others = sorted(folder.glob("*.ipynb"))
    return others[0] if not expected.exists() and len(others) == 1 else expected


def _secret(path: Path) -> str:
    """Read a course's secret, as it was written: by the kit, or by whoever gives the course.

    Raises:
        FileNotFoundError: if there is none yet.
        CannotGrade: if it can't be read, or is none.
    """
    try:
        data = notebook.contents(path, LONGEST_SECRET)
    except notebook.UnreadableNotebook:
        raise _no_secret(path, f"has more than {LONGEST_SECRET} bytes") from None
    except OSError as error:
        if error.errno == errno.ENOENT and not path.is_symlink():
            raise
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            raise _no_secret(path, "is a link that leads nowhere") from None
        raise CannotGrade(
            f"The course's secret {path} can't be read: {error.strerror or error}. "
            "Make it a file that you may read, or set c.BackpropKit.secret_file to another place."
        ) from None
    text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise _no_secret(path, "is empty")
    if not set(text) <= set(string.printable):
        raise _no_secret(path, "is no plain text: other characters than printable ASCII are in it")
    if len(text) < SHORTEST_SECRET:
        raise _no_secret(path, f"is too short: it has {len(text)} of at least {SHORTEST_SECRET} characters")
    return text


def _no_secret(path: Path, why: str) -> CannotGrade:
    return CannotGrade(
        f"The course's secret {path} {why}. Put back the one that was there, or delete it: the next command makes "
        "a new one, with other hidden inputs, so that every submission is graded again, and a score can change "
        "where an answer is right for some inputs and wrong for others."
    )


def _make_secret(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_once(path, secrets.token_hex(32))
    except OSError as error:
        raise CannotGrade(
            f"The course's secret {path} can't be made: {error.strerror or error}. "
            "Make its folder writable, or set c.BackpropKit.secret_file to another place."
        ) from None


def _write_once(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing; if another process was quicker, its text stands."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", encoding="ascii") as draft:
        draft.write(text + "\n")
        draft.flush()
        os.fsync(draft.fileno())  # before it has its name: a machine that goes down leaves no empty secret
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
