"""One sentence of a diagnosis, and what the laptop brings to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedeploy.core.names import printable

Severity = Literal["bad", "warning", "note"]

MEANINGS = {
    "not-root": "the log-in is not root's: half of the questions stay open, and nothing can be mended",
    "incomplete": "some questions got no answer",
    "no-port": "Linux sees no network port at all",
    "no-carrier": "no cable, or nothing at its other end",
    "link-down": "a port is switched off",
    "no-bridge": "the bridge of the guests is missing",
    "port-outside-bridge": "the port is not in the bridge: guests reach nobody",
    "address-on-port": "the address is on the bridge's port, not on the bridge",
    "no-address": "no IPv4 address",
    "link-local-only": "only a self-made address: no DHCP server answered",
    "duplicate-address": "another machine has the board's address",
    "duplicate-mac": "two machines, or two guests, with one MAC address",
    "no-route": "no default route: only its own network reaches it",
    "gateway-silent": "the gateway does not answer",
    "ipv6": "an IPv6 address that is always there",
    "sshd-missing": "no sshd is installed",
    "no-host-keys": "sshd has no host keys",
    "sshd-refuses": "sshd does not take its own configuration",
    "sshd-down": "sshd does not run, or does not listen",
    "host-key-differs": "the board's host key is not the one this laptop knows",
    "push-key-missing": "this laptop's push key is not on the board",
    "avahi-missing": "no Avahi: the board is not found by name",
    "avahi-down": "Avahi does not run",
    "read-only": "the root file system is read-only",
    "disk-full": "a file system is full",
    "inodes-full": "a file system has room, but for no more files",
    "clock": "the clock is wrong",
    "agent-missing": "the agent is not installed",
    "agent-old": "the agent is not this laptop's version",
    "agent-broken": "the agent does not start",
    "not-enrolled": "this laptop has no pinned key for the board, so nothing can be proven or pushed",
    "python-old": "no Python that the agent can run with",
    "not-xen": "Linux runs without Xen",
    "xl-broken": "Xen's tools do not answer",
    "off-air": "an app has a good release, and no guest runs it",
    "other-release": "the guest is not the release that the repository wants",
    "stuck": "a deployment and its roll-back failed",
    "memory-low": "Xen has little memory left",
    "cron-down": "cron does not run: no pulls, no start at boot",
    "kernel-errors": "the kernel's last errors",
}
"""code -> what it means, as the documentation's table says it"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the board that a person should know. `bad`: it keeps the board off the network or the talk off air."""

    code: str
    severity: Severity
    words: str
    hint: str = ""
    mends: tuple[str, ...] = ()
    """codes of what can be done about it, the best first (rescue.mends)"""

    def __post_init__(self) -> None:
        assert self.code in MEANINGS, self.code
        object.__setattr__(self, "words", printable(self.words, 500))


@dataclass(frozen=True, slots=True)
class Laptop:
    """What a diagnosis compares the board with."""

    now: float
    """seconds since 1970, at the time the board said its own"""
    agent: str = ""
    """SHA-256 of this laptop's agent"""
    push_key: str = ""
    """the base64 part of this laptop's push key, "" where none was made yet"""
    bridge: str = ""
    """the bridge of this kind of board, "" where the kind is not known"""
    pinned: tuple[str, ...] = ()
    """the board's host keys as this laptop knows them, "ssh-ed25519 AAAA…"; none for a board that is not enrolled here"""
    enrolled: bool = False
