"""The boards this laptop has enrolled: where each was last seen, what it is, which apps it has.

A machine-written file in the state folder; the keys themselves are pinned elsewhere (wires/trust.py).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISDIR

from edgedeploy.core import errors, files, names
from edgedeploy.core.strict import Reader
from edgedeploy.ports import folders

FILE = "boards.json"


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """One enrolled board. `hosts`: the addresses it last answered on, the best first; none where only its cable is known.

    `forwards` as in Announcement. `serial` is the port (by its stable name) its console answered on, empty where it never
    did, and `rate` what that line carried, in bytes/s, 0 where nobody knows. `answered` is when it last answered on the
    network, in seconds since 1970 and to the minute; 0 where nobody knows.
    """

    board_id: names.BoardId
    name: names.BoardName
    profile: names.ProfileName
    user: str
    hosts: tuple[str, ...]
    port: int
    apps: tuple[names.AppName, ...] = ()
    forwards: Mapping[str, str] = field(default_factory=dict)
    serial: str = ""
    rate: int = 0
    answered: int = 0
    folder: str = ""
    """of a board that is a folder of this computer (lab/here.py): it is there as long as that is"""

    def last_answered(self, now: float) -> str:
        """In words, for somebody whose clock says `now` (seconds since 1970); "" when nobody knows."""
        if not self.answered:
            return ""
        then, today = time.localtime(self.answered), time.localtime(now)
        return time.strftime("today at %H:%M" if then[:3] == today[:3] else "on %Y-%m-%d at %H:%M", then)


_MINUTE = 60


class KnownBoards:
    """The file. Every change is written at once and whole; two programs do not lose each other's."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def all(self) -> list[KnownBoard]:
        """Every enrolled board, by name. Raises errors.BadConfig when the file is damaged."""
        try:
            data = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except PermissionError:
            if not folders.is_file(self._path):
                return []  # the folder is in somebody else's home
            raise
        except ValueError as error:
            raise errors.BadConfig(f"{self._path} is not JSON: {error}", hint="move it away and enrol again") from None
        reader = Reader(data, str(self._path), errors.BadConfig)
        found = (_board(Reader(row, str(self._path), errors.BadConfig)) for row in reader.rows("boards"))
        there = (board for board in found if not board.folder or _is_own(board.folder))
        return sorted(there, key=lambda board: board.name)

    def get(self, board_id: names.BoardId) -> KnownBoard | None:
        """One board by its id."""
        return next((board for board in self.all() if board.board_id == board_id), None)

    def remember(self, board: KnownBoard) -> None:
        """Add a board, or replace what was known of it; its cable, too, where `board` names one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with files.locked(self._path.with_suffix(".lock"), "edgedeploy"):
            everyone = self.all()
            same = next((old for old in everyone if old.board_id == board.board_id), board)
            board = replace(board, serial=board.serial or same.serial, rate=board.rate or same.rate)
            others = [old for old in everyone if old.board_id != board.board_id]
            gone = [old for old in others if _replaced(old, board)]
            board = replace(board, apps=tuple(dict.fromkeys([*board.apps, *(a for old in gone for a in old.apps)])))
            self._write([*(old for old in others if old not in gone), board])

    def forget(self, board_id: names.BoardId) -> None:
        """From now on this laptop knows no such board."""
        with files.locked(self._path.with_suffix(".lock"), "edgedeploy"):
            self._write([board for board in self.all() if board.board_id != board_id])

    def _write(self, boards: Sequence[KnownBoard]) -> None:
        rows = []
        for board in boards:
            rows.append({name: getattr(board, name) for name in KnownBoard.__slots__} | {"forwards": dict(board.forwards)})
            if not board.folder:  # hardly any has one
                del rows[-1]["folder"]
        files.atomic_write(self._path, json.dumps({"boards": rows}, indent=1).encode(), 0o600)

    def seen(
        self,
        board: KnownBoard,
        hosts: Sequence[str],
        port: int,
        forwards: Mapping[str, str],
        app: names.AppName | None = None,
        *,
        at: float,
    ) -> None:
        """Note where and when (seconds since 1970) a board answered, and that it has an app; writes only what is news."""
        apps = board.apps if app is None or app in board.apps else (*board.apps, app)
        now = replace(
            board,
            hosts=tuple(hosts),
            port=port,
            forwards=dict(forwards),
            apps=apps,
            answered=int(at // _MINUTE) * _MINUTE,
        )
        if now != board:
            self.remember(now)

    def cabled(self, board: KnownBoard, serial: str, rate: int, app: names.AppName | None = None) -> None:
        """Note on which port a board's console answered, how fast its line is, and that it has an app."""
        apps = board.apps if app is None or app in board.apps else (*board.apps, app)
        now = replace(board, serial=serial, rate=rate, apps=apps)
        alike = (
            abs(now.rate - board.rate) * 20 <= board.rate
        )  # a rate is measured anew each time, and never quite the same
        if replace(now, rate=board.rate) != board or not alike:
            self.remember(now)


def _is_own(folder: str) -> bool:
    """A board in a folder is believed as one's own files are: not in one that somebody else has made under its name."""
    try:
        stat = os.lstat(folder)
    except OSError:
        return False
    return S_ISDIR(stat.st_mode) and stat.st_uid == os.getuid() and not stat.st_mode & 0o077


def _replaced(old: KnownBoard, new: KnownBoard) -> bool:
    """A board that was installed afresh has a new id; the same name at the same place is the same board to a person."""
    return old.name == new.name and bool(set(old.hosts) & set(new.hosts))


def _board(reader: Reader) -> KnownBoard:
    return KnownBoard(
        board_id=reader.name("board_id", names.BoardId.parse),
        name=reader.name("name", names.BoardName.parse),
        profile=reader.name("profile", names.ProfileName.parse),
        user=reader.text("user", limit=64),
        hosts=tuple(str(host) for host in reader.rows("hosts", limit=32)),
        port=reader.whole("port", low=1, high=65535),
        apps=tuple(reader.names("apps", names.AppName.parse)),
        forwards={str(key): str(value) for key, value in reader.items("forwards", {})},
        serial=reader.text("serial", ""),
        rate=reader.whole("rate", 0),
        answered=reader.whole("answered", 0),
        folder=reader.text("folder", ""),
    )
