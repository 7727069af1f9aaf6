"""IPython as graded notebooks find it: quiet magics, refused shell lines, figures kept as pixels, nobody to ask.

It is made once in the zygote; every fork has its own copy.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import getpass
from collections.abc import Callable
from typing import Any, NoReturn

import IPython
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from traitlets.config import Config

from autograder.jail.bars import nothing
from autograder.jail.codec import PICTURES, PIXELS
from autograder.jail.machine import Machine

_RUN_ONCE = frozenset({"time", "timeit", "prun", "capture", "memit", "mprun", "lprun"})
_OUTSIDE = frozenset(
    {
        "bash",
        "sh",
        "script",
        "sx",
        "system",
        "pip",
        "conda",
        "mamba",
        "micromamba",
        "uv",
        "perl",
        "ruby",
        "javascript",
        "js",
    }
)
_SCREEN = frozenset({"debug", "pdb", "matplotlib", "pylab", "gui", "cd", "html", "svg", "latex", "markdown"})
_DPI = 72

_DRAWS: dict[Any, tuple[str, ...]] = {
    plt: (
        *("figure", "subplots", "subplot", "axes", "gca", "gcf", "sca", "clf", "cla", "close", "show", "draw", "pause"),
        *("plot", "scatter", "bar", "barh", "imshow", "matshow", "errorbar", "fill_between", "step", "stem", "quiver"),
        *("semilogx", "semilogy", "loglog", "axhline", "axvline", "text", "annotate", "title", "suptitle", "legend"),
        *("xlabel", "ylabel", "xlim", "ylim", "xticks", "yticks", "axis", "grid", "colorbar", "tight_layout"),
        *("subplots_adjust", "savefig", "ion", "ioff", "pcolormesh", "subplot_mosaic", "subplot2grid"),
    ),
    Figure: ("savefig",),
    FigureCanvasAgg: ("draw",),
    IPython.display: ("display", "clear_output"),
}
"""What draws and gives back no value that an answer is made of."""


class QuietPublisher(DisplayPublisher):  # type: ignore[misc]  # IPython has no types
    """Prints the text of what is displayed: HTML, scripts and pictures of a student's never leave the jail."""

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        """Print a thing's plain text."""
        print(data.get("text/plain", ""))


class GradedShell(InteractiveShell):  # type: ignore[misc]  # likewise
    """What `get_ipython()` gives to a graded notebook."""

    machine = Machine()
    """Where the texts are that `%%writefile` writes."""

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic; those that set up a screen do nothing."""
        if magic_name in _RUN_ONCE:
            exec(line, self.user_ns)  # noqa: S102 - the student's own statement, once, and without a table of times
            return None
        if magic_name == "run":
            return self.machine.texts.run(line, self.user_ns)
        return self._quietly(
            magic_name, lambda: super(GradedShell, self).run_line_magic(magic_name, line, _stack_depth)
        )

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell magic; `%%time` and its kind run their cell once."""
        if magic_name in _RUN_ONCE:
            exec(cell, self.user_ns)  # noqa: S102 - the student's own cell
            return None
        if magic_name in {"writefile", "file"}:
            return self.machine.texts.take(line, cell)
        return self._quietly(magic_name, lambda: super(GradedShell, self).run_cell_magic(magic_name, line, cell))

    def system(self, cmd: str) -> NoReturn:
        """Refuse a shell line."""
        raise PermissionError("shell lines don't run while a notebook is graded")

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> NoReturn:
        """Refuse a shell line."""
        self.system(cmd)

    def ask_exit(self) -> None:
        """Let `exit` and `quit` do nothing."""

    def _quietly(self, name: str, run: Any) -> Any:
        if name in _OUTSIDE:
            self.system(name)
        if name in _SCREEN:
            return None
        try:
            return run()
        except (UsageError, ModuleNotFoundError):  # a magic, or an extension, that isn't here
            return None


class Figures:
    """The figures that a notebook's cells have drawn."""

    def __init__(self) -> None:
        self._cell = -1
        self._drawn: list[tuple[int, Any]] = []

    def enter(self, cell: int) -> None:
        """Say which cell runs now: figures that are open belong to the one before, and are finished."""
        if cell != self._cell:
            self.finish()
            self._cell = cell

    def finish(self) -> None:
        """Take the open figures aside, as a notebook does at the end of a cell and at `plt.show()`."""
        for number in plt.get_fignums():
            if len(self._drawn) < PICTURES:
                self._drawn.append((self._cell, plt.figure(number)))
        plt.close("all")

    def pixels(self) -> list[tuple[int, torch.Tensor]]:
        """Draw all figures, each with the index of its cell.

        Shapes:
            result  (height, width, 4) each, uint8
        """
        self.finish()
        drawn = []
        for cell, figure in self._drawn:
            with contextlib.suppress(Exception):  # a figure that can't be drawn is a figure less
                width, height = (min(inches, PIXELS / _DPI) for inches in figure.get_size_inches())
                figure.set_dpi(_DPI)
                figure.set_size_inches(width, height)
                canvas = FigureCanvasAgg(figure)
                canvas.draw()
                drawn.append(
                    (
                        cell,
                        torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8).reshape(
                            *reversed(canvas.get_width_height()), 4
                        ),
                    )
                )
        return drawn


def make(folder: str, machine: Machine) -> tuple[GradedShell, Figures]:
    """Make the shell, its settings in `folder`, which may go afterwards."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    settings.InteractiveShell.cache_size = 0
    shell = GradedShell.instance(config=settings, ipython_dir=folder, display_pub_class=QuietPublisher)
    shell.machine = machine
    figures = Figures()

    def show(*_: Any, **__: Any) -> None:
        figures.finish()

    figure = plt.figure()  # the first figure loads fonts: better here than in every fork
    figure.gca().plot([0, 1])
    figure.gca().set_title("0")
    figure.canvas.draw()
    plt.close("all")
    plt.show = show
    for place, names in _DRAWS.items():
        for name in names:
            setattr(place, name, _seen(machine, getattr(place, name), _panels if name == "subplots" else nothing))
    shell.user_ns["display"] = IPython.display.display
    builtins.input = getpass.getpass = nobody
    return shell, figures


def _seen(machine: Machine, draw: Callable[..., Any], unseen: Callable[..., Any]) -> Callable[..., Any]:
    """Draw only while somebody may look: answers that are asked for may draw at each step, and it costs nothing."""

    @functools.wraps(draw)  # matplotlib writes the signature of `show` on it
    def drawn(*arguments: Any, **named: Any) -> Any:
        return unseen(*arguments, **named) if machine.asked else draw(*arguments, **named)

    return drawn


def _panels(nrows: int = 1, ncols: int = 1, *_: Any, squeeze: bool = True, **__: Any) -> tuple[Any, Any]:
    """What `plt.subplots` gives where nothing is drawn: panels in their rows and columns."""
    panels = np.array([nothing] * (nrows * ncols) + [None], dtype=object)[:-1].reshape(nrows, ncols)
    return nothing, (panels.squeeze() if nrows * ncols > 1 else nothing) if squeeze else panels


def nobody(*_: Any, **__: Any) -> NoReturn:
    """Stand in for `input`.

    Raises:
        EOFError: always.
    """
    raise EOFError("input() has nobody to ask while a notebook is graded")
