"""What the board tests act with: the command line as people type it, a virtual board, a git remote, a browser.

Every test begins at a kept situation: the virtual board is restored from a snapshot, and the laptop's files are put back.
So their order does not matter, and none repairs after another.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.flows import announcing
from edgedeploy.lab import machine as lab
from edgedeploy.lab import snapshot
from edgedeploy.ui.plain_report import QuietReport
from tests import commandlines, guard

BOARD = "virtual"
GUARD_S = 600.0
"""For what takes half a minute on a quiet machine."""
REPO = "/var/lib/edgedeploy/apps/decks/repo"
TITLE = "<h1>edgedeploy</h1>"


@dataclass
class Done:
    """A finished command."""

    status: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"exit {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Stage:
    """One enrolled virtual board with the sample talk live on it, and a folder for everything else."""

    def __init__(self, folder: Path, name: str = BOARD) -> None:
        self.folder = folder
        self.name = name
        self.talk = folder / "decks"
        self.at: Situation | None = None
        """the kept situation that it is in: nobody has acted since"""
        self.env = {
            **os.environ,
            "EDGEDEPLOY_STATE_DIR": str(folder / "state"),
            "EDGEDEPLOY_CONFIG_DIR": str(folder / "config"),
            "EDGEDEPLOY_INTERFACES": "127.0.0.1",
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        (folder / "gitconfig").write_text("[user]\n name = Anna\n email = anna@example.org\n")

    @contextmanager
    def in_its_state(self) -> Iterator[None]:
        """This process acts as this laptop."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("EDGEDEPLOY_STATE_DIR", "EDGEDEPLOY_CONFIG_DIR", "EDGEDEPLOY_INTERFACES"):
                patch.setenv(name, self.env[name])
            yield

    def announce(self) -> None:
        """Have the network see the board, as the lab does when it boots one."""
        with self.in_its_state():
            announcing.start(self.machine)

    @property
    def record(self) -> Path:
        """The lab's record of the board."""
        return self.folder / "state/lab" / self.name / "machine.json"

    @property
    def known(self) -> Path:
        """What this laptop knows of boards."""
        return self.folder / "state/boards.json"

    @property
    def machine(self) -> lab.Machine:
        """The board, as the lab knows it."""
        record = json.loads(self.record.read_text())
        return lab.Machine(
            self.name, self.record.parent, record["host"], record["port"], record["forwards"], record["network"],
            record["image"],
        )  # fmt: skip

    def run(self, *args: str, cwd: Path | None = None, prefix: tuple[str, ...] = (), timeout: float = 1200) -> Done:
        """`edgedeploy ARGS`."""
        argv = [*prefix, sys.executable, "-m", "edgedeploy", *args]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=self.env, cwd=cwd or self.folder, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        commandlines.demand_typed(done.stderr)
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *args: str, **options: Any) -> Done:
        """As `run`; anything but exit 0 fails the test with the command's own words."""
        done = self.run(*args, **options)
        assert done.status == 0, f"edgedeploy {' '.join(args)}: {done!r}"
        return done

    def start(self, *args: str) -> subprocess.Popen[str]:
        """`edgedeploy ARGS`, not waited for."""
        argv = [sys.executable, "-m", "edgedeploy", *args]
        return subprocess.Popen(
            argv, env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def board(self, command: str, timeout: float = GUARD_S) -> str:
        """A shell command as root on the board."""
        done = self.machine.run(command, timeout=timeout)
        assert done.returncode == 0, f"{command}: {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

    def breaks(self, command: str) -> None:
        """As `board`, for what cuts the connection it is asked over: done a moment later."""
        self.board(f"setsid sh -c 'sleep 1; {command}' >/dev/null 2>&1 &")

    def attempts(self) -> int:
        """How many deployments the board has on record."""
        return int(self.board("ls /var/lib/edgedeploy/apps/decks/attempts | wc -l"))

    def push_key_ssh(self, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        """`ssh BOARD COMMAND` with the key that pushes."""
        machine = self.machine
        return subprocess.run(
            ["ssh", "-F", "/dev/null", "-i", str(self.folder / "config/push_ed25519"), "-o", "IdentitiesOnly=yes",
             "-o", f"UserKnownHostsFile={machine.known_hosts}", "-o", "BatchMode=yes", "-p", str(machine.port),
             *options, f"root@{machine.host}", *command],
            input=b"", capture_output=True, timeout=GUARD_S, check=False,
        )  # fmt: skip

    def domain(self, name: str = "decks") -> str:
        """The domain id of a guest, "" when there is none."""
        lines = self.board("xl list").splitlines()[1:]
        return next((line.split()[1] for line in lines if line.split()[0] == name), "")

    def status(self) -> dict[str, Any]:
        """`edgedeploy status --json`, the app's half."""
        app: dict[str, Any] = json.loads(self.ok("status", "--json").out)["apps"]["decks"]
        return app

    def url(self) -> str:
        """Where the talk is seen from here."""
        return self.machine.url()

    def make_talk(self) -> str:
        """The sample talk, and its first release."""
        self.ok("lab", "talk", str(self.talk))
        # how long a guest may take on a busy computer is not what these tests are about
        config = self.talk / "edgedeploy.toml"
        text = config.read_text().replace("timeout = 60", f"timeout = {GUARD_S:.0f}")
        # nor is it whether its kernel's ciphers work: two seconds of each boot under emulation
        config.write_text(text.replace("quiet panic=1", "quiet panic=1 cryptomgr.notests"))
        return self.release()

    def edit(self, words: str, *, release: bool = True) -> str:
        """Change the first slide, and release it."""
        page = self.talk / "slides/index.html"
        text = page.read_text()
        page.write_text(text.replace("</body>", f"<!-- {words} --></body>"))
        return self.release() if release else ""

    def release(self, *args: str) -> str:
        """`edgedeploy release`; returns the release id."""
        done = self.ok("release", "--repo", str(self.talk), "--json", *args)
        return str(json.loads(done.out)["release"])

    def latest(self) -> str:
        """The talk's latest release."""
        return (self.talk / "xen/latest").read_text().strip()

    def git(self, *args: str) -> str:
        """git in the talk's repository."""
        done = subprocess.run(
            ["git", "-C", str(self.talk), *args], check=True, capture_output=True, text=True, env=self.env
        )
        return done.stdout.strip()


def get(url: str, timeout: float = 3.0) -> str:
    """The page at a URL, "" when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return ""


def wait_for(url: str, words: str) -> None:
    """Until the page holds `words`."""
    guard.until(lambda: words in get(url), lambda: f"{url} shows {words!r}: {get(url)[:200]!r}", GUARD_S, pause=0.3)


_FOLDERS = ("decks", "config", "remotes")
"""the laptop's, that tests change"""
_TOLD = "situation.json"
"""written last: a situation that has it is whole"""


@dataclass(frozen=True)
class Situation:
    """A moment to begin from: the board in a snapshot, the laptop's files beside it, and what was said on the way there."""

    stage: Stage
    folder: Path
    done: Done
    """of the command that led there"""
    notes: dict[str, str]

    @classmethod
    def keep(cls, stage: Stage, folder: Path, done: Done, **notes: str) -> Situation:
        """Keep the board and the laptop as they are now."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with stage.in_its_state():
            announcing.stop(stage.machine)
            snapshot.save(stage.name, folder / "board")
        for name in _FOLDERS:
            if (stage.folder / name).exists():
                shutil.copytree(stage.folder / name, folder / name, symlinks=True)
        for path in (stage.known, stage.record):
            shutil.copy(path, folder / path.name)
        (folder / _TOLD).write_text(json.dumps({"done": asdict(done), "notes": notes}))
        stage.at = cls(stage, folder, done, notes)
        return stage.at

    @classmethod
    def load(cls, stage: Stage, folder: Path) -> Situation | None:
        """One that another worker has kept, to be restored on a board of this `stage`; None where there is none."""
        if not (folder / _TOLD).exists():
            return None
        told = json.loads((folder / _TOLD).read_text())
        return cls(stage, folder, Done(**told["done"]), told["notes"])

    def restore(self, *, to_look: bool = False) -> Stage:
        """Go back to it, unless this is where everything still is. Whoever comes `to_look` changes nothing, there or here."""
        there, self.stage.at = self.stage.at, None
        if there is not self:
            self._go_back()
        self.stage.at = self if to_look else None
        return self.stage

    def _go_back(self) -> None:
        stage = self.stage
        if not stage.record.exists():  # its ports, which what is known of the board names
            stage.record.parent.mkdir(parents=True)
            shutil.copy(self.folder / stage.record.name, stage.record)
        with stage.in_its_state():
            announcing.stop(stage.machine)
            # where it is, this laptop knows: announcing it anew costs a log-in, which is a second of a core
            snapshot.restore(stage.name, self.folder / "board", report=QuietReport(sys.stderr))
        for name in _FOLDERS:
            shutil.rmtree(stage.folder / name, ignore_errors=True)
            if (self.folder / name).exists():
                shutil.copytree(self.folder / name, stage.folder / name, symlinks=True)
        shutil.copy(self.folder / stage.known.name, stage.known)


class Remote:
    """A bare repository served over the git protocol on the loopback; the board sees it at 10.0.2.2."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "remotes" / "decks.git"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        git = shutil.which("git")
        assert git
        self._daemon = subprocess.Popen(
            [git, "daemon", "--export-all", f"--base-path={self.path.parent}", "--listen=127.0.0.1",
             f"--port={self.port}", "--reuseaddr"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def make(self) -> None:
        """A new, empty repository."""
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", self.path], check=True)

    @property
    def url(self) -> str:
        """As the board reaches it."""
        return f"git://10.0.2.2:{self.port}/decks.git"

    def close(self) -> None:
        """Stop serving: the daemon's own process group, it has children."""
        os.killpg(self._daemon.pid, 15)
        self._daemon.wait()
