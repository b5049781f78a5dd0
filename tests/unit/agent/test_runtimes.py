"""A board that starts guests and programs: each of them by whoever runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.agent import runtimes
from edgedeploy.agent.config import AgentConfig, parse, render
from edgedeploy.agent.hostnet import HostNetwork
from edgedeploy.agent.layout import Layout
from edgedeploy.agent.network import Bridges
from edgedeploy.agent.processes import Processes
from edgedeploy.agent.runtimes import FIRST_PROGRAM, Both, BothNetworks
from edgedeploy.agent.xen import Xl
from edgedeploy.core import errors, names
from tests.guard import until
from tests.unit.agent.model import ID, ModelXen

UUID = "00000000-0000-5000-8000-00000000000"
GUEST = 'name = "decks"\nuuid = "{uuid}"\nkernel = "{kernel}"\nmemory = 96\nextra = "edgedeploy.release=r1"\n'


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Both, ModelXen]]:
    xen = ModelXen()
    made = Both(xen, Processes(tmp_path / "run", first=FIRST_PROGRAM))
    yield made, xen
    made.end(made.domains(), tmp_path, ())
    xen.close()


def configs(folder: Path) -> tuple[Path, Path]:
    """A guest's and a program's."""
    (folder / "kernel").write_bytes(b"kernel")
    guest, program = folder / f"{UUID}1.cfg", folder / f"{UUID}2.cfg"
    guest.write_text(GUEST.format(uuid=guest.stem, kernel=folder / "kernel"))
    said = {
        "name": "web", "uuid": program.stem, "memory_mb": 16, "program": sys.executable, "arguments": ["-c", "input()"], "ramdisk": "",
        "env": {}, "app": "web", "port": 8080,
    }  # fmt: skip
    program.write_text(json.dumps(said))
    return guest, program


def test_each_is_started_stopped_and_ended_by_whoever_runs_it(both: tuple[Both, ModelXen], tmp_path: Path) -> None:
    made, xen = both
    for config in configs(tmp_path):
        made.validate(config)
        made.create(config)
    guest, program = made.domains()
    assert (guest.name, program.name) == ("decks", "web")
    assert guest.domid < FIRST_PROGRAM < program.domid
    for one in (guest, program):
        made.pause(one.domid)
    until(lambda: all(one.paused for one in made.domains()), "both are stopped")
    made.unpause(program.domid)
    made.rename(program.domid, "site")
    until(lambda: [(one.name, one.paused) for one in made.domains()] == [("decks", True), ("site", False)], "one goes on")
    assert made.console(program.domid)
    assert made.console(guest.domid) is None
    made.prefer(guest.domid)
    assert xen.preferred == ["r1"]
    assert made.watched(tmp_path) == {guest.uuid}
    assert made.macs(program.domid) == set()
    assert made.info()["xen_major"] == "4"
    made.end([program], tmp_path, {program.uuid})
    assert [one.name for one in made.domains()] == ["decks"]
    made.end([guest], tmp_path, ())
    assert made.domains() == []


def test_a_program_is_never_off_the_air_and_a_guest_is_where_its_network_says_so() -> None:
    xen = ModelXen()
    xen.network.off = {3}
    net = BothNetworks(xen.network, HostNetwork())
    assert net.script == xen.network.script
    assert [net.off_air(number) for number in (2, 3, FIRST_PROGRAM + 1)] == [False, True, False]
    net.take_off(FIRST_PROGRAM + 1)
    assert xen.calls == []
    net.take_off(2)
    assert xen.calls == ["take off"]
    xen.close()


@pytest.mark.parametrize(
    ("said", "runtime", "network"),
    [(("xen",), Xl, Bridges), (("unix",), Processes, HostNetwork), (("xen", "unix"), Both, BothNetworks)],
)
def test_a_board_has_what_its_configuration_names(
    said: tuple[str, ...], runtime: type, network: type, tmp_path: Path
) -> None:
    config = AgentConfig(ID, names.BoardName("stage"), names.ProfileName("cubieboard2"), runtimes=said)
    assert parse(render(config), "agent.toml") == config
    assert ("runtimes" in render(config)) is (said != ("xen",)), "what every board says it need not say"
    made = runtimes.of(Layout(tmp_path), said)
    assert (type(made[0]), type(made[1])) == (runtime, network)
    assert made[0].names == said


@pytest.mark.parametrize("words", ["", "docker", "xen docker"])
def test_what_no_board_can_start_is_refused(words: str) -> None:
    text = f'[board]\nid = "{ID}"\nname = "stage"\nprofile = "cubieboard2"\nruntimes = "{words}"\n'
    with pytest.raises(errors.BadConfig, match="runtimes"):
        parse(text, "agent.toml")
