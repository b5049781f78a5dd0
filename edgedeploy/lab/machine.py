"""Boot a virtual board, end one, keep one to boot others from."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import board, identity, ports, process, qemu, qmp, shelf, ssh, tools
from edgedeploy.lab.board import CONSOLE_PASSWORD, CONSOLE_USER, Machine, Status, list_machines, load, made, status
from edgedeploy.lab.image import Image, ensure
from edgedeploy.lab.qemu import Hardware, Network, Tap, User
from edgedeploy.ports.report import Report

__all__ = [
    "BOOT_SECONDS",
    "CONSOLE_PASSWORD",
    "CONSOLE_USER",
    "Hardware",
    "Machine",
    "Network",
    "Status",
    "Tap",
    "User",
    "down",
    "keep",
    "list_machines",
    "load",
    "made",
    "status",
    "up",
]

BOOT_SECONDS = 240.0


def up(
    name: str = "virtual",
    *,
    report: Report,
    network: Network | None = None,
    hardware: Hardware | None = None,
    fresh: bool = False,
    base: Path | None = None,
    timeout: float = BOOT_SECONDS,
) -> Machine:
    """Boot the board `name` and wait until `xl` works on it through SSH. One that is up is returned as it is.

    A board that was off boots from its old disk; `fresh` gives it a new one and a new identity. `base` is a folder
    made by `keep`: disk and identity are copied from there; or by `snapshot.save`: it does not even boot. Raises
    UsageFault (bad name, missing programs), BoardFault (the image cannot be built) and Unreachable (it did not come up).
    """
    folder = board.folder_of(name)
    tools.require(tools.TO_RUN)
    if process.running(folder) is not None and not fresh and base is None:
        machine = board.load(name)
        report.note(f"{name} is already up")
        _await(machine, report, timeout)
        return machine
    with files.locked(folder.parent / f".{name}.lock", "edgedeploy lab up"):
        process.stop(folder)
        if fresh:
            _erase(folder)
        if base is not None or not (folder / board.DISK).exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            image = None if base else ensure(report)
            with report.step(f"make {name}'s disk"):
                if base is not None:
                    shelf.take(base, folder)
                elif image is not None:
                    _furnish(folder, name, image)
        if base is None and hardware is not None:
            shelf.set_cpus(folder, hardware.cpus)
        memory = base / shelf.MEMORY if base and (base / shelf.MEMORY).is_file() else None
        machine = _boot(folder, name, network or User(), _as_before(folder, hardware), memory)
    _await(machine, report, timeout)
    return machine


def down(name: str, *, graceful: bool = False, delete: bool = False) -> bool:
    """End the board; False if it was off. `graceful` lets dom0 shut down first, `delete` forgets its disk and keys."""
    folder = board.folder_of(name)
    if not folder.exists():
        raise board.unknown(name)
    was_up = process.running(folder) is not None
    if graceful and was_up:
        machine = board.load(name)
        # The connection may die with the board, or the board be stuck: waited for, then ended below.
        with suppress(subprocess.TimeoutExpired):
            machine.run("/sbin/poweroff", timeout=15)
        process.wait(folder, Deadline.after(60))
    process.stop(folder)
    if delete:
        _erase(folder)
    return was_up


def keep(name: str, target: Path) -> None:
    """Copy disk, kernel and identity of a board that is off into the folder `target`, to boot others from (`base=`)."""
    folder = board.folder_of(name)
    if process.running(folder) is not None:
        raise errors.UsageFault(f"{name} is up", hint=f"edgedeploy lab down {name} --graceful")
    if not (folder / board.DISK).exists():
        raise board.unknown(name)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    shelf.take(folder, target)


def _furnish(folder: Path, name: str, image: Image) -> None:
    """A new disk and identity. The kernel is linked beside it: its modules are on that disk and nowhere else."""
    unfinished = folder / f"{board.DISK}.new"
    shelf.copy(image.disk, unfinished)
    identity.inject(unfinished, identity.create(folder, name))
    for source, name_here in zip((image.xen, image.kernel, image.initrd), shelf.BOOT, strict=True):
        shelf.link(source, folder / name_here)
    (folder / shelf.IMAGE).write_text(image.digest)
    unfinished.rename(folder / board.DISK)


def _erase(folder: Path) -> None:
    """Forget a board, record first: without it there is no board of that name."""
    (folder / board.RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _boot(folder: Path, name: str, network: Network, hardware: Hardware, memory: Path | None = None) -> Machine:
    """Start QEMU, with other ports if somebody was quicker to take the ones chosen; from a snapshot's `memory` if given."""
    files_to_boot = qemu.Boot(*(Path(part) for part in shelf.BOOT))
    before = _ports_before(folder)
    for _ in range(3):
        chosen = network
        if isinstance(network, User):
            chosen = User(ports.choose((qemu.SSH, *qemu.WEB), before) | dict(network.forwards))
        process.start(folder, qemu.argv(files_to_boot, chosen, hardware, memory))
        if process.ready(folder) and (memory is None or qmp.go_on(folder)):
            break
        process.stop(folder)
        before = {}
    else:
        raise errors.BoardFault(
            f"QEMU does not start for {name}",
            hint=f"what it said is in {folder / process.LOG}",
            details=tuple((folder / process.LOG).read_text(errors="replace").splitlines()[-8:]),
        )
    machine = _describe(folder, name, chosen)
    host = f"[{machine.host}]:{machine.port}" if machine.port != 22 else machine.host
    files.atomic_write(machine.known_hosts, identity.known_hosts(folder, [host]).encode())
    files.atomic_write(folder / board.RECORD, (json.dumps(machine.as_dict(), indent=2) + "\n").encode())
    return machine


