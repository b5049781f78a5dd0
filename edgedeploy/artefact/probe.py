"""Reads an artefact on the laptop: opens it safely, unpacks one layer, says what it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from edgedeploy.core import cpio, errors, executable, kernel, names, packing
from edgedeploy.core.board import Misfit
from edgedeploy.core.executable import UNREAD, Executable
from edgedeploy.core.kernel import KernelInfo
from edgedeploy.core.packing import Codec


@dataclass(frozen=True, slots=True)
class Artefact:
    """A kernel (or ramdisk) file. Sizes in bytes; `sha256` and `size` are of the unpacked content.

    `fault` is set when it could not be unpacked: `size` is 0 then, `sha256` empty, `kernel` says only that.
    """

    path: Path
    codec: Codec
    packed_size: int
    packed_sha256: str
    size: int
    sha256: str
    kernel: KernelInfo
    fault: Misfit | None = None
    program: Executable = UNREAD
    """the same file as something that a machine runs as a process"""

    @property
    def name(self) -> str:
        """The file's name, safe to print."""
        return _shown(self.path.name, 200)

    @property
    def kind(self) -> str:
        """What it is by its header: core.kernel.Kind, or "broken"."""
        return "broken" if self.fault else self.kernel.kind.value

    @property
    def arch(self) -> str:
        """The architecture: armv7l, aarch64, x86-64, … or ""."""
        return self.kernel.arch

    @property
    def xen_guest(self) -> bool | None:
        """Whether it can be a Xen guest on ARM; None when that was not found out."""
        return self.kernel.xen_guest

    @property
    def description(self) -> str:
        """What it is, in words: "an x86-64 MirageOS (Mini-OS) kernel for Xen PV"."""
        return self.kernel.what


def inspect(path: Path, *, limit: int = packing.LIMIT, ramdisk: bool = False) -> Artefact:
    """Read the file at `path`, one layer of packing off it; at most `limit` unpacked bytes.

    A `ramdisk` may go on after its packed data (core/cpio.py); then it counts as it is, and has the mark "joined". One
    that ends inside an archive has the mark "cut".

    Raises UsageFault when there is no regular file to read. What is wrong with its content is in the result.
    """
    with open_regular(path) as file:
        try:
            return _inspect(path, file, limit, ramdisk)
        except OSError as error:
            raise errors.UsageFault(f"cannot read {_shown(path)}: {error.strerror}") from None


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; never waits on a FIFO or device. Raises UsageFault with the reason."""
    shown = _shown(path)
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            hint = f"it points to {names.printable(os.readlink(path), 200)}, which is not there"
            raise errors.UsageFault(f"{shown} is a broken link", hint=hint) from None
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        # a socket, or a terminal that is not ours, cannot even be opened
        with contextlib.suppress(OSError, ValueError):
            _require_regular(os.stat(path).st_mode, shown)
        raise errors.UsageFault(f"cannot read {shown}: {reason}", hint="name a kernel file") from None
    try:
        _require_regular(os.fstat(descriptor).st_mode, shown)
    except errors.UsageFault:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def _require_regular(mode: int, shown: str) -> None:
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise errors.UsageFault(f"{shown} is {what}, not a file", hint="name a kernel file") from None


def _inspect(path: Path, file: BinaryIO, limit: int, ramdisk: bool) -> Artefact:
    packed_size = os.fstat(file.fileno()).st_size
    codec = packing.detect(file.read(16))
    file.seek(0)
    if packed_size > limit:
        # not worth reading to its end: no kernel is that large, and what is packed only grows
        info = kernel.probe(file, deep=False)
        hint = "A kernel is some 10 MB; is this a disk image?"
        fault = Misfit("too-big", "size", f"at most {limit >> 20} MB", f"{packed_size >> 20} MB", hint)
        return Artefact(path, codec, packed_size, "", 0, "", info, fault)
    packed_sha256 = _sha256(file)
    file.seek(0)
    if codec is Codec.NONE:
        info, program = _marked(file, ramdisk), executable.probe(file)
        return Artefact(path, codec, packed_size, packed_sha256, packed_size, packed_sha256, info, program=program)
    with tempfile.TemporaryFile() as unpacked:
        try:
            sha256, size = packing.unpack(file, unpacked, limit=limit)
        except packing.PackingError as error:
            if ramdisk and cpio.goes_on(error):
                info = _marked(unpacked, ramdisk)
                what = f"{info.what}, packed as .{codec}, and more after it"
                info = replace(info, size=packed_size, what=what, marks=info.marks | {"joined"})
                return Artefact(path, Codec.NONE, packed_size, packed_sha256, packed_size, packed_sha256, info)
            fault = Misfit(error.code, "packing", "", error.message, error.hint[:1].upper() + error.hint[1:])
            info = KernelInfo(kernel.Kind.PACKED, packed_size, f"a damaged .{codec} file")
            if error.code in ("bomb", "codec-unsupported"):
                info = KernelInfo(kernel.Kind.PACKED, packed_size, f"a .{codec} file that cannot be unpacked here")
            return Artefact(path, codec, packed_size, packed_sha256, 0, "", info, fault)
        info, program = _marked(unpacked, ramdisk), executable.probe(unpacked)
        return Artefact(path, codec, packed_size, packed_sha256, size, sha256, info, program=program)


def _marked(file: BinaryIO, ramdisk: bool) -> KernelInfo:
    info = kernel.probe(file)
    return info if not ramdisk or cpio.is_whole(file) else replace(info, marks=info.marks | {"cut"})


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(packing.CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def _shown(path: Path | str, limit: int = 400) -> str:
    """A name fit for one line: printable lets newlines and tabs stand, and a file's name may hold them."""
    return names.printable(str(path).replace("\n", "\\n").replace("\t", "\\t"), limit)
