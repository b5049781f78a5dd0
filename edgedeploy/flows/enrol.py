"""Enrolment: from ordinary SSH access to a board that this laptop can push to, and that pulls by itself.

What is installed, and where, is the agent's business (agent/setup.py): we bring it over and run it once as root.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edgedeploy.core import errors, names
from edgedeploy.core.board import HOST, Profile, host
from edgedeploy.core.release import RUNTIMES, UNIX
from edgedeploy.flows import admission, doorway, twins
from edgedeploy.flows.boardshell import last, run
from edgedeploy.flows.context import Context
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import agentkit, pushkey
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import trust

_PROBE = "; ".join(  # one line: csh, somebody's login shell, takes no other
    (
        'echo "machine-id $(cat /etc/machine-id 2>/dev/null)"',
        'echo "enrolled $(sed -n "s/^id = //p" /etc/edgedeploy/agent.toml 2>/dev/null)"',
        'echo "runtimes $(sed -n "s/^runtimes = //p" /etc/edgedeploy/agent.toml 2>/dev/null)"',
        'echo "hostname $(grep -v -m1 "^#" /etc/hostname 2>/dev/null || uname -n)"',
        'echo "uid $(id -u)"',
        """echo "python $(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)\"""",
        "echo \"compatible $(tr '\\0' ' ' < /proc/device-tree/compatible 2>/dev/null)\"",
    )
)

_UNPACK = (
    "import bz2,sys; data = bz2.decompress(sys.stdin.buffer.read()) or "
    "sys.exit('nothing has arrived: does a start-up file of the login shell read?'); open(sys.argv[1], 'wb').write(data)"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to enrol. `profile` None: recognise the board by its device tree."""

    profile: names.ProfileName | None = None
    name: names.BoardName | None = None
    apps: Mapping[names.AppName, str] = field(default_factory=dict)
    """apps the board is to pull by itself: name -> git remote"""
    asked: Mapping[names.AppName, tuple[str, str]] = field(default_factory=dict)
    """where an app answers, and for which page (core.health.told): for a repository that does not say so"""
    forwards: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    runtimes: tuple[str, ...] = ()
    """what the board is to start, of core.release.RUNTIMES; none: as it is, or guests of Xen"""
    keep: bool = False
    """leave the original deployment scripts in service where the board has them"""


@dataclass(frozen=True, slots=True)
class Result:
    """What enrolment did. `changes` are sentences; empty means that everything was in place."""

    board_id: str
    name: str
    profile: str
    agent: str
    changes: tuple[str, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Facts:
    board_id: names.BoardId | None
    """what its agent calls itself, or would: None where it has neither an agent nor a machine-id"""
    enrolled: bool
    hostname: names.BoardName
    uid: int
    python: tuple[int, ...]
    compatible: tuple[str, ...]
    runtimes: tuple[str, ...] = ()
    """what its agent.toml says, none where it says nothing"""


@dataclass(frozen=True, slots=True)
class _Answer:
    board_id: names.BoardId
    changes: tuple[str, ...]


def enrol(
    wire: Wire,
    host_key: trust.HostKey | None,
    user: str,
    hosts: tuple[str, ...],
    port: int,
    request: Request,
    context: Context,
    profiles: Sequence[Profile],
    ask: Callable[[str], str | None],
    *,
    cable: bool = False,
) -> Result:
    """Install the agent over `wire`, pin the board and prove that the push key works.

    `cable`: the wire is a cable to the board, and the network may be dead: there may be no `hosts` and no `host_key`,
    and the proof is given over the cable where the network gives none.

    Idempotent. With dry_run nothing is changed, neither there nor here. Raises errors.BadConfig when the board cannot
    be an edgedeploy board, and says why; errors.Unreachable when its sshd does not let the push key in, and says why.
    A board that cannot be pushed to is not remembered.
    """
    facts = _probe(wire)
    programs_alone = (request.runtimes or facts.runtimes) == (UNIX,) and request.profile in (None, HOST)
    profile = host() if programs_alone else _profile(request.profile, facts, profiles)
    name = request.name or facts.hostname
    other = None
    if host_key and not cable:
        newcomer = twins.Newcomer(facts.board_id, facts.enrolled, name, host_key, hosts, port)
        other = twins.twin(newcomer, context)
    plan = {
        "board_id": secrets.token_hex(8) if other or not facts.board_id else facts.board_id,
        "own_id": other is not None,
        "name": name,
        "profile": profile.name,
        "push_key": pushkey.ensure(context.config, save=not request.dry_run),
        "label": context.who,
        "apps": dict(request.apps),
        "keep": request.keep,
        "asked": {app: {"address": address, "page": page} for app, (address, page) in request.asked.items()},
        "passthrough": list(profile.passthrough),
        **({"runtimes": list(request.runtimes)} if request.runtimes else {}),
    }
    with context.report.step(f"setting {name} up"):
        answer = _run_setup(wire, plan, facts.uid, ask, dry_run=request.dry_run)
    board_id, changes = answer.board_id, answer.changes
    if other:
        changes += twins.told(other, board_id, name)
    if not request.dry_run:
        board = KnownBoard(
            board_id,
            name,
            names.ProfileName(profile.name),
            user,
            hosts,
            port,
            tuple(request.apps),
            dict(request.forwards),
        )
        changes += admission.admit(board, host_key, context, wire, lambda: _door(wire, facts.uid, ask), cable=cable)
    return Result(board_id, name, profile.name, agentkit.digest(), changes, request.dry_run)


def _probe(wire: Wire) -> _Facts:
    status, out, words = run(wire, ["sh", "-c", _PROBE])
    if status:
        raise errors.BadConfig(f"{wire.traits.label} has no usable shell", details=(names.printable(words, 300),))
    lines = dict(line.partition(" ")[::2] for line in out.split("\n"))
    python = tuple(int(part) for part in lines.get("python", "").split(".") if part.isdigit())
    if python < (3, 11):
        found = f"Python {lines['python']}" if python else "no Python"
        raise errors.BadConfig(
            f"the agent needs Python 3.11 or later on the board, found {found}",
            hint="apt-get install python3 on the board (Debian 12 has 3.11)",
        )
    uid, enrolled = lines.get("uid", ""), lines.get("enrolled", "").strip('" ')
    known = names.BoardId(enrolled) if names.BoardId.fits(enrolled) else None
    return _Facts(
        known or names.own_board_id(lines.get("machine-id", "")),
        known is not None,
        _name(lines.get("hostname", "")),
        int(uid) if uid.isdigit() else -1,
        python,
        tuple(lines.get("compatible", "").split()),
        tuple(runtime for runtime in RUNTIMES if runtime in lines.get("runtimes", "").strip('" ').split()),
    )


def _name(hostname: str) -> names.BoardName:
    """The host's name without its domain, and without what no board's name may have."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", hostname.strip().partition(".")[0]).strip("-")[:63]
    return names.BoardName(plain or "board")


