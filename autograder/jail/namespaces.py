"""A world of its own for the zygote: namespaces, and a file system with the interpreter and nothing of the course.

Works as root and as an ordinary user.
Where the machine refuses, OSError is raised half-way through, and the process must end.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from ctypes import create_string_buffer
from pathlib import Path

from autograder.jail.syscalls import call, control

HOME = "/home/student"
"""The one folder that a student's process can write to."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
"""The devices that libraries open."""

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_RECURSIVE, _PRIVATE, _DETACH = 0x4000, 1 << 18, 2
_HERE, _EMPTY_PATH, _WITH_ALL_BELOW = -100, 0x1000, 0x8000
_DEATH_SIGNAL, _KEEP_CAPABILITIES = 1, 8


def enter(uid: int | None) -> None:
    """Become the first process of new namespaces, where `uid` is known beside our own id.

    The process that called waits outside, and ends with the one that returns.
    """
    ids = [*{os.getuid(), os.getuid() if uid is None else uid}]
    groups = [*{os.getgid(), os.getgid() if uid is None else uid}]
    unshared, ready = os.pipe()
    helper = os.fork()
    if helper == 0:  # only a process that stays outside may say which ids are known inside
        os.close(ready)
        _give_ids(unshared, os.getppid(), ids, groups)
    os.close(unshared)
    call("unshare", _NEWUSER | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID)
    os.write(ready, b"1")
    os.close(ready)
    if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]):
        raise PermissionError("the kernel takes no user ids for a new namespace")
    inside = os.fork()
    if inside:
        os.closerange(0, 1 << 16)  # else the host would not see that the process inside has ended
        os.waitpid(inside, 0)
        os._exit(0)
    control(_DEATH_SIGNAL, 9)


def furnish(readable: Iterable[str], masked: Iterable[str]) -> None:
    """Leave the host's file system for an empty one with read-only views of `readable`, and of `masked` nothing.

    There is no /proc: it tells what is mounted where, and counts that all processes of the machine share.
    """
    call("mount", b"none", b"/", 0, _RECURSIVE | _PRIVATE, 0)
    followed = [_followed(path) for path in [*readable, *DEVICES] if Path(path).exists()]
    views = [_View(path) for path in _outermost({path for path, _ in followed})]
    folder = next(each for each in ("/tmp", "/mnt", "/var", "/usr") if Path(each).is_dir())  # noqa: S108 - a mere place
    call("mount", b"tmpfs", folder.encode(), b"tmpfs", _NO_SETUID | _NO_DEVICES, b"size=16m,mode=755")
    for view in views:
        view.plant(folder)
    for link, target in (each for _, links in followed for each in links):
        Path(folder + link).parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(folder + link):
            Path(folder + link).symlink_to(target)
    nothing = _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_EXEC
    for path in masked:
        if Path(folder + path).is_dir():
            call("mount", b"tmpfs", (folder + path).encode(), b"tmpfs", nothing, b"size=4k,mode=000")
    Path(folder + HOME).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    call("pivot_root", b".", b".")
    call("umount2", b".", _DETACH)
    os.chdir("/")


def seal() -> None:
    """Make the root folder read-only, once the zygote has written what it needs to."""
    _restrict_mount(_HERE, b"/", 0, _READ_ONLY)


def become(uid: int) -> None:
    """Take on another user's id, and keep the rights over these namespaces that later mounts need."""
    control(_KEEP_CAPABILITIES, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    control(_DEATH_SIGNAL, 9)  # forgotten when the id changed


def own_processes() -> None:
    """Let the next fork be the first process of a new pid namespace: ending it ends all it has started."""
    call("unshare", _NEWPID)


def back_to(namespace: int) -> None:
    """Let later forks be processes of the pid namespace behind this descriptor."""
    call("setns", namespace, _NEWPID)


def private_home(size: int) -> None:
    """Give this process an empty home of at most `size` bytes that goes when it goes, and stand in it."""
    call("unshare", _NEWNS)
    options = f"size={size},nr_inodes=4096,mode=700".encode()
    call("mount", b"tmpfs", HOME.encode(), b"tmpfs", _NO_SETUID | _NO_DEVICES | _NO_EXEC, options)
    os.chdir(HOME)


class _View:
    """A file or folder of the host, held while the host's file system goes away."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_folder = Path(path).is_dir()
        self.mount = call("open_tree", _HERE, path.encode(), 1 | os.O_CLOEXEC | _WITH_ALL_BELOW)
        flags = _READ_ONLY | _NO_SETUID | (_NO_EXEC if path in DEVICES else _NO_DEVICES)
        _restrict_mount(self.mount, b"", _EMPTY_PATH | _WITH_ALL_BELOW, flags)

    def plant(self, root: str) -> None:
        """Show it at its own path below `root`."""
        place = Path(root + self.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if self.is_folder:
            place.mkdir(exist_ok=True)
        else:
            place.touch()
        call("move_mount", self.mount, b"", _HERE, str(place).encode(), 4)
        os.close(self.mount)


def _followed(path: str) -> tuple[str, list[tuple[str, str]]]:
    """Follow the links in a path: where it really is, and each link on the way with its target."""
    links: list[tuple[str, str]] = []
    at, ahead = "/", path.strip("/").split("/")
    while ahead:
        at = os.path.normpath(f"{at}/{ahead.pop(0)}").replace("//", "/")
        if Path(at).is_symlink():
            target = str(Path(at).readlink())
            links.append((at, target))
            there = os.path.normpath(Path(at).parent / target)
            at, ahead = "/", there.strip("/").split("/") + ahead
    return at, links


def _outermost(paths: set[str]) -> list[str]:
    """Leave out paths inside another one."""
    return sorted(path for path in paths if not any(path.startswith(other + "/") for other in paths))


def _restrict_mount(folder: int, path: bytes, how: int, flags: int) -> None:
    """Add flags to a mount; those that it has stay."""
    described = struct.pack("=QQQQ", flags, 0, 0, 0)
    call("mount_setattr", folder, path, how, create_string_buffer(described, len(described)), len(described))


def _give_ids(unshared: int, pid: int, users: Sequence[int], groups: Sequence[int]) -> None:
    """Wait until the process `pid` has a user namespace, make some ids known there, and end."""
    try:
        os.read(unshared, 1)
        if len(users) == 1:
            Path(f"/proc/{pid}/setgroups").write_text("deny")  # the kernel's condition for who knows no id but its own
        Path(f"/proc/{pid}/uid_map").write_text("\n".join(f"{each} {each} 1" for each in users))
        Path(f"/proc/{pid}/gid_map").write_text("\n".join(f"{each} {each} 1" for each in groups))
    except BaseException:  # a forked helper must not return to its caller's code
        os._exit(1)
    os._exit(0)
