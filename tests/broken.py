"""Broken submissions: a notebook whose answers are all right, and what became of it before it was handed in.

Each says what is still there to be graded, so that a grader can be held against it.
"""

from __future__ import annotations

import codecs
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import test_files
from tests.conftest import notebook_of
from tests.hostile import CELLS
from tests.test_nbgrader import marked

Content = dict[str, Any]
Put = Callable[[Path, Content], object]


@dataclass(frozen=True)
class Broken:
    """A submission that something happened to."""

    put: Put
    """Write it into an empty folder; it may change the notebook that it is given."""
    lost: frozenset[str] = frozenset()
    """Questions whose answers are no longer there, or no longer right."""
    unread: bool = False
    """Whether nothing of it can be read: then no score is right, and a person has to look."""
    refused: bool = False
    """Whether the kit leaves it to a person, though its answers are there."""
    too_much: bool = False
    """Whether it would harm a machine on which nothing holds it."""


BROKEN: dict[str, Broken] = {}
"""Each by what happened to it."""


def _file(name: str, change: Callable[[str], str | bytes], called: str = "mlp.ipynb", **facts: Any) -> None:
    """Enter a notebook whose file was changed."""

    def put(folder: Path, content: Content) -> None:
        found = change(json.dumps(content, ensure_ascii=False))
        (folder / called).write_bytes(found if isinstance(found, bytes) else found.encode())

    BROKEN[name] = Broken(put, **facts)


def _content(name: str, change: Callable[[Content], object], **facts: Any) -> None:
    """Enter a notebook whose cells were changed, or its metadata."""

    def put(folder: Path, content: Content) -> None:
        change(content)
        (folder / "mlp.ipynb").write_text(json.dumps(content), "utf-8")

    BROKEN[name] = Broken(put, **facts)


def _above(name: str, *sources: str, **facts: Any) -> None:
    """Enter a notebook with cells of the student's own below its imports."""
    _content(name, lambda content: _insert(content, 1 + _place(content, "imports"), *sources), **facts)


def _loss(name: str, body: str, lost: bool = True, above: str = "") -> None:
    """Enter a notebook with another `loss`: nothing else needs it."""

    def change(content: Content) -> None:
        marked(content, "loss-code")["source"] = f"{above}def loss(v, t):\n    {body}"

    _content(name, change, lost=frozenset({"loss"} if lost else ()))


def _bomb(name: str, hostile: str, too_much: bool = False) -> None:
    """Enter a notebook whose `loss` is one of the hostile cells, and then is wrong."""
    body = "import os\n" + CELLS[hostile] + "return 0 * v"
    source = "def loss(v, t):\n" + textwrap.indent(body, "    ")
    change: Callable[[Content], object] = lambda content: marked(content, "loss-code").update(source=source)  # noqa: E731
    _content(name, change, lost=frozenset({"loss"}), too_much=too_much)


def _place(content: Content, mark: str) -> int:
    return int(content["cells"].index(marked(content, mark)))


def _insert(content: Content, place: int, *sources: str) -> None:
    cells = notebook_of(*sources)["cells"]
    content["cells"][place:place] = [cell | {"id": f"own-{number}"} for number, cell in enumerate(cells)]


def _delete(*marks: str) -> Callable[[Content], object]:
    return lambda content: [content["cells"].remove(marked(content, mark)) for mark in marks]


def _source(cell: Content) -> str:
    return "".join(cell["source"])


# ---- the file ----

