"""A Dask cluster grades as one machine does, whatever happens to parts of it; what it answers is looked at closely."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import pytest

from autograder import __version__
from autograder.authoring.demo import made_up
from autograder.course.course import Course
from autograder.errors import CannotGrade, UsageError
from autograder.run import Graded, cluster, scheduler, travel
from autograder.run.batch import Batch
from autograder.run.worker import Job
from tests.conftest import REPO, autograder, command, copied, released
from tests.killer import misused
from tests.loopback import Cable, Loopback, certified, free_port, loopback, speaker
from tests.test_interrupted import scores

pytestmark = [pytest.mark.slow(40), pytest.mark.filterwarnings("default")]

STUDENTS = 24

FIRST, KILLER = "student-000", "student-007"

TURNS = 20
"""Times in a row that a fault is got over."""

Happens = Callable[[], object]

again_and_again = pytest.mark.usefixtures("turn")


@pytest.fixture(params=range(TURNS))
def turn(request: pytest.FixtureRequest) -> int:
    """Which time it is that something fails."""
    return int(request.param)


@pytest.fixture(scope="module")
def handed_in(released_course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A released course with a class of all kinds: right, wrong, broken, a link, files beside it."""
    course = copied(released_course, tmp_path_factory.mktemp("class") / "course")
    kinds = [student.notebook for student in made_up(course.assignment("mlp"), released("mlp"))]
    texts = [kind if isinstance(kind, str) else json.dumps(kind) for kind in kinds]
    for number in range(STUDENTS):
        path = course.expected("mlp", f"student-{number:03}")
        path.parent.mkdir(parents=True)
        path.write_text(texts[number % len(texts)], encoding="utf-8")
    course.expected("mlp", FIRST).with_name("copy.ipynb").write_text(texts[1], encoding="utf-8")
    shutil.copytree(REPO / "data_utils", course.expected("mlp", FIRST).parent / "data_utils")
    for name in ("linked", "elsewhere"):
        course.expected("mlp", name).parent.mkdir(parents=True)
    course.expected("mlp", "linked").symlink_to(course.expected("mlp", FIRST))
    course.expected("mlp", "elsewhere").with_name("mlp-final.ipynb").write_text(texts[0], encoding="utf-8")
    return course


