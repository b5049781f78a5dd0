"""How a release is to take the other's place: what edgedeploy.toml or a person asks for, and memory that others hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.agent import attempt, config, state, status
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors, files, names, release
from tests.unit.agent.model import ModelBoard
from tests.unit.agent.test_bluegreen import on_air, two, waiting

__all__ = ["two"]  # a fixture
IN_PLACE, MUST = release.Swap("in-place"), release.Swap("blue-green")


def test_in_place_as_edgedeploy_toml_says_and_beside_as_a_person_says(two: ModelBoard) -> None:
    two.release("r2", swap=IN_PLACE)
    two.fetch()
    assert two.board.rehearse(manifest(two), "") == ("in-place", "as asked (swap: in-place)")
    assert two.board.rehearse(manifest(two), "auto") == ("blue-green", "")
    outcome = two.board.apply(two.app, "anna")
    assert (outcome["swap"], outcome["why_in_place"]) == ("in-place", "as asked (swap: in-place)")
    two.release("r3", swap=IN_PLACE)
    two.fetch()
    assert two.board.apply(two.app, "anna", how="auto")["swap"] == "blue-green"
    assert (on_air(two), waiting(two)) == (["r3"], ["r2"])


def manifest(model: ModelBoard) -> release.Manifest:
    """The checked-out one."""
    repo = model.board.repo(model.app)
    commit = repo.head()
    assert commit
    found = repo.manifest(commit, model.app)
    assert found
    return found


def test_beside_or_not_at_all_is_refused_before_anything_is_touched(two: ModelBoard) -> None:
    two.deploy()
    two.release("r3")
    two.fetch()
    two.network.why = "it runs two network interfaces"
    two.xen.calls.clear()
    with pytest.raises(errors.DoesNotFit, match=r"r3 cannot be started beside what is on air: it runs two .* touched"):
        two.board.apply(two.app, "anna", how="blue-green")
    assert two.xen.calls == ["validate"]
    assert (on_air(two), waiting(two)) == (["r2"], ["r1"]), "the way back is still there"
    now = state.load(two.layout.app(two.app).state)
    assert (now.phase, now.candidate, now.quarantine) == ("steady", None, {})
    assert two.board.apply(two.app, "tick")["swap"] == "in-place", "nobody insists any more"


def test_for_want_of_memory_the_refusal_has_the_numbers_and_the_release_is_not_blamed(two: ModelBoard) -> None:
    two.xen.total = 140
    two.release("r2", swap=MUST)
    two.fetch()
    for _ in range(2):  # each tick says so again
        with pytest.raises(errors.NoRoom, match="needs 100 MB, 44 MB free"):
            two.board.apply(two.app, "tick")
    two.xen.total = 700
    assert two.board.apply(two.app, "tick")["swap"] == "blue-green"


def test_a_private_bridge_that_cannot_be_made_is_a_refusal_too(two: ModelBoard) -> None:
    def fail(call: str) -> None:
        if call == "private bridge":
            raise CommandFailed(["ip", "-batch", "-"], "ended with status 1", "no such device type")

    two.xen.fail = fail
    two.fetch()
    with pytest.raises(errors.DoesNotFit, match="no such device type"):
        two.board.apply(two.app, "anna", how="blue-green")
    assert (on_air(two), waiting(two)) == (["r1"], [])


def test_what_cannot_be_beside_is_refused_before_the_merge(two: ModelBoard) -> None:
    two.xen.total = 140
    repo = two.board.repo(two.app)
    repo.git("fetch", "--quiet", str(two.remote), "main:refs/edgedeploy/incoming/main")
    commit = names.CommitId(repo.git("rev-parse", "refs/edgedeploy/incoming/main").strip())
    before = repo.head()
    record = attempt.Attempt(attempt.new_path(two.layout.state), "test")
    with pytest.raises(errors.NoRoom, match="44 MB free"):
        two.board.stage(two.app, commit, None, record, "blue-green")
    assert repo.head() == before
    two.board.stage(two.app, commit, None, record)
    record.close()


def test_the_way_back_is_never_refused(two: ModelBoard) -> None:
    two.release("r1", swap=MUST)
    two.deploy()
    two.release("r2", swap=release.Swap("blue-green", 0))
    two.deploy()
    assert (on_air(two), waiting(two)) == (["r2"], []), "nothing is kept"
    two.xen.total = 140
    outcome = two.board.rollback(two.app, None, "anna")
    assert (outcome["verdict"], outcome["running"], outcome["swap"]) == ("live", "r1", "in-place")


@pytest.mark.parametrize(("minutes", "waits"), [(0, []), (5, ["r1"])])
def test_for_how_long_the_one_before_waits_is_said_by_what_is_on_air(two: ModelBoard, minutes: int, waits: list[str]) -> None:
    two.release("r2", swap=release.Swap(keep_previous_min=minutes))
    two.deploy()
    assert (on_air(two), waiting(two)) == (["r2"], waits)
    assert [round(seconds) // 60 for seconds, _ in two.later] == [minutes] * len(waits)


def test_nothing_on_air_is_neither(two: ModelBoard) -> None:
    two.fetch()
    two.xen.power_cut()
    assert two.board.rehearse(manifest(two), "") == ("", "")


@pytest.fixture
def crowded(two: ModelBoard) -> ModelBoard:
    """Another app's predecessor waits, and with it there is no memory for one more guest."""
    two.deploy()
    two.board.apply(two.app, "tick")
    other = names.AppName("other")
    two.board.config.apps[other] = config.AppConfig()
    two.board.repo(other).ensure(other, "")
    layout, (good, previous) = two.layout.app(other), (state.Slot("o2", "uuid-o2"), state.Slot("o1", "uuid-o1"))
    state.save(layout.state, state.State(good=good, previous=previous))
    guest = next(iter(two.xen.guests.values()))
    for slot, letters in ((good, "-b----"), (previous, "--p---")):
        domid = two.xen.next_id
        two.xen.next_id += 1
        two.xen.guests[domid] = type(guest)(f"other.{slot.release}", slot.uuid, domid, 100, False, letters)
        two.xen.words[domid] = slot.release
    two.network.off.add(domid)
    two.xen.total = 410  # r1 and r2 of 96, o1 and o2 of 100
    two.release("r3")
    return two


