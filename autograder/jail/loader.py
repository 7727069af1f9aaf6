"""The process that zygotes are forks of: it loads torch and its like once, for all zygotes of a program.

This module loads nothing but the standard library, so that a command can begin with it and load its own libraries
meanwhile.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.jail import libraries, start


class Loader:
    """A process outside the jail that has loaded what zygotes need, runs no student's code, and forks on demand."""

    def __init__(self) -> None:
        """Start it; nobody waits until it has loaded anything."""
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._home = tempfile.mkdtemp(prefix="loading-")
        needed = libraries.find()
        with theirs:
            self._process = _started(theirs, self._home, self._complaints.fileno())
        self._owner = os.getpid()
        self._orders.send(json.dumps({"path": needed.path, "data": needed.data}).encode())
        atexit.register(self.close)

    def zygote(self, order: Mapping[str, Any], control: socket.socket) -> None:
        """Have a zygote made, which answers at the other end of `control`.

        Raises:
            OSError: if the process has ended.
        """
        socket.send_fds(self._orders, [json.dumps(order).encode()], [control.fileno()])

    def last_words(self) -> str:
        """What it, or a zygote, wrote to standard error last."""
        size = self._complaints.seek(0, os.SEEK_END)
        return os.pread(self._complaints.fileno(), 500, max(0, size - 500)).decode(errors="replace").strip()

    def close(self) -> None:
        """End it, unless this process is a fork of the one that started it; zygotes live on."""
        self._orders.close()
        self._complaints.close()
        if os.getpid() == self._owner:
            atexit.unregister(self.close)
            self._process.kill()  # it may still be loading
            self._process.wait()
            shutil.rmtree(self._home, ignore_errors=True)  # where it ended before it did so itself


_current: list[Loader] = []


def loading() -> Loader:
    """The loader of this program, started at the first call; a process that was forked since asks the same one."""
    if not _current:
        _current.append(Loader())
    return _current[0]


def anew() -> Loader:
    """Another loader, in place of one that has ended."""
    if _current:
        _current.pop().close()
    return loading()


def _started(orders: socket.socket, home: str, complaints: int) -> subprocess.Popen[bytes]:
    """Start it so that it knows nothing of this process but its end of a socket pair."""
    environment = {
        "HOME": home,
        "TMPDIR": home,
        "USER": "student",
        "PATH": "",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "TORCHINDUCTOR_CACHE_DIR": "/",  # torch makes no optimiser without one; nothing is kept there
        "MALLOC_ARENA_MAX": "1",  # threads take their memory where all is taken: a place of its own each has no room
        "PYTHONHASHSEED": "0",  # so that sets come in the same order whenever a submission is graded
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    }
    if loader := os.environ.get("LD_LIBRARY_PATH"):
        environment["LD_LIBRARY_PATH"] = loader
    script = str(Path(start.__file__).resolve())
    return subprocess.Popen(
        [sys.executable, "-s", "-S", "-P", "-B", script, str(orders.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        pass_fds=[orders.fileno()],
        env=environment,
        cwd="/",
        start_new_session=True,
    )
