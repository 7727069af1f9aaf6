"""The jail holds: hostile code reaches nothing, costs nothing but itself, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from autograder.jail import host, layers, libraries, probe, seccomp, syscalls
from autograder.jail.host import Inmate, Jail, JailUnavailable, Killed, Level, Limits, TimedOut
from autograder.jail.session import Raised, Step
from autograder.jail.wire import Foreign, WireError
from tests.family import all_ended, wait_until
from tests.hostile import CELLS, prelude

REPO = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

PATIENT = Limits(call_s=60.0, cell_s=60.0, cpu_s=60, memory_mib=256, file_mib=8, frame_mib=8, output_bytes=4096)
"""What honest code is held to: on a busy machine, a second's work takes many."""

HURRIED = replace(PATIENT, call_s=1.5, cell_s=1.5)
"""What has to be stopped is stopped soon."""

FLOWS = """
import torch

def won(nb):
    return {"won": 1.0 if nb.won else 0.0}

def double(nb, x):
    return {"y": nb.double(x), "n": 1.5, "nothing": None, "several": (1, [x]), "what": object()}

def ask(nb, **tensors):
    return nb.asked(**tensors)
"""

CANARY = f"CANARY-{uuid.uuid4().hex}"
"""A secret of the host's: in its memory and its environment."""


@pytest.fixture(scope="module", params=["full", "portable"])
def jail(request: pytest.FixtureRequest) -> Iterator[Jail]:
    """A jail with all layers, and one with the portable ones alone."""
    level: Level = request.param
    os.environ["CANARY"] = CANARY
    try:
        opened = Jail(level, PATIENT)
    except JailUnavailable:  # then the machine says why, and the next best is what is tried
        opened = Jail(None, PATIENT)
        assert opened.level == "portable"
        assert opened.off["namespaces"]
    with opened:
        yield opened
    del os.environ["CANARY"]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made).resolve()


@pytest.fixture
def secret(folder: Path) -> Path:
    """A file of the host's that everybody may read and write, by its permissions."""
    file = folder / "secret"
    file.write_text(CANARY)
    file.chmod(0o666)
    return file


def run(inmate: Inmate, source: str, cell: int = 0) -> list[str]:
    """Run a cell as one statement after another, as a grader does; the names of the exceptions that ended some."""
    return [fault.fault.type_name for fault in inmate.execute(Step(cell, 1, source))]


def facts(secret: Path, port: int) -> dict[str, object]:
    """What an attack is told of the host."""
    return {
        "SECRET": str(secret),
        "FOLDER": str(secret.parent),
        "REPO": str(REPO / "autograder"),
        "HOST": os.getpid(),
        "PORT": port,
    }


@contextlib.contextmanager
def hurried(jail: Jail) -> Iterator[None]:
    """Stop what takes its time."""
    jail.limits = HURRIED
    try:
        yield
    finally:
        jail.limits = PATIENT


def processes(jail: Jail) -> int:
    """How many processes a jail consists of."""
    assert jail.process is not None
    return 1 + len(psutil.Process(jail.process.pid).children(recursive=True))


ALONE = {"full": 2, "portable": 1}
"""Processes of a jail without forks: the zygote, and the one that waits for it outside its namespaces."""


def alone(jail: Jail) -> None:
    """Wait until a jail is without forks: one that is killed takes a moment to end."""
    wait_until(lambda: processes(jail) == ALONE[jail.level])


@pytest.mark.sample(18, "name")
@pytest.mark.parametrize("name", CELLS)
def test_an_attack_is_contained(jail: Jail, name: str, secret: Path, port: int) -> None:
    """It wins nothing, harms nothing of the host's, leaves no process, and the next notebook is graded."""
    zygote = jail.process
    before = secret.stat()
    with jail.fork() as inmate:
        assert run(inmate, prelude(facts(secret, port))) == []
        try:
            with hurried(jail):
                run(inmate, CELLS[name])
                answers = [inmate.call(FLOWS, "won", {}) for _ in range(2)]
        except (TimedOut, Killed, WireError, Raised):  # one that leaves itself no memory raises: it has not won either
            pass
        else:
            assert answers == [{"won": 0.0}] * 2
        assert CANARY not in json.dumps(inmate.printed)
    after = secret.stat()
    assert secret.read_text() == CANARY
    assert (before.st_mode, before.st_uid, before.st_nlink, before.st_mtime_ns) == (
        after.st_mode,
        after.st_uid,
        after.st_nlink,
        after.st_mtime_ns,
    )
    assert [entry.name for entry in secret.parent.iterdir()] == ["secret"]
    with jail.fork() as honest:
        assert run(honest, "def double(x): return 2 * x") == []
        assert torch.equal(doubled(honest), torch.tensor([2.0, 4.0]))
    alone(jail)
    assert jail.process is zygote


