"""Which definition answers for a name, and which statements it rests on, followed through the source."""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain

from autograder.notebook import modules
from autograder.notebook.alias import CALLED, known
from autograder.notebook.change import ANY
from autograder.notebook.notebook import Notebook
from autograder.notebook.statement import Statement, bound_by, file_of, taken_apart

_OWN = frozenset(vars(builtins))


class Definitions:
    """The definitions of a notebook.

    `like` are those of the lesson: they tell what form a name should have, and how it is called. For each name that is
    `asked` for and nowhere defined, what was written in its place stands in: a name that is equal but for case and
    underscores.
    """

    def __init__(self, notebook: Notebook, like: Definitions | None = None, asked: Iterable[str] = ()) -> None:
        self.notebook = notebook
        self._like = like
        self._models: dict[str, str] = {}
        """Name of a stand-in -> the name that it stands in for."""
        self.statements: tuple[Statement, ...] = notebook.statements
        """Those of the notebook, and one for each stand-in, which gives it the name that was asked for."""
        self.stand_ins: dict[str, str] = {}
        self._here: dict[str, bool] = {}
        if asked:
            plain = Definitions(notebook, like)
            self._here = plain._here
            self.stand_ins = {name: other for name in asked if (other := plain.stand_in(name))}
            self._models = plain._models = {other: name for name, other in self.stand_ins.items()}
            given = plain._given(like.notebook) if like is not None else ()
            self.statements = (*given, *self.statements, *plain._aliases(self.stand_ins))

    @property
    def words(self) -> frozenset[str]:
        """Identifiers that occur in the notebook's code, and names that something stands in for."""
        return self.notebook.words | self.stand_ins.keys()

    @property
    def bound(self) -> Collection[str]:
        """The names that some statement gives a value to."""
        return self._binding.keys()

    def given(self, cell: int, line: int) -> str:
        """The function or class of the lesson's own that a line stands in, unchanged; "" where it is in no such."""
        holding = self.notebook.holding(cell, line)
        return (holding.defines or "") if holding and holding.source in self._lessons else ""

    @cached_property
    def _lessons(self) -> frozenset[str]:
        """The functions and classes that the lesson hands out as they are."""
        lesson = self._like.notebook if self._like is not None else None
        asked = {cell.index for cell in lesson.cells if cell.nbgrader.get("solution")} if lesson else set()
        return frozenset(s.source for s in (lesson.statements if lesson else ()) if s.defines and s.cell not in asked)

    def of(self, name: str) -> list[Statement]:
        """List the statements that define a function or class by this name, stubs left out where there are others.

        A name that is never given a function by `def`, `class`, `lambda` or as an alias may still get one by a call;
        so may one that is a stub, in the stub's own cell.
        """
        found = self._defining.get(name) or [s for s in self._binding.get(name, []) if not s.imports]
        return [s for s in found if not s.stub] or [*self._below(name, found)] or found

    def _below(self, name: str, stubs: Sequence[Statement]) -> Iterator[Statement]:
        """What gives the name another value in the cell of its last stub, below that."""
        for statement in self._binding.get(name, []) if stubs else ():
            last = stubs[-1]
            if statement.cell == last.cell and statement.position > last.position and name not in statement.early:
                yield statement

    def chosen(self, name: str, before_cell: int | None = None) -> Statement | None:
        """Choose the definition that counts: the last one that can be called as the lesson calls it.

        Those above `before_cell` come first. Where nothing says above which cell, they are those that are built as the
        lesson builds that name: a notebook may write one class in several styles, each for another lesson.
        """
        found = self.candidates(name, before_cell)
        return found[-1] if found else None

    def candidates(self, name: str, before_cell: int | None = None) -> list[Statement]:
        """List the definitions among which only their order decides."""
        found = self.of(name)
        if len(found) < 2:
            return found
        model = self._model(name)
        above = [s for s in found if before_cell is not None and s.cell <= before_cell]
        if model is not None:
            above = [s for s in above if can_be_called(s, model)] or ([] if _any_fits(found, model) else above)
            found = [s for s in found if can_be_called(s, model)] or found
        if above or model is None:
            return above or found
        nearest = max(_resemblance(s, model) for s in found)
        return [s for s in found if _resemblance(s, model) == nearest]

    def stand_in(self, name: str) -> str | None:
        """Find what was written in place of a name that is nowhere defined: the same but for case and underscores."""
        model = self._model(name)
        if name in self._defining or self.notebook.broken_definition(name) or model is None:
            return None
        near = [
            other
            for other, found in self._defining.items()
            if plain(other) == plain(name) and any(not s.stub and s.kind == model.kind for s in found)
        ]
        if len(near) != 1 or any(near[0] in s.reads for s in self._binding.get(name, [])):
            return None
        return near[0]

    def needed(
        self, names: Iterable[str], before_cell: int | None = None, instead: Sequence[Statement] = ()
    ) -> list[Statement]:
        """List the statements that these names depend on, followed through the source, in order.

        Loops and whatever else the names don't depend on is left out: a training loop costs nothing. Definitions that
        are given `instead` count in place of those that would be chosen.
        """
        taken = {name: self.chosen(name, before_cell) for name in names}
        taken |= {s.defines: s for s in instead if s.defines}
        here = max(map(self._position, filter(None, taken.values())), default=len(self.statements))
        waiting, seen = [*taken], {*taken}
        behind: dict[str, list[Statement]] = {}
        chosen: dict[int, Statement] = {}
        early: list[tuple[str, int]] = []
        words = {ANY} if self._like is None else {ANY, *self._like.words}
        patching = self._patching(words)
        while waiting or early or patching:
            if patching:
                found, patching = patching, []
            elif waiting:
                name = waiting.pop()
                if name in taken:  # what isn't defined may be imported, from a file of theirs
                    own = taken[name]
                    found = self._touched(name, [own] if own else self._binding.get(name, [])[-1:], before_cell)
                else:
                    found = self._behind(name, here, before_cell)
                behind[name] = found
                if not found and "*" not in seen and name.isidentifier():  # perhaps from a `from module import *`
                    seen.add("*")
                    found = self._binding.get("*", [])
            else:
                found = self._earlier(*early.pop(), behind)
            for statement in found:
                if statement.position in chosen:
                    continue
                chosen[statement.position] = statement
                patching += self._patching(statement.words - words)
                words |= statement.words
                early += [(name, statement.position) for name in statement.early]
                for read in chain(statement.reads, statement.touches):
                    if read not in seen:
                        seen.add(read)
                        waiting.append(read)
        return [chosen[position] for position in sorted(chosen)]

    def _patching(self, words: Collection[str]) -> list[Statement]:
        """What gives a library's things an attribute that is used: it is no name's, and every answer's.

        What the lesson uses, its hidden tests may read.
        """
        return [statement for word in self._patches.keys() & words for statement in self._patches[word]]

    @cached_property
    def _patches(self) -> dict[str, list[Statement]]:
        """Attribute -> the statements that give one of that name to a library's things."""
        return _index((s, {name for root, name in s.patches if root in self._libraries}) for s in self.statements)

    @cached_property
    def _libraries(self) -> frozenset[str]:
        """The names of what is imported, and of what is taken from that as it is: `T = torch.Tensor`."""
        found = {ANY, *self._imported}
        for statement in self.statements:
            plain = statement.defines and not statement.takes and statement.kind == "function"
            if plain and not found.isdisjoint(statement.early):
                found |= statement.binds
        return frozenset(found)

    def _position(self, definition: Statement) -> int:
        """Where a definition stands; where one stands in for it, that one."""
        stand_in = self.stand_ins.get(definition.defines or "")
        written = self.chosen(stand_in) if stand_in else None
        return (written or definition).position

    def absent(self, statement: Statement) -> str:
        """The first module that a statement imports and that nobody here has; an empty text if all are here."""
        return next((name for name in statement.needs if not self._is_here(name)), "")

    def _is_here(self, module: str) -> bool:
        if module not in self._here:
            own = file_of(module) in self._binding or len(self._here) >= modules.MOST_MODULES
            self._here[module] = own or modules.here(module)
        return self._here[module]

    def _given(self, lesson: Notebook) -> Iterator[Statement]:
        """The lesson's own imports of names that nothing in the notebook defines, or only what can't run here."""
        bound = {name for s in self.statements if s.defines or not self.absent(s) for name in s.binds}
        bound = bound.union(*map(bound_by, self.notebook.texts)) - {"*"}
        asked = {cell.index for cell in lesson.cells if cell.nbgrader.get("grade") or cell.nbgrader.get("solution")}
        missing = [s for s in lesson.statements if s.imports and s.cell not in asked and not s.binds & bound]
        for place, statement in enumerate(missing):
            yield replace(statement, position=place - len(missing), cell=0, line=1)

    def _model(self, name: str) -> Statement | None:
        return self._like.chosen(self._models.get(name, name)) if self._like is not None else None

    def _aliases(self, names: dict[str, str]) -> Iterator[Statement]:
        for place, (name, stand_in) in enumerate(names.items(), len(self.statements)):
            written = self.chosen(stand_in)
            assert written is not None
            (alias,) = taken_apart(f"{name} = {stand_in}")
            yield replace(alias, defines=name, position=place, cell=written.cell, line=written.line)

    def _behind(self, name: str, here: int, before_cell: int | None) -> list[Statement]:
        """The statements that give a name its value, and those that change it afterwards."""
        lesson_asks = self._like is not None and self._model(name) is not None
        if name in self._defining:
            if name in _OWN:
                found = [s for s in self.of(name) if _is_above(s, here, before_cell)]
            elif before_cell is not None or lesson_asks:
                found = self.candidates(name, before_cell)
            else:  # a helper that is written again below is another one
                found = [s for s in self.of(name) if s.position < here] or self.of(name)
            bound = found[-1:]
        else:  # a variable may build on what it was before, but not by way of a loop if it can be had without
            bound = self._binding.get(name, [])
            if name in _OWN:  # what stands below can't replace what is Python's own
                bound = [s for s in bound if _is_above(s, here, before_cell)]
            bound = [s for s in bound if before_cell is None or s.cell <= before_cell] or bound
            bound = [s for s in bound if not s.loops] or bound
        return self._touched(name, bound, before_cell)

    def _touched(self, name: str, bound: list[Statement], before_cell: int | None) -> list[Statement]:
        if not bound:
            return []
        touched = [s for s in self._touching.get(name, []) if s.position > bound[0].position]
        return bound + [s for s in touched if before_cell is None or s.cell <= before_cell]

    def _earlier(self, name: str, position: int, behind: Mapping[str, list[Statement]]) -> list[Statement]:
        """What a statement reads while it runs, where that is bound anew below: what it was before."""
        found = behind.get(name)
        if not found or found[0].position < position:
            return []
        binding = self._binding.get(name, [])
        above = bisect_left(binding, position, key=lambda statement: statement.position)
        return binding[above - 1 : above]

    @cached_property
    def _defining(self) -> dict[str, list[Statement]]:
        """Function or class -> the statements that define it: looked up, because a notebook may have thousands."""
        found = _index((s, [s.defines] if s.defines else []) for s in self.statements)
        last = {name: own[-1] for name, own in found.items()}
        renamed = [named for statement in self.statements if (named := self._renamed(statement, last))]
        for name, own in _index((named, [named.defines or ""]) for named in renamed).items():
            found[name] = sorted([*found.get(name, []), *own], key=lambda statement: statement.position)
        return found

    def _renamed(self, statement: Statement, last: dict[str, Statement]) -> Statement | None:
        """A statement as a definition, where it gives a function another name; None where it gives anything else."""
        given = statement.alias
        if given is None or statement.defines:
            return None
        for source in given.sources:
            own = last.get(source.removesuffix(CALLED))
            if source.endswith(CALLED):
                if not (known(source) or (own is not None and own.makes)):
                    return None
            elif own is None and source not in self._imported:
                return None
        own = next((last[source] for source in given.sources if source in last), None)
        like = {what: getattr(own, what) for what in ("kind", "bases", "takes", "stub", "unwritten")} if own else {}
        named = replace(statement, defines=given.name, **like)
        last.setdefault(given.name, named)
        return named

    @cached_property
    def _imported(self) -> frozenset[str]:
        """The names that are imported."""
        return frozenset().union(*(statement.binds for statement in self.statements if statement.imports))

    @cached_property
    def _binding(self) -> dict[str, list[Statement]]:
        """Name -> the statements that give it a value."""
        return _index((s, s.binds) for s in self.statements)

    @cached_property
    def _touching(self) -> dict[str, list[Statement]]:
        """Name -> the statements that change its thing without binding it."""
        return _index((s, s.touches) for s in self.statements)


