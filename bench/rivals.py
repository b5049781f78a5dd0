"""The programs that carry a file over a serial line, each with the settings that suit the line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.conditions import Condition


@dataclass(frozen=True)
class Task:
    """One transfer: `source` is to become `target`, up (laptop to board) or down, over the ttys of the two ends."""

    condition: Condition
    up: bool
    seed: int
    source: Path
    target: Path
    laptop: str
    board: str

    @property
    def xen(self) -> bool:
        """Whether Xen has the board's UART."""
        return bool(self.condition.up.xen)


@dataclass(frozen=True)
class Ends:
    """The command of each end. `attached`: stdin and stdout are the tty; `shell`: the board's is a shell at its terminal.
    `mark`: a file that comes to be when the time begins; without one it does when both have said something."""

    laptop: Sequence[str]
    board: Sequence[str]
    attached: bool = False
    shell: bool = False
    mark: Path | None = None


@dataclass(frozen=True)
class Way:
    """One way to carry a file."""

    key: str
    title: str
    settings: str
    """for the page"""
    needs: Mapping[str, str]
    """programs it needs, and the Debian package of each"""
    ends: Callable[[Task], Ends]


def _link(task: Task) -> Ends:
    here, there = (task.source, task.target) if task.up else (task.target, task.source)
    mark = task.target.parent / "connected"
    what = "send" if task.up else "receive"
    argv = [sys.executable, "-m", "bench.linkend", task.laptop, what, str(here), str(there), str(mark)]
    return Ends(argv, _shell(task), shell=True, mark=mark)


def _shell(task: Task) -> list[str]:
    """A shell on which a log-in quiets no kernel: /proc/sys/kernel is this computer's, too."""
    folder = task.target.parent
    over = []
    for name in ("printk", "sysrq"):
        (folder / name).write_text("7\t4\t1\t7\n")
        if (there := Path("/proc/sys/kernel") / name).exists():
            over.append(f"mount --bind {folder / name} {there}")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *user, "sh", "-c", "; ".join([*over, "cd /; exec sh -i"])]


def _zmodem(task: Task) -> Ends:
    # LF must not stand bare in what Xen writes, and the 16 KiB that it keeps must not run over
    sending = ["sz", "-b", "-q", *(["-e", "-w", "8192"] if task.xen else []), str(task.source)]
    receiving = ["rz", "-b", "-q", *(["-e"] if task.xen else [])]
    return _attached(sending, receiving, task)


def _xmodem(task: Task) -> Ends:
    sending, receiving = ["sx", "-k", "-b", "-q", str(task.source)], ["rx", "-c", "-b", "-q", task.target.name]
    return _attached(sending, receiving, task)


def _attached(sending: Sequence[str], receiving: Sequence[str], task: Task) -> Ends:
    laptop, board = (sending, receiving) if task.up else (receiving, sending)
    return Ends(laptop, board, attached=True)


_KERMIT = """\
set quiet on
set carrier-watch off
set line {tty}
set flow-control none
set transfer display none
set file type binary
set transfer mode manual
set file collision overwrite
set block-check 3
set parity {parity}
set prefixing {prefixing}
set control-character prefixed 10
set receive packet-length {length}
set send packet-length {length}
set window {window}
set streaming {streaming}
set retry 200
{what}
if fail exit 1
exit 0
"""


def _kermit(streaming: str) -> Callable[[Task], Ends]:
    def ends(task: Task) -> Ends:
        return Ends(end(task, task.laptop, task.up), end(task, task.board, not task.up))

    def end(task: Task, tty: str, sends: bool) -> list[str]:
        script = task.target.parent / f"{'send' if sends else 'receive'}.ksc"
        # seven bits where Xen takes them in; what fits the ring where it is not emptied in time; less than Xen keeps
        slow = task.up and task.condition.up.read > 0.01 and task.condition.up.ring
        script.write_text(
            _KERMIT.format(
                tty=tty,
                parity="space" if task.xen and task.up else "none",
                prefixing="all" if task.xen and task.up else "minimal",
                length=90 if slow else 1000 if task.xen else 4000,
                window=1 if slow else 8 if task.xen else 30,
                streaming=streaming,
                what=f"send {task.source}" if sends else "receive",
            )
        )
        return ["kermit", str(script), "-Y", "-H"]

    return ends


def _base64(task: Task) -> Ends:
    there = task.target if task.up else task.source
    here = task.source if task.up else task.target
    argv = [sys.executable, "-m", "bench.floor", task.laptop, "send" if task.up else "receive", str(here), str(there)]
    return Ends(argv, _shell(task), shell=True)


def _raw(task: Task) -> Ends:
    size = task.source.stat().st_size
    return _attached(["cat", str(task.source)], ["sh", "-c", f"printf x; head -c {size} >{task.target.name}"], task)


LRZSZ = {"sz": "lrzsz", "rz": "lrzsz"}
WAYS = (
    Way("link", "edgedeploy", "the same on every line: it finds out by itself", {}, _link),
    Way("zmodem", "ZMODEM", "`sz -b`, `rz -b`; where Xen is, `sz -e -w 8192`, `rz -e`", LRZSZ, _zmodem),
    Way("xmodem", "XMODEM-1K", "`sx -k -b`, `rx -c -b`", {"sx": "lrzsz", "rx": "lrzsz"}, _xmodem),
    Way(
        "kermit",
        "C-Kermit",
        "packets of 4,000 bytes, window 30, `prefixing minimal` and LF prefixed, `block-check 3`; where Xen is 1,000 bytes, "
        "window 8, and up `parity space`, `prefixing all`; with the ring emptied each 20 ms 90 bytes, window 1",
        {"kermit": "ckermit"},
        _kermit("off"),
    ),
    Way(
        "stream",
        "C-Kermit, streaming",
        "the same, `streaming on`: meant for lines that lose nothing",
        {"kermit": "ckermit"},
        _kermit("on"),
    ),
    Way(
        "base64",
        "base64",
        "up `base64 -d` at a shell on a raw tty, down `base64`; nothing checks and nothing repeats",
        {"base64": "coreutils"},
        _base64,
    ),
)
RAW = Way("raw", "cat", "", {}, _raw)
"""bytes and nothing else: what a line carries"""
