"""Two guests of one app on real Xen: killed between any two of the board's own commands, power cuts, short memory, reboots."""

from __future__ import annotations

import textwrap

import pytest

from tests import guard
from tests.board.stage import BOARD, GUARD_S, REPO, TITLE, Remote, Situation, Stage, get, wait_for

pytestmark = pytest.mark.board

# stands before xl, ip and xenstore-write: ends the agent that called it (or stops there) at one of their calls
TRAP = """\
#!/bin/sh
tool=${0##*/}; PATH=${PATH#/run/trap:}
said=$([ "$tool" = ip ] && cat)
run() { if [ "$tool" = ip ]; then echo "$said" | "$tool" "$@"; else "$tool" "$@"; fi; }
if [ ! -e /run/trap/hit ] && echo "$tool $* $said" | tr '\\n' ' ' | grep -Eq "$(cat /run/trap/call)"; then
    case $(cat /run/trap/how) in
        after) run "$@"; touch /run/trap/hit; kill -9 $PPID ;;
        before) touch /run/trap/hit; kill -9 $PPID ;;
        wait) touch /run/trap/hit; sleep 100000 ;;
    esac
    exit
fi
run "$@"
"""
CALLS = {
    "the private bridge": "^ip -batch.*netns add",
    "the standby's creation": "^xl create --quiet",
    "the cut-over": "^ip -batch.*learning off",
    "the note of where the port is now": "^xenstore-write",
    "the predecessor's pause": "^xl pause",
    "the predecessor's new name": r"^xl rename [0-9]+ decks\.",
    "the successor's name": "^xl rename [0-9]+ decks *$",
}

OVER = "sed -i 's/ .*/ 0/' /run/edgedeploy/kept/decks"
"""what waits was to be kept until a moment long ago"""
KILLS = [
    ("the private bridge", "after"),
    ("the standby's creation", "before"),
    ("the standby's creation", "after"),
    ("the cut-over", "before"),
    ("the cut-over", "after"),
    ("the note of where the port is now", "after"),
    ("the predecessor's pause", "before"),
    ("the predecessor's pause", "after"),
    ("the predecessor's new name", "after"),
    ("the successor's name", "before"),
]
"""all others are in tests/unit/agent/test_bluegreen.py, on the model board"""


