"""`edgedeploy remove`: an app is off the board, whatever it ran, and a kill in between leaves one that can be removed again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import config, removal, serve
from edgedeploy.agent.board import Board
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors, files, names
from edgedeploy.flows import remove as flow
from edgedeploy.flows.find import Wanted
from edgedeploy.ui import deployment
from tests.guard import USUAL_S
from tests.unit.agent.model import ID, ModelBoard
from tests.unit.agent.test_bluegreen import on_air, waiting
from tests.unit.flows.test_push_cable import Setting, model, setting
from tests.unit.flows.test_push_swap import push

__all__ = ["model", "setting"]  # fixtures


class Killed(BaseException):
    """The power went."""


def yes(_: str) -> None:
    """Whoever is asked agrees."""


def remove(setting: Setting, app: str = "decks", agreed: Callable[[str], None] = yes, *, dry_run: bool = False) -> flow.Result:
    return flow.remove(Wanted(), names.AppName(app), setting.context(), agreed, dry_run=dry_run)


@pytest.fixture
def two(setting: Setting) -> Setting:
    """r2 is on air and r1 waits beside it; a person's guest and one of another app run, too."""
    setting.network, setting.model.network.why = True, ""
    for name in ("r1", "r2"):
        setting.model.release(name)
        push(setting)
    guest = next(iter(setting.model.xen.guests.values()))
    for domid, name in ((90, "decks.r3"), (91, "other")):
        setting.model.xen.guests[domid] = type(guest)(name, f"foreign {domid}", domid, 10, False, "-b----")
        setting.model.xen.words[domid] = name
    other = names.AppName("other")
    setting.model.board.ensure_app(other)
    assert (on_air(setting.model), waiting(setting.model)) == (["r2", "decks.r3", "other"], ["r1"])
    return setting


def gone(model: ModelBoard) -> None:
    """Nothing of decks is there any more, and all else is."""
    assert on_air(model) == ["decks.r3", "other"]
    assert waiting(model) == []
    assert [*config.load(model.layout.config).apps] == ["other"]
    assert sorted(path.name for path in (model.layout.state / "apps").iterdir()) == ["other"]
    assert [path.name for path in (model.layout.root / "etc/cron.d").iterdir()] == ["edgedeploy-other"]
    assert "decks" not in model.layout.avahi_service.read_text()


def test_an_app_is_off_the_board_and_a_push_puts_it_back(two: Setting) -> None:
    asked: list[str] = []
    result = remove(two, agreed=asked.append)
    url = f"http://127.0.0.1:{two.model.xen.port}/"
    assert asked == [f"Take decks off model, with everything the board has of it: r2 is on air at {url}?"]
    gone(two.model)
    known = two.known.get(ID)
    assert known is not None
    assert known.apps == ()
    said = deployment.removed(result, dry_run=False).splitlines()
    assert said[0] == "decks is off model:"
    assert {"  ended the guest decks (r2)", "  ended the guest decks.r1 (r1)"} < {*said}
    assert said[-1] == "your own repository is as it was; a push puts it back: edgedeploy push decks"
    assert push(two).verdict == "live"
    assert on_air(two.model) == ["decks.r3", "other", "r2"]


def test_a_dry_run_and_a_no_touch_nothing(two: Setting) -> None:
    calls = list(two.model.xen.calls)

    def no(_: str) -> None:
        raise errors.Interrupted("nothing was done")

    result = remove(two, dry_run=True, agreed=no)
    said = deployment.removed(result, dry_run=True).splitlines()
    assert said[0] == "dry run, nothing was changed:"
    assert said[1] == f"  end the guest of r2, and http://127.0.0.1:{two.model.xen.port}/ answers no more"
    with pytest.raises(errors.Interrupted):
        remove(two, agreed=no)
    assert two.model.xen.calls == calls
    assert "decks" in config.load(two.model.layout.config).apps
    assert push(two).verdict == "already-live"


def test_an_app_that_is_not_there_is_told_with_those_that_are(two: Setting) -> None:
    with pytest.raises(errors.UsageFault, match=r"model has no app web \(it has: decks, other\)"):
        remove(two, "web")


