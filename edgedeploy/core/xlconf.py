"""xl domain configuration, written from typed fields.

Writing never pastes strings: every value has passed a gate that admits no quote, backslash or newline, and is checked
again here, because this text tells the hypervisor what to run (syntax: xl.cfg(5)).
"""

from __future__ import annotations

import re
from pathlib import PurePath

from edgedeploy.core import errors, names
from edgedeploy.core.release import Manifest, Vif

_SAFE = re.compile(r"[ !#-&(-\[\]-~]*")


def render(manifest: Manifest, kernel: PurePath, ramdisk: PurePath | None, script: str = "") -> str:
    """The domain configuration of a release; `kernel` and `ramdisk` are the unpacked files on the board.

    `script` is the hotplug script of its network cards, "" for Xen's own.

    on_crash, on_watchdog and on_poweroff are `preserve`: the console and the fact of the crash are evidence, and `restart` with a
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
        f"vif = [ {', '.join(_quoted(_vif(vif, script)) for vif in domain.vifs)} ]",
        *([f"gic_version = {_quoted(domain.gic_version)}"] if domain.gic_version != "default" else []),
        'on_poweroff = "preserve"',
        'on_crash = "preserve"',
        'on_watchdog = "preserve"',
        'on_reboot = "restart"',
    ]
    return "\n".join(lines) + "\n"


def _vif(vif: Vif, script: str) -> str:
    mac, own = [f"mac={vif.mac}"] if vif.mac else [], [f"script={script}"] if script else []
    return ",".join([*mac, f"bridge={vif.bridge}", *own])


def _quoted(text: str) -> str:
    if not _SAFE.fullmatch(text):
        raise errors.Bug(f"{names.printable(text)!r} cannot stand in a domain configuration")
    return f'"{text}"'
