"""The layers of the jail, and the order in which a zygote and each of its forks put them on.

`full` is every layer; `portable` is what is left where a machine refuses namespaces.
What may be read, and how much of anything, is the host's to say, in a :class:`Plan`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
from collections.abc import Iterator
from ctypes import create_string_buffer
from dataclasses import dataclass
from pathlib import Path

from autograder.jail import landlock, namespaces, seccomp
from autograder.jail.syscalls import call, control
from autograder.jail.threads import Threads

WIRE = 3
"""The one descriptor of a locked process beside the standard three, which lead nowhere: none is another's, too."""

_DEATH_SIGNAL, _DUMPABLE, _KEEP_CAPABILITIES, _NO_NEW_PRIVILEGES = 1, 4, 8, 38
_CAPABILITY_VERSION = 0x20080522
_NO_CAPABILITY, _READ_ANYTHING, _ALL_OF_A_NAMESPACE = 0, 1 << 2, (1 << 41) - 1
_OPEN_FILES = 128
_STACK = 8 << 20
_FIRST_TO_GO = b"1000"  # when the machine runs out of memory


@dataclass(frozen=True)
class Plan:
    """What the host wants of a zygote and its forks."""

    full: bool
    """With namespaces."""
    readable: tuple[str, ...]
    """Files and folders of the interpreter and its libraries."""
    hidden: tuple[str, ...]
    """Folders inside those that must not be read: the kit's own."""
    uid: int | None
    """The id to take on, where the host is root."""
    memory: int
    """Bytes that a fork may take beyond what the zygote has."""
    cpu_s: int
    """Seconds of processor time that a fork may use in all."""
    file: int
    """Bytes of all files that a fork may write together."""


class Lock:
    """Locks one fork after another; what can be prepared is prepared once, in the zygote."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.off: dict[str, str] = {}
        """Layers that are off, and why."""
        self.threads: Threads | None = None
        """Counts the forks' threads; its listener's questions must be answered."""
        self._capabilities = _NO_CAPABILITY
        self._rules: int | None = None
        self._filter = b""
        self._memory = 0
        self._processes = -1
        self._about = -1

    def enter(self) -> None:
        """Shut the zygote in.

        Raises:
            OSError: where the machine refuses; this process must end then.
        """
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_bytes(_FIRST_TO_GO)
        if not self.plan.full:
            self._about = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
            self.off["namespaces"] = "not asked for, or refused by this machine"
            return
        namespaces.enter(self.plan.uid)
        self._about = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        namespaces.furnish(self.plan.readable, self.plan.hidden)
        if self.plan.uid is not None:
            namespaces.become(self.plan.uid)
            _hold(_ALL_OF_A_NAMESPACE)

    def about(self, name: str) -> str:
        """Read what /proc says about this process, though there may be no /proc any more."""
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._about)) as file:
            return file.read()

    def settle(self) -> None:
        """Prepare what every fork will be locked with, once the zygote is warm."""
        size = int(self.about("statm").split()[0]) * resource.getpagesize()
        self._memory = size + self.plan.memory
        if self.plan.full:
            namespaces.seal()
            self._processes = os.open("ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._about)
        elif self.plan.uid is not None:
            self._give_up_root(self.plan.uid)
        judged = self.plan.full or landlock.version() >= 3
        self._filter = seccomp.program(own_files=self.plan.full, truncation_judged=judged)
        control(_DUMPABLE, 0)  # no other process of the same user may look into this one or its forks
        control(_NO_NEW_PRIVILEGES, 1)
        try:
            self.threads = Threads()
        except OSError as error:
            self.off["threads"] = (
                f"what runs this container answers for its system calls, or none can be asked: {error}"
            )
        if landlock.version():
            self._rules = landlock.ruleset(*self._files())
        else:
            self.off["landlock"] = "this kernel has none, or it is switched off"
            if not self.plan.full:
                raise OSError("without namespaces, Landlock is needed to keep files from being read")

    def fork(self) -> int:
        """Fork, into a pid namespace of its own where there are namespaces; gives what os.fork gives."""
        if not self.plan.full:
            return os.fork()
        namespaces.own_processes()
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:  # the fork itself has nothing to go back to
                namespaces.back_to(self._processes)
        return pid

    def close(self, wire: int) -> None:
        """Lock this process for good: nothing is left to it but `wire`, which becomes :data:`WIRE`."""
        os.setsid()
        if self.plan.full:
            namespaces.private_home(self.plan.file)
        nowhere()
        control(_DEATH_SIGNAL, 9)
        if self._rules is not None:
            landlock.restrict(self._rules)
        os.dup2(wire, WIRE, inheritable=False)
        os.closerange(WIRE + 1, 1 << 16)
        for limit, wanted in self._limits().items():
            hard = resource.getrlimit(limit)[1]
            amount = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(limit, (amount, amount))
        _hold(self._capabilities)
        seccomp.install(seccomp.of(os.getpid(), self._filter))

    def _limits(self) -> dict[int, int]:
        return {
            resource.RLIMIT_AS: self._memory,
            resource.RLIMIT_CPU: self.plan.cpu_s,
            resource.RLIMIT_FSIZE: self.plan.file,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MEMLOCK: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_STACK: _STACK,
            resource.RLIMIT_SIGPENDING: 0,  # counts what all processes of the user have not taken yet
        }

    def _files(self) -> tuple[list[str], list[str]]:
        """Say what can be read, and what can be written."""
        if self.plan.full:
            return ["/"], [str(Path(namespaces.HOME).parent), "/dev/null"]  # the home itself is mounted anew below
        seen = [each for path in self.plan.readable for each in _without(Path(path), self.plan.hidden)]
        return [*seen, *namespaces.DEVICES], ["/dev/null"]

    def _give_up_root(self, uid: int) -> None:
        reachable = all(_open_to_all(Path(path)) for path in self.plan.readable)
        if not reachable:
            # The interpreter sits in a folder that only its owner may enter: Landlock alone says what is read there.
            self.off["file owners"] = "the interpreter sits in a folder that only its owner may enter"
            if not self._holds(_READ_ANYTHING):  # as in a container, whose root reads there as the owner and no more
                _hold(_NO_CAPABILITY)
                return
            self._capabilities = _READ_ANYTHING
        control(_KEEP_CAPABILITIES, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        _hold(self._capabilities)

    def _holds(self, capabilities: int) -> bool:
        status = dict(line.split(":", 1) for line in self.about("status").splitlines())
        return int(status["CapPrm"], 16) & capabilities == capabilities


def nowhere() -> None:
    """Open the standard streams anew, on nothing.

    Locks and flags belong to an open file: on one that is shared, they stay when the process that set them ends.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _hold(capabilities: int) -> None:
    """Keep these capabilities and no others."""
    low, high = capabilities & 0xFFFFFFFF, capabilities >> 32
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    held = struct.pack("=6I", low, low, 0, high, high, 0)
    call("capset", create_string_buffer(header, len(header)), create_string_buffer(held, len(held)))


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 1 for parent in path.parents if parent.exists())


def _without(folder: Path, hidden: tuple[str, ...]) -> Iterator[str]:
    """Name `folder`, or, where it holds something hidden, all in it but that."""
    real = Path(os.path.realpath(folder))
    if any(Path(each) == real or Path(each) in real.parents for each in hidden):
        return
    if not any(real in Path(each).parents for each in hidden):
        yield str(folder)
        return
    for entry in sorted(folder.iterdir()):
        yield from _without(entry, hidden)
