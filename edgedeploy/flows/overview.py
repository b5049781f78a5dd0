"""All boards of this laptop at once: what each runs, or why it does not say."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from edgedeploy.core import errors
from edgedeploy.core.names import BoardId
from edgedeploy.discover.sighting import Sighting
from edgedeploy.flows import ask, find
from edgedeploy.flows.ask import BoardState
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Found, Until, Via, Wanted
from edgedeploy.ports.report import Nobody
from edgedeploy.remote.known import KnownBoard


def boards(wanted: Wanted, known: Sequence[KnownBoard]) -> list[KnownBoard]:
    """Those that a question is about which names none; [] where it names one, or only one can be meant."""
    named = wanted.app or wanted.on or wanted.host or wanted.cable or wanted.via is Via.SERIAL
    meant = [] if named else find.candidates(wanted, known)
    return meant if len(meant) > 1 else []


def status(of: Sequence[KnownBoard], wanted: Wanted, context: Context) -> list[BoardState]:
    """Each board's answer over the network, in the order they are given in, or why there is none; all are asked at once.

    Raises errors.Unreachable where not one of them answers.
    """
    news: queue.SimpleQueue[tuple[KnownBoard, BoardState | BaseException]] = queue.SimpleQueue()
    look = _Look(of, context)
    # a cable is one board's, and a console may be somebody's: what nobody asked for by name does not listen there
    quiet = replace(context, report=Nobody(), cables=None, browse=look.seen, choose=lambda *_: None)

    def one(board: KnownBoard) -> None:
        try:
            news.put((board, ask.status(replace(wanted, on=str(board.board_id), via=Via.SSH), quiet)))
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            news.put((board, error))

    states: dict[BoardId, BoardState] = {}
    with context.report.step(f"asking {' and '.join(board.name for board in of)}") as step:
        for board in of:
            threading.Thread(target=one, args=(board,), name=f"status {board.name}", daemon=True).start()
        while len(states) < len(of):
            step.detail(f"waiting for {', '.join(board.name for board in of if board.board_id not in states)}")
            board, said = news.get()
            if isinstance(said, errors.EdgeError):
                said = BoardState(_last_seen(board), None, said)
            if isinstance(said, BaseException):
                raise said
            states[board.board_id] = said
        silent = [board.name for board in of if states[board.board_id].error]
        step.detail(f"no answer from {', '.join(silent)}" if silent else "")
    look.warn()
    return _some([states[board.board_id] for board in of])


class _Look:
    """One search by mDNS for all of them."""

    def __init__(self, of: Sequence[KnownBoard], context: Context) -> None:
        self._context, self._until = context, find.until_all(of, Wanted())
        self._found: Future[Sequence[Sighting]] = Future()
        threading.Thread(target=self._browse, name="mdns", daemon=True).start()

    def _browse(self) -> None:
        try:
            self._found.set_result(list(self._context.browse(find.PATIENCE_S, self._until)))
        except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
            self._found.set_exception(error)

    def seen(self, _patience: float, _until: Until) -> Sequence[Sighting]:
        """As flows.find.Browse; waits until the search has ended."""
        return self._found.result()

    def warn(self) -> None:
        """Say so where mDNS does not work here."""
        if self._found.done() and isinstance(error := self._found.exception(), errors.WireFault):
            self._context.report.warn(f"mDNS does not work here ({error.message})")


def _last_seen(board: KnownBoard) -> Found:
    return Found(board.name, board.hosts, board.port, "enrolled here", board, board.profile, dict(board.forwards))


def _some(states: list[BoardState]) -> list[BoardState]:
    if any(state.status for state in states):
        return states
    raise errors.Unreachable(
        f"none of this laptop's {len(states)} boards answers",
        hint="are they switched on, and on this network? One alone, also over its cable: "
        f"edgedeploy status --on {states[0].found.name}",
        details=tuple(state.error.message for state in states if state.error),
    )
