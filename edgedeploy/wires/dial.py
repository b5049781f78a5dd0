"""Opens a TCP connection to whichever of a host's addresses answers first; says in plain words why none does.

A dead name server, a dead interface or a dead address costs its own wait, never the others' (the complaint
that every deploy tool collects): names are resolved aside, addresses are raced a quarter of a second apart
(RFC 8305).
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import printable

STAGGER = 0.25
"""seconds between the starts of two attempts"""

TICK = 0.05
"""seconds between two looks at the resolvers while attempts are under way"""

_BIND_TO_DEVICE = 25
"""SO_BINDTODEVICE of Linux, which Python does not name everywhere"""
_BOUND = "see BindAddress and BindInterface: ssh -G HOST"

Target = tuple[int, tuple[Any, ...]]
Problem = tuple[str, str, str]
"""address, what went wrong, hint"""

_WORDS = {
    errno.ECONNREFUSED: (
        "nothing listens there (connection refused)",
        "is sshd running on the board, on that port?",
    ),
    errno.EHOSTUNREACH: ("no route to the host", "is the board on, and on the same network as this machine?"),
    errno.ENETUNREACH: ("no network leads there", "is this machine's network up?"),
    errno.EACCES: ("this machine's firewall forbids it", "allow outgoing SSH"),
    errno.EPERM: ("this machine's firewall forbids it", "allow outgoing SSH"),
    errno.EINVAL: ("the address needs its interface", "write it with the interface: fe80::1%eth0"),
}
_MUTE_NAMES = (
    "the name server does not answer",
    "give an address, as in 192.168.1.7; `edgedeploy discover` lists the boards it sees",
)
_SILENT = (
    "no answer",
    "is the board on? a guest Wi-Fi often keeps its clients apart; try a network cable",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """From where to connect, as ssh_config's AddressFamily, BindAddress and BindInterface have it."""

    family: int = socket.AF_UNSPEC
    address: str = ""
    interface: str = ""


ANYWHERE = Origin()


def dial(hosts: Sequence[str], port: int, timeout: float, origin: Origin = ANYWHERE) -> socket.socket:
    """Connect to the first of `hosts` (names or addresses, fe80::1%eth0) that accepts, in `timeout` seconds.

    Raises Unreachable with one detail line per address tried.
    """
    race = _Race(hosts, port, Deadline.after(timeout), origin)
    found = race.run()
    if found is None:
        raise _unreachable(hosts, port, timeout, race.problems)
    found.settimeout(None)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _unreachable(hosts: Sequence[str], port: int, timeout: float, problems: Sequence[Problem]) -> errors.Unreachable:
    kinds = list(dict.fromkeys((what, hint) for _, what, hint in problems))
    what, hint = kinds[0] if len(kinds) == 1 else ("none of its addresses answers", _SILENT[1])
    if what == _SILENT[0]:
        what = f"no answer within {timeout:g} s"
    return errors.Unreachable(
        f"{printable(hosts[0], 80)} port {port}: {what}",
        hint=hint,
        details=tuple(f"{printable(where, 80)}: {what}" for where, what, _ in problems),
    )


