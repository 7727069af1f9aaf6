"""The engine that is this machine: so many processes that grade, each with a thread here that waits for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import torch

from autograder.errors import CannotGrade
from autograder.run.autograded import MasterCell
from autograder.run.engine import WAITING, Lost
from autograder.run.process import Process
from autograder.run.worker import Job


class Pool:
    """So many processes on this machine; one that ends takes one submission with it, and another takes its place."""

    told: tuple[str, ...] = ()

    def __init__(self, job: Job, processes: int, patience: float, fork: bool = True) -> None:
        self._job, self._patience = job, patience
        self._master: Mapping[str, MasterCell] = {}
        self._closing = False
        self.slots = WAITING * processes
        if fork:
            torch.set_num_threads(1)  # before a fork
        cores: list[int | None] = [*_cores(processes)] or [None] * processes
        self._all = [(core, Process(job, patience, core, fork)) for core in cores]
        self._free: SimpleQueue[int] = SimpleQueue()
        for number in range(processes):
            self._free.put(number)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="grading")

    def begun(self) -> None:
        """Wait until all can grade.

        Raises:
            CannotGrade: if one can't, with the reason.
        """
        try:
            for _, process in self._all:
                process.begun()
        except Lost:
            raise CannotGrade("A process that grades ended while it started.") from None

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """Take in the released cells."""
        self._master = master

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Have a submission graded by the next process that is free: each has one at a time."""
        return self._threads.submit(self._ask, order)

    def close(self, at_once: bool) -> None:
        """End the processes."""
        self._closing = True
        if at_once:  # what they are at is graded in the next run: nobody waits for it
            for _, process in self._all:
                process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _, process in self._all:
            process.end()

    def _ask(self, order: bytes) -> bytes:
        number = self._free.get()
        core, process = self._all[number]
        try:
            return process.ask(self._master, order)
        except Lost:
            process.end()
            if not self._closing:  # by now there are threads here: no fork
                self._all[number] = (core, Process(self._job, self._patience, core))
            raise
        finally:
            self._free.put(number)


def _cores(workers: int) -> list[int]:
    """A core for each worker, if there are as many cores as workers; else none.

    A worker and its jail take turns: on one core the next turn finds its data in the cache, and nobody wakes another
    core for it. Fewer workers than cores are left to the system, which knows what else is running; where each has its
    core, something else that runs there slows one of them down, and the others take over its submissions.
    """
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    return cores if len(cores) == workers else []
