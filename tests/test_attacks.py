"""Hostile submissions gain nothing, learn nothing, show nothing, and cost nobody else anything."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autograder import report
from autograder.assignments.mlp.cases import CLASS, DISTINCT, PAIRS, SLIM, SQUARE, VECTORS
from autograder.authoring import release
from autograder.course.course import Course
from autograder.jail.host import Jail, Level
from autograder.judge import custody
from autograder.judge.inputs import draw, seeded
from autograder.judge.reference import source_of
from autograder.run.autograded import MasterCell, Page
from autograder.run.batch import Batch
from autograder.run.handed import hand
from autograder.run.worker import Job, Worker
from tests.attacks import ATTACKS, FORMS, Facts, hand_in, notebook, write, wrong
from tests.conftest import REPO, copied_course
from tests.test_jail import alone
from tests.test_nbgrader import rows

pytestmark = pytest.mark.slow

CANARY = "CANARY-" + hashlib.md5(b"of the attacks", usedforsecurity=False).hexdigest()
"""Stands wherever the grader keeps something: secret, source, gradebook, another's work, environment, memory."""

SETTINGS = """
c.BackpropKit.run_all = True
c.BackpropKit.call_s = {0}
c.BackpropKit.cell_s = {0}
c.BackpropKit.notebook_s = 8.0
c.BackpropKit.memory_mib = 256
"""

HURRIED, PATIENT = 1.0, 60.0
"""Seconds for what has to be stopped, and for honest work on a busy machine."""

KILLERS = (
    "leave in a check", "kill itself", "always equal", "forged answers", "write the results", "remove the course",
    "kill the grader", "memory bomb", "segfault", "an endless loop in a cell", "stopped", "inputs in a size",
)  # fmt: skip
"""Attacks that are graded in a whole run, too; and so are hostile files."""


@dataclass
class Outcome:
    """What came of one attack."""

    page: Page
    after: Page
    """An honest notebook, graded by the same worker right afterwards."""
    touched: set[str]
    connected: bool

    @functools.cached_property
    def shown(self) -> str:
        """All that anybody is shown: the record, and the outputs of the autograded notebook."""
        return self.page.result.model_dump_json() + json.dumps(outputs(self.page), ensure_ascii=False)


class Ward:
    """A course, with a worker that grades what is handed in there."""

    def __init__(self, course: Course, worker: Worker, jail: Jail, listener: socket.socket) -> None:
        self.course, self.jail, self._worker, self._listener = course, jail, worker, listener
        assignment = course.assignment("mlp")
        self._master = {
            one.grade_id: MasterCell(one.grade_id, one.kind, one.source, bool(one.nbgrader["locked"]), "")
            for one in assignment.source.marked.values()
        }
        right = [source_of(assignment, name) for name in assignment.names]
        self.honest = notebook("import torch", "print('hello')", *right, f"# {CANARY}")
        write(course.root / "submitted/neighbour/mlp", self.honest)
        self.before = self.grade("neighbour")
        self.outcome = functools.cache(self._outcome)

    @property
    def facts(self) -> Facts:
        """What attacks are told."""
        port = self._listener.getsockname()[1]
        return {"COURSE": str(self.course.root), "REPO": str(REPO), "HOST": os.getpid(), "PORT": port}

    def grade(self, who: str) -> Page:
        """Grade what a student has handed in; whoever is honest has all the time that it takes."""
        seconds = HURRIED if who == "mallory" else PATIENT
        self.jail.limits = replace(self.jail.limits, call_s=seconds, cell_s=seconds)
        path = self.course.submissions("mlp", who)[who]
        return self._worker.work(hand(self.course, "mlp", who, path), self._master)

    def _outcome(self, name: str) -> Outcome:
        folder = self.course.root / "submitted/mallory/mlp"
        hand_in(name, folder, self.facts)
        before = tree(self.course.root)
        page = self.grade("mallory")
        after = self.grade("neighbour")
        touched = {path for path, _ in before.items() ^ tree(self.course.root).items()}
        shutil.rmtree(folder.parent)
        try:
            connected = bool(self._listener.accept())
        except BlockingIOError:
            connected = False
        alone(self.jail)
        return Outcome(page, after, touched, connected)


