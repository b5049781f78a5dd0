"""The board by itself, and a person on the board: git pull, cron, boot, and a laptop without mDNS."""

from __future__ import annotations

import time

import pytest

from tests.board.stage import Remote, Stage, get, wait_for

pytestmark = pytest.mark.board
REPO = "/var/lib/edgedeploy/apps/decks/repo"


def attempts(stage: Stage) -> int:
    return int(stage.board("ls /var/lib/edgedeploy/apps/decks/attempts | wc -l"))


def test_a_person_types_git_pull_and_it_deploys_exactly_once(stage: Stage, remote: Remote) -> None:
    stage.edit("pulled by hand")
    stage.git("push", "-q", "origin", "main")
    before = attempts(stage)
    words = stage.board(f"cd {REPO} && git pull 2>&1", timeout=300)
    assert "live: " in words
    assert "pulled by hand" in get(stage.url())
    assert attempts(stage) == before + 1
    domain = stage.domain()
    stage.board(f"cd {REPO} && git pull", timeout=300)
    assert stage.domain() == domain


def test_a_commit_of_the_schedule_alone_installs_it_and_destroys_nothing(stage: Stage, remote: Remote) -> None:
    domain = stage.domain()
    (stage.talk / "scripts/crontab").write_text("*/7 3 * * * edgedeploy-agent pull decks; reboot\n")
    stage.git("commit", "-qam", "Pull more often")
    stage.git("push", "-q", "origin", "main")
    stage.board(f"cd {REPO} && git pull", timeout=300)
    cron = stage.board("cat /etc/cron.d/edgedeploy-decks")
    assert "*/7 3 * * * root /usr/local/bin/edgedeploy-agent pull decks" in cron
    assert "reboot" not in cron
    assert stage.domain() == domain


def test_cron_pulls_without_a_laptop(stage: Stage, remote: Remote) -> None:
    (stage.talk / "scripts/crontab").write_text("* * * * * edgedeploy-agent pull decks\n")
    stage.git("commit", "-qam", "Pull every minute")
    stage.git("push", "-q", "origin", "main")
    stage.board(f"cd {REPO} && git pull", timeout=300)
    stage.edit("pulled by cron")
    stage.git("push", "-q", "origin", "main")
    try:
        # one tick of a minute, the jitter, and the deployment itself on an emulated board
        wait_for(stage.url(), "pulled by cron", 240)
    finally:
        (stage.talk / "scripts/crontab").write_text("@never\n")
        stage.git("commit", "-qam", "Pull no more")
        stage.git("push", "-q", "origin", "main")
        stage.board("edgedeploy-agent pull decks", timeout=300)
    assert "never pulled by itself" in stage.board("cat /etc/cron.d/edgedeploy-decks")


def test_after_a_power_cut_the_last_good_release_is_on_air_within_one_boot(stage: Stage) -> None:
    words = get(stage.url())
    assert "edgedeploy" in words
    stage.ok("lab", "down", "virtual")
    assert get(stage.url()) == ""
    stage.ok("lab", "up", "--bare", timeout=400)
    wait_for(stage.url(), words[:200], 240)
    assert get(stage.url()) == words


def test_a_power_cut_right_after_a_deployment_does_not_stop_the_next(stage: Stage) -> None:
    """The board's file system holds what a checkout wrote back for half a minute: with the power, the files go."""
    stage.edit("on air when the power went")
    stage.ok("push", str(stage.talk))
    stage.ok("lab", "down", "virtual")
    stage.ok("lab", "up", "--bare", timeout=400)
    wait_for(stage.url(), "on air when the power went", 240)
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
    stage.board(f"rm {REPO}/notes.txt")


def test_without_mdns_the_last_known_address_is_used_and_said(stage: Stage) -> None:
    pid = (stage.machine.folder / "announce.pid").read_text()
    import os
    import signal

    os.kill(int(pid), signal.SIGTERM)
    time.sleep(2)
    done = stage.ok("push", str(stage.talk))
    assert "last known address" in done.err
    stage.ok("lab", "up", "--bare")  # announces it again
