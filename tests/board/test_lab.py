"""The virtual board is what it says: real Xen, a Debian dom0 with our tools, guests that serve."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.core import cpio
from edgedeploy.lab import machine, process
from edgedeploy.lab.image import Image
from edgedeploy.lab.machine import Machine
from tests import guard
from tests.board.conftest import Silence
from tests.board.console import Console
from tests.board.stage import GUARD_S, Situation, Stage, get

pytestmark = [pytest.mark.board, pytest.mark.xdist_group("lab")]

GUEST = """\
name = "{name}"
kernel = "/root/guest/vmlinuz"
ramdisk = "/root/guest/{ramdisk}"
extra = "console=hvc0 quiet panic=1 ip={address}::10.0.2.2:255.255.255.0::eth0:off edgedeploy.release=r1"
memory = 96
vcpus = 1
on_reboot = "destroy"
on_crash = "destroy"
vif = ["bridge=xenbr0"]
"""


def say(board: Machine, command: str, *, stdin: bytes = b"", timeout: float = GUARD_S) -> str:
    done = board.run(command, stdin=stdin, timeout=timeout)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode()


@pytest.fixture(scope="module")
def guest_files(lab_machine: Machine, lab_image: Image) -> None:
    slides = cpio.pack([cpio.file("www/index.html", b"<h1>slides of r1</h1>")])
    base = lab_image.guest_base.read_bytes()
    say(lab_machine, "mkdir -p /root/guest; cat > /root/guest/vmlinuz", stdin=lab_image.guest_kernel.read_bytes())
    say(lab_machine, "cat > /root/guest/full.cpio", stdin=base + slides)
    say(lab_machine, "cat > /root/guest/bare.cpio", stdin=base)


def create(board: Machine, name: str, ramdisk: str, address: str) -> None:
    config = GUEST.format(name=name, ramdisk=ramdisk, address=address)
    say(board, f"cat > /root/guest/{name}.cfg", stdin=config.encode())
    say(board, f"xl create /root/guest/{name}.cfg")


def test_the_hypervisor_is_real(lab_machine: Machine) -> None:
    info = say(lab_machine, "xl info")
    assert "xen-3.0-armv7l" in next(line for line in info.splitlines() if line.startswith("xen_caps"))


def test_dom0_has_what_a_board_of_ours_has(lab_machine: Machine) -> None:
    assert say(lab_machine, "git --version").startswith("git version 2.")
    assert say(lab_machine, "python3 -V").startswith("Python 3.11")
    assert say(lab_machine, "hostname").strip() == "virtual"
    assert " 10.0.2.15/24" in say(lab_machine, "ip -4 addr show xenbr0")
    programs = "xl brctl bzip2 gzip xz zstd curl sudo crontab update-rc.d logger which awk"
    assert not say(lab_machine, f"for p in {programs}; do command -v $p > /dev/null || echo $p; done")
    for service in ("cron", "avahi-daemon", "dbus-daemon", "xenconsoled"):
        assert say(lab_machine, f"pgrep {service}").strip(), f"{service} does not run"


def test_dpkg_knows_what_is_installed(lab_machine: Machine) -> None:
    listed = say(lab_machine, "dpkg-query -W -f '${Package} ${Status}\\n' git xen-utils-4.17")
    assert listed.count("install ok installed") == 2


def test_the_clock_is_right(lab_machine: Machine) -> None:
    before = time.time()  # clock: the board's is compared with ours
    told = int(say(lab_machine, "date +%s"))
    assert before - 60 < told < time.time() + 60  # clock: as above


def test_cron_runs_a_job(lab_machine: Machine) -> None:
    say(lab_machine, "echo '* * * * * touch /root/cron-was-here' | crontab -")
    ran = "test -e /root/cron-was-here"
    guard.until(lambda: lab_machine.run(ran).returncode == 0, "cron runs its job", GUARD_S, pause=1)
    say(lab_machine, "crontab -r")


def test_keys_are_the_boards_own_and_private(lab_machine: Machine) -> None:
    assert stat.S_IMODE(lab_machine.key.stat().st_mode) == 0o600
    assert say(lab_machine, "cat /etc/ssh/ssh_host_ed25519_key.pub") == lab_machine.host_key.read_text()
    assert len(say(lab_machine, "cat /etc/machine-id").strip()) == 32
    modes = say(lab_machine, "stat -c '%a %u:%g' /etc/ssh/ssh_host_ed25519_key /root/.ssh/authorized_keys /etc/shadow")
    assert modes.split("\n")[:3] == ["600 0:0", "600 0:0", "640 0:42"]


def test_a_password_works_on_the_console_only(lab_machine: Machine) -> None:
    assert "passwordauthentication no" in say(lab_machine, "sshd -T")
    with Console(lab_machine) as console:
        console.type("\r")
        console.expect("login: ")
        console.type("root\r")
        console.expect("Password: ")
        console.type("edgedeploy\r")
        console.expect(r"# ")
        console.type("echo $((6 * 7)) $(tty)\r")
        console.expect("42 /dev/hvc0")
        console.type("exit\r")
        console.expect("login: ")


@pytest.mark.usefixtures("guest_files")
def test_a_guest_serves_through_the_forward(lab_machine: Machine) -> None:
    create(lab_machine, "talk", "full.cpio", "10.0.2.20")
    url = lab_machine.url("10.0.2.20:80")
    try:
        assert guard.until(lambda: get(url), "the guest serves", GUARD_S) == "<h1>slides of r1</h1>"
        told = lab_machine.run("sleep 2 | timeout 5 xl console talk").stdout.decode()
        assert "edgedeploy-guest: serving http://10.0.2.20/ release r1" in told
    finally:
        say(lab_machine, "xl destroy talk")


@pytest.mark.usefixtures("guest_files")
def test_a_guest_without_slides_dies(lab_machine: Machine) -> None:
    create(lab_machine, "bare", "bare.cpio", "10.0.2.21")
    guard.until(
        lambda: lab_machine.run("xl domid bare").returncode, "the guest without slides is gone", GUARD_S, pause=1
    )


@pytest.fixture
def second(lab_machine: Machine, tmp_path: Path) -> Iterator[str]:
    yield "second"
    if (lab_machine.folder.parent / "second").exists():
        machine.down("second", delete=True)


def test_a_kept_board_boots_again_as_itself_with_what_was_added(second: str, tmp_path: Path) -> None:
    report = Silence()
    first = machine.up(second, report=report)
    hook = (
        "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: hook\n# Required-Start: $remote_fs $network\n"
        "# Required-Stop:\n# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n# Short-Description: hook\n"
        "### END INIT INFO\necho $1 $(xl list | wc -l) >> /root/hook.log\n"
    )
    say(first, "cat > /etc/init.d/hook && chmod 755 /etc/init.d/hook && update-rc.d hook defaults", stdin=hook.encode())
    assert say(first, "hostname").strip() == second
    assert machine.down(second, graceful=True) is True
    kept_key = first.host_key.read_text()
    machine.keep(second, tmp_path / "kept")
    machine.down(second, delete=True)
    again = machine.up(second, report=report, base=tmp_path / "kept")
    assert again.host_key.read_text() == kept_key, "the kept board is another board now"
    log = "cat /root/hook.log"
    guard.until(lambda: "start 2" in say(again, log), "update-rc.d's hook runs after Xen is ready", GUARD_S, pause=1)
    assert "stop" in say(again, "cat /root/hook.log"), "the hook was not told of the shutdown"
    pid = process.running(again.folder)
    assert machine.up(second, report=report) == again
    assert process.running(again.folder) == pid
    assert f"{second} is already up" in report.said


def test_a_snapshot_brings_back_disk_memory_and_the_guest_on_air(live: Situation, stage: Stage) -> None:
    domain = stage.domain()
    stage.board("echo since > /root/since; touch /dev/shm/since")
    assert "back to it: edgedeploy lab restore" in stage.ok("lab", "snapshot").err
    assert get(stage.url()), "it goes on running"
    stage.board("rm /root/since /dev/shm/since; xl destroy decks")
    stage.ok("lab", "restore")
    assert stage.board("cat /root/since; ls /dev/shm/since") == "since\n/dev/shm/since\n"
    assert stage.domain() == domain, "the very same domain, not one that was started again"
    guard.until(lambda: get(stage.url()), "the talk is served", GUARD_S)
    before = time.time()  # clock: the board's is compared with ours
    assert before - 60 < int(stage.board("date +%s")) < time.time() + 60  # clock: as above
