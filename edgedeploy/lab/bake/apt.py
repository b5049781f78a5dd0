"""A private apt root for other architectures than this computer's: resolve and download, touching nothing of its own.

The mirror, proxies and credentials are the ones this computer's apt already uses.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edgedeploy.core import errors
from edgedeploy.lab import tools
from edgedeploy.ports.report import Report, Step

ARCHITECTURE = "armhf"
RELEASE = "bookworm"
_MIRROR_VARIABLE = "EDGEDEPLOY_DEBIAN_MIRROR"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_HOOKS = (
    *("DPkg::Pre-Invoke", "DPkg::Pre-Install-Pkgs", "DPkg::Post-Invoke", "DPkg::Post-Invoke-Success"),
    *("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success"),
)


@dataclass(frozen=True, slots=True)
class Deb:
    """One package file apt wants to fetch."""

    name: str
    """the package's name"""
    file: str
    """the file's name in the archive folder"""
    size: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where a suite comes from."""

    suite: str
    uri: str


class AptRoot:
    """An apt of its own in `folder`, with the downloaded packages in `archives`; the first architecture is its native."""

    def __init__(self, folder: Path, archives: Path, log: Path, architectures: Sequence[str] = (ARCHITECTURE,)) -> None:
        self._folder = folder
        self.archives = archives
        self._log = log
        self._architectures = architectures
        self._config = folder / "apt.conf"

    def index(self, report: Report) -> None:
        """Fetch the package index. Without the security suite, and saying so, where that is out of step."""
        for path in (self._folder / "lists" / "partial", self._folder / "parts", self.archives / "partial"):
            path.mkdir(parents=True, exist_ok=True)
        (self._folder / "status").write_text("")
        self._config.write_text(config(self._folder, self.archives, self._architectures))
        mirrors = find_mirrors()
        try:
            self._update(mirrors)
        except errors.BoardFault:
            safe = [mirror for mirror in mirrors if "security" not in mirror.suite]
            if safe == mirrors:
                raise
            self._update(safe)
            report.warn(
                f"Debian's security updates for {', '.join(self._architectures)} cannot be read just now (a mirror out of step?); "
                "doing without them"
            )

    def resolve(self, packages: Sequence[str]) -> list[Deb]:
        """The package files, dependencies included, that `packages` need."""
        for stale in self.archives.glob("*.deb"):
            if stale.stat().st_size == 0:
                stale.unlink()
        # An empty archive folder, so that apt names every file and not only those still to fetch.
        argv = [*self._install(packages), "--print-uris", "-o", f"Dir::Cache::archives={self._folder / 'none'}"]
        (self._folder / "none" / "partial").mkdir(parents=True, exist_ok=True)
        output = tools.run(argv, what="resolve the board's packages", log=self._log)
        debs = parse_uris(output)
        if not debs:
            raise errors.BoardFault("apt names no package to fetch", hint=f"the whole story is in {self._log}")
        return debs

    def fetch(self, packages: Sequence[str], debs: Iterable[Deb], step: Step) -> list[Path]:
        """Download what is not there yet, advancing `step` by bytes; returns the files in the order of `debs`."""
        wanted = list(debs)
        argv = [*self._install(packages), "--download-only", "-q"]
        seen = 0
        with self._log.open("ab") as log:
            apt = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=tools.environment())
            try:
                while apt.poll() is None:
                    seen = self._advance(wanted, seen, step)
                    time.sleep(0.1)
            finally:
                if apt.poll() is None:
                    apt.terminate()
                    apt.wait()
        self._advance(wanted, seen, step)
        if apt.returncode != 0:
            raise tools.failed("download the board's packages", _tail(self._log), self._log)
        return [self.archives / deb.file for deb in wanted]

    def depends(self, package: str) -> list[str]:
        """What a package depends on, by name: a metapackage's packages."""
        argv = ["apt-cache", "-c", str(self._config), "depends", package]
        lines = tools.run(argv, what=f"look up {package}", log=self._log).splitlines()
        return [line.split()[-1].split(":")[0] for line in lines if line.strip().startswith("Depends:")]

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Fetch packages alone, without what they depend on ("name:architecture"); their files, in no order."""
        before = set(self.archives.glob("*.deb"))
        argv = ["apt-get", "-c", str(self._config), "-q", "download", *packages]
        tools.run(argv, what="download packages", log=self._log, cwd=self.archives)
        return sorted(set(self.archives.glob("*.deb")) - before)

    def prune(self, keep: Iterable[Path]) -> None:
        """Forget package files that are in no image any more."""
        kept = set(keep)
        for path in self.archives.glob("*.deb"):
            if path not in kept:
                path.unlink()

    def _install(self, packages: Sequence[str]) -> list[str]:
        return ["apt-get", "-c", str(self._config), "-y", "install", *packages]

    def _update(self, mirrors: Sequence[Mirror]) -> None:
        (self._folder / "sources.list").write_text(sources(mirrors, _KEYRING if _KEYRING.exists() else None))
        argv = ["apt-get", "-c", str(self._config), "-q", "-o", "APT::Update::Error-Mode=any", "update"]
        tools.run(argv, what="fetch Debian's package index", log=self._log)

    def _advance(self, debs: Sequence[Deb], seen: int, step: Step) -> int:
        now = 0
        for deb in debs:
            for path in (self.archives / deb.file, self.archives / "partial" / deb.file):
                try:
                    now += min(path.stat().st_size, deb.size)
                except FileNotFoundError:
                    continue
                break
        if now > seen:
            step.advance(now - seen)
        return max(now, seen)


def find_mirrors() -> list[Mirror]:
    """The mirrors this computer's apt uses for Debian, or the one in $EDGEDEPLOY_DEBIAN_MIRROR."""
    override = os.environ.get(_MIRROR_VARIABLE)
    if override:
        return [Mirror(RELEASE, override), Mirror(f"{RELEASE}-updates", override)]
    argv = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)", "Created-By: Packages"]
    mirrors = parse_mirrors(tools.run(argv, what="ask apt for its mirrors"))
    if not mirrors:
        raise errors.UsageFault(
            "this computer's apt knows no Debian mirror, and the virtual board is made of Debian packages",
            hint=f"run `apt-get update` once, or set {_MIRROR_VARIABLE} to the address of a mirror",
        )
    return mirrors


