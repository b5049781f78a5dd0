"""`edgedeploy fetch`: a board's app comes to a laptop that lost it, or to one whose push was refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import serve
from edgedeploy.core import errors, messages, names
from edgedeploy.depot import fetched, usual_board
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import fetch as flow
from edgedeploy.flows.find import Wanted
from edgedeploy.ui import fetched as ui
from tests.unit.agent.model import ID, git
from tests.unit.agent.test_bluegreen import on_air
from tests.unit.flows.test_push_cable import Setting, model, setting
from tests.unit.flows.test_push_over import Two
from tests.unit.flows.test_push_swap import push

__all__ = ["model", "setting"]  # fixtures


@pytest.fixture
def pushed(setting: Setting) -> Setting:
    """r1 is on air."""
    setting.network = True
    setting.model.told(remote="")
    setting.model.release("r1")
    push(setting)
    return setting


def fetch(setting: Setting, folder: Path, app: str = "decks") -> flow.Result:
    return flow.fetch(Wanted(), names.AppName(app), folder, setting.context())


def head(folder: Path) -> str:
    return git("-C", folder, "rev-parse", "HEAD").strip()


def nothing_left(setting: Setting, folder: Path) -> None:
    """Neither here nor on the board."""
    assert not folder.exists()
    assert [path.name for path in folder.parent.iterdir() if ".part" in path.name] == []
    assert [path.name for path in setting.model.layout.incoming.glob("handout.*")] == []


def test_a_laptop_that_was_lost_is_no_end_of_the_talk(pushed: Setting, tmp_path: Path) -> None:
    there = tmp_path / "new laptop" / "decks"
    result = fetch(pushed, there)
    assert (result.cloned, result.ahead, result.behind) == (True, 0, 0)
    assert head(there) == head(pushed.model.work) == result.commit
    assert git("-C", there, "status", "--porcelain") == ""
    assert git("-C", there, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert usual_board.of(Depot.open(there).git) == ID
    said = ui.words(result)
    assert said.splitlines()[0] == f"decks is in {there}, as model has it (commit {result.commit[:12]})"
    assert said.endswith(f"then: edgedeploy push '{there}'")
    assert "fetching 0.0 MB: done" in pushed.out.getvalue()
    pushed.model.work = there
    assert push(pushed).verdict == "already-live"
    pushed.model.remote = tmp_path / "remote.git"
    pushed.model.release("r2")
    assert (push(pushed).verdict, on_air(pushed.model)) == ("live", ["r2"])
    assert [*pushed.model.layout.incoming.glob("handout.*")] == []


def test_what_another_laptop_pushed_is_fetched_merged_and_pushed_over(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path)
    theirs = two.they_push("r2")
    two.mine = two.model.release("r3")
    with pytest.raises(errors.BadRepository) as caught:
        push(setting)
    assert "edgedeploy fetch" in caught.value.hint
    result = fetch(setting, two.model.work)
    assert (result.cloned, result.ahead, result.behind, result.ref) == (False, 1, 1, "model/main")
    assert git("-C", two.model.work, "rev-parse", "model/main").strip() == theirs
    assert head(two.model.work) == two.mine, "nothing of a person's is touched"
    assert result.size < 20000
    said = ui.words(result).splitlines()
    assert said[0].endswith(": 1 commit that your branch has not; you have 1 commit that it has not")
    assert said[-1] == f"take them in, then push: git -C {two.model.work} merge model/main"
    git("-C", two.model.work, "merge", "--quiet", "--strategy=ours", "--no-edit", "model/main")
    assert push(setting).release == "r3"
    again = fetch(setting, two.model.work)
    assert (again.size, again.ahead, again.behind) == (0, 0, 0)
    assert ui.words(again).endswith("it is part of your branch already")


def test_a_board_that_is_ahead_is_followed(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path)
    theirs = two.they_push("r2")
    result = fetch(setting, two.model.work)
    assert (result.ahead, result.behind) == (0, 1)
    command = ui.words(result).rpartition("then push: ")[2]
    git(*command.removeprefix("git ").split())
    assert head(two.model.work) == theirs
    assert ui.to_plain(result)["behind"] == 1


def test_a_folder_in_use_and_an_app_that_is_not_there_are_told_before_anything_is_sent(pushed: Setting, tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "notes").write_text("mine")
    with pytest.raises(errors.UsageFault, match="is there already, and is not empty"):
        fetch(pushed, used)
    assert (used / "notes").read_text() == "mine"
    with pytest.raises(errors.UsageFault, match=r"model has no app web \(it has: decks\)"):
        fetch(pushed, tmp_path / "web", "web")
    with pytest.raises(errors.UsageFault, match="is the repository of decks, not of web"):
        fetch(pushed, pushed.model.work, "web")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert fetch(pushed, empty).cloned, "an empty folder is as good as none"


def test_an_app_that_nothing_was_pushed_of_has_nothing_to_give(setting: Setting, tmp_path: Path) -> None:
    setting.network = True
    with pytest.raises(errors.BadRepository, match="nothing of it was pushed yet"):
        fetch(setting, tmp_path / "decks")
    nothing_left(setting, tmp_path / "decks")


@pytest.mark.parametrize("fault", ["digest", "object", "lost"])
def test_what_does_not_arrive_as_it_was_leaves_nothing(
    pushed: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    send = serve.Server._send

    def sent(self: Any, message: messages.Message, body: bytes = b"") -> None:
        if isinstance(message, messages.Chunk):
            if fault == "lost":
                raise SystemExit(0)
            body = bytes(len(body))
        send(self, message, body)

    if fault == "object":  # what is whole, and no sound history
        repo, raw = pushed.model.layout.app(pushed.model.app).repo, tmp_path / "tree"
        blob = git("-C", repo, "rev-parse", "HEAD:xen/latest").strip()
        raw.write_bytes(b"100644 .git\0" + bytes.fromhex(blob))
        tree = git("-C", repo, "hash-object", "-t", "tree", "-w", "--literally", raw).strip()
        git("-C", repo, "update-ref", "HEAD", git("-C", repo, "commit-tree", tree, "-p", "HEAD", "-m", "bad").strip())
    else:
        monkeypatch.setattr(serve.Server, "_send", sent)
    with pytest.raises(errors.EdgeError) as caught:
        fetch(pushed, tmp_path / "decks")
    assert not isinstance(caught.value, errors.Bug)
    nothing_left(pushed, tmp_path / "decks")


def test_an_agent_that_is_too_old_for_it_is_named(pushed: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise errors.ProtocolMismatch("unknown message 'fetch'")

    monkeypatch.setattr(serve.Server, "_fetch", unknown)
    with pytest.raises(errors.ProtocolMismatch, match="is too old for this"):
        fetch(pushed, tmp_path / "decks")
    nothing_left(pushed, tmp_path / "decks")


def test_a_bundle_that_is_larger_than_told_is_refused(pushed: Setting, tmp_path: Path) -> None:
    from edgedeploy.flows.reach import reach

    with reach(Wanted(), pushed.context()) as reached:
        told = reached.client.fetch(names.AppName("decks"), [], lambda _: None)
        lied = messages.Bundle(told.commit, 1, told.sha256)
        with pytest.raises(errors.ProtocolMismatch), pushed.context().report.step("x") as step:
            reached.client.receive(lied, io.BytesIO(), step)


def test_what_is_known_here_is_told_newest_first_and_not_without_end(pushed: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed.model.release("r2")
    monkeypatch.setattr(fetched, "MOST_KNOWN", 1)
    assert fetched.known(Depot.open(pushed.model.work).git) == [head(pushed.model.work)]
