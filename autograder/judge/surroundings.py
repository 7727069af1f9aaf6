"""Exceptions that tell of the machine that code runs on, and not of the code: where it is graded, it has less.

The jail has no network, no files and no other programs, and its libraries are of other versions. What a student's code
raises for want of one of these it may never have raised in its author's Jupyter: then a person is asked.
"""

from __future__ import annotations

import builtins
import difflib
import re
import sys
from collections.abc import Collection, Iterable

from autograder.course import Question
from autograder.jail import Fault
from autograder.judge.sentences import ASKED, explain
from autograder.notebook import Definitions

_MODULE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'.*", re.DOTALL)
_THING = re.compile(r"(?:type object )?'([\w.]+)'(?: object)? has no attribute '(\w+)'.*", re.DOTALL)
_FILE = re.compile(
    r"Parent directory .*|.*(?:unable to open|can(?:no|')t open|[Pp]ermission denied|[Nn]o such file|"
    r"Read-only file system|PytorchStream|[Nn]ame resolution|[Cc]onnection).*",
    re.DOTALL,
)
_OUTSIDE = re.compile(r"\.save\w*\(|\bopen\(|\bplt\.")
"""What draws or writes, which is done without a screen and without files here."""
_ENDED = frozenset({"TimedOut", "Killed", "WireError"})
"""How the grader names code that it had to end."""
_GPU = re.compile(r"cuda|is_available|device_count")
_ALIKE = 0.86
"""How alike a name is to one that a module has, if it is that name mistyped: `tan_h` and `tanh`, not `float` and
`float16`.
"""
_ASKED = re.compile(r"environ\b|getenv\b")
_KNOWN = frozenset(
    {*vars(builtins), "NoneType", "function", "method", "generator", "module", "Tensor", "Parameter", "ndarray"}
)
"""Things whose attributes are the same everywhere, as far as a lesson goes."""


def missed(faults: Iterable[Fault], question: Question, found: Definitions) -> str:
    """Say what an answer stopped for want of; nothing where it stopped for no such reason."""
    notebook = found.notebook
    for fault in faults:
        line = notebook.line(*fault.frames[-1][:2]) if fault.frames else ""
        if fault.missing is None and is_missed(fault, found.words, line):
            raised = explain(fault, _on(line), (), notebook.place)
            return (
                f"{raised} {' and '.join(question.names)} may need something that the "
                "grader's machine doesn't have: a file, a program, the network, or a library of another version. "
                f"{ASKED}"
            )
    return ""


def _on(line: str) -> set[str]:
    """The names on a line."""
    return {*re.findall(r"\w+", line)}


def is_missed(fault: Fault, words: Collection[str] = (), line: str = "") -> bool:
    """Whether code stopped for want of something that its author's machine may have had.

    Shapes:
        words  identifiers in the notebook: what it defines itself is its own affair
        line   the line that stopped, as it stands in the notebook
    """
    kind = getattr(builtins, fault.type_name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return fault.type_name not in {*_ENDED, *words} and not fault.type_name.endswith(
            "LinAlgError"
        )  # one of a library's own
    if issubclass(kind, OSError | ImportError) or _OUTSIDE.search(line):
        return True
    if issubclass(kind, AttributeError):
        thing = _THING.fullmatch(fault.message)
        foreign = thing is not None and thing[1] not in _KNOWN and thing[1] not in words
        foreign = foreign and not re.search(rf"\bself\.{thing[2]}\b" if thing else "", line)  # on a class of its own
        module = _MODULE.fullmatch(fault.message)
        return foreign or (module is not None and not _is_typo(module[1], module[2]))
    if issubclass(kind, RuntimeError):
        return _FILE.fullmatch(fault.message) is not None
    asked = _ASKED if issubclass(kind, KeyError) else _GPU if issubclass(kind, AssertionError) else None
    return asked is not None and asked.search(line) is not None


def _is_typo(module: str, name: str) -> bool:
    """Whether a module that is loaded here has nearly that name: then no version has that one."""
    known = vars(sys.modules[module]) if module in sys.modules else {}
    return bool(difflib.get_close_matches(name[:50], known, 1, _ALIKE))
