"""The script that asks sshd about root, below a real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.flows import doorway
from tests.contract.ssh_site import Site
from tests.contract.wire_contract import run
from tests.sshd import Sshd, keypair

pytestmark = pytest.mark.contract


def test_the_sshd_that_let_us_in_is_asked_not_the_machines(tmp_path: Path) -> None:
    key = keypair(tmp_path / "key")
    with Sshd(tmp_path / "sshd") as sshd:
        sshd.authorize(key)
        with Site(sshd, key).wire() as wire:
            said = run(wire, "sh", "-c", doorway.SCRIPT)[2].decode()
    assert f"file {tmp_path}/sshd/sshd_config" in said.splitlines()
    found = doorway.cause(said)
    assert found is not None
    assert f"AuthorizedKeysFile is {tmp_path}/sshd/authorized_keys" in found.what
    assert f"{tmp_path}/sshd/sshd_config" in found.mend
