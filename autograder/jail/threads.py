"""The threads of the forks, counted: the kernel asks here before it makes one.

A limit of the kernel's own would count what a user runs in all: a fork would find out how many threads another has.
Here each has its own :data:`MOST`, whoever the user is.
The counts, and what comes with a question, lie where no later fork can read them.
"""

from __future__ import annotations

import contextlib
import os
import struct

from autograder.jail import memory, seccomp
from autograder.jail.syscalls import NUMBERS, call

MOST = 256
"""Threads that a fork may have at a time, beside its first."""

_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # of ioctl
_QUESTION = struct.Struct(
    "=QI4xi60x"
)  # its number, who asks, which call; its arguments are a student's, and stay unread
_ANSWER = struct.Struct("=QqiI")
_GO_ON, _REFUSED = (0, 1), (-11, 0)  # an error, and whether the kernel is to make the call; EAGAIN as for any limit
_LARGEST_ID = 1 << 22


class Threads:
    """Answers the kernel for this process and all its forks, each of which must be the leader of a session.

    Raises:
        OSError: if somebody else answers already.
    """

    def __init__(self) -> None:
        self._place = memory.unshared(2 * _LARGEST_ID + _QUESTION.size + _ANSWER.size)
        self._counts = memoryview(self._place)[: 2 * _LARGEST_ID].cast("H")
        self.listener = seccomp.install(seccomp.asking(), asked=True)
        """Readable when the kernel asks."""

    def begin(self, pid: int) -> None:
        """Count for a fork that has just been made, and is in this process's namespace."""
        self._counts[pid] = 0

    def answer(self) -> None:
        """Answer one question."""
        at = 2 * _LARGEST_ID
        self._place[at:] = bytes(_QUESTION.size + _ANSWER.size)
        with contextlib.suppress(OSError):  # who asked may have ended
            call("ioctl", self.listener, _RECEIVE, memory.address(self._place) + at)
            number, thread, asked = _QUESTION.unpack_from(self._place, at)
            fork = os.getsid(thread)
            ends = asked == NUMBERS["exit"]
            verdict = _GO_ON if ends or self._counts[fork] < MOST else _REFUSED
            _ANSWER.pack_into(self._place, at + _QUESTION.size, number, 0, *verdict)
            call("ioctl", self.listener, _SEND, memory.address(self._place) + at + _QUESTION.size)
            if not ends:
                self._counts[fork] += verdict is _GO_ON
            elif thread != fork:
                self._counts[fork] = max(self._counts[fork] - 1, 0)
