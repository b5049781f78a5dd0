from __future__ import annotations

import ipaddress
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from edgedeploy.flows.rescue import dhcp, mends, probe
from edgedeploy.flows.rescue.console_board import ConsoleBoard
from edgedeploy.wires.serial.shell import Ran
from tests.guard import until
from tests.unit.flows.rescue.answers import KEY, LAPTOP, board

WISH = mends.Wish(ipaddress.IPv4Interface("10.0.0.9/24"), "10.0.0.1")
BARE = [("tool dhclient\n", "bb udhcpc\ntool busybox\n")]
BOARDS = {
    "Debian": board(),
    "bare": board(*BARE),
    "NetworkManager": board(("dbus-daemon sshd", "dbus-daemon sshd NetworkManager"), ("tool dhclient", "tool nmcli")),
    "networkd": board(("dbus-daemon sshd", "dbus-daemon sshd systemd-network"), ("tool dhclient", "tool networkctl")),
    "ifupdown": board(("tool dhclient", "tool ifup")),
    "dhcpcd": board(("tool dhclient", "tool dhcpcd")),
    "no bridge": board(("link xenbr0 1 0x1003 1 - bridge 02:16:3e:00:00:01\n", "")),
    "twins": board(("dup 0 xenbr0 192.168.1.7", "dup 1 xenbr0 192.168.1.7 aa:bb:cc:dd:ee:ff")),
}
TOOLS = {"Debian": "dhclient", "bare": "busybox udhcpc", "NetworkManager": "NetworkManager", "networkd": "networkd",
         "ifupdown": "ifup", "dhcpcd": "dhcpcd"}  # fmt: skip
