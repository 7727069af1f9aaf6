"""One submission: its notebook, what can't run in it, and the student that answers for each question."""

from __future__ import annotations

import builtins
import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal

from autograder import notebook
from autograder.budget import UNLIMITED, Budget
from autograder.course import Assignment, Question
from autograder.jail import Opener, Output, Reader, Step
from autograder.judge.mended import stood_in
from autograder.judge.sentences import ASKED, explain, listed
from autograder.judge.sighting import sightings
from autograder.judge.surroundings import is_missed
from autograder.notebook import Cell, Definitions, Notebook, Statement, SyntaxFault
from autograder.result import Sighting

FLAGS = 50
"""Things that are told of one notebook: who reads more of them?"""

NAME = 100
"""Characters of a name that are told."""

OTHERS = 3
"""Other definitions of a name that are tried, the latest first, where the one that counts has lost points."""

COMMON = frozenset(
    "model loss train fit test grad module linear relu mse mlp forward backward layer".split()  # noqa: SIM905
)
"""Names, written plainly, that any notebook on learning may have."""

_OWN = frozenset(vars(builtins))
_GUARDS = frozenset({"is_available", "device_count"})


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
        self._repaired = assignment.lesson.repaired(found)
        self.notebook = self._repaired.notebook
        self.definitions = Definitions(self.notebook, assignment.definitions, assignment.names)
        self._assignment = assignment
        self._opener = opener
        self._budget = budget
        self._opened: list[Reader] = []
        questions = [question for question in assignment.questions if not question.manual]
        self.grade_cells = {q.id: cell.index for q in assignment.questions if (cell := self.notebook.cell_of(q.id))}
        """The cell of each question's grade, by its id: what stands below doesn't count."""
        self._needed = {q.id: self.definitions.needed(q.names, self.grade_cells.get(q.id)) for q in questions}
        together = {s.position: s for needed in self._needed.values() for s in needed}
        if run_all:
            together |= {s.position: s for s in self._everything()}
        self._together = [together[position] for position in sorted(together)]
        self._shared: Reader | None = None
        self._whole: Reader | None = None
        self._own: dict[str, Reader] = {}

    def belongs(self) -> Literal["yes", "perhaps", "no"]:
        """Whether this is an attempt at the assignment: it has half of its cells, or defines what it asks for.

        A cell or two prove nothing: other lessons have cells of the same ids. Nor does one name that any notebook may
        have: then a person has to say.
        """
        asked = {mark for mark, cell in self._assignment.source.marked.items() if _is_asked(cell)}
        if 2 * len(asked & self.notebook.marked.keys()) >= len(asked):
            return "yes"
        if _language(self.notebook) not in {"", "python"}:
            return "no"
        names = set(self._assignment.names)
        defined = names & self.notebook.broken.keys() | self.definitions.stand_ins.keys()
        defined |= {name for name in names if any(s.defines == name for s in self.definitions.of(name))}
        bound = {n for n in names if not _is_common(n) and any(not s.loops for s in self.definitions.of(n))}
        if len(defined | bound) > 1:  # one variable of that name proves nothing
            defined |= bound
        text = "\n".join(statement.source for statement in self._bringing)
        defined |= {name for name in names if name in text and re.search(rf"\b(?:def|class) +{name}\b", text)}
        defined |= names & {name for text in self.notebook.texts for name in notebook.defined(text)}
        if not defined:
            return "no"
        return "perhaps" if len(defined) == 1 < len(names) and _is_common(*defined) else "yes"

    def read(self) -> None:
        """Run what all questions need, before the first of them is asked."""
        for question in self._assignment.questions:
            if not question.manual:
                self.student(question)

    def student(self, question: Question) -> Reader:
        """The student that answers for a question."""
        if question.id in self._own:
            return self._own[question.id]
        if self._is_brought(question):
            return self._run_whole(question)
        if self._spoilt(self._needed[question.id]):
            return self._own.setdefault(question.id, self._read(self._needed[question.id]))
        if self._shared is None:
            self._shared = self._read(self._together)
        return self._shared

    def unwritten(self, question: Question) -> bool:
        """Whether a written answer was left as it was given out."""
        return self._assignment.lesson.unwritten(self.notebook, question.id)

    def complete(self, question: Question) -> bool:
        """Run the whole notebook for a question whose names are still missing, if that could bring them."""
        if question.id in self._own or any(self.definitions.of(name) for name in question.names):
            return False
        if not self._bringing:
            return False
        self._run_whole(question)
        return True

    def others(self, question: Question) -> Iterator[tuple[str, Reader]]:
        """Students that answer by other definitions than those that count, each with the name that is defined anew."""
        before = self.grade_cells.get(question.id)
        for name in question.names:
            candidates = self.definitions.candidates(name, before)
            for definition in candidates[-2 : -2 - OTHERS : -1]:
                yield name, self._read_other(question, definition)
        if before is None:
            for statement in self._needed[question.id]:
                name, later = statement.defines or "", self.definitions.of(statement.defines or "")[-1:]
                if name not in question.names and later and later[0].position > statement.position:
                    yield name, self._read_other(question, later[0])
                    break

    def sources(self, question: Question) -> list[Step]:
        """The statements that an answer depends on, and the texts of the files that it is imported from."""
        return [Step(-1, 1, s.writes) if s.writes else s.step for s in self._needed[question.id]]

    def absent(self, question: Question) -> str:
        """Say which module an answer rests on that isn't here, and where it is imported; nothing if all are."""
        names = " and ".join(question.names)
        for statement in self._needed[question.id]:
            if module := self.definitions.absent(statement):
                lines = enumerate(statement.source.split("\n"), statement.line)
                at = next((number for number, line in lines if module in line), statement.line)
                where = self.notebook.line(statement.cell, at)
                return (
                    f"{names} needs the module {_cut(module)}{f' ({where})' if where else ''}, which is neither on the "
                    f"grader's machine nor handed in with the notebook. {ASKED}"
                )
        return self._stopped(question)

    def _stopped(self, question: Question) -> str:
        """Say which statement, that an answer rests on, could not run for want of something; nothing if all could."""
        names = " and ".join(question.names)
        needed = {(s.cell, s.line) for s in self._needed[question.id]}
        for statement in self._needed[question.id]:
            if statement.words & _GUARDS:
                line = self.notebook.quoted(statement.cell, statement.line)
                return f"{names} depends on {line}, which needs a GPU, and there is none here. {ASKED}"
        for fault in (fault for student in self._students() for fault in student.faults):
            line = self.notebook.quoted(fault.cell, fault.line)
            if (fault.cell, fault.line) in needed and is_missed(fault.fault, self.definitions.words, line):
                return (
                    f"{names} depends on {line}, which needs something that the grader's machine doesn't have: a file, "
                    f"a program, the network, or a library of another version. {ASKED}"
                )
        return ""

    def mended(self) -> tuple[str, ...]:
        """Say what stood in the way of the answers, and was put right or stood in for."""
        needed = {s.position: s for own in (*self._needed.values(), self._together) for s in own}
        cells = {s.cell for own in self._needed.values() for s in own if s.binds and s.position >= 0}
        stands_in = stood_in((needed[at] for at in sorted(needed) if at >= 0), self.notebook)
        return tuple([*self._repaired.told(cells), *self._given(needed.values()), *stands_in][:FLAGS])

    def _given(self, needed: Iterable[Statement]) -> Iterator[str]:
        """Name what was imported as the lesson does, because nothing in the notebook that can run here does."""
        given = sorted({name for s in needed if s.position < 0 for name in s.binds})
        if given:
            lost = ((s, absent) for s in self.definitions.statements if (absent := self.definitions.absent(s)))
            where = ((self.notebook.quoted(s.cell, s.line), _cut(absent)) for s, absent in lost)
            why = next((f"; {line} imports {absent}, which isn't here" for line, absent in where), "")
            yield f"Nothing here defines {listed(given)}{why}. It was imported as in the lesson."

    def needed(self, question: Question) -> list[Statement]:
        """The statements that an answer depends on, as they stand in the notebook."""
        return self._needed[question.id]

    def answers(self, question: Question) -> list[Statement]:
        """The definitions that count for a question, as far as they are written in cells."""
        names = [self.definitions.stand_ins.get(name, name) for name in question.names]
        chosen = [self.definitions.chosen(name, self.grade_cells.get(question.id)) for name in names]
        return [statement for statement in chosen if statement is not None and statement.cell >= 0]

    def unbound(self, question: Question) -> set[str]:
        """Names that an answer needs, and that nothing in the notebook gives a value."""
        read = {name for statement in self._needed[question.id] for name in statement.reads}
        return (read | {*question.names}).difference(self.definitions.bound, _OWN)

    def chosen(self, question: Question) -> str:
        """Say which definitions were graded, where there was a choice."""
        told = []
        for name in question.names:
            stand_in = self.definitions.stand_ins.get(name)
            written = stand_in or name
            several = self.definitions.of(written)
            taken = self.definitions.chosen(written, self.grade_cells.get(question.id))
            if taken is not None and stand_in:
                told.append(f"there is no {name}; {_cut(stand_in)} was graded instead")
            if len(several) > 1 and taken is not None:
                which = {0: "first one", len(several) - 1: "last one"}.get(
                    several.index(taken), f"one that comes as number {several.index(taken) + 1}"
                )
                section = self.notebook.section(taken.cell)
                place = f", {section}," if section else ""
                told.append(f"{_cut(written)} is defined {len(several)} times; the {which}{place} was graded")
        return "; ".join(told)

    def shadows(self, question: Question) -> str:
        """Say what has replaced something of Python's own that an answer uses."""
        needed = self._needed[question.id]
        used = {name for statement in needed for name in statement.reads}
        for statement in needed:
            for name in sorted(statement.binds & used & _OWN):
                line = self.notebook.quoted(statement.cell, statement.line)
                return f"Above this question, {line} replaces Python's own {name} with something else."
        return ""

    def flags(self) -> tuple[str, ...]:
        """What was noticed while the notebook was read; nothing of it costs points by itself."""
        cannot = dict(itertools.islice(_not_run(self.definitions), FLAGS))
        told = [*cannot.values()]
        for student in self._students():
            for fault in student.faults[:FLAGS]:
                sentence = explain(fault.fault, self.definitions.words)
                if (fault.cell, fault.line) not in cannot:
                    told.append(f"{self.notebook.quoted(fault.cell, fault.line)} did not run: {sentence}")
        told = list(dict.fromkeys(told))
        return tuple(told if len(told) <= FLAGS else [*told[:FLAGS], "more of its statements did not run"])

    def seen(self) -> tuple[Sighting, ...]:
        """What its code does that a person should know of; nothing of it costs points."""
        return sightings(self.notebook, self.definitions.statements, self._assignment.source.statements)

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
        own = [student for student in self._own.values() if student is not self._whole]
        return [student for student in (self._shared, *own, self._whole) if student is not None]

    def _everything(self) -> list[Statement]:
        """All statements but those of grade cells."""
        left_out = {cell.index for cell in self.notebook.cells if cell.nbgrader.get("grade")}
        return [statement for statement in self.definitions.statements if statement.cell not in left_out]

    def _run_whole(self, question: Question) -> Reader:
        if self._whole is None:
            self._whole = self._read(self._all_own())
        used = self.definitions.needed({name for s in self._bringing for name in s.reads})
        own = {s.position: s for s in (*self._needed[question.id], *self._bringing, *used)}
        self._needed[question.id] = [own[position] for position in sorted(own)]
        return self._own.setdefault(question.id, self._whole)

    def _all_own(self) -> list[Statement]:
        """The student's own statements, and what they rest on: the lesson's pictures and training bring no answer."""
        own = [s for s in self._everything() if s.source not in self._lesson]
        asked = {name for s in own for name in s.reads}.union(self._assignment.names)
        together = {s.position: s for s in (*own, *self.definitions.needed(asked))}
        return [together[position] for position in sorted(together)]

    @cached_property
    def _lesson(self) -> frozenset[str]:
        """The lesson's own statements, as they are given out."""
        return frozenset(statement.source for statement in self._assignment.source.statements)

    @cached_property
    def _bringing(self) -> list[Statement]:
        """The statements that may define what their text doesn't show; the lesson's own bring no answer."""
        return [s for s in self._everything() if (s.brings or "*" in s.binds) and s.source not in self._lesson]

    def _is_brought(self, question: Question) -> bool:
        """Whether a name that an answer needs may come from where its text doesn't show it."""
        bringing = [s for s in self._bringing if s.brings]
        if not bringing or not (missing := self.unbound(question)):
            return False
        if missing & {*self._assignment.names}:
            return True
        text = "\n".join(statement.source for statement in bringing)
        return any(re.search(rf"\b{name}\b", text) for name in itertools.islice(missing, FLAGS) if name in text)

    def _spoilt(self, needed: list[Statement]) -> bool:
        own = {statement.position for statement in needed}
        used = (statement.binds | (statement.reads & _OWN) for statement in needed)
        return any(name in self._last and self._last[name] not in own for names in used for name in names)

    @cached_property
    def _last(self) -> dict[str, int]:
        """Name -> the position of the last statement that binds it, of all that are run together."""
        return {name: s.position for s in self._together for name in s.binds}

    def _read(self, statements: list[Statement]) -> Reader:
        student = self._opener.open(self._budget)
        self._opened.append(student)
        student.read(notebook.steps(statements))
        return student

    def _read_other(self, question: Question, definition: Statement) -> Reader:
        before = self.grade_cells.get(question.id)
        return self._read(self.definitions.needed(question.names, before, [definition]))


