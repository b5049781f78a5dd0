"""Addresses and networks, beside what Python's own module says of them."""

from __future__ import annotations

import ipaddress

import pytest

from edgedeploy.core import ipv4


@pytest.mark.parametrize("text", ["0.0.0.0", "10.0.2.20", "255.255.255.255", "192.168.7.190"])
def test_an_address_is_a_number(text: str) -> None:
    assert ipv4.number(text) == int(ipaddress.IPv4Address(text))


@pytest.mark.parametrize(
    "text", ["", "10.0.2", "10.0.2.256", "10.0.2.-1", "10.0.2.0020", "::1", "a.b.c.d", "1.2.3.4.5", "²¹.0.0.1"]
)
def test_anything_else_is_none(text: str) -> None:
    assert ipv4.number(text) is None


@pytest.mark.parametrize("network", ["10.0.2.0/24", "192.168.7.128/26", "172.16.0.0/12", "10.0.2.20/32", "0.0.0.0/0"])
def test_a_network_holds_what_python_says_it_holds(network: str) -> None:
    for address in ("10.0.2.20", "10.0.3.1", "192.168.7.127", "192.168.7.191", "172.31.255.255", "172.32.0.0"):
        wanted = ipaddress.IPv4Address(address) in ipaddress.IPv4Network(network)
        assert ipv4.within(int(ipaddress.IPv4Address(address)), network) is wanted, address


@pytest.mark.parametrize("network", ["", "nonsense", "10.0.2.0/99", "10.0.2/24"])
def test_what_is_no_network_holds_nothing(network: str) -> None:
    assert not ipv4.within(int(ipaddress.IPv4Address("10.0.2.20")), network)
