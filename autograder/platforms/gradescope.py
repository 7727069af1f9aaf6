"""Gradescope: what was judged, as the results.json that its page is made of.

`python -m autograder.platforms.gradescope run ROOT` is what its container runs for each submission, and `prepare` what
it runs once. ROOT is /autograder there: `source` holds the bundle, `submission` what was handed in, `results` what is
told. docs/gradescope.md says which documentation this follows.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder import __version__, private
from autograder.course import Course, Question
from autograder.errors import KitError
from autograder.judge import Unheld, draws, held
from autograder.platforms.unpacked import Judged, judged, name_of, opened
from autograder.result import Question as Verdict
from autograder.result import Result, number, points
from autograder.visible import visible

WAITS = "waits for a person"
"""The tag of a question that is not in the score."""

LOOK = "a person should look"
"""The tag of a question that has its score, and of which something was noted."""

_LATER = {
    "after_due_date": "What was judged is shown after the due date.",
    "after_published": "What was judged is shown when the grades are published.",
    "hidden": "What was judged is not shown here.",
}
_FAILED = (
    "This submission was not graded, and it has no score: the autograder itself failed. Nothing is lost, and nothing "
    "counts as zero. Please tell your instructor, who can read in its output what went wrong."
)
_NO_JAIL = (
    "This submission was not graded, and it has no score: this machine can't keep a submission's code away from the "
    "hidden tests, so no code was run. Nothing is lost, and nothing counts as zero. Please tell your instructor."
)
_READ = "What was handed in"


def results(done: Judged, asked: tuple[Question, ...], visibility: str) -> dict[str, Any]:
    """What Gradescope shows of a record: a row for each question that code judges, and one on what was handed in.

    A record that has no verdict has no score either, rather than one of zero; nor has a question that waits for a
    person, which is left out of the total.
    """
    found, told = done.result, _frame(visibility, done.result)
    if found.status == "grader_error":
        return told | {"output": _FAILED}
    if found.status != "graded":
        sentence = f"{found.message} There is no score for it."
        return told | {"output": visible(sentence), "tests": [_handed_in(sentence, "failed")]}
    written = {question.id for question in asked if question.manual}
    rows = [_handed_in(done.read, "passed")]
    rows += [_row(place, each) for place, each in enumerate(found.questions, 1) if each.id not in written]
    if notes := [*_waiting(found, written), *found.mended, *found.flags]:
        rows.append({"name": "Noted while grading", "output": visible("\n\n".join(notes))})
    output = [f"Judged by code: {points(found.max_score)} in all.", *_by_hand(found, asked), _LATER.get(visibility, "")]
    return told | {"score": found.score, "output": visible(" ".join(filter(None, output))), "tests": rows}


def ungraded(sentence: str, visibility: str = "visible") -> dict[str, Any]:
    """What is told where nothing was judged through no fault of the student's: a sentence, and no score anywhere."""
    return _frame(visibility, None) | {"output": visible(sentence)}


def main() -> None:
    """Judge a submission in /autograder, or prepare for those to come."""
    gc.set_threshold(50_000)
    verb, root = sys.argv[1], Path(sys.argv[2])
    course = opened(root / "source" / "course")
    if verb == "prepare":
        draws.seed(course, name_of(course))
        return
    started = time.monotonic()
    told, fault = _told(course, root / "submission")
    told["execution_time"] = round(time.monotonic() - started, 2)
    private.write(root / "results" / "results.json", json.dumps(told, indent=1) + "\n")
    gc.freeze()  # memory goes as a whole
    sys.exit(fault)


def _told(course: Course, folder: Path) -> tuple[dict[str, Any], bool]:
    """What is told of a submission, and whether the autograder is at fault; what only instructors read is printed.

    A bundle's settings never trust students, whatever the course does at home.
    """
    try:
        with held(course.settings) as opener:
            done = judged(course, folder, opener)
        _print(done.result)
        asked = course.assignment(done.result.assignment).questions
        return results(done, asked, course.settings.bundle_visibility), done.result.status == "grader_error"
    except KitError as error:
        print(visible(f"Nothing was graded. {error}"))
        return ungraded(_NO_JAIL if isinstance(error, Unheld) else _FAILED), True
    except Exception:
        print(visible(traceback.format_exc()))
        return ungraded(_FAILED), True


def _print(found: Result) -> None:
    """Print what instructors read and students don't: how the code was held, and what it does that they should know."""
    print(
        f"backprop-kit {__version__}, {found.assignment}: {found.status}, "
        f"{number(found.score)} of {number(found.max_score)}"
    )
    print(f"jail: {found.jail}; hidden inputs: {found.seed}; {found.seconds:g} s")
    for seen in found.seen:
        print(visible(f"Its code {seen.does}{f', {seen.where}' if seen.where else ''}."))
    for question in found.questions:
        if question.status == "grader_error":
            print(visible(f"{question.id}: {question.message}"))


def _frame(visibility: str, found: Result | None) -> dict[str, Any]:
    extra = {"kit": __version__}
    if found is not None:
        extra |= {"assignment": found.assignment, "status": found.status, "jail": found.jail, "seed": found.seed}
    return {
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "extra_data": extra,
    }


def _handed_in(told: str, status: str) -> dict[str, Any]:
    """The row that a student always sees: it has no score, and says nothing of an answer."""
    return {"name": _READ, "status": status, "output": visible(told), "visibility": "visible"}


def _row(place: int, question: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"number": str(place), "name": visible(question.id), "output": visible(question.in_words())}
    if question.points is None:
        return row | {"tags": [WAITS]}
    full = question.points == question.max_points
    row |= {"score": question.points, "max_score": question.max_points, "status": "passed" if full else "failed"}
    stopped = [] if question.status == "graded" else [question.status.replace("_", " ")]
    tags = [*stopped, *([LOOK] if question.flags else [])]
    return row | ({"tags": tags} if tags else {})


def _waiting(found: Result, written: set[str]) -> Iterator[str]:
    waiting = [each for each in found.questions if each.points is None and each.id not in written]
    if waiting:
        named = ", ".join(f"{each.id} ({points(each.max_points)})" for each in waiting)
        yield f"Not in the score, because a person has to look: {named}."


def _by_hand(found: Result, asked: tuple[Question, ...]) -> Iterator[str]:
    unwritten = {each.id for each in found.questions if each.status == "no_answer"}
    for question in asked:
        if question.manual:
            yield (
                f"{question.id} ({points(question.max_points)}) is read by a person, and is not in this score."
                + (" It is not written yet." if question.id in unwritten else "")
            )


if __name__ == "__main__":
    main()
