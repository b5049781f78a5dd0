"""Reads as much of an ELF file as tells one kernel from another: machine, kind, Xen and Solo5 notes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_MACHINES = {
    3: "x86", 62: "x86-64", 40: "armv7l", 183: "aarch64", 243: "RISC-V", 8: "MIPS", 20: "PowerPC",
}  # fmt: skip
_TARGETS = {1: "hvt", 2: "spt", 3: "virtio", 4: "muen", 5: "genode", 6: "xen"}
"""solo5: include/elf_abi.h, enum solo5 ABI targets."""
_NOTE_LIMIT = 64 * 1024  # for all notes of a file together: 128 headers may point at the same ones

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Elf:
    """`xen` is "pvh", "pv" or ""; `target` is Solo5's; `load` are the file offsets where flat code may begin."""

    arch: str
    xen: str
    target: str
    load: tuple[int, ...]
    marks: frozenset[str]


def read(head: bytes, at: ReadAt) -> Elf:
    """Read an ELF header and its notes. `at(offset, count)` gives bytes, fewer at the end."""
    wide, order = head[4:5] == b"\2", ">" if head[5:6] == b"\2" else "<"
    form = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    raw = head[16 : 16 + struct.calcsize(form)]
    if len(raw) < struct.calcsize(form):
        return Elf("", "", "", (), frozenset())
    kind, machine, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = struct.unpack(form, raw)
    table = _Table(at, order, wide)
    marks = {"big-endian"} if order == ">" else set()
    if kind == 1:
        marks.add("relocatable")
    segments = [(r[0], r[2], r[5]) if wide else (r[0], r[1], r[4]) for r in table.rows(phoff, phsize, phnum)]
    sections = table.sections(shoff, shsize, shnum, names)
    interp = next((at(offset, min(size, 64)) for p_type, offset, size in segments if p_type == 3), b"")
    notes = [(offset, size) for p_type, offset, size in segments if p_type == 4]
    notes += [(offset, size) for _, s_type, _, _, offset, size in sections if s_type == 7]
    xen, target, left = "", "", _NOTE_LIMIT
    for offset, size in notes:
        raw = at(offset, min(size, left))
        left -= len(raw)
        for name, n_type, desc in _notes(raw, order):
            if name == b"Xen":
                xen = "pvh" if n_type == 18 else xen or "pv"  # XEN_ELFNOTE_PHYS32_ENTRY is 18
            elif name == b"Solo5" and n_type == 0x31494241 and len(desc) >= 4:  # "ABI1"
                target = _TARGETS.get(struct.unpack(order + "I", desc[:4])[0], "unknown")
            elif name == b"GNU" and n_type == 1:
                marks.add("userland")  # NT_GNU_ABI_TAG; a build-id (3) is in vmlinux too
    if any(name == b"__xen_guest" for name, *_ in sections):
        xen = xen or "pv"
    if interp.startswith(b"/nonexistent/solo5"):
        target = target or "unknown"
    elif interp:
        marks.add("userland")
    if xen or target:
        marks.discard("userland")  # a linker adds GNU notes to unikernels too
    # `objcopy -O binary` begins at the lowest section that is loaded; a first segment may begin with the ELF header
    loaded = [(where, offset) for _, s_type, flags, where, offset, _ in sections if s_type == 1 and flags & 2]
    load = (*(offset for _, offset in sorted(loaded)[:1]), *(o for p_type, o, _ in segments[:8] if p_type == 1))
    return Elf(_MACHINES.get(machine, ""), xen, target, load, frozenset(marks))


@dataclass(frozen=True, slots=True)
class _Table:
    """Program and section headers: both begin with six fields that are all we need."""

    at: ReadAt
    order: str
    wide: bool

    def rows(self, offset: int, size: int, count: int) -> list[tuple[int, ...]]:
        form = self.order + ("IIQQQQ" if self.wide else "IIIIII")
        need = struct.calcsize(form)
        raw = (self.at(offset + index * size, need) for index in range(min(count, 128)))
        return [struct.unpack(form, row) if len(row) == need else (0,) * 6 for row in raw]

    def sections(self, offset: int, size: int, count: int, names: int) -> list[tuple[bytes, int, int, int, int, int]]:
        rows = self.rows(offset, size, count)
        text = self.at(rows[names][4], min(rows[names][5], _NOTE_LIMIT)) if names < len(rows) else b""
        named = (text[row[0] :].split(b"\0", 1)[0] for row in rows)
        return [(name, row[1], row[2], row[3], row[4], row[5]) for name, row in zip(named, rows, strict=True)]


def _notes(raw: bytes, order: str) -> Iterator[tuple[bytes, int, bytes]]:
    at = 0
    while at + 12 <= len(raw):
        namesz, descsz, n_type = struct.unpack_from(order + "III", raw, at)
        desc = at + 12 + (namesz + 3 & ~3)
        yield raw[at + 12 : at + 12 + namesz].rstrip(b"\0"), n_type, raw[desc : desc + descsz]
        at = desc + (descsz + 3 & ~3)
