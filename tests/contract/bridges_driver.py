"""Run inside a namespace that is a board: does the steps it is told with the agent's Bridges, and says what came of each.

One process for all: what `ip netns add` makes in here is seen in here alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edgedeploy.agent import health
from edgedeploy.agent.network import Bridges
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import names, release

OLD, NEW = 7, 8
_ASK = "import urllib.request as u; print(u.urlopen('http://10.0.2.80:8080/', timeout=5).read().decode())"


class Driver:
    def __init__(self, run: Path, scripts: Path, client: str, app: str) -> None:
        self._bridges = Bridges(run, scripts=scripts)
        self._client = client
        domain = release.Domain(
            names.DomainName("decks"), 96, 1, (release.Vif(names.BridgeName("xenbr0")),), names.CommandLine("")
        )
        self.manifest = release.Manifest(
            names.AppName(app), names.ReleaseId("r2"), (), domain, (),
            release.Health("10.0.2.80", 8080, names.UrlPath("/"), 200, 5),
        )  # fmt: skip

    def obstacle(self, change: str = "") -> str:
        """The manifest with one thing changed."""
        domain, asked = self.manifest.domain, self.manifest.health
        assert asked
        changed = {
            "": self.manifest,
            "silent": replace(self.manifest, health=None),
            "two cards": replace(self.manifest, domain=replace(domain, vifs=domain.vifs * 2)),
            "no card": replace(self.manifest, domain=replace(domain, vifs=())),
            "dhcp": replace(self.manifest, domain=replace(domain, cmdline=names.CommandLine("ip=dhcp"))),
            "other bridge": replace(self.manifest, domain=replace(domain, vifs=(release.Vif(names.BridgeName("ovs0")),))),
            "v6": replace(self.manifest, health=replace(asked, address="2001:db8::80")),
            "elsewhere": replace(self.manifest, health=replace(asked, address="10.9.9.80")),
        }
        return self._bridges.obstacle(changed[change])

    def stp(self) -> str:
        subprocess.run(["ip", "link", "set", "xenbr0", "type", "bridge", "stp_state", "1"], check=True)
        try:
            return self.obstacle()
        finally:
            subprocess.run(["ip", "link", "set", "xenbr0", "type", "bridge", "stp_state", "0"], check=True)

    def prepare(self) -> str:
        self._bridges.prepare(self.manifest)
        (mark,) = (Path(os.environ["RUN"]) / "standby").iterdir()
        assert mark.name == self.manifest.uuid
        return mark.read_text()

    def hotplug(self) -> None:
        """What Xen's script does for the standby's card."""
        bridge = (Path(os.environ["RUN"]) / "standby" / self.manifest.uuid).read_text()
        subprocess.run(["ip", "link", "set", f"vif{NEW}.0", "master", bridge], check=True)

    def gate(self) -> str:
        """What the standby serves, asked from the private namespace."""
        assert self.manifest.health
        verdict = health.probe(self.manifest.health, lambda: "", lambda: self._bridges.inside(self.manifest.app))
        return verdict.reason or verdict.served["/"]

    def same(self) -> bool:
        """Whether who asks in the private namespace has the real bridge's hardware address."""
        (space,) = self._spaces()
        links = json.loads(subprocess.check_output(["ip", "-netns", space, "-json", "link"]))
        (end,) = [link for link in links if link["ifname"].startswith("edf")]
        return bool(end["address"] == Path("/sys/class/net/xenbr0/address").read_text().strip())

    def own(self) -> str:
        """What the board itself is answered."""
        assert self.manifest.health
        return health.fetch(self.manifest.health, "/", 5.0)[1]

    def client(self) -> str:
        """What a machine on the network is answered."""
        argv = ["ip", "netns", "exec", self._client, sys.executable, "-c", _ASK]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    def off(self) -> list[int]:
        return [domid for domid in (OLD, NEW, 9) if self._bridges.off_air(domid)]

    def cut(self) -> None:
        self._bridges.cut_over(self.manifest, NEW, [OLD])

    def back(self) -> None:
        self._bridges.cut_over(self.manifest, OLD, [NEW])

    def both(self) -> None:
        """As a kill in the middle of the batch leaves it."""
        subprocess.run(["ip", "link", "set", f"vif{OLD}.0", "master", "xenbr0"], check=True)

    def take_off(self) -> None:
        self._bridges.take_off(OLD)

    def clear(self) -> None:
        self._bridges.clear(self.manifest.app, [self.manifest.uuid])

    def left(self) -> list[str]:
        """Whatever there is of ours."""
        links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(("edb", "edn", "edf"))]
        marks = [path.name for path in (Path(os.environ["RUN"]) / "standby").glob("*")]
        return links + self._spaces() + marks

    def _spaces(self) -> list[str]:
        """The names of network namespaces are one folder's for the whole machine, with those of tests beside this one."""
        tag = hashlib.sha256(self.manifest.app.encode()).hexdigest()[:10]
        return [path.name for path in Path("/run/netns").glob("edgedeploy-*") if tag in path.name]


if __name__ == "__main__":
    driver = Driver(Path(os.environ["RUN"]), Path(os.environ["SCRIPTS"]), os.environ["CLIENT"], os.environ["APP"])
    said = []
    for step in sys.argv[1:]:
        name, _, word = step.partition(":")
        try:
            said.append(getattr(driver, name)(*([word] if word else [])))
        except CommandFailed as failed:
            raise SystemExit(f"{step}: {failed}\n{failed.words}") from failed
    print(json.dumps(said))
