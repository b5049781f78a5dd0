"""Where an SSH connection goes, once the user's ~/.ssh/config has had its say (options.py has the whole list)."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.ports import user as me
from edgedeploy.wires.dial import Origin
from edgedeploy.wires.ssh import asked, proxy
from edgedeploy.wires.ssh.asked import Settings

_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:%-]{0,254}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,63}")


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where to go as the caller knows it; what is None, the user's ssh configuration says.

    Raises UsageFault for a host or user that could be taken for an option or a shell word.
    """

    host: str
    """a name of the user's ssh config, a host name, an IPv4 or IPv6 address (link-local with %interface)"""
    port: int | None = None
    user: str | None = None
    also: tuple[str, ...] = ()
    """other addresses of the same board, raced with the first"""

    def __post_init__(self) -> None:
        for host in (self.host, *self.also):
            if not _HOST.fullmatch(host):
                raise errors.UsageFault(
                    f"{printable(host, 80)!r} is not a host",
                    hint="give a name or an address, as in 192.168.1.7",
                )
        if self.user is not None and not _USER.fullmatch(self.user):
            raise errors.UsageFault(f"{printable(self.user, 80)!r} is not a user name")
        if self.port is not None and not 0 < self.port < 65536:
            raise errors.UsageFault(f"{self.port} is not a port", hint="ports are 1 to 65535; SSH's is 22")

    @property
    def label(self) -> str:
        """For people: "ssh root@192.168.1.7:2222"."""
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return "ssh " + (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to go, in full."""

    hosts: tuple[str, ...]
    port: int
    user: str
    known_as: str
    """the name to look for in known_hosts: the HostKeyAlias, `host` or `[host]:port`"""
    settings: Settings = field(default_factory=Settings)
    proxy: proxy.Proxy | None = None


def resolve(target: SshTarget, config_file: Path | None = None) -> Endpoint:
    """Ask the user's ssh configuration (or `config_file`) about `target`. BadConfig when ssh rejects it."""
    settings = asked.ask(target.host, target.port, target.user, config_file)
    host, port = settings.one("hostname", target.host), int(settings.one("port", str(target.port or 22)))
    user = settings.one("user") or target.user or me.name()
    alias = settings.one("hostkeyalias")
    return Endpoint(
        hosts=(host, *target.also),
        port=port,
        user=user,
        known_as=alias or (host if port == 22 else f"[{host}]:{port}"),
        settings=settings,
        proxy=proxy.of(settings, host, port, user, config_file),
    )


_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


def origin(settings: Settings) -> Origin:
    """From where the user's ssh connects."""
    family = _FAMILIES.get(settings.one("addressfamily"), socket.AF_UNSPEC)
    return Origin(family, settings.one("bindaddress"), settings.one("bindinterface"))