class _Race:
    """Names being resolved, addresses not yet tried, attempts under way; failures end up in `problems`."""

    def __init__(self, hosts: Sequence[str], port: int, deadline: Deadline, origin: Origin) -> None:
        self._origin = origin
        self._deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._waiting: list[Target] = []
        self._unresolved = set(hosts)
        self._answers: queue.SimpleQueue[tuple[str, list[Target] | OSError]] = queue.SimpleQueue()
        self.problems: list[Problem] = []
        for host in self._unresolved:
            # getaddrinfo knows no time limit: it runs aside and is left behind when it hangs
            threading.Thread(target=self._resolve, args=(host, port), daemon=True).start()

    def run(self) -> socket.socket | None:
        """The first connection that stands, or None when all failed or the time is up."""
        next_start = 0.0
        try:
            while not self._deadline.expired and (self._unresolved or self._waiting or self._under_way()):
                self._collect(wait=not self._waiting and not self._under_way())
                if self._waiting and (not self._under_way() or time.monotonic() >= next_start):
                    self._start(self._waiting.pop(0))
                    next_start = time.monotonic() + STAGGER
                found = self._first_ready()
                if found is not None:
                    return found
            self.problems += [(key.data, *_SILENT) for key in self._under_way()]
            self.problems += [(host, *_MUTE_NAMES) for host in self._unresolved]
            return None
        finally:
            for key in self._under_way():
                _socket(key).close()
            self._selector.close()

    def _under_way(self) -> list[selectors.SelectorKey]:
        return list(self._selector.get_map().values())

    def _resolve(self, host: str, port: int) -> None:
        try:
            infos = socket.getaddrinfo(host, port, self._origin.family, socket.SOCK_STREAM)
            self._answers.put((host, [(info[0], info[4]) for info in infos]))
        except (OSError, UnicodeError) as fault:
            self._answers.put((host, fault if isinstance(fault, OSError) else OSError(str(fault))))

    def _collect(self, *, wait: bool) -> None:
        """Take in what the resolvers have found; with nothing else to do, wait for the next of them."""
        if not self._unresolved:
            return
        try:
            host, found = self._answers.get(timeout=self._deadline.remaining if wait else 0)
        except queue.Empty:
            return
        self._unresolved.discard(host)
        if isinstance(found, OSError):
            self.problems.append((host, *_name_words(host)))
        else:
            self._waiting += [target for target in found if target not in self._waiting]

    def _first_ready(self) -> socket.socket | None:
        if not self._under_way():
            return None
        busy = bool(self._unresolved or self._waiting)
        for key, _ in self._selector.select(min(TICK if busy else 60.0, self._deadline.remaining)):
            attempt = _socket(key)
            self._selector.unregister(attempt)
            failed = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not failed:
                return attempt
            self._fail(attempt, key.data, failed)
        return None

    def _start(self, target: Target) -> None:
        family, address = target
        where = _shown(address)
        try:
            attempt = socket.socket(family, socket.SOCK_STREAM)
        except OSError as fault:  # an address family this kernel does not have
            self.problems.append((where, str(fault), _SILENT[1]))
            return
        try:
            self._leave_from(attempt, family)
        except OSError as fault:
            attempt.close()
            self.problems.append(
                (where, f"not from where your ssh configuration wants: {fault.strerror or fault}", _BOUND)
            )
            return
        attempt.setblocking(False)
        code = attempt.connect_ex(address)
        if code in (0, errno.EINPROGRESS):
            self._selector.register(attempt, selectors.EVENT_WRITE, where)
        else:
            self._fail(attempt, where, code)

    def _leave_from(self, attempt: socket.socket, family: int) -> None:
        if self._origin.interface:
            attempt.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, self._origin.interface.encode() + b"\0")
        if self._origin.address:
            attempt.bind(socket.getaddrinfo(self._origin.address, 0, family, socket.SOCK_STREAM)[0][4])

    def _fail(self, attempt: socket.socket, where: str, code: int) -> None:
        attempt.close()
        self.problems.append((where, *_WORDS.get(code, (os.strerror(code), _SILENT[1]))))


def _socket(key: selectors.SelectorKey) -> socket.socket:
    assert isinstance(key.fileobj, socket.socket)
    return key.fileobj


def _shown(address: tuple[Any, ...]) -> str:
    scope = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{socket.if_indextoname(scope)}" if scope else str(address[0])


def _name_words(host: str) -> tuple[str, str]:
    if "%" in host:
        return "this machine has no such network interface", "ip link lists them"
    if host.endswith(".local"):
        return (
            "the name is not known here",
            "this machine may not resolve mDNS names; see: edgedeploy discover",
        )
    return "the name is not known", "check the spelling, or give an address; see: edgedeploy discover"
