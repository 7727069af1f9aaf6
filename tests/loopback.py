"""A Dask cluster of a test's own: a scheduler and workers as processes, which can be killed, stopped and cut off."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from distributed.security import Security

from tests.family import wait_until


class Loopback:
    """A scheduler on a port that it keeps, and its workers; with certificates, they speak TLS and nothing else."""

    def __init__(self, folder: Path, certificates: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._certificates = certificates or {}
        """Settings of the environment that name them: see :func:`certified`."""
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.schedule()

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return f"{'tls' if self._certificates else 'tcp'}://127.0.0.1:{self.port}"

    def schedule(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a scheduler where the last one was, and wait until it listens."""
        options = ["--host", "127.0.0.1", "--port", str(self.port)]
        options += ["--protocol", "tls"] if self._certificates else []
        self.scheduler = self._start("dask_scheduler", options, settings)
        wait_until(self._listens)
        return self.scheduler

    def work(self, *options: str, first: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker with one thread; modules are looked for in a folder `first`."""
        path = [str(first)] if first else []
        path += filter(None, [os.environ.get("PYTHONPATH", "")])
        settings = {"PYTHONPATH": os.pathsep.join(path)}
        place = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)]
        return self._start("dask_worker", [self.address, *place, *options], settings)

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, what: str, options: list[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{what}", "--no-dashboard", *options]
        with (self.folder / f"{what}-{len(self._processes)}.log").open("wb") as said:
            environment = {**os.environ, **self._certificates, **settings}
            started = subprocess.Popen(command, stdout=said, stderr=said, env=environment, cwd=self.folder)
        self._processes.append(started)
        return started

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Cable:
    """What lies between a run and a scheduler, and can be cut: a port that hands on what comes."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it begins."""
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break all connections; new ones can be made."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break them for good."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=_hand_on, args=pair, daemon=True).start()


@contextlib.contextmanager
def speaker(says: bytes) -> Iterator[str]:
    """The address of something that takes every connection, says this, and then nothing."""
    taken: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                taken[-1].sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    for each in taken:
        each.close()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with source, contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def certified(folder: Path) -> dict[str, str]:
    """Make certificates for a cluster, and the settings by which Dask finds them."""
    made = Security.temporary()
    texts = {"ca": made.tls_ca_file, "cert": made.tls_client_cert, "key": made.tls_client_key}
    for name, text in texts.items():
        (folder / f"{name}.pem").write_text(text)
    prefix = "DASK_DISTRIBUTED__COMM"
    settings = {f"{prefix}__TLS__CA_FILE": f"{folder}/ca.pem", f"{prefix}__REQUIRE_ENCRYPTION": "True"}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{prefix}__TLS__{who}__{name.upper()}": f"{folder}/{name}.pem" for name in ("cert", "key")}
    return settings


@contextlib.contextmanager
def loopback(folder: Path, workers: int = 2, certificates: Mapping[str, str] | None = None) -> Iterator[Loopback]:
    """A cluster with so many workers."""
    cluster = Loopback(folder, certificates)
    try:
        for _ in range(workers):
            cluster.work()
        yield cluster
    finally:
        cluster.close()
