"""docs/misfits.md: every code with its meaning and what a check really says, of a small file made for it.

To write the page anew: `python -m tests.misfits --write docs/misfits.md`.
"""

from __future__ import annotations

import ast
import gzip
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import edgedeploy
from edgedeploy.artefact import codes, fit, probe
from edgedeploy.core import executable, kernel, packing, xllint
from edgedeploy.core import fit as core_fit
from edgedeploy.core.board import BoardFacts, Misfit
from edgedeploy.core.executable import Host
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.names import DomainName
from edgedeploy.core.packing import Codec
from edgedeploy.profiles import catalog
from tests import kernels as k

Example = Callable[[Path], Iterable[Misfit]]
"""Gives everything that one check says; the folder is for files."""


def file(
    data: bytes,
    board: str = "cubieboard2",
    *,
    live: BoardFacts | None = None,
    memory_mb: int = 256,
    vcpus: int = 1,
    ramdisk: bytes | None = None,
) -> Example:
    """What checking a kernel of these bytes says, warnings too."""

    def said(folder: Path) -> Iterable[Misfit]:
        (folder / "kernel").write_bytes(data)
        (folder / "ramdisk").write_bytes(ramdisk or b"")
        profile, found = catalog.load(board, None), probe.inspect(folder / "kernel")
        with_it = probe.inspect(folder / "ramdisk", ramdisk=True) if ramdisk is not None else None
        needs = {"memory_mb": memory_mb, "vcpus": vcpus, "ramdisk": with_it}
        return (*fit.check(found, profile, live, **needs), *fit.warnings(found, profile, live, **needs))

    return said


def domain(needs: DomainNeeds, live: BoardFacts) -> Example:
    """What checking a good kernel in this domain says, on a board that reports `live`."""
    return lambda _: core_fit.check(kernel.probe(k.zimage()), needs, catalog.load("cubieboard2", None), live)


def program(data: bytes, *, there: bool = True, machine: str = "armv7l") -> Example:
    """What checking these bytes as a program says, on a machine that has all that it needs, or nothing."""
    host = Host(machine, 4096, lambda _: there)
    return lambda _: executable.misfits(executable.of(data), host)


def runtime(board: str) -> Example:
    """What a board of this kind says to a program."""
    live = BoardFacts(runtimes=("xen",))
    return lambda _: core_fit.check(kernel.probe(k.zimage()), DomainNeeds(96, runtime="unix"), catalog.load(board, None), live)


def plugged(bridge: str) -> Example:
    """What a person should know of a good kernel whose network card is plugged into `bridge`."""

    def said(folder: Path) -> Iterable[Misfit]:
        (folder / "kernel").write_bytes(k.zimage())
        needs = DomainNeeds(256, bridges=(bridge,))
        return fit.warnings(probe.inspect(folder / "kernel"), catalog.load("cubieboard2", None), domain=needs)

    return said


def template(text: str) -> Example:
    """What an original repository's xl.conf.in with this line says."""

    def said(_: Path) -> Iterable[Misfit]:
        found = xllint.read(text, DomainName("decks"), "decks.xen")[1]
        return (*found.misfits, *found.warnings)

    return said


def warned(needs: DomainNeeds) -> Example:
    """What a person should know of a good Linux kernel in this domain."""
    return lambda _: core_fit.warnings(kernel.probe(k.linux_zimage()), needs, catalog.load("cubieboard2", None))


def packed(codec: Codec, data: bytes = b"") -> bytes:
    return packing.pack(data or k.linux_zimage(), codec)


