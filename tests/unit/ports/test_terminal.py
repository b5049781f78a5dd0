"""A person's terminal that goes away."""

from __future__ import annotations

import os
import pty

from edgedeploy.ports.terminal import raw


def test_a_terminal_that_was_closed_is_no_fault_of_the_program() -> None:
    """Closing the window ends the program (SIGHUP, exit 130); it is no bug in it."""
    master, slave = pty.openpty()
    with raw(slave) as terminal:
        assert terminal
        os.close(master)
    os.close(slave)
