"""What the author sees at home and the audience would not: told when it is released, by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.flows import release as releasing
from tests.unit.depot.conftest import depot, git, git_home, report
from tests.unit.flows.test_uptodate import talk

__all__ = ["depot", "git_home", "report", "talk"]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{:064d}\nsize 48213\n"


def warnings(talk: Path, report, *, force: bool = False) -> str:
    releasing.make(releasing.Request(talk, force=force), report=report)
    said = [line for line in report.lines if line.startswith("warning")]
    report.lines.clear()
    return "\n".join(said)


def put_in(talk: Path, name: str, *, into: str) -> None:
    """A repository of its own, with one file."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(talk / into)], check=True, timeout=60)
    (talk / into / name).write_text("css")
    git(talk / into, "add", "-A")
    git(talk / into, "commit", "-qm", "theme")


@pytest.mark.parametrize("names", [["logo.png"], ["a.png", "pics/b.jpg", "c d.mp4", "e.svg"]])
def test_the_pointers_of_git_lfs_are_no_pictures(talk, report, names):
    for number, name in enumerate(names):
        (talk / "slides" / name).parent.mkdir(exist_ok=True)
        (talk / "slides" / name).write_text(POINTER.format(number))
    with pytest.raises(errors.BadRepository, match=f"slides/{names[0]}.* of git-lfs") as caught:
        releasing.make(releasing.Request(talk), report=report)
    assert "git lfs pull" in caught.value.hint
    assert ("and 1 more" in caught.value.message) == (len(names) > 3)
    assert "git-lfs" in warnings(talk, report, force=True), "whoever insists may"


def test_a_page_that_speaks_of_lfs_is_no_pointer(talk, report):
    (talk / "slides/lfs.html").write_text("<pre>" + POINTER.format(1))
    (talk / "slides/long.txt").write_text(POINTER.format(1) + "x" * 1024)
    assert warnings(talk, report) == ""


def test_a_submodule_that_was_never_checked_out_is_named(talk, report, tmp_path):
    put_in(tmp_path, "theme.css", into="theme")
    git(
        talk, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "theme"), "slides/theme"
    )
    git(talk, "commit", "-qm", "with a theme")
    assert "slides/theme is a repository of its own" in warnings(talk, report), "checked out, it is on air"
    git(talk, "submodule", "--quiet", "deinit", "-f", "slides/theme")
    with pytest.raises(errors.BadRepository, match="submodule slides/theme is not checked out") as caught:
        releasing.make(releasing.Request(talk), report=report)
    assert "git submodule update --init slides/theme" in caught.value.hint


@pytest.mark.parametrize("where", ["slides/theme", "slides/deep/er/theme"])
def test_a_repository_put_into_the_slides_is_named(talk, report, where):
    put_in(talk, "theme.css", into=where)
    assert f"{where} is a repository of its own" in warnings(talk, report)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("../guest/vmlinuz", "slides/link is a link out of the slides (../guest/vmlinuz)"),
        ("/etc/hostname", "slides/link is a link out of the slides (/etc/hostname)"),
        ("nothing", "slides/link is a link to nothing, which is not there"),
        ("index.html", ""),
        ("../slides/index.html", ""),
    ],
)
def test_a_link_that_leads_nowhere_in_the_guest_is_named(talk, report, target, said):
    (talk / "slides/link").symlink_to(target)
    told = warnings(talk, report)
    assert said in told
    assert bool(told) == bool(said)