def parse_mirrors(targets: str) -> list[Mirror]:
    """Suites of our release from lines of origin|codename|uri.

    A mirror of another Debian release serves ours as well, its security archive too.
    """
    known: dict[str, str] = {}
    for line in targets.splitlines():
        origin, codename, uri = [*line.split("|"), "", ""][:3]
        if origin == "Debian" and uri:
            suffix = codename.partition("-")[2]
            if suffix in ("", "updates", "security"):
                known.setdefault(suffix, uri)
    if "" not in known:
        return []
    known.setdefault("updates", known[""])
    return [Mirror(f"{RELEASE}-{suffix}" if suffix else RELEASE, uri) for suffix, uri in sorted(known.items())]


def sources(mirrors: Iterable[Mirror], keyring: Path | None) -> str:
    """A sources.list."""
    option = f"[signed-by={keyring}] " if keyring else ""
    return "".join(f"deb {option}{mirror.uri} {mirror.suite} main\n" for mirror in mirrors)


def config(folder: Path, archives: Path, architectures: Sequence[str] = (ARCHITECTURE,)) -> str:
    """The apt.conf of a private root: read after this computer's own settings, so proxies and the like stay."""
    clear = [f"#clear {name};" for name in (*_HOOKS, "APT::Architectures")]
    settings = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Cache::archives": archives,
        # container images switch these off, and each call of apt then reads the whole index anew: 5 s
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "parts",
        "Dir::Etc::preferences": folder / "none.pref",
        "Dir::Etc::preferencesparts": folder / "parts",
        "APT::Architecture": architectures[0],
        "APT::Install-Recommends": "false",
        "APT::Install-Suggests": "false",
        "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Languages": "none",
    }
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"  # apt's own user cannot write into root's cache folder
    listed = (f'APT::Architectures:: "{architecture}";' for architecture in architectures)
    return "\n".join([*clear, *(f'{name} "{value}";' for name, value in settings.items()), *listed, ""])


def parse_uris(output: str) -> list[Deb]:
    """Read what `apt-get --print-uris` prints: 'uri' file size hash."""
    debs = []
    for line in output.splitlines():
        fields = line.split(" ")
        if line.startswith("'") and len(fields) >= 3 and fields[1].endswith(".deb"):
            debs.append(Deb(unquote(fields[1]).split("_")[0], fields[1], int(fields[2])))
    return debs


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
