"""Where an SSH connection goes, once the user's ~/.ssh/config has had its say.

OpenSSH itself is asked (`ssh -G`): it knows Include, Match and what comes next year. Where no ssh client is
installed there is no configuration of one to honour, and the defaults of ssh_config(5) hold.
"""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable

_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:%-]{0,254}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,63}")
_DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


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
    identities: tuple[Path, ...]
    """private keys that exist, in the order to try them"""
    identities_only: bool = False
    proxy_command: str | None = None


def resolve(target: SshTarget, config_file: Path | None = None) -> Endpoint:
    """Ask the user's ssh configuration (or `config_file`) about `target`. BadConfig when ssh rejects it."""
    settings = _ask_ssh(target, config_file)

    def one(key: str, default: str) -> str:
        return settings.get(key, [default])[0]

    host, port = one("hostname", target.host), int(one("port", str(target.port or 22)))
    keys = [Path(text).expanduser() for text in settings.get("identityfile", list(_DEFAULT_KEYS))]
    user = one("user", target.user or getpass.getuser())
    alias = one("hostkeyalias", "")
    return Endpoint(
        hosts=(host, *target.also),
        port=port,
        user=user,
        known_as=alias or (host if port == 22 else f"[{host}]:{port}"),
        identities=tuple(key for key in keys if key.is_file()),
        identities_only=one("identitiesonly", "no") == "yes",
        proxy_command=_proxy_command(settings, host, port, user, config_file),
    )


def _ask_ssh(target: SshTarget, config_file: Path | None) -> dict[str, list[str]]:
    ssh = shutil.which("ssh")
    if ssh is None:
        return {}
    argv = [ssh, "-G"]
    argv += ["-F", str(config_file)] if config_file else []
    argv += ["-p", str(target.port)] if target.port else []
    argv += ["-l", target.user] if target.user else []
    argv += ["--", target.host]
    done = subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=30
    )
    if done.returncode != 0:
        lines = tuple(printable(line, 200) for line in done.stderr.splitlines()[-5:])
        raise errors.BadConfig(
            f"ssh rejects its configuration for {target.host}", hint=f"see: {shlex.join(argv)}", details=lines
        )
    settings: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        settings.setdefault(key, []).append(value)
    return settings


def _proxy_command(
    settings: dict[str, list[str]], host: str, port: int, user: str, config_file: Path | None
) -> str | None:
    jump = settings.get("proxyjump", ["none"])[0]
    if jump != "none":
        # As ssh does it: the last hop is asked to forward, the earlier ones lead to it. The jump hosts' keys,
        # passwords and configuration are thereby ssh's own affair.
        *earlier, last = jump.split(",")
        argv = ["ssh", *(["-F", str(config_file)] if config_file else [])]
        argv += ["-J", ",".join(earlier)] if earlier else []
        argv += ["-W", f"[{host}]:{port}", "--", last if last.startswith("ssh://") else f"ssh://{last}"]
        return shlex.join(argv)
    command = settings.get("proxycommand", ["none"])[0]
    if command == "none":
        return None
    tokens = {"%%": "%", "%h": host, "%p": str(port), "%r": user, "%n": host}
    return re.sub("%[%hprn]", lambda found: tokens[found.group()], command)
