"""The engine that is a Dask cluster: submissions travel as bytes, and the answers that come back are looked at closely.

The workers' machines are trusted: they hold hidden tests and the seed of hidden inputs, and Dask itself opens pickles
of theirs. Answers are held to bytes all the same, so that a fault there can't become something else here.

Each submission is sent to one worker by name, and each worker has a few. So who had what is known when one is gone, and
a scheduler that comes back knows nothing that would be missed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from autograder.errors import CannotGrade
from autograder.run.autograded import MasterCell
from autograder.run.engine import LARGEST_ANSWER, WAITING, Lost
from autograder.run.scheduler import CONNECT_S, checked, connected, readable, workers
from autograder.run.travel import BUSY, LOST, STOPS, UNKNOWN, Station, packed, versions
from autograder.run.worker import Job
from autograder.visible import one_line

NOBODY_S = 120.0
"""Seconds that a run waits for a scheduler or for a worker that can grade."""

OTHERS_S = 20.0
"""Seconds that it waits for another worker where none of those that are there can grade."""

LOOK_S = 0.5
"""Seconds between two looks at which workers there are."""

AGAIN_S = 5.0
"""Seconds after which a worker is asked again that is at other runs' assignments."""

FETCHERS = 8
"""Answers that are fetched at once."""

_KEY = "backprop-kit"

station = Station()
"""What a process of the cluster keeps."""


@dataclass(eq=False)
class _Unit:
    """A submission on its way."""

    order: bytes
    alone: bool
    future: Future[bytes] = field(default_factory=Future)
    task: Any = None
    since: float = 0.0


@dataclass(eq=False)
class _Member:
    """A worker that can grade, and what it is at."""

    address: str
    processes: int
    units: set[_Unit] = field(default_factory=set)

    @property
    def most(self) -> int:
        return WAITING * self.processes


