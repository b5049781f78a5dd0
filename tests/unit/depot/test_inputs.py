"""Which files a release was made of have changed: each by the name that a person knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.core import cpio, errors
from edgedeploy.depot import inputs
from edgedeploy.depot.release import Sources, add_release
from edgedeploy.depot.repo import Depot

TOML = """\
app = "decks"
[network]
address = "10.0.2.20/24"
[health.serves]
"/manual.txt" = "manual.txt"
"""


@pytest.fixture
def sources(depot, built, report):
    """Released as it stands."""
    (depot.root / "edgedeploy.toml").write_text(TOML)
    (depot.root / "manual.txt").write_text("press the button")
    (depot.root / "slides/two words.html").write_text("<h1>two</h1>")
    made = Sources(built / "vmlinuz", built / "base.cpio", depot.root / "slides")
    add_release(Depot.open(depot.root), made.kernel, made.ramdisk, made.slides, report=report)
    return made


def changed(depot: Depot, sources: Sources) -> inputs.Changed:
    fresh = Depot.open(depot.root)
    latest = fresh.latest()
    assert latest
    return inputs.changed(fresh, sources, fresh.manifest(latest))


def test_nothing_has_changed_right_after_a_release(depot, sources):
    assert not changed(depot, sources)


def test_slides_by_name_whether_they_are_committed_or_not(depot, sources):
    (depot.root / "slides/index.html").write_text("<h1>edited</h1>")
    (depot.root / "slides/two words.html").unlink()
    (depot.root / "slides/new.css").write_text("h1 {}")
    wanted = ("slides/index.html", "slides/new.css", "slides/two words.html")
    assert changed(depot, sources) == inputs.Changed(wanted)
    depot.git.run("add", "-A")
    depot.git.run("commit", "-qm", "edited")
    assert changed(depot, sources) == inputs.Changed(wanted)


def test_what_the_board_cannot_ask_for_is_their_folder(depot, sources):
    (depot.root / "slides/index.html").chmod(0o755)
    assert changed(depot, sources).files == ("slides/",)


def test_slides_of_a_talk_without_an_address(depot, sources, report):
    (depot.root / "edgedeploy.toml").write_text('app = "decks"\n')
    add_release(Depot.open(depot.root), sources.kernel, sources.ramdisk, sources.slides, report=report)
    assert not changed(depot, sources)
    (depot.root / "slides/index.html").write_text("<h1>edited</h1>")
    assert changed(depot, sources).files == ("slides/",)


@pytest.mark.parametrize("name", ["vmlinuz", "base.cpio"])
def test_what_was_built_is_told_apart(depot, built, sources, name):
    data = b"another kernel" * 999 if name == "vmlinuz" else cpio.pack([cpio.file("init", b"#!/bin/no\n", 0o755)])
    (built / name).write_bytes(data)
    assert changed(depot, sources) == inputs.Changed((str(built / name),), (built / name,))


def test_a_ramdisk_that_is_new_or_gone(depot, built, sources, report):
    kernel_only = Sources(sources.kernel)
    assert changed(depot, kernel_only).files, "without the ramdisk it is another release"
    add_release(Depot.open(depot.root), sources.kernel, report=report)
    assert changed(depot, sources).built == (sources.ramdisk,)


def test_files_that_are_served_beside_the_slides(depot, sources):
    (depot.root / "manual.txt").write_text("press the other button")
    assert changed(depot, sources).files == ("manual.txt",)
    (depot.root / "manual.txt").unlink()
    with pytest.raises(errors.BadConfig, match=r"there is no file manual\.txt"):
        changed(depot, sources)


def test_a_page_that_need_not_be_served_any_more(depot, sources):
    (depot.root / "edgedeploy.toml").write_text(TOML.partition("[health.serves]")[0])
    assert changed(depot, sources).files == ("edgedeploy.toml",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('app = "decks"', 'app = "talks"'),
        ('app = "decks"', 'app = "decks"\nboards = ["virtual-armv7"]'),
        ("[network]", "[domain]\nmemory = 128\n[network]"),
        ("10.0.2.20/24", "10.0.2.21/24"),
        ("[health.serves]", "[health]\ntimeout = 90\n[health.serves]"),
    ],
)
def test_what_is_configured(depot, sources, old, new):
    file = depot.root / "edgedeploy.toml"
    file.write_text(f"# a remark\n{TOML}")
    assert not changed(depot, sources), "a remark is nothing that is released"
    file.write_text(TOML.replace(old, new))
    assert changed(depot, sources).files == ("edgedeploy.toml",)


def test_the_slides_alone_where_the_rest_is_not_here(depot, sources):
    latest = depot.latest()
    assert latest
    release = depot.manifest(latest)
    elsewhere = Sources(Path("/nowhere"), None, sources.slides)
    fresh = Depot.open(depot.root)
    assert inputs.edited(fresh, elsewhere, release) == ()
    (depot.root / "slides/index.html").write_text("<h1>edited</h1>")
    assert inputs.edited(fresh, elsewhere, release) == ("slides/index.html",)
    assert inputs.edited(fresh, Sources(Path("/nowhere")), release) == ()
