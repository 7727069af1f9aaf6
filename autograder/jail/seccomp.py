"""The system calls that a student's process may make: an allow-list, compiled once for the kernel's filter.

It hides no file: what an allowed call may reach is the matter of the other layers.
But no call says anything of another process: one that takes the number of a process takes its own, and one that tells
what the whole machine counts is missing.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence

from autograder.jail.syscalls import MACHINE, NUMBERS, call

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev lseek close close_range dup dup2 dup3
mmap munmap mremap mprotect msync brk gettid getpid getppid getpgrp sched_yield
open openat creat stat fstat lstat newfstatat statfs fstatfs access faccessat faccessat2 readlink readlinkat
getdents getdents64 getcwd chdir fchdir umask mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat
symlink symlinkat ftruncate fallocate fsync fdatasync sendfile copy_file_range
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause alarm setitimer
getitimer restart_syscall exit exit_group wait4 waitid set_tid_address set_robust_list rseq membarrier
sched_get_priority_max sched_get_priority_min getcpu getuid geteuid getgid getegid getresuid getresgid getgroups
getrlimit getrusage times uname arch_prctl gettimeofday time nanosleep getrandom poll ppoll select pselect6
eventfd eventfd2
""".split()  # noqa: SIM905 - a hundred quotes would hide the words
"""Allowed whatever their arguments. Sockets, exec, fork, memfd, ptrace, mounts and other processes are not here.

Nor are calls that tell one process of another: pipes have numbers from a row that all processes draw from, epoll counts
what a user watches in all, sysinfo what the machine runs, and statx the mounts that it ever made.
"""

ON_OWN_FILES = "chmod fchmod fchmodat utime utimes utimensat futimesat truncate".split()  # noqa: SIM905 - likewise
"""Allowed only where every file that can be named is the student's own: Landlock doesn't judge these calls."""

# Bits and commands of arguments that are judged one by one, from the kernel's headers.
_THREAD = 0x3D0F00  # the flags of clone that glibc makes a thread with: anything else is a process or a namespace
_FCNTL = (0, 1, 2, 3, 4, 1030)  # copies and flags: not F_SETOWN, which sends signals to others, and no locks
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal, its size, bytes waiting, close on exec
_PRCTL = (15, 16, 0x53564D41)  # names of threads and of memory
_MADVISE = (*range(5), 8, 10, 11, *range(13, 20), 22, 23)  # its own memory, not pages of files, which others use too
_O_TRUNC = 0x200
_CLOCKS = 16  # the machine's and its own: those of other processes have numbers from far above
_WAIT, _WAKE, _WAIT_BITSET, _OF_THREADS, _BY_DATE = 0, 1, 9, 0x80, 0x100
_FUTEX = (0, 1, 3, 4, 5, 9, 10, _WAIT_BITSET | _BY_DATE)  # not those that look for the process that holds a lock

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR, _ASK = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FC00000
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED = _ERROR | errno.EPERM
_UNKNOWN = _ERROR | errno.ENOSYS  # libraries take this as "an older kernel" and find another way
_AGAIN = _ERROR | errno.EAGAIN
_FIRST_NEW = 424  # numbers from here on are newer than the libraries' fallbacks
_X32 = 0x40000000

