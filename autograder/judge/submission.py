"""One submission: its notebook, what can't run in it, and the student that answers for each question."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property

from autograder import notebook
from autograder.budget import UNLIMITED, Budget
from autograder.course import Assignment, Question
from autograder.jail import Opener, Output, Reader, Step
from autograder.judge.mended import stood_in
from autograder.judge.sentences import explain, listed
from autograder.notebook import Cell, Definitions, Notebook, Statement, defined

FLAGS = 50
"""Things that are told of one notebook: who reads more of them?"""

NAME = 100
"""Characters of a name that are told."""


class Submission:
    """A notebook that is being graded.

    One student answers for all questions, unless a later redefinition would spoil an earlier question.
    """

    def __init__(
        self,
        found: Notebook,
        assignment: Assignment,
        opener: Opener,
        run_all: bool = False,
        budget: Budget = UNLIMITED,
    ) -> None:
        self.notebook = found
        self.definitions = Definitions(found, assignment.definitions, assignment.names)
        self._assignment = assignment
        self._opener = opener
        self._budget = budget
        questions = [question for question in assignment.questions if not question.manual]
        self._graded_cells = {q.id: cell.index for q in assignment.questions if (cell := found.cell_of(q.id))}
        self._needed = {q.id: self.definitions.needed(q.names, self._graded_cells.get(q.id)) for q in questions}
        together = {s.position: s for needed in self._needed.values() for s in needed}
        if run_all:
            together |= {s.position: s for s in self._everything()}
        self._together = [together[position] for position in sorted(together)]
        self._opened: list[Reader] = []
        self._shared: Reader | None = None
        self._own: dict[str, Reader] = {}

    def belongs(self) -> bool:
        """Whether this is an attempt at the assignment: it has half of its cells, or defines one of its functions.

        A cell or two prove nothing: other lessons have cells of the same ids.
        """
        asked = {mark for mark, cell in self._assignment.source.marked.items() if _is_asked(cell)}
        if 2 * len(asked & self.notebook.marked.keys()) >= len(asked):
            return True
        names = set(self._assignment.names)
        written = {s.defines for s in self.notebook.statements}
        written |= {name for text in self.notebook.texts for name in defined(text)}
        return not names.isdisjoint(written) or any(self.notebook.broken_definition(name) for name in names)

    def read(self) -> None:
        """Run what all questions need, before the first of them is asked."""
        for question in self._assignment.questions:
            if not question.manual:
                self.student(question)

    def student(self, question: Question) -> Reader:
        """The student that answers for a question."""
        if question.id in self._own:
            return self._own[question.id]
        if self._spoilt(self._needed[question.id]):
            return self._own.setdefault(question.id, self._read(self._needed[question.id]))
        if self._shared is None:
            self._shared = self._read(self._together)
        return self._shared

    def complete(self, question: Question) -> bool:
        """Run the whole notebook for a question whose names are still missing, if that could bring them."""
        if question.id in self._own or any(self.definitions.of(name) for name in question.names):
            return False
        if not any(map(_brings_anything, self.definitions.statements)):
            return False
        everything = self._everything()
        self._own[question.id] = self._read(everything)
        bringing = [s for s in everything if _brings_anything(s)]
        used = self.definitions.needed({name for s in bringing for name in s.reads})
        together = {s.position: s for s in (*bringing, *used)}
        self._needed[question.id] = [together[position] for position in sorted(together)]
        return True

    def sources(self, question: Question) -> list[Step]:
        """The statements that an answer depends on, and the texts of the files that it is imported from."""
        return [Step(-1, 1, s.writes) if s.writes else s.step for s in self._needed[question.id]]

    def absent(self, question: Question) -> str:
        """Say which module an answer rests on that isn't here, and where it is imported; nothing if all are."""
        names = " and ".join(question.names)
        for statement in self._needed[question.id]:
            if module := self.definitions.absent(statement):
                where = f"cell {statement.cell + 1}, line {statement.line}"
                return (
                    f"{names} needs the module {_cut(module)} ({where}), which is neither on the grader's machine nor "
                    "handed in beside the notebook. A person will look at it; nothing is lost."
                )
        return ""

    def mended(self) -> tuple[str, ...]:
        """Say what stood in for something that isn't here, as far as the answers rest on it."""
        needed = {s.position: s for own in (*self._needed.values(), self._together) for s in own}
        told = [*self._given(needed.values()), *stood_in((needed[at] for at in sorted(needed)), self.notebook)]
        return tuple(told[:FLAGS])

    def _given(self, needed: Iterable[Statement]) -> Iterator[str]:
        """Name what was imported as the lesson does, because nothing in the notebook that can run here does."""
        given = sorted({name for s in needed if s.position < 0 for name in s.binds})
        if given:
            lost = ((s.cell + 1, absent) for s in self.definitions.statements if (absent := self.definitions.absent(s)))
            why = next((f"; cell {cell} imports {_cut(absent)}, which isn't here" for cell, absent in lost), "")
            yield f"Nothing here gives {listed(given)} a value{why}. It was imported as the lesson does."

    def chosen(self, question: Question) -> str:
        """Say which definitions were graded, where there was a choice."""
        told = []
        for name in question.names:
            several = self.definitions.of(name)
            taken = self.definitions.chosen(name, self._graded_cells.get(question.id))
            if taken is not None and (stand_in := self.definitions.stand_ins.get(name)):
                told.append(f"there is no {name}; {_cut(stand_in)} in cell {taken.cell + 1} was graded in its place")
            if len(several) > 1 and taken is not None:
                told.append(f"{name} is defined {len(several)} times; the one in cell {taken.cell + 1} was graded")
        return "; ".join(told)

    def flags(self) -> tuple[str, ...]:
        """What was noticed while the notebook was read; nothing of it costs points by itself."""
        told = list(itertools.islice(_not_run(self.definitions), FLAGS))
        for student in self._students():
            for fault in student.faults[:FLAGS]:
                sentence = explain(fault.fault, self.definitions.words)
                told.append(f"cell {fault.cell + 1}, line {fault.line} did not run: {sentence}")
        told = list(dict.fromkeys(told))
        return tuple(told if len(told) <= FLAGS else [*told[:FLAGS], "more of its statements did not run"])

    def outputs(self) -> dict[int, list[Output]]:
        """What each cell printed and drew while the notebook was read, by its index."""
        found: dict[int, list[Output]] = {}
        for student in self._students():
            found = student.outputs() | found
        return found

    def close(self) -> None:
        """End its students."""
        for student in self._opened:
            student.close()

    def _students(self) -> list[Reader]:
        return [student for student in (self._shared, *self._own.values()) if student is not None]

    def _everything(self) -> list[Statement]:
        """All statements but those of grade cells."""
        left_out = {cell.index for cell in self.notebook.cells if cell.nbgrader.get("grade")}
        return [statement for statement in self.definitions.statements if statement.cell not in left_out]

    def _spoilt(self, needed: list[Statement]) -> bool:
        own = {statement.position for statement in needed}
        return any(self._last[name] not in own for statement in needed for name in statement.binds)

    @cached_property
    def _last(self) -> dict[str, int]:
        """Name -> the position of the last statement that binds it, of all that are run together."""
        return {name: s.position for s in self._together for name in s.binds}

    def _read(self, statements: list[Statement]) -> Reader:
        student = self._opener.open(self._budget)
        self._opened.append(student)
        student.read(notebook.steps(statements))
        return student


