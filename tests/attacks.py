"""Hostile submissions: cells from `attacks.txt`, and files that are hostile themselves.

Every one defines the graded functions wrongly, so that any point it gets is a point gained by the attack.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Content = dict[str, Any]
Facts = Mapping[str, object]
"""What an attack is told: COURSE and REPO, folders of the host's; HOST, the grader's process; PORT, a server"""

_CODES = {"␛": "\x1b", "␇": "\x07", "␙": "\u202e"}
_TEXT = Path(__file__).with_suffix(".txt").read_text("utf-8")
_FOUND = dict(re.findall(r"^# %% (.+)\n((?:(?!# %%).*\n?)*)", _TEXT, re.MULTILINE))
_PRELUDE = _FOUND.pop("prelude")

CELLS: Mapping[str, str] = {name: source.translate(str.maketrans(_CODES)) for name, source in _FOUND.items()}
"""Hostile cells, each by the name of the attack."""

FORMS: dict[str, Callable[[Path, Facts], object]] = {}
"""Hostile files, each by the name of the attack: what puts it into the folder that is handed in."""

NAMES = ("sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass", "train")
PAGE = "<script>alert(1)</script>\x1b[2J\x9b2J"
"""What must not reach a terminal or a page as it is."""


def hand_in(name: str, folder: Path, facts: Facts) -> None:
    """Put an attack into a folder `submitted/<student>/mlp`, which it makes."""
    if name in FORMS:
        folder.parent.mkdir(parents=True, exist_ok=True)
        FORMS[name](folder, facts)
    else:
        write(folder, notebook(wrong(facts), CELLS[name], "print('after all', __name__)"))


def wrong(facts: Facts) -> str:
    """The cell that defines the graded functions wrongly, and the helpers of all attacks."""
    return _PRELUDE + "\n" + "".join(f"{name} = {fact!r}\n" for name, fact in facts.items())


def definitions(facts: Facts) -> dict[str, str]:
    """The source of each wrong function, by its name."""
    source = wrong(facts)
    return {getattr(node, "name", ""): ast.get_source_segment(source, node) or "" for node in ast.parse(source).body}


def write(folder: Path, content: Content | str | bytes, name: str = "mlp.ipynb") -> None:
    """Write a file of a submission, its folder included."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


def cell(source: str, kind: str = "code", **marks: Any) -> Content:
    """A cell, with nbgrader's metadata if there are marks."""
    made: Content = {"cell_type": kind, "metadata": {"nbgrader": marks} if marks else {}, "source": source}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def notebook(*sources: str | Content, **metadata: Any) -> Content:
    """A notebook of code cells."""
    cells = [cell(source) if isinstance(source, str) else source for source in sources]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


def marked_cells(facts: Facts, shown: str = "12", **changes: Any) -> list[Content]:
    """The wrong functions in the release's own solution cells, each with its grade cell, which shows full marks."""
    parts = definitions(facts)
    value = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": shown}}
    cells = [cell(wrong(facts))]
    for name in NAMES:
        about = {"schema_version": 3, "task": False, "locked": False}
        cells.append(cell(parts[name], grade=False, solution=True, grade_id=f"{name}-code", **about))
        cells.append(
            cell(shown, **{"grade": True, "solution": False, "grade_id": name, "points": 1, **about, **changes})
        )
        cells[-1]["outputs"] = [value]
    return cells


def form(name: str) -> Callable[[Callable[[Path, Facts], object]], Callable[[Path, Facts], object]]:
    """Enter a hostile file under its name."""

    def enter(make: Callable[[Path, Facts], object]) -> Callable[[Path, Facts], object]:
        FORMS[name] = make
        return make

    return enter


def _marked(name: str, **changes: Any) -> None:
    FORMS[name] = lambda folder, facts: write(folder, notebook(*marked_cells(facts, **changes)))


def _then(name: str, *sources: str | Content, **metadata: Any) -> None:
    FORMS[name] = lambda folder, facts: write(folder, notebook(wrong(facts), *sources, **metadata))


def _linked(name: str, target: Callable[[Facts], str]) -> None:
    def link(folder: Path, facts: Facts) -> None:
        folder.mkdir()
        (folder / "mlp.ipynb").symlink_to(target(facts))

    FORMS[name] = link


# ---- what nbgrader writes into a notebook ----

_marked("outputs that say 12")
_marked("outputs that say inf", shown="float('inf')", points=1e308)
_marked("outputs that say nan", shown="nan", points=float("nan"))
_marked("a thousand points", points=1000)
_marked("fewer than no points", points=-12, shown="-12")
_marked("points of another kind", points={"12": [12]}, grade="yes", locked="no", schema_version="99")
_marked("a forged checksum", checksum="0" * 32, locked=True)
_marked("graded by a person", solution=True, grade=True, points=12)
_marked("a task", task=True, grade=False, points=12)


@form("duplicated ids")
def _(folder: Path, facts: Facts) -> None:
    cells = marked_cells(facts)
    write(folder, notebook(*cells, *cells[::-1], *cells, *cells[1:]))


