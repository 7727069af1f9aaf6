"""The trusted side of the jail: it starts the zygote, has it make locked processes, and starts another if it dies."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from autograder.jail import libraries, namespaces, probe
from autograder.jail.inmate import READY_S, Inmate, JailUnavailable, Killed, Limits, TimedOut
from autograder.jail.loader import anew, loading
from autograder.jail.session import Raised
from autograder.jail.wire import ENDED, ORDER, WireError, exit_code

__all__ = ["Inmate", "Jail", "JailUnavailable", "Killed", "Level", "Limits", "Raised", "TimedOut", "WireError"]

Level = Literal["full", "portable"]

_START_S = 120.0
_SOCKET_BYTES = 1 << 20
_CHANGE_IDS = (
    1 << 6 | 1 << 7
)  # what lets a process take on other users' and groups' ids; a container's root may lack it
_UID = 65533  # nobody's, and not `nobody`, which other services share


class _Ended(JailUnavailable):
    """A process of the jail was ended while it started."""


class ZygoteProcess:
    """A zygote, or who waits for it outside its namespaces: no child of this process, so held by a descriptor."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def kill(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended; says whether it has."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


class Jail:
    """One zygote and its forks. Not for several threads at once."""

    def __init__(self, layers: Level | None = None, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.level: Level = layers or "full"
        """The layers that are on."""
        self.off: dict[str, str] = {}
        """Layers that are off, and why."""
        self.inmates: set[Inmate] = set()
        """The forks that live."""
        self.process: ZygoteProcess | None = None
        """The zygote, or the process that waits for it outside its namespaces."""
        self._control: socket.socket | None = None
        self._learned: set[str] = set()
        self._ended: dict[int, int] = {}
        """How forks ended, by the names that the zygote has for them."""
        refused = ""
        levels: list[Level] = [layers] if layers else ["full", "portable"]
        for level in levels:
            self.level = level
            try:
                self._tried()
            except JailUnavailable as error:
                refused = str(error)
                self.close()
            else:
                if refused:
                    self.off["namespaces"] = refused
                return
        raise JailUnavailable(f"This machine can't hold untrusted code. {refused}")

    def fork(self) -> Inmate:
        """Make a locked process."""
        for attempt in (1, 2):
            try:
                return self._fork()
            except (EOFError, OSError) as error:
                self.close()
                if attempt == 2:
                    raise JailUnavailable(f"No process could be started in the jail: {error}") from error
                self._tried()
        raise AssertionError

    def learn(self, flows: str) -> None:
        """Have flows compiled where all later forks find them; a fork that doesn't, compiles them itself."""
        order = {"learn": flows}
        if flows not in self._learned and len(json.dumps(order)) <= ORDER:
            self._learned.add(flows)
            with contextlib.suppress(EOFError, OSError):  # the next fork starts another zygote
                self._tell(order)

    def became(self, name: int) -> int | None:
        """Say how a fork ended: its exit code, or a signal as a negative number."""
        with contextlib.suppress(EOFError, OSError):
            while name not in self._ended:
                self._receive(READY_S)
        return self._ended.get(name)

    def close(self) -> None:
        """End the zygote and all its forks."""
        for inmate in list(self.inmates):
            inmate.kill()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self.process is not None:
            if not self.process.wait(2):
                self.process.kill()
            self.process.wait()
            self.process.close()
            self.process = None

    def __enter__(self) -> Jail:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _fork(self) -> Inmate:
        ours, theirs = socket.socketpair()
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            ours.setblocking(False)
            try:
                told, handed = self._handed_over(theirs)
            except BaseException:
                ours.close()
                raise
        self._ended.pop(told["fork"], None)  # another one of that name
        inmate = Inmate(self, told["fork"], handed[0], ours)
        try:
            inmate.await_ready()
        except (Killed, TimedOut, WireError) as error:
            inmate.kill()
            raise OSError(f"a process ended before it was ready: {error}") from error
        return inmate

    def _handed_over(self, wire: socket.socket) -> tuple[dict[str, Any], list[int]]:
        if self._control is None:
            raise EOFError("the zygote has ended")
        socket.send_fds(self._control, [b"{}"], [wire.fileno()])
        told, handed = self._hear(READY_S)
        if "error" in told:
            raise OSError(told["error"])
        return told, handed

    def _tried(self) -> None:
        """Start, a second time where a process was ended meanwhile: that says nothing of what holds here.

        An order may reach a loader that is being ended, and goes with it.
        """
        try:
            self._start()
        except _Ended:
            self.close()
            self._start()

    def _start(self) -> None:
        """Start a zygote, and let code in a fork of it try to get out.

        Raises:
            JailUnavailable: if it doesn't start, or something gets out.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._learned.clear()
        self._ended.clear()
        # Where there are namespaces, its home is a folder of its own file system; else one for the start alone.
        home = tempfile.mkdtemp(prefix="jail-") if self.level == "portable" else namespaces.HOME
        try:
            with theirs:
                self._control = ours
                self.off = self._agreed(self._order(home), theirs)
        finally:
            if self.level == "portable":
                shutil.rmtree(home, ignore_errors=True)
        try:
            open_ways = probe.open_ways(self._fork)
        except (EOFError, Killed) as error:
            raise _Ended(f"A process in the jail ended while it was tried: {error}") from error
        except (OSError, TimedOut, Raised, WireError) as error:
            raise JailUnavailable(f"A process in the jail could not be tried: {error}") from error
        if open_ways:
            raise JailUnavailable(f"Code in the jail can {' and '.join(open_ways)}.")

    def _agreed(self, order: Mapping[str, Any], theirs: socket.socket) -> dict[str, str]:
        """Have a zygote made as it is wanted, and hear which layers are off."""
        loader = loading()
        try:
            try:
                loader.zygote(order, theirs)
            except OSError:  # it was ended
                loader = anew()
                loader.zygote(order, theirs)
            theirs.close()
            told, handed = self._hear(_START_S)
            if handed:
                self.process = ZygoteProcess(told["pid"], handed[0])
                told, _ = self._hear(_START_S)
        except (EOFError, OSError) as error:
            kind = _Ended if isinstance(error, EOFError) else JailUnavailable
            raise kind(f"The jail's process did not start: {error} {loader.last_words()}".strip()) from error
        if "error" in told:
            raise JailUnavailable(told["error"])
        off: dict[str, str] = told["ready"]
        return off

    def _order(self, home: str) -> dict[str, Any]:
        needed = libraries.find()
        plan = {
            "full": self.level == "full",
            "readable": needed.readable,
            "hidden": needed.hidden,
            "uid": _UID if takes_other_user() else None,
            "memory": self.limits.memory_mib << 20,
            "cpu_s": self.limits.cpu_s,
            "file": self.limits.file_mib << 20,
        }
        cores = sorted(os.sched_getaffinity(0))  # a zygote and who asks it take turns on the same ones
        return {"plan": plan, "home": home, "cores": cores, "frame_limit": self.limits.frame_mib << 20}

    def _tell(self, order: Mapping[str, Any]) -> None:
        if self._control is None:
            raise EOFError("the zygote has ended")
        self._control.send(json.dumps(order).encode())

    def _hear(self, seconds: float) -> tuple[dict[str, Any], list[int]]:
        """Hear the answer to what was told, and before it how forks have ended meanwhile."""
        while True:
            text, handed = self._receive(seconds)
            if text:
                told: dict[str, Any] = json.loads(text)
                return told, handed

    def _receive(self, seconds: float) -> tuple[bytes, list[int]]:
        """Receive what the zygote says next; nothing but how a fork ended is kept, and not given."""
        if self._control is None:
            raise EOFError("the zygote has ended")
        self._control.settimeout(seconds)
        text, handed, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
        if not text:
            raise EOFError("the zygote has ended")
        for descriptor in handed:
            os.set_inheritable(descriptor, False)
        if text[0]:
            return text, list(handed)
        name, siginfo = ENDED.unpack(text)
        self._ended[name] = exit_code(siginfo)
        return b"", []


def takes_other_user() -> bool:
    """Say whether locked processes take on a user id of their own: only root can, and not in every container."""
    spans = (line.split() for line in Path("/proc/self/uid_map").read_text().splitlines())
    known = any(int(first) <= _UID < int(first) + int(count) for first, _, count in spans)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return os.geteuid() == 0 and known and int(status["CapEff"], 16) & _CHANGE_IDS == _CHANGE_IDS
