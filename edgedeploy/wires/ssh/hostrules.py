"""Whom the user's ssh configuration trusts, for wires/userhosts.py."""

from __future__ import annotations

import base64
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.ssh.asked import Settings
from edgedeploy.wires.ssh.config import Endpoint
from edgedeploy.wires.trust import HostKey
from edgedeploy.wires.userhosts import HostRules

_USER = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_STRICT = {"true": "yes", "yes": "yes", "accept-new": "accept-new", "false": "off", "no": "off", "off": "off"}
COMMAND_S = 30
"""seconds that a KnownHostsCommand has, each time"""


def of(endpoint: Endpoint, instead: Path | None = None) -> HostRules:
    """What holds for an endpoint; `instead` is a file of known hosts that the user names in place of all others."""
    settings = endpoint.settings
    strict = _STRICT.get(settings.one("stricthostkeychecking", "ask").lower(), "ask")
    if strict == "ask" and settings.yes("batchmode", default=False):
        strict = "yes"
    if instead is not None and strict in ("accept-new", "off"):
        strict = "ask"  # who names a file means what is in it
    usual = (*settings.files("userknownhostsfile", _USER), *settings.files("globalknownhostsfile", _GLOBAL))
    revoked = settings.expanded(settings.one("revokedhostkeys"))
    return HostRules(
        paths=usual if instead is None else (instead,),
        strict=strict,
        aliased=bool(settings.one("hostkeyalias")),
        trust_localhost=settings.yes("nohostauthenticationforlocalhost", default=False),
        check_address=settings.yes("checkhostip", default=False),
        revoked=Path(revoked) if revoked else None,
        command=_command(settings) if instead is None else None,
        authorities=settings.names("casignaturealgorithms"),
        rsa_bits=settings.number("requiredrsasize", 0),
    )


def _command(settings: Settings) -> Callable[[str, HostKey | None], str] | None:
    text = settings.one("knownhostscommand")
    if not text:
        return None

    def lines(name: str, key: HostKey | None) -> str:
        own = {"%H": name, "%I": "HOSTNAME" if key else "ORDER"}
        own |= {"%t": key.kind if key else "NONE", "%f": key.fingerprint if key else "NONE"}
        own["%K"] = base64.b64encode(key.blob).decode("latin-1") if key else "NONE"

        def token(found: re.Match[str]) -> str:
            return own.get(found.group()) or settings.expanded(found.group()) or ""

        try:
            argv = [re.sub(r"%.|\$\{\w+\}", token, word) for word in shlex.split(text)]
            done = subprocess.run(
                argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, timeout=COMMAND_S
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
            raise _failed(text, str(fault)) from fault
        if done.returncode != 0:
            raise _failed(text, f"exit status {done.returncode}")
        return done.stdout.decode("utf-8", "replace")

    return lines


def _failed(command: str, why: str) -> errors.Unreachable:
    # as with ssh: who may be trusted is not known, so nobody is
    return errors.Unreachable(
        f"the KnownHostsCommand of your ssh configuration failed: {printable(why, 120)}",
        hint=f"try it by hand: {printable(command, 200)}",
    )