@pytest.fixture(scope="module")
def undisturbed(handed_in: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The class, graded on this machine alone."""
    course = copied(handed_in, tmp_path_factory.mktemp("undisturbed") / "course")
    assert autograder("grade", "mlp", "--course", course.root, "--workers", "2").returncode == 1
    return course


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """A cluster with two workers, to which nothing happens."""
    with loopback(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Loopback]:
    """A cluster of a test's own, without workers so far."""
    (tmp_path / "cluster").mkdir()
    with loopback(tmp_path / "cluster", workers=0) as started:
        yield started


@pytest.fixture
def course(handed_in: Course, tmp_path: Path) -> Course:
    """The class in a course of one's own."""
    return copied(handed_in, tmp_path / "course")


def written(course: Course) -> dict[str, object]:
    """All that a run writes, byte for byte, but for the time that it took."""
    found: dict[str, object] = {}
    for path in sorted((course.root / ".autograder/records/mlp").glob("*.json")):
        record = json.loads(path.read_bytes())
        del record["graded"], record["result"]["seconds"]
        found[path.name] = json.dumps(record)
    for path in sorted((course.root / "autograded").rglob("*.*")):
        found[str(path.relative_to(course.root))] = path.read_bytes()
    return found | dict(scores(course))


def graded(course: Course, address: str, happens: Happens = lambda: None, after: int = 3) -> tuple[list[Graded], Batch]:
    """Grade on a cluster; after some submissions, something happens."""
    with Batch(course, "mlp", cluster=address) as batch:
        found = []
        for one in batch:
            found.append(one)
            if len(found) == after:
                happens()
    return found, batch


def whole(course: Course, undisturbed: Course, found: list[Graded]) -> None:
    """Everybody is graded once, and as on one machine."""
    students = [one.student for one in found]
    assert len(students) == len(set(students)) == STUDENTS + 2
    assert written(course) == written(undisturbed)


def test_a_cluster_writes_what_one_machine_writes(course: Course, undisturbed: Course, two: Loopback) -> None:
    """Records, autograded notebooks and scores are the same, byte for byte, and so is what the command says.

    A run that goes on from there grades nobody again.
    """
    here = command("grade", "mlp", "--course", undisturbed.root, "--force", "--workers", "1")
    there = command("grade", "mlp", "--course", course.root, "--cluster", two.address)
    again = command("grade", "mlp", "--course", course.root, "--cluster", two.address)

    assert (there.returncode, there.stdout) == (here.returncode, here.stdout)
    assert written(course) == written(undisturbed)
    assert f"{STUDENTS + 2} of {STUDENTS + 2} had not changed since they were graded" in again.stdout


def test_a_cluster_with_tls_grades_whoever_has_its_certificates(
    course: Course, undisturbed: Course, tmp_path: Path
) -> None:
    """Dask's own settings name them, and nothing is said of what could be read; without them, a sentence is."""
    certificates = certified(tmp_path)
    command = ("grade", "mlp", "--course", course.root, "--cluster")
    with loopback(tmp_path, certificates=certificates) as secret:
        refused = autograder(*command, secret.address)
        graded = autograder(*command, secret.address, settings=certificates)

    assert refused.returncode == 1
    assert f"The scheduler at {secret.address} wants a certificate" in refused.stderr
    assert graded.returncode == 1  # some need a person
    assert "has no TLS" not in graded.stderr
    assert written(course) == written(undisturbed)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("ca-file", None, "distributed.comm.tls.ca-file is not set here"),
        ("client.cert", None, "distributed.comm.tls.client.cert is not set here"),
        ("ca-file", "no.pem", "no.pem, which distributed.comm.tls.ca-file names, can't be read (No such file or dir"),
        ("client.key", "no.pem", "no.pem, which distributed.comm.tls.client.key names, can't be read (No such file"),
        ("client.key", "ca.pem", "those that distributed.comm.tls names here can't be used ("),
    ],
)
def test_a_setting_of_tls_that_is_lacking_or_wrong_is_named(
    setting: str, value: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything is connected."""
    certified(tmp_path)
    monkeypatch.chdir(tmp_path)
    right = {"ca-file": "ca.pem", "client.cert": "cert.pem", "client.key": "key.pem"}
    settings = {f"distributed.comm.tls.{name}": value for name, value in (right | {setting: value}).items()}
    with dask.config.set(settings), pytest.raises(CannotGrade) as stopped:
        scheduler.connected("tls://127.0.0.1:1")

    assert f"wants a certificate, and {told}" in str(stopped.value)


LIES = {
    "a pickle": "Trojan()",
    "no bytes": "['full marks']",
    "no record": "b'{}'",
    "another student's": "answer.replace(b'student-0', b'nobody-0')",
    "more points": "answer.replace(b'\"points\":0.0', b'\"points\":99.0').replace(b'\"score\":', b'\"score\":9')",
    "another maximum": "answer.replace(b'\"max_score\":12.0', b'\"max_score\":13.0')",
    "other hidden inputs": 'answer.replace(b\'"seed":"\', b\'"seed":"f\')',
}

LIAR = """
from autograder.run.travel import Station
class Trojan:
    def __reduce__(self):
        return open, ({opened!r}, "w")
honest = getattr(Station, "honest", Station.grade)  # Dask may load this twice
def grade(self, digest, order):
    answer = honest(self, digest, order)
    return {lie}
Station.honest, Station.grade = honest, grade
"""


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.everything
def test_an_answer_that_is_no_record_of_the_submission_is_no_score(
    lie: str, course: Course, undisturbed: Course, own: Loopback, tmp_path: Path
) -> None:
    """It is a fault of the grader, for a person to see; a pickle is not opened."""
    opened = tmp_path / "opened"
    (tmp_path / "lie.py").write_text(LIAR.format(opened=str(opened), lie=LIES[lie]), "utf-8")
    own.work("--preload", str(tmp_path / "lie.py"))
    found, _ = graded(course, own.address)
    right = scores(undisturbed)
    held = {one.student: one.result.score for one in found if one.result.status != "grader_error"}

    assert "grader_error" in {one.result.status for one in found}
    assert {who: score for who, score in held.items() if who in right and right[who] != score} == {}
    assert {one.result.score for one in found if one.result.status == "grader_error"} == {0.0}
    assert scores(course).items() <= right.items()
    assert not opened.exists()


@again_and_again
@pytest.mark.everything
@pytest.mark.parametrize("many", [1, 2])
def test_workers_that_are_killed_are_done_without(
    many: int, course: Course, undisturbed: Course, own: Loopback
) -> None:
    """What they were at is graded by the others, or by those that come in their place."""
    workers = [own.work(), own.work()]

    def happens() -> None:
        for worker in workers[:many]:
            worker.kill()
        if many == len(workers):
            own.work()

    found, _ = graded(course, own.address, happens)
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_scheduler_that_is_started_anew_loses_nothing(course: Course, undisturbed: Course, own: Loopback) -> None:
    """The run waits for it and for workers, and goes on."""
    own.work()

    def happens() -> None:
        own.scheduler.kill()
        own.scheduler.wait()
        own.schedule()
        own.work()

    found, _ = graded(course, own.address, happens)
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_scheduler_that_stands_still_for_a_while_loses_nothing(
    course: Course, undisturbed: Course, own: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run connects again once it goes on, and what was on the way counts once."""
    monkeypatch.setattr(scheduler, "CONNECT_S", 2.0)
    own.work()

    def happens() -> None:
        own.scheduler.send_signal(signal.SIGSTOP)
        threading.Timer(10, own.scheduler.send_signal, [signal.SIGCONT]).start()

    found, _ = graded(course, own.address, happens)
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_connection_that_is_lost_is_made_again(course: Course, undisturbed: Course, own: Loopback) -> None:
    """Answers that were on the way are asked for again, and none counts twice."""
    own.work()
    cable = Cable(own.port)
    try:
        found, _ = graded(course, cable.address, cable.cut)
    finally:
        cable.close()
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_worker_that_is_slow_holds_nobody_up_for_long(course: Course, undisturbed: Course, own: Loopback) -> None:
    """What it has waits for it; when it goes on, each of its answers counts once."""
    workers = [own.work(), own.work()]

    def happens() -> None:
        workers[0].send_signal(signal.SIGSTOP)
        threading.Timer(8, workers[0].send_signal, [signal.SIGCONT]).start()

    found, _ = graded(course, own.address, happens)
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_worker_that_stands_still_is_given_up(
    course: Course, undisturbed: Course, own: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has is graded by the other; answers that come too late count for nothing."""
    monkeypatch.setattr(Batch, "_patience", 2.0)
    workers = [own.work(), own.work()]

    def happens() -> None:
        workers[0].send_signal(signal.SIGSTOP)
        threading.Timer(25, workers[0].send_signal, [signal.SIGCONT]).start()

    found, _ = graded(course, own.address, happens)
    whole(course, undisturbed, found)


@pytest.mark.parametrize("idle_s", [3600.0, pytest.param(0.0, marks=pytest.mark.everything)])
def test_an_assignment_that_is_at_work_is_not_dropped_for_another(
    idle_s: float, course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else runs for more assignments than are kept would start pools in turn, and grade nothing."""
    monkeypatch.setattr(travel, "KEPT", 1)
    monkeypatch.setattr(travel, "IDLE_S", idle_s)
    one, other = (travel.packed(Job(course, "mlp", seed, trust=True), {}) for seed in ("one", "other"))
    station = travel.Station()
    try:
        told = [station.take(*one, 1, tmp_path), station.take(*other, 1, tmp_path)]
        assert told == [b"", travel.BUSY if idle_s else b""]
        assert station.grade(other[0] if idle_s else one[0], b"") == travel.UNKNOWN
    finally:
        station.close()


@pytest.mark.everything
def test_a_worker_that_is_at_other_assignments_is_asked_again(
    course: Course, own: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is somebody that a run waits for, and none that it refuses."""
    monkeypatch.setattr(cluster, "AGAIN_S", 0.5)
    busy = (
        "from autograder.run import travel\n"
        "honest = getattr(travel.Station, 'honest', travel.Station.take)  # Dask may load this twice\n"
        "answers = [travel.BUSY] * 3\n"
        "def take(*given):\n"
        "    return answers.pop() if answers else honest(*given)\n"
        "travel.Station.honest, travel.Station.take = honest, take\n"
    )
    (tmp_path / "busy.py").write_text(busy, "utf-8")
    own.work("--preload", str(tmp_path / "busy.py"))
    with Batch(course, "mlp", student=FIRST, cluster=own.address) as batch:
        assert [one.student for one in batch] == [FIRST]
    assert batch.told == ()


def elsewhere(folder: Path, what: str) -> Path:
    """A folder that is looked into first, with another version of something, or with something in the kit's place."""
    if what == "torch":
        (folder / "torch-9.9.9.dist-info").mkdir(parents=True)
        (folder / "torch-9.9.9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9\n")
        return folder
    if what == "kit":
        shutil.copytree(REPO / "autograder", folder / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
        about = folder / "autograder/__init__.py"
        about.write_text(about.read_text("utf-8") + '\n__version__ = "0.0.1"\n', "utf-8")
        return folder
    (folder / "autograder").mkdir(parents=True)
    (folder / "autograder/__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'autograder'\")\n")
    return folder


OTHERS = {
    "no kit": f"It has no backprop-kit {__version__} (No module named 'autograder'). Install it there.",
    "kit": f"It has backprop-kit 0.0.1, and this run has {__version__}: scores could differ.",
    "torch": "It has torch 9.9.9, and this run has ",
}


@again_and_again
@pytest.mark.everything
@pytest.mark.parametrize("what", OTHERS)
def test_a_worker_with_other_versions_is_not_used(
    what: str, course: Course, undisturbed: Course, own: Loopback, tmp_path: Path
) -> None:
    """A sentence names it, and what it has; where there is no other, nothing is graded."""
    own.work(first=elsewhere(tmp_path / "first", what))
    with pytest.raises(CannotGrade) as stopped:
        graded(course, own.address)
    own.work()
    found, batch = graded(course, own.address)

    assert f"No worker of the cluster at {own.address} can grade." in str(stopped.value)
    assert OTHERS[what] in str(stopped.value)
    assert [told for told in batch.told if OTHERS[what] in told and told.startswith("The worker tcp://127.0.0.1:")]
    whole(course, undisturbed, found)


@again_and_again
@pytest.mark.everything
def test_a_submission_that_ends_its_process_each_time_is_given_up(course: Course, own: Loopback) -> None:
    """After three times a person is asked; nobody else notices. The course's own tests travel to workers."""
    with_killer = misused(course, KILLER, "ends it")
    own.work()
    found, _ = graded(with_killer, own.address)
    results = {one.student: one.result for one in found}

    assert results.pop(KILLER).status == "grader_error"
    assert {result.status for result in results.values()} == {"graded", "unreadable"}
    assert len(results) == STUDENTS + 1


@pytest.mark.parametrize("address", ["", "tcp://course:secret@127.0.0.1:8786"])
def test_what_is_no_address_is_told(address: str, course: Course) -> None:
    """How one looks stands beside it, and no password; nothing is graded on this machine in its place."""
    done = command("grade", "mlp", "--course", course.root, "--cluster", address)

    assert done.returncode == 2
    assert "is not the address of a Dask scheduler. It looks like tcp://HOST:8786" in done.stderr
    assert "secret" not in done.stderr


NO_ADDRESSES = [
    "tcp://", "tcp://:1", "h", "h:", "h:0", "h:-1", "h:abc", "h:99999999", "h:1_0", "::1:1", "[::1]", "[::1:1",
    "tcp://tcp://h:1", "http://h:1", "ucx://h:1", "inproc://x", "h:1/", "h:1/path", "h:1?x", "h:1?x=y", "h:1#",
    "h:1#f", "u@h:1", "u:p@h:1", "h..x:1", ".:1", "h,g:1", "x\\y:1", "%00:1", "\udcff:1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*NO_ADDRESSES, " ", " h:1", "h:1 ", "h:1\n", "h\n.x:1", "h x:1", "\x1b[31mh:1"])
def test_an_address_is_a_protocol_a_host_and_a_port(address: str) -> None:
    """What has another part, or a part that can't be one, would be understood in several ways."""
    with pytest.raises(UsageError, match="is not the address of a Dask scheduler"):
        scheduler.checked(address)


def test_an_address_is_written_in_one_way() -> None:
    """The protocol may be left out, and capitals make no difference."""
    given = ["h:1", "TCP://H.example:08786", "tls://[::1]:1", "wss://10.0.0.1:1", "ws://my_host-1:1"]
    assert [scheduler.checked(address) for address in given] == [
        "tcp://h:1",
        "tcp://h.example:8786",
        "tls://[::1]:1",
        "wss://10.0.0.1:1",
        "ws://my_host-1:1",
    ]


def test_where_nobody_answers_nothing_is_lost(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the address, and what to do."""
    monkeypatch.setattr(scheduler, "CONNECT_S", 1.0)
    done = command("grade", "mlp", "--course", course.root, "--cluster", f"tcp://127.0.0.1:{free_port()}")

    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert "what was graded so far is kept" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"", "has not answered as a Dask scheduler does"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is no Dask scheduler"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Dask scheduler"),
    ],
)
def test_what_listens_and_is_no_scheduler_is_told(
    says: bytes, told: str, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says nothing is waited for no longer than one that isn't there."""
    monkeypatch.setattr(scheduler, "CONNECT_S", 0.5)
    with speaker(says) as address:
        done = command("grade", "mlp", "--course", course.root, "--cluster", address)

    assert done.returncode == 1
    assert f"{address} {told}" in done.stderr
    assert "what was graded so far is kept" in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("fault", "told"), [(signal.SIGSTOP, "has not answered as a Dask scheduler does"), (signal.SIGKILL, "be reached")]
)
def test_a_scheduler_that_is_no_longer_there_is_not_waited_for_for_ever(
    fault: signal.Signals,
    told: str,
    course: Course,
    own: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its connection may be there still, and nothing come over it; Dask adds no words of its own."""
    for logger in ("distributed", "distributed.client"):
        monkeypatch.setattr(logging.getLogger(logger), "handlers", [caplog.handler])
    run = cluster.Cluster(own.address, Job(course, "mlp", "seed", False), 1.0)
    monkeypatch.setattr(scheduler, "CONNECT_S", 0.5)
    monkeypatch.setattr(cluster, "NOBODY_S", 1.0)
    own.scheduler.send_signal(fault)
    run.learn({})
    try:
        with pytest.raises(CannotGrade, match=told):
            run.submit(b"").result(60)
    finally:
        run.close(at_once=True)
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:1", False),
        ("tcp://localhost:1", False),
        ("tls://10.0.0.1:1", False),
        ("tcp://10.0.0.1:1", True),
    ],
)
def test_a_cluster_without_tls_is_told_of_unless_it_is_here(address: str, told: bool) -> None:
    """What travels could be read and changed between."""
    assert ("has no TLS" in scheduler.readable(address)) == told
