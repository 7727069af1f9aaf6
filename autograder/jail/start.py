"""What zygotes come from: a script that loads all they need, the student's side of the kit with it, and then forks.

``python -s -S -P start.py DESCRIPTOR``, with the host's end of a socket pair behind the descriptor.
The kit's modules are read into memory, and no module of that name is left where imports look: student code can't import
anything of the kit.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.abc
import importlib.machinery
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

MODULES = (
    *("syscalls", "seccomp", "landlock", "namespaces", "lockdown", "memory", "threads"),
    *("wire", "bars", "workers", "devices", "texts", "machine", "session", "codec", "shell", "zygote"),
)
"""The student's side of the kit, all of it."""

DATA = "data_utils"
"""The package that notebooks import."""

_KEPT: list[ModuleType] = []
"""The kit's modules, until a zygote has what it needs of them."""


class _Kit(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the kit's modules in memory."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self.sources = {f"autograder.jail.{name}": (here / f"{name}.py").read_text("utf-8") for name in MODULES}
        self.sources |= {"autograder": "", "autograder.jail": ""}

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.sources:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname in {"autograder", "autograder.jail"})

    def get_source(self, fullname: str) -> str:
        return self.sources[fullname]

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.sources[fullname], f"<{fullname}>", "exec", dont_inherit=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None


def main() -> None:
    """Load what zygotes need, once, and be each zygote in a fork that is asked for.

    Nothing of a course is known here, and no student's code runs here: what is loaded is the interpreter's own.
    """
    gc.disable()
    os.umask(0o022)  # the jail's folders are for another user than who makes them
    orders = socket.socket(fileno=int(sys.argv[1]))
    orders.set_inheritable(False)
    asked = json.loads(orders.recv(1 << 20))
    sys.path[:] = asked["path"]
    with _no_hooks() as hooks:
        failed = _loaded(asked["path"], asked["data"])
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()
    while True:
        text, handed, _, _ = socket.recv_fds(orders, 1 << 20, 1)
        if not text:
            return
        control = socket.socket(fileno=handed[0])
        if failed:
            control.send(json.dumps({"error": failed}).encode())
        elif os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _be_a_zygote(control, json.loads(text), hooks)
            finally:  # nothing of a zygote may go on as a second one of these
                os._exit(70)
        control.close()


@contextlib.contextmanager
def _no_hooks() -> Iterator[list[Callable[[], object]]]:
    """Collect what modules want done in each fork: half of what a fork costs before it is locked.

    They put locks right that other threads may have held, and drop what may not be shared. A zygote has no other
    threads; it does all that once itself, and its forks begin where it stands.
    """
    hooks: list[Callable[[], object]] = []
    register = os.register_at_fork

    def keep(*, after_in_child: Callable[[], object] | None = None, **_: object) -> None:
        hooks.extend([after_in_child] if after_in_child else [])

    os.register_at_fork = keep
    try:
        yield hooks
    finally:
        os.register_at_fork = register


def _reap(*_: object) -> None:
    """Put away the zygotes that have ended; the time that they took is this process's then, and who ended it knows."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _loaded(path: list[str], data: str | None) -> str:
    """Load the libraries and the student's side of the kit, and say what kept it from that, if anything did."""
    kit = _Kit()
    sys.meta_path.insert(0, kit)
    try:
        _know_the_processor(path)
        for name in MODULES:
            _KEPT.append(__import__(f"autograder.jail.{name}", fromlist=[name]))
        _import_data(data)
    except Exception as error:  # the host says what it means
        return f"{type(error).__name__}: {error}"
    finally:
        sys.meta_path.remove(kit)
        for name in kit.sources:
            sys.modules.pop(name, None)
        kit.sources.clear()
    sys.argv = [""]
    return ""


def _be_a_zygote(control: socket.socket, asked: dict[str, Any], hooks: Sequence[Callable[[], object]]) -> None:
    """Shut this process in, and serve the host until it is gone."""
    modules = {module.__name__: module for module in _KEPT}
    lockdown, zygote = modules["autograder.jail.lockdown"], modules["autograder.jail.zygote"]
    os.setsid()
    socket.send_fds(control, [json.dumps({"pid": os.getpid()}).encode()], [os.pidfd_open(os.getpid())])
    try:
        with contextlib.suppress(OSError):  # where that may not be chosen
            os.sched_setaffinity(0, asked["cores"])
        os.environ.update(dict.fromkeys(("HOME", "TMPDIR"), asked["home"]))
        readable = [*asked["plan"].pop("readable"), *_libraries()]
        lock = lockdown.Lock(lockdown.Plan(readable=readable, **asked["plan"]))
        lock.enter()
        serving = zygote.Zygote(control, lock, asked["frame_limit"], hooks)
    except Exception as error:  # the host says what it means
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise
    _KEPT.clear()
    lockdown.nowhere()
    control.send(json.dumps({"ready": lock.off}).encode())
    serving.serve()
    os._exit(0)


def _libraries() -> list[str]:
    """List the shared libraries that are loaded, wherever they are."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in lines if "/" in line and ".so" in line}
    return sorted(path for path in mapped if Path(path).exists())


def _know_the_processor(path: list[str]) -> None:
    """Let torch read what this machine's processor can do, while /proc and /sys are there: half precision needs it."""
    for library in (Path(folder, "torch", "lib", "libc10.so") for folder in path):
        if library.exists():
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(str(library)).cpuinfo_initialize()


def _import_data(folder: str | None) -> None:
    """Import the package that notebooks import, without letting them import its neighbours."""
    if folder is None:
        return
    sys.path.insert(0, folder)
    try:
        __import__(DATA)
        for module in Path(folder, DATA).glob("*.py"):
            if module.stem != "__init__":
                __import__(f"{DATA}.{module.stem}")
    except ImportError:
        pass
    finally:
        sys.path.remove(folder)
        sys.path_importer_cache.pop(folder, None)


if __name__ == "__main__":
    main()
