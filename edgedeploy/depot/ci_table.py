"""[ci] of a source repository's edgedeploy.toml: what is built there, and where it is stored.

[ci]
store = "git@forge.example:me/decks-deployment.git"
branch = "main"                       # only what is pushed to it is stored
host_keys = ["SHA256:…"]              # the forge's; else EDGEDEPLOY_DEPLOY_HOST_KEY
test = "make test"                    # of every target that has no `test` of its own

[ci.unix]                             # a target: any name
build = "make unix"

[ci.xen-armv7]
build = "make"
kernel = "_build/decks.xen"           # checked against `boards`; default of the one that is stored: [build] kernel
boards = ["cubieboard2"]              # default of the one that is stored: edgedeploy.toml's own
deploy = true                         # the one target that is stored
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgedeploy.core import errors, names, project, strict
from edgedeploy.core.strict import Reader

_TARGET = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
# less than git takes: it stands in CI's own files, in YAML and in a shell
_BRANCH = re.compile(r"(?!.*(\.\.|//|/\.|@\{|\.lock(/|$)|[./]$))[\w][\w.,@+=%/-]{0,99}")
USUAL_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of the build matrix. Commands are lines of shell."""

    name: str
    build: str
    test: str = ""
    kernel: PurePosixPath | None = None
    ramdisk: PurePosixPath | None = None
    boards: tuple[names.ProfileName, ...] = ()


@dataclass(frozen=True, slots=True)
class Ci:
    """The whole table; `stored` is the target whose release goes to `store`, None where nothing is stored."""

    targets: tuple[Target, ...]
    stored: Target | None = None
    store: str = ""
    branch: str = USUAL_BRANCH
    host_keys: tuple[str, ...] = ()
    slides: PurePosixPath | None = None


def read(raw: bytes, where: str) -> Ci | None:
    """The table of a file, None where there is none. Raises errors.BadConfig."""
    settings = project.loads(raw, where)
    whole = Reader(strict.toml(raw, where), where, errors.BadConfig)
    if not whole.has("ci"):
        return None
    table = whole.table("ci")
    entries = [(key, value) for key, value in whole.items("ci") if isinstance(value, Mapping)]
    test = table.text("test", "")
    store, branch = table.text("store", ""), table.name("branch", branch_name, USUAL_BRANCH)
    host_keys = tuple(table.names("host_keys", _line))
    targets, stored = [], []
    for key, value in entries:
        reader = Reader(value, f"{where}: ci: {key}", errors.BadConfig)
        target = _target(key, reader, test)
        if reader.flag("deploy", default=False):
            stored.append(target := _with_defaults(target, settings, reader))
        reader.done()
        table.raw(key)
        if target.boards and target.kernel is None:
            raise reader.fail("kernel", "is missing: which file is checked against its boards?")
        targets.append(target)
    table.done()
    if not targets:
        raise table.fail("NAME", 'no target is there: [ci.xen-armv7] with build = "make"')
    if len(stored) > 1:
        raise table.fail("deploy", f"one target is stored, not {' and '.join(each.name for each in stored)}")
    if stored and not store:
        raise table.fail("store", "is missing: where is what is built stored?")
    return Ci(tuple(targets), stored[0] if stored else None, store, branch, host_keys, settings.build.slides)


def _target(name: str, reader: Reader, test: str) -> Target:
    try:
        target_name(name)
    except errors.UsageFault as fault:
        raise errors.BadConfig(f"{reader.where}: {fault.message}", hint=fault.hint) from None
    return Target(
        name,
        reader.text("build"),
        reader.text("test", test),
        reader.name("kernel", project.relative_path, None),
        reader.name("ramdisk", project.relative_path, None),
        tuple(reader.names("boards", names.ProfileName.parse)),
    )


def _with_defaults(target: Target, settings: project.Config, reader: Reader) -> Target:
    """The one that is stored is what the app's own settings speak of."""
    kernel = target.kernel or settings.build.kernel
    if kernel is None:
        raise reader.fail("kernel", "is missing: which file does the build make?")
    ramdisk = target.ramdisk or settings.build.ramdisk
    return Target(target.name, target.build, target.test, kernel, ramdisk, target.boards or settings.boards)


def target_name(text: object) -> str:
    """A target's name as typed. Raises errors.UsageFault: it stands in CI's own files and on command lines."""
    if isinstance(text, str) and _TARGET.fullmatch(text):
        return text
    raise errors.UsageFault(f"{names.shown(text)} is not a target", hint="such as unix, xen-armv7 or xen-arm64")


def branch_name(text: object) -> str:
    """A branch as typed. Raises errors.UsageFault."""
    if isinstance(text, str) and _BRANCH.fullmatch(text):
        return text
    raise errors.UsageFault(f"{names.shown(text)} is not a branch", hint="such as main")


def _line(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and value.strip():
        return value.strip()
    raise errors.UsageFault(f"{names.shown(value)} is not a host key", hint="such as SHA256:…")


def text(ci: Ci) -> str:
    """The table as it is written into a file that has none."""
    lines = ["# What CI builds and stores; `edgedeploy ci init` writes it into CI's own files.", "[ci]"]
    lines += [f"store = {_quoted(ci.store)}"] if ci.store else []
    lines += [f"branch = {_quoted(ci.branch)}"]
    lines += [f"host_keys = [{', '.join(map(_quoted, ci.host_keys))}]"] if ci.host_keys else []
    for target in ci.targets:
        lines += ["", f"[ci.{_key(target.name)}]", f"build = {_quoted(target.build)}"]
        lines += [f"test = {_quoted(target.test)}"] if target.test else []
        lines += [f"kernel = {_quoted(str(target.kernel))}"] if target.kernel else []
        lines += [f"ramdisk = {_quoted(str(target.ramdisk))}"] if target.ramdisk else []
        lines += ["deploy = true"] if target is ci.stored else []
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if "." not in name else _quoted(name)


def _quoted(value: str) -> str:
    """A TOML basic string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
