"""A forge and its CI on this computer: a real sshd that takes the deploy key alone, and jobs with nobody's environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import kernels, needs
from tests.guard import USUAL_S
from tests.sshd import Sshd, keypair

SETTINGS = """\
app = "decks"
boards = ["virtual-armv7"]

[network]
address = "10.0.2.20/24"

[build]
kernel = "kernel"
ramdisk = "ramdisk"
slides = "slides"
"""


def git(folder: Path, *args: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", folder, *who, *args], check=True, capture_output=True, text=True).stdout.strip()


class Forge:
    """Holds the deployment repository, and has the source checked out as CI has."""

    def __init__(self, folder: Path, sshd: Sshd, bare: Path | None = None) -> None:
        """`bare`: a deployment repository that is there."""
        self.folder, self.sshd = folder, sshd
        self._started: list[subprocess.Popen[str]] = []
        self.key = keypair(folder / "deploy")
        self.bare = bare or folder / "decks.git"
        self.source = folder / "source"
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        if bare is None:
            subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=trunk", self.bare], check=True)
        (self.source / "slides").mkdir(parents=True)
        (self.source / "edgedeploy.toml").write_text(SETTINGS)
        (self.source / "kernel").write_bytes(kernels.linux_zimage())
        (self.source / "ramdisk").write_bytes(kernels.cpio())
        git(self.source, "init", "--quiet", "--initial-branch=main")
        self.edit("one")

    def edit(self, text: str) -> str:
        (self.source / "slides/index.html").write_text(f"<h1>{text}</h1>\n")
        git(self.source, "add", "--all")
        git(self.source, "commit", "--quiet", "-m", f"Say {text}")
        return git(self.source, "rev-parse", "HEAD")

    @property
    def remote(self) -> str:
        return f"ssh://git@127.0.0.1:{self.sshd.port}{self.bare}".replace("git@", f"{self.sshd.user}@")

    def start(self, *argv: str, **env: str) -> subprocess.Popen[str]:
        """A job. Nobody's environment: PATH alone, no passwd entry for who runs it, no controlling terminal."""
        (self.folder / "nobody").write_text("nobody:x:65534:65534::/nonexistent:/bin/false\n")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        secrets = {"EDGEDEPLOY_DEPLOY_KEY": self.key.read_text(), "EDGEDEPLOY_DEPLOY_HOST_KEY": self.sshd.host_key.line}
        given = {"PATH": path, "TMPDIR": str(self.tmp), **secrets, **env}
        process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', self.folder / "nobody", *argv],
            cwd=self.source, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={name: value for name, value in given.items() if value},
        )  # fmt: skip
        self._started.append(process)
        return process

    def end(self) -> None:
        """Of what a test that failed has left running."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, *argv: str, **env: str) -> tuple[int, str, str]:
        process = self.start(*argv, **env)
        out, err = process.communicate(timeout=USUAL_S)
        return process.returncode, out, err

    def store(self, *args: str, **env: str) -> tuple[int, str, str]:
        return self.run("edgedeploy", "store", "--to", self.remote, *args, **env)

    def log(self) -> list[str]:
        return git(self.bare, "log", "--reverse", "--format=%b", "trunk").split("\n")

    def hook(self, name: str, script: str) -> None:
        path = self.bare / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def secret_in(self) -> list[str]:
        """Where lines of the key are to be read: files that anybody made, arguments and environments of what was started."""
        line = self.key.read_text().split("\n")[3].encode()
        places = [path for root in (self.tmp, Path("/dev/shm"), Path("/tmp")) for path in _small_files(root)]
        places += [path for pid in Path("/proc").glob("[0-9]*") for path in (pid / "cmdline", pid / "environ")]
        # the folder of the tests may be in one of these places, and has the forge's own copy
        return [str(path) for path in places if path != self.key and line in _read(path)]


def _small_files(root: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name.startswith("edgedeploy-") or Path(at) != Path("/tmp")]
        yield from (Path(at, name) for name in names)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:  # a process, or a file of somebody's, that is gone
        return b""


@contextmanager
def running(folder: Path, bare: Path | None = None) -> Iterator[Forge]:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        needs.require("root, and unshare, for a mount namespace")
    with Sshd(folder / "sshd", "AcceptEnv GIT_PROTOCOL") as sshd:
        made = Forge(folder, sshd, bare)
        sshd.authorize(made.key)
        try:
            yield made
        finally:
            made.end()
