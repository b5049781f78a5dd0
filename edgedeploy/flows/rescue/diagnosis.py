"""Facts -> sentences. Pure: the same facts say the same, and nothing a board writes makes it fail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgedeploy.core.names import printable
from edgedeploy.flows.guestwords import HARMLESS
from edgedeploy.flows.rescue import network
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.flows.rescue.finding import Finding, Laptop

CLOCK_OFF_S = 300.0
"""what is no matter: certificates and git's dates bear it"""
_ROOM = 16 << 20
"""bytes free on disk that a deployment needs at least (agent/serve.py keeps as many)"""
_FEW_INODES = 50
_STARTING_S = 60
"""seconds in which a kernel starts, and complains of this and that"""
_LONG_S = 600.0
"""a board that has run for so long has got over what its kernel said at the start"""
_LITTLE_MB = 64
"""the smallest guest that the profiles' examples use"""
_SINCE = 1_767_225_600.0
"""2026: it was never earlier for this program"""
_BAD_CLOCK_S = 365 * 86400.0


def diagnose(facts: Facts, laptop: Laptop) -> tuple[Finding, ...]:
    """Everything worth saying, causes before consequences. Never raises."""
    return tuple(_all(facts, laptop))


def network_is_fine(facts: Facts, laptop: Laptop) -> bool:
    """Whether the board itself finds nothing that would keep a laptop from it."""
    return not any(f.severity == "bad" for f in (*network.findings(facts, laptop), *_ssh(facts, laptop)))


