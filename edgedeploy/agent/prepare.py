"""Check, then touch: everything that can fail is done here, while the old guest still serves.

Idempotent: what is already unpacked and right is kept. Nothing here starts or stops a guest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edgedeploy.agent import facts, records, unpacked
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors, files, release
from edgedeploy.core.release import Artefact, Manifest

if TYPE_CHECKING:
    from edgedeploy.core.board import BoardFacts, Misfit
    from edgedeploy.core.fit import DomainNeeds


class Prepare:
    """Prepares releases of one app."""

    def __init__(self, layout: AppLayout, repo: GitRepo, runtime: Runtime, script: str = "") -> None:
        """`script` is the hotplug script that configurations name, "" for Xen's own."""
        self._script = script
        self._layout = layout
        self._repo = repo
        self._runtime = runtime

    def release(
        self, manifest: Manifest, commit: str, attempt: Attempt, freed: list[Running], spare: Sequence[Running] = ()
    ) -> Path:
        """Make a release ready to start and return its domain configuration.

        `freed` are the domains that will be gone when it starts, `spare` those that can be: their memory counts as free.
        Raises NoRoom, DoesNotFit, BadRepository or CommandFailed, each before anything was touched.
        """
        for artefact in manifest.artefacts:
            self._unpack(artefact, manifest, commit, attempt)
        attempt.event("check", f"checking that {manifest.release} fits this board", manifest.release)
        self._fits(manifest, freed, spare)
        config = self.write_config(manifest)
        self._runtime.validate(config)
        records.save(self._layout, manifest)
        return config

    def ready(self, manifest: Manifest) -> bool:
        """Whether a release that was prepared before can be started at once, without its commit."""
        config = self._layout.domain(manifest.uuid)
        return config.is_file() and all(self._path(a).is_file() for a in manifest.artefacts)

    def _path(self, artefact: Artefact) -> Path:
        return self._layout.artefacts / artefact.sha256

    def _unpack(self, artefact: Artefact, manifest: Manifest, commit: str, attempt: Attempt) -> None:
        target = self._path(artefact)
        if target.is_file() and target.stat().st_size == artefact.size and files.sha256_file(target) == artefact.sha256:
            os.utime(target)  # wanted now: see collect.py
            return
        attempt.event("unpack", f"unpacking {artefact.file} ({artefact.size / 1e6:.1f} MB)")
        target.parent.mkdir(parents=True, exist_ok=True)
        room = facts.free_disk(target.parent)
        if room < artefact.size + unpacked.MARGIN:
            raise errors.NoRoom(
                f"{artefact.file} needs {artefact.size / 1e6:.1f} MB on the board's disk, {room / 1e6:.1f} MB are free",
                hint="edgedeploy-agent gc on the board, or remove files there",
            )
        with unpacked.arriving(target.parent, lambda: artefact.sha256) as out:
            self._copy_verified(artefact, manifest, commit, out)

    def _copy_verified(self, artefact: Artefact, manifest: Manifest, commit: str, out: BinaryIO) -> None:
        path = release.folder(manifest.release) / artefact.file
        with tempfile.TemporaryFile(dir=self._layout.artefacts) as spool:
            self._repo.copy(commit, path, spool)
            spool.seek(0)
            if hashlib.file_digest(spool, "sha256").hexdigest() != artefact.packed_sha256:
                raise errors.BadRepository(f"{path} is not the file its manifest describes (packed SHA-256 differs)")
            spool.seek(0)
            got = _unpack_one(artefact, spool, out)
        if got != (artefact.sha256, artefact.size):
            raise errors.BadRepository(f"{path} does not unpack to what its manifest describes (SHA-256 differs)")

    def _fits(self, manifest: Manifest, freed: list[Running], spare: Sequence[Running]) -> None:
        from edgedeploy.agent import neighbour  # noqa: PLC0415 - a tick without news need not pay for these
        from edgedeploy.core import fit, ramdisk  # noqa: PLC0415

        live = facts.live(self._runtime)
        if manifest.domain.runtime == release.UNIX and release.XEN in self._runtime.names:
            live = replace(live, free_memory_mb=facts.available_mb())
        if live.free_memory_mb is not None:
            live = replace(live, free_memory_mb=live.free_memory_mb + sum(domain.memory_mb for domain in (*freed, *spare)))
        if manifest.address and manifest.domain.vifs:
            holder = neighbour.holder(manifest.address, manifest.domain.vifs[0].bridge)
            if holder and not self._is_ours(holder, manifest, freed):
                guests = (one.name for one in self._runtime.domains() if holder in self._runtime.macs(one.domid))
                live = replace(live, holder=next((f"the guest {name}" for name in guests), holder))
        needs = fit.DomainNeeds.of(manifest.domain, manifest.ramdisk.size if manifest.ramdisk else 0, manifest.address)
        misfits = _misfits(self._path(manifest.kernel), needs, live)
        if manifest.ramdisk:
            with self._path(manifest.ramdisk).open("rb") as file:
                misfits += ramdisk.misfits(ramdisk.probe(file), manifest.ramdisk.file)
        if misfits:
            cls = errors.NoRoom if all(m.code == "host-memory" for m in misfits) else errors.DoesNotFit
            raise cls(
                f"{manifest.app} {manifest.release} does not fit this board; nothing was touched",
                hint=misfits[0].hint,
                details=tuple(misfit.line() for misfit in misfits),
            )

    def _is_ours(self, mac: str, manifest: Manifest, freed: list[Running]) -> bool:
        """Whether it is a guest that will be gone: by the address that the new one has too, or by the hypervisor's word.

        The old scripts gave a guest no address, and Xen then takes a new one at each start.
        """
        same = any(vif.mac and vif.mac.lower() == mac for vif in manifest.domain.vifs)
        return same or any(mac in self._runtime.macs(domain.domid) for domain in freed)

    def write_config(self, manifest: Manifest) -> Path:
        """The domain configuration of a release that is unpacked."""
        config = self._layout.domain(manifest.uuid)
        ramdisk = self._path(manifest.ramdisk) if manifest.ramdisk else None
        files.atomic_write(config, self._runtime.configuration(manifest, self._path(manifest.kernel), ramdisk, self._script))
        return config


