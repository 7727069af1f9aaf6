"""A run interrupted anywhere: nothing written is lost, nothing ungraded is a zero, and the next run goes on."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.authoring.demo import made_up
from autograder.course.course import Course
from autograder.run.batch import Batch
from tests.conftest import autograder, copied, released
from tests.killer import WAYS, misused

pytestmark = pytest.mark.slow

STUDENTS = 40


@pytest.fixture(scope="module")
def handed_in(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A released course with many submissions, right and wrong in turn."""
    course = copied(released_course, tmp_path_factory.mktemp("many") / "course")
    kinds = [
        json.dumps(student.notebook)
        for student in made_up(course.assignment("mlp"), released("mlp"))
        if not isinstance(student.notebook, str)
    ]
    for number in range(STUDENTS):
        folder = course.root / "submitted" / f"student-{number:03}" / "mlp"
        folder.mkdir(parents=True)
        (folder / "mlp.ipynb").write_text(kinds[number % len(kinds)], encoding="utf-8")
    return course


@pytest.fixture(scope="module")
def undisturbed(handed_in: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose run nobody interrupts."""
    course = copied(handed_in, tmp_path_factory.mktemp("undisturbed") / "course")
    assert autograder("grade", "mlp", "--course", course.root, "--workers", "2").returncode == 0
    return course


@pytest.fixture(scope="module")
def best(undisturbed: Course) -> dict[str, float]:
    """The scores of a run that nobody interrupts."""
    return scores(undisturbed)


def scores(course: Course) -> dict[str, float]:
    """student -> automatic score of every submission in the gradebook whose questions have one."""
    found = {}
    with Gradebook(f"sqlite:///{course.root}/gradebook.db") as book:
        for submission in book.assignment_submissions("mlp"):
            everything = [grade for notebook in submission.notebooks for grade in notebook.grades]
            grades = [grade for grade in everything if grade.cell.cell_type == "code"]
            if all(grade.auto_score is not None for grade in grades):
                found[submission.student.id] = submission.score
    return found


def records(course: Course) -> int:
    """How many results are kept."""
    return len(list((course.root / ".autograder" / "records" / "mlp").glob("*.json")))


@contextmanager
def running(course: Course) -> Iterator[psutil.Process]:
    """A run with two workers, some of whose submissions are done."""
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as started:
        wait_until(lambda: records(course) > 0 or started.poll() is not None)
        yield psutil.Process(started.pid)
        started.wait(300)


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something that takes its time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def course(handed_in: Course, tmp_path: Path) -> Course:
    """A course of one's own."""
    return copied(handed_in, tmp_path / "course")


def test_a_killed_run_is_taken_up_where_it_stopped(course: Course, best: dict[str, float]) -> None:
    """After `kill -9` what stands in the gradebook is right, no process is left, and the next run does the rest."""
    with running(course) as grader:
        family = grader.children(recursive=True)
        os.kill(grader.pid, signal.SIGKILL)
    done_before = scores(course)
    wait_until(lambda: not any(alive(process) for process in family))
    again = autograder("grade", "mlp", "--course", course.root, "--workers", "2")

    assert 0 < len(done_before) < STUDENTS
    assert done_before.items() <= best.items()
    assert again.returncode == 0
    assert f"of {STUDENTS} had not changed since they were graded" in again.stdout
    assert scores(course) == best


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def zygotes(grader: psutil.Process) -> list[psutil.Process]:
    """The processes that a run's forks come from, and those forks."""
    return [below for child in grader.children() if loads(child) for below in child.children(recursive=True)]


def workers(grader: psutil.Process) -> list[psutil.Process]:
    """The processes of a run that grade."""
    return [child for child in grader.children() if not loads(child)]


def loads(process: psutil.Process) -> bool:
    """Whether a process is the one that loads libraries, or a fork of it."""
    with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
        return "start.py" in " ".join(process.cmdline())
    return True


@pytest.mark.parametrize("victims", ["a worker", "the zygotes", "the loader and all", "both workers"])
def test_a_run_survives_the_death_of_a_part(course: Course, best: dict[str, float], victims: str) -> None:
    """A worker or a zygote that is killed is replaced; every submission is graded as if nothing had happened."""
    with running(course) as grader:
        chosen = {
            "a worker": workers(grader)[:1],
            "both workers": workers(grader),
            "the zygotes": zygotes(grader),
            "the loader and all": [*filter(loads, grader.children()), *zygotes(grader)],
        }
        for process in chosen[victims]:
            with suppress(psutil.NoSuchProcess):  # the fork of one that has just been killed
                process.kill()

    assert scores(course) == best


KILLS = 100


@pytest.mark.everything
@pytest.mark.parametrize("kill", range(KILLS))
def test_nothing_is_lost_by_a_kill_at_any_moment(
    handed_in: Course, undisturbed: Course, kill: int, tmp_path: Path
) -> None:
    """Whatever is killed, and whenever: a run that finishes leaves what an undisturbed one does, and nothing else."""
    course = copied(handed_in, tmp_path / "course")
    chance = random.Random(kill)
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        grader = psutil.Process(started.pid)
        time.sleep(chance.uniform(0.2, 8.0))
        with suppress(psutil.NoSuchProcess):
            family = [grader, *grader.children(recursive=True)]
            chance.choice(family).kill()
        if chance.random() < 0.5:
            started.kill()
        started.wait(300)
    wait_until(lambda: not any(alive(process) for process in family))
    again = autograder("grade", "mlp", "--course", course.root, "--workers", "2")

    assert again.returncode == 0
    assert kept(course) == kept(undisturbed)
    assert left(course) == left(undisturbed)


def kept(course: Course, name: str = "mlp") -> tuple[object, ...]:
    """What a course holds of a class: rows of the gradebook, records without their times, autograded notebooks."""
    found = []
    with closing(sqlite3.connect(course.root / "gradebook.db")) as book:
        query = (
            "SELECT s.student_id, c.name, g.auto_score, g.manual_score, g.needs_manual_grade FROM grade g "
            "JOIN submitted_notebook n ON g.notebook_id = n.id JOIN submitted_assignment s ON n.assignment_id = s.id "
            "JOIN assignment a ON s.assignment_id = a.id JOIN base_cell c ON g.cell_id = c.id "
            "WHERE a.name = ? ORDER BY 1, 2"
        )
        found.append(book.execute(query, [name]).fetchall())
    records = sorted((course.root / ".autograder" / "records" / name).glob("*.json"))
    found.append({path.name: re.sub(r'"(seconds|graded)": [^,\n]*', "", path.read_text("utf-8")) for path in records})
    pages = sorted((course.root / "autograded").glob(f"*/{name}/{name}.ipynb"))
    found.append({str(path.relative_to(course.root)): path.read_text("utf-8") for path in pages})
    return tuple(found)


def left(course: Course) -> list[str]:
    """The files and folders of a course, the gradebook's journals among them."""
    return sorted(str(path.relative_to(course.root)) for path in course.root.rglob("*"))


ROOM_KIB = [0, 8, 24, 64, 160, 400, 900, 2000]
"""Room on the disk in KiB, from none to enough for a part of the class."""


@pytest.mark.sample(1, "room")
@pytest.mark.parametrize("room", ROOM_KIB)
def test_a_disk_that_is_full_is_told_and_the_next_run_goes_on(
    handed_in: Course, undisturbed: Course, room: int, tmp_path: Path
) -> None:
    """Whatever was being written: nothing is half there, one sentence says so, and with room all is as it would be."""
    told = tmp_path / "told.txt"
    grade = f"{sys.executable} -m autograder grade mlp --workers 2 > /dev/null"
    script = f"""
set -e
mount -t tmpfs -o size=48m none {tmp_path}/disk
cp -r {handed_in.root} {tmp_path}/disk/course
free() {{ df --output=avail -k {tmp_path}/disk | tail -1; }}
head -c $((($(free) - {room}) * 1024)) /dev/zero > {tmp_path}/disk/filler
cd {tmp_path}/disk/course
{grade} 2> {told} && echo 0 > {tmp_path}/code || echo $? > {tmp_path}/code
rm {tmp_path}/disk/filler
{grade} 2>> {told}
cp -r {tmp_path}/disk/course {tmp_path}/after
"""
    (tmp_path / "disk").mkdir()
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=600, check=False
    )

    assert run.returncode == 0, run.stderr
    assert (tmp_path / "code").read_text().strip() == "1"
    said = told.read_text("utf-8")
    assert "fault of the kit" not in said
    assert "Traceback" not in said
    assert "Make room on" in said
    assert kept(Course(tmp_path / "after")) == kept(undisturbed)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP,)], ids=str
)
def test_a_run_that_is_stopped_says_so_and_leaves_nothing_running(course: Course, signals: tuple[int, ...]) -> None:
    """Ctrl-C reaches the whole group, as from a terminal; a second one needn't wait for the word."""
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as started:
        wait_until(lambda: records(course) > 0)
        family = psutil.Process(started.pid).children(recursive=True)
        for number in signals:
            os.killpg(started.pid, number)
        told = started.communicate(timeout=60)[1].decode()
    wait_until(lambda: not any(alive(process) for process in family))

    assert "Traceback" not in told
    assert started.returncode in {128 + signals[0], -signals[0]}
    if len(signals) == 1:
        assert "stopped; what was graded so far is kept." in told
    assert 0 < len(scores(course)) < STUDENTS


