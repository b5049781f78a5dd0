"""The board: its configuration, its apps, and what can be asked of each. Used by the command line, cron, hook and serve.

Imports of what only some of its doings need stand there: a small core needs 10 to 50 ms to load a module.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedeploy.agent import attempt, config, kept, runtimes, state
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.agent.network import Network
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors, files, release
from edgedeploy.core.names import AppName, CommitId, ReleaseId, printable

if TYPE_CHECKING:
    from edgedeploy.agent.deploy import Deployment
    from edgedeploy.agent.handout import Handout
    from edgedeploy.agent.otherapps import OtherApps

Before = Callable[[Attempt], None]


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells a file that was replaced from the one before."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _nothing(_: Attempt) -> None:
    """Nothing to do before a deployment."""


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

    def __init__(
        self,
        layout: Layout | None = None,
        runtime: Runtime | None = None,
        network: Network | None = None,
        later: kept.After = kept.after,
    ) -> None:
        self.layout = layout or Layout()
        self._later = later
        self._read = _stamp(self.layout.config)
        self.config = config.load(self.layout.config)
        usual = runtimes.of(self.layout, self.config.runtimes)
        self.runtime: Runtime = runtime or usual[0]
        self.network: Network = network or usual[1]
        self._staged: tuple[CommitId | None, str] | None = None
        """what was checked out, and the commit that was found to follow it, or may replace it (`_over`)"""
        self._over = False

    def app(self, name: AppName) -> AppLayout:
        """The folders of a configured app. Raises errors.UsageFault for an unknown one."""
        if name not in self.config.apps:
            known = ", ".join(self.config.apps) or "none"
            raise errors.UsageFault(f"no app {name!r} on this board (known: {known})", hint=f"edgedeploy push {name}")
        return self.layout.app(name)

    def _still_here(self, name: AppName) -> None:
        """Raises errors.UsageFault for an app that was removed since the configuration was read; asked under a lock of the app's."""
        self._read_again()
        self.app(name)

    def _read_again(self) -> None:
        """The configuration, where somebody has changed it since."""
        if (stamp := _stamp(self.layout.config)) != self._read:
            self._read, self.config = stamp, config.load(self.layout.config)

    def _write(self, apps: dict[AppName, config.AppConfig]) -> None:
        wanted = replace(self.config, apps=apps)
        files.atomic_write(self.layout.config, config.render(wanted).encode())
        self.config = wanted  # only now: what the disk did not take is not so
        self._read = _stamp(self.layout.config)

    def repo(self, name: AppName) -> GitRepo:
        """The app's repository."""
        return GitRepo(self.app(name).repo, self.config.apps[name].branch, self._derive)

    def _derive(self, *wanted: Any) -> release.Manifest:
        from edgedeploy.agent import derived

        return derived.manifest(self.layout, self.config, *wanted)

    def ensure_app(self, name: AppName, waiting: Callable[[str], None] = lambda _: None) -> list[str]:
        """Make a place for an app that is pushed for the first time; returns what was changed, in words.

        `waiting` as `exclusive` takes it: the place is made under the app's lock, so that nobody takes it away meanwhile.
        """
        changed = []
        with exclusive(self.layout.app(name).pull_lock, "push", waiting):
            self._read_again()
            if name not in self.config.apps:
                with files.locked(self.layout.config_lock, "push"):
                    self._read_again()
                    self._write({name: config.AppConfig(), **self.config.apps})
                changed.append(f"added the app {name} to {self.layout.config}")
            changed += self._made_anew(name)
            with contextlib.suppress(errors.BadRepository):  # what is checked out may be what a push is about to mend
                changed += self.install_schedule(name)
        return changed

    def has(self, name: AppName) -> bool:
        """Whether the configuration names an app, as it is now."""
        self._read_again()
        return name in self.config.apps

    def _made_anew(self, name: AppName) -> list[str]:
        return self.repo(name).ensure(name, self.config.apps[name].remote)

    def _schedule(self, name: AppName, commit: CommitId | None) -> str:
        from edgedeploy.agent import schedule

        text = (self.repo(name).read(commit, release.CRONTAB, 16384) if commit else None) or b""
        return schedule.parse(text.decode("utf-8", "replace"))

    def install_schedule(self, name: AppName) -> list[str]:
        """Bring /etc/cron.d in line with scripts/crontab of the checked-out commit."""
        from edgedeploy.agent import schedule

        path = self.layout.cron(name)
        wanted = self._schedule(name, self.repo(name).head())
        if files.write_if_changed(path, schedule.cron_file(name, wanted)):
            return [f"installed the schedule `{wanted or '@never'}` in {path}"]
        return []

    def announce(self, domains: list[Running] | None = None) -> bool:
        """Tell the network what this board is and runs, where that changed; True when something was written.

        `domains` are what runs, where that was asked just now.
        """
        from edgedeploy.agent import announce

        return announce.refresh(self.layout, self.config, lambda: self.runtime.domains() if domains is None else domains)

    # --- deployments ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _deployment(
        self, name: AppName, who: str, follow: Path | None, before: Before, how: str = ""
    ) -> Iterator[tuple[Deployment, Attempt]]:
        from edgedeploy.agent import deploy

        self._still_here(name)
        layout = self.app(name)
        layout.quiet.unlink(missing_ok=True)  # something is about to change: see agent/tick.py
        record = Attempt(follow or attempt.new_path(layout.attempts), who, followed=follow is not None)
        deployment: Deployment | None = None
        try:
            before(record)
            with exclusive(
                layout.swap_lock, who, lambda holder: record.event("wait", f"waiting: {holder} is deploying")
            ):
                self._still_here(name)
                deployment = deploy.Deployment(
                    name, layout, self.repo(name), self.runtime, self.network, record, self._others(name), self._later, how
                )
                yield deployment, record
        except errors.EdgeError as error:
            record.failed(error)
            raise
        except OSError as error:
            record.failed(errors.NoRoom(f"the board's file system said: {error}", hint="df -h on the board"))
            raise
        finally:
            record.close()
            self.announce(deployment.domains if deployment else None)

    def apply(
        self, name: AppName, who: str, *, retry: bool = False, follow: Path | None = None, before: Before = _nothing,
        how: str = "",
    ) -> dict[str, object]:  # fmt: skip
        """Bring the app to what its checked-out commit wants. Returns the fields of messages.Outcome.

        `follow` is where the record goes when somebody reads along; `before` runs first, under no lock of ours; `how` is
        one of release.SWAPS, "" for what the manifest says.
        A schedule that is none is told (BadRepository) only after the guest that should run was seen to.
        """
        problem: errors.BadRepository | None = None
        with self._deployment(name, who, follow, before, how) as (deployment, record):
            try:
                for change in self.install_schedule(name):
                    record.event("schedule", change)
            except errors.BadRepository as error:
                record.event("schedule", error.message)
                problem = error
            outcome = deployment.reconcile(retry=retry)
            record.outcome(outcome)
            if outcome["verdict"] == "live":
                with contextlib.suppress(OSError, errors.EdgeError):  # tidying must not spoil what is live
                    self._collect(self.app(name), older_than_s=3600)
        if problem:
            raise problem
        return outcome

    def _others(self, name: AppName) -> OtherApps:
        from edgedeploy.agent.otherapps import OtherApps

        layouts = {other: self.layout.app(other) for other in self.config.apps if other != name}
        return OtherApps(layouts, self.runtime, self.network)

    def rollback(
        self, name: AppName, target: ReleaseId | None, who: str, *, follow: Path | None = None
    ) -> dict[str, object]:
        """Go back to `target`, or to the previous release."""
        with self._deployment(name, who, follow, _nothing) as (deployment, record):
            record.event("rollback", f"going back to {target or 'the release before'}")
            outcome = deployment.rollback(target, who)
            record.outcome(outcome)
        return outcome

    def pull(self, name: AppName, who: str) -> dict[str, object]:
        """`git fetch`, `git merge --ff-only`, then deploy what came; without news, or a remote, reconcile all the same.

        A remote that does not answer is told (CommandFailed) only after the guest that should run was seen to.
        """
        from edgedeploy.agent import pull, worktree

        problems: list[errors.EdgeError] = []

        def fetch(record: Attempt) -> None:
            if not self.config.apps[name].remote:
                return
            try:
                repo = self.repo(name)
                said = self._made_anew(name) if repo.damaged() or not repo.pulls_from(self.config.apps[name].remote) else []
                said += worktree.clear(repo)
                repo.fetch_remote()  # under no lock: a remote that hangs must not keep a push waiting
                with self._pulling(name, who, record):
                    said += pull.fetched(repo)
                record.events("repair", said)
            except (CommandFailed, errors.BadRepository) as error:
                record.event("receive", error.message)
                problems.append(error)

        outcome = self.apply(name, who, before=fetch)
        if problems:
            raise problems[0]
        if self.config.apps[name].remote and outcome["verdict"] == "already-live":
            from edgedeploy.agent import tick

            tick.note(self.app(name), self.repo(name), self.runtime.domains(), tick.uptime(self.layout.root))
        return outcome

    def activate(
        self, name: AppName, commit: CommitId, who: str, follow: Path, *, retry: bool, how: str = ""
    ) -> dict[str, object]:
        """Fast-forward to a staged commit, or put it in another history's place where `stage` allowed that; and deploy it."""
        from edgedeploy.agent import pull

        def merge(record: Attempt) -> None:
            repo = self.repo(name)
            with self._pulling(name, who, record):
                head = repo.head()
                if head != commit:
                    over = self._over
                    if self._staged != (head, commit) or repo.staged() != commit:  # another push, or a person, did something meanwhile
                        over = self._mark(repo, commit)
                    record.events("repair", self._taken(repo, head, commit) if over and head else pull.staged(repo))

        return self.apply(name, who, retry=retry, follow=follow, before=merge, how=how)

    def _mark(self, repo: GitRepo, commit: CommitId, over: str = "") -> bool:
        """Mark a commit as GitRepo.stage does; True where it does not follow, and may take the head's place."""
        try:
            repo.stage(commit)
        except errors.BadRepository:
            from edgedeploy.agent import over as replacing

            if not replacing.stage(repo, commit, over):
                raise
            return True
        return False

    def _taken(self, repo: GitRepo, head: CommitId, commit: CommitId) -> list[str]:
        from edgedeploy.agent import over

        return over.take(repo, head, commit)

    @contextlib.contextmanager
    def _pulling(self, name: AppName, who: str, record: Attempt) -> Iterator[None]:
        lock = self.app(name).pull_lock
        with exclusive(lock, who, lambda holder: record.event("wait", f"waiting: {holder} is pulling")):
            self._still_here(name)
            yield

    def stage(
        self, name: AppName, commit: CommitId, bundle: Path | None, record: Attempt, how: str = "", *,
        over: str = "",
    ) -> tuple[release.Manifest, bool]:  # fmt: skip
        """Take commits in and do everything that can fail before the guest is touched.

        `how` as in `apply`; `over` is the checked-out commit in whose place `activate` may put this one, though it does not
        follow. Returns the manifest of the commit's release and whether it is on air already.
        """
        from edgedeploy.agent import unwrap, worktree

        layout, repo = self.layout.app(name), self.repo(name)
        with self._pulling(name, "push", record):
            record.events("repair", worktree.clear(repo))
            if bundle and bundle.is_file():  # else another push of the same has brought it in meanwhile
                record.event("receive", "taking the commits in")
                with unwrap.plain(bundle) as plain:
                    repo.fetch_bundle(plain)
                bundle.unlink(missing_ok=True)
            if not repo.has(commit):
                raise errors.BadRepository(f"commit {commit[:12]} is not on the board", hint="push again")
            manifest = repo.manifest(commit, name)
            if manifest is None:
                raise errors.BadRepository(
                    f"{release.LATEST} is missing: nothing is released yet", hint="edgedeploy release KERNEL"
                )
            self._schedule(name, commit)  # a bad one is refused now, not after the merge
            self._over = self._mark(repo, commit, over)
            self._staged = (repo.head(), commit)
            domains = self.runtime.domains()
            live = any(d.uuid == manifest.uuid and self._on_air(d) for d in domains)
            if not live:
                from edgedeploy.agent.prepare import Prepare

                if (how or manifest.swap.how) == "blue-green":
                    self.rehearse(manifest, "blue-green")  # refused now, not after the merge
                spare = self._others(name).spare(domains)
                Prepare(layout, repo, self.runtime, self.network.script).release(
                    manifest, commit, record, self._ours(manifest, domains), spare
                )
        return manifest, live

    def _on_air(self, domain: Running) -> bool:
        return not domain.dead and not self.network.off_air(domain.domid)

    def _ours(self, manifest: release.Manifest, domains: list[Running]) -> list[Running]:
        """Domains of the manifest's app."""
        known = state.load(self.layout.app(manifest.app).state)
        ours = {slot.uuid for slot in (known.good, known.previous, known.candidate) if slot}
        return [d for d in domains if d.uuid in ours or d.name == manifest.domain.name]

    def rehearse(self, manifest: release.Manifest, how: str) -> tuple[str, str]:
        """How a release would take the place of what is on air ("" : nothing is), and why in its place; nothing is touched.

        Raises NoRoom or DoesNotFit where it is to be beside or not at all, and cannot.
        """
        from edgedeploy.agent import beside

        domains, how = self.runtime.domains(), how or manifest.swap.how
        ours = self._ours(manifest, domains)
        on_air = [domain for domain in ours if self._on_air(domain)]
        if not on_air:
            return "", ""
        gone = [d for d in ours if d not in on_air] + self._others(manifest.app).spare(domains)
        problem = beside.obstacle(manifest, how, self.network, self.runtime, gone)
        if problem and how == "blue-green":
            raise beside.refusal(manifest, problem)
        return ("in-place", problem.message) if problem else ("blue-green", "")

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
        for name in [*self.config.apps]:
            try:
                verdicts[str(name)] = str(self.apply(name, "boot")["verdict"])
            except errors.EdgeError as error:
                verdicts[str(name)] = error.message
        from edgedeploy.agent import removal

        removal.sweep(self.layout)
        return verdicts

    def hand_out(self, name: AppName, have: Sequence[str], waiting: Callable[[str], None]) -> Handout:
        """See handout.bundle. `waiting` as `exclusive` takes it."""
        from edgedeploy.agent import handout

        with exclusive(self.app(name).pull_lock, "fetch", waiting):
            self._still_here(name)
            return handout.bundle(self.repo(name), have, self.layout.incoming)

    def remove(self, name: AppName, who: str) -> list[str]:
        """Take an app off this board, whatever it runs; returns what was done, in words.

        What a kill left of one counts, too. Raises errors.UsageFault for an app that is not here, BoardFault while somebody is at
        work on it (what is asked for now is not to be done later, to something else), CommandFailed where a guest cannot be
        ended: then it is still known.
        """
        from edgedeploy.agent import removal

        self._read_again()
        layout = self.layout.app(name)
        if not layout.folder.exists() and not self.layout.cron(name).exists():
            layout = self.app(name)
        try:
            with files.locked(layout.pull_lock, who, wait=False), files.locked(layout.swap_lock, who, wait=False):
                self._read_again()
                words = removal.off_air(name, layout, self._checked_out(name), self.runtime, self.network)
                words += removal.forget(self.layout, name)
                with files.locked(self.layout.config_lock, "remove"):
                    self._read_again()
                    known = self.config.apps.get(name)
                    self._write({app: said for app, said in self.config.apps.items() if app != name})
        except files.Busy as busy:
            raise errors.BoardFault(
                f"{busy.holder or 'somebody'} is at work on {name} just now; nothing was removed", hint="a moment later, again"
            ) from None
        self.announce()
        if known and known.remote:
            words.append(f"forgot that it is pulled from {printable(known.remote, 200)}")
        return [*words, f"took {name} out of {self.layout.config}"]

    def _checked_out(self, name: AppName) -> release.Manifest | None:
        """What should run, as far as that can be read."""
        repo = GitRepo(self.layout.app(name).repo, derive=self._derive)
        with contextlib.suppress(errors.EdgeError, KeyError):
            head = repo.head()
            return repo.manifest(head, name) if head else None
        return None

    def gc(self, name: AppName) -> list[str]:
        """Remove artefacts, configurations and manifests of releases that can no longer be wanted."""
        layout = self.app(name)
        with files.locked(layout.pull_lock, "gc"), files.locked(layout.swap_lock, "gc"):
            return self._collect(layout, older_than_s=0)

    def _collect(self, layout: AppLayout, older_than_s: float) -> list[str]:
        from edgedeploy.agent import collect

        return collect.collect(layout, older_than_s)
