"""Who is on air: moves the bridge ports of an app's guests. The only place that says `ip` and reads the kernel's bridges.

Two guests of one app may live at once, with the same address, but never on one bridge: the standby comes into a private
one, where the gate asks it from a network namespace of its own, and is put on air by moving two ports. What is on air is
read from the kernel, never remembered.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from edgedeploy.agent.run import CommandFailed, run
from edgedeploy.core import files
from edgedeploy.core.names import AppName, BridgeName
from edgedeploy.core.release import Manifest

HOTPLUG = "vif-edgedeploy"
"""the script that brings a standby's port into the private bridge (vif_hotplug.py); named in a domain's configuration"""
PRIVATE = "edb"
"""how the names of the private bridges begin"""
_TIMEOUT = 30.0
_NETFILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
"""Docker turns it on, and has iptables drop what is forwarded"""
_NEWNET = 0x40000000  # linux/sched.h: CLONE_NEWNET
_ADDRESS, _MASK = 0x8915, 0x891B  # linux/sockios.h: SIOCGIFADDR, SIOCGIFNETMASK


class Network(Protocol):
    """Puts guests on air and takes them off. Raises CommandFailed when the kernel says no."""

    @property
    def script(self) -> str:
        """The hotplug script that configurations are to name, "" where the board has none of ours."""

    def off_air(self, domid: int) -> bool:
        """Whether a guest's port is on no bridge, or on a private one of ours."""

    def obstacle(self, manifest: Manifest) -> str:
        """Why a release cannot be asked anywhere but on its real bridge, in words; "" when it can."""

    def prepare(self, manifest: Manifest) -> None:
        """Make the private bridge of the app, and have the release's next domain come into it."""

    def inside(self, app: AppName) -> contextlib.AbstractContextManager[None]:
        """Sockets that are opened meanwhile reach the private bridge's guest."""

    def cut_over(self, manifest: Manifest, domid: int, old: Sequence[int]) -> None:
        """Put this domain on the release's bridge, and take the `old` ones off it."""

    def take_off(self, domid: int) -> None:
        """Take a guest off whichever bridge it is on."""

    def clear(self, app: AppName, uuids: Sequence[str]) -> None:
        """Remove what `prepare` made for any of these domains; without it, nothing is done."""


