"""One notebook, judged: its statements run, each question's claims are tried, and a record is made."""

from __future__ import annotations

import ast
import functools
import importlib.util
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from autograder import check as hidden
from autograder import notebook
from autograder.compare import Mismatch, explain
from autograder.course import Assignment, Question
from autograder.diagnose import Recorder, diagnose
from autograder.inputs import current_seed, digest, seeded
from autograder.jail.session import CellFault, Step
from autograder.notebook import Notebook, Statement, UnreadableNotebook
from autograder.reference import reference
from autograder.result import JailLevel, Result
from autograder.result import Question as Verdict
from autograder.result import Test as Claimed
from autograder.student import LocalStudent, Student, StudentError

log = logging.getLogger(__name__)


class Reader(Student, Protocol):
    """A student that reads a notebook in, and tells which statements failed."""

    faults: list[CellFault]

    def read(self, steps: Sequence[Step]) -> None:
        """Run the notebook's statements."""


@dataclass(frozen=True)
class Grader:
    """Grades notebooks of one assignment, one after another, with the same hidden inputs."""

    assignment: Assignment
    seed: str
    open: Callable[[], Reader] = LocalStudent
    """Makes a new student for a notebook."""
    jail: JailLevel = "none"

    def grade_file(self, path: Path, submission: str | None = None) -> Result:
        """Grade a notebook file; a file that can't be read is a result too."""
        name = submission or str(path)
        try:
            found = notebook.read(path)
        except UnreadableNotebook as error:
            return self.unreadable(name, str(error))
        return self.grade(found, name)

    def grade(self, found: Notebook, submission: str) -> Result:
        """Grade a notebook."""
        started = time.perf_counter()
        if not belongs(found, self.assignment):
            wanted = ", ".join(self.assignment.names)
            return self._without_questions(
                "not_this_assignment",
                submission,
                f"This notebook defines none of {wanted}, and has no cell of the assignment {self.assignment.name}.",
            )
        with seeded(self.seed):
            flags = list(_not_run(found))
            students = self.students(found)
            verdicts = tuple(self._verdicts(found, students))
        flags += students.flags
        return Result(
            assignment=self.assignment.name,
            submission=submission,
            score=round(sum(verdict.points or 0.0 for verdict in verdicts), 6),
            max_score=self.assignment.max_score,
            status="grader_error" if any(v.status == "grader_error" for v in verdicts) else "graded",
            jail=self.jail,
            seed=digest(self.seed),
            seconds=round(time.perf_counter() - started, 4),
            flags=tuple(dict.fromkeys(flags)),
            questions=verdicts,
        )

    def students(self, found: Notebook) -> Students:
        """The students that answer for a notebook's questions."""
        return Students(self, found)

    def _verdicts(self, found: Notebook, students: Students) -> Iterator[Verdict]:
        elsewhere: dict[str, str] = {}
        for question in self.assignment.questions:
            if question.manual:
                yield Verdict(id=question.id, status="manual", points=None, max_points=question.max_points)
                continue
            verdict = self._verdict(question, found, students, elsewhere)
            elsewhere |= mistakes(question, verdict)
            yield verdict

    def _verdict(
        self, question: Question, found: Notebook, students: Students, elsewhere: Mapping[str, str]
    ) -> Verdict:
        before = _grade_cell(found, question)
        verdict = judge(self.assignment, question, students.of(question), found, elsewhere)
        if verdict.status == "no_answer" and students.complete(question):
            verdict = judge(self.assignment, question, students.of(question), found, elsewhere)
        return verdict.model_copy(update={"definition": _chosen(found, question, before)})

    def unreadable(self, submission: str, message: str) -> Result:
        """The record of a submission that can't be read."""
        return self._without_questions("unreadable", submission, message)

    def _without_questions(self, status: str, submission: str, message: str) -> Result:
        return Result.model_validate(
            {
                "assignment": self.assignment.name,
                "submission": submission,
                "score": 0.0,
                "max_score": self.assignment.max_score,
                "status": status,
                "message": message,
                "jail": self.jail,
                "seed": digest(self.seed),
            }
        )


