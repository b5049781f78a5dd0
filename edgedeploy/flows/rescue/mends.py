"""What can be done about a finding: for each a POSIX script whose exit status says whether it worked.

Each uses what the board has: systemd or init scripts or neither; NetworkManager, networkd, ifupdown or a bare DHCP
client. None removes anything of the user's, none outlives a restart of the board but the keys, the agent and the clock.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from edgedeploy.flows.rescue import dhcp, network
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.flows.rescue.finding import Laptop

IPv4 = ipaddress.IPv4Interface


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing to do. `script` "" : it is done by the laptop, not typed."""

    code: str
    title: str
    """what it does: "start sshd again" """
    script: str = ""
    seconds: float = 30.0
    """what it may take"""
    safe: bool = True
    """whether --yes takes it unasked"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person said beforehand."""

    address: IPv4 | None = None
    gateway: str = ""


CODES = {
    "link-up": "switch the port and its bridge on",
    "bridge": "make the bridge where it is missing, and put the port into it",
    "move-address": "move the address from the port to the bridge, and the default route with it",
    "dhcp": "get an address again, from DHCP or as the board is set up, with whatever it has for that",
    "static": "set an address by hand, until the next restart (asked for, or `--address` and `--gateway`)",
    "link-local": "make a link-local address out of the MAC address (RFC 3927), until the next restart",
    "route": "take the default route again that the board is set up with",
    "host-keys": "make the host keys that are missing (`ssh-keygen -A`)",
    "sshd": "start sshd again",
    "pin": "pin the host key that was read over the cable, on this laptop",
    "avahi": "start Avahi again, and D-Bus where it needs it",
    "writable": "mount the root file system writable again",
    "space": "remove packages' caches, old logs and what `edgedeploy-agent gc` finds; never anything of yours",
    "clock": "set the board's clock from this laptop's",
    "agent": "install the agent and this laptop's push key again (enrolment, over the cable)",
    "boot": "start the last good release again (`edgedeploy-agent boot`)",
    "cron": "start cron again",
}
"""code -> what it does, as the documentation's table says it"""

RISKS = {
    "link-up": "none; what works now goes on working",
    "bridge": "what goes through the port stands still for some seconds",
    "move-address": "the network stands still for some seconds; the address stays the same",
    "dhcp": "the board may get another address than the one that people know",
    "static": "another machine that has this address and is silent just now would be disturbed; the network is asked first",
    "link-local": "only machines on the same wire reach the board by it",
    "route": "what goes out by another router now goes by this one",
    "host-keys": "a laptop that remembers other keys will warn; only missing ones are made",
    "sshd": "sessions that are open go on; the next one may wait some seconds",
    "pin": "this laptop will trust what the cable said: is it in the board that you mean?",
    "avahi": "the board is not seen by its name for some seconds",
    "writable": "a disk that fails can lose more with each write",
    "space": "what is removed is gone for good: old logs, packages that apt can fetch again, releases that nobody wants",
    "clock": "cron may run a job twice, or skip one that lies between the two times",
    "agent": "none; the keys of other laptops and what is on air stay",
    "boot": "a guest that runs now and is not the last good release is replaced by it",
    "cron": "jobs that are due start, a pull among them",
}
"""code -> what it risks, for a person who asks before saying yes"""

APPS = frozenset({"boot", "space", "writable"})
"""what may change what is on air"""
NETWORK = frozenset({"link-up", "bridge", "move-address", "dhcp", "static", "link-local", "route"})
"""what may change which machines have which addresses"""

ADDRESS = frozenset({"dhcp", "static", "link-local"})
"""what gives the board an address"""

PATH = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n"


def mend(code: str, facts: Facts, laptop: Laptop, wish: Wish, now: Callable[[], float]) -> Mend | None:
    """What `code` means on this board; None where it cannot be done there, or where nobody has said what is needed."""
    way = network.way_out(facts, laptop)
    made = _MAKERS[code](facts, laptop, wish, way, now)
    return made if made is None or not made.script else Mend(
        made.code, made.title, PATH + made.script, made.seconds, made.safe
    )  # fmt: skip


def _link_up(facts: Facts, laptop: Laptop, *_: object) -> Mend | None:  # noqa: ARG001 - one shape for all
    port = network.port(facts)
    if port is None:
        return None
    names = [port.name, *([port.master] if port.master else [])]
    script = "\n".join(f"ip link set {name} up||exit 1" for name in names) + "\n" + _carrier(port.name)
    return Mend("link-up", f"switch {' and '.join(names)} on", script)


