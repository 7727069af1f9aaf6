"""Slopes by differences: where one function is taken at two places a step apart, and the values are subtracted.

Not seen: steps that stand in a tensor or a loop and meet in a sum, formulas that are written out at both places, and
functions that are handed to something else which steps.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property

from autograder.judge.reading import Function
from autograder.notebook import Unreadable

PATIENCE = 8
"""Terms that are looked at for each node of a text, while names are followed; an honest text takes one or two."""


class Looks:
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


Term = int
"""A term of a function by its number: equal terms have the same."""

Place = Term | tuple[Term, Term]
"""Where a function is taken: at a term; and at a pair of terms, where it is the first less the second."""

Arguments = Mapping[str | int, Term]


class Terms:
    """The terms of one function, what they may stand for, and what they are made of; each is followed once.

    Raises:
        Unreadable: if following them takes more looks than there are.
    """

    def __init__(self, function: Function, own: frozenset[str], looks: Looks) -> None:
        self._looks, self._own = looks, own
        self._nodes = list(ast.walk(function))
        looks.take(len(self._nodes))
        self._held: dict[str, list[ast.expr]] = {}
        for node in self._nodes:
            for name, value in _given(node):
                self._held.setdefault(name, []).append(value)
        called = [n for n in self._nodes if isinstance(n, ast.Call) and self._is_own(n.func)]
        keys = dict.fromkeys(_name(node.func) for node in called)
        self._bits = {name: 1 << place for place, name in enumerate(keys)}
        self._number: dict[int, Term] = {}
        self._term: list[ast.AST] = []
        self._calls: list[int] = []
        self._meant: dict[Term, frozenset[Term]] = {}
        self._places: dict[Term, tuple[set[Place], set[Place], set[Term]]] = {}

    def difference(self) -> ast.AST | None:
        """Where a function is subtracted from itself, a step away.

        Functions of the notebook count at once; torch's own, and what is only made of the notebook's, where the
        difference is divided by, or multiplied with, what is none.
        """
        subtractions = [node for node in self._nodes if isinstance(node, ast.Sub)]
        if not subtractions and not any(isinstance(n, ast.Attribute) and n.attr in _DIFFS for n in self._nodes):
            return None
        self._count()
        compared = {id(below) for node in self._nodes if _compares(node) for below in ast.iter_child_nodes(node)}
        for node in self._nodes:
            if isinstance(node, ast.Call) and _name(node.func) in _DIFFS and self._calls[self._of(node)]:
                return node
            if isinstance(node, ast.BinOp) and id(node) not in compared:
                if isinstance(node.op, ast.Sub) and self._steps(node):
                    return node
                if isinstance(node.op, ast.Div | ast.Mult) and self._scales(node):
                    return node
        return None

    # --- what the function is made of -------------------------------------------------------------------------------

    def _is_own(self, function: ast.expr, depth: int = 2) -> bool:
        """Whether what is called is the notebook's: by its name, by another of its names, or as an object of it."""
        if isinstance(function, ast.Call):
            return depth > 0 and self._is_own(function.func, depth - 1)
        if isinstance(function, ast.Attribute):
            return function.attr in self._own
        if not isinstance(function, ast.Name):
            return False
        if function.id in self._own:
            return True
        values = self._held.get(function.id, [])
        self._looks.take(len(values))
        return depth > 0 and any(isinstance(v, ast.Lambda) or self._is_own(v, depth - 1) for v in values)

    def _count(self) -> None:
        """Number all nodes, from the innermost outwards, equal ones alike; and add up what they call."""
        made_of: dict[str, int] = {}
        for name, values in self._held.items():
            for value in values:
                for part in ast.walk(value):
                    made_of[name] = made_of.get(name, 0) | self._call_at(part)
        known: dict[str, int] = {}
        for name, values in self._held.items():  # in the order of the text
            known[name] = made_of[name]
            for value in values:
                for part in ast.walk(value):
                    known[name] |= known.get(part.id, 0) if isinstance(part, ast.Name) else 0
        numbers: dict[tuple[object, ...], Term] = {}
        for node in reversed(self._nodes):
            form = (type(node), *map(self._part, _fields(node)))
            number = self._number[id(node)] = numbers.setdefault(form, len(numbers))
            if number == len(self._term):
                calls = known.get(node.id, 0) if isinstance(node, ast.Name) else self._call_at(node)
                for child in ast.iter_child_nodes(node):
                    calls |= self._calls[self._of(child)]
                self._term.append(node)
                self._calls.append(calls)

    def _call_at(self, node: ast.AST) -> int:
        return self._bits.get(_name(node.func), 0) if isinstance(node, ast.Call) else 0

    def _part(self, value: object) -> object:
        if isinstance(value, ast.AST):
            return self._of(value)
        if isinstance(value, list):
            return tuple(map(self._part, value))
        return type(value), value

    def _of(self, node: ast.AST) -> Term:
        return self._number[id(node)]

    # --- what a term may stand for ----------------------------------------------------------------------------------

    def _stands_for(self, term: Term) -> frozenset[Term]:
        """A term, what its name stands for, what a method is called on or a part is taken of; four times over."""
        if term not in self._meant:
            found, last = {term}, {term}
            for _ in range(4):
                last = {below for each in last for below in self._behind(each)} - found
                found |= last
            self._looks.take(len(found))
            self._meant[term] = frozenset(found)
        return self._meant[term]

    def _behind(self, term: Term) -> Iterator[Term]:
        node = self._term[term]
        match node:
            case ast.Name(id=name):
                values = self._held.get(name, [])
                self._looks.take(len(values))
                yield from map(self._of, values)
            case ast.Call(func=ast.Name(id="float"), args=[value]) | ast.Call(func=ast.Attribute(value=value)):
                yield self._of(value)
            case ast.Subscript(value=value) | ast.ListComp(elt=value):
                yield self._of(value)
            case ast.List(elts=values) | ast.Tuple(elts=values):
                self._looks.take(len(values))
                yield from map(self._of, values)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _steps(self, node: ast.BinOp) -> bool:
        """Whether a difference is one function of the notebook's, less the same a step away."""
        left, right = self._of(node.left), self._of(node.right)
        if not self._calls[left] & self._calls[right]:
            return False
        ours, theirs = (self._applied(side, own=True) for side in (left, right))
        return any(
            self._apart(one, other)
            for name in ours.keys() & theirs.keys()
            for one in ours[name]
            for other in theirs[name]
        )

    def _scales(self, node: ast.BinOp) -> bool:
        """Whether a product or a quotient scales a difference, which is one of function values by that."""
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if self._calls[self._of(other)]:
                continue
            for found in self._subtractions(self._of(side)):
                left, right = self._of(found.left), self._of(found.right)
                if self._calls[left] & self._calls[right] & self._stepping:
                    return True
                if self._parts_of_one(found) or self._mirrored(left, right, other):
                    return True
                ours, theirs = self._applied(left, own=False), self._applied(right, own=False)
                shared = ours.keys() & theirs.keys()
                if any(self._apart(a, b) for name in shared for a in ours[name] for b in theirs[name]):
                    return True
        return False

    def _subtractions(self, term: Term) -> Iterator[ast.BinOp]:
        """The differences that a term may stand for, as a whole or as a summand."""
        waiting, seen = list(self._stands_for(term)), set[Term]()
        while waiting:
            each = waiting.pop()
            node = self._term[each]
            if each in seen or not isinstance(node, ast.BinOp):
                continue
            seen.add(each)
            if isinstance(node.op, ast.Sub):
                yield node
            if isinstance(node.op, ast.Add | ast.Sub):
                waiting += [self._of(node.left), self._of(node.right)]
        self._looks.take(len(seen))

    @cached_property
    def _stepping(self) -> int:
        """The notebook's functions that are called at two places a step apart, as bits."""
        calls: dict[str, dict[Term, ast.Call]] = {}
        for term, node in enumerate(self._term):
            if isinstance(node, ast.Call) and self._call_at(node):
                calls.setdefault(_name(node.func), {})[term] = node
        found = 0
        for name, terms in calls.items():
            each = [self._arguments(node) for node in terms.values()]
            if any(self._apart(one, other) for at, one in enumerate(each) for other in each[:at]):
                found |= self._bits[name]
        return found

    def _parts_of_one(self, node: ast.BinOp) -> bool:
        """Whether two parts are subtracted of what a function gives for a stack of places, or for one that moves."""
        if not (isinstance(node.left, ast.Subscript) and isinstance(node.right, ast.Subscript)):
            return False
        ours, theirs = (self._applied(self._of(side), own=True) for side in (node.left, node.right))
        return any(
            one == other and any(map(self._moves, one.values()))
            for name in ours.keys() & theirs.keys()
            for one in ours[name]
            for other in theirs[name]
        )

    def _moves(self, term: Term) -> bool:
        steps, places, _ = self._around(term)
        if not steps.isdisjoint(places):
            return True
        for each in self._stands_for(term):
            node = self._term[each]
            if isinstance(node, ast.Call) and _name(node.func) in {"stack", "cat", "linspace", "arange", "concatenate"}:
                return True
        return False

    def _mirrored(self, left: Term, right: Term, by: ast.expr) -> bool:
        """Whether a function is taken at h and -h, and the difference is scaled by what has that h in it."""
        if not self._calls[left] & self._calls[right]:
            return False
        ours, theirs = self._applied(left, own=True), self._applied(right, own=True)
        scale = {self._of(part) for part in ast.walk(by)}
        self._looks.take(len(scale))
        self._looks.take(sum(len(ours[name]) * len(theirs[name]) for name in ours.keys() & theirs.keys()))
        pairs = [(a, b) for name in ours.keys() & theirs.keys() for a in ours[name] for b in theirs[name]]
        return any(
            (self._minus(a[place]) in scale & {b[place]}) or (self._minus(b[place]) in scale & {a[place]})
            for a, b in pairs
            for place in a.keys() & b.keys()
        )

    def _minus(self, term: Term) -> Term | None:
        node = self._term[term]
        return self._of(node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None

    def _applied(self, term: Term, own: bool) -> dict[str | Term, list[Arguments]]:
        """Function -> its arguments, where a term may be its value: the notebook's, or others of one argument."""
        found: dict[str | Term, list[Arguments]] = {}
        for each in self._stands_for(term):
            node = self._term[each]
            if not isinstance(node, ast.Call):
                continue
            if self._call_at(node):
                if own:
                    found.setdefault(_name(node.func), []).append(self._arguments(node))
            elif not own:
                match node:
                    case ast.Call(func=ast.Name() | ast.Attribute() as function, args=[argument]):
                        found.setdefault(self._of(function), []).append({0: self._of(argument)})
                    case ast.Call(func=ast.Attribute(value=value, attr=name), args=[]):
                        found.setdefault(name, []).append({0: self._of(value)})
        self._looks.take(sum(map(len, found.values())))
        return found

    def _arguments(self, node: ast.Call) -> Arguments:
        """Place or keyword -> argument; what a method is called on is none of them."""
        given: dict[str | int, Term] = dict(enumerate(map(self._of, node.args)))
        return given | {each.arg: self._of(each.value) for each in node.keywords if each.arg is not None}

    def _apart(self, one: Arguments, other: Arguments) -> bool:
        """Whether two calls are a step apart in an argument, and alike in the others."""
        self._looks.take(1 + len(one))
        if one.keys() != other.keys():
            return False
        apart = 0
        for place in one:
            if one[place] == other[place]:
                continue
            if not self._shifted(one[place], other[place]):
                return False
            apart += 1
        return apart > 0

    def _shifted(self, here: Term, there: Term) -> bool:
        (to, at, near), (to_other, at_other, near_other) = self._around(here), self._around(there)
        self._looks.take(min(len(to), len(at_other)) + min(len(to_other), len(at)) + min(len(near), len(near_other)))
        return not (to.isdisjoint(at_other) and to_other.isdisjoint(at) and near.isdisjoint(near_other))

    def _around(self, term: Term) -> tuple[set[Place], set[Place], set[Term]]:
        """From where one step leads to a term, where it is, and what stands first in it.

        `x + h` is a step from x, from h, and from `x - h`; x stands first, as in `x + 2 * h`.
        """
        if term not in self._places:
            steps, places, first = self._places[term] = (set[Place](), set[Place](), set[Term]())
            for place in self._stands_for(term):
                places.add(place)
                node = self._term[place]
                if isinstance(node, ast.BinOp):
                    sides = self._of(node.left), self._of(node.right)
                    first |= {sides[0]} if isinstance(node.op, ast.Add | ast.Sub) else set()
                    if isinstance(node.op, ast.Add):
                        steps |= {*self._stands_for(sides[0]), *self._stands_for(sides[1]), sides}
                    elif isinstance(node.op, ast.Sub):
                        steps |= self._stands_for(sides[0])
                        places.add(sides)
            self._looks.take(len(steps) + len(places) + len(first))
        return self._places[term]


_DIFFS = frozenset({"diff", "ediff1d"})


def _name(function: ast.expr) -> str:
    """What a function that is called goes by."""
    while isinstance(function, ast.Call):
        function = function.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _compares(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Call) and _name(node.func) in {"abs", "allclose"})


def _fields(node: ast.AST) -> Iterator[object]:
    """What two nodes have to have in common to be equal: all but whether a value is read or set there."""
    return (value for name, value in ast.iter_fields(node) if name != "ctx")


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a node gives values to, as a whole, in part, or by appending to them."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield from _pairs(target, value)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value])):
            yield name, value
        case ast.Expr(value=ast.BinOp(left=target) as value):  # `x.add_(h)`, as it is written plainly
            yield from _pairs(target, value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment gives values to, tuples taken apart; a whole may stand for what a part is given."""
    while isinstance(target, ast.Subscript):
        target = target.value
        if isinstance(target, ast.Call) and isinstance(target.func, ast.Attribute):
            target = target.func.value  # x.view(-1)[i] += h
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, another in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, another)
