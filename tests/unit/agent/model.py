"""A model board for the agent's tests: real git, real files, a real HTTP guest; only the hypervisor is a dictionary."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import struct
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgedeploy.agent import config
from edgedeploy.agent.board import Board
from edgedeploy.agent.layout import Layout
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running
from edgedeploy.core import names, packing, release, xlconf

ID = names.BoardId("00112233aabbccdd")
ORIGINAL = """\
name = '@NAME@'
memory = 96
kernel = '@KERNEL@'
on_crash = 'restart'
"""


class ModelXen:
    """A hypervisor with `total` MB for guests; each guest serves over HTTP what its behaviour says."""

    names = ("xen",)

    def __init__(self, total: int = 700) -> None:
        self.total = total
        self.guests: dict[int, Running] = {}
        self.next_id = 1
        self.calls: list[str] = []
        self.fail: Callable[[str], None] = lambda call: None
        self.serves: dict[str, bytes | None] = {}
        """release id on the kernel command line -> body of `/`, or None: never answers"""
        self.dies: set[str] = set()
        self.reboots: set[str] = set()
        self.on_air: str = ""
        self.says: dict[str, str] = {}
        """what `xl info` says otherwise than usual"""
        self.ttys: dict[int, Path] = {}
        """domain id -> its console"""
        self.cards: dict[int, set[str]] = {}
        """domain id -> the hardware addresses of its network cards"""
        self.preferred: list[str] = []
        """releases that were given their share of the processors"""
        self.flickers: dict[str, int] = {}
        """release whose guest reboots all the time -> for how many looks none is listed, until it is another domain"""
        self._between: dict[Running, int] = {}
        self.watchers: dict[str, Path] = {}
        """UUID -> the configuration by which a guest that reboots is started anew"""
        self.on_create: Callable[[], None] = lambda: None
        self.network = ModelNetwork(self)
        self.words: dict[int, str] = {}
        """domain id -> its release"""
        self._server = _Guest(self)
        self.port = self._server.port

    def close(self) -> None:
        self._server.close()

    def _call(self, what: str) -> None:
        self.calls.append(what)
        self.fail(what)

    def domains(self) -> list[Running]:
        if self.on_air in self.reboots:  # a reboot is a new domain with the same name and UUID
            (old,) = [guest for guest in self.guests.values() if guest.name == "decks"]
            self.guests = {self.next_id: replace(old, domid=self.next_id)}
            self.next_id += 1
        self._flicker()
        return list(self.guests.values())

    def _flicker(self) -> None:
        for one, looks in [*self._between.items()]:
            self._between[one] = looks - 1
            if looks == 0:
                del self._between[one]
                if one.uuid in self.watchers:
                    self._anew(one)
                    return
        for one in [*self.guests.values()]:
            if looks := self.flickers.get(self.words.get(one.domid, ""), 0):
                del self.guests[one.domid]
                self._between[one] = looks - 1

    def _anew(self, one: Running) -> None:
        self.guests[self.next_id] = replace(one, domid=self.next_id)
        self.words[self.next_id] = self.words[one.domid]
        if one.uuid in self.network.marks:
            self.network.off.add(self.next_id)
        else:
            self.on_air = self.words[one.domid]
        self.next_id += 1

    def configuration(self, manifest: release.Manifest, kernel: Path, ramdisk: Path | None, script: str) -> bytes:
        return xlconf.render(manifest, kernel, ramdisk, script).encode()

    def validate(self, config: Path) -> None:
        self._call("validate")
        if "name" not in config.read_text():
            raise CommandFailed(["xl", "create", "--dryrun"], "ended with status 1", "no name")

    def create(self, config: Path, name: str = "") -> None:
        self._call("create")
        values = dict(re.findall(r'^(\w+) = "?([^"\n]*)"?$', config.read_text(), re.MULTILINE))
        assert Path(values["kernel"]).read_bytes(), "the kernel must be there, unpacked"
        values["name"] = name or values["name"]
        if any(guest.name == values["name"] for guest in self.guests.values()):
            raise CommandFailed(["xl", "create"], "ended with status 1", "Domain with name already exists")
        # what the original scripts start is not told its release: its kernel knows
        word = re.search(r"edgedeploy\.release=(\S+)", values["extra"])
        said = word[1] if word else Path(values["kernel"]).read_bytes()[56:].rstrip(b"\0").decode()
        dead = said in self.dies
        self.words[self.next_id] = said
        if values["uuid"] in self.network.marks:
            self.network.off.add(self.next_id)
        else:
            self.on_air = "" if dead else said
        self.guests[self.next_id] = Running(
            values["name"], values["uuid"], self.next_id, int(values["memory"]), dead, "---sc-" if dead else "-b----"
        )
        self.watchers[values["uuid"]] = config
        self.next_id += 1
        self.on_create()

    def end(self, doomed: Sequence[Running], folder: Path, uuids: Collection[str]) -> None:
        self.watchers = {uuid: config for uuid, config in self.watchers.items() if uuid not in uuids}
        left = list(doomed)
        while left:
            for guest in left:
                self.destroy(guest.domid)
            left = [guest for guest in self.domains() if guest.uuid in uuids]

    def watched(self, folder: Path) -> set[str]:
        return {uuid for uuid, config in self.watchers.items() if config.parent == folder}

    def destroy(self, domid: int) -> None:
        self._call("destroy")
        self.guests.pop(domid, None)
        if domid not in self.network.off:
            self.on_air = ""

    def pause(self, domid: int) -> None:
        self._call("pause")
        self.guests[domid] = replace(self.guests[domid], state="--p---")

    def prefer(self, domid: int) -> None:
        self.preferred.append(self.words[domid])

    def unpause(self, domid: int) -> None:
        self._call("unpause")
        self.guests[domid] = replace(self.guests[domid], state="-b----")

    def rename(self, domid: int, name: str) -> None:
        self._call("rename")
        assert name not in {guest.name for guest in self.guests.values()}, "Xen refuses a name that is taken"
        self.guests[domid] = replace(self.guests[domid], name=name)

    def power_cut(self) -> None:
        """Nothing of what runs, nor of what is in /run, is left."""
        self.guests, self.on_air = {}, ""
        self.network.off, self.network.marks, self.network.made, self.network.asked = set(), set(), set(), []

    def console(self, domid: int) -> Path | None:
        tty = self.ttys.get(domid)
        return tty if tty and tty.exists() else None

    def macs(self, domid: int) -> set[str]:
        return self.cards.get(domid, set())

    def info(self) -> dict[str, str]:
        used = sum(guest.memory_mb for guest in self.guests.values())
        return {
            "machine": "armv7l", "xen_major": "4", "xen_minor": "17", "xen_extra": ".5", "xen_caps": "xen-3.0-armv7l ",
            "total_memory": "1024", "free_memory": str(self.total - used), "nr_cpus": "2", **self.says,
        }  # fmt: skip


class ModelNetwork:
    """One real bridge and one private one, as sets; `why` nothing can be started beside ("" : it can)."""

    script = "vif-edgedeploy"

    def __init__(self, xen: ModelXen) -> None:
        self._xen = xen
        self.why = "the model has one bridge"
        self.marks: set[str] = set()
        self.made: set[str] = set()
        self.off: set[int] = set()
        self.asked: list[str] = []
        """the releases that the next questions reach, whichever is on air"""

    def off_air(self, domid: int) -> bool:
        return domid in self.off

    def obstacle(self, manifest: release.Manifest) -> str:
        return self.why

    def prepare(self, manifest: release.Manifest) -> None:
        self._xen._call("private bridge")
        self.made.add(manifest.app)
        self.marks.add(manifest.uuid)

    @contextlib.contextmanager
    def inside(self, app: names.AppName) -> Iterator[None]:
        (standby,) = [domid for domid in self.off if domid in self._xen.guests and not self._xen.guests[domid].paused]
        assert app in self.made
        self.asked.append(self._xen.words[standby])
        yield

    def cut_over(self, manifest: release.Manifest, domid: int, old: Sequence[int]) -> None:
        self._xen._call("cut over")
        assert not self._xen.guests[domid].paused, "what is put on air must be awake"
        self.off = (self.off | set(old)) - {domid}
        self.marks.discard(manifest.uuid)
        self._xen.on_air = "" if self._xen.guests[domid].dead else self._xen.words[domid]

    def take_off(self, domid: int) -> None:
        self._xen._call("take off")
        self.off.add(domid)

    def clear(self, app: names.AppName, uuids: Sequence[str]) -> None:
        if app in self.made or self.marks & set(uuids):
            self._xen._call("clear")
        self.made.discard(app)
        self.marks -= set(uuids)


class _Guest:
    def __init__(self, xen: ModelXen) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = xen.serves.get(xen.network.asked.pop() if xen.network.asked else xen.on_air)
                if body is None:
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class ModelBoard:
    """A board below a folder, with one app `decks` whose remote is a bare repository beside it."""

    app = names.AppName("decks")

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / "board")
        self.xen = ModelXen()
        self.remote = folder / "remote.git"
        self.work = folder / "work"
        git("init", "--quiet", "--bare", "--initial-branch=main", self.remote)
        git("init", "--quiet", "--initial-branch=main", self.work)
        apps = {self.app: config.AppConfig(str(self.remote))}
        text = config.render(config.AgentConfig(ID, names.BoardName("model"), names.ProfileName("virtual-armv7"), apps))
        self.layout.config.parent.mkdir(parents=True)
        self.layout.config.write_text(text)
        (self.layout.root / "etc/cron.d").mkdir()
        (self.layout.root / "etc/avahi/services").mkdir(parents=True)
        self.network = self.xen.network
        self.passed: list[float] = []
        """seconds that the deployments' clock is on"""
        self.later: list[tuple[float, Sequence[str]]] = []
        """what was put off: seconds, command"""
        self.board = Board(
            self.layout, self.xen, self.network, lambda seconds, argv: self.later.append((seconds, argv))
        )
        self.board.ensure_app(self.app)

    def release(
        self,
        name: str,
        body: bytes = b"",
        *,
        memory: int = 96,
        timeout: int = 1,
        crontab: str = "",
        kernel: bytes = b"",
        ramdisk: bytes | None = None,
        codec: packing.Codec = packing.Codec.XZ,
        swap: release.Swap = release.Swap(),  # noqa: B008 - it cannot be changed
        **given: Any,
    ) -> str:
        """Commit a release whose guest serves `body` (default: its name) and push it to the remote.

        `codec`: the ramdisk's. `given`: fields of its release.Domain.
        """
        body = body or name.encode()
        self.xen.serves.setdefault(name, body)
        kernel = kernel or _kernel(name)
        cmdline = names.CommandLine(f"edgedeploy.release={name}")
        domain = replace(release.Domain(names.DomainName("decks"), memory, 1, (), cmdline), **given)
        files = {"decks.xen.xz": packing.pack(kernel, packing.Codec.XZ)}
        artefacts = [artefact("kernel", "decks.xen.xz", kernel, packing.Codec.XZ)]
        if ramdisk is not None:
            files["ramdisk.cpio"] = packing.pack(ramdisk, codec)
            artefacts.append(artefact("ramdisk", "ramdisk.cpio", ramdisk, codec))
        manifest = release.Manifest(
            self.app, names.ReleaseId(name), (names.ProfileName("virtual-armv7"),),
            domain,
            tuple(artefacts),
            release.Health("127.0.0.1", self.xen.port, names.UrlPath("/"), 200, timeout, {names.UrlPath("/"): sha(body)}),
            swap,
        )  # fmt: skip
        folder = self.work / "xen" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        (folder / "manifest.json").write_bytes(release.dumps(manifest))
        (self.work / "xen/latest").write_text(name + "\n")
        return self.commit(crontab=crontab)

    def original(self, name: str, template: str = ORIGINAL, *, vm: str = "decks") -> str:
        """The same as CI stored it in 2014: a packed kernel named after its VM, and no manifest."""
        self.xen.serves.setdefault(name, name.encode())
        folder = self.work / "xen" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{vm}.xen.bz2").write_bytes(packing.pack(_kernel(name), packing.Codec.BZ2))
        (folder / "config.ml").write_text("open Mirage\n")
        (self.work / "xl.conf.in").write_text(template)
        (self.work / "xen/latest").write_text(name + "\n")
        return self.commit()

    def told(self, **app: str) -> None:
        """What enrolment wrote of the app into the board's configuration: fields of config.AppConfig."""
        apps = {self.app: replace(self.board.config.apps[self.app], **app)}
        self.board.config = replace(self.board.config, apps=apps)

    def commit(self, *, crontab: str = "", readme: str = "") -> str:
        if crontab:
            (self.work / "scripts").mkdir(exist_ok=True)
            (self.work / "scripts/crontab").write_text(crontab)
        if readme:
            (self.work / "README.md").write_text(readme)
        git("-C", self.work, "add", "-A")
        git("-C", self.work, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "work")
        git("-C", self.work, "push", "--quiet", self.remote, "HEAD:main")
        return git("-C", self.work, "rev-parse", "HEAD").strip()

    def fetch(self) -> None:
        """Bring the checked-out commit up to the remote without the hook (its program is not installed here)."""
        git(
            "-C",
            self.layout.app(self.app).repo,
            "-c",
            "core.hooksPath=/nonexistent",
            "pull",
            "--quiet",
            "--ff-only",
            self.remote,
            "main",
        )

    def deploy(self) -> dict[str, object]:
        self.fetch()
        return self.board.apply(self.app, "test")


def _kernel(name: str) -> bytes:
    """The smallest zImage that the fit check takes: header (Documentation/arch/arm/booting.rst) and a Xen hypercall."""
    size = 4096
    head = struct.pack("<8I", *[0xE1A00000] * 8) + struct.pack("<I4I", 0xEA000003, 0x016F2818, 0, size, 0x04030201)
    return (head + bytes.fromhex("71ea40e1") + name.encode()).ljust(size, b"\0")


def artefact(role: str, file: str, data: bytes, codec: packing.Codec) -> release.Artefact:
    packed = packing.pack(data, codec)
    return release.Artefact(role, names.FileName(file), codec.value, len(packed), sha(packed), len(data), sha(data))


def sha(data: bytes) -> names.Sha256:
    return names.Sha256(hashlib.sha256(data).hexdigest())


def git(*args: object) -> str:
    return subprocess.run(["git", *map(str, args)], check=True, capture_output=True, text=True).stdout
