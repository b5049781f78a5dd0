"""edgedeploy.toml of a deployment repository: what the app is given, how it is asked, what it is built from.

app = "decks"
runtime = "xen"                       # or "unix": what starts and stops a release, a hypervisor or the board's own kernel
boards = ["virtual-armv7"]            # board profiles that it is meant for: releases must fit them
board = "stage"                       # where `push` goes when --on is not given
interfaces = ["eth0"]                 # where to look for boards

[domain]
vm = "decks"                          # default: the app's name
memory = 96                           # MB
vcpus = 1
bridge = "xenbr0"
mac = "00:16:3e:aa:bb:cc"             # default: derived from the app's name
gic_version = "default"               # or "v2", "v3": the interrupt controller the guest is shown
swap = "auto"                         # or "blue-green", "in-place": how a release takes the other's place
keep_previous = 30                    # minutes that the release before waits for a way back at once
cmdline = "console=hvc0 quiet"        # may hold {ip} {address} {cidr} {gateway}; else ip=… is added

[network]
address = "10.0.2.20/24"
gateway = "10.0.2.2"

[health]
path = "/"
port = 80
status = 200
timeout = 60                          # seconds
[health.serves]
"/deck.css" = "slides/deck.css"       # must be served with exactly this file's content

[build]                               # what `edgedeploy release` takes without arguments
kernel = "guest/vmlinuz"
ramdisk = "guest/base.cpio"
slides = "slides"
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

from edgedeploy.core import errors, names, strict
from edgedeploy.core.release import (
    GIC_VERSIONS,
    KEEP_PREVIOUS_MIN,
    MOST_KEEP_PREVIOUS_MIN,
    RUNTIMES,
    SWAPS,
    UNIX,
    XEN,
    Domain,
    Swap,
    Vif,
)
from edgedeploy.core.strict import Reader

FILE = "edgedeploy.toml"
_LIMIT = 1 << 20
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ROOT = names.UrlPath("/")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Network:
    """The guest's address, as the guest is told it."""

    interface: ipaddress.IPv4Interface
    gateway: ipaddress.IPv4Address | None

    @property
    def placeholders(self) -> dict[str, str]:
        """What may stand in braces in the command line. `ip` is Linux' own parameter (nfsroot.rst)."""
        address, mask = str(self.interface.ip), str(self.interface.netmask)
        gateway = str(self.gateway or "")
        return {
            "ip": f"ip={address}::{gateway}:{mask}::eth0:off",
            "address": address,
            "cidr": str(self.interface),
            "gateway": gateway,
        }


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """How a release is asked whether it is there. `serves`: URL path -> file in the repository."""

    path: names.UrlPath = _ROOT
    port: int = 80
    status: int = 200
    timeout_s: int = 60
    serves: Mapping[names.UrlPath, PurePosixPath] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Build:
    """Defaults of `edgedeploy release`, relative to the repository."""

    kernel: PurePosixPath | None = None
    ramdisk: PurePosixPath | None = None
    slides: PurePosixPath | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file. `domain.cmdline` is complete but for the release's id."""

    app: names.AppName
    runtime: str
    boards: tuple[names.ProfileName, ...]
    domain: Domain
    board: names.BoardName | None = None
    network: Network | None = None
    health: HealthConfig = HealthConfig()
    build: Build = Build()
    swap: Swap = field(default_factory=Swap)


def loads(raw: bytes, where: str = FILE) -> Config:
    """Parse the file. Raises errors.BadConfig that names every fault it could find in one go."""
    if len(raw) > _LIMIT:
        raise errors.BadConfig(f"{where} is larger than {_LIMIT} bytes")
    return _config(_Collector(strict.toml(raw, where), where, []))


def derived_mac(app: names.AppName) -> names.MacAddress:
    """An address of the app's own in Xen's range: the same on every board and after every swap."""
    tail = hashlib.sha256(f"edgedeploy mac {app}".encode()).digest()
    return names.MacAddress("00:16:3e:" + ":".join(f"{byte:02x}" for byte in tail[:3]))


