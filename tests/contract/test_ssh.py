"""The SSH wire keeps the contract, against a real OpenSSH server on the loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgedeploy.core import errors
from edgedeploy.ports.wire import Stream
from edgedeploy.wires.ssh import Credentials, SshTarget, SshWire, heartbeat
from edgedeploy.wires.trust import Exact, Pinned, Pins
from edgedeploy.wires.userhosts import HostRules, UserKnownHosts
from tests.contract.ssh_site import Site
from tests.contract.wire_contract import PATIENCE, WireContract, opened, run, transfer_both_ways, write_on
from tests.guard import until
from tests.sshd import Sshd, keypair, public, reserved

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sshd")
    key = keypair(folder / "key")
    with Sshd(folder) as sshd:
        sshd.authorize(key)
        yield Site(sshd, key)


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """For tests that hurt the server."""
    key = keypair(tmp_path / "key")
    with Sshd(tmp_path / "sshd") as sshd:
        sshd.authorize(key)
        yield Site(sshd, key)


def no_question(prompt: str) -> str | None:
    raise AssertionError(f"asked {prompt!r} although a key works")


class TestSsh(WireContract):
    @pytest.fixture
    def wire(self, site: Site) -> Iterator[SshWire]:
        with site.wire() as wire:
            yield wire

    def test_the_host_key_is_known_after_connecting(self, wire: SshWire, site: Site) -> None:
        assert wire.host_key == site.sshd.host_key

    def test_a_thread_per_stream(self, wire: SshWire) -> None:
        whole: list[int] = []

        def work_on(number: int) -> None:
            transfer_both_ways(wire, 300_000)
            whole.append(number)

        work = [threading.Thread(target=work_on, args=(number,)) for number in range(4)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(PATIENCE)
        assert sorted(whole) == [0, 1, 2, 3]


# who answers


def test_pinned_board_by_id_not_by_address(site: Site, tmp_path: Path) -> None:
    pins = Pins(tmp_path / "config" / "known_boards")
    with site.wire(UserKnownHosts(confirm=lambda _host, _print: True, rules=HostRules(paths=()))) as first:
        pins.pin("edgedeploy-00112233aabbccdd", first.host_key)
    with site.wire(Pinned("edgedeploy-00112233aabbccdd", pins)) as wire:
        assert run(wire, "echo", "pinned")[2] == b"pinned\n"


def test_changed_host_key_is_exit_code_12_with_both_fingerprints(own_site: Site, tmp_path: Path) -> None:
    pins = Pins(tmp_path / "pins")
    old = own_site.sshd.host_key
    pins.pin("edgedeploy-b", old)
    own_site.sshd.new_host_key()
    with own_site.wire(Pinned("edgedeploy-b", pins)) as wire, pytest.raises(errors.HostKeyChanged) as changed:
        wire.open(["true"])
    assert changed.value.exit_code == 12
    assert old.fingerprint in changed.value.message
    assert own_site.sshd.host_key.fingerprint in changed.value.message
    assert "enrol" in changed.value.hint
    shown = subprocess.run(
        ["ssh-keygen", "-lf", own_site.sshd.host_key_file], capture_output=True, text=True, check=True
    )
    assert own_site.sshd.host_key.fingerprint in shown.stdout


def test_changed_key_in_the_users_known_hosts(own_site: Site, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(own_site.sshd.known_hosts_line)
    with own_site.wire(UserKnownHosts(rules=HostRules(paths=(known,)))) as wire:
        wire.connect()
    own_site.sshd.new_host_key()
    with own_site.wire(UserKnownHosts(rules=HostRules(paths=(known,)))) as wire, pytest.raises(errors.HostKeyChanged) as changed:
        wire.connect()
    assert f"ssh-keygen -R '[127.0.0.1]:{own_site.sshd.port}'" in changed.value.hint


def test_unknown_host_key_is_refused_when_nobody_confirms(site: Site) -> None:
    with site.wire(UserKnownHosts(rules=HostRules(paths=()))) as wire, pytest.raises(errors.Unreachable) as refused:
        wire.open(["true"])
    assert site.sshd.host_key.fingerprint in refused.value.message
    assert refused.value.hint


def test_first_contact_asks_with_the_fingerprint(site: Site) -> None:
    asked = []
    trust = UserKnownHosts(confirm=lambda *words: bool(asked.append(words)), rules=HostRules(paths=()))
    with site.wire(trust) as wire, pytest.raises(errors.Unreachable):
        wire.connect()
    assert asked == [(f"[127.0.0.1]:{site.sshd.port}", site.sshd.host_key.fingerprint)]


@pytest.mark.parametrize("strict", ["ask", "accept-new", "off", "yes"])
def test_a_key_that_an_enrolment_pinned_is_not_asked_for_again(own_site: Site, strict: str) -> None:
    told: list[str] = []
    rules = HostRules(paths=(), strict=strict)
    trust = UserKnownHosts(rules=rules, warn=told.append, pinned=[own_site.sshd.host_key])
    if strict == "yes":  # then the user's own files decide, and nothing else
        with own_site.wire(trust) as wire, pytest.raises(errors.Unreachable, match="is unknown"):
            wire.connect()
        return
    with own_site.wire(trust) as wire:
        wire.connect()
    assert told == []
    own_site.sshd.new_host_key()
    if strict == "ask":
        with own_site.wire(trust) as wire, pytest.raises(errors.Unreachable, match="is unknown"):
            wire.connect()


def test_a_known_rsa_key_is_asked_for(tmp_path: Path) -> None:
    key = keypair(tmp_path / "key")
    extra = keypair(tmp_path / "second_host_key", "rsa")
    with Sshd(tmp_path / "sshd", f"HostKey {extra}") as sshd:
        sshd.authorize(key)
        with Site(sshd, key).wire(Exact.line(public(extra))) as wire:
            assert wire.host_key.kind == "ssh-rsa"


# how we get in


def test_forced_command(own_site: Site, tmp_path: Path) -> None:
    push_key = keypair(tmp_path / "push")
    own_site.sshd.authorize(push_key, 'restrict,command="echo forced; cat"')
    with own_site.wire(credentials=Credentials(key_file=push_key)) as wire:
        assert run(wire, "anything", "else", data=b"data") == (0, b"", b"forced\ndata")


def test_explicit_key_that_is_refused_asks_nothing(site: Site, tmp_path: Path) -> None:
    stranger = keypair(tmp_path / "stranger")
    credentials = Credentials(key_file=stranger, ask=no_question)
    with site.wire(credentials=credentials) as wire, pytest.raises(errors.Unreachable) as refused:
        wire.open(["true"])
    assert "refused" in refused.value.message
    assert str(stranger) in " ".join(refused.value.details)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_every_kind_of_key_by_ssh_config(own_site: Site, tmp_path: Path, kind: str) -> None:
    key = keypair(tmp_path / "by_config", kind)
    own_site.sshd.authorize(key)
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Include {tmp_path}/more\nHost board\n HostName 127.0.0.1\n Port {own_site.sshd.port}\n"
        f" User {own_site.sshd.user}\n HostKeyAlias some-alias\n"
    )
    (tmp_path / "more").write_text(f"Host board\n IdentityFile {key}\n")
    known = tmp_path / "known_hosts"
    known.write_text(f"some-alias {own_site.sshd.host_key.line}\n")
    trust = UserKnownHosts(rules=HostRules(paths=(known,)))
    with SshWire(SshTarget("board"), trust, Credentials(ask=no_question), config_file=config) as wire:
        assert run(wire, "echo", "in")[2] == b"in\n"


def config_for(sshd: Sshd, path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["Host 127.0.0.1", f"  User {sshd.user}", *(f"  {line}" for line in lines)]) + "\n")
    return path


def test_agent_key(own_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keypair(tmp_path / "in_agent")
    own_site.sshd.authorize(key)
    sock = tmp_path / "a"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
        until(lambda: _agent_says("-l") == 1, "ssh-agent answers that it has no key")
        subprocess.run(["ssh-add", "-q", str(key)], check=True, stderr=subprocess.DEVNULL)
        for path in (key, Path(f"{key}.pub")):
            path.unlink()
        config = config_for(own_site.sshd, tmp_path / "config", f"IdentityFile {tmp_path}/none")
        with own_site.wire(credentials=Credentials(ask=no_question), config_file=config) as wire:
            assert run(wire, "echo", "in")[2] == b"in\n"
    finally:
        agent.terminate()
        agent.wait()


def test_locked_key_asks_for_its_passphrase_again_when_it_is_wrong(own_site: Site, tmp_path: Path) -> None:
    key = keypair(tmp_path / "locked", passphrase="correct horse")
    own_site.sshd.authorize(key)
    config = config_for(own_site.sshd, tmp_path / "config", f"IdentityFile {key}")
    answers = iter(["wrong", "correct horse"])
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(answers)

    with own_site.wire(credentials=Credentials(ask=ask), config_file=config) as wire:
        assert run(wire, "echo", "in")[2] == b"in\n"
    assert prompts == [f"Passphrase for {key}: "] * 2


def test_without_key_and_without_terminal_the_way_in_is_named(tmp_path: Path) -> None:
    with Sshd(tmp_path / "sshd", "PasswordAuthentication yes") as sshd:
        config = config_for(sshd, tmp_path / "config", f"IdentityFile {tmp_path}/none", "IdentitiesOnly yes")
        site = Site(sshd, tmp_path)
        with site.wire(credentials=Credentials(), config_file=config) as wire, pytest.raises(errors.Unreachable) as no:
            wire.connect()
    assert "password" in no.value.message
    assert "ssh-copy-id" in no.value.hint


def test_wrong_passwords_end(tmp_path: Path) -> None:
    prompts: list[str] = []
    with Sshd(tmp_path / "sshd", "PasswordAuthentication yes") as sshd:
        config = config_for(sshd, tmp_path / "config", f"IdentityFile {tmp_path}/none", "IdentitiesOnly yes")
        credentials = Credentials(ask=lambda prompt: prompts.append(prompt) or "wrong")
        wire = Site(sshd, tmp_path).wire(credentials=credentials, config_file=config)
        with wire, pytest.raises(errors.Unreachable):
            wire.connect()
    assert prompts == [f"Password for {sshd.user}@127.0.0.1: "] * 3


def test_jump_host(own_site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host jump\n HostName 127.0.0.1\n Port {own_site.sshd.port}\n"
        f"Host *\n User {own_site.sshd.user}\n IdentityFile {own_site.key}\n"
        f" UserKnownHostsFile {tmp_path}/known\n LogLevel ERROR\n"
        f"Host board\n HostName 127.0.0.1\n Port {own_site.sshd.port}\n ProxyJump jump\n"
    )
    (tmp_path / "known").write_text(own_site.sshd.known_hosts_line)
    trust = Exact((own_site.sshd.host_key,))
    with SshWire(SshTarget("board"), trust, Credentials(key_file=own_site.key), config_file=config) as wire:
        transfer_both_ways(wire, 1_000_000)
        assert len(own_site.sshd.sessions()) >= 2


def test_proxy_command_that_fails(site: Site, tmp_path: Path) -> None:
    config = config_for(site.sshd, tmp_path / "config", "ProxyCommand false %h %p")
    with site.wire(config_file=config) as wire, pytest.raises(errors.Unreachable):
        wire.connect()


def test_broken_ssh_config_is_named(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("NoSuchKeyword yes\n")
    with site.wire(config_file=config) as wire, pytest.raises(errors.BadConfig) as bad:
        wire.connect()
    assert "NoSuchKeyword" in " ".join(bad.value.details).replace("nosuchkeyword", "NoSuchKeyword")


def test_ipv6(tmp_path: Path) -> None:
    key = keypair(tmp_path / "key")
    with Sshd(tmp_path / "sshd", address="::1") as sshd:
        sshd.authorize(key)
        with Site(sshd, key).wire() as wire:
            assert run(wire, "echo", "six")[2] == b"six\n"


# what goes wrong


def test_another_address_of_the_board_is_raced(site: Site) -> None:
    # 127.0.0.2 refuses: the server listens on .1 only
    target = SshTarget("127.0.0.2", site.sshd.port, site.sshd.user, also=("nosuch.invalid", "127.0.0.1"))
    trust = Exact((site.sshd.host_key,))
    with SshWire(target, trust, Credentials(key_file=site.key), config_file=Path("/dev/null")) as wire:
        assert run(wire, "echo", "in")[2] == b"in\n"


def lone_wire(port: int, **options: object) -> SshWire:
    target = SshTarget("127.0.0.1", port, "root")
    return SshWire(target, UserKnownHosts(rules=HostRules(paths=())), config_file=Path("/dev/null"), **options)


def test_nothing_listens() -> None:
    with reserved() as kept, lone_wire(kept.getsockname()[1]) as wire, pytest.raises(errors.Unreachable) as refused:
        wire.connect()
    assert "nothing listens there" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31m", "not as an SSH server"),
        (b"", "hangs up at once"),
        (b"SSH-2.0-x\r\n", "stopped"),
        (None, "says nothing"),
    ],
)
def test_somebody_else_listens(words: bytes | None, told: str) -> None:
    fault_seen = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            visitor, _ = server.accept()
            with visitor:
                if words is None:
                    fault_seen.wait(PATIENCE)
                else:
                    visitor.sendall(words)

        host = threading.Thread(target=answer)
        host.start()
        wire = lone_wire(server.getsockname()[1], handshake_timeout=1.0 if words is None else PATIENCE)
        with wire, pytest.raises(errors.Unreachable) as fault:
            wire.connect()
        fault_seen.set()
        host.join()
    assert told in fault.value.message
    assert "\x1b" not in str(fault.value.details)


def test_killed_server_is_noticed(own_site: Site) -> None:
    # the heartbeat's silence cannot be what tells: it is longer than we read
    with own_site.wire(silence=100 * PATIENCE) as wire, opened(wire, "cat") as stream:
        stream.write(b"x")
        assert stream.read(1, PATIENCE) == b"x"
        killer = threading.Thread(target=own_site.sshd.signal_sessions, args=[signal.SIGKILL])
        killer.start()
        with pytest.raises(errors.WireFault):
            stream.read(1, PATIENCE)
        killer.join()
        with pytest.raises(errors.WireFault):
            stream.read(1, PATIENCE)
        with pytest.raises(errors.WireFault):
            write_on(stream)
        with pytest.raises(errors.WireFault):
            stream.finish(PATIENCE)
        with pytest.raises(errors.Unreachable, match="lost contact"):
            wire.open(["true"])


class Beats:
    """The heartbeat's clock, moved by the test alone: however slow this machine is, nothing is silent for too long."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.answered = 0
        monkeypatch.setattr(heartbeat, "time", SimpleNamespace(monotonic=lambda: self.now))
        ask = heartbeat.paramiko.Transport.global_request

        def counted(*args: object, **options: object) -> object:
            answer = ask(*args, **options)
            self.answered += 1
            return answer

        monkeypatch.setattr(heartbeat.paramiko.Transport, "global_request", counted)


