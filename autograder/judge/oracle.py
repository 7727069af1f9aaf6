"""Independent judges of a gradient, in float64: autograd and centred differences, which must agree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import CodeType

import torch

from autograder.judge.inputs import Tensors

STEP = 1e-6
"""Step of the centred differences: their error is about STEP**2 + 1e-16 / STEP, near its least for float64."""

AGREEMENT = 1e-7
"""Largest difference between two judges, relative to the largest entry. Measured: 1e-9 on the kit's own cases."""


class OracleDisagreement(RuntimeError):  # noqa: N818 - it reads as what it is
    """Two judges differ: the kit is at fault, never the student."""


def gradients(scalar: Callable[..., torch.Tensor], at: Mapping[str, torch.Tensor], of: Sequence[str]) -> Tensors:
    """d scalar(**at) / d at[name] for each name in `of`, by autograd, checked against centred differences.

    Shapes:
        at[name]      any; used in float64
        result[name]  as at[name], float64

    Raises:
        OracleDisagreement: if autograd and differences don't agree.
    """
    values = {name: tensor.detach().double() for name, tensor in at.items()}
    by_autograd = autograd(scalar, values, of)
    agree(by_autograd, differences(scalar, values, of), "autograd", "centred differences")
    return by_autograd


def judges(claim: Callable[..., object]) -> bool:
    """Whether a hidden test comes to these gradients, or to torch's, by whatever functions it calls.

    Then it asks for a derivative. Followed by name, in the text and in the modules that it names.
    """
    waiting, seen = [claim], set[object]()
    while waiting:
        function = inspect.unwrap(waiting.pop())
        if not inspect.isfunction(function) or function in seen:
            continue
        names = _names(function.__code__)
        if function.__module__ == __name__ or "autograd" in names:
            return True
        seen.add(function)
        things = [function.__globals__.get(name) for name in names]
        modules = [thing for thing in things if inspect.ismodule(thing) and thing.__name__.split(".")[0] != "torch"]
        things += [vars(module).get(name) for module in modules for name in names]
        things += [cell.cell_contents for cell in function.__closure__ or ()]
        waiting += filter(callable, things)
    return False


def _names(code: CodeType) -> set[str]:
    """The names that a function uses, and those inside it."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inner)


def autograd(scalar: Callable[..., torch.Tensor], at: Mapping[str, torch.Tensor], of: Sequence[str]) -> Tensors:
    """d scalar(**at) / d at[name] by torch.autograd."""
    leaves = {name: at[name].detach().clone().requires_grad_(True) for name in of}
    with torch.enable_grad():
        found = torch.autograd.grad(scalar(**{**at, **leaves}), [leaves[name] for name in of])
    return Tensors(dict(zip(of, found, strict=True)))


def differences(scalar: Callable[..., torch.Tensor], at: Mapping[str, torch.Tensor], of: Sequence[str]) -> Tensors:
    """(scalar(x + h) - scalar(x - h)) / 2h for every entry of every tensor in `of`."""
    found = {}
    for name in of:
        slopes = torch.zeros_like(at[name])
        for entry in range(at[name].numel()):
            ends = []
            for step in (STEP, -STEP):
                nudged = at[name].clone()
                nudged.view(-1)[entry] += step
                ends.append(scalar(**{**at, name: nudged}))
            slopes.view(-1)[entry] = (ends[0] - ends[1]) / (2 * STEP)
        found[name] = slopes
    return Tensors(found)


def agree(
    left: Mapping[str, torch.Tensor], right: Mapping[str, torch.Tensor], left_judge: str, right_judge: str
) -> None:
    """Check that two judges say the same, name by name.

    Raises:
        OracleDisagreement: naming the judges and the tensor, but no value.
    """
    for name in left:
        scale = max(1.0, float(left[name].abs().max()))
        if not torch.allclose(left[name], right[name].double(), rtol=0.0, atol=AGREEMENT * scale):
            raise OracleDisagreement(f"{left_judge} and {right_judge} differ on {name}: the kit's own check is wrong")