EXAMPLES: dict[str, Example] = {
    "empty": file(b""),
    "unknown": file(b"\x89PNG\r\n\x1a\n" + bytes(60)),
    "web-page": file(k.NOT_KERNELS["html"]),
    "lfs-pointer": file(k.NOT_KERNELS["lfs-pointer"]),
    "initramfs": file(k.cpio()),
    "uimage": file(k.uimage(k.zimage())),
    "fit": file(k.fdt(fit=True)),
    "dtb": file(k.fdt()),
    "zboot": file(k.zboot()),
    "efi-program": file(k.pe(0xAA64)),
    "hypervisor": file(k.zimage(bytes(64) + b"(XEN) Xen version\0")),
    "nested": file(packed(Codec.GZ, packed(Codec.XZ))),
    "bomb": file(gzip.compress(bytes(140 << 20), 1)),
    "codec-corrupt": file(packed(Codec.BZ2)[:-40]),
    "codec-unsupported": file(k.LZO),
    "gz-trailer": file(packed(Codec.GZ) + b"something else follows"),
    "board-cannot": file(k.zimage(), "rpi3"),
    "wrong-arch": file(k.x86_mirage()),
    "arm64-on-armv7": file(k.image64()),
    "arm32-unsupported": file(k.zimage(), "rpi5"),
    "cpu-level": file(k.linux_zimage(k.linux_payload(level=6))),
    "endian": file(k.zimage(marker=0x01020304)),
    "page-size": file(k.image64(flags=0b100), "rpi4"),
    "elf": file(k.vmlinux(40)),
    "elf-needs-objcopy": file(k.elf(machine=40, segments=((1, k.zimage()),), wide=False)),
    "elf-userland": file(k.elf(machine=40, segments=((3, b"/lib/ld.so\0"),), wide=False)),
    "solo5-target": file(k.solo5(1), "rpi4"),
    "header": file(k.zimage(start=0x40008000, declared=-8)),
    "truncated": file(k.zimage(declared=5000)),
    "start-addr": file(k.zimage(start=0x60008000)),
    "text-offset": file(k.image64(text_offset=0x1234), "rpi4"),
    "appended-dtb": file(k.zimage(tail=k.fdt())),
    "payload": file(k.linux_zimage(packed=b"\xfd7zXZ\0" + b"\1" * 999)),
    "no-xen": file(k.zimage(k.NOP * 64)),
    "no-runtime": runtime("cubieboard2"),
    "no-program": program(b"\x89PNG\r\n\x1a\n" + bytes(60)),
    "kernel-as-program": program(k.zimage()),
    "no-interpreter": program(b"#!/usr/bin/node\n", there=False),
    "no-library": program(k.program(libraries=("libssl.so.3",)), there=False),
    "guest-memory": file(k.linux_zimage(), memory_mb=24),
    "too-big": file(k.image64(image_size=4 << 30), "rpi4"),
    "host-memory": file(k.zimage(), live=BoardFacts(free_memory_mb=95)),
    "vcpus": file(k.zimage(), vcpus=9),
    "ramdisk": file(k.linux_zimage(), ramdisk=k.linux_zimage()),
    "bridge": domain(DomainNeeds(256, bridges=("br7",)), BoardFacts(bridges=("xenbr0",))),
    "address": domain(
        DomainNeeds(256, bridges=("xenbr0",), address="192.168.7.20"), BoardFacts(networks=("xenbr0 10.0.2.0/24",))
    ),
    "address-taken": domain(
        DomainNeeds(256, bridges=("xenbr0",), address="10.0.2.20"), BoardFacts(holder="52:54:00:12:34:56")
    ),
    "gic-version": domain(DomainNeeds(256, gic_version="v3"), BoardFacts()),
    "passthrough": template("irqs = [88]"),
    "disk": template("disk = ['phy:/dev/vg/a,xvda,w']"),
    "device": template("tee = 'optee'"),
    "guest-type": template("type = 'hvm'"),
    "option-value": template("memory = 'lots'"),
    "no-console": warned(DomainNeeds(256, cmdline="quiet")),
    "option-unknown": template("memroy = 256"),
    "option-ignored": template("cpus = '0-1'"),
    "on-crash": template("on_crash = 'restart'"),
    "cmdline-wins": template("cmdline = 'console=hvc0'\nextra = 'quiet'"),
    "vif-bridge": template("vif = ['mac=00:16:3e:00:00:01']"),
    "bridge-differs": plugged("br7"),
    "kernel-replaced": template("kernel = '/boot/other'"),
    "trailing": file(k.zimage(tail=b"x" * 8)),
    "xen-unseen": file(k.linux_zimage(packed=k.LZO)),
    "codec-on-board": file(packed(Codec.ZST)),
    "ramdisk-joined": file(k.linux_zimage(), ramdisk=packed(Codec.GZ, k.cpio()) + k.cpio()),
    "memory-tight": file(k.linux_zimage(), memory_mb=48),
    "vcpus-shared": file(k.zimage(), vcpus=3),
    "small-version": file(k.zimage(), memory_mb=256),
    "board-differs": file(k.zimage(), live=BoardFacts(compatible=("ti,am33xx",))),
}