@pytest.mark.parametrize("act", [lambda stream: stream.read(1, PATIENCE), write_on], ids=["read", "write"])
def test_silent_network_is_noticed(
    own_site: Site, monkeypatch: pytest.MonkeyPatch, act: Callable[[Stream], object]
) -> None:
    beats = Beats(monkeypatch)
    over = threading.Event()

    def time_goes_by() -> None:  # again and again: a question may have been answered just before the silence
        while not over.wait(0.05):
            beats.now += 1.0

    clock = threading.Thread(target=time_goes_by)
    with own_site.wire(silence=0.6) as wire, opened(wire, "cat") as stream:
        stream.write(b"x")
        assert stream.read(1, PATIENCE) == b"x"
        own_site.sshd.signal_sessions(signal.SIGSTOP)
        clock.start()
        try:
            with pytest.raises(errors.WireFault, match="silent"):
                act(stream)
        finally:
            over.set()
            clock.join()


def test_a_quiet_command_is_not_a_dead_network(own_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = Beats(monkeypatch)
    with own_site.wire(silence=0.6) as wire, opened(wire, "sh", "-c", "read x; echo done") as stream:
        for _ in range(4):  # more than the silence goes by, and each question in it is answered
            before = beats.answered
            beats.now += 0.5
            until(lambda before=before: beats.answered > before, "the server answers a question")
        stream.write(b"\n")
        assert stream.read(9, PATIENCE) == b"done\n"


def _agent_says(question: str) -> int:
    return subprocess.run(["ssh-add", question], capture_output=True, check=False).returncode
