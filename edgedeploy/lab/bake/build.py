"""The steps from nothing to an image folder. `lab.image` decides whether they are needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.lab import recipe, tools
from edgedeploy.lab.bake import dress, kernel, zimage
from edgedeploy.lab.bake.apt import AptRoot, Deb
from edgedeploy.ports.report import Report

DISK_MEGABYTES = 1024
_KERNEL = "linux-image-"
_HYPERVISOR = "xen-hypervisor-"


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Folders of one build: `work` is thrown away, `out` becomes the image, `cache` stays."""

    work: Path
    out: Path
    cache: Path
    log: Path


def build(source: recipe.Recipe, kitchen: Kitchen, report: Report) -> None:
    """Fill `kitchen.out`. Raises UsageFault or BoardFault; nothing outside the kitchen's folders is touched."""
    tools.require(tools.TO_BUILD)
    packages = recipe.parse_packages((source.board / "packages.txt").read_text())
    files = _gather(packages.wanted, kitchen, report)
    base = kitchen.work / "boot"
    wanted = [deb for deb in files if deb.name not in packages.unused and not _apart(deb)]
    with report.step("unpack the packages", total=sum(deb.size for deb in wanted)) as step:
        for deb in files:
            if _apart(deb) or deb.name == "busybox-static":
                tools.run(["dpkg-deb", "-x", str(files[deb]), str(base)], what=f"unpack {deb.file}", log=kitchen.log)
        root = kitchen.work / "root"
        paths = [files[deb] for deb in wanted]
        done = dress.unpack(source.board / "unpack.sh", root, kitchen.work / "session", paths, kitchen.log)
        for deb, _ in zip(wanted, done, strict=True):
            step.advance(deb.size)
        owners = dress.owners((kitchen.work / "session").read_text(), root)
    with report.step("make kernel, ramdisks and disk") as step:
        step.detail("kernel and ramdisks")
        modules = _boot_files(source, base, kitchen.out)
        step.detail("files the packages leave to their scripts")
        _furnish(source, root, modules, paths)
        step.detail("filesystem")
        _seal(source, root, owners, kitchen)


def _gather(wanted: Sequence[str], kitchen: Kitchen, report: Report) -> dict[Deb, Path]:
    apt = AptRoot(kitchen.cache / "apt", kitchen.cache / "debs", kitchen.log)
    with report.step("read Debian's package index"):
        apt.index(report)
        debs = apt.resolve(wanted)
    with report.step("download packages", total=sum(deb.size for deb in debs)) as step:
        paths = apt.fetch(wanted, debs, step)
    apt.prune(paths)
    return dict(zip(debs, paths, strict=True))


def _apart(deb: Deb) -> bool:
    """Kernel and hypervisor lie beside the disk, not on it."""
    return deb.name.startswith((_KERNEL, _HYPERVISOR))


@dataclass(frozen=True, slots=True)
class _Modules:
    kernel: kernel.Kernel
    loaded: list[Path]
    present: list[Path]


def _boot_files(source: recipe.Recipe, base: Path, out: Path) -> _Modules:
    """xen, vmlinuz, vmlinuz.fast, initrd.cpio and the guest's pieces."""
    found = kernel.find(base)
    places = recipe.parse_modules((source.board / "modules.txt").read_text())
    order = {place: kernel.load_order(found, names) for place, names in places.items()}
    busybox = next(path for path in (base / "bin/busybox", base / "usr/bin/busybox") if path.exists()).read_bytes()
    hypervisors = [path for path in sorted((base / "boot").glob("xen-*")) if path.suffix != ".config"]
    if len(hypervisors) != 1:
        raise errors.BoardFault(f"the hypervisor package holds {len(hypervisors)} hypervisors instead of one")
    (out / "guest").mkdir(parents=True)
    shutil.copyfile(hypervisors[0], out / "xen")
    genuine = found.vmlinuz.read_bytes()
    for name in ("vmlinuz", "guest/vmlinuz"):
        (out / name).write_bytes(genuine)
    (out / "vmlinuz.fast").write_bytes(zimage.wrap(zimage.unpack(genuine), zimage.text_offset(genuine)))
    init = {"init": (source.board / "initrd" / "init").read_bytes()}
    (out / "initrd.cpio").write_bytes(kernel.ramdisk(order["initrd"], busybox, init))
    guest = {path.name: path.read_bytes() for path in sorted(source.guest.iterdir()) if path.is_file()}
    (out / "guest" / "base.cpio").write_bytes(kernel.ramdisk(order["guest"], busybox, guest))
    (out / "kernel-version").write_text(f"{found.version}\n")
    # The ramdisk has loaded its part already by the time the board's own script runs.
    loaded = [path for path in order["board"] if path not in order["initrd"]]
    return _Modules(found, loaded, sorted({path for paths in order.values() for path in paths}))


def _furnish(source: recipe.Recipe, root: Path, modules: _Modules, debs: Sequence[Path]) -> None:
    finish = dress.parse_finish((source.board / "finish.txt").read_text())
    dress.dress(root, source.board, finish)
    dress.put(root, "var/lib/dpkg/status", dress.package_status(debs).encode())
    home = f"lib/modules/{modules.kernel.version}"
    for path in modules.present:
        dress.put(root, f"usr/{home}/{path.relative_to(modules.kernel.modules)}", path.read_bytes())
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        index = modules.kernel.modules / name
        if index.exists():
            dress.put(root, f"usr/{home}/{name}", index.read_bytes())
    order = "".join(f"{path.relative_to(modules.kernel.modules)}\n" for path in modules.loaded)
    dress.put(root, "etc/board/modules", order.encode())


def _seal(source: recipe.Recipe, root: Path, owners: Sequence[str], kitchen: Kitchen) -> None:
    finish = dress.parse_finish((source.board / "finish.txt").read_text())
    script = [str(source.board / "seal.sh"), str(root), str(kitchen.out / "disk.raw"), str(DISK_MEGABYTES)]
    tools.run(
        ["fakeroot", "--", "sh", *script],
        what="make the board's filesystem",
        log=kitchen.log,
        stdin="".join(f"{line}\n" for line in (*owners, *finish.owners)),
    )


@contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """A folder for a build that is gone afterwards, whatever modes the unpacked tree has."""
    folder = parent / "work"
    _remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.exists():
        # rmtree cannot enter a folder without its own permission bits; packages have a few
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)
