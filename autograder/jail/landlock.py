"""Landlock: the files a student's process may read and write, and no network, as far as this kernel's version goes.

It judges opening, making and removing; `stat`, `chmod` and the like are the matter of seccomp.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable
from ctypes import create_string_buffer

from autograder.jail.syscalls import call

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEVICE = 1, 2, 4, 8, 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_FILES_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version of Landlock judges; later ones judge as many as version 5."""

_READING = _READ_FILE | _READ_DIR


def version() -> int:
    """Version of Landlock in this kernel; 0 where it is missing or off."""
    try:
        return call("landlock_create_ruleset", 0, 0, 1)
    except OSError:
        return 0


def ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Make a set of rules, and give its descriptor.

    Below `readable` files can be read; below `writable` they can also be written, made and removed, but not run.
    A path that doesn't exist is left out.
    """
    known = version()
    files = (1 << _FILES_BY_VERSION.get(known, 16)) - 1
    network = 3 if known >= 4 else 0  # bind and connect
    scopes = 3 if known >= 6 else 0  # abstract sockets and signals stay inside
    described = struct.pack("=QQQ", files, network, scopes)[: 8 if known < 4 else 16 if known < 6 else 24]
    rules = call("landlock_create_ruleset", create_string_buffer(described, len(described)), len(described), 0)
    for path in readable:
        _allow(rules, path, _READING)
    for path in writable:
        _allow(rules, path, files & ~(_EXECUTE | _IOCTL_DEVICE))
    return rules


def restrict(rules: int) -> None:
    """Hold this process to a set of rules from now on; no_new_privs must be set."""
    call("landlock_restrict_self", rules, 0)


def _allow(rules: int, path: str, access: int) -> None:
    try:
        below = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(below).st_mode):
            access &= _ON_FILES
        rule = struct.pack("=Qi", access, below)
        call("landlock_add_rule", rules, 1, create_string_buffer(rule, len(rule)), 0)
    finally:
        os.close(below)