class Cluster:
    """A Dask cluster's workers, each with a pool of processes that grade."""

    def __init__(self, address: str, job: Job, patience: float) -> None:
        """Reach the scheduler.

        Raises:
            UsageError: if it can't be an address, or Dask isn't installed.
            CannotGrade: if there is nobody.
        """
        self._address, self._job, self._patience = checked(address), job, patience
        self._lock = threading.RLock()
        self._members: dict[str, _Member] = {}
        self._asked: set[str] = set()
        self._busy: dict[str, float] = {}
        """Workers that are at other assignments, and when each said so."""
        self._refused: dict[str, str] = {}
        self._waiting: deque[_Unit] = deque()
        self._number = 0
        self._parcel: tuple[str, bytes] = ("", b"")
        self._stopped = threading.Event()
        self._over: CannotGrade | None = None
        self._nobody_since = time.monotonic()
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetching")
        self._watcher = threading.Thread(target=self._watch, name="watching", daemon=True)
        self._client = connected(self._address)

    @property
    def slots(self) -> int:
        """As many as the workers that are there keep busy."""
        with self._lock:
            return max(sum(member.most for member in self._members.values()), 1)

    @property
    def told(self) -> tuple[str, ...]:
        """Which workers were not used, and why; whether what travelled could be read on the way."""
        with self._lock:
            return (*filter(None, [readable(self._address)]), *self._refused.values())

    def learn(self, master: Mapping[str, MasterCell]) -> None:
        """Pack the assignment, and begin to send it to every worker."""
        self._parcel = packed(self._job, master)
        self._nobody_since = time.monotonic()
        self._watcher.start()

    def submit(self, order: bytes, alone: bool = False) -> Future[bytes]:
        """Have a submission graded by the worker that has the least to do."""
        unit = _Unit(order, alone)
        with self._lock:
            if self._over is not None:
                unit.future.set_exception(self._over)
            else:
                self._waiting.append(unit)
                self._hand_out()
        return unit.future

    def close(self, at_once: bool) -> None:
        """Let go of the cluster; its workers stay warm for the next run."""
        self._stopped.set()
        with self._lock:
            units = [unit for member in self._members.values() for unit in member.units]
            self._members.clear()
        for unit in units:
            _quietly(unit.task.cancel)
        if self._watcher.is_alive():
            self._watcher.join(CONNECT_S)
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        _quietly(lambda: self._client.close(timeout=2))

    def _hand_out(self) -> None:
        """Send what waits: whoever was lost before, to a worker that has nothing else; the rest, to the least busy."""
        lone = [unit for unit in self._waiting if unit.alone]
        members = sorted(self._members.values(), key=lambda member: len(member.units) / member.processes)
        members = [member for member in members if not any(unit.alone for unit in member.units)]
        for unit, member in zip(lone, members, strict=False):
            if not member.units:
                self._waiting.remove(unit)
                self._send(unit, member)
        members = members[len(lone) :]  # a worker that another is to have alone gets no more
        others = deque(unit for unit in self._waiting if not unit.alone)
        while others and members:
            member = min(members, key=lambda member: len(member.units) / member.processes)
            if len(member.units) >= member.most:
                return
            unit = others.popleft()
            self._waiting.remove(unit)
            self._send(unit, member)

    def _send(self, unit: _Unit, member: _Member) -> None:
        member.units.add(unit)
        unit.since = time.monotonic()
        unit.task = self._submit(_grade(), member.address, self._parcel[0], unit.order)
        unit.task.add_done_callback(lambda _: self._fetch(unit, member))

    def _submit(self, function: Callable[..., bytes], address: str, *arguments: Any) -> Any:
        self._number += 1
        return self._client.submit(
            function,
            *arguments,
            key=f"{_KEY}-{id(self)}-{self._number}",
            workers=[address],
            allow_other_workers=False,
            pure=False,
        )

    def _fetch(self, unit: _Unit, member: _Member) -> None:
        with contextlib.suppress(RuntimeError):  # the run is over
            self._fetchers.submit(self._finish, unit, member)

    def _finish(self, unit: _Unit, member: _Member) -> None:
        """Take an answer in, whatever it is."""
        answer: bytes | Exception
        status = unit.task.status
        try:
            answer = self._answer(unit.task) if status == "finished" else Lost(blameless=status != "error")
        except OSError as error:
            answer = Lost(blameless=not isinstance(error, TimeoutError))
        except Exception:  # what a worker sends is no bytes: there is an answer, and no record in it
            answer = b""
        with self._lock:
            member.units.discard(unit)
            if answer == UNKNOWN:  # it was started anew, or something else has taken the place
                self._leave(member)
                answer = Lost(blameless=True)
            elif answer == LOST:
                answer = Lost()
            elif isinstance(answer, bytes) and answer[:1] == STOPS:
                self._leave(member)
                self._refuse(member.address, answer[1:].decode("utf-8", "replace"))
                answer = Lost(blameless=True)
            self._settle(unit, answer)
            self._hand_out()

    def _answer(self, task: Any) -> bytes:
        """The bytes that a task has returned.

        Raises:
            TypeError: if it has returned anything else.
        """
        client = self._client
        found = client.sync(client.scheduler.gather, keys=[task.key], callback_timeout=self._patience)
        answer = found["data"][task.key] if found["status"] == "OK" else LOST
        if not isinstance(answer, bytes) or len(answer) > LARGEST_ANSWER:
            raise TypeError("an answer has to be bytes")
        return answer

    def _settle(self, unit: _Unit, answer: bytes | Exception) -> None:
        """Hand an answer over, once: one that comes after its submission was given up is let go."""
        if unit.task is not None:
            _quietly(unit.task.release)
        if not unit.future.done():
            if isinstance(answer, bytes):
                unit.future.set_result(answer)
            else:
                unit.future.set_exception(answer)

    def _watch(self) -> None:
        """See who comes and who is gone, until the run is over."""
        while not self._stopped.wait(LOOK_S):
            try:
                self._look()
            except CannotGrade as error:
                self._end(error)
                return
            except Exception:  # the connection, or what comes over it
                if not self._stopped.is_set():
                    self._reconnect()

    def _look(self) -> None:
        here = workers(self._client)
        now = time.monotonic()
        with self._lock:
            for member in [member for address, member in self._members.items() if address not in here]:
                self._leave(member)
            for address in [one for one, since in self._busy.items() if one not in here or now - since > AGAIN_S]:
                del self._busy[address]
                self._asked.discard(address)
                self._nobody_since = now
            self._asked &= here.keys()
            for member in self._members.values():
                for unit in [unit for unit in member.units if now - unit.since > self._patience * (WAITING + 1)]:
                    member.units.discard(unit)
                    _quietly(unit.task.cancel)
                    self._settle(unit, Lost())
            new = [address for address in here if address not in self._asked and address not in self._refused]
            self._asked |= {*new}
            if self._members or self._busy:
                self._nobody_since = now
            self._hand_out()
        for address in new:
            task = self._submit(_prepare(), address, versions(), *self._parcel)
            task.add_done_callback(
                lambda done, address=address, of=here[address]: self._fetchers.submit(self._join, done, address, of)
            )
        patience = OTHERS_S if here and here.keys() <= self._refused.keys() else NOBODY_S
        if now - self._nobody_since > patience:
            raise CannotGrade(_nobody(self._address, self._refused))

    def _join(self, task: Any, address: str, about: Mapping[str, Any]) -> None:
        """Take a worker in that has the assignment, or say why not."""
        try:
            why = self._answer(task).decode() if task.status == "finished" else ""
        except Exception:
            why = "Its answer was not one of the kit's."
        with self._lock:
            if task.status == "finished" and why == BUSY.decode():
                self._busy[address] = time.monotonic()
            elif task.status == "finished" and not why:
                self._members[address] = _Member(address, int(about["nthreads"]))
                self._hand_out()
            elif task.status in {"finished", "error"}:
                self._refuse(address, why or "It could not start; its own log says why.")
        _quietly(task.release)

    def _leave(self, member: _Member) -> None:
        """A worker is gone, and with it what it was at."""
        self._members.pop(member.address, None)
        self._asked.discard(member.address)
        for unit in list(member.units):
            member.units.discard(unit)
            self._settle(unit, Lost())

    def _refuse(self, address: str, why: str) -> None:
        self._refused[address] = f"The worker {address} was not used. {one_line(why)}"

    def _reconnect(self) -> None:
        """The scheduler is gone: nothing that it knew is lost but the time, and whoever comes back is asked anew."""
        with self._lock:
            for member in list(self._members.values()):
                for unit in list(member.units):
                    member.units.discard(unit)
                    self._settle(unit, Lost(blameless=True))
            self._members.clear()
            self._asked.clear()
            self._busy.clear()
        _quietly(lambda: self._client.close(timeout=2))
        since = time.monotonic()
        while not self._stopped.wait(LOOK_S):
            try:
                self._client = connected(self._address)
            except CannotGrade as error:
                if time.monotonic() - since > NOBODY_S:
                    self._end(error)
                    self._stopped.set()
                    return
            else:
                self._nobody_since = time.monotonic()
                return

    def _end(self, error: CannotGrade) -> None:
        """Nothing can be graded any more."""
        with self._lock:
            self._over = error
            units = [*self._waiting, *(unit for member in self._members.values() for unit in member.units)]
            self._waiting.clear()
            for unit in units:
                self._settle(unit, error)


