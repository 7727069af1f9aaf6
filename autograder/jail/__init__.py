"""The student's side, and the one way to it: `student.run(flow, **tensors)`, held in a jail or by trust.

It hands back raw values and says what was raised; it never judges, and what runs in it imports nothing of the kit.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.jail.host import Jail, JailUnavailable, Limits
    from autograder.jail.jailed import JailedStudent, Jailer
    from autograder.jail.loader import loading
    from autograder.jail.machine import STANDS_IN_FOR
    from autograder.jail.session import CellFault, Fault, Session, Step
    from autograder.jail.student import (
        Flow,
        LocalStudent,
        Opener,
        Output,
        Reader,
        Student,
        StudentError,
        StudentStopped,
        trusting,
    )
    from autograder.jail.syscalls import control
    from autograder.jail.wire import TOO_LARGE, Foreign, Value

__all__ = [
    "STANDS_IN_FOR",
    "TOO_LARGE",
    "CellFault",
    "Fault",
    "Flow",
    "Foreign",
    "Jail",
    "JailUnavailable",
    "JailedStudent",
    "Jailer",
    "Limits",
    "LocalStudent",
    "Opener",
    "Output",
    "Reader",
    "Session",
    "Step",
    "Student",
    "StudentError",
    "StudentStopped",
    "Value",
    "control",
    "loading",
    "trusting",
]

# The loader stands first: it is the one of them that needs no torch.
_PLACES = ("loader", "host", "jailed", "machine", "session", "student", "syscalls", "wire")


def __getattr__(name: str) -> Any:
    """Load what is asked for, and torch with it: a command can begin a jail's loader before."""
    if name in __all__:
        for place in _PLACES:
            module = importlib.import_module(f"{__name__}.{place}")
            if name in vars(module):
                return vars(module)[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
