"""What is wrong with a board's network, as far as it can be seen from the board itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgedeploy.agent.network import PRIVATE
from edgedeploy.core.board import Profile
from edgedeploy.flows.rescue.facts import Facts, Link
from edgedeploy.flows.rescue.finding import Finding, Laptop

_ADDRESS = ("dhcp", "static", "link-local")
_SILENT = ("FAILED", "INCOMPLETE")
"""states of a neighbour that did not answer (ip-neighbour(8))"""
_STANDING = frozenset("pscd")
"""letters of domains that do not run: paused, shut down, crashed, dying (xl(1), list)"""


def findings(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    """From the cable up: what is wrong below is said first."""
    if "ip" not in facts.tools:
        yield Finding("incomplete", "warning", "the board has no `ip`: its addresses cannot be read or set",
                      "apt-get install iproute2, when there is a network")  # fmt: skip
    yield from _cable(facts)
    yield from _bridge(facts, laptop)
    main = port(facts)
    dead = main is not None and main.up and main.carrier is False  # what nobody answers through it is said by that
    yield from (one for one in _addresses(facts) if not (dead and one.code in ("link-local-only", "ipv6")))
    yield from _twins(facts)
    if not dead:
        yield from _route(facts)


def port(facts: Facts) -> Link | None:
    """The port that matters: one with a cable, else in a bridge, else the first that is no wireless one."""
    return min(
        facts.ports, key=lambda p: (not p.carrier, not p.master, p.name.startswith("wl"), p.name), default=None
    )


def cut_off(facts: Facts) -> bool:
    """Whether nobody can reach it, whatever they try: no cable, or no address at all."""
    main = port(facts)
    return main is None or not main.up or main.carrier is False or not (facts.usable(six=True) or facts.link_local(4))


def bridge_name(facts: Facts, laptop: Laptop) -> str:
    """The bridge that is there under the right name, or that the port is in, or that ought to be there; "" for none."""
    there = [link.name for link in facts.links if link.bridge]
    main = port(facts)
    if laptop.bridge in there or not there:
        return laptop.bridge
    return main.master if main and main.master else laptop.bridge or there[0]


def way_out(facts: Facts, laptop: Laptop) -> str:
    """The interface that the board's address belongs on: the bridge where it is there, else the port."""
    bridge, main = bridge_name(facts, laptop), port(facts)
    if bridge and any(link.name == bridge for link in facts.links):
        return bridge
    return main.name if main else ""


def usual_bridge(compatible: Sequence[str], kind: str, profiles: Sequence[Profile]) -> str:
    """The bridge of a kind of board, named or told by its device tree; "" where neither tells."""
    named = [p for p in profiles if p.name == kind]
    same = named or [p for p in profiles if set(p.compatible) & set(compatible[:1])]
    return same[0].bridge if same else ""


def _cable(facts: Facts) -> Iterator[Finding]:
    main = port(facts)
    if main is None:
        yield Finding("no-port", "bad", "the board has no network port that Linux knows",
                      "is its driver loaded? edgedeploy console, then: dmesg | grep -i eth")  # fmt: skip
    elif not main.up:
        yield Finding("link-down", "bad", f"the network port {main.name} is switched off", mends=("link-up",))
    elif main.carrier is False:
        yield Finding("no-carrier", "bad", f"{main.name} has no carrier: no cable, or nothing at its other end",
                      "push the network cable in at both ends; look for the lamp at the board's socket")  # fmt: skip
    off = [link.name for link in facts.links if link.bridge and not link.up]
    if off and main and main.master in off:
        yield Finding("link-down", "bad", f"the bridge {main.master} is switched off", mends=("link-up",))


