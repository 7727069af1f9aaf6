"""What a notebook's code does that a person should know of: named, never judged, and without the code.

Read from the source, whether a line was reached or not: it is a reason to look, and costs nothing. What is unusual in
a lesson is said in a few fixed words, so that a whole class is looked through at once.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence

from autograder.judge.reading import LARGEST, Behind, Reading, behind, part, text
from autograder.notebook import Notebook, Statement, Unreadable
from autograder.result import Sighting

MOST = 20
"""Sightings that are kept of one notebook: whoever looks at these sees the rest."""

_GRADERS = frozenset({"autograder", "nbgrader"})

_CALLS = {
    "ends the process": r"(builtins\.)?(exit|quit)|sys\.exit|os\.(_exit|abort|kill|killpg)|signal\.(raise_signal|alarm"
    r"|setitimer|pthread_kill)|_thread\.(interrupt_main|exit)|faulthandler\._\w+",
    "starts another program": r"subprocess\.\w+|os\.(system|popen|fork|forkpty|exec\w+|spawn\w+|posix_spawn\w*)"
    r"|pty\.\w+|multiprocessing\.(\w+\.)*(Process|Pool)",
    "looks at who calls it": r"sys\._(getframe|current_frames)|inspect\.(stack|trace|currentframe|getouterframes)"
    r"|traceback\.(extract_stack|walk_stack|format_stack)",
    "follows every line that runs": r"(sys|threading)\.set(trace|profile)|sys\.monitoring\.\w+",
    "looks through all objects in memory": r"gc\.get_(objects|referrers|referents)",
    "reaches into memory": r"ctypes\.\w+(\.\w+)*|_ctypes\.\w+",
}
"""What is said of a call, by the full name of what is called."""

_CALLED = {says: re.compile(names) for says, names in _CALLS.items()}

_WORDS = re.compile(
    r"autograder|nbgrader|exit|quit|abort|kill|signal|alarm|setitimer|SystemExit|interrupt|faulthandler|subprocess"
    r"|\bos\b|\bpty\b|multiprocessing|\bsys\b|inspect|traceback|trace|profile|monitoring|\bgc\b|ctypes|setattr|patch"
    r"|import|exec|eval|compile|getattr|vars|__\w+__|delattr|\bdel\b|\.\s*\w+\s*(:[^=\n]+)?[-+*/@|&^%]?=[^=]"
)
"""Words, one of which stands in nearly whatever could be seen: of too much code, only such statements are read."""

_UNREAD = Sighting(does="has more code than is read for what it does")


def sightings(notebook: Notebook, statements: Sequence[Statement], given: Sequence[Statement]) -> tuple[Sighting, ...]:
    """Find what a person should know of, in the order of the notebook, each in a section once.

    Shapes:
        given  the lesson's own statements: what was given out is nothing that a student did
    """
    own = {statement.source for statement in given}
    read = [statement for statement in statements if statement.source not in own]
    if sum(len(statement.source) for statement in read) > LARGEST:
        read = [statement for statement in read if statement.imports or _WORDS.search(statement.source)]
    try:
        found = behind([statement.source for statement in read])
    except Unreadable:
        return (_UNREAD,)
    seen: dict[Sighting, None] = {}
    for index, _, reading in found.readings:
        for does in _seen(found, reading):
            seen.setdefault(Sighting(does=does, where=notebook.section(read[index].cell)))
    return tuple(seen)[:MOST]


def _seen(found: Behind, reading: Reading) -> Iterator[str]:
    for node in reading.nodes:
        for module in _imported(node, found):
            if (root := module.partition(".")[0]) in _GRADERS:
                yield f"imports {root}"
        if _ends(node):
            yield "ends the process"
        if isinstance(node, ast.Call):
            name = found.dotted(node.func)
            if name and name not in found.bound:
                yield from (says for says, names in _CALLED.items() if names.fullmatch(name))
        if target := _replaced(node):
            place = target if isinstance(target, str) else found.dotted(target)
            if _standing(place):
                yield f"replaces {place}"
            elif (home := place.rpartition(".")[0]) and isinstance(_found(home), type):
                yield f"adds to {home}"


def _imported(node: ast.AST, found: Behind) -> list[str]:
    """The modules that a node imports, or takes out of those that are loaded."""
    match node:
        case ast.Import(names=names):
            return [each.name for each in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
        case ast.Call(func=function, args=[named, *_]) if re.fullmatch(
            r"(builtins\.)?__import__|importlib\.(import_module|util\.find_spec|reload)|pkgutil\.\w+|runpy\.run_module",
            found.dotted(function),
        ):
            return [text(named) or ""]
        case ast.Subscript(value=value, slice=named, ctx=ast.Load()) if found.dotted(value) == "sys.modules":
            return [text(named) or ""]
    return []


def _ends(node: ast.AST) -> bool:
    match node:
        case ast.Raise(exc=ast.Name(id="SystemExit") | ast.Call(func=ast.Name(id="SystemExit"))):
            return True
    return False


def _replaced(node: ast.AST) -> ast.AST | str:
    """What a node puts something else in the place of: an expression, or a full name, or nothing."""
    found: ast.AST | str = ""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            found = node
        case ast.Subscript(ctx=ast.Store() | ast.Del()) if part(node)[1]:
            found = node
        case ast.Call(func=ast.Name(id="patch") | ast.Attribute(attr="patch"), args=[named, *_]):
            found = text(named) or ""
        case (
            ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[of, named, *_])
            | ast.Call(func=ast.Attribute(attr="__setattr__" | "__delattr__"), args=[of, named, _])
            | ast.Call(func=ast.Attribute(value=of, attr="__setattr__" | "__delattr__"), args=[named, *_])
            | ast.Call(
                func=ast.Attribute(value=ast.Name(id="patch") | ast.Attribute(attr="patch"), attr="object"),
                args=[of, named, *_],
            )
        ):
            found = _attribute(of, named)
    return found


def _attribute(of: ast.expr, named: ast.expr) -> ast.Attribute:
    return ast.Attribute(of, text(named) or "", ast.Load())


def _standing(name: str) -> bool:
    """Whether a name with dots is that of something in a loaded library that can be called; a setting can't."""
    thing = _found(name)
    return callable(thing) or isinstance(thing, property | staticmethod | classmethod)


def _found(name: str) -> object:
    """What has a name with dots in a loaded library, None if nothing has."""
    root, *rest = name.split(".")
    thing: object = None if root in {"__main__", *_GRADERS} or not rest else sys.modules.get(root)
    for place in rest:
        thing = inspect.getattr_static(thing, place, None)  # runs nothing: not a library's own __getattr__ either
    return thing
