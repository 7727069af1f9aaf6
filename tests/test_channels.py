"""What one notebook keeps, no other sees: not the one beside it, nor the one after it, nor anything of other processes.

Each relay is tried both ways: some processes keep, others don't, and what is seen then must not tell which.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.course.course import Course
from autograder.jail import libraries
from autograder.jail.host import Inmate, Jail, JailUnavailable, Killed, Level, Limits
from autograder.jail.session import Step
from autograder.jail.threads import MOST
from tests.attacks import write
from tests.conftest import command, copied, notebook_of
from tests.hostile import RELAYS

pytestmark = pytest.mark.slow

PATIENT = Limits(call_s=60.0, cell_s=60.0, cpu_s=60, memory_mib=256, file_mib=8, frame_mib=8, output_bytes=4096)

MESSAGES = (False, False, True, True)
"""Whether something is kept, one time after the other: what stays for good is seen the first time only."""

OPEN: dict[Level, set[str]] = {"full": set(), "portable": {"numbers of processes", "processes by their folders"}}
"""Relays that no layer closes there: README names them."""

KITS_OWN = {
    "memory that is shared", "places in open files", "names, modules and the environment", "how it ended",
    "threads that may still be started", "threads in their parent's memory",
    "numbers of processes in their parent's memory",
}  # fmt: skip
"""Relays that hang on what a zygote keeps or a fork is given: there is no such thing without a jail."""

TIMES = 5
"""Times that a relay is tried which does tell: what else goes on on this machine may drown it out."""

HARMFUL = {"files", "signals that wait", "times and modes of devices", "the name of the machine"}
"""Relays that would change the machine of a developer."""


def tells(changes: Sequence[float]) -> bool:
    """Whether how what is seen has changed, message by message, tells them apart: by half of what a relay calls one."""
    idle, kept = (
        [change for change, keeps in zip(changes, MESSAGES, strict=True) if keeps == it] for it in (False, True)
    )
    return max(kept) > max(idle) + 0.5 or min(kept) < min(idle) - 0.5


@pytest.fixture(scope="module", params=["full", "portable"])
def jail(request: pytest.FixtureRequest) -> Iterator[Jail]:
    """A jail with all layers, and one with the portable ones alone."""
    with opened(request.param) as found:
        yield found


def opened(level: Level) -> Jail:
    """Open a jail with these layers, or with what this machine has."""
    with contextlib.suppress(JailUnavailable):
        return Jail(level, PATIENT)
    return Jail(None, PATIENT)


def run(inmate: Inmate, source: str) -> str:
    """Run a cell that raises nothing; what it printed."""
    assert inmate.execute(Step(0, 1, source)) == []
    return inmate.printed.pop(0, "")


def look(jail: Jail, name: str) -> float:
    """See by a relay, from a process of its own, what there is."""
    with jail.fork() as reader:
        return float(run(reader, RELAYS[name] + "\nprint(float(seen()))"))


@contextlib.contextmanager
def keeper(jail: Jail, name: str, keeps: bool) -> Iterator[None]:
    """A process that keeps something, or doesn't, while it lives."""
    with jail.fork() as inmate:
        run(inmate, RELAYS[name])
        with contextlib.suppress(Killed):
            run(inmate, "keep()" if keeps else "pass")
        yield


@pytest.mark.sample(10, "name")
@pytest.mark.parametrize("name", RELAYS)
def test_nothing_is_told_to_another_process(jail: Jail, name: str) -> None:
    """Neither beside it nor after it can it be told whether a process has kept something, but where README says so."""

    def told() -> bool:
        beside, after = [], []
        for keeps in MESSAGES:
            before = look(jail, name)
            with keeper(jail, name, keeps):
                beside.append(look(jail, name) - before)
            after.append(look(jail, name) - before)
        print(beside, after)
        return tells(beside) or tells(after)

    if name in OPEN[jail.level]:
        assert any(told() for _ in range(TIMES))
    else:
        assert not told()


@pytest.fixture(scope="module")
def neighbour(jail: Jail) -> Iterator[Jail]:
    """Another jail of the same layers, which lives at the same time."""
    with opened(jail.level) as other:
        yield other


@pytest.mark.sample(5, "name")
@pytest.mark.parametrize("name", sorted(RELAYS.keys() - OPEN["portable"]))
def test_nothing_is_told_to_another_jail(jail: Jail, neighbour: Jail, name: str) -> None:
    """Nor can it be told in a fork of another zygote, as another worker has it."""
    beside = []
    for keeps in MESSAGES:
        before = look(neighbour, name)
        with keeper(jail, name, keeps):
            beside.append(look(neighbour, name) - before)
    assert not tells(beside), beside


