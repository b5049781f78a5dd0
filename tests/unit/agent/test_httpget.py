"""The agent's own HTTP GET: what servers answer, and what only pretends to."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from edgedeploy.agent import httpget


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def answered(listener: socket.socket, answer: bytes) -> tuple[bytes, bytes]:
    """Status and content, and that the request was HTTP."""
    asked = bytearray()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while b"\r\n\r\n" not in asked:
                asked.extend(connection.recv(4096))
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        status, *pieces = httpget.get("127.0.0.1", listener.getsockname()[1], "/a/b?c", 60.0)
    finally:
        thread.join()
        assert asked.startswith(b"GET /a/b?c HTTP/1.1\r\nHost: 127.0.0.1:")
    return status, b"".join(pieces)


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", b"200", b"hello"),
        (b"HTTP/1.0 404\r\n\r\nnot here", b"404", b"not here"),
        (b"HTTP/1.1 200 OK\nconnection: close\n\nbare line feeds", b"200", b"bare line feeds"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", b"204", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n5\r\nagain\r\n0\r\n\r\n", b"200", b"helloagain"),
    ],
    ids=["length", "to-the-end", "line-feeds", "continue", "chunked"],
)  # fmt: skip
def test_answers(server: socket.socket, answer: bytes, status: bytes, content: bytes) -> None:
    assert answered(server, answer) == (status, content)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"", "ends in its head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", "ends in its head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "45 bytes early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "a length of"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1e\r\n\r\nhello", "a length of"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "2 bytes early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\nhel", "a length of"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n", "head has no end"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 20000 + b"\r\n\r\n", "line of the answer's head has no end"),
    ],
    ids=["ssh", "nothing", "half-a-head", "half-a-page", "negative", "hex", "half-a-chunk", "huge-chunk", "headers", "long-line"],
)  # fmt: skip
def test_what_is_no_whole_answer_is_an_oserror(server: socket.socket, answer: bytes, why: str) -> None:
    with pytest.raises(OSError, match=why):
        answered(server, answer)


def test_a_real_server_is_understood() -> None:
    class Pages(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "200000")
            self.end_headers()
            self.wfile.write(bytes(200000))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        status, *pieces = httpget.get("127.0.0.1", server.server_port, "/", 60.0)
        thread.join()
    assert status == b"200"
    assert sum(map(len, pieces)) == 200000


def test_nobody_there_is_an_oserror(server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    with pytest.raises(ConnectionRefusedError):
        next(httpget.get("127.0.0.1", port, "/", 60.0))
