"""The agent's whole way from a commit to a guest, on the model board."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgedeploy.agent import attempt, facts, health, neighbour, state, status
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running
from edgedeploy.core import errors, names, release
from tests.guard import until
from tests.unit.agent.model import ModelBoard


def test_a_first_release_goes_on_air_and_is_proven_by_uuid_and_content(model: ModelBoard) -> None:
    model.release("r1")
    outcome = model.deploy()
    (guest,) = model.xen.guests.values()
    assert (outcome["verdict"], outcome["running"], outcome["uuid"]) == ("live", "r1", guest.uuid)
    assert model.xen.calls == ["validate", "create"]


def test_the_same_again_destroys_nothing(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    assert model.deploy()["verdict"] == "already-live"
    assert model.xen.calls == []


def test_only_a_readme_or_a_schedule_destroys_nothing(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.commit(readme="new words", crontab="*/5 * * * * whatever && rm -rf /\n")
    assert model.deploy()["verdict"] == "already-live"
    assert model.xen.calls == []
    cron = model.layout.cron(model.app).read_text()
    assert "*/5 * * * * root /usr/local/lib/edgedeploy-agent/tick decks 20" in cron
    assert "rm -rf" not in cron


def test_everything_is_checked_before_the_old_guest_is_destroyed(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.release("r2")
    assert model.deploy()["verdict"] == "live"
    assert model.xen.calls == ["validate", "destroy", "create"]


def test_a_guest_that_dies_at_boot_brings_the_old_one_back(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.dies.add("r2")
    model.release("r2")
    outcome = model.deploy()
    assert (outcome["verdict"], outcome["release"], outcome["running"]) == ("rolled-back", "r2", "r1")
    assert "crashed" in str(outcome["reason"])
    assert model.xen.on_air == "r1"


def test_a_guest_that_reboots_on_trial_is_not_waited_for(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2", timeout=60)
    model.xen.serves["r2"] = None
    model.xen.reboots.add("r2")
    outcome = model.deploy()
    assert (outcome["verdict"], model.xen.on_air) == ("rolled-back", "r1")
    assert "rebooted while it was on trial" in str(outcome["reason"])


def test_a_guest_that_serves_something_else_is_not_called_live(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2", b"what was released")
    model.xen.serves["r2"] = b"something else"
    outcome = model.deploy()
    assert (outcome["verdict"], model.xen.on_air) == ("rolled-back", "r1")
    assert "not what was released" in str(outcome["reason"])


def test_a_failed_release_is_not_tried_again_by_itself_but_a_person_may(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.serves["r2"] = None
    model.release("r2")
    model.deploy()
    model.xen.calls.clear()
    assert model.deploy()["verdict"] == "quarantined"
    assert model.xen.calls == []
    model.xen.serves["r2"] = b"r2"
    assert model.board.apply(model.app, "test", retry=True)["verdict"] == "live"


def test_a_release_that_cannot_fit_is_refused_with_the_guest_untouched(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.release("r2", memory=900)
    with pytest.raises(errors.NoRoom, match="nothing was touched"):
        model.deploy()
    assert model.xen.calls == []
    assert model.xen.on_air == "r1"


def test_a_tampered_artefact_is_refused_with_the_guest_untouched(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.release("r2")
    (model.work / "xen/r2/decks.xen.xz").write_bytes(b"other")
    model.commit()
    with pytest.raises(errors.BadRepository, match="SHA-256 differs"):
        model.deploy()
    assert (model.xen.calls, model.xen.on_air) == ([], "r1")


def test_create_failing_brings_the_old_one_back(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    left = [1]

    def fail_once(call: str) -> None:
        if call == "create" and left.pop() if left else False:
            raise CommandFailed(["xl", "create"], "ended with status 3", "failed to mmap domU pages")

    model.xen.fail = fail_once
    outcome = model.deploy()
    assert (outcome["verdict"], model.xen.on_air) == ("rolled-back", "r1")


@pytest.mark.parametrize(("refusals", "verdict", "on_air"), [(2, "rolled-back", "r1"), (3, "rollback-failed", "")])
def test_the_way_back_is_tried_twice(model: ModelBoard, refusals: int, verdict: str, on_air: str) -> None:
    """One refusal of the release on trial, then those of the one to go back to."""
    model.release("r1")
    model.deploy()
    model.release("r2")
    left = refusals

    def fail(call: str) -> None:
        nonlocal left
        if call == "create" and left:
            left -= 1
            raise CommandFailed(["xl", "create"], "ended with status 3", "domain_destroy_cb: Destruction of domain failed")

    model.xen.fail = fail
    outcome = model.deploy()
    assert (outcome["verdict"], model.xen.on_air) == (verdict, on_air)
    assert model.xen.calls.count("create") == 4, "r1 once, r2 once, and r1 twice"


def test_nothing_to_go_back_to_leaves_no_broken_guest_behind(model: ModelBoard) -> None:
    model.xen.dies.add("r1")
    model.release("r1")
    outcome = model.deploy()
    assert outcome["verdict"] == "failed-nothing-to-go-back-to"
    assert model.xen.guests == {}


def test_a_guest_that_died_later_is_started_again_at_the_next_tick(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.guests.clear()
    model.xen.on_air = ""
    assert model.deploy()["verdict"] == "live"
    assert model.xen.on_air == "r1"


def test_boot_puts_the_last_good_release_on_air_not_the_failed_one(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.serves["r2"] = None
    model.release("r2")
    model.deploy()
    model.xen.guests.clear()
    assert model.board.boot() == {"decks": "live"}
    assert model.xen.on_air == "r1"


def test_rollback_by_hand_and_the_tick_does_not_undo_it(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    model.deploy()
    outcome = model.board.rollback(model.app, None, "anna")
    assert (outcome["verdict"], outcome["running"]) == ("live", "r1")
    assert model.deploy()["verdict"] == "quarantined"
    assert model.xen.on_air == "r1"
    model.release("r3")
    assert model.deploy()["running"] == "r3"


def test_rollback_with_nothing_before_says_so(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    with pytest.raises(errors.UsageFault, match="no earlier release"):
        model.board.rollback(model.app, None, "anna")
    with pytest.raises(errors.UsageFault, match="r7 is not kept on this board") as caught:
        model.board.rollback(model.app, names.ReleaseId("r7"), "anna")
    assert caught.value.hint == "kept: r1"
    records = attempt.last(model.layout.app(model.app).attempts, 9)
    assert [record["outcome"]["release"] for record in records] == ["r1"], "what was mistyped is no deployment"


@pytest.mark.parametrize("step", ["destroy", "create"])
def test_a_kill_in_the_swap_is_mended_by_the_next_run(model: ModelBoard, step: str) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")

    class Killed(BaseException):
        pass

    def kill(call: str) -> None:
        if call == step:
            model.xen.fail = lambda call: None
            raise Killed

    model.xen.fail = kill
    with pytest.raises(Killed):
        model.deploy()
    assert model.deploy()["running"] == "r2"
    assert len(model.xen.guests) == 1


def test_a_domain_of_the_old_scripts_with_the_same_name_is_replaced(model: ModelBoard) -> None:
    from edgedeploy.agent.xen import Running

    model.xen.guests[99] = Running("decks", "11111111-2222-3333-4444-555555555555", 99, 96, False, "-b----")
    model.xen.guests[98] = Running("mail", "21111111-2222-3333-4444-555555555555", 98, 96, False, "-b----")
    model.release("r1")
    assert model.deploy()["verdict"] == "live"
    assert sorted(guest.name for guest in model.xen.guests.values()) == ["decks", "mail"]
    assert 98 in model.xen.guests


def test_the_record_tells_what_happened(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    (record,) = attempt.last(model.layout.app(model.app).attempts, 5)
    assert record["who"] == "test"
    assert record["outcome"]["verdict"] == "live"
    assert {"unpack", "check", "swap", "probe"} <= {step["step"] for step in record["steps"]}


def test_status_and_announcement_say_what_runs(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    app = status.apps(model.board)["decks"]
    assert (app["release"], app["healthy"], app["phase"]) == ("r1", True, "steady")
    assert app["url"] == f"http://127.0.0.1:{model.xen.port}/"
    assert "<txt-record>app.decks=r1</txt-record>" in model.layout.avahi_service.read_text()


def test_a_refused_release_does_not_keep_the_good_one_off_the_air(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2", memory=900)
    with pytest.raises(errors.NoRoom):
        model.deploy()
    model.xen.guests.clear()
    model.xen.on_air = ""
    assert "does not fit" in model.board.boot()["decks"]
    assert model.xen.on_air == "r1"


def test_a_bad_schedule_is_told_and_the_deck_is_deployed_all_the_same(model: ModelBoard) -> None:
    model.release("r1", crontab="99 * * * * x\n")
    with pytest.raises(errors.BadRepository, match="not a cron schedule"):
        model.deploy()
    assert model.xen.on_air == "r1"


def test_an_unreachable_remote_does_not_keep_a_dead_guest_off_the_air(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.guests.clear()
    model.remote.rename(model.remote.with_name("gone"))
    with pytest.raises(CommandFailed):
        model.board.pull(model.app, "cron")
    assert model.xen.on_air == "r1"


def test_the_agents_own_pull_deploys_once_and_the_hook_stays_quiet(model: ModelBoard) -> None:
    model.release("r1")
    assert model.board.pull(model.app, "cron")["verdict"] == "live"
    model.release("r2")
    assert model.board.pull(model.app, "cron")["running"] == "r2"
    assert len(attempt.last(model.layout.app(model.app).attempts, 10)) == 2


def test_the_way_back_missing_is_stuck_and_said_not_a_refusal(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.serves["r2"] = None
    commit = model.release("r2")

    def lose_the_good_one(call: str) -> None:
        if call == "create":
            for path in model.layout.app(model.app).artefacts.iterdir():
                if not path.name.endswith(".json") and b"r1" in path.read_bytes():
                    path.unlink()

    model.xen.fail = lose_the_good_one
    outcome = model.deploy()
    assert (outcome["verdict"], commit) == ("rollback-failed", model.board.repo(model.app).head())
    assert "not whole" in str(outcome["reason"])


def test_gc_keeps_what_a_rollback_needs_and_the_last_three(model: ModelBoard) -> None:
    for name in ("r1", "r2", "r3", "r4", "r5"):
        model.release(name)
        model.deploy()
    removed = model.board.gc(model.app)
    layout = model.layout.app(model.app)
    assert any("r1" in path for path in removed)
    assert sorted(path.stem for path in (layout.folder / "releases").iterdir()) == ["r3", "r4", "r5"]
    assert len([path for path in layout.artefacts.iterdir() if path.suffix != ".json"]) == 3
    assert model.board.rollback(model.app, names.ReleaseId("r3"), "anna")["running"] == "r3"


def test_what_another_push_is_staging_is_not_tidied_away(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    staging = model.layout.app(model.app).artefacts / ".unpack.other"
    staging.write_bytes(b"half")
    model.release("r2")
    model.deploy()
    assert staging.exists()


def test_alive_but_not_serving_is_not_called_already_live(model: ModelBoard, tmp_path: Path) -> None:
    model.release("r1")
    model.deploy()
    good = model.xen.serves["r1"]
    model.xen.serves["r1"] = None
    model.xen.on_create = lambda: model.xen.serves.update({"r1": good})
    outcome = model.board.apply(model.app, "anna", follow=tmp_path / "record.jsonl")
    assert (outcome["verdict"], outcome["running"]) == ("live", "r1")
    assert model.xen.calls[-2:] == ["destroy", "create"]
    model.xen.serves["r1"] = None
    model.xen.on_create = lambda: None
    assert model.board.apply(model.app, "anna", follow=tmp_path / "2.jsonl")["verdict"] == "rollback-failed"


def test_an_unreadable_head_does_not_keep_the_good_one_off_the_air(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    model.deploy()
    model.release("r3")
    (model.work / "xen/r3/manifest.json").write_text("not json")
    model.commit()
    model.fetch()
    model.xen.guests.clear()
    assert "not JSON" in model.board.boot()["decks"]
    assert model.xen.on_air == "r2"
    assert model.board.rollback(model.app, None, "anna")["running"] == "r1"


def test_what_was_looked_at_is_deployed_while_a_tick_checks_out_the_next(
    model: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2", memory=900)
    model.fetch()
    domains = model.xen.domains

    def tick_meanwhile() -> list[Running]:
        monkeypatch.setattr(model.xen, "domains", domains)
        model.release("r3")
        model.fetch()
        return domains()

    monkeypatch.setattr(model.xen, "domains", tick_meanwhile)
    with pytest.raises(errors.NoRoom, match="nothing was touched"):
        model.board.apply(model.app, "anna")
    assert model.board.apply(model.app, "anna")["running"] == "r3"


def test_being_stuck_for_days_leaves_a_state_that_can_be_read_and_mended(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    model.xen.serves["r1"] = model.xen.serves["r2"] = None
    for _ in range(30):
        model.deploy()
    assert len(model.layout.app(model.app).state.read_bytes()) < 5000
    model.release("r3")
    assert model.deploy()["verdict"] == "live"


def test_a_full_disk_in_mid_swap_brings_the_old_one_back(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    left = [True]

    def probe(*args: object) -> None:
        if left.pop() if left else False:
            raise OSError(28, "No space left on device")
        return real(*args)

    real = health.probe
    monkeypatch.setattr(health, "probe", probe)
    outcome = model.deploy()
    assert (outcome["verdict"], model.xen.on_air) == ("rolled-back", "r1")
    assert "No space left" in str(outcome["reason"])


@pytest.mark.parametrize("loss", ["empty", "gone"])
def test_a_repository_that_a_power_cut_has_damaged_is_made_anew(model: ModelBoard, loss: str) -> None:
    model.release("r1")
    model.deploy()
    repo = model.board.repo(model.app)
    head = repo.head()
    assert head
    model.release("r2")
    objects = model.layout.app(model.app).repo / ".git/objects"
    loose = objects / head[:2] / head[2:]
    if not loose.exists():
        pytest.fail("the commit must be a loose object for this test")
    loose.chmod(0o644)
    loose.unlink()
    if loss == "empty":
        loose.touch()
    assert status.apps(model.board)["decks"]["head"] == "", "a laptop must send everything"
    assert model.xen.on_air == "r1"
    assert model.board.pull(model.app, "cron")["running"] == "r2"
    assert not repo.damaged()
    assert model.layout.app(model.app).repo.with_name("repo.damaged").is_dir()


@pytest.mark.parametrize("left", [b"", b"\0" * 200], ids=["empty", "zeros"])
def test_a_board_that_lost_its_memory_goes_by_what_runs(model: ModelBoard, left: bytes) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.layout.app(model.app).state.write_bytes(left)
    assert "error" not in status.apps(model.board)["decks"]
    assert model.board.pull(model.app, "cron")["running"] == "r1"
    assert (model.xen.on_air, "create" in model.xen.calls) == ("r1", False)
    model.release("r2")
    assert (model.deploy()["verdict"], model.xen.on_air) == ("live", "r2")


def test_what_git_writes_on_the_board_is_synced(model: ModelBoard) -> None:
    assert model.board.repo(model.app).git("config", "core.fsync").strip() == "all"


def test_two_apps_with_one_vm_name_do_not_destroy_each_other(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    other = names.AppName("other")
    model.board.ensure_app(other)
    text = (model.work / "xen/r1/manifest.json").read_text()
    (model.work / "xen/r1/manifest.json").write_text(text.replace('"app": "decks"', '"app": "other"'))
    model.commit()
    repo = model.board.repo(other)
    repo.git("-c", "core.hooksPath=/nonexistent", "pull", "-q", str(model.remote), "main")
    with pytest.raises(errors.BadRepository, match="used by another app"):
        model.board.apply(other, "test")
    assert model.xen.on_air == "r1"


def test_a_record_without_an_end_says_whether_its_agent_is_still_at_work(
    model: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model.layout.app(model.app).attempts
    with attempt.Attempt(attempt.new_path(folder), "anna")._file:
        pass
    assert "running_s" not in attempt.last(folder, 1)[0], "this is a test and no agent"
    monkeypatch.setattr(attempt, "_runs", lambda pid, _: pid == os.getpid())
    assert attempt.last(folder, 1)[0]["running_s"] >= 0
    model.release("r1")
    model.deploy()
    (record,) = attempt.last(folder, 1)
    assert "running_s" not in record
    assert {step["release"] for step in record["steps"] if "release" in step} == {"r1"}


def test_a_process_that_is_younger_than_a_record_has_not_written_it() -> None:
    agent = subprocess.Popen(["sh", "-c", "read -r _", "edgedeploy-agent"], stdin=subprocess.PIPE)
    try:
        # the kernel closes what tells us of the start a moment before it has the words of the command line in place
        until(Path(f"/proc/{agent.pid}/cmdline").read_bytes, "it has a command line")
        assert attempt._runs(agent.pid, 0)
        assert not attempt._runs(agent.pid, 3600), "it bears the number of one that was killed an hour ago"
    finally:
        agent.communicate()


def test_what_is_quarantined_is_what_the_record_is_about(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.dies.add("r2")
    model.release("r2")
    model.deploy()
    outcome = model.deploy()
    assert (outcome["verdict"], outcome["release"], outcome["running"]) == ("quarantined", "r2", "r1")


def test_a_clock_that_was_set_back_loses_no_record(model: ModelBoard) -> None:
    folder = model.layout.app(model.app).attempts
    folder.mkdir(parents=True)
    for n in range(attempt.KEEP):
        (folder / f"{9 * 10**18 + n:020d}-1.jsonl").write_text('{"t": 1, "outcome": {}}\n')
    model.release("r1")
    model.deploy()
    assert attempt.last(folder, 1)[0]["outcome"]["release"] == "r1"


def test_rolling_back_to_what_is_good_while_a_newer_one_waits_does_not_deploy_the_newer(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.release("r2")
    model.fetch()  # merged, and then the board was killed before it deployed
    assert model.board.rollback(model.app, names.ReleaseId("r1"), "anna")["running"] == "r1"


def test_stage_checks_everything_and_touches_nothing(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    commit = model.release("r2")
    repo = model.board.repo(model.app)
    repo.git("fetch", "--quiet", str(model.remote), "main:refs/edgedeploy/incoming/main")
    record = attempt.Attempt(attempt.new_path(model.layout.state), "test")
    manifest, live = model.board.stage(model.app, names.CommitId(commit), None, record)
    record.close()
    assert (manifest.release, live, model.xen.on_air) == ("r2", False, "r1")
    assert model.xen.calls == ["validate"]
    assert repo.head() != commit


def test_a_branch_may_become_a_folder_of_branches_and_back(model: ModelBoard) -> None:
    repo = model.board.repo(model.app)
    for number, branch in enumerate(["talk", "talk/2026", "talk/2026/spring", "talk"]):
        commit = model.commit(readme=f"{number}")
        subprocess.run(["git", "-C", model.work, "branch", "-qm", branch], check=True)
        bundle = model.layout.state / "bundle"
        subprocess.run(["git", "-C", model.work, "bundle", "create", "-q", bundle, branch], check=True)
        repo.fetch_bundle(bundle)
        assert repo.has(commit)
        assert repo.git("for-each-ref", "--format=%(refname)", "refs/edgedeploy/incoming").split() == [
            f"refs/edgedeploy/incoming/{branch}"
        ]


def test_stage_refuses_a_diverged_history(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    repo = model.board.repo(model.app)
    repo.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--allow-empty", "--no-verify", "-qm", "by hand")
    commit = model.release("r2")
    repo.git("fetch", "--quiet", str(model.remote), "main:refs/edgedeploy/incoming/main")
    record = attempt.Attempt(attempt.new_path(model.layout.state), "test")
    with pytest.raises(errors.BadRepository, match="not part of what was pushed"):
        model.board.stage(model.app, names.CommitId(commit), None, record)
    record.close()


def test_state_on_disk_reads_back(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    path = model.layout.app(model.app).state
    assert state.loads(path.read_bytes(), "state") == state.load(path)
    assert state.load(path).good is not None


def test_a_stranger_at_the_guests_address_is_refused_before_the_old_guest_is_touched(
    model: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plugged(mac: str) -> tuple[release.Vif, ...]:
        return (release.Vif(names.BridgeName("xenbr0"), names.MacAddress(mac)),)

    monkeypatch.setattr(facts, "bridges", lambda: ("xenbr0",))
    model.release("r1", vifs=plugged("00:16:3e:00:00:01"))
    model.deploy()
    model.xen.calls.clear()
    monkeypatch.setattr(neighbour, "holder", lambda _address, _bridge: "52:54:00:12:34:56")
    model.release("r2", vifs=plugged("00:16:3e:00:00:02"))
    with pytest.raises(errors.DoesNotFit) as caught:
        model.deploy()
    assert "52:54:00:12:34:56 answers at 127.0.0.1" in "".join(caught.value.details)
    other = Running("mail", "u-mail", 77, 64, dead=False, state="-b----")
    model.xen.guests[77], model.xen.cards[77] = other, {"52:54:00:12:34:56"}
    with pytest.raises(errors.DoesNotFit) as caught:
        model.deploy()
    assert "127.0.0.1 is the guest mail's" in "".join(caught.value.details)
    del model.xen.guests[77], model.xen.cards[77]
    assert model.xen.calls == []
    (domid,) = model.xen.guests
    model.xen.cards[domid] = {"52:54:00:12:34:56"}  # the old scripts left the address to Xen: it is the guest on air
    assert model.deploy()["verdict"] == "live"
    model.release("r3", vifs=plugged("00:16:3E:00:00:0A"))
    monkeypatch.setattr(neighbour, "holder", lambda _address, _bridge: "00:16:3e:00:00:0a")
    assert model.deploy()["verdict"] == "live", "one that has the new one's address, however that is written"


def test_a_wrong_answer_is_another_reason_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = release.Health("10.0.2.20", 80, names.UrlPath("/"), 200, 0)

    def silent(*_: object, **__: object) -> tuple[int, str]:
        raise OSError("No route to host")

    monkeypatch.setattr(health, "fetch", lambda *_, **__: (404, ""))
    assert health.probe(wanted, lambda: "").reason == "for 0 s http://10.0.2.20:80/ answered with 404 instead of 200"
    monkeypatch.setattr(health, "fetch", silent)
    assert health.probe(wanted, lambda: "").reason == "no answer within 0 s: http://10.0.2.20:80/: No route to host"
