"""What every Wire promises (edgedeploy/ports/wire.py), as one suite. A subclass gives a `wire` fixture."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.ports.wire import Stream, Wire
from tests.guard import USUAL_S

PATIENCE = USUAL_S
TORTURE = [
    "a b", "", "'", '"', "$HOME", "`id`", "$(id)", "\\", "a\nb", "\t", "*", "~", "-x", "--", "!", ";&|<>()#",
    "naïve ☃ 日本", "%s", "a'b\"c", " lead", "trail ", "{a,b}", "=",
]  # fmt: skip


@contextmanager
def opened(wire: Wire, *argv: str) -> Iterator[Stream]:
    stream = wire.open(argv)
    try:
        yield stream
    finally:
        stream.close()


def read_all(stream: Stream) -> bytes:
    """Everything up to the far end's EOF."""
    parts = []
    while data := stream.read(65536, PATIENCE):
        parts.append(data)
    return b"".join(parts)


def run(wire: Wire, *argv: str, data: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit status, stdout, stderr of a command fed with `data`."""
    with opened(wire, *argv) as stream:
        if data:
            stream.write(data)
        stream.close_input()
        out = read_all(stream)
        status, tail = stream.finish(PATIENCE)
        return status, tail, out


def write_on(stream: Stream) -> None:
    """Write until it is refused, or until no far end could still be buffering."""
    for _ in range(500):
        stream.write(b"x" * 65536)


def transfer_both_ways(wire: Wire, size: int) -> None:
    """Push `size` bytes through `cat` while reading them back."""
    block = os.urandom(1 << 16)
    sent, received = hashlib.sha256(), hashlib.sha256()
    with opened(wire, "cat") as stream:

        def push() -> None:
            left = size
            while left > 0:
                piece = block[: min(len(block), left)]
                sent.update(piece)
                stream.write(piece)
                left -= len(piece)
            stream.close_input()

        writer = threading.Thread(target=push)
        writer.start()
        total = 0
        while data := stream.read(1 << 20, PATIENCE):
            received.update(data)
            total += len(data)
        writer.join(PATIENCE)
        assert not writer.is_alive()
        assert total == size
        assert received.digest() == sent.digest()
        assert stream.finish(PATIENCE)[0] == 0


class WireContract:
    """Subclass, and give a fixture `wire`."""

    big = 5_000_000
    """bytes; less for a wire that would need minutes for them"""

    def test_traits_are_constant(self, wire: Wire) -> None:
        assert wire.traits.label
        assert wire.traits == wire.traits

    def test_echo(self, wire: Wire) -> None:
        with opened(wire, "cat") as stream:
            stream.write(b"hello\n")
            assert stream.read(100, PATIENCE) == b"hello\n"
            stream.write(b"again\n")
            assert stream.read(100, PATIENCE) == b"again\n"

    def test_read_gives_at_most_n(self, wire: Wire) -> None:
        with opened(wire, "printf", "abcdef") as stream:
            assert stream.read(2, PATIENCE) == b"ab"
            assert read_all(stream) == b"cdef"

    def test_binary_clean(self, wire: Wire) -> None:
        data = bytes(range(256)) * 40
        assert run(wire, "cat", data=data) == (0, b"", data)

    def test_big_both_ways_at_once(self, wire: Wire) -> None:
        transfer_both_ways(wire, self.big)

    def test_read_timeout_leaves_the_stream_usable(self, wire: Wire) -> None:
        with opened(wire, "cat") as stream:
            with pytest.raises(TimeoutError):  # cat says nothing before it is told something
                stream.read(1, 0.2)
            stream.write(b"x")
            assert stream.read(1, PATIENCE) == b"x"

    def test_read_with_no_time_gives_what_is_there(self, wire: Wire) -> None:
        with opened(wire, "cat") as stream:
            with pytest.raises(TimeoutError):
                stream.read(1, 0)
            stream.write(b"xy")
            assert stream.read(1, PATIENCE) == b"x"
            assert stream.read(1, 0) == b"y"

    def test_end_of_output_is_empty_bytes_again_and_again(self, wire: Wire) -> None:
        with opened(wire, "true") as stream:
            assert stream.read(1, PATIENCE) == b""
            assert stream.read(1, PATIENCE) == b""
            assert stream.finish(PATIENCE) == (0, b"")

    def test_command_sees_end_of_input(self, wire: Wire) -> None:
        with opened(wire, "wc", "-c") as stream:
            stream.write(b"12345")
            stream.close_input()
            stream.close_input()
            assert read_all(stream).strip() == b"5"

    def test_exit_status_and_stderr(self, wire: Wire) -> None:
        with opened(wire, "sh", "-c", "echo out; echo err >&2; exit 7") as stream:
            assert stream.finish(PATIENCE) == (7, b"err\n")

    def test_stderr_is_drained_and_only_its_tail_is_kept(self, wire: Wire) -> None:
        script = "head -c 8000000 /dev/zero >&2; echo the end >&2; echo done"
        with opened(wire, "sh", "-c", script) as stream:
            assert read_all(stream) == b"done\n"
            status, tail = stream.finish(PATIENCE)
        assert status == 0
        assert tail.endswith(b"\0the end\n")
        assert len(tail) == 64 * 1024

    def test_finish_drops_unread_output(self, wire: Wire) -> None:
        with opened(wire, "sh", "-c", "head -c 9000000 /dev/zero; exit 3") as stream:
            assert stream.finish(PATIENCE) == (3, b"")

    def test_finish_waits_for_a_command_that_closed_its_output(self, wire: Wire) -> None:
        with opened(wire, "sh", "-c", "exec >&- 2>&-; read x; exit 4") as stream:
            assert stream.read(1, PATIENCE) == b""
            with pytest.raises(TimeoutError):
                stream.finish(0.2)
            stream.close_input()
            assert stream.finish(PATIENCE)[0] == 4

    def test_finish_times_out_and_can_be_asked_again(self, wire: Wire) -> None:
        with opened(wire, "cat") as stream:
            with pytest.raises(TimeoutError):
                stream.finish(0.2)
            stream.close_input()
            assert stream.finish(PATIENCE) == (0, b"")

    def test_a_command_ended_by_a_signal_did_not_succeed(self, wire: Wire) -> None:
        with opened(wire, "sh", "-c", "kill -9 $$") as stream:
            status, _ = stream.finish(PATIENCE)
        assert status > 128

    def test_argv_arrives_as_it_was(self, wire: Wire) -> None:
        script = "import sys, os; sys.stdout.buffer.write(b'\\0'.join(os.fsencode(a) for a in sys.argv[1:]))"
        _, _, out = run(wire, sys.executable, "-X", "utf8", "-c", script, *TORTURE)
        assert out.decode().split("\0") == TORTURE

    def test_a_command_that_is_not_one_is_a_bug_of_ours(self, wire: Wire) -> None:
        for argv in ([], ["a\0b"], "a string"):
            with pytest.raises(errors.Bug):
                wire.open(argv)

    def test_missing_command_is_127(self, wire: Wire) -> None:
        with opened(wire, "no-such-command-here") as stream:
            status, tail = stream.finish(PATIENCE)
        assert status == 127
        assert b"not found" in tail

    def test_command_that_is_not_executable_is_126(self, wire: Wire) -> None:
        with opened(wire, "/etc/passwd") as stream:
            assert stream.finish(PATIENCE)[0] == 126

    def test_several_streams_at_once(self, wire: Wire) -> None:
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(opened(wire, "cat")) for _ in range(5)]
            for n, stream in enumerate(streams):
                stream.write(b"%d" % n)
            for n, stream in reversed(list(enumerate(streams))):
                assert stream.read(9, PATIENCE) == b"%d" % n
            streams[2].close()
            streams[3].write(b"still here")
            assert streams[3].read(99, PATIENCE) == b"still here"

    def test_writing_to_a_command_that_ended_is_a_wire_fault(self, wire: Wire) -> None:
        with opened(wire, "true") as stream:
            stream.finish(PATIENCE)
            with pytest.raises(errors.WireFault):
                write_on(stream)

    def test_a_closed_stream_says_so(self, wire: Wire) -> None:
        stream = wire.open(["cat"])
        stream.close()
        stream.close()
        with pytest.raises(errors.WireFault):
            stream.read(1, 1)
        with pytest.raises(errors.WireFault):
            stream.write(b"x")
        with pytest.raises(errors.WireFault):
            stream.finish(1)
        stream.close_input()
        assert run(wire, "echo", "the wire lives")[2] == b"the wire lives\n"

    def test_a_closed_wire_says_so(self, wire: Wire) -> None:
        stream = wire.open(["cat"])
        wire.close()
        wire.close()
        with pytest.raises(errors.WireFault):
            wire.open(["true"])
        with pytest.raises(errors.WireFault):
            stream.read(1, 1)
        stream.close()

    def test_close_does_not_wait_for_the_command(self, wire: Wire, tmp_path: Path) -> None:
        release = tmp_path / "release"
        stream = wire.open(["sh", "-c", 'until [ -e "$0" ] || [ ! -d "${0%/*}" ]; do sleep 0.1; done', str(release)])
        closing = threading.Thread(target=stream.close)
        closing.start()
        closing.join(PATIENCE)
        closed = not closing.is_alive()
        release.touch()  # only now may the command end by itself
        closing.join()
        assert closed
