"""Pushes of repositories of 2014: what is taken from whom, under which name, and what an older board is spared."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.core import errors, names
from edgedeploy.core.release import ALIVE_ONLY
from edgedeploy.depot.repo import Depot
from edgedeploy.remote import agentkit
from edgedeploy.ui import deployment
from tests.unit.agent.model import ORIGINAL
from tests.unit.flows.test_push_cable import Setting, model, setting
from tests.unit.flows.test_push_swap import push

__all__ = ["model", "setting"]  # fixtures


@pytest.fixture
def site(setting: Setting) -> Setting:
    """An original repository whose VM is called `mortio`, and a board that has it as `decks`."""
    setting.network = True
    setting.model.original("r1", vm="mortio")
    setting.model.deploy()
    return setting


def test_it_is_pushed_as_it_is_and_the_verdict_says_what_is_known(setting: Setting) -> None:
    setting.network = True
    setting.model.original("r1")
    result = push(setting)
    assert (result.verdict, result.app, result.unproven) == ("live", "decks", ALIVE_ONLY)
    assert deployment.pushed(result).endswith(f"checked: Xen runs it; {ALIVE_ONLY}")
    again = push(setting)
    assert (again.verdict, again.witness, again.unproven) == ("already-live", "board", ALIVE_ONLY)


def test_the_boards_own_address_is_asked_also_when_nothing_is_new(setting: Setting) -> None:
    setting.network = True
    setting.model.told(address="127.0.0.1", page=f":{setting.model.xen.port}/")
    setting.model.original("r1")
    assert [*push(setting).served] == ["/"]
    assert [*push(setting).served] == ["/"]
    setting.model.xen.serves["r1"] = None  # alive, and mute
    with pytest.raises(errors.EdgeError):
        push(setting)


def test_the_boards_name_for_it_counts_and_is_not_taken_to_another_board(site: Setting) -> None:
    site.model.original("r2", vm="mortio")
    assert push(site).app == "decks"
    assert [*site.model.board.config.apps] == ["decks"]
    # whoever wants back what was there before is not stopped by what is wrong with the latest
    site.model.original("r3", "memory = 'lots'", vm="mortio")
    assert Depot.open(site.model.work).app == "mortio"


def test_a_commit_beyond_the_boards_and_one_before_it_are_of_its_history_another_is_not(site: Setting, tmp_path: Path) -> None:
    depot = Depot.open(site.model.work)
    (theirs,) = (str(site.model.board.repo(site.model.app).head()),)
    assert depot.shares(theirs)
    assert not depot.shares("")
    assert not depot.shares("1" * 40)
    depot.git.run("checkout", "--quiet", "--orphan", "other")
    depot.git.run("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--message", "other")
    assert not Depot.open(site.model.work).shares(theirs)


def test_where_the_board_has_it_twice_nobody_guesses(site: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    site.model.original("r2", vm="mortio")
    monkeypatch.setattr(Depot, "shares", lambda _, theirs: True)
    site.model.board.ensure_app(names.AppName("mail"))
    with pytest.raises(errors.BadRepository, match="as decks and as mail") as caught:
        push(site)
    assert 'app = "decks"' in caught.value.hint


def test_what_is_committed_says_its_name(site: Setting) -> None:
    toml = site.model.work / "edgedeploy.toml"
    toml.write_text('app = "decks"\n[domain]\nvm = "mortio"\n')
    depot = Depot.open(site.model.work)
    assert depot.manifest(names.ReleaseId("r1")).app == "mortio", "not committed: no board sees it"
    site.model.commit()
    assert Depot.open(site.model.work).manifest(names.ReleaseId("r1")).app == "decks"


def test_the_same_id_with_a_better_template_is_not_kept_off(setting: Setting) -> None:
    setting.network = True
    setting.model.original("r1")
    push(setting)
    setting.model.xen.dies.add("r2")
    setting.model.original("r2")
    with pytest.raises(errors.RolledBack):
        push(setting)
    with pytest.raises(errors.Quarantined):
        push(setting)
    setting.model.xen.dies.clear()
    setting.model.original("r2", ORIGINAL.replace("96", "64"))
    assert push(setting).verdict == "live"


def test_an_agent_that_may_not_know_such_releases_is_sent_nothing(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    setting.network = True
    setting.model.original("r1")
    monkeypatch.setattr(agentkit, "digest", lambda: "another")
    with pytest.raises(errors.ProtocolMismatch, match="may not know") as caught:
        push(setting)
    assert caught.value.hint == "bring it up to date: edgedeploy enrol model"
    assert setting.model.board.repo(setting.model.app).head() is None