def _carrier(port: str) -> str:
    """Wait for it: two ends take seconds to agree on how to talk. None is no failure of this mend's: it is said next."""
    return f'i=0;until [ "$(cat /sys/class/net/{port}/carrier)" = 1 ]||[ $((i+=1)) -gt 5 ];do sleep 1;done'


def _bridge(facts: Facts, laptop: Laptop, *_: object) -> Mend | None:
    port, bridge = network.port(facts), network.bridge_name(facts, laptop)
    if port is None or not bridge:
        return None
    own = f"timeout 60 ifup --force {bridge}\n" if bridge in facts["iface"].split() and "ifup" in facts.tools else ""
    script = f"""{own}[ -d /sys/class/net/{bridge} ]||ip link add name {bridge} type bridge||brctl addbr {bridge}||exit 1
ip link set {port.name} up
ip link set {port.name} master {bridge}||brctl addif {bridge} {port.name}||exit 1
echo 0 >/sys/class/net/{bridge}/bridge/forward_delay
ip link set {bridge} up||exit 1
{_carrier(port.name)}"""
    return Mend("bridge", f"make the bridge {bridge} with {port.name} in it", script)


def _move(facts: Facts, laptop: Laptop, *_: object) -> Mend | None:  # noqa: ARG001
    port = network.port(facts)
    if port is None or not port.master:
        return None
    ours = [one.value for one in facts.usable() if one.link == port.name]
    # the port's is the last to go: whatever fails before, the board is no worse off
    route = [f"ip route replace default via {facts.gateway} dev {port.master}"] if facts.gateway else []
    lines = [f"ip link set {port.master} up", *(_add(one, port.master) for one in ours), *route,
             *(f"ip addr del {one} dev {port.name}" for one in ours), *route]  # fmt: skip
    return Mend("move-address", f"move the address from {port.name} to {port.master}", "\n".join(lines))


def _static(facts: Facts, _laptop: Laptop, wish: Wish, way: str, *_: object) -> Mend | None:
    if wish.address is None or not way:
        return None
    doubt = dhcp.taken(str(wish.address.ip), way)
    lines = [f"ip link set {way} up", f"if {doubt};then echo another machine has {wish.address.ip};exit 3;fi",
             *_without_twins(facts), _add(wish.address, way)]  # fmt: skip
    if wish.gateway:
        lines.append(f"ip route replace default via {wish.gateway} dev {way}||exit 1")
    lines.append(f"ip -o addr show dev {way}|grep -F ' {wish.address} '")
    title = f"set the address {wish.address} on {way}" + (f", gateway {wish.gateway}" if wish.gateway else "")
    return Mend("static", f"{title}, until the next restart", "\n".join(lines), 30.0)


def _without_twins(facts: Facts) -> list[str]:
    """A shared address must go before another comes: the board would still answer for it."""
    return [f"ip addr del {a.value} dev {a.link}" for a in facts.usable() if a.text in {t.address for t in facts.twins}]


def _add(address: object, link: str) -> str:
    return f"ip addr add {address} brd + dev {link}||ip -o addr show dev {link}|grep -qF ' {address} '||exit 1"


def _link_local(facts: Facts, _laptop: Laptop, _wish: Wish, way: str, *_: object) -> Mend | None:
    mac = next((link.mac for link in facts.links if link.name == way), "")
    if not mac:
        return None
    tries = " ".join(dhcp.link_local(mac))
    script = f"""ip link set {way} up
for a in {tries};do
if {dhcp.taken("$a", way)};then continue;fi
ip addr add $a/16 brd + scope link dev {way}&&exit
done
exit 1"""
    return Mend("link-local", f"make a link-local address on {way}, until the next restart", script, 45.0)


def _dhcp(facts: Facts, _laptop: Laptop, _wish: Wish, way: str, *_: object) -> Mend | None:
    how = dhcp.again(facts, way) if way else None
    return None if how is None else Mend("dhcp", f"get an address on {way} again ({how.tool})", how.script, dhcp.SECONDS)


def _service(name: str, unit: str, check: str, start: str) -> str:
    """Start a service again by what the board starts services with, and by hand where that did not do it."""
    return f"""up(){{ i=0;until {check};do [ $((i+=1)) -lt 8 ]||return 1;sleep 1;done;}}
if [ -d /run/systemd/system ];then systemctl reset-failed {unit};systemctl restart {unit};up&&exit
elif [ -x /etc/init.d/{name} ];then /etc/init.d/{name} restart;up&&exit;fi
{start}
up"""


