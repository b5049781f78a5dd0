from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.flows.rescue import diagnosis, facts, finding, mends, probe
from edgedeploy.flows.rescue.diagnosis import diagnose
from tests.unit.flows.rescue.answers import AGENT, KEY, LAPTOP, NOW, WELL, board

ADDR = "addr 5: xenbr0    inet 192.168.1.7/24 brd 192.168.1.255 scope global dynamic xenbr0\\       valid_lft 3000sec\n"
ETH0 = "link eth0 1 0x1003 1 xenbr0 -"
XENBR0 = "link xenbr0 1 0x1003 1 - bridge 02:16:3e:00:00:01\n"
DF = "df /dev/mmcblk0p2 15000000 3000000 11000000 22% /"


def test_a_board_that_is_well_has_nothing_to_say():
    assert diagnose(board(), LAPTOP) == ()
    assert diagnosis.network_is_fine(board(), LAPTOP)
    assert diagnosis.on_air(board()) == ("decks r2",)


CASES = [
    # code, severity, part of the words, mends, changes to the well board, what the agent says of the app
    ("not-root", "bad", "not root's", (), [("uid 0", "uid 1500")], {}),
    ("incomplete", "warning", "only some of the questions", (), [("\nend\n", "\n")], {}),
    ("incomplete", "warning", "no `ip`", (), [("tool ip\n", "")], {}),
    ("no-port", "bad", "no network port", (), [("link eth0", "link vif9.0")], {}),
    ("no-carrier", "bad", "eth0 has no carrier", (), [(ETH0, "link eth0 1 0x1003 0 xenbr0 -")], {}),
    ("link-down", "bad", "port eth0 is switched off", ("link-up",), [(ETH0, "link eth0 1 0x1002 - xenbr0 -")], {}),
    ("link-down", "bad", "bridge xenbr0 is switched off", ("link-up",), [("link xenbr0 1 0x1003 1", "link xenbr0 1 0x1002 -")], {}),
    ("no-bridge", "bad", "bridge xenbr0 is missing", ("bridge",), [(XENBR0, ""), (ADDR, ""), (ETH0, "link eth0 1 0x1003 1 - -")], {}),
    ("no-bridge", "bad", "bridge xenbr0 is missing", (),
     [(XENBR0, ""), (ADDR, ADDR.replace("xenbr0 ", "eth0 ")), (ETH0, "link eth0 1 0x1003 1 - -")], {}),
    ("port-outside-bridge", "bad", "eth0 is not in the bridge", ("bridge",), [(ETH0, "link eth0 1 0x1003 1 - -")], {}),
    ("address-on-port", "bad", "192.168.1.7 is on eth0, which is a port of the bridge xenbr0", ("move-address",),
     [(ADDR, ADDR.replace("xenbr0 ", "eth0 "))], {}),
    ("no-address", "bad", "no address", ("dhcp", "static", "link-local"), [(ADDR, "")], {}),
    ("ipv6", "note", "fe80::16:3eff:fe00:1 on xenbr0", (), [(ADDR, "")], {}),
    ("link-local-only", "bad", "itself, 169.254.3.4", ("dhcp", "static"), [("192.168.1.7/24", "169.254.3.4/16")], {}),
    ("duplicate-address", "bad", "(aa:bb:cc:dd:ee:ff) has the board's address 192.168.1.7", ("dhcp", "static"),
     [("dup 0 xenbr0 192.168.1.7", "dup 1 xenbr0 192.168.1.7 AA:BB:CC:DD:EE:FF")], {}),
    ("duplicate-address", "bad", "fe80::16:3eff:fe00:1", (), [("/64 scope link ", "/64 scope link dadfailed ")], {}),
    ("duplicate-mac", "bad", "the guest decks and the guest menu have", (), [("aa:00:02", "AA:00:01")], {}),
    ("duplicate-mac", "bad", "guest 1 and the guest menu have", (), [("aa:00:02", "AA:00:01"), ("dom 1 -b---- decks\n", "")], {}),
    ("duplicate-mac", "bad", "eth0 and the guest menu have", (), [("00:16:3e:aa:00:02", "02:16:3e:00:00:01")], {}),
    ("duplicate-mac", "bad", "192.168.1.1 has the same MAC address as eth0", (), [("00:11:22:33:44:55", "02:16:3e:00:00:01")], {}),
    ("duplicate-mac", "warning", "another machine sends", (),
     [("now ", "ownmac xenbr0: received packet on eth0 with own address as source address\nnow ")], {}),
    ("no-route", "warning", "no default route", (), [("route default via 192.168.1.1 dev xenbr0\n", "")], {}),
    ("gateway-silent", "warning", "192.168.1.1 does not answer", (), [("lladdr 00:11:22:33:44:55 REACHABLE", "FAILED")], {}),
    ("sshd-missing", "bad", "no sshd", (), [("tool sshd\n", "")], {}),
    ("no-host-keys", "bad", "no host keys", ("host-keys", "sshd"), [("hostkeys 3", "hostkeys 0")], {}),
    ("sshd-refuses", "bad", "line 3: Bad configuration", (), [("hostkeys 3", "hostkeys 3\nsshbad line 3: Bad configuration")], {}),
    ("sshd-down", "bad", "sshd does not run", ("sshd",), [("listen 0016", "listen"), ("dbus-daemon sshd", "dbus-daemon")], {}),
    ("sshd-down", "bad", "does not listen on port 2222", ("sshd",), [("sshport", "sshport 2222")], {}),
    ("host-key-differs", "bad", "not the one that this laptop has pinned", ("pin",), [(KEY, KEY[:-4] + "AAAA")], {}),
    ("push-key-missing", "bad", "push key", ("agent",), [("AAAAMINE", "AAAATHEIRS")], {}),
    ("avahi-missing", "warning", "no Avahi", (), [("tool avahi-daemon\n", "")], {}),
    ("avahi-down", "bad", "Avahi does not run", ("avahi",), [("procs avahi-daemon", "procs")], {}),
    ("read-only", "bad", "read-only", ("writable",), [("root ext4 rw,", "root ext4 ro,")], {}),
    ("disk-full", "bad", "/ is full: 1.0 MB of 15360 MB free", ("space",), [(DF, DF.replace("11000000", "1000"))], {}),
    ("inodes-full", "bad", "3 inodes free", ("space",), [("90000 810000 10% /", "899997 3 100% /")], {}),
    ("clock", "bad", "57 years behind", ("clock",), [(f"now {NOW}", "now 12")], {}),
    ("clock", "warning", "10 minutes ahead", ("clock",), [(f"now {NOW}", f"now {NOW + 600}")], {}),
    ("agent-missing", "bad", "not installed", ("agent",), [(f"agent edgedeploy-agent {AGENT[:12]}\n", "")], {}),
    ("agent-broken", "bad", "Exec format error", ("agent",),
     [(f"agent edgedeploy-agent {AGENT[:12]}", "agent sh: Exec format error")], {}),
    ("agent-old", "warning", "version 0123456789ab", ("agent",), [(AGENT[:12], "0123456789ab")], {}),
    ("python-old", "bad", "found Python 3.9.2", (), [("Python 3.11.2", "Python 3.9.2")], {}),
    ("not-xen", "bad", "without Xen", (), [("hypervisor xen", "hypervisor"), ("xl 0", "xl 1")], {}),
    ("xl-broken", "bad", "xl does not answer", (), [("xl 0", "xl 124"), ("sshd\niface", "sshd xenstored\niface")], {}),
    ("xl-broken", "bad", "xenstored does not run", (), [("xl 0", "xl 124")], {}),
    ("xl-broken", "bad", "xenconsoled: error 5", (), [("xl 0", "xl 1\nxlinfo xenconsoled: error 5")], {}),
    ("off-air", "bad", "decks: its guest does not run (r2 is good)", ("boot",), [], {"release": "", "healthy": False}),
    ("off-air", "bad", "decks: state.json is damaged", ("boot",), [], {"error": "state.json is damaged", "good": "", "release": ""}),
    ("other-release", "note", "decks serves r2; its repository wants r3", (), [], {"wanted": "r3"}),
    ("stuck", "bad", "decks is stuck: no memory", ("boot",), [], {"phase": "stuck", "reason": "no memory"}),
    ("memory-low", "warning", "only 30 MB", (), [("free_memory            : 300", "free_memory            : 30")], {"healthy": False}),
    ("cron-down", "warning", "cron does not run", ("cron",), [("avahi-daemon cron dbus", "avahi-daemon dbus")], {}),
    ("kernel-errors", "note", "mmc0: error -110", (), [("now ", "kernel [   12.345678] mmc0: error -110\nnow ")], {}),
    ("kernel-errors", "note", "mmc0: error -110", (),
     [("now ", "up 5000.12 9000.1\nkernel [ 4200.345678] mmc0: error -110\nnow ")], {}),
    ("no-route", "warning", "no default route", ("route",),
     [("route default via 192.168.1.1 dev xenbr0\n", "gw 10.0.0.1 192.168.1.1\n")], {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "severity", "words", "cures", "changes", "app"), CASES)
def test_each_ill_is_named(code, severity, words, cures, changes, app):
    found = [one for one in diagnose(board(*changes, app=app), LAPTOP) if one.code == code]
    assert found, diagnose(board(*changes, app=app), LAPTOP)
    assert words in found[0].words
    assert found[0].severity == severity
    assert found[0].mends == cures


def test_a_board_that_was_never_enrolled_here():
    found = diagnose(board(), replace(LAPTOP, enrolled=False, pinned=(), push_key=""))
    assert [(one.code, one.mends) for one in found] == [("not-enrolled", ("agent",))]


def test_a_laptop_without_the_time_sets_no_clock():
    """Its battery is flat, the board's is not."""
    found = diagnose(board(), replace(LAPTOP, now=1_000_000.0))
    assert [(one.code, one.mends) for one in found] == [("clock", ())]
    assert "this laptop's clock" in found[0].hint


def test_every_code_is_tried_and_every_mend_exists():
    assert {case[0] for case in CASES} | {"not-enrolled"} == set(finding.MEANINGS)
    offered = {code for case in CASES for code in case[3]}
    assert offered <= set(mends.CODES)
    assert list(mends.RISKS) == list(mends.CODES), "who asks what a mend may cost is told"


def test_a_guest_of_anybody_else_or_a_bridge_of_docker_is_no_port_and_no_bridge_of_ours():
    docker = ("link lo ", "link docker0 1 0x1003 0 - bridge 02:42:00:00:00:01\nlink lo ")
    assert diagnose(board(docker), LAPTOP) == ()


def test_a_guest_that_dom0_has_spoken_with_is_no_twin():
    guest = ("neigh ", "neigh 192.168.1.20 dev xenbr0 lladdr 00:16:3e:aa:00:01 REACHABLE\nneigh ")
    assert diagnose(board(guest), LAPTOP) == ()


@pytest.mark.parametrize(
    "change",
    [
        ("dom 2 -b---- menu", "dom 2 --p--- decks.r1"),
        ("link vif2.0 1 0x1003 1 xenbr0", "link vif2.0 1 0x1003 1 -"),
        ("link vif2.0 1 0x1003 1 xenbr0", "link vif2.0 1 0x1003 1 edb0123456789"),
    ],
    ids=["kept", "off every bridge", "on trial"],
)
def test_a_release_that_waits_beside_the_one_on_air_is_no_twin(change):
    """Both have the same MAC by design, for whoever has spoken with the one to speak with the other."""
    assert diagnose(board(("aa:00:02", "aa:00:01"), change), LAPTOP) == ()


@pytest.mark.parametrize(
    "changes",
    [
        [("lladdr 00:11:22:33:44:55 REACHABLE", "FAILED")],
        [("route default via 192.168.1.1 dev xenbr0\n", "")],
        [("192.168.1.7/24", "169.254.3.4/16")],
    ],
    ids=["the gateway is silent", "no route", "no DHCP server answered"],
)
def test_what_only_follows_from_a_pulled_cable_is_not_said(changes):
    said = diagnose(board((ETH0, "link eth0 1 0x1003 0 xenbr0 -"), *changes), LAPTOP)
    assert [one.code for one in said] == ["no-carrier"]


def test_the_probe_reads_the_guests_that_xl_lists(tmp_path):
    listed = (
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        "Domain-0                                     0   512     2     r-----     101.5\n"
        "decks.20261123-1407-5c1e0a9d                 3    64     1     --p---       7.9\n"
        "decks                                        4    64     1     -b----       1.0\n"
    )
    said = f"release                : 6.1.0\nxen_version            : 4.17.5\n{listed}"
    line = next(line for line in probe.SCRIPT.splitlines() if "/dom " in line)
    out = subprocess.run(["sh", "-c", f'k(){{ echo "$@";}}\nx=$1\n{line}', "sh", said], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [
        "dom 0 r----- Domain-0", "dom 3 --p--- decks.20261123-1407-5c1e0a9d", "dom 4 -b---- decks",
    ]  # fmt: skip


def test_low_memory_is_no_news_while_everything_is_on_air():
    assert diagnose(board(("free_memory            : 300", "free_memory            : 3")), LAPTOP) == ()


def test_what_a_board_says_cannot_reach_the_terminal():
    evil = ("\x1b[2J", "\x9b2J", "\x07")
    for old in ("xen_version", "Python 3.11.2", "root@stage", "edgedeploy-agent 5c"):
        for bad in evil:
            said = "".join(one.words + one.hint for one in diagnose(board((old, f"error{bad}{old}")), LAPTOP))
            assert said.isprintable(), said


@given(st.lists(st.sampled_from(WELL.splitlines()), max_size=60), st.data())
def test_nothing_a_board_says_makes_it_fail(lines, data):
    text = "\n".join(lines)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(max_size=12)) + text[at + data.draw(st.integers(0, 8)) :]
    status = data.draw(st.sampled_from(["", "{}", '{"apps":{"a":{}}}', '{"apps":{"a":7,"b":{"good":[1]}}}', "[" * 9000]))
    found = facts.parse(text, status)
    for one in diagnose(found, LAPTOP):
        assert one.words.replace("\n", " ").isprintable()
        for code in one.mends:
            mends.mend(code, found, LAPTOP, mends.Wish(), lambda: 0.0)


def test_the_documents_table_is_what_the_code_says():
    text = (Path(__file__).parents[4] / "docs/serial.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z][a-z0-9-]+)` \| ([^|]+?) \|", text, re.M))
    assert rows == {**finding.MEANINGS, **mends.CODES}


def test_what_the_kernel_said_at_its_start_is_not_what_is_wrong_hours_later():
    said = "up 5000.12 9000.1\nkernel [    1.2] simple-framebuffer: no\nkernel [    2.2] regulator: none\nnow "
    assert not [one for one in diagnose(board(("now ", said)), LAPTOP) if one.code == "kernel-errors"]
    fresh = said.replace("5000.12", "90.5")
    assert [one for one in diagnose(board(("now ", fresh)), LAPTOP) if one.code == "kernel-errors"]


@pytest.mark.parametrize("gateway", ["", "10.0.0.1", "192.168.1.7", "nonsense $(reboot)", "fe80::1"])
def test_a_route_is_offered_only_to_a_router_that_the_board_can_reach(gateway):
    gone = ("route default via 192.168.1.1 dev xenbr0\n", f"gw {gateway}\n")
    (found,) = [one for one in diagnose(board(gone), LAPTOP) if one.code == "no-route"]
    assert found.mends == ()
