"""The CPU in place of a GPU: what a notebook puts on `cuda` or `mps` is put here, with the same values.

`torch.cuda.is_available()` stays False.
Each torch call then takes some microseconds longer, so only a notebook that names a GPU pays for it: see :data:`NAMED`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _device

from autograder.jail.bars import Quiet, nothing

NAMED = re.compile(r"\b(?:cuda|mps|xpu|hpu|npu|xla|privateuseone)\b")
"""What a text has in it that means a GPU."""

_KINDS = ("cuda", "mps", "xpu", "hpu", "npu")
_HERE = torch.device("cpu")
_KEPT = {"cpu", "meta"}
_MOVES = {torch.Tensor.to, torch.Tensor.type}
_TENSORS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")


def here(device: Any) -> Any:
    """The device that stands in for another; what names none stays as it is."""
    if isinstance(device, bool) or not isinstance(device, str | int | torch.device):
        return device
    if isinstance(device, str):
        if device.startswith("torch.cuda."):
            return device.replace("torch.cuda.", "torch.")
        try:
            device = torch.device(device)
        except RuntimeError:
            return device
    return device if isinstance(device, torch.device) and device.type in _KEPT else _HERE


class Here(TorchFunctionMode):
    """While this is on, tensors are made and moved here, whatever device is asked for."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch with a device that exists."""
        kwargs = kwargs or {}
        if "device" in kwargs:
            kwargs = {**kwargs, "device": here(kwargs["device"])}
        if func in _MOVES:
            args = (*args[:1], *map(here, args[1:2]), *args[2:])
            if "dtype" in kwargs and isinstance(kwargs["dtype"], str):
                kwargs = {**kwargs, "dtype": here(kwargs["dtype"])}
        elif func in _STAYS:
            return args[0]
        return func(*args, **kwargs)


_STAYS = {getattr(torch.Tensor, name) for name in (*_KINDS, "pin_memory") if hasattr(torch.Tensor, name)}


def places() -> Iterator[tuple[Any, str, Any]]:
    """Where devices are looked for without a tensor: object -> name -> what stands in there."""
    context, load, default_type = _device.DeviceContext.__init__, torch.load, torch.set_default_tensor_type

    def begun(self: Any, device: Any) -> None:
        context(self, here(device))

    def loaded(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1:
            args = (args[0], here(args[1]), *args[2:])
        elif "map_location" in kwargs:
            kwargs["map_location"] = here(kwargs["map_location"])
        return load(*args, **kwargs)

    def typed(kind: Any) -> None:
        default_type(here(kind))

    yield _device.DeviceContext, "__init__", begun
    yield torch, "load", loaded
    yield torch, "set_default_tensor_type", typed
    yield torch, "Generator", Generator
    for kind in _TENSORS:
        yield torch.cuda, f"{kind}Tensor", getattr(torch, f"{kind}Tensor")
    for name in ("Event", "Stream"):
        yield torch.cuda, name, _Clock
    for name in ("stream", "device", "current_stream", "default_stream", "get_device_properties"):
        yield torch.cuda, name, nothing
    yield torch.cuda, "current_device", lambda: 0
    yield torch.cuda, "get_device_name", lambda *_: "none"
    yield torch.cuda, "get_device_capability", lambda *_: (0, 0)
    yield torch.cuda, "mem_get_info", lambda *_: (0, 0)
    yield torch.cuda, "memory_summary", lambda *_, **__: ""
    for module in (torch.cuda, torch.mps):
        for name in (
            *("synchronize", "empty_cache", "manual_seed", "manual_seed_all", "seed", "seed_all", "set_device"),
            *("reset_peak_memory_stats", "reset_max_memory_allocated", "ipc_collect", "init"),
            *("set_per_process_memory_fraction",),
        ):
            if hasattr(module, name):
                yield module, name, _passed_over
        for name in (
            *("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved"),
            *("current_allocated_memory", "driver_allocated_memory"),
        ):
            if hasattr(module, name):
                yield module, name, lambda *_, **__: 0
    begin = threading.Thread.run

    def run(self: threading.Thread) -> None:  # the mode is a thread's own
        with Here():
            begin(self)

    yield threading.Thread, "run", run


_generator = torch.Generator


class _OfGenerators(type):
    def __call__(cls, device: Any = "cpu") -> Any:
        return _generator(here(device))

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, _generator)


class Generator(metaclass=_OfGenerators):
    """What stands in for `torch.Generator`, which can't be made for a device that isn't here."""


class _Clock(Quiet):
    """An event, or a stream, of a GPU: all that it waits for has happened."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def elapsed_time(self, _: Any) -> float:
        return 0.0

    def query(self) -> bool:
        return True


def _passed_over(*_: Any, **__: Any) -> None:
    """Do nothing."""
