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
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.authoring.demo import made_up
from autograder.course.course import Course
from autograder.run.batch import Batch
from tests.conftest import autograder, copied, released
from tests.family import all_ended, wait_until
from tests.killer import WAYS, misused

pytestmark = pytest.mark.slow

STUDENTS = 40

DEFAULT = ["env", "--default-signal=INT,HUP,TERM"]
"""Before a command: whoever runs these tests may have had some signals ignored."""


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
    wait_until(lambda: all_ended(family))
    again = autograder("grade", "mlp", "--course", course.root, "--workers", "2")

    assert 0 < len(done_before) < STUDENTS
    assert done_before.items() <= best.items()
    assert again.returncode == 0
    assert f"of {STUDENTS} had not changed since they were graded" in again.stdout
    assert scores(course) == best


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

SEED = os.environ.get("KILLS_SEED", "")
"""Others of these kills than the usual; a test's own number says the rest, so that it can be run again alone."""

PARTS = ("coordinator", "worker", "zygote", "fork")


def parts_of(pid: int) -> dict[str, list[psutil.Process]]:
    """The processes of a run, by what they are, as far as they have been started."""
    with suppress(psutil.NoSuchProcess):
        coordinator = psutil.Process(pid)
        workers, below = coordinator.children(), zygotes(coordinator)
        pids = {process.pid for process in below}
        warm = [process for process in below if process.ppid() not in pids]
        forks = [process for process in below if process not in warm]
        return {"coordinator": [coordinator], "worker": workers, "zygote": warm, "fork": forks}
    return {}


@pytest.mark.everything
@pytest.mark.parametrize("kill", range(KILLS))
def test_nothing_is_lost_by_a_kill_at_any_moment(
    handed_in: Course, undisturbed: Course, kill: int, tmp_path: Path
) -> None:
    """Whatever is killed, and whenever: a run that finishes leaves what an undisturbed one does, and nothing else."""
    course = copied(handed_in, tmp_path / "course")
    chance = random.Random(f"{kill} {SEED}".strip())
    share, whom, all_of_it = chance.uniform(0.0, 0.9), chance.choice(PARTS), chance.random() < 0.5
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        if share < 0.1:
            time.sleep(chance.uniform(0.0, 4.0))  # while it starts
        else:
            wait_until(lambda: records(course) >= share * STUDENTS or started.poll() is not None)
            time.sleep(chance.uniform(0.0, 0.1))
        members = parts_of(started.pid)
        family = [part for parts in members.values() for part in parts]
        for victim in members.get(whom, [])[:1] or members.get("coordinator", []):
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        if all_of_it:
            started.kill()
        started.wait(300)
    done = records(course)
    wait_until(lambda: all_ended(family))
    again = autograder("grade", "mlp", "--course", course.root, "--workers", "2")
    print(f"kill {kill} of {KILLS}: {whom} at {share:.0%}{', then all of it' * all_of_it}; {done} were kept")

    assert again.returncode == 0, again.stderr
    for ours, theirs in zip(kept(course), kept(undisturbed), strict=True):
        assert ours == theirs
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
    with subprocess.Popen([*DEFAULT, *command], stderr=subprocess.PIPE, start_new_session=True) as started:
        wait_until(lambda: records(course) > 0)
        family = psutil.Process(started.pid).children(recursive=True)
        for number in signals:
            os.killpg(started.pid, number)
        told = started.communicate(timeout=60)[1].decode()
    wait_until(lambda: all_ended(family))

    assert "Traceback" not in told
    assert started.returncode in {128 + signals[0], -signals[0]}
    if len(signals) == 1:
        assert "stopped; what was graded so far is kept." in told
    assert 0 < len(scores(course)) < STUDENTS


@pytest.mark.sample(1, "how")
@pytest.mark.parametrize("how", ["closed", "Ctrl-C"])
def test_a_run_in_a_terminal_ends_with_it(course: Course, how: str) -> None:
    """A terminal that is closed has nowhere to print to; one in which Ctrl-C is pressed has."""
    command = [sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root), "--workers", "2"]
    ours, theirs = os.openpty()
    with subprocess.Popen(["setsid", "--ctty", *DEFAULT, *command], stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        told = b""
        while not records(course):
            told += os.read(ours, 1 << 16)
        family = psutil.Process(run.pid).children(recursive=True)
        if how == "closed":
            os.close(ours)
        else:
            os.write(ours, b"\x03")
            with suppress(OSError):  # the other end is gone
                while read := os.read(ours, 1 << 16):
                    told += read
        assert run.wait(60) == 128 + {"closed": signal.SIGHUP, "Ctrl-C": signal.SIGINT}[how]
    wait_until(lambda: all_ended(family))

    assert b"Traceback" not in told
    assert (b"stopped; what was graded so far is kept." in told) == (how == "Ctrl-C")
    assert 0 < len(scores(course)) < STUDENTS


@pytest.mark.everything
def test_a_run_that_was_told_to_outlive_its_terminal_does(course: Course, best: dict[str, float]) -> None:
    """`nohup` has the signal of a closed terminal ignored, and so it stays."""
    command = ["nohup", sys.executable, "-m", "autograder", "grade", "mlp", "--course", str(course.root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        wait_until(lambda: records(course) > 0 or started.poll() is not None)
        started.send_signal(signal.SIGHUP)

    assert started.returncode == 0
    assert scores(course) == best


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
