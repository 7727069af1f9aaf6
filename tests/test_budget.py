"""What the grader's own side spends on one submission: a clock that strikes, limits for reading, and what is kept."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from autograder.budget import Budget, Spent, reading
from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.course.settings import BackpropKit
from autograder.jail.student import Opener, trusting
from autograder.judge.custody import held
from autograder.judge.grader import Grader
from autograder.notebook.notebook import Notebook
from autograder.result import Result
from tests.conftest import answering

ENDLESS = """\
def loss(v, t):
    while True:
        try:
            {does}
        except Exception:
            pass"""

ONCE = """\
def loss(v, t):
    import time
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pass
    except BaseException:
        return ((v - t) ** 2).sum()"""

SLOW = """\
def {name}({of}):
    import time
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        pass
    return {value}"""


def test_the_clock_strikes_code_that_mends_every_failure() -> None:
    """`except Exception` doesn't take a spent budget for a failure of its own."""

    def mending() -> None:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(1.0)

    with pytest.raises(Spent, match=r"longer than 0\.05 seconds"), Budget(0.05).striking():
        mending()


def test_the_clock_waits_for_what_must_not_be_cut() -> None:
    """What is held goes on to its end, and is told the time afterwards."""
    budget, done = Budget(0.02), list[str]()
    with budget.held(), budget.striking():  # the time may be over before the first line
        time.sleep(0.1)
        done.append("all of it")

    assert done
    with pytest.raises(Spent):
        budget.check()


def test_nothing_of_the_clock_stays() -> None:
    """The signal's handler, its timer and the limit of memory are as they were before."""
    before = (
        signal.getsignal(signal.SIGALRM),
        signal.getsignal(signal.SIGPROF),
        resource.getrlimit(resource.RLIMIT_DATA),
    )
    with Budget(60.0).striking(), reading():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0

    after = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGPROF), resource.getrlimit(resource.RLIMIT_DATA)
    assert after == before
    assert signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_outside_of_the_main_thread_the_time_is_told_when_asked() -> None:
    """Signals reach the main thread alone; `check` works everywhere."""
    told: list[str] = []

    def work() -> None:
        budget = Budget(0.01)
        with budget.striking(), reading():
            time.sleep(0.02)
            try:
                budget.check()
            except Spent as spent:
                told.append(str(spent))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told


def test_reading_ends_at_its_limit_of_memory() -> None:
    """Half a gigabyte is more than any notebook takes."""

    def large() -> int:
        return sum(map(len, [bytes(1 << 20) for _ in range(2_000)]))

    with pytest.raises(Spent, match="512 MiB of memory"), reading():
        large()
    assert large() == 2_000 << 20, "afterwards there is no limit"


def test_reading_ends_at_its_limit_of_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is read for ever stops nobody."""
    monkeypatch.setattr("autograder.budget.READING_S", 0.05)
    with pytest.raises(Spent, match="processor time"), reading():
        sum(0 for _ in iter(int, 1))


@pytest.fixture
def graded_within(course: Course, mlp: Assignment) -> Callable[[Opener, float, Mapping[str, Any]], Result]:
    """Grade a notebook within so many seconds."""

    def grade(opener: Opener, seconds: float, content: Mapping[str, Any]) -> Result:
        settings = BackpropKit(submission_s=seconds, call_s=60.0)
        return Grader(mlp, course.seed("mlp"), opener, settings).grade(Notebook(dict(content)), "made up").result

    return grade


@pytest.mark.parametrize("loss", [ENDLESS.format(does="pass"), ONCE], ids=["endless", "catches the strike"])
def test_in_this_process_the_clock_strikes_too(
    graded_within: Callable[[Opener, float, Mapping[str, Any]], Result], right: dict[str, str], loss: str
) -> None:
    """What was judged before keeps its points, the rest waits, and the next submission is graded."""
    graded_within(trusting, 60.0, answering(right))  # the expected values are worked out once
    struck = graded_within(trusting, 2.0, answering(right, loss=loss))

    assert [(verdict.id, verdict.status) for verdict in struck.questions][:4] == [
        ("sigma", "graded"),
        ("dsigma", "graded"),
        ("loss", "manual"),
        ("dloss", "manual"),
    ]
    assert struck.score == 2
    assert graded_within(trusting, 60.0, answering(right)).score == 12


@pytest.mark.slow
def test_a_notebook_whose_every_function_is_slow_is_stopped(
    course: Course, graded_within: Callable[[Opener, float, Mapping[str, Any]], Result], right: dict[str, str]
) -> None:
    """Each call is within its own limit, all together are not: the rest waiting for a person, told why."""
    slow = answering(
        right,
        loss=SLOW.format(name="loss", of="v, t", value="((v - t) ** 2).sum()"),
        dloss=SLOW.format(name="dloss", of="v, t", value="2 * (v - t)"),
    )
    with held(course.settings) as opener:
        assert graded_within(opener, 60.0, answering(right)).score == 12
        struck = graded_within(opener, 5.0, slow)
        after = graded_within(opener, 60.0, answering(right))

    waiting = [verdict for verdict in struck.questions if verdict.status == "manual"]
    assert struck.status == "graded"
    assert struck.question("sigma").points == struck.question("dsigma").points == 1
    assert struck.question("train").points is None
    assert "longer than 5 seconds" in struck.question("train").message
    assert any("waits for a person" in flag for flag in struck.flags)
    assert len(waiting) >= 4
    assert after.score == 12
