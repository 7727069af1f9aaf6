"""Memory as a fork finds it: few pages to copy when it writes, few to give back when it ends.

A fork shares its parent's memory until it writes. What it allocates would come from holes all over that memory, a page
copied for each; so the holes are filled once, before any fork, and all that a fork allocates lies side by side.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from autograder.jail.syscalls import call

_POOL_BITS = 14
_POOL_HEADER = 48
_OTHERS = 8
"""Blocks of a new pool that may have gone to the books kept here."""
_LARGEST_SMALL = 512
"""Python allocates up to so many bytes from pools of blocks of one size, more from the C library."""
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1 << 16, 24
_LARGEST_HOLES = 4 << 20
"""Bytes that are taken at most in pieces of one size: another allocator may never come to an end."""

_LARGE = 2 << 20
_COLLAPSE, _WIPE_ON_FORK = 25, 18  # of madvise

_filling: list[Any] = []
"""What fills the holes, for as long as this process and its forks live."""


def settle(maps: Callable[[], str]) -> None:
    """Get this process's memory ready to be forked; `maps` reads what /proc says of it."""
    gc.collect()
    _fill_pools()
    _fill_heap()
    gc.freeze()  # else the first collection in a fork copies every page
    _use_large_pages(maps())


def unshared(size: int) -> mmap.mmap:
    """Make memory that is empty in every fork: for what comes from one of them, and is no other's to know."""
    place = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    place.madvise(_WIPE_ON_FORK)
    return place


def address(place: mmap.mmap) -> int:
    """Say where it is."""
    return ctypes.addressof(ctypes.c_char.from_buffer(place))


def _fill_pools() -> None:
    """Take the free blocks of Python's own pools, size by size, until whole new pools come."""
    for size in range(16, _LARGEST_SMALL + 1, 16):
        capacity = ((1 << _POOL_BITS) - _POOL_HEADER) // size - _OTHERS
        pools: dict[int, list[Any]] = {}
        whole = 0
        for thing in _blocks(size):
            own = pools.setdefault(id(thing) >> _POOL_BITS, [])
            own.append(thing)
            whole += len(own) == capacity
            if whole == 2:
                break
        _filling.append([own for own in pools.values() if len(own) < capacity])


def _blocks(size: int) -> Iterator[Any]:
    """Make objects that take this many bytes each."""
    others: dict[int, Callable[[int], Any]] = {16: lambda _: object(), 32: lambda number: number + (1 << 20)}
    return map(others.get(size, lambda _: bytes(size - 33)), range(_LARGEST_HOLES // size))


class _State(ctypes.Structure):
    """What mallinfo2 of glibc tells."""

    _fields_: ClassVar = [("others", 9 * ctypes.c_size_t), ("free_at_the_end", ctypes.c_size_t)]


def _fill_heap() -> None:
    """Take the free chunks of the C library's heap, large ones first, until only its end is left."""
    library = ctypes.CDLL(None)
    try:
        state, end_of_heap = library.mallinfo2, library.sbrk
    except AttributeError:  # another library than glibc 2.33: its holes stay
        return
    state.restype = _State
    end_of_heap.restype, end_of_heap.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    size = _LARGEST_CHUNK
    while size >= _SMALLEST_CHUNK:
        end = end_of_heap(0) - state().free_at_the_end
        for _ in range(_LARGEST_HOLES // size):
            at = library.malloc(size)
            if at is None or at >= end - 16:
                library.free(at)
                break
        size = size * 7 // 8 if size > 1024 else size - 16


def _use_large_pages(maps: str) -> None:
    """Gather this process's memory in large pages: a fork then takes half the time, and its end a third.

    Needs Linux 6.1; elsewhere nothing changes.
    """
    for line in maps.splitlines():
        where, access, *_, name = (line + " anonymous").split(maxsplit=5)
        if access.startswith("rw") and name.split()[0] in {"anonymous", "[heap]"}:
            start, end = (int(at, 16) for at in where.split("-"))
            for at in range(-(-start // _LARGE) * _LARGE, end - _LARGE + 1, _LARGE):
                with contextlib.suppress(OSError):
                    call("madvise", at, _LARGE, _COLLAPSE)
