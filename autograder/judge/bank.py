"""The bank of an assignment: known mistakes and their impostors, right variants and harmless changes, as data."""

from __future__ import annotations

import functools
import re
import tomllib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from autograder.course import HiddenTests, tests_of
from autograder.errors import CannotGrade


class Misconception(BaseModel):
    """A card of the bank: a known mistake as an edit of the reference's own source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    function: str
    edit: tuple[str, str] | None = None
    edits: tuple[tuple[str, str], ...] = ()
    says: str
    """What the answers prove by themselves, whoever gives them."""
    hint: str
    how: tuple[tuple[str, str], ...] = ()
    """What the student's source has to show, and what is said then beside `says`: see :mod:`autograder.judge.evidence`.

    The first that is shown is said; where none is, `says` stands alone.
    """
    shows: str | None = None
    """What the source has to show for the card to be given at all, where answers like these have other reasons, too."""
    number: str | None = None
    """A number in the edit in whose place another would be the same mistake; `says` may hold it as {number}.

    Those that stand in the student's source are tried, too.
    """
    equals: str | None = None
    """Another card whose values are the same: either name is right."""

    @model_validator(mode="after")
    def _one_edit(self) -> Misconception:
        if (self.edit is None) == (not self.edits):
            raise ValueError("give either edit = [old, new] or edits = [[old, new], ...]")
        return self

    def with_number(self, number: str) -> Misconception:
        """The same mistake with another number."""
        old = re.compile(rf"(?<![\w.]){re.escape(self.number or '')}(?![\w.])")
        edits = tuple((before, old.sub(number, after)) for before, after in self.changes)
        return self.model_copy(update={"edit": None, "edits": edits, "number": number})

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """The edits, however many."""
        return (self.edit,) if self.edit else self.edits


class Impostor(BaseModel):
    """An answer with the values of a known mistake for another reason: it may not be told how that one was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card: str
    source: str
    """The function's or class's own definition, and what it needs beside it."""


class Variant(BaseModel):
    """A right answer in another form, which has to keep full marks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    function: str
    source: str


class Harmless(BaseModel):
    """A small change of the reference that changes nothing that anybody could see: no test has to catch it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: str
    before: str
    """A line of the reference, as Python writes it."""
    after: str = ""
    """The same line with the change; empty if it was dropped."""
    pattern: str = ""
    """Or a regular expression for all lines that mean the same."""
    why: str

    def covers(self, function: str, before: str, after: str) -> bool:
        """Whether a change is this one."""
        same = re.fullmatch(self.pattern, after) is not None if self.pattern else after == self.after
        return (function, before) == (self.function, self.before) and same


class Bank(BaseModel):
    """An assignment's known mistakes and right variants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    misconception: tuple[Misconception, ...] = ()
    impostor: tuple[Impostor, ...] = ()
    variant: tuple[Variant, ...] = ()
    harmless: tuple[Harmless, ...] = ()


@functools.cache
def bank(lesson: HiddenTests | str) -> Bank:
    """Load the bank beside an assignment's hidden tests; an assignment without one has an empty bank.

    Shapes:
        lesson  the hidden tests of the assignment, or the name of one of the kit's own

    Raises:
        CannotGrade: if the file is not valid; the sentence names every field that is wrong.
    """
    path = tests_of(lesson).folder / "bank.toml"
    if not path.is_file():
        return Bank()
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CannotGrade(f"{path} is no valid TOML: {error}.") from None
    try:
        return Bank.model_validate(written)
    except ValidationError as error:
        wrong = "; ".join(f"{_place(written, one['loc'])}: {one['msg']}" for one in error.errors())
        raise CannotGrade(f"{path} is not a valid bank. {wrong}.") from None


def _place(written: Any, at: tuple[int | str, ...]) -> str:
    """Where something in a bank is wrong: the kind of card, its id or which of them it is, and the field."""
    words = []
    for step in at:
        try:
            written = written[step]
        except (KeyError, IndexError, TypeError):
            written = None
        named = written.get("id") or written.get("card") if isinstance(written, dict) else None
        words.append(str(named or (step if isinstance(step, str) else f"number {step + 1}")))
    return ", ".join(words)