HARMLESS_OUTSIDE = [
    "tcp",
    "udp",
    "unix socket",
    "raw socket call",
    "read the host's file",
    "read the kit",
    "import the kit from its folder",
    "climb out",
    "link to the host's file",
    "write the host's file",
    "subprocess",
    "spawn",
    "shell",
    "memfd",
    "shared memory by name",
    "signals by way of a file",
    "affinity of its own",
    "environment",
    "environment it began with",
    "other processes",
    "whole memory",
]
"""Attacks that do no harm to the machine of a developer."""


@pytest.mark.sample(5, "name")
@pytest.mark.parametrize("name", HARMLESS_OUTSIDE)
def test_an_attack_wins_without_a_jail(name: str, secret: Path, port: int, folder: Path) -> None:
    """The attacks do attack: the same code, in a process of its own, gets what it wants."""
    script = prelude(facts(secret, port)) + CELLS[name] + "\nprint('won' if won else 'lost')\nos._exit(0)"
    done = subprocess.run(
        [sys.executable, "-u", "-c", script],
        env={**os.environ, "CANARY": CANARY},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-1:] == ["won"], done.stderr


def doubled(inmate: Inmate) -> torch.Tensor:
    """What an honest notebook answers."""
    y = inmate.call(FLOWS, "double", {"x": torch.tensor([1.0, 2.0])})["y"]
    assert isinstance(y, torch.Tensor)
    return y


def test_a_call_means_what_it_means_without_a_jail(jail: Jail) -> None:
    """Tensors, numbers, None, tuples and foreign things come back; the notebook's globals are put back."""
    with jail.fork() as inmate:
        assert run(inmate, "import torch\nk = 2\ndef double(x):\n    global k\n    k += 1\n    return 2 * x") == []
        for _ in range(2):
            done = inmate.call(FLOWS, "double", {"x": torch.tensor([[1.0]])})
            assert done["n"] == 1.5
            assert done["nothing"] is None
            assert done["what"] == Foreign("object")
            number, (tensor,) = done["several"]  # type: ignore[misc, union-attr]
            assert number == 1.0
            assert torch.equal(tensor, torch.tensor([[1.0]]))  # type: ignore[arg-type]
        assert run(inmate, "assert k == 2") == []


def test_a_students_exception_is_told_with_its_place(jail: Jail) -> None:
    """Type, text and line of what a function raised; the notebook goes on living."""
    with jail.fork() as inmate:
        (fault,) = inmate.execute(Step(4, 2, "def double(x):\n    return 1 / 0\n1 / 0"))
        assert (fault.cell, fault.line, fault.fault.type_name) == (4, 2, "ZeroDivisionError")
        for _ in range(2):
            with pytest.raises(Raised) as raised:
                inmate.call(FLOWS, "double", {"x": torch.ones(1)})
            assert raised.value.fault.frames == ((4, 3, "double"),)
        with pytest.raises(Raised) as raised:
            inmate.call(FLOWS, "ask", {})
        assert raised.value.fault.missing == "asked"


