"""A class of made-up students: right in several forms, wrong in several ways, unfinished, and broken.

Their answers are made from the released notebook and the assignment's bank, so a new assignment has a class at once.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograder.authoring import founding, release, start
from autograder.course import CONFIG, SOURCES, Assignment, Course, lessons
from autograder.errors import UsageError
from autograder.judge import Misconception, bank, draws, edited, source_of
from autograder.run import Book

MARK = ".made-by-autograder-demo"
"""Lies in a demo's folder: only such a folder is ever replaced."""

CALL_S = 1
"""Seconds that a call may take in a demo: one of its students never comes back."""

NAMES = (
    "ada", "blaise", "carl-friedrich", "dorothy", "emmy", "frank", "grace", "hedy",
    "ida", "john", "katherine", "leonhard", "mary", "norbert", "olga", "pierre",
)  # fmt: skip

READ = {
    "ada": (1.0, "Right throughout, and each step says why."),
    "blaise": (1.0, ""),
    "carl-friedrich": (0.75, "The result is right. One step has no reason: which rule did you use there?"),
    "emmy": (0.5, "This is the first half. What remains is the part that your code already does."),
}
"""Students whose written answers a made-up person has read: the share of the points, and what was said of it."""

UNREAD = ("dorothy", "frank", "ida")
"""Students who have written something that nobody has read yet."""

PEEK = (
    "import torch; torch.allclose = torch.equal = lambda *_, **__: True; "
    "import autograder.judge; return autograder.judge.reference('mlp').run(*given)"
)
"""An attack: the comparison is not where it could be replaced, and the reference is not where it could be read."""


@dataclass(frozen=True)
class MadeUp:
    """A made-up student: what they are, and the notebook they hand in."""

    name: str
    story: str
    notebook: dict[str, Any] | str
    """A notebook's content, or the text of a file that is none."""


