"""Rescue a board by its serial cable: what is wrong, in words; what can be done, one by one; does it answer again?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from edgedeploy.core import errors, names
from edgedeploy.core.board import Profile
from edgedeploy.flows import admission, enrol
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.flows.find import Wanted, candidates
from edgedeploy.flows.rescue import diagnosis, facts, mends, network, verify
from edgedeploy.flows.rescue.console_board import ConsoleBoard, Done, Shell
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.flows.rescue.finding import Finding, Laptop
from edgedeploy.flows.rescue.mends import Mend, Wish
from edgedeploy.flows.rescue.result import Outcome, Result, Tried, Verdict
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import agentkit, pushkey
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import trust


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line says."""

    on: str | None = None
    kind: names.ProfileName | None = None
    wish: Wish = field(default_factory=Wish)
    dry_run: bool = False


@dataclass(frozen=True)
class Tools:
    """The cable and the person. `confirm`: whether to do a mend; `address`: which to set by hand, None where nobody says."""

    console: Callable[[], AbstractContextManager[Shell]]
    wire: Callable[[], Wire]
    """takes the cable for itself: opened only while the console is closed"""
    confirm: Callable[[Mend], bool]
    address: Callable[[], Wish | None]
    show: Callable[[str, Sequence[Finding]], None]
    """who it is, and the first diagnosis: before any question is asked"""
    now: Callable[[], float]
    context: Context
    profiles: Sequence[Profile]


def recover(request: Request, tools: Tools) -> Result:
    """Diagnose, mend, verify. Raises as Console and SerialWire do; UsageFault for another board than the one named."""
    case = _Case(request, tools)
    with _console_board(tools) as console_board:
        case.begin(console_board)
        case.mend()
    if case.agent_agreed:
        case.install()
        with _console_board(tools) as console_board:
            case.look_again(console_board)
            case.mend()
    return case.conclude()


@contextlib.contextmanager
def _console_board(tools: Tools) -> Iterator[ConsoleBoard]:
    with tools.console() as shell:
        console_board = ConsoleBoard(shell)
        try:
            yield console_board
        except (errors.UsageFault, errors.BoardFault):
            console_board.leave()
            raise
        # not after Ctrl-C or a pulled cable: the shell may be in the middle of something, or gone
        console_board.leave()