def _all(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    if not facts.root:
        yield Finding("not-root", "bad", "the console is not root's: much stays unseen, and nothing can be mended",
                      "log in as root there, or let the user become root")  # fmt: skip
    if not facts.complete:
        yield Finding("incomplete", "warning", "the board answered only some of the questions", "try again")
    yield from _disk(facts)
    yield from _clock(facts, laptop)
    yield from network.findings(facts, laptop)
    yield from _ssh(facts, laptop)
    yield from _avahi(facts)
    yield from _xen(facts)
    yield from _agent(facts, laptop)
    yield from _apps(facts)
    if facts.complete and not facts.running & {"cron", "crond"}:
        there = facts.tools & {"cron", "crond"}
        hint = "" if there else "apt-get install cron, when there is a network"
        yield Finding("cron-down", "warning", "cron does not run: the board pulls nothing, and starts no guest at boot",
                      hint, ("cron",) if there else ())  # fmt: skip
    errors = [re.sub(r"^\[ *\d+\.\d+\] *", "", line) for line in facts.all("kernel") if not _outlived(line, facts)]
    if errors:
        yield Finding("kernel-errors", "note", f"the kernel's last errors: {'; '.join(errors[-3:])}")


def _outlived(line: str, facts: Facts) -> bool:
    """Whether it is not what is wrong now: said by every kernel, or while this one started, which has run for long since."""
    if HARMLESS.search(line):
        return True
    at = re.match(r"\[ *(\d{1,9})\.", line)
    return at is not None and int(at[1]) < _STARTING_S and facts.uptime > _LONG_S


def _disk(facts: Facts) -> Iterator[Finding]:
    options = facts["root"].split()[1:2]
    if options and "ro" in options[0].split(","):
        yield Finding("read-only", "bad", "the root file system is read-only: nothing can be written",
                      "if the card is failing (see the kernel's errors), copy it after the talk", ("writable",))  # fmt: skip
    for disk in facts.disks:
        if disk.free < min(_ROOM, disk.size // 20):
            yield Finding("disk-full", "bad", f"{disk.mount} is full: {_size(disk.free)} of {_size(disk.size)} free",
                          "what it removes is packages' caches, old logs and releases nobody wants", ("space",))  # fmt: skip
        elif disk.inodes is not None and disk.inodes < _FEW_INODES:
            yield Finding("inodes-full", "bad", f"{disk.mount} takes no more files: {disk.inodes} inodes free",
                          mends=("space",))  # fmt: skip


def _clock(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    if facts.now is None:
        return
    off = facts.now - laptop.now
    if abs(off) >= CLOCK_OFF_S:
        side = "behind" if off < 0 else "ahead of"
        lost = laptop.now < _SINCE  # then it has no time to give
        yield Finding("clock", "bad" if abs(off) >= _BAD_CLOCK_S else "warning",
                      f"the board's clock is {_span(abs(off))} {side} this laptop's",
                      "this laptop's clock is wrong" if lost else "", () if lost else ("clock",))  # fmt: skip


def _ssh(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    if not facts.complete:
        return
    if "sshd" not in facts.tools:
        yield Finding("sshd-missing", "bad", "the board has no sshd", "apt-get install openssh-server")
        return
    keyless = facts["hostkeys"] == "0"
    if keyless:
        yield Finding("no-host-keys", "bad", "sshd has no host keys", mends=("host-keys", "sshd"))
    elif facts.all("sshbad") and not facts["sshbad"].startswith("Missing privilege separation"):
        yield Finding("sshd-refuses", "bad", f"sshd refuses to start: {facts['sshbad']}",
                      "mend /etc/ssh/sshd_config: edgedeploy console")  # fmt: skip
    if facts.ssh_port not in facts.listening:
        what = f"does not listen on port {facts.ssh_port}" if "sshd" in facts.running else "does not run"
        yield Finding("sshd-down", "bad", f"sshd {what}", mends=("sshd",))
    yield from _keys(facts, laptop)


def _keys(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    key = " ".join(facts["hostkey"].split()[:2])
    mine = [line for line in laptop.pinned if line.startswith("ssh-ed25519 ")]
    if key and mine and key not in mine:
        yield Finding("host-key-differs", "bad", "the board's host key is not the one that this laptop has pinned",
                      "this cable leads to the board itself: what it says is true", ("pin",))  # fmt: skip
    blobs = {row.split()[0] for row in facts.all("pushkey")}
    if laptop.enrolled and facts.root and laptop.push_key not in blobs:
        yield Finding("push-key-missing", "bad", "this laptop's push key is not on the board", mends=("agent",))


def _avahi(facts: Facts) -> Iterator[Finding]:
    if not facts.complete:
        return
    if "avahi-daemon" not in facts.tools:
        yield Finding("avahi-missing", "warning", "the board has no Avahi: it is not found by name",
                      "apt-get install avahi-daemon, when there is a network")  # fmt: skip
    elif "avahi-daemon" not in facts.running:
        yield Finding("avahi-down", "bad", "Avahi does not run: the board is not found by name", mends=("avahi",))


def _xen(facts: Facts) -> Iterator[Finding]:
    if not facts.complete:
        return
    if facts["hypervisor"] != "xen" and facts["xl"] != "0":
        yield Finding("not-xen", "bad", "Linux runs there without Xen: no guest can be started",
                      "its U-Boot started the kernel and not Xen: see its boot script")  # fmt: skip
        return
    if facts["xl"] != "0":
        why = next((row for row in facts.all("xlinfo") if "error" in row.lower()), "xl does not answer")
        if not facts.running & {"xenstored", "oxenstored"}:
            why = f"xenstored does not run ({why})"
        why = why if "xl" in facts.tools else "xl is not installed"
        hint = "xenstored cannot be started again: restart the board (sync; reboot -f) from edgedeploy console"
        yield Finding("xl-broken", "bad", f"Xen's tools do not work: {why}", hint if "xl" in facts.tools else
                      "apt-get install xen-utils-4.17, when there is a network")  # fmt: skip
        return
    free = memory(facts).get("free_memory")
    if free is not None and free < _LITTLE_MB and not any(_on_air(app) for app in _rows(facts).values()):
        yield Finding("memory-low", "warning", f"Xen has only {free} MB of memory left for guests", "see: xl list")


def memory(facts: Facts) -> dict[str, int]:
    """free_memory and total_memory in MB, as xl info says them."""
    rows = (line.partition(":") for line in facts.all("xlinfo"))
    return {key.strip(): int(value) for key, _, value in rows if value.strip().isascii() and value.strip().isdigit()}


def _agent(facts: Facts, laptop: Laptop) -> Iterator[Finding]:
    if not facts.complete:
        return
    python = tuple(int(part) for part in re.findall(r"\d{1,4}", facts["python"])[:2])
    if python < (3, 11):
        yield Finding("python-old", "bad", f"the agent needs Python 3.11, found {facts['python'] or 'none'}",
                      "apt-get install python3, when there is a network (Debian 12 has 3.11)")  # fmt: skip
    said = facts["agent"].removeprefix("edgedeploy-agent ")
    if not facts.all("agent"):
        yield Finding("agent-missing", "bad", "the agent is not installed on this board", mends=("agent",))
    elif not re.fullmatch(r"[0-9a-f]{12}", said):
        yield Finding("agent-broken", "bad", f"the agent does not start: {said}", mends=("agent",))
    elif laptop.agent and not laptop.agent.startswith(said):
        yield Finding("agent-old", "warning", f"the agent is version {said}, this laptop's is {laptop.agent[:12]}",
                      mends=("agent",))  # fmt: skip
    if not laptop.enrolled:
        yield Finding("not-enrolled", "warning", "the board is not enrolled on this laptop", mends=("agent",))


def _rows(facts: Facts) -> Mapping[str, Mapping[str, Any]]:
    apps = facts.status["apps"] if facts.status else {}
    return {str(name): app for name, app in apps.items() if isinstance(app, dict)}


def _on_air(app: Mapping[str, Any]) -> bool:
    return bool(app.get("healthy") and app.get("release"))


def _apps(facts: Facts) -> Iterator[Finding]:
    if facts.status is None and facts.all("agent") and facts["xl"] == "0":
        yield Finding("incomplete", "warning", "the agent does not say what is on air", "edgedeploy-agent status, there")
    for name, app in sorted(_rows(facts).items()):
        good, runs, wanted = (str(app.get(key) or "") for key in ("good", "release", "wanted"))
        if app.get("phase") == "stuck":
            yield Finding("stuck", "bad", f"{name} is stuck: {app.get('reason')}", f"edgedeploy rollback {name}", ("boot",))
        elif (good or runs) and not _on_air(app):
            yield Finding("off-air", "bad", f"{name}: its guest does not run ({good or runs} is good)", mends=("boot",))
        elif "error" in app:
            yield Finding("off-air", "bad", f"{name}: {app['error']}", mends=("boot",))
        elif wanted and runs and wanted != runs:
            yield Finding("other-release", "note", f"{name} serves {runs}; its repository wants {wanted}",
                          f"edgedeploy status {name}")  # fmt: skip


def on_air(facts: Facts) -> tuple[str, ...]:
    """What is served: "decks 20261123-1407-5c1e0a9d"."""
    return tuple(printable(f"{n} {a['release']}", 120) for n, a in sorted(_rows(facts).items()) if _on_air(a))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 10_000_000 else f"{count // 1_000_000} MB"


def _span(seconds: float) -> str:
    for unit, length in (("years", 365.25 * 86400), ("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"
