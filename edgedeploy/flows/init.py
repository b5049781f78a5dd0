"""Starts a deployment repository."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.core.board import HOST
from edgedeploy.core.names import CommitId
from edgedeploy.core.release import UNIX, XEN
from edgedeploy.depot.commit import FALLBACK_EMAIL, FALLBACK_NAME
from edgedeploy.depot.git import Git
from edgedeploy.depot.repo import Depot
from edgedeploy.depot.scaffold import Plan
from edgedeploy.ports.report import Report
from edgedeploy.profiles import catalog

SET_NAME = 'for the next ones: git config --global user.name "…"; git config --global user.email "…"'


@dataclass(frozen=True, slots=True)
class Request:
    """What to start: texts as typed. `add` puts our files into a git repository that is there."""

    app: str
    folder: Path
    board: str
    address: str | None = None
    gateway: str | None = None
    slides: bool = False
    add: bool = False
    runtime: str = XEN


@dataclass(frozen=True, slots=True)
class Started:
    """The new repository."""

    app: names.AppName
    path: Path
    commit: CommitId
    files: tuple[str, ...]


def start(request: Request, *, report: Report) -> Started:
    """Make the repository and its first commit.

    Raises UsageFault for a folder in use or a name or address that is none, BadConfig for an unknown board profile.
    """
    plan = plan_of(request)
    depot, made = Depot.init(request.folder, plan, add=request.add)
    if plan.slides and plan.address is None:
        report.warn("without an address nobody can see the slides: set [network] address in edgedeploy.toml before the first release")
    if made.nameless:
        tell_nameless(depot.git, report)
    return Started(plan.app, depot.root, made.commit, tuple(str(path) for path in made.files))


def plan_of(request: Request) -> Plan:
    """What is known at the start. Raises UsageFault for a name or address that is none, BadConfig for an unknown profile."""
    profile = catalog.load(request.board)
    if profile.name == HOST and request.runtime != UNIX:
        raise errors.UsageFault(
            f"{HOST} runs programs, not guests of Xen", hint=f"edgedeploy init {request.app} --runtime unix --board {HOST}"
        )
    address, gateway = _network(request)
    return Plan(
        app=names.AppName.parse(request.app),
        board=names.ProfileName.parse(profile.name),
        address=address,
        gateway=gateway,
        slides=request.slides,
        bridge=profile.bridge,
        runtime=request.runtime,
    )


def tell_nameless(git: Git, report: Report) -> None:
    """Say whose name the commit just made bears; once, not after each commit that bears it too."""
    if git.ask("log", "-1", "--format=%ae", "HEAD~1") != FALLBACK_EMAIL:
        report.note(f"git does not know your name: the commit's author is {FALLBACK_NAME} <{FALLBACK_EMAIL}>; {SET_NAME}")


def _network(request: Request) -> tuple[ipaddress.IPv4Interface | None, ipaddress.IPv4Address | None]:
    if request.address is None:
        if request.gateway is not None:
            raise errors.UsageFault("a gateway needs an address", hint="add --address 192.168.1.20/24")
        return None, None
    try:
        if "/" not in request.address:
            raise ValueError(f"{request.address!r} has no network part")
        address = ipaddress.IPv4Interface(request.address)
        gateway = ipaddress.IPv4Address(request.gateway) if request.gateway else None
    except ValueError as error:
        raise errors.UsageFault(f"not an address: {error}", hint="such as --address 192.168.1.20/24") from None
    return address, gateway
