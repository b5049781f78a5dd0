"""The MirageOS scripts of 2014, where a board still has them: cron pulls into a clone of theirs, and its hook swaps the guest.

Beside edgedeploy both would deploy. What is recognised is a clone with xen/latest and a hook that deploys, and an entry of
cron's that pulls in one; nothing else is touched, and nothing is lost. The clones may belong to anybody, and we are root:
their hooks are read and renamed in a folder that is held open, crontabs are replaced where they are, never through a link.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgedeploy.agent import crontabs
from edgedeploy.agent.crontabs import Entry
from edgedeploy.agent.layout import Layout
from edgedeploy.agent.run import CommandFailed, run
from edgedeploy.agent.xen import Running, Runtime, Xl
from edgedeploy.core import files
from edgedeploy.core.names import DomainName, ReleaseId, printable

_SPOOLS = ("var/spool/cron/crontabs", "var/spool/cron", "etc/crontabs")
_HOOK = "post-merge"
_DISABLED = f"{_HOOK}.disabled-by-edgedeploy"
_DEPLOYS = re.compile(rb"^[^#\n]*(?:\bdeploy\.sh\b|\bx[lm]\b[^\n]{0,80}\b(?:create|destroy)\b)", re.M)
_MOST = 1 << 20
"""bytes of a crontab or a hook"""


def remove(layout: Layout, *, keep: bool = False, dry_run: bool = False, runtime: Runtime | None = None) -> list[str]:
    """Take the original scripts out of service; returns what was done, in sentences. `keep`: only say that they are there.

    What cannot be removed is a note: it is no reason not to enrol a board.
    """
    work = _Originals(layout, keep=keep, dry_run=dry_run)
    work.look()
    # the hooks first: after a power cut in between, what cron pulls is not deployed any more
    hooks = [partial(work.hook, folder) for folder in work.clones(_HOOK)]
    for act in [*hooks, *(partial(work.crontab, one) for one in work.crontabs)]:
        try:
            act()
        except FileNotFoundError:
            pass  # somebody else has just removed it
        except OSError as error:
            work.said.append(f"note: something of the original scripts could not be removed and may deploy, too: {error}")
    work.guests(runtime or Xl())
    return work.said


@dataclass(frozen=True, slots=True)
class _Crontab:
    path: str
    user: str
    kept: bytes
    removed: list[Entry]
    stat: os.stat_result


class _Originals:
    def __init__(self, layout: Layout, *, keep: bool, dry_run: bool) -> None:
        self._root = layout.root
        self._state = layout.state
        self._keep = keep
        self._removed, self._renamed = ("would remove", "would rename") if dry_run else ("removed", "renamed")
        self._acts = not (keep or dry_run)
        self._homes = _homes(layout.root / "etc/passwd")
        self._seen: dict[str, str] = {}
        self._looking = True
        self.crontabs: list[_Crontab] = []
        self.said: list[str] = []

    def clones(self, *hooks: str) -> list[str]:
        """The folders that are clones of theirs, by such a hook."""
        return sorted(folder for folder, hook in self._seen.items() if hook in hooks)

    def look(self) -> None:
        """Find the clones and the entries; touches nothing."""
        for home in [self._root / "root", *(self._root / "home" / name for name in files.listed(self._root / "home"))]:
            for name in files.listed(home):
                if not (home / name).is_symlink():
                    self._original(str(home / name))
        for path, user in sorted(set(self._places())):
            with contextlib.suppress(OSError):
                if (found := self._sift(path, user)).removed:
                    self.crontabs.append(found)
        self._looking = False  # a clone that is found later would lose its entries, and keep its hook

    def _sift(self, path: str, user: str) -> _Crontab:
        text, facts = _read(path)
        return _Crontab(path, user, *crontabs.sift(text, partial(self._doomed, path), user), facts)

    def _places(self) -> Iterator[tuple[str, str]]:
        """Crontabs and whose they are, "" where each entry says it. /etc is root's alone: its links may be followed."""
        for spool in _SPOOLS:
            folder = os.path.realpath(self._root / spool)
            yield from ((f"{folder}/{name}", name) for name in files.listed(Path(folder)) if name in self._homes)
        etc = self._root / "etc"
        names = [name for name in files.listed(etc / "cron.d") if not name.startswith((".", "edgedeploy"))]
        yield from ((os.path.realpath(etc / name), "") for name in ["crontab", *(f"cron.d/{name}" for name in names)])

    def _doomed(self, path: str, entry: Entry) -> bool:
        home = entry.home or self._homes.get(entry.user)
        folders, only = crontabs.pulled(entry.command, home) if home else ([], False)
        # each is looked at, so that none of their hooks stays
        hooks = {self._original(os.path.join(self._root, folder.lstrip("/"))) for folder in folders}
        if self._keep or not any(hooks):
            return _HOOK in hooks
        note = f"note: line {entry.number} of {path} does more than to pull, and stays: {_shown(entry)}"
        if not only and note not in self.said:
            self.said.append(note)
        return only

    def _original(self, folder: str) -> str:
        """The hook by which a folder is a clone of theirs, "" where it is none.

        One that we disabled counts: enrolment may have been interrupted after that.
        """
        folder = os.path.realpath(folder)
        if self._looking and folder not in self._seen:
            self._seen[folder] = ""
            own = Path(folder).is_relative_to(os.path.realpath(self._state))
            if not own and os.path.isfile(f"{folder}/xen/latest"):
                with contextlib.suppress(OSError), _hooks(folder) as hooks:
                    self._seen[folder] = _DISABLED if _DISABLED in os.listdir(hooks) else ""
                    if _deploys(hooks):
                        self._seen[folder] = _HOOK
        return self._seen.get(folder, "")

    def hook(self, folder: str) -> None:
        """Rename a clone's hook, so that git does not run it."""
        path = f"{folder}/.git/hooks/{_HOOK}"
        if self._keep:
            self.said.append(f"note: {path} deploys what is pulled there. It and edgedeploy, both will deploy")
            return
        with _hooks(folder) as hooks:
            there, name = os.listdir(hooks), _DISABLED
            while name in there:
                name += "~"
            if not _deploys(hooks):  # any more
                return
            if self._acts:
                os.rename(_HOOK, name, src_dir_fd=hooks, dst_dir_fd=hooks)
        self.said.append(f"{self._removed} the hook {path}, which deploys (it stays there as {name}; rename it to get it back)")

    def crontab(self, found: _Crontab) -> None:
        """Take entries out of a crontab; cron sees that by the times that a rename gives to the file and to its folder."""
        record = self._state / "removed" / os.path.relpath(found.path, os.path.realpath(self._root)).replace("/", "-")
        if self._acts:
            found = self._sift(found.path, found.user)  # somebody may have edited it since
            if not found.removed:
                return
            lines = b"".join(entry.line.rstrip(b"\n") + b"\n" for entry in found.removed)
            before = record.read_bytes() if record.is_file() else b""
            if not before.endswith(lines):
                files.atomic_write(record, before + lines, 0o600)
            owner = (found.stat.st_uid, found.stat.st_gid)
            files.atomic_write(Path(found.path), found.kept, stat.S_IMODE(found.stat.st_mode), follow=False, owner=owner)
        back = f"crontab -u {found.user} -e" if found.user else f"cat {record} >> {found.path}"
        for entry in found.removed:
            line = f"line {entry.number} of {found.path}"
            if self._keep:
                self.said.append(f"note: {line} pulls where a hook deploys. It and edgedeploy, both will deploy: {_shown(entry)}")
            else:
                self.said.append(f"{self._removed} {line}: {_shown(entry)} (kept in {record}; to get it back: {back})")


    def guests(self, runtime: Runtime) -> None:
        """Call their guests, which bear the name of a host (`mort.io`), as ours are called: the next deployment ends those."""
        wanted: dict[str, list[str]] = {}
        for folder in self.clones(_HOOK, _DISABLED):
            wanted.setdefault(_vm(folder), []).append(folder)
        wanted.pop("", None)
        try:
            running = runtime.domains() if wanted else []
        except CommandFailed as error:
            self.said.append(f"note: whether a guest of the original scripts runs is not known: {error.message}")
            return
        apps = self._state / "apps"
        ours = {name for app in files.listed(apps) for name in files.listed(apps / app / "domains")}
        for guest in running:
            vm = guest.name.replace(".", "")
            if vm != guest.name and vm in wanted and f"{guest.uuid}.cfg" not in ours:
                self._guest(guest, vm, wanted[vm], runtime)

    def _guest(self, guest: Running, vm: str, folders: list[str], runtime: Runtime) -> None:
        """Rename a guest, but not on the word of whoever has a clone: only where its kernel lies in that."""
        try:
            kernels = _kernels(guest.domid)
        except CommandFailed as error:
            self.said.append(f"note: whose the guest {guest.name} is, is not known, and it keeps its name: {error.message}")
            return
        paths = [Path(os.path.normpath(kernel)) for kernel in kernels]  # by the names alone: what is a link may be anybody's
        if not any(all(path.is_relative_to(folder) for path in paths) for folder in folders):
            where = printable(" ".join(sorted(kernels)), 200)
            self.said.append(f"note: the guest {guest.name} keeps its name: its kernel, {where}, is not in {' or '.join(folders)}")
            return
        stays = f"note: the guest {guest.name} will stay beside the next deployment's (xl destroy)"
        if self._keep:
            self.said.append(f"{stays}: it is not renamed to {vm}")
            return
        try:
            if self._acts:
                runtime.rename(guest.domid, vm)
            self.said.append(f"{self._renamed} the guest {guest.name} to {vm}, so that the next deployment takes its place")
        except CommandFailed as error:
            self.said.append(f"{stays}: {error.message}")