@pytest.mark.parametrize(
    "leaves", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "type('Own', (BaseException,), {})", "MemoryError"]
)
def test_leaving_ends_a_call_and_not_the_notebook(jail: Jail, leaves: str) -> None:
    """Whatever a function raises, the next call is answered."""
    with jail.fork() as inmate:
        assert run(inmate, f"def double(x): raise {leaves}\ndef asked(): return {{'y': 1}}") == []
        with pytest.raises(Raised):
            inmate.call(FLOWS, "double", {"x": torch.ones(1)})
        assert inmate.call(FLOWS, "ask", {}) == {"y": 1.0}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("while True:\n        pass", TimedOut),
        ("import threading; threading.Event().wait(99)", TimedOut),
        ("import os; os._exit(3)", Killed),
        ("import ctypes; ctypes.string_at(0)", Killed),
        ("import os; os.write(3, b'x' * 100)", WireError),
        ("import os; os.close(3)", Killed),
        ("return {'y': torch.zeros(1 << 23)}", None),
        ("return {'y': [torch.zeros(1 << 19)] * 60}", None),
    ],
)
def test_one_crash_ends_one_call(jail: Jail, body: str, expected: type[Exception] | None) -> None:
    """A call that never answers, or answers wrongly, is told as what it was; its process is gone, and says so."""
    with jail.fork() as inmate:
        assert run(inmate, f"import torch\ndef asked():\n    {body}") == []
        if expected is None:
            assert inmate.call(FLOWS, "ask", {})
            return
        with hurried(jail) if expected is TimedOut else contextlib.nullcontext(), pytest.raises(expected):
            inmate.call(FLOWS, "ask", {})
        with pytest.raises(Killed):
            inmate.call(FLOWS, "ask", {})


def test_the_way_a_process_ended_is_told(jail: Jail) -> None:
    """Exit codes and signals reach the verdict."""
    for body, code, words in (("os._exit(3)", 3, "exit code 3"), ("ctypes.string_at(0)", -signal.SIGSEGV, "SIGSEGV")):
        with jail.fork() as inmate, pytest.raises(Killed) as killed:
            run(inmate, f"import os, ctypes\n{body}")
        assert killed.value.code == code
        assert words in str(killed.value)


def test_what_cells_print_is_kept_until_the_first_call(jail: Jail) -> None:
    """Printed text is kept by cell, and cut; after hidden inputs have been seen nothing is."""
    with jail.fork() as inmate:
        run(inmate, "print('one')", cell=1)
        run(inmate, "print('uno')", cell=1)
        run(inmate, "print('x' * 10**6)", cell=2)
        assert inmate.printed[1] == "one\nuno\n"
        assert len("".join(inmate.printed.values())) == PATIENT.output_bytes
    with jail.fork() as inmate:
        run(inmate, "def double(x):\n    global kept\n    print('secret'); return x")
        doubled(inmate)
        run(inmate, "print('secret')", cell=3)
        assert inmate.printed == {}


