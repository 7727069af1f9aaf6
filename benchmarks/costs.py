"""What a run costs, seen from outside; and the floor, the cost that no grader can avoid.

The floor is for graders that give each student a process of their own: a warm process, with torch imported and all
expected values computed, forks; the child runs the answers' source and all of the kit's hidden tests on them,
without a jail, a notebook file, a wire, a gradebook or a word of explanation, and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import psutil
import torch
from baselines import Classes

from autograder import notebook
from autograder.course import find
from autograder.jail import LocalStudent, StudentError
from autograder.judge import Claim, Mismatch, checks, draws, seeded

SAMPLE_S = 0.25
FORKS = 200


@dataclass(frozen=True)
class Cost:
    """What a whole run took."""

    wall: float
    cpu: float
    """User and system seconds of all processes."""
    peak: float
    """Bytes of all processes together, shared pages counted once; 0 where nobody looked, or the system doesn't tell."""


@contextlib.contextmanager
def watched(memory: bool) -> Iterator[Callable[[], Cost]]:
    """Measure what this process starts inside the block; call the result after it.

    To look at `memory` takes a good part of a core, so the times of such a run are not to be compared.
    """
    others = {child.pid for child in _family()}
    wall = cpu = peak = 0.0
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(SAMPLE_S):
            peak = max(peak, sum(_bytes(child) for child in _family() if child.pid not in others))

    sampler = threading.Thread(target=sample)
    before, started = _cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    if memory:
        sampler.start()
    try:
        yield lambda: Cost(wall, cpu, peak)
    finally:
        wall = time.perf_counter() - started
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # orphans, see adopt_orphans
                pass
        cpu = _cpu(resource.RUSAGE_CHILDREN) - before
        ended.set()
        if memory:
            sampler.join()


def adopt_orphans() -> None:
    """Let what is timed leave its orphans to this process (on Linux), so that their CPU time is not lost."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def floor(classes: Classes, at_once: int, memory: bool) -> Cost:
    """Time FORKS forks, `at_once` at a time, in a fresh process that holds nothing else."""
    with watched(memory) as cost, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        wall, cpu = fresh.submit(forks, classes, at_once).result()
    return Cost(wall, cpu, cost().peak)


def forks(classes: Classes, at_once: int) -> tuple[float, float]:
    """Judge each student of a class in a fork of this process; wall and CPU seconds of all FORKS.

    Raises:
        RuntimeError: if a child doesn't find what it should.
    """
    torch.set_num_threads(1)
    course = find(classes.root / "kit")
    seed, tests = draws.seed(course, classes.name), course.assignment(classes.name).tests
    papers = sorted((classes.root / "kit-class").glob("*.ipynb"))
    sources = [
        [step.source for step in notebook.Definitions(notebook.read(path)).needed(classes.names)] for path in papers
    ]
    claims = [check.claim for question in classes.questions for check in checks(tests, question)]
    with seeded(seed):
        failures(sources[0], claims)  # now all expected values are there
        gc.freeze()
        before = _cpu(resource.RUSAGE_SELF) + _cpu(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        waiting: dict[int, bool] = {}
        for number in range(FORKS):
            pid = os.fork()
            if not pid:
                _child(sources[number % len(sources)], claims)
            waiting[pid] = classes.right[number % len(sources)]
            while len(waiting) == at_once or (waiting and number == FORKS - 1):
                ended, status = os.wait()
                if os.waitstatus_to_exitcode(status) != (0 if waiting.pop(ended) else 1):
                    raise RuntimeError(f"the floor judges a submission wrongly: {os.waitstatus_to_exitcode(status)}")
        wall = time.perf_counter() - started
    return wall, _cpu(resource.RUSAGE_SELF) + _cpu(resource.RUSAGE_CHILDREN) - before


def failures(sources: Sequence[str], claims: Sequence[Claim]) -> int:
    """Run a student's definitions, then every claim on them; how many claims fail."""
    student, failed = LocalStudent(), 0
    for source in sources:
        exec(source, student.session.names)  # noqa: S102 - made-up students only
    for claim in claims:
        try:
            claim(student)
        except (Mismatch, StudentError):
            failed += 1
    return failed


def _child(sources: Sequence[str], claims: Sequence[Claim]) -> None:
    """End with 0 if every claim holds, 1 if one doesn't, 2 if anything else happens."""
    code = 2
    try:
        code = int(failures(sources, claims) > 0)
    finally:
        os._exit(code)


def _family() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _bytes(process: psutil.Process) -> float:
    try:
        return float(getattr(process.memory_full_info(), "pss", 0.0))
    except psutil.AccessDenied:  # jailed too well to be looked into: its own pages and those it shares with a fork
        with contextlib.suppress(psutil.Error):
            return float(process.memory_info().rss - process.memory_info().shared)
    except (psutil.Error, OSError):  # it ended meanwhile
        pass
    return 0.0


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