def _shown(entry: Entry) -> str:
    return printable(entry.line.strip().decode("utf-8", "replace"), 90)


def _homes(passwd: Path) -> dict[str, str]:
    try:
        rows = [line.split(":") for line in os.fsdecode(passwd.read_bytes()).split("\n")]
    except OSError:
        return {}
    return {row[0]: row[5] for row in rows if len(row) > 6 and row[5].startswith("/")}


@contextlib.contextmanager
def _hooks(folder: str) -> Iterator[int]:
    """A clone's folder of hooks, held open. Raises OSError where it is none, or a link."""
    with contextlib.ExitStack() as stack:
        at = None
        for name in (folder, ".git", "hooks"):
            at = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            stack.callback(os.close, at)
        assert at is not None
        yield at


def _deploys(hooks: int) -> bool:
    """Whether git runs the hook, and that deploys. In the original it is a link to ../../scripts/post-merge.hook."""
    text, facts = _read(_HOOK, hooks)
    return bool(facts.st_mode & 0o111 and _DEPLOYS.search(text))


def _read(path: str, folder: int | None = None) -> tuple[bytes, os.stat_result]:
    """A file's content; links are followed inside `folder` only. Raises OSError for what is no file.

    It is held and looked at before it is opened: a pipe would never end, and to open a device (/dev/watchdog) does something.
    """
    with contextlib.ExitStack() as stack:

        def held(name: str, flags: int, folder: int | None = None) -> int:
            stack.callback(os.close, fd := os.open(name, flags | os.O_CLOEXEC, dir_fd=folder))
            return fd

        file = held(path, os.O_PATH | (os.O_NOFOLLOW if folder is None else 0), folder)
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST:
            raise OSError(errno.EINVAL, "not a text", path)
        if not facts.st_size:  # what the kernel makes up has no size either, and to read /proc/kmsg takes it from others
            return b"", facts
        # no waiting for somebody's lease
        return os.read(held(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_NONBLOCK), _MOST), facts


