"""What an original `xl.conf.in` amounts to: the guest's domain, and everything in the file that will not be as it says.

A misfit where the guest would lack what it was built to find: dropping that silently would start a guest that cannot
work. A warning where it runs all the same. The options: core/xloptions.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TypeVar

from edgedeploy.core import errors, names, xlcfg, xloptions
from edgedeploy.core.board import Misfit
from edgedeploy.core.release import GIC_VERSIONS, Domain, Vif
from edgedeploy.core.xlcfg import Value

T = TypeVar("T")
MEMORY_MB = 256
"""What a template that names no memory gets."""
_BRIDGE = names.BridgeName("xenbr0")  # xl.conf(5), vif.default.bridge
_MOST_VIFS = 8
_LOOPS = ("restart", "rename-restart", "coredump-restart")
_NOTHING = ("", "0", "none", "default", "disabled")
_OLD = ("option-value", "ramdisk")  # say nothing of a release that is made without the file
_BY_HAND = "Start this guest with xl by hand, or remove the line"
_BOARDS_OWN = "Leave script= out: the board's own is taken, vif.default.script in its /etc/xen/xl.conf"
_XENS_SCRIPT = re.compile(r"(?:/[\w.+-]+)*/xen/scripts/vif-bridge")  # wherever Xen was installed


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with what a guest is to be given (then it cannot be deployed), and what to know about it."""

    misfits: tuple[Misfit, ...] = ()
    warnings: tuple[Misfit, ...] = ()

    def allowing(self, passthrough: Collection[str]) -> Findings:
        """The findings on a board whose profile allows these options: a warning of what the guest will lack."""
        left = [m for m in self.misfits if m.code == "passthrough" and m.field.partition(" ")[0] in passthrough]
        found = "the profile allows it, but a release does not carry it: the guest starts without that hardware"
        hint = "If the guest needs it, start it with xl by hand"
        lacks = tuple(Misfit("option-ignored", m.field, "", found, hint) for m in left)
        return Findings(tuple(m for m in self.misfits if m not in left), self.warnings + lacks)

    def unused(self) -> Findings:
        """The findings of a file that is not read any more: what the guest would lack is worth a warning."""
        hint = "edgedeploy.toml is what counts; if the guest needs this, it cannot be deployed"
        return Findings(warnings=tuple(replace(m, hint=hint) for m in self.misfits if m.code not in _OLD))


def read(template: str, vm: names.DomainName, kernel: str, where: str = "xl.conf.in") -> tuple[Domain, Findings]:
    """The domain of a template for `vm`, `kernel` being the release's kernel file; and what to say about it.

    Raises errors.BadRepository where it is no text that xl could read.
    """
    return judge(xlcfg.read_template(xlcfg.filled(template, vm), where), vm, kernel, where)


def judge(values: Mapping[str, Value], vm: names.DomainName, kernel: str, where: str = "xl.conf.in") -> tuple[Domain, Findings]:
    """The same of a template that was read.

    A value that cannot be read is a misfit `option-value`, and the default stands in for it.
    """
    lint = _Lint(values, where)
    domain = lint.domain(vm)
    lint.options(domain, kernel)
    return domain, Findings(tuple(lint.misfits), tuple(lint.warnings))


