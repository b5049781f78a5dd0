"""`edgedeploy remove`: an app is off the board, whatever it ran, and a kill in between leaves one that can be removed again."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import config, removal, serve, status
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.board import Board
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors, files, names
from edgedeploy.flows import remove as flow
from edgedeploy.flows.find import Wanted
from edgedeploy.remote.known import KnownBoard
from edgedeploy.ui import deployment
from tests.guard import USUAL_S, until
from tests.unit.agent.model import ID, ModelBoard, git
from tests.unit.agent.test_bluegreen import on_air, waiting
from tests.unit.flows.test_push_cable import Setting, model, setting
from tests.unit.flows.test_push_swap import push

__all__ = ["model", "setting"]  # fixtures


class Killed(BaseException):
    """The power went."""


def yes(_: str) -> None:
    """Whoever is asked agrees."""


def remove(
    setting: Setting, app: str = "decks", agreed: Callable[[str], None] = yes, *, here: bool = True, asks: bool = True,
    on: str | None = None, **how: bool,
) -> flow.Result:  # fmt: skip
    repository = setting.model.work if here else None
    return flow.remove(flow.Request(Wanted(on=on), names.AppName(app), repository, agreed, asks, **how), setting.context())


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
    assert asked == [f"Take decks off model, with everything the board has of it (r2 is on air at {url})?"]
    gone(two.model)
    known = two.known.get(ID)
    assert known is not None
    assert known.apps == ()
    said = deployment.removed(result, dry_run=False).splitlines()
    assert said[0] == "decks is off model:"
    assert {"  ended the guest decks (r2)", "  ended the guest decks.r1 (r1)"} < {*said}
    assert said[-1] == f"your own repository is as it was; a push puts it back: edgedeploy push {two.model.work}"
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
    said = remove(two).changes
    assert {"ended the guest decks (r2)", "ended the guest decks.r1 (of which nothing else is known)"} < {*said}


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


@pytest.mark.parametrize("where", ["destroy", "schedule", "folder", "disk", "configuration"])
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
            model.board.remove(model.app, "anna")
    model.xen.fail = lambda call: None
    again = Board(model.layout, model.xen, model.network)
    again.boot()
    assert "decks" in again.config.apps
    assert [path.name for path in (model.layout.state / "apps").iterdir() if path.name.startswith(".")] == [], "the disk is freed"
    again.remove(model.app, "anna")
    gone(model)


def test_what_is_left_of_one_that_nothing_names_can_be_removed(two: Setting) -> None:
    model = two.model
    text = config.render(config.AgentConfig(model.board.config.board_id, model.board.config.name, model.board.config.profile))
    model.layout.config.write_text(text)
    words = Board(model.layout, model.xen, model.network).remove(model.app, "anna")
    assert f"removed the schedule {model.layout.cron(model.app)}" in words
    with pytest.raises(errors.UsageFault, match="no app 'decks'"):
        Board(model.layout, model.xen, model.network).remove(model.app, "anna")


def test_what_somebody_deploys_is_not_removed_behind_their_back(two: Setting) -> None:
    layout = two.model.layout.app(two.model.app)
    for lock in (layout.swap_lock, layout.pull_lock):
        with files.locked(lock, "anna@laptop"), pytest.raises(errors.BoardFault, match=r"anna@laptop.* is at work on decks just now"):
            remove(two)
    assert on_air(two.model)[0] == "r2"
    assert push(two).verdict == "already-live"


@pytest.mark.parametrize("late", ["apply", "activate", "pull", "stage"])
def test_who_waited_for_an_app_that_is_removed_brings_nothing_of_it_back(two: Setting, late: str) -> None:
    """Another process had begun: its lock was in the folder that went away, and its configuration still names the app."""
    model = two.model
    head = model.board.repo(model.app).head()
    assert head
    stale = Board(model.layout, model.xen, model.network)
    layout = model.layout.app(model.app)
    path = layout.attempts / "20990101-000000"
    lock = layout.swap_lock if late == "apply" else layout.pull_lock
    failed: list[BaseException] = []

    def works() -> None:
        try:
            if late == "apply":
                stale.apply(model.app, "ben")
            elif late == "activate":
                stale.activate(model.app, head, "ben", path, retry=False)
            elif late == "pull":
                stale.pull(model.app, "cron")
            else:
                with contextlib.closing(Attempt(path, "push")) as record:
                    stale.stage(model.app, head, None, record)
        except errors.EdgeError as error:
            failed.append(error)

    thread = threading.Thread(target=works)
    with files.locked(lock, "anna"):
        thread.start()
        until(lambda: _waits(lock), "it waits")
        model.board._read = None
        with pytest.MonkeyPatch.context() as patch:  # the one who holds the lock removes it
            patch.setattr(files, "locked", _unlocked)
            model.board.remove(model.app, "anna")
    thread.join(USUAL_S)
    (error,) = failed
    assert "no app 'decks' on this board" in str(error)
    assert on_air(model) == ["decks.r3", "other"]
    assert not model.layout.cron(model.app).exists()
    assert "decks" not in config.load(model.layout.config).apps


@contextlib.contextmanager
def _unlocked(*_: object, **__: object) -> Iterator[None]:
    yield


def _waits(lock: Path) -> bool:
    """Whether somebody stands in line for a lock (proc(5): /proc/locks, the lines with an arrow)."""
    inode = f":{lock.stat().st_ino} "
    return any("->" in line and inode in line for line in Path("/proc/locks").read_text().split("\n"))


def test_a_session_that_is_older_than_the_removal_puts_the_app_back_whole(two: Setting) -> None:
    model = two.model
    head = model.board.repo(model.app).head()
    assert head
    stale = Board(model.layout, model.xen, model.network)
    model.board.remove(model.app, "anna")
    with pytest.raises(errors.UsageFault, match="no app 'decks'"):
        stale.rollback(model.app, None, "ben")
    assert not model.layout.app(model.app).folder.exists()
    stale.ensure_app(model.app)
    assert "decks" in config.load(model.layout.config).apps
    model.board = stale
    two.context()
    assert push(two).verdict == "live"


def test_a_push_of_another_app_does_not_bring_a_removed_one_back(two: Setting) -> None:
    stale = Board(two.model.layout, two.model.xen, two.model.network)
    two.model.board.remove(two.model.app, "anna")
    stale.ensure_app(names.AppName("clock"))
    assert sorted(config.load(two.model.layout.config).apps) == ["clock", "other"]


def test_an_app_whose_state_cannot_be_read_goes_too(two: Setting) -> None:
    two.model.layout.app(two.model.app).state.write_text("{")
    two.model.board.remove(two.model.app, "anna")
    gone(two.model)


def test_what_only_the_board_has_is_not_lost_without_a_word(two: Setting) -> None:
    with pytest.raises(errors.UsageFault, match="nothing could put it back") as caught:
        remove(two, here=False, asks=False)
    assert "edgedeploy fetch decks " in caught.value.hint
    *_, lost = remove(two, here=False, dry_run=True).changes
    assert lost == "this laptop does not have those commits; to bring them here: edgedeploy fetch decks"
    git("-C", two.model.work, "branch", "kept")
    git("-C", two.model.work, "reset", "--quiet", "--hard", "HEAD~1")
    assert remove(two, asks=False, dry_run=True).again == "", "a push of this branch puts something else there"
    git("-C", two.model.work, "branch", "--quiet", "-D", "kept")  # the commit still lies about
    asked: list[str] = []

    def no(question: str) -> None:
        asked.append(question)
        raise errors.Interrupted("nothing was done")

    with pytest.raises(errors.Interrupted):
        remove(two, agreed=no)
    assert asked[0].endswith("This laptop does not have those commits (to bring them here: edgedeploy fetch decks).")
    result = remove(two, asks=False, without_copy=True)
    assert "your own repository" not in deployment.removed(result, dry_run=False)
    gone(two.model)


def test_a_remote_that_is_forgotten_is_named(two: Setting) -> None:
    two.model.told(remote=str(two.model.remote))
    two.model.board._read = None
    words = remove(two).changes
    assert f"forgot that it is pulled from {two.model.remote}" in words


def test_contact_that_is_lost_is_no_failure_and_no_success(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr(serve.Server, "_remove", lost)
    with pytest.raises(errors.OutcomeUnknown, match="contact with the board was lost while it took decks off") as caught:
        remove(two)
    assert "edgedeploy status" in caught.value.hint


def test_an_agent_that_is_too_old_for_it_is_named_with_what_mends_that(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise errors.ProtocolMismatch("unknown message 'remove'")

    monkeypatch.setattr(serve.Server, "_remove", unknown)
    with pytest.raises(errors.ProtocolMismatch, match="is too old for this") as caught:
        remove(two)
    assert "edgedeploy enrol" in caught.value.hint
    assert on_air(two.model)[0] == "r2"


def test_a_push_makes_its_place_whole_or_not_at_all(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can remove an app while a push makes a place for it."""
    model, refused = two.model, list[str]()
    made = Board._made_anew

    def remove_now(self: Board, name: names.AppName) -> list[str]:
        with pytest.raises(errors.BoardFault) as caught:
            Board(model.layout, model.xen, model.network).remove(name, "ben")
        refused.append(caught.value.message)
        return made(self, name)

    monkeypatch.setattr(Board, "_made_anew", remove_now)
    model.board.ensure_app(model.app)
    assert len(refused) == 1
    assert "push" in refused[0]


