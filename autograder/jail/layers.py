"""What the jail of this machine consists of, for a person to read."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.jail.host import Jail, Level, takes_other_user
from autograder.jail.inmate import JailUnavailable


@dataclass(frozen=True)
class Layer:
    """One layer of the jail."""

    name: str
    on: bool
    keeps_out: str
    """What it keeps a student's code from."""
    why_off: str = ""


@dataclass(frozen=True)
class Report:
    """What the jail of this machine consists of."""

    level: Level | None
    """None where untrusted code can't be held."""
    layers: tuple[Layer, ...]
    why: str = ""
    """Why it can't be held."""

    @property
    def holds(self) -> bool:
        """Whether code in the jail can't reach the network, the course's files, or other processes: this was tried."""
        return self.level is not None


_LAYERS = {
    "namespaces": "every file but the interpreter's, other processes, the network, and files left for the next one",
    "landlock": "files outside the interpreter's folders and its own, and, in newer kernels, TCP and signals",
    "seccomp": "sockets, other programs, new processes, signals to others, and rarely used parts of the kernel",
    "file owners": "files that only their owner may read",
    "limits": "more memory, processor time, files and output than a notebook needs",
    "threads": "more threads than a notebook needs",
}


def report(level: Level | None = None) -> Report:
    """Start a jail, let code in it try to get out, and say what holds."""
    try:
        with Jail(level) as jail:
            off, found, other_user = dict(jail.off), jail.level, takes_other_user()
    except JailUnavailable as error:
        return Report(
            None, tuple(Layer(name, False, text, "there is no jail") for name, text in _LAYERS.items()), str(error)
        )
    if not other_user:
        off.setdefault(
            "file owners", "only root can take on another user's id; the other layers hide this user's files"
        )
    return Report(found, tuple(Layer(name, name not in off, text, off.get(name, "")) for name, text in _LAYERS.items()))


def table(found: Report) -> RenderableType:
    """Show a report on a terminal."""
    rows = Table(box=box.SIMPLE, title=f"the jail of this machine: {found.level or 'none'}", title_justify="left")
    for heading in ("layer", "", "keeps student code from", "why it is off"):
        rows.add_column(heading, overflow="fold")
    for layer in found.layers:
        rows.add_row(layer.name, "on" if layer.on else "off", escape(layer.keeps_out), escape(layer.why_off))
    if found.holds:
        said = "Code in it was let try: it reaches no network, reads no file of a course, and signals no other process."
    else:
        said = f"Untrusted work is not graded here, unless you say --trust-students. {found.why}"
    return Group(rows, Text(said))
