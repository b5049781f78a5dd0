"""Situations of ssh_config in which ssh and we must say the same, for test_as_ssh.py: each gives its lines, and makes its files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.sshd import Sshd, public


@dataclass(frozen=True)
class Place:
    """Servers, keys and an agent. `good` is let in as a key, `certified` by a certificate only, `stranger` not at all."""

    folder: Path
    sshd: Sshd
    stale: Sshd
    """whose host certificate ran out"""
    agent: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / name


def sign(authority: Path, key: Path, *options: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "me", *options, f"{key}.pub"], check=True)
    return Path(f"{key}-cert.pub")


def copied(path: Path, place: Path) -> Path:
    place.write_bytes(path.read_bytes())
    place.chmod(0o600)
    return place


Lines = Callable[[Place, Path], str]
"""Lines of ssh_config for the host, which may make files in the folder"""


def known(place: Place, folder: Path, text: str, option: str = "UserKnownHostsFile") -> str:
    (folder / "known").write_text(text)
    return f"{option} {folder}/known"


def key_line(place: Place) -> str:
    return place.sshd.known_hosts_line


def other_line(place: Place) -> str:
    return f"[127.0.0.1]:{place.sshd.port} {public(place.other)}\n"


def hashed(place: Place, folder: Path) -> str:
    line = known(place, folder, key_line(place))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", folder / "known"], check=True, capture_output=True)
    return line


def authority(place: Place, folder: Path, name: str = "hosts", names: str = "*") -> str:
    return known(place, folder, f"@cert-authority {names} {public(place.folder / name)}\n")


def revoked(place: Place, folder: Path, *keys: Path, krl: bool = False) -> str:
    listed = folder / "revoked"
    if krl:
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", listed, *(f"{key}.pub" for key in keys)], check=True)
    else:
        listed.write_text("".join(f"{public(key)}\n" for key in keys))
    return f"RevokedHostKeys {listed}"


def command(place: Place, folder: Path, text: str) -> str:
    script = folder / "hosts.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return f"UserKnownHostsFile /dev/null\nKnownHostsCommand {script} %H %t %I\n"


HOSTS: dict[str, Lines] = {
    "user's file": lambda p, f: known(p, f, key_line(p)),
    "everybody's file": lambda p, f: "UserKnownHostsFile /dev/null\n" + known(p, f, key_line(p), "GlobalKnownHostsFile"),
    "no file": lambda p, f: "UserKnownHostsFile none\nGlobalKnownHostsFile none",
    "hashed": hashed,
    "another key": lambda p, f: known(p, f, other_line(p)),
    "another key, and this one": lambda p, f: known(p, f, other_line(p) + key_line(p)),
    "name with a blank, and tokens": lambda p, f: (
        (f / "a b-127.0.0.1").write_text(key_line(p)) and f'UserKnownHostsFile "{f}/a b-%h" none2'
    ),
    "tabs": lambda p, f: known(p, f, key_line(p).replace(" ", "\t")),
    "pattern": lambda p, f: known(p, f, f"[127.0.*]:*,!x {p.sshd.host_key.line}\n"),
    "pattern that says no": lambda p, f: known(p, f, f"[127.0.*]:*,![127.0.0.1]:* {p.sshd.host_key.line}\n"),
    "without the port": lambda p, f: known(p, f, f"127.0.0.1 {p.sshd.host_key.line}\n"),
    "another without the port": lambda p, f: known(p, f, f"127.0.0.1 {public(p.other)}\n"),
    "alias": lambda p, f: known(p, f, f"alias {p.sshd.host_key.line}\n") + "\nHostKeyAlias ALIAS",
    "not the alias": lambda p, f: known(p, f, key_line(p)) + "\nHostKeyAlias alias",
    "revoked": lambda p, f: known(p, f, key_line(p) + f"@revoked * {p.sshd.host_key.line}\n"),
    "on the list of revoked keys": lambda p, f: known(p, f, key_line(p)) + "\n" + revoked(p, f, p.sshd.host_key_file),
    "another is on that list": lambda p, f: known(p, f, key_line(p)) + "\n" + revoked(p, f, p.other),
    "in a KRL": lambda p, f: known(p, f, key_line(p)) + "\n" + revoked(p, f, p.sshd.host_key_file, krl=True),
    "another is in a KRL": lambda p, f: known(p, f, key_line(p)) + "\n" + revoked(p, f, p.other, krl=True),
    "the list is not there": lambda p, f: known(p, f, key_line(p)) + f"\nRevokedHostKeys {f}/none",
    "authority": authority,
    "authority of others": lambda p, f: authority(p, f, names="10.*"),
    "another authority": lambda p, f: authority(p, f, "other"),
    "another authority, and the key": lambda p, f: known(p, f, f"@cert-authority * {public(p.other)}\n" + key_line(p)),
    "authority as a key": lambda p, f: known(p, f, f"[127.0.0.1]:* {public(p.hosts)}\n"),
    "authority, for an alias": lambda p, f: authority(p, f) + "\nHostKeyAlias alias",
    "authority, for another alias": lambda p, f: authority(p, f) + "\nHostKeyAlias alias2",
    "revoked authority": lambda p, f: known(p, f, f"@cert-authority * {public(p.hosts)}\n@revoked * {public(p.hosts)}\n"),
    "authority on the list": lambda p, f: authority(p, f) + "\n" + revoked(p, f, p.hosts),
    "authority that signs otherwise": lambda p, f: authority(p, f) + "\nCASignatureAlgorithms rsa-sha2-512",
    "stale certificate": lambda p, f: authority(p, f) + f"\nPort {p.stale.port}",
    "stale certificate, and the key": lambda p, f: (
        known(p, f, f"@cert-authority * {public(p.hosts)}\n" + p.stale.known_hosts_line) + f"\nPort {p.stale.port}"
    ),
    "command": lambda p, f: command(p, f, f'echo "$1 {p.sshd.host_key.line}"'),
    "command for that kind": lambda p, f: command(
        p, f, f'case "$2 $3" in ssh-ed*HOSTNAME) echo "$1 {p.sshd.host_key.line}";; esac'
    ),
    "command that fails": lambda p, f: command(p, f, f'echo "$1 {p.sshd.host_key.line}"; exit 1'),
    "anything new": lambda p, f: known(p, f, "") + "\nStrictHostKeyChecking accept-new",
    "anything new, not another": lambda p, f: known(p, f, other_line(p)) + "\nStrictHostKeyChecking accept-new",
    "anything": lambda p, f: known(p, f, other_line(p)) + "\nStrictHostKeyChecking no",
    "nothing new": lambda p, f: known(p, f, "") + "\nStrictHostKeyChecking yes",
    "this machine": lambda p, f: known(p, f, other_line(p)) + "\nNoHostAuthenticationForLocalhost yes",
    "this machine by an alias": lambda p, f: (
        known(p, f, "") + "\nNoHostAuthenticationForLocalhost yes\nHostKeyAlias alias"
    ),
    "a kind that it has not": lambda p, f: known(p, f, key_line(p)) + "\nHostKeyAlgorithms rsa-sha2-512",
}  # fmt: skip


def file(place: Place, folder: Path, name: str, more: str = "") -> str:
    return f"IdentityFile {place.folder / name}\nIdentitiesOnly yes\n{more}"


def beside(place: Place, folder: Path, key: str, text: str = "", **parts: str) -> str:
    copied(place.folder / key, folder / "key")
    (folder / "key.pub").write_text(public(place.folder / parts.get("half", key)) + "\n")
    (folder / "key-cert.pub").write_text(text or Path(f"{place.folder}/{parts['proof']}-cert.pub").read_text())
    return f"IdentityFile {folder}/key\nIdentitiesOnly yes\n"


LOGINS: dict[str, Lines] = {
    "key": lambda p, f: file(p, f, "good"),
    "rsa": lambda p, f: file(p, f, "rsa"),
    "ecdsa": lambda p, f: file(p, f, "ecdsa"),
    "PEM": lambda p, f: file(p, f, "pem"),
    "PEM alone": lambda p, f: file(p, f, "pem_alone"),
    "PKCS 8": lambda p, f: file(p, f, "pkcs8"),
    "PKCS 8 alone": lambda p, f: file(p, f, "pkcs8_alone"),
    "stranger": lambda p, f: file(p, f, "stranger"),
    "stranger, then a key": lambda p, f: file(p, f, "stranger") + f"IdentityFile {p.good}",
    "none": lambda p, f: "IdentityFile none\nIdentityAgent none",
    "agent": lambda p, f: "IdentityFile none",
    "agent's, by its public half": lambda p, f: file(p, f, "held.pub"),
    "agent's, by the name of what is gone": lambda p, f: file(p, f, "held"),
    "agent's, and others meant": lambda p, f: file(p, f, "nothing"),
    "public half of what nobody has": lambda p, f: (
        copied(Path(f"{p.good}.pub"), f / "g.pub") and f"IdentityFile {f}/g.pub\nIdentitiesOnly yes"
    ),
    "no agent": lambda p, f: file(p, f, "held.pub", "IdentityAgent none"),
    "agent by a variable": lambda p, f: file(p, f, "held.pub", "IdentityAgent $OTHER_SOCKET"),
    "agent by a variable in braces": lambda p, f: file(p, f, "held.pub", "IdentityAgent ${OTHER_SOCKET}"),
    "agent by a variable that is not there": lambda p, f: file(p, f, "held.pub", "IdentityAgent $NO_SOCKET"),
    "agent by its path": lambda p, f: file(p, f, "held.pub", f"IdentityAgent {p.agent}"),
    "the usual agent": lambda p, f: file(p, f, "held.pub", "IdentityAgent SSH_AUTH_SOCK"),
    "agent that is dead": lambda p, f: file(p, f, "held.pub", f"IdentityAgent {f}/none"),
    "tokens": lambda p, f: copied(p.good, f / "k-127.0.0.1-board-x") and f"IdentityFile {f}/k-%h-%n-${{OTHER}}\nIdentitiesOnly yes",
    "certificate beside": lambda p, f: file(p, f, "certified"),
    "certificate apart": lambda p, f: (
        copied(p.certified, f / "k")
        and f"IdentityFile {f}/k\nIdentitiesOnly yes\nCertificateFile {p.folder}/certified-cert.pub"
    ),
    "certificate apart, not that beside": lambda p, f: file(p, f, "certified", f"CertificateFile {f}/none"),
    "certificate beside, its key with the agent": lambda p, f: file(p, f, "apart"),
    "certificate apart, its key with the agent": lambda p, f: (
        file(p, f, "apart.pub", f"CertificateFile {p.folder}/apart-cert.pub")
    ),
    "certificate alone, its key with the agent": lambda p, f: f"IdentityFile none\nCertificateFile {p.folder}/apart-cert.pub",
    "certificate with the agent": lambda p, f: file(p, f, "whole-cert.pub"),
    "key with the agent, its certificate not meant": lambda p, f: file(p, f, "whole.pub"),
    "rubbish beside": lambda p, f: beside(p, f, "good", "rubbish\n"),
    "another's certificate beside": lambda p, f: beside(p, f, "good", proof="certified"),
    "another's public half beside": lambda p, f: beside(p, f, "stranger", "rubbish\n", half="good"),
    "no keys": lambda p, f: file(p, f, "good", "PubkeyAuthentication no"),
    "passwords preferred": lambda p, f: file(p, f, "good", "PreferredAuthentications password"),
    "only kinds of others": lambda p, f: file(p, f, "good", "PubkeyAcceptedAlgorithms rsa-sha2-512"),
    "rsa of one kind": lambda p, f: file(p, f, "rsa", "PubkeyAcceptedAlgorithms rsa-sha2-256"),
    "rsa that is too short": lambda p, f: file(p, f, "rsa", "RequiredRSASize 4096"),
}  # fmt: skip

WAYS: dict[str, Lines] = {
    "typed name": lambda p, f: f"ProxyCommand {f}/to %n %h %p",
    "typed name, by a jump": lambda p, f: "ProxyJump hop-%n",
    "handed over": lambda p, f: f"ProxyUseFdpass yes\nProxyCommand {f}/hand %p",
    "handed nothing": lambda p, f: "ProxyUseFdpass yes\nProxyCommand true",
    "no proxy": lambda p, f: "ProxyCommand none",
    "IPv6 only": lambda p, f: "AddressFamily inet6",
    "from an address": lambda p, f: "BindAddress 127.0.0.7",
    "from an address of others": lambda p, f: "BindAddress 192.0.2.1",
    "one cipher": lambda p, f: "Ciphers aes256-gcm@openssh.com",
    "one way to agree": lambda p, f: "KexAlgorithms curve25519-sha256",
    "one MAC": lambda p, f: "MACs hmac-sha2-512-etm@openssh.com\nCiphers aes192-ctr",
    "compressed": lambda p, f: "Compression yes",
}
