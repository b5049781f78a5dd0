"""Making releases: what is committed, what is left alone, and that a failure leaves no trace."""

import bz2
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgedeploy.core import cpio, errors, files, packing
from edgedeploy.core.packing import Codec
from edgedeploy.depot import artefacts, commit, slides
from edgedeploy.depot import release as making
from edgedeploy.depot.release import Sources, add_release, draft_release
from edgedeploy.depot.repo import Depot
from tests.unit.depot.conftest import git


def everything(root: Path) -> dict[str, bytes]:
    """Work tree, index and branch: what a failure must not change."""
    tree = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and ".git/" not in str(p)}
    return {
        **tree,
        "INDEX": git(root, "ls-files", "--stage").encode(),
        "HEAD": git(root, "rev-parse", "HEAD").encode(),
        "STATUS": git(root, "status", "--porcelain").encode(),
    }


def release(depot, built, report, **kwargs):
    return add_release(depot, built / "vmlinuz", built / "base.cpio", depot.root / "slides", report=report, **kwargs)


def test_a_release_is_one_commit_in_the_original_layout(depot, built, report):
    added = release(depot, built, report)
    folder = depot.root / "xen" / added.release
    assert (depot.root / "xen/latest").read_text() == f"{added.release}\n"
    assert sorted(p.name for p in folder.iterdir()) == ["decks.xen.xz", "manifest.json", "ramdisk.cpio.xz"]
    assert added.commit == depot.head() == git(depot.root, "rev-parse", "HEAD")
    assert not git(depot.root, "status", "--porcelain")
    assert depot.latest() == added.release
    manifest = depot.manifest(added.release)
    assert manifest == added.manifest
    assert manifest.domain.cmdline.endswith(f" edgedeploy.release={added.release}")
    assert git(depot.root, "log", "-1", "--format=%an %s") == f"Ada Release {added.release} of decks"
    for artefact in manifest.artefacts:
        data = depot.artefact_bytes(added.release, artefact)
        assert (len(data), artefacts.digest(data)) == (artefact.packed_size, artefact.packed_sha256)
        raw = artefacts.unpacked(data, "kernel")
        assert (len(raw), artefacts.digest(raw)) == (artefact.size, artefact.sha256)
        assert depot.artefact_open(added.release, artefact).read() == data


def test_slides_go_behind_the_base_and_are_proven(depot, built, report):
    (depot.root / "slides/deck one.css").write_text("body{}")
    (depot.root / "slides/.DS_Store").write_text("litter")
    added = release(depot, built, report)
    ramdisk = artefacts.unpacked(depot.artefact_bytes(added.release, added.manifest.ramdisk), "ramdisk")
    base = (built / "base.cpio").read_bytes()
    wanted = cpio.pack(
        [
            cpio.file("www/index.html", (depot.root / "slides/index.html").read_bytes()),
            cpio.file("www/deck one.css", b"body{}"),
        ]
    )
    assert ramdisk == base + bytes(-len(base) % 512) + wanted
    index = files.sha256_file(depot.root / "slides/index.html")
    assert added.manifest.health.serves == {
        "/": index,
        "/index.html": index,
        "/deck%20one.css": artefacts.digest(b"body{}"),
    }
    # the slides are the source: they are in the same commit
    assert git(depot.root, "show", f"{added.commit}:slides/deck one.css") == "body{}"


def test_nothing_new_is_no_release(depot, built, report):
    first = release(depot, built, report)
    again = release(depot, built, report)
    assert (again.release, again.commit, again.unchanged) == (first.release, first.commit, True)
    other_name = release(depot, built, report, release_id="other")
    assert (other_name.release, other_name.unchanged) == (first.release, True)
    (depot.root / "slides/index.html").write_text("new")
    third = release(depot, built, report)
    assert not third.unchanged
    # the kernel is the same git object: a board receives nothing for it
    blobs = [git(depot.root, "rev-parse", f"HEAD:xen/{r}/decks.xen.xz") for r in (first.release, third.release)]
    assert blobs[0] == blobs[1]


def test_a_changed_domain_is_a_new_release(depot, built, report):
    first = release(depot, built, report)
    with (depot.root / "edgedeploy.toml").open("a") as file:
        file.write("[domain]\nmemory = 128\n")
    second = release(Depot.open(depot.root), built, report)
    assert second.release != first.release
    assert second.manifest.domain.memory_mb == 128
    assert git(depot.root, "status", "--porcelain") == "", "what a release was made from is committed with it"


