"""The presenter: release, push, and what happens when a release does not work. Real Xen, real guests."""

from __future__ import annotations

import bz2
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests import kernels
from tests.board.stage import TITLE, Stage, get, wait_for

pytestmark = pytest.mark.board


def test_the_talk_is_live_and_proven(stage: Stage) -> None:
    app = stage.status()
    assert TITLE in get(stage.url())
    assert app["healthy"]
    assert app["release"] == app["good"] == app["wanted"]
    assert app["uuid"] in stage.board("xl list -v"), "the hypervisor itself says which release runs"


def test_an_edited_slide_is_served_and_pushing_again_destroys_nothing(stage: Stage) -> None:
    release = stage.edit("first edit")
    done = stage.ok("push", str(stage.talk))
    assert f"{release} is live on virtual; outage " in done.out
    assert done.out.splitlines()[-1] == stage.url()
    assert "first edit" in get(stage.url())
    domain = stage.domain()
    again = stage.ok("push", str(stage.talk))
    assert "already live" in again.out
    assert stage.domain() == domain


def test_a_dry_run_says_what_would_happen_and_touches_nothing(stage: Stage) -> None:
    stage.edit("never pushed")
    domain = stage.domain()
    done = stage.ok("push", str(stage.talk), "--dry-run")
    assert "swap" in done.out
    assert "never pushed" not in get(stage.url())
    assert stage.domain() == domain
    stage.ok("push", str(stage.talk))  # so that the next test starts from what is released


def test_a_guest_that_dies_at_boot_is_rolled_back_with_its_last_words(stage: Stage) -> None:
    before = stage.status()["release"]
    page = stage.talk / "slides/index.html"
    text = page.read_text()
    page.unlink()
    bad = stage.release()
    done = stage.run("push", str(stage.talk))
    page.write_text(text)
    assert done.status == 40, done
    assert bad in done.err
    assert f"serves {before} again" in done.err
    assert "guest: " in done.err
    assert "index.html" in done.err, "the guest's own last words say what is wrong"
    assert TITLE in get(stage.url())
    assert stage.status()["release"] == before


def test_the_same_bad_release_is_quarantined(stage: Stage) -> None:
    done = stage.run("push", str(stage.talk))
    assert done.status == 46, done
    assert "--retry" in done.err
    assert TITLE in get(stage.url())


def test_a_guest_that_never_answers_is_rolled_back(stage: Stage) -> None:
    before = stage.status()["release"]
    config = stage.talk / "edgedeploy.toml"
    text = config.read_text()
    config.write_text(text.replace("port = 80", "port = 81").replace("timeout = 60", "timeout = 20"))
    stage.release()
    done = stage.run("push", str(stage.talk))
    config.write_text(text)
    assert done.status == 40, done
    assert "no answer within 20 s" in done.err
    assert stage.status()["release"] == before
    assert TITLE in get(stage.url())


def test_a_good_release_after_bad_ones_goes_live(stage: Stage) -> None:
    stage.edit("mended")
    stage.ok("push", str(stage.talk))
    assert "mended" in get(stage.url())


def test_the_x86_kernel_is_refused_before_any_connection(stage: Stage) -> None:
    """The artefact of the original mirage-decks repository: an x86-64 MirageOS kernel, in the original layout."""
    repo = stage.folder / "original"
    folder = repo / "xen/0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "decksopenmirageorg.xen.bz2").write_bytes(bz2.compress(kernels.x86_mirage()))
    (repo / "xen/latest").write_text("0123456789abcdef\n")
    (repo / "xl.conf.in").write_text("name='@NAME@'\nmemory='256'\nkernel='@KERNEL@'\nvif=['bridge=xenbr0']\n")
    for args in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "original"]):
        subprocess.run(["git", "-C", str(repo), *args], check=True, env=stage.env)
    domain = stage.domain()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        done = stage.run("push", str(repo), "--host", f"127.0.0.1:{port}")
        with pytest.raises(TimeoutError):
            listener.accept()
    assert done.status == 20, done
    assert "x86-64 MirageOS" in done.err
    assert stage.domain() == domain


def test_rollback_by_hand_and_the_record_of_it(stage: Stage) -> None:
    before = stage.status()
    stage.edit("to be rolled back")
    stage.ok("push", str(stage.talk))
    done = stage.ok("rollback", str(stage.talk))
    assert f"{before['release']} is on air again" in done.out
    assert "to be rolled back" not in get(stage.url())
    log = stage.ok("log", str(stage.talk)).out
    assert re.search(r"live  outage \d+ ms", log)
    assert "rolled-back" in log, "the failures of before are on record too"
    stage.edit("after the rollback")
    stage.ok("push", str(stage.talk))


def test_two_pushes_at_once_make_one_deployment(stage: Stage) -> None:
    release = stage.edit("two at once")
    pushes = [stage.start("push", str(stage.talk)) for _ in range(2)]
    ends = [(*push.communicate(timeout=400), push.returncode) for push in pushes]
    assert [status for _, _, status in ends] == [0, 0], ends
    records = json.loads(stage.ok("log", str(stage.talk), "--json", "-n", "5").out)
    lives = [r for r in records if r.get("outcome", {}).get("release") == release and r["outcome"]["verdict"] == "live"]
    assert len(lives) == 1
    assert "two at once" in get(stage.url())


def test_a_laptop_that_dies_in_the_swap_does_not_take_the_deployment_along(stage: Stage) -> None:
    stage.edit("laptop died")
    push = stage.start("push", str(stage.talk), "-v")
    assert push.stderr
    for line in push.stderr:
        if "swapping the guest: starting" in line:  # the board has the order, the old guest is about to go
            break
    push.send_signal(signal.SIGKILL)
    push.communicate()
    wait_for(stage.url(), "laptop died", 180)
    deadline = time.monotonic() + 60
    while stage.status()["phase"] != "steady" and time.monotonic() < deadline:
        time.sleep(1)
    assert stage.status()["phase"] == "steady"


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


def test_the_outage_that_is_reported_is_the_one_that_is_seen(stage: Stage) -> None:
    stage.edit("outage measured")
    gaps: list[float] = []
    stop = threading.Event()

    def browser() -> None:
        last = time.monotonic()
        while not stop.is_set():
            if get(stage.url(), 0.5):
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
            time.sleep(0.05)

    thread = threading.Thread(target=browser)
    thread.start()
    try:
        result = json.loads(stage.ok("push", str(stage.talk), "--json").out)
    finally:
        stop.set()
        thread.join()
    assert result["confirmed"] == "confirmed"
    assert result["outage_ms"] / 1000 == pytest.approx(max(gaps), rel=0.35, abs=1.5)
