"""The unix runtime: a release is an executable, which runs as a supervised process of this machine.

What a "domain" is to Xen is a supervisor here (supervisor.py) with the process that it started. Nothing is remembered: a
record counts while its supervisor lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from edgedeploy.agent import confine
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.supervisor import started
from edgedeploy.agent.xen import Running
from edgedeploy.core import files
from edgedeploy.core.release import UNIX, Manifest

_START_S, _END_S = 60.0, 30.0
_KEYS = ("name", "uuid", "memory_mb", "program", "arguments", "ramdisk", "env", "app", "port")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_MARK = "EDGEDEPLOY_RECORD"
"""in the environment of all that a supervisor has started: by that they are found when it was killed"""
_PROGRAM = """\
import json, sys
sys.path[:], order, told = json.loads(sys.argv[1])
from edgedeploy.agent import supervisor
supervisor.main(order, told)
"""


class Processes:
    """Runtime by processes; their records and files are below `folder`, which need not outlive a reboot."""

    names = (UNIX,)

    def __init__(self, folder: Path, *, first: int = 0, own_users: bool = False) -> None:
        """Numbers begin after `first`. `own_users`: where the agent is root's, each app's programs have a user of their own."""
        self._folder, self._first, self._own_users = folder, first, own_users

    def configuration(self, manifest: Manifest, kernel: Path, ramdisk: Path | None, script: str) -> bytes:  # noqa: ARG002 - Runtime's
        """What `_read` reads. The program is told in its environment where it is to answer."""
        kernel.chmod(0o755)
        told = {"PATH": _PATH, "LANG": "C.UTF-8", "EDGEDEPLOY_APP": manifest.app, "EDGEDEPLOY_RELEASE": manifest.release}
        if manifest.health:
            told |= {"ADDRESS": manifest.health.address, "PORT": str(manifest.health.port)}
        said = {
            "name": manifest.domain.name, "uuid": manifest.uuid, "memory_mb": manifest.domain.memory_mb, "program": str(kernel),
            "arguments": manifest.domain.cmdline.split(), "ramdisk": str(ramdisk or ""), "env": told,
            "app": manifest.app, "port": manifest.health.port if manifest.health else 0,
        }  # fmt: skip
        return json.dumps(said, indent=1).encode() + b"\n"

    def domains(self) -> list[Running]:
        """Those whose supervisors live."""
        return [running(said) for said in self._records()]

    def _records(self) -> list[dict[str, Any]]:
        found = []
        for name in sorted(files.listed(self._folder)):
            if name.endswith(".json"):
                with contextlib.suppress(OSError, ValueError):
                    said = json.loads((self._folder / name).read_bytes())
                    if _lives(said):
                        found.append({**said, "name": self._name(said)})
        return found

    def _name(self, said: dict[str, Any]) -> str:
        try:
            return self._renamed(said["domid"]).read_text()
        except OSError:
            return str(said["name"])

    def _renamed(self, domid: int) -> Path:
        return self._folder / f"{domid}.name"

    def _record(self, domid: int) -> dict[str, Any]:
        said = next((one for one in self._records() if one["domid"] == domid), None)
        if said is None:
            raise _failed("find", domid, "there is no such process any more")
        return said

    def validate(self, config: Path) -> None:
        """Read it as `create` would."""
        self._read(config)

    def _read(self, config: Path) -> dict[str, Any]:
        try:
            said: dict[str, Any] = json.loads(config.read_bytes())
            return {name: said[name] for name in _KEYS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _failed("read", config.name, f"{config}: {error}") from None

    def create(self, config: Path, name: str = "") -> None:
        """Start its supervisor; returns once the process runs."""
        said = self._read(config)
        said["name"] = name or said["name"]
        self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)  # a program's user comes through it to its own files
        with files.locked(self._folder / "lock", "create"):
            running_now = self._records()
            if any(one["name"] == said["name"] for one in running_now):
                raise _failed("start", said["name"], f"a process of the name {said['name']} already exists")
            domid = self._next(running_now)
            self._sweep(running_now)
            self._start(said, domid)

    def _next(self, running_now: list[dict[str, Any]]) -> int:
        """A number that none had before: the console's words are kept by it."""
        last = self._folder / "last"
        try:
            before = int(last.read_text())
        except (OSError, ValueError):
            before = self._first
        number = 1 + max([before, *(int(one["domid"]) for one in running_now)])
        files.atomic_write(last, str(number).encode(), 0o600)
        return number

    def sweep(self) -> None:
        """End and remove what those have left whose supervisors were killed."""
        self._sweep(self._records())

    def _sweep(self, running_now: list[dict[str, Any]]) -> None:
        """What is left of those whose supervisors a kill or a power cut has ended."""
        alive = {str(one["domid"]) for one in running_now}
        for name in files.listed(self._folder):
            number, _, kind = name.partition(".")
            if number.isdigit() and number not in alive:
                path = self._folder / name
                if kind == "json":
                    _end_orphans(str(path))
                if kind == "files":
                    import shutil  # noqa: PLC0415 - hardly ever

                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _start(self, said: dict[str, Any], domid: int) -> None:
        order = {
            **said,
            "record": str(self._folder / f"{domid}.json"),
            "work": str(self._folder / f"{domid}.files"),
            "user": confine.user_of(said["app"]) if self._own_users else 0,
            "env": {**said["env"], _MARK: str(self._folder / f"{domid}.json")},
            "says": {"name": said["name"], "uuid": said["uuid"], "domid": domid, "memory_mb": said["memory_mb"]},
        }
        heard, tells = os.pipe()
        try:
            argv = [sys.executable, "-IS", "-c", _PROGRAM, json.dumps([sys.path, order, tells])]
            subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                pass_fds=(tells,), start_new_session=True,
            ).wait()  # fmt: skip
            os.close(tells)
            tells = -1
            why = _words(heard, said["program"])
        finally:
            os.close(heard)
            if tells >= 0:
                os.close(tells)
        if why or not any(one["domid"] == domid for one in self._records()):
            raise _failed("start", said["program"], why or "its supervisor was gone at once")

    def prefer(self, domid: int) -> None:
        """All have the same share."""

    def pause(self, domid: int) -> None:
        """Stop it, and all that it has started."""
        self._signal(domid, signal.SIGSTOP)

    def unpause(self, domid: int) -> None:
        """Let it go on."""
        self._signal(domid, signal.SIGCONT)

    def _signal(self, domid: int, number: signal.Signals) -> None:
        from edgedeploy.agent import supervisor  # noqa: PLC0415 - as imported above: one module

        for pid in supervisor.descendants(self._record(domid)["supervisor"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def rename(self, domid: int, name: str) -> None:
        """In a file beside its record, which is its supervisor's."""
        self._record(domid)
        files.atomic_write(self._renamed(domid), name.encode(), 0o600)

    def end(self, doomed: Sequence[Running], folder: Path, uuids: Collection[str]) -> None:  # noqa: ARG002 - Runtime's
        """Have their supervisors end all that they have started, and wait for that."""
        numbers = {one.domid for one in doomed}
        ends = [one for one in self._records() if one["domid"] in numbers or one["uuid"] in uuids]
        for one in ends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one["supervisor"], signal.SIGTERM)
        until = time.monotonic() + _END_S
        while left := [one for one in ends if _lives(one)]:
            if time.monotonic() > until:
                raise _failed("end", left[0]["name"], "its supervisor does not end")
            time.sleep(0.01)
        for one in ends:
            self._renamed(one["domid"]).unlink(missing_ok=True)

    def watched(self, folder: Path) -> set[str]:  # noqa: ARG002 - as above
        """None: what ends stays ended until a tick or a deployment sees it."""
        return set()

    def console(self, domid: int) -> Path | None:
        """The terminal that its supervisor made."""
        try:
            place = Path(self._record(domid)["console"])
        except CommandFailed:
            return None
        return place if place.exists() else None

    def macs(self, domid: int) -> set[str]:  # noqa: ARG002 - as above
        """None of its own."""
        return set()

    def info(self) -> dict[str, str]:
        """Of the machine; memory in MB."""
        amounts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        megabytes = {name: str(int(amounts[name].split()[0]) >> 10) for name in ("MemTotal", "MemAvailable") if name in amounts}
        return {
            "machine": os.uname().machine,
            "nr_cpus": str(os.cpu_count() or 1),
            "total_memory": megabytes.get("MemTotal", ""),
            "free_memory": megabytes.get("MemAvailable", ""),
        }


def running(said: dict[str, Any]) -> Running:
    """As `xl list` would tell it: s has ended by itself, c by a signal or in failure; p is stopped."""
    status = said["status"]
    alive = "--p---" if _state(said["pid"]) == "T" else "-b----"
    state = {None: alive, 0: "---s--"}.get(status, "----c-")
    return Running(said["name"], said["uuid"], said["domid"], said["memory_mb"], status is not None, state)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode("ascii", "replace")
    except (OSError, IndexError):
        return ""


def _lives(said: dict[str, Any]) -> bool:
    """Whether a supervisor is there; one that has ended may not have been reaped yet."""
    return started(said["supervisor"]) == said["since"] and _state(said["supervisor"]) != "Z"


def _end_orphans(record: str) -> None:
    wanted = f"{_MARK}={record}".encode()
    for name in filter(str.isdigit, files.listed(Path("/proc"))):
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                os.kill(int(name), signal.SIGKILL)


def _words(heard: int, program: str) -> str:
    """What the supervisor says while it starts: why not, or nothing."""
    import select  # noqa: PLC0415 - a start alone needs it

    said, until = b"", time.monotonic() + _START_S
    while select.select([heard], [], [], max(0.0, until - time.monotonic()))[0]:
        if not (piece := os.read(heard, 1000)):
            return said.decode("utf-8", "replace")
        said += piece
    return f"{program} was not started in {_START_S:.0f} s"


def _failed(what: str, which: object, why: str) -> CommandFailed:
    return CommandFailed([what, str(which)], "failed", why)
