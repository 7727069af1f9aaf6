"""By hand or not, as far as a text tells: difference quotients, complex steps, torch's inner parts, ways to autograd.

Where a text has a word that leads to autograd, the answer is asked for once more without it: see
:mod:`autograder.judge.retrial`.
What is not seen: differences of higher order or with steps in a tensor or a loop, polynomials fitted to values, dual
numbers that a notebook writes itself.
What can't be read counts as whatever is asked for: a person looks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autograder.notebook import Unreadable, kept, nodes

LARGEST = 1 << 15
"""Characters of all statements behind one answer that are read: those of a lesson have two thousand."""

PATIENCE = 8
"""Terms that are looked at for each node of a text, while names are followed; an honest text takes one or two."""

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

_SLOPES = {"diff", "gradient", "imag", "view_as_real"}
"""What takes differences in a module of numbers; the imaginary part, after a complex step, is taken of anything."""

_NUMBERS = {"torch", "np", "numpy"}

_INNER = re.compile(
    r"\blog_abs_det_jacobian\b|\btorch\s*\.\s*(_(?!_)\w+|ops\b|nn\s*\.\s*grad\b)|\bfrom\s+torch\.(ops|nn\.grad)\b"
)
_FROM_TORCH = re.compile(r"\bfrom\s+torch(?:\.\w+)*\s+import\b([^\n]*)")
_INNER_NAME = re.compile(r"\b(_(?!_)\w+|ops|\w+_backward\w*)\b")


def unreadable(sources: Iterable[str], graded: Iterable[str]) -> str:
    """Why a text can't be read for derivatives that nobody wrote; nothing if it can."""
    try:
        _differs(list(sources), graded)
    except Unreadable as error:
        return error.why
    return ""


def may_lean(sources: Iterable[str]) -> bool:
    """Whether a text has one of the words without which nobody comes to torch's derivatives.

    The inputs of a hidden test ask for none, so `backward` alone leads nowhere: a layer has a method of that name, too.
    A variable or an argument may be called `grad`; what can't be read may lean on anything.
    """
    try:
        return any(each.leads for each in _read_all(list(sources)))
    except Unreadable:
        return True


def reaches_inside(sources: Iterable[str]) -> bool:
    """Whether a text names torch's inner parts, where the formulas of its derivatives are: `torch.ops`, `torch._C`."""
    return any(_INNER.search(source) or _imports_inside(source) for source in sources)


def differences(sources: Iterable[str], graded: Iterable[str]) -> bool:
    """Whether a function takes (f(x + h) - f(x - h)) / 2h, or the imaginary part of f(x + ih).

    Read from the source: such a slope can be as good as a derivative, and shows in no value. `f` is a function that is
    graded, written beside it or handed to it; torch's own count where their arguments are x + h and x - h, or x.
    What can't be read counts as one: a person has to look.
    """
    try:
        return _differs(list(sources), graded)
    except Unreadable:
        return True


def _differs(sources: Sequence[str], graded: Iterable[str]) -> bool:
    read = _read_all(sources)
    own = frozenset(graded).union(*(each.names for each in read))
    return any(each.slopes for each in read) or any(_has_quotient(source, own) for source in sources)


def _imports_inside(source: str) -> bool:
    """Whether a line takes inner parts out of torch; whatever else stands on that line, it is looked at once."""
    return any(_INNER_NAME.search(names) for names in _FROM_TORCH.findall(source))


def _read_all(sources: Sequence[str]) -> list[_Read]:
    if sum(map(len, sources)) > LARGEST:
        raise Unreadable(f"the statements behind it have more than {LARGEST:,} characters")
    return [_read(source) for source in sources]


_Function = ast.FunctionDef | ast.Lambda


@dataclass(frozen=True)
class _Read:
    """What one statement's text shows."""

    functions: tuple[_Function, ...]
    size: int
    """Its nodes."""
    names: frozenset[str]
    """That may stand for a function in it."""
    slopes: bool
    """Whether it takes slopes in one word."""
    leads: bool
    """Whether something in it leads to torch's derivatives."""


