"""Which of the board's own scripts puts a guest's port on its bridge."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgedeploy.agent import vif_hotplug


@pytest.mark.parametrize(
    ("conf", "called"),
    [
        ('vif.default.script="vif-plain"\n', "vif-plain"),
        ("  vif.default.script = 'vif-plain' # quick\n", "vif-plain"),
        ('#vif.default.script="vif-plain"\nvif.default.bridge="xenbr0"\n', "vif-bridge"),
        ('vif.default.script="vif-lost"\n', "vif-bridge"),
        ('vif.default.script="vif-edgedeploy"\n', "vif-bridge"),
        ('vif.default.script="HERE/scripts/vif-edgedeploy"\n', "vif-bridge"),
        ('vif.default.script="HERE/own"\n', "own"),
        ('vifscript="vif-plain"\n', "vif-plain"),
        ('vif.script="vif-plain"\n', "vif-bridge"),
        ("", "vif-bridge"),
        (None, "vif-bridge"),
    ],
)
def test_the_boards_default_script_is_called_and_else_vif_bridge(tmp_path: Path, conf: str | None, called: str) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/vif-plain", "scripts/vif-bridge", "own", "xenstore-read"):
        (tmp_path / name).write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "scripts/vif-edgedeploy"
    script.write_bytes(vif_hotplug.TEXT)
    script.chmod(0o755)
    if conf is not None:
        (tmp_path / "xl.conf").write_text(conf.replace("HERE", str(tmp_path)))
    ran = subprocess.run(
        [str(script), "online", "type_if=vif"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "XENBUS_PATH": "backend/vif/7/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == (f"{called} online type_if=vif\n", "")


@pytest.mark.parametrize(
    ("bridge", "conf", "called"),
    [("ovsbr0", "", "vif-openvswitch"), ("xenbr0", "", "vif-bridge"), ("ovsbr0", 'vif.default.script="vif-plain"', "vif-plain")],
)
def test_a_port_of_open_vswitch_gets_the_script_that_knows_it(tmp_path: Path, bridge: str, conf: str, called: str) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/ovsbr0.mgmt").touch()
    for name in ("vif-plain", "vif-bridge", "vif-openvswitch"):
        (tmp_path / "scripts" / name).write_text('#!/bin/sh\necho "${0##*/} $*"\n')
    (tmp_path / "xenstore-read").write_text(f"#!/bin/sh\ncase $1 in */bridge) echo {bridge} ;; esac\n")
    script = tmp_path / "scripts/vif-edgedeploy"
    script.write_bytes(vif_hotplug.TEXT.replace(b"/run/openvswitch", str(tmp_path / "run").encode()))
    (tmp_path / "xl.conf").write_text(conf)
    for path in (*(tmp_path / "scripts").iterdir(), tmp_path / "xenstore-read"):
        path.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "XENBUS_PATH": "backend/vif/7/0"}
    ran = subprocess.run([str(script), "online"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == (f"{called} online\n", "")