ANYONE = 0x7A3D19F5
"""Stands for the number of the process that a filter is for, until that is known."""

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, constant"""


def program(own_files: bool, truncation_judged: bool = True) -> bytes:
    """Compile the filter, for the process :data:`ANYONE`: see :func:`of`.

    `own_files` says that every file it can name is its own; `truncation_judged`, that Landlock judges O_TRUNC.
    """
    low, high = 16, 20  # where the two halves of a call's first argument lie; each argument takes 8 bytes
    own = _among(low, [0, ANYONE])
    special = {
        "clone": _among(low, [_THREAD]),
        "clone3": [(_RETURN, 0, 0, _UNKNOWN)],  # its flags lie in memory, out of the filter's sight
        "kill": _among(low, [ANYONE]),
        "tgkill": _among(low, [ANYONE]),
        **dict.fromkeys(("getpgid", "getsid", "sched_getaffinity", "sched_getparam", "sched_getscheduler"), own),
        "getpriority": _among(low + 8, [0, ANYONE]),
        **dict.fromkeys(("clock_gettime", "clock_getres", "clock_nanosleep"), _below(low, _CLOCKS)),
        # Others wait and wake at the same place of a file that all have loaded. Nobody needs to wait like that but one
        # who joins a thread, and asks again; then nobody is there to be woken, or counted.
        "futex": [
            *_answered(low + 8, [_WAIT, _WAIT_BITSET, _WAIT_BITSET | _BY_DATE], _AGAIN),
            *_among(low + 8, [_WAKE, *(_OF_THREADS | each for each in _FUTEX)], _UNKNOWN),
        ],
        "madvise": _among(low + 16, _MADVISE),
        "statx": [(_RETURN, 0, 0, _UNKNOWN)],
        # Another process sees a lock, whoever may read the file. Libraries take this as "no locks on this file system".
        "fcntl": _among(low + 8, _FCNTL, _UNKNOWN),
        "flock": [(_RETURN, 0, 0, _UNKNOWN)],
        "ioctl": _among(low + 8, _IOCTL),
        "prctl": _among(low, _PRCTL),
        "prlimit64": [*_must_be(low, 0), *_must_be(low + 16, 0), *_must_be(high + 16, 0), (_RETURN, 0, 0, _ALLOW)],
    }
    if not truncation_judged:
        special |= {"open": _without(low + 8, _O_TRUNC), "openat": _without(low + 16, _O_TRUNC)}
        special |= {"creat": [(_RETURN, 0, 0, _REFUSED)]}
    allowed = {name: [(_RETURN, 0, 0, _ALLOW)] for name in ALLOWED + (ON_OWN_FILES if own_files else [])}
    blocks = sorted((NUMBERS[name], block) for name, block in (allowed | special).items() if name in NUMBERS)
    code: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURE[MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if MACHINE == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    # Numbers in ascending order, neighbours of one mind together: the kernel walks this list for every call there is.
    while blocks:
        first, block = blocks[0]
        length = next(n for n in range(1, len(blocks) + 1) if blocks[n : n + 1] != [(first + n, block)])
        del blocks[:length]
        past = len(block) + 2
        code += [(_AT_LEAST, past, 0, first + length), (_AT_LEAST, 1, 0, first), _by_age(first), *block]
    code += [(_AT_LEAST, 0, 1, _FIRST_NEW), (_RETURN, 0, 0, _UNKNOWN), (_RETURN, 0, 0, _REFUSED)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def asking() -> bytes:
    """Compile a filter that has the kernel ask before it makes a thread, and tell before it ends one."""
    code: list[Instruction] = [
        (_LOAD, 0, 0, 0),
        (_EQUAL, 4, 0, NUMBERS["exit"]),
        (_EQUAL, 0, 2, NUMBERS["clone"]),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 1, 0, _THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ASK),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def of(pid: int, compiled: bytes) -> bytes:
    """Make a compiled filter that of the process `pid`, which may send signals to itself."""
    return compiled.replace(struct.pack("=I", ANYONE), struct.pack("=I", pid))


def install(filter_program: bytes, asked: bool = False) -> int:
    """Filter the calls of this process from now on, and of its forks; no_new_privs must be set.

    If someone is to be `asked`, gives the descriptor that the kernel's questions come from.
    """
    kept = ctypes.create_string_buffer(filter_program, len(filter_program))
    described = struct.pack("HxxxxxxP", len(filter_program) // 8, ctypes.addressof(kept))
    return call("seccomp", 1, 8 * asked, ctypes.create_string_buffer(described, len(described)))


def _among(offset: int, values: Sequence[int], otherwise: int = _REFUSED) -> list[Instruction]:
    """Allow a call whose argument at `offset` is one of `values`, and refuse it otherwise."""
    tests = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, _ALLOW)]


def _answered(offset: int, values: Sequence[int], verdict: int) -> list[Instruction]:
    """Give a verdict on a call whose argument at `offset` is one of `values`, and go on otherwise."""
    tests = [(_EQUAL, len(values) - 1 - at, int(at == len(values) - 1), value) for at, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, (_RETURN, 0, 0, verdict)]


def _below(offset: int, bound: int) -> list[Instruction]:
    """Allow a call whose argument at `offset` is less than `bound`."""
    return [(_LOAD, 0, 0, offset), (_AT_LEAST, 0, 1, bound), (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)]


def _must_be(offset: int, value: int) -> list[Instruction]:
    """Refuse a call whose argument at `offset` is another than `value`, and go on otherwise."""
    return [(_LOAD, 0, 0, offset), (_EQUAL, 1, 0, value), (_RETURN, 0, 0, _REFUSED)]


def _without(offset: int, bits: int) -> list[Instruction]:
    """Allow a call whose argument at `offset` has none of `bits`."""
    return [(_LOAD, 0, 0, offset), (_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)]


def _by_age(number: int) -> Instruction:
    """Refuse the calls that lie before an allowed one."""
    return (_RETURN, 0, 0, _UNKNOWN if number > _FIRST_NEW else _REFUSED)