SHELLS = [argv for argv in (["/bin/sh"], ["dash"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(argv[0])]


def made(code, facts=BOARDS["Debian"], wish=WISH):
    return mends.mend(code, facts, LAPTOP, wish, lambda: 1_800_000_000.0)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("name", BOARDS)
def test_every_script_is_one_and_can_be_typed(name, shell):
    scripts = [mend.script for code in mends.CODES if (mend := made(code, BOARDS[name])) and mend.script]
    assert len(scripts) >= 12
    for script in [*scripts, probe.SCRIPT, probe.STATUS]:
        assert all(" " <= c <= "~" or c == "\n" for c in script)
        ended = subprocess.run([*shell, "-n"], input=script, text=True, capture_output=True, check=False)
        assert ended.returncode == 0, (script, ended.stderr)


@pytest.mark.parametrize("name", TOOLS)
def test_an_address_is_asked_for_in_the_boards_own_way(name):
    assert dhcp.again(BOARDS[name], "xenbr0").tool == TOOLS[name]


def test_without_a_client_or_a_wish_there_is_no_such_mend():
    assert made("dhcp", board(("tool dhclient\n", ""))) is None
    assert made("static", wish=mends.Wish()) is None
    assert made("link-up", board(("link eth0", "link vif9.0"))) is None


def test_a_damaged_file_system_is_made_writable_by_a_person_only():
    assert made("writable").safe
    assert not made("writable", board(("now ", "kernel EXT4-fs error (device mmcblk0p2)\nnow "))).safe
    assert not made("writable", board(("now ", "fsbad EXT4-fs error (device mmcblk0p2)\nnow "))).safe


def test_a_file_system_that_was_damaged_a_thousand_lines_ago_is_seen(run):
    """Four lines of a failing card's driver follow each of the file system's; and busybox' dmesg knows no levels."""
    log = "EXT4-fs (mmcblk0p2): re-mounted. Opts: errors=remount-ro"
    bad = "EXT4-fs error (device mmcblk0p2): ext4_find_entry:1454: inode #2: comm sh: reading directory lblock 0"
    said = f"[ $# = 0 ]||exit 1;echo '{log}';echo '{bad}';yes mmc0: Timeout waiting for hardware interrupt|head -n1000"
    assert f"\nfsbad {bad}\n" in run("near=no\n" + probe.SCRIPT, dmesg=said)[0].stdout
    assert "\nfsbad" not in run("near=no\n" + probe.SCRIPT, dmesg=f"echo '{log}'")[0].stdout


def test_link_local_addresses_are_a_boards_own_and_allowed():
    found = dhcp.link_local("02:16:3e:00:00:01", 200)
    assert found == dhcp.link_local("02:16:3E:00:00:01", 200)
    assert found[:4] != dhcp.link_local("02:16:3e:00:00:02")
    first, last = ipaddress.ip_address("169.254.1.0"), ipaddress.ip_address("169.254.254.255")
    assert all(first <= ipaddress.ip_address(one) <= last for one in found)


@pytest.fixture
def run(tmp_path):
    """Run a script with these programs and no others but the machine's plain ones; what they were asked is returned."""

    def run(script, shell=("sh",), **programs):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, body in programs.items():
            file = folder / name
            file.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/asked\n{body}\n')
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        ended = subprocess.run([*shell, "-c", script], env=env, capture_output=True, text=True, timeout=30, check=False)
        asked = (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").exists() else []
        return ended, asked

    return run


def test_link_local_takes_the_first_that_nobody_has(run):
    first, second = dhcp.link_local("02:16:3e:00:00:01")[:2]
    ended, asked = run(made("link-local").script, ip="", arping=f'case $* in -V) echo iputils;; *{first}) exit 1;; esac')
    assert ended.returncode == 0
    assert asked[-1] == f"ip addr add {second}/16 brd + scope link dev xenbr0"


@pytest.mark.parametrize("answer", ["echo Arping 2.23, by Thomas Habets", "exit 2"], ids=["another arping", "none that works"])
def test_an_arping_that_cannot_be_asked_makes_no_address_taken(run, answer):
    ended, asked = run(made("link-local").script, ip="", arping=answer, busybox="exit 127")
    assert ended.returncode == 0
    assert asked[-1].startswith("ip addr add 169.254.")


def test_an_address_that_another_machine_has_is_not_set(run):
    ended, asked = run(made("static").script, ip="", arping='case $* in -V) echo iputils;; *) exit 1;; esac')
    assert ended.returncode == 3
    assert "another machine has 10.0.0.9" in ended.stdout
    assert not [line for line in asked if "addr add" in line]


def test_a_twin_address_goes_before_another_comes(run):
    mend = made("static", BOARDS["twins"])
    _, asked = run(mend.script, ip="[ \"$1\" != -o ]||echo ' 10.0.0.9/24 '", arping="[ \"$1\" != -V ]||echo iputils")
    steps = [line for line in asked if "addr del" in line or "addr add" in line or "route" in line]
    assert steps == [
        "ip addr del 192.168.1.7/24 dev xenbr0",
        "ip addr add 10.0.0.9/24 brd + dev xenbr0",
        "ip route replace default via 10.0.0.1 dev xenbr0",
    ]


def test_no_lease_is_no_success(run):
    mend = made("dhcp", BOARDS["Debian"])
    ended, _ = run(mend.script.replace("sleep 1", ":"), ip="", dhclient="exit 0")
    assert ended.returncode == 1


def test_the_clock_is_set_to_the_laptops(run):
    _, asked = run(made("clock").script, date="", hwclock="")
    assert asked == ["date -s @1800000002", "hwclock -w"]


def test_sshd_is_not_restarted_with_a_configuration_it_refuses(run):
    ended, asked = run(made("sshd").script.replace("mkdir -p /run/sshd", ":"), sshd="echo bad line 3;exit 255", systemctl="")
    assert ended.returncode == 1
    assert asked == ["sshd -t"]
    assert KEY not in ended.stdout


@pytest.mark.parametrize("xl", ["[ $1 = info ]", "exit 124"], ids=["only info answers", "nothing answers"])
def test_xl_answers_only_when_it_can_list_the_guests(run, xl):
    """Without xenstored `xl info` may answer, for it asks the hypervisor alone; `xl list` waits for good."""
    ended, asked = run("near=no\n" + probe.SCRIPT, xl=xl, **{"xenstore-ls": "exit 1"})
    assert not [line for line in ended.stdout.splitlines() if line == "xl 0"]
    assert ended.stdout.endswith("\nend\n")
    assert not [line for line in asked if line.startswith("xenstore-ls")], "it would wait too"


def test_an_agent_that_would_wait_for_xl_is_not_asked():
    class Shell:
        def __init__(self, xl):
            self.typed, self.said = [], f"uid 0\nagent edgedeploy-agent 5c1e0a9d00aa\nxl {xl}\nend\n"

        def run(self, command, timeout=20.0):
            self.typed.append(command)
            return Ran(0, self.said if "k uid" in command else "")

    for xl, asked in (("0", True), ("124", False)):
        shell = Shell(xl)
        ConsoleBoard(shell).ask(deep=True)
        assert (probe.STATUS in shell.typed) is asked


MOVED = board(("addr 5: xenbr0    inet 192.168.1.7", "addr 5: eth0    inet 192.168.1.7"))


def test_an_address_is_on_the_bridge_before_it_leaves_the_port(run):
    _, asked = run(made("move-address", MOVED).script, ip="")
    assert [line for line in asked if "addr" in line or "route" in line] == [
        "ip addr add 192.168.1.7/24 brd + dev xenbr0",
        "ip route replace default via 192.168.1.1 dev xenbr0",
        "ip addr del 192.168.1.7/24 dev eth0",
        "ip route replace default via 192.168.1.1 dev xenbr0",
    ]


def test_an_address_that_the_bridge_does_not_take_stays_on_the_port(run):
    ended, asked = run(made("move-address", MOVED).script, ip='[ "$2" != add ]')
    assert ended.returncode == 1
    assert not [line for line in asked if "addr del" in line]


def test_a_lease_brings_name_servers_to_a_board_that_has_none_and_takes_nobodys(run, tmp_path):
    names = tmp_path / "resolv.conf"
    script = dhcp._SCRIPT.replace("/etc/resolv.conf", str(names))
    lease = f"interface=xenbr0 ip=10.0.0.9 mask=24 router= dns='10.0.0.1 10.0.0.2'\nset -- bound\n{script}"
    run(lease, ip="")
    assert names.read_text() == "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
    names.write_text("# mine\nnameserver 9.9.9.9\n")
    run(lease, ip="")
    assert names.read_text() == "# mine\nnameserver 9.9.9.9\n"


def test_a_client_of_an_earlier_rescue_that_has_died_costs_nobody_else_his_life(run, tmp_path):
    """Its number may be another program's by now."""
    pidfile = tmp_path / "udhcpc.pid"
    with subprocess.Popen(["sleep", "60"]) as other:
        pidfile.write_text(f"{other.pid}\n")
        script = made("dhcp", BOARDS["bare"]).script.replace("/run/edgedeploy-udhcpc", str(pidfile)).replace("sleep 1", ":")
        script = script.replace("for d in /run ", f"for d in {tmp_path} ")
        run(script, ip="", busybox="")
        assert other.poll() is None
        other.kill()


def test_nothing_of_ours_stays_on_a_board_whose_laptop_was_interrupted():
    class Shell:
        def run(self, command, timeout=20.0):
            if "mkdir" not in command:
                return Ran(0, "uid 0\nend\n")
            command = command.replace("sleep 5", "sleep .1")
            self.process = subprocess.Popen(
                ["sh", "-c", 'o=$(eval "$1");echo "$o" end;read wait', "sh", command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            lines = []
            for line in iter(self.process.stdout.readline, ""):
                lines.append(line)
                if line.endswith(" end\n"):
                    break
            return Ran(0, "".join(lines).removesuffix(" end\n"))

    shell = Shell()
    console_board = ConsoleBoard(shell)
    console_board.ask(deep=False)
    folder = Path(console_board._folder)
    assert (folder / "probe").is_file()
    shell.process.kill()
    shell.process.communicate()
    until(lambda: not folder.exists(), f"{folder} is gone")