@dataclass(slots=True)
class _Lint:
    values: Mapping[str, Value]
    where: str
    misfits: list[Misfit] = field(default_factory=list)
    warnings: list[Misfit] = field(default_factory=list)

    def refuse(self, code: str, key: str, wanted: str, found: str, hint: str) -> None:
        self.misfits.append(Misfit(code, f"{key} ({self.where})", wanted, found, hint))

    def warn(self, code: str, key: str, found: str, hint: str) -> None:
        self.warnings.append(Misfit(code, f"{key} ({self.where})", "", found, hint))

    # --- what is taken --------------------------------------------------------------------------------------------

    def domain(self, vm: names.DomainName) -> Domain:
        name = self.text("name", vm)
        if "." in name:  # the scripts gave a guest its host's name, and its kernel that name without dots
            self.warn("option-ignored", "name", f"the guest is called {_bare(name.replace('.', ''))}", "Names here have no dots")
            name = name.replace(".", "")
        gic = self.text("gic_version", "default")
        if gic not in GIC_VERSIONS:
            self.refuse("option-value", "gic_version", "v2, v3 or default", _shown(gic), 'Write gic_version = "default"')
            gic = "default"
        return Domain(
            name=self.gate("name", names.DomainName.parse, name, vm),
            memory_mb=self.number("memory", MEMORY_MB, 1 << 20),
            vcpus=self.number("vcpus", 1, 128),
            vifs=self.vifs(),
            cmdline=self.cmdline(),
            gic_version=gic,
        )

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key, default)
        if isinstance(value, str):
            return value
        self.refuse("option-value", key, "a text", "a list", f"Write {key} = '…'")
        return default

    def gate(self, key: str, parse: Callable[[object], T], value: str, default: T) -> T:
        try:
            return parse(value)
        except errors.UsageFault as error:
            self.refuse("option-value", key, "", error.message, f"{error.hint[:1].upper()}{error.hint[1:]}")
            return default

    def number(self, key: str, default: int, most: int) -> int:
        text = self.text(key, str(default)).strip()
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}", text):
            # xl reads with strtol(3) and base 0: a leading 0 is octal
            base = 16 if text[:2] in ("0x", "0X") else 8 if text[0] == "0" and not set(text) & {"8", "9"} else 10
            if 1 <= (number := int(text, base)) <= most:
                return number
        self.refuse("option-value", key, f"a whole number from 1 to {most}", _shown(text), f"Write {key} = {default}")
        return default

    def cmdline(self) -> names.CommandLine:
        """As xl puts it together: cmdline, or else root and extra."""
        beside = [key for key in ("root", "extra") if self.values.get(key)]
        root, extra, given = self.text("root"), self.text("extra"), self.text("cmdline")
        if "cmdline" in self.values and beside:
            found = f"{' and '.join(beside)} beside it counts for nothing: xl takes cmdline alone, and so does edgedeploy"
            self.warn("cmdline-wins", "cmdline", found, f"Remove {' and '.join(beside)}, or put it into cmdline")
        elif "cmdline" not in self.values:
            given = " ".join(filter(None, (root and f"root={root}", extra)))
        key = "cmdline" if "cmdline" in self.values else "extra"
        return self.gate(key, names.CommandLine.parse, given, names.CommandLine(""))

    def vifs(self) -> tuple[Vif, ...]:
        cards = self.values.get("vif", [])
        if isinstance(cards, str) or len(cards) > _MOST_VIFS:
            self.refuse("option-value", "vif", f"a list of at most {_MOST_VIFS}", _shown(cards), "Write vif = ['bridge=xenbr0']")
            return ()
        return tuple(self.vif(card) for card in cards)

    def vif(self, text: str) -> Vif:
        fields = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
        mac, bridge = fields.pop("mac", None), fields.pop("bridge", None)
        if bridge is None:
            found = f"{_shown(text)} names no bridge; {_BRIDGE} is taken, as xl does"
            self.warn("vif-bridge", "vif", found, "Write bridge=… where the board's bridge has another name")
        for key, hint in (("script", _BOARDS_OWN), ("backend", _BY_HAND)):
            given = fields.pop(key, "").strip()
            if given not in ("", "vif-bridge", "0", "Domain-0") and not _XENS_SCRIPT.fullmatch(given):
                self.refuse("option-value", "vif", "mac= and bridge=", f"{key}= in {_shown(text)}", hint)
        if fields:
            self.warn("option-ignored", "vif", f"{', '.join(map(_bare, fields))} is left out", "Only mac and bridge are carried")
        return Vif(
            self.gate("vif", names.BridgeName.parse, bridge or _BRIDGE, _BRIDGE),
            self.gate("vif", names.MacAddress.parse, mac, None) if mac else None,
        )

    # --- what is not ----------------------------------------------------------------------------------------------

    def options(self, domain: Domain, kernel: str) -> None:
        skipped = []
        for key, value in self.values.items():
            if key not in xloptions.KNOWN:
                close = get_close_matches(key, xloptions.KNOWN, 1, 0.75)
                hint = f"Did you mean {close[0]}?" if close else "Correct its spelling, or remove it"
                self.warn("option-unknown", _bare(key), "xl knows no such option, and passes over it", hint)
            elif value in _NOTHING or value in ([], [""]):
                continue
            elif key in xloptions.PASSTHROUGH:
                found = "it hands the guest hardware of the board, which a release cannot carry"
                self.refuse("passthrough", key, "", found, _BY_HAND)
            elif key in xloptions.DEVICES:
                self.device(key)
            elif key in xloptions.SKIPPED and value != {"maxmem": str(domain.memory_mb), "maxvcpus": str(domain.vcpus)}.get(key):
                skipped.append(key)
            elif key in xloptions.REPLACED:
                self.replaced(key, value, kernel)
        if skipped:
            self.warn("option-ignored", ", ".join(skipped), "it is left out", "The guest starts without it")

    def device(self, key: str) -> None:
        found = f"the guest expects {xloptions.DEVICES[key]}, which a release cannot carry"
        hint = "Put the content into the kernel or a ramdisk, and remove the line" if key == "disk" else _BY_HAND
        self.refuse("disk" if key == "disk" else "device", key, "", found, hint)

    def replaced(self, key: str, value: Value, kernel: str) -> None:
        shown = _shown(value)
        if key == "kernel" and "@KERNEL@" not in value and not (isinstance(value, str) and _same(value, kernel)):
            found = f"{shown} is not what is started; the release's own {kernel} is"
            self.warn("kernel-replaced", key, found, "Nothing to do if that is the same kernel")
        elif key == "ramdisk":
            found = f"the guest expects {shown}, and the release holds only a kernel"
            self.refuse("ramdisk", key, "", found, "Make a release of both: edgedeploy release KERNEL --ramdisk FILE")
        elif key in ("type", "builder") and value == "hvm":
            self.refuse("guest-type", key, "pvh", f"{shown}; no ARM board runs such guests", "Remove the line")
        elif key in ("type", "builder") and value != "pvh":
            self.warn("option-ignored", key, f"{shown}; edgedeploy starts every guest as pvh, the one kind on ARM", "Remove the line")
        elif key in ("on_crash", "on_poweroff", "on_watchdog") and value in _LOOPS:
            found = f"{shown} starts a guest that fails at once again and again; edgedeploy sets 'preserve' instead"
            self.warn("on-crash", key, found, "Nothing to do: when a guest fails, the release before it is put back")


def _same(path: str, kernel: str) -> bool:
    """Whether a path names the release's kernel, packed or not."""
    stem = path.rpartition("/")[2]
    return bool(stem) and (kernel == stem or kernel.startswith(f"{stem}."))


def _bare(text: str) -> str:
    return names.printable(text, 40).replace("\n", " ").replace("\t", " ")


def _shown(value: object) -> str:
    return names.printable(repr(value), 60)
