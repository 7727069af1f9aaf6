"""What a zygote process is started with: a script that imports the student's side of the kit, and lets nobody else.

``python -s -S -P start.py DESCRIPTOR``, with the host's end of a socket pair behind the descriptor.
The few modules that it needs are read into memory before the file system goes, and are forgotten again afterwards:
student code can't import anything of the kit.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.abc
import importlib.machinery
import json
import os
import socket
import sys
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
    """Be a zygote."""
    gc.disable()
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    asked = json.loads(control.recv(1 << 20))
    kit = _Kit()
    sys.meta_path.insert(0, kit)
    try:
        from autograder.jail.lockdown import Lock, Plan, nowhere  # only findable now

        _know_the_processor(asked["path"])
        lock = Lock(Plan(**asked["plan"]))
        lock.enter()
        sys.path[:] = asked["path"]
        from autograder.jail.zygote import Zygote  # torch is loaded inside the jail

        _import_data(asked["data"])
        zygote = Zygote(control, lock, asked["frame_limit"])
    except Exception as error:  # the host says what it means
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise
    sys.meta_path.remove(kit)
    for name in kit.sources:
        del sys.modules[name]
    kit.sources.clear()
    nowhere()
    sys.argv = [""]
    control.send(json.dumps({"ready": lock.off}).encode())
    zygote.serve()
    os._exit(0)


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