def _is_asked(cell: Cell) -> bool:
    """Whether a cell is one to be filled in or graded: titles and pictures have the same ids in many lessons."""
    return bool(cell.nbgrader.get("solution") or cell.nbgrader.get("grade"))


def _brings_anything(statement: Statement) -> bool:
    """Whether a statement may define what its text doesn't show."""
    return "*" in statement.binds or "exec" in statement.reads or "get_ipython" in statement.reads


def _not_run(found: Definitions) -> Iterator[str]:
    """Name the cells that can't run on this machine, once each; it is not held against anybody."""
    absent: dict[str, str] = {}
    told: set[int] = set()
    for statement in found.notebook.statements:
        reason = ""
        missing = found.absent(statement) if statement.modules else ""
        if missing:
            absent |= dict.fromkeys(statement.binds, missing)
            reason = f"there is no module {_cut(missing)}"
        elif not statement.defines and (needs := {n for n in statement.reads - statement.binds if n in absent}):
            need = min(needs)
            absent |= dict.fromkeys(statement.binds, absent[need])
            reason = f"it needs {_cut(need)}, which comes from the module {_cut(absent[need])}"
        if reason and statement.cell not in told:
            told.add(statement.cell)
            yield f"cell {statement.cell + 1} can't run here: {reason}"
    for fault in found.notebook.syntax_faults:
        yield f"cell {fault.cell + 1} can't run: {fault.reason}"


def _cut(name: str) -> str:
    """A name as it is told: its beginning, if it is longer than any sentence."""
    return name if len(name) <= NAME else f"{name[:NAME]}..."
