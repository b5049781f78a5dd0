"""The ladder: mDNS, the address a board last answered on, SSH there, and the serial cable when all that failed.

The network's half is a race (flows/race.py): looking and trying are safe at the same time, because a pinned host key
decides who answers. The cable (flows/cable.py) is only listened to when the network has failed: a console may be
somebody's, and typing there is not safe to race.

How long the network gets. mDNS is given 3 s, a connection 5 s, both at once; a server that takes the connection and then
says nothing 20 s, because an emulated board under load needs several. With a cable plugged in that is too long to stand
on a stage: then a connection has 4 s (a lost SYN is repeated after 1 s and 3 s) and the silent server 8 s; one that has
begun to speak keeps its 20 s. With --timeout the network has at most half of that while there is a cable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from edgedeploy.core import errors, names
from edgedeploy.core.deadline import Deadline
from edgedeploy.flows import cable, race
from edgedeploy.flows.context import Context, not_enrolled, plugged_in, remembered
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.find import Found, Via, Wanted, by_address, candidates
from edgedeploy.remote.known import KnownBoard


def next_rung(error: Exception) -> bool:
    """Whether another wire may do better: the way failed, and nobody at its end has said no.

    | the network's answer | next? |
    |---|---|
    | unreachable: no route, refused, silent, lost before the board introduced itself | yes |
    | mDNS does not work here | yes |
    | our key was refused: the board is up and has said no | no: say so, a cable would hide it |
    | another host key, another board: somebody else is there | no (12) |
    | no agent, or one of another protocol: it is the same one at the end of a cable | no (30) |
    | no such board; several could be meant; a bad configuration, release or password | no |
    | contact was lost while it deployed: it goes on, and is asked what became of it | no (42) |
    | whatever the board refused | no |
    """
    if not isinstance(error, errors.WireFault) or isinstance(error, errors.HostKeyChanged | errors.OutcomeUnknown):
        return False
    return not (isinstance(error, errors.Unreachable) and error.answered)


def reach(wanted: Wanted, context: Context, offer: Callable[[Found], None] | None = None) -> Reached:
    """A conversation with the board that is meant, which has introduced itself, over the way that works; close it.

    A board that is not enrolled on this laptop is offered to `offer`, which enrols it or raises; without that it is
    a UsageFault.

    Raises NoSuchBoard, UsageFault (which board, which cable, which password), Unreachable and the others of
    `next_rung`'s table. Says which way it took, and why.
    """
    reached = _climb(wanted, context)
    if isinstance(reached, Found) and offer:
        offer(reached)
        reached = _climb(wanted, context)
    if isinstance(reached, Found):
        raise not_enrolled(reached)
    remembered(reached, context)
    return reached


def _climb(wanted: Wanted, context: Context) -> Reached | Found:
    """From rung to rung. A Found is not enrolled here."""
    limit = Deadline.after(wanted.timeout) if wanted.timeout else None
    known = context.known.all()
    expected = candidates(wanted, known)
    if wanted.host and (meant := by_address(wanted, known, expected, context.choose).known):
        # a cable that leads to another one is the wrong cable, whatever runs there
        expected, wanted = [meant], replace(wanted, on=str(meant.board_id))
    if wanted.via is Via.SERIAL:
        choice = cable.choose(wanted, expected, context)
        context.report.note(f"over the serial cable {choice.port.device}: {choice.why}")
        return cable.over(choice, wanted, expected, context, limit)
    try:
        return race.over_network(
            wanted,
            expected,
            context,
            _networks(limit, wanted, context),
            spared=lambda error: _cable_takes_over(error, wanted, context),
        )
    except errors.EdgeError as error:
        if wanted.via is Via.SSH:
            raise
        if not next_rung(error):
            raise _with_cable_in_mind(error, context) from None
        return _down_to_the_cable(error, wanted, expected, context, limit)


def _networks(limit: Deadline | None, wanted: Wanted, context: Context) -> Deadline | None:
    """How long the network may take."""
    if limit is None or wanted.via is Via.SSH or not cable.fallback(wanted, context.cables):
        return limit
    return Deadline.after(limit.remaining / 2)


def _cable_takes_over(error: errors.EdgeError, wanted: Wanted, context: Context) -> bool:
    """Then the network's silence is no failure to whoever reads along."""
    return wanted.via is not Via.SSH and next_rung(error) and cable.fallback(wanted, context.cables)


def _down_to_the_cable(
    failed: errors.EdgeError, wanted: Wanted, expected: Sequence[KnownBoard], context: Context, limit: Deadline | None
) -> Reached | Found:
    try:
        if wanted.cable and not cable.fallback(wanted, context.cables):  # EDGEDEPLOY_PORT of another day
            raise errors.Unreachable(f"there is no serial port {names.printable(wanted.cable, 200)}")
        choice = cable.choose(wanted, expected, context)
    except errors.EdgeError as none:
        which = isinstance(none, errors.UsageFault)  # a cable must be named: that is what to type next
        also = (f"serial cable: {none.message}", *(none.details if which else ()))
        raise _again(failed, none.hint if which else failed.hint, (*failed.details, *also)) from None
    why = f"the network way failed ({failed.message})"
    context.report.note(f"over the serial cable {choice.port.device}: {why}")
    try:
        return cable.over(choice, wanted, expected, context, limit)
    except errors.OutcomeUnknown:
        raise
    except errors.EdgeError as error:
        raise _again(error, error.hint, (*error.details, f"before that, {why}")) from None


def _with_cable_in_mind(error: errors.EdgeError, context: Context) -> errors.EdgeError:
    """The same error; where the cable could help, it says so."""
    helps = isinstance(error, errors.NoSuchBoard | errors.HostKeyChanged | errors.Unreachable)
    if not helps or not plugged_in(context.cables):
        return error
    said = "edgedeploy recover" if isinstance(error, errors.NoSuchBoard) else "--via serial"
    return _again(error, error.hint, (*error.details, f"there is a serial cable here, which was not used: {said} does"))


def _again(error: errors.EdgeError, hint: str, details: tuple[str, ...]) -> errors.EdgeError:
    error.hint, error.details = hint, details
    return error
