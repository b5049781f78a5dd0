"""The laptop's end of the conversation: one method per message, over any wire."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

from edgedeploy.core import errors, files, frames, messages, release
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import AppName, CommitId, ReleaseId, Sha256, printable
from edgedeploy.core.release import Manifest
from edgedeploy.ports.report import Step
from edgedeploy.ports.wire import Stream, Wire
from edgedeploy.remote.attached import Attachment

PROGRAM = "/usr/local/bin/edgedeploy-agent"
CHUNK = 128 * 1024
"""bytes sent at once; on a slow line a quarter of a second's worth, so that a cut costs no more than that"""
_LEAST = 512
_FETCH_S = 900.0
LARGEST = 2 << 30
"""bytes of a history that are taken from a board; boards have 1 GB of memory"""
M = TypeVar("M", bound=messages.Message)
OnEvent = Callable[[messages.Event], None]


def _no_event(_: messages.Event) -> None:
    return None


class AgentClient:
    """One conversation with the agent. Use as a context manager; not for several threads.

    Every method raises the EdgeError that the agent answered with, ProtocolMismatch for what is no answer, and WireFault
    when contact is lost. `activate` and `rollback` raise OutcomeUnknown instead: the deployment goes on without us.
    """

    def __init__(self, wire: Wire, argv: tuple[str, ...] = (PROGRAM, "serve"), *, timeout: float = 120.0) -> None:
        self._wire = wire
        self._stream: Stream = wire.open(argv)
        self._decoder = frames.Decoder(expect_banner=True)
        self._pending: list[frames.Frame] = []
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    # --- messages -------------------------------------------------------------------------------------------------

    def hello(self, timeout: float | None = None) -> messages.Welcome:
        """Who the board is, its live facts (BoardFacts.to_plain) and its apps (keys: edgedeploy.agent.status)."""
        return self._ask(messages.Hello(), messages.Welcome, timeout=timeout)

    def status(self) -> messages.BoardStatus:
        """What runs and what is known."""
        return self._ask(messages.Status(), messages.BoardStatus)

    def log(self, app: AppName, count: int) -> list[object]:
        """The last deployments of an app, newest last."""
        return self._ask(messages.Log(app, count), messages.LogLines).records

    def put(self, file: BinaryIO, step: Step) -> Sha256:
        """Send an open file; goes on after the last byte the board has. `step` advances in bytes, first by those.

        What the board has and the file does not begin with (a part that was damaged) is dropped there.
        """
        size = file.seek(0, io.SEEK_END)
        sha256 = Sha256(files.sha256_prefix(file, size).hex())
        self._write(messages.Put(sha256, size))
        have, known = self._answer(messages.Have, _no_event, Deadline.after(self._timeout))
        offset = have.offset
        if not 0 <= offset <= size:
            raise errors.ProtocolMismatch(f"the agent has {offset} bytes of a file of {size}")
        if known and known != files.sha256_prefix(file, offset):
            self._write(messages.Afresh())
            offset = 0
        step.advance(offset)
        if 0 < offset < size:
            step.detail(f"{offset} of {size} bytes were there from an earlier try")
        file.seek(offset)
        while chunk := file.read(self._chunk):
            if self._said():  # a full disk is no reason to send for another ten minutes
                raise self._answer(messages.Failed, _no_event, Deadline.after(self._timeout))[0].to_error()
            self._write(messages.Chunk(), chunk)
            step.advance(len(chunk))
        self._answer(messages.Stored, _no_event, Deadline.after(self._timeout))
        return sha256

    @property
    def _chunk(self) -> int:
        rate = self._wire.traits.bytes_per_second
        return CHUNK if rate is None else min(CHUNK, max(_LEAST, rate // 4))

    def stage(
        self, app: AppName, commit: CommitId, bundle: Sha256 | None, on_event: OnEvent, timeout: float, *, swap: str = "",
        over: str = "",
    ) -> messages.Staged:  # fmt: skip
        """Have the board take the commit in and check everything; the guest is not touched. `swap` as in `activate`.

        `over`: the commit that gives way to it, of another history; only for an agent that is known to know this.
        """
        ask = messages.Stage(app, commit, bundle or "", swap, over)
        return self._ask(ask, messages.Staged, on_event, timeout)

    def rehearse(self, manifest: Manifest, swap: str) -> messages.Rehearsed | None:
        """How the board would put a release on air; None where its agent is from before it could say so.

        Raises NoRoom or DoesNotFit where it is to be beside what is on air or not at all, and cannot.
        """
        try:
            return self._ask(messages.Rehearse(release.to_json(manifest), swap), messages.Rehearsed)
        except errors.ProtocolMismatch:
            return None

    def activate(
        self, app: AppName, commit: CommitId, who: str, on_event: OnEvent, timeout: float, *, retry: bool = False,
        swap: str = "",
    ) -> messages.Outcome:  # fmt: skip
        """Have the board deploy the staged commit; `swap` is one of release.SWAPS, "" for what its manifest says.

        Raises OutcomeUnknown when contact is lost on the way.
        """
        return self._decide(messages.Activate(app, commit, who, retry, swap), on_event, timeout)

    def rollback(
        self, app: AppName, to: ReleaseId | None, who: str, on_event: OnEvent, timeout: float
    ) -> messages.Outcome:
        """Have the board go back. Raises OutcomeUnknown when contact is lost on the way."""
        return self._decide(messages.Rollback(app, to or "", who), on_event, timeout)

    def fetch(self, app: AppName, have: Sequence[str], on_event: OnEvent) -> messages.Bundle:
        """Ask for what of the board's history does not lead to the commits `have`; where that is something, `receive` follows.

        Raises UsageFault for an app the board does not have, ProtocolMismatch for an agent from before there was this.
        """
        with self._too_old():
            return self._ask(messages.Fetch(app, list(have)), messages.Bundle, on_event, _FETCH_S)

    def receive(self, told: messages.Bundle, out: BinaryIO, step: Step) -> None:
        """Write the bundle that was told of to `out`; `step` advances in bytes. Raises WireFault for what is not what was sent."""
        if told.size > LARGEST:
            raise errors.ProtocolMismatch(f"the board wants to send {told.size / 1e9:.1f} GB; at most {LARGEST / 1e9:.1f} are taken")
        left, digest = told.size, hashlib.sha256()
        while left > 0:
            _, body = self._answer(messages.Chunk, _no_event, Deadline.after(self._timeout))
            if not 0 < len(body) <= left:
                raise errors.ProtocolMismatch("the agent sent more than it said, or nothing")
            out.write(body)
            digest.update(body)
            left -= len(body)
            step.advance(len(body))
        if digest.hexdigest() != told.sha256:
            raise errors.WireFault("what arrived is not what the board sent", hint="try again")

    def remove(self, app: AppName, who: str, timeout: float) -> list[str]:
        """Take an app off the board, with everything that is there of it; what was done, in words.

        Raises UsageFault for an app the board does not have, BoardFault while somebody is at work on it, OutcomeUnknown when
        contact is lost on the way, ProtocolMismatch for an agent from before there was this.
        """
        with self._too_old():
            try:
                told = self._ask(messages.Remove(app, who), messages.Removed, timeout=timeout)
            except errors.WireFault as error:
                raise errors.OutcomeUnknown(
                    f"contact with the board was lost while it took {app} off ({error.message})",
                    hint="see what is left: edgedeploy status; the same command ends what was begun",
                ) from error
        return [printable(str(line), 300) for line in told.changes]

    def attach(self, app: AppName, who: str) -> Attachment:
        """Be at the console of an app's guest. Nothing else may be asked until it is left.

        Raises UsageFault for an app the board does not have, BoardFault when nothing of it runs or somebody else is there,
        ProtocolMismatch for an agent from before there was this.
        """
        with self._too_old():
            told = self._ask(messages.Attach(app, who), messages.Attached)
        come, self._pending = self._pending, []
        return Attachment(told, self._stream, come, self._decoder.feed, self._ended)

    @contextlib.contextmanager
    def _too_old(self) -> Iterator[None]:
        """For what agents did not always know."""
        try:
            yield
        except errors.ProtocolMismatch as error:
            raise errors.ProtocolMismatch(
                f"the agent on {self._wire.traits.label} is too old for this",
                hint="`edgedeploy enrol` brings it up to date",
                details=(error.message,),
            ) from error

    # --- the stream -----------------------------------------------------------------------------------------------

    def _decide(self, ask: messages.Message, on_event: OnEvent, timeout: float) -> messages.Outcome:
        try:
            return self._ask(ask, messages.Outcome, on_event, timeout)
        except (errors.WireFault, TimeoutError) as error:
            raise errors.OutcomeUnknown(
                f"contact with the board was lost while it was deploying ({error or 'timed out'}); it goes on by itself",
                hint="`edgedeploy status` shows what it serves; when the network stays dead, by cable: edgedeploy recover",
            ) from error

    def _ask(
        self, ask: messages.Message, wanted: type[M], on_event: OnEvent = _no_event, timeout: float | None = None
    ) -> M:
        deadline = Deadline.after(timeout or self._timeout)
        self._write(ask)
        return self._answer(wanted, on_event, deadline)[0]

    def _write(self, message: messages.Message, body: bytes = b"") -> None:
        try:
            self._stream.write(frames.encode(messages.to_frame(message, body)))
        except errors.WireFault:
            ended = self._ended()  # a command that is not there is gone before it hears anything
            if isinstance(ended, errors.ProtocolMismatch):
                raise ended from None
            raise

    def _answer(self, wanted: type[M], on_event: OnEvent, deadline: Deadline) -> tuple[M, bytes]:
        """The reply and its frame's body."""
        while True:
            frame = self._next(deadline)
            message = messages.from_frame(frame)
            if isinstance(message, wanted):
                return message, frame.body
            if isinstance(message, messages.Event):
                on_event(message)
            elif isinstance(message, messages.Failed):
                raise message.to_error()
            else:
                raise errors.ProtocolMismatch(f"the agent answered {message.kind!r}, expected {wanted.kind!r}")

    def _said(self) -> bool:
        """Whether the agent speaks without having been asked."""
        if not self._pending:
            try:
                self._pending = self._decoder.feed(self._stream.read(65536, 0))
            except TimeoutError:
                return False
        return bool(self._pending)

    def _next(self, deadline: Deadline) -> frames.Frame:
        while not self._pending:
            try:
                data = self._stream.read(65536, deadline.remaining)
            except TimeoutError:
                raise errors.WireFault("the board does not answer", hint="edgedeploy status") from None
            if not data:
                raise self._ended()
            self._pending = self._decoder.feed(data)
        return self._pending.pop(0)

    def _ended(self) -> errors.EdgeError:
        """The stream ended: because there is no agent, or because it died. Its last words tell."""
        try:
            status, words = self._stream.finish(5.0)
        except (TimeoutError, errors.WireFault):
            status, words = -1, b""
        lines = tuple(printable(line, 300) for line in words.decode("utf-8", "replace").splitlines()[-8:])
        if status in (126, 127):
            return errors.ProtocolMismatch("this board has no agent", hint="edgedeploy enrol HOST", details=lines)
        return errors.WireFault(
            f"the agent on {self._wire.traits.label} ended the conversation (status {status})",
            hint="edgedeploy status",
            details=lines,
        )
