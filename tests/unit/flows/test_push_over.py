"""`push --over`: a laptop's history takes the place of another one on the board, which keeps its own commits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import attempt, over, worktree
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.core import errors, messages, names
from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient
from tests import commandlines
from tests.unit.agent.model import ModelBoard, git
from tests.unit.agent.test_bluegreen import on_air
from tests.unit.flows.test_push_cable import Setting, model, setting
from tests.unit.flows.test_push_swap import push

__all__ = ["model", "setting"]  # fixtures


class Killed(BaseException):
    """The power went."""


class Two:
    """Two laptops with the same talk: `theirs` is a clone of the first one's, or a repository of its own."""

    def __init__(self, setting: Setting, folder: Path, *, unrelated: bool = False) -> None:
        self.setting, self.model, self.repo = setting, setting.model, setting.model.layout.app(setting.model.app).repo
        setting.network = True
        self.model.told(remote="")
        self.mine = self.model.release("r1")
        push(setting)
        self._other = (folder / "second", folder / "second.git")
        git("init", "--quiet", "--bare", "--initial-branch=main", self._other[1])
        how = ("init", "--initial-branch=main") if unrelated else ("clone", self.model.work)
        git(how[0], "--quiet", *how[1:], self._other[0])
        if unrelated:  # as if the board had been the second laptop's from the beginning
            git("-C", self.repo, "update-ref", "-d", "refs/heads/main")

    @contextlib.contextmanager
    def second(self) -> Iterator[None]:
        first = (self.model.work, self.model.remote)
        self.model.work, self.model.remote = self._other
        yield
        self.model.work, self.model.remote = first

    def they_push(self, name: str) -> str:
        with self.second():
            commit = self.model.release(name)
            assert push(self.setting).release == name
        return commit

    @property
    def head(self) -> str:
        return str(self.model.board.repo(self.model.app).head())

    def kept(self) -> list[str]:
        return git("-C", self.repo, "for-each-ref", "--format=%(objectname)", f"{over.OVER}*").split()


@pytest.fixture(params=["diverged", "diverged and known", "unrelated", "ahead", "ahead and known"])
def two(request: pytest.FixtureRequest, setting: Setting, tmp_path: Path) -> Two:
    """r2 is on air, of a history that does not lead to this laptop's."""
    made = Two(setting, tmp_path, unrelated=request.param == "unrelated")
    made.they_push("r2")
    if "known" in request.param:
        git("-C", made.model.work, "fetch", "--quiet", made.repo, "main")
    if "ahead" not in request.param:
        made.mine = made.model.release("r3")
    return made


@pytest.fixture
def diverged(setting: Setting, tmp_path: Path) -> Two:
    made = Two(setting, tmp_path)
    made.they_push("r2")
    made.mine = made.model.release("r3")
    return made


def test_the_boards_history_gives_way_and_is_kept(two: Two) -> None:
    theirs, release = two.head, (two.model.work / "xen/latest").read_text().strip()
    with pytest.raises(errors.BadRepository) as caught:
        push(two.setting)
    assert caught.value.details[-1].startswith("anna@laptop deployed there last (20")
    assert caught.value.details[-1].endswith(") and r2 is on air")
    *ways, last = caught.value.hint.splitlines()
    assert len(ways) in (1, 2)
    assert last.startswith(f"last resort: edgedeploy push {two.model.work} --over --on model   (yours takes the place of")
    for line in commandlines.in_prose(caught.value.hint):
        assert commandlines.parsed(line).command.name
    assert (two.head, two.kept()) == (theirs, [])

    result = push(two.setting, over=True)
    assert (result.verdict, result.release, on_air(two.model)) == ("live", release, [release])
    assert (two.head, two.kept()) == (two.mine, [theirs])
    assert git("-C", two.repo, "status", "--porcelain") == ""
    git("-C", two.repo, "fsck", "--strict")
    said = two.setting.out.getvalue()
    assert f"(commit {theirs[:12]}) gives way to this repository's history, and is kept there" in said
    (command,) = {line.partition("are kept: git ")[2] for line in said.splitlines() if "are kept: git " in line}
    assert theirs in git(*command.split(), "--format=%H").split()
    assert push(two.setting).verdict == "already-live"

    # and back
    git("-C", two.repo, "reset", "--quiet", "--hard", over.OVER)
    assert two.model.board.apply(two.model.app, "test")["release"] == "r2"
    assert (two.head, on_air(two.model)) == (theirs, ["r2"])


def test_of_a_shared_history_only_what_is_new_is_sent(diverged: Two) -> None:
    whole = push(diverged.setting, over=True).sent_bytes
    with diverged.second():
        git("-C", diverged.model.work, "fetch", "--quiet", diverged.repo, "main")
        assert 0 < push(diverged.setting, over=True).sent_bytes < whole
    assert on_air(diverged.model) == ["r2"]


