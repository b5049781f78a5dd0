"""What people do with a board, from the first push to the rescue: the tests on real Xen that every change has to pass.

Each begins at a kept situation (conftest.py). Those that take long stand first, so that no board idles while the other ends.
The way a board on a real network is found is in test_avahi.py.
"""

from __future__ import annotations

import bz2
import json
import socket
import subprocess

import jsonschema
import pytest

from edgedeploy.ui import deploymentjson
from tests import guard, kernels
from tests.board.cable import Cable
from tests.board.stage import BOARD, GUARD_S, REPO, TITLE, Situation, Stage, get, wait_for

pytestmark = pytest.mark.journey


@pytest.mark.xdist_group("pulling")
def test_a_person_types_git_pull_and_it_deploys_exactly_once(puller: Stage) -> None:
    puller.board("pkill -x cron")  # a tick in these very seconds is a deployment too, or waits to be none
    puller.edit("pulled by hand")
    puller.git("push", "-q", "origin", "main")
    before = puller.attempts()
    words = puller.board(f"cd {REPO} && git pull 2>&1")
    assert "live: " in words
    assert "pulled by hand" in get(puller.url())
    assert puller.attempts() == before + 1
    domain = puller.domain()
    puller.board(f"cd {REPO} && git pull")
    assert puller.domain() == domain


@pytest.mark.xdist_group("pulling")
def test_cron_pulls_without_a_laptop(puller: Stage) -> None:
    (puller.talk / "scripts/crontab").write_text("* * * * * edgedeploy-agent pull decks\n")
    puller.git("commit", "-qam", "Pull every minute")
    puller.git("push", "-q", "origin", "main")
    puller.board(f"cd {REPO} && git pull")
    puller.edit("pulled by cron")
    puller.git("push", "-q", "origin", "main")
    wait_for(puller.url(), "pulled by cron")


@pytest.mark.xdist_group("edited")
def test_an_edited_slide_is_served_and_pushing_again_destroys_nothing(edited: Situation) -> None:
    stage, done = edited.restore(), edited.done
    assert f"slides/index.html changed: release {edited.notes['release']}" in done.err
    assert f"{edited.notes['release']} is live on {BOARD}; outage none" in done.out
    assert f"ready to go back to {edited.notes['before']} at once" in done.out
    assert done.out.splitlines()[-1] == stage.url()
    assert "first edit" in get(stage.url())
    domain = stage.domain()
    stage.edit("second edit", release=False)
    again = stage.ok("push", str(stage.talk), "--no-release")
    assert "already live" in again.out
    assert again.err.splitlines()[-1].startswith("NOT on the board: slides/index.html (")
    assert stage.domain() == domain


@pytest.mark.xdist_group("edited")
def test_after_a_power_cut_the_last_good_release_is_on_air_within_one_boot(edited: Situation) -> None:
    stage = edited.restore()
    words = get(stage.url())
    stage.ok("lab", "down", BOARD)
    assert get(stage.url()) == ""
    stage.ok("lab", "up", "--bare", "--cpus", "1")
    wait_for(stage.url(), "first edit")
    assert get(stage.url()) == words


@pytest.mark.xdist_group("edited")
def test_rollback_by_hand_and_the_record_of_it(edited: Situation) -> None:
    stage = edited.restore()
    done = stage.ok("rollback", str(stage.talk))
    assert f"{edited.notes['before']} is on air again" in done.out
    assert TITLE in get(stage.url())
    assert "first edit" not in get(stage.url())
    assert "live  outage none" in stage.ok("log", str(stage.talk)).out, "it waited beside: no boot, no outage"


@pytest.mark.xdist_group("rolled-back")
def test_a_guest_that_dies_at_boot_is_rolled_back_with_its_last_words(rolled_back: Situation) -> None:
    done, bad, before = rolled_back.done, rolled_back.notes["bad"], rolled_back.notes["before"]
    assert done.status == 40, done
    assert bad in done.err
    assert f"serves {before} again" in done.err
    assert "guest: " in done.err
    assert "index.html" in done.err, "the guest's own last words say what is wrong"
    stage = rolled_back.restore(to_look=True)
    assert TITLE in get(stage.url())
    assert stage.status()["release"] == before
    words = stage.board("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -x '/var/lib/.*/domains/.*[.]cfg' | sort -u")
    watched = stage.board(f"grep -ho 'edgedeploy.release=[^ \"]*' {' '.join(words.split())}")
    assert before in watched
    assert bad not in watched, "it reboots again and again, and whoever builds it anew is gone too"


