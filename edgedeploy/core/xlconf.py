"""xl domain configuration: written from typed fields, and the two lines of the original scripts' `xl.conf.in` read.

Writing never pastes strings: every value has passed a gate that admits no quote, backslash or newline, and is checked
again here, because this text tells the hypervisor what to run (syntax: xl.cfg(5)).
"""

from __future__ import annotations

import ast
import re
from pathlib import PurePath

from edgedeploy.core import errors, names
from edgedeploy.core.release import Domain, Manifest, Vif

_SAFE = re.compile(r"[ !#-&(-\[\]-~]*")
_LINE = re.compile(r"(\w+)\s*=\s*(.+)")


def render(manifest: Manifest, kernel: PurePath, ramdisk: PurePath | None) -> str:
    """The domain configuration of a release; `kernel` and `ramdisk` are the unpacked files on the board.

    on_crash and on_poweroff are `preserve`: the console and the fact of the crash are evidence, and `restart` with a
    guest that dies at boot loops for ever (facts: artefacts A7). The agent reaps what is preserved.
    """
    domain = manifest.domain
    lines = [
        f"name = {_quoted(domain.name)}",
        f"uuid = {_quoted(manifest.uuid)}",
        f"kernel = {_quoted(str(kernel))}",
        *([f"ramdisk = {_quoted(str(ramdisk))}"] if ramdisk else []),
        f"extra = {_quoted(domain.cmdline)}",
        f"memory = {domain.memory_mb}",
        f"vcpus = {domain.vcpus}",
        f"vif = [ {', '.join(_quoted(_vif(vif)) for vif in domain.vifs)} ]",
        'on_poweroff = "preserve"',
        'on_crash = "preserve"',
        'on_reboot = "restart"',
    ]
    return "\n".join(lines) + "\n"


def _vif(vif: Vif) -> str:
    return ",".join([*([f"mac={vif.mac}"] if vif.mac else []), f"bridge={vif.bridge}"])


def _quoted(text: str) -> str:
    if not _SAFE.fullmatch(text):
        raise errors.Bug(f"{names.printable(text)!r} cannot stand in a domain configuration")
    return f'"{text}"'


def read_template(text: str, where: str = "xl.conf.in") -> dict[str, object]:
    """Values of an original `xl.conf.in`: only `key = literal` lines; the file is never executed.

    Raises errors.BadRepository for a line that is anything else.
    """
    values: dict[str, object] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#", 1)[0].strip() if "'" not in line and '"' not in line else line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        try:
            if not match:
                raise ValueError
            values[match[1]] = ast.literal_eval(match[2])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise errors.BadRepository(
                f"{where}:{number}: {names.printable(stripped, 80)!r} is not a plain `key = value` line",
                hint="only literal strings, numbers and lists are read; move the rest to edgedeploy.toml",
            ) from None
    return values


def template_domain(values: dict[str, object], vm: names.DomainName, where: str = "xl.conf.in") -> Domain:
    """The domain that an original template describes; `@NAME@` stands for `vm`. Raises errors.BadRepository."""
    try:
        memory = int(str(values.get("memory", 256)))
        vcpus = int(str(values.get("vcpus", 1)))
    except ValueError:
        raise errors.BadRepository(f"{where}: memory and vcpus must be whole numbers") from None
    vifs = values.get("vif", [])
    if not isinstance(vifs, list):
        raise errors.BadRepository(f"{where}: vif must be a list")
    return Domain(
        name=names.DomainName.parse(str(values.get("name", "@NAME@")).replace("@NAME@", vm)),
        memory_mb=memory,
        vcpus=vcpus,
        vifs=tuple(_template_vif(str(vif)) for vif in vifs),
        cmdline=names.CommandLine.parse(str(values.get("extra", values.get("cmdline", "")))),
    )


def _template_vif(text: str) -> Vif:
    fields = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    mac = fields.get("mac")
    return Vif(names.BridgeName.parse(fields.get("bridge", "xenbr0")), names.MacAddress.parse(mac) if mac else None)
