"""The virtual board for people: boot it, enrol it, have it announced; and the sample talk to push to it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import edgedeploy
from edgedeploy.core import errors, names
from edgedeploy.core.board import Profile
from edgedeploy.flows import announcing, enrol, init
from edgedeploy.flows.context import Context, refreshed
from edgedeploy.flows.find import Found
from edgedeploy.lab import image
from edgedeploy.lab import machine as lab
from edgedeploy.ports.report import Report
from edgedeploy.remote import agentkit
from edgedeploy.wires import ssh, trust

TALK_ADDRESS = "10.0.2.20/24"
TALK_GATEWAY = "10.0.2.2"
_SLIDES = "decks/slides"


@dataclass(frozen=True, slots=True)
class Up:
    """A board that is up; `enrolled` is None where that was not asked for."""

    machine: lab.Machine
    enrolled: enrol.Result | None


def up(start: Callable[[], lab.Machine], context: Context, profiles: Sequence[Profile], *, bare: bool) -> Up:
    """Boot (by `start`), enrol unless `bare`, and announce on the loopback where the network is user-mode.

    Enrolling asks nothing: the lab made the board's keys itself.
    """
    machine = start()
    result = None if bare or _is_enrolled(machine, context) else _enrol(machine, context, profiles)
    if machine.network == "user":
        announcing.start(machine)
    return Up(machine, result)


def enrol_line(machine: lab.Machine) -> str:
    """The command that enrols a bare board, as it can be typed."""
    words = [
        "edgedeploy", "enrol", f"root@{machine.host}:{machine.port}", "-i", str(machine.key), "--known-hosts",
        str(machine.known_hosts), "--profile", str(announcing.PROFILE),
    ]  # fmt: skip
    return shlex.join(words)


def kept(name: str, save: Callable[[str], Path]) -> Path:
    """Keep a running board (by `save`). Nobody is connected meanwhile: who is would hang on the way back."""
    machine = lab.load(name)
    announcing.stop(machine)
    try:
        return save(name)
    finally:
        if lab.status(name).pid is not None:
            announcing.start(machine)


def restored(go_back: Callable[[], lab.Machine]) -> lab.Machine:
    """Go back to a snapshot (by `go_back`) and have the board announced, with the apps that it serves now."""
    machine = go_back()
    announcing.start(machine)
    return machine


def _is_enrolled(machine: lab.Machine, context: Context) -> bool:
    """Whether this very agent answers the push key on the board."""
    known = context.known.get(names.board_id_of((machine.folder / "machine-id").read_text()))
    if known is None:
        return False
    found = Found(machine.name, (machine.host,), machine.port, "the lab", known, known.profile, dict(machine.forwards))
    try:
        with context.report.step(f"greeting the agent on {machine.name}"):
            wire, client = context.talk(found)
            with wire, client:
                answered = client.hello().agent == agentkit.digest()
    except errors.EdgeError:
        return False
    refreshed(found, context)
    return answered


def _enrol(machine: lab.Machine, context: Context, profiles: Sequence[Profile]) -> enrol.Result:
    where = ssh.SshTarget(machine.host, machine.port, "root")
    policy = trust.Exact.line(machine.host_key.read_text())
    request = enrol.Request(announcing.PROFILE, names.BoardName.parse(machine.name), forwards=dict(machine.forwards))
    with ssh.SshWire(where, policy, ssh.Credentials(key_file=machine.key)) as wire:
        hosts, port = (machine.host,), machine.port
        return enrol.enrol(wire, wire.host_key, "root", hosts, port, request, context, profiles, lambda _: None)


def down(name: str, *, graceful: bool = False, delete: bool = False) -> bool:
    """End a board and its announcement; False if it was off."""
    announcing.stop(lab.load(name))
    return lab.down(name, graceful=graceful, delete=delete)


def talk(folder: Path, report: Report) -> init.Started:
    """Start a deployment repository with the sample talk: slides, a kernel and a ramdisk that serves them.

    Raises UsageFault when the folder is in use.
    """
    pieces = image.ensure(report)
    request = init.Request("decks", folder, announcing.PROFILE, TALK_ADDRESS, TALK_GATEWAY, slides=True)
    started = init.start(request, report=report)
    shutil.copytree(_slides(), folder / "slides", dirs_exist_ok=True)
    (folder / "guest").mkdir()
    shutil.copy(pieces.guest_kernel, folder / "guest/vmlinuz")
    shutil.copy(pieces.guest_base, folder / "guest/base.cpio")
    file = folder / "edgedeploy.toml"
    file.write_text(re.sub(r"(?m)^# (kernel|ramdisk) = ", r"\1 = ", file.read_text()))
    return started


def _slides() -> Path:
    package = Path(edgedeploy.__file__).parent
    for images in (package.parent / "images", package / "data" / "images"):
        if (images / _SLIDES).is_dir():
            return images / _SLIDES
    raise errors.Bug("the sample talk is missing from this installation", hint="install edgedeploy again")