def test_old_artefacts_go_and_their_manifests_stay(depot, built, report):
    ids = []
    for number in range(4):
        (built / "vmlinuz").write_bytes(b"kernel %d " % number * 1000)
        ids.append(release(depot, built, report).release)
    config_ml = depot.root / "xen" / ids[0] / "config.ml"
    config_ml.write_text("(* *)")
    git(depot.root, "add", "xen")
    git(depot.root, "commit", "-qm", "config.ml")
    (built / "vmlinuz").write_bytes(b"kernel last" * 1000)
    ids.append(release(depot, built, report).release)
    for old in ids[:3]:
        assert {p.name for p in (depot.root / "xen" / old).iterdir()} <= {"manifest.json", "config.ml"}
    for kept in ids[3:]:
        assert (depot.root / "xen" / kept / "decks.xen.xz").exists()
        assert depot.artefact_bytes(kept, depot.manifest(kept).kernel)
    assert config_ml.exists()
    assert not git(depot.root, "status", "--porcelain")
    assert set(depot.releases()) == set(ids)


def test_other_work_is_left_exactly_as_it_was(depot, built, report):
    (depot.root / "README.md").write_text("half an idea")
    (depot.root / "staged.txt").write_text("staged")
    (depot.root / "both.txt").write_text("one")
    git(depot.root, "add", "staged.txt", "both.txt")
    (depot.root / "both.txt").write_text("two")
    (depot.root / "unknown.txt").write_text("untracked")
    before = git(depot.root, "status", "--porcelain")
    added = release(depot, built, report)
    assert git(depot.root, "status", "--porcelain") == before
    assert git(depot.root, "show", ":both.txt") == "one"
    assert {Path(p).parts[0] for p in git(depot.root, "show", "--format=", "--name-only", added.commit).split()} == {
        "xen"
    }


def test_a_deleted_slide_is_deleted_in_the_commit(depot, built, report):
    (depot.root / "slides/old.html").write_text("old")
    release(depot, built, report)
    (depot.root / "slides/old.html").unlink()
    added = release(depot, built, report)
    assert "slides/old.html" not in git(depot.root, "ls-tree", "-r", "--name-only", added.commit)
    assert not git(depot.root, "status", "--porcelain")


@pytest.mark.parametrize("broken", ["_build", "_place", "_sync_index", "update-ref"])
def test_a_failure_leaves_everything_as_before(depot, built, report, monkeypatch, broken):
    release(depot, built, report)
    (built / "vmlinuz").write_bytes(b"another" * 1000)
    (depot.root / "slides/new.html").write_text("new")
    (depot.root / "staged.txt").write_text("staged")
    git(depot.root, "add", "staged.txt")
    before = everything(depot.root)
    if broken == "update-ref":
        # somebody else commits while we do
        real = depot.git.run
        monkeypatch.setattr(
            depot.git,
            "run",
            lambda *a, **k: real(*a[:-1], "1" * 40) if a[0] == "update-ref" else real(*a, **k),
        )
    else:
        original = getattr(commit, broken)

        def fail(*args):
            original(*args)
            raise KeyboardInterrupt

        monkeypatch.setattr(commit, broken, fail)
    with pytest.raises((KeyboardInterrupt, errors.BadRepository)):
        release(depot, built, report)
    assert everything(depot.root) == before
    assert not [p for p in (depot.root / ".git").iterdir() if p.name.startswith("tmp")]
    monkeypatch.undo()


