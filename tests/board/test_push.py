"""The presenter: release, push, and what happens when a release does not work. Real Xen, real guests."""

from __future__ import annotations

import re
import signal

import pytest

from tests import guard
from tests.board.stage import GUARD_S, TITLE, Stage, get, wait_for

pytestmark = pytest.mark.board


def test_a_dry_run_says_what_would_happen_and_touches_nothing(stage: Stage) -> None:
    stage.edit("never pushed")
    domain = stage.domain()
    done = stage.ok("push", str(stage.talk), "--dry-run")
    assert "put it on air: no outage" in done.out
    assert "never pushed" not in get(stage.url())
    assert stage.domain() == domain


def test_a_guest_that_never_answers_is_rolled_back(stage: Stage) -> None:
    before = stage.status()["release"]
    config = stage.talk / "edgedeploy.toml"
    config.write_text(config.read_text().replace("port = 80", "port = 81").replace("timeout = 600", "timeout = 20"))
    stage.release()
    done = stage.run("push", str(stage.talk))
    assert done.status == 40, done
    assert "no answer within 20 s" in done.err
    assert stage.status()["release"] == before
    assert TITLE in get(stage.url())


def test_a_laptop_that_dies_in_the_swap_does_not_take_the_deployment_along(stage: Stage) -> None:
    stage.edit("laptop died")
    push = stage.start("push", str(stage.talk), "-v")
    assert push.stderr
    for line in push.stderr:
        if "swapping the guest: starting" in line:  # the board has the order, the old guest is about to go
            break
    push.send_signal(signal.SIGKILL)
    push.communicate()
    wait_for(stage.url(), "laptop died")
    guard.until(lambda: stage.status()["phase"] == "steady", "the deployment comes to its end", GUARD_S)


def test_a_full_disk_is_refused_with_the_deck_on_air(stage: Stage) -> None:
    stage.edit("no room for this")
    free = int(stage.board("df -Pk /var | awk 'NR==2 {print $4}'"))
    stage.board(f"fallocate -l {max(free - 4096, 1)}k /var/filler")
    try:
        done = stage.run("push", str(stage.talk))
    finally:
        stage.board("rm /var/filler")
    assert done.status == 45, done
    assert "MB" in done.err
    assert "no room for this" not in get(stage.url())
    stage.ok("push", str(stage.talk))
    assert "no room for this" in get(stage.url())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.168.7.20/24", "guest address: 192.168.7.20; needs one in 10.0.2.0/24"),
        ("10.0.2.3/24", " answers at 10.0.2.3; needs one that nobody has"),  # QEMU's own name server
        ("10.0.2.15/24", "10.0.2.15 is this board's; needs one that nobody has"),
    ],
)
def test_an_address_that_cannot_work_is_refused_while_the_talk_stays_on_air(stage: Stage, address: str, said: str) -> None:
    domain, config = stage.domain(), stage.talk / "edgedeploy.toml"
    text = config.read_text().replace("10.0.2.20/24", address)
    config.write_text(re.sub(r"^gateway = .*$", "", text, flags=re.MULTILINE))
    done = stage.run("push", str(stage.talk))
    assert done.status == 20, done
    assert said in done.err
    assert stage.domain() == domain
    assert TITLE in get(stage.url())
