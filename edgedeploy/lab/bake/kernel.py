"""The unpacked Debian kernel package: find its parts, order its modules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import cpio, errors

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel package's tree."""

    version: str
    vmlinuz: Path
    modules: Path
    """lib/modules/<version>"""


def find(tree: Path) -> Kernel:
    """The one kernel in `tree`."""
    found = sorted((tree / "boot").glob("vmlinuz-*"))
    if len(found) != 1:
        raise errors.BoardFault(
            f"the kernel package holds {len(found)} kernels instead of one",
            hint="`edgedeploy lab build --fresh` fetches the packages again",
        )
    version = found[0].name.removeprefix("vmlinuz-")
    for modules in (tree / "lib" / "modules" / version, tree / "usr" / "lib" / "modules" / version):
        if modules.is_dir():
            return Kernel(version, found[0], modules)
    raise errors.BoardFault(f"the kernel package has no modules for {version}")


def key(name: str) -> str:
    """Module names are the same with dash and underscore."""
    return name.replace("-", "_")


def depends(module: bytes) -> list[str]:
    """What a module's own header says must be loaded before it."""
    match = _DEPENDS.search(module)
    return [name for name in match[1].decode().split(",") if name] if match else []


def closure(wanted: Iterable[str], needs: Callable[[str], Iterable[str]]) -> list[str]:
    """The wanted modules and all they need, each once, in an order that loads."""
    order: list[str] = []

    def visit(name: str) -> None:
        if key(name) not in order:
            for other in needs(key(name)):
                visit(other)
            order.append(key(name))

    for name in wanted:
        visit(name)
    return order


def load_order(kernel: Kernel, wanted: Iterable[str]) -> list[Path]:
    """Paths of the wanted modules and their dependencies, in the order to insert them."""
    index = _index(kernel)

    def needs(name: str) -> list[str]:
        if name not in index:
            raise errors.BoardFault(
                f"kernel {kernel.version} has no module {name}",
                hint="modules.txt in the recipe names the modules; a newer kernel may have one built in",
            )
        return depends(index[name].read_bytes())

    return [index[name] for name in closure(wanted, needs)]


def ramdisk(modules: Iterable[Path], busybox: bytes, others: Mapping[str, bytes]) -> bytes:
    """A raw cpio with busybox, the modules, /modules/order, and executable files such as /init."""
    paths = list(modules)
    entries = [cpio.file(f"modules/{path.name}", path.read_bytes()) for path in paths]
    entries.append(cpio.file("modules/order", "".join(f"{path.name}\n" for path in paths).encode()))
    entries.append(cpio.file("bin/busybox", busybox, 0o755))
    entries += [cpio.file(name, data, 0o755) for name, data in others.items()]
    entries += [cpio.folder(name) for name in ("proc", "sys", "dev", "root", "tmp")]
    return cpio.pack(entries)


def _index(kernel: Kernel) -> dict[str, Path]:
    return {key(path.stem): path for path in sorted((kernel.modules / "kernel").rglob("*.ko"))}