def test_a_failure_in_the_very_first_release_leaves_no_folder(depot, built, report, monkeypatch):
    monkeypatch.setattr(commit, "_sync_index", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    before = everything(depot.root)
    with pytest.raises(OSError, match="disk full"):
        release(depot, built, report)
    assert everything(depot.root) == before
    assert not (depot.root / "xen").exists()


def test_packed_kernels_stay_as_they_came(depot, built, report):
    packed = bz2.compress((built / "vmlinuz").read_bytes(), 5)
    (built / "vmlinuz.bz2").write_bytes(packed)
    added = add_release(depot, built / "vmlinuz.bz2", report=report)
    assert depot.artefact_bytes(added.release, added.manifest.kernel) == packed
    assert added.manifest.kernel.file == "decks.xen.bz2"
    repacked = add_release(depot, built / "vmlinuz.bz2", codec=Codec.GZ, report=report)
    assert (repacked.manifest.kernel.file, repacked.manifest.kernel.codec) == ("decks.xen.gz", "gz")
    plain = add_release(depot, built / "vmlinuz.bz2", codec=Codec.NONE, report=report)
    assert (depot.root / "xen" / plain.release / "decks.xen").read_bytes() == (built / "vmlinuz").read_bytes()


def test_zstd_which_boards_cannot_unpack_is_packed_anew():
    raw = b"kernel" * 1000
    given = packing.pack(raw, Codec.ZST)
    made = artefacts.prepare("kernel", "decks.xen", given, None, None)
    assert (made.artefact.codec, artefacts.unpacked(made.data, "kernel")) == ("xz", raw)
    asked_for = artefacts.prepare("kernel", "decks.xen", given, Codec.ZST, None)
    assert (asked_for.artefact.codec, asked_for.data) == ("zst", given)


def test_what_packing_does_not_shrink_is_not_packed(depot, built, report):
    (built / "vmlinuz").write_bytes(os.urandom(5000))
    assert add_release(depot, built / "vmlinuz", report=report).manifest.kernel.codec == "none"


def test_a_packed_base_takes_slides(depot, built, report):
    (built / "base.cpio.gz").write_bytes(packing.pack((built / "base.cpio").read_bytes(), Codec.GZ))
    with_raw = release(depot, built, report)
    packed = add_release(depot, built / "vmlinuz", built / "base.cpio.gz", depot.root / "slides", report=report)
    assert packed.unchanged
    assert packed.release == with_raw.release


def test_ids(depot, built, report):
    now = datetime(2026, 11, 23, 12, 34, tzinfo=UTC)
    draft = draft_release(depot, Sources(built / "vmlinuz"), report=report, now=now)
    assert draft.manifest.release.startswith("20261123-1234-")
    assert len(draft.manifest.release) == len("20261123-1234-1a2b3c4d")
    making.commit_release(depot, draft, report=report)
    named = release(depot, built, report, release_id="talk-1")
    assert named.release == "talk-1"
    back = making.commit_release(
        depot, draft_release(depot, Sources(built / "vmlinuz"), report=report, now=now), report=report
    )
    assert back.release == f"{draft.manifest.release}-2"
    for taken in ("talk-1", "latest"):
        with pytest.raises(errors.UsageFault, match="already"):
            release(depot, built, report, release_id=taken)


def test_configured_files_must_be_served_too(depot, built, report):
    toml = depot.root / "edgedeploy.toml"
    toml.write_text(toml.read_text() + '[health.serves]\n"/readme" = "README.md"\n"/" = "README.md"\n')
    added = release(Depot.open(depot.root), built, report)
    readme = files.sha256_file(depot.root / "README.md")
    assert (added.manifest.health.serves["/readme"], added.manifest.health.serves["/"]) == (readme, readme)
    (depot.root / "README.md").unlink()
    with pytest.raises(errors.BadConfig, match=r"no file README\.md"):
        release(Depot.open(depot.root), built, report)


def test_without_a_network_nothing_is_asked(depot, built, report):
    (depot.root / "edgedeploy.toml").write_text('app = "decks"\n')
    added = release(Depot.open(depot.root), built, report)
    assert added.manifest.health is None
    assert any("no [network]" in line for line in report.lines)


def test_ignored_or_outside_slides_are_packed_but_not_committed(depot, built, report, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "index.html").write_text("outside")
    added = add_release(depot, built / "vmlinuz", built / "base.cpio", outside, report=report)
    assert added.manifest.health.serves["/"] == artefacts.digest(b"outside")
    (depot.root / ".git/info/exclude").write_text("/public/\n")
    (depot.root / "public").mkdir()
    (depot.root / "public/page.html").write_text("x")
    add_release(depot, built / "vmlinuz", built / "base.cpio", depot.root / "public", report=report)
    assert any("ignored by git" in line for line in report.lines)
    assert any("has no index.html" in line for line in report.lines)
    assert "public/page.html" not in depot.files(".")


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        (lambda d, b: Sources(b / "none"), "cannot be read"),
        (lambda d, b: Sources(b), "cannot be read"),
        (lambda d, b: Sources(b / "empty"), "is empty"),
        (lambda d, b: Sources(b / "cut.xz"), "stops before its end"),
        (lambda d, b: Sources(b / "vmlinuz", None, d.root / "slides"), "need a ramdisk"),
        (lambda d, b: Sources(b / "vmlinuz", b / "vmlinuz", d.root / "slides"), "no initramfs"),
        (lambda d, b: Sources(b / "vmlinuz", b / "base.cpio", b / "none"), "not a folder"),
        (lambda d, b: Sources(b / "vmlinuz", b / "base.cpio", d.root), "whole repository"),
        (lambda d, b: Sources(b / "vmlinuz", b / "base.cpio", b / "pipes"), "neither file"),
    ],
)
def test_sources_that_are_none(depot, built, report, sources, why):
    (built / "empty").touch()
    (built / "cut.xz").write_bytes(packing.pack(b"kernel" * 1000, Codec.XZ)[:-20])
    (built / "pipes").mkdir()
    os.mkfifo(built / "pipes/fifo")
    before = everything(depot.root)
    with pytest.raises(errors.UsageFault, match=why) as caught:
        draft_release(depot, sources(depot, built), report=report)
    assert caught.value.exit_code in (2, 22)
    assert everything(depot.root) == before


