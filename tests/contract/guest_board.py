"""A board's folder with one app and the consoles of its guests: terminals as xenconsoled makes them, an agent that runs
as it does on a board. Only xl and xenstore-read are stand-ins."""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path

from edgedeploy.agent import config, plan, state
from edgedeploy.agent.layout import Layout
from edgedeploy.core import names
from edgedeploy.remote.attached import Attachment
from tests.attached import until
from tests.guard import USUAL_S
from tests.terminal import Tty

ROOT = Path(__file__).parents[2]
ID, DECKS = names.BoardId("00112233aabbccdd"), names.AppName("decks")
UUID = "11111111-2222-3333-4444-55555555555{}"
AGENT = """
import sys
from pathlib import Path
from functools import partial
from edgedeploy.agent import __main__ as agent, attach, board
from edgedeploy.agent.layout import Layout
attach.BACK_S = float(sys.argv[2])
board.Board = partial(board.Board, Layout(Path(sys.argv[1])))
sys.exit(agent._serve())
"""
XL = """#!/bin/sh
case $1 in list | info) exec cat {folder}/$1 ;; esac
echo "xl $*: not on this board" >&2; exit 1
"""
XENSTORE = """#!/bin/sh
domid=${{1#/local/domain/}}
exec cat {folder}/tty.${{domid%%/*}}
"""
INFO = {
    "machine": "armv7l", "xen_major": "4", "xen_minor": "17", "xen_extra": ".5", "xen_caps": "xen-3.0-armv7l ",
    "total_memory": "1024", "free_memory": "600", "nr_cpus": "2",
}  # fmt: skip
HEAD = "Name ID Mem VCPUs State Time(s) UUID Reason-Code Security-Label\nDomain-0 0 512 2 r----- 9.0 0-0 - -\n"


class GuestBoard:
    """What is below `folder`; `command` starts the agent's end of a conversation, as argv."""

    def __init__(self, folder: Path, back: float = USUAL_S) -> None:
        """`back`: seconds that a guest which ended may take to come back."""
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name, text in (("xl", XL), ("xenstore-read", XENSTORE)):
            (self.bin / name).write_text(text.format(folder=self.bin))
            (self.bin / name).chmod(0o755)
        layout = Layout(folder / "board")
        layout.config.parent.mkdir(parents=True)
        board = config.AgentConfig(
            ID, names.BoardName("cubie"), names.ProfileName("cubieboard2"), {DECKS: config.AppConfig()}
        )
        layout.config.write_text(config.render(board))
        app = layout.app(DECKS)
        app.folder.mkdir(parents=True)
        state.save(
            app.state, plan.State(good=plan.Slot("r1", UUID.format(1)), previous=plan.Slot("r0", UUID.format(0)))
        )
        program = folder / "agent.py"
        program.write_text(AGENT)
        path = f"PATH={self.bin}:{os.environ['PATH']}"
        python = ("env", path, f"PYTHONPATH={ROOT}", "PYTHONDONTWRITEBYTECODE=1", sys.executable)
        self.command = (*python, str(program), str(folder / "board"), str(back))
        (self.bin / "info").write_text("".join(f"{key}: {value}\n" for key, value in INFO.items()))
        self.nothing_runs()

    def nothing_runs(self) -> None:
        (self.bin / "list").write_text(HEAD)


class Guest:
    """A domain with its console; the slave end is nobody's but the agent's."""

    def __init__(self, bin_: Path, domid: int, release: int) -> None:
        self.bin, self.domid = bin_, domid
        self.console = Tty()
        tty.setraw(self.console.slave)
        (bin_ / f"tty.{domid}").write_text(self.console.name + "\n")
        (bin_ / "list").write_text(HEAD + f"decks {domid} 96 1 -b---- 1.0 {UUID.format(release)} - -\n")
        self.console.let_go()

    def says(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.console.master, data) :]

    def ends(self) -> None:
        (self.bin / "list").write_text(HEAD)
        self.console.close()


def echo(line: Attachment, guest: Guest, key: bytes) -> None:
    """A key goes to the guest and comes back from it."""
    assert line.write(key) == len(key)
    guest.console.until(key)
    guest.says(key)
    until(line, key)
