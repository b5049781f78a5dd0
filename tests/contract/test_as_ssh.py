"""The user's ssh is the truth: where it gets in we get in, and where it refuses a host we refuse it. ssh itself is the oracle."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.ssh import Credentials, SshTarget, SshWire, hostrules
from edgedeploy.wires.ssh.config import resolve
from edgedeploy.wires.trust import Exact
from edgedeploy.wires.userhosts import HostRules, UserKnownHosts
from tests.contract.ssh_situations import HOSTS, LOGINS, WAYS, Place, copied, sign
from tests.guard import USUAL_S, until
from tests.sshd import Sshd, keypair

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("as_ssh")
    for name in ("good", "certified", "stranger", "held", "apart", "whole", "users", "hosts", "other"):
        keypair(folder / name)
    for name, form in (("rsa", "RFC4716"), ("pem", "PEM"), ("pkcs8", "PKCS8")):
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", form, "-N", "", "-f", folder / name], check=True)
        if name != "rsa":
            copied(folder / name, folder / f"{name}_alone")
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-f", folder / "ecdsa"], check=True)
    lines = [f"TrustedUserCAKeys {folder}/users.pub"]
    sshd, stale = (
        Sshd(folder / name, *lines, f"HostCertificate {folder}/{name}/host_key-cert.pub") for name in ("sshd", "stale")
    )
    sign(folder / "hosts", sshd.host_key_file, "-h", "-n", "127.0.0.1,alias")
    sign(folder / "hosts", stale.host_key_file, "-h", "-V", "20200101:20200102")
    sign(folder / "users", folder / "certified", "-n", sshd.user)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(folder / "socket")], stdout=subprocess.DEVNULL)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(folder / "socket")}

    def says(*words: str) -> int:
        return subprocess.run(["ssh-add", *words], env=environment, capture_output=True, check=False).returncode

    try:
        with sshd, stale:
            for each in (sshd, stale):
                for name in ("good", "held", "rsa", "pem", "pkcs8", "ecdsa"):
                    each.authorize(folder / name)
            until(lambda: says("-l") == 1, "ssh-agent answers that it has no key")
            for name in ("whole", "apart"):  # the agent takes what lies beside a key when it takes the key
                assert name == "whole" or says(str(folder / name)) == 0
                sign(folder / "users", folder / name, "-n", sshd.user)
            assert says(str(folder / "stranger"), str(folder / "held"), str(folder / "whole")) == 0
            for name in ("held", "apart", "whole"):
                (folder / name).unlink()
            yield Place(folder, sshd, stale, folder / "socket")
    finally:
        agent.terminate()
        agent.wait()


@pytest.fixture(autouse=True)
def environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SSH_AUTH_SOCK": str(place.agent), "OTHER_SOCKET": str(place.agent), "OTHER": "x"}.items():
        monkeypatch.setenv(name, value)


def told_alike(place: Place, folder: Path, lines: str, *, lets_in: bool | None = None) -> None:
    """`lets_in`: what ssh itself must do, or the comparison proves nothing."""
    config = folder / "config"
    config.write_text(
        # what is meant for the board must not hold for the hop to it: it would hop for ever
        f"Host board\nBatchMode yes\nLogLevel ERROR\n{lines}\nMatch all\nBatchMode yes\nConnectTimeout 20\n"
        + f"HostName 127.0.0.1\nPort {place.sshd.port}\nUser {place.sshd.user}\n"
        + f"UserKnownHostsFile {folder}/usual\nGlobalKnownHostsFile /dev/null\nIdentityFile {place.good}\nIdentitiesOnly yes\n"
    )
    (folder / "usual").write_text(place.sshd.known_hosts_line + place.stale.known_hosts_line)
    argv = ["ssh", "-F", config, "board", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=USUAL_S)
    assert lets_in in (None, done.returncode == 0), done.stderr
    target = SshTarget("board")
    said = ""
    try:
        trust = UserKnownHosts(rules=hostrules.of(resolve(target, config)))
        with SshWire(
            target, trust, Credentials(ask=lambda prompt: pytest.fail(f"asked {prompt!r}")), config_file=config
        ) as wire:
            wire.connect()
    except errors.EdgeError as fault:
        said = f"{fault.message} {fault.details} hint: {fault.hint}"
    assert not said.endswith("hint: ")
    assert (not said) == (done.returncode == 0), f"ssh: {done.returncode} {done.stderr}; we: {said or 'got in'}"


@pytest.mark.parametrize("name", HOSTS)
def test_whom_to_trust(place: Place, tmp_path: Path, name: str) -> None:
    told_alike(
        place, tmp_path, HOSTS[name](place, tmp_path), lets_in=True if name in ("user's file", "authority") else None
    )


@pytest.mark.parametrize("name", LOGINS)
def test_what_lets_in(place: Place, tmp_path: Path, name: str) -> None:
    told_alike(
        place, tmp_path, LOGINS[name](place, tmp_path), lets_in=True if name in ("key", "certificate beside") else None
    )


@pytest.mark.parametrize("name", WAYS)
def test_through_what(place: Place, tmp_path: Path, name: str) -> None:
    python = f"#!{sys.executable}\nimport socket, sys\n"
    scripts = {
        "to": '#!/bin/sh\n[ "$1 $2" = "board 127.0.0.1" ] && exec ' + f"{tmp_path}/pipe $3\n",
        "hand": python + "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "socket.send_fds(socket.socket(fileno=1), [b'x'], [s.fileno()])\n",
        "pipe": python + "import os, threading\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "def up():\n while d := os.read(0, 65536): s.sendall(d)\n"
        "threading.Thread(target=up, daemon=True).start()\nwhile d := s.recv(65536): os.write(1, d)\n",
    }
    for script, text in scripts.items():
        (tmp_path / script).write_text(text)
        (tmp_path / script).chmod(0o755)
    told_alike(place, tmp_path, WAYS[name](place, tmp_path))


@pytest.mark.parametrize(
    ("setting", "keys"),
    [
        ("AuthenticationMethods publickey,publickey", ("good", "rsa")),
        ("AuthenticationMethods publickey,publickey", ("stranger", "rsa", "good")),
        ("AuthenticationMethods publickey,publickey", ("good",)),
        ("PasswordAuthentication yes\nAuthenticationMethods publickey,password", ("good",)),
        ("MaxAuthTries 2", ("stranger", "good")),
        ("MaxAuthTries 2", ("stranger", "other", "good")),
        ("MaxAuthTries 2", ("other", "held.pub", "stranger")),
        ("PubkeyAcceptedAlgorithms rsa-sha2-256", ("good", "rsa")),
        ("HostKeyAlgorithms ssh-ed25519", ("good",)),
    ],
)
def test_servers_that_want_more(place: Place, tmp_path: Path, setting: str, keys: tuple[str, ...]) -> None:
    with Sshd(tmp_path / "strict", setting) as sshd:
        for name in ("good", "rsa", "held"):
            sshd.authorize(place.folder / name)
        lines = "".join(f"IdentityFile {place.folder / name}\n" for name in keys)
        told_alike(replace(place, sshd=sshd), tmp_path, f"{lines}IdentitiesOnly yes")


def test_a_passphrase_is_asked_for_only_where_the_key_will_do(place: Place, tmp_path: Path) -> None:
    """And once for a key and its certificate."""
    locked = [keypair(tmp_path / name, passphrase="open") for name in ("of_no_use", "of_use")]
    sign(place.users, locked[1], "-n", place.sshd.user)
    config = tmp_path / "config"
    config.write_text("IdentityAgent none\n" + "".join(f"IdentityFile {key}\n" for key in locked))
    prompts: list[str] = []
    credentials = Credentials(ask=lambda prompt: prompts.append(prompt) or "open")
    target = SshTarget("127.0.0.1", place.sshd.port, place.sshd.user)
    with SshWire(target, Exact((place.sshd.host_key,)), credentials, config_file=config) as wire:
        wire.connect()
    assert prompts == [f"Passphrase for {locked[1]}: "]


def test_one_key_alone_may_be_the_agents(place: Place, tmp_path: Path) -> None:
    target = SshTarget("127.0.0.1", place.sshd.port, place.sshd.user)
    (tmp_path / "config").write_text(f"IdentityFile {place.good}\n")
    for name, lets_in in (("held.pub", True), ("stranger", False)):
        credentials = Credentials(identity=place.folder / name)
        wire = SshWire(target, Exact((place.sshd.host_key,)), credentials, config_file=tmp_path / "config")
        with (
            wire,
            contextlib.nullcontext() if lets_in else pytest.raises(errors.Unreachable, match="refused every way"),
        ):
            wire.connect()


def test_a_revoked_key_is_refused_even_where_ssh_takes_anything(place: Place, tmp_path: Path) -> None:
    """The one place where we are stricter: StrictHostKeyChecking no lets ssh in with a warning."""
    (tmp_path / "known").write_text(f"@revoked * {place.sshd.host_key.line}\n")
    rules = HostRules(paths=(tmp_path / "known",), strict="off")
    with pytest.raises(errors.HostKeyChanged, match="revoked"):
        UserKnownHosts(rules=rules).check("board", place.sshd.host_key)
