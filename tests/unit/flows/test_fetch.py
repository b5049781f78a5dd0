"""`edgedeploy fetch`: a board's app comes to a laptop that lost it, or to one whose push was refused."""

from __future__ import annotations

import io
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import serve, status
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
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
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


def typed(result: flow.Result) -> list[str]:
    """The command that is printed last."""
    return shlex.split(ui.words(result).rpartition("then push: ")[2])


def test_what_another_laptop_pushed_is_fetched_merged_and_pushed_over(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path)
    theirs = two.they_push("r2")
    two.mine = two.model.release("r3")
    with pytest.raises(errors.BadRepository) as caught:
        push(setting)
    assert f"edgedeploy fetch {two.model.work} --on model" in caught.value.hint
    result = fetch(setting, two.model.work)
    assert (result.cloned, result.ahead, result.behind, result.ref) == (False, 1, 1, "edgedeploy/model")
    assert git("-C", two.model.work, "rev-parse", "edgedeploy/model").strip() == theirs
    assert head(two.model.work) == two.mine, "nothing of a person's is touched"
    assert git("-C", two.model.work, "status", "--porcelain") == ""
    assert result.size < 20000
    assert ui.words(result).splitlines()[0].endswith(": 1 commit that your branch has not; you have 1 commit that it has not")
    subprocess.run(typed(result), check=True, capture_output=True)
    assert (two.model.work / "xen/latest").read_text() == "r3\n", "each side has made releases: ours is the one that is pushed"
    assert (two.model.work / "xen/r2").is_dir()
    assert push(setting).release == "r3"
    again = fetch(setting, two.model.work)
    assert (again.size, again.ahead, again.behind) == (0, 0, 0)
    assert ui.words(again).endswith("it is part of your branch already")


def test_histories_without_a_common_beginning_are_not_told_to_be_merged(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path, unrelated=True)
    two.they_push("r2")
    result = fetch(setting, two.model.work)
    assert not result.related
    assert "it has nothing in common with your branch" in ui.words(result)
    assert "merge" not in ui.words(result)


def test_a_shallow_clone_is_sent_what_its_own_commits_stand_on(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path)
    two.they_push("r2")
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{two.model.work}", shallow)
    (shallow / "notes").write_text("mine")
    git("-C", shallow, "add", "notes")
    git("-C", shallow, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "mine")
    assert fetched.known(Depot.open(shallow), two.head) == []
    assert fetch(setting, shallow).behind >= 1


def test_a_board_that_is_ahead_is_followed(setting: Setting, tmp_path: Path) -> None:
    two = Two(setting, tmp_path)
    theirs = two.they_push("r2")
    result = fetch(setting, two.model.work)
    assert (result.ahead, result.behind) == (0, 1)
    subprocess.run(typed(result), check=True, capture_output=True)
    assert head(two.model.work) == theirs
    assert ui.to_plain(result)["behind"] == 1


def test_a_folder_in_use_and_an_app_that_is_not_there_are_told_before_anything_is_sent(pushed: Setting, tmp_path: Path) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "notes").write_text("mine")
    with pytest.raises(errors.UsageFault, match="is not empty"):
        fetch(pushed, used)
    assert (used / "notes").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(errors.UsageFault, match="is a file"):
        fetch(pushed, tmp_path / "file")
    (pushed.model.work / "edgedeploy.toml").write_text('app = "decks"\n')
    with pytest.raises(errors.UsageFault, match="would be inside the deployment repository") as caught:
        fetch(pushed, pushed.model.work / "inside")
    assert caught.value.hint == "name another folder: edgedeploy fetch APP FOLDER"
    with pytest.raises(errors.UsageFault, match=r"model has no app web \(it has: decks\)"):
        fetch(pushed, tmp_path / "web", "web")
    with pytest.raises(errors.UsageFault, match="is the repository of decks, not of web"):
        fetch(pushed, pushed.model.work, "web")


def test_an_empty_folder_is_as_good_as_none_and_stays_the_same(
    pushed: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = empty.stat().st_ino
    assert fetch(pushed, Path()).folder == empty
    assert (empty.stat().st_ino, Path("xen/latest").read_text()) == (before, "r1\n"), "who stands in it sees what came"


@pytest.mark.parametrize("place", ["guest/authorized_keys", ".git/commondir", ".GIT/hooks/post-checkout", "xen/latest/kernel"])
def test_a_board_that_is_not_to_be_trusted_writes_nothing_outside(pushed: Setting, tmp_path: Path, place: str) -> None:
    """What [build] names is made of what the board sent: neither through a link nor into .git."""
    out, repo = tmp_path / "out", pushed.model.layout.app(pushed.model.app).repo
    out.mkdir()
    (repo / "edgedeploy.toml").write_text(f'app = "decks"\n[build]\nkernel = "{place}"\n')
    (repo / "guest").symlink_to(out)
    git("-C", repo, "add", "--all", "edgedeploy.toml", "guest")
    git("-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "evil")
    there = tmp_path / "decks"
    result = fetch(pushed, there)
    assert (result.cloned, result.restored) == (True, ())
    assert [*out.iterdir()] == []
    assert not (there / ".git/commondir").exists()
    assert not (there / ".git/hooks/post-checkout").exists()
    assert "could not be taken out of it" in pushed.out.getvalue()


def test_an_agent_that_says_what_no_agent_says_is_no_reason_for_a_traceback(
    pushed: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "apps", lambda _: {"decks": 5})
    with pytest.raises(errors.ProtocolMismatch):
        fetch(pushed, tmp_path / "decks")
    monkeypatch.undo()


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
    kind, said = {
        "digest": (errors.WireFault, "is not what the board sent"),
        "object": (errors.BadRepository, "git index-pack failed"),
        "lost": (errors.WireFault, "the agent"),
    }[fault]
    with pytest.raises(kind, match=said):
        fetch(pushed, tmp_path / "decks")
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
        for size, said in ((1, "more than it said"), (1 << 40, "wants to send")):
            lied = messages.Bundle(told.commit, size, told.sha256)
            with pytest.raises(errors.ProtocolMismatch, match=said), pushed.context().report.step("x") as step:
                reached.client.receive(lied, io.BytesIO(), step)


def test_what_is_known_here_is_told_newest_first_and_not_without_end(pushed: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed.model.release("r2")
    monkeypatch.setattr(fetched, "MOST_KNOWN", 1)
    depot = Depot.open(pushed.model.work)
    first = git("-C", pushed.model.work, "rev-parse", "HEAD~1").strip()
    assert fetched.known(depot, first) == [first]
    monkeypatch.setattr(fetched, "MOST_KNOWN", 2)
    assert fetched.known(depot, first) == [first, head(pushed.model.work)]
    assert fetched.known(depot, "0" * 40) == [head(pushed.model.work)]


def test_a_repository_that_was_only_begun_takes_the_boards_history_in(pushed: Setting, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    git("init", "--quiet", "--initial-branch=main", begun)
    (begun / "edgedeploy.toml").write_text('app = "decks"\n')
    result = fetch(pushed, begun)
    assert (result.cloned, result.ahead, result.related) == (False, 0, True)
    subprocess.run(typed(result), check=True, capture_output=True)
    assert head(begun) == result.commit
