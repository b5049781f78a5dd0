"""The real toolstack's kernel loader, asked about files. Runs in an ARM Python under qemu-user, not in the tests' own.

Does what libxl__build_dom (libxl_dom.c) does for an ARM guest with libxenguest's own functions: parse the image,
set its memory, place and copy kernel, ramdisk and device tree, compare the guest's type with xen_caps. There is no
hypervisor: the few hypercalls on the way are replaced, in the library's table of imports, by ones that say yes.

Argument: the words of xen_caps. Input: one JSON object a line {file, memory_mb, ramdisk}. Output: one a line
{takes, type, said}, `said` being the library's own last error.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from collections.abc import Callable

VERSION = "4.17"
RAM_BASE = 0x40000000  # public/arch-arm.h: GUEST_RAM0_BASE
DTB = bytes(8192)  # of the size that xl makes

_u32, _u64, _size, _ptr = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t, ctypes.c_void_p


def _seg(name: str) -> list[tuple[str, type]]:
    return [(f"{name}_{part}", _u64) for part in ("vstart", "vend", "pfn", "pages")]


class Module(ctypes.Structure):
    _fields_ = [("blob", _ptr), ("size", _size), ("cmdline", _ptr), *_seg("seg")]


class Dom(ctypes.Structure):
    """struct xc_dom_image of xenguest.h, as far as container_type."""

    _fields_ = [
        *[("kernel_blob", _ptr), ("kernel_size", _size), ("num_modules", _u32), ("modules", Module * 2)],
        *[("devicetree_blob", _ptr), ("devicetree_size", _size)],
        *[("max_kernel_size", _size), ("max_module_size", _size), ("max_devicetree_size", _size)],
        *[("cmdline", _ptr), ("cmdline_size", _size), ("f_requested", _u32)],
        *[("parms", _ptr), ("guest_type", ctypes.c_char_p)],
        *_seg("kernel"), *_seg("p2m"), *_seg("pgtables"), *_seg("devicetree"), *_seg("start_info"),
        *[(f"pfn{n}", _u64) for n in range(8)],  # start_info, console, xenstore, shared_info, bootstack, ends
        *[("initrd_start", _u64), ("initrd_len", _u64), ("alloc_bootstack", _u32), ("virt_pgtab_end", _u64)],
        *[("f_active", _u32), ("pv_p2m", _ptr), ("p2m_size", _u64)],
        *[("rambase_pfn", _u64), ("total_pages", _u64), ("phys_pages", _ptr), ("rambank_size", _u64 * 2)],
        *[("memblocks", _ptr), ("alloc_sizes", _size * 4), ("flags", ctypes.c_ulong), ("evtchns", _u32 * 4)],
        *[("shared_info_mfn", _u64), ("xch", _ptr), ("guest_domid", _u32), ("claim_enabled", ctypes.c_int)],
        *[("xen_version", ctypes.c_int), ("xen_caps", ctypes.c_char * 1024)],
        *[("kernel_loader", _ptr), ("private_loader", _ptr), ("vmemranges", _ptr), ("nr_vmemranges", _u32)],
        *[("vnode_to_pnode", _ptr), ("nr_vnodes", _u32), ("arch_private", _ptr), ("arch_hooks", _ptr)],
        *[("allocate", _ptr), ("container_type", ctypes.c_int)],
    ]  # fmt: skip


def library(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


libc = library("libc.so.6")
log = library("libxentoollog.so.1")
ctrl = library(f"libxenctrl.so.{VERSION}")
guest = library(f"libxenguest.so.{VERSION}")
for owner, function in (
    (libc, "open_memstream"), (libc, "mmap"), (log, "xtl_createlogger_stdiostream"), (ctrl, "xc_interface_open"),
):  # fmt: skip
    getattr(owner, function).restype = _ptr
guest.xc_dom_allocate.restype = ctypes.POINTER(Dom)
guest.xc_dom_rambase_init.argtypes = [_ptr, _u64]

MAPS: list[tuple[int, int]] = []


def _mapped(_xch: int, _domid: int, size: int, *_rest: int) -> int:
    """Guest memory to copy the kernel into: ours."""
    at = libc.mmap(None, _size(size), 3, 0x22, -1, 0)  # PROT_READ|WRITE, MAP_PRIVATE|ANONYMOUS
    MAPS.append((at, size))
    return int(at)


def _populated(_xch: int, _domid: int, extents: int, *_rest: int) -> int:
    return extents


def _yes(*_arguments: int) -> int:
    return 0


_YES = (
    "xencall1", "xc__hypercall_bounce_pre", "xc__hypercall_bounce_post", "xc_domain_populate_physmap_exact",
    "xc_clear_domain_pages", "xc_hvm_param_set", "xc_domain_cacheflush",
)  # fmt: skip
_CALLS: list[object] = []  # ctypes must not forget them


def replace_hypercalls() -> None:
    say_yes = ctypes.CFUNCTYPE(ctypes.c_int, *[_ptr] * 4)(_yes)
    mapper = ctypes.CFUNCTYPE(_ptr, _ptr, _u32, _size, ctypes.c_int, _size, _ptr, ctypes.c_int)(_mapped)
    populate = ctypes.CFUNCTYPE(ctypes.c_int, _ptr, _u32, ctypes.c_ulong)(_populated)
    wanted = {**dict.fromkeys(_YES, say_yes), "xc_domain_populate_physmap": populate, "xc_map_foreign_ranges": mapper}
    _CALLS.extend((say_yes, populate, mapper))
    with open("/proc/self/maps") as maps:
        lines = [line for line in maps if f"libxenguest.so.{VERSION}" in line]
    base, path = int(lines[0].split("-")[0], 16), lines[0].split()[-1]
    with open(path, "rb") as file:
        image = file.read()
    done = set()
    for name, slot in imports(image):
        if name in wanted:
            page = base + slot & ~0xFFF
            libc.mprotect(_ptr(page), _size(4096), 3)  # it is read-only after relocation (RELRO)
            _ptr.from_address(base + slot).value = ctypes.cast(wanted[name], _ptr).value
            done.add(name)
    if done != set(wanted):
        raise SystemExit(f"not imported by libxenguest {VERSION}: {sorted(set(wanted) - done)}")


def imports(image: bytes) -> list[tuple[str, int]]:
    """The functions a shared library imports, and where it keeps their addresses (ELF: DT_JMPREL, DT_RELA/DT_REL)."""
    wide = image[4] == 2
    word, size = ("Q", 8) if wide else ("I", 4)
    phoff = struct.unpack_from("<" + word, image, 32 if wide else 28)[0]
    phsize, phnum = struct.unpack_from("<HH", image, 54 if wide else 42)
    tags: dict[int, int] = {}
    for row in range(phoff, phoff + phsize * phnum, phsize):
        if struct.unpack_from("<I", image, row)[0] == 2:  # PT_DYNAMIC
            at = struct.unpack_from("<" + word, image, row + (8 if wide else 4))[0]
            while (pair := struct.unpack_from("<2" + word, image, at))[0]:
                tags[pair[0]] = pair[1]
                at += 2 * size
    found = []
    step = 3 * size if wide else 2 * size  # RELA on AArch64, REL on ARM
    # 23 DT_JMPREL, 2 its size; 7/8 DT_RELA, 17/18 DT_REL
    for table, length in ((23, 2), (7, 8), (17, 18)):
        for row in range(tags.get(table, 0), tags.get(table, 0) + tags.get(length, 0), step):
            slot, info = struct.unpack_from("<2" + word, image, row)
            symbol = tags[6] + (info >> (32 if wide else 8)) * (24 if wide else 16)  # DT_SYMTAB
            start = tags[5] + struct.unpack_from("<I", image, symbol)[0]  # DT_STRTAB
            found.append((image[start : image.index(b"\0", start)].decode(), slot))
    return found


class Log:
    """The library's log, as text."""

    def __init__(self) -> None:
        self._text, self._length = ctypes.c_char_p(), _size()
        self._stream = libc.open_memstream(ctypes.byref(self._text), ctypes.byref(self._length))
        self.logger = log.xtl_createlogger_stdiostream(_ptr(self._stream), 6, 0)  # XTL_NOTICE and above

    def last(self) -> str:
        libc.fclose(_ptr(self._stream))
        text = (self._text.value or b"").decode(errors="replace").strip()
        return text.splitlines()[-1] if text else ""