def test_what_the_disk_did_not_take_is_not_believed(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    clock = names.AppName("clock")
    with monkeypatch.context() as disk:
        disk.setattr(files, "atomic_write", full)
        with pytest.raises(OSError, match="No space"):
            two.model.board.ensure_app(clock)
    assert not two.model.board.has(clock)
    two.model.board.ensure_app(clock)
    assert clock in config.load(two.model.layout.config).apps


def test_an_app_on_a_larger_disk_is_freed_there(two: Setting, tmp_path: Path) -> None:
    folder = two.model.layout.app(two.model.app).folder
    folder.rename(tmp_path / "larger")
    folder.symlink_to(tmp_path / "larger")
    two.model.board.remove(two.model.app, "anna")
    assert not (tmp_path / "larger").exists()
    gone(two.model)


@pytest.mark.parametrize("head", ["--all", "a\0b", "\ud800", 5])
def test_a_board_that_names_no_commit_is_no_reason_for_a_traceback(two: Setting, monkeypatch: pytest.MonkeyPatch, head: object) -> None:
    monkeypatch.setattr(status, "apps", lambda _: {"decks": {"head": head, "release": "r2"}})
    with pytest.raises(errors.ProtocolMismatch, match="what no agent says"):
        remove(two)


def test_where_there_are_several_boards_every_command_that_is_told_names_this_one(two: Setting) -> None:
    spare, kind = names.BoardName("spare"), names.ProfileName("cubieboard2")
    two.known.remember(KnownBoard(names.BoardId("f" * 16), spare, kind, "root", ("10.0.0.9",), 22))
    with pytest.raises(errors.UsageFault) as caught:
        remove(two, here=False, asks=False, on="model")
    assert "edgedeploy fetch decks --on model " in caught.value.hint
    assert "edgedeploy remove decks --on model --without-copy --yes" in caught.value.hint
    assert remove(two, here=False, dry_run=True, on="model").changes[-1].endswith("edgedeploy fetch decks --on model")
    assert remove(two, on="model").again.endswith(" --on model")
