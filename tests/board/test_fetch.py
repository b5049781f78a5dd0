"""A laptop is lost and another one goes on; and an app leaves a board. On real Xen."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.board.stage import Stage, get, wait_for

pytestmark = pytest.mark.board


def test_after_the_laptop_is_lost_the_talk_is_edited_and_pushed_from_what_the_board_has(stage: Stage) -> None:
    shutil.rmtree(stage.talk)
    again = stage.folder / "again"
    said = stage.ok("fetch", "decks", str(again))
    assert "taken out of the latest release" in said.out
    stage.talk = again
    page = again / "slides/index.html"
    page.write_text(page.read_text().replace("</body>", "<!-- from the second laptop --></body>"))
    pushed = stage.ok("push", cwd=again)
    assert "slides/index.html changed: release " in pushed.err
    assert "is live on virtual; outage none" in pushed.out
    wait_for(stage.url(), "from the second laptop")
    assert json.loads(stage.ok("fetch", "--json", cwd=again).out)["behind"] == 0


def test_an_app_leaves_the_board_and_comes_back(stage: Stage) -> None:
    refused = stage.run("remove", "decks")
    assert (refused.status, "add --yes" in refused.err) == (2, True)
    assert stage.domain()
    stage.ok("remove", "decks", "--dry-run")
    assert get(stage.url())
    stage.ok("remove", "decks", "--yes")
    assert [line.split()[0] for line in stage.board("xl list").splitlines()] == ["Name", "Domain-0"]
    places = "ls -A /var/lib/edgedeploy/apps /etc/cron.d /run/netns 2>&1"
    left = stage.board(f"{places}; grep apps /etc/edgedeploy/agent.toml; true")
    assert "decks" not in left
    assert not get(stage.url())
    assert "no apps yet" in stage.ok("status").out
    assert "first start" in stage.ok("push", str(stage.talk)).out
    assert get(stage.url())