@kept(1 << 17)
def _read(source: str) -> _Read:
    tree = ast.parse(source)
    found = nodes(tree)
    if any(map(_Plainly.changes, found)):
        found = nodes(_Plainly().visit(tree))
    functions = tuple(node for node in found if isinstance(node, ast.FunctionDef | ast.Lambda))
    names = {function.name for function in functions if isinstance(function, ast.FunctionDef)}
    names |= {argument.arg for function in functions for argument in function.args.args}
    for node in found:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    said = {id(node.value) for node in found if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    own = _bound(found)
    leads = any(_leads(node, own) for node in found if id(node) not in said)
    return _Read(functions, len(found), frozenset(names), any(map(_is_slope, found)), leads)


def _is_slope(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="imag"):
            return True
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return module in _NUMBERS and name in _SLOPES
    return False


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


@kept(1 << 17)
def _has_quotient(source: str, own: frozenset[str]) -> bool:
    read = _read(source)
    looks = _Looks(PATIENCE * read.size + 1000)
    return any(_Terms(function, own, looks).quotient() for function in read.functions)


class _Looks:
    """How many terms of a text may still be looked at."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, many: int) -> None:
        """Look at some.

        Raises:
            Unreadable: if there have been too many.
        """
        self.left -= many
        if self.left < 0:
            raise Unreadable("its names are given to each other too often to be followed")


class _Plainly(ast.NodeTransformer):
    """Writes `torch.sub(a, b)`, `a.sub(b)` and `a -= b` as `a - b`, and so for quotients and products."""

    signs: Mapping[str, type[ast.operator]] = {
        **dict.fromkeys(("sub", "subtract", "sub_", "subtract_"), ast.Sub),
        **dict.fromkeys(("div", "divide", "true_divide", "div_", "divide_"), ast.Div),
        **dict.fromkeys(("mul", "multiply", "mul_", "multiply_"), ast.Mult),
        **dict.fromkeys(("add", "add_"), ast.Add),
    }

    @classmethod
    def changes(cls, node: ast.AST) -> bool:
        """Whether a node is one that may be written otherwise."""
        return isinstance(node, ast.AugAssign) or (isinstance(node, ast.Attribute) and node.attr in cls.signs)

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


_Term = int
"""A term of a function by its number: equal terms have the same."""


class _Terms:
    """The terms of one function, what they may stand for, and what they are made of; each is followed once.

    Raises:
        Unreadable: if following them takes more looks than there are.
    """

    def __init__(self, function: _Function, own: frozenset[str], looks: _Looks) -> None:
        self._looks = looks
        self._nodes = list(ast.walk(function))
        looks.take(len(self._nodes))
        self._bits = {name: 1 << place for place, name in enumerate(self._names_of(own))}
        self._held, self._known = self._assigned()
        self._number: dict[int, _Term] = {}
        self._term: list[ast.AST] = []
        self._calls: list[int] = []
        self._meant: dict[_Term, frozenset[_Term]] = {}
        self._differences: dict[_Term, bool] = {}
        self._applied: dict[_Term, dict[str | _Term, tuple[set[_Place], set[_Place]]]] = {}

    def quotient(self) -> bool:
        """Whether a difference of two values of one function is divided by, or multiplied with, what is none."""
        if not any(isinstance(node, ast.Sub) for node in self._nodes):
            return False
        self._count()
        products = {self._number[id(n)]: n for n in self._nodes if isinstance(n, ast.BinOp) and _divides(n.op)}
        return any(
            not self._calls[self._of(other)] and any(map(self._is_difference, self._stands_for(self._of(side))))
            for node in products.values()
            for side, other in ((node.left, node.right), (node.right, node.left))
        )

    def _names_of(self, own: frozenset[str]) -> dict[str, None]:
        """The functions of `own` that are called here."""
        return {
            node.func.id: None
            for node in self._nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own
        }

    def _assigned(self) -> tuple[dict[str, list[ast.expr]], dict[str, int]]:
        """Name -> the terms that it is given, and the functions whose values those are made of, as bits."""
        held: dict[str, list[ast.expr]] = {}
        known: dict[str, int] = {}
        for node in self._nodes:
            if isinstance(node, ast.Assign):
                for target, value in _pairs(node.targets[0], node.value):
                    held.setdefault(target, []).append(value)
                    made_of = known.get(target, 0)
                    for part in ast.walk(value):
                        made_of |= self._calls_at(part, known)
                    known[target] = made_of
        return held, known

    def _calls_at(self, node: ast.AST, known: Mapping[str, int]) -> int:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._bits.get(node.func.id, 0)
        return known.get(node.id, 0) if isinstance(node, ast.Name) else 0

    def _count(self) -> None:
        """Number all nodes, from the innermost outwards, equal ones alike; and add up what they call."""
        numbers: dict[tuple[object, ...], _Term] = {}
        for node in reversed(self._nodes):
            form = (type(node), *map(self._part, _fields(node)))
            number = self._number[id(node)] = numbers.setdefault(form, len(numbers))
            if number == len(self._term):
                calls = self._calls_at(node, self._known)
                for child in ast.iter_child_nodes(node):
                    calls |= self._calls[self._of(child)]
                self._term.append(node)
                self._calls.append(calls)

    def _part(self, value: object) -> object:
        if isinstance(value, ast.AST):
            return self._of(value)
        if isinstance(value, list):
            return tuple(map(self._part, value))
        return type(value), value

    def _of(self, node: ast.AST) -> _Term:
        return self._number[id(node)]

    def _stands_for(self, term: _Term) -> frozenset[_Term]:
        """A term, what its name stands for, and what a method such as `.float()` is called on; four times over."""
        if term not in self._meant:
            found, last = {term}, {term}
            for _ in range(4):
                last = {below for each in last for below in self._behind(each)} - found
                found |= last
            self._looks.take(len(found))
            self._meant[term] = frozenset(found)
        return self._meant[term]

    def _behind(self, term: _Term) -> Iterator[_Term]:
        node = self._term[term]
        if isinstance(node, ast.Name):
            values = self._held.get(node.id, [])
            self._looks.take(len(values))
            yield from map(self._of, values)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield self._of(node.func.value)

    def _is_difference(self, term: _Term) -> bool:
        """Whether a term is one function's value less another of the same, or torch's own at places a step apart."""
        node = self._term[term]
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
            return False
        if term not in self._differences:
            left, right = self._of(node.left), self._of(node.right)
            self._differences[term] = bool(self._calls[left] & self._calls[right]) or self._shifted(left, right)
        return self._differences[term]

    def _shifted(self, left: _Term, right: _Term) -> bool:
        """Whether two terms may be one function of torch's, at places that differ by a step."""
        here, there = self._applications(left), self._applications(right)
        for name in here.keys() & there.keys():
            (to, at), (to_other, at_other) = here[name], there[name]
            self._looks.take(min(len(to), len(at_other)) + min(len(to_other), len(at)))
            if not (to.isdisjoint(at_other) and to_other.isdisjoint(at)):
                return True
        return False

    def _applications(self, term: _Term) -> dict[str | _Term, tuple[set[_Place], set[_Place]]]:
        """Function -> from where one step leads to its arguments, and where these are, if a term may be its value.

        `x + h` is a step from x, from h, and from `x - h`.
        """
        if term not in self._applied:
            found: dict[str | _Term, tuple[set[_Place], set[_Place]]] = {}
            for name, argument in filter(None, map(self._application, self._stands_for(term))):
                steps, places = found.setdefault(name, (set(), set()))
                for place in self._stands_for(argument):
                    places.add(place)
                    node = self._term[place]
                    if isinstance(node, ast.BinOp):
                        sides = self._of(node.left), self._of(node.right)
                        if isinstance(node.op, ast.Add):
                            steps |= {*sides, sides}
                        elif isinstance(node.op, ast.Sub):
                            places.add(sides)
                self._looks.take(len(self._stands_for(argument)))
            self._applied[term] = found
        return self._applied[term]

    def _application(self, term: _Term) -> tuple[str | _Term, _Term] | None:
        """The function and the argument of a call of one argument: `torch.tanh(x)`, `x.tanh()`."""
        match self._term[term]:
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return name, self._of(argument)
            case ast.Call(func=ast.Attribute() as function, args=[argument]):
                return self._of(function), self._of(argument)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=[]):
                return name, self._of(value)
        return None


_Place = _Term | tuple[_Term, _Term]
"""Where a function is taken: at a term; and at a pair of terms, where it is the first less the second."""


def _divides(sign: ast.operator) -> bool:
    return isinstance(sign, ast.Div | ast.Mult)


def _fields(node: ast.AST) -> Iterator[object]:
    """What two nodes have to have in common to be equal: all but whether a value is read or set there."""
    return (value for name, value in ast.iter_fields(node) if name != "ctx")


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment gives values to, tuples taken apart."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, another in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, another)
