"""What a question is judged with a second time: right helpers in place of wrong ones, or a torch without autograd.

Without autograd the engine gets nothing back of what was saved for it, whoever calls it, forward mode has no level to
enter, and in a jail no other thread and no sympy is to be had.
What is not seen: whatever undoes in a jailed fork what its statements have done there.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from autograder.course import Assignment
from autograder.jail import Step
from autograder.judge.reference import solutions_of

_PUT = """
def _put_in_place(name, text, names):
    own = {"__name__": "given"}
    exec(text, own)
    wrong, right = names.get(name), own[name]
    names[name] = right
    if isinstance(wrong, type) and isinstance(right, type):
        for other in list(names.values()):
            if isinstance(other, type) and wrong in other.__bases__:
                other.__bases__ = tuple(right if base is wrong else base for base in other.__bases__)


"""

_KEPT: dict[tuple[int, str], Any] = {}
"""Where grader and student share a process: torch's own functions while they are off. A jail has none of this."""

_SWITCH = """
def _switch_autograd(on):
    import sys

    import numpy
    import torch

    functional, forward, hooks = torch.autograd.functional, torch.autograd.forward_ad, torch._C._autograd
    places = {
        torch.autograd: ("backward", "grad", "_engine_run_backward"),
        torch.autograd.graph: ("_engine_run_backward", "saved_tensors_hooks", "disable_saved_tensors_hooks"),
        torch.Tensor: ("backward",),
        torch.func: ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"),
        functional: ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"),
        forward: ("make_dual", "enter_dual_level"),
        torch._C: ("_enter_dual_level",),
        torch._C._functorch: ("_grad_increment_nesting", "_jvp_increment_nesting"),
        hooks: ("_push_saved_tensors_default_hooks", "_pop_saved_tensors_default_hooks"),
        torch: ("gradient",),
        numpy: ("gradient",),
    }
    shared = sys.modules.get("autograder.judge.retrial")
    kept = shared._KEPT if shared else {}

    def off(*_, **__):
        raise RuntimeError("autograd is off here")

    if not on and not getattr(torch.Tensor.backward, "_is_off", False):
        hooks._push_saved_tensors_default_hooks(lambda saved: saved.detach(), off)
    off._is_off = True
    for place, names in places.items():
        for name in names:
            if not on and hasattr(place, name):
                kept.setdefault((id(place), name), getattr(place, name))
                setattr(place, name, off)
            elif on and (id(place), name) in kept:
                setattr(place, name, kept.pop((id(place), name)))
    if on:
        hooks._pop_saved_tensors_default_hooks()
    elif not shared:
        import _thread
        import threading

        _thread.start_new_thread = _thread.start_joinable_thread = off
        threading._start_new_thread = threading._start_joinable_thread = off
        sys.modules["sympy"] = None
        look_up = torch._ops._OpNamespace.__getattr__

        def looked_up(self, name):
            notebook = sys._getframe(1).f_code.co_filename[:1] == "<"
            return off() if notebook and "_backward" in name else look_up(self, name)

        if not getattr(look_up, "_is_off", False):
            looked_up._is_off = True
            torch._ops._OpNamespace.__getattr__ = looked_up
            for name in [name for name in vars(torch.ops.aten) if "_backward" in name]:
                delattr(torch.ops.aten, name)


"""

AUTOGRAD_OFF = (Step(0, 1, f"{_SWITCH}_switch_autograd(False)\ndel _switch_autograd"),)
AUTOGRAD_ON = (Step(0, 1, f"{_SWITCH}_switch_autograd(True)\ndel _switch_autograd"),)
"""Statements that make torch's derivatives raise RuntimeError, and that give them back."""


def helpers(assignment: Assignment, names: Iterable[str]) -> list[Step]:
    """Statements that put the reference's functions in the place of a notebook's own.

    Each stands in a namespace that holds what its own source needs and nothing else, so that nothing leads from it to
    an answer that is still asked for. One that uses the notebook's variables can't, and is left out.
    """
    return [step for name in names if (step := _helper(assignment, name))]


@functools.lru_cache(maxsize=256)
def _helper(assignment: Assignment, name: str) -> Step | None:
    statements = solutions_of(assignment, name)
    if any(s.binds for s in statements if not (s.imports or s.defines)):
        return None
    text = "\n".join(s.source for s in statements if s.imports or s.defines)
    return Step(0, 1, f"{_PUT}_put_in_place({name!r}, {text!r}, globals())\ndel _put_in_place")
