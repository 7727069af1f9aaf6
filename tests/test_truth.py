"""What is said of an answer is true of it: answers that were told of mistakes that they hadn't made, a sentence each.

`truth/<lesson>.txt` holds them in the form of `unseen/<lesson>.txt`, each with lines of its own: `# said: ` before a
text that has to be among what is said, `# not: ` before one that must not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course.course import Course
from autograder.jail.student import Opener
from autograder.judge import draws
from autograder.judge.custody import held
from autograder.judge.grader import Grader
from autograder.result import Result
from tests.test_unseen import Answer, graded, read

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_unseen")]  # draws are chosen once for both files

ANSWERS = [answer for path in sorted(Path(__file__).with_name("truth").glob("*.txt")) for answer in read(path)]


@pytest.fixture(scope="module")
def jailer(course: Course) -> Iterator[Opener]:
    """One jail for all."""
    with held(course.settings) as opener:
        yield opener


@pytest.mark.sample(16, "answer")
@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_what_is_said_is_true(course: Course, jailer: Opener, answer: Answer) -> None:
    """A wrong answer loses points, a right one doesn't; either is told what is so, and nothing that isn't."""
    seed = draws.seed(course, answer.lesson)
    result = graded(Grader(course.assignment(answer.lesson), seed, jailer, course.settings), answer)
    told, wanted, unwanted = said(result), _asked(answer, "said"), _asked(answer, "not")

    assert wanted + unwanted, "nothing is asked of what is said"
    assert (result.score == result.max_score) == answer.is_right
    assert [text for text in wanted if text not in told] == []
    assert [text for text in unwanted if text in told] == []


def said(result: Result) -> str:
    """Everything about a notebook that a student or a person reads, but what was passed: a line each."""
    lines = [*result.flags, *result.mended]
    for question in result.questions:
        lines.append(question.message)
        lines += [f"{test.says}\n{test.message}" for test in question.tests if not test.passed]
        lines += [f"{diagnosis.says}\n{diagnosis.hint}" for diagnosis in question.diagnoses]
    return "\n".join(lines)


def _asked(answer: Answer, kind: str) -> list[str]:
    return re.findall(rf"^# {kind}: (.+)$", answer.source, re.MULTILINE)
