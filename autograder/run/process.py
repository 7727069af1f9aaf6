"""A process that grades: a worker at the end of a pipe, that is ended and replaced where it doesn't answer."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import CannotGrade, KitError
from autograder.jail import control
from autograder.run.autograded import MasterCell
from autograder.run.engine import LARGEST_ANSWER, Lost
from autograder.run.handed import Handed
from autograder.run.worker import Job, Worker

START_S = 180.0
"""Seconds that a process may take to start, its jail included."""

_PR_SET_PDEATHSIG = 1

_STOPS = b"!"
"""Begins an answer that is a sentence: nothing can be graded there. Pages are JSON."""

_READY = b"ready"

_BEGIN = "import sys; sys.path[:] = {path!r}; from autograder.run.process import begin; begin({descriptor})"


class Process:
    """A process that grades one submission after another; by one thread at a time."""

    def __init__(self, job: Job, patience: float, core: int | None = None, fork: bool = False) -> None:
        """Start it: as a fork of this process, before any thread is started here, or on its own.

        Args:
            job: what it has to know.
            patience: seconds within which it must have answered; its own clocks strike long before.
            core: the core that it and its jail stay on; None for any.
            fork: whether it may be a fork, which knows all that is loaded here.
        """
        self._patience = patience
        self._ready = self._told = False
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(patience) + 1, 0))
        self._channel = Connection(ours.detach())
        self._own: Any
        if fork:
            context = multiprocessing.get_context("fork")
            self._own = context.Process(target=_forked, args=(theirs, job, core), daemon=True)
            self._own.start()
            theirs.close()
        else:
            code = _BEGIN.format(path=sys.path, descriptor=theirs.fileno())
            self._own = subprocess.Popen(
                [sys.executable, "-P", "-c", code], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
            theirs.close()
            about = {"root": str(job.course.root), "name": job.name, "seed": job.seed, "trust": job.trust, "core": core}
            with suppress(OSError):  # found out when it is asked
                self._channel.send_bytes(json.dumps(about).encode())

    def begun(self) -> None:
        """Wait until it can grade.

        Raises:
            CannotGrade: if it can't, with the reason.
            Lost: if it has ended.
        """
        if not self._ready:
            self._receive(START_S)
            self._ready = True

    def ask(self, master: Mapping[str, MasterCell], order: bytes) -> bytes:
        """Have a submission graded.

        Raises:
            CannotGrade: if nothing can be graded there any more, with the reason.
            Lost: if it has ended, or stands still.
        """
        self.begun()
        try:
            if not self._told:
                self._channel.send_bytes(pickle.dumps(dict(master)))
                self._told = True
            self._channel.send_bytes(order)
        except OSError:
            raise Lost from None
        return self._receive(self._patience)

    def kill(self) -> None:
        """End it, wherever it stands."""
        self._own.kill()

    def end(self) -> None:
        """End it, and put away what is left of it."""
        self.kill()
        (self._own.wait if isinstance(self._own, subprocess.Popen) else self._own.join)()
        self._channel.close()

    def _receive(self, seconds: float) -> bytes:
        try:
            answer = self._channel.recv_bytes(LARGEST_ANSWER) if self._channel.poll(seconds) else b""
        except (EOFError, OSError):
            answer = b""
        if not answer:
            raise Lost
        if answer[:1] == _STOPS:
            raise CannotGrade(answer[1:].decode())
        return answer


def begin(descriptor: int) -> None:
    """Be a process that grades, at the end of a socket: it says what for."""
    channel = Connection(descriptor)
    about = json.loads(channel.recv_bytes())
    _serve(channel, Job(Course(Path(about["root"])), about["name"], about["seed"], about["trust"]), about["core"])


def _forked(end: socket.socket, job: Job, core: int | None) -> None:
    if sys.platform == "linux":  # others of the family hold copies of its pipe, so that alone wouldn't tell it
        control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _serve(Connection(end.detach()), job, core)


def _serve(channel: Connection, job: Job, core: int | None) -> None:
    """Grade until nobody asks.

    A terminal tells this process, too, that the run is to stop: that is for the process that started it to say.
    """
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if core is not None:
        with suppress(OSError):  # where that may not be chosen
            os.sched_setaffinity(0, {core})
    worker = None
    try:
        worker = Worker(job)
        channel.send_bytes(_READY)
        master: Mapping[str, MasterCell] = pickle.loads(channel.recv_bytes())  # noqa: S301 - from who runs the batch
        while True:
            page = worker.work(Handed.unpacked(channel.recv_bytes()), master)
            channel.send_bytes(page.model_dump_json().encode())
    except KitError as error:
        with suppress(OSError):
            channel.send_bytes(_STOPS + str(error).encode())
    except EOFError:  # whoever asked is gone
        pass
    except OSError as error:
        if worker is None:
            with suppress(OSError):
                channel.send_bytes(_STOPS + f"A process that grades can't be started: {error}.".encode())
    finally:
        if worker is not None:
            worker.close()
