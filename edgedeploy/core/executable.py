"""Says whether a file would run as a process of a machine: an executable for its CPU, with all that it needs to be loaded.

For the unix runtime, as core/kernel.py and core/fit.py are for Xen. Pure; runs on the laptop and, before the swap, on the
board: only there it is known which interpreters and libraries there are. Nothing here raises on strange bytes.
Formats: elf(5), execve(2) ("Interpreter scripts"), dlopen(3).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from edgedeploy.core import elf, kernel
from edgedeploy.core.board import Misfit
from edgedeploy.core.kernelinfo import Kind

_MACHINES = {
    (3, 1): "i686", (62, 2): "x86_64", (40, 1): "armv7l", (183, 2): "aarch64", (243, 2): "riscv64", (243, 1): "riscv32",
    (8, 1): "mips", (8, 2): "mips64", (21, 2): "ppc64le", (22, 2): "s390x",
}  # fmt: skip
"""(e_machine, class) -> what `uname -m` says on such a machine."""
_ALSO = {"x86_64": ("i686",), "aarch64": ("armv7l", "armv6l"), "armv8l": ("armv7l",), "i586": ("i686",)} | dict.fromkeys(
    ("armv5tel", "armv5tejl", "armv6l"), ("armv7l",)
)
"""What a machine runs besides its own."""
_NO_PROGRAM = {
    Kind.ZIMAGE32, Kind.IMAGE64, Kind.BZIMAGE, Kind.UIMAGE, Kind.FIT, Kind.ZBOOT, Kind.EFI,
}  # fmt: skip
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _STRSZ, _RPATH, _RUNPATH = 1, 5, 10, 15, 29
_MOST = 128  # headers, libraries; a file of ten times as many is no program of anybody's
_TEXT = 1 << 20
_LINE = 255  # what execve reads of a script's first line (linux/binfmts.h: BINPRM_BUF_SIZE)
Form = Literal["program", "script", "kernel", "other"]


@dataclass(frozen=True, slots=True)
class Executable:
    """One file, read. `what` is it in words; `arch` as `uname -m` says it, "" for a script.

    `interpreter` loads it ("" : the kernel itself does), `libraries` are those that it names; `align` is what its segments want,
    in bytes.
    """

    form: Form
    what: str
    arch: str = ""
    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    align: int = 0


UNREAD = Executable("other", "a file that could not be unpacked")


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that runs processes. `machine` is `uname -m` ("" : not known), `page_size` in bytes (0: not known).

    `there` says whether a path, or a library of a name, is on it; None where that is not known: from afar.
    """

    machine: str
    page_size: int = 0
    there: Callable[[str], bool] | None = None


def probe(file: BinaryIO) -> Executable:
    """What an open file is. OSError passes through."""
    head = _at(file, 0, 64)
    if head.startswith(b"#!"):
        return _script(_at(file, 0, _LINE))
    if head.startswith(b"\x7fELF"):
        return _elf(file, head)
    file.seek(0)
    found = kernel.probe(file, deep=False)
    return Executable("kernel" if found.kind in _NO_PROGRAM else "other", found.what or "nothing that a machine runs")


def misfits(found: Executable, host: Host) -> tuple[Misfit, ...]:
    """Every reason why it cannot run there; empty: nothing is known against it."""
    return tuple(_misfits(found, host))


def _misfits(found: Executable, host: Host) -> Iterator[Misfit]:
    if found.form == "kernel":
        hint = 'A kernel is a guest: release it with runtime = "xen", for a board with Xen'
        yield Misfit("kernel-as-program", "program", "an executable", found.what, hint)
        return
    if found.form == "other":
        yield Misfit("no-program", "program", "an executable", found.what, "Give an ELF executable, or a script that begins with #!")
        return
    if host.machine and found.arch and found.arch != host.machine and found.arch not in _ALSO.get(host.machine, ()):
        hint = f"Build it for {host.machine}"
        yield Misfit("wrong-arch", "architecture", host.machine, found.arch, hint)
        return
    if host.page_size and found.align and found.align % host.page_size:
        wanted, hint = f"segments of whole pages ({host.page_size >> 10} KB)", f"Link it with -z max-page-size={host.page_size}"
        yield Misfit("page-size", "page size", wanted, f"aligned to {found.align >> 10} KB", hint)
    if host.there is None:
        return
    if found.interpreter and not host.there(found.interpreter):
        if found.form == "script":
            hint = f"Install what provides {found.interpreter} on the board, or release a program"
        else:
            hint = "Link it statically (-static; Go: CGO_ENABLED=0; Rust: a musl target), or install what provides it on the board"
        yield Misfit("no-interpreter", "interpreter", f"{found.interpreter} on the board", "not there", hint)
    elif missing := [name for name in found.libraries if not host.there(name)]:
        hint = "Link it statically, or install on the board what provides them"
        yield Misfit("no-library", "libraries", f"{', '.join(missing[:5])} on the board", "not there", hint)


