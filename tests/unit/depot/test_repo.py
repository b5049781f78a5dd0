"""Opening repositories, reading what is committed, and bundles of what a board lacks."""

import bz2
import os
import subprocess

import pytest

from edgedeploy.core import cpio, errors
from edgedeploy.core.xllint import Findings
from edgedeploy.depot.commit import FALLBACK_EMAIL, Change, commit
from edgedeploy.depot.release import add_release
from edgedeploy.depot.repo import Depot
from edgedeploy.depot.scaffold import Plan
from tests.unit.depot.conftest import git

XL_CONF_IN = """\
name = '@NAME@'
memory = '256'
kernel = '@KERNEL@'
vif = ['bridge=xenbr0']
on_crash = 'restart'
"""
LEGACY_ID = "08174d6b59a6d7b8bbb1fd61b9c5b8a8f2c1a111"


@pytest.fixture
def legacy(git_home, tmp_path):
    """A repository as the original scripts left it, two releases old."""
    path = tmp_path / "mirage-decks-deployment"
    for old in ("1111111111111111111111111111111111111111", LEGACY_ID):
        (path / "xen" / old).mkdir(parents=True)
        (path / "xen" / old / "config.ml").write_text("open Mirage\n")
    kernel = bz2.compress(b"kernel" * 1000, 9)
    (path / "xen" / LEGACY_ID / "decksopenmirageorg.xen.bz2").write_bytes(kernel)
    (path / "xen/latest").write_text(f"{LEGACY_ID}\n")
    (path / "xl.conf.in").write_text(XL_CONF_IN)
    (path / "scripts").mkdir()
    (path / "scripts/crontab").write_text("*/11 * * * * cd $ROOT/decks && git pull\n")
    git(tmp_path, "init", "-q", "-b", "master", str(path))
    git(path, "add", "-A")
    git(path, "commit", "-qm", "deploy")
    return path


def refused(path, why, hint=""):
    with pytest.raises(errors.BadRepository, match=why) as caught:
        Depot.open(path)
    assert hint in caught.value.hint


def test_init_makes_a_branch_main_with_one_commit(git_home, tmp_path):
    depot, made = Depot.init(tmp_path / "new/decks", Plan("decks", "cubieboard2"))
    assert (depot.branch, depot.head(), depot.app) == ("main", made.commit, "decks")
    assert not git(depot.root, "status", "--porcelain")
    assert depot.latest() is None
    assert depot.releases() == []
    assert not made.nameless


def test_init_where_something_is(git_home, tmp_path):
    plan = Plan("decks", "cubieboard2")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for path, why in ((tmp_path / "full", "not empty"), (tmp_path / "file", "is a file")):
        with pytest.raises(errors.UsageFault, match=why):
            Depot.init(path, plan)
    git(tmp_path / "full", "init", "-q", "-b", "trunk")
    with pytest.raises(errors.UsageFault, match="git repository already") as caught:
        Depot.init(tmp_path / "full", plan)
    assert "--add" in caught.value.hint
    (tmp_path / "full/README.md").write_text("mine too")
    depot, _ = Depot.init(tmp_path / "full", plan, add=True)
    assert depot.branch == "trunk"
    assert (tmp_path / "full/README.md").read_text() == "mine too"
    assert git(tmp_path / "full", "status", "--porcelain").split() == ["??", "README.md", "??", "file"]
    with pytest.raises(errors.UsageFault, match="deployment repository already"):
        Depot.init(tmp_path / "full", plan, add=True)


def test_no_repository_is_started_inside_another(depot):
    for path in (depot.root / "inner", depot.root / "slides/deep/inner"):
        with pytest.raises(errors.UsageFault, match="would be inside the deployment repository") as caught:
            Depot.init(path, Plan("inner", "cubieboard2"))
        assert caught.value.hint == f"name a folder beside it: --dir {depot.root.parent / 'inner'}"
        assert not path.exists()


