"""The system calls that a student's process may make: an allow-list, compiled once for the kernel's filter.

It hides no file and no process: what an allowed call may reach is the matter of the other layers.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence

from autograder.jail.syscalls import MACHINE, NUMBERS, call

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev lseek close close_range dup dup2 dup3 pipe pipe2
futex futex_waitv mmap munmap mremap mprotect madvise msync brk gettid getpid clock_gettime sched_yield
open openat creat stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
getdents getdents64 getcwd chdir fchdir umask mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat
symlink symlinkat ftruncate fallocate fsync fdatasync fadvise64 sendfile copy_file_range
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack pause alarm setitimer
getitimer restart_syscall exit exit_group wait4 waitid set_tid_address set_robust_list rseq membarrier
sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority getcpu
getppid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid getgroups capget
getrlimit getrusage times sysinfo uname arch_prctl gettimeofday time clock_getres clock_nanosleep nanosleep getrandom
poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
""".split()  # noqa: SIM905 - a hundred quotes would hide the words
"""Allowed whatever their arguments. Sockets, exec, fork, memfd, ptrace, mounts and other processes are not here."""

ON_OWN_FILES = "chmod fchmod fchmodat utime utimes utimensat futimesat truncate".split()  # noqa: SIM905 - likewise
"""Allowed only where every file that can be named is the student's own: Landlock doesn't judge these calls."""

# Bits and commands of arguments that are judged one by one, from the kernel's headers.
_THREAD = 0x3D0F00  # the flags of clone that glibc makes a thread with: anything else is a process or a namespace
_FCNTL = (0, 1, 2, 3, 4, 1030)  # copies and flags: not F_SETOWN, which sends signals to others, and no locks
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal, its size, bytes waiting, close on exec
_PRCTL = (15, 16, 0x53564D41)  # names of threads and of memory
_O_TRUNC = 0x200

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED = _ERROR | errno.EPERM
_UNKNOWN = _ERROR | errno.ENOSYS  # libraries take this as "an older kernel" and find another way
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
    special = {
        "clone": _among(low, [_THREAD]),
        "clone3": [(_RETURN, 0, 0, _UNKNOWN)],  # its flags lie in memory, out of the filter's sight
        "kill": _among(low, [ANYONE]),
        "tgkill": _among(low, [ANYONE]),
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


def of(pid: int, compiled: bytes) -> bytes:
    """Make a compiled filter that of the process `pid`, which may send signals to itself."""
    return compiled.replace(struct.pack("=I", ANYONE), struct.pack("=I", pid))


def install(filter_program: bytes) -> None:
    """Filter the calls of this process from now on; no_new_privs must be set."""
    kept = ctypes.create_string_buffer(filter_program, len(filter_program))
    described = struct.pack("HxxxxxxP", len(filter_program) // 8, ctypes.addressof(kept))
    call("seccomp", 1, 0, ctypes.create_string_buffer(described, len(described)))


def _among(offset: int, values: Sequence[int], otherwise: int = _REFUSED) -> list[Instruction]:
    """Allow a call whose argument at `offset` is one of `values`, and refuse it otherwise."""
    tests = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, (_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, _ALLOW)]


def _must_be(offset: int, value: int) -> list[Instruction]:
    """Refuse a call whose argument at `offset` is another than `value`, and go on otherwise."""
    return [(_LOAD, 0, 0, offset), (_EQUAL, 1, 0, value), (_RETURN, 0, 0, _REFUSED)]


def _without(offset: int, bits: int) -> list[Instruction]:
    """Allow a call whose argument at `offset` has none of `bits`."""
    return [(_LOAD, 0, 0, offset), (_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)]


def _by_age(number: int) -> Instruction:
    """Refuse the calls that lie before an allowed one."""
    return (_RETURN, 0, 0, _UNKNOWN if number > _FIRST_NEW else _REFUSED)