@pytest.mark.xdist_group("rolled-back")
def test_the_same_bad_release_is_quarantined_and_a_good_one_goes_live(rolled_back: Situation) -> None:
    stage = rolled_back.restore()
    done = stage.run("push", str(stage.talk))
    assert done.status == 46, done
    assert "--retry" in done.err
    assert TITLE in get(stage.url())
    stage.git("checkout", "-q", "HEAD~", "--", "slides/index.html")
    stage.edit("mended")
    stage.ok("push", str(stage.talk))
    assert "mended" in get(stage.url())


def test_a_push_finds_the_serial_cable_when_the_network_is_cut(stage: Stage, cable: Cable) -> None:
    """The port is the one that a command before used: it is the board's."""
    stage.ok("status", "--via", "serial", "--port", str(cable.port))
    release = stage.edit("over the cable")
    stage.ok("lab", "unplug")
    done = stage.ok("push", str(stage.talk))
    stage.ok("lab", "plug")
    assert f"{release} is live on {BOARD}" in done.out
    assert "serial cable" in done.err, "it says which way it took, and why"
    wait_for(stage.url(), "over the cable")


def test_recover_names_a_network_that_is_down_and_mends_it(stage: Stage, cable: Cable) -> None:
    stage.breaks("ip link set xenbr0 down")
    guard.until(lambda: get(stage.url()) == "", "the network is down", GUARD_S)
    done = stage.run("recover", "--port", str(cable.port), "--json", "--yes")
    assert done.status == 0, done
    assert "xenbr0" in done.out
    assert stage.status()["healthy"], "over the network again"


def test_two_pushes_at_once_make_one_deployment(stage: Stage) -> None:
    stage.edit("two at once", release=False)
    pushes = [stage.start("push", str(stage.talk)) for _ in range(2)]
    ends = [(*push.communicate(timeout=GUARD_S), push.returncode) for push in pushes]
    assert [status for _, _, status in ends] == [0, 0], ends
    release = stage.latest()
    records = json.loads(stage.ok("log", str(stage.talk), "--json", "-n", "5").out)
    jsonschema.validate(records, {"type": "array", "items": deploymentjson.schema()})
    lives = [record for record in records if (record["release"], record["verdict"]) == (release, "live")]
    assert len(lives) == 1
    assert "two at once" in get(stage.url())


@pytest.mark.xdist_group("untouched")
def test_the_first_push_puts_the_talk_on_air_and_proves_it(live: Situation, untouched: Stage) -> None:
    assert f"is live on {BOARD}; first start " in live.done.out
    assert live.done.out.splitlines()[-1].startswith("http://127.0.0.1:")
    app = untouched.status()
    assert TITLE in get(untouched.url())
    assert app["healthy"]
    assert app["release"] == app["good"] == app["wanted"]
    assert app["uuid"] in untouched.board("xl list -v"), "the hypervisor itself says which release runs"


@pytest.mark.xdist_group("untouched")
def test_the_push_key_can_run_nothing_but_the_agent(untouched: Stage) -> None:
    for command in (("id",), ("sh", "-c", "id"), (), ("cat", "/etc/shadow")):
        done = untouched.push_key_ssh(*command)
        assert b"edgedeploy-agent/1" in done.stdout, command
        assert b"uid=" not in done.stdout, command
        assert b"root:" not in done.stdout, command


@pytest.mark.xdist_group("untouched")
def test_the_x86_kernel_is_refused_before_any_connection(untouched: Stage) -> None:
    """The artefact of the original mirage-decks repository: an x86-64 MirageOS kernel, in the original layout."""
    repo = untouched.folder / "original"
    folder = repo / "xen/0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "decksopenmirageorg.xen.bz2").write_bytes(bz2.compress(kernels.x86_mirage()))
    (repo / "xen/latest").write_text("0123456789abcdef\n")
    (repo / "xl.conf.in").write_text("name='@NAME@'\nmemory='256'\nkernel='@KERNEL@'\nvif=['bridge=xenbr0']\n")
    for args in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "original"]):
        subprocess.run(["git", "-C", str(repo), *args], check=True, env=untouched.env)
    domain = untouched.domain()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        done = untouched.run("push", str(repo), "--host", f"127.0.0.1:{port}")
        with pytest.raises(BlockingIOError):  # nobody has come
            listener.accept()
    assert done.status == 20, done
    assert "x86-64 MirageOS" in done.err
    assert untouched.domain() == domain