def test_figures_are_kept_as_pixels_until_the_first_call(jail: Jail) -> None:
    """Each figure with its cell, of bounded size, at the end of the cell or at plt.show."""
    with jail.fork() as inmate:
        run(inmate, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')", cell=1)
        run(inmate, "plt.figure(figsize=(1e3, 1e3))\nplt.show()\nplt.figure()", cell=2)
        drawn = inmate.pictures()
        assert [cell for cell, _ in drawn] == [1, 2, 2]
        assert all(pixels.shape[2] == 4 and max(pixels.shape) <= 1200 for _, pixels in drawn)
        run(inmate, "def double(x): return x")
        doubled(inmate)
        assert inmate.pictures() == []


def test_cells_find_ipython(jail: Jail) -> None:
    """Magics run quietly, shell lines are refused politely, and what isn't here is an error of one statement."""
    with jail.fork() as inmate:
        source = """
ip = get_ipython()
ip.run_line_magic('matplotlib', 'inline')
ip.run_line_magic('time', 'a = 1')
ip.run_line_magic('load_ext', 'autoreload')
ip.run_line_magic('no_such_magic', '')
ip.run_line_magic('config', "InlineBackend.figure_format = 'retina'")
ip.run_cell_magic('time', '', 'b = 2')
ip.run_cell_magic('timeit', '', 'b += 1')
assert (a, b) == (1, 3)
import IPython
assert IPython.get_ipython() is ip
display(IPython.display.HTML('<b>bold</b>'))
exit()
"""
        assert run(inmate, source) == []
        assert "<b>" not in inmate.printed.get(0, "")
        for refused in ("ip.system('ls')", "ip.getoutput('ls')", "ip.run_cell_magic('bash', '', 'ls')"):
            assert run(inmate, refused) == ["PermissionError"]
        assert run(inmate, "input('name?')") == ["EOFError"]
        assert run(inmate, "from google.colab import drive") == ["ModuleNotFoundError"]


def test_notebooks_find_what_they_import(jail: Jail) -> None:
    """The data package, torch and what is installed beside it; threads, too."""
    with jail.fork() as inmate:
        source = """
import threading
import data_utils, torch, numpy, sympy, PIL.Image, json, sqlite3
import torch.nn.functional as F
x = torch.randn(64, 64, requires_grad=True)
(x @ x).relu().sum().backward()
thread = threading.Thread(target=lambda: x.detach() @ x.detach())
thread.start(); thread.join()
"""
        assert inmate.execute(Step(0, 1, source)) == []


def test_an_optimiser_can_be_made(jail: Jail) -> None:
    """What torch loads when an optimiser is made wants a folder that exists; it is not the student's to miss."""
    lines = [
        "import torch",
        "weight = torch.nn.Parameter(torch.ones(1))",
        "weight.clone().backward(torch.ones(1))",
        "torch.optim.SGD([weight], lr=0.5).step()",
        "assert weight.item() == 0.5",
    ]
    with jail.fork() as inmate:
        assert [inmate.execute(Step(0, 1, line)) for line in lines] == [[]] * len(lines)


def test_locks_are_missing_as_on_some_file_systems(jail: Jail) -> None:
    """Libraries that lock files know the error, and go on without, or say so at once; sqlite works in memory."""
    source = """
import errno, fcntl, sqlite3, torch
for lock in (fcntl.flock, fcntl.lockf):
    try:
        lock(open(torch.__file__), fcntl.LOCK_SH)
    except OSError as error:
        assert error.errno == errno.ENOSYS
    else:
        raise AssertionError
assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
"""
    with jail.fork() as inmate:
        assert run(inmate, source) == []


def test_a_file_can_be_written_where_namespaces_are(jail: Jail) -> None:
    """A notebook's own files live in its own small folder, or nowhere."""
    with jail.fork() as inmate:
        source = "import torch, os, shutil\ntorch.save({}, 'x.pt')\nshutil.copy('x.pt', 'y.pt')\ntorch.load('y.pt')"
        assert bool(run(inmate, source)) == (jail.level == "portable")
    with jail.fork() as inmate:
        assert run(inmate, "import os\nassert not os.path.exists('x.pt')") == []


def test_forks_begin_alike(jail: Jail) -> None:
    """Random numbers and the order of sets are the same in every fork."""
    source = (
        "import random, torch, numpy\nprint(random.random(), torch.rand(1), numpy.random.rand(), {'a', 'b', 'c', 'd'})"
    )
    seen = set()
    for _ in range(2):
        with jail.fork() as inmate:
            run(inmate, source)
            seen.add(inmate.printed[0])
    assert len(seen) == 1


def test_forks_know_nothing_of_each_other(jail: Jail) -> None:
    """Two notebooks side by side each have their own globals, and ending one leaves the other."""
    with jail.fork() as first, jail.fork() as second:
        run(first, "def double(x): return 2 * x")
        run(second, "def double(x): return 3 * x")
        assert torch.equal(doubled(second), torch.tensor([3.0, 6.0]))
        second.kill()
        assert torch.equal(doubled(first), torch.tensor([2.0, 4.0]))


def test_a_fork_finds_nothing_of_the_rehearsal(jail: Jail) -> None:
    """What a zygote tries before it forks leaves no name behind."""
    with jail.fork() as inmate:
        names = "left = sorted({'torch', 'layer', 'Layer', 'flow'} & globals().keys())\nassert not left, left"
        assert inmate.execute(Step(0, 1, names)) == []


def test_flows_are_compiled_where_all_forks_find_them(jail: Jail) -> None:
    """A text of flows that was learnt runs its first lines once, in the zygote; one that can't, harms nobody."""
    text = "import time\nmade = time.monotonic_ns()\ndef made_at(nb):\n    return {'at': made}"
    jail.learn("1 / 0")
    jail.learn(text)
    times = []
    for _ in range(2):
        with jail.fork() as inmate:
            times.append(inmate.call(text, "made_at", {})["at"])
            with pytest.raises(Raised) as raised:
                inmate.call("1 / 0", "anything", {})
            assert raised.value.fault.type_name == "ZeroDivisionError"

    assert times[0] == times[1]


def test_a_jail_holds_for_those_whose_files_are_closed_to_others() -> None:
    """With a umask of 077 a folder is closed to the jail's own user, who has to go through it."""
    script = "from autograder.jail import layers; print(layers.report().level)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, umask=0o077, check=False)
    assert done.stdout.strip() == layers.report().level, done.stderr


def test_two_jails_side_by_side(jail: Jail) -> None:
    """Ending one leaves the other."""
    with jail.fork() as inmate:
        run(inmate, "def double(x): return 2 * x")
        with Jail(jail.level, PATIENT) as other, other.fork() as neighbour:
            run(neighbour, "def double(x): return 2 * x")
            assert torch.equal(doubled(neighbour), torch.tensor([2.0, 4.0]))
        assert torch.equal(doubled(inmate), torch.tensor([2.0, 4.0]))


def test_a_killed_zygote_is_replaced(jail: Jail) -> None:
    """Its forks end with it; the next fork comes from a new one."""
    with jail.fork() as inmate:
        assert jail.process is not None
        everyone = [psutil.Process(jail.process.pid), *psutil.Process(jail.process.pid).children(recursive=True)]
        jail.process.kill()
        wait_until(lambda: all_ended(everyone))
        with pytest.raises(Killed):
            run(inmate, "pass")
        with jail.fork() as again:
            assert run(again, "pass") == []


def test_a_zygote_killed_from_within_is_replaced(jail: Jail) -> None:
    """The innermost process of the zygote may go first, too."""
    assert jail.process is not None
    alone(jail)
    family = [psutil.Process(jail.process.pid), *psutil.Process(jail.process.pid).children(recursive=True)]
    family[-1].kill()
    with jail.fork() as again:
        assert run(again, "pass") == []


def test_a_killed_host_leaves_no_process_behind(jail: Jail, tmp_path: Path) -> None:
    """A grader that ends by kill -9 takes its zygote and all forks with it."""
    script = f"""
import sys, time
sys.path.insert(0, {str(REPO)!r})
from autograder.jail.host import Jail
from autograder.jail.session import Step
jail = Jail({jail.level!r})
inmates = [jail.fork() for _ in range(3)]
print(jail.process.pid, flush=True)
inmates[0].execute(Step(0, 1, "while True: pass"))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd="/") as grader:
        assert grader.stdout is not None
        zygote = psutil.Process(int(grader.stdout.readline()))
        family = [zygote, *zygote.children(recursive=True)]
        assert len(family) >= 4
        grader.kill()
        grader.wait()
        wait_until(lambda: all_ended(family))


@pytest.mark.sample(1, "jail")
def test_a_thousand_forks_leak_nothing(jail: Jail) -> None:
    """Descriptors, processes and memory of host and zygote stay as they were."""

    def state() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), processes(jail)

    def memory() -> int:
        assert jail.process is not None
        family = [psutil.Process(jail.process.pid), *psutil.Process(jail.process.pid).children(recursive=True)]
        return max(int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) for process in family) * 4096

    def some(count: int) -> None:
        for _ in range(count):
            with jail.fork() as inmate:
                run(inmate, "x = 1")
        alone(jail)

    some(100)
    before, held = state(), memory()
    some(900)
    assert state() == before
    assert memory() - held < 8 << 20


def test_the_jail_refuses_to_be_less_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """If code inside can do what it must not, there is no jail, and the message says what."""
    monkeypatch.setattr(probe, "_FLOW", "def probe(nb): return {'reach the network': 1.0}")
    with pytest.raises(JailUnavailable, match="reach the network"):
        Jail("portable", PATIENT)


def test_a_machine_that_refuses_namespaces_gets_the_portable_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best that can be had is taken, and what is off says why."""
    monkeypatch.setattr(host.namespaces, "HOME", "/home/student")
    original = Jail._start

    def refusing(self: Jail) -> None:
        if self.level == "full":
            raise JailUnavailable("PermissionError: unshare")
        original(self)

    monkeypatch.setattr(Jail, "_start", refusing)
    with Jail(limits=PATIENT) as jail:
        assert jail.level == "portable"
        assert "unshare" in jail.off["namespaces"]
    with pytest.raises(JailUnavailable, match="unshare"):
        Jail("full", PATIENT)


def test_the_layers_are_told(jail: Jail) -> None:
    """Each layer says whether it is on, what it keeps out, and, if it is off, why."""
    report = layers.report(jail.level)
    assert report.holds
    assert report.level == jail.level
    assert {layer.name for layer in report.layers} >= {"namespaces", "landlock", "seccomp", "limits"}
    assert all(layer.keeps_out for layer in report.layers)
    assert all(layer.on != bool(layer.why_off) for layer in report.layers)


def test_a_machine_without_a_jail_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing holds, the report is no exception but a sentence."""

    def refuse(self: Jail) -> None:
        raise JailUnavailable("nothing holds here")

    monkeypatch.setattr(Jail, "_start", refuse)
    report = layers.report()
    assert not report.holds
    assert report.level is None
    assert "nothing holds here" in report.why


def test_a_kit_beside_torch_is_hidden(jail: Jail, folder: Path) -> None:
    """Installed into the folder that torch is in, the kit is still neither readable nor importable."""
    site = folder / "site-packages"
    site.mkdir()
    for entry in Path(torch.__file__).parents[1].iterdir():
        if entry.name not in {"autograder", "data_utils"} and "backprop" not in entry.name:
            (site / entry.name).symlink_to(entry)
    for package in ("autograder", "data_utils"):
        shutil.copytree(REPO / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    script = f"""
import sys
sys.path.insert(0, {str(site)!r})
import autograder.jail.host as host
from autograder.jail.session import Step
assert host.__file__.startswith({str(site)!r}), host.__file__
with host.Jail({jail.level!r}) as jail, jail.fork() as inmate:
    hidden = {str(site)!r} + '/autograder/errors.py'
    for source in ("import torch, data_utils, sympy", "import autograder.grade", f"open({{hidden!r}})"):
        print([fault.fault.type_name for fault in inmate.execute(Step(0, 1, source))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "[]"
    assert second in {"['ModuleNotFoundError']", "['PermissionError']", "['ImportError']"}
    assert third in {"['FileNotFoundError']", "['PermissionError']"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("own_files", [True, False])
def test_the_filter_lets_through_what_it_names_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, machine: str, own_files: bool
) -> None:
    """Walked through for every call there is, on both processors, the compiled filter says what the list says."""
    numbers = syscalls.numbers_of(machine)
    monkeypatch.setattr(seccomp, "MACHINE", machine)
    monkeypatch.setattr(seccomp, "NUMBERS", numbers)
    architecture = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    other = {"x86_64": 0x40000003, "aarch64": 0x40000028}[machine]
    compiled = seccomp.of(4321, seccomp.program(own_files, truncation_judged=False))
    named = {numbers[name] for name in seccomp.ALLOWED + (seccomp.ON_OWN_FILES if own_files else []) if name in numbers}
    judged = {"clone", "kill", "tgkill", "fcntl", "ioctl", "prctl", "prlimit64", "open", "openat", "creat", "futex"}
    judged |= {"madvise", "clock_gettime", "clock_getres", "clock_nanosleep", "getpgid", "getsid", "getpriority"}
    judged |= {"sched_getaffinity", "sched_getparam", "sched_getscheduler"}
    by_arguments = {numbers[name] for name in judged if name in numbers}
    for number in range(600):
        if number in by_arguments:
            continue
        verdict = walked(compiled, number, architecture)
        assert (verdict == "allow") == (number in named), number
        assert walked(compiled, number, other) == "kill"
    cases = [
        ("clone", (0x3D0F00,), "allow"),
        ("clone", (17,), "refuse"),
        ("clone", (0x3D0F00 | 0x10000000,), "refuse"),
        ("kill", (4321, 9), "allow"),
        ("kill", (4322, 9), "refuse"),
        ("kill", (0xFFFFFFFF, 9), "refuse"),
        ("tgkill", (4321, 1, 9), "allow"),
        ("tgkill", (1, 1, 9), "refuse"),
        *(("fcntl", (0, command), "allow") for command in (0, 1, 2, 3, 4, 1030)),
        *(("fcntl", (0, command), "refuse") for command in (*range(5, 17), *range(36, 39), *range(1024, 1030))),
        *(("fcntl", (0, command), "refuse") for command in range(1031, 1045)),
        ("ioctl", (0, 0x5401), "allow"),
        ("ioctl", (0, 0x5412), "refuse"),
        ("prctl", (15,), "allow"),
        ("prctl", (1,), "refuse"),
        *(("futex", (0, operation), "allow") for operation in (1, 128, 129, 131, 132, 133, 137, 138, 128 + 256 + 9)),
        *(("futex", (0, operation), "refuse") for operation in (0, 3, 4, 5, 6, 9, 10, 11, 13, 256 + 9, 134, 139, 141)),
        *(("madvise", (0, 0, advice), "allow") for advice in (0, 4, 8, 14, 18)),
        *(("madvise", (0, 0, advice), "refuse") for advice in (9, 12, 20, 21, 25, 100)),
        *((f"clock_{what}", (clock,), "allow") for what in ("gettime", "getres", "nanosleep") for clock in (0, 3, 11)),
        *((f"clock_{what}", (0xFFFFFFFA,), "refuse") for what in ("gettime", "getres", "nanosleep")),
        *((f"sched_get{what}", (4321,), "allow") for what in ("affinity", "param", "scheduler")),
        *((f"sched_get{what}", (4322,), "refuse") for what in ("affinity", "param", "scheduler")),
        *((name, (pid,), "allow") for name in ("getpgid", "getsid") for pid in (0, 4321)),
        *((name, (1,), "refuse") for name in ("getpgid", "getsid")),
        ("getpriority", (0, 4321), "allow"),
        ("getpriority", (0, 1), "refuse"),
        ("prlimit64", (0, 7, 0, 1), "allow"),
        ("prlimit64", (0, 7, 1 << 32, 0), "refuse"),
        ("prlimit64", (99, 7, 0, 1), "refuse"),
        ("openat", (0, 0, 0), "allow"),
        ("openat", (0, 0, 0x200), "refuse"),
    ]
    for name, arguments, expected in cases:
        assert walked(compiled, numbers[name], architecture, *arguments) == expected, name
    if machine == "x86_64":
        assert walked(compiled, 0x40000000 + 1, architecture) == "kill"


def walked(compiled: bytes, number: int, architecture: int, *arguments: int) -> str:
    """What a filter says to a call: the kernel's own rules, in Python."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    code = [struct.unpack_from("=HBBI", compiled, at) for at in range(0, len(compiled), 8)]
    at, value = 0, 0
    while True:
        kind, yes, no, constant = code[at]
        at += 1
        if kind == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif kind == 0x06:
            return {0x7FFF: "allow", 0x8000: "kill", 0x5: "refuse"}[constant >> 16]
        else:
            held = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[kind]
            at += yes if held else no


def test_an_unknown_processor_has_no_jail() -> None:
    """Its system calls have no numbers here."""
    assert syscalls.numbers_of("riscv64") == {}


def test_nothing_of_the_course_is_among_the_libraries() -> None:
    """What the jail can read names the interpreter, its packages, and the data that notebooks import."""
    found = libraries.find()
    kit = Path(host.__file__).resolve().parents[1]
    assert str(kit) in found.hidden
    assert not any(
        Path(each) in {kit, *kit.parents} and not (kit / "..").resolve().name.endswith("-packages")
        for each in found.readable
    )
    assert any(each.endswith("data_utils") for each in found.readable)


UNHOOKED = """
import logging, random, threading
from concurrent.futures import ThreadPoolExecutor
from matplotlib import pyplot as plt

assert threading.current_thread() is threading.main_thread()
assert threading.active_count() == 1
with ThreadPoolExecutor(2) as pool:
    assert list(pool.map(abs, [-1, -2])) == [1, 2]
logging.getLogger("own").warning("told")
plt.title("a title, in letters that nobody has drawn yet: \u03b7")
plt.gcf().canvas.draw()
assert random.random() == 0.8444218515250481
"""


def test_a_fork_has_what_modules_want_done_after_a_fork(jail: Jail) -> None:
    """Threads, locks, generators and fonts are as in any new process, though the zygote did all that once."""
    for _ in range(2):
        with jail.fork() as inmate:
            assert inmate.execute(Step(0, 1, UNHOOKED)) == []