UNLOCKED = """
import os, signal, sys, time

def child(source):
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            scope = {}
            exec(sys.argv[1], scope)
            os.write(theirs, repr(float(eval(source, scope) or 0)).encode())
        finally:
            time.sleep(99)
    told = os.read(ours, 99)
    os.close(ours)
    os.close(theirs)
    return pid, float(told)

def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

def look():
    pid, told = child("seen()")
    end(pid)
    return told

for keeps in MESSAGES:
    before = look()
    pid, _ = child("keep()" if keeps else "None")
    print(look() - before)
    end(pid)
"""


@pytest.mark.sample(6, "name")
@pytest.mark.parametrize("name", sorted(RELAYS.keys() - KITS_OWN - HARMFUL))
def test_a_relay_tells_without_a_jail(name: str) -> None:
    """The relays do relay: forks of a process that nobody has locked see what one of them has kept."""

    def told() -> bool:
        with Path(os.devnull).open("r+b") as shared:
            done = subprocess.run(
                [sys.executable, "-c", f"MESSAGES = {MESSAGES}\n{UNLOCKED}", RELAYS[name]],
                stdin=shared,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        print(done.stdout)
        return tells([*map(float, done.stdout.split())])

    assert any(told() for _ in range(TIMES))


OTHERS = """
import ctypes, errno, os, struct
PIDS += [os.getppid() or 4, os.getpid() - 1 or 5]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
room = ctypes.create_string_buffer(256)

def raw(x86, arm, *arguments):
    filled = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    done = libc.syscall(ctypes.c_long(x86 if X86 else arm), *filled)
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]

def locked_by(pid, operation):
    return raw(202, 98, struct.pack("I", pid), operation, 0, struct.pack("qq", 0, 10**6), 0, 0)

WAYS = {
    "kill": lambda pid: raw(62, 129, pid, 0),
    "kill a group": lambda pid: raw(62, 129, -pid, 0),
    "tkill": lambda pid: raw(200, 130, pid, 0),
    "tgkill": lambda pid: raw(234, 131, pid, pid, 0),
    "tgkill of one's own": lambda pid: raw(234, 131, os.getpid(), pid, 0),
    "rt_sigqueueinfo": lambda pid: raw(129, 138, pid, 40, bytes(128)),
    "rt_tgsigqueueinfo": lambda pid: raw(297, 240, pid, pid, 40, bytes(128)),
    "pidfd_open": lambda pid: raw(434, 434, pid, 0),
    "process_vm_readv": lambda pid: raw(310, 270, pid, room, 0, room, 0, 0),
    "process_madvise": lambda pid: raw(440, 440, pid, room, 0, 4, 0),
    "ptrace": lambda pid: raw(101, 117, 16, pid, 0, 0),
    "kcmp": lambda pid: raw(312, 272, pid, os.getpid(), 0, 0, 0),
    "getpgid": lambda pid: raw(121, 155, pid),
    "getsid": lambda pid: raw(124, 156, pid),
    "setpgid": lambda pid: raw(109, 154, pid, pid),
    "getpriority": lambda pid: raw(140, 141, 0, pid),
    "setpriority": lambda pid: raw(141, 140, 0, pid, 5),
    "ioprio_get": lambda pid: raw(252, 31, 1, pid),
    "prlimit": lambda pid: raw(302, 261, pid, 7, 0, room),
    "capget": lambda pid: raw(125, 90, struct.pack("Ii", 0x20080522, pid), room),
    "sched_getaffinity": lambda pid: raw(204, 123, pid, 128, room),
    "sched_getscheduler": lambda pid: raw(145, 120, pid),
    "sched_getparam": lambda pid: raw(143, 121, pid, room),
    "sched_getattr": lambda pid: raw(315, 275, pid, room, 48, 0),
    "sched_rr_get_interval": lambda pid: raw(148, 127, pid, room),
    "get_robust_list": lambda pid: raw(274, 100, pid, room, room),
    "move_pages": lambda pid: raw(279, 239, pid, 0, room, room, room, 0),
    "the clock of a process": lambda pid: raw(228, 113, (~pid << 3) | 2, room),
    "its resolution": lambda pid: raw(229, 114, (~pid << 3) | 2, room),
    "sleep by it": lambda pid: raw(230, 115, (~pid << 3) | 2, 0, bytes(16), 0),
    "wait4": lambda pid: raw(61, 260, pid, 0, 1, 0),
    "waitid": lambda pid: raw(247, 95, 1, pid, room, 5, 0),
    **{f"futex {each}": lambda pid, each=each: locked_by(pid, each) for each in (6, 8, 11, 13, 134, 136, 139, 141)},
}
print(sorted(name for name, way in WAYS.items() if len({way(pid) for pid in PIDS if pid != os.getpid()}) > 1))
"""


def test_no_call_says_whether_a_process_exists(jail: Jail) -> None:
    """With the number of another process and with one that nobody has, each call gives one and the same error."""
    assert jail.process is not None
    pids = [1, 2, 3, os.getpid(), jail.process.pid, 99_999, 4_100_000]
    with jail.fork(), jail.fork() as inmate:
        told = run(inmate, f"PIDS = {pids}\n{OTHERS}")
    assert told == "[]\n"


COUNTED = """
import threading
threading.stack_size(1 << 15)

def count():
    done, started = threading.Event(), []
    try:
        while len(started) < 2000:
            started.append(threading.Thread(target=done.wait))
            started[-1].start()
    except RuntimeError:
        started.pop()
    done.set()
    for each in started:
        each.join()
    return len(started)
"""


def test_threads_are_bounded(jail: Jail) -> None:
    """A fork has so many threads at a time, whoever runs it, and as many again when they have ended."""
    with jail.fork() as inmate, jail.fork() as other:
        run(other, f"{COUNTED}\nthreading.Thread(target=threading.Event().wait, daemon=True).start()")
        run(inmate, COUNTED)
        assert [int(run(inmate, "print(count())")) for _ in range(2)] == [MOST] * 2
        assert int(run(other, "print(count())")) == MOST - 1


def test_threads_are_joined(jail: Jail) -> None:
    """Who waits for a thread is told of its end, by Python's threads and by those of a library."""
    source = """
import concurrent.futures, ctypes, threading, time
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    assert list(pool.map(abs, range(-100, 0))) == list(range(100, 0, -1))
made, libc, ended = ctypes.c_ulong(), ctypes.CDLL(None), []
slow = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: time.sleep(0.1) or ended.append(1))
for _ in range(3):
    assert libc.pthread_create(ctypes.byref(made), None, slow, None) == 0
    assert libc.pthread_join(made, None) == 0
assert len(ended) == 3
"""
    with jail.fork() as inmate:
        run(inmate, source)


def test_reading_a_library_leaves_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all layers, the time of the last access to a file and to a folder stays as it was."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made).resolve() / "library.py"
        file.write_text("x = 1")
        for path in (file.parent, file):
            path.chmod(0o755)
            os.utime(path, (1, time.time()))
        found = libraries.find()
        monkeypatch.setattr(libraries, "find", lambda: replace(found, readable=(*found.readable, str(file.parent))))
        with opened("full") as jail, jail.fork() as inmate:
            told = run(inmate, f"import os\nprint(open({str(file)!r}).read(), os.listdir({str(file.parent)!r}))")
            assert told == "x = 1 ['library.py']\n"
        if jail.level == "full":
            assert {path.stat().st_atime for path in (file, file.parent)} == {1}


QUICK = (
    "a text in record locks of descriptor 0", "a lock of a library", "flags of descriptors", "files", "keys",
    "names, modules and the environment", "shared memory of System V", "times and modes of devices",
    "numbers of processes in their parent's memory", "how it ended",
)  # fmt: skip
"""Relays for one notebook; the last one ends it."""

LOADING = f"""
relays = []
for source in {[RELAYS[name] for name in QUICK]!r}:
    relays.append({{}})
    exec(source, relays[-1])
"""
KEEPING = """
def sigma(x):
    for relay in relays:
        try:
            relay["keep"]()
        except Exception:
            pass
    return x
"""
SEEING = "import torch\nsigma = torch.tanh\nprint('seen:', [float(relay['seen']()) for relay in relays])"


def test_a_student_sees_nothing_of_the_one_before(released_course: Course, tmp_path: Path) -> None:
    """What one's function keeps while it is graded, the notebook graded next doesn't see; its record is the same."""
    course = copied(released_course, tmp_path / "course")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text("utf-8") + "\nc.BackpropKit.run_all = True\n", "utf-8")
    for who, last in (("a", SEEING), ("b", KEEPING), ("c", SEEING)):
        write(course.root / "submitted" / who / "mlp", notebook_of(LOADING, last))
    done = command("grade", "mlp", "--workers", "1", "--course", course.root)

    assert done.returncode == 0, done.stderr
    first, keeper, last = (timeless(course, who) for who in "abc")
    assert first == last
    assert "seen: [" in first[1]
    assert (first[0]["score"], keeper[0]["score"]) == (1, 0)


def timeless(course: Course, who: str) -> tuple[dict[str, Any], str]:
    """A student's record, without the name and how long it took, and the outputs of the autograded notebook."""
    record = json.loads((course.root / f".autograder/records/mlp/{who}.json").read_text("utf-8"))["result"]
    cells = json.loads((course.root / f"autograded/{who}/mlp/mlp.ipynb").read_text("utf-8"))["cells"]
    outputs = json.dumps([cell.get("outputs") for cell in cells])
    return {key: value for key, value in record.items() if key not in {"submission", "seconds"}}, outputs
