"""The way of 2014: the board clones a repository of packed kernels; `git pull` there starts everything else.

bench/scripts2014 holds the scripts: written anew, with the steps of the originals in their order.
"""

from __future__ import annotations

import bz2
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.board import GATEWAY, GUESTS, Board
from bench.daemon import GitDaemon
from bench.guest import Guest
from bench.timed import Phase
from edgedeploy.core import errors

VM = "decksexampleorg"
_FOLDER = "/root/decks-deployment"
_SCRIPTS = Path(__file__).with_name("scripts2014")


class Original:
    """A remote that the board can reach, the author's clone of it, the board's clone of it."""

    key = "original"
    title = "the 2014 scripts"
    guest = f"{GUESTS['original']}:80"
    first = "connect by SSH, `git pull`"
    phases: Sequence[Phase] = (
        Phase("prepare the configuration", r"^\+ scripts/prepare-config"),
        Phase("`xl destroy`", r"^\+ xl destroy"),
        Phase("`bunzip2`", r"^\+ rm -f"),
        Phase("`xl create`", r"^\+ xl create"),
        Phase("the guest boots", r"^\+ : created"),
    )

    def __init__(self, board: Board) -> None:
        self._board = board
        self._guest = Guest(board, self.key)
        self._kernel = bz2.compress(self._guest.kernel)
        served = board.folder / "served"
        self._author = board.folder / "author"
        remote = served / "decks-deployment"
        shutil.copytree(_SCRIPTS, self._author)
        template = self._author / "xl.conf.in"
        template.write_text(self._guest.fill(template.read_text()))
        _git(board.folder, "init", "-q", "--bare", "-b", "master", str(remote))
        _git(self._author, "init", "-q", "-b", "master")
        _git(self._author, "remote", "add", "origin", str(remote))
        self._publish("The scripts")
        port = board.ends.enter_context(GitDaemon(served, GATEWAY)).port
        board.run(f"git clone -q git://{GATEWAY}:{port}/decks-deployment {_FOLDER}")
        board.run(f"ln -s ../../scripts/post-merge.hook {_FOLDER}/.git/hooks/post-merge")

    def prepare(self, mark: str) -> None:
        """What their CI did: commit the new version packed, drop the files of the one before, push."""
        ramdisk = self._guest.ramdisk(mark)
        version = hashlib.sha1(ramdisk).hexdigest()
        shutil.rmtree(self._author / "xen", ignore_errors=True)
        folder = self._author / "xen" / version
        folder.mkdir(parents=True)
        (folder / f"{VM}.xen.bz2").write_bytes(self._kernel)
        (folder / f"{VM}.cpio.bz2").write_bytes(bz2.compress(ramdisk))
        (folder.parent / "latest").write_text(f"{version}\n")
        self._publish(f"Version {version}")

    def argv(self) -> list[str]:
        """What cron did every eleven minutes."""
        return self._board.argv(f"cd {_FOLDER} && git pull")

    def _publish(self, message: str) -> None:
        _git(self._author, "add", "-A")
        _git(self._author, "commit", "-q", "-m", message)
        _git(self._author, "push", "-q", "origin", "master")


def _git(folder: Path, *words: str) -> None:
    who = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise errors.UsageFault(f"`git {words[0]}` failed", details=tuple(done.stderr.splitlines()[-8:]))
