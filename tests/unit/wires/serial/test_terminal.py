"""What a console was at when a person left it."""

from __future__ import annotations

import pytest

from edgedeploy.wires.serial.terminal import Cable


class Port:
    """A port from which these pieces come."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def read(self, size: int, timeout: float) -> bytes:
        return self.pieces.pop(0)


@pytest.mark.parametrize(
    ("said", "logged_in"),
    [
        (b"\r\nstage login: ", False),
        (b"stage login: root\r\nPassword: ", False),
        (b"Last login: Sun Nov 29\r\n\x1b[01;32mroot@stage\x1b[00m:~# ", True),
        (b"root@stage:~# \r\n[  812.300000] eth0: link is down\r\n", False),
        (b"\r\nroot@stage:~# (XEN) d1 is up\r\n", True),
        (b"root@stage:~# exit\r\nlogout\r\n\r\nstage login: ", False),
        (b"", False),
    ],
)  # fmt: skip
def test_whether_somebody_is_still_logged_in(said: bytes, logged_in: bool) -> None:
    pieces = [said[at : at + 7] for at in range(0, len(said), 7)]
    cable = Cable(Port(b"x" * 5000, *pieces))  # type: ignore[arg-type]  # a SerialPort as far as read
    for _ in range(len(pieces) + 1):
        cable.read()
    assert cable.at_shell is logged_in
