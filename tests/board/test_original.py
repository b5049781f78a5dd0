"""A site of 2014 on a board of today: its repository stays as it is, its scripts go, and what they could not do is there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgedeploy.core import cpio
from tests import onefile
from tests.board.stage import Remote, Stage, get

pytestmark = [pytest.mark.board, pytest.mark.xdist_group("original")]

VM, HOST, ADDRESS = "mortio", "mort.io", "10.0.2.21"
CLONE = f"/root/{VM}"


@dataclass
class Site:
    """Its repository, as CI fills it, and the remote that boards pull from."""

    stage: Stage
    folder: Path
    remote: Path
    url: str

    def kernel(self, words: str) -> onefile.OneFile:
        """A site that says `words`, in one file."""
        guest = self.stage.talk / "guest"
        page = cpio.pack([cpio.folder("www"), cpio.file("www/index.html", f"<p>{words}</p>".encode())])
        return onefile.one_file((guest / "vmlinuz").read_bytes(), (guest / "base.cpio").read_bytes() + page)

    def store(self, words: str) -> str:
        """CI has built it."""
        made = onefile.store(self.folder, self.kernel(words).data)
        self.publish()
        return made

    def publish(self) -> None:
        """Push to the remote."""
        subprocess.run(["git", "-C", self.folder, "push", "-q", self.remote, "HEAD:master"], check=True)

    def page(self) -> str:
        """As dom0 gets it."""
        ask = f"import urllib.request as u; print(u.urlopen('http://{ADDRESS}/', timeout=9).read().decode())"
        return self.stage.board(f'python3 -c "{ask}"')

    def enrol(self, *more: str) -> str:
        """The board once more, with the site to pull."""
        machine = self.stage.machine
        return self.stage.ok(
            "enrol", f"root@{machine.host}:{machine.port}", "--profile", "virtual-armv7", "-i", str(machine.key),
            "--known-hosts", str(machine.known_hosts), "--pull", f"{VM}={self.url}", "--address", ADDRESS, *more,
        ).out  # fmt: skip

    def attempts(self) -> int:
        """Deployments of the site on the board's record."""
        return int(self.stage.board(f"ls /var/lib/edgedeploy/apps/{VM}/attempts | wc -l"))


@pytest.fixture
def site(stage: Stage, remotes: Remote) -> Site:
    """Its scripts are on the board, installed as their README said, and their guest serves."""
    made = Site(stage, stage.folder / VM, remotes.path.parent / f"{VM}.git", remotes.url.replace("decks.git", f"{VM}.git"))
    shutil.rmtree(made.folder, ignore_errors=True)
    ip = f"{ADDRESS}::10.0.2.2:255.255.255.0::eth0:off"
    onefile.legacy_repository(made.folder, VM, made.kernel("the first"), ip=ip, memory_mb=96, host=HOST)
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=master", made.remote], check=True)
    made.publish()
    install = "crontab scripts/crontab && install -m 755 scripts/post-merge.hook .git/hooks/post-merge"
    stage.board(f"git clone -q {made.url} {CLONE} && cd {CLONE} && {install} && scripts/deploy.sh")
    assert stage.domain(HOST)
    return made


def test_its_scripts_are_taken_out_of_service_and_each_commit_is_deployed_once(site: Site) -> None:
    board = site.stage.board
    kept = site.enrol("--keep")
    assert "both" in kept
    assert "git pull" in board("crontab -l")
    said = site.enrol()
    assert "git pull" in said
    assert "post-merge" in said
    assert "git pull" not in board("crontab -l || true")
    assert f"renamed the guest {HOST} to {VM}" in said
    # what the scripts started gives way to the same release, now proven
    board(f"edgedeploy-agent pull {VM}")
    assert "the first" in site.page()
    assert not site.stage.domain(HOST)
    before = site.attempts()
    second = site.store("the second")
    board(f"cd {CLONE} && git pull -q")  # a person, by old habit
    assert "the first" in site.page()
    board(f"/usr/local/lib/edgedeploy-agent/tick {VM} 0")
    assert "the second" in site.page()
    board(f"/usr/local/lib/edgedeploy-agent/tick {VM} 0")
    assert site.attempts() == before + 1
    # a laptop pushes the same repository, and the way back is there
    third = site.store("the third")
    assert third != second
    done = site.stage.ok("push", str(site.folder))
    assert f"{VM} {third} is live" in done.out
    assert "made by the original scripts" in done.err
    assert "the third" in site.page()
    back = site.stage.ok("rollback", VM)
    assert f"{second} is on air again" in back.out
    assert "the second" in site.page()
    assert get(site.stage.url()), "the talk beside it was left alone"
