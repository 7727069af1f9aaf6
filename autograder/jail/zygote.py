"""The warm process that every jailed notebook is a fork of: torch, numpy, matplotlib and IPython loaded once.

It is started by :mod:`autograder.jail.start`, serves the host until that is gone, and runs no student's code itself.
What it knows, its later forks know: so it learns nothing of a fork, neither its number nor how it ended.
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
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch

from autograder.jail import codec, memory
from autograder.jail.lockdown import WIRE, Lock
from autograder.jail.machine import Machine
from autograder.jail.namespaces import HOME
from autograder.jail.session import CellFault, Raised, Session, Step, fault_of
from autograder.jail.shell import Figures, make
from autograder.jail.syscalls import call
from autograder.jail.wire import ENDED, ORDER, SIGINFO, Bytes, Channel, Frame, Kind

_OF_DESCRIPTOR = 3  # P_PIDFD of waitid

_STACK = 1 << 20
"""Bytes of a thread's own stack: a hundred threads of the usual size would take all the memory that a fork may take."""

_REHEARSALS = 20
"""Times that a fork's work is done before the first fork: Python rewrites what it has run about ten times."""
_REHEARSED = """
import torch

def layer(w, b, x):
    s = w.mv(x) + b
    return s, torch.tanh(s)

class Layer:
    def __init__(self, w, b):
        self.w, self.b, self.slope = w, b, torch.zeros_like(w)

    def __call__(self, x):
        self.x = x
        return self.w @ x + self.b

    def backward(self, ds):
        self.slope += ds.view(-1, 1) * self.x.view(1, -1)
        return self.w.t().mv(ds)
"""
_FLOW = """
def flow(nb, w, b, x):
    s, found = nb.layer(w, b, x)
    ds = 2 * (found - s) * (1 - found ** 2)
    held = nb.Layer(w, b)
    held(x)
    down = held.backward(ds)
    return {"s": s, "x": x, "loss": (found - s).pow(2).sum(), "given": [w, b], "dw": ds.outer(x), "down": down}
"""


class Zygote:
    """Makes forks for the host, and tells what became of them."""

    def __init__(
        self, control: socket.socket, lock: Lock, frame_limit: int, hooks: Sequence[Callable[[], object]] = ()
    ) -> None:
        """Get warm; `hooks` do what modules want done in each fork, and are run here, once."""
        self.control = control
        self.lock = lock
        self.frame_limit = frame_limit
        self._watched: set[int] = set()  # a descriptor for each fork
        self._end = memory.unshared(ENDED.size)
        self._poll = select.poll()
        self.session, self.figures = _warm_up()
        self._rehearse()
        for hook in hooks:
            hook()
        memory.settle(lambda: lock.about("maps"))
        lock.settle()

    def serve(self) -> None:
        """Do what the host asks until it is gone."""
        self._poll.register(self.control, select.POLLIN)
        threads = self.lock.threads
        if threads is not None:
            self._poll.register(threads.listener, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._watched:
                    self._reap(descriptor)
                    continue
                if threads is not None and descriptor == threads.listener:
                    threads.answer()
                    continue
                text, handed, _, _ = socket.recv_fds(self.control, ORDER, 1)
                if not text:
                    return
                self._obey(json.loads(text), handed)

    def _rehearse(self) -> None:
        """Answer as a fork does, so that what Python and torch make at first use is there before any fork."""
        names = dict(self.session.names)
        given = {"w": torch.ones(3, 2), "b": torch.ones(3), "x": torch.ones(2)}
        for number in range(_REHEARSALS):
            for kind, asked in (
                (Kind.EXECUTE, codec.execute(Step(0, 1, _REHEARSED))),
                (Kind.CALL, codec.call(_FLOW, "flow", given)),
            ):
                told, _, answer = self._answer(Frame(kind, number, memoryview(b"".join(asked))))
                if told is Kind.RAISED:
                    raise RuntimeError(f"the rehearsal failed: {codec.read_raised(memoryview(b''.join(answer)))}")
        self.session = Session(self.session.names, self.session.machine)
        self.session.names.clear()
        self.session.names.update(names)

    def _obey(self, asked: dict[str, Any], handed: list[int]) -> None:
        if "learn" in asked:
            with contextlib.suppress(Exception):  # each fork tries again, and says what it means
                self.session.learn(asked["learn"])
            gc.freeze()
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
        if self.lock.threads is not None:
            self.lock.threads.begin(pid)
        watched = os.pidfd_open(pid)
        self._watched.add(watched)
        self._poll.register(watched, select.POLLIN)
        socket.send_fds(self.control, [json.dumps({"fork": watched}).encode()], [watched])

    def _reap(self, descriptor: int) -> None:
        """Tell the host how a fork ended, in the kernel's own words, which stay unread here."""
        ENDED.pack_into(self._end, 0, descriptor, b"")
        call("waitid", _OF_DESCRIPTOR, descriptor, memory.address(self._end) + ENDED.size - SIGINFO, os.WEXITED, 0)
        self.control.send(self._end)
        self._watched.remove(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)

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
                return Kind.ANSWER, frame.number, codec.answer(values)
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
    machine = Machine()
    shell, figures = make(folder, machine)
    shutil.rmtree(folder, ignore_errors=True)
    tempfile.tempdir = HOME  # not tried out: the zygote has none, nor has a fork without namespaces
    for name in ("HOME", "TMPDIR"):
        os.environ[name] = HOME
    np.random.seed(0)  # the generator that notebooks use
    torch.manual_seed(0)
    machine.stay()
    threading.stack_size(_STACK)
    return Session(shell.user_ns, machine), figures
