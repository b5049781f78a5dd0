"""The board: its configuration, its apps, and what can be asked of each. Used by the command line, cron, hook and serve."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edgedeploy.agent import announce, attempt, config, schedule, state
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.deploy import Deployment
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.agent.prepare import Prepare
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Runtime, Xl
from edgedeploy.core import errors, files, release
from edgedeploy.core.names import AppName, CommitId, ReleaseId


@contextlib.contextmanager
def exclusive(lock: Path, who: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock; when somebody else has it, say who by `waiting`, once, and wait."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.locked(lock, who, wait=False))
        except files.Busy as busy:
            waiting(busy.holder)
            stack.enter_context(files.locked(lock, who))
        yield


class Board:
    """This board. Every public method may be called by several processes at once; locks keep them in order."""

    def __init__(self, layout: Layout | None = None, runtime: Runtime | None = None) -> None:
        self.layout = layout or Layout()
        self.runtime: Runtime = runtime or Xl()
        self.config = config.load(self.layout.config)

    def app(self, name: AppName) -> AppLayout:
        """The folders of a configured app. Raises errors.UsageFault for an unknown one."""
        if name not in self.config.apps:
            known = ", ".join(self.config.apps) or "none"
            raise errors.UsageFault(f"no app {name!r} on this board (known: {known})", hint=f"edgedeploy push {name}")
        return self.layout.app(name)

    def repo(self, name: AppName) -> GitRepo:
        """The app's repository."""
        return GitRepo(self.app(name).repo, self.config.apps[name].branch)

    def ensure_app(self, name: AppName) -> list[str]:
        """Make a place for an app that is pushed for the first time; returns what was changed, in words."""
        changed = []
        if name not in self.config.apps:
            apps = {**self.config.apps, name: config.AppConfig()}
            self.config = config.AgentConfig(self.config.board_id, self.config.name, self.config.profile, apps)
            files.atomic_write(self.layout.config, config.render(self.config).encode())
            changed.append(f"added the app {name} to {self.layout.config}")
        changed += self.repo(name).ensure(name, self.config.apps[name].remote)
        return changed + self.install_schedule(name)

    def _schedule(self, name: AppName, commit: CommitId | None) -> str:
        text = (self.repo(name).read(commit, release.CRONTAB, 16384) if commit else None) or b""
        return schedule.parse(text.decode("utf-8", "replace"))

    def install_schedule(self, name: AppName) -> list[str]:
        """Bring /etc/cron.d in line with scripts/crontab of the checked-out commit."""
        path = self.layout.cron(name)
        wanted = self._schedule(name, self.repo(name).head())
        if files.write_if_changed(path, schedule.cron_file(name, wanted)):
            return [f"installed the schedule `{wanted or '@never'}` in {path}"]
        return []

    # --- deployments ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _deployment(self, name: AppName, who: str) -> Iterator[tuple[Deployment, Attempt]]:
        layout = self.app(name)
        path = Path(os.environ.get(attempt.ENV) or attempt.new_path(layout.attempts))
        record = Attempt(path, os.environ.get(attempt.ENV_WHO) or who)
        try:
            with exclusive(layout.swap_lock, who, lambda holder: record.event("wait", f"waiting: {holder} is deploying")):
                yield Deployment(name, layout, self.repo(name), self.runtime, record), record
        except errors.EdgeError as error:
            record.failed(error)
            raise
        finally:
            record.close()
            announce.refresh(self)

    def apply(self, name: AppName, who: str, *, retry: bool = False) -> dict[str, object]:
        """Bring the app to what its checked-out commit wants. Returns the fields of messages.Outcome."""
        with self._deployment(name, who) as (deployment, record):
            for change in self.install_schedule(name):
                record.event("schedule", change)
            outcome = deployment.reconcile(retry=retry)
            record.outcome(outcome)
        return outcome

    def rollback(self, name: AppName, target: ReleaseId | None, who: str) -> dict[str, object]:
        """Go back to `target`, or to the previous release."""
        with self._deployment(name, who) as (deployment, record):
            outcome = deployment.rollback(target, who)
            record.outcome(outcome)
        return outcome

    def pull(self, name: AppName, who: str) -> dict[str, object] | None:
        """`git pull --ff-only` from the remote; its hook deploys. Without news, reconcile all the same.

        Returns the outcome where this process deployed, None where the hook did. An app without a remote is reconciled
        only: a guest that died is started again.
        """
        with files.locked(self.app(name).pull_lock, who):
            repo = self.repo(name)
            if self.config.apps[name].remote and repo.head() is not None and repo.pull_remote():
                return None
            if self.config.apps[name].remote and repo.head() is None:
                repo.pull_remote()  # git runs no post-merge hook when it pulls into an empty repository
        return self.apply(name, who)

    def stage(
        self, name: AppName, commit: CommitId, bundle: Path | None, record: Attempt
    ) -> tuple[release.Manifest, bool]:
        """Take commits in and do everything that can fail before the guest is touched.

        Returns the manifest of the commit's release and whether it is on air already.
        """
        layout, repo = self.layout.app(name), self.repo(name)
        with exclusive(layout.pull_lock, "push", lambda holder: record.event("wait", f"waiting: {holder} is pulling")):
            if bundle:
                record.event("receive", "taking the commits in")
                repo.fetch_bundle(bundle)
                bundle.unlink(missing_ok=True)
            if not repo.has(commit):
                raise errors.BadRepository(f"commit {commit[:12]} is not on the board", hint="push again")
            manifest = repo.manifest(commit, name)
            if manifest is None:
                raise errors.BadRepository(
                    f"{release.LATEST} is missing: nothing is released yet", hint="edgedeploy release KERNEL"
                )
            self._schedule(name, commit)  # a bad one is refused now, not after the merge
            repo.stage(commit)
            domains = self.runtime.domains()
            live = any(d.uuid == manifest.uuid and not d.dead for d in domains)
            if not live:
                known = state.load(layout.state)
                ours = {s.uuid for s in (known.good, known.candidate) if s}
                freed = [d for d in domains if d.uuid in ours or d.name == manifest.domain.name]
                Prepare(layout, repo, self.runtime).release(manifest, commit, record, freed)
        return manifest, live

    def boot(self, patience_s: float = 300.0) -> dict[str, str]:
        """After power-on: wait until the hypervisor answers, then put every app's last good release on air."""
        until = time.monotonic() + patience_s
        while True:
            try:
                self.runtime.domains()
                break
            except CommandFailed:
                if time.monotonic() > until:
                    raise
                time.sleep(1.0)
        verdicts = {}
        for name in self.config.apps:
            try:
                verdicts[str(name)] = str(self.apply(name, "boot")["verdict"])
            except errors.EdgeError as error:
                verdicts[str(name)] = error.message
        return verdicts

    def gc(self, name: AppName) -> list[str]:
        """Remove artefacts, configurations and manifests of releases that can no longer be wanted."""
        layout = self.app(name)
        with files.locked(layout.swap_lock, "gc"):
            now = state.load(layout.state)
            keep: set[Path] = set()
            for slot in (now.good, now.previous, now.candidate, now.failed):
                if slot is None:
                    continue
                path = layout.manifest(ReleaseId.parse(slot.release))
                manifest = release.loads(path.read_bytes())
                unpacked = [layout.artefacts / a.sha256 for a in manifest.artefacts]
                keep |= {path, layout.domain(slot.uuid), *unpacked, *(p.with_name(f"{p.name}.json") for p in unpacked)}
            folders = (layout.artefacts, layout.folder / "domains", layout.folder / "releases")
            doomed = [path for folder in folders for path in folder.glob("*") if path not in keep]
            for path in doomed:
                path.unlink()
        return [str(path) for path in doomed]
