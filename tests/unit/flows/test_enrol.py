"""What a board may answer to its enrolment."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors
from edgedeploy.flows import enrol
from edgedeploy.ports.wire import Traits


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