def relative_path(value: object) -> PurePosixPath:
    """A path inside the repository. Raises errors.UsageFault for one that leads out of it."""
    path = PurePosixPath(value) if isinstance(value, str) else PurePosixPath("/")
    gits = any(part.casefold().rstrip(". ") in (".git", "git~1") for part in path.parts)  # as git itself guards against
    if path.is_absolute() or ".." in path.parts or not path.parts or gits or not str(value).isprintable():
        shown = names.shown(value)
        raise errors.UsageFault(f"{shown} is not a path inside the repository", hint='such as "slides"')
    return path


class _Collector(Reader):
    """A Reader that notes what is wrong with a field and goes on with its default, so that one run shows all faults."""

    def __init__(self, data: object, where: str, faults: list[errors.EdgeError]) -> None:
        super().__init__(data, where, errors.BadConfig)
        self.faults = faults

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """What `read` gives; a fault that it raises is noted, and `otherwise` stands in."""
        try:
            return read()
        except errors.EdgeError as error:
            self.faults.append(error)
            return otherwise

    def inner(self, key: str) -> _Collector:
        """A nested table; one that is no table counts as empty."""
        where = f"{self.where}: {key}"
        data = self.raw(key) if self.has(key) else {}
        return self.attempt(lambda: _Collector(data, where, self.faults), _Collector({}, where, self.faults))

    def name(self, key: str, parse: Callable[[object], Any], default: Any = None) -> Any:
        """As Reader.name, with the default for what is wrong."""
        return self.attempt(lambda: super(_Collector, self).name(key, parse, default), default)

    def whole(self, key: str, default: Any = None, *, low: int = 0, high: int = 2**53) -> int:
        """As Reader.whole, with the default for what is wrong."""
        return self.attempt(lambda: super(_Collector, self).whole(key, default, low=low, high=high), int(default or 0))

    def choice(self, key: str, allowed: tuple[str, ...], default: Any = None) -> str:
        """As Reader.choice, with the default for what is wrong."""
        return self.attempt(lambda: super(_Collector, self).choice(key, allowed, default), str(default))

    def needed(self, key: str, parse: Callable[[object], T], stand_in: T) -> T:
        """A value that must be there; `stand_in` lets the rest be read when it is not."""
        return self.attempt(lambda: super(_Collector, self).name(key, parse), stand_in)

    def done(self) -> None:
        """As Reader.done, noted."""
        self.attempt(super().done, None)


def _config(root: _Collector) -> Config:
    app = root.needed("app", names.AppName.parse, names.AppName("app"))
    runtime = root.choice("runtime", RUNTIMES, XEN)
    none: tuple[names.ProfileName, ...] = ()
    boards = root.attempt(lambda: tuple(root.names("boards", names.ProfileName.parse)), none)
    board = root.name("board", names.BoardName.parse)
    # checked where it is used (cli/settings.py); named here so that it is no unknown key
    root.attempt(lambda: root.rows("interfaces", []), [])
    root.raw("ci")  # as above, by ci_table.py
    network = _network(root.inner("network")) if root.has("network") else None
    given = root.inner("domain")
    swap = _swap(given)
    domain = _process(given, app, network) if runtime == UNIX else _domain(given, app, network)
    health = _health(root.inner("health"))
    build = _build(root.inner("build"))
    root.done()
    if root.faults:
        raise _verdict(root)
    return Config(app, runtime, boards, domain, board, network, health, build, swap)


def _verdict(root: _Collector) -> errors.EdgeError:
    if len(root.faults) == 1:
        return root.faults[0]
    details = tuple(f"{fault.message}{f' ({fault.hint})' if fault.hint else ''}" for fault in root.faults)
    return errors.BadConfig(f"{root.where} has {len(details)} faults", hint="correct them", details=details)


def _network(reader: _Collector) -> Network:
    interface = reader.needed("address", _interface, ipaddress.IPv4Interface("0.0.0.0/0"))
    gateway = reader.name("gateway", _gateway)
    reader.done()
    if gateway and gateway not in interface.network:
        why = f"{gateway} is not in the network of address, {interface.network}: one of the two is wrong"
        reader.faults.append(reader.fail("gateway", why))
    return Network(interface, gateway)


def _interface(value: object) -> ipaddress.IPv4Interface:
    try:
        if isinstance(value, str) and "/" in value:
            return ipaddress.IPv4Interface(value)
    except ValueError:
        pass
    shown = names.shown(value)
    raise errors.UsageFault(f"{shown} is not an IPv4 address with its network", hint='such as "10.0.2.20/24"')


