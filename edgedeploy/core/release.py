"""What a release is: its manifest, and the identity by which the hypervisor itself says which release runs.

The layout on disk is that of the original MirageOS scripts: `xen/latest` holds one line, a release id; `xen/<id>/` holds
the artefacts, and beside them our manifest.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NoReturn

from edgedeploy.core import errors, names
from edgedeploy.core.strict import Reader

LATEST = PurePosixPath("xen/latest")
CRONTAB = PurePosixPath("scripts/crontab")
MANIFEST_VERSION = 1
MANIFEST_LIMIT = 256 * 1024
ROLES = ("kernel", "ramdisk")
CODECS = ("none", "gz", "bz2", "xz", "lzma", "zst")
XEN, UNIX = "xen", "unix"
RUNTIMES = (XEN, UNIX)
"""what starts and stops a release: Xen, as a guest; or the board's own kernel, as a process"""
GIC_VERSIONS = ("default", "v2", "v3")
"""xl.cfg(5), gic_version: "default" is what the board itself has."""
SWAPS = ("auto", "blue-green", "in-place")
"""how a release may take another's place: beside it where that is possible, beside it or not at all, never beside it"""
ALIVE_ONLY = "nothing says where it answers, so all that is known is that the guest is alive"
"""what is said of a good end of a release without `health`"""
KEEP_PREVIOUS_MIN, MOST_KEEP_PREVIOUS_MIN = 30, 24 * 60
# uuid5 wants a namespace: a fixed random one of our own, so that no other tool's domains can collide with ours
_NAMESPACE = bytes.fromhex("7e0c3a5e5f0e4c559a3eed6ede9107a1")


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of a release. Sizes in bytes; `sha256` and `size` are of the unpacked content."""

    role: str
    file: names.FileName
    codec: str
    packed_size: int
    packed_sha256: names.Sha256
    size: int
    sha256: names.Sha256


@dataclass(frozen=True, slots=True)
class Vif:
    """One network interface of the guest."""

    bridge: names.BridgeName
    mac: names.MacAddress | None = None


@dataclass(frozen=True, slots=True)
class Domain:
    """What the guest is given."""

    name: names.DomainName
    memory_mb: int
    vcpus: int
    vifs: tuple[Vif, ...]
    cmdline: names.CommandLine
    gic_version: str = "default"
    """the interrupt controller it is shown: one of GIC_VERSIONS"""
    runtime: str = XEN
    """one of RUNTIMES. By `unix` the kernel is a program, the ramdisk the files it finds in its current folder, and the command
    line its arguments"""

    @property
    def called(self) -> str:
        """What people call it when it runs."""
        return "guest" if self.runtime == XEN else "program"


@dataclass(frozen=True, slots=True)
class Health:
    """How the board knows that the release is served: HTTP from dom0. `serves` maps URL paths to SHA-256 of the content."""

    address: str
    port: int
    path: names.UrlPath
    status: int
    timeout_s: int
    serves: Mapping[names.UrlPath, names.Sha256] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Swap:
    """How a release takes the place of the one on air: one of SWAPS, and for how long that one waits for a way back."""

    how: str = "auto"
    keep_previous_min: int = KEEP_PREVIOUS_MIN
    """minutes; 0: not at all"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One release, whole. `health` is None where nothing can be asked; then a living domain is all that is proven."""

    app: names.AppName
    release: names.ReleaseId
    boards: tuple[names.ProfileName, ...]
    domain: Domain
    artefacts: tuple[Artefact, ...]
    health: Health | None = None
    swap: Swap = Swap()

    @property
    def kernel(self) -> Artefact:
        """The kernel image (every release has exactly one)."""
        return next(a for a in self.artefacts if a.role == "kernel")

    @property
    def ramdisk(self) -> Artefact | None:
        """The ramdisk, where there is one."""
        return next((a for a in self.artefacts if a.role == "ramdisk"), None)

    @property
    def address(self) -> str:
        """Where the guest answers; "" where nothing can be asked."""
        return self.health.address if self.health else ""

    @property
    def uuid(self) -> str:
        """The domain's UUID: derived from app, release, the unpacked artefacts and what the domain is given."""
        identity = [self.app, self.release, [[a.role, a.sha256] for a in self.artefacts], _domain_json(self.domain)]
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return _uuid5(canonical)

    @property
    def content_key(self) -> str:
        """What is deployed, without its release id: equal keys mean that a new release would change nothing."""
        import hashlib  # noqa: PLC0415 - see core/files.py

        body = to_json(self)
        del body["release"]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _uuid5(name: str) -> str:
    """As `str(uuid.uuid5(…))`. The module `uuid` looks for the machine's network cards when it is imported."""
    import hashlib  # noqa: PLC0415 - see core/files.py

    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:16], "big") & ~(0xF000 << 64 | 0xC000 << 48) | 5 << 76 | 0x8000 << 48
    text = f"{number:032x}"
    return "-".join(text[at:end] for at, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def folder(release: names.ReleaseId) -> PurePosixPath:
    """Where a release lives in its repository."""
    return PurePosixPath("xen") / release


def _domain_json(domain: Domain) -> dict[str, object]:
    return {
        "name": domain.name,
        "memory_mb": domain.memory_mb,
        "vcpus": domain.vcpus,
        "vifs": [{"bridge": v.bridge, **({"mac": v.mac} if v.mac else {})} for v in domain.vifs],
        "cmdline": domain.cmdline,
        # only when it is set: agents that do not know the key read every other manifest, and UUIDs stay what they were
        **({"gic_version": domain.gic_version} if domain.gic_version != "default" else {}),
        **({"runtime": domain.runtime} if domain.runtime != XEN else {}),
    }


def to_json(manifest: Manifest) -> dict[str, object]:
    """The manifest as JSON data, the inverse of `from_json`."""
    data: dict[str, object] = {
        "version": MANIFEST_VERSION,
        "app": manifest.app,
        "release": manifest.release,
        "boards": list(manifest.boards),
        "domain": _domain_json(manifest.domain),
        "artefacts": [artefact_to_json(artefact) for artefact in manifest.artefacts],
    }
    if manifest.health:
        health = {name: getattr(manifest.health, name) for name in Health.__slots__}
        data["health"] = {**health, "serves": dict(manifest.health.serves)}
    if manifest.swap != Swap():  # as gic_version above
        data["swap"] = {name: getattr(manifest.swap, name) for name in Swap.__slots__}
    return data


def dumps(manifest: Manifest) -> bytes:
    """manifest.json: stable bytes, readable in a diff."""
    return json.dumps(to_json(manifest), indent=2, sort_keys=True).encode() + b"\n"


def loads(raw: bytes, where: str = "manifest.json") -> Manifest:
    """Parse manifest.json. Raises errors.BadRepository naming the field."""
    if len(raw) > MANIFEST_LIMIT:
        raise errors.BadRepository(f"{where} is larger than {MANIFEST_LIMIT} bytes")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise errors.BadRepository(f"{where} is not JSON: {error}") from None
    return from_json(data, where)


def from_json(data: object, where: str = "manifest.json") -> Manifest:
    """A manifest from JSON data, every field through its gate. Raises errors.BadRepository naming the field."""
    reader = Reader(data, where)
    version = reader.whole("version")
    if version != MANIFEST_VERSION:
        raise reader.fail("version", f"is {version}, this edgedeploy knows {MANIFEST_VERSION}")
    manifest = Manifest(
        app=reader.name("app", names.AppName.parse),
        release=reader.name("release", names.ReleaseId.parse),
        boards=tuple(reader.names("boards", names.ProfileName.parse)),
        domain=_domain(reader.table("domain")),
        artefacts=tuple(artefact_from_json(row, f"{where}: artefacts") for row in reader.rows("artefacts", limit=2)),
        health=_health(reader.table("health")) if reader.has("health") else None,
        swap=_swap(reader.table("swap")) if reader.has("swap") else Swap(),
    )
    reader.done()
    roles = [artefact.role for artefact in manifest.artefacts]
    if roles not in (["kernel"], ["kernel", "ramdisk"]):
        raise reader.fail("artefacts", "must be a kernel, then at most one ramdisk")
    return manifest


def _domain(reader: Reader) -> Domain:
    vifs = []
    for row in reader.rows("vifs", [], limit=8):
        vif = Reader(row, f"{reader.where}: vifs")
        vifs.append(Vif(vif.name("bridge", names.BridgeName.parse), vif.name("mac", names.MacAddress.parse, None)))
        vif.done()
    domain = Domain(
        name=reader.name("name", names.DomainName.parse),
        memory_mb=reader.whole("memory_mb", low=1, high=1 << 20),
        vcpus=reader.whole("vcpus", 1, low=1, high=128),
        vifs=tuple(vifs),
        cmdline=reader.name("cmdline", names.CommandLine.parse, names.CommandLine("")),
        gic_version=reader.choice("gic_version", GIC_VERSIONS, "default"),
        runtime=reader.choice("runtime", RUNTIMES, XEN),
    )
    reader.done()
    return domain


def artefact_to_json(artefact: Artefact) -> dict[str, object]:
    """One artefact as JSON data, the inverse of `artefact_from_json`."""
    return {name: getattr(artefact, name) for name in Artefact.__slots__}


def artefact_from_json(data: object, where: str) -> Artefact:
    """An artefact from JSON data, every field through its gate. Raises errors.BadRepository naming the field."""
    reader = Reader(data, where)
    artefact = Artefact(
        role=reader.choice("role", ROLES),
        file=reader.name("file", names.FileName.parse),
        codec=reader.choice("codec", CODECS),
        packed_size=reader.whole("packed_size"),
        packed_sha256=reader.name("packed_sha256", names.Sha256.parse),
        size=reader.whole("size"),
        sha256=reader.name("sha256", names.Sha256.parse),
    )
    reader.done()
    return artefact


def _health(reader: Reader) -> Health:
    serves = {}
    for path, digest in reader.items("serves", {}, limit=500):
        pair = Reader({"path": path, "sha256": digest}, f"{reader.where}: serves")
        serves[pair.name("path", names.UrlPath.parse)] = pair.name("sha256", names.Sha256.parse)
    health = Health(
        address=str(reader.name("address", parse_address)),
        port=reader.whole("port", 80, low=1, high=65535),
        path=reader.name("path", names.UrlPath.parse, names.UrlPath("/")),
        status=reader.whole("status", 200, low=100, high=599),
        timeout_s=reader.whole("timeout_s", 60, low=1, high=3600),
        serves=serves,
    )
    reader.done()
    return health


def _swap(reader: Reader) -> Swap:
    swap = Swap(
        reader.choice("how", SWAPS, "auto"),
        reader.whole("keep_previous_min", KEEP_PREVIOUS_MIN, high=MOST_KEEP_PREVIOUS_MIN),
    )
    reader.done()
    return swap


def parse_address(value: object) -> str:
    """An IPv4 or IPv6 address in its usual spelling; raises errors.UsageFault."""
    import ipaddress  # noqa: PLC0415 - a twentieth of a hello, which reads no release's addresses

    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else _no_address(value)
    except ValueError:
        return _no_address(value)
    scope = getattr(address, "scope_id", None)  # free text to Python; to us an interface (fe80::1%xenbr0)
    return str(address) if scope is None or names.BridgeName.fits(scope) else _no_address(value)


def _no_address(value: object) -> NoReturn:
    raise errors.UsageFault(f"{names.shown(value)} is not an IP address", hint="such as 192.168.1.20")