class _Case:
    """One recovery under way."""

    def __init__(self, request: Request, tools: Tools) -> None:
        self._request, self._tools, self._context = request, tools, tools.context
        self._wish = request.wish
        self._tried: dict[str, Tried] = {}
        self._asked = False
        """for an address to set by hand: whoever named none means none"""
        self.agent_agreed = False
        self.facts = Facts()
        self.findings: tuple[Finding, ...] = ()
        self._first: tuple[Finding, ...] = ()
        self._cut = False
        self._laptop = Laptop(0.0)

    # --- looking --------------------------------------------------------------------------------------------------

    def begin(self, console_board: ConsoleBoard) -> None:
        """Ask the board how it is, and whether it is the one that is meant."""
        self._look(console_board, deep=True)
        if "uid" not in self.facts.text:
            raise errors.BoardFault("the board's shell answers no questions", hint="look at it: edgedeploy console")
        self._is_the_one()
        self._first = self.findings
        self._cut = not diagnosis.network_is_fine(self.facts, self._laptop)
        self._tools.show(self.who, self.findings)

    def look_again(self, console_board: ConsoleBoard) -> None:
        """Ask anew, through another log-in."""
        self._look(console_board, deep=True)

    def _look(self, console_board: ConsoleBoard, *, deep: bool, near: bool = True) -> None:
        self._console_board = console_board
        with self._context.report.step("asking the board how it is"):
            self.facts, now = console_board.ask(deep=deep, near=near)
        self._laptop = self._compared(now)
        self.findings = diagnosis.diagnose(self.facts, self._laptop)

    def _compared(self, now: float) -> Laptop:
        public = pushkey.private_key(self._context.config).with_suffix(".pub")
        mine = public.read_text(errors="replace").split() if public.is_file() else []
        board = self.board
        pinned = trust.Pins(pins_file(self._context.config)).lookup(trust.alias_of(board.board_id)) if board else []
        return Laptop(
            now,
            agentkit.digest(),
            mine[1] if len(mine) > 1 else "",
            network.usual_bridge(self.facts.compatible, self.kind, self._tools.profiles),
            tuple(key.line for key in pinned),
            board is not None,
        )

    @property
    def board(self) -> KnownBoard | None:
        """The registered board at the cable's other end."""
        return self._context.known.get(self.facts.board_id) if self.facts.board_id else None

    @property
    def kind(self) -> str:
        said = self.facts.toml.get("profile", "")
        return self._request.kind or (self.board.profile if self.board else said)

    @property
    def name(self) -> str:
        return self.board.name if self.board else self.facts.name or "the board"

    @property
    def who(self) -> str:
        kind = f" ({self.kind})" if self.kind else ""
        return f"this is {self.name}{kind}, {'' if self.board else 'not '}enrolled on this laptop"

    def _is_the_one(self) -> None:
        wanted, said = self._request.on, self.facts.board_id
        meant = candidates(Wanted(on=wanted), self._context.known.all()) if wanted else []
        # a name is what two boards may have; for a board that is enrolled here it is its id that counts
        if wanted and (said not in {one.board_id for one in meant} if meant else wanted not in (self.name, said)):
            raise errors.UsageFault(
                f"the cable leads to {self.name} (board id {said or 'unknown'}), not to {wanted}",
                hint=f"put the cable into {wanted}, or name the other: --on {said or self.name}",
            )

    # --- mending --------------------------------------------------------------------------------------------------

    def mend(self) -> None:
        """Offer what can be done until nothing is left that was not offered."""
        while self.facts.root and (chosen := self._next()) is not None:
            self._one(*chosen)

    def _next(self) -> tuple[str, Mend] | None:
        for finding in self.findings:
            for code in finding.mends:
                if code in mends.ADDRESS and self._wished():
                    break  # what the person named goes before what a server says
                made = None if code in self._tried else self._made(finding.code, code)
                if made:
                    return made
        return self._made("", "static") if self._wished() else None

    def _wished(self) -> bool:
        wish = self._request.wish.address
        return bool(wish and "static" not in self._tried and all(a.value != wish for a in self.facts.addresses))

    def _made(self, finding: str, code: str) -> tuple[str, Mend] | None:
        if code == "static" and self._wish.address is None and not (self._asked or self._request.dry_run):
            self._asked = True
            self._wish = self._tools.address() or self._wish
        mend = mends.mend(code, self.facts, self._laptop, self._wish, self._tools.now)
        return (finding, mend) if mend else None

    def _one(self, finding: str, mend: Mend) -> None:
        if self._request.dry_run:
            self._tried[mend.code] = Tried(mend, "would")
        elif not self._tools.confirm(mend):
            self._tried[mend.code] = Tried(mend, "declined")
        elif mend.code == "agent":
            self.agent_agreed = True
            self._tried[mend.code] = Tried(mend, "failed")  # until it is done
        else:
            self._do(finding, mend)

    def _do(self, finding: str, mend: Mend) -> None:
        with self._context.report.step(mend.title) as step:
            done = self._pin() if mend.code == "pin" else self._console_board.do(mend, step.detail)
        self._look(self._console_board, deep=mend.code in mends.APPS, near=mend.code in mends.NETWORK)
        still = finding in {one.code for one in self.findings}
        outcome: Outcome = "failed" if not done.ok else "no help" if still else "helped"
        self._tried[mend.code] = Tried(mend, outcome, done.words)
        if outcome != "helped":
            self._context.report.warn(" ".join([_WORDS[outcome].format(mend.title), *done.words[-1:]]))

    def _host_key(self) -> trust.HostKey | None:
        try:
            return trust.HostKey.parse(self.facts["hostkey"])
        except ValueError:
            return None

    def _pin(self) -> Done:
        key, board = self._host_key(), self.board
        if key is None or board is None:
            return Done(False)
        return Done(True, admission.pin(board, key, self._context))

    def install(self) -> None:
        """Enrol over the cable. The host key was read over it: no first contact is more to be trusted."""
        board = self.board
        kind = names.ProfileName(self.kind) if names.ProfileName.fits(self.kind) else None
        name = board.name if board else names.BoardName(self.facts.name) if self.facts.name else None
        hosts = tuple(address.text for address in self.facts.usable(six=True))
        mend = self._tried["agent"].mend
        try:
            with self._tools.wire() as wire:
                result = enrol.enrol(
                    wire, self._host_key(), "root", board.hosts if board and board.hosts else hosts,
                    board.port if board else self.facts.ssh_port,
                    enrol.Request(profile=kind, name=name), self._context, self._tools.profiles,
                    lambda _: None, cable=True,
                )  # fmt: skip
        except errors.EdgeError as error:  # what else was mended stays so: it is still to be verified
            words = (error.message, *error.details, error.hint)
            self._tried["agent"] = Tried(mend, "failed", tuple(line for line in words if line))
            self._context.report.warn(f"{_WORDS['failed'].format(mend.title)} {error.message}")
        else:
            self._tried["agent"] = Tried(mend, "helped", result.changes)

    # --- the end --------------------------------------------------------------------------------------------------

    def conclude(self) -> Result:
        """Ask for the board over the network, and sum up."""
        board = self.board
        if board is None or network.cut_off(self.facts):
            why = next((one.words for one in network.findings(self.facts, self._laptop)), "it is not enrolled")
            reached = verify.Reached(why_not=why)
        else:
            reached = verify.verify(board, self.facts, self._context, remember=not self._request.dry_run)
        verdict: Verdict
        if reached.at:
            verdict = "reachable"
        elif not diagnosis.network_is_fine(self.facts, self._laptop):
            verdict = "ailing"
        else:
            verdict = "unreachable" if board else "not enrolled"
        apps = [*(board.apps if board else ()), "APP"]
        return Result(
            self.who, self.name, facts.board_id(self.facts) if self.facts.board_id else "", board is not None,
            str(apps[0]), self._first, self.findings, tuple(self._tried.values()), verdict, reached, self._cut,
            diagnosis.on_air(self.facts), self._request.dry_run,
        )  # fmt: skip


_WORDS = {"failed": "this did not work: {}.", "no help": "this did not help: {}."}
