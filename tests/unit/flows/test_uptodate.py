"""What is in the folder is what is pushed: a new release where something has changed, and never the wrong files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgedeploy.core import cpio, errors
from edgedeploy.depot import artefacts
from edgedeploy.depot.release import add_release
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import release as releasing
from edgedeploy.flows import uptodate
from edgedeploy.flows.uptodate import Here, UpToDate
from edgedeploy.ports import folders
from tests import kernels
from tests.unit.depot.conftest import depot, git, git_home, report

__all__ = ["depot", "git_home", "report"]
TOML = """\
app = "decks"
boards = ["virtual-armv7"]
[network]
address = "10.0.2.20/24"
[build]
kernel = "guest/vmlinuz"
ramdisk = "guest/base.cpio"
slides = "slides"
"""


@pytest.fixture
def talk(depot, monkeypatch) -> Path:
    """Configured, built, and not released yet; one stands in it."""
    (depot.root / "guest").mkdir()
    (depot.root / "guest/vmlinuz").write_bytes(kernels.linux_zimage())
    (depot.root / "guest/base.cpio").write_bytes(cpio.pack([cpio.file("init", b"#!/bin/sh\n", 0o755)]))
    (depot.root / "edgedeploy.toml").write_text(TOML)
    monkeypatch.chdir(depot.root)
    return depot.root


@pytest.fixture
def released(talk, report) -> str:
    return ensure(talk, report).manifest.release


def ensure(talk: Path, report, **how: bool) -> UpToDate:
    return uptodate.ensure(Depot.open(talk), report, **how)


def edit(talk: Path) -> None:
    (talk / "slides/index.html").write_text("<h1>edited</h1>")


def test_the_first_push_makes_the_first_release(talk, report):
    made = ensure(talk, report)
    assert made.why == "there is none yet"
    assert Depot.open(talk).latest() == made.manifest.release
    assert any(made.manifest.release in line for line in report.lines)


def test_nothing_changed_nothing_made(talk, released, report):
    head = git(talk, "rev-parse", "HEAD")
    found = ensure(talk, report)
    assert (found.manifest.release, found.why, found.left) == (released, "", ())
    assert git(talk, "rev-parse", "HEAD") == head


@pytest.mark.parametrize("committed", [False, True])
def test_an_edited_slide_is_in_the_release_that_is_pushed(talk, released, report, committed):
    edit(talk)
    if committed:
        git(talk, "commit", "-qam", "edited")
    made = ensure(talk, report)
    assert made.manifest.release != released
    assert made.why == "slides/index.html changed"
    assert f"slides/index.html changed: release {made.manifest.release}" in "\n".join(report.lines)
    assert git(talk, "status", "--porcelain") == "", "the slide is committed with it"
    assert not ensure(talk, report).why


def test_two_at_once_make_one_release(talk, released, report):
    edit(talk)
    head = git(talk, "rev-parse", "HEAD")
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: ensure(talk, report).manifest.release, range(4)))
    assert len(set(made)) == 1
    assert git(talk, "rev-list", "--count", f"{head}..HEAD") == "1"


def test_a_dry_run_proves_it_and_commits_nothing(talk, released, report):
    edit(talk)
    head = git(talk, "rev-parse", "HEAD")
    would = ensure(talk, report, dry_run=True)
    assert would.draft
    assert would.manifest.release != released
    assert git(talk, "rev-parse", "HEAD") == head


def test_what_does_not_fit_is_not_released(talk, released, report):
    (talk / "guest/vmlinuz").write_bytes(kernels.x86_mirage())
    head = git(talk, "rev-parse", "HEAD")
    for dry_run in (True, False):
        with pytest.raises(errors.DoesNotFit):
            ensure(talk, report, dry_run=dry_run)
    assert git(talk, "rev-parse", "HEAD") == head


@pytest.mark.parametrize("page", [None, ""])
def test_a_talk_without_a_first_page_is_not_released(talk, released, report, page):
    index = talk / "slides/index.html"
    index.unlink()
    if page is not None:
        index.write_text(page)
    with pytest.raises(
        errors.BadRepository, match=r"index\.html is (empty|not there): the talk would have no first page"
    ):
        ensure(talk, report)
    forced = releasing.make(releasing.Request(talk, force=True), report=report)
    assert ensure(talk, report).manifest.release == forced.added.release, "whoever insists may"


def test_without_a_release_what_is_left_is_said(talk, released, report):
    edit(talk)
    (talk / "slides/new.css").write_text("h1 {}")
    found = ensure(talk, report, release=False)
    assert found.manifest.release == released
    assert found.left == ("slides/index.html", "slides/new.css")
    assert found.why_left == "without --no-release: edgedeploy push"


def test_without_build_the_release_is_a_step_of_its_own(talk, released, report):
    (talk / "edgedeploy.toml").write_text(TOML.partition("[build]")[0])
    edit(talk)
    found = ensure(talk, report)
    assert found.manifest.release == released
    assert found.left == ("edgedeploy.toml", "slides/index.html")
    assert found.why_left == "a release takes them in: edgedeploy release KERNEL"
    git(talk, "commit", "-qam", "edited")
    assert ensure(talk, report).left == found.left, "committed is not released"


def test_a_release_by_hand_teaches_push_what_to_release(talk, report):
    (talk / "edgedeploy.toml").write_text(TOML.partition("[build]")[0])
    kernel, ramdisk, slides = talk / "guest/vmlinuz", talk / "guest/base.cpio", talk / "slides"
    releasing.make(releasing.Request(talk, kernel, ramdisk, slides), report=report)
    assert git(talk, "status", "--porcelain") == ""
    assert any("from here on" in line for line in report.lines)
    edit(talk)
    assert ensure(talk, report).why == "slides/index.html changed"


@pytest.mark.parametrize("name", ["vmlinuz", "base.cpio"])
def test_what_comes_from_elsewhere_is_not_remembered_by_halves(talk, report, tmp_path, name):
    (talk / "edgedeploy.toml").write_text(TOML.partition("[build]")[0])
    (talk / "guest" / name).rename(tmp_path / name)
    made_of = [
        path if path.exists() else tmp_path / path.name for path in (talk / "guest/vmlinuz", talk / "guest/base.cpio")
    ]
    releasing.make(releasing.Request(talk, *made_of, talk / "slides"), report=report)
    assert "[build]" not in (talk / "edgedeploy.toml").read_text(), "push would make a release without it"
    assert any(f"{name} is not in {talk}" in line for line in report.lines)


def test_what_a_release_was_made_of_by_hand_is_what_push_compares_with(talk, released, report):
    (talk / "final").mkdir()
    (talk / "final/index.html").write_text("<h1>final</h1>")
    by_hand = releasing.make(releasing.Request(talk, slides=talk / "final"), report=report)
    assert ensure(talk, report).manifest.release == by_hand.added.release


def test_a_link_is_remembered_as_a_link(talk, report):
    (talk / "edgedeploy.toml").write_text(TOML.partition("[build]")[0])
    (talk / "guest/latest").symlink_to("vmlinuz")
    releasing.make(releasing.Request(talk, talk / "guest/latest"), report=report)
    assert 'kernel = "guest/latest"' in (talk / "edgedeploy.toml").read_text()


def test_what_an_editor_leaves_beside_a_slide_is_no_change(talk, released, report):
    for name in (".index.html.swp", "index.html~", "#index.html#", "4913"):
        (talk / "slides" / name).write_text("x")
    (talk / "slides/.#index.html").symlink_to("ada@laptop.1234")
    assert not ensure(talk, report).why


def test_slides_that_are_saved_while_they_are_packed(talk, released, report, monkeypatch):
    edit(talk)

    def meanwhile(*args, **kwargs):
        (talk / "slides/index.html").write_text("<h1>saved again</h1>")
        return pack(*args, **kwargs)

    pack = artefacts.prepare
    monkeypatch.setattr(artefacts, "prepare", meanwhile)
    with pytest.raises(errors.UsageFault, match="changed while it was packed"):
        ensure(talk, report)
    assert Depot.open(talk).latest() == released


def test_without_a_release_there_is_nothing_to_push_as_it_is(talk, report):
    with pytest.raises(errors.BadRepository, match="has no release yet") as caught:
        ensure(talk, report, release=False)
    assert caught.value.hint == "without --no-release: edgedeploy push"
    assert Depot.open(talk).latest() is None


def test_a_repository_that_cannot_be_written_is_pushed_as_it_is(talk, released, report, monkeypatch):
    monkeypatch.setattr(Depot, "lock", property(lambda _: Path("/proc/no/lock")))
    assert ensure(talk, report).manifest.release == released


def test_there_is_nothing_to_push_without_build_and_release(talk, report):
    (talk / "edgedeploy.toml").write_text(TOML.partition("[build]")[0])
    with pytest.raises(errors.BadRepository, match="has no release yet") as caught:
        ensure(talk, report)
    assert caught.value.hint == "edgedeploy release KERNEL --ramdisk RAMDISK --slides slides"


def test_what_is_wrong_in_the_configuration_is_told(talk, released, report):
    (talk / "edgedeploy.toml").write_text(TOML + '[domain]\nmemroy = 96\nvcpus = "1"\n')
    with pytest.raises(errors.BadConfig, match="2 faults"):
        ensure(talk, report)


def test_another_laptops_clone_has_no_kernel(talk, released, report, monkeypatch):
    (talk / "guest/vmlinuz").unlink()
    assert ensure(talk, report).manifest.release == released, "nothing was edited: what is released is pushed"
    edit(talk)
    monkeypatch.chdir(talk.parent)
    with pytest.raises(errors.UsageFault, match=r"slides/index\.html changed, and no release can be made") as caught:
        ensure(talk, report)
    assert caught.value.hint == f"put it there; or push {released} as it is: edgedeploy push decks --no-release"
    found = ensure(talk, report, release=False)
    assert (found.manifest.release, found.left) == (released, ("slides/index.html",))


@pytest.mark.parametrize("name", ["slides/index.html", "slides/51.html", "edgedeploy.toml"])
def test_whatever_is_edited_in_a_clone_without_the_kernel_is_seen(talk, report, name):
    for number in range(60):
        (talk / f"slides/{number}.html").write_text("x")
    made_there = ensure(talk, report)
    (talk / "guest/vmlinuz").unlink()
    file = talk / name
    file.write_text(file.read_text().replace("10.0.2.20", "10.0.2.21") if name.endswith("toml") else "edited")
    with pytest.raises(errors.UsageFault, match=f"^{name} changed, and no release can be made"):
        ensure(talk, report)
    assert ensure(talk, report, release=False).left == (name,)
    assert made_there.manifest.release == Depot.open(talk).latest()


def test_a_kernel_older_than_the_release_does_not_take_its_place_unasked(talk, released, report):
    """Somebody else's release came by `git pull`; guest/ is not in git, and still has what was there before."""
    kernel = talk / "guest/vmlinuz"
    kernel.write_bytes(kernels.linux_zimage() + bytes(4))
    newer = ensure(talk, report).manifest.release
    kernel.write_bytes(kernels.linux_zimage())
    os.utime(kernel, (1, 1))
    with pytest.raises(errors.UsageFault, match=f"is not what {newer} was made with, and is older") as caught:
        ensure(talk, report)
    assert "edgedeploy release;" in caught.value.hint
    assert ensure(talk, report, release=False).manifest.release == newer


