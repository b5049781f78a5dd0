"""Waits at a real OpenSSH server on the loopback."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.waiting import Scene, Wait, told, took
from edgedeploy.core import errors
from edgedeploy.ports.wire import Stream
from edgedeploy.wires.ssh.heartbeat import SILENCE
from tests.contract.ssh_site import Site
from tests.contract.wire_contract import PATIENCE, opened, write_on
from tests.sshd import Sshd, keypair

SHORT = 2.0
"""seconds of silence that a wire is told to bear, so that a round of the bench is short"""
OVER = 6.0
"""seconds on top of the silence that a wire bears"""


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    key = keypair(folder / "key")
    with Sshd(folder / "sshd") as sshd:
        sshd.authorize(key)
        yield Site(sshd, key)


def _read(stream: Stream) -> None:
    stream.read(1, PATIENCE)


def _killed(folder: Path) -> Sequence[float]:
    with _site(folder) as site, site.wire() as wire, opened(wire, "cat") as stream:
        stream.write(b"x")
        stream.read(1, PATIENCE)
        return [told(lambda: (site.sshd.signal_sessions(signal.SIGKILL), _read(stream)), errors.WireFault)]


def _silent(silence: float, act: Callable[[Stream], None], folder: Path) -> Sequence[float]:
    with _site(folder) as site, site.wire(silence=silence) as wire, opened(wire, "cat") as stream:
        stream.write(b"x")
        stream.read(1, PATIENCE)
        site.sshd.signal_sessions(signal.SIGSTOP)
        return [told(lambda: act(stream), errors.WireFault, "silent")]


def _closed(folder: Path) -> Sequence[float]:
    with _site(folder) as site, site.wire() as wire:
        return [took(wire.open(["sleep", "60"]).close)]


_SILENT = "the server falls silent; the wire bears {:.0f} s of it"
_BEARS = _SILENT.format(SHORT)
_ALWAYS = f"{_SILENT.format(SILENCE)}, as it always does"
SCENES = (
    Scene((Wait("SSH", "the server is killed", "a read says so", 5.0),), _killed),
    Scene((Wait("SSH", _BEARS, "a read says so", SHORT + OVER),), partial(_silent, SHORT, _read)),
    Scene((Wait("SSH", _BEARS, "a write says so", SHORT + OVER),), partial(_silent, SHORT, write_on)),
    Scene((Wait("SSH", _ALWAYS, "a read says so", SILENCE + OVER),), partial(_silent, SILENCE, _read)),
    Scene((Wait("SSH", "a command goes on for a minute", "its stream is closed", 10.0),), _closed),
)
