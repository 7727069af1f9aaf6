"""System calls by name, for the two processors the jail knows: numbers, and a way to make them.

It knows numbers only: what may be called stands in :mod:`autograder.jail.seccomp`.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

MACHINE = platform.machine()
"""This machine's processor, as the kernel names it."""

_NUMBERS = """
access 21 -          alarm 37 -            arch_prctl 158 -       brk 12 214            capset 126 91
chdir 80 49          chmod 90 -            clock_getres 229 114   clock_gettime 228 113 clock_nanosleep 230 115
clone 56 220         clone3 435 435        close 3 57             close_range 436 436   copy_file_range 326 285
creat 85 -           dup 32 23             dup2 33 -              dup3 292 24           eventfd 284 -
eventfd2 290 19      exit 60 93            exit_group 231 94      faccessat 269 48      faccessat2 439 439
fallocate 285 47     fchdir 81 50          fchmod 91 52           fchmodat 268 53       fcntl 72 25
fdatasync 75 83      flock 73 32           fstat 5 80             fstatfs 138 44        fsync 74 82
ftruncate 77 46      futex 202 98          futimesat 261 -        getcpu 309 168        getcwd 79 17
getdents 78 -        getdents64 217 61     getegid 108 177        geteuid 107 175       getgid 104 176
getgroups 115 158    getitimer 36 102      getpgid 121 155        getpgrp 111 -         getpid 39 172
getppid 110 173      getpriority 140 141   getrandom 318 278      getresgid 120 150     getresuid 118 148
getrlimit 97 163     getrusage 98 165      getsid 124 156         gettid 186 178        gettimeofday 96 169
getuid 102 174       ioctl 16 29           kill 62 129            landlock_add_rule 445 445
landlock_create_ruleset 444 444            landlock_restrict_self 446 446               link 86 -
linkat 265 37        lseek 8 62            lstat 6 -              madvise 28 233        membarrier 324 283
mkdir 83 -           mkdirat 258 34        mmap 9 222             mount 165 40          mount_setattr 442 442
move_mount 429 429   mprotect 10 226       mremap 25 216          msync 26 227          munmap 11 215
nanosleep 35 101     newfstatat 262 79     open 2 -               open_tree 428 428     openat 257 56
pause 34 -           pivot_root 155 41     poll 7 -               ppoll 271 73          prctl 157 167
pread64 17 67        preadv 295 69         prlimit64 302 261      pselect6 270 72       pwrite64 18 68
pwritev 296 70       read 0 63             readlink 89 -          readlinkat 267 78     readv 19 65
rename 82 -          renameat 264 38       renameat2 316 276      restart_syscall 219 128
rmdir 84 -           rseq 334 293          rt_sigaction 13 134    rt_sigpending 127 136 rt_sigprocmask 14 135
rt_sigreturn 15 139  rt_sigsuspend 130 133 rt_sigtimedwait 128 137                      sched_get_priority_max 146 125
sched_get_priority_min 147 126             sched_getaffinity 204 123                    sched_getparam 143 121
sched_getscheduler 145 120                 sched_yield 24 124     seccomp 317 277       select 23 -
sendfile 40 71       set_robust_list 273 99                       set_tid_address 218 96
setitimer 38 103     setns 308 268         sigaltstack 131 132    stat 4 -              statfs 137 43
statx 332 291        symlink 88 -          symlinkat 266 36       tgkill 234 131
time 201 -           times 100 153         truncate 76 45         umask 95 166          umount2 166 39
uname 63 160         unlink 87 -           unlinkat 263 35        unshare 272 97        utime 132 -
utimensat 280 88     utimes 235 -          wait4 61 260           waitid 247 95         write 1 64
writev 20 66
"""
"""Each call's name, its number on x86_64 and its number on aarch64, which lacks the oldest ones."""


def numbers_of(machine: str) -> dict[str, int]:
    """Give the numbers of the system calls that `machine` has; empty for a processor the jail doesn't know."""
    column = {"x86_64": 1, "aarch64": 2}.get(machine)
    words = _NUMBERS.split()
    rows = (words[at : at + 3] for at in range(0, len(words), 3))
    return {row[0]: int(row[column]) for row in rows if column and row[column] != "-"}


NUMBERS = numbers_of(MACHINE)
"""Numbers of the system calls on this machine."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def call(name: str, *arguments: Any) -> int:
    """Make a system call: numbers, bytes for strings, ctypes objects for the rest.

    Raises:
        OSError: with the kernel's own error, and ENOSYS on a processor the jail doesn't know.
    """
    if name not in NUMBERS:
        raise OSError(38, f"{name} is not known on {MACHINE}")
    # Every argument fills a register: a bare int would leave its upper half undefined in a variadic call.
    filled = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    done = int(_LIBC.syscall(ctypes.c_long(NUMBERS[name]), *filled))
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return done


def control(option: int, *arguments: Any) -> int:
    """Call prctl, whose unused arguments must be zero."""
    return call("prctl", option, *arguments, *([0] * (4 - len(arguments))))
