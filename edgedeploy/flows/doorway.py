"""Why sshd on a board lets root not in by a key that is in its place: the daemon itself is asked.

Enrolment has a way in of its own (the user's), so that the board can say what keeps the push key out. Deciding is pure.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgedeploy.core.names import printable

SCRIPT = r"""
PATH=$PATH:/usr/sbin:/sbin
p=$$; conf=; met=$SSH_CONNECTION
while [ "${p:-0}" -gt 1 ]; do
  line=$(tr '\0' ' ' 2>/dev/null < /proc/$p/cmdline)
  [ "$met" ] || met=$(tr '\0' '\n' 2>/dev/null < /proc/$p/environ | sed -n 's/^SSH_CONNECTION=//p')
  case $line in
  sshd:*\[listener\]*) set -- $line; while [ $# -gt 1 ]; do [ "$1" = -f ] && conf=$2; shift; done; break;;
  dropbear\ *|/*/dropbear\ *) echo "dropbear $line";;
  esac
  p=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status 2>/dev/null)
done
echo "file ${conf:-/etc/ssh/sshd_config}"
set -- ${met:-127.0.0.1 0 127.0.0.1 22}
echo "from $1"
sshd -T ${conf:+-f "$conf"} -C "user=root,host=$1,addr=$1,laddr=$3,lport=$4" 2>/dev/null | sed 's/^/set /'
echo "groups $(id -Gn root)"
root=$(grep '^root:' /etc/passwd); echo "home $(echo "$root" | cut -d: -f6)"; echo "shell $(echo "$root" | cut -d: -f7)"
echo "lock $(sed -n 's/^root:\(.\).*/\1/p' /etc/shadow 2>/dev/null)"
stat -c 'mode %u %a %n' / /root /root/.ssh /root/.ssh/authorized_keys 2>/dev/null
{ journalctl -q --no-pager -o cat -n 60 -t sshd -t sshd-session 2>/dev/null || tail -n 60 /var/log/auth.log 2>/dev/null; } |
  grep -i 'root' | grep -iv 'accepted' | tail -n 3 | sed 's/^/log /'
"""
"""for sh, as root on the board, below the sshd that let the user in"""

KEYS = "/root/.ssh/authorized_keys"
"""where enrolment puts the push key (agent/setup.py)"""


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps root out, and what to do on the board."""

    what: str
    mend: str
    details: tuple[str, ...] = ()


def cause(said: str) -> Cause | None:
    """Read what SCRIPT printed; None when nothing there keeps root out."""
    door = _Door(said)
    return next(door.causes(), None)


def words(said: str) -> tuple[str, ...]:
    """What the board's sshd wrote of root, for a person who has to find out alone."""
    return tuple(printable(line[4:], 200) for line in said.splitlines() if line.startswith("log "))


class _Door:
    def __init__(self, said: str) -> None:
        self._facts: dict[str, list[str]] = {}
        self._settings: dict[str, list[str]] = {}
        for line in said.splitlines():
            key, _, value = line.partition(" ")
            if key == "set":
                name, _, value = value.partition(" ")
                self._settings.setdefault(name.lower(), []).append(value.strip())
            else:
                self._facts.setdefault(key, []).append(value.strip())
        self.file = printable(self._fact("file") or "/etc/ssh/sshd_config", 200)

    def _fact(self, name: str) -> str:
        return self._facts.get(name, [""])[0]

    def _words(self, name: str) -> list[str]:
        return " ".join(self._settings.get(name, [])).split()

    def _is(self, name: str, *values: str) -> bool:
        return " ".join(self._words(name)).lower() in values

    def causes(self) -> Iterator[Cause]:
        """The surest first."""
        for line in self._facts.get("dropbear", []):
            if "-w" in line.split():
                yield Cause("dropbear runs there with -w, which forbids root", "start dropbear without -w")
        yield from self._lists()
        if self._is("permitrootlogin", "no"):
            yield self._change("PermitRootLogin is no", "set PermitRootLogin to prohibit-password")
        if self._is("pubkeyauthentication", "no"):
            yield self._change("PubkeyAuthentication is no", "set PubkeyAuthentication to yes")
        files, home = self._words("authorizedkeysfile"), printable(self._fact("home") or "/root", 80)
        if home != "/root" and KEYS not in files:
            yield self._change(f"AuthorizedKeysFile looks in {home}, root's home, and the key is in {KEYS}",
                               f"add {KEYS} to AuthorizedKeysFile")  # fmt: skip
        elif files and KEYS not in [self._path(file) for file in files]:
            shown = printable(" ".join(files), 120)
            yield self._change(f"AuthorizedKeysFile is {shown}, and the key is in {KEYS}",
                               f"add {KEYS} to AuthorizedKeysFile")  # fmt: skip
        ways = self._words("authenticationmethods")
        if ways and not {"any", "publickey"} & set(ways):
            yield self._change(f"AuthenticationMethods asks for {printable(' or '.join(ways), 80)}, and a push has a key alone",
                               "let root in by key alone: Match User root, AuthenticationMethods publickey")  # fmt: skip
        kinds = ",".join(self._words("pubkeyacceptedalgorithms") or self._words("pubkeyacceptedkeytypes"))
        if kinds and not any(fnmatch.fnmatchcase("ssh-ed25519", kind) for kind in kinds.split(",")):
            yield self._change(
                "PubkeyAcceptedAlgorithms has no ssh-ed25519", "add ssh-ed25519 to PubkeyAcceptedAlgorithms"
            )
        if self._settings.get("forcecommand") and not self._is("forcecommand", "none"):
            yield self._change("ForceCommand runs something else for root", "let ForceCommand not apply to root")
        yield from self._account()

    def _lists(self) -> Iterator[Cause]:
        groups = self._fact("groups").split() or ["root"]
        if any(map(self._user, self._words("denyusers"))):
            yield self._change("DenyUsers names root", "take root out of DenyUsers")
        if self._words("allowusers") and not any(map(self._user, self._words("allowusers"))):
            yield self._change("AllowUsers does not name root", "add root to AllowUsers")
        if any(_listed(group, self._words("denygroups")) for group in groups):
            yield self._change(f"DenyGroups names a group of root's ({' '.join(groups)})", "take it out of DenyGroups")
        allowed = self._words("allowgroups")
        if allowed and not any(_listed(group, allowed) for group in groups):
            yield self._change(
                f"AllowGroups names no group of root's ({' '.join(groups)})", "add the group root to AllowGroups"
            )

    def _account(self) -> Iterator[Cause]:
        if self._is("strictmodes", "yes"):
            for line in self._facts.get("mode", []):
                owner, mode, path = line.split(" ", 2)
                if owner != "0" or int(mode, 8) & 0o022:
                    yield Cause(
                        f"StrictModes, and others than root may write {path}", f"chown root {path}; chmod go-w {path}"
                    )
        if self._is("usepam", "no") and self._fact("lock") == "!":
            yield Cause("the account root is locked, and UsePAM is no", "passwd -u root, or: usermod -p '*' root")
        if self._fact("shell").endswith(("/nologin", "/false")):
            yield Cause(f"the shell of root is {printable(self._fact('shell'), 80)}", "usermod -s /bin/sh root")

    def _change(self, what: str, mend: str) -> Cause:
        return Cause(f"sshd's {what}", f"{mend} ({self.file} and what it includes), and reload sshd")

    def _user(self, pattern: str) -> bool:
        user, at, host = pattern.partition("@")
        return fnmatch.fnmatchcase("root", user) and (not at or fnmatch.fnmatchcase(self._fact("from"), host))

    def _path(self, file: str) -> str:
        home = self._fact("home") or "/root"
        for token, value in (("%h", home), ("%u", "root"), ("%U", "0"), ("%%", "%")):
            file = file.replace(token, value)
        return file if file.startswith("/") else f"{home}/{file}"


def _listed(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
