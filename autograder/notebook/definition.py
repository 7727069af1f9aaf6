"""Which definition answers for a name, and which statements it rests on, followed through the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain

from autograder.notebook import modules
from autograder.notebook.notebook import Notebook
from autograder.notebook.statement import Statement, bound_by, file_of, taken_apart


class Definitions:
    """The definitions of a notebook.

    `like` are those of the lesson: they tell what form a name should have. For each name that is `asked` for and
    nowhere defined, what was written in its place stands in: a name that is equal but for case and underscores.
    """

    def __init__(self, notebook: Notebook, like: Definitions | None = None, asked: Iterable[str] = ()) -> None:
        self.notebook = notebook
        self._like = like
        self.statements: tuple[Statement, ...] = notebook.statements
        """Those of the notebook, and one for each stand-in, which gives it the name that was asked for."""
        self.stand_ins: dict[str, str] = {}
        self._here: dict[str, bool] = {}
        if asked:
            plain = Definitions(notebook, like)
            self._here = plain._here
            self.stand_ins = {name: other for name in asked if (other := plain.stand_in(name))}
            given = plain._given(like.notebook) if like is not None else ()
            self.statements = (*given, *self.statements, *plain._aliases(self.stand_ins))

    @property
    def words(self) -> frozenset[str]:
        """Identifiers that occur in the notebook's code, and names that something stands in for."""
        return self.notebook.words | self.stand_ins.keys()

    def of(self, name: str) -> list[Statement]:
        """List the statements that define a function or class by this name, stubs left out where there are others.

        A name that is never given a function by `def`, `class`, `lambda` or as an alias may still get one by a call.
        """
        found = self._defining.get(name) or [s for s in self._binding.get(name, []) if not s.imports]
        return [s for s in found if not s.stub] or found

    def chosen(self, name: str, before_cell: int | None = None) -> Statement | None:
        """Choose the definition that counts: the last one above `before_cell`.

        Where nothing says above which cell, it is the last of those that are built as the lesson builds that name: a
        notebook may write one class in several styles, each for another lesson.
        """
        found = self.of(name)
        above = [s for s in found if before_cell is not None and s.cell <= before_cell]
        if above:
            return above[-1]
        if len(found) > 1 and (model := self._model(name)):
            nearest = max(_resemblance(s, model) for s in found)
            found = [s for s in found if _resemblance(s, model) == nearest]
        return found[-1] if found else None

    def stand_in(self, name: str) -> str | None:
        """Find what was written in place of a name that is nowhere defined: the same but for case and underscores."""
        model = self._model(name)
        if name in self._defining or self.notebook.broken_definition(name) or model is None:
            return None
        near = [
            other
            for other, found in self._defining.items()
            if _plain(other) == _plain(name) and not found[-1].stub and found[-1].kind == model.kind
        ]
        if len(near) != 1 or any(near[0] in s.reads for s in self._binding.get(name, [])):
            return None
        return near[0]

    def needed(self, names: Iterable[str], before_cell: int | None = None) -> list[Statement]:
        """List the statements that these names depend on, followed through the source, in order.

        Loops and whatever else the names don't depend on is left out: a training loop costs nothing.
        """
        graded = set(names)
        waiting, seen = list(graded), set(graded)
        chosen: dict[int, Statement] = {}
        while waiting:
            name = waiting.pop()
            found = self._behind(name, name in graded, before_cell)
            if not found and "*" not in seen and name.isidentifier():  # it may come from any `from module import *`
                seen.add("*")
                found = self._binding.get("*", [])
            for statement in found:
                if statement.position in chosen:
                    continue
                chosen[statement.position] = statement
                for read in chain(statement.reads, statement.touches):
                    if read not in seen:
                        seen.add(read)
                        waiting.append(read)
        return [chosen[position] for position in sorted(chosen)]

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
        return self._like.chosen(name) if self._like is not None else None

    def _aliases(self, names: dict[str, str]) -> Iterator[Statement]:
        for place, (name, stand_in) in enumerate(names.items(), len(self.statements)):
            written = self._defining[stand_in][-1]
            (alias,) = taken_apart(f"{name} = {stand_in}")
            yield replace(alias, defines=name, position=place, cell=written.cell, line=written.line)

    def _behind(self, name: str, graded: bool, before_cell: int | None) -> list[Statement]:
        """The statements that give a name its value, and those that change it afterwards."""
        if graded or name in self._defining:
            definition = self.chosen(name, before_cell)
            bound = [definition] if definition else self._binding.get(name, [])[-1:]  # imported, from a file of theirs
        else:  # a variable may build on what it was before, but not by way of a loop if it can be had without
            bound = self._binding.get(name, [])
            bound = [s for s in bound if before_cell is None or s.cell <= before_cell] or bound
            bound = [s for s in bound if not s.loops] or bound
        if not bound:
            return []
        touched = [s for s in self._touching.get(name, []) if not s.loops and s.position > bound[0].position]
        return bound + [s for s in touched if before_cell is None or s.cell <= before_cell]

    @cached_property
    def _defining(self) -> dict[str, list[Statement]]:
        """Function or class -> the statements that define it: looked up, because a notebook may have thousands."""
        return _index((s, [s.defines] if s.defines else []) for s in self.statements)

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
    """How near a definition's form is to the model's: its bases count, `torch.nn.Module` and `nn.Module` being near."""
    if statement.kind != model.kind:
        return 0
    if statement.bases == model.bases:
        return 3
    return 1 + (bool(statement.bases) and _dotted(statement.bases) == _dotted(model.bases))


def _dotted(bases: tuple[str, ...]) -> list[tuple[bool, str]]:
    return [("." in base, base.rsplit(".", 1)[-1]) for base in bases]


def _plain(name: str) -> str:
    return name.strip("_").lower()