def _bridge(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    main, wanted = port(facts), bridge_name(facts, laptop)
    if main is None or not wanted:
        return
    on_port = [a for a in facts.usable() if a.link == main.name]
    mends = () if on_port else ("bridge",)
    hint = f"it must be made by hand, because {main.name} has the board's address" if on_port else ""
    if all(link.name != wanted for link in facts.links):
        yield Finding("no-bridge", "bad", f"the bridge {wanted} is missing: no guest can be on the network", hint, mends)
    elif main.master != wanted:
        yield Finding("port-outside-bridge", "bad", f"the port {main.name} is not in the bridge {wanted}", hint, mends)
    elif on_port:
        yield Finding("address-on-port", "bad",
                      f"the address {on_port[0].text} is on {main.name}, which is a port of the bridge {wanted}",
                      mends=("move-address",))  # fmt: skip


def _addresses(facts: Facts) -> Iterator[Finding]:
    if "ip" not in facts.tools or not facts.links:
        return
    own = facts.link_local(4)
    if not facts.usable() and own:
        yield Finding("link-local-only", "bad",
                      f"the board has only an address that it made itself, {own[0].text}: no DHCP server answered",
                      "a laptop on the same cable or switch reaches it there if it has such an address too",
                      ("dhcp", "static"))  # fmt: skip
    elif not facts.usable():
        yield Finding("no-address", "bad", "the board has no address", mends=_ADDRESS)
    for six in facts.link_local(6):
        if not facts.usable() and any(link.name == six.link and not link.guest for link in facts.links):
            yield Finding("ipv6", "note", f"it has the IPv6 address {six.text} on {six.link} all the same",
                          f"from a laptop on the same cable or switch: --host [{six.text}%YOUR-PORT]")  # fmt: skip
            return


def _twins(facts: Facts) -> Iterator[Finding]:
    for twin in facts.twins:
        yield Finding("duplicate-address", "bad", f"another machine ({twin.mac}) has the board's address {twin.address} too",
                      "give one of the two another", ("dhcp", "static"))  # fmt: skip
    for address in facts.addresses:
        if address.duplicate:
            yield Finding("duplicate-address", "bad", f"another machine has the board's address {address.text} too")
    yield from _macs(facts)


def _macs(facts: Facts) -> Iterator[Finding]:
    hint = "change one of the two: a guest's is in its release (mac), a board's in its U-Boot environment (ethaddr)"
    own = {p.mac: p.name for p in reversed(facts.ports) if p.mac.strip("-:0")}
    guests = [row.partition(" ") for row in facts.all("vifmac")]
    owners: dict[str, str] = {}
    theirs = [(_guest(facts, dom), mac.strip(' "').lower()) for dom, _, mac in guests if _heard(facts, dom)]
    for owner, mac in [*((p.name, p.mac) for p in facts.ports), *theirs]:
        other = owners.setdefault(mac, owner)
        if other != owner and mac.strip("-:0"):
            yield Finding("duplicate-mac", "bad", f"{other} and {owner} have the same MAC address {mac}", hint)
    for row in facts.all("neigh"):
        words = row.split()
        mac = words[words.index("lladdr") + 1].lower() if "lladdr" in words[:-1] else ""
        if mac in own:  # a guest of ours is a neighbour with its own MAC, and no twin
            yield Finding("duplicate-mac", "bad", f"{words[0]} has the same MAC address as {own[mac]}: {mac}", hint)
    if facts["ownmac"]:
        yield Finding("duplicate-mac", "warning", "another machine sends with the board's own MAC address", hint)


def _guest(facts: Facts, dom: str) -> str:
    name = next((words[2] for words in map(str.split, facts.all("dom")) if words[0] == dom and len(words) > 2), "")
    return f"the guest {name}" if name else f"guest {dom}"


def _heard(facts: Facts, dom: str) -> bool:
    """Whether a guest can disturb another. One that does not run cannot, nor one that is on no bridge of other machines'.

    So it is with the release before, kept paused for a way back, and with the one on trial: they have the MAC of the one on air.
    """
    rows = [words for words in map(str.split, facts.all("dom")) if words[0] == dom and len(words) > 1]
    stands = any(set(words[1]) & _STANDING for words in rows)
    ports = [link.master for link in facts.links if link.name.startswith(f"vif{dom}.")]
    return not stands and (not ports or any(master and not master.startswith(PRIVATE) for master in ports))


def _route(facts: Facts) -> Iterator[Finding]:
    if not facts.usable():
        return
    if not facts.routed:
        yield Finding("no-route", "warning", "the board has no default route: only machines of its own network reach it",
                      "that is enough for a laptop on the same network",
                      ("route",) if facts.meant_gateway else ())  # fmt: skip
    gateway, ping = facts.gateway, facts["ping"].split()
    states = [row.split()[-1] for row in facts.all("neigh") if row.split()[0] == gateway]
    if gateway and (any(state in _SILENT for state in states) or (not states and ping == [gateway, "1"])):
        yield Finding("gateway-silent", "warning", f"the gateway {gateway} does not answer",
                      "is the address right for this network? another: --address IP/LENGTH --gateway IP")  # fmt: skip