def ask(path: str, memory_mb: int, ramdisk: str, caps: str) -> dict[str, object]:
    messages = Log()
    xch = _ptr(ctrl.xc_interface_open(_ptr(messages.logger), _ptr(messages.logger), 1))  # XC_OPENFLAG_DUMMY
    dom = guest.xc_dom_allocate(xch, b"", None)
    inside = dom.contents
    inside.container_type = 1  # libxl makes every ARM guest a PVH one: XC_DOM_HVM_CONTAINER
    inside.guest_domid, inside.xen_version, inside.xen_caps = 1, 4 << 16 | 17, caps.encode()
    steps: tuple[Callable[[], int], ...] = (
        lambda: guest.xc_dom_kernel_file(dom, os.fsencode(path)),
        lambda: guest.xc_dom_module_file(dom, os.fsencode(ramdisk), None) if ramdisk else 0,
        lambda: guest.xc_dom_rambase_init(dom, RAM_BASE),
        lambda: guest.xc_dom_parse_image(dom),
        lambda: guest.xc_dom_devicetree_mem(dom, DTB, _size(len(DTB))),
        lambda: guest.xc_dom_mem_init(dom, memory_mb),
        lambda: guest.xc_dom_boot_mem_init(dom),
        lambda: guest.xc_dom_build_image(dom),
    )
    takes = not any(step() for step in steps)
    answer = {"takes": takes, "type": (inside.guest_type or b"").decode(), "said": messages.last()}
    guest.xc_dom_release(dom)
    for at, size in MAPS:
        libc.munmap(_ptr(at), _size(size))
    MAPS.clear()
    return answer


def main() -> None:
    replace_hypercalls()
    for line in sys.stdin:
        request = json.loads(line)
        answer = ask(request["file"], request.get("memory_mb", 256), request.get("ramdisk", ""), sys.argv[1])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