def judge(
    assignment: Assignment,
    question: Question,
    student: Student,
    found: Notebook | None = None,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """Try every claim of a question on a student, and say which known mistake was made.

    A point comes only from a claim that passed. A claim that fails in the kit itself makes the whole question
    a `grader_error`: no points, and a person is asked.

    Shapes:
        elsewhere  function -> the mistake that its own question was found to have, "" for none
    """
    claims = hidden.checks(assignment.name, question.id)
    if unsound := _unsound(assignment, question, current_seed()):
        return _fault(question, unsound)
    recorder = Recorder(student)
    tests: list[Claimed] = []
    unwritten = 0
    for claim in claims:
        recorder.check = claim.id
        passed, message = True, ""
        try:
            claim.claim(recorder)
        except Mismatch as mismatch:
            passed, message = False, _sentence(f"{question.id}: {mismatch}")
        except StudentError as error:
            passed, message = False, _explained(error, recorder, found)
            unwritten += _unwritten(error, question)
        except Exception:
            log.exception("%s, %s: the check itself failed", question.id, claim.id)
            return _fault(question, claim.id)
        tests.append(Claimed(id=claim.id, says=claim.says, passed=passed, weight=claim.weight, message=message))
    share = sum(test.weight for test in tests if test.passed) / sum(test.weight for test in tests)
    no_answer = unwritten > 0 and not any(test.passed for test in tests)
    diagnoses = (
        [] if share == 1 or no_answer else diagnose(assignment, question.names, claims, recorder.answers, elsewhere)
    )
    return Verdict(
        id=question.id,
        status="no_answer" if no_answer else "graded",
        points=round(question.max_points * share, 4),
        max_points=question.max_points,
        message=_broken(question, found) if no_answer else "",
        tests=tuple(tests),
        diagnoses=tuple(diagnoses),
    )


def judge_all(assignment: Assignment, student: Student) -> list[Verdict]:
    """Judge one student on every question that is not graded by a person."""
    elsewhere: dict[str, str] = {}
    verdicts = []
    for question in assignment.questions:
        if not question.manual:
            verdicts.append(judge(assignment, question, student, elsewhere=elsewhere))
            elsewhere |= mistakes(question, verdicts[-1])
    return verdicts


def mistakes(question: Question, verdict: Verdict) -> dict[str, str]:
    """Which mistake each of a question's functions was found to have, "" for none."""
    return dict.fromkeys(question.names, verdict.diagnoses[0].id if verdict.diagnoses else "")


@functools.lru_cache(maxsize=1024)
def _unsound(assignment: Assignment, question: Question, _seed: str) -> str:
    """Name a claim that the reference doesn't pass: oracle and reference disagree, so nobody may be judged by it."""
    solution = reference(assignment)
    for claim in hidden.checks(assignment.name, question.id):
        try:
            claim.claim(solution)
        except Exception:
            log.exception("%s, %s: the reference doesn't pass", question.id, claim.id)
            return claim.id
    return ""


def _fault(question: Question, claim: str) -> Verdict:
    return Verdict(
        id=question.id,
        status="grader_error",
        points=None,
        max_points=question.max_points,
        message=f"The grader could not judge this question ({claim}). A person will look at it; nothing is lost.",
    )


def belongs(found: Notebook, assignment: Assignment) -> bool:
    """Whether a notebook is an attempt at this assignment: it has its cells, or defines one of its functions."""
    ids = {cell.grade_id for cell in assignment.source.cells if cell.grade_id}
    if any(cell.grade_id in ids for cell in found.cells):
        return True
    names = set(assignment.names)
    return any(statement.defines in names for statement in found.statements) or any(
        found.broken_definition(name) for name in names
    )


class Students:
    """The students of one notebook: one for all questions, unless a later redefinition would spoil an earlier one."""

    def __init__(self, grader: Grader, found: Notebook) -> None:
        self.grader = grader
        self.found = found
        self.flags: list[str] = []
        questions = [question for question in grader.assignment.questions if not question.manual]
        self._needed = {q.id: found.needed(q.names, _grade_cell(found, q)) for q in questions}
        together = {s.position: s for needed in self._needed.values() for s in needed}
        self._together = [together[position] for position in sorted(together)]
        self._shared: Reader | None = None
        self._own: dict[str, Reader] = {}

    def of(self, question: Question) -> Reader:
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
        if question.id in self._own or any(self.found.definitions(name) for name in question.names):
            return False
        if not any("*" in s.binds or "exec" in s.reads or "get_ipython" in s.reads for s in self.found.statements):
            return False
        self._own[question.id] = self._read(list(self.found.statements))
        return True

    def _spoilt(self, needed: list[Statement]) -> bool:
        own = {statement.position for statement in needed}
        last = {name: s.position for s in self._together for name in s.binds}
        return any(last[name] not in own for statement in needed for name in statement.binds)

    def _read(self, statements: list[Statement]) -> Reader:
        student = self.grader.open()
        student.read(notebook.steps(statements))
        for fault in student.faults:
            sentence = explain(fault.fault, self.found.words)
            self.flags.append(f"cell {fault.cell + 1}, line {fault.line} did not run: {sentence}")
        return student


def _grade_cell(found: Notebook, question: Question) -> int | None:
    cell = found.cell_of(question.id)
    return cell.index if cell else None


def _chosen(found: Notebook, question: Question, before: int | None) -> str:
    """Say which definitions were graded, where there was a choice."""
    told = []
    for name in question.names:
        several = found.definitions(name)
        if len(several) > 1 and (taken := found.definition(name, before)) is not None:
            told.append(f"{name} is defined {len(several)} times; the one in cell {taken.cell + 1} was graded")
    return "; ".join(told)


def _unwritten(error: StudentError, question: Question) -> bool:
    """Whether an error means that the question's own function isn't written, not one that it calls."""
    fault = error.fault
    if fault.missing is not None:
        return fault.missing in question.names
    if fault.type_name != "NotImplementedError":
        return False
    return not fault.frames or fault.frames[-1][2] in question.names


def _explained(error: StudentError, recorder: Recorder, found: Notebook | None) -> str:
    if found is None:
        return explain(error.fault, sizes=recorder.sizes)
    return explain(error.fault, found.words, recorder.sizes, found.place)


def _broken(question: Question, found: Notebook | None) -> str:
    """Say that a cell could not be read as Python, where that is why a function is missing."""
    for name in question.names if found else ():
        assert found is not None
        if fault := found.broken_definition(name):
            return (
                f"Cell {fault.cell + 1}, which defines {name}, is not valid Python: "
                f"line {fault.line}, {fault.message}. Mend that line, and the cell can be graded."
            )
    return f"{' and '.join(question.names)} is not written yet."


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _not_run(found: Notebook) -> Iterator[str]:
    """Name the cells that can't run on this machine, once each; it is not held against anybody."""
    absent: dict[str, str] = {}
    told: set[int] = set()
    for statement in found.statements:
        reason = ""
        missing = [module for module in _modules(statement) if not _installed(module)]
        if missing:
            absent |= dict.fromkeys(statement.binds, missing[0])
            reason = f"there is no module {missing[0]}"
        elif not statement.defines and (needs := sorted(statement.reads & absent.keys() - statement.binds)):
            absent |= dict.fromkeys(statement.binds, absent[needs[0]])
            reason = f"it needs {needs[0]}, which comes from the module {absent[needs[0]]}"
        if reason and statement.cell not in told:
            told.add(statement.cell)
            yield f"cell {statement.cell + 1} can't run here: {reason}"
    for fault in found.syntax_faults:
        yield f"cell {fault.cell + 1} can't run: line {fault.line} is not valid Python ({fault.message})"


def _modules(statement: Statement) -> list[str]:
    if not statement.imports:
        return []
    node = ast.parse(statement.source).body[0]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _installed(module: str) -> bool:
    """Whether a module can be found, without importing anything."""
    root, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    if not rest or spec.submodule_search_locations is None:
        return True
    places = [Path(place) / rest[0] for place in spec.submodule_search_locations]
    return spec.origin is not None or any(p.is_dir() or p.with_suffix(".py").exists() for p in places)
