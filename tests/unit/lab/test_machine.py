import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import board, console, folders, identity, machine, ports, process, ssh, tools
from tests import commandlines


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "cache"))


def record(name: str) -> board.Machine:
    folder = folders.machines() / name
    folder.mkdir(parents=True)
    made = board.Machine(name, folder, "127.0.0.1", 2222, {"10.0.2.20:80": "127.0.0.1:8081"}, "user", "abc")
    (folder / "machine.json").write_text(json.dumps(made.as_dict()))
    return made


def test_folders_can_be_moved_by_the_environment(tmp_path: Path) -> None:
    assert folders.machines() == tmp_path / "state" / "lab"
    assert folders.cache() == tmp_path / "cache"


def test_a_record_reads_back() -> None:
    made = record("virtual")
    assert machine.load("virtual") == made
    assert machine.list_machines() == [made]
    assert made.url() == "http://127.0.0.1:8081/"
    assert made.url("10.0.2.23:80") == "http://10.0.2.23:80/", "on a tap a guest is reached directly"


def test_a_board_never_made_is_no_such_board() -> None:
    record("other")
    with pytest.raises(errors.NoSuchBoard, match="there is other"):
        machine.status("virtual")
    with pytest.raises(errors.NoSuchBoard):
        machine.down("virtual")


def test_without_a_name_it_is_the_only_board_there_is() -> None:
    def meant(command: str) -> str:
        return str(commandlines.parsed(f"edgedeploy lab {command}").params["name"])

    assert meant("console") == meant("up") == "virtual"
    (record("own").folder / "machine.json").write_text("{")
    assert meant("console") == meant("cable") == "own", "its record may be damaged"
    assert meant("up") == "virtual", "which is how one makes a second"
    record("demo")
    assert meant("console") == "virtual"


def test_a_damaged_record_says_so() -> None:
    made = record("virtual")
    (made.folder / "machine.json").write_text("{")
    with pytest.raises(errors.UsageFault, match="damaged"):
        machine.load("virtual")


@pytest.mark.parametrize("name", ["", "../x", "-x", "x-", "A", "a" * 33, "a.b"])
def test_names_that_are_no_host_names_are_refused(name: str) -> None:
    with pytest.raises(errors.UsageFault, match="not a name"):
        machine.load(name)


def test_down_can_forget_a_board() -> None:
    made = record("virtual")
    assert machine.down("virtual", delete=True) is False
    assert not made.folder.exists()


def test_ports_are_distinct_free_and_kept_where_possible() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        first = ports.choose(["a", "b"], {"a": busy})
    assert len(set(first.values())) == 2
    assert busy not in first.values()
    assert ports.choose(["a", "b"], first) == first


def test_ssh_pins_the_host_key_and_ignores_the_users_settings(tmp_path: Path) -> None:
    argv = ssh.argv(tmp_path, "127.0.0.1", 2222, ["xl", "list"])
    assert argv[:3] == ["ssh", "-F", "none"]
    assert "StrictHostKeyChecking=yes" in argv
    assert f"UserKnownHostsFile={tmp_path}/known_hosts" in argv
    assert argv[-3:] == ["root@127.0.0.1", "xl", "list"]


def test_the_injection_script_replaces_files_and_sets_modes(tmp_path: Path) -> None:
    script = identity.script([identity.Injection(tmp_path / "k", "/etc/k", 0o600)])
    assert script.splitlines() == [
        "rm /etc/k",
        f'write "{tmp_path}/k" /etc/k',
        "set_inode_field /etc/k mode 0100600",
        "set_inode_field /etc/k uid 0",
        "set_inode_field /etc/k gid 0",
    ]


def test_known_hosts_names_the_board_and_not_the_comment(tmp_path: Path) -> None:
    (tmp_path / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAA a comment\n")
    assert identity.known_hosts(tmp_path, ["[127.0.0.1]:22"]) == "[127.0.0.1]:22 ssh-ed25519 AAAA\n"


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "environment", lambda: {"PATH": "/nonexistent"})
    with pytest.raises(errors.UsageFault, match="qemu-system-arm, debugfs") as caught:
        tools.require(["qemu-system-arm", "debugfs"])
    assert caught.value.hint.endswith("e2fsprogs qemu-system-arm")


def test_a_failed_program_brings_its_last_words() -> None:
    with pytest.raises(errors.BoardFault, match="cannot do it") as caught:
        tools.run(["sh", "-c", "echo it is broken >&2; exit 3"], what="do it")
    assert "it is broken" in caught.value.details


def sleeper(folder: Path) -> int:
    return process.start(folder, [sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_process_is_found_again_and_ended(tmp_path: Path) -> None:
    pid = sleeper(tmp_path)
    assert process.running(tmp_path) == pid
    assert process.stop(tmp_path) is True
    assert process.running(tmp_path) is None
    assert process.stop(tmp_path) is False


def test_somebody_elses_process_with_our_pid_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / process.PID).write_text(f"{other.pid} 1\n")
        assert process.running(tmp_path) is None
        assert process.stop(tmp_path) is False
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_that_ended_by_itself_is_not_running(tmp_path: Path) -> None:
    process.start(tmp_path, [sys.executable, "-c", ""])
    assert process.wait(tmp_path, Deadline.after(10))


@pytest.mark.parametrize("text", ["", "x", "1 2 3", "0 "])
def test_a_damaged_pid_file_is_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / process.PID).write_text(text)
    assert process.running(tmp_path) is None


def test_sockets_are_reached_through_long_paths(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    server = socket.socket(socket.AF_UNIX)
    before = os.getcwd()
    os.chdir(folder)
    try:
        server.bind("serial.sock")
    finally:
        os.chdir(before)
    server.listen()
    with server, process.connect(folder, "serial.sock") as client:
        served, _ = server.accept()
        with served:
            console.send(client, b"x" * 40)
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: served.recv(100), b"")) == b"x" * 40


def test_ctrl_bracket_leaves_the_console() -> None:
    assert console.until_escape(b"ls\r") == (b"ls\r", False)
    assert console.until_escape(b"ls\x1d\r") == (b"ls", True)


def test_the_console_of_a_board_that_is_off_says_so(tmp_path: Path) -> None:
    with pytest.raises(errors.BoardFault, match="is off"):
        console.attach(tmp_path, "virtual")
