"""Do the tests test? The gate of a course: what every release has to hold."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from autograder.authoring import impostors, leaks, release, vetted
from autograder.authoring.mutants import Mutant, mutants, within
from autograder.authoring.progress import UNTOLD, Progress, Tell, untold
from autograder.authoring.slips import slips
from autograder.course import Assignment, Course, Question
from autograder.errors import CannotGrade, KitError
from autograder.jail import StudentError
from autograder.judge import (
    Grader,
    Mismatch,
    bank,
    checks,
    draws,
    judge,
    judge_all,
    measured,
    mistaken,
    reference,
    replaced,
    seeded,
    source_of,
)
from autograder.notebook import Notebook, parse
from autograder.result import Question as Verdict

IDLE = {"pass": "pass", "the first argument back": "return {first}", "zeros": "return {first} * 0"}
"""Bodies that do nothing, by what they are called."""

ROOM = 0.5
"""How far from the right values a right variant may be, the tolerance being 1."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it holds, and what mends it if not."""

    what: str
    holds: bool
    detail: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Kill:
    """A known mistake against the hidden tests: which of them it fails, and what it is taken for."""

    mistake: str
    function: str
    failed: tuple[str, ...]
    """`question.test` of every hidden test that fails."""
    lost: float
    """Points that the mistake costs altogether."""
    lost_elsewhere: float
    """Points that it costs on questions about other functions."""
    diagnosed: str
    """The card named on the mistake's own question, or an empty text."""
    cards: int = 0
    """How many cards are named there."""
    needs: impostors.Needs = "values"
    """What has to be known before all that its card says is true."""


@dataclass(frozen=True)
class Survivor:
    """A small change of the reference that no hidden test catches, and why it harms nobody."""

    function: str
    before: str
    after: str
    why: str
    """As the bank says; empty if it doesn't."""


