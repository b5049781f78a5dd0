"""The agent's end of the conversation: frames in on stdin, the board's doings, frames out on stdout.

A push key may run nothing but this. A lost laptop ends the conversation, never a deployment: that runs in a process and
session of its own and finishes by itself; the laptop that comes back asks for the status.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from edgedeploy.agent import attempt, facts, run, status, version
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.board import Board
from edgedeploy.core import errors, files, frames, messages, release
from edgedeploy.core.names import AppName, CommitId, ReleaseId, Sha256, printable

_IDLE_S = 600.0  # a laptop that asks nothing for so long is gone
_TRANSFER_S = 180.0  # and in mid-transfer sooner; a cable may be out for a minute
_SYNC_S = 1.0  # what a power cut costs of a transfer
_PIECE = 16384  # sent down at once: progress that a person sees on a slow line
_MARGIN = 16 << 20  # bytes of disk that a transfer must leave


class Conversation:
    """Frames in, frames out."""

    def __init__(self, inp: BinaryIO, out: BinaryIO) -> None:
        self._in = inp
        self._out = out
        self._decoder = frames.Decoder()
        self._pending: list[frames.Frame] = []

    def _next(self, patience: float = _IDLE_S) -> frames.Frame | None:
        """The next frame, None when the laptop is gone: its end closed, or silent for too long (Wi-Fi says no goodbye)."""
        while not self._pending:
            if not select.select([self._in], [], [], patience)[0]:
                return None
            data = os.read(self._in.fileno(), 65536)
            if not data:
                return None
            self._pending = self._decoder.feed(data)
        return self._pending.pop(0)

    def _send(self, message: messages.Message, body: bytes = b"") -> None:
        self._out.write(frames.encode(messages.to_frame(message, body)))
        self._out.flush()

    def _fail(self, error: errors.EdgeError) -> None:
        self._send(messages.Failed(error.exit_code, error.message, error.hint, list(error.details)))

    def refuse(self, error: errors.EdgeError) -> None:
        """Answer the first request with why there will be no other."""
        if self._next():
            self._fail(error)


class Server(Conversation):
    """Answers one laptop until its input ends."""

    def __init__(self, board: Board, inp: BinaryIO, out: BinaryIO) -> None:
        super().__init__(inp, out)
        self._board = board
        self._answers: dict[type[messages.Message], Callable[..., None]] = {
            messages.Hello: self._hello,
            messages.Put: self._put,
            messages.Stage: self._stage,
            messages.Rehearse: self._rehearse,
            messages.Activate: self._activate,
            messages.Rollback: self._rollback,
            messages.Fetch: self._fetch,
            messages.Remove: self._remove,
            messages.Status: self._status,
            messages.Log: self._log,
            messages.Attach: self._attach,
        }

    def run(self) -> None:
        """Serve until EOF. The greeting has been said."""
        while (frame := self._next()) is not None:
            try:
                message = messages.from_frame(frame)
                answer = self._answers.get(type(message))
                if answer is None:
                    raise errors.ProtocolMismatch(f"{message.kind!r} is not a request")
                answer(message)
            except errors.EdgeError as error:
                self._fail(error)
            except OSError as error:
                self._fail(errors.NoRoom(f"the board's file system said: {error}", hint="df -h on the board"))

    # --- questions ------------------------------------------------------------------------------------------------

    def _hello(self, _: messages.Hello) -> None:
        board, apps = status.both(self._board)
        config = self._board.config
        self._send(
            messages.Welcome(config.board_id, config.name, config.profile, version.digest(), board["facts"], apps)
        )

    def _status(self, _: messages.Status) -> None:
        self._send(messages.BoardStatus(*status.both(self._board)))

    def _log(self, ask: messages.Log) -> None:
        layout = self._board.app(AppName(ask.app))
        records = attempt.last(layout.attempts, min(max(ask.count, 1), attempt.KEEP))
        while len(json.dumps(records)) > frames.MAX_HEAD // 2:
            records = records[1:]  # the newest are what is asked for
        self._send(messages.LogLines(records))

    def _attach(self, ask: messages.Attach) -> None:
        from edgedeploy.agent import attach  # noqa: PLC0415 - a push need not load it

        laptop = attach.Laptop(self._in.fileno(), self._pending, self._decoder.feed, self._send)
        attach.Attachment(self._board, AppName(ask.app), printable(ask.who, 100), laptop).run()

    # --- transfer -------------------------------------------------------------------------------------------------

    def _put(self, put: messages.Put) -> None:
        folder = self._board.layout.incoming
        folder.mkdir(parents=True, exist_ok=True)
        whole, part = folder / put.sha256, folder / f"{put.sha256}.part"
        if whole.is_file():
            self._send(messages.Have(put.size))
        else:
            _forget_old(folder)
            try:
                with files.locked(folder / f"{put.sha256}.lock", "push", wait=False):
                    self._receive(put, part, whole)
            except files.Busy:  # another push of the same, or a session whose laptop is long gone: never wait for it
                import tempfile  # noqa: PLC0415 - hardly ever

                with tempfile.NamedTemporaryFile(
                    dir=folder, prefix=f"{put.sha256}.", suffix=".part", delete=False
                ) as mine:
                    parts = files.sizes_and_ages(folder.glob(f"{put.sha256}*.part"))
                    longest = max(parts, key=lambda path: parts[path].st_size)  # at least `mine` is there
                    with contextlib.suppress(FileNotFoundError):  # the other push has all of it by now
                        mine.write(longest.read_bytes())
                self._receive(put, Path(mine.name), whole)
        self._send(messages.Stored())

    def _receive(self, put: messages.Put, part: Path, whole: Path) -> None:
        with part.open("a+b") as file:
            have = min(file.seek(0, os.SEEK_END), put.size)
            digest = files.sha256_prefix(file, have)
            if have == put.size and digest.hex() != put.sha256:
                have, digest = 0, b""
            self._check_room(put, part, have)
            self._send(messages.Have(have), digest)
            file.truncate(have)
            synced = time.monotonic()
            while have < put.size:
                have = self._take_chunk(file, have, put.size)
                if time.monotonic() - synced > _SYNC_S:
                    os.fsync(file.fileno())
                    synced = time.monotonic()
            os.fsync(file.fileno())
        if files.sha256_file(part) != put.sha256:
            part.unlink()
            raise errors.WireFault("what arrived on the board is not what was sent", hint="push again")
        part.replace(whole)

    def _check_room(self, put: messages.Put, part: Path, have: int) -> None:
        free = facts.free_disk(part.parent)
        if free < put.size - have + _MARGIN:
            raise errors.NoRoom(
                f"{put.size / 1e6:.1f} MB are to come, the board's disk has {free / 1e6:.1f} MB free",
                hint="edgedeploy-agent gc APP on the board, or remove files there",
            )

    def _take_chunk(self, file: BinaryIO, have: int, size: int) -> int:
        """Take the next piece; returns how much is there now."""
        frame = self._next(_TRANSFER_S)
        if frame is None:
            raise SystemExit(0)  # the laptop is gone; the part stays, the next try goes on from it
        message = messages.from_frame(frame)
        if isinstance(message, messages.Afresh):
            file.truncate(0)
            return 0
        if not isinstance(message, messages.Chunk) or len(frame.body) > size - have:
            raise errors.ProtocolMismatch("expected a chunk of the announced file")
        file.write(frame.body)
        file.flush()
        return have + len(frame.body)

    # --- deployments ----------------------------------------------------------------------------------------------

    def _stage(self, ask: messages.Stage) -> None:
        app, layout = AppName(ask.app), self._board.layout
        bundle = layout.incoming / Sha256(ask.bundle) if ask.bundle else None
        path = attempt.new_path(layout.app(app).folder / "stagings")
        with _Follow(path, self._send):
            record = Attempt(path, "push")
            try:
                self._board.ensure_app(app, lambda holder: record.event("wait", f"waiting: {holder} is pulling"))
                manifest, live = self._board.stage(app, CommitId(ask.commit), bundle, record, ask.swap, over=ask.over)
            finally:
                record.close()
        self._send(messages.Staged(manifest.release, manifest.uuid, live))

    def _rehearse(self, ask: messages.Rehearse) -> None:
        manifest = release.from_json(ask.manifest, "the manifest")
        swap = self._board.rehearse(manifest, ask.swap) if manifest.app in self._board.config.apps else ("", "")
        self._send(messages.Rehearsed(*swap))

    def _activate(self, ask: messages.Activate) -> None:
        app, commit, who = AppName(ask.app), CommitId(ask.commit), printable(ask.who, 100)
        self._deploy(app, lambda path: self._board.activate(app, commit, who, path, retry=ask.retry, how=ask.swap))

    def _rollback(self, ask: messages.Rollback) -> None:
        app, who = AppName(ask.app), printable(ask.who, 100)
        target = ReleaseId(ask.release) if ask.release else None
        self._deploy(app, lambda path: self._board.rollback(app, target, who, follow=path))

    def _fetch(self, ask: messages.Fetch) -> None:
        have = [CommitId.parse(commit) for commit in ask.have]
        made = self._board.hand_out(AppName(ask.app), have, self._waiting)
        self._send(messages.Bundle(made.commit, made.size, made.sha256))
        if made.file:
            with made.file as file:
                while piece := file.read(_PIECE):
                    self._send(messages.Chunk(), piece)

    def _remove(self, ask: messages.Remove) -> None:
        self._send(messages.Removed(self._board.remove(AppName(ask.app), printable(ask.who, 100))))

    def _waiting(self, holder: str) -> None:
        self._send(messages.Event("wait", f"waiting: {holder} is at work on it"))

    def _deploy(self, app: AppName, work: Callable[[Path], object]) -> None:
        """Have a process of its own do it, and tell the laptop what its record says."""
        layout = self._board.app(app)
        path = attempt.new_path(layout.attempts)
        child = _detached(lambda: work(path), layout.folder / "deploy.out", close=self._out.fileno())
        with _Follow(path, self._send):
            os.waitpid(child, 0)
        self._report(path)

    def _report(self, path: Path) -> None:
        for line in attempt.read(path)[0]:
            if "failed" in line:
                self._send(messages.Failed(**line["failed"]))
                if line["failed"]["code"] == errors.UsageFault.exit_code:  # what was mistyped is no deployment
                    path.unlink(missing_ok=True)
                return
            if "outcome" in line:
                self._send(messages.Outcome(**line["outcome"]))
                return
        if not self._board.has(AppName(path.parent.parent.name)):
            raise errors.UsageFault("the app was removed from the board meanwhile", hint="push again")
        words = (path.parent.parent / "deploy.out").read_text(errors="replace").splitlines()[-8:]
        raise errors.Bug(
            "the deployment on the board ended without a verdict",
            hint="edgedeploy status",
            details=tuple(printable(line, 300) for line in words),
        )


class _Follow:
    """While open, sends what a record gets as Events: the deployment runs in another process."""

    def __init__(self, path: Path, send: Callable[[messages.Message], None]) -> None:
        self._path = path
        self._send = send
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        offset, ended = 0, False
        while not ended:
            ended = self._stop.wait(0.1)
            lines, offset = attempt.read(self._path, offset)
            try:
                for line in lines:
                    if "step" in line:
                        self._send(messages.Event(line["step"], line["text"]))
            except OSError:
                return  # the laptop is gone; the deployment goes on


def _detached(work: Callable[[], object], words: Path, *, close: int) -> int:
    """Do `work` in a child with a session of its own, its words in a file: our death must not be its death.

    A fork, not a new program: everything is loaded already, and a small core needs seconds to load it again. Called
    while this process has one thread. `close` is our end of the conversation, which must end with us.
    """
    words.parent.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, run.NICE)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.close(close)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        out = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        with contextlib.suppress(errors.EdgeError):  # it stands in the record
            work()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - a child must never return into the parent's code
        import traceback  # noqa: PLC0415 - of no use before

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _forget_old(folder: Path, days: float = 7.0) -> None:
    for path in files.aged(files.sizes_and_ages(folder.iterdir()), days * 86400):
        path.unlink(missing_ok=True)
