"""Reads a release of an original MirageOS deployment repository, which has no manifest.json.

`xen/<id>/<vm>.xen.bz2` and the repository's `xl.conf.in` say nearly everything; the rest follows from what is
committed, never from where the clone lies, because the domain's UUID is derived from it.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgedeploy.core import errors, names, packing
from edgedeploy.core.release import Artefact, Domain, Health, Manifest
from edgedeploy.depot import lint, xlcfg
from edgedeploy.depot.lint import Findings

TEMPLATE = PurePosixPath("xl.conf.in")
_KERNEL = re.compile(r"(?P<vm>.+)\.xen(?:\.(?P<codec>gz|bz2|xz|lzma|zst))?")
_APP_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Original:
    """A release of the original scripts, still packed: its one kernel, what the guest is given, and what to say of it."""

    kernel: PurePosixPath
    vm: names.DomainName
    domain: Domain
    findings: Findings


def look(
    release: names.ReleaseId,
    listing: list[PurePosixPath],
    blob: Callable[[PurePosixPath], bytes | None],
    configured: Domain | None,
) -> Original:
    """What the folder and xl.conf.in say. `configured` is edgedeploy.toml's domain, and is believed over xl.conf.in.

    `listing` is what xen/<id>/ holds, `blob` reads a committed file. Raises errors.BadRepository.
    """
    kernels = [(path, match) for path in listing if (match := _KERNEL.fullmatch(path.name))]
    if len(kernels) != 1:
        found = ", ".join(path.name for path in listing) or "nothing"
        count = "several kernels" if kernels else "no kernel"
        raise errors.BadRepository(
            f"xen/{release} holds no manifest.json and {count}: {found}",
            hint="make a release with: edgedeploy release KERNEL",
        )
    path, match = kernels[0]
    try:
        vm = names.DomainName.parse(match["vm"])
    except errors.UsageFault as error:
        raise errors.BadRepository(f"xen/{release}: {error.message}", hint=error.hint) from None
    if configured:
        return Original(path, vm, configured, leftover(blob, path.name))
    raw = blob(TEMPLATE)
    if raw is None:
        raise errors.BadRepository(
            f"there is neither edgedeploy.toml nor {TEMPLATE}: nothing says what the guest is given",
            hint="add one: edgedeploy init APP --add --dir .",
        )
    values = xlcfg.read_template(raw.decode(errors="replace"), str(TEMPLATE))
    return Original(path, vm, *lint.read(values, vm, path.name, str(TEMPLATE)))


def leftover(blob: Callable[[PurePosixPath], bytes | None], kernel: str) -> Findings:
    """Warnings about an xl.conf.in beside an edgedeploy.toml: what it gave the guest, and the guest will now lack."""
    raw = blob(TEMPLATE)
    try:
        values = xlcfg.read_template((raw or b"").decode(errors="replace"))
    except errors.BadRepository:
        return Findings()  # nobody reads it any more
    return lint.read(values, names.DomainName("vm"), kernel)[1].unused()


def read(
    release: names.ReleaseId,
    original: Original,
    blob: Callable[[PurePosixPath], bytes | None],
    known: tuple[names.AppName, tuple[names.ProfileName, ...], Health | None] | None,
) -> Manifest:
    """The manifest that a release without one amounts to; `known` is what edgedeploy.toml says.

    Raises errors.BadRepository.
    """
    unread = [misfit for misfit in original.findings.misfits if misfit.code == "option-value"]
    if unread:
        lines = tuple(misfit.line() for misfit in unread)
        raise errors.BadRepository(f"{TEMPLATE} cannot be understood", hint="`edgedeploy check` says more", details=lines)
    packed = blob(original.kernel)
    if packed is None:
        raise errors.BadRepository(f"{original.kernel} is not committed", hint="git add it and commit")
    try:
        kernel = _artefact(original.kernel, packed)
        app, boards, health = known or (_app(original.vm), (), None)
    except errors.UsageFault as error:
        raise errors.BadRepository(f"xen/{release}: {error.message}", hint=error.hint) from None
    return Manifest(app, release, boards, original.domain, (kernel,), health)


def _app(vm: names.DomainName) -> names.AppName:
    return names.AppName.parse(vm.lower().replace("_", "-")[:_APP_LENGTH])


def _artefact(path: PurePosixPath, packed: bytes) -> Artefact:
    codec = packing.detect(packed[:16])
    try:
        unpacked = packing.unpack(io.BytesIO(packed), io.BytesIO())
    except packing.PackingError as error:
        raise errors.BadRepository(f"{path}: {error.message}", hint=error.hint) from None
    return Artefact(
        role="kernel",
        file=names.FileName.parse(path.name),
        codec=str(codec),
        packed_size=len(packed),
        packed_sha256=names.Sha256(hashlib.sha256(packed).hexdigest()),
        size=unpacked.size,
        sha256=names.Sha256(unpacked.sha256),
    )
