"""By hand or not, as far as a text tells: difference quotients, complex steps, torch's inner parts, ways to autograd.

Where a text has a word that leads to autograd, the answer is asked for once more without it: see
:mod:`autograder.retrial`.
What is not seen: differences of higher order or with steps in a tensor or a loop, polynomials fitted to values, dual
numbers that a notebook writes itself.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

_LEADS_TO_AUTOGRAD = re.compile(
    r"autograd|(set_|is_|retain_|requires_|enable_|no_)?grad(_|_fn|_enabled|_and_value)?|inference_mode|Parameter"
    r"|func|functorch|vjp|jvp|jac\w+|hessian|vhp|hvp|forward_ad|gradient|ops|aten|\w+_backward\w*|clip_grad\w*"
    r"|\w*total_norm|optim|\w*hooks?|fx|jit|export|testing|sympy|scipy"
    r"|_\w*|(get|set)attr|vars|eval|exec|compile|globals|locals|get_ipython|IPython|import_module|get_type_hints"
    r"|sys|builtins|importlib|operator|inspect|types|pickle|marshal|runpy|ctypes|gc|threading|\*"
)
"""An attribute, a keyword or an imported name that brings torch's derivatives, or what leads to anything."""

_BUILT_IN = re.compile(r"(get|set)attr|vars|eval|exec|compile|globals|locals|get_ipython|__\w+__")
"""Names that need no import; another thing of such a name may be given to itself, as in `def f(x, eval=eval)`."""

_LEADS_NOWHERE = frozenset({"__future__", "__init__", "__call__", "__class__", "__name__", "__main__", "__len__", "_"})

_WORD = re.compile(r"\w+")

_PLAIN_MODULE = re.compile(
    "__future__|abc|cmath|collections|contextlib|copy|data_utils|dataclasses|enum|functools|itertools|math|matplotlib"
    "|numbers|numpy|random|statistics|string|time|torch|torchvision|tqdm|typing|warnings"
)
"""Modules that give nobody a derivative but by a word of :data:`_LEADS_TO_AUTOGRAD`."""

_SLOPES = re.compile(r".*\.imag|(torch|np|numpy)\.(imag|view_as_real|diff|gradient)", re.DOTALL)
"""What takes differences, or the imaginary part of a value after a complex step."""

_SLOPE_WORDS = {"imag", "view_as_real", "diff", "gradient"}

_INNER = re.compile(
    r"\blog_abs_det_jacobian\b|\btorch\s*\.\s*(_(?!_)\w+|ops\b|nn\s*\.\s*grad\b)"
    r"|\bfrom\s+torch(\.\w+)*\s+import\b[^\n]*\b(_(?!_)\w+|ops|\w+_backward\w*)\b|\bfrom\s+torch\.(ops|nn\.grad)\b"
)


def may_lean(sources: Iterable[str]) -> bool:
    """Whether a text has one of the words without which nobody comes to torch's derivatives.

    The inputs of a hidden test ask for none, so `backward` alone leads nowhere: a layer has a method of that name, too.
    A variable or an argument may be called `grad`; what is nested too deeply to be read may lean on anything.
    """
    try:
        return any(_read(source).leads for source in sources)
    except RecursionError:
        return True


def reaches_inside(sources: Iterable[str]) -> bool:
    """Whether a text names torch's inner parts, where the formulas of its derivatives are: `torch.ops`, `torch._C`."""
    return any(_INNER.search(source) for source in sources)


def differences(sources: Iterable[str], graded: Iterable[str]) -> bool:
    """Whether a function takes (f(x + h) - f(x - h)) / 2h, or the imaginary part of f(x + ih).

    Read from the source: such a slope can be as good as a derivative, and shows in no value. `f` is a function that is
    graded, written beside it or handed to it; torch's own count where their arguments are x + h and x - h, or x.
    What is nested too deeply to be read counts as one: a person has to look.
    """
    sources = list(sources)
    try:
        read = [_read(source) for source in sources]
        own = frozenset(graded).union(*(each.names for each in read))
        return any(each.slopes for each in read) or any(_has_quotient(source, own) for source in sources)
    except RecursionError:
        return True


_Function = ast.FunctionDef | ast.Lambda


@dataclass(frozen=True)
class _Read:
    """What one statement's text shows."""

    functions: tuple[_Function, ...]
    names: frozenset[str]
    """That may stand for a function in it."""
    slopes: bool
    """Whether it takes slopes in one word."""
    leads: bool
    """Whether something in it leads to torch's derivatives."""


@functools.lru_cache(maxsize=256)
def _read(source: str) -> _Read:
    nodes = list(ast.walk(_Plainly().visit(ast.parse(source))))
    functions = tuple(node for node in nodes if isinstance(node, ast.FunctionDef | ast.Lambda))
    names = {function.name for function in functions if isinstance(function, ast.FunctionDef)}
    names |= {argument.arg for function in functions for argument in function.args.args}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in _SLOPE_WORDS]
    slopes = any(_SLOPES.fullmatch(ast.unparse(node)) for node in attributes)
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    own = _bound(nodes)
    leads = any(_leads(node, own) for node in nodes if id(node) not in said)
    return _Read(functions, frozenset(names), slopes, leads)


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that a statement gives to things of its own."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
    return found


