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
