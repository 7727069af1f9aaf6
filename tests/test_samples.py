"""Samples: others each day, never none, and no test that is left out for ever by a slip of the pen."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import sample, taken

CONFIG: Any = SimpleNamespace(getoption={"day": "2026-11-26", "part": 1}.get)


def item(test: str, mark: pytest.MarkDecorator, **params: str) -> Any:
    """A test as pytest collects it, as far as samples look at it."""
    return SimpleNamespace(
        name=f"{test}[{'-'.join(params.values())}]",
        path=Path("test_it.py"),
        callspec=SimpleNamespace(params=params),
        get_closest_marker=lambda wanted: mark.mark if wanted == mark.name else None,
    )


def test_a_month_of_samples_is_the_whole_range() -> None:
    """A day has the same sample each time, another day another one, and nothing is never taken."""
    values = [f"case {n}" for n in range(12)]
    month = [sample(f"2026-11-{day}", values, 3) for day in range(1, 31)]

    assert {len(one) for one in month} == {3}
    assert month[0] == sample("2026-11-1", values[::-1], 3) != month[1]
    assert set().union(*month) == set(values)
    assert sample("any day", values, 99) == set(values)


def test_each_sampled_test_keeps_a_case_and_equal_ranges_the_same_ones() -> None:
    """Two tests of the same values have the same sample; one of other values has one of its own."""
    mark = pytest.mark.sample(2, "name")
    cases = [item(test, mark, name=name) for test in ("first", "second") for name in "abcdefgh"]
    others = [item("third", mark, name=name) for name in ("", "x", "y", "z")]
    kept = [case.name for case in taken(CONFIG, [*cases, *others])]
    first, second, third = ([name for name in kept if name.startswith(test)] for test in ("first", "second", "third"))

    assert [name.removeprefix("first") for name in first] == [name.removeprefix("second") for name in second]
    assert len(first) == len(third) == 2


def test_a_long_test_waits_for_everything() -> None:
    """What is marked `everything` is not for every day."""
    assert taken(CONFIG, [item("long", pytest.mark.everything)]) == []


def test_a_sample_by_a_parameter_that_is_not_there_is_refused() -> None:
    """It would leave the test out each day, and nobody would know."""
    with pytest.raises(pytest.UsageError, match="first is sampled by nobody, which is no parameter of it"):
        taken(CONFIG, [item("first", pytest.mark.sample(2, "nobody"), name="a")])
