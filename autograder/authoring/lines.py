"""Lines of code by what they compute, whatever their variables are called.

`x_g = y_g @ v.t()` and `self.inp.g = self.out.g @ self.w.T` are one line. Sums and products are taken in any order,
methods, functions and operators for one another, and a name for the expression that was given it. Nothing is run.
Axes of length 1 and types are left out of it, and so is which tensor tells how many samples there are.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENOUGH = 2
"""Operations that make a line one to be compared; setting something in another object and adding in place are one, too.

With one, only a function is named.
"""

Term = tuple[Any, ...]
"""What a piece of code computes: an operation and its terms, `("v", name)`, or `("c", value)`."""

Held = Mapping[str, Term]
"""What names stand for."""

LARGEST = 30
"""Operations of a term that a name may stand for."""

WIDEST = 6
"""Terms of a sum or a product whose every order is tried."""


@dataclass(frozen=True)
class Line:
    """A line, what it computes, and what it does with that besides naming it."""

    text: str
    term: Term
    effect: str = ""
    """`sets` something in another object, `adds` in place, or is a whole function, `def`; empty for a value."""

    @functools.cached_property
    def form(self) -> str:
        """Equal for lines that compute the same of other variables."""
        return f"{self.effect} {_form(self.term)}".strip()


def lines_of(tree: ast.AST, deep: bool) -> Iterator[Line]:
    """What could be an answer in a piece of code: values, statements, loops and whole functions.

    Shapes:
        deep  take every part of a value, too, not only the value of a statement
    """
    for node in ast.walk(tree):
        for body in blocks(node):
            held = _values_held(body)
            for statement in body:
                values = list(_values(statement))
                for value, effect in values:
                    said = value if len(values) > 1 and not isinstance(statement, ast.AugAssign) else statement
                    # a call for its effect computes nothing: what its names stand for is an answer where they get it
                    terms = [_term(value, {}), *([] if isinstance(statement, ast.Expr) else [_term(value, held)])]
                    yield from _enough(said, [(term, effect) for term in terms])
                if isinstance(statement, ast.For):
                    yield from _enough(statement, [(_statement(statement), "")])
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            own = statements(node.body) if isinstance(node.body, list) else [ast.Return(node.body)]
            whole = ("def", *map(_statement, own))
            if len(own) > 1 or _size(whole) < ENOUGH:  # one line of more is an answer by itself
                yield from _enough(node, [(whole, "def")])
        elif deep and isinstance(node, ast.expr):
            yield from _enough(node, [(_term(node, {}), "")])


Formulas = Mapping[str, tuple[tuple[str, ...], Term]]
"""Functions that are one expression: name -> the names of its arguments, and what it computes of them."""


def formulas(tree: ast.Module) -> Formulas:
    """The functions of a piece of code that are one expression."""
    return {
        node.name: (tuple(argument.arg for argument in node.args.args), _term(own[0].value, {}))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and len(own := statements(node.body)) == 1
        if isinstance(own[0], ast.Return) and own[0].value is not None
    }


def written_out(line: Line, known: Formulas) -> Line:
    """A line with formulas in the place of calls: `1 - tanh(x) ** 2` for `1 - sigma(x) ** 2`."""

    def out(term: Term) -> Term:
        term = (term[0], *(out(part) if isinstance(part, tuple) else part for part in term[1:]))
        names, formula = known.get(term[0], ((), ()))
        return _put(formula, dict(zip(names, term[1:], strict=True))) if names and len(names) + 1 == len(term) else term

    return Line(line.text, out(line.term), line.effect)


def _put(term: Term, held: Held) -> Term:
    if term[0] == "v":
        return held.get(term[1], term)
    return (term[0], *(_put(part, held) if isinstance(part, tuple) else part for part in term[1:]))


def _enough(node: ast.AST, found: Iterable[tuple[Term, str]]) -> Iterator[Line]:
    """The lines among these that are more than one operation; a whole function is an answer with a single one."""
    for term, effect in found:
        size = _size(term)
        if size >= ENOUGH or (effect == "def" and size):
            yield Line(_said(node), term, "def" if effect == "def" else "")
        elif effect and size + 1 >= ENOUGH:
            yield Line(_said(node), term, effect)


def _said(node: ast.AST) -> str:
    """The first lines of a piece of code, on one."""
    return " ".join(ast.unparse(node).split())[:100]


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that a node holds."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list):
            yield block


def statements(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """A block without its docstring."""
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]


def wrapped(body: list[ast.stmt]) -> ast.FunctionDef:
    """A function with this body."""
    function = ast.parse("def answer(): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = body
    return function


def _values_held(body: Sequence[ast.stmt]) -> Held:
    """What stands behind the names of a block that are bound once; what grows too large is left as a name."""
    pairs = [pair for s in body if isinstance(s, ast.Assign) for one in s.targets for pair in _pairs(one, s.value)]
    names = [target.id for target, _ in pairs if isinstance(target, ast.Name)]
    held: dict[str, Term] = {}
    for target, value in pairs:
        if isinstance(target, ast.Name) and names.count(target.id) == 1:
            read = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            term = _term(value, held)
            if target.id not in read and _size(term) <= LARGEST:
                held[target.id] = term
    return held


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets and their values, tuples taken apart."""
    sides = (ast.Tuple, ast.List)
    if isinstance(target, sides) and isinstance(value, sides) and len(target.elts) == len(value.elts):
        for one, another in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, another)
    else:
        yield target, value


