"""Where things are on the board. One place, so that tests can put the whole board under a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core.names import AppName, ReleaseId

PROGRAM = "/usr/local/bin/edgedeploy-agent"
TICK = "/usr/local/lib/edgedeploy-agent/tick"
OURS = "EDGEDEPLOY_AGENT"
"""set for every git of the agent: its hooks know by that who is at work"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below `root` ("/" on a board)."""

    root: Path = Path("/")

    @property
    def config(self) -> Path:
        """Who this board is and which apps it serves."""
        return self.root / "etc/edgedeploy/agent.toml"

    @property
    def state(self) -> Path:
        """Everything the agent remembers."""
        return self.root / "var/lib/edgedeploy"

    @property
    def incoming(self) -> Path:
        """Transfers, whole (named by digest) and begun (.part)."""
        return self.state / "incoming"

    @property
    def config_lock(self) -> Path:
        """Held while that is changed."""
        return self.state / "agent.toml.lock"

    @property
    def avahi_service(self) -> Path:
        """What Avahi announces for us."""
        return self.root / "etc/avahi/services/edgedeploy.service"

    @property
    def program(self) -> Path:
        """The command that starts the agent: what hooks, cron and the push key call."""
        return self.root / PROGRAM.lstrip("/")

    def library(self, digest: str) -> Path:
        """The modules of one version of the agent, by its SHA-256."""
        return self.root / "usr/local/lib/edgedeploy-agent" / digest[:16]

    @property
    def tick(self) -> Path:
        """What cron calls (agent/tick.py)."""
        return self.root / TICK.lstrip("/")

    def cron(self, app: AppName) -> Path:
        """The app's pull schedule."""
        return self.root / f"etc/cron.d/edgedeploy-{app}"

    @property
    def hotplug(self) -> Path:
        """What Xen calls for the network cards of our guests (agent/vif_hotplug.py)."""
        return self.root / "etc/xen/scripts/vif-edgedeploy"

    @property
    def boot_cron(self) -> Path:
        """What starts the last good release at boot (cron's @reboot: the same on every init system)."""
        return self.root / "etc/cron.d/edgedeploy"

    @property
    def processes(self) -> Path:
        """What is known of releases that run as processes."""
        return self.root / "run/edgedeploy/processes"

    def app(self, app: AppName) -> AppLayout:
        """The folders of one app."""
        return AppLayout(self.state / "apps" / app, self.root / "run/edgedeploy")


@dataclass(frozen=True, slots=True)
class AppLayout:
    """Paths of one app below /var/lib/edgedeploy/apps/<app>."""

    folder: Path
    run: Path
    """what need not outlive a reboot"""

    @property
    def repo(self) -> Path:
        """The deployment repository: a plain clone in which a person may type `git pull`."""
        return self.folder / "repo"

    @property
    def artefacts(self) -> Path:
        """Unpacked artefacts, named by their digest."""
        return self.folder / "artefacts"

    @property
    def state(self) -> Path:
        """What is good, what is on trial, what is quarantined."""
        return self.folder / "state.json"

    @property
    def attempts(self) -> Path:
        """One record (JSON lines) per deployment."""
        return self.folder / "attempts"

    def manifest(self, release: ReleaseId) -> Path:
        """A release's manifest as it was when it was prepared."""
        return self.folder / "releases" / f"{release}.json"

    def domain(self, uuid: str) -> Path:
        """The domain configuration written for a release."""
        return self.domains / f"{uuid}.cfg"

    @property
    def domains(self) -> Path:
        """The folder of those."""
        return self.folder / "domains"

    @property
    def kept(self) -> Path:
        """Which domain is kept for a way back without a boot, and until when."""
        return self.run / "kept" / self.folder.name

    @property
    def quiet(self) -> Path:
        """That everything was in order a while ago, for cron's next looks (agent/tick.py)."""
        return self.run / "quiet" / self.folder.name

    @property
    def pull_lock(self) -> Path:
        """Held while we change the repository."""
        return self.folder / "pull.lock"

    @property
    def swap_lock(self) -> Path:
        """Held while we prepare and swap. Taken inside pull_lock (by the hook), never the other way round."""
        return self.folder / "swap.lock"

    @property
    def attach_lock(self) -> Path:
        """Held by the one person who is at the guest's console. No deployment ever asks for it."""
        return self.folder / "attach.lock"

    def console(self, domid: int) -> Path:
        """What the console of a domain said. Domain ids are not used again before the next boot, when /run is empty."""
        return self.run / f"{self.folder.name}.{domid}"