def _is_asked(cell: Cell) -> bool:
    """Whether a cell is one to be filled in or graded: titles and pictures have the same ids in many lessons."""
    return bool(cell.nbgrader.get("solution") or cell.nbgrader.get("grade"))


def _is_common(*names: str) -> bool:
    return all(notebook.plain(name) in COMMON for name in names)


def _language(found: Notebook) -> str:
    """The language that a notebook says it is written in; nothing where it doesn't say."""
    metadata = found.content.get("metadata")
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        told = metadata.get(part) if isinstance(metadata, dict) else None
        language = str(told.get(key) or "").lower() if isinstance(told, dict) else ""
        if language:
            return "python" if "python" in language else language
    return ""


def _not_run(found: Definitions) -> Iterator[tuple[tuple[int, int], str]]:
    """Name what can't run on this machine by its cell and line, a cell once; it is not held against anybody."""
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
            line = found.notebook.quoted(statement.cell, statement.line)
            yield (statement.cell, statement.line), f"{line} can't run here: {reason}"
    for fault in found.notebook.syntax_faults:
        yield (fault.cell, fault.line), _faulty(found.notebook, fault)


def _faulty(found: Notebook, fault: SyntaxFault) -> str:
    """Say of a cell why it can't be taken apart."""
    section = found.section(fault.cell)
    cell = f"A cell{f' {section}' if section else ''}"
    if not fault.line:
        first = next((n for n, line in enumerate(found.code[fault.cell].split("\n"), 1) if line.strip()), 1)
        return f"{cell}, which begins {_cut(found.line(fault.cell, first))}, can't run: {fault.message}"
    line = f"line {fault.line}{f', {text},' if (text := found.line(fault.cell, fault.line)) else ''}"
    if fault.python:
        return f"{cell} can't run here: {line} is for Python {fault.python} or later"
    return f"{cell} can't run: {line} is not valid Python ({fault.message})"


def _cut(name: str) -> str:
    """A name as it is told: its beginning, if it is longer than any sentence."""
    return name if len(name) <= NAME else f"{name[:NAME]}..."
