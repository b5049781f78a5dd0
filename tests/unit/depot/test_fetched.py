"""What a board's history is made into here: a repository that the next release can be made in, as on the laptop that was lost."""

import shutil
import subprocess
from pathlib import Path

import pytest

from edgedeploy.core import cpio, cpiolast, cpioread, errors
from edgedeploy.core.names import CommitId
from edgedeploy.depot import fetched, inputs
from edgedeploy.depot.release import Sources, add_release
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import release as flow
from tests.unit.depot.conftest import git

BASE = cpio.pack([cpio.file("init", b"#!/bin/sh\n", 0o755)])
BUILD = '[build]\nkernel = "guest/vmlinuz"\nramdisk = "guest/base.cpio"\nslides = "slides"\n'


def sources(root):
    return Sources(root / "guest/vmlinuz", root / "guest/base.cpio", root / "slides")


@pytest.fixture(params=[BASE, BASE.rstrip(b"\0"), BASE + cpio.pack([cpio.file("www/old.html", b"old")])], ids=["padded", "bare", "two"])
def released(request, depot, report):
    """A repository whose kernel and ramdisk git does not keep."""
    toml = depot.root / "edgedeploy.toml"
    toml.write_text(toml.read_text().replace('[build]\nslides = "slides"\n', BUILD))
    depot = Depot.open(depot.root)
    (depot.root / "guest").mkdir()
    (depot.root / "guest/vmlinuz").write_bytes(b"kernel" * 1000)
    (depot.root / "guest/base.cpio").write_bytes(request.param)
    (depot.root / ".gitignore").write_text("guest/\n")
    (depot.root / "slides/index.html").write_text("<h1>One</h1>")
    add_release(depot, *vars_of(sources(depot.root)), report=report)
    return depot


def vars_of(given):
    return given.kernel, given.ramdisk, given.slides


@pytest.fixture
def cloned(released, tmp_path):
    bundle = tmp_path / "bundle"
    git(released.root, "bundle", "create", "--quiet", str(bundle), "HEAD")
    return fetched.clone(tmp_path / "new", "stage", released.head(), bundle)


def test_the_next_release_can_be_made_of_what_came(released, cloned, report):
    assert not (cloned.root / "guest").exists()
    made = fetched.restore(cloned)
    assert [path.relative_to(cloned.root) for path in made] == [Path("guest/vmlinuz"), Path("guest/base.cpio")]
    assert (cloned.root / "guest/vmlinuz").read_bytes() == b"kernel" * 1000
    before = (released.root / "guest/base.cpio").read_bytes()
    assert (cloned.root / "guest/base.cpio").read_bytes().rstrip(b"\0") == before.rstrip(b"\0")
    latest = cloned.manifest(cloned.latest())
    assert not inputs.changed(cloned, sources(cloned.root), latest), "the same release would come of it"
    (cloned.root / "slides/index.html").write_text("<h1>Two</h1>")
    assert inputs.changed(cloned, sources(cloned.root), latest).files == ("slides/index.html",)
    added = add_release(cloned, *vars_of(sources(cloned.root)), report=report)
    assert not added.unchanged
    assert fetched.restore(cloned) == [], "what is there is a person's"


def test_a_ramdisk_whose_slides_cannot_be_told_from_it_is_left_out(depot, built, report):
    toml = depot.root / "edgedeploy.toml"
    toml.write_text(toml.read_text().replace('slides = "slides"\n', ""))
    add_release(Depot.open(depot.root), built / "vmlinuz", built / "base.cpio", report=report)  # without any
    toml.write_text(toml.read_text().replace("[build]\n", BUILD))
    made = fetched.restore(Depot.open(depot.root))
    assert [path.name for path in made] == ["vmlinuz"]
    assert not (depot.root / "guest/base.cpio").exists()


def test_a_folder_that_somebody_filled_meanwhile_is_not_overwritten(released, tmp_path):
    bundle, there = tmp_path / "bundle", tmp_path / "new"
    git(released.root, "bundle", "create", "--quiet", str(bundle), "HEAD")
    there.mkdir()
    (there / "mine").write_text("x")
    with pytest.raises(errors.UsageFault, match="is not empty"):
        fetched.clone(there, "stage", released.head(), bundle)
    assert [path.name for path in there.iterdir()] == ["mine"]


def test_a_history_that_is_no_deployment_repository_leaves_nothing(tmp_path, git_home):
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    (other / "file").write_text("x")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "--message", "no talk")
    bundle = tmp_path / "bundle"
    git(other, "bundle", "create", "--quiet", str(bundle), "HEAD")
    with pytest.raises(errors.BadRepository, match=r"neither edgedeploy\.toml nor"):
        fetched.clone(tmp_path / "new", "stage", CommitId(git(other, "rev-parse", "HEAD")), bundle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "home", "other"]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (BASE, (0, ["init"])),
        (BASE + BASE, (len(BASE), ["init"])),
        (BASE + bytes(512) + BASE, (len(BASE) + 512, ["init"])),
        (BASE[:200], None),
        (BASE + b"\x1f\x8b packed", None),
        (b"", None),
        (bytes(512), None),
        (b"070701" + b"z" * 200, None),
        (BASE[:54] + b"-0000074" + BASE[62:], None),
        (BASE[:94] + b"    0005" + BASE[102:], None),
    ],
)  # fmt: skip
def test_where_the_last_archive_begins(data, found):
    assert cpiolast.last_archive(data) == found


@pytest.mark.parametrize("field", [54, 94])
def test_a_damaged_header_ends_the_unpacking(tmp_path, field):
    with pytest.raises(ValueError, match="damaged"):
        cpioread.unpack(BASE[:field] + b"-0000074" + BASE[field + 8 :], tmp_path)


@pytest.mark.parametrize("linked", ["slides", "guest", "guest/base.cpio"])
def test_what_a_board_sent_takes_no_file_of_this_laptop_into_a_release(released, tmp_path, report, linked):
    secret = tmp_path / "secret"
    (secret / "guest").mkdir(parents=True)
    for name in ("index.html", "vmlinuz", "base.cpio"):
        (secret / name).write_bytes(BASE)
    place = released.root / linked
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(secret / "base.cpio" if linked.endswith("cpio") else secret)
    (released.root / ".gitignore").unlink()
    git(released.root, "add", "--all")
    git(released.root, "commit", "--quiet", "--message", "lead out")
    assert flow.sources_of(Depot.open(released.root), flow.Request(released.root)), "what a person has linked is meant"
    bundle = tmp_path / "bundle"
    git(released.root, "bundle", "create", "--quiet", str(bundle), "HEAD")
    made = fetched.clone(tmp_path / "new", "stage", released.head(), bundle)
    with pytest.raises(errors.BadRepository, match="came from a board: that is not taken into a release"):
        flow.sources_of(made, flow.Request(made.root))


def test_a_commit_that_no_ref_keeps_is_not_said_to_be_here(released, tmp_path, report):
    other = Depot.open(released.root)
    lost = released.head()
    git(other.root, "reset", "--quiet", "--hard", "HEAD~1")
    assert (other.git.commit(lost), fetched.keeps(other.git, lost)) == (lost, False)
    assert lost not in fetched.known(other, lost)
    (other.root / ".git/objects" / lost[:2] / lost[2:]).rename(tmp_path / "commit")
    with pytest.raises(errors.BadRepository, match="git rev-list failed"):
        fetched.into(other.git, "stage", lost, None)
    assert other.git.commit(fetched.ref_of("stage")) is None