def test_what_waits_for_another_apps_way_back_gives_way(crowded: ModelBoard) -> None:
    two = crowded
    # what r1 gives back is not enough for r3
    two.release("r3", memory=140)
    two.fetch()
    assert two.board.rehearse(manifest(two), "") == ("blue-green", "")
    outcome = two.board.apply(two.app, "anna")
    assert (outcome["verdict"], outcome["swap"]) == ("live", "blue-green")
    assert "o1" not in {two.xen.words[domid] for domid in two.xen.guests}
    assert "o2" in {two.xen.words[domid] for domid in two.xen.guests}, "what another app has on air is not touched"
    (record,) = attempt.last(two.layout.app(two.app).attempts, 1)
    assert any("its memory is wanted" in step["text"] for step in record["steps"])


def test_where_there_is_room_it_stays(crowded: ModelBoard) -> None:
    crowded.xen.total = 700
    assert crowded.deploy()["swap"] == "blue-green"
    assert "o1" in {crowded.xen.words[domid] for domid in crowded.xen.guests}


def test_one_whose_app_is_being_deployed_stays(crowded: ModelBoard, tmp_path: Path) -> None:
    crowded.release("r3", memory=140)
    with files.locked(crowded.layout.app(names.AppName("other")).swap_lock, "rollback"):
        outcome = crowded.deploy()
    assert "o1" in {crowded.xen.words[domid] for domid in crowded.xen.guests}
    assert outcome["running"] == "r3", "the model's hypervisor never lacks memory itself"


def test_status_says_what_memory_would_give_way(two: ModelBoard) -> None:
    two.deploy()
    assert status.apps(two.board)["decks"]["kept_mb"] == 96
