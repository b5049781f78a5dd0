"""Files out of Debian's packages for other architectures: fetched once into the user's cache, then only read.

Uses a private apt root with this machine's own apt settings; this machine's architectures and packages stay as they
are. A cache that is complete is used without asking any network; delete <cache>/corpus for newer packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.lab.bake.apt import AptRoot
from edgedeploy.ports import folders
from tests import needs

ARCHITECTURES = ("armhf", "arm64", "armel", "amd64")
_KERNEL = r"\./boot/vmlinuz-.*"
FILES = {
    # file: (package, its architecture, the member's path); kernels by metapackage: whatever is newest
    "armmp": ("linux-image-armmp", "armhf", _KERNEL),
    "armmp-lpae": ("linux-image-armmp-lpae", "armhf", _KERNEL),
    "marvell": ("linux-image-marvell", "armel", _KERNEL),
    "rpi": ("linux-image-rpi", "armel", _KERNEL),
    "cloud-arm64": ("linux-image-cloud-arm64", "arm64", _KERNEL),
    "cloud-amd64": ("linux-image-cloud-amd64", "amd64", _KERNEL),
    "netfront.ko": ("linux-image-armmp", "armhf", r".*/xen-netfront\.ko"),
    "cubieboard2.dtb": ("linux-image-armmp", "armhf", r".*/sun7i-a20-cubieboard2\.dtb"),
    "xen-armhf": ("xen-hypervisor-4.17-armhf", "armhf", r"\./boot/xen-4\.17-armhf"),
    "xen-arm64": ("xen-hypervisor-4.17-arm64", "arm64", r"\./boot/xen-4\.17-arm64"),
    "xen-amd64.gz": ("xen-hypervisor-4.17-amd64", "amd64", r"\./boot/xen-4\.17-amd64\.gz"),
    "xen-amd64.efi": ("xen-hypervisor-4.17-amd64", "amd64", r"\./boot/xen-4\.17-amd64\.efi"),
    "u-boot-qemu-arm": ("u-boot-qemu", "armhf", r".*/qemu_arm/u-boot\.bin"),
    "u-boot-qemu-arm.elf": ("u-boot-qemu", "armhf", r".*/qemu_arm/uboot\.elf"),
    "u-boot-qemu-arm64": ("u-boot-qemu", "armhf", r".*/qemu_arm64/u-boot\.bin"),
    "u-boot-qemu-arm64.elf": ("u-boot-qemu", "armhf", r".*/qemu_arm64/uboot\.elf"),
    "u-boot-qemu-x86.rom": ("u-boot-qemu", "armhf", r".*/qemu-x86/u-boot\.rom"),
    "u-boot-riscv64": ("u-boot-qemu", "armhf", r".*/qemu-riscv64/uboot\.elf"),
    "u-boot-malta": ("u-boot-qemu", "armhf", r".*/malta64el/uboot\.elf"),
    "u-boot-ppc": ("u-boot-qemu", "armhf", r".*/qemu-ppce500/uboot\.elf"),
    "u-boot-rpi4": ("u-boot-rpi", "arm64", r".*/rpi_4/u-boot\.bin"),
    "u-boot-cubieboard2": ("u-boot-sunxi", "armhf", r".*/Cubieboard2/u-boot-sunxi-with-spl\.bin"),
    "busybox": ("busybox-static", "armhf", r"\./bin/busybox"),
    "grub-arm64.efi": ("grub-efi-arm64-bin", "arm64", r".*/monolithic/grubaa64\.efi"),
    "grub-arm64.img": ("grub-efi-arm64-bin", "arm64", r".*/arm64-efi/kernel\.img"),
}
_META = re.compile(r"linux-image-\D")
TOOLSTACK = (
    *("libc6", "libgcc-s1", "zlib1g", "libuuid1", "libext2fs2", "libcom-err2", "libfdt1", "libyajl2", "libffi8"),
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libexpat1"),
    *("libxentoolcore1", "libxentoollog1", "libxencall1", "libxendevicemodel1", "libxenevtchn1", "libxenstore4"),
    *("libxenforeignmemory1", "libxengnttab1", "libxenhypfs1", "libxenmisc4.17"),
)
"""Xen's guest builder and a Python to call it from, for each of TOOLSTACK_FOR."""
TOOLSTACK_FOR = ("armhf", "arm64")


def folder() -> Path:
    return folders.cache_dir() / "corpus"


def toolstack(architecture: str) -> Path:
    """The root folder of the toolstack of an architecture; call `files` first."""
    return folder() / "roots" / architecture


def files() -> dict[str, Path]:
    """Every file of FILES, fetched where it is not there yet; what cannot be fetched is `tests.needs`' affair."""
    home = folder()
    home.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(json.dumps([FILES, TOOLSTACK]).encode()).hexdigest()
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = home / "complete"
        if not stamp.exists() or stamp.read_text() != wanted:
            try:
                _fetch(home)
            except errors.EdgeError as error:
                needs.require(f"Debian's packages ({error.message}; {'; '.join(error.details[-2:])})")
            stamp.write_text(wanted)
    return {name: home / "files" / name for name in FILES}


class _Report:
    def warn(self, text: str) -> None:
        print(text, file=sys.stderr)


def _fetch(home: Path) -> None:
    for name in ("files", "roots", "debs"):
        shutil.rmtree(home / name, ignore_errors=True)
        (home / name).mkdir()
    apt = AptRoot(home / "apt", home / "debs", home / "fetch.log", ARCHITECTURES)
    (home / "apt").mkdir(exist_ok=True)
    apt.index(_Report())
    real = {}
    for package, architecture in dict.fromkeys(row[:2] for row in FILES.values()):
        names = [package]
        if _META.match(package):
            names = [name for name in apt.depends(f"{package}:{architecture}") if name.startswith("linux-image")]
        real[package, architecture] = names[0]
    debs = apt.download([f"{name}:{architecture}" for (_, architecture), name in real.items()])
    for (package, architecture), name in real.items():
        deb = next(deb for deb in debs if deb.name.startswith(f"{name}_") and deb.stem.endswith((architecture, "_all")))
        members = {file: row[2] for file, row in FILES.items() if row[:2] == (package, architecture)}
        _unpack(deb, members, home / "files")
    for deb in apt.download([f"{name}:{architecture}" for name in TOOLSTACK for architecture in TOOLSTACK_FOR]):
        subprocess.run(["dpkg-deb", "-x", deb, home / "roots" / deb.stem.rpartition("_")[2]], check=True)
    shutil.rmtree(home / "debs")
    shutil.rmtree(home / "apt")


def _unpack(deb: Path, members: dict[str, str], target: Path) -> None:
    left = dict(members)
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as tar:
        with tarfile.open(fileobj=tar.stdout, mode="r|") as archive:
            for member in archive:
                name = next((name for name, path in left.items() if re.fullmatch(path, member.name)), None)
                if name and member.isreg():
                    (target / name).write_bytes(archive.extractfile(member).read())
                    del left[name]
                if not left:
                    break
        tar.terminate()
    if left:
        raise AssertionError(f"{deb.name} has no {', '.join(left.values())}")
