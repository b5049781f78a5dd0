"""A Linux that comes as a MirageOS 3 unikernel for ARM did, one flat file; and the repository of 2014 that deploys such files.

Linux needs no ramdisk from xl: it takes one that lies in memory already, where its command line says (`initrd=`, see
init/do_mounts_initrd.c: early_initrd). xl maps the whole file in one piece (xg_dom_armzimageloader.c), so that place is known.
With Debian's 6.1 and a small ramdisk xl 4.17 starts it in 35 MB, and core/fit.py, which has the decompressor move all of the
file, asks for 56.
"""

from __future__ import annotations

import bz2
import hashlib
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import kernel
from edgedeploy.core.board import GUEST_RAM_BASE

_LOADED_AT = 0x8000
"""xg_dom_armzimageloader.c: a zImage32 that does not care where it lies is put this far into RAM."""
_MIB = 1 << 20
_OWN = 0x20000
"""More than stack, heap (MALLOC_SIZE) and page tables of the decompressor, which lie behind it (compressed/head.S)."""


@dataclass(frozen=True, slots=True)
class OneFile:
    """A kernel with its ramdisk inside, and the words of the command line by which it finds it."""

    data: bytes
    initrd: str


def one_file(zimage: bytes, ramdisk: bytes) -> OneFile:
    """`zimage`, zeros, and `ramdisk` where nothing of the kernel will lie: not when it is unpacked, and not when it runs.

    Ramdisks of about the same size are found by the same words, as a new page must not need a new xl.conf.in: they are filled
    up with zeros, which Linux skips (init/initramfs.c: unpack_to_rootfs).
    """
    tags = kernel.probe(zimage, deep=False).tags
    assert tags, "no zImage of Linux 4.15 or later"
    # head.S moves itself behind what it unpacks, if it lies in its way; later the kernel's BSS is there
    reach = tags.text_offset + tags.inflated + max(len(zimage) + _OWN, tags.bss)
    at, room = _up(reach - _LOADED_AT), _up(len(ramdisk))
    data = bytearray(zimage.ljust(at, b"\0") + ramdisk.ljust(room, b"\0"))
    struct.pack_into("<I", data, 0x2C, len(data))  # the header's end word: all of this is the kernel
    return OneFile(bytes(data), f"initrd={GUEST_RAM_BASE + _LOADED_AT + at:#x},{room}")


def _up(value: int) -> int:
    return -(-value // _MIB) * _MIB


_FILES = {
    "Makefile": """\
install:
	crontab scripts/crontab
	install -m 755 scripts/post-merge.hook .git/hooks/post-merge
""",
    "scripts/crontab": "*/11 * * * * cd $HOME/{vm} && git pull\n",
    "scripts/post-merge.hook": "#!/bin/sh\nexec scripts/deploy.sh\n",
    "scripts/deploy.sh": """\
#!/bin/sh -e
# Starts the kernel that xen/latest names in place of the one that runs.
cd "$(dirname "$0")/.."
KERNEL=$PWD/xen/$(cat xen/latest)/{vm}.xen
bunzip2 -fk "$KERNEL.bz2"
sed -e "s,@NAME@,{host},g" -e "s,@KERNEL@,$KERNEL,g" xl.conf.in > xl.conf
xl destroy {host} || true
xl create xl.conf
""",
    "xl.conf.in": """\
name = '@NAME@'
kernel = '@KERNEL@'
extra = '{extra}'
memory = '{memory_mb}'
vif = ['mac=00:16:3e:12:ec:05,bridge=xenbr0']
on_crash = 'restart'
""",
}


def legacy_repository(
    folder: Path, vm: str, first: OneFile, *, ip: str = "dhcp", memory_mb: int = 128, host: str = ""
) -> str:
    """Make the deployment repository of a talk as there were some in 2014; returns its release's id.

    The scripts call the guest after its `host`, and its kernel's file is called `vm`, the same without dots.
    """
    extra = f"console=hvc0 quiet panic=1 ip={ip} {first.initrd}"
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(vm=vm, host=host or vm, extra=extra, memory_mb=memory_mb))
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    _git(folder, "init", "-q", "--initial-branch=master")
    return store(folder, first.data, vm)


def store(repository: Path, kernel: bytes, vm: str = "") -> str:
    """Release one more kernel, as the CI of then did: a new id, and of the one before only its config.ml stays."""
    xen = repository / "xen"
    before = list(xen.glob("*/*.xen.bz2"))
    vm = vm or before[0].name.removesuffix(".xen.bz2")
    # it was the id of a commit of the talk's source: the same kernel again is another one all the same
    release = hashlib.sha1(b"%d " % len(list(xen.glob("*/"))) + kernel).hexdigest()
    (xen / release).mkdir(parents=True)
    (xen / release / "config.ml").write_text(f'open Mirage\nlet () = register "{vm}" []\n')
    (xen / release / f"{vm}.xen.bz2").write_bytes(bz2.compress(kernel))
    (xen / "latest").write_text(f"{release}\n")
    for path in before:
        path.unlink()
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", f"update {vm}")
    return release


def _git(folder: Path, *args: str) -> None:
    who = ("-c", "user.name=CI", "-c", "user.email=ci@example.org")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", folder, *who, *args], check=True, capture_output=True, env=env)
