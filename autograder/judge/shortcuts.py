"""By hand or not, as far as a text tells: slopes of function values, and what differentiates by machine.

Where a text has a road to autograd, the answer is asked for once more without it: see :mod:`autograder.judge.retrial`.
What stays unseen is listed in CONTRIBUTING.md. What can't be read counts as whatever is asked for: a person looks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autograder.judge.reading import LARGEST, Behind, Reading, behind, part, read
from autograder.judge.roads import leads
from autograder.judge.slopes import PATIENCE, Looks, Terms
from autograder.notebook import Unreadable, kept

__all__ = ["LARGEST", "PATIENCE", "Shortcut", "differences", "machines", "may_lean", "shortcut", "unreadable"]

_MACHINES = re.compile(
    r"numpy\.(gradient|interp|\w*fit|linalg\.lstsq|polynomial\.(\w+\.)*\w*fit)"
    r"|torch\.(gradient|(linalg\.)?lstsq|nn\.grad\.\w+|(\w+\.)*\w+_backward\w*"
    r"|distributions\.log_abs_det_jacobian)"
    r"|scipy\.(interpolate\.\w+|differentiate\.\w+|misc\.derivative|(linalg|optimize)\.l\w*sq\w*|signal\.savgol_\w+"
    r"|optimize\.(approx_\w+|curve_fit|least_squares|check_grad))"
    r"|sympy\.(\w+\.)*(diff|Derivative|idiff|series|gradient|jacobian|hessian|derive_by_array)"
    r"|(jax|tensorflow)\.(\w+\.)*(grad|value_and_grad|jac\w*|vjp|jvp|hessian|GradientTape)"
    r"|(numdifftools|algopy|casadi|micrograd|tinygrad|autograd)\.[\w.]+"
)
"""What finds slopes by itself, by its full name: of sampled values, of symbols, of graphs; and torch's own formulas."""

_LAST = re.compile(
    r"gradient|interp\w*|\w*fit|l\w*sq\w*|\w+_backward\w*|derivative|savgol_\w+|approx_\w+|check_grad|diff|idiff|series"
    r"|Derivative|derive_by_array|\w*grad\w*|jac\w*|hessian|vjp|jvp|\w*[Ss]pline\w*|\w*Interpolator\w*|spl\w+"
    r"|GradientTape|conv\w+|Derivative|Gradient|Jacobian|Hessian|\w*interp\w*"
)
"""The last word of such a name."""

_COMPLEX = re.compile(r"complex\w*|c(float|double|half|single)|polar|view_as_complex")
_IMAGINARY = frozenset({"imag", "view_as_real"})


@dataclass(frozen=True)
class Shortcut:
    """What was found in a text in place of a derivative by hand."""

    does: str
    """As what follows a function's name."""
    source: int
    """Which of the texts it stands in."""
    line: int
    """On which of its lines, from 1."""


def unreadable(sources: Iterable[str], graded: Iterable[str]) -> str:
    """Why a text can't be read for derivatives that nobody wrote; nothing if it can."""
    try:
        shortcut(list(sources), graded)
    except Unreadable as error:
        return error.why
    return ""


def shortcut(sources: Sequence[str], graded: Iterable[str]) -> Shortcut | None:
    """What a text shows that is no derivative by hand.

    Raises:
        Unreadable: if it can't be read.
    """
    return differences(sources, graded) or machines(sources)


def may_lean(sources: Iterable[str]) -> bool:
    """Whether a text has one of the words without which nobody comes to torch's derivatives.

    What can't be read may lean on anything.
    """
    texts = list(sources)
    try:
        return leads(behind(texts), texts)
    except Unreadable:
        return True


def differences(sources: Sequence[str], graded: Iterable[str]) -> Shortcut | None:
    """Where a function is subtracted from itself a step away, or the imaginary part of a complex step is taken.

    Read from the source: such a slope can be as good as a derivative, and shows in no value. `f` is a function that is
    graded, written beside it or handed to it; torch's own count where they are scaled by the step.

    Raises:
        Unreadable: if a text can't be read.
    """
    found = behind(sources)
    own = found.names.union(graded)
    for index, line, reading in found.readings:
        node = _difference(sources[index], own) if not line else _difference_in(reading, own)
        if node is not None:
            does = "takes differences of one function's values a step apart"
            return Shortcut(does, *found.place(index, line, reading, node))
    return _complex_step(found)


@kept(1 << 17)
def _difference(source: str, own: frozenset[str]) -> ast.AST | None:
    return _difference_in(read(source), own)


def _difference_in(reading: Reading, own: frozenset[str]) -> ast.AST | None:
    looks = Looks(PATIENCE * len(reading.nodes) + 1000)
    return next(filter(None, (Terms(function, own, looks).difference() for function in reading.functions)), None)


def _complex_step(found: Behind) -> Shortcut | None:
    """Where an imaginary part is taken, if the text makes anything complex: that of a real number is just 0."""
    if not any(_is_complex(node) for _, _, reading in found.readings for node in reading.nodes):
        return None
    for index, line, reading in found.readings:
        for node in reading.nodes:
            if part(node)[1] in _IMAGINARY:
                return Shortcut("takes the imaginary part of a complex step", *found.place(index, line, reading, node))
    return None


def _is_complex(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=complex()):
            return True
        case ast.Constant(value=str(name)) | ast.Name(id=name) | ast.Attribute(attr=name):
            return _COMPLEX.fullmatch(name) is not None
    return False


def machines(sources: Sequence[str]) -> Shortcut | None:
    """Where a text uses something that finds slopes by itself, or a formula of torch's for a derivative.

    Raises:
        Unreadable: if it can't be read.
    """
    found = behind(sources)
    symbols = any(name.split(".")[0] == "sympy" for name in found.aliases.values())
    for index, line, reading in found.readings:
        for node, name in _named(found, reading):
            if _MACHINES.fullmatch(name):
                return Shortcut(f"uses {name}", *found.place(index, line, reading, node))
        for node in reading.nodes if symbols else ():
            match node:
                case ast.Call(func=ast.Attribute(attr="diff" | "series" as name), args=[ast.Name(), *_]):
                    return Shortcut(f"uses sympy's {name}", *found.place(index, line, reading, node))
    return None


def _named(found: Behind, reading: Reading) -> Iterator[tuple[ast.AST, str]]:
    """What a statement names that may be a machine, by its full name."""
    for node in reading.nodes:
        match node:
            case ast.Attribute(attr="log_abs_det_jacobian"):
                yield node, "torch.distributions.log_abs_det_jacobian"
            case ast.Attribute(attr=word) if _LAST.fullmatch(word):
                yield node, found.dotted(node)
            case ast.Name(id=name, ctx=ast.Load()):
                if name in found.aliases:
                    yield node, found.dotted(node)
                elif name not in found.bound and _LAST.fullmatch(name):
                    yield from ((node, f"{module}.{name}") for module in found.stars)
            case ast.Call(func=ast.Name(id="getattr")) | ast.Subscript():
                yield node, found.dotted(node)