@dataclass
class Report:
    """What vetting an assignment found."""

    assignment: str
    findings: list[Finding] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    tests: tuple[str, ...] = ()
    mutants: int = 0
    """Small changes of the reference, made by rule."""
    survivors: tuple[Survivor, ...] = ()
    """Those that no hidden test catches."""
    spread: float = 0.0
    """How far the answers of right variants are from the right values, the tolerance being 1."""
    places: tuple[str, str] = ("", "")
    """Where its source and its hidden tests were found."""

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return all(finding.holds for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {
            "assignment": self.assignment,
            "source": self.places[0],
            "hidden_tests": self.places[1],
            "holds": self.holds,
            "findings": [vars(finding) for finding in self.findings],
            "tests": list(self.tests),
            "kills": [vars(kill) for kill in self.kills],
            "mutants": self.mutants,
            "survivors": [vars(survivor) for survivor in self.survivors],
            "spread": round(self.spread, 4),
        }


def vet(
    course: Course,
    name: str,
    with_release: bool = True,
    with_mutants: bool = True,
    again: bool = True,
    tell: Tell = untold,
) -> Report:
    """Vet one assignment of a course; where all of it holds, that is remembered.

    Shapes:
        with_release  ask that `release/` is what `source/` makes, too
        with_mutants  try the reference with every small change that the rules of `mutate` make
        again         try the tests although they are known to hold for just what is there; the release is always made
        tell          told what this is at, the share that is done, and the seconds left
    """
    assignment = course.assignment(name)
    report = Report(name, places=assignment.places)
    try:
        assignment.questions  # noqa: B018 - reading them finds what is not in order
    except KitError as error:
        where = " or ".join(assignment.places)
        report.findings.append(Finding("the source and the hidden tests are in order", False, str(error), where))
        return report
    read = [
        Finding(what, not wrong, "; ".join(one.removesuffix(".") for one in wrong), where)
        for what, wrong, where in slips(assignment)
    ]
    if not all(finding.holds for finding in read):
        report.findings += read
        return report
    seed = draws.seed(course, name)
    if not again and vetted.holds(course, name):
        report.findings.append(Finding("the hidden tests test: they passed for exactly these files", True))
    else:
        held_for = vetted.held_for(course, name)
        report.findings += read
        with seeded(seed):
            _tests(report, assignment, seed, with_mutants, tell)
        if not report.holds:
            vetted.forget(course, name)
        elif with_mutants:
            vetted.keep(course, name, held_for)
    report.findings += _release(course, assignment, seed, with_release)
    return report


def _tests(report: Report, assignment: Assignment, seed: str, with_mutants: bool, tell: Tell) -> None:
    """Try the hidden tests with everything that they must pass and fail."""
    questions = [question for question in assignment.questions if not question.manual]
    report.tests = tuple(f"{q.id}.{check.id}" for q in questions for check in checks(assignment.tests, q.id))
    progress = Progress(_planned(assignment, questions, with_mutants), tell)
    report.findings += _ids(assignment, questions)
    report.findings += _draw(assignment, seed)
    report.findings += _reference(assignment)
    report.findings += _idle(assignment, questions, progress)
    cards = progress.through("known mistakes", bank(assignment.tests).misconception)
    report.kills = [_kill(assignment, questions, card.id) for card in cards]
    report.findings += _mistakes(assignment, report)
    report.findings += _impostors(assignment, questions)
    report.findings += _variants(assignment, report, progress)
    if with_mutants:
        report.findings += _mutants(assignment, questions, report, progress)


def _planned(assignment: Assignment, questions: list[Question], with_mutants: bool) -> dict[str, int]:
    """How many trials of each kind there will be."""
    names = [name for question in questions for name in question.names]
    changes = sum(len(mutants(name, source_of(assignment, name))) for name in names) if with_mutants else 0
    cards = bank(assignment.tests)
    return {
        "idle answers": len(IDLE) * len(names),
        "known mistakes": len(cards.misconception),
        "right variants": len(cards.variant),
        "small changes": changes,
    }


def picture(report: Report, path: Path) -> Path:
    """Draw the kill matrix: tests against mistakes."""
    from autograder.report import write_matrix

    title = f"{report.assignment}: which hidden test catches which mistake"
    return write_matrix(title, report.tests, {kill.mistake: kill.failed for kill in report.kills}, path)


def table(report: Report) -> RenderableType:
    """A report for the terminal: what was looked at, and the kill matrix in short, a row a hidden test."""
    found = Table(title=f"{report.assignment}: do the tests test?", title_justify="left", box=box.SIMPLE)
    found.add_column("")
    found.add_column("what must hold", overflow="fold")
    found.add_column("what doesn't, and where to fix it", overflow="fold")
    for finding in report.findings:
        text = "" if finding.holds else f"{escape(finding.detail)}\n-> {escape(finding.mend)}"
        found.add_row("ok" if finding.holds else "no", escape(finding.what), text)
    if not report.tests:  # they weren't tried
        return Group(found)
    kills = Table(title="what each hidden test catches", title_justify="left", box=box.SIMPLE)
    kills.add_column("hidden test")
    kills.add_column("mistakes caught", justify="right")
    for test in report.tests:
        kills.add_row(escape(test), str(sum(test in kill.failed for kill in report.kills)))
    named = sum(bool(kill.diagnosed) for kill in report.kills)
    caught = sum(kill.lost > 0 for kill in report.kills)
    elsewhere = [kill.mistake for kill in report.kills if kill.lost_elsewhere]
    classes = Counter(kill.needs for kill in report.kills)
    harmless = sum(bool(survivor.why) for survivor in report.survivors)
    lines = [
        f"Source: {report.places[0]}. Hidden tests: {report.places[1]}.",
        f"{len(report.kills)} known mistakes: {caught} lose points, {named} are named; "
        f"{len(report.kills) - len(elsewhere)} lose them only where they were made.",
        f"Cards are given by {', '.join(f'{what} ({count})' for what, count in classes.most_common())}; "
        f"{sum(kill.cards > 1 for kill in report.kills)} mistakes have a second one.",
        *([f"Lost elsewhere, too: {', '.join(elsewhere)}."] if elsewhere else []),
        f"{report.mutants} small changes made by rule: {report.mutants - len(report.survivors)} are caught; "
        f"{harmless} change nothing that anyone could see, and the bank says why.",
        f"Right variants stay within {report.spread:.2f} of the tolerances.",
    ]
    return Group(found, kills, *map(escape, lines), "")


def _ids(assignment: Assignment, questions: list[Question]) -> Iterator[Finding]:
    folder, cards_file = assignment.where(), assignment.where("bank.toml")
    asked = {question.id for question in questions}
    stray = sorted(set(assignment.tests.questions) - asked)
    yield Finding("every file of tests belongs to a question", not stray, ", ".join(stray), folder)
    known = set(assignment.names)
    cards = bank(assignment.tests)
    about = [(c.id, c.function) for c in cards.misconception] + [(c.id, c.function) for c in cards.variant]
    ids = [card for card, _ in about]
    doubled = sorted({one for one in ids if ids.count(one) > 1})
    yield Finding("every id in the bank is used once", not doubled, ", ".join(doubled), cards_file)
    lost = sorted({function for _, function in about} - known)
    yield Finding("every card is about a graded function", not lost, ", ".join(lost), cards_file)
    unknown = sorted(card.id for card in cards.misconception if card.equals and card.equals not in ids)
    yield Finding("every `equals` names a card", not unknown, ", ".join(unknown), cards_file)
    silent = sorted(card.id for card in cards.misconception if not card.says.strip() or not card.hint.strip())
    yield Finding("every card has its sentence and its hint", not silent, ", ".join(silent), cards_file)
    empty = sorted(question.id for question in questions if not question.max_points > 0 or not question.names)
    yield Finding("every question has points and a function", not empty, ", ".join(empty), str(assignment.path))


def _draw(assignment: Assignment, seed: str) -> Iterator[Finding]:
    """The hidden inputs show what they have to: see :mod:`autograder.judge.draws`."""
    hidden = "; ".join(sorted(draws.hidden(assignment, seed)))
    mend = f"{assignment.where('cases.py')}, or `equals` in {assignment.where('bank.toml')} where two mistakes are one"
    rule = "the hidden inputs tell known mistakes from correct answers and from each other"
    yield Finding(rule, not hidden, hidden, mend)


def _reference(assignment: Assignment) -> Iterator[Finding]:
    for dtype in (torch.float32, torch.float64):
        lost = [v.id for v in judge_all(assignment, reference(assignment, dtype)) if not _full(v)]
        kind = str(dtype).removeprefix("torch.")
        yield Finding(f"the reference scores full marks in {kind}", not lost, ", ".join(lost), str(assignment.path))


def _idle(assignment: Assignment, questions: list[Question], progress: Progress = UNTOLD) -> Iterator[Finding]:
    """Answers that do nothing earn nothing: see :data:`IDLE`."""
    for kind, body in IDLE.items():
        earned = []
        named = [(question, name) for question in questions for name in question.names]
        for question, name in progress.through("idle answers", named):
            source = _idle_source(source_of(assignment, name), body)
            verdict = judge(assignment, question, replaced(assignment, name, source))
            if verdict.points:
                earned.append(f"{name} earns {verdict.points:g}")
        yield Finding(f"an idle answer ({kind}) scores 0", not earned, ", ".join(earned), assignment.where())


def _idle_source(source: str, body: str) -> str:
    """A definition with the body of each function, or of each method but __init__, replaced."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            arguments = [a.arg for a in node.args.args if a.arg != "self"]
            node.body = ast.parse(body.format(first=arguments[0] if arguments else "0")).body
            if isinstance(node.body[0], ast.Return) and not arguments:
                node.body = [ast.Pass()]
    return ast.unparse(ast.fix_missing_locations(tree).body[0])


def _kill(assignment: Assignment, questions: list[Question], card_id: str) -> Kill:
    card = next(card for card in bank(assignment.tests).misconception if card.id == card_id)
    verdicts = judge_all(assignment, mistaken(assignment, card.function, card.changes))
    about = {question.id for question in questions if card.function in question.names}
    own = next(verdict for verdict in verdicts if verdict.id in about)
    return Kill(
        mistake=card.id,
        function=card.function,
        failed=tuple(f"{v.id}.{test.id}" for v in verdicts for test in v.tests if not test.passed),
        lost=round(sum(v.max_points - (v.points or 0.0) for v in verdicts if v.id in about), 4),
        lost_elsewhere=round(sum(v.max_points - (v.points or 0.0) for v in verdicts if v.id not in about), 4),
        diagnosed=own.diagnoses[0].id if own.diagnoses else "",
        cards=len(own.diagnoses),
        needs=impostors.needs(assignment, next(q for q in questions if q.id == own.id), card),
    )


def _mistakes(assignment: Assignment, report: Report) -> Iterator[Finding]:
    where = assignment.where()
    survivors = [kill.mistake for kill in report.kills if kill.lost <= 0]
    yield Finding("every known mistake loses points", not survivors, ", ".join(survivors), where)
    same = {card.id: card.equals or card.id for card in bank(assignment.tests).misconception}
    missed = [f"{k.mistake} as {k.diagnosed or 'nothing'}" for k in report.kills if not _named(k, same)]
    yield Finding("every known mistake is named", not missed, ", ".join(missed), assignment.where("bank.toml"))
    idle = [test for test in report.tests if not any(test in kill.failed for kill in report.kills)]
    yield Finding("every hidden test catches a mistake", not idle, ", ".join(idle), where)


def _impostors(assignment: Assignment, questions: list[Question]) -> Iterator[Finding]:
    where = assignment.where("bank.toml")
    alone = ", ".join(impostors.alone(assignment))
    yield Finding("every card that speaks of how has an impostor", not alone, alone, where)
    told = "; ".join(impostors.untrue(assignment, questions))
    yield Finding("no impostor is told how another mistake was made", not told, told, where)


def _named(kill: Kill, same: dict[str, str]) -> bool:
    return bool(kill.diagnosed) and same[kill.diagnosed] == same[kill.mistake]


def _variants(assignment: Assignment, report: Report, progress: Progress = UNTOLD) -> Iterator[Finding]:
    lost = []
    with measured() as shares:
        for variant in progress.through("right variants", bank(assignment.tests).variant):
            student = replaced(assignment, variant.function, variant.source)
            for verdict in judge_all(assignment, student):
                if not _full(verdict):
                    lost.append(f"{variant.id} on {verdict.id}")
    yield Finding("every right variant keeps full marks", not lost, ", ".join(lost), assignment.where())
    report.spread = max(shares, default=0.0)
    what = "right variants stay within half of the tolerances"
    yield Finding(what, report.spread <= ROOM, f"{report.spread:.2f} of the edge", assignment.where())


def _mutants(
    assignment: Assignment, questions: list[Question], report: Report, progress: Progress = UNTOLD
) -> Iterator[Finding]:
    """Mistakes that nobody wrote down are caught, or known to be none."""
    survivors = []
    for question in questions:
        for name in question.names:
            made = mutants(name, source_of(assignment, name))
            report.mutants += len(made)
            tried = progress.through("small changes", made)
            survivors += [mutant for mutant in tried if not _caught(assignment, question, mutant)]
    known = bank(assignment.tests).harmless
    why = {m: next((one.why for one in known if one.covers(m.function, m.before, m.after)), "") for m in survivors}
    report.survivors = tuple(Survivor(m.function, m.before, m.after, told) for m, told in why.items())
    where = assignment.where("bank.toml")
    unknown = "; ".join(str(mutant) for mutant, told in why.items() if not told)
    yield Finding("every small change of the reference is caught, or known to be harmless", not unknown, unknown, where)
    idle = [
        f"{one.function}: {one.before}"
        for one in known
        if not any(one.covers(m.function, m.before, m.after) for m in survivors)
    ]
    yield Finding("every change that is called harmless survives", not idle, "; ".join(idle), where)


def _caught(assignment: Assignment, question: Question, mutant: Mutant) -> bool:
    """Whether some hidden test of its own question fails; one that can't be read in, or never ends, is caught too."""
    try:
        with within():
            student = replaced(assignment, mutant.function, mutant.source)
            for claim in checks(assignment.tests, question.id):
                claim.claim(student)
    except (Mismatch, StudentError, CannotGrade, TimeoutError):
        return True
    return False


def _release(course: Course, assignment: Assignment, seed: str, with_release: bool) -> Iterator[Finding]:
    name = assignment.name
    mend = f"autograder release {name}"
    try:
        files = release.made(course, name)
    except KitError as error:
        yield Finding("the release can be made", False, str(error), str(assignment.path))
        return
    folder = course.root / "release" / name
    if with_release:
        stale = ", ".join(str(folder / place) for place, content in files.items() if _bytes(folder / place) != content)
        yield Finding("release/ is what source/ makes", not stale, stale, mend)
    made = files[f"{name}.ipynb"]
    text = made.decode("utf-8")
    marks = [mark for mark in ("BEGIN SOLUTION", "HIDDEN TESTS", "autograder.kernel") if mark in text]
    yield Finding("the release holds no solution and no hidden test", not marks, ", ".join(marks), str(assignment.path))
    outputs = [cell for cell in json.loads(text)["cells"] if cell.get("outputs")]
    yield Finding("the release holds no outputs", not outputs, f"{len(outputs)} cells", str(assignment.path))
    notebook = parse(made, "release")
    yield from _given_away(course, assignment, notebook)
    result = Grader(assignment, seed).grade(notebook, "release").result
    wrong = [q.id for q in result.questions if q.points or q.status not in {"no_answer", "manual"}]
    what = "the released stub scores 0, because nothing is written yet"
    yield Finding(what, not wrong, ", ".join(wrong), str(assignment.path))


def _given_away(course: Course, assignment: Assignment, made: Notebook) -> Iterator[Finding]:
    """Students see no answer but those that are given with a reason."""
    listed = leaks.given(assignment.tests)
    where = assignment.where("given.toml")
    found = "; ".join(map(str, leaks.leaks(course, made, listed)))
    mend = f"use numbers, autograd or the student's own function there, or list the line in {where} and say why"
    yield Finding("students see no line of an answer, of this lesson or another", not found, found, mend)
    idle = "; ".join(f"`{one.line}`" for one in leaks.idle(course, made, listed))
    yield Finding("every line that is given is an answer, and students see it", not idle, idle, where)


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _full(verdict: Verdict) -> bool:
    return verdict.points == verdict.max_points
