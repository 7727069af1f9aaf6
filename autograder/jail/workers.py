"""Workers that are this process: what pools, processes and loaders hand over is done at once, where it is asked for.

Nobody else can be started in a jail, and the values are the same.
"""

from __future__ import annotations

import concurrent.futures.process
import concurrent.futures.thread
import contextlib
import copy
import multiprocessing.context
import multiprocessing.dummy
import multiprocessing.pool
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch.multiprocessing
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _SingleProcessDataLoaderIter


class Executor(concurrent.futures.Executor):
    """What stands in for executors of threads and of processes."""

    def __init__(
        self, max_workers: Any = None, *_: Any, initializer: Any = None, initargs: tuple[Any, ...] = (), **__: Any
    ) -> None:
        if initializer is not None:
            initializer(*initargs)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Do it now."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Pool(contextlib.AbstractContextManager["Pool"]):
    """What stands in for pools of processes and of threads."""

    def __init__(self, processes: Any = None, initializer: Any = None, initargs: Any = (), *_: Any, **__: Any) -> None:
        self._executor = Executor(initializer=initializer, initargs=initargs)

    def __exit__(self, *_: object) -> None:
        pass

    def apply(self, func: Callable[..., Any], args: Any = (), kwds: Any = None) -> Any:
        """Call a function."""
        return func(*args, **(kwds or {}))

    def map(self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: Any = None) -> list[Any]:
        """Call a function on each thing."""
        return [func(thing) for thing in iterable]

    def starmap(self, func: Callable[..., Any], iterable: Iterable[Any], chunksize: Any = None) -> list[Any]:
        """Call a function on the things in each tuple."""
        return [func(*things) for things in iterable]

    def imap(self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: Any = None) -> Iterator[Any]:
        """Call a function on each thing."""
        return iter(self.map(func, iterable))

    imap_unordered = imap

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Any = (),
        kwds: Any = None,
        callback: Any = None,
        error_callback: Any = None,
    ) -> Result:
        """Call a function now, and hand over what it gives later."""
        return Result(self._executor.submit(self.apply, func, args, kwds), callback, error_callback)

    def map_async(
        self, func: Any, iterable: Any, chunksize: Any = None, callback: Any = None, error_callback: Any = None
    ) -> Result:
        """As :meth:`map`, handed over later."""
        return Result(self._executor.submit(self.map, func, iterable), callback, error_callback)

    def starmap_async(
        self, func: Any, iterable: Any, chunksize: Any = None, callback: Any = None, error_callback: Any = None
    ) -> Result:
        """As :meth:`starmap`, handed over later."""
        return Result(self._executor.submit(self.starmap, func, iterable), callback, error_callback)

    def close(self) -> None:
        """Nothing to end."""

    terminate = join = close


class Result:
    """What a pool will have done: it has."""

    def __init__(self, future: concurrent.futures.Future[Any], callback: Any, error_callback: Any) -> None:
        self._future = future
        wanted = callback if self.successful() else error_callback
        if wanted is not None:
            wanted(future.result() if self.successful() else future.exception())

    def get(self, timeout: Any = None) -> Any:
        """What it gave, or raised."""
        return self._future.result()

    def wait(self, timeout: Any = None) -> None:
        """It is done."""

    def ready(self) -> bool:
        """It is done."""
        return True

    def successful(self) -> bool:
        """Whether it raised nothing."""
        return self._future.exception() is None


class Process:
    """What stands in for a process: it runs when it is started."""

    def __init__(
        self,
        group: Any = None,
        target: Any = None,
        name: Any = None,
        args: Any = (),
        kwargs: Any = None,
        *,
        daemon: Any = None,
    ) -> None:
        self._target, self._args, self._kwargs = target, args, kwargs or {}
        self.name, self.daemon, self.pid = name or "Process-1", daemon, None
        self.exitcode: int | None = None

    def run(self) -> None:
        """Do what it is for."""
        if self._target is not None:
            self._target(*self._args, **self._kwargs)

    def start(self) -> None:
        """Run, here and now; as with a process, what is raised ends it alone."""
        self.exitcode = 0
        try:
            self.run()
        except Exception:
            self.exitcode = 1
        except SystemExit as left:
            self.exitcode = left.code if isinstance(left.code, int) else int(left.code is not None)

    def join(self, timeout: Any = None) -> None:
        """It has ended."""

    def is_alive(self) -> bool:
        """It has ended."""
        return False

    terminate = kill = close = join


class Joinable(queue.Queue[Any]):
    """A queue with the few more methods that one between processes has."""

    def close(self) -> None:
        """Nothing to close."""

    join_thread = cancel_join_thread = close


def _spawn(fn: Callable[..., Any], args: Any = (), nprocs: int = 1, *_: Any, **__: Any) -> None:
    for rank in range(nprocs):
        fn(rank, *args)


_here: dict[str, Any] = {
    "Pool": Pool,
    "Process": Process,
    **dict.fromkeys(("Queue", "SimpleQueue", "JoinableQueue"), Joinable),
    **{
        name: getattr(threading, name)
        for name in ("Lock", "RLock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier")
    },
    **{name: getattr(multiprocessing.dummy, name) for name in ("Manager", "Pipe", "Value", "Array")},
}


def places() -> Iterator[tuple[Any, str, Any]]:
    """Where workers are looked for: object, name, what stands in there."""
    for module in (concurrent.futures, concurrent.futures.thread):
        yield module, "ThreadPoolExecutor", Executor
    for module in (concurrent.futures, concurrent.futures.process):
        yield module, "ProcessPoolExecutor", Executor
    contexts = ("DefaultContext", "ForkContext", "SpawnContext", "ForkServerContext")
    for name, standin in _here.items():
        yield multiprocessing, name, standin
        yield torch.multiprocessing, name, standin
        method = standin if isinstance(standin, type) else staticmethod(standin)
        yield multiprocessing.context.BaseContext, name, method
    for kind in contexts:
        if hasattr(multiprocessing.context, kind):
            yield getattr(multiprocessing.context, kind), "Process", Process
    yield multiprocessing.pool, "Pool", Pool
    yield multiprocessing.pool, "ThreadPool", Pool
    yield torch.multiprocessing, "spawn", _spawn
    yield DataLoader, "_get_iterator", _alone


def _alone(loader: Any) -> Any:
    """Go through a loader's batches in this process, whatever number of workers it asks for."""
    plain = copy.copy(loader)
    plain.__dict__.update(num_workers=0, timeout=0, persistent_workers=False, pin_memory=False)
    return _SingleProcessDataLoaderIter(plain)
