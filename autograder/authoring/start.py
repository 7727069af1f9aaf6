"""How a released notebook starts: a cell that finds data_utils or fetches it, and what the course says beforehand.

Both cells are made for the release; a submission is graded the same with and without them.
"""

from __future__ import annotations

import ast
import hashlib
import ipaddress
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import nbformat

from autograder.authoring import parcel
from autograder.course import CONFIG, DATA_UTILS, Course
from autograder.errors import UsageError

HANDOUT = Path(__file__).parent / "handout"
"""The texts that go with a release."""

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"

LOCKED = {"deletable": False, "editable": False}

FOLDED = {
    "cellView": "form",  # Colab
    "jupyter": {"source_hidden": True},
    "_kg_hide-input": True,  # Kaggle
}
"""How each program folds a cell's code, as far as it can."""


def begin(notebook: Any, course: Course, name: str) -> None:
    """Put a lesson's first cells into its notebook, in place: what the course says, and the set-up.

    Raises:
        UsageError: if an address or the file of the policy can't be used.
    """
    find_data_utils(notebook, course)
    if text := said(course, name):
        top = nbformat.v4.new_markdown_cell(text, metadata=LOCKED, id="release-said")
        _insert(notebook, int(notebook.cells[0].cell_type == "markdown"), top)


def find_data_utils(notebook: Any, course: Course) -> None:
    """Put the set-up before the first cell of code, in place, if some cell needs data_utils.

    Raises:
        UsageError: if the address can't be used.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    modules = sorted({module for cell in code for module in _modules(cell.source)})
    if modules:
        setup = nbformat.v4.new_code_cell(_setup(course, modules), metadata={**LOCKED, **FOLDED}, id="release-start")
        _insert(notebook, notebook.cells.index(code[0]), setup)


def policy(course: Course) -> str:
    """What an AI assistant may help with: the course's own text, or the kit's.

    Raises:
        UsageError: if the course's can't be read.
    """
    own = course.settings.assistants_file
    path = course.root / own if own else HANDOUT / "assistants.md"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} can't be read: {getattr(error, 'strerror', None) or error}. c.BackpropKit.assistants_file names "
            "the text for AI assistants: put it there, or leave the setting out and the kit's own is given."
        ) from None


def carry(course: Course, other: Course) -> None:
    """Give a course that was made from another one, settings and all, that one's policy."""
    if course.settings.assistants_file:
        (other.root / "assistants.md").write_text(policy(course), encoding="utf-8")
        with (other.root / CONFIG).open("a", encoding="utf-8") as config:
            config.write('\nc.BackpropKit.assistants_file = "assistants.md"\n')


def data_utils_url(course: Course) -> str:
    """The address that notebooks fetch data_utils from; an empty text if the course has set none.

    Raises:
        UsageError: if it is neither https nor, to try it out, http on this machine.
    """
    return _checked("data_utils_url", course.settings.data_utils_url)


def _setup(course: Course, modules: list[str]) -> str:
    needed = ", ".join(modules)
    if not (address := data_utils_url(course)):
        return _filled("found.txt", modules=needed)
    packed = parcel.data_utils()
    sha256 = hashlib.sha256(packed).hexdigest()
    return _filled("fetched.txt", modules=needed, address=address, size=str(len(packed)), sha256=sha256)


def said(course: Course, name: str) -> str:
    """What stands at the top of a lesson: the badge, if there is one, and the policy's first sentences.

    Raises:
        UsageError: if an address or the file of the policy can't be used.
    """
    paragraphs = [text for text in policy(course).split("\n\n") if text.strip() and not text.startswith("#")]
    line = (
        f"**AI assistants.** {paragraphs[0].strip()} (`AGENTS.md`, which comes with this lesson, says so.)"
        if paragraphs
        else ""
    )
    address = _checked("colab_url", course.settings.colab_url.replace("{name}", name))
    if address and not data_utils_url(course):
        raise UsageError(
            "c.BackpropKit.colab_url is set, and in Colab nothing lies beside a notebook: set "
            "c.BackpropKit.data_utils_url, too, so that it can fetch data_utils."
        )
    return "\n\n".join(filter(None, [BADGE.format(address=address) if address else "", line]))


def _insert(notebook: Any, place: int, cell: Any) -> None:
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):  # cells had no ids then, and may have none
        del cell["id"]
    notebook.cells.insert(place, cell)


def _modules(source: str) -> list[str]:
    """The modules of data_utils that a cell imports, by their full names."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic, or a shell line
        return []
    found = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    named = set(found) & _ours()
    return sorted(name for name in named if not any(other.startswith(f"{name}.") for other in named))


def _ours() -> set[str]:
    """The modules of data_utils, by their full names."""
    places = [place for place in parcel.files_of(DATA_UTILS) if place.endswith(".py")]
    return {f"{parcel.DATA}.{place[:-3].replace('/', '.')}".removesuffix(".__init__") for place in places}


def _checked(setting: str, address: str) -> str:
    """An address that a setting gives, if it can be used.

    Raises:
        UsageError: if it is neither https nor http on this machine, or can't stand in a notebook.
    """
    try:
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
        fits = (
            bool(parts.hostname) and address.isascii() and address.isprintable() and not set(address) & set(" \"'\\()$")
        )
    except ValueError:
        safe = fits = False
    if address and not (safe and fits):
        raise UsageError(
            f"c.BackpropKit.{setting} is {address!r}. It has to be an address that begins with https:// "
            "(http:// is taken for this machine alone, to try it out), without blanks, quotes and brackets."
        )
    return address


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _filled(text: str, **parts: str) -> str:
    return Template((HANDOUT / text).read_text(encoding="utf-8")).substitute(parts).rstrip("\n")
