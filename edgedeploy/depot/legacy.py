"""Reads a release of an original MirageOS deployment repository, which has no manifest.json.

`xen/<id>/<vm>.xen.bz2` and the repository's `xl.conf.in` say nearly everything; the rest follows from what is
committed, never from where the clone lies, because the domain's UUID is derived from it.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from edgedeploy.core import errors, names, packing, xlconf
from edgedeploy.core.release import Artefact, Domain, Health, Manifest

TEMPLATE = PurePosixPath("xl.conf.in")
_KERNEL = re.compile(r"(?P<vm>.+)\.xen(?:\.(?P<codec>gz|bz2|xz|lzma|zst))?")
_APP_LENGTH = 40


def read(
    release: names.ReleaseId,
    listing: list[PurePosixPath],
    blob: Callable[[PurePosixPath], bytes | None],
    known: tuple[names.AppName, tuple[names.ProfileName, ...], Domain, Health | None] | None,
) -> Manifest:
    """The manifest that a release without one amounts to.

    `listing` is what xen/<id>/ holds, `blob` reads a committed file; `known` is what edgedeploy.toml says,
    where there is one, and is then believed over xl.conf.in. Raises errors.BadRepository.
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
    packed = blob(path)
    if packed is None:
        raise errors.BadRepository(f"{path} is not committed", hint="git add it and commit")
    try:
        vm = names.DomainName.parse(match["vm"])
        kernel = _artefact(path, packed)
        app, boards, domain, health = known or (_app(vm), (), _domain(blob, vm), None)
    except errors.UsageFault as error:
        raise errors.BadRepository(f"xen/{release}: {error.message}", hint=error.hint) from None
    return Manifest(app, release, boards, domain, (kernel,), health)


def _app(vm: names.DomainName) -> names.AppName:
    return names.AppName.parse(vm.lower().replace("_", "-")[:_APP_LENGTH])


def _domain(blob: Callable[[PurePosixPath], bytes | None], vm: names.DomainName) -> Domain:
    raw = blob(TEMPLATE)
    if raw is None:
        raise errors.BadRepository(
            f"there is neither edgedeploy.toml nor {TEMPLATE}: nothing says what the guest is given",
            hint="add one: edgedeploy init APP --add --dir .",
        )
    return xlconf.template_domain(xlconf.read_template(raw.decode(errors="replace")), vm)


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