@pytest.mark.parametrize("way", WAYS)
def test_a_submission_that_misuses_its_worker_costs_nobody_else_anything(
    handed_in: Course, best: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    """It is tried again, then waiting for a person; those that were on the way beside it are graded."""
    course = misused(copied(handed_in, tmp_path / "course"), "student-007", way)
    monkeypatch.setattr(Batch, "_patience", 10.0)
    with Batch(course, "mlp", workers=2) as batch:
        found = {graded.student: graded.result for graded in batch}

    assert found.pop("student-007").status == "grader_error"
    assert len(found) == STUDENTS - 1
    assert {result.status for result in found.values()} == {"graded"}


def test_as_many_workers_as_cores_keep_one_each(course: Course) -> None:
    """A worker and its jail stay on a core of their own; the process that writes the gradebook goes where it likes."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:2])
    try:
        with running(course) as grader:
            places = [worker.cpu_affinity() for worker in workers(grader)]
            jails = set()
            for process in zygotes(grader):
                with suppress(psutil.NoSuchProcess):  # a fork that has ended meanwhile
                    jails.add(tuple(process.cpu_affinity()))
            everywhere = grader.cpu_affinity()
    finally:
        os.sched_setaffinity(0, cores)

    assert sorted(places) == [[core] for core in (cores * 2)[:2]]
    assert jails == {(core,) for core in cores[:2]}
    assert everywhere == cores[:2]
