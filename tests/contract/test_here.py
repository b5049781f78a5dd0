"""What a person does with a board, without one: the same flows and agent, releases as processes of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.core import cpio, cpioread, errors, names
from edgedeploy.depot import slides
from edgedeploy.depot.git import Git
from edgedeploy.lab import here
from edgedeploy.ports.report import Nobody
from tests import kernels
from tests.contract.here_board import APP, DIES, SILENT, Board, cli
from tests.guard import until


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with here.place(tmp_path) as folder:
        made = Board(folder)
        yield made
    assert not folder.exists()
    assert made.running() == []


@pytest.fixture
def live(board: Board) -> Board:
    """With the first release on air."""
    assert board.push().verdict == "live"
    return board


def test_first_push_edit_and_way_back(board: Board) -> None:
    first = board.push()
    assert (first.verdict, first.confirmed, first.runtime, first.was_on_air) == ("live", "confirmed", "unix", False)
    assert board.page() == "<h1>one</h1>"
    assert "in a folder of this computer" in board.out.getvalue()
    assert board.push().verdict == "already-live"
    board.slide("<h1>two</h1>")
    second = board.push()
    assert (second.verdict, second.swap) == ("live", "in-place")
    assert second.why_in_place == "two programs cannot answer at one address and port"
    assert board.page() == "<h1>two</h1>"
    assert len(board.running()) == 1
    assert board.rollback() == first.release
    assert board.page() == "<h1>one</h1>"
    assert board.rollback() == second.release
    assert board.log() == ["live", "live", "live", "live"]


def test_a_release_that_dies_at_its_start_gives_way_with_its_last_words(live: Board) -> None:
    live.program(DIES)
    with pytest.raises(errors.RolledBack) as caught:
        live.push()
    assert "the program ended in failure" in caught.value.message
    assert any("no slides today" in line for line in (*caught.value.details, *caught.value.more))
    assert live.page() == "<h1>one</h1>"
    with pytest.raises(errors.Quarantined):
        live.push()
    with pytest.raises(errors.RolledBack):
        live.push(retry=True)
    assert live.says()["healthy"]
    assert live.page() == "<h1>one</h1>"


def test_a_first_release_that_dies_leaves_nothing_on_air(board: Board) -> None:
    board.program(DIES)
    with pytest.raises(errors.RollbackFailed):
        board.push()
    assert board.running() == []
    board.program()
    assert board.push().verdict == "live"


def test_a_release_that_never_answers_gives_way(live: Board) -> None:
    live.configured("timeout = 20", "timeout = 1")
    live.program(SILENT)
    with pytest.raises(errors.RolledBack, match="no answer within 1 s"):
        live.push()
    assert live.page() == "<h1>one</h1>"


def test_a_release_that_serves_something_else_gives_way(live: Board) -> None:
    live.program("os.makedirs('other/www')\nopen('other/www/index.html', 'w').write('not the talk')\nos.chdir('other')\n")
    live.slide("<h1>two</h1>")
    with pytest.raises(errors.RolledBack, match="is not what was released"):
        live.push()
    assert live.page() == "<h1>one</h1>"


def test_after_a_power_cut_the_board_serves_again_by_itself(live: Board) -> None:
    live.power_cut()
    assert live.running() == []
    assert not live.says()["healthy"]
    done = live.agent("boot")
    assert done.returncode == 0, done.stderr
    assert live.page() == "<h1>one</h1>"


def test_a_process_that_was_killed_is_started_anew_by_the_next_tick(live: Board) -> None:
    (record,) = live.records()
    os.kill(record["pid"], signal.SIGKILL)
    until(lambda: not live.running(), "its supervisor has noticed")
    done = live.agent("apply", APP)
    assert done.returncode == 0, done.stderr
    assert live.page() == "<h1>one</h1>"


def test_the_board_pulls_by_itself(live: Board, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    Git(live.repo).run("clone", "--quiet", "--bare", str(live.repo), str(remote))
    config = live.layout.config
    config.write_text(config.read_text().replace('remote = ""', f'remote = "{remote}"'))
    assert live.agent("pull", APP).stdout.startswith("already-live")
    live.slide("<h1>pulled</h1>")
    assert cli(live, "release", "--repo", str(live.repo)).returncode == 0
    Git(live.repo).run("push", "--quiet", str(remote), "main")
    done = live.agent("pull", APP)
    assert done.stdout.startswith("live: "), done.stderr
    assert live.page() == "<h1>pulled</h1>"


def test_two_pushes_at_once_make_one_deployment(board: Board) -> None:
    verdicts: list[str] = []
    threads = [threading.Thread(target=lambda: verdicts.append(board.push().verdict)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) in (["already-live", "live"], ["live", "live"])
    assert len(board.running()) == 1
    assert board.log().count("live") == 1, "the other one found it on air"


def test_what_is_only_on_a_lost_laptop_is_brought_back_from_the_board(live: Board) -> None:
    shutil.rmtree(live.repo)
    done = cli(live, "fetch", APP, "again")
    assert done.returncode == 0, done.stderr
    fetched = live.folder / "again"
    assert (fetched / "slides/index.html").read_text() == "<h1>one</h1>"
    (fetched / "slides/index.html").write_text("<h1>found</h1>")
    assert live.push(fetched).verdict == "live"
    assert live.page() == "<h1>found</h1>"


def test_an_app_is_taken_off(live: Board) -> None:
    done = cli(live, "remove", APP, "--yes")
    assert done.returncode == 0, done.stderr
    assert live.running() == []
    assert not live.app.folder.exists()
    assert live.push().verdict == "live", "and put back"


def test_the_commands_of_every_day_reach_it(live: Board) -> None:
    said = cli(live, "status").stdout
    assert said.startswith(f"try  unix-host  {live.folder}  unix  ")
    assert f"on air  http://{live.address}:{live.port}/" in said
    assert "live  first start" in cli(live, "log", APP).stdout
    done = cli(live, "push", "talk", "--dry-run")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (kernels.zimage(), "is a 32-bit ARM kernel (zImage); it cannot run on unix-host"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "it cannot run on unix-host"),
        (b"#! no path\n", "it cannot run on unix-host"),
    ],
)
def test_what_is_no_program_is_refused_before_anything_is_committed(board: Board, data: bytes, said: str) -> None:
    (board.repo / "server.py").write_bytes(data)
    with pytest.raises(errors.DoesNotFit) as caught:
        board.push()
    assert said in caught.value.message
    assert not (board.repo / "xen/latest").exists()


FOREIGN = kernels.program(machine=8, order=">")
LOADER = kernels.program(
    machine={"x86_64": 62, "aarch64": 183}.get(os.uname().machine, 40), wide=os.uname().machine in ("x86_64", "aarch64"),
    interpreter="/lib/ld-none.so.1", libraries=("libnone.so.9",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "code", "laptop"),
    [
        (FOREIGN, "architecture: mips; needs", True),
        (LOADER, "interpreter: not there; needs /lib/ld-none.so.1 on the board", False),
        (b"#!/usr/bin/no-such-interpreter\n", "interpreter: not there; needs /usr/bin/no-such-interpreter", False),
    ],
)
def test_what_this_board_cannot_run_is_refused_by_laptop_and_board(live: Board, data: bytes, code: str, laptop: bool) -> None:
    """What only the board can know (`laptop` False) it refuses itself; nothing is touched by either."""
    (live.repo / "server.py").write_bytes(data)
    with pytest.raises(errors.DoesNotFit) as caught:
        live.push()
    assert any(code in line for line in caught.value.details), caught.value.details
    assert ("nothing was touched" in caught.value.message) is not laptop
    assert any(code in line for line in unseen(live).details)
    assert live.page() == "<h1>one</h1>"


def unseen(board: Board) -> errors.DoesNotFit:
    """What the board says to a release that no laptop has looked at."""
    head = names.CommitId(Git(board.repo).run("rev-parse", "HEAD").strip())
    bundle = board.folder / "all.bundle"
    Git(board.repo).run("bundle", "create", "--quiet", str(bundle), "main")
    with board.client() as client, bundle.open("rb") as file:
        digest = client.put(file, Nobody())
        with pytest.raises(errors.DoesNotFit) as refused:
            client.stage(APP, head, digest, lambda _: None, 60)
    return refused.value


def test_a_release_for_xen_is_refused_with_what_the_board_offers(live: Board) -> None:
    (live.repo / "server.py").write_bytes(kernels.linux_zimage())
    live.configured('runtime = "unix"', 'runtime = "xen"')
    live.configured('boards = ["unix-host"]', 'boards = ["virtual-armv7"]')
    live.configured('slides = "slides"', "")
    with pytest.raises(errors.DoesNotFit) as caught:
        live.push()
    assert caught.value.message == "it is released for xen, and the board offers unix"
    assert 'runtime = "unix" in edgedeploy.toml' in caught.value.hint
    assert any("runtime: the board offers unix; needs xen" in line for line in unseen(live).details)
    assert live.page() == "<h1>one</h1>"


def test_the_process_has_nothing_that_it_need_not_have(live: Board) -> None:
    (record,) = live.records()
    status = dict(line.split(":\t") for line in Path(f"/proc/{record['pid']}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    told = dict(
        pair.partition(b"=")[::2] for pair in Path(f"/proc/{record['pid']}/environ").read_bytes().split(b"\0") if pair
    )  # fmt: skip
    assert set(told) == {
        b"PATH", b"LANG", b"EDGEDEPLOY_APP", b"EDGEDEPLOY_RELEASE", b"EDGEDEPLOY_RECORD", b"ADDRESS", b"PORT",
    }  # fmt: skip
    assert told[b"PORT"] == str(live.port).encode()
    assert sorted(path.name for path in Path(f"/proc/{record['pid']}/cwd").iterdir()) == ["www"]


@pytest.mark.parametrize("links", [{"root": "/"}, {"up": "../.."}, {"deep/up": "../../../etc"}])
def test_a_link_out_of_the_slides_is_refused_by_laptop_and_board(live: Board, links: dict[str, str]) -> None:
    for name, target in links.items():
        (live.repo / "slides" / name).parent.mkdir(exist_ok=True)
        (live.repo / "slides" / name).symlink_to(target)
    with pytest.raises(errors.BadRepository, match="is a link out of the slides") as caught:
        live.push()
    assert caught.value.hint == "put a copy there in place of the link"
    with pytest.raises(ValueError, match="is a link that leads out"):
        cpioread.unpack(slides.append(cpio.pack(()), live.repo / "slides"), live.folder / "unpacked")
    assert live.page() == "<h1>one</h1>"


def test_slides_have_any_name_and_no_pipe_is_waited_for(live: Board) -> None:
    (live.repo / "slides/ä b%.html").write_text("odd")
    assert live.push().verdict == "live"
    odd = os.fsencode(live.repo / "slides") + b"/b \xff.html"
    with open(odd, "w") as file:
        file.write("odd")
    with pytest.raises(errors.UsageFault, match=r"b .*\.html has a name that is not UTF-8"):
        live.push()
    os.unlink(odd)
    os.mkfifo(live.repo / "slides/pipe")
    with pytest.raises(errors.UsageFault, match="pipe"):
        live.push()


def test_a_dry_run_touches_nothing(live: Board) -> None:
    live.slide("<h1>two</h1>")
    before = live.log()
    assert any("slides/index.html" in line for line in live.push(dry_run=True).plan)
    assert live.log() == before
    assert live.page() == "<h1>one</h1>"


def test_a_port_that_a_repository_names_itself_is_not_overruled(tmp_path: Path, board: Board) -> None:
    done = cli(board, "try", str(board.repo), "--port", "9999")
    assert done.returncode == 2
    assert "says itself on which port it is served" in done.stderr
