"""What a record shows of an answer that lost points: the student's own code, and its values on a public example."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from autograder.record import Record, Words

LINES, CHARACTERS = 40, 160
"""Lines of code that are shown, and characters of each."""

ROWS, COLUMNS = 8, 12
"""Of a value's table that are shown."""

Number = Annotated[str, Field(pattern=r"^(-?[0-9][0-9.e+-]{0,11}|-?inf|nan)$")]
"""A number with four digits that count, so that it is the same on every machine."""

Table = Annotated[
    tuple[Annotated[tuple[Number, ...], Field(max_length=COLUMNS)], ...], Field(min_length=1, max_length=ROWS)
]
"""Numbers in rows."""

Shape = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=8)]

Line = Annotated[Words, Field(max_length=CHARACTERS)]


class Excerpt(Record):
    """A student's own code, with the line that matters."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=LINES)]
    first: Annotated[int, Field(ge=1)] = 1
    """Which line of its cell is the first that is shown."""
    marked: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Lines of its cell that matter; none if nothing shows which does."""
    why: Literal["", "stopped", "mistake", "given"] = ""
    """Why they do: the code stopped there, a known mistake stands there, or the wrong values come from there."""
    names: Annotated[tuple[Words, ...], Field(max_length=8)] = ()
    """Of the wrong values that come from there."""
    where: Words = ""
    """The section that it stands in."""

    @model_validator(mode="after")
    def _within(self) -> Excerpt:
        if any(not self.first <= line < self.first + len(self.lines) for line in self.marked):
            raise ValueError(f"the lines {self.marked} are not among those that are shown")
        if bool(self.why) != bool(self.marked):
            raise ValueError("a line is marked for a reason, and a reason needs a line")
        return self


class Given(Record):
    """An input of a public example."""

    name: Words
    table: Table


class Example(Record):
    """One wrong value on inputs that anybody may see: the student's, the right one, and where they differ."""

    claim: str
    """The claim that fails there."""
    name: Words
    """Of the value."""
    shape: Shape
    own_shape: Shape
    """Of the student's: where it differs, nothing is compared number by number."""
    right: Table
    yours: Table
    within: Shape = ()
    """Which of several tables this is, of a value with more than two axes, counted from 1."""
    corner: tuple[int, int] = (1, 1)
    """Row and column of the first number that is shown, counted from 1."""
    differs: Annotated[tuple[str, ...], Field(max_length=ROWS)] = ()
    """For each row a sign for each number: `=` right, `-` right but for its sign, `x` another value."""
    given: Annotated[tuple[Given, ...], Field(max_length=8)] = ()
    """The inputs, where they are few numbers."""

    @model_validator(mode="after")
    def _matches(self) -> Example:
        for table in (self.right, self.yours):
            if len({len(row) for row in table}) > 1:
                raise ValueError("the rows of a table are equally long")
        if self.differs:
            sizes = [[len(row) for row in table] for table in (self.right, self.yours, self.differs)]
            if sizes[0] != sizes[1] or sizes[0] != sizes[2] or not set("".join(self.differs)) <= set("=-x"):
                raise ValueError("what is compared number by number has one shape")
        return self