@pytest.fixture(scope="session")
def wanted(pulling: Situation, remotes: Remote, tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """A new release is checked out on the board and not deployed yet; the one before is on air."""
    stage = pulling.restore()
    stage.board("pkill -x cron")  # a tick would deploy it
    before = stage.latest()
    release = stage.edit("the next one")
    stage.git("push", "-q", "origin", "main")
    stage.board(f"cd {REPO} && git -c core.hooksPath=/nonexistent pull -q")
    kept = tmp_path_factory.mktemp("kept") / "wanted"
    return Situation.keep(stage, kept, pulling.done, release=release, before=before)


def trap(stage: Stage, call: str, how: str) -> None:
    """Lay it."""
    lines = ["mkdir /run/trap", f"cat > /run/trap/xl <<'END'\n{TRAP}END", "cd /run/trap", "chmod +x xl", "ln xl ip"]
    stage.board("\n".join([*lines, "ln xl xenstore-write", f"echo '{CALLS[call]}' > call", f"echo {how} > how"]))


def serves_one(stage: Stage, words: str) -> None:
    """One release is on the real bridge and answers; nothing is left over beside one that may wait, paused."""
    wait_for(stage.url(), words)
    said = stage.board(
        textwrap.dedent("""\
        xl list | tail -n +3
        echo --; ls /sys/class/net/xenbr0/brif | grep -c vif
        echo --; ls /sys/class/net | grep -E '^ed[bnf]'; ip netns list; ls /run/edgedeploy/standby 2>/dev/null; true
        """)
    )
    guests, ports, left = (part.strip() for part in said.split("--\n"))
    names = sorted(line.split()[0] for line in guests.splitlines())
    assert names[0] == "decks", said
    assert names[1:] in ([], [f"decks.{stage.status()['previous']}"]), said
    assert all("p" in line.split()[4] for line in guests.splitlines() if line.split()[0] != "decks"), said
    assert (ports, left) == ("1", ""), said


@pytest.mark.xdist_group("wanted")
@pytest.mark.parametrize(("call", "how"), KILLS)
def test_killed_at_any_of_its_commands_the_next_tick_ends_it(wanted: Situation, call: str, how: str) -> None:
    stage = wanted.restore()
    trap(stage, call, how)
    stage.board("PATH=/run/trap:$PATH edgedeploy-agent apply decks >/dev/null 2>&1; test -e /run/trap/hit")
    assert get(stage.url()), "whichever it is, one is on air"
    stage.board("edgedeploy-agent apply decks")
    serves_one(stage, "the next one")
    assert stage.status()["good"] == wanted.notes["release"]


@pytest.mark.xdist_group("wanted")
@pytest.mark.parametrize("call", ["the standby's creation", "the cut-over", "the predecessor's pause"])
def test_the_power_is_cut_there(wanted: Situation, call: str) -> None:
    stage = wanted.restore()
    trap(stage, call, "wait")
    stage.board("PATH=/run/trap:$PATH setsid edgedeploy-agent apply decks >/dev/null 2>&1 &")
    guard.until(lambda: stage.board("ls /run/trap").split().count("hit"), "the agent is there", GUARD_S)
    stage.ok("lab", "down", BOARD)
    stage.ok("lab", "up", "--bare", "--cpus", "1")
    there = wanted.notes["release"]
    guard.until(lambda: stage.status()["good"] == there, "the boot has ended it", GUARD_S, pause=1)
    stage.board("edgedeploy-agent apply decks")  # waits for who may still be tidying up
    serves_one(stage, "the next one")


@pytest.mark.xdist_group("edited")
def test_a_guest_that_reboots_comes_back_on_the_real_bridge(edited: Situation) -> None:
    stage = edited.restore()
    before = stage.domain()
    stage.board(f"xl sysrq {before} b")
    guard.until(lambda: stage.domain() not in ("", before), "a new domain", GUARD_S)
    serves_one(stage, "first edit")


@pytest.mark.xdist_group("edited")
def test_where_memory_is_short_it_is_done_in_place_and_said(edited: Situation) -> None:
    stage = edited.restore()
    kernel = stage.board(
        r"""sed -n 's/^kernel = "\(.*\)"$/\1/p' /var/lib/edgedeploy/apps/decks/domains/* | head -n 1"""
    ).strip()
    stage.board(f"{OVER}; edgedeploy-agent apply decks")  # what waits would give way
    free = int(stage.board("xl info | sed -n 's/^free_memory *: //p'"))
    stage.board(
        f"""xl create -p /dev/null 'name="other"' 'kernel="{kernel}"' memory={free - 60} 'on_crash="preserve"'"""
    )
    stage.edit("no room beside", release=False)
    assert "in its place and not beside it: needs " in stage.ok("push", str(stage.talk), "--dry-run").out
    refused = stage.run("push", str(stage.talk), "--swap", "blue-green")
    assert refused.status == 45, refused
    assert "MB free; nothing was touched" in refused.err
    assert "first edit" in get(stage.url())
    done = stage.ok("push", str(stage.talk))
    assert "in place of the release before, not beside it: needs " in done.out
    assert "no room beside" in get(stage.url())


@pytest.mark.xdist_group("edited")
def test_the_way_back_at_once_is_seen_in_status_and_gone_when_its_time_is_over(edited: Situation) -> None:
    stage = edited.restore()
    before = edited.notes["before"]
    assert f"ready to go back to {before} at once: edgedeploy rollback decks" in stage.ok("status").out
    stage.board(f"{OVER}; edgedeploy-agent apply decks")
    assert "at once" not in stage.ok("status").out
    serves_one(stage, "first edit")
    back = stage.ok("rollback", str(stage.talk))
    assert f"{before} is on air again" in back.out
    assert TITLE in get(stage.url())
