"""The end of enrolment: a board is remembered once the push key has been let in, and no sooner."""

from __future__ import annotations

from collections.abc import Callable

from edgedeploy.core import errors, messages
from edgedeploy.flows import doorway
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.flows.find import Found
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import trust


def admit(
    board: KnownBoard,
    host_key: trust.HostKey | None,
    context: Context,
    wire: Wire,
    door: Callable[[], str],
    *,
    cable: bool,
) -> tuple[str, ...]:
    """Pin the board, prove that the push key works, remember it; says what that changed.

    `wire` is the user's own way in, the proof's too where it is a `cable`; `door` asks the board's sshd of root
    (doorway.SCRIPT). Where the proof fails nothing of the board is left here, and errors.Unreachable says why.
    """
    pins, alias = trust.Pins(pins_file(context.config)), trust.alias_of(board.board_id)
    before = pins.lookup(alias)
    changes = pin(board, host_key, context) if host_key else ()
    try:
        _prove(board, context, wire if cable else None)
    except BaseException as fault:
        pins.pin(alias, *before)
        if isinstance(fault, errors.Unreachable | errors.ProtocolMismatch):
            raise _explained(fault, wire, door) from fault
        raise
    _remember(board, context)
    return changes


def _explained(fault: errors.EdgeError, wire: Wire, door: Callable[[], str]) -> errors.EdgeError:
    """The same with its cause, where the board says no to our key."""
    if isinstance(fault, errors.Unreachable) and not fault.answered:
        return fault
    try:
        said = door()
    except errors.EdgeError:
        said = ""
    cause = doorway.cause(said)
    if cause is None and isinstance(fault, errors.ProtocolMismatch):
        return fault
    where = wire.traits.label.removeprefix("ssh ")
    told = errors.Unreachable(
        f"the board does not let the push key in as root: {cause.what if cause else 'why, its sshd does not say'}",
        hint=f"{cause.mend if cause else 'see what sshd logs on the board'}; then: edgedeploy enrol {where}",
        details=(fault.message, *doorway.words(said)),
    )
    told.answered = True
    return told


def pin(board: KnownBoard, host_key: trust.HostKey, context: Context) -> tuple[str, ...]:
    """From now on the board is who has this key; says what that changed."""
    pins, alias = trust.Pins(pins_file(context.config)), trust.alias_of(board.board_id)
    pinned = pins.lookup(alias)
    if pinned and host_key not in pinned:
        context.report.warn(f"the host key of {board.name} changed since it was enrolled; it is pinned anew")
    if pinned == [host_key]:
        return ()
    pins.pin(alias, host_key)
    return (f"pinned its host key {host_key.fingerprint} on this laptop",)


def _remember(board: KnownBoard, context: Context) -> None:
    old = context.known.get(board.board_id)
    if old:
        board = KnownBoard(
            board.board_id,
            board.name,
            board.profile,
            board.user,
            board.hosts or old.hosts,
            board.port,
            tuple(dict.fromkeys([*old.apps, *board.apps])),
            board.forwards or old.forwards,
        )
    context.known.remember(board)


def _prove(board: KnownBoard, context: Context, cable: Wire | None) -> None:
    """A new connection, with the push key only: what a push will do. Else over the cable: what a push by cable will do."""
    with context.report.step("proving that the push key works") as step:
        try:
            welcome = _hello(board, context)
        except errors.WireFault as fault:
            if cable is None:
                raise
            step.detail(f"over the cable; over the network it is not proven: {fault.message}")
            with AgentClient(cable) as client:
                welcome = client.hello()
    if welcome.board_id != board.board_id or welcome.agent != agentkit.digest():
        raise errors.ProtocolMismatch(
            "the agent that answers is not the one that was installed",
            hint=f"is {agentkit.digest()[:12]} what /usr/local/bin/edgedeploy-agent --version says?",
        )


def _hello(board: KnownBoard, context: Context) -> messages.Welcome:
    if not board.hosts:
        raise errors.Unreachable(f"no address of {board.name} is known", hint="edgedeploy recover")
    wire, client = context.talk(Found(board.name, board.hosts, board.port, "enrolment", board, board.profile))
    with wire, client:
        return client.hello()