_INTRO = """\
# Misfits

<!-- generated by `python -m tests.misfits --write docs/misfits.md`; a test compares -->

`edgedeploy check` gives every reason why a kernel cannot run on a board, each with a code (`misfits[].code` with
`--json`) and with what to do. The agent on the board checks again, with the same code, before it touches anything.
A code keeps its meaning for ever; new ones may come. The examples are what a check says of a small file made for it.
"""
_WARNINGS = """\
## Warnings

These stop nothing (`warnings[].code` with `--json`). A code of the table above is a warning where it is about a file that
does not count any more: an xl.conf.in beside edgedeploy.toml.
"""


def example(code: str) -> Misfit:
    """The misfit of this code among what its example says. Raises LookupError when it is not said."""
    with tempfile.TemporaryDirectory() as folder:
        said = list(EXAMPLES[code](Path(folder)))
    found = [misfit for misfit in said if misfit.code == code]
    if not found:
        raise LookupError(f"the example of {code!r} says {[misfit.code for misfit in said]}")
    return found[0]


def page() -> str:
    """The whole page."""
    return "\n".join((_INTRO, _table(codes.MISFITS), _WARNINGS, _table(codes.WARNINGS)))


def _table(meanings: dict[str, str]) -> str:
    rows = ["| code | what it means | example | what to do |", "|---|---|---|---|"]
    for code, meaning in meanings.items():
        misfit = example(code)
        said = misfit.line().removesuffix(misfit.hint).strip()
        cells = (f"`{code}`", meaning, said, misfit.hint)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def in_source() -> dict[str, str]:
    """Every code that the source can give, and where: the first arguments of Misfit(...) and PackingError(...)."""
    found: dict[str, str] = {}
    root = Path(edgedeploy.__file__).parent
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and _name(call.func) in ("Misfit", "PackingError") and call.args:
                where = f"{path.relative_to(root)}:{call.lineno}"
                found.update(dict.fromkeys(_codes(call.args[0], tree, where), where))
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _codes(argument: ast.expr, tree: ast.Module, where: str) -> set[str]:
    if isinstance(argument, ast.Starred) or (isinstance(argument, ast.Attribute) and argument.attr == "code"):
        return set()  # read from the wire, or handed on from another
    found = set(_texts(argument))
    if isinstance(argument, ast.Name):
        found |= _handed_in(argument.id, tree, where)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(argument.id in _targets(target) for target in node.targets):
                found.update(_texts(node.value))
                if isinstance(node.value, ast.Subscript):  # code, … = TABLE[…]: a module's table of tuples
                    found.update(_firsts(_name(node.value.value), tree))
    if not found:
        raise LookupError(f"{where}: cannot tell what code this gives: {ast.unparse(argument)}")
    return found


def _handed_in(name: str, tree: ast.Module, where: str) -> set[str]:
    """Codes that a module hands to its own functions: `self.refuse("code", …)`, where refuse makes the misfit."""
    found: set[str] = set()
    line = int(where.rpartition(":")[2])
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or not function.lineno <= line <= (function.end_lineno or 0):
            continue
        parameters = [one.arg for one in function.args.args if one.arg != "self"]
        for call in ast.walk(tree) if name in parameters else ():
            if isinstance(call, ast.Call) and _name(call.func) == function.name and len(call.args) > parameters.index(name):
                found |= _codes(call.args[parameters.index(name)], tree, f"{where.rpartition(':')[0]}:{call.lineno}")
    return found


def _targets(target: ast.expr) -> list[str]:
    return [_name(one) for one in (target.elts if isinstance(target, ast.Tuple) else [target])]


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _firsts(table: str, tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and table in _targets(node.targets[0]) and isinstance(node.value, ast.Dict):
            for value in node.value.values:
                yield from _texts(value.elts[0] if isinstance(value, ast.Tuple) else value)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        Path(sys.argv[2]).write_text(page())
    else:
        print(page(), end="")
