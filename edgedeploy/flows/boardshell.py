"""One command on a board that is not enrolled yet, through whatever login shell it has."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress

from edgedeploy.core import errors, names
from edgedeploy.ports.wire import Wire

_FRAMED = 'echo "$0"; "$@"; s=$?; echo "$0"; exit $s'


def run(wire: Wire, argv: Sequence[str], data: bytes = b"", timeout: float = 120.0) -> tuple[int, str, str]:
    """Run a command to its end: status, stdout, the tail of stderr.

    What a login shell prints before or after is left out. Raises errors.BadConfig where it never ran the command.
    """
    mark = f"edgedeploy-{secrets.token_hex(8)}"
    stream = wire.open(["sh", "-c", _FRAMED, mark, *argv])
    try:
        with suppress(errors.WireFault):  # a shell that ends without a look at it: its words say why
            if data:
                stream.write(data)
            stream.close_input()
        out = bytearray()
        while chunk := stream.read(65536, timeout):
            out += chunk
        status, words = stream.finish(timeout)
    except TimeoutError:
        raise errors.WireFault(f"`{argv[0]}` on the board does not end", hint="is the board very busy?") from None
    finally:
        stream.close()
    said, tail = out.decode("utf-8", "replace"), words.decode("utf-8", "replace")
    before, ran, answer = said.partition(f"{mark}\n")
    if not ran:
        raise _not_run(wire, status, f"{before}\n{tail}")
    return status, answer.rpartition(mark)[0] if mark in answer else answer, tail


def _not_run(wire: Wire, status: int, words: str) -> errors.BadConfig:
    other = re.search(r"login as the user \W?([a-z_][\w-]*)", words)  # what cloud images answer to root
    hint = "its start-up files (.bashrc, .profile), or command= in authorized_keys, must let commands through"
    return errors.BadConfig(
        f"the login shell of {wire.traits.label} ran no command (status {status})",
        hint=f"edgedeploy enrol {other[1]}@HOST" if other else hint,
        details=last(words),
    )


def last(words: str) -> tuple[str, ...]:
    """The end of what a program said, for an error's details."""
    return tuple(names.printable(line, 300) for line in words.strip().split("\n")[-8:] if line.strip())