def _misfits(kernel: Path, needs: DomainNeeds, live: BoardFacts) -> tuple[Misfit, ...]:
    from edgedeploy.core import board, executable, fit, fitprogram  # noqa: PLC0415 - as above

    if needs.runtime == release.XEN:
        from edgedeploy.agent import known_kernels  # noqa: PLC0415 - as above

        lacking = fit.offered(needs, board.assumed(live), live)
        return (lacking,) if lacking else fit.check(known_kernels.info(kernel), needs, board.assumed(live), live)
    from edgedeploy.agent import libraries  # noqa: PLC0415 - as above

    with kernel.open("rb") as file:
        program = executable.probe(file)
    page = os.sysconf("SC_PAGESIZE")
    return fitprogram.check(program, needs, board.assumed(live), live, page_size=page, there=libraries.there)


def _unpack_one(artefact: Artefact, spool: BinaryIO, out: BinaryIO) -> tuple[str, int]:
    if artefact.codec == "none":  # as it is, even when it looks packed: a ramdisk may well be a .gz for its kernel
        shutil.copyfileobj(spool, out)
        size = out.tell()
        out.seek(0)
        digest = hashlib.sha256()
        while chunk := out.read(256 * 1024):
            digest.update(chunk)
        return digest.hexdigest(), size
    from edgedeploy.core import packing  # noqa: PLC0415 - the codecs; a tick without news must stay cheap

    try:
        return packing.unpack(spool, out, limit=artefact.size + 1)
    except packing.PackingError as error:
        raise errors.BadRepository(f"{artefact.file}: {error.message}", hint=error.hint) from None