@pytest.fixture(scope="module", params=["full", "portable"])
def ward(request: pytest.FixtureRequest) -> Iterator[Ward]:
    """A ward whose jail has all layers that there are, and one with the portable ones alone."""
    level: Level | None = None if request.param == "full" else "portable"
    opened: list[Jail] = []

    def jail(**options: Any) -> Jail:
        opened.append(Jail(level, **options))
        return opened[-1]

    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        Path(folder).chmod(0o755)
        patch.setenv("CANARY", CANARY)
        patch.setattr(custody, "Jail", jail)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.setblocking(False)
        course = baited(Path(folder))
        worker = Worker(Job(course, "mlp", course.seed("mlp"), trust=False))
        stack.callback(worker.close)
        yield Ward(course, worker, opened[0], listener)


def baited(folder: Path, seconds: float = HURRIED) -> Course:
    """A course with tight limits, and a canary in everything that must not be read; by permissions, everybody may."""
    course = copied_course(folder)
    config, source = folder / "nbgrader_config.py", folder / "source/mlp/mlp.ipynb"
    config.write_text(config.read_text("utf-8") + SETTINGS.format(seconds) + f"# {CANARY}\n", "utf-8")
    master = source.read_text("utf-8")
    assert "### BEGIN SOLUTION" in master
    source.write_text(master.replace("### BEGIN SOLUTION", f"### BEGIN SOLUTION {CANARY}"), "utf-8")
    (folder / ".autograder").mkdir(exist_ok=True)
    (folder / ".autograder/secret").write_text(CANARY, "ascii")
    (folder / "gradebook.db").write_text(CANARY, "ascii")
    for path in folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return course


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every file below a folder: its kind, times, and content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(about.st_mode) and about.st_size < 1 << 20 else about.st_size
        found[str(path.relative_to(folder))] = (about.st_mode, about.st_uid, about.st_mtime_ns, content)
    return found


def timeless(page: Page) -> tuple[dict[str, Any], str | None]:
    """What was graded, without how long it took."""
    return page.result.model_dump(exclude={"seconds"}), page.content


@functools.cache
def hidden_inputs() -> dict[str, str]:
    """How an attack would spell the hidden inputs: in digits, in letters, and in pairs of digits."""
    with seeded(f"{CANARY}|mlp"):
        drawn = [draw(spec) for spec in (*VECTORS, *PAIRS, DISTINCT, SQUARE, SLIM, CLASS)]
    firsts = {str(int(abs(float(x.reshape(-1)[0])) * 10**6)) for tensors in drawn for x in tensors.values()}
    spelled = {}
    for digits in firsts:
        spelled[digits] = digits
        spelled["".join("abcdefghij"[int(digit)] for digit in digits)] = digits
        spelled[" ".join(digits[at : at + 2] for at in range(0, len(digits), 2))] = digits
        spelled["".join("1, " if bit == "1" else "0, " for bit in bin(int(digits))[2:])] = digits
    return {text: digits for text, digits in spelled.items() if len(digits) > 4}


def test_the_wrong_notebook_has_no_points_and_the_honest_one_has_all(ward: Ward) -> None:
    """What attacks are compared with: without them there are no points to lose and none to gain."""
    folder = ward.course.root / "submitted/plain/mlp"
    write(folder, notebook(wrong(ward.facts)))
    plain = ward.grade("plain").result
    shutil.rmtree(folder.parent)

    assert (plain.score, plain.status) == (0, "graded")
    assert (ward.before.result.score, ward.before.result.max_score) == (12, 12)


@pytest.mark.sample(12, "name")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_no_point(ward: Ward, name: str) -> None:
    """No function that is wrong gets points, and none becomes a fault of the grader."""
    result = ward.outcome(name).page.result

    assert result.score == 0
    assert not any(question.points for question in result.questions)
    assert result.status in {"graded", "unreadable", "not_this_assignment"}
    assert "grader_error" not in {question.status for question in result.questions}
    values = [output for output in outputs(ward.outcome(name).page) if output["output_type"] == "execute_result"]
    assert {value["data"]["text/plain"] for value in values} <= {"0.0"}


@pytest.mark.sample(12, "name")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_learns_nothing(ward: Ward, name: str) -> None:
    """It opens nothing of the course's, reaches nobody, and hands out neither a secret nor a hidden input."""
    outcome = ward.outcome(name)

    assert "WON" not in outcome.shown
    assert CANARY not in outcome.shown
    assert "compare(answer, tanh" not in outcome.shown
    assert [text for text in hidden_inputs() if text in outcome.shown] == []
    assert not outcome.connected
    assert outcome.touched == set()


