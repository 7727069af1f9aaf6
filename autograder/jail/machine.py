"""The student's machine, where this one is another: what stands in for what isn't here, and changes no value.

Progress bars draw nothing, compilers hand back what they are given, debuggers stop nowhere, workers are this process,
and the CPU is every device. While answers are asked for, nobody waits and nothing is drawn.
A zygote puts it all in place once; where grader and student share a process, it is there while the student's code runs.
"""

from __future__ import annotations

import bdb
import code
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import pdb
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch

from autograder.jail import bars, devices, workers
from autograder.jail.bars import nothing
from autograder.jail.texts import Texts

DEBUGGERS = ("ipdb", "pudb", "web_pdb", "rpdb", "pdbpp")
"""Packages that stop a program for somebody to look at it."""

STANDS_IN_FOR = frozenset({*bars.PACKAGES, *DEBUGGERS})
"""Packages that something stands in for, installed or not."""


class _Packages(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what stands in for a package, and for whatever is in it."""

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        known = fullname in STANDS_IN_FOR or fullname.partition(".")[0] in STANDS_IN_FOR
        if known or (fullname == "rich" and importlib.machinery.PathFinder.find_spec(fullname) is None):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        known = bars.PACKAGES.get(module.__name__, bars.PACKAGES.get(module.__name__.partition(".")[0], {}))

        def looked_up(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            if name.islower() and name in _MODULES:
                return importlib.import_module(f"{module.__name__}.{name}")
            return nothing

        module.__dict__.update(known, __all__=sorted(known), __version__="4.66", __getattr__=looked_up)
        if module.__name__ == "rich":
            module.__dict__.update(print=print)


_MODULES = {"auto", "notebook", "std", "autonotebook", "contrib", "gui", "asyncio", "keras", "fastprogress", "core"}


class Machine:
    """What stands in, and whether answers are being asked for."""

    def __init__(self) -> None:
        self.asked = False
        """Whether a flow is being called: then nobody waits, and nothing is drawn."""
        self.texts = Texts()
        self._undo: list[tuple[Any, str, Any]] = []
        self._stays = False
        self._names_a_gpu = False
        self._here: devices.Here | None = None

    def stay(self) -> None:
        """Put everything in place for good, in a process that is the notebook's own."""
        self.texts.own_folder = True
        self._put()
        self._stays = True

    def standing_in(self) -> contextlib.AbstractContextManager[None]:
        """Have everything in place meanwhile."""
        return contextlib.nullcontext() if self._stays else self._lent()

    def prepare(self, text: str) -> None:
        """Have the CPU stand in for a GPU, from the first text on that names one: it makes each call slower."""
        if not self._names_a_gpu and devices.NAMED.search(text):
            self._names_a_gpu = True
            self._be_a_gpu()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[None]:
        kept = {name: sys.modules.pop(name) for name in [*sys.modules] if packages.find_spec(name) is not None}
        before = set(sys.modules)
        self._put()
        try:
            yield
        finally:
            self._take_away()
            for name in set(sys.modules) - before:
                if getattr(sys.modules[name], "__loader__", None) in (packages, self.texts):
                    del sys.modules[name]
            sys.modules.update(kept)

    def _put(self) -> None:
        sys.meta_path[:0] = [self.texts, packages]
        for place, name, standin in self._places():
            self._set(place, name, standin)
        if self._names_a_gpu:
            self._be_a_gpu()

    def _be_a_gpu(self) -> None:
        self._here = devices.Here()
        self._here.__enter__()  # type: ignore[no-untyped-call]  # torch has none
        for place, name, standin in devices.places():
            self._set(place, name, standin)

    def _take_away(self) -> None:
        if self._here is not None:
            torch.set_default_device(None)
            self._here.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # torch has none
            self._here = None
        while self._undo:
            place, name, before = self._undo.pop()
            if before is _ABSENT:
                delattr(place, name)
            else:
                setattr(place, name, before)
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in (self.texts, packages)]

    def _set(self, place: Any, name: str, standin: Any) -> None:
        self._undo.append((place, name, vars(place).get(name, _ABSENT)))
        setattr(place, name, standin)

    def _places(self) -> Iterator[tuple[Any, str, Any]]:
        yield from _compilers()
        yield from _debuggers()
        yield from workers.places()
        sleep = time.sleep

        def slept(seconds: float) -> None:
            if not self.asked:
                sleep(seconds)

        yield time, "sleep", slept


packages = _Packages()
_ABSENT = object()


def _compilers() -> Iterator[tuple[Any, str, Any]]:
    """What turns functions into faster ones of the same values."""
    for place, names in _COMPILE.items():
        for name in names:
            yield place, name, _as_written(getattr(place, name))
    yield torch.compiler, "reset", lambda: None
    yield torch.nn.Module, "compile", lambda _, *__, **___: None


_COMPILE: dict[Any, tuple[str, ...]] = {
    torch: ("compile",),
    torch.compiler: ("compile", "disable", "allow_in_graph"),
    torch.jit: (
        *("script", "trace", "trace_module", "freeze", "optimize_for_inference"),
        *("script_if_tracing", "script_method", "export", "unused", "ignore"),
    ),
}


def _as_written(compiles: Callable[..., Any]) -> Callable[..., Any]:
    """Give back what is to be compiled, or what will, where this is called to decorate it; torch compiles its own."""

    def written(model: Any = None, *others: Any, **named: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__", "").startswith("torch."):
            return compiles(model, *others, **named)
        return model if callable(model) else _decorated

    return written


def _decorated(model: Any) -> Any:
    return model


def _debuggers() -> Iterator[tuple[Any, str, Any]]:
    """What stops a program for somebody to look at it."""
    yield sys, "breakpointhook", nobody_looks
    for place in (pdb, pdb.Pdb, bdb.Bdb):
        yield place, "set_trace", nobody_looks
    for name in ("post_mortem", "pm"):
        yield pdb, name, nobody_looks
    yield code, "interact", nobody_looks
    with contextlib.suppress(ImportError):  # there may be no IPython where this process is a grader's
        import IPython
        from IPython.core import debugger

        yield IPython, "embed", nobody_looks
        for name in ("set_trace", "Tracer"):
            yield debugger, name, _tracer if name == "Tracer" else nobody_looks
        yield debugger.Pdb, "set_trace", nobody_looks


def nobody_looks(*_: Any, **__: Any) -> None:
    """Go on."""


def _tracer(*_: Any, **__: Any) -> Callable[..., None]:
    return nobody_looks
