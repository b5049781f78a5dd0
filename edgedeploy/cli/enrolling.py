"""Runs the enrolment use case for `enrol` itself and for `push`, which offers it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import click

from edgedeploy.cli import options, target
from edgedeploy.core import errors, names
from edgedeploy.flows import enrol as flow
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.flows.find import Found
from edgedeploy.profiles import catalog
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import ssh, trust
from edgedeploy.wires.ssh import hostrules
from edgedeploy.wires.ssh.config import resolve
from edgedeploy.wires.userhosts import UserKnownHosts


def confirm_key(host: str, fingerprint: str) -> bool:
    """First contact: a person compares the fingerprint; without a terminal nobody can, and the answer is no."""
    if not sys.stdin.isatty():
        return False
    click.echo(f"The host key of {host} is not known yet: {fingerprint}", err=True)
    return click.confirm("Is that the board?", err=True)


def enrol_host(
    hosts: tuple[str, ...],
    port: int | None,
    user: str | None,
    request: flow.Request,
    context: Context,
    identity: str | None = None,
    known_hosts: str | None = None,
) -> flow.Result:
    """Enrol the board at an address, with the user's own SSH access."""
    where = ssh.SshTarget(hosts[0], port, user, also=hosts[1:])
    endpoint = resolve(where)
    rules = hostrules.of(endpoint, Path(known_hosts) if known_hosts else None)

    def confirmed(host: str, fingerprint: str) -> bool:
        with context.report.hold():
            return confirm_key(host, fingerprint)

    def secret(prompt: str) -> str | None:
        with context.report.hold():
            return target.secret(prompt)

    pins = trust.Pins(pins_file(context.config))
    pinned = enrolled_there({*hosts, *endpoint.hosts}, endpoint.port, context.known.all(), pins)
    policy = UserKnownHosts(confirmed, rules, context.report.warn, pinned=pinned)
    credentials = ssh.Credentials(identity=Path(identity) if identity else None, ask=secret)
    with ssh.SshWire(where, policy, credentials) as wire:
        with context.report.step(f"connecting to {where.label.removeprefix('ssh ')}"):
            wire.connect()
        return flow.enrol(
            wire,
            wire.host_key,
            "root",
            # behind a jump host only the name that was typed leads there again: ssh's configuration knows how
            hosts if endpoint.proxy else endpoint.hosts,
            endpoint.port,
            request,
            context,
            catalog.load_all(),
            target.secret,
        )


def enrolled_there(
    hosts: Collection[str], port: int, known: Sequence[KnownBoard], pins: trust.Pins
) -> list[trust.HostKey]:
    """The pinned host keys of the boards that answered there before."""
    there = [board for board in known if board.port == port and set(hosts) & set(board.hosts)]
    return [key for board in there for key in pins.lookup(trust.alias_of(board.board_id))]


def meant(where: str | None, known: Sequence[KnownBoard]) -> tuple[tuple[str, ...], int | None, str | None]:
    """Addresses, port and user of `[USER@]HOST[:PORT]`, of the board that is called so, or of the only one there is.

    Raises errors.UsageFault when several could be meant, or none.
    """
    there = [board for board in known if board.hosts and not board.folder and where in (None, board.name)]
    if where is not None and not there:
        user, _, rest = where.rpartition("@")
        address = options.parse_host(rest)
        return (address.host,), address.port, user or None
    if len(there) == 1:
        return there[0].hosts, there[0].port, there[0].user
    if not there:
        raise errors.UsageFault(
            "no board is enrolled here that answered on the network before",
            hint="name one: edgedeploy enrol HOST   or see which are there: edgedeploy discover",
        )
    raise errors.UsageFault(
        f"{len(there)} boards could be meant: {', '.join(board.name for board in there)}",
        hint=f"say which: edgedeploy enrol {there[0].name}",
    )


def enrol_found(found: Found, context: Context) -> flow.Result:
    """Enrol a board that was found; it lets root in by SSH, or asks for a password."""
    profile = names.ProfileName.parse(found.profile) if found.profile else None
    forwards: Mapping[str, str] = found.forwards
    return enrol_host(found.hosts, found.port, "root", flow.Request(profile, forwards=forwards), context)
