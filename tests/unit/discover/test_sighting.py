"""Reading one announcement, and making sense of several."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core.announce import BadAnnouncement
from edgedeploy.core.names import BoardId, BoardName, ProfileName
from edgedeploy.discover import interfaces
from edgedeploy.discover.sighting import Sighting, board_name, from_service, settle

PAIRS = {b"v": b"1", b"id": b"00112233aabbccdd", b"profile": b"cubieboard2"}


def near(address: IPv4Address | IPv6Address) -> str | None:
    return "eth0" if address in ip_network("192.168.1.0/24") else None


def read(*addresses: str, instance: str = "cubie", port: int | None = 22) -> Sighting:
    return from_service(instance, port, addresses, PAIRS, near)


def test_addresses_on_our_own_network_come_first() -> None:
    found = read("fe80::1%eth0", "10.0.2.15", "2001:db8::1", "127.0.0.1", "192.168.1.7")
    assert found.addresses == ("192.168.1.7", "10.0.2.15", "2001:db8::1", "fe80::1%eth0", "127.0.0.1")
    assert found.seen_on == "eth0"


@pytest.mark.parametrize("useless", ["fe80::1", "0.0.0.0", "224.0.0.1", "ff02::1", "::", "\x1b[2J", "fe80::1%\x1b[2J"])
def test_addresses_nobody_can_connect_to_are_dropped(useless: str) -> None:
    assert read(useless, "192.168.1.7").addresses == ("192.168.1.7",)
    with pytest.raises(BadAnnouncement, match="no address"):
        read(useless)


@pytest.mark.parametrize("port", [None, 0, 65536])
def test_a_service_without_port_is_refused(port: int | None) -> None:
    with pytest.raises(BadAnnouncement):
        read("192.168.1.7", port=port)


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("cubie", "cubie"),
        ("cubie #2", "cubie-2"),
        ("Küche", "K-che"),
        ("\x1b]0;x\x07", "0-x"),
        ("☃", "00112233aabbccdd"),
    ],
)
def test_names_become_typable(instance: str, name: str) -> None:
    assert read("192.168.1.7", instance=instance).name == name


@given(st.text(max_size=300))
def test_any_instance_name_becomes_a_board_name(instance: str) -> None:
    name = board_name(instance, BoardId("0" * 16))
    assert BoardName.parse(str(name)) == name


def seen(name: str, *addresses: str, board: str = "a", port: int = 22) -> Sighting:
    return Sighting(BoardId(board * 16), BoardName(name), ProfileName("p"), "", addresses, port)


def test_one_board_under_two_names_is_one_board() -> None:
    (one,) = settle([seen("a", "192.168.1.7"), seen("a-2", "192.168.1.7", "10.0.0.7")])
    assert one.addresses == ("192.168.1.7", "10.0.0.7")
    assert not one.conflict


def test_one_id_at_two_places_is_a_conflict_and_both_are_kept() -> None:
    found = settle([seen("a", "192.168.1.7"), seen("b", "192.168.1.8"), seen("c", "192.168.1.9", board="c")])
    assert [(s.name, s.conflict) for s in found] == [("a", True), ("b", True), ("c", False)]


def test_the_same_address_with_two_ports_is_two_places() -> None:
    assert all(s.conflict for s in settle([seen("a", "127.0.0.1"), seen("b", "127.0.0.1", port=2222)]))


def test_loopback_is_a_network_of_this_machine() -> None:
    known = interfaces.networks()
    (loopback,) = interfaces.named(known, ["127.0.0.1"])
    assert list(interfaces.multicasting([loopback])) == ["127.0.0.1"]
    assert interfaces.near(known, IPv4Address("127.0.0.9")) == loopback.interface
    assert interfaces.near(known, IPv6Address("fe80::1%eth7")) == "eth7"


def test_an_interface_that_cannot_multicast_does_not_spoil_the_others() -> None:
    (loopback,) = interfaces.named(interfaces.networks(), ["127.0.0.1"])
    import ipaddress

    gone = interfaces.Network("gone0", 999, ipaddress.ip_interface("203.0.113.9/24"))
    gone6 = interfaces.Network("gone0", 999, ipaddress.ip_interface("fe80::9/64"))
    assert list(interfaces.multicasting([gone, gone6, loopback])) == ["127.0.0.1"]