def test_an_app_that_never_ran_anything_goes_too(two: Setting) -> None:
    result = remove(two, "other")
    assert [change for change in result.changes if "guest" in change] == []
    assert [*config.load(two.model.layout.config).apps] == ["decks"]
    assert on_air(two.model) == ["r2", "decks.r3", "other"], "a guest that bears its name is somebody's"


def test_a_guest_is_found_by_what_is_checked_out_where_a_power_cut_took_the_rest(two: Setting) -> None:
    layout = two.model.layout.app(two.model.app)
    layout.state.unlink()
    for path in (layout.folder / "releases").iterdir():
        path.write_bytes(b"")
    assert remove(two).changes[0] == "ended the guest decks (r2)"


def test_a_guest_that_cannot_be_ended_leaves_the_app_as_it_was(two: Setting) -> None:
    def fail(call: str) -> None:
        if call == "destroy":
            raise CommandFailed(["xl", "destroy"], "ended with status 1", "no")

    two.model.xen.fail = fail
    with pytest.raises(errors.BoardFault, match=r"xl destroy. on the board ended with status 1"):
        remove(two)
    assert "decks" in config.load(two.model.layout.config).apps
    assert two.model.layout.cron(two.model.app).exists()
    two.model.xen.fail = lambda call: None
    assert push(two).verdict == "already-live"
    remove(two)
    gone(two.model)


def _dies(*_: object, **__: object) -> Any:
    raise Killed


@pytest.mark.parametrize("where", ["destroy", "schedule", "folder", "configuration", "disk"])
def test_whatever_ends_it_it_can_be_removed_again(two: Setting, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    model = two.model
    with monkeypatch.context() as power:
        if where == "destroy":
            model.xen.fail = lambda call: _dies() if call == "destroy" else None
        elif where == "schedule":
            power.setattr(removal, "forget", _dies)
        elif where == "folder":
            power.setattr(Path, "rename", _dies)
        elif where == "configuration":
            power.setattr(files, "atomic_write", _dies)
        else:
            sweeps = iter([removal.sweep, _dies])  # the first clears what an earlier one left
            power.setattr(removal, "sweep", lambda *where: next(sweeps)(*where))
        with pytest.raises(Killed):
            model.board.remove(model.app, "anna", yes)
    model.xen.fail = lambda call: None
    again = Board(model.layout, model.xen, model.network)
    again.boot()
    if where == "disk":
        assert "decks" not in again.config.apps
        model.board = again
        assert push(two).verdict == "live", "what lies there still is in nobody's way"
        again = Board(model.layout, model.xen, model.network)
    assert "decks" in again.config.apps
    again.remove(model.app, "anna", yes)
    gone(model)


def test_a_deployment_that_is_under_way_is_waited_for(two: Setting) -> None:
    told, over = threading.Event(), threading.Event()
    lock = two.model.layout.app(two.model.app).swap_lock
    held = threading.Event()

    def deploys() -> None:
        with files.locked(lock, "anna@laptop"):
            held.set()
            assert told.wait(USUAL_S)
            assert on_air(two.model)[0] == "r2"
        over.set()

    thread = threading.Thread(target=deploys)
    thread.start()
    assert held.wait(USUAL_S)
    words: list[str] = []

    def waits(holder: str) -> None:
        words.append(holder)
        told.set()

    two.model.board.remove(two.model.app, "ben", waits)
    thread.join(USUAL_S)
    assert over.is_set()
    assert words[0].startswith("anna@laptop")
    gone(two.model)


def test_an_agent_that_is_too_old_for_it_is_named_with_what_mends_that(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise errors.ProtocolMismatch("unknown message 'remove'")

    monkeypatch.setattr(serve.Server, "_remove", unknown)
    with pytest.raises(errors.ProtocolMismatch, match="is too old for this") as caught:
        remove(two)
    assert "edgedeploy enrol" in caught.value.hint
    assert on_air(two.model)[0] == "r2"
