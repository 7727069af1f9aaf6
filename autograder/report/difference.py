"""Where a wrong value differs from the right one, and which line of code matters, in words."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.report.words import count, listed
from autograder.shown import Example, Excerpt

NAMED = 4
"""Places that are named one by one; of more, their number is told."""

OFF = {"=": "", "-": "other sign", "x": "other value"}
"""How a number differs, by its sign in a record."""


def told(example: Example) -> list[str]:
    """Say where a value differs, by row, column and sign."""
    if not example.differs:
        if example.shape != example.own_shape:
            return [f"Yours has the shape {_shape(example.own_shape)}; {_shape(example.shape)} is right."]
        return []
    rows, columns = example.differs, ["".join(column) for column in zip(*example.differs, strict=True)]
    signs = "".join(rows)
    off = sum(sign != "=" for sign in signs)
    if len(signs) == 1:
        return ["Yours has the other sign." if signs == "-" else "Yours is another number."]
    if off == len(signs):
        return [f"All {off} numbers {_how(signs)}."]
    whole = f"{off} of {len(signs)} numbers differ"
    for name, lines, first in (("row", rows, example.corner[0]), ("column", columns, example.corner[1])):
        wrong = [place for place, line in enumerate(lines) if set(line) != {"="}]
        if len(rows) > 1 and all("=" not in lines[place] for place in wrong):
            named = listed(str(first + place) for place in wrong[:NAMED])
            if len(wrong) <= NAMED:
                return [f"{whole}: those of {name}{'s' if len(wrong) > 1 else ''} {named}."]
    return [f"{whole}.", *_places(example)]


def _places(example: Example) -> list[str]:
    """The first numbers that differ, one by one."""
    found = [
        (row, column, sign)
        for row, signs in enumerate(example.differs)
        for column, sign in enumerate(signs)
        if sign != "="
    ]
    said = []
    for row, column, sign in found[:NAMED]:
        place = place_of(example, row, column)
        yours, right = example.yours[row][column], example.right[row][column]
        said.append(
            f"{place}: yours has the other sign."
            if sign == "-"
            else f"{place}: yours is {signed(yours)}, {signed(right)} is right."
        )
    return [*said, *([f"And {count(len(found) - NAMED, 'more', 'more')}."] if len(found) > NAMED else [])]


def place_of(example: Example, row: int, column: int) -> str:
    """Name the place of a number that is shown."""
    if len(example.shape) < 2:
        return f"Number {example.corner[1] + column}"
    return f"Row {example.corner[0] + row}, column {example.corner[1] + column}"


def signed(number: str) -> str:
    """A number with the sign that mathematics has for minus."""
    return number.replace("-", "\N{MINUS SIGN}")


def part(example: Example) -> str:
    """Say which part of a larger value is shown; nothing where it is all there."""
    said = [f"table {', '.join(map(str, example.within))}"] if example.within else []
    if example.differs:
        names = ("rows", "columns" if len(example.shape) > 1 else "numbers")
        sizes, shown = (1, 1, *example.shape)[-2:], (len(example.right), len(example.right[0]))
        for name, size, first, length in zip(names, sizes, example.corner, shown, strict=True):
            if length < size:
                said.append(f"{name} {first} to {first + length - 1} of {size}")
    return f"Shown: {listed(said)}." if said else ""


def matters(code: Excerpt) -> str:
    """Say which line of an answer matters, and why; nothing where that isn't known."""
    if not code.marked:
        return ""
    lines = f"line{'s' if len(code.marked) > 1 else ''} {listed(map(str, code.marked))}"
    if code.why == "stopped":
        return f"Your code stopped in {lines}."
    if code.why == "mistake":
        return f"Look at {lines}: the mistake is there."
    if code.names == ("answer",):
        return f"What is returned comes from {lines}."
    names = listed("the result" if name == "answer" else name for name in code.names)
    return f"Look at {lines}: {names} {'get their values' if len(code.names) > 1 else 'gets its value'} there."


def _how(signs: str) -> str:
    return "have the other sign" if set(signs) == {"-"} else "differ"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
