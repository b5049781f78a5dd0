"""What the board tests act with: the command line as people type it, a virtual board, a git remote, a browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedeploy.lab import machine as lab

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

    def __init__(self, folder: Path, name: str = "virtual") -> None:
        self.folder = folder
        self.name = name
        self.talk = folder / "decks"
        self.env = {
            **os.environ,
            "EDGEDEPLOY_STATE_DIR": str(folder / "state"),
            "EDGEDEPLOY_CONFIG_DIR": str(folder / "config"),
            "EDGEDEPLOY_INTERFACES": "127.0.0.1",
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        }
        (folder / "gitconfig").write_text("[user]\n name = Anna\n email = anna@example.org\n")

    @property
    def machine(self) -> lab.Machine:
        """The board, as the lab knows it."""
        record = json.loads((self.folder / "state/lab" / self.name / "machine.json").read_text())
        return lab.Machine(
            self.name, self.folder / "state/lab" / self.name, record["host"], record["port"], record["forwards"],
            record["network"], record["image"],
        )  # fmt: skip

    def run(self, *args: str, cwd: Path | None = None, prefix: tuple[str, ...] = (), timeout: float = 400) -> Done:
        """`edgedeploy ARGS`."""
        argv = [*prefix, sys.executable, "-m", "edgedeploy", *args]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=self.env, cwd=cwd or self.folder, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
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

    def board(self, command: str, timeout: float = 120) -> str:
        """A shell command as root on the board."""
        done = self.machine.run(command, timeout=timeout)
        assert done.returncode == 0, f"{command}: {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

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


def wait_for(url: str, words: str, seconds: float) -> float:
    """Seconds until the page holds `words`; fails after `seconds`."""
    started = time.monotonic()
    while words not in get(url):
        assert time.monotonic() - started < seconds, f"{url} did not show {words!r} within {seconds:.0f} s"
        time.sleep(0.3)
    return time.monotonic() - started


class Remote:
    """A bare repository served over the git protocol on the loopback; the board sees it at 10.0.2.2."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "remotes" / "decks.git"
        self.path.parent.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", self.path], check=True)
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

    @property
    def url(self) -> str:
        """As the board reaches it."""
        return f"git://10.0.2.2:{self.port}/decks.git"

    def close(self) -> None:
        """Stop serving: the daemon's own process group, it has children."""
        os.killpg(self._daemon.pid, 15)
        self._daemon.wait()