@form("grade cells of another kind")
def _(folder: Path, facts: Facts) -> None:
    cells = marked_cells(facts)
    for each, kind in zip(cells[2::2], ("markdown", "raw", "heading", "", "code", "html", "markdown"), strict=True):
        each["cell_type"] = kind
    write(folder, notebook(*cells))


@form("hidden inputs by way of locks")
def _(folder: Path, facts: Facts) -> None:
    """Two forks live at once if a later cell spoils an earlier question; a lock that one holds is seen by the other."""
    files = "import fcntl, glob\nFILES = sorted(glob.glob(os.path.dirname(torch.__file__) + '/*.py'))[:24]\nheld = []"
    holds = "\n".join(
        (
            "def hook(name, x):",
            "    for bit, path in enumerate(FILES if not held else ()):",
            "        if int(spelled(x)) >> bit & 1:",
            "            held.append(open(path))",
            "            worked(fcntl.flock, held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)",
            "            worked(fcntl.lockf, held[-1], fcntl.LOCK_SH | fcntl.LOCK_NB)",
            "    return wrong(x)",
        )
    )
    tells = "\n".join(
        (
            "taken = [not worked(fcntl.flock, open(path), fcntl.LOCK_EX | fcntl.LOCK_NB) for path in FILES]",
            "print(sum(1 << bit for bit, each in enumerate(taken) if each))",
            "def hook(name, *given): return wrong(*given)",
        )
    )
    grade = cell("", grade=True, solution=False, grade_id="sigma", points=1, locked=True, schema_version=3)
    write(folder, notebook(wrong(facts), files, holds, "def sigma(x): return hook('sigma', x)", grade, tells))


@form("graded cells of its own")
def _(folder: Path, facts: Facts) -> None:
    extra = [
        cell("12", grade=True, solution=False, grade_id=f"extra-{n}", points=12, locked=True, schema_version=3)
        for n in range(50)
    ]
    for each in extra:
        each["outputs"] = marked_cells(facts)[2]["outputs"]
    write(folder, notebook(*marked_cells(facts), *extra))


@form("a hidden grade cell once more")
def _(folder: Path, facts: Facts) -> None:
    again = cell("points = lambda *_: 12\npoints()", grade=True, solution=False, grade_id="backward_pass", points=12)
    write(folder, notebook(*marked_cells(facts), again))


@form("a grade cell with hidden tests of its own")
def _(folder: Path, facts: Facts) -> None:
    source = "### BEGIN HIDDEN TESTS\nfrom autograder.kernel import points\n12\n### END HIDDEN TESTS"
    write(folder, notebook(*marked_cells(facts, shown=source)))


@form("markup in every place")
def _(folder: Path, facts: Facts) -> None:
    cells = marked_cells(facts)
    for number, each in enumerate(cells):
        each["id"] = f"{PAGE}{number}"
        each["metadata"] |= {"tags": [PAGE], "collapsed": PAGE, "name": PAGE}
        each["attachments"] = {PAGE: {"text/html": PAGE}}
        each["outputs"] = [
            {"output_type": "display_data", "metadata": {}, "data": {"text/html": PAGE, "image/svg+xml": PAGE}},
            {"output_type": "error", "ename": PAGE, "evalue": PAGE, "traceback": [PAGE]},
            {"output_type": "stream", "name": PAGE, "text": PAGE},
        ]
    cells.append(cell("12", grade=True, solution=False, grade_id=PAGE, points=12, locked=True))
    cells.append(cell(f"def sigma{PAGE}(x): pass"))
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {PAGE: {}}}}
    write(folder, notebook(*cells, title=PAGE, widgets=widgets, authors=[{"name": PAGE}]))


@form("pages in its own text")
def _(folder: Path, facts: Facts) -> None:
    cells = [cell(PAGE, kind) for kind in ("markdown", "raw", "heading", "html")]
    cells += [cell(PAGE, "markdown", grade=False, solution=False, locked=True, grade_id=PAGE, schema_version=3)]
    cells += [cell(f"[x](javascript:alert(1)) <IMG src=x onerror=alert(1)> $a<b$ {PAGE}", "markdown")]
    write(folder, notebook(wrong(facts), *cells))


@form("a kernel of its own")
def _(folder: Path, facts: Facts) -> None:
    kernel = {"name": "bash", "argv": ["touch", f"{facts['COURSE']}/pwned"], "language": "bash", "display_name": PAGE}
    write(folder, notebook(*marked_cells(facts), kernelspec=kernel, language_info={"name": PAGE}))


# ---- notebooks that are hard to read ----