def _profile(asked: names.ProfileName | None, facts: _Facts, profiles: Sequence[Profile]) -> Profile:
    for profile in profiles:
        matches = profile.name == asked if asked else set(profile.compatible) & set(facts.compatible[:1])
        if not matches:
            continue
        if not profile.supported:
            raise errors.BadConfig(
                f"the {profile.title} can run no Xen guests: {profile.reason}",
                hint="`edgedeploy boards` lists those that can",
            )
        return profile
    if asked:
        raise errors.BadConfig(f"there is no board profile {asked!r}", hint="edgedeploy boards")
    seen = ", ".join(facts.compatible) or "no device tree"
    raise errors.BadConfig(
        f"no board profile matches this board ({names.printable(seen, 200)})",
        hint="say what it is: --profile NAME (`edgedeploy boards` lists them)",
    )


def _run_setup(
    wire: Wire, plan: Mapping[str, object], uid: int, ask: Callable[[str], str | None], *, dry_run: bool
) -> _Answer:
    status, folder, words = run(wire, ["mktemp", "-d"])
    if status:
        raise _unwritten("the board has no room for a temporary file", words)
    folder = folder.strip()
    path = f"{folder}/edgedeploy-agent.pyz"
    try:
        status, _, words = run(wire, ["python3", "-ISc", _UNPACK, path], agentkit.shipped())
        if status:
            raise _unwritten("the agent could not be written to the board", words)
        argv = ["python3", "-IS", path, "setup", *(["--dry-run"] if dry_run else [])]
        as_root, data = _as_root(wire, uid, ask)
        status, out, words = run(wire, [*as_root, *argv], data + json.dumps(plan).encode())
    finally:
        run(wire, ["rm", "-rf", folder])
    if status:
        cls = errors.by_exit_code(status) if status > 2 else errors.BoardFault
        raise cls("the agent could not be installed", details=last(words))
    return _answer(out, wire)


def _unwritten(what: str, words: str) -> errors.EdgeError:
    """A full disk is the usual reason, and no other one is called so."""
    if any(known in words for known in ("No space left", "quota exceeded")):
        return errors.NoRoom(what, details=last(words), hint="df -h on the board")
    return errors.BoardFault(what.replace("has no room for", "could not make"), details=last(words))


def _answer(out: str, wire: Wire) -> _Answer:
    try:
        said = json.loads(out)
        changes = tuple(names.printable(str(change), 300) for change in said["changes"])
        return _Answer(names.BoardId.parse(said["board_id"]), changes)
    except (ValueError, RecursionError, LookupError, TypeError, errors.UsageFault):
        raise errors.ProtocolMismatch(
            f"the agent's setup on {wire.traits.label} gave no answer", hint="try again; is its disk full?",
            details=last(out)[-4:],
        ) from None  # fmt: skip


def _as_root(wire: Wire, uid: int, ask: Callable[[str], str | None]) -> tuple[list[str], bytes]:
    """How to become root: (argv before the command, bytes before its input)."""
    if uid == 0:
        return [], b""
    if run(wire, ["sudo", "-n", "true"])[0] == 0:
        return ["sudo", "-n"], b""
    password = ask(f"[sudo] password on {wire.traits.label}: ")
    if password is None:
        raise errors.UsageFault(
            "enrolling needs root on the board, and sudo there wants a password",
            hint="run it in a terminal, or as root: edgedeploy enrol root@HOST",
        )
    return ["sudo", "-S", "-p", ""], password.encode() + b"\n"


def _door(wire: Wire, uid: int, ask: Callable[[str], str | None]) -> str:
    """What the board's sshd says of root, asked over the way in that the user has."""
    as_root, data = _as_root(wire, uid, ask)
    return run(wire, [*as_root, "sh", "-c", doorway.SCRIPT], data)[1]
