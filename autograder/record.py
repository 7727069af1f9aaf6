"""What every part of a record is: closed, frozen, and checked when it is made."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from autograder.visible import visible

Words = Annotated[str, AfterValidator(visible)]
"""A sentence: it may quote a line or a file's name, but nothing that would steer a terminal or reorder a line."""


class Record(BaseModel):
    """A part of a result: closed, frozen, and checked when it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)  # JSON has no such numbers