def _script(line: bytes) -> Executable:
    words = line[2:].split(b"\n")[0].split()
    if not words or not words[0].startswith(b"/"):
        return Executable("other", "a script whose first line names no interpreter by its path")
    interpreter = words[0].decode(errors="replace")
    return Executable("script", f"a script for {interpreter}", interpreter=interpreter)


def _elf(file: BinaryIO, head: bytes) -> Executable:
    wide, order = head[4:5] == b"\2", ">" if head[5:6] == b"\2" else "<"
    form = order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH")
    raw = head[16 : 16 + struct.calcsize(form)]
    if len(raw) < struct.calcsize(form):
        return Executable("other", "the beginning of an ELF file")
    kind, machine, _, entry, phoff, _, _, _, size, count = struct.unpack(form, raw)
    arch = _MACHINES.get((machine, head[4]), "") or f"machine {machine}"
    arch += "" if order == "<" or arch in ("s390x", "mips", "mips64") else " (big-endian)"
    segments = list(_segments(file, wide, order, phoff, size, min(count, _MOST)))
    loaded = [s for s in segments if s.kind == _LOAD]
    if kind not in (2, 3) or not loaded:  # ET_EXEC, ET_DYN
        return Executable("other", "an object file, which is no program yet", arch)
    top = max(s.address for s in loaded)
    notes = elf.read(head, lambda offset, size: _at(file, offset, size))
    if top >= (0xFFFF << 48 if wide else 0xC0000000) or notes.xen or notes.target:
        return Executable("kernel", f"an ELF kernel for {arch}", arch)
    interp = next((_at(file, s.offset, min(s.size, 4096)) for s in segments if s.kind == _INTERP), b"")
    interpreter = interp.rstrip(b"\0").decode(errors="replace")
    if not interpreter and kind == 3 and not entry:
        return Executable("other", "a shared library, which is no program", arch)
    libraries = tuple(_libraries(file, wide, order, segments))
    linked = "dynamically linked" if interpreter else "statically linked"
    align = min((s.align for s in loaded if s.align > 1), default=0)
    return Executable("program", f"a {linked} program for {arch}", arch, interpreter, libraries, align)


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    align: int


def _segments(file: BinaryIO, wide: bool, order: str, offset: int, size: int, count: int) -> Iterator[_Segment]:
    form = order + ("IIQQQQQQ" if wide else "IIIIIIII")
    for index in range(count):
        raw = _at(file, offset + index * size, struct.calcsize(form))
        if len(raw) == struct.calcsize(form):
            row = struct.unpack(form, raw)
            yield _Segment(row[0], row[2], row[3], row[5], row[7]) if wide else _Segment(row[0], row[1], row[2], row[4], row[7])


def _libraries(file: BinaryIO, wide: bool, order: str, segments: list[_Segment]) -> Iterator[str]:
    dynamic = next((s for s in segments if s.kind == _DYNAMIC), None)
    if dynamic is None:
        return
    form = order + ("QQ" if wide else "II")
    raw = _at(file, dynamic.offset, min(dynamic.size, 65536))
    rows = list(struct.iter_unpack(form, raw[: len(raw) - len(raw) % struct.calcsize(form)]))
    values = dict(rows)
    if _RPATH in values or _RUNPATH in values:  # it says itself where they are
        return
    place = values.get(_STRTAB, 0)
    home = next((s for s in segments if s.kind == _LOAD and s.address <= place < s.address + s.size), None)
    if home is None:
        return
    text = _at(file, home.offset + place - home.address, min(values.get(_STRSZ, 0), _TEXT))
    for tag, value in rows[: _MOST * 8]:
        if tag == _NEEDED and value < len(text):
            yield text[value:].split(b"\0", 1)[0].decode(errors="replace")


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    try:
        file.seek(offset)
    except (OverflowError, ValueError, OSError):  # an offset that no file has
        return b""
    return file.read(count)


def of(data: bytes) -> Executable:
    """As `probe`, of bytes."""
    return probe(io.BytesIO(data))