def _leads(node: ast.AST, own: Collection[str]) -> bool:
    """Whether a piece of a statement leads to torch's derivatives, or to whatever its author likes."""
    words: list[str] = []
    match node:
        case ast.Name(id=name):  # another statement may have imported it
            words = [] if name in own and not _BUILT_IN.fullmatch(name) else [name]
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if not name.startswith("__"):
            words = [name.lstrip("_")]  # of the notebook's own class
        case ast.Attribute(attr=name):
            words = [name]
        case ast.Constant(value=str(text)):
            words = _WORD.findall(text)
        case ast.keyword(arg=str(name)):
            words = [name]
        case ast.MatchClass(kwd_attrs=names):
            words = names
        case ast.Import(names=found) | ast.ImportFrom(names=found):
            words = [part for each in found for part in each.name.split(".")]
            roots = {each.name.partition(".")[0] for each in found}
            if isinstance(node, ast.ImportFrom):
                words += (node.module or "*").split(".")
                roots = {(node.module or "").partition(".")[0]}
            if not all(map(_PLAIN_MODULE.fullmatch, roots)):
                return True
    return any(word not in _LEADS_NOWHERE and _LEADS_TO_AUTOGRAD.fullmatch(word) for word in words)


@functools.lru_cache(maxsize=256)
def _has_quotient(source: str, own: frozenset[str]) -> bool:
    return any(_quotients(function, own) for function in _read(source).functions)


class _Plainly(ast.NodeTransformer):
    """Writes `torch.sub(a, b)`, `a.sub(b)` and `a -= b` as `a - b`, and so for quotients and products."""

    signs: Mapping[str, type[ast.operator]] = {
        **dict.fromkeys(("sub", "subtract", "sub_", "subtract_"), ast.Sub),
        **dict.fromkeys(("div", "divide", "true_divide", "div_", "divide_"), ast.Div),
        **dict.fromkeys(("mul", "multiply", "mul_", "multiply_"), ast.Mult),
        **dict.fromkeys(("add", "add_"), ast.Add),
    }

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Write a call as what it computes."""
        self.generic_visit(node)
        called = node.func
        if not (isinstance(called, ast.Attribute) and called.attr in self.signs) or node.keywords:
            return node
        module = isinstance(called.value, ast.Name) and called.value.id in {"torch", "np", "numpy", "operator"}
        sides = node.args if module else [called.value, *node.args]
        return ast.BinOp(sides[0], self.signs[called.attr](), sides[1]) if len(sides) == 2 else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Write `a -= b` as `a = a - b`."""
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        before = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(before, node.op, node.value), lineno=node.lineno)


def _quotients(function: ast.FunctionDef | ast.Lambda, own: frozenset[str]) -> bool:
    """Whether a difference of two values of one function is divided by, or multiplied with, something that is none."""
    known: dict[str, set[str]] = {}
    held: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node.targets[0], node.value):
                held.setdefault(target, []).append(value)
                known.setdefault(target, set()).update(_called(value, own, known))
    for node in ast.walk(function):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult)):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if _called(other, own, known):
                continue
            for term in _meant(side, held):
                if not (isinstance(term, ast.BinOp) and isinstance(term.op, ast.Sub)):
                    continue
                if _called(term.left, own, known) & _called(term.right, own, known) or _shifted(term, held):
                    return True
    return False


def _meant(term: ast.expr, held: Mapping[str, list[ast.expr]], depth: int = 4) -> Iterator[ast.expr]:
    """A term, what its name stands for, and what a method such as `.float()` is called on."""
    yield term
    if not depth:
        return
    if isinstance(term, ast.Name):
        for value in held.get(term.id, ()):
            yield from _meant(value, held, depth - 1)
    elif isinstance(term, ast.Call) and isinstance(term.func, ast.Attribute):
        yield from _meant(term.func.value, held, depth - 1)


def _shifted(term: ast.BinOp, held: Mapping[str, list[ast.expr]]) -> bool:
    """Whether both sides of a difference are one function of torch's, at places that differ by a step."""
    return any(
        name == other and (_step(here, there, held) or _step(there, here, held))
        for left in _meant(term.left, held)
        for right in _meant(term.right, held)
        for name, here in _applied(left)
        for other, there in _applied(right)
    )


def _applied(term: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The name and the argument of a call of one argument: `torch.tanh(x)`, `x.tanh()`."""
    if isinstance(term, ast.Call) and isinstance(term.func, ast.Name | ast.Attribute):
        if len(term.args) == 1:
            yield ast.unparse(term.func), term.args[0]
        elif not term.args and isinstance(term.func, ast.Attribute):
            yield term.func.attr, term.func.value


def _step(here: ast.expr, there: ast.expr, held: Mapping[str, list[ast.expr]]) -> bool:
    """Whether `here` is `there + h`, or `there` with `+ h` in the place of `- h`."""
    for one in _meant(here, held):
        if not (isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add)):
            continue
        for other in _meant(there, held):
            if ast.unparse(other) in {ast.unparse(one.left), ast.unparse(one.right)}:
                return True
            if (
                isinstance(other, ast.BinOp)
                and isinstance(other.op, ast.Sub)
                and ast.dump(other.left) == ast.dump(one.left)
                and ast.dump(other.right) == ast.dump(one.right)
            ):
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
