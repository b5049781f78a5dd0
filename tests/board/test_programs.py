"""A program beside the guests of a board of Xen: enrolled for both, each pushed, seen and taken off."""

from __future__ import annotations

import json

import pytest

from tests.board.stage import TITLE, Stage, get
from tests.board.test_enrol import enrol_argv

pytestmark = pytest.mark.board
SERVER = """#!/usr/bin/python3 -IS
import functools, http.server, os
pages = functools.partial(http.server.SimpleHTTPRequestHandler, directory="www")
http.server.ThreadingHTTPServer((os.environ["ADDRESS"], int(os.environ["PORT"])), pages).serve_forever()
"""
ASK = "python3 -c \"import urllib.request as u; print(u.urlopen('http://{address}:{port}/').read().decode())\""


def made(stage: Stage, board: str) -> str:
    """A release of a program that serves a page, in the folder `site`; returns the address that it is to answer at."""
    address = str(json.loads(stage.board("ip -j -4 addr show dev xenbr0"))[0]["addr_info"][0]["local"])
    stage.ok("init", "site", "--runtime", "unix", "--slides", "--address", f"{address}/24", "--board", board)
    toml = stage.folder / "site/edgedeploy.toml"
    toml.write_text(toml.read_text().replace("port = 8080", "port = 81").replace("timeout = 30", "timeout = 600"))
    (stage.folder / "site/server").write_text(SERVER)
    stage.ok("release", "site/server", "--repo", "site", "--slides", "site/slides")
    return address


def edited(stage: Stage, words: str) -> None:
    page = stage.folder / "site/slides/index.html"
    page.write_text(page.read_text().replace("<h1>site</h1>", words))


def test_a_board_of_xen_also_runs_programs_where_it_is_enrolled_for_them(stage: Stage) -> None:
    ask = ASK.format(address=made(stage, "virtual-armv7"), port=81)
    refused = stage.run("push", "site", "--on", "virtual")
    assert refused.status == 20, refused
    assert "it is released for unix, and the board offers xen" in refused.err

    result = json.loads(stage.ok(*enrol_argv(stage), "--runtime", "xen", "--runtime", "unix").out)
    assert any("agent.toml" in change for change in result["changes"])
    done = stage.ok("push", "site", "--on", "virtual")
    assert "is live on virtual; first start" in done.out
    assert "checked: it runs, and the board got its 2 pages" in done.out
    assert "<h1>site</h1>" in stage.board(ask)
    apps = json.loads(stage.ok("status", "--json").out)["apps"]
    assert {name: app["healthy"] for name, app in apps.items()} == {"decks": True, "site": True}
    assert TITLE in get(stage.url())
    _may_only_listen(stage)

    edited(stage, "<h1>edited</h1>")
    assert "outage" in stage.ok("push", "site", "--on", "virtual").out
    assert "<h1>edited</h1>" in stage.board(ask)
    stage.ok("rollback", "site", "--on", "virtual")
    assert "<h1>site</h1>" in stage.board(ask)
    stage.edit("beside a program")
    assert "is live on virtual; outage none" in stage.ok("push", str(stage.talk), "--on", "virtual").out
    stage.ok("remove", "site", "--on", "virtual", "--yes")
    assert sorted(json.loads(stage.ok("status", "--json").out)["apps"]) == ["decks"]
    assert stage.board("ls /run/edgedeploy/processes | grep json || true") == ""


def _may_only_listen(stage: Stage) -> None:
    record = json.loads(stage.board("cat /run/edgedeploy/processes/*.json"))
    status = dict(line.split(":\t") for line in stage.board(f"cat /proc/{record['pid']}/status").splitlines() if ":\t" in line)
    assert int(status["Uid"].split()[0]) >= 61184
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 1 << 10, "port 81 is below 1024, and that is all"
    assert status["NoNewPrivs"] == "1"


def test_a_machine_without_xen_is_enrolled_for_programs(stage: Stage) -> None:
    """The board, without Xen's tools: what is left of it is a Debian machine with ssh, git and cron."""
    stage.board('mv "$(command -v xl)" /root/xl-is-away')
    ask = ASK.format(address=made(stage, "unix-host"), port=81)
    argv = [word for word in enrol_argv(stage) if word not in ("--profile", "virtual-armv7")]
    refused = stage.run(*argv, "--profile", "virtual-armv7", "--runtime", "xen")
    assert refused.status == 21, refused
    assert "this board has no xl" in refused.err
    result = json.loads(stage.ok(*argv, "--runtime", "unix").out)
    assert result["profile"] == "unix-host"
    assert json.loads(stage.ok(*argv).out)["changes"] == [], "and again, without a word of it"
    stage.board("edgedeploy-agent remove decks")
    assert "is live on virtual; first start" in stage.ok("push", "site").out
    assert "<h1>site</h1>" in stage.board(ask)
    assert stage.ok("status").out.startswith("virtual  unix-host  ")
    stage.board("pkill -KILL -f 'agent import [s]upervisor'; edgedeploy-agent boot")
    assert "<h1>site</h1>" in stage.board(ask)
