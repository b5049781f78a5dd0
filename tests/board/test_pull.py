"""The board by itself, and a person on the board: git pull, cron, boot, and a laptop without mDNS."""

from __future__ import annotations

import pytest

from tests.board.stage import REPO, Stage, get, wait_for

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
