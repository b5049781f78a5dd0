"""Announces a virtual board on the laptop's behalf: user-mode networking carries no multicast out of it.

A small process beside QEMU. It says what the board's own Avahi file says, and says it on the loopback only: the ports
are bound there, and nobody else's network is told of a board that it cannot reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from edgedeploy.core import errors, files, names
from edgedeploy.core.announce import Announcement, BadAnnouncement, parse_avahi_service_xml, parse_txt, txt_pairs
from edgedeploy.discover.announcer import Announcer
from edgedeploy.flows import find
from edgedeploy.lab import machine as lab
from edgedeploy.ports.wire import Stream
from edgedeploy.wires import ssh, trust

PROFILE = names.ProfileName(find.VIRTUAL)
_PID = "announce.pid"
_LOG = "announce.log"
_RETRY_S = 2.0
# Prints Avahi's file, and again whenever it changed; a form feed ends each copy. One fork a round: the board is slow.
_WATCH = """
f=/etc/avahi/services/edgedeploy.service; old=none
while :; do
  new=; while IFS= read -r line; do new="$new$line
"; done 2>/dev/null < "$f"
  [ "$new" = "$old" ] || { printf '%s\\f' "$new"; old=$new; }
  sleep 2
done
"""


def start(board: lab.Machine) -> None:
    """Start the announcing process for a board that is up; one that runs already is replaced."""
    stop(board)
    with (board.folder / _LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgedeploy", "lab", "announce", board.name],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    files.atomic_write(board.folder / _PID, str(process.pid).encode())
    # Not ours to wait for, as in lab/process.py: it outlives us.
    process.returncode = 0


def stop(board: lab.Machine) -> None:
    """End the announcing process, if it runs."""
    path = board.folder / _PID
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(path.read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"announce" in words and board.name.encode() in words:  # pids are used again
            os.kill(pid, signal.SIGTERM)
            for _ in range(50):
                with contextlib.suppress(ChildProcessError):  # one that we started would stay a zombie
                    os.waitpid(pid, os.WNOHANG)
                os.kill(pid, 0)
                time.sleep(0.1)
    path.unlink(missing_ok=True)


def run(board: lab.Machine) -> None:
    """Announce until the board is off. Returns at SIGTERM, with a goodbye sent."""
    signal.signal(signal.SIGTERM, _leave)
    with Announcer(names.BoardName.parse(board.name), _unenrolled(board), board.port) as announcer:
        while lab.status(board.name).pid is not None:
            with contextlib.suppress(errors.EdgeError):
                for xml in _watch(board):
                    announcer.update(_announcement(board, xml))
            time.sleep(_RETRY_S)


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _unenrolled(board: lab.Machine) -> Announcement:
    """What there is to say before enrolment: which board it is, and that it has no agent yet."""
    machine_id = (board.folder / "machine-id").read_text()
    return Announcement(names.board_id_of(machine_id), PROFILE, forwards=dict(board.forwards))


def _announcement(board: lab.Machine, xml: str) -> Announcement:
    try:
        said = parse_txt(txt_pairs(parse_avahi_service_xml(xml)[1]))
    except BadAnnouncement:
        return _unenrolled(board)
    return Announcement(said.board_id, said.profile, said.agent, said.apps, dict(board.forwards), said.more)


def _watch(board: lab.Machine) -> Iterator[str]:
    """The board's Avahi file at each change, over one SSH session. Ends, or raises WireFault, when the board does."""
    target = ssh.SshTarget(board.host, board.port, "root")
    policy = trust.Exact.line(board.host_key.read_text())
    with ssh.SshWire(target, policy, ssh.Credentials(key_file=board.key)) as wire:
        stream: Stream = wire.open(["sh", "-c", _WATCH])
        text = b""
        while True:
            try:
                chunk = stream.read(65536, 30.0)
            except TimeoutError:
                continue
            if not chunk:
                return
            *whole, text = (text + chunk).split(b"\f")
            yield from (copy.decode("utf-8", "replace") for copy in whole[-1:])