class Bridges:
    """Network by the kernel's own bridges. Paths are handed in for the tests."""

    def __init__(
        self,
        run_folder: Path = Path("/run/edgedeploy"),
        net: Path = Path("/sys/class/net"),
        scripts: Path = Path("/etc/xen/scripts"),
    ) -> None:
        self._marks = run_folder / "standby"
        self._net = net
        self._scripts = scripts

    @property
    def script(self) -> str:
        """See Network."""
        return HOTPLUG if (self._scripts / HOTPLUG).is_file() else ""

    def off_air(self, domid: int) -> bool:
        """A guest without a card has nothing that could be taken off."""
        port = self._net / _port(domid)
        return port.exists() and (not (master := _master(port)) or master.startswith(PRIVATE))

    def obstacle(self, manifest: Manifest) -> str:
        """See Network."""
        vifs, address = manifest.domain.vifs, manifest.address
        if manifest.health is None:
            return "nothing says where it answers ([network]), so nothing can be asked of it"
        if len(vifs) != 1:
            return f"it has {len(vifs)} network interfaces"
        if ":" in address:
            return "its address is an IPv6 one"
        if "dhcp" in manifest.domain.cmdline.lower():
            return "it asks for an address by DHCP, which nobody answers on a private bridge"
        bridge = vifs[0].bridge
        if not (self._net / bridge / "bridge").is_dir():
            return f"{bridge} is not one of the kernel's own bridges"
        if self._waits(bridge):
            return f"{bridge} runs the spanning tree protocol: a new port is deaf for seconds"
        if _number(_NETFILTER):
            return f"{_NETFILTER} is 1: the firewall decides about frames between ports of a private bridge"
        if not (self._scripts / HOTPLUG).is_file():
            return f"the board lacks {self._scripts / HOTPLUG}; to put it there: edgedeploy enrol BOARD"
        if not Path("/proc/self/ns/net").exists():
            return "the board's kernel has no network namespaces"
        if _own(bridge, address) is None:
            return f"the board has no address on {bridge} in the network of {address}"
        return ""

    def _waits(self, bridge: str) -> bool:
        """br_make_forwarding (net/bridge/br_stp.c): without STP, or with a delay of 0, a port forwards at once."""
        folder = self._net / bridge / "bridge"
        return _number(folder / "stp_state") != 0 and _number(folder / "forward_delay") != 0

    def prepare(self, manifest: Manifest) -> None:
        """The bridge, a namespace with an end of a cable in it, and the board's own address there: the one that asks as ever."""
        names, real = _Names.of(manifest.app), manifest.domain.vifs[0].bridge
        self.clear(manifest.app, [manifest.uuid])
        own = _own(real, manifest.address)
        if own is None:
            raise CommandFailed(["ip", "addr", "show", "dev", real], "shows no address in the guest's network", "")
        mtu = _number(self._net / real / "mtu") or 1500
        # the guest keeps for half a minute who the board was: on the real bridge that must still be the board
        mac = _text(self._net / real / "address")
        address = f" address {mac}" if mac else ""
        # forward_delay is refused by kernels that know a least one where STP is on: it is off
        _batch(
            [
                f"link add {names.bridge} mtu {mtu} type bridge stp_state 0 mcast_snooping 0",
                f"link set {names.bridge} up",
                f"netns add {names.space}",
                f"link add {names.near} mtu {mtu} type veth peer name {names.far}{address} netns {names.space}",
                f"link set {names.near} master {names.bridge} up",
            ]
        )
        _batch([f"addr add {own} dev {names.far}", f"link set {names.far} up"], space=names.space)
        files.atomic_write(self._marks / manifest.uuid, names.bridge.encode())

    @contextlib.contextmanager
    def inside(self, app: AppName) -> Iterator[None]:
        """For this thread alone. Raises OSError."""
        here, there = Path("/proc/thread-self/ns/net"), Path("/run/netns") / _Names.of(app).space
        back = os.open(here, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fd = os.open(there, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(fd)
            finally:
                os.close(fd)
            try:
                yield
            finally:
                _setns(back)
        finally:
            os.close(back)

    def cut_over(self, manifest: Manifest, domid: int, old: Sequence[int]) -> None:
        """The new port first: for some microseconds both are there, and no frame finds nobody.

        What the old ports still say teaches the bridge nothing any more.
        """
        real = manifest.domain.vifs[0].bridge
        _batch(
            [
                *(f"link set {_port(one)} type bridge_slave learning off" for one in old if self._on_bridge(one)),
                f"link set {_port(domid)} master {real}",
                *(f"link set {_port(one)} nomaster" for one in old if self._on_bridge(one)),
            ]
        )
        (self._marks / manifest.uuid).unlink(missing_ok=True)
        # hotplug's `offline` takes the port off the bridge that stands here
        run(["xenstore-write", f"/local/domain/0/backend/vif/{domid}/0/bridge", real], timeout=_TIMEOUT)

    def _on_bridge(self, domid: int) -> bool:
        return bool(_master(self._net / _port(domid)))

    def take_off(self, domid: int) -> None:
        """See Network."""
        if self._on_bridge(domid):
            _batch([f"link set {_port(domid)} nomaster"])

    def clear(self, app: AppName, uuids: Sequence[str]) -> None:
        """See Network."""
        names = _Names.of(app)
        for uuid in uuids:
            (self._marks / uuid).unlink(missing_ok=True)
        gone = []
        if (self._net / names.near).exists():  # its other end goes with it
            gone.append(f"link del {names.near}")
        if (self._net / names.bridge).exists():
            gone.append(f"link del {names.bridge}")
        if (Path("/run/netns") / names.space).exists():
            gone.append(f"netns del {names.space}")
        if gone:
            _batch(gone)


class _Names:
    """Of an app's private things; an interface's name has 15 characters at most (linux/if.h: IFNAMSIZ)."""

    def __init__(self, tag: str) -> None:
        self.bridge, self.near, self.far, self.space = f"{PRIVATE}{tag}", f"edn{tag}", f"edf{tag}", f"edgedeploy-{tag}"

    @classmethod
    def of(cls, app: AppName) -> _Names:
        import hashlib  # noqa: PLC0415 - OpenSSL, and for a swap alone: a hello asks for none of it

        return cls(hashlib.sha256(app.encode()).hexdigest()[:10])


def _port(domid: int) -> str:
    return f"vif{domid}.0"


def _master(port: Path) -> str:
    try:
        return os.path.basename(os.readlink(port / "master"))
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    said = _text(path)
    return int(said) if said.isdigit() else 0


def _own(bridge: BridgeName, address: str) -> str | None:
    """The board's address on a bridge, as "10.0.2.15/24", where the guest's `address` is in the same network."""
    import fcntl  # noqa: PLC0415 - for a swap alone
    import socket  # noqa: PLC0415 - as above

    request = struct.pack("16s16x", bridge.encode())
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            own, mask = (fcntl.ioctl(any_socket, what, request + bytes(8))[20:24] for what in (_ADDRESS, _MASK))
        guest = socket.inet_aton(address)
    except OSError:
        return None
    network, wanted, bits = (int.from_bytes(raw, "big") for raw in (own, guest, mask))
    return f"{socket.inet_ntoa(own)}/{bits.bit_count()}" if network & bits == wanted & bits else None


def _batch(commands: Sequence[str], space: str = "") -> None:
    """One process for all; the first that fails ends it."""
    inside = ["-netns", space] if space else []
    run(["ip", *inside, "-batch", "-"], timeout=_TIMEOUT, data="".join(f"{line}\n" for line in commands).encode())


def _setns(fd: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    import ctypes  # noqa: PLC0415 - for a standby's gate alone

    if ctypes.CDLL(None, use_errno=True).setns(fd, _NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
