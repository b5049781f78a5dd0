"""Host keys as people copy them out of documentation, out of ssh-keyscan, or out of their known_hosts."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.given_trust import GivenTrust
from edgedeploy.wires.trust import HostKey


def key(letter: bytes) -> HostKey:
    return HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + letter * 32)


OURS, OTHER = key(b"a"), key(b"b")
FORMS = {
    "a key": OURS.line,
    "a key with a comment": f"{OURS.line} root@forge",
    "a fingerprint": OURS.fingerprint,
    "a fingerprint with what it is of": f"{OURS.fingerprint} (Ed25519)",
    "a line of known_hosts": f"forge {OURS.line}",
    "a line for several hosts": f"elsewhere,forge,10.0.0.1 {OURS.line}",
    "what ssh-keyscan prints": f"# forge:22 SSH-2.0-OpenSSH_9.2\nforge {OURS.line}\n\nforge {OTHER.line}\n",
    "as ssh-keygen -l shows it": f"256 {OURS.fingerprint} root@forge (ED25519)",
    "two on a line": f"{OTHER.fingerprint} {OURS.fingerprint}",
    "with a tab": f"{OURS.fingerprint}\t(Ed25519)",
    "among others": f"{OTHER.fingerprint}\n{OURS.fingerprint}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_taken(form):
    assert GivenTrust.parse([FORMS[form]]).check("forge", OURS)


@pytest.mark.parametrize("text", [OTHER.line, OTHER.fingerprint, f"forge {OTHER.line}"])
def test_another_key_is_refused_and_both_are_named(text):
    with pytest.raises(errors.HostKeyChanged) as told:
        GivenTrust.parse([text]).check("forge", OURS)
    said = " ".join((told.value.message, *told.value.details))
    assert OURS.fingerprint in said
    assert OTHER.fingerprint in said


def test_a_key_of_another_host_vouches_for_nothing():
    with pytest.raises(errors.Unreachable, match="is unknown"):
        GivenTrust.parse([f"elsewhere {OURS.line}"]).check("forge", OURS)


def test_a_port_is_part_of_the_name():
    trust = GivenTrust.parse([f"[forge]:2222 {OURS.line}"])
    assert trust.check("[forge]:2222", OURS)
    with pytest.raises(errors.Unreachable):
        trust.check("forge", OURS)


@pytest.mark.parametrize(
    "text", ["yes", "MD5:00:11", "SHA256:short", "ssh-ed25519", "ssh-ed25519 AAAA", f"@revoked forge {OURS.line}", "forge"]
)
def test_what_is_no_host_key_is_named(text):
    with pytest.raises(errors.UsageFault, match=text.split(" ")[0]):
        GivenTrust.parse([OURS.line, text])
