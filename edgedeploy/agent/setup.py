"""The board's half of enrolment: puts the agent's files in place, says what it changed, changes nothing the second time.

The agent that is being installed does this itself (`edgedeploy-agent setup`, run once by ordinary SSH as root), so that what
is installed and what installs it never disagree.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgedeploy.agent import compiled, config, cron, records, schedule, tick, vif_hotplug
from edgedeploy.agent.board import Board
from edgedeploy.agent.config import AgentConfig, AppConfig
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.install import Installed, install
from edgedeploy.agent.layout import PROGRAM, Layout
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors, files, health
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName, own_board_id, printable
from edgedeploy.core.release import RUNTIMES, Health
from edgedeploy.core.strict import Reader

_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True, slots=True)
class Plan:
    """What enrolment is to make of this board (JSON on stdin).

    `board_id` is used where the board has none yet, or where what it has is another board's, too (`own_id`). `keep`: what
    the original deployment scripts left there stays in service.
    """

    board_id: BoardId
    name: BoardName
    profile: ProfileName
    push_key: str
    label: str
    apps: dict[AppName, str]
    own_id: bool = False
    keep: bool = False
    asked: dict[AppName, tuple[str, str]] = field(default_factory=dict)
    """where an app answers, and for which page: for a repository that does not say so"""
    passthrough: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    """of core.release.RUNTIMES; none: as it is, or Xen"""

    @classmethod
    def from_json(cls, raw: bytes) -> Plan:
        """Raises errors.BadConfig naming the field."""
        try:
            reader = Reader(json.loads(raw), "enrolment", errors.BadConfig)
        except ValueError as error:
            raise errors.BadConfig(f"the enrolment plan is not JSON: {error}") from None
        key = reader.text("push_key")
        match = _KEY.fullmatch(key)
        if not match:
            raise reader.fail("push_key", "is not an SSH public key (type and base64 only)")
        plan = cls(
            board_id=reader.name("board_id", BoardId.parse),
            name=reader.name("name", BoardName.parse),
            profile=reader.name("profile", ProfileName.parse),
            push_key=key,
            label=re.sub(r"[^A-Za-z0-9@._-]", "-", reader.text("label", limit=100)),
            apps={AppName.parse(app): str(remote) for app, remote in reader.items("apps", {})},
            own_id=reader.flag("own_id", False),
            keep=reader.flag("keep", False),
            asked={AppName.parse(app): _pair(said, "enrolment: asked") for app, said in reader.items("asked", {})},
            passthrough=tuple(map(str, reader.rows("passthrough", []))),
            runtimes=tuple(runtime for runtime in RUNTIMES if runtime in reader.rows("runtimes", [])),
        )
        reader.done()
        return plan


def _pair(data: object, where: str) -> tuple[str, str]:
    """An address and a page, each as core.health.told takes it. Raises errors.BadConfig."""
    reader = Reader(data, where, errors.BadConfig)
    pair = reader.text("address"), reader.text("page", "")
    reader.done()
    try:
        health.told(*pair)
    except errors.UsageFault as error:
        raise errors.BadConfig(f"{where}: {error.message}", hint=error.hint) from None
    return pair


def _told(app: AppConfig) -> Health | None:
    try:
        return health.told(app.address, app.page)
    except errors.UsageFault:  # written by hand; told where it is asked
        return None


class Setup:
    """Applies a Plan below a Layout. With `dry_run` it only says what it would change.

    `installed` is what `install` made, or the zipapp for which that is still to be done.
    """

    def __init__(self, layout: Layout, plan: Plan, installed: Installed | Path, *, dry_run: bool = False) -> None:
        if isinstance(installed, Path):
            installed = install(layout, installed.read_bytes(), dry_run=dry_run)
        self._layout = layout
        self._plan = plan
        self._installed = installed
        self._dry_run = dry_run
        self.changes = [*installed.changes]

    def run(self) -> AgentConfig:
        """Raises errors.BadConfig when what the board has cannot be kept."""
        before, said = self._known().apps, config.content(self._layout.config)
        wanted, text = self._wanted()
        # only now: an agent that cannot read what is configured here must not take the place of one that can
        self._write(self._layout.program, self._installed.launcher, 0o755, "the command that starts it")
        if not self._dry_run:
            compiled.forget_others(self._installed.library)
        while not self._configured(said, text):  # a push has added its app meanwhile, or one was removed
            said = config.content(self._layout.config)
            wanted, text = self._wanted()
        if (self._layout.hotplug.parent / "vif-bridge").is_file():
            self._write(self._layout.hotplug, vif_hotplug.TEXT, 0o755, "a release on trial has a bridge of its own")
        self._write(self._layout.tick, tick.TEXT.encode(), 0o755, "what cron calls")
        self._write(self._layout.boot_cron, schedule.BOOT_FILE, 0o644, "the start at boot")
        if unread := cron.problem(self._layout.root):
            self.changes.append(f"note: {unread}")
        self._authorize()
        if not self._dry_run:
            board = Board(self._layout)
            for app, config_of in wanted.apps.items():
                if not board.has(app):
                    continue  # removed just now
                if app in before and _told(before[app]) != _told(config_of):
                    records.retold(self._layout.app(app), _told(before[app]), _told(config_of))
                self.changes += board.ensure_app(app)
            if board.announce():
                self.changes.append(f"wrote {self._layout.avahi_service} (the announcement)")
        from edgedeploy.agent import originals  # noqa: PLC0415 - only here, and last: until ours is in place, theirs may deploy

        self.changes += originals.remove(self._layout, keep=self._plan.keep, dry_run=self._dry_run)
        return wanted

    def _wanted(self) -> tuple[AgentConfig, str]:
        """The configuration, and its text; what cannot be read again must not be written."""
        wanted = self._config()
        text = config.render(wanted)
        config.parse(text, "the new agent.toml")
        return wanted, text

    def _configured(self, said: bytes | None, text: str) -> bool:
        """Write the configuration, unless it is not what it was (`said`) any more."""
        with contextlib.ExitStack() as alone:
            if not self._dry_run:
                alone.enter_context(files.locked(self._layout.config_lock, "enrol"))
            if config.content(self._layout.config) != said:
                return False
            self._write(self._layout.config, text.encode(), 0o644, "the board's configuration")
        return True

    def _known(self) -> AgentConfig:
        try:
            return config.load(self._layout.config)
        except errors.BadConfig:
            if config.content(self._layout.config):
                raise
            return AgentConfig(self._board_id(), self._plan.name, self._plan.profile)

    def _config(self) -> AgentConfig:
        known = self._known()
        apps = dict(known.apps)
        for app, remote in self._plan.apps.items():
            old = apps.get(app, AppConfig())
            address, page = self._plan.asked.get(app, (old.address, old.page))
            branch = self._branch(remote, old) if remote and not self._dry_run else old.branch
            apps[app] = replace(old, remote=remote or old.remote, branch=branch, address=address, page=page)
        board_id = self._plan.board_id if self._plan.own_id else known.board_id
        runtimes = self._plan.runtimes or known.runtimes
        return AgentConfig(board_id, self._plan.name, self._plan.profile, apps, self._plan.passthrough, runtimes)

    def _branch(self, remote: str, known: AppConfig) -> str:
        """The branch to pull: what a person chose for this remote, or main, or where it has none the one that a clone would get."""
        ours, ask = f"refs/heads/{known.branch}", ["HEAD", "refs/heads/main"]
        try:
            said = GitRepo(Path("/")).git("ls-remote", "--symref", "--", remote, *ask, ours, timeout=30.0)
        except CommandFailed as error:
            self._note(f"{printable(remote)} does not answer; its branch is taken to be {known.branch}: {error.message}")
            return known.branch
        if f"\t{ours}\n" in said:
            return known.branch
        if known.branch != "main" and remote == known.remote:
            self._note(f"{printable(remote)} has no branch {known.branch} at the moment; it is what will be pulled all the same")
            return known.branch
        default = next((line.split()[1] for line in said.split("\n") if line.startswith("ref: refs/heads/")), "")
        branch = "main" if "\trefs/heads/main\n" in said else default.removeprefix("refs/heads/")
        if not branch or branch.startswith("-"):
            self._note(f"{printable(remote)} has neither a branch main nor one that a clone would get; {known.branch} will be pulled")
            return known.branch
        return branch

    def _note(self, text: str) -> None:
        self.changes.append(f"note: {text}")

    def _board_id(self) -> BoardId:
        try:
            found = own_board_id((self._layout.root / "etc/machine-id").read_text(errors="replace"))
        except OSError:
            found = None
        return found or self._plan.board_id  # no machine-id on this system: the laptop's random one

    def _authorize(self) -> None:
        """The push key may run nothing but `serve`: no shell, no pty, no forwarding, no sftp (sshd(8), restrict)."""
        path = self._home() / ".ssh/authorized_keys"
        line = f'restrict,command="{PROGRAM} serve" {self._plan.push_key} edgedeploy:{self._plan.label}'
        # bytes: a comment may be in any encoding, and sshd knows no end of a line but this one
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n") if path.is_file() else []
        blob = self._plan.push_key.split()[1].encode()
        kept = [old for old in lines if blob not in old.split()]
        self._write(path, b"\n".join([*kept, line.encode(), b""]), 0o600, "the push key")
        if not self._dry_run:
            os.chmod(path.parent, 0o700)

    def _home(self) -> Path:
        return self._layout.root / "root"

    def _write(self, path: Path, data: bytes, mode: int, what: str) -> None:
        if path.is_file() and path.read_bytes() == data and path.stat().st_mode & 0o7777 == mode:
            return
        self.changes.append(f"{'would write' if self._dry_run else 'wrote'} {path} ({what})")
        if not self._dry_run:
            files.atomic_write(path, data, mode)
