"""What a board may answer to its enrolment."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgedeploy.core import errors, names
from edgedeploy.flows import enrol
from edgedeploy.ports.wire import Traits
from edgedeploy.profiles import catalog


class Wire:
    traits = Traits("serial /dev/ttyUSB0", 9600)


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"board_id": "00112233445566aa"}', '{"board_id": "\\u001b[2J", "changes": []}', "[" * 90_000]
)
def test_an_answer_that_is_none_is_told_as_such(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(enrol, "run", lambda _wire, argv, data=b"": (0, said if "setup" in argv else "/tmp/x", ""))
    with pytest.raises(errors.ProtocolMismatch, match="the agent's setup on serial /dev/ttyUSB0 gave no answer") as caught:
        enrol._run_setup(Wire(), {}, 0, lambda _: None, dry_run=False)  # type: ignore[arg-type]  # a Wire as far as asked
    assert "".join(caught.value.details).isprintable()


@pytest.mark.parametrize("keep", [False, True])
def test_the_board_is_told_whether_the_original_scripts_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keep: bool
) -> None:
    said: list[dict[str, object]] = []

    def run(_wire: object, argv: list[str], data: bytes = b"") -> tuple[int, str, str]:
        if "setup" in argv:
            said.append(json.loads(data))
            return 0, '{"board_id": "00112233445566aa", "changes": []}', ""
        return 0, "uid 0\npython 3.11\nhostname stage\n" if enrol._PROBE in argv else "/tmp/x", ""

    monkeypatch.setattr(enrol, "run", run)
    context = SimpleNamespace(
        config=tmp_path, who="anna", report=SimpleNamespace(step=lambda _: contextlib.nullcontext())
    )
    request = enrol.Request(names.ProfileName("cubieboard2"), dry_run=True, keep=keep)
    enrol.enrol(Wire(), None, "root", (), 22, request, context, catalog.load_all(), lambda _: None, cable=True)  # type: ignore[arg-type]
    assert [plan["keep"] for plan in said] == [keep]
