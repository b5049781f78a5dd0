"""The built image of the virtual board: where its files are, and building it once."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.lab import folders, recipe
from edgedeploy.lab.bake.build import Kitchen, build, workplace
from edgedeploy.ports.report import Report

_FORGET_S = 30 * 86400


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image in the cache. Read only: boards copy the disk."""

    folder: Path
    digest: str

    @property
    def disk(self) -> Path:
        """dom0's root filesystem, a sparse raw ext4."""
        return self.folder / "disk.raw"

    @property
    def xen(self) -> Path:
        """The hypervisor."""
        return self.folder / "xen"

    @property
    def kernel(self) -> Path:
        """dom0's kernel, wrapped so that the emulated machine need not decompress it."""
        return self.folder / "vmlinuz.fast"

    @property
    def genuine_kernel(self) -> Path:
        """Debian's own zImage."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """dom0's ramdisk."""
        return self.folder / "initrd.cpio"

    @property
    def guest_kernel(self) -> Path:
        """The kernel for guests: Debian's own zImage."""
        return self.folder / "guest" / "vmlinuz"

    @property
    def guest_base(self) -> Path:
        """The sample talk's ramdisk without its slides: raw cpio, to be concatenated with one that has /www."""
        return self.folder / "guest" / "base.cpio"


def find() -> Image | None:
    """The image of the present recipe, if it is built."""
    image = _image()
    return image if image.disk.is_file() else None


def ensure(report: Report, *, fresh: bool = False) -> Image:
    """Return the image, building it first where the cache has none (or `fresh` asks for it).

    Takes well under a minute plus the download. Safe to call from several processes: one builds, the others wait.
    """
    image = _image()
    if image.disk.is_file() and not fresh:
        os.utime(image.folder)  # it is still wanted: see _drop_old
        return image
    cache = folders.cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UsageFault(f"cannot use the cache folder {cache}: {error.strerror}") from error
    with files.locked(cache / "images.lock", "edgedeploy lab build"):
        if fresh or not image.disk.is_file():
            _build(image, cache, report)
    return image


def _image() -> Image:
    digest = recipe.find().digest()
    return Image(folders.cache() / "images" / digest, digest)


def _build(image: Image, cache: Path, report: Report) -> None:
    log = cache / "build.log"
    log.write_text(f"recipe {image.digest}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
    report.note("building the virtual board's image (once; it is kept in the cache)")
    with workplace(cache) as work:
        out = work / "image"
        out.mkdir()
        build(recipe.find(), Kitchen(work, out, cache, log), report)
        # A board that runs from the old image keeps its open files; only its name is moved out of the way.
        if image.folder.exists():
            os.replace(image.folder, work / "old")
        image.folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(out, image.folder)
    _drop_old(image)


def _drop_old(image: Image) -> None:
    """Forget images that no recipe has asked for in a month; another checkout's may still be wanted."""
    for other in image.folder.parent.iterdir():
        if other != image.folder and time.time() - other.stat().st_mtime > _FORGET_S:
            shutil.rmtree(other, ignore_errors=True)