def test_init_that_fails_leaves_nothing(git_home, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("edgedeploy.depot.repo.commit", lambda *a: (_ for _ in ()).throw(OSError("full")))
    for name in ("empty", "new"):
        with pytest.raises(OSError, match="full"):
            Depot.init(tmp_path / name, Plan("decks", "cubieboard2"))
    assert not (tmp_path / "new").exists()
    assert not any((tmp_path / "empty").iterdir())


def test_without_a_git_identity_the_commit_gets_ours(git_home, tmp_path):
    (git_home / "gitconfig").write_text("")
    depot, made = Depot.init(tmp_path / "decks", Plan("decks", "cubieboard2"))
    assert made.nameless
    assert git(depot.root, "log", "-1", "--format=%ae") == FALLBACK_EMAIL


def test_what_is_no_deployment_repository(git_home, tmp_path):
    refused(tmp_path / "none", "is not a folder", "edgedeploy init")
    refused(tmp_path, "not in a git repository", "edgedeploy init")
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    refused(tmp_path / "bare.git", "not in a git repository with a work tree")
    git(tmp_path, "init", "-q", "other")
    refused(tmp_path / "other", "neither edgedeploy.toml", "--add")


def test_git_that_is_not_installed(git_home, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(tmp_path, "git is not installed", "install")


def test_detached_unborn_and_shallow(depot, tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "unborn")
    (tmp_path / "unborn/edgedeploy.toml").write_text('app = "decks"\n')
    unborn = Depot.open(tmp_path / "unborn")
    with pytest.raises(errors.BadRepository, match="no commits yet"):
        unborn.head()
    assert unborn.latest() is None
    made = commit(unborn.git, Change("first\n", {}, (), ()))
    assert unborn.head() == made.commit
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{depot.root}", "shallow")
    with pytest.raises(errors.BadRepository, match="shallow"):
        Depot.open(tmp_path / "shallow").bundle(set())
    git(depot.root, "checkout", "-q", "--detach")
    with pytest.raises(errors.BadRepository, match="detached") as caught:
        _ = depot.branch
    assert caught.value.hint == "git switch main"


def test_head_is_read_not_the_work_tree(depot, built, report):
    added = add_release(depot, built / "vmlinuz", report=report)
    (depot.root / "xen/latest").write_text("nonsense\n")
    (depot.root / "xen" / added.release / "manifest.json").write_text("{}")
    assert depot.latest() == added.release
    assert depot.manifest(added.release) == added.manifest
    assert git(depot.root, "status", "--porcelain")
    assert Depot.open(depot.root / "slides").root == depot.root


def test_bad_content_is_named(depot, built, report):
    with pytest.raises(errors.BadRepository, match="no release nope"):
        depot.manifest("nope")
    added = add_release(depot, built / "vmlinuz", report=report)
    path = depot.root / "xen" / added.release / "manifest.json"
    path.write_text(path.read_text().replace(f'"release": "{added.release}"', '"release": "other"'))
    (depot.root / "xen/latest").write_text("../../etc\n")
    git(depot.root, "commit", "-qam", "break")
    with pytest.raises(errors.BadRepository, match="is the manifest of other"):
        depot.manifest(added.release)
    with pytest.raises(errors.BadRepository, match="xen/latest"):
        depot.latest()


def test_legacy(legacy, tmp_path):
    depot = Depot.open(legacy)
    assert (depot.latest(), depot.branch) == (LEGACY_ID, "master")
    manifest = depot.manifest(depot.latest())
    assert (manifest.app, manifest.release) == ("decksopenmirageorg", LEGACY_ID)
    assert depot.app == "decksopenmirageorg"
    assert (manifest.domain.name, manifest.domain.memory_mb) == ("decksopenmirageorg", 256)
    assert manifest.domain.vifs[0].bridge == "xenbr0"
    assert (manifest.kernel.codec, manifest.kernel.size, manifest.ramdisk) == ("bz2", 6000, None)
    assert bz2.decompress(depot.artefact_bytes(LEGACY_ID, manifest.kernel)) == b"kernel" * 1000
    # not from where it lies: a clone elsewhere is the same release
    git(tmp_path, "clone", "-q", str(legacy), "elsewhere")
    assert Depot.open(tmp_path / "elsewhere").manifest(LEGACY_ID).uuid == manifest.uuid


def test_legacy_with_our_configuration(legacy):
    (legacy / "edgedeploy.toml").write_text(
        'app = "decks"\nboards=["cubieboard2"]\n[network]\naddress = "10.0.2.20/24"\n'
        '[domain]\nvm = "decksopenmirageorg"\n'
    )
    # what is not committed does not go to a board, which reads the same file there
    assert Depot.open(legacy).manifest(LEGACY_ID).app == "decksopenmirageorg"
    git(legacy, "add", "-A")
    git(legacy, "commit", "-qm", "ours")
    manifest = Depot.open(legacy).manifest(LEGACY_ID)
    assert (manifest.app, manifest.boards, manifest.domain.memory_mb) == ("decks", ("cubieboard2",), 96)
    assert (manifest.health.address, dict(manifest.health.serves)) == ("10.0.2.20", {})


def test_legacy_that_is_not_whole(legacy):
    depot = Depot.open(legacy)
    with pytest.raises(errors.BadRepository, match=r"no kernel: config\.ml"):
        depot.manifest("1" * 40)
    with pytest.raises(errors.BadRepository, match=r"has no edgedeploy\.toml"):
        _ = depot.config
    git(legacy, "rm", "-q", "xl.conf.in")
    git(legacy, "commit", "-qm", "oops")
    with pytest.raises(errors.BadRepository, match=r"neither edgedeploy\.toml nor xl\.conf\.in"):
        depot.manifest(LEGACY_ID)
    (legacy / "xen" / LEGACY_ID / "decksopenmirageorg.xen.bz2").write_bytes(bz2.compress(b"x" * 999)[:-9])
    for text, why in (
        (XL_CONF_IN, "before its end"),
        ("memory = 'lots'", "cannot be understood"),
        ("import os\n", "in:1"),
    ):
        (legacy / "xl.conf.in").write_text(text)
        git(legacy, "add", "-A")
        git(legacy, "commit", "-qm", "worse")
        with pytest.raises(errors.BadRepository, match=why):
            depot.manifest(LEGACY_ID)


def test_contents_are_looked_at_without_unpacking(legacy, depot, built, report):
    (legacy / "xen" / LEGACY_ID / "decksopenmirageorg.xen.bz2").write_bytes(b"BZh9 damaged")
    git(legacy, "commit", "-qam", "damage")
    theirs = Depot.open(legacy).contents(LEGACY_ID)
    assert (theirs.domain.memory_mb, [path.name for path in theirs.files.values()], theirs.manifest) == (
        256, ["decksopenmirageorg.xen.bz2"], None,
    )  # fmt: skip
    assert [warning.code for warning in theirs.findings.warnings] == ["on-crash"]
    added = add_release(depot, built / "vmlinuz", built / "base.cpio", report=report)
    ours = depot.contents(added.release)
    assert (ours.manifest, list(ours.files), ours.findings) == (added.manifest, ["kernel", "ramdisk"], Findings())


def test_beside_our_configuration_the_original_one_is_only_warned_about(legacy):
    (legacy / "xl.conf.in").write_text(XL_CONF_IN + "disk = ['phy:/dev/sda,xvda,w']\nmemory = 'lots'\n")
    (legacy / "edgedeploy.toml").write_text('app = "decks"\n')
    git(legacy, "add", "-A")
    git(legacy, "commit", "-qm", "both")
    depot = Depot.open(legacy)
    findings = depot.contents(LEGACY_ID).findings
    assert (findings.misfits, [warning.code for warning in findings.warnings]) == ((), ["disk"])
    assert depot.leftover("vm.xen") == findings


def pull(board, bundle):
    (board / "sent").write_bytes(bundle)
    git(board, "pull", "-q", "--ff-only", "sent", "main")
    (board / "sent").unlink()
    return git(board, "rev-parse", "HEAD")


def test_bundles(depot, built, report, tmp_path):
    first = depot.head()
    added = add_release(depot, built / "vmlinuz", report=report)
    board = tmp_path / "board"
    git(tmp_path, "init", "-q", "-b", "main", str(board))
    assert pull(board, depot.bundle(set())) == added.commit
    assert depot.bundle({depot.head()}) is None
    (built / "vmlinuz").write_bytes(os.urandom(3000))
    second = add_release(depot, built / "vmlinuz", report=report)
    part = depot.bundle({added.commit, first})
    assert len(part) < 10_000
    assert pull(board, part) == second.commit
    with pytest.raises(errors.BadRepository, match=r"has commit ffffffffffff, which .* does not have") as caught:
        depot.bundle({added.commit, "f" * 40})
    assert "another name" in caught.value.hint


@pytest.mark.parametrize("name", ["caf\xc3\x85.png", "a\u2028b.png", "page\x0ctwo.png", "fs\x1c.png", "tab\t.png", " led.png"])
def test_names_that_hold_what_python_takes_for_an_end_of_line(depot, tmp_path, name):
    (depot.root / "slides" / name).write_text("x")
    git(depot.root, "add", "-A")
    git(depot.root, "commit", "-qm", "an odd name")
    board = tmp_path / "board"
    git(tmp_path, "init", "-q", "-b", "main", str(board))
    assert pull(board, depot.bundle(set())) == depot.head()
    assert (board / "slides" / name).read_text() == "x"


@pytest.mark.parametrize("stored", [False, True])
def test_a_changed_word_goes_over_as_a_difference_though_a_release_lies_in_a_folder_of_its_own(
    depot, built, report, tmp_path, stored
):
    board = tmp_path / "board"
    git(tmp_path, "init", "-q", "-b", "main", str(board))
    (built / "base.cpio").write_bytes(cpio.pack([cpio.file("init", os.urandom(300_000), 0o755)]))
    slide = depot.root / "slides/index.html"
    slide.write_text("<h1>one</h1>")
    once = add_release(depot, built / "vmlinuz", built / "base.cpio", depot.root / "slides", report=report)
    pull(board, depot.bundle(set(), stored=stored))
    slide.write_text("<h1>two</h1>")
    again = add_release(depot, built / "vmlinuz", built / "base.cpio", depot.root / "slides", report=report)
    sent = depot.bundle({once.commit}, stored=stored)
    assert len(sent) < 5000, "the ramdisk has 300 kB that no compression makes smaller"
    assert sent == depot.bundle({once.commit}, stored=stored), "another try must send the same bytes"
    assert pull(board, sent) == again.commit


def test_bundles_of_histories_that_differ(depot, tmp_path):
    old = depot.head()
    (depot.root / "a").write_text("a")
    git(depot.root, "add", "a")
    git(depot.root, "commit", "-qm", "theirs")
    theirs = depot.head()
    git(depot.root, "reset", "-q", "--hard", old)
    with pytest.raises(errors.BadRepository, match="the board is ahead") as caught:
        depot.bundle({theirs})
    assert caught.value.hint.startswith("git merge --ff-only")
    git(depot.root, "commit", "-q", "--allow-empty", "-m", "ours")
    with pytest.raises(errors.BadRepository, match="the histories differ") as caught:
        depot.bundle({theirs})
    assert "git merge" in caught.value.hint


def test_git_s_own_words_are_kept(depot):
    with pytest.raises(errors.BadRepository, match="git cat-file failed: Not a valid object name") as caught:
        depot.git.run("cat-file", "-p", "nope")
    assert caught.value.details


def test_importing_is_quiet_without_git(tmp_path):
    import sys

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import edgedeploy.depot.repo"],
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_folder_around_one_is_not_made_one(depot, tmp_path, monkeypatch):
    around = tmp_path / "around"
    git(tmp_path, "init", "-q", str(around))
    depot.root.rename(around / "decks")
    monkeypatch.chdir(tmp_path)
    refused(around, "is a git repository, but has neither", "did you mean around/decks?")
    (around / "mail").mkdir()
    (around / "mail/edgedeploy.toml").write_text("")
    refused(around, "is a git repository, but has neither", "edgedeploy init APP --add --dir")
