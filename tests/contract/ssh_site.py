"""A real OpenSSH server, and our wire to it. For the tests, and for bench.waits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edgedeploy.wires.ssh import Credentials, SshTarget, SshWire
from edgedeploy.wires.trust import Exact, HostTrust
from tests.sshd import Sshd


@dataclasses.dataclass(frozen=True)
class Site:
    """A server that one key opens."""

    sshd: Sshd
    key: Path

    def wire(self, trust: HostTrust | None = None, **options: object) -> SshWire:
        target = SshTarget(self.sshd.address, self.sshd.port, self.sshd.user)
        settings: dict[str, object] = {
            "credentials": Credentials(key_file=self.key),
            "config_file": Path("/dev/null"),
            **options,
        }
        return SshWire(target, trust or Exact((self.sshd.host_key,)), **settings)
