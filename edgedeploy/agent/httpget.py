"""One HTTP GET, as little as a health probe needs. `http.client` would load email and ssl for it: a second of a small
core, at the very moment when the guest boots on the same one.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO

_LINE = 16 * 1024  # bytes
_HEADERS = 200
_PIECE = 64 * 1024


Within = Callable[[], AbstractContextManager[None]]
"""where sockets are opened: as it stands, or in another network namespace"""


def get(address: str, port: int, path: str, timeout: float, within: Within = nullcontext) -> Iterator[bytes]:
    """The status as three digits, then the content piece by piece. `timeout` in seconds, for each wait.

    The connection is opened `within`. Raises OSError for anything but a whole answer.
    """
    host = f"[{address}]" if ":" in address else address
    with within():
        connection = socket.create_connection((address, port), timeout)
    with connection, connection.makefile("rb") as answer:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nUser-Agent: edgedeploy-agent\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        status = b"100"
        while status == b"100":
            found = re.fullmatch(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?\r?\n", _line(answer))
            if not found:
                raise OSError("what answers does not speak HTTP")
            status = found[1]
            headers = dict(_headers(answer))
        yield status
        if headers.get(b"transfer-encoding", b"identity").lower() != b"identity":
            yield from _chunks(answer)
        elif b"content-length" in headers:
            yield from _exactly(answer, _number(headers[b"content-length"], 10))
        else:
            yield from iter(lambda: answer.read(_PIECE), b"")


def _line(answer: BinaryIO) -> bytes:
    line = answer.readline(_LINE)
    if not line.endswith(b"\n"):
        raise OSError("the answer ends in its head" if len(line) < _LINE else "a line of the answer's head has no end")
    return line


def _headers(answer: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_HEADERS):
        name, colon, value = _line(answer).strip().partition(b":")
        if not colon:
            return
        yield name.strip().lower(), value.strip()
    raise OSError("the answer's head has no end")


def _chunks(answer: BinaryIO) -> Iterator[bytes]:
    while size := _number(_line(answer).partition(b";")[0].strip(), 16):
        yield from _exactly(answer, size)
        _line(answer)


def _exactly(answer: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = answer.read(min(size, _PIECE))
        if not piece:
            raise OSError(f"the answer ends {size} bytes early")
        size -= len(piece)
        yield piece


def _number(text: bytes, base: int) -> int:
    if not re.fullmatch(rb"[0-9a-fA-F]{1,12}", text) or (base == 10 and not text.isdigit()):
        raise OSError(f"the answer has a length of {text[:20]!r}")
    return int(text, base)