def _vm(folder: str) -> str:
    """What edgedeploy calls the guest of a clone's latest release, or of any other one; "" where no kernel says it."""
    with contextlib.suppress(OSError):
        latest = os.fsdecode(_read(f"{folder}/xen/latest")[0]).strip()
        for release in [latest, *sorted(files.listed(Path(folder, "xen")))]:
            kernels = files.listed(Path(folder, "xen", release)) if ReleaseId.fits(release) else []
            # the scripts unpack a kernel beside itself, and in 2015 some were named after the host, dots and all
            names = {name.partition(".xen")[0].replace(".", "") for name in kernels if ".xen" in name}
            if len(names) == 1 and DomainName.fits(name := names.pop()):
                return name
    return ""


def _kernels(domid: int) -> set[str]:
    """The files that a guest was started from, as its configuration named them. Raises CommandFailed where `xl` does not say it.

    In what Xen 4.17 says it is `kernel` in `b_info` in `config`; others have had it elsewhere.
    """
    found: set[str] = set()

    def see(pairs: list[tuple[str, object]]) -> None:
        found.update(value for key, value in pairs if key == "kernel" and isinstance(value, str))

    argv = ["xl", "list", "-l", str(domid)]
    said = run(argv, timeout=60)
    try:
        json.loads(said, object_pairs_hook=see)
    except (ValueError, RecursionError):
        found.clear()
    if not found:
        raise CommandFailed(argv, "names no kernel", "")
    return found
