"""A board that is this machine: the real agent, git and processes, and a deployment repository beside it. No hypervisor."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from edgedeploy.agent import supervisor
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.agent.processes import Processes
from edgedeploy.core import names
from edgedeploy.core.board import HOST
from edgedeploy.depot import sample
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import adapters, ask, push
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.flows.push_result import Result
from edgedeploy.lab import here
from edgedeploy.profiles import catalog
from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui.plain_report import PlainReport
from edgedeploy.wires.local import LocalWire

APP = names.AppName("talk")
DIES = "print('no slides today', flush=True)\nraise SystemExit(3)\n"
SILENT = "import time\ntime.sleep(3600)\n"


_numbers = itertools.count(1)


def address() -> str:
    """One of this machine's own that no other test, here or in another process, has: its 127.0.0.0/8 has enough."""
    number = os.getpid() << 8 | next(_numbers) % 255
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Board:
    """`folder` is what there is of it; `repo` what is pushed to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, io.StringIO()
        self.layout = Layout(folder / "board")
        self.address, self.port = address(), 8080
        files = {**sample.files(APP, self.address, self.port), PurePosixPath("slides/index.html"): b"<h1>one</h1>"}
        self.repo = Depot.begin(folder / "talk", APP, files)[0].root
        self.known = KnownBoards(folder / "laptop")
        self.id = here.enrolled(folder, names.BoardName("try"))
        self.known.remember(
            KnownBoard(self.id, names.BoardName("try"), names.ProfileName(HOST), "", ("localhost",), 22, folder=str(folder))
        )

    @property
    def app(self) -> AppLayout:
        return self.layout.app(APP)

    def context(self) -> Context:
        report = PlainReport(self.out)
        connect = adapters.over_ssh(self.folder / "laptop")
        return Context(self._browse, connect, self.known, lambda *_: None, report, "anna@laptop", self.folder / "laptop")

    def _browse(self, *_: object) -> list[Any]:
        raise AssertionError("what is on this computer is not looked for on the network")

    def push(self, repo: Path | None = None, **how: Any) -> Result:
        def offer(found: Found) -> None:
            raise AssertionError(found)

        request = push.Request(repo or self.repo, Wanted(), **how)
        return push.push(request, self.context(), catalog.load_all(), offer)

    def rollback(self, release: str = "") -> str:
        wanted = names.ReleaseId(release) if release else None
        return ask.rollback(Wanted(app=APP), APP, wanted, self.context())[1].running

    def says(self) -> dict[str, Any]:
        """Of the app, as `status` has it."""
        answer = ask.status(Wanted(), self.context()).status
        assert answer
        return dict(answer.apps[APP])

    def log(self) -> list[str]:
        """Verdicts, the oldest first."""
        records = ask.log(Wanted(app=APP), APP, 50, self.context())[1]
        return [record.get("outcome", {}).get("verdict", "refused") for record in records]

    def slide(self, text: str) -> None:
        (self.repo / "slides/index.html").write_text(text)

    def program(self, *first: str) -> None:
        """The sample's server, with these lines before it begins to serve."""
        text = sample.files(APP, self.address, self.port)[PurePosixPath("server.py")].decode()
        (self.repo / "server.py").write_text(text.replace("class Quiet", "".join(first) + "\n\nclass Quiet"))

    def configured(self, old: str, new: str) -> None:
        file = self.repo / "edgedeploy.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def page(self) -> str:
        with urllib.request.urlopen(f"http://{self.address}:{self.port}/", timeout=60) as answer:
            return str(answer.read().decode())

    def agent(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """A command typed on the board."""
        command = [*here.command(self.folder, agentkit.build()), *argv]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=600)

    @contextlib.contextmanager
    def client(self) -> Iterator[AgentClient]:
        with LocalWire(here.command(self.folder, agentkit.build())) as wire, AgentClient(wire) as client:
            yield client

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in self.layout.processes.glob("*.json")]

    def power_cut(self) -> None:
        """All that runs is gone in the middle of whatever it does, and what need not outlive a reboot."""
        for record in self.records():
            doomed = [record["supervisor"], *supervisor.descendants(record["supervisor"])]
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for path in sorted((self.layout.root / "run").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def running(self) -> list[str]:
        """UUIDs of what is alive."""
        return [domain.uuid for domain in Processes(self.layout.processes).domains() if not domain.dead]


def cli(board: Board, *argv: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a person in another terminal types it."""
    env = {**os.environ, "EDGEDEPLOY_STATE_DIR": str(board.folder / "laptop"), "EDGEDEPLOY_CONFIG_DIR": str(board.folder / "laptop")}
    command = [sys.executable, "-m", "edgedeploy", *argv]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=board.folder, check=False, timeout=600)