def _values(statement: ast.stmt) -> Iterator[tuple[ast.expr, str]]:
    """The values of a statement, and what it does with each besides naming it: set `.g`, or add in place."""
    match statement:
        case ast.Assign(targets=targets, value=whole):
            for target, value in (pair for one in targets for pair in _pairs(one, whole)):
                yield value, _sets(target)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield value, _sets(target)
        case ast.AugAssign(target=target, op=sign, value=value):
            yield value, _IN_PLACE.get(type(sign), "")
            yield ast.BinOp(target, sign, value), ""
        case ast.Expr(ast.Call(ast.Attribute(value=target, attr="add_"), [value], [])):
            yield value, "adds"
            yield ast.BinOp(target, ast.Add(), value), ""
        case ast.Return(ast.expr() as whole) | ast.Expr(whole) | ast.Assert(whole):
            yield from ((value, "") for value in (whole.elts if isinstance(whole, ast.Tuple) else [whole]))


_IN_PLACE: Mapping[type[ast.operator], str] = {ast.Add: "adds", ast.Sub: "subtracts"}


def _sets(target: ast.expr) -> str:
    """Say whether an assignment sets something in another object, such as `out.g`."""
    return "sets" if isinstance(target, ast.Subscript) or "." in _chain(target) else ""


def _statement(statement: ast.stmt) -> Term:
    """A statement as a term."""
    match statement:
        case ast.For(target=target, iter=things, body=body):
            return ("for", _term(target, {}), _term(things, {}), *map(_statement, body))
        case ast.Assign(targets=[target], value=value):
            return ("=", _term(target, {}), _term(value, {}))
        case ast.Return(ast.expr() as value):
            return ("return", _term(value, {}))
        case ast.Expr(value):
            return ("do", _term(value, {}))
        case _:
            return (type(statement).__name__, *_children(statement))


def _children(node: ast.AST) -> Iterator[Term]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield _term(child, {})
        elif isinstance(child, ast.stmt):
            yield _statement(child)
        elif not isinstance(child, ast.expr_context):
            yield (type(child).__name__, *_children(child))