def test_a_release_of_the_original_scripts_is_followed_by_one_of_ours(talk, report):
    depot = Depot.open(talk)
    original = add_release(depot, talk / "guest/vmlinuz", report=report).release
    git(talk, "rm", "-q", f"xen/{original}/manifest.json")
    git(talk, "commit", "-qm", "as it was in 2014")
    made = ensure(talk, report)
    assert made.manifest.release != original
    assert ensure(talk, report).manifest == made.manifest


def test_a_look_beside_the_board_touches_nothing(talk, released, report, tmp_path):
    assert uptodate.here(talk) == Here("decks", released, ())
    edit(talk)
    assert uptodate.here(talk) == Here("decks", released, ("slides/index.html",))
    (talk / "guest/vmlinuz").unlink()
    assert uptodate.here(talk) == Here("decks", released, ("slides/index.html",))
    (talk / "edgedeploy.toml").write_text("app = [")
    assert uptodate.here(talk) is None
    assert uptodate.here(tmp_path / "nowhere") is None


def test_the_folder_is_typed_as_it_is_reached_from_here(talk, monkeypatch):
    assert folders.typed(talk) == ""
    monkeypatch.chdir(talk / "slides")
    assert folders.typed(talk) == ""
    monkeypatch.chdir(talk.parent)
    assert folders.typed(talk) == " decks"
    monkeypatch.chdir("/")
    (talk.parent / "two words").mkdir()
    assert folders.typed(talk.parent / "two words") == f" '{str(talk.parent)[1:]}/two words'"
    monkeypatch.chdir(talk.parent / "two words")
    assert folders.typed(talk) == f" {talk}"
