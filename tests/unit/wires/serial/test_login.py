"""The sentences for a line that leads to no shell. Logging in itself: tests/contract/test_serial_console.py."""

import pytest

from edgedeploy.wires.serial.login import stuck
from edgedeploy.wires.serial.recognise import Sight, Where


class Line:
    device, baud = "/dev/ttyUSB0", 115200


@pytest.mark.parametrize("where", [where for where in Where if where not in (Where.SHELL, Where.LOGIN)])
@pytest.mark.parametrize("alive", [False, True])
def test_every_place_has_its_sentence(where, alive):
    error = stuck(Sight(where, alive=alive, last=("one", "\x1b[2Jtwo")), Line())
    assert error.exit_code == 11
    assert error.hint
    assert "{" not in error.message + error.hint
    assert "/dev/ttyUSB0" in error.message or (where is Where.SILENCE and alive)
    assert all("\x1b" not in line for line in error.details)


def test_silence_of_a_board_that_lives_is_another_sentence():
    dead, alive = (stuck(Sight(Where.SILENCE, alive=alive), Line()) for alive in (False, True))
    assert dead.message == "nothing answers on /dev/ttyUSB0 at 115200 baud"
    assert "getty" in alive.hint


def test_rubbish_is_not_shown():
    assert stuck(Sight(Where.WRONG_BAUD, last=("\ufffd\ufffd",)), Line()).details == ()
