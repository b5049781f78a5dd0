"""Host keys, known_hosts files and the pin store; OpenSSH's own tools are the oracle."""

from __future__ import annotations

import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import errors
from edgedeploy.core.names import BoardId
from edgedeploy.wires.trust import Exact, HostKey, KnownHost, Pinned, Pins, alias_of
from edgedeploy.wires.trust import read_known_hosts as read


def key(fill: int, kind: str = "ssh-ed25519") -> HostKey:
    name = kind.encode()
    return HostKey(kind, len(name).to_bytes(4, "big") + name + bytes([fill]) * 36)


A, B = key(1), key(2)


def test_key_line_and_back() -> None:
    assert HostKey.parse(A.line + " root@cubie\n") == A
    assert A.fingerprint.startswith("SHA256:")
    assert len(A.fingerprint) == 50


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa " + A.line.split()[1], "\x1b[2J x"])
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not an SSH public key"):
        HostKey.parse(line)


@given(st.text(max_size=200))
def test_no_line_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any_known_hosts"
    path.write_text(text, encoding="utf-8", errors="replace")
    for entry in read(path):
        entry.covers("host")


def test_pins_by_alias(tmp_path: Path) -> None:
    path = tmp_path / "config" / "known_boards"
    pins = Pins(path)
    alias = alias_of(BoardId("00112233aabbccdd"))
    assert pins.lookup(alias) == []
    pins.pin(alias, A)
    pins.pin("edgedeploy-other", B)
    pins.pin(alias, A, B)
    assert Pins(path).lookup(alias) == [A, B]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pins.pin(alias)
    assert pins.lookup(alias) == []
    assert pins.lookup("edgedeploy-other") == [B]


def test_pins_written_at_once_are_all_kept(tmp_path: Path) -> None:
    work = [threading.Thread(target=Pins(tmp_path / "pins").pin, args=(f"edgedeploy-{n}", key(n))) for n in range(12)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert [Pins(tmp_path / "pins").lookup(f"edgedeploy-{n}") for n in range(12)] == [[key(n)] for n in range(12)]


def test_openssh_reads_our_pins(tmp_path: Path) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.fail("needs ssh-keygen: apt-get install openssh-client", pytrace=False)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
    made = HostKey.parse((tmp_path / "k.pub").read_text())
    Pins(tmp_path / "pins").pin("edgedeploy-x", made)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-F", "edgedeploy-x", "-f", tmp_path / "pins"], capture_output=True, text=True, check=True
    )
    assert made.fingerprint in shown.stdout
    # and we read what it hashes
    (tmp_path / "known").write_text(f"[10.0.0.1]:2222,cubie {made.line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", tmp_path / "known"], check=True, capture_output=True)
    entries = list(read(tmp_path / "known"))
    assert all(entry.names.startswith("|1|") for entry in entries)
    assert [any(e.covers(name) for e in entries) for name in ("cubie", "[10.0.0.1]:2222", "other")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("names", "name", "covered"),
    [
        ("cubie", "cubie", True),
        ("a,cubie", "Cubie", True),
        ("192.168.1.*", "192.168.1.7", True),
        ("192.168.1.*,!192.168.1.7", "192.168.1.7", False),
        ("!other", "cubie", False),
        ("[10.0.0.1]:2222", "[10.0.0.1]:2222", True),
        ("[10.0.0.1]:2222", "10.0.0.1", False),
        ("cubie?", "cubie", False),
        ("|1|broken", "cubie", False),
    ],
)
def test_patterns(names: str, name: str, covered: bool) -> None:
    assert KnownHost(names, A).covers(name) is covered


def test_exact_and_pinned(tmp_path: Path) -> None:
    Exact((A,)).check("any", A)
    with pytest.raises(errors.HostKeyChanged):
        Exact((A,)).check("any", B)
    pins = Pins(tmp_path / "pins")
    with pytest.raises(errors.Unreachable, match="unknown"):
        Pinned("edgedeploy-x", pins).check("any", A)
    pins.pin("edgedeploy-x", A)
    Pinned("edgedeploy-x", pins).check("any", A)
    with pytest.raises(errors.HostKeyChanged):
        Pinned("edgedeploy-x", pins).check("any", B)
