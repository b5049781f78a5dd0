"""What of a real Xen console's line the link uses: on the virtual board, at 115200 baud, while guests come and go.

    python -m bench.xenconsole [--size BYTES] [--runs N] [--write docs/performance-console.md]

Ends with 1 where a target is missed or data arrived wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.board import Board
from bench.figures import Spread
from bench.host import Host
from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import board as lab
from edgedeploy.lab.cable import BAUD, Cable
from edgedeploy.remote import agentkit
from edgedeploy.wires.serial.login import Console
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.wire import SerialWire

LINE = BAUD / 10
TARGET = 90.0
"""percent of what the raw probe got through"""
_PROBE = "/tmp/rawprobe.py"
_CHATTER = """
cfg=$(ls /var/lib/edgedeploy/apps/decks/domains/*.cfg | head -1)
sed -e 's/^name.*/name = "chatter"/' -e '/^uuid/d' -e '/^vif/d' "$cfg" >/tmp/chatter.cfg
while [ -e /tmp/chatter ]; do
  echo 7 >/proc/sys/kernel/printk; xl create /tmp/chatter.cfg; echo "chatter was created" >/dev/kmsg
  sleep 1; xl destroy chatter; sleep 1
done
"""
"""guests that come and go, and a kernel that says so on the console, whatever quiet was asked for"""


@dataclass(frozen=True, slots=True)
class Round:
    """Bytes of payload a second."""

    raw: float
    link: float


Results = dict[tuple[str, str], list[Round]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.xenconsole", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=200_000, metavar="BYTES", help="of each transfer (default 200000)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="rounds (default 3)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    options = parser.parse_args(argv)
    try:
        host = Host.look()
        with Board() as board:
            results = measure(board, options.size, options.runs)
    except errors.EdgeError as error:
        print(f"the bench did not come to its end: {error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    page = render(results, options.size, host.after().line(), datetime.now(UTC))
    print(page)
    if options.write:
        options.write.write_text(page)
    return 1 if any(_share(rounds) < TARGET for rounds in results.values()) else 0


def measure(board: Board, size: int, runs: int) -> Results:
    """Every round: quiet and chattering, up and down, the probe and the link one after the other."""
    talk = board.folder / "decks"
    board.edgedeploy("lab", "talk", str(talk))
    board.edgedeploy("release", "--repo", str(talk))
    board.edgedeploy("push", str(talk))
    board.put((Path(__file__).parent / "rawprobe.py").read_bytes(), _PROBE)
    results: Results = {}
    with plugged(board) as device:
        for number in range(runs):
            for condition, chatters in (("quiet", False), ("`xl create` again and again", True)):
                with chatter(board) if chatters else _nothing():
                    linked = _by_link(device, size)
                    raw = {"up": _raw_up(board, device, size), "down": _raw_down(device, size)}
                    print(f"round {number + 1}, {condition}: raw {raw}, link {linked}", file=sys.stderr)
                for way in ("up", "down"):
                    results.setdefault((condition, way), []).append(Round(raw[way], linked[way]))
    return results


@contextmanager
def plugged(board: Board) -> Iterator[str]:
    """The serial cable, carried by a process of its own: a thread of ours would wait for our codec."""
    carrier = os.fork()
    if not carrier:
        try:
            with Cable(board.machine.folder, board.machine.name) as cable:
                while cable.carry(1.0):
                    pass
        finally:
            os._exit(0)  # whatever happened: the board is the parent's to end
    link = board.machine.folder / "cable"
    try:
        ends = Deadline.after(10)
        while not link.exists():
            if ends.expired:
                raise errors.BoardFault("the cable was not plugged in")
            time.sleep(0.05)
        yield str(link)
    finally:
        os.kill(carrier, 15)
        os.waitpid(carrier, 0)


@contextmanager
def chatter(board: Board) -> Iterator[None]:
    """Guests that come and go meanwhile."""
    board.put(_CHATTER.encode(), "/tmp/chatter.sh")
    board.run("touch /tmp/chatter; setsid sh /tmp/chatter.sh >/dev/null 2>&1 </dev/null &")
    try:
        yield
    finally:
        board.run("rm /tmp/chatter; while pgrep -f '[c]hatter.sh' >/dev/null; do sleep .5; done; echo 4 >/proc/sys/kernel/printk")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _by_link(device: str, size: int) -> dict[str, float]:
    """Payload bytes/s over the product's wire: up until the board has its digest, down until the last byte is here."""
    data = os.urandom(size)
    with SerialWire(device, BAUD, agentkit.foothold(), ask=_password) as wire:
        wire.connect()
        started = time.monotonic()
        digest = _run(wire, ["sha256sum"], data)
        up = size / (time.monotonic() - started)
        _require(digest[:64].decode() == hashlib.sha256(data).hexdigest())
        started = time.monotonic()
        data = _run(wire, ["sh", "-c", f"head -c {size} /dev/urandom | tee /tmp/sent"])
        down = size / (time.monotonic() - started)
        _require(_run(wire, ["sha256sum", "/tmp/sent"])[:64].decode() == hashlib.sha256(data).hexdigest())
    return {"up": up, "down": down}


def _run(wire: SerialWire, argv: Sequence[str], data: bytes = b"") -> bytes:
    stream = wire.open(argv)
    stream.write(data)
    stream.close_input()
    said = b""
    while piece := stream.read(65536, 120.0):
        said += piece
    stream.finish(20.0)
    stream.close()
    return said


def _require(right: bool) -> None:
    if not right:
        raise errors.Bug("data arrived wrong over the link")


def _raw_up(board: Board, device: str, size: int) -> float:
    """What arrives of numbered words typed without a pause, as bytes/s; seven bits of eight, as Xen's input has them."""
    words = b"".join(b"%07d " % number for number in range(size // 8))
    with SerialPort(device, BAUD) as port, Console(port, ask=_password) as shell:
        shell.start_link(f"python3 {_PROBE} up")
        heard = b""
        while b"READY." not in heard:
            heard += port.read(4096, 20.0)
        port.write(words, size / LINE + 10)
        _await_shell(port)
    seconds, came = board.run("cat /tmp/rawprobe").encode().split(b"\n", 1)
    return 8 * len(set(re.findall(rb"(?<!\d)\d{7} ", came))) * 7 / 8 / float(seconds)


def _raw_down(device: str, size: int) -> float:
    """What arrives of numbered words that the board writes without a pause, as bytes/s."""
    with SerialPort(device, BAUD) as port, Console(port, ask=_password) as shell:
        shell.start_link(f"python3 {_PROBE} down {size}")
        heard, first, last = bytearray(), 0.0, 0.0
        while data := port.read(65536, 3.0 if first else 20.0):
            if not first and b"0000000 " in heard + data:
                first = time.monotonic()
            heard += data
            last = time.monotonic() if re.search(rb"\d{7} ", data) else last
    return 8 * len(set(re.findall(rb"(?<!\d)\d{7} ", heard))) / max(last - first, 1e-9)


def _await_shell(port: SerialPort) -> None:
    """The probe has ended, and the guard behind it: a prompt stands."""
    heard, ends = b"", Deadline.after(20)
    while not heard.endswith(b"edgedeploy# ") and not ends.expired:
        heard += port.read(4096, 1.0)


def _password(_: str) -> str:
    return lab.CONSOLE_PASSWORD


def _share(rounds: Sequence[Round]) -> float:
    """Percent of the raw probe's rate that the link reached, of the medians."""
    return 100 * Spread.of([one.link for one in rounds]).middle / Spread.of([one.raw for one in rounds]).middle


_HEAD = """\
# The link on a real Xen console

<!-- generated by `python -m bench.xenconsole`; not to be edited -->

The [virtual board](lab.md)'s own console, over `edgedeploy lab cable` at 115200 baud: Xen 4.17 takes the bytes in, seven
bits of eight, and dom0's hvc0 has them. The raw probe is numbered words sent without a pause, of which those count that
arrive whole; up, seven eighths of them, which is all that this input can carry. The link's rates are payload, from the
first byte that it is given to the proof that all have arrived. Probe and link take turns.

"""


def render(results: Results, size: int, host: str, when: datetime) -> str:
    """The page."""
    count = len(next(iter(results.values())))
    rows = ["| meanwhile | way | raw bytes/s | link bytes/s | of raw | target | met |", "|---|---|---|---|---|---|---|"]
    for (condition, way), rounds in results.items():
        raw, link = (Spread.of([pick(one) for one in rounds]) for pick in (lambda one: one.raw, lambda one: one.link))
        met = "yes" if _share(rounds) >= TARGET else "**no**"
        cells = [f"{value.middle:.0f} ({value.least:.0f} to {value.most:.0f})" for value in (raw, link)]
        rows.append(f"| {condition} | {way} | {cells[0]} | {cells[1]} | {_share(rounds):.0f} % | {TARGET:.0f} % | {met} |")
    run = f"Measured on {when:%Y-%m-%d %H:%M} UTC: {count} round{'s' * (count > 1)}, {size} bytes each way. {host}.\n\n"
    tail = "Median (least to most).\n\n    python -m bench.xenconsole --write docs/performance-console.md\n"
    return _HEAD + run + "\n".join(rows) + "\n\n" + tail


if __name__ == "__main__":
    sys.exit(main())