_then("six hundred magics", "\n".join("!ls" for _ in range(600)))
_then("a deep sum", "x = " + "+".join("1" * 100_000), "x = " + "-" * 100_000 + "1")
_then("deep brackets", "x = " + "(" * 5000 + ")" * 5000, "{" * 60 + ":", "[" * 90 + ",", "lambda x=(" * 40)
_then("five megabytes of code", "\n".join(f"x{n} = {n} + 1" for n in range(300_000)))
_then("a long chain", *("\n".join(f"x{n} = x{n - 1}" for n in range(at, at + 2000)) for at in range(1, 8000, 2000)))
_then("a module with a long name", "import mpl_toolkits." + "a" * 300, "import " + "b" * 100_000, "from . import x")
_then("three thousand errors", "\n".join(f"raise ValueError({n})" for n in range(3000)))
_then("ten thousand broken cells", *["def ("] * 10_000)
_then("twenty thousand cells", *[""] * 20_000)
_then("halves of characters", "x = '\ud800'", "x = 1\0", "\ufeff\u202e = 1", "x = '\\ud800'; print(x)")
_then("strange escapes", "'\\\x1b[31m\\d'", "print('\x1b[2J')", f"raise ValueError  # {PAGE}", f"{PAGE} = 1")
_then("cells of no kind", {"source": "win('x')", "metadata": {}}, {"cell_type": "heading", "source": PAGE})
_then("cells without anything", {})
_then("text of other kinds", {"cell_type": "code", "source": ["a", "b"], "metadata": {"nbgrader": [1], "tags": {}}})
_then("numbers beyond all bounds", nothing=float("nan"), all=float("inf"), many=10**4000)


@form("metadata of another kind")
def _(folder: Path, facts: Facts) -> None:
    write(folder, notebook(wrong(facts), {"cell_type": "code", "source": 5, "metadata": [1, 2]}))


@form("cells that are no list")
def _(folder: Path, facts: Facts) -> None:
    write(folder, {"nbformat": 4, "metadata": {}, "cells": {"0": cell(wrong(facts))}})


@form("endless brackets")
def _(folder: Path, _facts: Facts) -> None:
    write(folder, '{"cells": ' + "[" * 200_000)


@form("an old format")
def _(folder: Path, facts: Facts) -> None:
    old = {"cell_type": "code", "input": wrong(facts), "language": "python", "outputs": [], "prompt_number": PAGE}
    write(folder, {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [old, 5, None]}]})


# ---- files that are none ----

_linked("a link to another's notebook", lambda _: "../../neighbour/mlp/mlp.ipynb")
_linked("a link to the source", lambda facts: f"{facts['COURSE']}/source/mlp/mlp.ipynb")
_linked("a link to the secret", lambda facts: f"{facts['COURSE']}/.autograder/secret")
_linked("a link to the passwords", lambda _: "/etc/passwd")
_linked("a link to endless zeros", lambda _: "/dev/zero")
_linked("a link to itself", lambda _: "mlp.ipynb")
_linked("a link to this process", lambda _: "/proc/self/environ")


@form("a folder that is another's")
def _(folder: Path, _facts: Facts) -> None:
    folder.symlink_to("../neighbour/mlp")


@form("a pipe")
def _(folder: Path, _facts: Facts) -> None:
    folder.mkdir()
    os.mkfifo(folder / "mlp.ipynb")


@form("a folder in place of a file")
def _(folder: Path, _facts: Facts) -> None:
    (folder / "mlp.ipynb").mkdir(parents=True)


@form("a file of four gigabytes")
def _(folder: Path, _facts: Facts) -> None:
    write(folder, b"{")
    os.truncate(folder / "mlp.ipynb", 4 << 30)


@form("a file with a name of its own")
def _(folder: Path, _facts: Facts) -> None:
    write(folder, "[1, 2", f"{PAGE.replace('/', '')}.ipynb")


def _beside(name: str, put: Callable[[Path, Facts], object]) -> None:
    def make(folder: Path, facts: Facts) -> None:
        write(folder, notebook(wrong(facts), "import flows, autograder, conftest", "import data_utils.mnist"))
        put(folder, facts)

    FORMS[name] = make


@(lambda put: _beside("modules beside the notebook", put))
def _(folder: Path, facts: Facts) -> None:
    source = f"import os\nos.system('touch {facts['COURSE']}/pwned')\npoints = judge = lambda *_: 12\n"
    for name in ("autograder", "flows", "torch", "data_utils", "sitecustomize", "conftest", "nbgrader_config", "cases"):
        write(folder, source, f"{name}.py")
        write(folder / name, source, "__init__.py")


@(lambda put: _beside("results beside the notebook", put))
def _(folder: Path, _facts: Facts) -> None:
    for name in ("results.json", "gradebook.db", "mlp.json", "feedback.html", ".autograder"):
        write(folder, '{"score": 12.0, "max_score": 12.0, "tests": []}', name)


_beside("a time that is none", lambda folder, _: write(folder, f"yesterday {PAGE}\n", "timestamp.txt"))
_beside("a time beyond all bounds", lambda folder, _: write(folder, "9" * 60 + "\n", "timestamp.txt"))
_beside(
    "a time in a zone of its own", lambda folder, _: write(folder, "2026-11-01 12:00:00 ../../../etc", "timestamp.txt")
)
_beside("an endless time", lambda folder, _: os.mkfifo(folder / "timestamp.txt"))
_beside(
    "a time that is the secret",
    lambda folder, facts: (folder / "timestamp.txt").symlink_to(f"{facts['COURSE']}/.autograder/secret"),
)

ATTACKS = (*CELLS, *FORMS)
"""The names of all attacks."""
