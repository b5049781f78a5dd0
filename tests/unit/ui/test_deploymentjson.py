"""What programs read of a deployment: one shape, whatever printed it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgedeploy.flows.push_result import Result
from edgedeploy.ui import deploymentjson as shape

PAGE = Path(__file__).parents[3] / "docs/json.md"
PUSHED = Result(
    "decks", "r2", "stage", "live", uuid="u2", url="http://192.0.2.7/", outage_ms=9712, was_on_air=True,
    sent_bytes=4469, served={"/": "5e"}, confirmed="confirmed",
)  # fmt: skip
OUTCOME = {
    "verdict": "rolled-back", "release": "r2", "running": "r1", "uuid": "u1", "reason": "the guest is gone",
    "outage_ms": 12_500, "was_on_air": True, "served": {}, "console": ["no page"],
}  # fmt: skip
STEPS = [{"t": 3.2, "step": "swap", "text": "starting r2", "release": "r2"}]


def told(deployment: shape.Deployment) -> dict[str, Any]:
    plain = deployment.to_plain()
    jsonschema.validate(plain, shape.schema())
    return {key: value for key, value in plain.items() if value not in (None, [], {}, "", shape.FORMAT)}


def test_the_page_is_what_the_program_prints() -> None:
    assert PAGE.read_text() == shape.page(), "python -m edgedeploy.ui.deploymentjson --write docs/json.md"
    jsonschema.Draft202012Validator.check_schema(shape.schema())
    assert all(item.metadata["says"] in PAGE.read_text() for item in fields(shape.Deployment))


def test_a_push() -> None:
    assert told(shape.of_push(PUSHED)) == {
        "app": "decks", "board": "stage", "release": "r2", "verdict": "live", "running": "r2", "uuid": "u2",
        "outage_s": 9.712, "url": "http://192.0.2.7/", "confirmed": "confirmed", "served": {"/": "5e"}, "sent_bytes": 4469,
    }  # fmt: skip
    first = told(shape.of_push(replace(PUSHED, was_on_air=False)))
    assert first["first_start_s"] == 9.712
    assert "outage_s" not in first
    planned = told(shape.of_push(replace(PUSHED, verdict="", plan=("swap",))))
    assert (planned["verdict"], planned["plan"]) == ("dry-run", ["swap"])
    assert "running" not in planned, "nothing was asked of what runs"


def test_a_rollback_and_the_log_of_it_say_the_same() -> None:
    done = told(shape.of_outcome(OUTCOME, "decks", "stage"))
    assert (done["reason"], done["outage_s"], done["console"]) == ("the guest is gone", 12.5, ["no page"])
    logged = told(shape.of_record({"started": 0, "who": "anna", "steps": STEPS, "outcome": OUTCOME}, "decks", "stage"))
    assert logged.pop("started") == "1970-01-01T00:00:00Z"
    assert logged.pop("who") == "anna"
    assert logged.pop("steps") == [{"at": "1970-01-01T00:00:03Z", "step": "swap", "text": "starting r2"}]
    assert logged == done


@pytest.mark.parametrize(
    ("record", "verdict", "release"),
    [
        ({"steps": STEPS, "running_s": 6.2}, "running", "r2"),
        ({"steps": STEPS}, "did-not-finish", "r2"),
        ({"steps": []}, "did-not-finish", None),
        ({"steps": STEPS, "failed": {"message": "too big"}}, "refused", "r2"),
    ],
)
def test_what_has_no_outcome_has_a_verdict_too(record: dict[str, Any], verdict: str, release: str | None) -> None:
    found = told(shape.of_record({"started": 0, "who": "cron", **record}, "decks", "stage"))
    assert (found["verdict"], found.get("release")) == (verdict, release)
    assert found.get("reason") == ("too big" if "failed" in record else None)
