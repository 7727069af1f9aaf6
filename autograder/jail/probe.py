"""The jail, tried: code inside it that really attempts what it must not be able to do.

A layer may be on and useless; this says what holds.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

NETWORK = "reach the network"
FILES = "read the course's files"
SIGNALS = "send signals to other processes"
PROCESSES = "start processes"
WRITING = "write outside its own folder"

MINIMUM = (NETWORK, FILES, SIGNALS)
"""What code in a jail must not be able to do, or it is none."""

_FLOW = """
import os, socket

def tried(attempt, *arguments):
    try:
        attempt(*arguments)
    except Exception:
        return 0.0
    return 1.0

def probe(nb):
    return {
        "reach the network": max(
            tried(socket.create_connection, ("127.0.0.1", PORT), 1), tried(socket.socket, socket.AF_UNIX)
        ),
        "read the course's files": max(tried(lambda path: open(path).read(1), path) for path in READABLE),
        "send signals to other processes": max(tried(os.kill, pid, 0) for pid in PIDS),
        "start processes": tried(os.posix_spawn, "/bin/true", ["true"], {}),
        "write outside its own folder": tried(open, WRITABLE, "a"),
    }
"""


def open_ways(fork: Callable[[], Any]) -> list[str]:
    """Try a fork, and say which of :data:`MINIMUM` and the rest it was able to do; the list should be empty."""
    with contextlib.ExitStack() as stack:
        port = 9  # where nobody listens, if nobody may
        with contextlib.suppress(OSError):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = listener.getsockname()[1]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        secret = folder / "secret"
        secret.write_text("secret")
        folder.chmod(0o755)
        secret.chmod(0o666)
        here = Path(__file__).resolve()
        facts = {
            "PORT": port,
            "READABLE": [str(secret), str(here), str(here.parents[1] / "errors.py")],
            "WRITABLE": str(secret),
            "PIDS": [os.getpid(), os.getppid(), -1],
        }
        flows = "".join(f"{name} = {fact!r}\n" for name, fact in facts.items()) + _FLOW
        with stack.enter_context(fork()) as inmate:
            done = inmate.call(flows, "probe", {})
    return [way for way in (*MINIMUM, PROCESSES, WRITING) if done.get(way) != 0.0]
