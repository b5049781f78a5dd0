"""Which cable, and who logs in there."""

from __future__ import annotations

import contextlib
import io
from types import SimpleNamespace

import pytest

from edgedeploy.core import names
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.context import Cables, Context
from edgedeploy.flows.rescue import cable
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui.plain_report import QuietReport


@pytest.mark.parametrize(("users", "user"), [({}, "root"), ({"stage": "ada"}, "ada"), ({"demo": "ada"}, "root")])
def test_who_logs_in_is_who_does_for_a_push(tmp_path, monkeypatch, users, user):
    known = KnownBoards(tmp_path)
    known.remember(KnownBoard(names.BoardId("00112233445566aa"), "stage", "cubieboard2", "root", (), 22))
    password = ConsolePassword(lambda _: None, lambda _: False, print)
    cables = Cables(list, lambda _: None, lambda: password, users=users)
    context = Context(
        lambda *_: [], lambda _: None, known, lambda *_: None, QuietReport(io.StringIO()), "me", tmp_path, cables
    )
    monkeypatch.setattr(cable, "SerialWire", lambda *_, **words: words)
    monkeypatch.setattr(cable, "Console", lambda _line, **words: contextlib.nullcontext(words["user"]))
    monkeypatch.setattr(cable, "SerialPort", lambda *_: contextlib.nullcontext())
    one = cable.Cable(None, 9600, None, None, 30.0, context, password)
    one.__dict__["port"] = SimpleNamespace(device="/dev/ttyUSB0")
    assert one.wire()["user"] == user
    with one.console() as shell:
        assert shell == user
