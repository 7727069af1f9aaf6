"""What a command shows on a terminal beside its results: sentences, tables, and how long something still takes.

Whatever other people have written is shown, and does nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from autograder.visible import visible
from autograder.watch import Pace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

Item = TypeVar("Item")


def say(text: str) -> None:
    """Print a sentence to stderr."""
    with contextlib.suppress(OSError):  # the terminal is gone
        print(visible(text), file=sys.stderr, flush=True)


def show(renderable: Any) -> None:
    """Print a table, or whatever else rich draws, to stdout."""
    _console(width=None if sys.stdout.isatty() else 120).print(renderable)


def spinner(what: str) -> Status:
    """Show on stderr that something is going on, as long as a block takes."""
    return _console(stderr=True).status(visible(what))


def watched(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Go through them with a bar and the time left on stderr."""
    return counted(items, len(items), what)


def counted(
    items: Iterable[Item],
    total: int,
    what: str,
    awaited: int | None = None,
    worked: Callable[[Item], bool] = lambda item: True,
) -> Iterator[Item]:
    """Go through so many of them with a bar and the time left on stderr.

    Args:
        items: what there is.
        total: how many.
        what: a word for what is done.
        awaited: how many are known to be work; None for all.
        worked: whether one of them was.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    pace = Pace(total, total if awaited is None else awaited)

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            left = pace.left
            return Text("-:--:--" if left is None else str(timedelta(seconds=round(left))), "progress.remaining")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Left())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=_console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            yield item
            pace.done(worked(item))
            bar.advance(task)


@contextmanager
def vetting(name: str) -> Iterator[Callable[[str, float, float], None]]:
    """Show on stderr what vetting is at, and the time left: as a bar, or as a line for each kind of trial."""
    from rich.progress import BarColumn, Progress, TextColumn

    seen: set[str] = set()
    columns = (TextColumn("vetting {task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=_console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=1.0, left="")

        def tell(what: str, share: float, seconds: float) -> None:
            left = f"about {int(seconds) // 60}:{int(seconds) % 60:02} left"
            bar.update(task, description=f"{name}: {what}", completed=share, left=left)
            if bar.disable and what not in seen:
                say(f"vetting {name}: {what}, {left}")
            seen.add(what)

        yield tell


def _console(**options: Any) -> Console:
    """Make a console that shows other people's text, and does nothing that it says."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Visible(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else visible(text), style, control)

    return Visible(**options)