def _sshd(facts: Facts, *_: object) -> Mend:
    # /proc/net/tcp: state 0A is LISTEN
    check = f'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null|grep -q ":{facts.ssh_port:04X} .* 0A "'
    script = 'mkdir -p /run/sshd\nS=$(command -v sshd)\n"$S" -t||exit 1\n' + _service("ssh", "ssh", check, '"$S"')
    return Mend("sshd", "start sshd again", script, 60.0)


def _keys(*_: object) -> Mend:
    return Mend("host-keys", "make sshd's host keys", "ssh-keygen -A", 120.0)


def _avahi(facts: Facts, *_: object) -> Mend:
    bus = "" if "dbus-daemon" in facts.running else (
        "if [ ! -d /run/systemd/system ];then mkdir -p /run/dbus;rm -f /run/dbus/pid;dbus-daemon --system --fork;fi\n"
    )  # fmt: skip
    start = "avahi-daemon --kill 2>/dev/null;mkdir -p /run/avahi-daemon;avahi-daemon --daemonize"
    name = "avahi-daemon"
    return Mend("avahi", "start Avahi again", bus + _service(name, name, "avahi-daemon --check", start), 60.0)


def _cron(*_: object) -> Mend:
    check = "cat /proc/[0-9]*/comm 2>/dev/null|grep -qx -e cron -e crond"
    return Mend("cron", "start cron again", _service("cron", "cron", check, "cron||crond"), 30.0)


def _writable(facts: Facts, *_: object) -> Mend:
    script = "mount -o remount,rw /&&touch /var/lib/.edgedeploy&&rm /var/lib/.edgedeploy"
    words = " ".join(facts.all("kernel"))
    # writing to a file system that has lost its way can cost the rest of it: that is for a person to say
    safe = not facts["fsbad"] and not any(trace in words for trace in ("EXT4-fs", "I/O error", "BTRFS", "F2FS-fs", "XFS"))
    return Mend("writable", "mount the root file system writable again", script, 30.0, safe)


def _space(facts: Facts, *_: object) -> Mend:
    apps = " ".join(app for app in facts["apps"].split() if all(c.isalnum() or c == "-" for c in app))
    script = f"""f(){{ t=0
for n in $(df -Pk / /var /tmp|sort -u|while read a b c d e;do [ "$d" -gt 0 ]&&echo $d;done);do t=$((t+n));done;echo $t;}} 2>/dev/null
b=$(f)
rm -f /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*
command -v journalctl >/dev/null&&timeout 30 journalctl --vacuum-size=8M
find /var/log -xdev -type f \\( -name "*.gz" -o -name "*.xz" -o -name "*.old" -o -name "*.[0-9]" \\) -exec rm -f {{}} +
find /var/lib/edgedeploy/incoming -type f -mmin +60 -exec rm -f {{}} + 2>/dev/null
for a in {apps or '""'};do [ "$a" ]&&timeout 60 /usr/local/bin/edgedeploy-agent gc $a;done
sync;n=$(($(f)-b));echo freed $n kB
[ $n -gt 0 ]"""
    return Mend("space", "remove packages' caches, old logs and releases that nobody wants", script, 120.0)


def _clock(_facts: Facts, _laptop: Laptop, _wish: Wish, _way: str, now: Callable[[], float]) -> Mend:
    # typing it takes a second or two
    script = f"date -s @{int(now()) + 2}||exit 1\ncommand -v hwclock >/dev/null&&timeout 9 hwclock -w\n:"
    return Mend("clock", "set the board's clock from this laptop's", script, 20.0)


def _route(facts: Facts, *_: object) -> Mend | None:
    gateway = facts.meant_gateway
    script = f"ip route replace default via {gateway}||exit 1\nip route show default|grep -F ' {gateway} '"
    return Mend("route", f"send what is not for the board's own network to {gateway} again", script) if gateway else None


def _boot(*_: object) -> Mend:
    return Mend("boot", "start the last good release again", "timeout 170 /usr/local/bin/edgedeploy-agent boot", 180.0)


def _pin(*_: object) -> Mend:
    return Mend("pin", "pin the board's host key as it was read over the cable")


def _agent(*_: object) -> Mend:
    return Mend("agent", "install the agent and this laptop's push key over the cable", seconds=900.0)


_MAKERS: dict[str, Callable[..., Mend | None]] = {
    "link-up": _link_up, "bridge": _bridge, "move-address": _move, "dhcp": _dhcp, "static": _static,
    "link-local": _link_local, "route": _route, "host-keys": _keys, "sshd": _sshd, "pin": _pin, "avahi": _avahi, "writable": _writable,
    "space": _space, "clock": _clock, "agent": _agent, "boot": _boot, "cron": _cron,
}  # fmt: skip
