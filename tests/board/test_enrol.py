"""Enrolment, the push key and discovery, against the real board."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.board.stage import Stage

pytestmark = pytest.mark.board


def enrol_argv(stage: Stage) -> list[str]:
    machine = stage.machine
    return [
        "enrol", f"root@{machine.host}:{machine.port}", "--profile", "virtual-armv7", "-i", str(machine.key),
        "--known-hosts", str(machine.known_hosts), "--json",
    ]  # fmt: skip


def test_enrolling_again_changes_nothing_and_says_so(stage: Stage) -> None:
    result = json.loads(stage.ok(*enrol_argv(stage)).out)
    assert result["changes"] == []
    assert result["board_id"] in (stage.folder / "state/boards.json").read_text()


def test_a_dry_run_says_what_would_change(stage: Stage) -> None:
    stage.board("rm /etc/cron.d/edgedeploy")
    result = json.loads(stage.ok(*enrol_argv(stage), "--dry-run").out)
    assert result["changes"] == ["would write /etc/cron.d/edgedeploy (the start at boot)"]
    assert "No such file" in stage.board("ls /etc/cron.d/edgedeploy 2>&1 || true")


def test_the_push_key_forwards_nothing(stage: Stage) -> None:
    done = stage.push_key_ssh(options=("-W", "127.0.0.1:22"))
    assert done.returncode != 0
    assert b"SSH-2.0" not in done.stdout


def test_the_board_is_discovered_with_what_runs_on_it(stage: Stage) -> None:
    stage.announce()
    boards = json.loads(stage.ok("discover", "-t", "60", "--json").out)
    app = stage.status()
    board = next(b for b in boards if b["name"] == "virtual")
    assert board["apps"] == {"decks": app["release"]}
    assert board["profile"] == "virtual-armv7"
    assert board["port"] == stage.machine.port


def test_a_board_nobody_knows_is_exit_10_with_what_to_do(stage: Stage) -> None:
    done = stage.run("push", str(stage.talk), "--on", "nowhere")
    assert done.status == 10
    assert "edgedeploy discover" in done.err


def test_a_board_that_is_seen_but_not_enrolled_is_offered_enrolment(stage: Stage, tmp_path: Path) -> None:
    """A second laptop, with ordinary SSH access to the board and nothing else."""
    stage.announce()
    other, machine = Stage(tmp_path), stage.machine
    ssh = tmp_path / "home/.ssh"
    ssh.mkdir(parents=True, mode=0o700)
    (ssh / "known_hosts").write_text(machine.known_hosts.read_text())
    (ssh / "id_ed25519").write_bytes(machine.key.read_bytes())
    (ssh / "id_ed25519").chmod(0o600)
    # ssh asks the passwd database where home is, not HOME
    root, *others = Path("/etc/passwd").read_text().split("\n")
    (tmp_path / "passwd").write_text("\n".join([root.replace(":/root:", f":{tmp_path}/home:"), *others]))
    there = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', f"{tmp_path}/passwd")
    refused = other.run("push", str(stage.talk), "--on", "virtual", prefix=there)
    assert refused.status == 2, refused
    assert "is not enrolled on this laptop" in refused.err
    assert "--yes" in refused.err
    done = other.ok("push", str(stage.talk), "--on", "virtual", "--yes", prefix=there)
    assert "live on virtual" in done.out
    keys = stage.board("cat /root/.ssh/authorized_keys")
    assert keys.count('restrict,command="/usr/local/bin/edgedeploy-agent serve"') == 2, "one push key a laptop"
