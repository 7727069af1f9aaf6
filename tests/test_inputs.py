"""Hidden inputs: secret, repeatable, and the same object each time."""

from __future__ import annotations

import torch

from autograder.judge.inputs import Normal, Spec, digest, draw, once, seeded

SPEC = Spec("some", x=Normal((4, 3)), y=Normal((2,), 0.1, 5.0))


def test_equal_seeds_draw_equal_inputs() -> None:
    """A record can be replayed."""
    with seeded("secret"):
        first = draw(SPEC)
    with seeded("secret"):
        again = draw(Spec("some", **SPEC.parts))

    assert all(torch.equal(first[name], again[name]) for name in first)


def test_another_secret_draws_other_inputs() -> None:
    """Who knows this repository doesn't know the inputs."""
    with seeded("secret"):
        one = draw(SPEC)["x"]
    with seeded("another"):
        other = draw(SPEC)["x"]

    assert not torch.isclose(one, other).any()


def test_specs_of_other_names_draw_other_inputs() -> None:
    """Two cases of the same shape don't share their inputs."""
    with seeded("secret"):
        assert not torch.equal(draw(SPEC)["x"], draw(Spec("other", **SPEC.parts))["x"])


def test_inputs_are_float32_with_the_asked_moments() -> None:
    """Students get float32; mean and spread are the spec's."""
    with seeded("secret"):
        wide = draw(Spec("wide", x=Normal((4000,), 2.0, 5.0)))["x"]

    assert wide.dtype == torch.float32
    assert abs(float(wide.mean()) - 5.0) < 0.2
    assert abs(float(wide.std()) - 2.0) < 0.2


def test_expected_values_are_computed_once_a_seed() -> None:
    """The second submission reuses what was computed for the first; another seed doesn't."""
    calls = []

    @once
    def expected(x: object) -> int:
        calls.append(x)
        return len(calls)

    with seeded("secret"):
        inputs = draw(SPEC)
        assert expected(inputs) == expected(inputs) == 1
    with seeded("another"):
        assert expected(inputs) == 2


def test_a_digest_tells_seeds_apart_and_not_what_they_are() -> None:
    """A record shows sixteen hexadecimal digits, never the seed."""
    assert digest("a") != digest("b")
    assert "secret" not in digest("secret")
    assert len(digest("a")) == 16