_file("an empty file", lambda _: "", unread=True)
_file("cut off half way", lambda text: text[: len(text) // 2], unread=True)
_file("a text that is not JSON", lambda _: "My homework is attached.", unread=True)
_file("JSON that is no notebook", lambda _: "3", unread=True)
_file("two notebooks in one file", lambda text: text + text, unread=True)
_file("saved as UTF-16", lambda text: text.encode("utf-16"))
_file("saved as UTF-8 with a byte order mark", lambda text: codecs.BOM_UTF8 + text.encode())
_file(
    "saved as Latin-1, with an umlaut",
    lambda text: json.dumps(json.loads(text)).replace("import torch", "# ä\\nimport torch", 1).encode("latin-1"),
)
_file("renamed: My homework (1).ipynb", lambda text: text, called="My homework (1).ipynb")
_file(
    "a file of 100 MB, after its outputs",
    lambda text: text[:-1] + ', "more": "' + "x" * (100 << 20) + '"}',
    refused=True,
)


def _nothing(folder: Path, content: Content) -> None:
    """Leave the folder empty."""


BROKEN["a folder without a notebook"] = Broken(_nothing, unread=True)


def _old(folder: Path, content: Content) -> None:
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"input": cell.pop("source"), "prompt_number": None, "language": "python"}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": content["cells"]}]}
    (folder / "mlp.ipynb").write_text(json.dumps(old), "utf-8")


BROKEN["saved in notebook format 3"] = Broken(_old)


def _elsewhere(name: str) -> Put:
    """What test_files puts in the place of a notebook."""

    def put(folder: Path, content: Content) -> None:
        (folder / "mlp.ipynb").write_text(json.dumps(content), "utf-8")
        test_files.ELSEWHERE[name][0](folder)

    return put


for _name, _of in {
    "a link in the notebook's place": "notebook-own",
    "a folder in the notebook's place": "notebook-folder",
    "a pipe in the notebook's place": "notebook-pipe",
    "a file of 300 MB that holds nothing": "notebook-sparse",
    "a link to another student's folder": "folder-link",
}.items():
    BROKEN[_name] = Broken(_elsewhere(_of), unread=True)

# ---- the cells ----


def _strip(content: Content) -> None:
    for cell in content["cells"]:
        cell["metadata"] = {}


def _join(content: Content) -> None:
    text = "\n\n".join(_source(cell) for cell in content["cells"] if cell["cell_type"] == "code")
    content["cells"] = notebook_of(text)["cells"]


def _double(content: Content) -> None:
    content["cells"] = [cell for cell in content["cells"] for _ in range(2)]


def _paste(content: Content) -> None:
    """The answer to `loss` again, with the marks of the answer to `sigma`."""
    pasted = json.loads(json.dumps(marked(content, "sigma-code"))) | {"id": "pasted"}
    pasted["source"] = marked(content, "loss-code")["source"]
    content["cells"].insert(_place(content, "loss-code"), pasted)


def _below(content: Content) -> None:
    """The answer to `loss` in a cell at the very end, and a stub where it belongs."""
    _insert(content, len(content["cells"]), _source(marked(content, "loss-code")))
    marked(content, "loss-code")["source"] = 'def loss(v, t):\n    raise NotImplementedError("loss is yours to write")'


def _split(content: Content) -> None:
    """The answer to `loss` in two cells: the comment that begins its body, and all of it."""
    own = marked(content, "loss-code")
    _insert(content, 1 + _place(content, "loss-code"), _source(own))
    own["source"] = "# my first try:\ndef loss(v, t):\n    return v"


def _shadow(content: Content) -> None:
    own = marked(content, "loss-code")
    own["source"] = _source(own) + "\n\nloss = loss(torch.ones(3), torch.zeros(3))"


def _retouch(content: Content) -> None:
    marked(content, "loss")["source"] = "# I have changed this cell\nassert loss is not None"
    marked(content, "loss")["metadata"]["nbgrader"]["points"] = 100


def _as_text(content: Content) -> None:
    cell = marked(content, "loss-code")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def _out_of_order(content: Content) -> None:
    content["cells"].append(content["cells"].pop(_place(content, "imports")))


def _ids(content: Content) -> None:
    for cell in content["cells"]:
        cell["id"] = "same"


_content("all metadata stripped", _strip)
_content("an answer deleted", _delete("loss-code"), lost=frozenset({"loss"}))
_content("a grade cell deleted", _delete("loss"))
_content("an answer and its grade cell deleted", _delete("loss-code", "loss"), lost=frozenset({"loss"}))
_content("every cell twice", _double)
_content("a cell pasted with another's grade id", _paste)
_content("an answer pasted at the very end", _below)
_content("an answer split into two cells", _split)
_content("all cells joined into one", _join)
_content("an answer turned into text", _as_text)
_content("a grade cell edited, and its points", _retouch)
_content("the cell of imports moved to the end", _out_of_order)
_content("one id for all cells", _ids)
_content("ids, kinds and outputs that nobody knows", test_files.odd)
_content("pictures that are not there", test_files.attached)
_content("metadata nested 600 deep", test_files.FILES["nested"])

# ---- the code ----

_above("magics and a shell line", "%matplotlib inline\n!pip --version", "%%time\nx = 1")
_above("a magic that there isn't", "%load_ext lecture_notes")
_above("input()", "name = input('Your name? ')")
_above("exit()", "exit()")
_above("sys.exit(1)", "import sys\nsys.exit(1)")
_above("a mounted drive", "from google.colab import drive\ndrive.mount('/content/drive')")
_above("a module that isn't installed", "import lecture_notes as notes\nnotes.setup()")
_above("a download", "import urllib.request\nurllib.request.urlretrieve('http://127.0.0.1:9/notes.py', 'notes.py')")
_above("a cell that is not Python", "this is what I have tried so far:")
_above("a cell that raises", "print(undefined_so_far)")
_above("a cell that never ends", "while True:\n    pass")
_above("a cell that ends the kernel", "import os\nos._exit(0)")
_above("a hundred thousand lines of output", "for number in range(100_000):\n    print(number)")
_loss("a syntax error in an answer", "return (v - t")
_loss("an answer that raises", "return v.no_such_thing()")
_loss("an answer that never ends", "while True:\n        pass")
_loss("an answer that asks input()", "return float(input())")
_loss("an answer that ends the kernel", "import os; os._exit(0)")
_loss("an answer that crashes Python", "import ctypes; ctypes.string_at(0)")
_loss(
    "an answer that never ends and ignores signals",
    "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]\n    while True: pass",
)
_loss("a right answer that warns", "warnings.warn('slow')\n    return ((v - t) ** 2).sum()", False, "import warnings\n")
_loss(
    "a right answer that prints to stderr",
    "print('here', file=sys.stderr)\n    return ((v - t) ** 2).sum()",
    False,
    "import sys\n",
)
_content("a variable of the answer's name, further down", _shadow)

_bomb("an answer that fills the memory", "memory bomb")
_bomb("an answer that prints without end", "output flood")
_bomb("an answer that fills the disk", "disk bomb", too_much=True)
_bomb("an answer that starts processes without end", "fork bomb", too_much=True)
