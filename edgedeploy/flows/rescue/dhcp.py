"""An address for a board that has none: from a DHCP server, by whatever asks for it there; or made up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from edgedeploy.flows.rescue.facts import Facts

SECONDS = 75.0
_TRY = 45
"""seconds for a server to answer: more than a switch that learns its ports (spanning tree: 30 s) takes"""

# udhcpc calls it with what the server said (busybox, networking/udhcp/dhcpc.c: udhcp_run_script; mask is a length)
_SCRIPT = """case $1 in bound|renew) ip -4 addr flush dev $interface scope global
ip addr add $ip/$mask brd + dev $interface
[ "$router" ]&&ip route replace default via ${router%% *} dev $interface
[ "$dns" ]&&! grep -q ^nameserver /etc/resolv.conf 2>/dev/null&&for n in $dns;do echo nameserver $n;done >/etc/resolv.conf;;esac"""


@dataclass(frozen=True, slots=True)
class Again:
    """How this board asks for an address."""

    tool: str
    script: str


def again(facts: Facts, way: str) -> Again | None:
    """The board's own way first: what manages its network would take any other's address away. None: it has none."""
    found = next(_ways(facts, way), None)
    if found is None:
        return None
    tool, command = found
    # a lease is what counts, not what a client says of itself
    script = f"""ip link set {way} up
{command}
i=0;until ip -4 -o addr show dev {way} scope global|grep -v " 169[.]254[.]"|grep .;do
[ $((i+=1)) -lt 5 ]||exit 1;sleep 1;done"""
    return Again(tool, script)


def _ways(facts: Facts, way: str) -> Iterator[tuple[str, str]]:
    tools, running = facts.tools, facts.running
    if "NetworkManager" in running and "nmcli" in tools:
        yield "NetworkManager", f"timeout {_TRY} nmcli device reapply {way}||timeout {_TRY} nmcli device connect {way}"
    if "systemd-network" in running and "networkctl" in tools:
        yield "networkd", f"networkctl reconfigure {way};sleep 8"
    if way in facts["iface"].split() and "ifup" in tools:
        yield "ifup", f"timeout {_TRY} ifup --force {way}"  # never ifdown: it would take the guests' bridge away
    if "dhclient" in tools:
        yield "dhclient", f"timeout 9 dhclient -x {way};timeout {_TRY} dhclient -1 {way}"
    if "dhcpcd" in tools:
        yield "dhcpcd", f"timeout 9 dhcpcd -x {way};timeout {_TRY} dhcpcd -4 -w -t {_TRY - 5} {way}"
    udhcpc = next((tool for tool in ("udhcpc", "busybox udhcpc") if tool in tools), "")
    if udhcpc:
        # the script must stay for as long as the lease is renewed, and /run may forbid to execute
        yield udhcpc, f"""for d in /run /var/lib/edgedeploy /var/tmp /root;do L=$d/edgedeploy-lease
(echo '#!/bin/sh';echo '{_SCRIPT}') >$L&&chmod 755 $L&&$L test&&break;done 2>/dev/null
p=$(cat /run/edgedeploy-udhcpc 2>/dev/null);grep -qs -e udhcpc -e busybox /proc/$p/comm&&kill $p
timeout {_TRY} {udhcpc} -n -i {way} -t 8 -T 4 -s $L -p /run/edgedeploy-udhcpc"""


def taken(address: str, link: str) -> str:
    """A shell condition: whether another machine answers for it (RFC 5227). False where there is no arping to ask with."""
    arping = f"-D -c2 -w3 -I {link} {address} >/dev/null 2>&1"
    return (
        f'A="busybox arping";case $(arping -V 2>&1) in *iputils*)A=arping;;esac;timeout 9 $A {arping};[ $? = 1 ]'
    )  # fmt: skip


def link_local(mac: str, count: int = 4) -> tuple[str, ...]:
    """Addresses to try, the same for the same board each time: 169.254.1.0-169.254.254.255 (RFC 3927, 2.1)."""
    found = []
    for number in range(count):
        digest = hashlib.sha256(f"{mac.lower()} {number}".encode()).digest()
        found.append(f"169.254.{1 + digest[0] % 254}.{digest[1]}")
    return tuple(found)