@pytest.mark.sample(12, "name")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_harms_nobody(ward: Ward, name: str) -> None:
    """The notebook that the same worker grades next has the same record as before, and no process is left."""
    assert timeless(ward.outcome(name).after) == timeless(ward.before)


@pytest.mark.sample(12, "name")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_shows_nothing_but_text(ward: Ward, name: str) -> None:
    """What reaches a terminal, a page or the autograded notebook can neither steer nor run there."""
    page = ward.outcome(name).page
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report.verdict(page.result))
    console.print(report.class_table([page.result]))
    pages = report.class_page([page.result], "mlp") + report.student_page(page.result)

    for text in (console.export_text(), pages, *texts(page.result.model_dump())):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "<script>alert" not in pages
    assert len(page.result.flags) <= 60
    assert page.result.seed != CANARY
    own = [one for one in json.loads(page.content or '{"cells": []}')["cells"] if one["cell_type"] != "code"]
    assert not any(re.search("<[a-z/]", one["source"], re.IGNORECASE) for one in own)
    for output in outputs(page):
        assert output["output_type"] in {"stream", "execute_result", "error", "display_data"}
        assert set(output.get("data", {})) <= {"text/plain", "image/png"}
        assert not re.search("[\x1b\x9b\u202e]", json.dumps(output, ensure_ascii=False))


def outputs(page: Page) -> list[dict[str, Any]]:
    """All outputs of an autograded notebook."""
    cells = json.loads(page.content)["cells"] if page.content else []
    return [output for one in cells for output in one.get("outputs", [])]


def texts(record: Any) -> Iterator[str]:
    """All texts in a record."""
    if isinstance(record, str):
        yield record
    elif isinstance(record, dict):
        for part in record.values():
            yield from texts(part)
    elif isinstance(record, list | tuple):
        for part in record:
            yield from texts(part)


@pytest.mark.slow(30)
def test_a_run_goes_on(tmp_path: Path, some: Callable[[Collection[str], int], set[str]]) -> None:
    """Two workers grade a class of attackers among honest students: no points, no loss, and only our own files."""
    course = baited(tmp_path, seconds=4.0)  # for honest ones, too
    (tmp_path / "gradebook.db").unlink()
    release.generate(course, "mlp")
    assignment = course.assignment("mlp")
    honest = notebook("import torch", *(source_of(assignment, name) for name in assignment.names))
    honest_ones = {"abel", "neighbour", "zoe"}
    for who in honest_ones:
        write(tmp_path / "submitted" / who / "mlp", honest)
    facts = {"COURSE": str(tmp_path), "REPO": str(REPO), "HOST": os.getpid(), "PORT": 9}
    attackers = {f"m{number:03}": name for number, name in enumerate((*KILLERS, *sorted(some(FORMS, 16))))}
    attackers["<img src=x onerror=alert(1)>"] = "read the course"
    for who, name in attackers.items():
        hand_in(name, tmp_path / "submitted" / who / "mlp", facts)
    before = tree(tmp_path)
    with Batch(course, "mlp", workers=2) as run:
        results = {graded.student: graded.result for graded in run}

    assert results.keys() == honest_ones | attackers.keys()
    assert {who for who, result in results.items() if result.score} == honest_ones
    assert {result.score for who, result in results.items() if who in honest_ones} == {12}
    assert [name for who, name in attackers.items() if results[who].status == "grader_error"] == []
    scores = {key: row[0] for key, row in rows(course).items() if key[1] == ""}
    assert {who for (who, _), score in scores.items() if score} == honest_ones
    touched = {path for path, _ in before.items() ^ tree(tmp_path).items()}
    ours = ("autograded", ".autograder/records", ".autograder", "gradebook.db")
    assert {path for path in touched if not path.startswith(ours)} == set()
    kept = [path for who in attackers for path in (tmp_path / "autograded" / who).rglob("*") if path.is_file()]
    assert len(kept) > len(KILLERS)
    assert [path for path in kept if CANARY in path.read_text("utf-8")] == []
    report.write(list(results.values()), tmp_path / "report")
