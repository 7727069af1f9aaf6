"""How student code is held: in a jail, or, where a course trusts its students, in the grader's own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autograder.course import BackpropKit
from autograder.errors import CannotGrade
from autograder.jail import Jail, Jailer, JailUnavailable, Limits, Opener, trusting


class Unheld(CannotGrade):
    """No jail holds on this machine, and students are not trusted."""


def holds() -> bool:
    """Whether this machine can hold a jail, found by starting one."""
    try:
        with Jail():
            return True
    except JailUnavailable:
        return False


@contextmanager
def held(settings: BackpropKit, trust: bool = False) -> Iterator[Opener]:
    """Give what opens notebooks: a jail if this machine can hold one; if not, this process, if students are trusted.

    Raises:
        Unheld: if there is no jail and students are not trusted.
    """
    limits = Limits(call_s=settings.call_s, cell_s=settings.cell_s, memory_mib=settings.memory_mib)
    try:
        jail = Jail(limits=limits)
    except JailUnavailable as error:
        if trust or settings.trust_students:
            yield trusting
            return
        raise Unheld(
            f"{error} Nothing was graded. `autograder doctor` says what is missing; "
            "--trust-students grades anyway, with student code in the grader's own process."
        ) from None
    with jail:
        yield Jailer(jail, settings.notebook_s)