def _index(named: Iterable[tuple[Statement, Iterable[str]]]) -> dict[str, list[Statement]]:
    """Statements by name, each list in the order of the notebook."""
    found: dict[str, list[Statement]] = {}
    for statement, names in named:
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


def _resemblance(statement: Statement, model: Statement) -> int:
    """How near a definition's form is to the model's: its bases count, `torch.nn.Module` and `nn.Module` being near.

    What comes of a call is like nothing: `model = Model()` in a later part of a notebook is no `model` of an earlier.
    """
    if statement.kind != model.kind or (statement.alias is not None and statement.alias.by_call):
        return 0
    if statement.bases == model.bases:
        return 3
    return 1 + (bool(statement.bases) and _dotted(statement.bases) == _dotted(model.bases))


def _dotted(bases: tuple[str, ...]) -> list[tuple[bool, str]]:
    return [("." in base, base.rsplit(".", 1)[-1]) for base in bases]


def plain(name: str) -> str:
    """A name without the differences that don't count."""
    return name.replace("_", "").lower()


def can_be_called(statement: Statement, model: Statement) -> bool:
    """Whether a definition can be called as the lesson's own is, as far as its text tells."""
    if statement.kind != model.kind:
        return not (statement.takes or statement.kind == "class")
    if model.kind == "function":
        return _takes(statement, model, "", "")
    calls = [name for name in ("__call__", "forward") if name in statement.takes]
    asked = next((name for name in ("__call__", "forward") if name in model.takes), None)
    if asked and not (calls or statement.bases):
        return False
    made = "__init__" in statement.takes or statement.bases or _fewest(model, "__init__") == 0
    return (
        bool(made)
        and _takes(statement, model, "__init__", "__init__")
        and (not calls or asked is None or any(_takes(statement, model, own, asked) for own in calls))
    )


def _takes(statement: Statement, model: Statement, own: str, asked: str) -> bool:
    takes = statement.takes.get(own)
    return takes is None or takes.can_be_called(_fewest(model, asked))


def _fewest(model: Statement, asked: str) -> int:
    return model.takes[asked].fewest if asked in model.takes else 0


def _any_fits(found: Iterable[Statement], model: Statement) -> bool:
    return any(can_be_called(statement, model) for statement in found)


def _is_above(statement: Statement, here: int, before_cell: int | None) -> bool:
    return statement.position < here if before_cell is None else statement.cell <= before_cell