def _grade() -> Callable[[str, bytes], bytes]:
    """What a worker does with a submission: sent as it stands, because a scheduler need not have the kit."""

    def grade(digest: str, order: bytes) -> bytes:
        import logging

        from autograder.run.cluster import station
        from autograder.run.travel import LOST

        try:
            return station.grade(digest, order)
        except Exception:  # it would travel as a pickle
            logging.getLogger("distributed.worker").exception("a submission could not be graded")
            return LOST

    return grade


def _prepare() -> Callable[[dict[str, str], str, bytes], bytes]:
    """What a worker does with an assignment: an empty answer, `BUSY`, or a sentence that says why not."""

    def prepare(wanted: dict[str, str], digest: str, data: bytes) -> bytes:
        import platform
        from importlib.metadata import PackageNotFoundError, version

        from distributed import get_worker

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        try:
            import autograder

            found["backprop-kit"] = autograder.__version__
            found["torch"] = version("torch").partition("+")[0]
        except (ImportError, AttributeError, PackageNotFoundError) as error:
            missing = "torch" if "backprop-kit" in found else "backprop-kit"
            return f"It has no {missing} {wanted[missing]} ({error}). Install it there.".encode()
        for name, other in wanted.items():
            if found[name] != other:
                here = f"It has {name} {found[name]}, and this run has {other}"
                return f"{here}: scores could differ. Install the same version there.".encode()
        from pathlib import Path

        from autograder.run.cluster import station

        worker = get_worker()
        try:
            return station.take(digest, data, worker.state.nthreads, Path(worker.local_directory))
        except Exception as error:  # likewise
            return f"It could not start ({type(error).__name__}: {error}).".encode()

    return prepare


def _nobody(address: str, refused: Mapping[str, str]) -> str:
    """Say that no worker can grade, and what is known of why."""
    told = f"No worker of the cluster at {address} can grade. What was graded so far is kept; nothing else was lost."
    return " ".join([told, *refused.values()] if refused else [told, "Start one there: dask worker ADDRESS"])


def _quietly(do: Callable[[], object]) -> None:
    """Do what may fail because the other side is gone."""
    with contextlib.suppress(Exception):
        do()