def _term(node: ast.expr, held: Held) -> Term:  # noqa: PLR0911, PLR0912 - a table
    """What an expression computes, names of `held` replaced by what they stand for."""
    match node:
        case ast.Name(id=name) if name in held:
            return held[name]
        case ast.Constant(value=bool() | str() | None as value):
            return ("c", repr(value))
        case ast.Constant(value=int() | float() as value):
            return ("c", float(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _product([_term(operand, held)], -1.0)
        case ast.BinOp(left=left, op=operation, right=right):
            return _operation(operation, _term(left, held), _term(right, held))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _comparison(sign, _term(left, held), _term(right, held))
        case ast.Call(ast.Attribute(ast.BinOp(one, ast.Mult(), other), "sum"), [ast.Constant(0)], []) if (
            _axes(one),
            _axes(other),
        ) in {(2, 1), (1, 2)}:
            one, other = (one, other) if _axes(one) == 2 else (other, one)
            return ("@", _transposed(_term(one, held)), _term(other, held))  # all products, summed over the samples
        case ast.Call(func=called, args=given, keywords=named):
            return _call(called, [_term(one, held) for one in given], named, held)
        case ast.Attribute(value=value, attr="T" | "mT"):
            return _transposed(_term(value, held))
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant(value=0)):
            return _SIZE
        case ast.Subscript(value=value, slice=place) if _is_plumbing(place):
            return _term(value, held)
        case ast.Name() | ast.Attribute() | ast.Subscript() if chain := _chain(node):
            return ("v", chain)
        case ast.Attribute(value=value, attr=name):
            return (f".{name}", _term(value, held))
        case ast.Starred(value=value):
            return ("star", _term(value, held))
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return ("list", *(_term(part, held) for part in parts))
        case ast.Lambda(body=body):
            return ("lambda", _term(body, held))
        case ast.JoinedStr():
            return ("c", "text")
        case _:
            return (type(node).__name__, *_children(node))


_SIZE: Term = ("N",)
"""How many samples there are, from whichever tensor it is read."""

_COMMUTE = {"+", "*", "dist"}
_FREE = {"v", "c", "N", "star", "list", "=", "return", "do", "def", "lambda", "comprehension", "keyword", "arguments"}
"""What is no operation."""

_MODULES = {"torch", "F", "nn", "np", "numpy", "math", "functional", "Tensor", "linalg", "special"}

_PLUMBING = {"unsqueeze", "squeeze", "flatten", "ravel", "reshape", "view", "view_as", "reshape_as", "float", "double"}
"""Methods that change a shape or a type and no number."""

_OPERATORS: Mapping[str, type[ast.operator]] = {
    **dict.fromkeys(("add", "__add__"), ast.Add),
    **dict.fromkeys(("sub", "subtract"), ast.Sub),
    **dict.fromkeys(("mul", "multiply"), ast.Mult),
    **dict.fromkeys(("div", "divide", "true_divide"), ast.Div),
    **dict.fromkeys(("matmul", "mm", "mv", "dot"), ast.MatMult),
    "pow": ast.Pow,
}


def _chain(node: ast.expr) -> str:
    """A variable as it is written, such as `out.g` or `layers[0].w`, without `self.`; empty where it is none."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if chain := _chain(value):
            return name if chain == "self" else f"{chain}.{name}"
        case ast.Subscript(value=value, slice=ast.Constant() | ast.Name() as place) if chain := _chain(value):
            return f"{chain}[{ast.unparse(place)}]"
    return ""


def _is_plumbing(place: ast.expr) -> bool:
    """Whether an index only takes an axis of length 1 away, or puts one in: `[:, 0]`, `[:, None]`."""
    parts = place.elts if isinstance(place, ast.Tuple) else [place]
    return any(ast.unparse(part) in {":", "..."} for part in parts) and all(
        ast.unparse(part) in {":", "...", "0", "-1", "None"} for part in parts
    )


def _axes(node: ast.expr) -> int:
    """Where an axis is put into a matrix, 1 or 2: `x[:, None]`, `x.unsqueeze(-1)`; else 0."""
    places = {":, None": 1, ":, None, :": 1, ":, :, None": 2, "..., None": 2, "1": 1, "2": 2, "-1": 2, "-2": 1}
    match node:
        case ast.Subscript(slice=place):
            return places.get(ast.unparse(place).strip("()"), 0)
        case ast.Call(ast.Attribute(attr="unsqueeze"), [place], []):
            return places.get(ast.unparse(place), 0)
    return 0


def _operation(operation: ast.operator, left: Term, right: Term) -> Term:  # noqa: PLR0911
    match operation:
        case ast.Add():
            return _sum([left, right])
        case ast.Sub():
            return _sum([left, _product([right], -1.0)])
        case ast.Mult():
            return _product([left, right])
        case ast.Div():
            return _product([left, _inverse(right)])
        case ast.MatMult():
            return ("@", left, right)
        case ast.Pow():
            return ("**", left, right)
        case _:
            return (type(operation).__name__, left, right)


def _comparison(sign: ast.cmpop, left: Term, right: Term) -> Term:
    """`a < b` as `b > a`; at the kink itself either is right."""
    match sign:
        case ast.Lt() | ast.LtE():
            return (">", right, left)
        case ast.Gt() | ast.GtE():
            return (">", left, right)
        case _:
            return (type(sign).__name__, left, right)


def _sum(terms: Iterable[Term]) -> Term:
    flat = [part for term in terms for part in (term[1:] if term[0] == "+" else [term])]
    return ("+", *flat)


def _inverse(term: Term) -> Term:
    if term[0] == "c" and isinstance(term[1], float) and term[1]:
        return ("c", 1 / term[1])
    return term[1] if term[0] == "1/" else ("1/", term)


def _product(terms: Iterable[Term], factor: float = 1.0) -> Term:
    """A product: constants in one, a difference turned round rather than taken with a minus, `d * d` as a square."""
    flat: list[Term] = []
    for term in terms:
        for part in term[1:] if term[0] == "*" else [term]:
            if part[0] == "c" and isinstance(part[1], float):
                factor *= part[1]
            elif part in flat and part[0] != "1/":
                flat[flat.index(part)] = ("**", part, ("c", 2.0))
            else:
                flat.append(part)
    for place, part in enumerate(flat):
        if factor < 0 and part[0] == "+" and len(part) == 3 and sum(map(_negative, part[1:])) == 1:
            flat[place], factor = _sum([_product([one], -1.0) for one in part[1:]]), -factor
    if factor == 1.0 and len(flat) == 1:
        return flat[0]
    return ("*", *flat) if factor == 1.0 and flat else ("*", ("c", factor), *flat) if flat else ("c", factor)


def _negative(term: Term) -> bool:
    return term[0] == "*" and term[1][0] == "c" and isinstance(term[1][1], float) and term[1][1] < 0


def _transposed(term: Term) -> Term:
    """The transpose of a matrix, moved to its factors."""
    if term[0] == "T":
        inner: Term = term[1]
        return inner
    return ("@", _transposed(term[2]), _transposed(term[1])) if term[0] == "@" else ("T", term)


def _call(called: ast.expr, given: list[Term], named: Sequence[ast.keyword], held: Held) -> Term:  # noqa: PLR0911, PLR0912
    """A call as what it computes, methods and functions alike."""
    if isinstance(called, ast.Name) and called.id == "super":
        return ("v", "super")
    if isinstance(called, ast.Attribute):
        name, module = called.attr, _chain(called.value).split(".")[-1] in _MODULES
        given = given if module or _chain(called.value) == "self" else [_term(called.value, held), *given]
    else:
        name = called.id if isinstance(called, ast.Name) else ""
        given = given if name else [_term(called, held), *given]
    options = {key.arg or "**": _term(key.value, held) for key in named}
    for axis in ("dim", "axis"):
        if axis in options and len(given) == 1:
            given.append(options.pop(axis))
    if not given:
        return (f"{name}()",)
    first, *rest = given
    match name, rest, options:
        case ("t" | "transpose" | "permute" | "swapaxes" | "adjoint", _, _):
            return _transposed(first)
        case ("len" | "numel", [], _) | ("size", [("c", 0.0)], _):
            return _SIZE
        case (name, _, _) if name in _PLUMBING:
            return first
        case (name, [second], {}) if name in _OPERATORS:
            return _operation(_OPERATORS[name](), first, second)
        case ("abs", [], {}) if first[0] == "+" and len(first) == 3 and sum(map(_negative, first[1:])) == 1:
            one, other = (_product([part], -1.0) if _negative(part) else part for part in first[1:])
            return ("dist", one, other)  # how far apart two things are is one question, as it is in torch.dist
        case ("neg" | "negative", [], {}):
            return _product([first], -1.0)
        case ("square", [], {}):
            return ("**", first, ("c", 2.0))
        case ("mean", [], {}):
            return _product([("sum", first), _inverse(_SIZE)])
        case ("clamp" | "clip", [], {"min": low}) | ("clamp_min" | "clamp" | "maximum", [low], {}) if _is_zero(low):
            return ("relu", first)
        case ("masked_fill", [(">", one, other), filled], {}) if _is_zero(filled):
            return _product([first, (">", other, one)])
        case ("where", [kept, other], {}) if _is_zero(other):
            return _product([kept, first])
        case ("addmm", [left, right], {}):
            return _sum([first, ("@", left, right)])
        case ("linear", [weights, *bias], {}):
            return _sum([("@", first, _transposed(weights)), *bias]) if bias else ("@", first, _transposed(weights))
        case ("einsum", [left, right], {}):
            return _einsum(str(first[1]).strip("'"), left, right)
        case ("gt" | "ge", [second], {}):
            return (">", first, second)
        case ("lt" | "le", [second], {}):
            return (">", second, first)
    marks = [("keyword", ("c", key), value) for key, value in sorted(options.items(), key=lambda one: one[0])]
    return (name or "call", first, *rest, *marks)


def _is_zero(term: Term) -> bool:
    return term == ("c", 0.0) or term[0] in {"zeros_like", "zeros"} or (term[0] == "tensor" and _is_zero(term[1]))


def _einsum(axes: str, left: Term, right: Term) -> Term:
    """`einsum` of two matrices as the matrix product that it is."""
    found = re.fullmatch(r"(\w)(\w),(\w)(\w)->(\w)(\w)", axes.replace(" ", ""))
    if found:
        a, b, c, d, e, f = found.groups()
        for one, (row, inner) in ((left, (a, b)), (_transposed(left), (b, a))):
            for other, (same, column) in ((right, (c, d)), (_transposed(right), (d, c))):
                if inner == same and (row, column) == (e, f):
                    return ("@", one, other)
                if inner == same and (row, column) == (f, e):
                    return _transposed(("@", one, other))
    return ("einsum", ("c", axes), left, right)


def _size(term: Term) -> int:
    """How many operations a term is made of."""
    parts: int = sum(_size(part) for part in term[1:] if isinstance(part, tuple))
    if term[0] in _COMMUTE:
        negated = term[0] == "*" and term[1] == ("c", -1.0)
        return parts + len(term) - 2 - int(negated)
    return parts + int(term[0] not in _FREE and not str(term[0]).startswith("."))


def _form(term: Term) -> str:
    """A term as text, its variables numbered in the order in which they occur, sums and products in one order."""
    names: dict[str, str] = {}

    def blank(part: Term) -> str:
        if part[0] == "v":
            return "_"
        inner = [blank(one) if isinstance(one, tuple) else str(one) for one in part[1:]]
        return f"{part[0]}({' '.join(sorted(inner) if part[0] in _COMMUTE else inner)})"

    def numbered(part: Term) -> str:
        if part[0] == "v":
            return names.setdefault(part[1], f"v{len(names)}")
        parts = list(part[1:])
        if part[0] in _COMMUTE:
            parts.sort(key=lambda one: (blank(one), names.get(str(one[1]), "~") if one[0] == "v" else ""))
        return f"{part[0]}({' '.join(numbered(one) if isinstance(one, tuple) else str(one) for one in parts)})"

    return numbered(term)


def is_answer(answer: Line, line: Line) -> bool:
    """Whether a line computes what an answer does: the same, or with a longer expression in the place of a variable."""
    if answer.effect != line.effect or answer.term[0] != line.term[0]:
        return False
    return answer.form == line.form or any(True for _ in _matches(answer.term, line.term, {}))


def _matches(answer: Term, term: Term, names: dict[str, Term]) -> Iterator[dict[str, Term]]:
    """What an answer's variables stand for in a term, in every way in which it is that answer; no two for one thing."""
    if answer[0] == "v":
        if names.get(answer[1]) == term:
            yield names
        elif answer[1] not in names and term not in names.values() and term[0] != "c":
            yield {**names, answer[1]: term}
    elif answer[0] == term[0] and len(answer) == len(term):
        if answer[0] == "c":
            yield from [names] if answer == term else []
            return
        for parts in itertools.permutations(term[1:]) if answer[0] in _COMMUTE and len(term) < WIDEST else [term[1:]]:
            found = [names]
            for one, other in zip(answer[1:], parts, strict=True):
                found = [more for known in found for more in _matches(one, other, known)]
            yield from found
