"""The deployment repository on the board: real git, by argv.

What a release is made of is read from a commit, never from the work tree: a person may have edited that.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from edgedeploy.agent.layout import OURS
from edgedeploy.agent.run import CommandFailed, run
from edgedeploy.core import errors, files, names, release
from edgedeploy.core.names import CommitId

STAGED = "refs/edgedeploy/staged"
FETCHED = "refs/edgedeploy/fetched"
_SLOW = 900.0
_CACHES = ("multi-pack-index", "commit-graph", ".rev", ".bitmap")
"""git makes them anew, and trusts those that are there"""
Derive = Callable[["GitRepo", str, names.AppName, names.ReleaseId], release.Manifest]


class GitRepo:
    """One app's repository."""

    def __init__(self, folder: Path, branch: str = "main", derive: Derive | None = None) -> None:
        """`derive` makes the manifest of a release of the original scripts."""
        self.folder = folder
        self.branch = branch
        self._derive = derive

    def ensure(self, app: names.AppName, remote: str) -> list[str]:
        """Make the repository, its hook and its remote, or bring them in order; returns what was changed, in words."""
        from edgedeploy.agent import gitsetup  # noqa: PLC0415 - asked for once in a repository's life

        return gitsetup.ensure(self, app, remote)

    def git(
        self, *args: str, timeout: float = 60.0, data: bytes | None = None, file: BinaryIO | None = None
    ) -> str:
        """Run git in the repository; its input is `data`, or an open file's. Raises CommandFailed. Never asks for a password."""
        ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10")
        env = {**os.environ, "GIT_SSH_COMMAND": ssh, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", OURS: "1"}
        env["GIT_DEFAULT_HASH"] = "sha1"  # what laptops send, whatever this board's git would choose by itself
        return run(["git", "-C", str(self.folder), *args], timeout=timeout, env=env, data=data, file=file)

    def listed(self, *args: str) -> dict[bytes, str]:
        """Path -> what git says before it. Paths may hold any byte: git quotes those as Python does. Raises CommandFailed."""
        import ast  # noqa: PLC0415 - a quarter of this module's start; asked where there is news

        found = {}
        for line in filter(None, self.git("-c", "core.quotePath=true", *args, timeout=_SLOW).split("\n")):
            meta, _, path = line.partition("\t")
            found[ast.literal_eval(f"b{path}") if path.startswith('"') else path.encode()] = meta
        return found

    def damaged(self) -> bool:
        """Whether what is checked out cannot be read any more. Everything in a repository can be sent again."""
        if not (self.folder / ".git").is_dir():
            return False
        folder = self.folder / ".git/objects/pack"
        packs = [folder / name for name in files.listed(folder) if name.endswith((".pack", ".idx"))]
        if self.broken() or self.torn() or any(_torn(_start(pack)[:1]) for pack in packs):
            return True
        head = self.head()
        if head is None:
            return not self._is_repository()
        return self._resolve(head) is None

    def pulls_from(self, remote: str) -> bool:
        """Whether git knows this remote: a person may have written another one into agent.toml. Asks no git.

        git puts some in quotes (git-config(1), "Syntax").
        """
        try:
            known = (self.folder / ".git/config").read_bytes()
        except OSError:
            return False
        escaped = remote.replace("\\", "\\\\").replace('"', '\\"')
        return any(f"\turl = {said}\n".encode() in known for said in (escaped, f'"{escaped}"'))

    def _is_repository(self) -> bool:
        try:
            return bool(self.git("rev-parse", "--git-dir"))
        except CommandFailed:
            return False

    def broken(self) -> list[Path]:
        """git's own small files, and its caches, that a power cut left empty or full of zeros. Asks no git."""
        inside = self.folder / ".git"
        if not inside.is_dir():
            return []
        found = [path for path in (inside / "HEAD", *_below(inside / "refs")) if not _names_one(_start(path))]
        found += [inside / "config"] if _torn(_start(inside / "config")) else []
        for name in files.listed(inside):
            said = _start(inside / name) if name.endswith("_HEAD") or name in ("packed-refs", "shallow") else b"-"
            if b"\0" in said or (not said and name in ("ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")):
                found.append(inside / name)
        for folder in (inside / "objects/pack", inside / "objects/info"):
            caches = [name for name in files.listed(folder) if name.startswith(_CACHES) or name.endswith(_CACHES)]
            found += [folder / name for name in caches if _torn(_start(folder / name)[:1])]
        return found

    def torn(self) -> bool:
        """Whether there are objects without content, as a power cut leaves them. Asks no git."""
        objects = self.folder / ".git/objects"
        loose = [objects / name for name in files.listed(objects) if len(name) == 2]  # the others are pack and info
        found = files.sizes_and_ages(folder / name for folder in loose for name in files.listed(folder))
        return any(seen.st_size == 0 for seen in found.values())

    def head(self) -> CommitId | None:
        """The commit that is checked out, None before the first."""
        # read as git writes it, where that is plain: the question is asked at every tick
        with contextlib.suppress(OSError, ValueError, errors.UsageFault):  # a name with a NUL is a ValueError
            ref = os.fsdecode((self.folder / ".git/HEAD").read_bytes()).strip().removeprefix("ref: ")
            return CommitId.parse(os.fsdecode((self.folder / ".git" / ref).read_bytes()).strip() if "/" in ref else ref)
        return self._resolve("HEAD")

    def _resolve(self, ref: str) -> CommitId | None:
        try:
            return CommitId.parse(self.git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip())
        except CommandFailed:
            return None

    def has(self, commit: str) -> bool:
        """Whether a commit is here, with everything it stands on."""
        return self._resolve(commit) is not None

    def fetch_bundle(self, bundle: Path) -> None:
        """Take in a bundle's objects; nothing is checked out. Raises errors.BadRepository."""
        from edgedeploy.agent import bundles  # noqa: PLC0415 - for a push alone

        bundles.take_in(self.git, self.folder, bundle)

    def stage(self, commit: CommitId) -> None:
        """Mark the commit that `pull.staged` will merge. Raises errors.BadRepository when it is no fast-forward."""
        head = self.head()
        if head and head != commit:
            try:
                self.git("merge-base", "--is-ancestor", head, commit)
            except CommandFailed:
                raise errors.BadRepository(
                    f"the board has commit {head[:12]}, which is not part of what was pushed ({commit[:12]})",
                    hint="somebody else deployed to this board: fetch their commits and merge, then push again",
                ) from None
        self.git("update-ref", STAGED, commit)

    def staged(self) -> str:
        """The commit that is marked, "" when there is none that can be read without git."""
        try:
            return os.fsdecode((self.folder / ".git" / STAGED).read_bytes()).strip()
        except OSError:
            return ""

    def fetch_remote(self) -> None:
        """The network half of a pull: a remote that says nothing is given up. Raises CommandFailed."""
        from edgedeploy.agent.bundles import DECORATION  # noqa: PLC0415 - for a board with a remote alone

        checked = ("fetch.fsckObjects=true", *(f"fetch.fsck.{name}=ignore" for name in DECORATION))
        slow = [word for value in ("http.lowSpeedLimit=500", "http.lowSpeedTime=30", *checked) for word in ("-c", value)]
        self.git(*slow, "fetch", "--quiet", "origin", f"+refs/heads/{self.branch}:{FETCHED}", timeout=300.0)

    def read(self, commit: str, path: PurePosixPath, limit: int) -> bytes | None:
        """A small file's content in a commit, None when it is not there. Raises errors.BadRepository when larger."""
        with self.reading(commit) as read:
            return read(path, limit)

    @contextlib.contextmanager
    def reading(self, commit: str) -> Iterator[Callable[[PurePosixPath, int], bytes | None]]:
        """`read` for several files of a commit by one process: each start of git costs a small core a tenth of a second."""
        argv = ["git", "-C", str(self.folder), "cat-file", "--batch=%(objecttype) %(objectsize)"]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin
            assert process.stdout
            questions, answers = process.stdin, process.stdout

            def read(path: PurePosixPath, limit: int) -> bytes | None:
                # no repository: there is no answer either. What a buffer would keep of it would fail once more when it is closed
                with contextlib.suppress(BrokenPipeError):
                    os.write(questions.fileno(), f"{commit}:{path}\n".encode())
                kind, _, size = answers.readline(1024).decode("ascii", "replace").strip().rpartition(" ")
                if kind != "blob":
                    process.kill()  # what else it is comes after this line, and is not read: nothing more can be asked
                    return None
                if int(size) > limit:
                    raise errors.BadRepository(f"{path} is {size} bytes long, at most {limit} are read")
                return answers.read(int(size) + 1)[:-1]

            try:
                yield read
            finally:
                process.kill()  # what is larger is not read to its end

    def copy(self, commit: str, path: PurePosixPath, out: BinaryIO) -> None:
        """A file's content, of any size. Raises errors.BadRepository where it is not there."""
        import shutil  # noqa: PLC0415 - for what is new alone

        argv = ["git", "-C", str(self.folder), "cat-file", "blob", f"{commit}:{path}"]
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        ) as process:
            assert process.stdout
            shutil.copyfileobj(process.stdout, out)
        if process.returncode:
            raise errors.BadRepository(f"{path} is not in commit {commit[:12]}", hint="edgedeploy release KERNEL")

    def manifest(self, commit: str, app: names.AppName) -> release.Manifest | None:
        """The manifest of the release that `xen/latest` names in a commit, None when there is no release yet.

        Raises errors.BadRepository for anything that is not whole.
        """
        release_id, stored = self._latest(commit, app)
        if release_id and stored is None and self._derive:
            return self._derive(self, commit, app, release_id)
        return stored

    def wanted(self, commit: str, app: names.AppName) -> str:
        """The id of that release, "" when there is none; one without a manifest.json is not unpacked for it."""
        return self._latest(commit, app)[0] or ""

    def _latest(self, commit: str, app: names.AppName) -> tuple[names.ReleaseId | None, release.Manifest | None]:
        with self.reading(commit) as read:
            latest = read(release.LATEST, 4096)
            if latest is None:
                return None, None
            release_id = _release_id(latest)
            path = release.folder(release_id) / "manifest.json"
            raw = read(path, release.MANIFEST_LIMIT)
        if raw is None and self._derive:
            return release_id, None
        if raw is None:
            raise errors.BadRepository(f"{path} is missing in commit {commit[:12]}", hint="edgedeploy release KERNEL")
        manifest = release.loads(raw, str(path))
        if manifest.release != release_id or manifest.app != app:
            raise errors.BadRepository(
                f"{path} is the manifest of {manifest.app} {manifest.release}, wanted {app} {release_id}"
            )
        return release_id, manifest


def _below(folder: Path) -> list[Path]:
    """The files in a folder of refs."""
    return [Path(at, name) for at, _, found in os.walk(folder) for name in found if not name.endswith(".lock")]


def _names_one(said: bytes) -> bool:
    """Whether it is what git writes into a ref."""
    ref = said.strip()
    return b"\0" not in ref and (ref.startswith(b"ref: ") or (len(ref) == 40 and ref.isalnum()))


def _torn(said: bytes) -> bool:
    return not said or b"\0" in said


def _start(path: Path) -> bytes:
    """A file's first bytes; b"" where there are none, or no file."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""


def _release_id(latest: bytes) -> names.ReleaseId:
    try:
        return names.ReleaseId.parse(latest.decode("ascii", "replace").strip())
    except errors.UsageFault as error:
        raise errors.BadRepository(f"{release.LATEST}: {error.message}", hint=error.hint) from None
