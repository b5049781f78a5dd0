"""A release of the original MirageOS scripts, which has no manifest.json: what laptop and board both read it as.

`xen/<id>/<vm>.xen.bz2` and the repository's `xl.conf.in` say nearly everything; the rest follows from what is
committed, never from where a clone lies, because the domain's UUID is derived from it: both must come to the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from edgedeploy.core import errors, health, names, packing, project, xllint
from edgedeploy.core.release import Artefact, Domain, Health, Manifest, Swap
from edgedeploy.core.xllint import Findings

if TYPE_CHECKING:
    import io

TEMPLATE = PurePosixPath("xl.conf.in")
CONFIG = PurePosixPath(project.FILE)
LIMIT = 1 << 20
"""bytes of each of these two"""
Blob = Callable[[PurePosixPath], bytes | None]
"""reads a small committed file, None where there is none"""
_KERNEL = re.compile(r"(?P<vm>.+)\.xen(?:\.(?P<codec>gz|bz2|xz|lzma|zst))?")
_APP_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Original:
    """A release of the original scripts, still packed: its one kernel, what the guest is given, and what to say of it.

    `app`: edgedeploy.toml's, or what the VM's name makes of it; `named`: whether it is the first.
    """

    kernel: PurePosixPath
    app: names.AppName
    named: bool
    domain: Domain
    findings: Findings
    boards: tuple[names.ProfileName, ...] = ()
    health: Health | None = None
    swap: Swap = field(default_factory=Swap)

    def manifest(self, release: names.ReleaseId, kernel: Artefact, app: names.AppName, asked: Health | None = None) -> Manifest:
        """The manifest that it amounts to. `asked` is what this board was told of the app, where the repository is silent.

        Raises errors.BadRepository where edgedeploy.toml is another app's.
        """
        if self.named and app != self.app:
            raise errors.BadRepository(f"{CONFIG} is of the app {self.app}, wanted {app}", hint=f"edgedeploy push {self.app}")
        return Manifest(app, release, self.boards, self.domain, (kernel,), self.health or asked, self.swap)

    def demand(self, passthrough: Collection[str]) -> None:
        """Raise errors.DoesNotFit where the guest was built to find what a release cannot carry.

        `passthrough`: options that the board's profile allows all the same.
        """
        if misfits := self.findings.allowing(passthrough).misfits:
            lines = tuple(misfit.line() for misfit in misfits)
            raise errors.DoesNotFit(f"{TEMPLATE} asks for what a release cannot carry", hint=misfits[0].hint, details=lines)

    def told(self) -> str:
        """What is taken for what nobody said, in a sentence."""
        domain, source = self.domain, CONFIG if self.named else TEMPLATE
        bridges = " and ".join(vif.bridge for vif in domain.vifs)
        network = f"on {bridges}" if bridges else "without a network card"
        cpus = f"{domain.vcpus} virtual CPU{'s' if domain.vcpus > 1 else ''}"
        said = f"made by the original scripts; by {source} its guest {domain.name} has {domain.memory_mb} MB and {cpus}, {network}"
        return said if self.health else f"{said}; where it answers is not said ({CONFIG}: [network] address), so nobody can ask it"


def look(release: names.ReleaseId, listing: Sequence[PurePosixPath], blob: Blob) -> Original:
    """What the folder, xl.conf.in and edgedeploy.toml say; the latter, where it is committed, is believed over the former.

    `listing` is what xen/<id>/ holds. Raises errors.BadRepository, errors.BadConfig.
    """
    path, vm = _kernel(release, listing)
    if (raw := blob(CONFIG)) is not None:
        config = project.loads(raw)
        asked, left = health.health_of(config, {}), leftover(blob, path.name)
        return Original(path, config.app, True, config.domain, left, config.boards, asked, config.swap)
    if (template := blob(TEMPLATE)) is None:
        raise errors.BadRepository(
            f"there is neither edgedeploy.toml nor {TEMPLATE}: nothing says what the guest is given",
            hint="add one: edgedeploy init APP --add --dir .",
        )
    domain, findings = xllint.read(template.decode(errors="replace"), vm, path.name)
    return Original(path, _app(release, vm), False, domain, findings)


def _kernel(release: names.ReleaseId, listing: Sequence[PurePosixPath]) -> tuple[PurePosixPath, names.DomainName]:
    """The one kernel of a release, and the VM that it is named after."""
    kernels = [(path, match["vm"]) for path in listing if (match := _KERNEL.fullmatch(path.name))]
    if len(kernels) != 1:
        found = ", ".join(path.name for path in listing) or "nothing"
        count = "several kernels" if kernels else "no kernel"
        raise errors.BadRepository(
            f"xen/{release} holds no manifest.json and {count}: {found}",
            hint="make a release with: edgedeploy release KERNEL",
        )
    path, vm = kernels[0]
    try:
        names.FileName.parse(path.name)
        return path, names.DomainName.parse(vm.replace(".", ""))  # in 2015 some were named after the host, dots and all
    except errors.UsageFault as error:
        raise errors.BadRepository(f"xen/{release}: {error.message}", hint=error.hint) from None


def app_of(release: names.ReleaseId, listing: Sequence[PurePosixPath]) -> names.AppName:
    """The app of a release where nothing names it. Raises errors.BadRepository."""
    return _app(release, _kernel(release, listing)[1])


def _app(release: names.ReleaseId, vm: names.DomainName) -> names.AppName:
    """The app that a VM's name stands for: what an app's name may not have is a dash, or nothing at its ends."""
    try:
        return names.AppName.parse(re.sub(r"[^a-z0-9]+", "-", vm.lower()).strip("-")[:_APP_LENGTH].rstrip("-"))
    except errors.UsageFault as error:
        raise errors.BadRepository(f"xen/{release}: {error.message}", hint=error.hint) from None


def leftover(blob: Blob, kernel: str) -> Findings:
    """Warnings about an xl.conf.in beside an edgedeploy.toml: what it gave the guest, and the guest will now lack."""
    raw = blob(TEMPLATE)
    try:
        return xllint.read((raw or b"").decode(errors="replace"), names.DomainName("vm"), kernel)[1].unused()
    except errors.BadRepository:
        return Findings()  # nobody reads it any more


def demand_read(original: Original) -> None:
    """Raise errors.BadRepository where a value of xl.conf.in is none: no manifest follows from it."""
    unread = [misfit for misfit in original.findings.misfits if misfit.code == "option-value"]
    if unread:
        lines = tuple(misfit.line() for misfit in unread)
        raise errors.BadRepository(f"{TEMPLATE} cannot be understood", hint="`edgedeploy check` says more", details=lines)


def unpack(
    path: PurePosixPath, packed: io.BufferedRandom | io.BytesIO, out: BinaryIO, limit: int = packing.LIMIT
) -> Artefact:
    """Unpack a release's kernel from `packed` to `out`, and describe it; at most `limit` bytes.

    Raises packing.PackingError.
    """
    packed.seek(0)
    digest = hashlib.file_digest(packed, "sha256").hexdigest()
    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    codec = packing.detect(packed.read(16))
    packed.seek(0)
    unpacked = packing.unpack(packed, out, limit=limit)
    return Artefact(
        role="kernel",
        file=names.FileName.parse(path.name),
        codec=str(codec),
        packed_size=size,
        packed_sha256=names.Sha256(digest),
        size=unpacked.size,
        sha256=names.Sha256(unpacked.sha256),
    )


def damaged(path: PurePosixPath, error: packing.PackingError) -> errors.BadRepository:
    """The error for a kernel that cannot be unpacked."""
    return errors.BadRepository(f"{path}: {error.message}", hint=error.hint)
