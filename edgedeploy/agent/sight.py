"""What should run of an app, and what does run: the repository and the hypervisor are asked, nothing is remembered."""

from __future__ import annotations

from edgedeploy.agent import records, state
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.network import Network
from edgedeploy.agent.otherapps import OtherApps
from edgedeploy.agent.plan import Seen, Slot
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, ReleaseId
from edgedeploy.core.release import Manifest


class Sight:
    """Of one app, for one deployment."""

    def __init__(
        self,
        app: AppName,
        layout: AppLayout,
        repo: GitRepo,
        runtime: Runtime,
        network: Network,
        others: OtherApps,
    ) -> None:
        self.others = others.uuids
        self.unreadable: errors.EdgeError | None = None
        self.domains: list[Running] | None = None
        """what ran when the hypervisor was asked last, which is half a second of a small core; None: things changed since"""
        self._app = app
        self._layout = layout
        self._repo = repo
        self._runtime = runtime
        self._network = network
        self._manifests: dict[str, Manifest] = {}
        self._commits: dict[str, str] = {}

    # --- what should run ------------------------------------------------------------------------------------------

    def _at_head(self) -> Manifest | None:
        """The checked-out commit's release; one that cannot be read is remembered and counts as none."""
        commit = self._repo.head()
        try:
            manifest = self._repo.manifest(commit, self._app) if commit else None
        except errors.EdgeError as error:
            self.unreadable = error
            return None
        if commit and manifest:
            self._manifests[manifest.uuid], self._commits[manifest.uuid] = manifest, commit
        return manifest

    def commit(self, manifest: Manifest) -> str | None:
        """Where `look` found a release. The checked-out commit may be another by now: a tick fetches while this one swaps."""
        return self._commits.get(manifest.uuid)

    def look(self, *, repository: bool = True) -> Seen:
        """The event for plan.decide; without the `repository` nothing is wanted."""
        manifest = self._at_head() if repository else None
        on_air, beside = self.sorted()
        return Seen(
            Slot(manifest.release, manifest.uuid) if manifest else None,
            on_air.uuid if on_air else "",
            frozenset(domain.uuid for domain in beside if not domain.dead),
        )

    # --- what runs ------------------------------------------------------------------------------------------------

    def ours(self) -> list[Running]:
        """Domains of this app: by UUID of a release we know, or by a VM name that one of them wants."""
        known = state.load(self._layout.state)
        slots = [slot for slot in (known.good, known.previous, known.candidate, known.failed) if slot]
        manifests = [*self._manifests.values(), *(m for slot in slots if (m := self.recorded(slot)))]
        names = {m.domain.name for m in manifests}
        uuids = {m.uuid for m in manifests} | {slot.uuid for slot in slots}
        if self.domains is None:
            self.domains = self._runtime.domains()
        return [d for d in self.domains if d.uuid not in self.others and (d.uuid in uuids or d.name in names)]

    def sorted(self) -> tuple[Running | None, list[Running]]:
        """The app's living domain that is on air, and all its others. Of two on air the proven one counts."""
        good = state.load(self._layout.state).good
        ours = self.ours()
        on_air = [domain for domain in ours if not domain.dead and not self._network.off_air(domain.domid)]
        first = min(on_air, key=lambda domain: not good or domain.uuid != good.uuid, default=None)
        return first, [domain for domain in ours if domain is not first]

    def domain(self, slot: Slot) -> Running | None:
        """A release's domain, dead or alive; the hypervisor is asked."""
        return next((d for d in self._runtime.domains() if d.uuid == slot.uuid), None)

    # --- what is known of a release -------------------------------------------------------------------------------

    def recorded(self, slot: Slot) -> Manifest | None:
        """A release's manifest as it was when it was prepared, None where it is gone."""
        return records.load(self._layout, slot)

    def known(self, slot: Slot) -> Manifest | None:
        """The same, or the checked-out one."""
        return self._manifests.get(slot.uuid) or self.recorded(slot)

    def manifest(self, slot: Slot) -> Manifest:
        """As `known`. Raises errors.Bug where there is none."""
        manifest = self.known(slot)
        if manifest is None or manifest.uuid != slot.uuid:
            raise errors.Bug(f"the manifest of {slot.release} is gone from this board", hint="push the app again")
        return manifest

    def remember(self, manifest: Manifest) -> None:
        """Count a release's domains as this app's from now on."""
        self._manifests.setdefault(manifest.uuid, manifest)

    def slot_of(self, target: ReleaseId) -> Slot | None:
        """A kept release by its id: of two that bear it the one before, then the proven one, then any that did not fail."""
        now = state.load(self._layout.state)
        slots = [slot for slot in (now.previous, now.good) if slot and slot.release == target and self.recorded(slot)]
        kept = [one.uuid for one in records.every(self._layout).values() if one.release == target]
        kept.sort(key=lambda uuid: uuid not in now.quarantine)  # stable: the newest stays the last of each kind
        return next(iter(slots), None) or (Slot(target, kept[-1]) if kept else None)
