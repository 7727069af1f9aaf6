"""An assignment on its way to another machine: what that has not got is taken along, and what it has must be the same.

Lessons of the kit come with its installation there; a course's own are sent once, and lie in a folder that only their
owner reads. Which versions are there is asked before the kit is imported, so that there need be none.
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograder import __version__, private
from autograder.course import CONFIG, Course
from autograder.errors import CannotGrade
from autograder.run.autograded import MasterCell
from autograder.run.engine import Lost
from autograder.run.pool import Pool
from autograder.run.worker import PAGE_S, Job

KEPT = 2
"""Assignments that a machine keeps warm; an older one goes when another comes."""

IDLE_S = 20.0
"""Seconds without a submission after which it may go: others may lie in Dask's queue, before those of another run."""

LOST, UNKNOWN, STOPS, BUSY = b"-", b"?", b"!", b"+"
"""Answers that are no page: the process ended; this machine doesn't know the assignment; it can't grade, and why;
it is at as many assignments as it keeps."""

_TESTS = "hidden_tests"


def versions() -> dict[str, str]:
    """What must be the same wherever a class is graded: scores and words hang on it."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "backprop-kit": __version__,
        "torch": version("torch").partition("+")[0],
    }


def packed(job: Job, master: Mapping[str, MasterCell]) -> tuple[str, bytes]:
    """An assignment as bytes, and a digest of them."""
    course, assignment = job.course, job.course.assignment(job.name)
    settings: dict[str, object] = {
        name: getattr(course.settings, name) for name in course.settings.trait_names(config=True)
    }
    own_source = assignment.path.is_relative_to(course.root)
    found = {
        "name": job.name,
        "seed": job.seed,
        "trust": job.trust,
        "settings": settings,
        "source": assignment.path.read_bytes() if own_source else None,
        "tests": None if assignment.tests.of_the_kit else assignment.tests.files(),
        "digest": assignment.digest,
        "master": [vars(cell) for cell in master.values()],
    }
    data = pickle.dumps(found, protocol=5)
    return hashlib.sha256(data).hexdigest(), data


@dataclass
class _Kept:
    """An assignment that this machine can grade, and what it is at."""

    pool: Pool
    root: Path
    at: int = 0
    """Submissions that are graded now."""
    used: float = field(default_factory=time.monotonic)


class Station:
    """The assignments that this machine can grade, each with a pool of its own that stays warm.

    One that is at work is never dropped for another: runs that took each other's place would start pools and grade
    nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, _Kept] = {}

    def take(self, digest: str, data: bytes, processes: int, folder: Path | None = None) -> bytes:
        """Take in an assignment, and start what grades it: an empty answer, `BUSY`, or why it can't be graded here."""
        with self._lock:
            if digest in self._pools:
                self._pools[digest].used = time.monotonic()
                return b""
            while len(self._pools) >= KEPT:
                idle = {kept.used: other for other, kept in self._pools.items() if not kept.at}
                if not idle or time.monotonic() - min(idle) < IDLE_S:
                    return BUSY
                self._drop(idle[min(idle)])
            root = Path(tempfile.mkdtemp(prefix="assignment-", dir=folder))
            try:
                pool = _started(pickle.loads(data), root, processes)  # noqa: S301 - the run's own
                self._pools[digest] = _Kept(pool, root)
            except CannotGrade as error:
                shutil.rmtree(root, ignore_errors=True)
                return str(error).encode()
        return b""

    def grade(self, digest: str, order: bytes) -> bytes:
        """Grade a submission."""
        with self._lock:
            if digest not in self._pools:
                return UNKNOWN
            kept = self._pools[digest]
            kept.at += 1
        try:
            return kept.pool.submit(order).result()
        except Lost:
            return LOST
        except CannotGrade as error:
            with self._lock:
                if digest in self._pools:
                    self._drop(digest)
            return STOPS + str(error).encode()
        except RuntimeError:  # it was dropped meanwhile
            return UNKNOWN
        finally:
            with self._lock:
                kept.at -= 1
                kept.used = time.monotonic()

    def close(self) -> None:
        """End everything."""
        with self._lock:
            for digest in list(self._pools):
                self._drop(digest)

    def _drop(self, digest: str) -> None:
        kept = self._pools.pop(digest)
        kept.pool.close(at_once=False)
        shutil.rmtree(kept.root, ignore_errors=True)


def _started(found: Mapping[str, Any], root: Path, processes: int) -> Pool:
    """A pool for an assignment, once it is unpacked and turns out to be the same here."""
    name, settings = found["name"], dict(found["settings"])
    if found["tests"] is not None:
        if Path(settings["hidden_tests"]).is_absolute() or ".." in Path(settings["hidden_tests"]).parts:
            settings["hidden_tests"] = _TESTS
        for path, data in found["tests"].items():
            place = root / settings["hidden_tests"] / name / path
            private.make(place.parent)
            place.write_bytes(data)
    if found["source"] is not None:
        private.make(root / "source" / name)
        (root / "source" / name / f"{name}.ipynb").write_bytes(found["source"])
    lines = [f"c.BackpropKit.{setting} = {value!r}" for setting, value in settings.items()]
    private.write(root / CONFIG, "\n".join(["c = get_config()", *lines, ""]))
    course = Course(root)
    if course.assignment(name).digest != found["digest"]:
        raise CannotGrade(f"It has another {name}: the lesson or its hidden tests differ.")
    pool = Pool(
        Job(course, name, found["seed"], found["trust"]), processes, 2 * (settings["submission_s"] + PAGE_S), fork=False
    )
    pool.learn({cell["name"]: MasterCell(**cell) for cell in found["master"]})
    try:
        pool.begun()
    except CannotGrade:
        pool.close(at_once=True)
        raise
    return pool
