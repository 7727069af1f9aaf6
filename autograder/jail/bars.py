"""Progress bars that count and draw nothing: what stands in for the packages that draw them, installed or not.

A bar changes no value, and there is no screen; so a notebook with one runs alike on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Nothing:
    """Whatever is asked of it, nothing happens: it can be called, entered, decorated with and looked into."""

    def __call__(self, *given: Any, **_: Any) -> Any:
        """Give back a function that is to be decorated; else itself."""
        return given[0] if len(given) == 1 and callable(given[0]) else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        yield self

    def __getitem__(self, _: Any) -> Any:
        return self

    def __setitem__(self, _: Any, __: Any) -> None:
        pass


nothing = Nothing()


class Quiet:
    """It can be entered; whatever else is asked of it is :data:`nothing`."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(nothing, name)


class Bar(Quiet):
    """What `tqdm` gives: it goes through things, and counts them."""

    def __init__(self, iterable: Any = None, desc: Any = None, total: Any = None, *_: Any, **options: Any) -> None:
        self.iterable, self.desc = iterable, desc
        self.total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
        self.n: Any = options.get("initial", 0)

    def __iter__(self) -> Iterator[Any]:
        for thing in self.iterable:
            yield thing
            self.n += 1

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable) if hasattr(self.iterable, "__len__") else int(self.total or 0)

    def __bool__(self) -> bool:
        return bool(self.total if self.iterable is None or self.total is not None else self.iterable)

    def update(self, n: Any = 1) -> None:
        """Count on."""
        self.n += n

    def reset(self, total: Any = None) -> None:
        """Count anew."""
        self.n, self.total = 0, self.total if total is None else total

    @property
    def format_dict(self) -> dict[str, Any]:
        """What a bar would show."""
        return {"n": self.n, "total": self.total, "elapsed": 0.0, "rate": None, "prefix": self.desc or ""}

    write = set_lock = get_lock = pandas = nothing


class MasterBar(Bar):
    """What `fastprogress` calls a master bar; its own count is set, not added to."""

    def update(self, n: Any = 1) -> None:
        """Set the count."""
        self.n = n


class CalledBar(Bar):
    """What `alive_progress` gives: calling it counts on."""

    def __call__(self, n: Any = 1, **_: Any) -> None:
        """Count on."""
        self.n += n

    @property
    def current(self) -> Any:
        """The count."""
        return self.n


def _alive(total: Any = None, *_: Any, **__: Any) -> CalledBar:
    return CalledBar(None, total=total)


class Progress(Quiet):
    """What `rich.progress` gives: several tasks, each with its count."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.tasks: list[Any] = []

    def add_task(
        self, description: Any = "", start: bool = True, total: Any = 100.0, completed: Any = 0, **_: Any
    ) -> int:
        """Begin a task, and give its number."""
        self.tasks.append(Task(len(self.tasks), description, total, completed))
        return len(self.tasks) - 1

    def update(self, task_id: int, *, total: Any = None, completed: Any = None, advance: Any = None, **_: Any) -> None:
        """Set or add to a task's count."""
        task = self.tasks[task_id]
        task.total = task.total if total is None else total
        task.completed = (task.completed if completed is None else completed) + (advance or 0)

    def advance(self, task_id: int, advance: Any = 1) -> None:
        """Add to a task's count."""
        self.update(task_id, advance=advance)

    @property
    def finished(self) -> bool:
        """Whether every task has been counted to its end."""
        return all(task.finished for task in self.tasks)

    def track(self, sequence: Iterable[Any], *_: Any, **__: Any) -> Iterator[Any]:
        """Go through things."""
        yield from sequence


class Task:
    """One task of :class:`Progress`."""

    def __init__(self, number: int, description: Any, total: Any, completed: Any) -> None:
        self.id, self.description, self.total, self.completed = number, description, total, completed

    @property
    def finished(self) -> bool:
        """Whether it has been counted to its end."""
        return self.total is not None and self.completed >= self.total


def _mapped(function: Callable[..., Any], *things: Iterable[Any], **_: Any) -> list[Any]:
    return list(map(function, *things))


def _enumerated(things: Iterable[Any], start: int = 0, *_: Any, **__: Any) -> Iterator[Any]:
    return enumerate(things, start)


def _zipped(*things: Iterable[Any], **_: Any) -> Iterator[Any]:
    return zip(*things, strict=False)


def _ranged(*numbers: int, **options: Any) -> Bar:
    return Bar(range(*numbers), **options)


def _tracked(sequence: Iterable[Any], *_: Any, **__: Any) -> Iterator[Any]:
    yield from sequence


def _barred(things: Any = None, *_: Any, **__: Any) -> Any:
    """`progressbar.ProgressBar()(things)` as well as `progressbar.progressbar(things)`."""
    return _Started() if things is None or isinstance(things, int) else Bar(things)


class _Started(Bar):
    def __call__(self, things: Iterable[Any]) -> Bar:
        return Bar(things)

    def start(self, *_: Any, **__: Any) -> Any:
        return self

    def update(self, n: Any = 1, **_: Any) -> None:
        self.n = n


_TQDM = {
    **dict.fromkeys(("tqdm", "tqdm_notebook", "tqdm_gui", "tqdm_asyncio"), Bar),
    **dict.fromkeys(("trange", "tnrange", "tgrange", "trrange", "tarange"), _ranged),
    **dict.fromkeys(("thread_map", "process_map"), _mapped),
    "tenumerate": _enumerated,
    "tzip": _zipped,
    "tmap": map,
}

PACKAGES: dict[str, dict[str, Any]] = {
    "tqdm": _TQDM,
    "fastprogress": {
        **dict.fromkeys(("progress_bar", "ConsoleProgressBar", "NBProgressBar", "ProgressBar"), MasterBar),
        **dict.fromkeys(("master_bar", "ConsoleMasterBar", "NBMasterBar", "MasterBar"), MasterBar),
        "force_console_behavior": lambda: (MasterBar, MasterBar),
    },
    "alive_progress": {"alive_bar": _alive, "alive_it": CalledBar},
    "progressbar": dict.fromkeys(("progressbar", "ProgressBar"), _barred),
    "rich.progress": {"track": _tracked, "Progress": Progress},
}
"""Package -> what it is known for; whatever else is asked of it is :data:`nothing`."""
