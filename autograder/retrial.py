"""What a question is judged with a second time: right helpers in place of wrong ones, or a torch without autograd."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from autograder.course import Assignment
from autograder.jail.session import Step
from autograder.reference import solutions_of

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

_SWITCH = """
def _switch_autograd(on):
    import torch

    functional, forward = torch.autograd.functional, torch.autograd.forward_ad
    places = {
        torch.autograd: ("backward", "grad"),
        torch.autograd.graph: ("_engine_run_backward",),
        torch.Tensor: ("backward",),
        torch.func: ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"),
        functional: ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"),
        forward: ("make_dual", "enter_dual_level"),
    }

    def off(*_, **__):
        raise RuntimeError("autograd is off here")

    for place, names in places.items():
        kept = place.__dict__.get("_kept_from_students", {})
        for name in names:
            if not on and hasattr(place, name):
                kept.setdefault(name, getattr(place, name))
                setattr(place, name, off)
            elif on and name in kept:
                setattr(place, name, kept[name])
        place._kept_from_students = {} if on else kept


"""

AUTOGRAD_OFF = (Step(0, 1, f"{_SWITCH}_switch_autograd(False)\ndel _switch_autograd"),)
AUTOGRAD_ON = (Step(0, 1, f"{_SWITCH}_switch_autograd(True)\ndel _switch_autograd"),)
"""Statements that make torch's derivatives raise RuntimeError, and that give them back."""

_LEADS_TO_AUTOGRAD = re.compile(
    r"\b(autograd|(set_|is_|retain_|requires_|enable_|no_)?grad(_|_fn|_enabled|_and_value)?|inference_mode|Parameter"
    r"|func|functorch|vjp|jvp|jac\w+|hessian|vhp|hvp|forward_ad|_C|__\w+__|importlib|import_module|sys"
    r"|getattr|vars|eval|exec|compile|globals|locals|operator|inspect|types|pickle)\b"
)


def may_lean(sources: Iterable[str]) -> bool:
    """Whether a text has one of the words without which nobody comes to torch's derivatives.

    The inputs of a hidden test ask for none, so `backward` alone leads nowhere: a layer has a method of that name, too.
    """
    return any(_LEADS_TO_AUTOGRAD.search(source) for source in sources)


def helpers(assignment: Assignment, names: Iterable[str]) -> list[Step]:
    """Statements that put the reference's functions in the place of a notebook's own.

    Each stands in a namespace that holds what its own source needs and nothing else, so that nothing leads from it to
    an answer that is still asked for. One that uses the notebook's variables can't, and is left out.
    """
    return [step for name in names if (step := _helper(assignment, name))]


def differences(sources: Iterable[str], graded: Iterable[str]) -> bool:
    """Whether a function takes (f(x + h) - f(x - h)) / 2h, of a function f that is graded or written beside it.

    Read from the source: such a slope can be as good as a derivative, and shows in no value.
    """
    trees = [ast.parse(source) for source in sources]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    own = frozenset(graded) | {function.name for function in functions if isinstance(function, ast.FunctionDef)}
    return any(_quotients(function, own) for function in functions)


@functools.lru_cache(maxsize=256)
def _helper(assignment: Assignment, name: str) -> Step | None:
    statements = solutions_of(assignment, name)
    if any(s.binds for s in statements if not (s.imports or s.defines)):
        return None
    text = "\n".join(s.source for s in statements if s.imports or s.defines)
    return Step(0, 1, f"{_PUT}_put_in_place({name!r}, {text!r}, globals())\ndel _put_in_place")


def _quotients(function: ast.FunctionDef | ast.Lambda, own: frozenset[str]) -> bool:
    """Whether a difference of two values of one function is divided by, or multiplied with, something that is none."""
    known: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node.targets[0], node.value):
                known.setdefault(target, set()).update(_called(value, own, known))
    for node in ast.walk(function):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult)):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if not (isinstance(side, ast.BinOp) and isinstance(side.op, ast.Sub)) or _called(other, own, known):
                continue
            if _called(side.left, own, known) & _called(side.right, own, known):
                return True
    return False


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment gives values to, tuples taken apart."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, another in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, another)


def _called(value: ast.expr, own: frozenset[str], known: Mapping[str, set[str]]) -> set[str]:
    """Functions of `own` whose values a term is made of, by way of variables too."""
    found: set[str] = set()
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own:
            found.add(node.func.id)
        elif isinstance(node, ast.Name):
            found |= known.get(node.id, set())
    return found
