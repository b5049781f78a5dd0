"""What the user's ssh says of a host: `ssh -G`, which knows Include, Match and what comes next year.

Where no ssh client is installed, or none would start (it wants an entry in the passwd database), there is no configuration of
one to honour, and the defaults of ssh_config(5) hold.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable


@dataclass(frozen=True, slots=True)
class Settings:
    """Every option in force for one host, by its name in small letters; what nobody set may be missing."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    """`ssh -G` and its options, without the host"""
    host: str = ""

    def one(self, key: str, default: str = "") -> str:
        """The value of an option that has one. `none` is as good as nothing."""
        value = self.values.get(key, (default,))[0]
        return "" if value.lower() == "none" else value

    def all(self, key: str) -> tuple[str, ...]:
        """The values of an option that may stand several times."""
        return self.values.get(key, ())

    def yes(self, key: str, *, default: bool) -> bool:
        """Whether an option is on; what is neither yes nor no (`ask`, `unbound`) counts as yes."""
        value = self.one(key).lower()
        return default if not value else value not in ("no", "false", "off")

    def number(self, key: str, default: int) -> int:
        """A whole number."""
        value = self.one(key)
        return int(value) if value.isdigit() else default

    def names(self, key: str) -> tuple[str, ...] | None:
        """A list with commas, such as algorithms; None: any."""
        value = self.one(key)
        return tuple(value.split(",")) if value else None

    def files(self, key: str, default: Sequence[str]) -> tuple[Path, ...]:
        """Several files on one line. ssh prints them without quotes: of names with blanks, those that exist are taken."""
        words, found = self.one(key, " ".join(default)).split(), []
        while words:
            ends = (n for n in range(len(words), 1, -1) if Path(tilde(" ".join(words[:n]))).exists())
            taken = next(ends, 1)
            found.append(Path(tilde(" ".join(words[:taken]))))
            del words[:taken]
        return tuple(path for path in found if path.name != "none")

    def expanded(self, text: str) -> str | None:
        """`text` with ~, %h, ${NAME} and their like replaced as ssh does for names of files; None where ssh cannot.

        ssh itself is asked, by an option that it shows in full: the list of tokens grows with every version.
        """
        text = tilde(text)
        if not self.command or ("%" not in text and "${" not in text):
            return text
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        done = _run([*self.command, "-o", f'ControlPath="/{quoted}"', "--", self.host])
        return parsed(done.stdout).get("controlpath", ("",))[0][1:] or None if done.returncode == 0 else None


def ask(host: str, port: int | None, user: str | None, config_file: Path | None) -> Settings:
    """What holds for `host`, as it was typed. Raises BadConfig when ssh rejects its configuration."""
    ssh = shutil.which("ssh")
    if ssh is None or not _knows_us():
        return Settings(host=host)
    command = [ssh, "-G"]
    command += ["-F", str(config_file)] if config_file else []
    command += ["-p", str(port)] if port else []
    command += ["-l", user] if user else []
    argv = [*command, "--", host]
    done = _run(argv)
    if done.returncode != 0:
        lines = tuple(printable(line, 200) for line in done.stderr.splitlines()[-5:])
        raise errors.BadConfig(
            f"ssh rejects its configuration for {host}", hint=f"see: {shlex.join(argv)}", details=lines
        )
    return Settings(parsed(done.stdout), tuple(command), host)


def _knows_us() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


def parsed(said: str) -> dict[str, tuple[str, ...]]:
    """The lines that `ssh -G` prints."""
    values: dict[str, tuple[str, ...]] = {}
    for line in said.split("\n"):
        key, _, value = line.partition(" ")
        if key:
            values[key.lower()] = (*values.get(key.lower(), ()), value)
    return values


def tilde(text: str) -> str:
    """~ is the home that the passwd database knows, whatever HOME says."""
    if text == "~" or text.startswith("~/"):
        try:
            return pwd.getpwuid(os.getuid()).pw_dir + text[1:]
        except KeyError:
            return os.path.expanduser(text)
    return os.path.expanduser(text) if text.startswith("~") else text


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )
