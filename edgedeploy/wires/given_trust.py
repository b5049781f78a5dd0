"""Host keys that somebody names on the command line or in a variable of CI: in any form that they are published in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.trust import DIRECT, HostKey, KnownHost, Shown, changed, known_hosts_lines, stranger

_PRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
FORMS = "a fingerprint (SHA256:…), a key (ssh-ed25519 AAAA…), or a line of known_hosts"
_KINDS = ("ssh-", "ecdsa-", "sk-")


@dataclass(frozen=True, slots=True)
class GivenTrust:
    """wires.trust.HostTrust of these keys alone."""

    lines: tuple[KnownHost, ...] = ()
    prints: frozenset[str] = frozenset()
    """fingerprints, of whatever host"""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Each text may have several lines. Raises errors.UsageFault for one that is no host key."""
        lines: list[KnownHost] = []
        prints: list[str] = []
        for line in (line.strip() for text in texts for line in text.split("\n")):
            if not line or line.startswith("#"):
                continue
            # alone, several, or as `ssh-keygen -l` shows them: 256 SHA256:… comment (ED25519)
            shown = [word.rstrip("=") for word in line.split() if _PRINT.fullmatch(word.rstrip("="))]
            if shown and (line.startswith("SHA256:") or line.split()[0].isdigit()):
                prints += shown
                continue
            found = list(known_hosts_lines(f"* {line}" if line.startswith(_KINDS) else line))
            if not found or found[0].marker:
                raise errors.UsageFault(f"{printable(line, 60)!r} is not a host key", hint=f"give {FORMS}")
            lines += found
        return cls(tuple(lines), frozenset(prints))

    def known(self, name: str) -> Sequence[HostKey]:
        """The keys that were given for `name`."""
        return [line.key for line in self.lines if line.covers(name)]

    def vouched(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Keys alone count."""
        return False

    def check(self, name: str, key: HostKey, shown: Shown = DIRECT) -> bool:  # noqa: ARG002 - as above
        """Raises HostKeyChanged for another key than those given, Unreachable where none was given for `name`."""
        keys = self.known(name)
        if key in keys or key.fingerprint in self.prints:
            return True
        if not keys and not self.prints:
            raise stranger(name, key, f"none of the host keys that were given is for {printable(name, 80)}")
        if keys:
            raise changed(name, keys, key, "if it has a new key, give that one")
        raise errors.HostKeyChanged(
            f"the host key of {printable(name, 80)} is another one than was given: {key.kind} {key.fingerprint}",
            hint="somebody else may be answering; or give the fingerprint of its key of that kind, too",
            details=(*(f"given     {each}" for each in sorted(self.prints)), f"found     {key.fingerprint}"),
        )
