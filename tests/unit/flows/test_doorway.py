"""What sshd's own answers say of root, one by one."""

from __future__ import annotations

import pytest

from edgedeploy.flows import doorway

OPEN = """file /etc/ssh/sshd_config
from 10.0.0.2
set permitrootlogin without-password
set pubkeyauthentication yes
set authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2
set authenticationmethods any
set pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,rsa-sha2-512
set strictmodes yes
set usepam yes
set forcecommand none
groups root adm
home /root
shell /bin/bash
lock !
mode 0 755 /
mode 0 700 /root
mode 0 600 /root/.ssh/authorized_keys
"""


def test_an_open_door_has_no_cause() -> None:
    assert doorway.cause(OPEN) is None
    assert doorway.cause("") is None, "no sshd to ask"


@pytest.mark.parametrize(
    "line",
    [
        "set allowusers root", "set allowusers anna\nset allowusers r??t@10.0.0.*", "set allowgroups adm wheel",
        "set denyusers root@10.9.*",
        "set denygroups wheel", "set permitrootlogin forced-commands-only", "set permitrootlogin yes",
        "set authorizedkeysfile /etc/keys/%u %h/.ssh/authorized_keys", "set authenticationmethods publickey,password publickey",
    ],
)  # fmt: skip
def test_what_does_not_keep_root_out(line: str) -> None:
    assert doorway.cause(_with(line)) is None


@pytest.mark.parametrize(
    ("line", "what", "mend"),
    [
        ("set allowusers anna", "AllowUsers does not name root", "add root to AllowUsers"),
        ("set allowusers root@192.168.*", "AllowUsers does not name root", "add root to AllowUsers"),
        ("set allowgroups ssh", "AllowGroups names no group of root's (root adm)", "AllowGroups"),
        ("set denyusers anna root", "DenyUsers names root", "DenyUsers"),
        ("set denygroups ad*", "DenyGroups names a group of root's (root adm)", "DenyGroups"),
        ("set permitrootlogin no", "PermitRootLogin is no", "prohibit-password"),
        ("set pubkeyauthentication no", "PubkeyAuthentication is no", "yes"),
        ("set authorizedkeysfile /etc/keys/%u", "AuthorizedKeysFile is /etc/keys/%u", "/root/.ssh/authorized_keys"),
        ("set authorizedkeysfile none", "AuthorizedKeysFile is none", "/root/.ssh/authorized_keys"),
        ("set authenticationmethods publickey,password", "AuthenticationMethods asks for publickey,password", "Match User root"),
        ("set pubkeyacceptedalgorithms rsa-sha2-512", "PubkeyAcceptedAlgorithms has no ssh-ed25519", "ssh-ed25519"),
        ("set forcecommand internal-sftp", "ForceCommand runs something else", "root"),
        ("mode 0 777 /root", "others than root may write /root", "chmod go-w /root"),
        ("mode 1000 700 /root", "others than root may write /root", "chown root /root"),
        ("set usepam no", "the account root is locked", "passwd -u root"),
        ("home /home/root", "AuthorizedKeysFile looks in /home/root", "AuthorizedKeysFile"),
        ("shell /usr/sbin/nologin", "the shell of root is /usr/sbin/nologin", "usermod"),
        ("dropbear /usr/sbin/dropbear -w -p 22", "dropbear runs there with -w", "without -w"),
    ],
)  # fmt: skip
def test_what_keeps_root_out_is_named(line: str, what: str, mend: str) -> None:
    found = doorway.cause(_with(line))
    assert found is not None
    assert what in found.what
    assert mend in found.mend


def test_the_file_that_this_sshd_reads_is_named() -> None:
    found = doorway.cause(_with("set permitrootlogin no").replace("/etc/ssh/sshd_config", "/opt/\x1b[2Jsshd.conf"))
    assert found is not None
    assert "/opt/\\x1b[2Jsshd.conf" in found.mend


def test_the_words_of_sshd_are_shown_as_text() -> None:
    assert doorway.words("log User root not allowed\x1b[2J\nset usepam yes\n") == ("User root not allowed\\x1b[2J",)


def _with(line: str) -> str:
    """OPEN where these lines stand in place of those of the same setting."""
    keys = {_key(new) for new in line.splitlines()}
    return "\n".join([*(old for old in OPEN.splitlines() if _key(old) not in keys), line])


def _key(line: str) -> tuple[str, ...]:
    words = line.split()
    return (words[0], words[1]) if words[0] == "set" else (words[0], words[-1] if words[0] == "mode" else "")
