"""The board by itself, and a person on the board: git pull, cron, boot, and a laptop without mDNS."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forge as forges
from tests import kernels
from tests.board.stage import REPO, Remote, Stage, get, wait_for

pytestmark = pytest.mark.board


@pytest.mark.xdist_group("pulling")
def test_a_commit_of_the_schedule_alone_installs_it_and_destroys_nothing(puller: Stage) -> None:
    domain = puller.domain()
    (puller.talk / "scripts/crontab").write_text("*/7 3 * * * edgedeploy-agent pull decks; reboot\n")
    puller.git("commit", "-qam", "Pull more often")
    puller.git("push", "-q", "origin", "main")
    puller.board(f"cd {REPO} && git pull")
    cron = puller.board("cat /etc/cron.d/edgedeploy-decks")
    assert "*/7 3 * * * root /usr/local/lib/edgedeploy-agent/tick decks 20" in cron
    assert "reboot" not in cron
    assert puller.domain() == domain


@pytest.mark.xdist_group("pulling")
def test_a_push_of_the_source_ends_on_the_board_and_one_that_does_not_fit_ends_in_ci(
    puller: Stage, remotes: Remote, tmp_path: Path
) -> None:
    (puller.talk / "scripts/crontab").write_text("* * * * * edgedeploy-agent pull decks\n")
    puller.git("commit", "-qam", "Pull every minute")
    puller.git("push", "-q", "origin", "main")
    puller.board(f"cd {REPO} && git pull")
    with forges.running(tmp_path, remotes.path) as ci:
        for name in ("guest", "slides"):
            shutil.copytree(puller.talk / name, ci.source / name, dirs_exist_ok=True)
        settings = (puller.talk / "edgedeploy.toml").read_text()
        kernel = next(line.split('"')[1] for line in settings.split("\n") if line.startswith("kernel = "))
        about = f'store = "{ci.remote}"\nhost_keys = ["{ci.sshd.host_key.fingerprint}"]\n'
        build = f"[ci.xen-armv7]\nbuild = 'test -s {kernel}'\ndeploy = true\n"
        (ci.source / "edgedeploy.toml").write_text(f"{settings}\n[ci]\n{about}{build}")
        program = Path(sys.executable).with_name("edgedeploy")
        subprocess.run([program, "ci", "init", "--script"], cwd=ci.source, check=True)
        ci.edit("stored by CI")
        code, out, err = ci.run("sh", "ci/edgedeploy.sh")
        assert code == 0, out + err
        wait_for(puller.url(), "stored by CI")
        stored = forges.git(ci.bare, "rev-parse", "main")
        (ci.source / kernel).write_bytes(kernels.x86_mirage())
        ci.edit("does not fit")
        code, out, err = ci.run("sh", "ci/edgedeploy.sh")
        assert (code, "x86" in out + err) == (20, True)
        assert forges.git(ci.bare, "rev-parse", "main") == stored
    puller.board("edgedeploy-agent pull decks")
    assert "stored by CI" in get(puller.url())


def test_a_power_cut_right_after_a_deployment_does_not_stop_the_next(stage: Stage) -> None:
    """The board's file system holds what a checkout wrote back for half a minute: with the power, the files go."""
    stage.edit("on air when the power went")
    stage.ok("push", str(stage.talk))
    stage.ok("lab", "down", "virtual")
    stage.ok("lab", "up", "--bare", "--cpus", "1")
    wait_for(stage.url(), "on air when the power went")
    stage.edit("after the power cut")
    stage.ok("push", str(stage.talk))
    assert "after the power cut" in get(stage.url())


def test_files_that_differ_on_the_board_are_put_aside_and_the_push_goes_on(stage: Stage) -> None:
    stage.board(f"cd {REPO} && echo mine > xen/latest && echo notes > notes.txt && touch .git/index.lock")
    stage.edit("over somebody's edits")
    done = stage.ok("push", str(stage.talk))
    assert "over somebody's edits" in get(stage.url())
    assert "refs/edgedeploy/aside" in done.err
    assert stage.board(f"cd {REPO} && git show refs/edgedeploy/aside:xen/latest") == "mine\n"
    assert stage.board(f"cd {REPO} && git status --porcelain && cat notes.txt") == "?? notes.txt\nnotes\n"


def test_without_mdns_the_last_known_address_is_used_and_said(stage: Stage) -> None:
    stage.edit("found where it was")
    done = stage.ok("push", str(stage.talk))
    assert "last known address" in done.err
