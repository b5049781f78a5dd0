"""Runs the board's commands: argv only, always with a deadline, and their words kept when they fail."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from edgedeploy.core import errors
from edgedeploy.core.names import printable

NICE = 10
"""of a deployment: what serves the network of the guest on air runs in this kernel too, and comes first"""


class CommandFailed(errors.BoardFault):
    """A command of the board's failed; its last words are the details."""

    def __init__(self, argv: Sequence[str], status: str, words: str) -> None:
        lines = tuple(printable(line, 300) for line in words.strip().splitlines()[-12:])
        super().__init__(f"`{' '.join(argv)}` on the board {status}", details=lines, hint=explain(words))
        self.words = words


# What users of Xen have met since 2014, and what it means: (part of the message, plain words)
_KNOWN = (
    ("no loader found", "the kernel is not an image this Xen can start: edgedeploy check"),
    ("failed to mmap domU pages", "not enough free memory, or a leftover domain: edgedeploy status"),
    (
        "can't allocate low memory",
        "not enough free memory for this guest: lower [domain] memory, or free some on the board",
    ),
    ("not supported by xen kernel", "the kernel is for another CPU architecture: edgedeploy check"),
    ("Could not find bridge", "the bridge in [domain] does not exist on the board: ip link show type bridge"),
    ("already exists", "a domain of that name runs already: xl list"),
    ("No space left on device", "the board's disk is full: df -h"),
    ("Not possible to fast-forward", "the board's history and the one that came have diverged"),
    ("Could not resolve host", "the board has no working name service"),
    ("Connection refused", "the remote does not answer"),
    (
        "couldn't find remote ref",
        "the remote has no such branch; which it has is asked by: edgedeploy enrol HOST --pull APP=REMOTE",
    ),
)


def explain(words: str) -> str:
    """The known cause of a command's last words, "" when unknown."""
    return next((plain for part, plain in _KNOWN if part in words), "")


def run(
    argv: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None, data: bytes | None = None,
    file: BinaryIO | None = None,
) -> str:  # fmt: skip
    """Run to the end and return stdout; its input is `data`, or an open file's.

    Raises CommandFailed on a non-zero status, a timeout or a missing program.
    """
    given: dict[str, Any] = {"stdin": file} if file else {"input": data or b""}
    try:
        done = _started_ahead(argv, timeout) or subprocess.run(
            argv, capture_output=True, timeout=timeout, env=env, check=False, **given
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(argv, f"did not end in {timeout:.0f} s", _text(error.stderr)) from None
    except OSError as error:
        raise CommandFailed(argv, f"could not be started: {error.strerror}", "") from None
    if done.returncode:
        raise CommandFailed(argv, f"ended with status {done.returncode}", _text(done.stderr) or _text(done.stdout))
    return _text(done.stdout)


def ahead(*commands: Sequence[str]) -> None:
    """Start what `run` will be asked for in a moment: a second core is idle while this one loads the modules that ask.

    An answer counts once, in this process, and while it is fresh.
    """
    for argv in commands:
        with contextlib.suppress(OSError):  # told by `run`
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            _ahead[tuple(argv)] = os.getpid(), time.monotonic(), process


def _started_ahead(argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[bytes] | None:
    pid, since, process = _ahead.pop(tuple(argv), (0, 0.0, None))
    if process is None or pid != os.getpid():
        return None
    if time.monotonic() - since > _FRESH_S:
        process.kill()
        process.communicate()
        return None
    try:
        out, words = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(argv, process.returncode, out, words)


_ahead: dict[tuple[str, ...], tuple[int, float, subprocess.Popen[bytes]]] = {}
_FRESH_S = 5.0


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