def _gateway(value: object) -> ipaddress.IPv4Address:
    try:
        if isinstance(value, str):
            return ipaddress.IPv4Address(value)
    except ValueError:
        pass
    raise errors.UsageFault(f"{names.shown(value)} is not an IPv4 address", hint='such as "10.0.2.2"')


def _domain(reader: _Collector, app: names.AppName, network: Network | None) -> Domain:
    bridge = reader.name("bridge", names.BridgeName.parse, names.BridgeName("xenbr0"))
    mac = reader.name("mac", names.MacAddress.parse, derived_mac(app))
    domain = Domain(
        name=reader.name("vm", names.DomainName.parse, names.DomainName(app)),
        memory_mb=reader.whole("memory", 96, low=1, high=1 << 20),
        vcpus=reader.whole("vcpus", 1, low=1, high=128),
        vifs=(Vif(bridge, mac),),
        cmdline=reader.attempt(lambda: _cmdline(reader, network, "console=hvc0 quiet"), names.CommandLine("")),
        gic_version=reader.choice("gic_version", GIC_VERSIONS, "default"),
    )
    reader.done()
    return domain


def _process(reader: _Collector, app: names.AppName, network: Network | None) -> Domain:
    """As _domain, of a program: what only a guest is given is told to be without meaning."""
    for key in ("vcpus", "bridge", "mac", "gic_version"):
        if reader.has(key):
            reader.raw(key)
            reader.faults.append(reader.fail(key, f'is for guests of Xen, and runtime = "{UNIX}" starts a program'))
    domain = Domain(
        name=reader.name("vm", names.DomainName.parse, names.DomainName(app)),
        memory_mb=reader.whole("memory", 96, low=1, high=1 << 20),
        vcpus=1,
        vifs=(),
        cmdline=reader.attempt(lambda: _cmdline(reader, network, None), names.CommandLine("")),
        runtime=UNIX,
    )
    reader.done()
    return domain


def _swap(reader: _Collector) -> Swap:
    return Swap(
        reader.choice("swap", SWAPS, "auto"),
        reader.whole("keep_previous", KEEP_PREVIOUS_MIN, high=MOST_KEEP_PREVIOUS_MIN),
    )


def _cmdline(reader: _Collector, network: Network | None, usual: str | None) -> names.CommandLine:
    """`usual` is a guest's; None: these are a program's arguments, to which nothing is added."""
    text = reader.name("cmdline", names.CommandLine.parse, names.CommandLine(usual or ""))
    values = network.placeholders if network else {}
    wanted = _PLACEHOLDER.findall(text)
    for name in wanted:
        if name not in values:
            problem = "needs a [network]" if name in ("ip", "address", "cidr", "gateway") else "means nothing"
            raise reader.fail("cmdline", f"{{{name}}} {problem}")
    if not wanted and network and usual is not None:
        text = names.CommandLine(f"{text} {{ip}}".strip())
    try:
        return names.CommandLine.parse(_PLACEHOLDER.sub(lambda match: values[match[1]], text))
    except errors.UsageFault as error:  # only now too long
        raise reader.fail("cmdline", error.message) from None


def _health(reader: _Collector) -> HealthConfig:
    serves: dict[names.UrlPath, PurePosixPath] = {}
    none: list[tuple[str, Any]] = []
    for path, source in reader.attempt(lambda: reader.items("serves", {}, limit=400), none):
        pair = _Collector({"path": path, "file": source}, f"{reader.where}: serves", reader.faults)
        serves[pair.needed("path", names.UrlPath.parse, _ROOT)] = pair.needed("file", relative_path, PurePosixPath("x"))
    health = HealthConfig(
        path=reader.name("path", names.UrlPath.parse, _ROOT),
        port=reader.whole("port", 80, low=1, high=65535),
        status=reader.whole("status", 200, low=100, high=599),
        timeout_s=reader.whole("timeout", 60, low=1, high=3600),
        serves=serves,
    )
    reader.done()
    return health


def _build(reader: _Collector) -> Build:
    build = Build(
        kernel=reader.name("kernel", relative_path),
        ramdisk=reader.name("ramdisk", relative_path),
        slides=reader.name("slides", relative_path),
    )
    reader.done()
    return build