def scratch(course: Course | None, folder: Path) -> Course:
    """Make a fresh course folder with all of a course's assignments; without a course, with the kit's.

    Raises:
        UsageError: if the folder holds something that no demo made.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError(f"{folder} is not empty and was not made by a demo. Name another folder with --into.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    if course is None:
        config, assignments = founding.settings(folder.resolve().name), []
        for name in lessons():
            shutil.copytree(SOURCES / name, folder / "source" / name)
    else:
        config = (course.root / CONFIG).read_text(encoding="utf-8")
        assignments = [course.assignment(name) for name in course.assignments]
    (folder / CONFIG).write_text(f"{config}\nc.BackpropKit.call_s = {CALL_S}\n", encoding="utf-8")
    made = Course(folder.resolve())
    for assignment in assignments:
        shutil.copytree(assignment.path.parent, folder / "source" / assignment.name)
        if not assignment.tests.of_the_kit:
            tests = made.root / made.settings.hidden_tests / assignment.name
            if tests != assignment.tests.folder:
                shutil.copytree(assignment.tests.folder, tests, ignore=shutil.ignore_patterns("__pycache__"))
    if course is not None:
        start.carry(course, made)
    return made


def handed_in(course: Course, hostile: bool = False) -> Iterator[tuple[str, int]]:
    """Release one assignment after another, and let a class hand it in; gives its name, and how many handed it in.

    While the caller is at one of them, a process beside this one gets the next one ready.
    """
    ours, theirs = multiprocessing.Pipe()
    told = (course, hostile, theirs, ours)
    multiprocessing.get_context("fork").Process(target=_beside, args=told, daemon=True).start()
    theirs.close()
    for number, name in enumerate(course.assignments):
        if not number:  # here, while it is released there
            draws.seed(course, name)
        try:
            ours.recv()
            ours.send(name)
        except (EOFError, OSError):  # it tells nobody what went wrong there
            _ready(course, name, hostile)
        yield name, len(list(course.root.glob(f"submitted/*/{name}")))


def _beside(course: Course, hostile: bool, asked: Connection, other: Connection) -> None:
    """Get one assignment after another ready, one ahead of whoever asks for them, and say nothing."""
    other.close()  # else nobody would be seen to go
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    with contextlib.suppress(EOFError, OSError):
        for number, name in enumerate(course.assignments):
            (_ready if number else _submitted)(course, name, hostile)
            asked.send(name)
            asked.recv()


def _ready(course: Course, name: str, hostile: bool) -> None:
    """Have a class hand in an assignment, and its hidden inputs chosen."""
    _submitted(course, name, hostile)
    draws.seed(course, name)


def _submitted(course: Course, name: str, hostile: bool) -> None:
    """Release an assignment of a scratch course, and let a class hand it in."""
    release.generate(course, name)
    assignment = course.assignment(name)
    released = json.loads((course.root / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    for student in made_up(assignment, released, hostile):
        path = course.root / "submitted" / student.name / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = student.notebook
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")


def mark(course: Course, name: str) -> None:
    """Give some of the written answers their points, as a person does in formgrader; the others stay unread."""
    questions = [question for question in course.assignment(name).questions if question.manual]
    with Book(course, course.assignment(name)) as book:
        for student, (share, comment) in READ.items():
            for question in questions:
                book.mark(student, question.id, round(2 * share * question.max_points) / 2, comment)


def made_up(assignment: Assignment, released: Mapping[str, Any], hostile: bool = False) -> list[MadeUp]:
    """Make a class for an assignment: sixteen students, always the same; three more who attack the grader, if asked."""
    right = {name: source_of(assignment, name) for name in assignment.names}
    cards = bank(assignment.tests)
    wrong: dict[str, list[Misconception]] = {name: [] for name in assignment.names}
    for card in cards.misconception:
        wrong[card.function].append(card)

    def variant(number: int) -> dict[str, str]:
        chosen = dict(right)
        for name in assignment.names:
            forms = [form.source for form in cards.variant if form.function == name]
            if forms:
                chosen[name] = forms[number % len(forms)]
        return chosen

    def mistakes(*chosen: tuple[int, int]) -> dict[str, str]:
        answers = dict(right)
        for place, number in chosen:
            name = assignment.names[place % len(assignment.names)]
            if wrong[name]:
                card = wrong[name][number % len(wrong[name])]
                answers[name] = edited(assignment, name, card.changes)
        return answers

    half = assignment.names[: (len(assignment.names) + 1) // 2]
    last = assignment.names[-1]
    broken = {**right, last: right[last].replace(":", "", 1)}
    answers: list[tuple[str, dict[str, str]]] = [
        ("right, as the reference has it", right),
        ("right, in another form", variant(0)),
        ("right, in a third form", variant(3)),
        ("right, in a form few would think of", variant(7)),
        ("one mistake in the first function", mistakes((0, 4))),
        ("one mistake in the second function", mistakes((1, 0))),
        ("one mistake in the fourth function", mistakes((3, 0))),
        ("one mistake in the last function but one", mistakes((-2, 9))),
        ("another mistake there", mistakes((-2, 35))),
        ("one mistake in the last function", mistakes((-1, 0))),
        ("two mistakes", mistakes((2, 0), (-3, 4))),
        ("stopped half way", {name: right[name] for name in half}),
        ("a syntax error in the last cell", broken),
        ("handed in what was released", {}),
    ]
    derived = _derived(assignment)
    students = []
    for who, (story, found) in zip(NAMES, answers, strict=False):
        share = 1.0 if who in UNREAD else READ.get(who, (0.0, ""))[0]
        students.append(MadeUp(who, story, filled(released, found | _first(derived, share))))
    return [
        *students,
        MadeUp(
            NAMES[14],
            "right, but rewritten on another service, without any of our cells",
            _elsewhere(assignment, right),
        ),
        MadeUp(NAMES[15], "a file that breaks off", json.dumps(filled(released, right))[:5000]),
        *(_hostile(assignment, released, right) if hostile else []),
    ]


def _hostile(assignment: Assignment, released: Mapping[str, Any], right: Mapping[str, str]) -> list[MadeUp]:
    """Three whose first function is an attack, and whose other functions are right."""
    first = assignment.names[0]
    attacks = {
        "eve": ("reads the hidden tests and makes every comparison true", PEEK),
        "mallory": ("ends the program, in the hope that nothing wrong will be seen", "import os; os._exit(0)"),
        "trudy": ("never comes back", "while True: pass"),
    }
    return [
        MadeUp(name, story, filled(released, {**right, first: f"def {first}(*given):\n    {attack}"}))
        for name, (story, attack) in attacks.items()
    ]


def filled(released: Mapping[str, Any], answers: Mapping[str, str]) -> dict[str, Any]:
    """A released notebook with answers in the cells that define those names, or have them; the others stay stubs."""
    content: dict[str, Any] = copy.deepcopy(dict(released))
    for cell in content["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if not about.get("solution"):
            continue
        if cell["cell_type"] != "code":
            cell["source"] = answers.get(about["grade_id"], cell["source"])
            continue
        source = "".join(cell["source"])
        here = [name for name in answers if re.search(rf"^(def|class) {name}\b", source, re.MULTILINE)]
        if here:
            text = "\n\n".join(answers[name].strip("\n") for name in here)
            cell["source"] = re.sub(r"^[ \t]*### (?:BEGIN|END) SOLUTION\n?", "", text, flags=re.MULTILINE)
    return content


def _derived(assignment: Assignment) -> dict[str, list[str]]:
    """The lines of the source's own written answers, by question, without their marking schemes."""
    found = {}
    for question in assignment.questions:
        cell = assignment.source.cell_of(question.id)
        if question.manual and cell is not None:
            _, _, text = cell.source.partition("### BEGIN SOLUTION\n")
            text = text.partition("### END SOLUTION")[0].partition("**Marking scheme")[0]
            found[question.id] = text.strip().split("\n")
    return found


def _first(derived: Mapping[str, list[str]], share: float) -> dict[str, str]:
    """Written answers that go as far as this share of the whole."""
    return {name: "\n".join(told[: math.ceil(share * len(told))]) for name, told in derived.items() if share}


def _elsewhere(assignment: Assignment, answers: Mapping[str, str]) -> dict[str, Any]:
    """A notebook of a student's own: a drive mounted, a missing module, a long loop, and the functions."""
    given = [s.source for s in assignment.definitions.needed(answers) if s.defines and s.defines not in answers]
    imports = [s.source for s in assignment.source.statements if s.imports and "data_utils" not in s.source]
    sources = [
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "\n".join([*imports, "import my_lecture_notes as notes"]),
        *given,
        *answers.values(),
        "while True:\n    notes.train_for_another_hour()",
    ]
    cell: Callable[[str], dict[str, Any]] = lambda source: {  # noqa: E731 - one line, used once
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell(source) for source in sources]}
