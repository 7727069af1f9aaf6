"""Start a program as a container's runtime does: root with few rights, no network, and some system calls refused.

`python contained.py TERMS WORD...`: the terms are JSON, the numbers of `capabilities` that are left, and of the calls
that are `refused`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import struct
import sys
from pathlib import Path

KEPT = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""The capabilities that Docker leaves to a container's root."""

NAMESPACES = ("unshare", "setns", "mount", "open_tree", "move_mount", "mount_setattr", "pivot_root", "umount2")
"""Calls that Docker refuses to a root without CAP_SYS_ADMIN."""

LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
"""Calls that older runtimes refuse as well, and that kernels which stand in for Linux's don't have."""

REFUSED = {"full": (), "portable": NAMESPACES, "none": (*NAMESPACES, *LANDLOCK)}

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NO_NETWORK, _OWN_USERS = 0x40000000, 0x10000000
_DROP, _NO_NEW_PRIVILEGES = 24, 38
_libc = ctypes.CDLL(None, use_errno=True)


def refuse(numbers: list[int]) -> None:
    """Have the kernel refuse these calls from now on, in this process and all that it starts."""
    code = [(0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, _REFUSE | errno.EPERM)]
    program = b"".join(struct.pack("=HBBI", *each) for each in [*code, (0x06, 0, 0, _ALLOW)])
    kept = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    _done(_libc.prctl(22, 2, ctypes.create_string_buffer(described, len(described)), 0, 0))


def main() -> None:
    """Give up what a container has not, and be the program."""
    terms, words = json.loads(sys.argv[1]), sys.argv[2:]
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _done(_libc.unshare(_NO_NETWORK))
    else:  # root of a namespace, as where a runtime needs no root
        _done(_libc.unshare(_NO_NETWORK | _OWN_USERS))
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    for capability in set(range(41)).difference(terms["capabilities"]):
        _libc.prctl(_DROP, capability, 0, 0, 0)  # a kernel may not know the last of them
    _done(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    refuse(terms["refused"])
    os.execv(words[0], words)  # noqa: S606 - the words are the test's own


def _done(code: int) -> None:
    if code < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    main()
