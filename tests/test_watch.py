"""autograder.watch: the time left is that of the work left, whatever was there already, and whatever came first."""

from __future__ import annotations

import pytest

from autograder.watch import Pace


class Steady:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


@pytest.mark.parametrize("start", [0.5, 30.0])
def test_half_way_through_an_even_class_half_of_its_time_is_left(start: float) -> None:
    """What comes once, before the first, is no part of it; every tenth takes as long as the nine others."""
    clock = Steady()
    pace = Pace(200, 200, clock)
    clock.now = start
    assert pace.left is None
    for number in range(100):
        clock.now += 9.0 if number % 10 == 9 else 1.0
        pace.done()

    assert pace.left == pytest.approx(180.0, rel=0.1)
    clock.now += 10.0
    assert pace.left == pytest.approx(170.0, rel=0.1), "it goes on while nothing is done"
    clock.now += 1000.0
    assert pace.left == 0.0


def test_what_was_there_already_takes_no_time_and_promises_none() -> None:
    """A run that goes on: the first half costs nothing, and the other as much as it costs."""
    clock = Steady()
    pace = Pace(200, 100, clock)
    for _ in range(100):
        pace.done(worked=False)
    assert pace.left is None
    for _ in range(50):
        clock.now += 2.0
        pace.done()

    assert pace.left == pytest.approx(100.0)


def test_what_turns_out_to_be_work_is_awaited_of_the_others_too() -> None:
    """Nobody knew that every second one had changed."""
    clock = Steady()
    pace = Pace(200, 0, clock)
    for number in range(100):
        clock.now += number % 2
        pace.done(worked=bool(number % 2))

    assert pace.left == pytest.approx(50.0)
    for _ in range(100):
        pace.done(worked=False)
    assert pace.left == 0.0
