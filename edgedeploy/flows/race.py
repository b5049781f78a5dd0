"""The network's half of the ladder: mDNS and an SSH attempt to the last known address, at the same time.

Whoever brings an authenticated, right board first wins. That is safe: every attempt proves the board's pinned host key
before it says anything, and the agent then says which board it is.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.discover.sighting import Sighting
from edgedeploy.flows import find
from edgedeploy.flows.context import Context
from edgedeploy.flows.conversation import Reached, introduced
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.ports.report import Step
from edgedeploy.remote.known import KnownBoard

OTHERS_S = 2.0
"""seconds that other boards, which could be meant too, get after the first has answered"""
_AGENT_S = 120.0
_SILENCE_S = 2.0
"""a person who waits longer is told for what"""
_Place = tuple[str, tuple[str, ...], int]


def over_network(
    wanted: Wanted,
    expected: Sequence[KnownBoard],
    context: Context,
    limit: Deadline | None = None,
    *,
    spared: Callable[[errors.EdgeError], bool] = lambda _: False,
) -> Reached | Found:
    """The board that is meant, reached over the network; a Found where it is not enrolled here.

    `spared` says which failures are none to a person, because another way is taken then; they are raised all the same.

    Raises NoSuchBoard, UsageFault when nobody can be asked which, HostKeyChanged, Unreachable, and what the agent says.
    """
    race = _Race(wanted, expected, context, limit)
    with context.report.step("looking for the board") as step:
        try:
            return _first(race, wanted, context, step)
        except errors.EdgeError as error:
            if not spared(error):
                raise
            step.detail("no answer on the network")
            failed = error
    raise failed


def _first(race: _Race, wanted: Wanted, context: Context, step: Step) -> Reached | Found:
    try:
        winners = race.run(step)
    except BaseException:
        race.give_up()
        raise
    finally:
        race.end()
    one = winners if isinstance(winners, Found) else _one_of(winners, wanted, context)
    found = one if isinstance(one, Found) else one.found
    step.detail(f"{found.label}, {found.how}{find.why_this(found, wanted, context.known.all())}")
    return one


def _one_of(winners: Sequence[Reached], wanted: Wanted, context: Context) -> Reached:
    """The only one, or the one a person chooses. The others are closed."""
    winners = sorted(winners, key=lambda winner: winner.found.name)  # not by who was quicker: a person learns the order
    chosen: Found | None = None
    try:
        chosen = winners[0].found if len(winners) == 1 else find.ask([w.found for w in winners], wanted, context.choose)
    finally:
        for winner in winners:
            if winner.found is not chosen:
                winner.close()
    return next(winner for winner in winners if winner.found is chosen)


class _Race:
    """Attempts under way in threads; everything else happens in the caller's."""

    def __init__(
        self, wanted: Wanted, expected: Sequence[KnownBoard], context: Context, limit: Deadline | None
    ) -> None:
        self._wanted, self._expected, self._context = wanted, expected, context
        self._limit = limit or Deadline.after(3600.0)
        self._patience = wanted.timeout
        self._news: queue.SimpleQueue[tuple[Found | None, object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._running: dict[_Place, Found] = {}
        self._greeted: set[_Place] = set()
        """where an agent has said its first word"""
        self._looking = False
        self._how: dict[_Place, Found] = {}
        """what mDNS said meanwhile of a place that is being tried"""
        self._failed: list[tuple[Found, errors.EdgeError]] = []
        self._won: list[Reached] = []

    def run(self, step: Step) -> list[Reached] | Found:
        """Those that answered (one, unless several could be meant), or the board that is there and not enrolled.

        What takes longer than two seconds is said in `step`.
        """
        if self._wanted.host:
            known = self._context.known.all()
            found = find.by_address(self._wanted, known, self._expected, self._context.choose)
            if found.known is None:
                return found
            self._try(found)
        else:
            if not (self._expected and all(board.folder for board in self._expected)):  # then no network has it
                self._look()
            if len(self._expected) == 1 or not self._looking:
                for found in find.last_known(self._expected):
                    self._try(found)
        return self._watch(step)

    def give_up(self) -> None:
        """Hang up on those that have answered: the others' answers, or Ctrl-C, have ended the race."""
        for one in self._won:
            one.close()

    def end(self) -> None:
        """Whoever answers from now on is too late, and is hung up on."""
        with self._lock:
            self._over.set()
        while not self._news.empty():
            late = self._news.get()[1]
            if isinstance(late, Reached):
                late.close()

    # --- the caller's thread --------------------------------------------------------------------------------------

    def _watch(self, step: Step) -> list[Reached] | Found:
        settle: Deadline | None = None
        while self._looking or self._running:
            wait = min(self._limit.remaining, settle.remaining if settle else 3600.0)
            try:
                place, news = self._news.get(timeout=max(min(wait, _SILENCE_S), 0.001))
            except queue.Empty:
                if wait > _SILENCE_S:
                    step.detail(self._waiting())
                    continue
                break
            if place is None:
                stranger = self._seen(news)
                if stranger:
                    return stranger
            else:
                self._ended(place, news)
            if self._won:
                if len(self._expected) == 1 or self._wanted.host:
                    break
                settle = settle or Deadline.after(OTHERS_S)
        if self._won:
            return self._won
        raise self._why()

    def _waiting(self) -> str:
        """For what, in words."""
        tried = [
            f"waiting for {found.name}'s agent"
            if place in self._greeted
            else f"trying {found.hosts[0]} port {found.port}"
            for place, found in self._running.items()
        ]
        return ", ".join(tried) or "waiting for boards to answer by mDNS"

    def _seen(self, news: object) -> Found | None:
        """mDNS has ended: try what it found; returns the board that is there where none of ours is expected."""
        self._looking = False
        if isinstance(news, errors.WireFault):
            self._context.report.warn(f"mDNS does not work here ({news.message})")
            news = []
        if isinstance(news, BaseException):
            raise news
        assert isinstance(news, list)
        found = find.seen(news, self._expected, self._wanted)
        if not found and not find.last_known(self._expected):
            if self._expected:
                return None  # enrolled over its cable, and never seen on the network: `_why` says so
            raise find.nobody(self._wanted, self._context.known.all())
        if found:
            one = found[0] if len(found) == 1 else find.ask(found, self._wanted, self._context.choose)
            if one.known is None:
                return one
            self._try(one)
        else:
            for last in find.last_known(self._expected):
                self._try(last)
        return None

    def _ended(self, found: Found, news: object) -> None:
        self._running.pop(_place(found), None)
        if isinstance(news, Reached):
            better = self._how.get(_place(found))
            self._won.append(replace(news, found=better) if better else news)
        elif isinstance(news, errors.EdgeError):
            self._failed.append((found, self._in_context(found, news)))
        elif isinstance(news, BaseException):
            raise news

    def _in_context(self, found: Found, error: errors.EdgeError) -> errors.EdgeError:
        """Another key at an address that was typed is rather a wrong address than an attack."""
        known = bool(found.known and found.hosts[0] in found.known.hosts)
        if not isinstance(error, errors.HostKeyChanged) or not self._wanted.host or known:
            return error
        return errors.UsageFault(
            f"{found.hosts[0]} is not {found.name}, and no other board at that address is enrolled on this laptop",
            hint=f"enrol it: edgedeploy enrol {found.hosts[0]}",
            details=error.details,
        )

    def _why(self) -> errors.EdgeError:
        """The error that says most: of the place mDNS saw before that of an old address, a stranger's key before silence."""
        if self._failed:
            fresh = [error for found, error in self._failed if found.how == find.SEEN]
            told = fresh or [error for _, error in self._failed]
            return next((error for error in told if not isinstance(error, errors.Unreachable)), self._silent(told[-1]))
        names = ", ".join(board.name for board in self._expected) or "the board"
        if self._limit.expired and self._patience:
            what = f"{names} did not answer on the network in time (--timeout {self._patience:g})"
            return errors.Unreachable(what, hint="give it longer, or use a serial cable")
        return errors.Unreachable(
            f"{names} is not seen on the network, and never was",
            hint="give its address (--host ADDRESS), or plug a serial cable in",
        )

    def _silent(self, error: errors.EdgeError) -> errors.EdgeError:
        """The same error, by the board's name: an address alone says little to whoever is to switch something on."""
        if self._wanted.host or not self._expected or getattr(error, "answered", False):
            return error
        message, details, hint = (
            f"{self._expected[0].name} does not answer: {_dated(error, self._expected[0])}",
            error.details,
            error.hint,
        )
        if len(self._expected) > 1:
            message = f"{' and '.join(board.name for board in self._expected)} do not answer"
            details = tuple(f"{found.name}: {_dated(failure, found.known)}" for found, failure in self._failed)
        others = [board.name for board in self._context.known.all() if board not in self._expected]
        virtual = next((board.name for board in self._expected if board.profile == find.VIRTUAL), "")
        if virtual:
            hint = f"is it switched on? edgedeploy lab up {virtual}"
        if self._wanted.usual and others:
            on = hint if virtual else "is it switched on, and on this network?"
            hint = f"{on}   To go to another board: --on {others[0]}"
        return errors.Unreachable(message, hint=hint, details=details)

    # --- the threads ----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looking = True
        enough = find.until_all(self._expected, self._wanted)

        def until(seen: Sequence[Sighting]) -> bool:
            return self._over.is_set() or enough(seen)

        def look() -> None:
            try:
                self._news.put((None, list(self._context.browse(find.PATIENCE_S, until))))
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                self._news.put((None, error))

        threading.Thread(target=look, name="mdns", daemon=True).start()

    def _try(self, found: Found) -> None:
        place = _place(found)
        if place in self._running:
            self._how[place] = found
            return
        if any(place == _place(tried) for tried, _ in self._failed):
            if found.how == find.SEEN:  # it is there, says mDNS, and yet does not answer: the newer word counts
                self._failed = [(found if _place(t) == place else t, error) for t, error in self._failed]
            return
        self._running[place] = found
        threading.Thread(target=self._attempt, args=(found,), name=f"ssh {found.hosts[0]}", daemon=True).start()

    def _attempt(self, found: Found) -> None:
        news: object
        try:
            wire, client = self._context.talk(found, timeout=_AGENT_S)
            self._greeted.add(_place(found))
            news = introduced(found, wire, client, lambda timeout: self._context.talk(found, timeout=timeout))
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            news = error
        with self._lock:
            if not self._over.is_set():
                self._news.put((found, news))
                return
        if isinstance(news, Reached):
            news.close()


def _dated(error: errors.EdgeError, board: KnownBoard | None) -> str:
    last = board.last_answered(time.time()) if board else ""
    return f"{error.message}; it last answered {last}" if last else error.message


def _place(found: Found) -> _Place:
    return (found.known.board_id if found.known else "", tuple(sorted(found.hosts)), found.port)