def test_a_legacy_release_is_never_the_same(depot, built, report):
    folder = depot.root / "xen/abc"
    folder.mkdir(parents=True)
    (folder / "decks.xen.bz2").write_bytes(bz2.compress((built / "vmlinuz").read_bytes()))
    (depot.root / "xen/latest").write_text("abc\n")
    git(depot.root, "add", "xen")
    git(depot.root, "commit", "-qm", "by hand")
    (depot.root / "edgedeploy.toml").write_text('app = "decks"\n')
    added = add_release(Depot.open(depot.root), built / "vmlinuz", report=report)
    assert not added.unchanged
    assert added.manifest.kernel.codec == "bz2"


def test_line_endings_and_filters_do_not_touch_artefacts(depot, built, report):
    git(depot.root, "config", "core.autocrlf", "true")
    (built / "vmlinuz").write_bytes(b"a\r\nb\n" * 1000)
    added = add_release(depot, built / "vmlinuz", codec=Codec.NONE, report=report)
    assert depot.artefact_bytes(added.release, added.manifest.kernel) == b"a\r\nb\n" * 1000
    assert not git(depot.root, "status", "--porcelain")


@pytest.mark.parametrize("tracked", [False, True], ids=["of this laptop", "committed"])
@pytest.mark.parametrize("outside", [False, True], ids=["in the repository", "outside"])
def test_a_configuration_that_is_a_link_stays_one(depot, built, report, tmp_path, tracked, outside):
    file = depot.root / "edgedeploy.toml"
    target = tmp_path / "dotfiles/decks.toml" if outside else depot.root / "shared/decks.toml"
    target.parent.mkdir()
    file.rename(target)
    target.chmod(0o600)
    file.symlink_to(target if outside else "shared/decks.toml")
    if tracked:
        git(depot.root, "add", "-A")
        git(depot.root, "commit", "-qm", "a link")
    target.write_bytes(target.read_bytes() + b"# caf\xe9\n")
    added = release(Depot.open(depot.root), built, report)
    assert file.is_symlink()
    assert (target.stat().st_mode & 0o777, target.read_bytes().endswith(b"# caf\xe9\n")) == (0o600, True)
    kind = git(depot.root, "ls-tree", added.commit, "edgedeploy.toml").split()[0]
    assert kind == ("120000" if tracked else "100644")
    if tracked:
        assert not git(depot.root, "status", "--porcelain")
    assert release(Depot.open(depot.root), built, report).unchanged


def test_a_link_that_came_with_a_clone_does_not_lead_out_of_it(depot, built, report, tmp_path):
    (tmp_path / "precious").write_text("mine\n")
    (depot.root / "xen").mkdir()
    (depot.root / "xen/latest").symlink_to(tmp_path / "precious")
    git(depot.root, "add", "-A")
    git(depot.root, "commit", "-qm", "a link")
    with pytest.raises(errors.BadRepository, match="xen/latest"):
        release(depot, built, report)
    git(depot.root, "rm", "-q", "--cached", "xen/latest")
    git(depot.root, "commit", "-qm", "none")
    added = release(depot, built, report)
    assert (depot.root / "xen/latest").read_text() == f"{added.release}\n"
    assert (tmp_path / "precious").read_text() == "mine\n"


def test_at_most_fifty_slides_are_proven(tmp_path):
    (tmp_path / "index.html").write_text("i")
    for number in range(80):
        (tmp_path / f"{number:02}.html").write_text("x")
    (tmp_path / "link.html").symlink_to("index.html")
    found = slides.digests(tmp_path)
    assert len(found) == slides.MOST_PROVEN + 1
    assert next(iter(found)) == "/"


def test_a_manifest_says_what_it_is_as_plain_json(depot, built, report):
    added = release(depot, built, report)
    data = json.loads((depot.root / "xen" / added.release / "manifest.json").read_text())
    assert data["release"] == added.release
    assert [a["role"] for a in data["artefacts"]] == ["kernel", "ramdisk"]
