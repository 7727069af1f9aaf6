"""The warm process that every jailed notebook is a fork of: torch, numpy, matplotlib and IPython loaded once.

It is started by :mod:`autograder.jail.start`, serves the host until that is gone, and runs no student's code itself.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import select
import shutil
import socket
import sys
import tempfile
from typing import NoReturn

import numpy as np
import torch

from autograder.jail import codec
from autograder.jail.lockdown import WIRE, Lock
from autograder.jail.namespaces import HOME
from autograder.jail.session import CellFault, Raised, Session, fault_of
from autograder.jail.shell import Figures, make
from autograder.jail.syscalls import call
from autograder.jail.wire import Bytes, Channel, Frame, Kind

KEPT = 256
"""How many ended forks are remembered, should the host ask what became of them."""

_LARGE = 2 << 20
_COLLAPSE = 25  # MADV_COLLAPSE


class Zygote:
    """Makes forks for the host, and tells what became of them."""

    def __init__(self, control: socket.socket, lock: Lock, frame_limit: int) -> None:
        self.control = control
        self.lock = lock
        self.frame_limit = frame_limit
        self._watched: dict[int, int] = {}  # pidfd -> pid
        self._ended: dict[int, int] = {}
        self._poll = select.poll()
        self.session, self.figures = _warm_up()
        gc.collect()
        gc.freeze()  # else the first collection in a fork copies every page
        _use_large_pages(lock.about("maps"))
        lock.settle()

    def serve(self) -> None:
        """Do what the host asks until it is gone."""
        self._poll.register(self.control, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self.control.fileno():
                    self._reap(descriptor)
                    continue
                text, handed, _, _ = socket.recv_fds(self.control, 4096, 1)
                if not text:
                    return
                self._obey(json.loads(text), handed)

    def _obey(self, asked: dict[str, int], handed: list[int]) -> None:
        if "became" in asked:
            pid = asked["became"]
            for descriptor, watched in list(self._watched.items()):
                if watched == pid:
                    self._reap(descriptor, wait=True)
            self.control.send(json.dumps({"became": self._ended.get(pid)}).encode())
            return
        (wire,) = handed
        try:
            pid = self.lock.fork()
        except OSError as error:
            os.close(wire)
            self.control.send(json.dumps({"error": str(error)}).encode())
            return
        if pid == 0:
            self._live(wire)
        os.close(wire)
        watched = os.pidfd_open(pid)
        self._watched[watched] = pid
        self._poll.register(watched, select.POLLIN)
        self._ended.pop(pid, None)
        socket.send_fds(self.control, [json.dumps({"pid": pid}).encode()], [watched])

    def _reap(self, descriptor: int, wait: bool = False) -> None:
        if descriptor not in self._watched:  # it ended while the host was asking for it
            return
        pid = self._watched[descriptor]
        ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        if not ended:
            return
        del self._watched[descriptor]
        self._poll.unregister(descriptor)
        os.close(descriptor)
        self._ended[pid] = os.waitstatus_to_exitcode(status)
        while len(self._ended) > KEPT:
            del self._ended[next(iter(self._ended))]

    def _live(self, wire: int) -> NoReturn:
        """Be a fork: lock up, then answer until nobody asks."""
        channel = Channel(wire, self.frame_limit)
        try:
            try:
                self.lock.close(wire)
            except Exception as error:  # the host says what it means
                channel.send(Kind.RAISED, 0, codec.raised(fault_of(error)))
                os._exit(0)
            channel = Channel(WIRE, self.frame_limit)
            channel.send(Kind.READY, 0, [])
            gc.enable()
            random.seed(0)  # here, because a fork of Python draws a new seed
            while True:
                channel.send(*self._answer(channel.receive()))
        except EOFError:
            os._exit(0)
        finally:  # nothing of a fork may go on as a second zygote
            os._exit(70)

    def _answer(self, frame: Frame) -> tuple[Kind, int, list[Bytes]]:
        """Run a question's code and lay out its answer; whatever it raises is an answer too."""
        try:
            if frame.kind is Kind.EXECUTE:
                step = codec.read_execute(frame.body)
                self.figures.enter(step.cell)
                try:
                    faults = self.session.execute([step])
                except BaseException as error:  # KeyboardInterrupt: nobody but the student raises it here
                    faults = [CellFault(step.cell, step.line, fault_of(error))]
                return Kind.DONE, frame.number, codec.done(faults, self.session.printed.pop(step.cell, ""))
            if frame.kind is Kind.CALL:
                values = self.session.call(*codec.read_call(frame.body))
                return Kind.ANSWER, frame.number, codec.answer(values, self.frame_limit)
            return Kind.PICTURES, frame.number, codec.pictures(self.figures.pixels())
        except Raised as raised:
            return Kind.RAISED, frame.number, codec.raised(raised.fault)
        except BaseException as error:  # likewise
            return Kind.RAISED, frame.number, codec.raised(fault_of(error))


def _warm_up() -> tuple[Session, Figures]:
    """Load and settle all that a fork needs, in a single thread."""
    torch.set_num_threads(1)  # before any operation: a fork of a process with busy threads hangs
    torch.ones(2, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]  # torch has none
    folder = tempfile.mkdtemp()
    shell, figures = make(folder)
    shutil.rmtree(folder, ignore_errors=True)
    tempfile.tempdir = None
    for name in ("HOME", "TMPDIR"):
        os.environ[name] = HOME
    np.random.seed(0)  # the generator that notebooks use
    torch.manual_seed(0)
    return Session(shell.user_ns), figures


def _use_large_pages(maps: str) -> None:
    """Gather this process's memory in large pages: a fork then takes half the time, and its end a third.

    Needs Linux 6.1; elsewhere nothing changes.
    """
    for line in maps.splitlines():
        where, access, *_, name = (line + " anonymous").split(maxsplit=5)
        if access.startswith("rw") and name.split()[0] in {"anonymous", "[heap]"}:
            start, end = (int(at, 16) for at in where.split("-"))
            for at in range(-(-start // _LARGE) * _LARGE, end - _LARGE + 1, _LARGE):
                with contextlib.suppress(OSError):
                    call("madvise", at, _LARGE, _COLLAPSE)


def nowhere() -> None:
    """Leave nothing to read on the standard streams, and nothing to see of what is written there."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    sys.argv = [""]
