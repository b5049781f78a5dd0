"""From a shell of ours at the console to the board's half of the link: the installed agent's, or one that is typed.

What is typed, the foothold, is read by a small loader in lock-step: a line of 95 bytes with its number and CRC, then the
number of the line that is wanted next. Fewer than the 128 bytes that Xen keeps are under way, at the pace of the line's
round trips instead of that of keys. It never touches the board's disk, which may be full or read-only.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
import zlib

from edgedeploy.agent.linkhost import OFFER
from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.link import Link
from edgedeploy.core.names import printable
from edgedeploy.wires.serial import recognise, stale_session, text
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.shell import PROMPT, Shell

_AGENT = "/usr/local/bin/edgedeploy-agent link"
_PROBE = f"{_AGENT} --offers 2>/dev/null||python3 -ISc 'import sys,bz2;print(*sys.version_info[:2])' 2>&1"
_NEEDED = (3, 11)
_LINE = 60  # bytes, 80 letters
_AGAIN = 0.7
_TRIES = 8
BEACON = 20.0
"""seconds that the board's Python may take to start; an emulated one needs five"""
_QUIT = "\nq\n"  # ends the loader; at our shell it is a function that does no harm
_BACK = 6.0
_ACK = re.compile(rb"=(\d{1,4})=\1=")

# {n}: the line that is wanted next. Ends by itself when nobody types.
_LOADER = """import sys,os,select,zlib,base64,hashlib,bz2
d=b"";n=0;q=b""
def a():os.write(1,b"\\r\\n=%d=%d=\\r\\n"%(n,n))
while len(d)<int(sys.argv[1]):
 a()
 while b"\\n" not in q:
  x=select.select([0],[],[],6)[0] and os.read(0,4096)
  if not x:sys.exit(9)
  q=(q+x)[-4096:]
 t,_,q=q.partition(b"\\n");t=t.split()
 if t==[b"q"]:sys.exit()
 try:
  if len(t)==3 and int(t[0])==n and zlib.crc32(t[2],n)==int(t[1],16):d+=base64.b64decode(t[2]);n+=1
 except ValueError:0
a()
if hashlib.sha256(d).hexdigest()[:32]!=sys.argv[2]:sys.exit(8)
exec(bz2.decompress(d))"""


class NotStarted(errors.Unreachable):
    """The board's half did not start, for a reason that the next try may not meet."""


def start(shell: Shell, port: SerialPort, foothold: bytes, link: Link, limit: Deadline) -> None:
    """Have the board's half run, and `link` have heard it, within `limit`.

    Raises NotStarted; BoardFault for a board on which it cannot run; Unreachable as the port and the shell do.
    """
    offers = shell.run(_PROBE, timeout=max(10.0, min(60.0, limit.remaining))).output.strip()
    words = f"{link.session:08x} {port.baud}"
    if offers == OFFER:
        shell.start_link(f"{_AGENT} {words}")
    else:
        _check(offers)
        digest = hashlib.sha256(foothold).hexdigest()[:32]
        shell.start_link(f"python3 -ISc '{_LOADER}' {len(foothold)} {digest} {words}")
        _Typist(shell, port, foothold, limit).run()
    _await_beacon(shell, port, link, limit)


def take_back(shell: Shell, port: SerialPort) -> bool:
    """After a `start` that failed or was interrupted: whether the shell has the console again. Raises Unreachable."""
    for _ in range(2):  # Python may be about to start
        shell.type(_QUIT)
        if shell.stands(_BACK, unless="\x1e"):
            return True
        stale_session.dismiss(port, 1.5)
    return shell.stands(_BACK)


def _check(version: str) -> None:
    found = re.fullmatch(r"(\d+) (\d+)", version)
    if not found:
        raise errors.BoardFault(
            "the board has no Python, so it can be reached over its console only by hand",
            hint="install python3 on the board; until then: edgedeploy console",
            details=tuple(printable(line, 120) for line in version.split("\n")[-3:]),
        )
    if (int(found[1]), int(found[2])) < _NEEDED:
        raise errors.BoardFault(
            f"the board has Python {found[1]}.{found[2]}, and at least 3.11 is needed", hint="upgrade the board"
        )


class _Typist:
    """Gives the loader its lines, each when it is asked for."""

    def __init__(self, shell: Shell, port: SerialPort, data: bytes, limit: Deadline) -> None:
        self._shell, self._port, self._limit = shell, port, limit
        self._lines = [_line(n, data[at : at + _LINE]) for n, at in enumerate(range(0, len(data), _LINE))]
        self._heard = b""

    def run(self) -> None:
        """Until the loader has all, or nearly: what comes next proves it."""
        wanted, patience, tries = -1, Deadline.after(min(BEACON, self._limit.remaining)), 0
        while wanted < len(self._lines):
            asked = self._asked()
            if asked is not None:
                tries = 0 if asked > wanted else tries + 1
                wanted = asked
            elif patience.expired:
                tries += 1
            else:
                continue
            if tries > _TRIES or wanted < 0 or self._limit.expired:
                raise _failed(self._port, "its loader does not answer", self._heard)
            if wanted < len(self._lines):
                self._port.write(self._lines[wanted])
            patience = Deadline.after(_AGAIN)

    def _asked(self) -> int | None:
        self._heard = (self._heard + self._port.read(4096, 0.05))[-1024:]
        if found := _ACK.findall(self._heard):
            self._heard = b""
            return int(found[-1])
        if b"\x1e" in self._heard:
            return len(self._lines)
        _still_there(self._shell, self._port, self._heard)
        return None


def _line(number: int, data: bytes) -> bytes:
    letters = base64.b64encode(data)
    return b"%d %08x %s\n" % (number, zlib.crc32(letters, number), letters)


def _await_beacon(shell: Shell, port: SerialPort, link: Link, limit: Deadline) -> None:
    ends, heard = Deadline.after(min(BEACON, limit.remaining)), b""
    while link.heard_at is None:
        data = port.read(4096, 0.1)
        link.receive(data, time.monotonic())
        heard = (heard + data)[-1024:]
        _still_there(shell, port, heard)
        if ends.expired:
            raise _failed(port, "it does not answer", heard)


def _still_there(shell: Shell, port: SerialPort, heard: bytes) -> None:
    said = text.own(text.plain(heard))
    if recognise.restarted(said):
        port.forget()
        shell.restarted()
        raise errors.Unreachable("the board has restarted", hint="wait for it to start, then try again")
    if said.endswith(PROMPT):
        raise _failed(port, "it ended at once", heard)


def _failed(port: SerialPort, why: str, heard: bytes) -> NotStarted:
    lines = [printable(line.strip(), 120) for line in text.plain(heard).split("\n") if line.strip()]
    return NotStarted(
        f"the board's half of the serial link on {port.device} does not start: {why}",
        hint="try again, or see: edgedeploy console",
        details=tuple(lines[-4:]),
    )