def _describe(folder: Path, name: str, network: Network) -> Machine:
    image = (folder / shelf.IMAGE).read_text()
    match network:
        case User(forwards):
            web = {guest: f"127.0.0.1:{port}" for guest, port in forwards.items() if guest != qemu.SSH}
            return Machine(name, folder, "127.0.0.1", forwards[qemu.SSH], web, "user", image)
        case Tap(ifname):
            return Machine(name, folder, qemu.BOARD_ADDRESS, 22, {}, ifname, image)


def _as_before(folder: Path, hardware: Hardware | None) -> Hardware:
    return replace(hardware or Hardware(), cpus=shelf.cpus(folder))


def _ports_before(folder: Path) -> dict[str, int]:
    """The ports the board had last time: addresses people have typed or bookmarked."""
    try:
        record = json.loads((folder / board.RECORD).read_text())
        found = {guest: int(where.rpartition(":")[2]) for guest, where in record["forwards"].items()}
        return {**found, qemu.SSH: int(record["port"])} if record["network"] == "user" else {}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def _await(machine: Machine, report: Report, timeout: float) -> None:
    deadline = Deadline.after(timeout)
    with report.step(f"boot {machine.name}") as step:
        step.detail("Xen and dom0's kernel")
        while not ssh.greets(machine.host, machine.port):
            if deadline.expired or process.running(machine.folder) is None:
                raise _stuck(machine, "its SSH server does not answer", timeout)
            time.sleep(0.1)
        step.detail("Xen's tools")
        if not ssh.wait_for_xen(machine.folder, machine.host, machine.port, deadline):
            raise _stuck(machine, "`xl list` does not work over SSH", timeout)


def _stuck(machine: Machine, what: str, timeout: float) -> errors.Unreachable:
    log = machine.folder / "serial.log"
    last = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
    alive = process.running(machine.folder) is not None
    why = f"within {timeout:.0f} s" if alive else "and QEMU has ended"
    return errors.Unreachable(
        f"{machine.name} did not come up: {what} {why}",
        hint=f"edgedeploy lab console {machine.name}, or start over: edgedeploy lab up {machine.name} --fresh",
        details=tuple(last),
    )
