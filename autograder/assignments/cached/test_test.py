"""Hidden tests of test."""

from collections.abc import Mapping

import torch

from autograder.jail import Student, Value
from autograder.judge import Mismatch, Tensors, compare, same_values, weight

from . import flows
from .cases import pairs, pairs_of_matrices, pairs_of_numbers, pairs_within


def _judged(found: Mapping[str, Value], wanted: Tensors) -> None:
    """Check which pairs were called different: a 1 for each AssertionError."""
    for name, rows in wanted.items():
        given, got = name.partition(", ")[2], found.get(name)
        if not isinstance(got, torch.Tensor) or same_values(got, rows):
            compare(found, {name: rows})
            continue
        off = got.flatten()[: len(rows)] - rows[: got.numel()]
        silent, loud = bool((off < 0).any()), bool((off > 0).any())
        told = ["is silent about tensors that differ"] * silent
        told += ["raises an AssertionError for tensors that are near enough"] * loud
        raise Mismatch(f"test {' and '.join(told)}{f', with {given}' if given else ''}")


@weight(2)
def test_tells_tensors_apart(student: Student) -> None:
    """test is silent for equal tensors, and raises AssertionError if any entry is off, up or down."""
    given, wanted = pairs()
    _judged(student.run(flows.closeness, **given), wanted)


@weight(2)
def test_eps_decides(student: Student) -> None:
    """With eps given, by position or name, test is silent if all entries are nearer, and raises if one isn't."""
    given, wanted = pairs_within()
    _judged(student.run(flows.closeness_within, **given), wanted)


@weight(1)
def test_takes_matrices(student: Student) -> None:
    """test compares matrices entry by entry, too: each difference counts for itself, whichever row it stands in."""
    given, wanted = pairs_of_matrices()
    _judged(student.run(flows.closeness_of_matrices, **given), wanted)


@weight(1)
def test_takes_single_numbers(student: Student) -> None:
    """test compares tensors without axes, too: a loss is one."""
    given, wanted = pairs_of_numbers()
    _judged(student.run(flows.closeness_of_numbers, **given), wanted)