def test_where_the_histories_do_not_differ_nothing_is_special(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    setting.network = True
    sent = _sent(monkeypatch)
    setting.model.release("r1")
    assert push(setting, over=True).verdict == "live"
    setting.model.release("r2")
    assert push(setting, over=True).verdict == "live"
    assert push(setting, over=True).verdict == "already-live"
    assert not any("over" in head for head in sent)
    assert "gives way" not in setting.out.getvalue()
    repo = setting.model.layout.app(setting.model.app).repo
    assert git("-C", repo, "for-each-ref", f"{over.OVER}*", "refs/edgedeploy/replace") == ""


def test_a_dry_run_says_so_and_touches_nothing(two: Two) -> None:
    before = git("-C", two.repo, "for-each-ref")
    two.model.told(remote="https://example.org/decks.git")
    with pytest.raises(errors.BadRepository, match=r"push --over|commit"):
        push(two.setting, dry_run=True)
    plan = "\n".join(push(two.setting, dry_run=True, over=True).plan)
    assert f"(commit {two.head[:12]}) gives way to this repository's history, and is kept there" in plan
    assert "anna@laptop deployed there last" in plan
    assert "model also pulls decks from https://example.org/decks.git: its next pull may bring" in plan
    assert git("-C", two.repo, "for-each-ref") == before
    assert on_air(two.model) == ["r2"]


def test_an_older_agent_is_never_asked(diverged: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = diverged.head
    monkeypatch.setattr(agentkit, "digest", lambda: "another")
    sent = _sent(monkeypatch)
    for dry_run in (True, False):
        with pytest.raises(errors.ProtocolMismatch, match="may not know `push --over`") as caught:
            push(diverged.setting, over=True, dry_run=dry_run)
        assert caught.value.hint == "bring it up to date: edgedeploy enrol model"
    assert {head["kind"] for head in sent} == {"hello"}
    assert diverged.head == theirs


def test_a_shallow_clone_that_shares_nothing_known_says_what_it_lacks(diverged: Two, tmp_path: Path) -> None:
    git("clone", "--quiet", "--depth=1", f"file://{diverged.model.work}", tmp_path / "shallow")
    diverged.model.work = tmp_path / "shallow"
    for how in ({}, {"over": True}):
        with pytest.raises(errors.BadRepository, match="shallow clone") as caught:
            push(diverged.setting, **how)
        assert caught.value.hint == "git fetch --unshallow"


def test_killed_between_stage_and_activate(diverged: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may replace the board's commits does so for a push alone: not for cron's pull, whose remote has that very commit."""
    theirs, model = diverged.head, diverged.model
    with monkeypatch.context() as lost:
        lost.setattr(AgentClient, "activate", _lost)
        with pytest.raises(errors.WireFault):
            push(diverged.setting, over=True)
    assert on_air(model) == ["r2"]
    model.told(remote=str(model.remote))
    model.board.ensure_app(model.app)
    with pytest.raises(errors.EdgeError, match="merge"):
        model.board.pull(model.app, "cron")
    assert model.board.apply(model.app, "cron")["verdict"] == "already-live"
    assert (diverged.head, diverged.kept(), on_air(model)) == (theirs, [], ["r2"])
    with pytest.raises(errors.BadRepository, match="does not have"):
        push(diverged.setting)
    model.told(remote="")
    assert push(diverged.setting, over=True).verdict == "live"
    assert (diverged.head, diverged.kept()) == (diverged.mine, [theirs])


@pytest.mark.parametrize("who", ["a push", "a person"])
@pytest.mark.parametrize("before", ["stage", "activate"])
def test_what_came_in_between_is_not_overwritten(
    diverged: Two, monkeypatch: pytest.MonkeyPatch, who: str, before: str
) -> None:
    ask = getattr(AgentClient, before)

    def late(self: AgentClient, *args: Any, **how: Any) -> Any:
        monkeypatch.setattr(AgentClient, before, ask)
        if who == "a push":
            diverged.they_push("r4")
        else:
            person = ("-c", "user.name=p", "-c", "user.email=p@p", "-c", "core.hooksPath=/nonexistent")
            git("-C", diverged.repo, *person, "commit", "--quiet", "--allow-empty", "-m", "mine")
        between.append(diverged.head)
        return ask(self, *args, **how)

    between: list[str] = []
    monkeypatch.setattr(AgentClient, before, late)
    with pytest.raises(errors.BadRepository, match="which is not part of what was pushed"):
        push(diverged.setting, over=True)
    assert [diverged.head] == between
    assert on_air(diverged.model) == ["r4" if who == "a push" else "r2"]
    assert push(diverged.setting, over=True).verdict == "live"
    assert (diverged.head, diverged.kept()) == (diverged.mine, between)


def test_a_push_that_was_only_staged_in_between_is_no_obstacle(diverged: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    activate = AgentClient.activate

    def late(self: AgentClient, *args: Any, **how: Any) -> messages.Outcome:
        monkeypatch.setattr(AgentClient, "activate", _lost)
        with pytest.raises(errors.WireFault):
            diverged.they_push("r4")
        monkeypatch.setattr(AgentClient, "activate", activate)
        diverged.model.work, diverged.model.remote = mine
        return activate(self, *args, **how)

    mine = (diverged.model.work, diverged.model.remote)
    monkeypatch.setattr(AgentClient, "activate", late)
    assert push(diverged.setting, over=True).release == "r3"
    assert (diverged.head, on_air(diverged.model)) == (diverged.mine, ["r3"])


def test_what_was_edited_on_the_board_is_kept_too(diverged: Two) -> None:
    (diverged.repo / "xen/latest").write_text("an idea\n")
    (diverged.repo / "xen/r3").write_text("in the way\n")
    (diverged.repo / "notes").write_text("in nobody's way\n")
    assert push(diverged.setting, over=True).verdict == "live"
    assert git("-C", diverged.repo, "show", f"{worktree.ASIDE}:xen/latest") == "an idea\n"
    assert git("-C", diverged.repo, "show", f"{worktree.ASIDE}:xen/r3") == "in the way\n"
    assert git("-C", diverged.repo, "status", "--porcelain") == "?? notes\n"
    said = diverged.setting.out.getvalue()
    assert "what differed is kept" in said
    assert "are kept: git" in said


@pytest.mark.parametrize("at", ["keeping", "before the reset", "in the reset", "done"])
def test_killed_on_the_way_a_tick_and_the_next_push_go_on(
    diverged: Two, monkeypatch: pytest.MonkeyPatch, at: str, tmp_path: Path
) -> None:
    theirs, model, commit = diverged.head, diverged.model, names.CommitId(diverged.mine)
    run = GitRepo.git

    def killed(self: GitRepo, *args: str, **how: Any) -> str:
        found = args[:1] == ("update-ref",) and args[1]
        reset = args[0] == "reset"
        if reset and at == "in the reset":
            for path in ("xen/latest", "xen/r3"):
                run(self, "checkout", "--quiet", commit, "--", path)
            (self.folder / ".git/index.lock").touch()
        if (found == "--stdin" and at == "keeping") or (reset and "reset" in at) or (found == "-d" and at == "done"):
            raise Killed
        return run(self, *args, **how)

    git("-C", diverged.repo, "fetch", "--quiet", model.work, "main")
    with contextlib.closing(Attempt(tmp_path / "record", "push")) as record:
        model.board.stage(model.app, commit, None, record, over=theirs)
    with monkeypatch.context() as power:
        power.setattr(GitRepo, "git", killed)
        with pytest.raises(Killed):
            model.board.activate(model.app, commit, "anna", attempt.new_path(tmp_path), retry=False)
    done = at == "done"
    monkeypatch.setattr(worktree, "_git_is_running", lambda: False)  # other tests' git is none of this board's
    assert model.board.pull(model.app, "cron")["release"] == ("r3" if done else "r2")
    assert on_air(model) == ["r3" if done else "r2"]
    assert push(diverged.setting, over=True).verdict == ("already-live" if done else "live")
    assert (diverged.head, diverged.kept(), on_air(model)) == (diverged.mine, [theirs], ["r3"])
    assert git("-C", diverged.repo, "status", "--porcelain") == ""


def test_the_newest_few_are_kept(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    repo, heads = model.board.repo(model.app), []
    for number in range(7):
        head = repo.head()
        assert head
        commit = names.CommitId(repo.git(*worktree.IDENTITY, "commit-tree", "HEAD^{tree}", "-m", str(number)).strip())
        assert over.stage(repo, commit, head)
        assert over.stage(repo, commit, ""), "it may, until it is done or something else is checked out"
        over.take(repo, head, commit)
        heads.insert(0, head)
        assert not over.stage(repo, head, "")
    found = repo.git("for-each-ref", "--sort=refname", "--format=%(objectname)", f"{over.OVER}*").split()
    assert found == heads[: worktree.KEPT]


def _sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    write = AgentClient._write

    def noted(self: Any, message: messages.Message, body: bytes = b"") -> None:
        sent.append(messages.to_frame(message).head)
        write(self, message, body)

    monkeypatch.setattr(AgentClient, "_write", noted)
    return sent


def _lost(*_: object, **__: object) -> messages.Outcome:
    raise errors.WireFault("the line is cut")
