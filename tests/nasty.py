"""Nasty texts: what costs more to read than it did to write, by its name and for a size.

Sizes are characters, about; each text is one of a kind, and what is measured is how its cost grows with its size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.conftest import notebook_of

Build = Callable[[int], str]


def repeated(piece: str) -> Build:
    """What gives a piece of text so often that it has a size."""
    return lambda size: piece * (size // len(piece))


def numbered(piece: str) -> Build:
    """What gives a piece again and again, `#` being its number each time."""

    def built(size: int) -> str:
        found, length = [], 0
        while length < size:
            found.append(piece.replace("#", str(len(found))))
            length += len(found[-1])
        return "".join(found)

    return built


def inside(before: str, build: Build, after: str) -> Build:
    """What gives a text between two others."""
    return lambda size: before + build(size) + after


CELLS: Mapping[str, Build] = {
    "one line of statements": repeated("a=1;"),
    "one line of statements, not in ASCII": inside("'é';", repeated("a=1;"), "'é'"),
    "one line of statements, ever wider": inside("", numbered("a#='é';"), ""),
    "lines of one letter": repeated("a\n"),
    "a chain of signs": inside("a = x", repeated(" + x"), ""),
    "rows of products": repeated("*".join(["x"] * 300) + "\n"),
    "a chain of comparisons": inside("a = x", repeated("<x"), ""),
    "a chain of attributes": inside("a", repeated(".b"), " = 1"),
    "a chain of targets": inside("", repeated("a.b = "), "1"),
    "signs before a number": inside("a = ", repeated("-"), "1"),
    "brackets": inside("a = ", lambda size: "(" * (size // 2) + "1" + ")" * (size // 2), ""),
    "brackets that stay open": repeated("("),
    "curly brackets that stay open": repeated("{1: "),
    "no Python": repeated("(a, b)="),
    "no Python, many lines": repeated("a b\n"),
    "a long number": inside("a = 0x", repeated("f"), ""),
    "a long decimal number": inside("a = ", repeated("9"), ""),
    "a long name": repeated("a"),
    "a long text": inside("a = '", repeated("b"), "'"),
    "a text that stays open": inside("a = '''", repeated("b\n"), ""),
    "escapes": inside("a = '", repeated("\\d"), "'"),
    "a comment": inside("#", repeated("a "), ""),
    "blank lines": inside("", repeated("\n"), "a = 1"),
    "blanks": inside("a = 1", repeated(" "), ""),
    "returns": repeated("a = 1\r"),
    "semicolons": inside("a", repeated(";"), ""),
    "half a letter": inside("a = '", repeated("\udc80"), "'"),
    "null characters": repeated("\0"),
    "imports in a text": inside('"', repeated("from torch import "), '"'),
    "imports of one line": inside("import ", numbered("m#,"), "os"),
    "imports of what is not there": numbered("import m#\n"),
    "imports of everything": numbered("from m# import *\n"),
    "names of nobody": inside("def sigma(x):\n    return [", numbered("n#,"), "]"),
    "names of nobody, and everything imported": inside(
        "from math import *\n" * 100 + "def sigma(x):\n    return [", numbered("n#,"), "]"
    ),
    "what needs what is not there": lambda size: numbered("import m#\n")(size // 2) + numbered("a# = m#\n")(size // 2),
    "definitions": numbered("def f#(x): pass\n"),
    "definitions of one name": repeated("def sigma(x): return x\n"),
    "classes of one name": repeated("class sigma(A): pass\n"),
    "stubs of one name": repeated("def sigma(x): raise NotImplementedError\n"),
    "nearly the name": lambda size: "".join(f"def sigma{'_' * n}(x): pass\n" for n in range(1, int((2 * size) ** 0.5))),
    "methods": inside("class A:\n", numbered("    def f#(self): pass\n"), ""),
    "lambdas in a row": inside("a = [", repeated("lambda:0,"), "]"),
    "lambdas beside names": inside("def f():\n", numbered("    a# = lambda: 0\n"), ""),
    "comprehensions": inside("a = [", repeated("[b for c in d],"), "]"),
    "functions within functions": lambda size: (
        "".join(" " * n + f"def f{n}():\n" for n in range(90)) + repeated(" " * 90 + "a = 1\n")(size)
    ),
    "decorators": inside("", repeated("@a\n"), "def sigma(x): pass"),
    "bases": inside("class A(", numbered("B#,"), "): pass"),
    "arguments": inside("def sigma(", numbered("a#,"), "): pass"),
    "a name given to itself": repeated("sigma = sigma\n"),
    "names given in a row": inside("a0 = 1\n", numbered("a# = a# + 1\n"), ""),
    "a thing that is changed": inside("a = []\n", repeated("a.append(1)\n"), "def sigma(x): return a"),
    "globals": inside("def f():\n    global a", numbered(",a#"), "\n    a = 1"),
    "branches": inside("if a: pass\n", repeated("elif a: pass\n"), ""),
    "magics": repeated("x = %foo\n"),
    "magics in a long cell": inside("x = %foo\n" * 40, repeated("y = 1 + 1  # and so on\n"), ""),
    "shell lines": repeated("!ls\n"),
    "help": repeated("a?\n"),
    "help for a long name": inside("", repeated("a"), " ?\n"),
    "help after long lines": inside("(\n", repeated("a" * 999 + "\n"), " ?"),
    "lines that only IPython ends": repeated("%a\u2028"),
    "prompts": repeated(">>> a = 1\n"),
    "blanks after type": inside("type a", repeated(" "), "b"),
    "a timed cell": inside("%%time\n", repeated("a=1;"), ""),
    "timed again and again": repeated("%%time\n"),
}
"""Text of a cell, by what is nasty about it."""


def _tower(size: int) -> str:
    floors = (f"    a{n} = x.abs()\n    b = a{n}\n    a{n} = b\n" for n in range(size // 40))
    return "".join(floors) + "    c = b / x\n"


ANSWERS: Mapping[str, Build] = {
    "a name given to itself": inside("    a = 1\n", repeated("    a = a\n"), "    b = a / x\n"),
    "a difference with itself": inside("    a = 1\n", repeated("    a = a\n"), "    b = (a - a) / x\n"),
    "a name given much": inside("", numbered("    a = x + #\n"), "    b = (a - a) / x\n"),
    "a name given much, and divided": lambda size: (
        numbered("    a = x + #\n")(size // 2) + numbered("    b = (a - x) / #\n")(size // 2)
    ),
    "names given on": inside("    a0 = x\n", numbered("    a# = a = a#\n"), "    b = (a - x) / x\n"),
    "names in a tower": _tower,
    "methods in a row": inside("    a = (x", repeated(".abs()"), " - 1) / x\n"),
    "functions at places": lambda size: (
        numbered("    a = torch.tanh(x + #)\n")(size // 2) + numbered("    b = (a - a) / #\n")(size // 2)
    ),
    "calls of its own": inside("", numbered("    a = a + sigma(x + #)\n"), "    b = (a - a) / x\n"),
    "functions of its own": inside("", numbered("    def f#(z): return f#(z) - 1\n"), "    b = (f0(x) - 1) / x\n"),
    "rows of products": inside("", repeated("    a = " + "*".join(["x"] * 150) + "\n"), ""),
    "rows of quotients of differences": inside("", repeated("    a = (x - x) / x" + " / x" * 90 + "\n"), ""),
    "a chain of signs": inside("    a = x", repeated(" + 0"), "\n"),
    "a long number": inside("    a = (0x", repeated("f"), ").imag\n"),
    "a long number as a step": inside("    a = (x.tanh(0x", repeated("f"), ") - x.tanh()) / 1\n"),
    "parts of parts": inside("    a = x", repeated(".imag"), "\n"),
    "imports in a text": inside('    """', repeated("from torch import "), '"""\n'),
    "words in a text": inside('    a = "', repeated("_backwar "), '"\n'),
    "one word in a text": inside('    a = "', repeated("_backwar"), '"\n'),
    "lambdas within lambdas": inside("    a = ", repeated("lambda: "), "x / x - 1\n"),
    "functions within functions": lambda size: (
        "".join(" " * n + f"def f{n}():\n" for n in range(4, 90)) + repeated(" " * 90 + "a = (x - 1) / x\n")(size)
    ),
}
"""Lines that stand in an otherwise right dsigma(x), by what is nasty about them."""


def dsigma(lines: str) -> str:
    """A right dsigma that has these lines."""
    return f"def dsigma(x):\n{lines}    return 1 - torch.tanh(x) ** 2"


def _cells(build: Callable[[int], Iterator[dict[str, Any]]]) -> Callable[[int], bytes]:
    return lambda size: json.dumps(notebook_of() | {"cells": list(build(size))}).encode()


def _metadata(text: Build) -> Callable[[int], bytes]:
    plain = json.dumps(notebook_of("a = 1"))
    return lambda size: plain.replace('"metadata": {}', f'"metadata": {{"a": {text(size)}}}', 1).encode()


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _cell(source: str, **metadata: Any) -> dict[str, Any]:
    return {**notebook_of(source)["cells"][0], "metadata": metadata}


FILES: Mapping[str, Callable[[int], bytes]] = {
    "flat lists": _metadata(inside("[", repeated("[],[],"), "0]")),
    "flat objects": _metadata(inside("[", repeated('{"a":0},'), "0]")),
    "empty texts": _metadata(inside("[", repeated('"",'), "0]")),
    "short texts": _metadata(inside("[", repeated('"ab",'), "0]")),
    "numbers": _metadata(inside("[", repeated("1.5,"), "0]")),
    "nested lists": _metadata(lambda size: "[" * (size // 2) + "]" * (size // 2)),
    "one long text": _metadata(inside('"', repeated("a"), '"')),
    "commas in a text": _metadata(inside('"', repeated("[,{"), '"')),
    "escaped quotes": _metadata(inside('"', repeated('\\"'), '"')),
    "a text that stays open": _metadata(inside('"', repeated('\\"[,'), "")),
    "a long number": _metadata(repeated("9")),
    "tags": _cells(lambda size: (_cell("a = 1", tags=["a" * 6] * (size // 10)) for _ in range(1))),
    "an id of many parts": _cells(lambda size: (_cell("", nbgrader={"grade_id": ["a"] * (size // 5)}) for _ in "a")),
    "a heading of blanks": _cells(lambda size: iter([_text("# a" + " " * size + "b"), _cell("a b")])),
    "newlines in a text": _cells(lambda size: iter([_text("\n" * size)])),
    "fences that stay open": _cells(lambda size: iter([_text("import x\n" + "```a\n" * (size // 5) + "(")])),
    "functions cut in two": _cells(
        lambda size: (_cell(half) for n in range(size // 250) for half in (f"def f{n}():", "    return 1"))
    ),
    "fenced cells": _cells(lambda size: (_cell(f"```\ndef f{n}(): pass\n```") for n in range(size // 150))),
    "texts that import": _cells(
        lambda size: (cell for n in range(size // 250) for cell in (_cell(f"a{n} = x{n}"), _text(f"import x{n}")))
    ),
    "tags of an old notebook": lambda size: json.dumps(
        {
            "nbformat": 3,
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "code", "input": "a", "metadata": {"tags": [{"a": n} for n in range(size // 12)]}}
                    ]
                }
            ],
        }
    ).encode(),
    "cells": _cells(lambda size: (_cell("a = 1") for _ in range(size // 120))),
    "empty cells": _cells(lambda size: ({} for _ in range(size // 4))),
    "cells that are no Python": _cells(lambda size: (_cell("a b") for _ in range(size // 120))),
    "cells of one id": _cells(lambda size: (_cell("a = 1", nbgrader={"grade_id": "a"}) for _ in range(size // 150))),
    "lines of a cell": _cells(lambda size: (_cell(["a\n"] * (size // 7)) for _ in "a")),  # type: ignore[arg-type]
}
"""A notebook file, by what is nasty about it."""
