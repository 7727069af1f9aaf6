"""A process about to be forked has no holes left: what comes next lies side by side."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCATTERED = """
import ctypes
import sys

PAGE = 12
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
free = ctypes.CDLL(None).free
free.argtypes = [ctypes.c_void_p]

small = [bytes(167) for _ in range(20_000)]
large = [malloc(2000) for _ in range(20_000)]
del small[::7]
for at in large[::7]:
    free(at)

if sys.argv[1] == "settled":
    from autograder.jail import memory

    memory.settle(str)

new = [bytes(167) for _ in range(1000)]
chunks = [malloc(2000) for _ in range(1000)]
print(len({id(each) >> PAGE for each in new}), len({at >> PAGE for at in chunks}))
"""


def pages(how: str) -> tuple[int, int]:
    """How many pages a thousand small objects and a thousand larger chunks begin in, in a process full of holes."""
    found = subprocess.run([sys.executable, "-c", SCATTERED, how], check=True, capture_output=True, text=True)
    small, large = found.stdout.split()
    return int(small), int(large)


def test_a_settled_process_allocates_side_by_side() -> None:
    """A thousand objects of 200 bytes and as many chunks of 2,000 lie as densely as they can."""
    scattered, settled = pages("as it is"), pages("settled")

    assert scattered[0] > 150
    assert scattered[1] > 700
    assert settled[0] < 80
    assert settled[1] < 550
