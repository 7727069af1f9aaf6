"""Layers that tell what was done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from .checks import NotYet


def spy(module: Any) -> Any:
    """A layer on a Module that writes down what its forward and its bwd are given."""

    class Spy(module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.forwards: list[Any] = []
            self.bwds: list[Any] = []

        def forward(self, *given: Any) -> Tensor:
            self.forwards.append(given)
            self.made = torch.tensor([float(len(self.forwards))])
            return self.made

        def bwd(self, *given: Any) -> None:
            self.bwds.append(given)

    return Spy()


def bases(module: Any) -> dict[str, Any]:
    """Base classes that differ in their forward alone: a Module's own, one that does nothing, and none."""

    class Complaining(module):  # type: ignore[misc]
        def forward(self) -> None:
            raise NotImplementedError("forward is missing")

    Complaining.forward.__qualname__ = "Complaining.forward"  # its message says no more of where it stands

    class Silent(module):  # type: ignore[misc]
        def forward(self, *args: Any) -> None:
            pass

    class Bare:
        __call__, backward = module.__call__, module.backward

    return {
        "A  def forward(self): raise ...": Complaining,
        "B  def forward(self, *args): pass": Silent,
        "C  no forward at all": Bare,
    }


def complaint(base: Any) -> str:
    """What somebody sees who misspelt forward in a layer on this base class, and after which line."""

    class Double(base):  # type: ignore[misc]
        def foward(self, inp: Any) -> Any:
            return 2 * inp

        def bwd(self, out: Any, inp: Any) -> None:
            inp.g = 2 * out.g

    layer, inp, line = Double(), torch.tensor([1.0]), "out = layer(inp)"
    try:
        out = layer(inp)
        line = "out.g = torch.tensor([1.0])"
        out.g = torch.tensor([1.0])
        line = "layer.backward()"
        layer.backward()
    except Exception as error:
        if "is yours to write" in str(error):
            raise
        return f"{line:28}  {type(error).__name__}: {error}"
    return "no error"


def put(name: str, tensor: Any, gradient: Tensor) -> None:
    """Leave a gradient on what a layer returned.

    Raises:
        NotYet: if that is no tensor.
    """
    if not torch.is_tensor(tensor):
        got = "None" if tensor is None else type(tensor).__name__
        raise NotYet(f"gives {got} when {name} is called; it should be a torch tensor.")
    tensor.g = gradient  # type: ignore[attr-defined]


def named(things: Iterable[Any], known: Mapping[str, Any]) -> str:
    """Things by their names, for a sentence: those in `known` are found by being the same object."""

    def one(thing: Any) -> str:
        for name, other in known.items():
            if thing is other:
                return name
        if isinstance(thing, (tuple, list)):
            return f"a {type(thing).__name__} of {len(thing)}"
        if torch.is_tensor(thing):
            return "another tensor"
        return "None" if thing is None else f"a {type(thing).__name__}"

    return ", ".join(map(one, things)) or "nothing"


class Shuffle:
    """A layer that deals the columns in another order, and notes when it was asked back."""

    def __init__(self, name: str, order: list[int], asked: list[str]) -> None:
        self.name, self.order, self.asked = name, torch.tensor(order), asked

    def forward(self, inp: Any) -> Any:
        """Deal the columns."""
        self.inp, self.out = inp, inp[:, self.order]
        return self.out

    __call__ = forward

    def backward(self) -> None:
        """Deal the gradient back.

        Raises:
            NotYet: if none has arrived.
        """
        self.asked.append(self.name)
        if not hasattr(self.out, "g"):
            order = ", ".join(self.asked)
            raise NotYet(f"layer {self.name} runs backward before its output has a gradient: the order was {order}.")
        self.inp.g = self.out.g[:, self.order.argsort()]
