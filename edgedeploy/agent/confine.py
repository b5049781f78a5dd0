"""What a release that runs as a process may not: be anybody else, gain anything, see others' temporary files.

Called in the child between fork and exec. Where the agent is root's the program gets a user of its own, and of root's powers at most
the one to listen below port 1024; elsewhere it stays who started the agent. Numbers: linux/prctl.h, capability.h, sched.h, mount.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import struct
from collections.abc import Iterator

_PDEATHSIG, _KEEPCAPS, _CAPBSET_DROP, _NO_NEW_PRIVS, _CAP_AMBIENT, _AMBIENT_RAISE = 1, 8, 24, 38, 47, 2
_NET_BIND_SERVICE, _LAST_CAP = 10, 63
_CAPS_V3 = 0x20080522
_NEWNS, _REC_PRIVATE, _NOSUID_NODEV = 0x20000, 0x4000 | 1 << 18, 6
_FIRST_USER, _USERS = 61184, 4336
"""systemd's range for dynamic users, which no distribution gives to anybody (systemd, UIDS-GIDS.md)"""
_PRIVATE = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - to be covered, not to be used
_libc = ctypes.CDLL(None, use_errno=True)


def user_of(app: str) -> int:
    """The user (and group) id of an app's programs; 0 where the agent is nobody who could give it one."""
    if os.geteuid():
        return 0
    return _FIRST_USER + int.from_bytes(hashlib.sha256(app.encode()).digest()[:4], "big") % _USERS


def apply(user: int, port: int, memory_mb: int, parent_dies: int) -> None:
    """Confine this process, which is about to become the program. Its temporary files have as much room, each kind, as it has
    memory. `parent_dies` is the signal it gets then. Raises OSError.
    """
    if user:
        with contextlib.suppress(OSError):  # in a container root may not: then it shares the container's
            _own_temporary_files(memory_mb)
        _become(user, low_port=0 < port < 1024)
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_PDEATHSIG, parent_dies)  # after the change of user, which forgets it


def _own_temporary_files(memory_mb: int) -> None:
    _called("unshare", _libc.unshare(_NEWNS))
    _called("mount", _libc.mount(b"none", b"/", None, _REC_PRIVATE, None))
    for folder in filter(os.path.isdir, _PRIVATE):
        _called("mount", _libc.mount(b"tmpfs", folder.encode(), b"tmpfs", _NOSUID_NODEV, f"mode=1777,size={memory_mb}m".encode()))


def _become(user: int, *, low_port: bool) -> None:
    keep = (_NET_BIND_SERVICE,) if low_port else ()
    for number in _known_caps():
        if number not in keep:
            _prctl(_CAPBSET_DROP, number)
    _prctl(_KEEPCAPS, int(low_port))
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if low_port:
        mask = 1 << _NET_BIND_SERVICE
        head, data = struct.pack("Ii", _CAPS_V3, 0), struct.pack("6I", mask, mask, mask, 0, 0, 0)
        _called("capset", _libc.capset(ctypes.create_string_buffer(head), ctypes.create_string_buffer(data)))
        _prctl(_CAP_AMBIENT, _AMBIENT_RAISE, _NET_BIND_SERVICE)


def _known_caps() -> Iterator[int]:
    """Those that this kernel has."""
    for number in range(_LAST_CAP + 1):
        if _libc.prctl(23, number, 0, 0, 0) < 0:  # PR_CAPBSET_READ
            return
        yield number


def _prctl(option: int, *values: int) -> None:
    _called(f"prctl {option}", _libc.prctl(option, *values, *(0,) * (4 - len(values))))


def _called(what: str, status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
