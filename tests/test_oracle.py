"""The judges of gradients are themselves judged, with gradients that are known to be wrong."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.function import FunctionCtx

from autograder.judge.inputs import Tensors
from autograder.judge.oracle import OracleDisagreement, agree, autograd, differences, gradients


class _SlightlyWrong(torch.autograd.Function):
    """x^2 with a derivative that is wrong by 0.05 %."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: FunctionCtx, upstream: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return upstream * 2.001 * x


AT = {"x": torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)}


def test_a_derivative_wrong_by_a_two_thousandth_is_refused() -> None:
    """Differences catch an autograd rule that is wrong by 0.05 %, and name the judge."""
    with pytest.raises(OracleDisagreement, match="centred differences differ on x"):
        gradients(lambda x: _SlightlyWrong.apply(x).sum(), AT, ["x"])


def test_a_right_derivative_is_given_in_float64() -> None:
    """The gradient of a cube is three times the square."""
    found = gradients(lambda x: (x**3).sum(), {"x": AT["x"].float()}, ["x"])["x"]

    assert found.dtype == torch.float64
    assert torch.allclose(found, 3 * AT["x"].float().double() ** 2)


def test_the_judges_are_independent() -> None:
    """Autograd sees through a detach that differences don't, so they can disagree at all."""

    def half_hidden(x: torch.Tensor) -> torch.Tensor:
        return (x * x.detach()).sum()

    with pytest.raises(OracleDisagreement):
        agree(autograd(half_hidden, AT, ["x"]), differences(half_hidden, AT, ["x"]), "one", "another")


def test_tensors_add_and_scale_name_by_name() -> None:
    """`held + 2 * gradients` works on named tensors."""
    one = Tensors(a=torch.ones(2))

    assert torch.equal((one + 2 * one)["a"], 3 * torch.ones(2, dtype=torch.float64))
