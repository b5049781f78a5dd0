"""The cable in the bag: the board's network is gone, and the talk must go on air all the same. Real Xen, its real console."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgedeploy.lab import ssh
from edgedeploy.wires.serial.port import SerialPort
from tests import guard
from tests.board.cable import Cable
from tests.board.console import Console
from tests.board.stage import GUARD_S, Done, Stage, get, wait_for

pytestmark = pytest.mark.board


def recover(stage: Stage, cable: Cable, *args: str) -> Done:
    done = stage.run("recover", "--port", str(cable.port), "--json", *args)
    assert json.loads(done.out), done
    return done


def test_the_cable_leads_to_the_board_and_leaves_its_console_as_it_was(stage: Stage, cable: Cable) -> None:
    before = stage.board("cat /proc/sys/kernel/printk /proc/sys/kernel/sysrq; xl sched-credit2 -d 0")
    status = json.loads(stage.ok("status", "--via", "serial", "--port", str(cable.port), "--json").out)
    assert status["apps"]["decks"]["healthy"]
    assert stage.board("cat /proc/sys/kernel/printk /proc/sys/kernel/sysrq; xl sched-credit2 -d 0") == before
    assert "root" not in stage.board("who"), "logged out again"
    assert not stage.board("pgrep -f 'edgedeploy-agent (link|serve)' || true")


def test_a_lost_address_is_given_again(stage: Stage, cable: Cable) -> None:
    stage.breaks("ip address flush dev xenbr0 scope global")  # the guest goes on: it has an address of its own
    machine = stage.machine
    guard.until(lambda: not ssh.greets(machine.host, machine.port), "the address is lost", GUARD_S)
    done = recover(stage, cable, "--yes", "--address", "10.0.2.15/24", "--gateway", "10.0.2.2")
    assert done.status == 0, done
    assert stage.status()["healthy"]


def test_an_ssh_server_that_died_is_started_again(stage: Stage, cable: Cable) -> None:
    stage.breaks("pkill -o -x sshd")
    machine = stage.machine
    guard.until(lambda: not ssh.greets(machine.host, machine.port), "sshd is gone", GUARD_S)
    done = recover(stage, cable, "--yes")
    assert done.status == 0, done
    assert stage.status()["healthy"]


def test_a_pulled_network_cable_is_named_and_nothing_is_claimed(stage: Stage, cable: Cable) -> None:
    stage.ok("lab", "unplug")
    done = recover(stage, cable, "--yes")
    assert done.status != 0, done
    assert "network cable" in done.out
    assert "--via serial" in done.err + done.out


def test_the_cable_is_taken_where_it_is_asked_for(stage: Stage, cable: Cable) -> None:
    """With the network there: `--via serial` is an order."""
    release = stage.edit("over the cable, as asked")
    done = stage.ok("push", str(stage.talk), "--via", "serial", "--port", str(cable.port))
    assert f"{release} is live on virtual" in done.out
    assert "over the cable, as asked" in get(stage.url())


def test_keys_that_are_xen_s_are_given_back_to_linux(stage: Stage, cable: Cable) -> None:
    with SerialPort(str(cable.port), 115200) as port:
        port.write(b"\x01\x01\x01")
        heard = b""
        while b"*** Serial input to Xen" not in heard:
            data = port.read(4096, GUARD_S)
            assert data, heard
            heard += data
    assert stage.run("status", "--via", "serial", "--port", str(cable.port)).status == 0


def test_after_a_closed_laptop_and_a_restart_only_the_rest_is_sent(stage: Stage, cable: Cable) -> None:
    """Nothing types while it restarts: QEMU 7.2 never empties a UART's full FIFO again after a reset."""
    _add_noise(stage, 150_000)
    stage.edit("after the restart")
    with _started(stage, cable) as (pushing, _):
        pushing.kill()
    booted = stage.board("cat /proc/sys/kernel/random/boot_id")
    stage.breaks("busybox reboot -nf")
    guard.until(lambda: stage.machine.run("cat /proc/sys/kernel/random/boot_id").stdout.decode() not in ("", booted),
                "the board has restarted", GUARD_S, pause=1)  # fmt: skip
    wait_for(stage.url(), "<h1>")  # what was on air before is on air again
    done = stage.ok("push", str(stage.talk), "--via", "serial", "--port", str(cable.port))
    assert "were there from an earlier try" in done.err
    assert "after the restart" in get(stage.url())


def test_a_cable_that_is_pulled_in_mid_transfer_costs_only_the_time(stage: Stage, cable: Cable) -> None:
    _add_noise(stage, 100_000)
    stage.edit("after the cable")
    stage.ok("lab", "unplug")
    with _started(stage, cable) as (pushing, words):
        cable.pull()
        missed = _until(pushing, "the cable is out")
        cable.plug()
        _, rest = pushing.communicate(timeout=GUARD_S)
        assert pushing.returncode == 0, words + missed + rest
        assert "the cable is back" in rest
    stage.ok("lab", "plug")
    wait_for(stage.url(), "after the cable")


def test_the_guest_s_own_console_over_the_network_and_over_the_cable(stage: Stage, cable: Cable) -> None:
    for way in ((), ("--via", "serial", "--port", str(cable.port))):
        done = stage.run("console", "decks", *way)
        assert done.status == 0, done
        assert "decks on virtual: VM " in done.err


def test_the_console_still_takes_a_log_in(stage: Stage, cable: Cable) -> None:
    cable.pull()
    with Console(stage.machine) as console:
        console.type("\r")
        console.expect("virtual login: ")
    cable.plug()


def _add_noise(stage: Stage, size: int) -> None:
    """A picture that cannot be packed, so that there is something to send."""
    (stage.talk / "slides" / "picture.bin").write_bytes(random.Random(size).randbytes(size))


@contextmanager
def _started(stage: Stage, cable: Cable) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A push over the cable that is in the middle of its transfer, and what it said so far."""
    with stage.start("push", str(stage.talk), "--via", "serial", "--port", str(cable.port)) as pushing:
        try:
            yield pushing, _until(pushing, r"sending .* left")  # said every five seconds
        finally:
            pushing.kill()


def _until(pushing: subprocess.Popen[str], pattern: str) -> str:
    """What it says until it says that."""
    assert pushing.stderr
    words = ""
    while not re.search(pattern, words):
        line = pushing.stderr.readline()
        assert line, f"it ended before {pattern!r}: {words}"
        words += line
    return words
